"""The app that every case asks: all endpoints of the kit, and a lifespan that keeps a journal. Knows no adapter."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from velocipy.app import VelociPy
from velocipy.testing.conformance import (
    answers,
    bodies,
    hostile,
    lifecycle,
    notes,
    requests,
    sockets,
    streams,
)

PARTS = (requests, bodies, answers, streams, sockets, hostile, lifecycle, notes)


def make_app(journal: Callable[[str], None]) -> VelociPy:
    """A new app. `journal` is called with "start" and "stop" when its lifespan gets there."""

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncGenerator[dict[str, Any], None]:
        await asyncio.sleep(0.01)  # a start-up that is not awaited would lose to the first request
        journal("start")
        with tempfile.TemporaryDirectory(prefix="velocipy-conformance-") as folder:
            for name, data in answers.FILES.items():
                Path(folder, name).write_bytes(data)
            starts = app.state.get("starts", 0) + 1
            yield {"files": Path(folder), "starts": starts, "loop": asyncio.get_running_loop()}
        journal("stop")

    app = VelociPy("conformance", lifespan=lifespan)
    for part in PARTS:
        app.include_router(part.router)
    return app
