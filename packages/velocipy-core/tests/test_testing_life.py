"""Lifespan, threads and loops of the test clients. Knows bare apps; counts what is left behind."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import threading
import time
from typing import Any

import pytest

from velocipy.testing import AsyncTestClient, TestClient

VALUE: contextvars.ContextVar[str] = contextvars.ContextVar("value", default="unset")


class Lively:
    """Writes down its life; `__rsgi_init__` needs a loop that stands still, as on Granian."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.loops: set[int] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.loops.add(id(asyncio.get_running_loop()))
        if scope["type"] == "lifespan":
            await receive()
            self.log.append("up")
            scope["state"]["pool"] = ["shared"]
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.log.append("down")
            await send({"type": "lifespan.shutdown.complete"})
            return
        scope["state"].setdefault("pool", []).append("request")
        scope["state"]["own"] = True
        self.log.append(f"{sorted(scope['state'])} {scope['state']['pool']}")
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body"})

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        VALUE.set("from init")
        loop.run_until_complete(asyncio.sleep(0))
        self.log.append("up")

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(asyncio.sleep(0))
        self.log.append("down")

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        self.log.append(VALUE.get())
        protocol.response_empty(200, [])


OTHERS: set[threading.Thread] = set()
"""Threads of clients that other tests of this process keep."""


@pytest.fixture(autouse=True)
def _clients_of_others() -> None:
    OTHERS.clear()
    OTHERS.update(loop_threads())


def loop_threads() -> list[threading.Thread]:
    named = [thread for thread in threading.enumerate() if thread.name == "velocipy-testing"]
    return [thread for thread in named if thread not in OTHERS]


def wait_for_no_threads() -> list[threading.Thread]:
    deadline = time.monotonic() + 30
    while loop_threads() and time.monotonic() < deadline:
        time.sleep(0.01)
    return loop_threads()


def test_asgi_lifespan_runs_in_with_and_its_state_is_copied_per_request() -> None:
    app = Lively()
    with TestClient(app, interface="asgi") as client:
        client.get("/")
        client.get("/")
    shared = ["['own', 'pool'] ['shared', 'request']", "['own', 'pool'] ['shared', 'request', 'request']"]
    assert app.log == ["up", *shared, "down"]
    assert len(app.loops) == 1


def test_rsgi_init_and_del_get_a_loop_that_stands_still_and_requests_their_context() -> None:
    app = Lively()
    with TestClient(app, interface="rsgi") as client:
        client.get("/")
    assert app.log == ["up", "from init", "down"]


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_without_with_there_is_no_lifespan(interface: str) -> None:
    app = Lively()
    client = TestClient(app, interface=interface)
    assert client.get("/").status_code == 200
    client.close()
    assert "up" not in app.log


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_a_client_can_be_entered_again_and_used_between(interface: str) -> None:
    app = Lively()
    client = TestClient(app, interface=interface)
    for _ in range(2):
        with client:
            client.get("/")
        client.get("/")
    client.close()
    assert [entry for entry in app.log if entry in ("up", "down")] == ["up", "down"] * 2


def test_a_client_cannot_be_entered_twice_at_once() -> None:
    with TestClient(Lively(), interface="asgi") as client, pytest.raises(RuntimeError, match="runs already"):
        client.__enter__()


class Failing:
    """Fails to start or to stop."""

    def __init__(self, phase: str, report: bool = True) -> None:
        self.phase = phase
        self.report = report

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        for phase in ("startup", "shutdown"):
            await receive()
            if phase != self.phase:
                await send({"type": f"lifespan.{phase}.complete"})
                continue
            if self.report:
                await send({"type": f"lifespan.{phase}.failed", "message": "no database"})
                return
            raise LookupError("no database")

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.phase == "startup":
            raise LookupError("no database")

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.phase == "shutdown":
            raise LookupError("no database")


@pytest.mark.case(139)
@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
@pytest.mark.parametrize("phase", ["startup", "shutdown"])
def test_what_a_lifespan_raises_reaches_the_test(interface: str, phase: str) -> None:
    with (
        pytest.raises(LookupError, match="no database"),
        TestClient(Failing(phase, report=False), interface=interface),
    ):
        pass
    assert wait_for_no_threads() == []


@pytest.mark.parametrize("phase", ["startup", "shutdown"])
def test_a_reported_failure_is_raised_with_its_message(phase: str) -> None:
    with (
        pytest.raises(RuntimeError, match=f"the app's {phase} failed: no database"),
        TestClient(Failing(phase), interface="asgi"),
    ):
        pass


def test_an_unused_client_starts_no_thread() -> None:
    before = len(loop_threads())
    clients = [TestClient(Lively(), interface="asgi") for _ in range(20)]
    assert len(loop_threads()) == before
    assert len(clients) == 20


@pytest.mark.process
def test_a_client_that_is_forgotten_takes_its_thread_along() -> None:
    for _ in range(20):
        TestClient(Lively(), interface="asgi").get("/")
    gc.collect()
    assert wait_for_no_threads() == []


def test_closing_cancels_what_still_runs() -> None:
    class Waits:
        ended = ""

        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            protocol.response_empty(200, [])
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                self.ended = "cancelled"
                raise

    app = Waits()
    client = TestClient(app)
    exchange = client.exchange("GET", "/")
    assert exchange.head().status == 200
    client.close()
    assert app.ended == "cancelled"


def test_closing_the_async_client_cancels_what_still_runs() -> None:
    ended: list[str] = []

    async def app(scope: Any, protocol: Any) -> None:
        protocol.response_empty(200, [])
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def go() -> None:
        client = AsyncTestClient(app, interface="rsgi")
        exchange = client.exchange("GET", "/")
        assert (await exchange.head()).status == 200
        await client.aclose()

    asyncio.run(go())
    assert ended == ["cancelled"]


def test_the_async_client_runs_in_the_tests_loop_and_starts_no_thread() -> None:
    app = Lively()

    async def test() -> None:
        async with AsyncTestClient(app, interface="asgi") as client:
            assert (await client.get("/")).status_code == 200
        assert app.loops == {id(asyncio.get_running_loop())}

    asyncio.run(test())
    assert app.log[0] == "up"
    assert app.log[-1] == "down"
    assert loop_threads() == []


def test_the_async_client_takes_rsgi_hooks_that_return_nothing() -> None:
    log: list[str] = []

    class App:
        def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
            log.append("up")

        def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
            log.append("down")

        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            protocol.response_empty(200, [])

    async def test() -> None:
        async with AsyncTestClient(App()) as client:
            assert (await client.get("/")).status_code == 200

    asyncio.run(test())
    assert log == ["up", "down"]


def test_the_async_client_awaits_what_rsgi_hooks_return_in_a_running_loop() -> None:
    log: list[str] = []

    class App:
        def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
            return loop.create_task(self.step("up"))

        def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
            return loop.create_task(self.step("down"))

        async def step(self, name: str) -> None:
            await asyncio.sleep(0.01)
            log.append(name)

        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            log.append("request")
            protocol.response_empty(200, [])

    async def test() -> None:
        async with AsyncTestClient(App()) as client:
            await client.get("/")

    asyncio.run(test())
    assert log == ["up", "request", "down"]
