"""The ASGI dialect: its native headers, and what the generated source sends."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from velocipy import VelociPy
from velocipy.asgi.dialect import dialect, native
from velocipy.protocols import Dialect, find_dialect

Message = MutableMapping[str, Any]


def call(app: VelociPy, method: str = "GET", path: str = "/", **changes: Any) -> list[Message]:
    """Every message that an app sends for one request."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(b"host", b"a")],
    }
    asyncio.run(app({**scope, **changes}, receive, send))
    return sent


def test_it_is_found_under_its_name() -> None:
    assert find_dialect("asgi") is dialect
    assert isinstance(dialect, Dialect)
    assert dialect.name == "asgi"


def test_native_headers_are_pairs_of_bytes() -> None:
    assert native([("a", "b"), ("c", "d")]) == [(b"a", b"b"), (b"c", b"d")]


def test_a_result_is_two_messages_with_a_counted_length() -> None:
    app = VelociPy()

    @app.get("/")
    async def text() -> str:
        return "ü"

    assert call(app) == [
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"2")],
        },
        {"type": "http.response.body", "body": "ü".encode()},
    ]


def test_nothing_is_a_204_without_headers() -> None:
    app = VelociPy()

    @app.get("/")
    async def nothing() -> None: ...

    start, body = call(app)
    assert (start["status"], list(start["headers"]), body.get("body", b"")) == (204, [], b"")


def test_what_one_request_adds_to_its_headers_stays_with_it() -> None:
    """A server, or foreign middleware, may add to the list that it is given."""
    app = VelociPy()

    @app.get("/")
    async def text() -> str:
        return "x"

    @app.get("/nothing")
    async def nothing() -> None: ...

    for path in ("/", "/nothing", "/nowhere"):
        first = call(app, path=path)[0]["headers"]
        kept = list(first)
        first.append((b"x-server", b"1"))
        assert call(app, path=path)[0]["headers"] == kept


def test_the_path_is_taken_as_the_server_decoded_it() -> None:
    app = VelociPy()

    @app.get("/{name}")
    async def name(name: str) -> str:
        return name

    assert call(app, path="/grün", root_path="/elsewhere", raw_path=b"/other")[1]["body"] == "grün".encode()
