"""ASGI's lifespan messages, spoken for core's Lifespan. Knows the two events and nothing of what they start."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from velocipy.asgi.connection import Receive, Send
    from velocipy.lifespan import Served

logger: logging.Logger = logging.getLogger("velocipy")


async def serve_lifespan(lifespan: Served, receive: Receive, send: Send) -> None:
    """Start at `lifespan.startup`, stop at `lifespan.shutdown`; a failure is told to the server, which then ends."""
    await receive()
    try:
        await lifespan.start()
    except Exception as exc:
        await send({"type": "lifespan.startup.failed", "message": _report(exc)})
        return
    await send({"type": "lifespan.startup.complete"})
    try:
        await receive()
    except asyncio.CancelledError:  # a program that ends at Ctrl-C, and its server that tells nobody
        await lifespan.stop()
        raise
    try:
        await lifespan.stop()
    except Exception as exc:
        await send({"type": "lifespan.shutdown.failed", "message": _report(exc)})
        return
    await send({"type": "lifespan.shutdown.complete"})


def _report(exc: Exception) -> str:
    """What servers print: the traceback, whose last line is the message."""
    return "".join(traceback.format_exception(exc))
