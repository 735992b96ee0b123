"""Cases: what an app must not send, and what becomes of it. Each stands below the endpoints that it asks.

Every value here once killed a worker or put a connection out of step on some server. After each, the next request on the same
connection is answered right and the process is the same one.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from velocipy.exceptions import HTTPException
from velocipy.http.response import Response
from velocipy.http.streaming import StreamingResponse
from velocipy.routing.router import APIRouter
from velocipy.testing.conformance.answers import SERVER_ERROR
from velocipy.testing.conformance.case import (
    Nonconforming,
    case,
    holds,
    new_key,
    plain,
    refusal,
    release,
    same,
)
from velocipy.testing.conformance.notes import released
from velocipy.testing.conformance.target import Closing, ask, handshake, request
from velocipy.testing.errors import ServerClosed
from velocipy.websocket import WebSocket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from velocipy.testing.conformance.target import Target

router: APIRouter = APIRouter()

STATUSES: tuple[Any, ...] = (0, 1, 99, 100, 101, 199, 600, 999, 1000, 65_536, -1, "200", None, 200.0, True)

HEADERS: tuple[tuple[Any, Any], ...] = (
    ("", "v"),
    ("a b", "v"),
    ("a:b", "v"),
    ("a\r\nb", "v"),
    ("a\0", "v"),
    ("é", "v"),
    ("x", "a\r\nset-cookie: evil=1"),
    ("x", "a\nb"),
    ("x", "a\0b"),
    ("x", "é"),
    ("x", "€"),
    ("x", 7),
    ("x", None),
    ("x", b"v"),
    ("connection", "close"),
    ("keep-alive", "timeout=1"),
    ("transfer-encoding", "chunked"),
    ("upgrade", "h2c"),
    ("te", "trailers"),
    ("content-length", "abc"),
    ("content-length", "-1"),
    ("content-length", "+4"),
    ("content-length", "4, 4"),
)

LENGTHS = (("3",), ("5",), ("0",), ("99999999999999999999",), ("4", "5"))
"""Content-Lengths for a body of four bytes."""

BODYLESS = (204, 205, 304)

CLOSES: tuple[Any, ...] = (0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65_536, -1, "1000", None)
"""Close codes that no endpoint may send (RFC 6455 section 7.4)."""


@router.get("/pid")
async def pid() -> int:
    """The process that serves this."""
    return os.getpid()


@router.get("/hostile/status/{index:int}")
async def hostile_status(index: int) -> Response:
    """A status that must not be sent, given at once."""
    return Response(b"body", STATUSES[index])


@router.get("/hostile/later-status/{index:int}")
async def later_status(index: int) -> Response:
    """The same, set later."""
    response = Response(b"body")
    response.status_code = STATUSES[index]
    return response


@router.get("/hostile/raised-status/{index:int}")
async def raised_status(index: int) -> None:
    """The same, raised."""
    raise HTTPException(STATUSES[index])


@router.get("/hostile/streamed-status/{index:int}")
async def streamed_status(index: int) -> Response:
    """The same, with a stream."""
    return StreamingResponse(iter([b"body"]), STATUSES[index])


@router.get("/hostile/header/{index:int}")
async def hostile_header(index: int) -> Response:
    """A header that must not be sent."""
    name, value = HEADERS[index]
    return Response(b"body", headers=[(name, value)])


@router.get("/hostile/later-header/{index:int}")
async def later_header(index: int) -> Response:
    """The same, set later."""
    name, value = HEADERS[index]
    response = Response(b"body")
    response.headers[name] = value
    return response


@router.get("/hostile/given-header/{index:int}")
async def given_header(index: int, response: Response) -> None:
    """The same, on the Response that the endpoint asked for."""
    name, value = HEADERS[index]
    response.headers[name] = value


@router.get("/hostile/length/{index:int}")
async def hostile_length(index: int) -> Response:
    """A Content-Length that is not the body's."""
    response = Response(b"body")
    for value in LENGTHS[index]:
        response.headers.add("content-length", value)
    return response


@router.get("/hostile/stream-length/{key}")
async def stream_length(key: str) -> Response:
    """A stream that gives more than it declares."""

    async def rows() -> AsyncIterator[bytes]:
        yield b"1234"
        await released(key)
        yield b"5678"

    return StreamingResponse(rows(), headers={"content-length": "6"})


@router.get("/hostile/body/{code:int}")
async def hostile_body(code: int) -> Response:
    """A body where none may be."""
    return Response(b"body", code)


@router.websocket("/hostile/closing/{when}/{index:int}")
async def hostile_closing(websocket: WebSocket, when: str, index: int) -> None:
    """A close code that must not be sent."""
    if when == "late":
        await websocket.accept()
    await websocket.close(CLOSES[index])


@router.websocket("/hostile/denial/{index:int}")
async def hostile_denial(websocket: WebSocket, index: int) -> None:
    """A status that is no refusal."""
    await websocket.deny(STATUSES[index])


@router.websocket("/hostile/accepting-twice")
async def accepting_twice(websocket: WebSocket) -> None:
    """Two accepts, which kill a Granian worker."""
    await websocket.accept()
    await websocket.accept()


async def process(target: Target) -> bytes:
    """The pid of who serves; a server that is gone cannot say it."""
    reply = await ask(target, "GET", "/pid")
    same("GET /pid", reply.status, 200)
    return reply.body


async def answered_500(target: Target, path: str) -> None:
    """The answer is our bare 500, and the next one on the connection is in step."""
    replies = await target.pipeline([(request("GET", path), b""), (request("GET", "/pid"), b"")])
    plain(path, replies[0], 500, SERVER_ERROR, "application/json")
    same(f"{path}: replies on the connection", len(replies), 2)
    same(f"after {path}", replies[1].body, await process(target))


async def survived(target: Target, paths: list[str]) -> None:
    """Each path answers a bare 500, and the process stays the same."""
    before = await process(target)
    for path in paths:
        await answered_500(target, path)
    same("the process", await process(target), before)


@case()
async def impossible_statuses_are_500(target: Target) -> None:
    """A status outside 200-599, or none at all, is a 500 wherever it is set, and never reaches the server."""
    kinds = ("status", "later-status", "raised-status", "streamed-status")
    await survived(target, [f"/hostile/{kind}/{index}" for kind in kinds for index in range(len(STATUSES))])


@case()
async def impossible_headers_are_500(target: Target) -> None:
    """A header that is no header, would split the answer, or belongs to the connection is a 500 wherever it is set."""
    kinds = ("header", "later-header", "given-header")
    await survived(target, [f"/hostile/{kind}/{index}" for kind in kinds for index in range(len(HEADERS))])


@case()
async def wrong_lengths_are_500(target: Target) -> None:
    """A Content-Length that is not the body's is a 500: never a byte more or less than was declared."""
    await survived(target, [f"/hostile/length/{index}" for index in range(len(LENGTHS))])


@case()
async def bodies_where_none_may_be_are_500(target: Target) -> None:
    """A body with 204, 205 or 304 is a 500: the next answer on the connection would begin with it."""
    await survived(target, [f"/hostile/body/{code}" for code in BODYLESS])


@case()
async def a_stream_over_its_length_breaks_off(target: Target) -> None:
    """A stream that gives more than it declared is broken off before the declared length is reached."""
    before, key = await process(target), new_key()
    exchange = await target.open(request("GET", f"/hostile/stream-length/{key}"))
    await exchange.end()
    same("status", (await exchange.head()).status, 200)
    same("first chunk", await exchange.chunk(), b"1234")
    await release(target, key)
    try:
        more = await exchange.chunk()
    except ServerClosed:
        more = None
    else:
        raise Nonconforming(f"the stream was not broken off but went on with {more!r}")
    finally:
        await exchange.close()
    same("the process", await process(target), before)


@case()
async def control_characters_in_paths_do_no_harm(target: Target) -> None:
    """Escaped NUL and line breaks in a path are data for the endpoint or a refusal, never a header of the answer."""
    before = await process(target)
    for path in ("/mirror/x%00y", "/mirror/%0d%0aset-cookie:%20evil=1", "/mirror/a%zz"):
        reply = await ask(target, "GET", path)
        holds(f"{path} answered {reply.status}", reply.status in (200, 400, 404))
        same(f"{path}: cookies", [value for name, value in reply.headers if name == b"set-cookie"], [])
    same("the process", await process(target), before)


@case()
async def impossible_closes_do_no_harm(target: Target) -> None:
    """A close code or a refusal's status that must not be sent, and a second accept, end that WebSocket and nothing else."""
    before = await process(target)
    early = [f"/hostile/closing/early/{index}" for index in range(len(CLOSES))]
    for path in [*early, *(f"/hostile/denial/{index}" for index in range(len(STATUSES)))]:
        status = await refusal(target, path)
        holds(f"{path} was refused with {status}", status in (403, 500))
    late = [f"/hostile/closing/late/{index}" for index in range(len(CLOSES))]
    for path in [*late, "/hostile/accepting-twice"]:
        socket = await target.open_socket(handshake(path))
        end = await socket.receive()
        holds(f"{path} ended with {end!r}", isinstance(end, Closing) and end.code in (1005, 1011))
        await socket.leave()
    same("the process", await process(target), before)
