"""The app of the tests of HTTP/2. Knows endpoints; does not know which server runs it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Any

from velocipy import EventSourceResponse, Request, Response, StreamingResponse, VelociPy

app = VelociPy(plugins=False)
notes: dict[str, list[Any]] = {}


@app.get("/notes/{name}")
async def notes_of(name: str) -> list[Any]:
    """What an endpoint wrote down."""
    return notes.get(name, [])


@app.get("/state")
async def state() -> dict[str, int]:
    """Which worker this is, and what it has to do."""
    return {"pid": os.getpid(), "tasks": len(asyncio.all_tasks())}


@app.route("/seen", methods=["GET", "POST"])
async def seen(request: Request) -> dict[str, Any]:
    """The request as the app sees it."""
    return {
        "method": request.method,
        "version": request.http_version,
        "host": request.host,
        "url": str(request.url),
        "headers": sorted(request.headers.items()),
        "cookies": request.cookies,
        "body": len(await request.body()),
    }


@app.post("/small", max_content_length=1_000)
async def small(request: Request) -> int:
    """A body that is soon too large."""
    return len(await request.body())


@app.get("/number/{number:int}")
async def number(number: int) -> str:
    """The later ones first."""
    await asyncio.sleep(0.2 - number * 0.003)
    return str(number)


@app.get("/rows/{count:int}")
async def rows(count: int) -> StreamingResponse:
    """Chunks of a kilobyte."""

    async def made() -> AsyncIterator[bytes]:
        for number in range(count):
            yield bytes([number % 256]) * 1_000

    return StreamingResponse(made())


@app.get("/endless/{name}")
async def endless(name: str) -> StreamingResponse:
    """Until the client has had enough."""
    heard = notes.setdefault(name, ["begun"])

    async def made() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 1_000
                await asyncio.sleep(0.01)
        finally:
            heard.append("left")

    return StreamingResponse(made())


@app.get("/events")
async def events() -> EventSourceResponse:
    """Two events."""

    async def happen() -> AsyncIterator[int]:
        yield 1
        yield 2

    return EventSourceResponse(happen())


@app.post("/upload/{name}")
async def upload(request: Request, name: str) -> int:
    """Notes how a body that comes by and by ends."""
    heard = notes.setdefault(name, [])
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
    except BaseException as exc:
        heard.append([size, type(exc).__name__])
        raise
    heard.append([size, "whole"])
    return size


@app.get("/own")
async def own() -> Response:
    """Headers of its own, two of one name, and one that only HTTP/1.1 knows."""
    response = Response("own", headers=[("x-own", "1"), ("x-own", "2"), ("X-Mixed", "Case")])
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


@app.get("/hop")
async def hop() -> Response:
    """What no app may send."""
    return Response("hop", headers={"connection": "close"})


@app.get("/empty/{status:int}")
async def empty(status: int) -> Response:
    """No body."""
    return Response(b"", status)
