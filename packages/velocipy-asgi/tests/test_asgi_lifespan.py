"""ASGI's lifespan messages: the order of events, and what a server is told when something fails."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from velocipy import VelociPy

Message = MutableMapping[str, Any]


def exchange(app: VelociPy, *, shut_down: bool = True) -> list[Message]:
    """What the app answers to startup and, if it started, to shutdown."""
    sent: list[Message] = []

    async def run() -> None:
        events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]

        async def receive() -> Message:
            if len(events) == 1 and not shut_down:
                await asyncio.Event().wait()
            return events.pop(0)

        async def send(message: Message) -> None:
            sent.append(message)

        await asyncio.wait_for(app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send), 5)

    asyncio.run(run())
    return sent


def failing(where: str) -> VelociPy:
    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        if where == "start":
            raise LookupError("no database")
        yield
        if where == "stop":
            raise LookupError("cannot let go")

    return VelociPy(lifespan=lifespan)


def test_both_events_are_answered_with_and_without_a_lifespan() -> None:
    complete = [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]
    assert exchange(VelociPy()) == complete
    assert exchange(failing("nowhere")) == complete


def test_a_failing_start_is_told_with_its_traceback_and_ends_there() -> None:
    (message,) = exchange(failing("start"))
    assert message["type"] == "lifespan.startup.failed"
    assert message["message"].rstrip().endswith("LookupError: no database")
    assert "test_asgi_lifespan.py" in message["message"]


def test_a_failing_stop_is_told_with_its_traceback() -> None:
    started, stopped = exchange(failing("stop"))
    assert started["type"] == "lifespan.startup.complete"
    assert stopped["type"] == "lifespan.shutdown.failed"
    assert stopped["message"].rstrip().endswith("LookupError: cannot let go")
