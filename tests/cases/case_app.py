"""The app that the cases are sent to: /plain, /state, /tally, and the routes of each group. Knows no server and no test.

A case that needs an endpoint of its own adds it to the module of its group, each an APIRouter or an app that is mounted here; a VelociPy app that is mounted takes the settings of this one.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import case_answers
import case_bodies
import case_files
import case_heads
import case_sockets
from case_tally import TALLY

from velocipy import VelociPy

app = VelociPy(plugins=False, max_content_length=case_bodies.LIMIT, trailing_slash="redirect")


@app.get("/plain")
async def plain() -> str:
    return "plain"


@app.get("/state")
async def state() -> Any:
    """What a case must leave as it found it."""
    return {"pid": os.getpid(), "files": len(os.listdir("/proc/self/fd")), "tasks": len(tasks())}


def tasks() -> list[Any]:
    """Tasks, but for those of Hypercorn's connections: of one that was cut with bytes unread it keeps its own for ever."""
    return [task for task in asyncio.all_tasks() if "_server_callback" not in repr(task.get_coro())]


@app.get("/tally")
async def tally() -> Any:
    """How often what came to its end."""
    return dict(TALLY)


app.include_router(case_heads.router)
app.include_router(case_answers.router)
app.include_router(case_bodies.router)
app.include_router(case_sockets.router)
app.mount("/trusted", case_heads.trusted)
app.mount("/debug", case_answers.debug_page)
app.mount("/static", case_files.static)
app.mount("/visited", case_sockets.visited)
