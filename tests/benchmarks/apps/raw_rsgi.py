"""The workloads as a careful engineer would write them for RSGI alone. Knows the protocol; does not know any framework.

Nothing is left out that a framework must do (methods, conversion, bounds, content type, body limit, every error at once) and
nothing is done that this app does not need. The entry is a plain function that returns the handler's coroutine, since an
`async def` in between would cost one await a request.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import msgspec
from common import CONTEXT_DEFAULT, MAX_BODY, Item, context, decode_item, encode, is_json, parse_query, session, tenant, whole

type_ = "content-type"
TEXT = [(type_, "text/plain; charset=utf-8")]
JSON = [(type_, "application/json")]
NOT_FOUND = b'{"detail":"Not Found"}'
NOT_ALLOWED = b'{"detail":"Method Not Allowed"}'

Handler = Callable[[Any, Any], Coroutine[None, None, None]]


async def plain(scope: Any, protocol: Any) -> None:
    protocol.response_str(200, TEXT, "Hello, World!")


async def message(scope: Any, protocol: Any) -> None:
    protocol.response_bytes(200, JSON, encode({"message": "Hello, World!"}))


async def item(scope: Any, protocol: Any) -> None:
    hole = scope.path[7:]
    if not (hole.isascii() and hole.removeprefix("-").isdigit()):
        return protocol.response_bytes(404, JSON, NOT_FOUND)
    query = parse_query(scope.query_string)
    errors: list[dict[str, object]] = []
    page = whole(query, "page", 1, 1, None, errors)
    size = whole(query, "size", 20, 1, 100, errors)
    if errors:
        return protocol.response_bytes(422, JSON, encode({"detail": errors}))
    result = {"item_id": int(hole), "q": query.get("q"), "page": page, "size": size}
    protocol.response_bytes(200, JSON, encode(result))


async def body(scope: Any, protocol: Any) -> None:
    headers = scope.headers
    if not is_json(headers.get(type_)):
        return refuse(protocol, 415, "Unsupported Media Type")
    length = headers.get("content-length")
    if length is None:
        content = await read_chunks(protocol)
    else:
        content = await protocol() if int(length) <= MAX_BODY else None
    if content is None:
        return refuse(protocol, 413, "Payload Too Large")
    try:
        value: Item = decode_item(content)
    except msgspec.ValidationError as exc:
        fault = {"loc": ["body", *fields_of(exc)], "msg": str(exc), "type": "invalid"}
        return protocol.response_bytes(422, JSON, encode({"detail": [fault]}))
    except msgspec.DecodeError:
        return refuse(protocol, 400, "Bad Request")
    protocol.response_bytes(200, JSON, encode(value))


async def read_chunks(protocol: Any) -> bytes | None:
    parts = bytearray()
    async for chunk in protocol:
        parts += chunk
        if len(parts) > MAX_BODY:
            return None
    return bytes(parts)


async def deps(scope: Any, protocol: Any) -> None:
    query = parse_query(scope.query_string)
    errors: list[dict[str, object]] = []
    level = whole(query, "level", CONTEXT_DEFAULT, 0, None, errors)
    if errors:
        return protocol.response_bytes(422, JSON, encode({"detail": errors}))
    result = await context(await session(await tenant(level)))
    protocol.response_bytes(200, JSON, encode(result))


async def empty(scope: Any, protocol: Any) -> None:
    protocol.response_empty(204, [])


async def not_found(scope: Any, protocol: Any) -> None:
    protocol.response_bytes(404, JSON, NOT_FOUND)


async def not_allowed(scope: Any, protocol: Any) -> None:
    allow = ", ".join(methods_of(scope.path))
    protocol.response_bytes(405, [*JSON, ("allow", allow)], NOT_ALLOWED)


def refuse(protocol: Any, status: int, detail: str) -> None:
    protocol.response_bytes(status, JSON, encode({"detail": detail}))
