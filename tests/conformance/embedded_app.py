"""An app whose start-up and shutdown take a while, each noted in a file; served by a Granian that is embedded."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from velocipy import VelociPy, WebSocket
from velocipy.http.sse import EventSourceResponse

JOURNAL = Path(os.environ["EMBEDDED_JOURNAL"])
HOW = os.environ.get("EMBEDDED_HOW", "")


def note(text: str) -> None:
    with JOURNAL.open("a") as journal:
        journal.write(f"{text}\n")


@asynccontextmanager
async def lifespan(app: VelociPy) -> AsyncIterator[dict[str, Any]]:
    note("starts")
    await asyncio.sleep(0.4)
    if HOW == "fails":
        raise LookupError("no database")
    note("started")
    yield {"answer": 42}
    note("stops")
    async with asyncio.timeout(5):
        await asyncio.sleep(0.2)
    try:
        async with asyncio.timeout(0.1):
            await asyncio.sleep(60)
    except TimeoutError:
        note("timeouts work")
    note("stopped")


app = VelociPy(lifespan=lifespan, plugins=False)


@app.get("/")
async def show() -> Any:
    note("request")
    return app.state.answer


@app.get("/events")
async def events() -> EventSourceResponse:
    async def ticks() -> AsyncIterator[str]:
        try:
            while True:
                yield "tick"
                await asyncio.sleep(0.05)
        finally:
            note("events are closed")

    return EventSourceResponse(ticks())


@app.websocket("/ws")
async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(f"{await websocket.receive_text()} {app.state.answer}")
    finally:  # a disconnect, or the end of the program that was faster
        note("websocket is closed")
