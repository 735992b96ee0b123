"""Bodies that are too long, of a wrong type, compressed, or where none is wanted. Cases 29, 30 and 37 to 39, on both protocols."""

from __future__ import annotations

import functools
import gzip
import tracemalloc
import zlib
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pydantic
import pytest

from velocipy import Body, FormData, Request, VelociPy

JSON = ("content-type", "application/json")
CHUNKED = ("transfer-encoding", "chunked")
TOO_LARGE = (413, {"detail": "Payload Too Large"})
NO_JSON = (415, {"detail": "the body must be application/json"})
COMPRESSED = (415, {"detail": "the body must not be compressed"})
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


# -- length ----------------------------------------------------------------------------------------------------------


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


# -- type --------------------------------------------------------------------------------------------------------------


TYPES: list[tuple[list[bytes], bool]] = [
    ([b"application/json"], True),
    ([b"APPLICATION/JSON"], True),
    ([b"application/json;"], True),
    ([b"application/json; charset=utf-8"], True),
    ([b'application/json;charset="UTF-8"'], True),
    ([b"application/x+json"], True),
    ([b"application/problem+json; charset=utf-8"], True),
    ([], False),
    ([b""], False),
    ([b"text/plain"], False),
    ([b"text/json"], False),
    ([b"application/x-www-form-urlencoded"], False),
    ([b"multipart/form-data; boundary=x"], False),
    ([b"application/json;charset=latin1"], False),
    ([b"application/json; charset=utf-16"], False),
    ([b"application/x+json;charset=latin1"], False),
    ([b"application/json, text/plain"], False),
    ([b"application/jsonx"], False),
    ([b"application/xjson"], False),
    ([b"image/x+json"], False),
    ([b"json"], False),
    ([b"*/*"], False),
    ([b"text/plain", b"application/json"], False),
    ([b"application/json", b"application/json"], True),
    ([b"text/plain; application/json"], False),
]


@pytest.mark.case(37)
@encoders
@models
@pytest.mark.parametrize("formats", [["json"], ["json", "msgpack"]])
def test_a_body_must_say_that_it_is_json(
    formats: list[str], model: Any, encoder: str, client_of: Any
) -> None:
    """Decision 0004: what a page of another origin may send without asking is never read as JSON."""
    client = client_of(app_of(model, json_encoder=encoder, formats=formats))
    wrong = {}
    for lines, accepted in TYPES:
        for path in ("/", "/optional", "/several", "/defaulted"):
            body = b'{"item":{"text":"a"}}' if path == "/several" else b'{"text":"a"}'
            status, _ = client.tell(body, *(("content-type", line) for line in lines), path=path)
            if status != (200 if accepted else 415):
                wrong[path, *lines] = status
    assert wrong == {}
    if formats == ["json"]:
        assert client.tell(b"{}", ("content-type", "text/plain")) == NO_JSON


@functools.cache
def bomb() -> bytes:
    """100 MB of zeros in 97 KB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    zeros = bytes(1_000_000)
    return b"".join(packer.compress(zeros) for _ in range(100)) + packer.flush()


@pytest.mark.case(38)
@encoders
@models
@pytest.mark.process
def test_a_compressed_body_is_refused_and_not_inflated(
    model: Any, encoder: str, client_of: Any, within: Any
) -> None:
    client = client_of(app_of(model, json_encoder=encoder))
    small, large = gzip.compress(b'{"text":"a"}'), bomb()
    form = ("content-type", "application/x-www-form-urlencoded")
    for coding in ("gzip", "GZIP", "x-gzip", "deflate", "br", "zstd", "gzip, identity", "aws-chunked"):
        for body in (small, large):
            for path, kind in (("/", JSON), ("/optional", JSON), ("/several", JSON), ("/form", form)):
                assert client.tell(body, kind, ("content-encoding", coding), path=path) == COMPRESSED
    within(0.020, lambda: client.tell(large, JSON, ("content-encoding", "gzip")))
    tracemalloc.start()
    client.tell(large, JSON, ("content-encoding", "gzip"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000
    assert client.tell(b'{"text":"a"}', JSON, ("content-encoding", "identity")) == (200, ["a"])
    assert client.tell(small, JSON) == BROKEN


@pytest.mark.case(38)
@models
def test_a_compressed_body_without_a_type_is_refused_where_a_body_may_be_missing(
    model: Any, client_of: Any
) -> None:
    client = client_of(app_of(model))
    assert client.tell(gzip.compress(b"{}"), ("content-encoding", "gzip"), path="/optional")[0] == 415


# -- where no body is wanted, and where none comes -------------------------------------------------------------------------


@pytest.mark.case(39)
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_a_body_that_nobody_asked_for_changes_nothing(method: str, client_of: Any) -> None:
    async def show(page: int = 1) -> Any:
        return [page]

    app = VelociPy(plugins=False)
    app.add_route("/", show, ["GET", "DELETE"])
    client = client_of(app)
    for headers in ({}, {"content-type": "application/json"}, {"content-encoding": "gzip"}):
        answer = client.request(method, "/?page=2", content=b'{"page":3}' * 1_000, headers=headers)
        assert (answer.status_code, answer.text) == (200, "" if method == "HEAD" else "[2]")


@pytest.mark.case(39)
@models
@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
def test_a_route_may_read_a_body_with_every_method(method: str, model: Any, client_of: Any) -> None:
    """RFC 9110 section 9.3.1 gives such a body no meaning and does not forbid it; what the endpoint asks for it gets, by one rule."""

    async def take(item: Any) -> Any:
        return [item.text]

    take.__annotations__["item"] = model
    app = VelociPy(plugins=False)
    app.add_route("/", take, ["GET", "DELETE"])
    client = client_of(app)
    answer = client.request(method, "/", content=b'{"text":"a"}', headers=dict([JSON]))
    assert (answer.status_code, answer.text) == (200, "" if method == "HEAD" else '["a"]')
    assert client.request(method, "/").status_code == 415


@pytest.mark.case(39)
@encoders
@models
def test_a_body_that_does_not_come_is_the_default_or_refused(
    model: Any, encoder: str, client_of: Any
) -> None:
    client = client_of(app_of(model, json_encoder=encoder))
    assert client.tell(b"") == NO_JSON
    assert client.tell(b"", JSON) == BROKEN
    assert client.tell(b"", path="/optional") == (200, [None])
    assert client.tell(b"", JSON, path="/optional") == (200, [None])
    assert client.tell(b"null", JSON, path="/optional") == (200, [None])
    assert client.tell(b"", path="/several") == NO_JSON
    status, content = client.tell(b"{}", JSON, path="/several")
    assert (status, [error["loc"] for error in content["detail"]]) == (422, [["body", "item"]])
    assert client.tell(b"null", JSON)[0] == 422
    assert client.tell(b"null", JSON, path="/several")[0] == 422


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
