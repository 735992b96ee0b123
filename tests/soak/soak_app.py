"""The app of the soak and of the idle WebSockets: one of everything that could leak. Knows endpoints; does not know its server."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Annotated

from velocipy import (
    BackgroundTasks,
    Depends,
    EventSourceResponse,
    File,
    FileResponse,
    Form,
    Request,
    StreamingResponse,
    UploadFile,
    VelociPy,
    WebSocket,
)

app = VelociPy(plugins=False)
open_now = {"dependencies": 0, "streams": 0, "sockets": 0}
"""What was entered and not left again."""

_file = tempfile.NamedTemporaryFile(suffix=".bin")
_file.write(bytes(range(256)) * 256)
_file.flush()


@dataclass
class Item:
    """A JSON body."""

    name: str
    price: float
    tags: list[str] = field(default_factory=list)


async def session() -> AsyncIterator[str]:
    """A dependency with a teardown."""
    open_now["dependencies"] += 1
    try:
        yield "session"
    finally:
        open_now["dependencies"] -= 1


class _Heaps(ctypes.Structure):
    """`struct mallinfo2` of glibc 2.33 and later, over all heaps: what is mapped by itself, and what is in use."""

    _fields_ = [
        (name, ctypes.c_size_t)
        for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    ]  # fmt: skip


def _heaps() -> int:
    """Bytes of the C library's heaps that are in use; 0 where it cannot say."""
    try:
        mallinfo2 = ctypes.CDLL(None).mallinfo2
    except AttributeError:
        return 0
    mallinfo2.restype = _Heaps
    told = mallinfo2()
    return int(told.uordblks + told.hblkhd)


@app.get("/report")
async def report() -> dict[str, int]:
    """What must not grow."""
    gc.collect()
    with open("/proc/self/statm") as statm:
        pages = int(statm.read().split()[1])
    return {
        "rss": pages * os.sysconf("SC_PAGE_SIZE"),
        "heaps": _heaps(),
        "blocks": sys.getallocatedblocks(),
        "tasks": len(asyncio.all_tasks()),
        "files": len(os.listdir("/proc/self/fd")),
        **open_now,
    }


@app.get("/json/{number}")
async def message(number: int, session: Annotated[str, Depends(session)], page: int = 1) -> dict[str, object]:
    """A typed endpoint with a dependency."""
    return {"number": number, "page": page, "session": session}


@app.post("/body")
async def body(item: Item, tasks: BackgroundTasks) -> Item:
    """A JSON body, and work after the answer."""
    tasks.add_task(asyncio.sleep, 0)
    return item


@app.post("/small", max_content_length=1_000)
async def small(request: Request) -> int:
    """A body that is soon too large."""
    return len(await request.body())


@app.post("/chunks")
async def chunks(request: Request) -> int:
    """A body that is read as it comes."""
    return sum([len(chunk) async for chunk in request.stream()])


@app.post("/form")
async def form(title: Annotated[str, Form()], file: Annotated[UploadFile, File()]) -> dict[str, object]:
    """A form with a file."""
    return {"title": title, "size": len(await file.read())}


@app.get("/stream/{count}/{pause}")
async def stream(count: int, pause: float, session: Annotated[str, Depends(session)]) -> StreamingResponse:
    """Chunks of a kilobyte with pauses between them; the dependency stays open until the last."""

    async def rows() -> AsyncIterator[bytes]:
        open_now["streams"] += 1
        try:
            for _ in range(count):
                yield b"x" * 1_000
                if pause:
                    await asyncio.sleep(pause)
        finally:
            open_now["streams"] -= 1

    return StreamingResponse(rows())


@app.get("/blocking")
async def blocking() -> StreamingResponse:
    """A stream from a blocking generator."""

    def rows() -> Iterator[str]:
        open_now["streams"] += 1
        try:
            yield from ("a", "b", "c")
        finally:
            open_now["streams"] -= 1

    return StreamingResponse(rows())


@app.get("/events")
async def events() -> EventSourceResponse:
    """Three events."""

    async def happen() -> AsyncIterator[int]:
        open_now["streams"] += 1
        try:
            for number in range(3):
                yield number
                await asyncio.sleep(0.002)
        finally:
            open_now["streams"] -= 1

    return EventSourceResponse(happen())


@app.get("/file")
async def file() -> FileResponse:
    """64 KiB from the disk."""
    return FileResponse(_file.name)


@app.get("/slow", on_disconnect="cancel")
async def slow(session: Annotated[str, Depends(session)]) -> str:
    """Work that is cancelled when nobody waits for it."""
    await asyncio.sleep(0.02)
    return session


@app.get("/fail")
async def fail() -> None:
    """An error, on purpose."""
    raise LookupError("on purpose")


@app.websocket("/ws")
async def echo(websocket: WebSocket) -> None:
    """Sends back what comes."""
    open_now["sockets"] += 1
    try:
        await websocket.accept()
        async for received in websocket:
            await websocket.send(received)
    finally:
        open_now["sockets"] -= 1
