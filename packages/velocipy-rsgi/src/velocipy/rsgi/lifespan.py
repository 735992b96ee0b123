"""RSGI's init and del calls, answered for core's Lifespan. Knows loops that run and loops that do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from velocipy.lifespan import Served


def start(lifespan: Served, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
    """Start before the first request. Servers call this with the loop still; what start-up raises ends the worker.

    Embedded servers call it from inside the loop that will serve: there it is begun, and requests wait for its end.
    """
    if loop.is_running():
        return lifespan.start_soon(loop)
    loop.run_until_complete(lifespan.start())
    return None


def stop(lifespan: Served, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
    """Stop after the last request, with the loop open and still, or running where the server is embedded."""
    if loop.is_running():
        return lifespan.stop_soon(loop)
    loop.run_until_complete(lifespan.stop())
    return None
