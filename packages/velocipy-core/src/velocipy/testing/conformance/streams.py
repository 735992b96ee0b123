"""Cases: answers that are made while they are sent, and clients that leave. Each stands below the endpoints that it asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Annotated

from velocipy.exceptions import ClientDisconnected
from velocipy.handlers.markers import Depends
from velocipy.http.request import Request
from velocipy.http.response import Response
from velocipy.http.sse import EventSourceResponse, ServerSentEvent
from velocipy.http.streaming import StreamingResponse
from velocipy.routing.router import APIRouter
from velocipy.testing.conformance.case import Nonconforming, case, new_key, noted, plain, release, same
from velocipy.testing.conformance.notes import note, released
from velocipy.testing.conformance.target import ABORT, ask, header, request
from velocipy.testing.errors import ServerClosed

if TYPE_CHECKING:
    from velocipy.testing.conformance.target import Exchange, Target

RUSH = 200_000
"""Pieces of a hundred bytes that are sent without a pause; a server that hears nothing meanwhile is through in seconds."""

router: APIRouter = APIRouter()


@router.get("/steps/{key}")
async def steps(key: str) -> Response:
    """Chunks, each of which waits to be let go."""

    async def rows() -> AsyncIterator[str]:
        yield "first"
        await released(key)
        yield "second"

    return StreamingResponse(rows())


@router.get("/rows/{kind}")
async def rows(kind: str) -> Response:
    """Text and bytes, from an async and from a blocking generator."""
    pieces: list[str | bytes] = ["naïve ", b"", b"\xff\x00", "x" * 70_000]

    async def gently() -> AsyncIterator[str | bytes]:
        for piece in pieces:
            yield piece

    def blocking() -> Iterator[str | bytes]:
        yield from pieces

    return StreamingResponse(gently() if kind == "async" else blocking(), media_type="application/x-rows")


@router.get("/measured")
async def measured() -> Response:
    """A stream that says its length."""

    async def rows() -> AsyncIterator[bytes]:
        yield b"12345"
        yield b"67890"

    return StreamingResponse(rows(), headers={"content-length": "10"})


@router.get("/broken/{key}/{kind}")
async def broken(key: str, kind: str) -> Response:
    """A stream that fails in the middle; `declared` says a length, so that the client can tell."""

    async def rows() -> AsyncIterator[bytes]:
        try:
            yield b"12345"
            await released(key)
            raise LookupError("in the middle of a stream")
        finally:
            note(key, "closed")

    return StreamingResponse(rows(), headers={"content-length": "10"} if kind == "declared" else None)


@router.get("/endless/{key}")
async def endless(key: str) -> Response:
    """A stream that only its client's leaving ends."""

    async def rows() -> AsyncIterator[bytes]:
        note(key, "started")
        try:
            while True:
                yield b"x" * 1_000
                await asyncio.sleep(0.005)
        finally:
            note(key, "closed")

    return StreamingResponse(rows())


@router.get("/rushing/{key}")
async def rushing(key: str) -> Response:
    """A stream that never waits, and notes whether it got to its end."""

    async def rows() -> AsyncIterator[bytes]:
        try:
            for _ in range(RUSH):
                yield b"x" * 100
            note(key, "finished")
        finally:
            note(key, "closed")

    return StreamingResponse(rows())


@router.get("/sleeping/{key}")
async def sleeping(key: str) -> Response:
    """A stream that says something and then waits for what does not come."""

    async def rows() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.sleep(30)
        finally:
            note(key, "closed")

    return StreamingResponse(rows())


@router.get("/watching/{key}")
async def watching(key: str, request: Request) -> Response:
    """A stream that looks out for its client's leaving by itself, beside the stream's own look-out."""

    async def look_out() -> None:
        await request.disconnected()
        note(key, "left")

    async def rows() -> AsyncIterator[bytes]:
        looking = asyncio.ensure_future(look_out())
        yield b"first"
        try:
            await asyncio.sleep(30)
        finally:
            await asyncio.wait([looking], timeout=1)
            looking.cancel()
            note(key, "closed")

    return StreamingResponse(rows())


@router.get("/ending/{key}")
async def ending(key: str, request: Request) -> Response:
    """A stream that ends while somebody still looks out for its client's leaving."""

    async def look_out() -> None:
        try:
            await request.disconnected()
            note(key, "left")
        except asyncio.CancelledError:
            note(key, "cancelled")
            raise

    async def rows() -> AsyncIterator[bytes]:
        _looking.add(asyncio.ensure_future(look_out()))
        yield b"first"
        await asyncio.sleep(0.05)
        yield b"last"

    return StreamingResponse(rows())


_looking: set[asyncio.Task[None]] = set()
"""Tasks that outlive their request, which the loop alone would not keep."""


@router.get("/events/{key}")
async def events(key: str) -> Response:
    """Two events and a long time between them."""

    async def happen() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent({"naïve": "☃"}, event="first", id="1")
        await released(key)
        yield ServerSentEvent("two\nlines", id="2")

    return EventSourceResponse(happen(), heartbeat=0.2)


@router.post("/unread/{key}")
async def unread(key: str, request: Request) -> str:
    """An endpoint that works until its client leaves, and has not read the body before."""
    note(key, "started")
    await asyncio.wait_for(request.disconnected(), 10)
    note(key, "left")
    note(key, (await request.body()).decode())
    return "nobody reads this"


async def told(key: str) -> AsyncIterator[None]:
    """A dependency that sees why the endpoint ended."""
    try:
        yield
    except ClientDisconnected:
        note(key, "told")
        raise


@router.get("/cancelled/{key}", on_disconnect="cancel")
async def cancelled(key: str, _: Annotated[None, Depends(told)]) -> None:
    """An endpoint that is cancelled when its client leaves."""
    try:
        note(key, "started")
        await asyncio.sleep(30)
    finally:
        await asyncio.sleep(0.01)  # a second cancellation would end this too
        note(key, "cleaned up")


@router.get("/waiting/{key}")
async def waiting(key: str, request: Request) -> str:
    """An endpoint that works until its client leaves."""
    note(key, "started")
    await asyncio.wait_for(request.disconnected(), 10)
    note(key, "left")
    return "nobody reads this"


@router.get("/staying/{key}")
async def staying(key: str, request: Request) -> str:
    """Whether a client that only waits counts as one that left."""
    leaving = asyncio.ensure_future(request.disconnected())
    done, _ = await asyncio.wait({leaving}, timeout=0.2)
    leaving.cancel()
    return "gone" if done else "there"


async def rest(exchange: Exchange) -> bytes:
    """What is still to come of a body."""
    chunks: list[bytes] = []
    while (chunk := await exchange.chunk()) is not None:
        chunks.append(chunk)
    return b"".join(chunks)


async def breaks_off(target: Target, kind: str) -> None:
    """The head and the first chunk arrive, then the answer ends as broken."""
    key = new_key()
    exchange = await target.open(request("GET", f"/broken/{key}/{kind}"))
    await exchange.end()
    same("status", (await exchange.head()).status, 200)
    same("first chunk", await exchange.chunk(), b"12345")
    await release(target, key)
    try:
        more = await rest(exchange)
    except ServerClosed:
        await noted(target, key, "closed")
    else:
        raise Nonconforming(f"a stream that failed ended as if it were whole, after {more!r}")
    finally:
        await exchange.close()


@case()
async def streams_arrive_chunk_by_chunk(target: Target) -> None:
    """A chunk reaches the client while the generator still waits for what comes next."""
    key = new_key()
    exchange = await target.open(request("GET", f"/steps/{key}"))
    await exchange.end()
    same("status", (await exchange.head()).status, 200)
    same("first chunk, before the second is there", await exchange.chunk(), b"first")
    await release(target, key)
    same("the rest", await rest(exchange), b"second")
    await exchange.close()


@case()
async def streams_arrive_whole(target: Target) -> None:
    """Text and bytes of async and blocking generators arrive in order and whole, without a declared length."""
    for kind in ("async", "blocking"):
        reply = await ask(target, "GET", f"/rows/{kind}")
        same(
            f"{kind}: status and type",
            (reply.status, header(reply, "content-type")),
            (200, ["application/x-rows"]),
        )
        same(f"{kind}: body", reply.body, "naïve ".encode() + b"\xff\x00" + b"x" * 70_000)
        same(f"{kind}: content-length", header(reply, "content-length"), [])


@case()
async def a_stream_may_declare_its_length(target: Target) -> None:
    """A stream with a Content-Length sends that header once and exactly so many bytes."""
    plain("measured", await ask(target, "GET", "/measured"), 200, b"1234567890", "text/plain; charset=utf-8")


@case(ABORT)
async def a_failing_stream_breaks_off(target: Target) -> None:
    """An error in the middle of a stream closes the connection before the body's end, so that no client takes it for whole."""
    await breaks_off(target, "open")


@case()
async def a_failing_stream_with_a_length_breaks_off(target: Target) -> None:
    """The same where a length was declared, on every server: the client misses bytes. The generator is closed."""
    await breaks_off(target, "declared")


@case()
async def a_client_that_leaves_ends_the_stream(target: Target) -> None:
    """When the client leaves in the middle, the generator is closed, its `finally` included, within seconds."""
    key = new_key()
    exchange = await target.open(request("GET", f"/endless/{key}"))
    await exchange.end()
    await exchange.head()
    await exchange.chunk()
    await exchange.leave()
    await noted(target, key, "closed")
    await exchange.close()


@case()
async def a_stream_that_never_waits_ends_too(target: Target) -> None:
    """A generator that never gives way does not keep the server from hearing that its client has left."""
    key = new_key()
    exchange = await target.open(request("GET", f"/rushing/{key}"))
    await exchange.end()
    await exchange.head()
    await exchange.chunk()
    await exchange.leave()
    same("notes", await noted(target, key, "closed"), ["closed"])
    await exchange.close()


@case()
async def a_stream_that_sleeps_ends_at_once(target: Target) -> None:
    """A generator that waits is ended where it waits, once and within a second, when the client leaves."""
    key = new_key()
    exchange = await target.open(request("GET", f"/sleeping/{key}"))
    await exchange.end()
    await exchange.head()
    same("first chunk", await exchange.chunk(), b"first")
    await asyncio.sleep(0.05)
    await exchange.leave()
    same("notes", await noted(target, key, "closed", 1), ["closed"])
    await exchange.close()


@case()
async def a_stream_may_look_out_for_its_client_too(target: Target) -> None:
    """`request.disconnected()` returns in the middle of a stream, whose own end does not take the news away from it."""
    key = new_key()
    exchange = await target.open(request("GET", f"/watching/{key}"))
    await exchange.end()
    await exchange.head()
    same("first chunk", await exchange.chunk(), b"first")
    await asyncio.sleep(0.05)
    await exchange.leave()
    same("notes", await noted(target, key, "closed"), ["left", "closed"])
    await exchange.close()


@case()
async def a_whole_answer_is_no_leaving(target: Target) -> None:
    """Who still waits for the client to leave when the answer is complete is cancelled, and not told that it left."""
    key = new_key()
    same("body", (await ask(target, "GET", f"/ending/{key}")).body, b"firstlast")
    same("notes", await noted(target, key, "cancelled"), ["cancelled"])


@case()
async def events_arrive_one_by_one(target: Target) -> None:
    """Server-sent events arrive as they are made and exactly so, with comments between them while nothing happens."""
    key = new_key()
    exchange = await target.open(request("GET", f"/events/{key}"))
    await exchange.end()
    head = await exchange.head()
    same("type", header(head, "content-type"), ["text/event-stream"])
    same("cache-control", header(head, "cache-control"), ["no-store"])
    seen = b""
    while not seen.endswith(b"\n\n:\n\n:\n\n"):
        seen += await exchange.chunk() or b"the end"
    same("the first event", seen, 'event: first\nid: 1\ndata: {"naïve":"☃"}\n\n:\n\n:\n\n'.encode())
    await release(target, key)
    ending = (await rest(exchange)).removeprefix(b":\n\n")
    same("the second event", ending, b"id: 2\ndata: two\ndata: lines\n\n")
    await exchange.close()


@case()
async def a_body_that_nobody_read_hides_no_leaving(target: Target) -> None:
    """`request.disconnected()` returns although the request's body was not read, and leaves it to be read."""
    key = new_key()
    exchange = await target.open(request("POST", f"/unread/{key}", length=5))
    for piece in (b"12", b"34", b"5"):
        await exchange.send(piece)
        await asyncio.sleep(0.02)
    await exchange.end()
    await noted(target, key, "started")
    await exchange.leave()
    await noted(target, key, "left")
    same("notes", await noted(target, key, "12345"), ["started", "left", "12345"])
    await exchange.close()


@case()
async def work_is_cancelled_when_the_client_leaves(target: Target) -> None:
    """`on_disconnect="cancel"` cancels an endpoint whose client leaves, once, and awaits what it and its dependencies do then."""
    key = new_key()
    exchange = await target.open(request("GET", f"/cancelled/{key}"))
    await exchange.end()
    await noted(target, key, "started")
    await asyncio.sleep(0.05)
    await exchange.leave()
    same("notes", await noted(target, key, "told", 1), ["started", "cleaned up", "told"])
    await exchange.close()


@case()
async def a_waiting_endpoint_hears_that_the_client_left(target: Target) -> None:
    """`request.disconnected()` returns once the client has left, and not before."""
    key = new_key()
    exchange = await target.open(request("GET", f"/waiting/{key}"))
    await exchange.end()
    same("before it leaves", await noted(target, key, "started"), ["started"])
    await exchange.leave()
    await noted(target, key, "left")
    await exchange.close()


@case()
async def a_client_that_waits_is_there(target: Target) -> None:
    """`request.disconnected()` does not return while the client waits for its answer."""
    same("a client that waits", (await ask(target, "GET", f"/staying/{new_key()}")).body, b"there")
