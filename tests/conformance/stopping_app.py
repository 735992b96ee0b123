"""An app with one of everything that may be open when its server is told to stop; each notes in a file what became of it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from velocipy import BackgroundTasks, StreamingResponse, VelociPy, WebSocket
from velocipy.exceptions import WebSocketDisconnect

JOURNAL = Path(os.environ["STOPPING_JOURNAL"])


def note(text: str) -> None:
    with JOURNAL.open("a") as journal:
        journal.write(f"{text}\n")


@asynccontextmanager
async def lifespan(app: VelociPy) -> AsyncIterator[None]:
    note("lifespan starts")
    yield
    note("lifespan stops")


app = VelociPy(lifespan=lifespan, plugins=False, shutdown_grace=1.5)


@app.get("/slow")
async def slow() -> str:
    await asyncio.sleep(0.7)
    return "slow but whole"


@app.get("/stream/{seconds:float}")
async def stream(seconds: float) -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
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
