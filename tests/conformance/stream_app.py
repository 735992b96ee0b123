"""Streams to be left, broken and read slowly, for tests over sockets. Knows our app; knows no server."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

from velocipy import StreamingResponse, VelociPy
from velocipy.http.sse import EventSourceResponse

CHUNK = b"x" * 65_536

app = VelociPy()
closed: Counter[str] = Counter()


async def counted(name: str, pause: float, then: str) -> AsyncIterator[bytes]:
    """Ten bytes, a pause, and then what is asked for; its closing is counted."""
    try:
        yield b"0123456789"
        await asyncio.sleep(pause)
        if then == "fail":
            raise LookupError(f"half-way through {name}")
        yield b"the end"
    finally:
        closed[name] += 1


@app.get("/stream/{name}/{pause:float}/{then}")
async def stream(name: str, pause: float, then: str) -> StreamingResponse:
    """A stream of bytes."""
    return StreamingResponse(counted(name, pause, then))


@app.get("/events/{name}")
async def events(name: str) -> EventSourceResponse:
    """Events, the second of which does not come."""

    async def happen() -> AsyncIterator[str]:
        try:
            yield "first"
            await asyncio.sleep(60)
        finally:
            closed[name] += 1

    return EventSourceResponse(happen(), heartbeat=0.3)


@app.get("/much/{count:int}")
async def much(count: int) -> StreamingResponse:
    """Chunks of 64 KiB as fast as they go."""

    async def rows() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield CHUNK

    return StreamingResponse(rows(), bulk=True)


@app.get("/closed/{name}")
async def count_closed(name: str) -> int:
    """How often the iterator of that name was closed."""
    return closed[name]


@app.get("/tasks")
async def count_tasks() -> int:
    """Tasks of the loop, this request's among them."""
    return len(asyncio.all_tasks())
