"""An app with one of everything that may be open when its server is told to stop; each notes in a file what became of it.

Served by itself, in a process that ends: cases 137, 138, 139, 142 and 144.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from velocipy import BackgroundTasks, Request, StreamingResponse, VelociPy, WebSocket
from velocipy.exceptions import WebSocketDisconnect
from velocipy.middleware import RequestIDMiddleware

JOURNAL = Path(os.environ["STOPPING_JOURNAL"])


def note(text: str) -> None:
    with JOURNAL.open("a") as journal:
        journal.write(f"{text}\n")


@asynccontextmanager
async def lifespan(app: VelociPy) -> AsyncIterator[dict[str, bool]]:
    note("lifespan starts")
    if "STOPPING_FAILS" in os.environ:
        raise RuntimeError("the database is not there")
    yield {"up": True}
    app.state["up"] = False
    note("lifespan stops")


app = VelociPy(lifespan=lifespan, plugins=False, shutdown_grace=2.5, middleware=[RequestIDMiddleware()])


def make() -> VelociPy:
    """The same, for servers that call what makes an app."""
    note(f"made in {os.getpid()}")
    return app


@app.get("/up")
async def up(request: Request) -> list[object]:
    """Whether the lifespan is there, and in which process."""
    return [request.app.state.get("up", False), os.getpid()]


@app.get("/slow")
async def slow() -> str:
    note("slow begins")
    await asyncio.sleep(0.7)
    return "slow but whole"


@app.get("/stream/{seconds:float}")
async def stream(seconds: float) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        note(f"stream of {seconds} begins")
        try:
            for _ in range(int(seconds / 0.1)):
                yield b"part\n"
                await asyncio.sleep(0.1)
            yield b"end\n"
            note(f"stream of {seconds} is whole")
        finally:
            note(f"stream of {seconds} is closed")

    return StreamingResponse(parts())


@app.websocket("/ws")
async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        await websocket.receive()
    except WebSocketDisconnect:
        note("websocket is disconnected")
        raise


@app.get("/background")
async def background(tasks: BackgroundTasks) -> str:
    async def work() -> None:
        await asyncio.sleep(0.5)
        note("background task is done")

    tasks.add_task(work)
    return "begun"
