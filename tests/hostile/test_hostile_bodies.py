"""Lengths of bodies, for every model and encoder, and defaults: beside the cases 29, 30 and 39 of tests/cases, on both protocols."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pydantic
import pytest

from velocipy import Body, FormData, Request, VelociPy

JSON = ("content-type", "application/json")
CHUNKED = ("transfer-encoding", "chunked")
TOO_LARGE = (413, {"detail": "Payload Too Large"})
BROKEN = (400, {"detail": "Invalid JSON body"})


@dataclass
class Plain:
    text: str = "none"


class Struct(msgspec.Struct):
    text: str = "none"


class Model(pydantic.BaseModel):
    text: str = "none"


models = pytest.mark.parametrize("model", [Plain, Struct, Model])
encoders = pytest.mark.parametrize("encoder", ["stdlib", "orjson", "msgspec"])


def item_of(size: int) -> bytes:
    """A JSON object of that many bytes."""
    return b'{"text":"%s"}' % (b"x" * (size - 11))


def app_of(model: Any, **options: Any) -> VelociPy:
    """An app that takes a model, required at /, or null at /optional, one key of two at /several, and a form at /form."""
    app = VelociPy(plugins=False, **options)

    async def required(item: Any) -> Any:
        return [item.text]

    async def optional(item: Any = None) -> Any:
        return [item and item.text]

    async def defaulted(item: Any = None) -> Any:
        return [item and item.text]

    async def several(item: Any, other: Annotated[int, Body()] = 0) -> Any:
        return [item.text, other]

    async def form(form: FormData) -> Any:
        return form.get("text")

    async def stream(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])

    required.__annotations__["item"] = several.__annotations__["item"] = model
    optional.__annotations__["item"] = model | None
    defaulted.__annotations__["item"] = Annotated[model, Body()]
    for endpoint in (required, optional, defaulted, several, form, stream):
        app.add_route("/" if endpoint is required else f"/{endpoint.__name__}", endpoint, ["POST"])
    return app


@pytest.mark.case(29)
@encoders
@models
def test_a_body_may_have_as_many_bytes_as_the_limit_says(model: Any, encoder: str, client_of: Any) -> None:
    client = client_of(app_of(model, json_encoder=encoder, max_content_length=100))
    assert client.tell(item_of(100), JSON) == (200, ["x" * 89])
    for path in ("/", "/optional", "/several", "/defaulted"):
        assert client.tell(item_of(101), JSON, path=path) == TOO_LARGE
    assert client.tell(b"x" * 101, path="/stream") == TOO_LARGE
    assert (
        client.tell(b"x" * 101, ("content-type", "application/x-www-form-urlencoded"), path="/form")
        == TOO_LARGE
    )


@pytest.mark.case(29)
@models
@pytest.mark.parametrize("path", ["/", "/optional", "/several", "/stream", "/form"])
def test_a_declared_length_beyond_the_limit_is_refused_before_anything_comes(
    path: str, model: Any, client_of: Any
) -> None:
    client = client_of(app_of(model, max_content_length=100))
    kind = ("content-type", "application/x-www-form-urlencoded") if path == "/form" else JSON
    headers = [("host", "a"), kind, ("content-length", "101")]
    with client.exchange("POST", path, headers=headers, body=None) as exchange:
        assert exchange.head().status == 413


@pytest.mark.case(29)
@pytest.mark.case(30)
@models
@pytest.mark.parametrize("path", ["/", "/optional", "/several", "/stream", "/form"])
def test_a_chunked_body_is_refused_at_the_byte_that_is_too_much(
    path: str, model: Any, client_of: Any
) -> None:
    client = client_of(app_of(model, max_content_length=100))
    kind = ("content-type", "application/x-www-form-urlencoded") if path == "/form" else JSON
    with client.exchange("POST", path, headers=[("host", "a"), kind, CHUNKED], body=None) as exchange:
        for _ in range(10):
            exchange.feed(b"x" * 10)
        exchange.feed(b"x")
        assert exchange.head().status == 413  # though the client has not come to its end


@pytest.mark.case(29)
@models
def test_a_length_that_says_too_little_does_not_open_the_limit(model: Any, client_of: Any) -> None:
    client = client_of(app_of(model, max_content_length=100))
    for path in ("/", "/stream"):
        headers = [("host", "a"), JSON, ("content-length", "5")]
        reply = client.exchange("POST", path, headers=headers, body=item_of(5_000)).reply()
        assert reply.status in (400, 413)


@pytest.mark.case(29)
@encoders
@models
def test_a_limit_of_nothing_takes_nothing(model: Any, encoder: str, client_of: Any) -> None:
    client = client_of(app_of(model, json_encoder=encoder, max_content_length=0))
    assert client.tell(b"{", JSON) == TOO_LARGE
    assert client.tell(b"", JSON) == BROKEN
    assert client.tell(b"", path="/optional") == (200, [None])
    assert client.tell(b"", path="/stream") == (200, 0)


@pytest.mark.case(29)
@models
def test_a_route_has_a_limit_of_its_own(model: Any, client_of: Any) -> None:
    app = VelociPy(plugins=False, max_content_length=100)

    async def take(item: Any) -> int:
        return len(item.text)

    take.__annotations__["item"] = model
    app.add_route("/", take, ["POST"])
    app.add_route("/more", take, ["POST"], max_content_length=200)
    app.add_route("/less", take, ["POST"], max_content_length=50)
    client = client_of(app)
    sizes = (50, 51, 100, 101, 200, 201)
    answers = {
        path: [client.tell(item_of(size), JSON, path=path)[0] for size in sizes]
        for path in ("/", "/more", "/less")
    }
    assert answers == {
        "/": [200, 200, 200, 413, 413, 413],
        "/more": [200, 200, 200, 200, 200, 413],
        "/less": [200, 413, 413, 413, 413, 413],
    }


@pytest.mark.case(39)
def test_a_default_body_is_not_shared_by_requests(client_of: Any) -> None:
    """What one request puts into a default that can change must not reach the next one."""

    async def body(item: dict[str, Any] = {}) -> Any:  # noqa: B006
        item["seen"] = item.get("seen", 0) + 1
        return item

    async def query(tags: list[str] = []) -> Any:  # noqa: B006
        tags.append("secret")
        return tags

    app = VelociPy(plugins=False)
    app.add_route("/body", body, ["POST"])
    app.add_route("/query", query, ["POST"])
    client = client_of(app)
    assert [client.tell(b"", path="/body")[1] for _ in range(2)] == [{"seen": 1}] * 2
    assert [client.tell(b"", path="/query")[1] for _ in range(2)] == [["secret"]] * 2
