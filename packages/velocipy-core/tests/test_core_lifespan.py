"""Start and stop: once per loop, around all requests, with what is yielded; and what happens when either fails."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from velocipy import Request, VelociPy
from velocipy.exceptions import ConfigurationError
from velocipy.testing import AsyncTestClient, TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


@both
@pytest.mark.case(140)
def test_the_lifespan_runs_around_all_requests(interface: str) -> None:
    order: list[str] = []

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[dict[str, Any]]:
        order.append("start")
        app.state.set_by_hand = 1
        yield {"yielded": 2}
        order.append("stop")

    app = VelociPy(lifespan=lifespan)

    @app.get("/")
    async def read(request: Request) -> list[int]:
        order.append("request")
        return [request.app.state.set_by_hand, request.app.state["yielded"]]

    with TestClient(app, interface=interface) as client:
        assert client.get("/").json() == client.get("/").json() == [1, 2]
    assert order == ["start", "request", "request", "stop"]


@both
def test_a_lifespan_may_yield_nothing(interface: str) -> None:
    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        yield

    app = VelociPy(lifespan=lifespan)
    with TestClient(app, interface=interface):
        assert app.state == {}


@both
def test_the_lifespan_of_an_app_may_run_again(interface: str) -> None:
    runs: list[int] = []

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        runs.append(1)
        yield

    app = VelociPy(lifespan=lifespan)
    for _ in range(3):
        with TestClient(app, interface=interface):
            pass
    assert len(runs) == 3


@both
def test_start_and_requests_share_one_loop(interface: str) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        loops.append(asyncio.get_running_loop())
        yield
        loops.append(asyncio.get_running_loop())

    app = VelociPy(lifespan=lifespan)

    @app.get("/")
    async def read() -> None:
        loops.append(asyncio.get_running_loop())

    with TestClient(app, interface=interface) as client:
        client.get("/")
    assert len(set(map(id, loops))) == 1


@both
@pytest.mark.case(139)
def test_a_failing_start_up_ends_the_server_with_its_message(interface: str) -> None:
    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        if app.title:
            raise RuntimeError("the database is not there")
        yield

    app = VelociPy(lifespan=lifespan)
    with pytest.raises(RuntimeError, match="the database is not there"), TestClient(app, interface=interface):
        raise AssertionError("the app must not start")


@both
def test_a_failing_stop_is_told_to_the_server(interface: str) -> None:
    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        yield
        raise RuntimeError("cannot let go")

    with (
        pytest.raises(RuntimeError, match="cannot let go"),
        TestClient(VelociPy(lifespan=lifespan), interface=interface),
    ):
        pass


async def coroutine_lifespan(app: VelociPy) -> None: ...


async def bare_generator(app: VelociPy) -> AsyncIterator[None]:
    yield


@contextmanager
def sync_lifespan(app: VelociPy) -> Iterator[None]:
    yield


@both
@pytest.mark.parametrize("lifespan", [coroutine_lifespan, bare_generator, sync_lifespan])
@pytest.mark.filterwarnings("error")
def test_what_is_no_async_context_manager_is_refused_with_the_fix(interface: str, lifespan: Any) -> None:
    app = VelociPy(lifespan=lifespan)
    with pytest.raises((ConfigurationError, RuntimeError), match="asynccontextmanager") as caught:
        TestClient(app, interface=interface).__enter__()
    assert "test_core_lifespan.py" in str(caught.value)


def test_stop_without_start_does_nothing() -> None:
    app = VelociPy(lifespan=sync_lifespan)  # type: ignore[arg-type]
    asyncio.run(app.lifespan.stop())


def test_each_loop_has_a_lifespan_of_its_own() -> None:
    """Also when the next loop gets the address of one that ended without a stop."""
    runs: list[str] = []

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        runs.append("start")
        yield

    app = VelociPy(lifespan=lifespan)

    async def start() -> None:
        await app.lifespan.start()
        await app.lifespan.start()

    for _ in range(5):
        asyncio.run(start())
    assert len(runs) == 5


# -- embedded servers: start-up on a loop that runs already --------------------------------------------------------------


def make_slow(started: asyncio.Event, order: list[str]) -> VelociPy:
    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        await started.wait()
        order.append("started")
        yield
        order.append("stopped")

    app = VelociPy(lifespan=lifespan)

    @app.get("/")
    async def read() -> str:
        order.append("request")
        return "ready"

    return app


@pytest.mark.case(142)
def test_requests_of_an_embedded_server_wait_until_start_up_is_done() -> None:
    async def run() -> list[str]:
        order: list[str] = []
        started = asyncio.Event()
        app = make_slow(started, order)
        client = AsyncTestClient(app, interface="rsgi")  # takes the entry before start-up, as Granian does
        starting = app.__rsgi_init__(asyncio.get_running_loop())
        assert starting is not None
        early = asyncio.ensure_future(client.get("/"))
        lost = asyncio.ensure_future(client.get("/nowhere"))
        await asyncio.sleep(0.05)
        assert not early.done()
        assert not lost.done()
        started.set()
        assert (await early).text == "ready"
        assert (await lost).status_code == 404
        assert (await client.get("/")).text == "ready"
        stopping = app.__rsgi_del__(asyncio.get_running_loop())
        assert stopping is not None
        await stopping
        await client.aclose()
        return order

    assert asyncio.run(run()) == ["started", "request", "request", "stopped"]


@pytest.mark.case(142)
def test_an_embedded_app_that_did_not_start_refuses_every_request(caplog: pytest.LogCaptureFixture) -> None:
    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        if app.title:
            raise LookupError("no database")
        yield

    async def run() -> list[int]:
        app = VelociPy(lifespan=lifespan)
        app.get("/")(_nothing)
        client = AsyncTestClient(app, interface="rsgi", raise_server_exceptions=False)
        app.__rsgi_init__(asyncio.get_running_loop())
        statuses = [(await client.get("/")).status_code for _ in range(2)]
        await client.aclose()
        return statuses

    assert asyncio.run(run()) == [500, 500]
    critical = [record for record in caplog.records if record.levelno == logging.CRITICAL]
    assert len(critical) == 1
    assert "no database" in str(critical[0].exc_info)


async def _nothing() -> None: ...


@pytest.mark.case(142)
def test_an_embedded_stop_waits_for_the_start() -> None:
    async def run() -> list[str]:
        order: list[str] = []
        started = asyncio.Event()
        app = make_slow(started, order)
        loop = asyncio.get_running_loop()
        app.__rsgi_init__(loop)
        stopping = app.__rsgi_del__(loop)
        assert stopping is not None
        await asyncio.sleep(0.01)
        assert order == []
        started.set()
        await stopping
        return order

    assert asyncio.run(run()) == ["started", "stopped"]


def test_one_request_that_is_cancelled_while_it_waits_does_not_cancel_the_start() -> None:
    async def run() -> str:
        started = asyncio.Event()
        app = make_slow(started, [])
        client = AsyncTestClient(app, interface="rsgi")
        app.__rsgi_init__(asyncio.get_running_loop())
        impatient = asyncio.ensure_future(client.get("/"))
        await asyncio.sleep(0.01)
        impatient.cancel()
        await asyncio.wait([impatient])
        started.set()
        text = (await client.get("/")).text
        await client.aclose()
        return text

    assert asyncio.run(run()) == "ready"
