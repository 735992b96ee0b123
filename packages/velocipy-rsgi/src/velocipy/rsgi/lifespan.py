"""RSGI's init and del calls, answered for core's Lifespan. Knows loops that run and loops that do not."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from velocipy.lifespan import Lifespan


def start(lifespan: Lifespan, loop: asyncio.AbstractEventLoop) -> None:
    """Start before the first request. Servers call this with the loop still; what start-up raises ends the worker."""
    _run(lifespan.start(), loop)


def stop(lifespan: Lifespan, loop: asyncio.AbstractEventLoop) -> None:
    """Stop after the last request, with the loop still open and still."""
    _run(lifespan.stop(), loop)


def _run(work, loop: asyncio.AbstractEventLoop) -> None:  # type: ignore[no-untyped-def]
    if loop.is_running():
        loop.create_task(work)  # embedded servers call from inside the loop that will serve
    else:
        loop.run_until_complete(work)
