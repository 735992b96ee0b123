"""Cases: what an app sets up before its first request and takes down after its last. Stands below the endpoint that it asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from velocipy.http.request import Request
from velocipy.routing.router import APIRouter
from velocipy.testing.conformance.case import case, json_of, same
from velocipy.testing.conformance.target import STOP, ask

if TYPE_CHECKING:
    from velocipy.testing.conformance.target import Target

router: APIRouter = APIRouter()


@router.get("/started")
async def started(request: Request) -> list[object]:
    """What the lifespan left: how often it started, and whether it ran in the loop that serves."""
    state = request.app.state
    return [state.get("starts"), state.get("loop") is asyncio.get_running_loop()]


@case()
async def the_lifespan_starts_once_before_requests(target: Target) -> None:
    """The lifespan has run to its yield, once and in the serving loop, before any request; what it yields is app.state."""
    for _ in range(2):
        same("starts, loop", json_of("started", await ask(target, "GET", "/started")), [1, True])


@case(STOP)
async def the_lifespan_stops_once(target: Target) -> None:
    """Stopping the server runs the lifespan to its end, once, after its start."""
    await ask(target, "GET", "/started")
    same("what the lifespan noted", list(await target.stop()), ["start", "stop"])
