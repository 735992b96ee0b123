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


def test_a_server_that_ends_its_task_instead_of_telling_it_has_the_app_stopped() -> None:
    """As a program does that embeds a server and is ended by Ctrl-C."""
    said: list[str] = []

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        said.append("up")
        yield
        said.append("down")

    async def run() -> None:
        events: list[Message] = [{"type": "lifespan.startup"}]
        started = asyncio.Event()

        async def receive() -> Message:
            return events.pop() if events else await asyncio.get_running_loop().create_future()

        async def send(message: Message) -> None:
            said.append(message["type"])
            started.set()

        task = asyncio.ensure_future(VelociPy(lifespan=lifespan)({"type": "lifespan"}, receive, send))
        await asyncio.wait_for(started.wait(), 30)
        task.cancel()
        await asyncio.wait((task,))
        assert task.cancelled()

    asyncio.run(run())
    assert said == ["up", "lifespan.startup.complete", "down"]
