"""The workloads as a careful engineer would write them for ASGI alone. Knows the protocol; does not know any framework.

The counterpart of `raw_rsgi.py`, function for function. The entry is `async def`, which uvicorn demands.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, Final

import msgspec
import pydantic
from raw_common import (
    FILE,
    GUARDS,
    LEAST,
    MAX_BODY,
    OPEN_PATHS,
    ORIGINS,
    PIECE,
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

Handler = Callable[[Any, Any, Any], Coroutine[None, None, None]]
Pairs = list[tuple[bytes, bytes]]

TEXT: Final[Pairs] = [(b"content-type", b"text/plain; charset=utf-8")]
JSON: Final[Pairs] = [(b"content-type", b"application/json")]
OF_FILE: Final[Pairs] = [
    (b"content-type", b"application/octet-stream"),
    (b"x-content-type-options", b"nosniff"),
]
ARMORED: Final[Pairs] = [*JSON, *((name.encode(), value.encode()) for name, value in GUARDS)]
NOT_FOUND: Final = detail("Not Found")
NOT_ALLOWED: Final = detail("Method Not Allowed")


async def respond(send: Any, status: int, headers: Pairs, content: bytes) -> None:
    length = (b"content-length", b"%d" % len(content))
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": content})


async def plain(scope: Any, receive: Any, send: Any) -> None:
    await respond(send, 200, TEXT, b"Hello, World!")


async def message(scope: Any, receive: Any, send: Any) -> None:
    await respond(send, 200, JSON, encode({"message": "Hello, World!"}))


async def item(scope: Any, receive: Any, send: Any) -> None:
    """`app` has seen that the hole is a whole number: it is a 404 otherwise, for any method."""
    query = parse_query(scope["query_string"].decode("latin-1"))
    errors: Errors = []
    page = whole(query, "page", 1, 1, None, errors)
    size = whole(query, "size", 20, 1, 100, errors)
    if errors:
        return await respond(send, 422, JSON, encode({"detail": errors}))
    result = {"item_id": int(scope["path"][7:]), "q": query.get("q"), "page": page, "size": size}
    await respond(send, 200, JSON, encode(result))


async def body(scope: Any, receive: Any, send: Any) -> None:
    if not is_json(header(scope, b"content-type")):
        return await respond(send, 415, JSON, detail("Unsupported Media Type"))
    content = await read_body(receive)
    if content is None:
        return await respond(send, 413, JSON, detail("Payload Too Large"))
    try:
        value = decode_item(content)
    except msgspec.ValidationError as exc:
        return await respond(send, 422, JSON, body_fault(exc))
    except msgspec.DecodeError:
        return await respond(send, 400, JSON, detail("Bad Request"))
    await respond(send, 200, JSON, encode(value))


async def model(scope: Any, receive: Any, send: Any) -> None:
    if not is_json(header(scope, b"content-type")):
        return await respond(send, 415, JSON, detail("Unsupported Media Type"))
    content = await read_body(receive)
    if content is None:
        return await respond(send, 413, JSON, detail("Payload Too Large"))
    try:
        value = decode_model(content)
    except pydantic.ValidationError as exc:
        status, fault = model_fault(exc)
        return await respond(send, status, JSON, fault)
    await respond(send, 200, JSON, encode_model(value))


async def rows(scope: Any, receive: Any, send: Any) -> None:
    await respond(send, 200, JSON, encode_models(ROWS))


def header(scope: Any, wanted: bytes) -> str:
    for name, value in scope["headers"]:
        if name == wanted:
            return str(value, "latin-1")
    return ""


async def read_body(receive: Any) -> bytes | None:
    """The whole body, or None when it is longer than MAX_BODY. Raises ConnectionError when the client left before its end."""
    content = b""
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ConnectionError("the client left before the end of the body")
        chunk: bytes = event.get("body", b"")
        content += chunk
        if len(content) > MAX_BODY:
            return None
        if not event.get("more_body"):
            return content


async def deps(scope: Any, receive: Any, send: Any) -> None:
    errors: Errors = []
    level = whole(parse_query(scope["query_string"].decode("latin-1")), "level", 1, 0, None, errors)
    if errors:
        return await respond(send, 422, JSON, encode({"detail": errors}))
    result = await session(await user(await tenant(level)))
    await respond(send, 200, JSON, encode(result))


async def stream(scope: Any, receive: Any, send: Any) -> None:
    await send_all(send, chunks())


async def long_stream(scope: Any, receive: Any, send: Any) -> None:
    await send_all(send, kibibytes())


async def send_all(send: Any, pieces: AsyncGenerator[bytes, None]) -> None:
    """Without a look at who is still there: a stream of a few chunks is over before it matters."""
    await send({"type": "http.response.start", "status": 200, "headers": TEXT})
    async with aclosing(pieces) as body:
        async for chunk in body:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def file(scope: Any, receive: Any, send: Any) -> None:
    found = os.stat(FILE)
    tag, size = etag(found), found.st_size
    if header(scope, b"if-none-match") == tag:
        await send(
            {"type": "http.response.start", "status": 304, "headers": [(b"etag", tag.encode()), OF_FILE[1]]}
        )
        await send({"type": "http.response.body", "body": b""})
        return
    part = one_range(header(scope, b"range"), size)
    start, stop = part or (0, size)
    head = [*OF_FILE, (b"content-length", b"%d" % (stop - start)), (b"etag", tag.encode())]
    head += [(b"last-modified", http_date(found.st_mtime).encode()), (b"accept-ranges", b"bytes")]
    if part:
        head.append((b"content-range", b"bytes %d-%d/%d" % (start, stop - 1, size)))
    if part is None and "http.response.pathsend" in (scope.get("extensions") or {}):
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.pathsend", "path": FILE})
        return
    await send_pieces(send, 206 if part else 200, head, start, stop)


async def send_pieces(send: Any, status: int, head: Pairs, start: int, stop: int) -> None:
    """Opened and read in threads, since a disk may let one wait."""
    with await asyncio.to_thread(open, FILE, "rb", 0) as opened:
        opened.seek(start)
        await send({"type": "http.response.start", "status": status, "headers": head})
        while start < stop:
            piece = await asyncio.to_thread(opened.read, min(PIECE, stop - start))
            if not piece:
                raise OSError("the file has shrunk")
            start += len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": start < stop})


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """What comes goes back, until the client closes."""
    await receive()
    if scope["path"] != "/echo":
        return await deny(scope, send)
    await send({"type": "websocket.accept"})
    while True:
        event = await receive()
        if event["type"] == "websocket.disconnect":
            return
        text = event.get("text")
        if text is None:
            await send({"type": "websocket.send", "bytes": event["bytes"]})
        else:
            await send({"type": "websocket.send", "text": text})


async def deny(scope: Any, send: Any) -> None:
    if "websocket.http.response" not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    content = detail("Forbidden")
    head = [*JSON, (b"content-length", b"%d" % len(content))]
    await send({"type": "websocket.http.response.start", "status": 403, "headers": head})
    await send({"type": "websocket.http.response.body", "body": content})


async def armored(scope: Any, receive: Any, send: Any) -> None:
    """Eight jobs inline: id, clock, CORS, compression, headers, host, https; the session is asked for by nobody."""
    started = time.perf_counter()
    sent = origin = accepted = None
    hosts = []
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            sent = value.decode("latin-1")
        elif name == b"origin":
            origin = value.decode("latin-1")
        elif name == b"accept-encoding":
            accepted = value.decode("latin-1")
        elif name == b"host":
            hosts.append(value.decode("latin-1"))
    head = [*ARMORED, (b"x-request-id", request_id(sent).encode())]
    if origin in ORIGINS:
        head.append((b"access-control-allow-origin", origin.encode()))
    if len(hosts) != 1 or not is_our_host(hosts[0]):
        head.append((b"server-timing", b"total;dur=%.3f" % ((time.perf_counter() - started) * 1000)))
        return await respond(send, 400, head, detail("Invalid host header"))
    if scope["scheme"] != "https" and scope["path"] not in OPEN_PATHS:
        head.append((b"location", f"https://{hosts[0]}{scope['path']}".encode()))
        return await respond(send, 308, head, b"")
    content = encode({"message": "Hello, World!"})
    if accepted is not None and len(content) >= LEAST and takes_gzip(accepted):
        content = gzip.compress(content)
        head.append((b"content-encoding", b"gzip"))
    head.append((b"server-timing", b"total;dur=%.3f" % ((time.perf_counter() - started) * 1000)))
    await respond(send, 200, head, content)


async def empty(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def not_found(scope: Any, receive: Any, send: Any) -> None:
    await respond(send, 404, JSON, NOT_FOUND)


async def not_allowed(scope: Any, receive: Any, send: Any) -> None:
    await respond(send, 405, [*JSON, (b"allow", allow(scope["path"]))], NOT_ALLOWED)


async def options(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": [(b"allow", allow(scope["path"]))]})
    await send({"type": "http.response.body", "body": b""})


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


def allow(path: str) -> bytes:
    return ", ".join(ROUTES.get(path, ITEM)).encode()


async def app(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI entry: exact paths from a dict, then the one template, then 404 or 405."""
    if scope["type"] != "http":
        return await (lifespan(receive, send) if scope["type"] == "lifespan" else echo(scope, receive, send))
    path = scope["path"]
    handlers = ROUTES.get(path)
    if handlers is None:
        if not path.startswith("/items/") or not is_whole(path[7:]):
            return await not_found(scope, receive, send)
        handlers = ITEM
    handler: Handler = handlers.get(scope["method"], not_allowed)
    await handler(scope, receive, send)


async def lifespan(receive: Any, send: Any) -> None:
    """Says yes to start-up and to shut-down."""
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})
