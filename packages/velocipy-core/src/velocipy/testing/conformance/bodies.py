"""Cases: request bodies, whole, in pieces, too long and cut off. Each stands below the endpoints that it asks."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

from velocipy.exceptions import ClientDisconnected
from velocipy.http.request import Request
from velocipy.http.response import Response
from velocipy.routing.router import APIRouter
from velocipy.testing.conformance.case import case, json_of, new_key, noted, notes, plain, same
from velocipy.testing.conformance.notes import note
from velocipy.testing.conformance.target import ask, request, send, whole

if TYPE_CHECKING:
    from velocipy.testing.conformance.target import Target

LIMIT = 64
TOO_LARGE = b'{"detail":"Payload Too Large"}'
LONG = bytes(range(256)) * 1_024

FRAMINGS: tuple[dict[str, Any], ...] = ({"length": 200}, {"chunked": True})

router: APIRouter = APIRouter()


@router.post("/body")
async def body(request: Request) -> dict[str, Any]:
    """The whole body, asked for twice."""
    data = await request.body()
    return {
        "length": len(data),
        "digest": hashlib.sha256(data).hexdigest(),
        "again": await request.body() == data,
    }


@router.post("/streamed-body")
async def streamed_body(request: Request) -> dict[str, Any]:
    """The body as it arrives."""
    chunks = [chunk async for chunk in request.stream()]
    data = b"".join(chunks)
    return {"length": len(data), "digest": hashlib.sha256(data).hexdigest(), "again": all(chunks)}


@router.post("/limited/{key}", max_content_length=LIMIT)
async def limited(key: str, item: dict[Any, Any]) -> Any:  # what is bound to a JSON object
    """A JSON body, read by the adapter's expression."""
    note(key, "reached")
    return item


@router.post("/limited-stream/{key}", max_content_length=LIMIT)
async def limited_stream(key: str, request: Request) -> Response:
    """A body whose size is looked at while it arrives."""
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        note(key, total)
    return Response(str(total))


@router.post("/uploads/{how}/{key}")
async def upload(how: str, key: str, request: Request) -> str:
    """Says what becomes of a body that does not come to its end."""
    try:
        if how == "whole":
            await request.body()
        else:
            async for chunk in request.stream():
                note(key, f"chunk of {len(chunk)}")
    except ClientDisconnected:
        note(key, "cut")
        raise
    note(key, "complete")
    return "complete"


@router.post("/items/{key}")
async def add_item(key: str, item: dict[Any, Any]) -> str:
    """An endpoint that must not see half a body."""
    note(key, "reached")
    return "stored"


def described(data: bytes) -> dict[str, Any]:
    """What `/body` and `/streamed-body` answer to these bytes."""
    return {"length": len(data), "digest": hashlib.sha256(data).hexdigest(), "again": True}


def item_of(size: int) -> bytes:
    """A JSON object of exactly so many bytes."""
    return b'{"a":"' + b"x" * (size - 8) + b'"}'


@case()
async def bodies_arrive_whole(target: Target) -> None:
    """A body with a Content-Length arrives byte for byte, whether it is empty, short or long, and can be asked for twice."""
    for data in (b"", b"hello", LONG):
        for path in ("/body", "/streamed-body"):
            same(
                f"{path}, {len(data)} bytes",
                json_of(path, await ask(target, "POST", path, body=data)),
                described(data),
            )


@case()
async def chunked_bodies_arrive_whole(target: Target) -> None:
    """A chunked body arrives byte for byte, without empty chunks, in whatever pieces it was sent."""
    for path in ("/body", "/streamed-body"):
        exchange = await target.open(request("POST", path, chunked=True))
        for piece in (b"a", b"bc" * 5_000, LONG, b"d"):
            await exchange.send(piece)
        await exchange.end()
        same(path, json_of(path, await whole(exchange)), described(b"a" + b"bc" * 5_000 + LONG + b"d"))


@case()
async def a_declared_length_over_the_limit_is_413(target: Target) -> None:
    """A Content-Length over `max_content_length` answers 413 before a byte of the body is there; the limit itself passes."""
    json = ("content-type", "application/json")
    for path in ("/limited", "/limited-stream"):
        key = new_key()
        exchange = await target.open(request("POST", f"{path}/{key}", json, length=LIMIT + 1))
        head = await exchange.head()
        same(f"{path} over the limit", head.status, 413)
        await exchange.close()
        same("notes of the endpoint", await notes(target, key), [])
        fits = await ask(target, "POST", f"{path}/{key}", json, body=item_of(LIMIT))
        same(f"{path} at the limit", fits.status, 200)


@case()
async def a_chunked_body_is_counted(target: Target) -> None:
    """A body without a declared length answers 413 at the byte that is too many; the limit itself passes."""
    for path in ("/limited", "/limited-stream"):
        key = new_key()
        asked = request("POST", f"{path}/{key}", ("content-type", "application/json"), chunked=True)
        same(f"{path} at the limit", (await send(target, asked, item_of(LIMIT))).status, 200)
        plain(path, await send(target, asked, item_of(LIMIT + 1)), 413, TOO_LARGE, "application/json")


@case()
async def an_endless_body_ends_at_the_limit(target: Target) -> None:
    """A client that goes on sending is answered 413 at the limit, and what lies over it never reaches the endpoint."""
    key = new_key()
    exchange = await target.open(request("POST", f"/limited-stream/{key}", chunked=True))
    await exchange.send(b"x" * LIMIT)
    await noted(target, key, str(LIMIT))
    await exchange.send(b"y")
    head = await exchange.head()
    same("status", head.status, 413)
    await exchange.close()
    same("what the endpoint saw", (await notes(target, key))[-1], str(LIMIT))


@case()
async def a_cut_body_never_reaches_the_endpoint(target: Target) -> None:
    """A body that breaks off is no short body: the endpoint does not run, though what came is a whole JSON text."""
    for framing in FRAMINGS:
        key = new_key()
        asked = request("POST", f"/items/{key}", ("content-type", "application/json"), **framing)
        await cut_off(target, asked, b'{"a":1}')
        same("still served", (await ask(target, "POST", f"/items/{new_key()}", body=b"{}")).status, 415)
        await noted_nothing(target, key)


@case()
async def a_cut_body_is_a_disconnect(target: Target) -> None:
    """Who reads a body that breaks off, in one piece or in many, gets ClientDisconnected, never an end."""
    for how in ("whole", "stream"):
        for framing in FRAMINGS:
            key = new_key()
            await cut_off(target, request("POST", f"/uploads/{how}/{key}", **framing), b"some of it")
            seen = await noted(target, key, "cut")
            same(f"{how}, {framing}: complete", "complete" in seen, False)


async def cut_off(target: Target, asked: Any, part: bytes) -> None:
    """Send a part of a body and lose the connection."""
    exchange = await target.open(asked)
    await exchange.send(part)
    await exchange.leave()
    await exchange.close()


async def noted_nothing(target: Target, key: str) -> None:
    """Nothing was noted, and a moment later neither: a server needs a few turns of its loop to tell the app."""
    await asyncio.sleep(0.1)
    same("notes", await notes(target, key), [])
