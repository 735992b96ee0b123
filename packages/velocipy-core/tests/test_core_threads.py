"""Blocking calls beside the loop: context, exceptions, iterators, and the one pool of a process."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar, copy_context
from typing import Any

import pytest

from velocipy import Depends, VelociPy, threads
from velocipy.testing import AsyncTestClient, TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
value: ContextVar[str] = ContextVar("value", default="unset")


@both
def test_a_sync_endpoint_runs_in_a_thread_with_the_request_s_context(interface: str) -> None:
    app = VelociPy()

    async def enter() -> None:
        value.set("set by a dependency")

    @app.get("/", dependencies=[Depends(enter)])
    def endpoint() -> list[str]:
        return [value.get(), threading.current_thread().name.split("_")[0]]

    with TestClient(app, interface=interface) as client:
        assert client.get("/").json() == ["set by a dependency", "velocipy"]


@both
def test_the_loop_is_never_blocked_by_a_sync_endpoint(interface: str) -> None:
    app = VelociPy()
    gate = threading.Event()

    @app.get("/blocked")
    def blocked() -> str:
        assert gate.wait(10)
        return "released"

    @app.get("/free")
    async def free() -> str:
        gate.set()
        return "free"

    async def run() -> list[str]:
        async with AsyncTestClient(app, interface=interface) as client:
            waiting = asyncio.ensure_future(client.get("/blocked"))
            await asyncio.sleep(0.01)
            return [(await client.get("/free")).text, (await waiting).text]

    assert asyncio.run(run()) == ["free", "released"]


@both
@pytest.mark.case(146)
def test_more_sync_calls_than_threads_wait_their_turn(interface: str) -> None:
    app = VelociPy()
    running = most = 0
    lock = threading.Lock()

    @app.get("/")
    def endpoint() -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.005)
        with lock:
            running -= 1
        return "ok"

    async def run() -> list[int]:
        async with AsyncTestClient(app, interface=interface) as client:
            answers = await asyncio.gather(*(client.get("/") for _ in range(3 * threads.MAX_THREADS)))
            return [answer.status_code for answer in answers]

    assert asyncio.run(run()) == [200] * 3 * threads.MAX_THREADS
    assert most <= threads.MAX_THREADS


def test_what_a_call_returns_and_raises_comes_back() -> None:
    async def run() -> None:
        assert await threads.in_thread(divmod, 7, 2) == (3, 1)
        with pytest.raises(ZeroDivisionError):
            await threads.in_thread(divmod, 7, 0)

    asyncio.run(run())


@both
def test_stop_iteration_in_a_thread_is_an_error_and_no_hang(interface: str) -> None:
    """A future takes no StopIteration: on CPython 3.11 nobody would ever be woken."""
    app = VelociPy()

    @app.get("/")
    def endpoint() -> Any:
        return next(iter(()))

    async def run() -> None:
        with pytest.raises(RuntimeError, match="StopIteration"):
            await asyncio.wait_for(threads.in_thread(next, iter(())), 5)

    asyncio.run(run())
    with TestClient(app, interface=interface, raise_server_exceptions=False, timeout=5) as client:
        assert client.get("/").status_code == 500


def test_calls_in_one_context_see_each_other() -> None:
    async def run() -> str:
        context = copy_context()
        await threads.in_context(context, value.set, "one")
        return await threads.in_context(context, value.get)

    assert asyncio.run(run()) == "one"
    assert value.get() == "unset"


class Rows:
    """An iterator that counts how it is closed."""

    def __init__(self, *items: Any) -> None:
        self.items = list(items)
        self.closed = 0
        self.running = False

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self.running = True
        try:
            time.sleep(0.02)
            if not self.items:
                raise StopIteration
            return self.items.pop(0)
        finally:
            self.running = False

    def close(self) -> None:
        assert not self.running, "closed while a step still runs"
        self.closed += 1


def test_an_iterator_is_closed_at_its_end_and_when_it_is_given_up() -> None:
    async def run() -> None:
        whole = Rows(1, None, 2)
        assert [item async for item in threads.iterate(whole)] == [1, None, 2]
        assert whole.closed == 1
        broken_off = Rows(1, 2)
        async for _ in (steps := threads.iterate(broken_off)):
            break
        await steps.aclose()  # type: ignore[attr-defined]  # an async generator
        assert broken_off.closed == 1

    asyncio.run(run())


def test_an_iterator_is_not_closed_while_its_step_still_runs() -> None:
    """A cancelled waiter leaves the thread running: a generator would raise "already executing"."""

    async def run() -> None:
        rows = Rows(1, 2, 3)

        async def consume() -> None:
            async for _ in threads.iterate(rows):
                pass

        task = asyncio.ensure_future(consume())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert rows.closed == 1

    asyncio.run(run())


def test_the_pool_ends_with_the_last_app_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "_users", 0)  # whatever other tests have left running
    first, second = VelociPy(), VelociPy()

    async def run() -> None:
        await first.lifespan.start()
        await second.lifespan.start()
        await threads.in_thread(int)
        pool = threads.pool()
        await first.lifespan.stop()
        assert threads.pool() is pool
        await second.lifespan.stop()
        assert threads.pool() is not pool
        assert await threads.in_thread(int) == 0

    asyncio.run(run())


def test_one_app_s_stop_does_not_take_the_threads_from_another_s_calls() -> None:
    errors: list[BaseException] = []

    async def cycle() -> None:
        app = VelociPy()
        for _ in range(100):
            await app.lifespan.start()
            await threads.in_thread(int)
            await app.lifespan.stop()

    async def call() -> None:
        for _ in range(500):
            await threads.in_thread(int)

    def in_loop(work: Any) -> None:
        try:
            asyncio.run(work())
        except BaseException as exc:
            errors.append(exc)

    running = [threading.Thread(target=in_loop, args=(work,)) for work in (cycle, call, cycle)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join(60)
    assert errors == []
