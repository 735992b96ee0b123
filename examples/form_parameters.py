"""Forms: single fields, lists, and a model that is read field by field. Urlencoded and multipart alike.

granian form_parameters:app --interface rsgi
curl http://127.0.0.1:8000/login -d name=ada -d password=secret
curl http://127.0.0.1:8000/profile -d name=ada -d age=36 -d languages=en -d languages=fr
curl http://127.0.0.1:8000/profile -F name=ada -F age=-1    # 422
"""

from typing import Annotated

import msgspec

from velocipy import Form, FormLimits, VelociPy

app = VelociPy(title="Forms", form_limits=FormLimits(max_fields=100))


@app.post("/login")
async def login(
    name: Annotated[str, Form(min_length=1, max_length=50)],
    password: Annotated[str, Form(min_length=1)],
    remember: Annotated[bool, Form()] = False,
) -> dict[str, object]:
    """A checkbox that is not ticked is not sent, and has its default."""
    return {"name": name, "remember": remember}


class Profile(msgspec.Struct):
    """A form as a model; dataclasses and pydantic models do as well."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    age: Annotated[int, msgspec.Meta(ge=0, le=150)]
    languages: list[str] = []


@app.post("/profile")
async def profile(form: Annotated[Profile, Form(extra="forbid")]) -> Profile:
    """Validated as a JSON body would be, with the same words for what is wrong."""
    return form
