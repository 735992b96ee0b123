"""Headers and cookies, in and out.

granian headers_cookies:app --interface rsgi
curl -i http://127.0.0.1:8000/ -H 'x-request-id: r-1' -H 'accept-language: de, en;q=0.5' -H 'cookie: theme=dark'
curl -i -X POST 'http://127.0.0.1:8000/theme?name=light'
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from velocipy import Cookie, Header, Response, VelociPy

app = VelociPy(title="Headers and cookies")


@app.get("/")
async def read(
    x_request_id: Annotated[str | None, Header()] = None,
    accept_language: Annotated[list[str], Header()] = [],  # noqa: B006  # defaults are never changed
    theme: Annotated[Literal["dark", "light"], Cookie()] = "light",
    user_agent: Annotated[str, Header(max_length=200)] = "unknown",
) -> dict[str, object]:
    """`x_request_id` reads `x-request-id`; a list takes every line and every item between commas."""
    return {"request_id": x_request_id, "languages": accept_language, "theme": theme, "agent": user_agent}


@dataclass
class Tracing:
    """Headers that belong together, as a model."""

    traceparent: str | None = None
    tracestate: str | None = None


@app.get("/trace")
async def trace(tracing: Annotated[Tracing, Header()]) -> Tracing:
    """Each field is a header of its name."""
    return tracing


@app.post("/theme")
async def set_theme(name: Literal["dark", "light"], response: Response) -> dict[str, str]:
    """Who asks for the Response sets headers and cookies of the answer, whatever the endpoint returns."""
    response.set_cookie("theme", name, max_age=31_536_000, secure=True)
    response.headers["x-theme"] = name
    return {"theme": name}
