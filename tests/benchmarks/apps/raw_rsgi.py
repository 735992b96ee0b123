"""The workloads as a careful engineer would write them for RSGI alone. Knows the protocol; does not know any framework.

Nothing is left out that a framework must do (methods, conversion, bounds, content type, body limit, every error at once) and
nothing is done that these routes do not need. The entry is a plain function that returns the handler's coroutine, since an
`async def` in between would cost one more await a request.
"""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, Final, Protocol

import msgspec
import pydantic
from raw_common import (
    FILE,
    GUARDS,
    LEAST,
    MAX_BODY,
    OPEN_PATHS,
    ORIGINS,
    ROWS,
    Errors,
    body_fault,
    chunks,
    decode_item,
    decode_model,
    detail,
    encode,
    encode_model,
    encode_models,
    etag,
    http_date,
    is_json,
    is_our_host,
    is_whole,
    kibibytes,
    model_fault,
    one_range,
    parse_query,
    request_id,
    session,
    takes_gzip,
    tenant,
    user,
    whole,
)


class Transport(Protocol):
    """A body that is sent piece by piece."""

    async def send_bytes(self, chunk: bytes) -> None: ...


class RSGI(Protocol):
    """What these handlers use of a server's protocol object."""

    async def __call__(self) -> bytes: ...
    def __aiter__(self) -> AsyncIterator[bytes]: ...
    def response_empty(self, status: int, headers: list[tuple[str, str]]) -> None: ...
    def response_str(self, status: int, headers: list[tuple[str, str]], body: str) -> None: ...
    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...
    def response_file(self, status: int, headers: list[tuple[str, str]], file: str) -> None: ...
    def response_file_range(
        self, status: int, headers: list[tuple[str, str]], file: str, start: int, end: int
    ) -> None: ...
    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Transport: ...


class Message(Protocol):
    """What came over a WebSocket: `kind` is CLOSED or BYTES, or else it is text."""

    kind: int
    data: Any


class Socket(Protocol):
    """A WebSocket that is open."""

    async def receive(self) -> Message: ...
    async def send_str(self, text: str) -> None: ...
    async def send_bytes(self, data: bytes) -> None: ...


class RSGISocket(Protocol):
    """The protocol object of a handshake."""

    async def accept(self) -> Socket: ...
    def close(self, status: int | None = None) -> None: ...


Handler = Callable[[Any, RSGI], Coroutine[None, None, None]]

TEXT: Final = [("content-type", "text/plain; charset=utf-8")]
JSON: Final = [("content-type", "application/json")]
OF_FILE: Final = [("content-type", "application/octet-stream"), ("x-content-type-options", "nosniff")]
CLOSED, BYTES = 0, 1
ARMORED: Final = [*JSON, *GUARDS]
NOT_FOUND: Final = detail("Not Found")
NOT_ALLOWED: Final = detail("Method Not Allowed")


async def plain(scope: Any, protocol: RSGI) -> None:
    protocol.response_str(200, TEXT, "Hello, World!")


async def message(scope: Any, protocol: RSGI) -> None:
    protocol.response_bytes(200, JSON, encode({"message": "Hello, World!"}))


async def item(scope: Any, protocol: RSGI) -> None:
    """`app` has seen that the hole is a whole number: it is a 404 otherwise, for any method."""
    query = parse_query(scope.query_string)
    errors: Errors = []
    page = whole(query, "page", 1, 1, None, errors)
    size = whole(query, "size", 20, 1, 100, errors)
    if errors:
        return protocol.response_bytes(422, JSON, encode({"detail": errors}))
    result = {"item_id": int(scope.path[7:]), "q": query.get("q"), "page": page, "size": size}
    protocol.response_bytes(200, JSON, encode(result))


async def body(scope: Any, protocol: RSGI) -> None:
    headers = scope.headers
    if not is_json(headers.get("content-type", "")):
        return protocol.response_bytes(415, JSON, detail("Unsupported Media Type"))
    content = await read_body(headers, protocol)
    if content is None:
        return protocol.response_bytes(413, JSON, detail("Payload Too Large"))
    try:
        value = decode_item(content)
    except msgspec.ValidationError as exc:
        return protocol.response_bytes(422, JSON, body_fault(exc))
    except msgspec.DecodeError:
        return protocol.response_bytes(400, JSON, detail("Bad Request"))
    protocol.response_bytes(200, JSON, encode(value))


async def model(scope: Any, protocol: RSGI) -> None:
    headers = scope.headers
    if not is_json(headers.get("content-type", "")):
        return protocol.response_bytes(415, JSON, detail("Unsupported Media Type"))
    content = await read_body(headers, protocol)
    if content is None:
        return protocol.response_bytes(413, JSON, detail("Payload Too Large"))
    try:
        value = decode_model(content)
    except pydantic.ValidationError as exc:
        status, fault = model_fault(exc)
        return protocol.response_bytes(status, JSON, fault)
    protocol.response_bytes(200, JSON, encode_model(value))


async def rows(scope: Any, protocol: RSGI) -> None:
    protocol.response_bytes(200, JSON, encode_models(ROWS))


async def read_body(headers: Any, protocol: RSGI) -> bytes | None:
    """The whole body, or None when it is longer than MAX_BODY; the server holds it to its Content-Length."""
    length = headers.get("content-length")
    if length is not None:
        return await protocol() if int(length) <= MAX_BODY else None
    content = bytearray()
    async for chunk in protocol:
        content += chunk
        if len(content) > MAX_BODY:
            return None
    return bytes(content)


async def deps(scope: Any, protocol: RSGI) -> None:
    errors: Errors = []
    level = whole(parse_query(scope.query_string), "level", 1, 0, None, errors)
    if errors:
        return protocol.response_bytes(422, JSON, encode({"detail": errors}))
    result = await session(await user(await tenant(level)))
    protocol.response_bytes(200, JSON, encode(result))


async def stream(scope: Any, protocol: RSGI) -> None:
    """The server ends the body when `transport` is dropped, and raises in `send_bytes` once the client has left."""
    await send_all(protocol, chunks())


async def long_stream(scope: Any, protocol: RSGI) -> None:
    await send_all(protocol, kibibytes())


async def send_all(protocol: RSGI, pieces: AsyncGenerator[bytes, None]) -> None:
    transport = protocol.response_stream(200, TEXT)
    async with aclosing(pieces) as body:
        async for chunk in body:
            await transport.send_bytes(chunk)


async def file(scope: Any, protocol: RSGI) -> None:
    """The server opens and reads it."""
    headers, found = scope.headers, os.stat(FILE)
    tag, size = etag(found), found.st_size
    if headers.get("if-none-match") == tag:
        return protocol.response_empty(304, [("etag", tag), OF_FILE[1]])
    described = [("etag", tag), ("last-modified", http_date(found.st_mtime)), ("accept-ranges", "bytes")]
    part = one_range(headers.get("range"), size)
    if part is None:
        head = [*OF_FILE, ("content-length", str(size)), *described]
        return protocol.response_file(200, head, FILE)
    start, stop = part
    length = ("content-length", str(stop - start))
    head = [*OF_FILE, length, *described, ("content-range", f"bytes {start}-{stop - 1}/{size}")]
    protocol.response_file_range(206, head, FILE, start, stop)


async def echo(scope: Any, protocol: RSGISocket) -> None:
    """What comes goes back, until the client closes."""
    if scope.path != "/echo":
        return protocol.close(403)
    socket = await protocol.accept()
    while True:
        message = await socket.receive()
        if message.kind == CLOSED:
            return
        if message.kind == BYTES:
            await socket.send_bytes(message.data)
        else:
            await socket.send_str(message.data)


async def armored(scope: Any, protocol: RSGI) -> None:
    """Eight jobs inline: id, clock, CORS, compression, headers, host, https; the session is asked for by nobody."""
    headers = scope.headers
    started = time.perf_counter()
    head = [*ARMORED, ("x-request-id", request_id(headers.get("x-request-id")))]
    origin = headers.get("origin")
    if origin in ORIGINS:
        head.append(("access-control-allow-origin", origin))
    accepted = headers.get("accept-encoding")
    hosts = headers.get_all("host")
    if len(hosts) != 1 or not is_our_host(hosts[0]):
        head.append(("server-timing", f"total;dur={(time.perf_counter() - started) * 1000:.3f}"))
        return protocol.response_bytes(400, head, detail("Invalid host header"))
    if scope.scheme != "https" and scope.path not in OPEN_PATHS:
        head.append(("location", f"https://{hosts[0]}{scope.path}"))
        return protocol.response_empty(308, head)
    content = encode({"message": "Hello, World!"})
    if accepted is not None and len(content) >= LEAST and takes_gzip(accepted):
        content = gzip.compress(content)
        head.append(("content-encoding", "gzip"))
    head.append(("server-timing", f"total;dur={(time.perf_counter() - started) * 1000:.3f}"))
    protocol.response_bytes(200, head, content)


async def empty(scope: Any, protocol: RSGI) -> None:
    protocol.response_empty(204, [])


async def not_found(scope: Any, protocol: RSGI) -> None:
    protocol.response_bytes(404, JSON, NOT_FOUND)


async def not_allowed(scope: Any, protocol: RSGI) -> None:
    protocol.response_bytes(405, [*JSON, ("allow", allow(scope.path))], NOT_ALLOWED)


async def options(scope: Any, protocol: RSGI) -> None:
    protocol.response_empty(204, [("allow", allow(scope.path))])


def leaf(**handlers: Handler) -> dict[str, Handler]:
    """Method -> handler, with what follows from them: HEAD from GET, and OPTIONS."""
    also = {"HEAD": handlers["GET"]} if "GET" in handlers else {}
    return {**handlers, **also, "OPTIONS": options}


ROUTES: Final = {
    "/": leaf(GET=plain),
    "/json": leaf(GET=message),
    "/body": leaf(POST=body),
    "/pydantic": leaf(POST=model),
    "/rows": leaf(GET=rows),
    "/deps": leaf(GET=deps),
    "/stream": leaf(GET=stream),
    "/chunks": leaf(GET=long_stream),
    "/file": leaf(GET=file),
    "/armored": leaf(GET=armored),
    "/empty": leaf(DELETE=empty),
}
ITEM: Final = leaf(GET=item)


def allow(path: str) -> str:
    return ", ".join(ROUTES.get(path, ITEM))


def app(scope: Any, protocol: Any) -> Coroutine[None, None, None]:
    """The RSGI entry: exact paths from a dict, then the one template, then 404 or 405."""
    if scope.proto != "http":
        return echo(scope, protocol)
    path = scope.path
    handlers = ROUTES.get(path)
    if handlers is None:
        if not path.startswith("/items/") or not is_whole(path[7:]):
            return not_found(scope, protocol)
        handlers = ITEM
    handler: Handler = handlers.get(scope.method, not_allowed)
    return handler(scope, protocol)
