"""RSGI's init and del: on a loop that is still, on one that runs, and on several at once."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from velocipy import VelociPy


def recording(order: list[str]) -> VelociPy:
    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[dict[str, Any]]:
        order.append("start")
        yield {"made": True}
        order.append("stop")

    return VelociPy(lifespan=lifespan)


@pytest.mark.case(140)
def test_on_a_loop_that_is_still_both_are_done_when_they_return() -> None:
    order: list[str] = []
    app = recording(order)
    loop = asyncio.new_event_loop()
    assert app.__rsgi_init__(loop) is None
    assert order == ["start"]
    assert app.state.made is True
    assert app.__rsgi_del__(loop) is None
    assert order == ["start", "stop"]
    loop.close()


@pytest.mark.case(139)
def test_what_start_up_raises_ends_the_worker() -> None:
    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        if app.title:
            raise LookupError("no database")
        yield

    app = VelociPy(lifespan=lifespan)
    loop = asyncio.new_event_loop()
    with pytest.raises(LookupError, match="no database"):
        app.__rsgi_init__(loop)
    app.__rsgi_del__(loop)
    loop.close()


def test_on_a_loop_that_runs_both_are_tasks() -> None:
    async def run() -> list[str]:
        order: list[str] = []
        app = recording(order)
        starting = app.__rsgi_init__(asyncio.get_running_loop())
        assert starting is not None
        assert order == []
        await starting
        stopping = app.__rsgi_del__(asyncio.get_running_loop())
        assert stopping is not None
        await stopping
        return order

    assert asyncio.run(run()) == ["start", "stop"]


def test_a_shutdown_that_nobody_awaits_is_whole_when_its_program_ends() -> None:
    """Granian embedded calls for it and returns, and `asyncio.run` cancels what it finds; timeouts of the app's own still work."""
    order: list[str] = []

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        yield
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError:
            order.append("timed out")
        await asyncio.sleep(0.01)
        order.append("stopped")

    app = VelociPy(lifespan=lifespan)

    async def run() -> None:
        starting = app.__rsgi_init__(asyncio.get_running_loop())
        assert starting is not None
        await starting
        app.__rsgi_del__(asyncio.get_running_loop())

    asyncio.run(run())
    assert order == ["timed out", "stopped"]


def test_a_server_with_a_thread_a_worker_starts_each_loop() -> None:
    order: list[str] = []
    app = recording(order)

    def worker() -> None:
        loop = asyncio.new_event_loop()
        app.__rsgi_init__(loop)
        app.__rsgi_del__(loop)
        loop.close()

    threads = [threading.Thread(target=worker) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(order) == ["start"] * 4 + ["stop"] * 4


def test_del_without_init_does_nothing() -> None:
    order: list[str] = []
    loop = asyncio.new_event_loop()
    recording(order).__rsgi_del__(loop)
    loop.close()
    assert order == []
