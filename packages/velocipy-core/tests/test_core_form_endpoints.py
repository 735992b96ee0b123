"""Forms and uploads as parameters of endpoints: what arrives, what is refused, and that nothing is left behind."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pydantic
import pytest
from descriptors import open_in
from descriptors import spool as spool

from velocipy import Depends, File, Form, FormData, FormLimits, HTTPException, Request, UploadFile, VelociPy
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
FORM = {"content-type": "application/x-www-form-urlencoded"}
BIG = b"x" * 3_000_000


def client_of(endpoint: Any, interface: Any, **keywords: Any) -> TestClient:
    """A client of an app with this one route at /."""
    app = VelociPy(plugins=False)
    app.add_route("/", endpoint, ["POST"], **keywords)
    return TestClient(app, interface=interface, raise_server_exceptions=False)


def refused(answer: Any) -> list[tuple[list[Any], str]]:
    """(place, type) of every entry of a 422."""
    assert answer.status_code == 422, answer.text
    return [(error["loc"], error["type"]) for error in answer.json()["detail"]]


@both
@pytest.mark.parametrize("multipart", [False, True])
def test_fields_are_read_from_both_encodings_alike(multipart: bool, interface: Any) -> None:
    async def endpoint(
        name: Annotated[str, Form(min_length=2)],
        age: Annotated[int, Form(ge=0)] = 0,
        tags: Annotated[list[str], Form()] = [],  # noqa: B006
    ) -> Any:
        return [name, age, tags]

    client = client_of(endpoint, interface)

    def send(fields: dict[str, Any]) -> Any:
        return client.post("/", data=fields, files=[("unread", b"")] if multipart else None)

    assert send({"name": "ada", "age": "36", "tags": ["a", "b"]}).json() == ["ada", 36, ["a", "b"]]
    assert send({"name": "ada"}).json() == ["ada", 0, []]
    assert refused(send({"name": "a", "age": "x"})) == [
        (["form", "name"], "string_too_short"),
        (["form", "age"], "int_parsing"),
    ]
    assert refused(send({"other": "x"})) == [(["form", "name"], "missing")]


@both
def test_a_file_beside_fields(interface: Any) -> None:
    async def endpoint(
        photo: UploadFile,
        title: Annotated[str, Form()] = "none",
        extra: UploadFile | None = None,
        more: Annotated[list[UploadFile], File(alias="many")] = [],  # noqa: B006
    ) -> Any:
        content = await photo.read()
        return [
            photo.filename,
            photo.size,
            len(content),
            title,
            extra is None,
            [file.filename for file in more],
        ]

    client = client_of(endpoint, interface)
    files: Any = [("photo", ("a.png", b"123")), ("many", ("b", b"1")), ("many", ("c", b"2"))]
    answer = client.post("/", files=files, data={"title": "t"})
    assert answer.json() == ["a.png", 3, 3, "t", True, ["b", "c"]]
    assert refused(client.post("/", files=[("other", ("x", b"1"))])) == [(["form", "photo"], "missing")]
    assert refused(client.post("/", data={"photo": "text"}, files=[("x", ("x", b"1"))])) == [
        (["form", "photo"], "missing")
    ]


@both
def test_no_body_at_all_is_a_form_without_fields(interface: Any) -> None:
    async def endpoint(name: Annotated[str, Form()] = "nobody") -> str:
        return name

    async def demanding(name: Annotated[str, Form()]) -> str:
        return name

    assert client_of(endpoint, interface).post("/").text == "nobody"
    assert refused(client_of(demanding, interface).post("/")) == [(["form", "name"], "missing")]
    assert client_of(endpoint, interface).post("/", content=iter([b"", b"name=a"])).status_code == 415


@both
def test_a_form_asks_for_a_form(interface: Any) -> None:
    async def endpoint(name: Annotated[str, Form()]) -> str:
        return name

    client = client_of(endpoint, interface)
    assert client.post("/", json={"name": "a"}).status_code == 415
    assert client.post("/", content=b"name=a").status_code == 415
    assert (
        client.post("/", content=b"name=a", headers={**FORM, "content-encoding": "gzip"}).status_code == 415
    )
    assert client.post("/", content=b"name=%FF", headers=FORM).status_code == 400


@dataclass
class Plain:
    name: str
    age: int = 0


class Struct(msgspec.Struct):
    name: str
    age: int = 0


class Model(pydantic.BaseModel):
    name: str
    age: int = 0


@both
@pytest.mark.case(56)
@pytest.mark.parametrize("model", [Plain, Struct, Model])
def test_a_form_model_of_any_backend_is_refused_with_the_names_of_its_fields(
    model: Any, interface: Any
) -> None:
    async def endpoint(form: Any, photo: UploadFile | None = None) -> Any:
        return [form.name, form.age, photo is not None]

    endpoint.__annotations__["form"] = Annotated[model, Form(extra="forbid")]
    client = client_of(endpoint, interface)
    assert client.post("/", data={"name": "ada", "age": "3"}).json() == ["ada", 3, False]
    answer = client.post(
        "/", data={"age": "secret"}, files=[("photo", ("x", b"secret")), ("odd", ("y", b"secret"))]
    )
    assert refused(answer) == [
        (["form", "age"], "int_parsing"),
        (["form", "name"], "missing"),
        (["form", "odd"], "extra_forbidden"),
    ]
    assert "secret" not in answer.text


@both
def test_the_whole_form_is_given_to_who_asks_for_it(interface: Any) -> None:
    async def named(form: FormData) -> str:
        return form.get("name") or "nobody"

    async def endpoint(
        form: FormData, name: Annotated[str, Depends(named)], age: Annotated[int, Form()]
    ) -> Any:
        return [sorted(form), name, age]

    client = client_of(endpoint, interface)
    assert client.post("/", data={"name": "ada", "age": "3"}).json() == [["age", "name"], "ada", 3]


@both
@pytest.mark.case(52)
@pytest.mark.parametrize("trouble", ["none", "exception", "http", "422", "too large"])
def test_files_are_closed_and_gone_whatever_happens(
    trouble: str, interface: Any, caplog: pytest.LogCaptureFixture, spool: Path
) -> None:
    caplog.set_level(logging.CRITICAL)
    seen: list[UploadFile] = []

    async def endpoint(file: UploadFile, number: Annotated[int, Form()] = 1) -> str:
        seen.append(file)
        if trouble == "exception":
            raise ValueError("boom")
        if trouble == "http":
            raise HTTPException(418)
        return "fine"

    client = client_of(endpoint, interface, max_content_length=3_500_000)
    for _ in range(3):
        number = "x" if trouble == "422" else "1"
        files = [("file", ("big", BIG))] * (2 if trouble == "too large" else 1)
        answer = client.post("/", files=files, data={"number": number})
        assert (
            answer.status_code
            == {"none": 200, "exception": 500, "http": 418, "422": 422, "too large": 413}[trouble]
        )
    assert open_in(spool) == []
    assert all(file.file.closed for file in seen)


@both
@pytest.mark.case(52)
def test_a_form_that_an_endpoint_reads_by_itself_is_closed_too(interface: Any) -> None:
    seen: list[UploadFile] = []

    async def endpoint(request: Request) -> str:
        form = await request.form()
        seen.extend(form.files("file"))
        assert await request.form() is form
        return "fine"

    assert client_of(endpoint, interface).post("/", files=[("file", ("big", BIG))]).text == "fine"
    assert [file.file.closed for file in seen] == [True]


@both
@pytest.mark.case(41)
@pytest.mark.case(42)
@pytest.mark.case(43)
def test_limits_of_app_and_route_are_held(interface: Any) -> None:
    app = VelociPy(plugins=False, form_limits=FormLimits(max_fields=3, max_files=1, max_part_size=10))

    @app.post("/app")
    async def by_app(form: FormData) -> int:
        return len(form)

    @app.post("/route", form_limits=FormLimits(max_fields=4))
    async def by_route(request: Request) -> int:
        return len(await request.form())

    client = TestClient(app, interface=interface)
    fields = {f"f{number}": "1" for number in range(4)}
    assert client.post("/app", data=dict(list(fields.items())[:3])).json() == 3
    assert client.post("/app", data=fields).status_code == 413
    assert client.post("/route", data=fields).json() == 4
    assert client.post("/route", data={**fields, "f4": "1"}).status_code == 413
    assert client.post("/app", data={"a": "x" * 11}).status_code == 413
    assert client.post("/app", files=[("a", ("a", b"1")), ("b", ("b", b"1"))]).status_code == 413


@both
@pytest.mark.case(47)
def test_a_truncated_multipart_body_never_reaches_the_endpoint(interface: Any) -> None:
    called: list[int] = []

    async def endpoint(file: UploadFile) -> str:
        called.append(1)
        return "fine"

    client = client_of(endpoint, interface)
    head = {"content-type": "multipart/form-data; boundary=b"}
    body = b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n123\r\n--b--'
    assert client.post("/", content=body, headers=head).text == "fine"
    for end in range(len(body)):
        assert client.post("/", content=body[:end], headers=head).status_code == 400, body[:end]
    assert called == [1]


@both
def test_multipart_parts_are_streamed_and_counted(interface: Any) -> None:
    async def endpoint(request: Request) -> Any:
        return [
            [part.name, part.filename, sum([len(chunk) async for chunk in part])]
            async for part in request.multipart()
        ]

    client = client_of(endpoint, interface, max_content_length=3_100_000)
    files: Any = [("a", ("big", BIG)), ("b", ("small", b"1"))]
    assert client.post("/", files=files, data={"t": "x"}).json() == [
        ["t", None, 1],
        ["a", "big", 3_000_000],
        ["b", "small", 1],
    ]
    assert client.post("/", files=[("a", ("big", BIG)), ("b", ("big", BIG))]).status_code == 413
