"""Bodies that come too slowly: 408, however they are read; and who sends at a walk is never cut off. Time is a number here."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import pytest

from velocipy import Depends, Form, Request, VelociPy
from velocipy.exceptions import ConfigurationError, RequestTimeout
from velocipy.http import pace
from velocipy.http.pace import RATE, in_time
from velocipy.testing import AsyncTestClient, TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
READS = pytest.mark.parametrize("path", ["/model", "/body", "/stream", "/form"])

TYPES = {"/form": "multipart/form-data; boundary=b"}
PART = b'--b\r\ncontent-disposition: form-data; name="name"\r\n\r\n'


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """A function that lets seconds pass for who reads a body, and for nobody else."""
    now = [100.0]
    monkeypatch.setattr(pace, "_now", lambda: now[0])
    monkeypatch.setattr(pace, "TICK", 0.002)

    def pass_time(seconds: float) -> None:
        now[0] += seconds

    return pass_time


class Service:
    """An app that reads bodies in every way, and what happened in it."""

    def __init__(self, interface: str, **options: Any) -> None:
        self.events: list[str] = []
        self.app = VelociPy(plugins=False, **options)
        events = self.events

        async def opened() -> AsyncIterator[None]:
            events.append("opened")
            yield
            events.append("closed")

        guarded: Any = [Depends(opened)]

        @self.app.post("/model", dependencies=guarded)
        async def model(payload: dict[str, Any]) -> int:
            events.append("served")
            return len(payload)

        @self.app.post("/body", dependencies=guarded)
        async def body(request: Request) -> int:
            size = len(await request.body())
            events.append("served")
            return size

        @self.app.post("/stream", dependencies=guarded)
        async def stream(request: Request) -> int:
            size = 0
            async for chunk in request.stream():
                events.append("chunk")
                size += len(chunk)
            events.append("served")
            return size

        @self.app.post("/form", dependencies=guarded)
        async def form(name: Annotated[str, Form()]) -> int:
            events.append("served")
            return len(name)

        self.client = TestClient(self.app, interface=interface)

    def begin(self, path: str, length: int | None = None) -> Any:
        """A POST whose body is still to come; without a length it is chunked."""
        size = [("transfer-encoding", "chunked")] if length is None else [("content-length", str(length))]
        headers = [("host", "a"), ("content-type", TYPES.get(path, "application/json")), *size]
        return self.client.exchange("POST", path, headers=headers, body=None)


def is_408(reply: Any) -> bool:
    return bool(reply.status == 408 and json.loads(reply.body) == {"detail": "Request Timeout"})


@both
@READS
@pytest.mark.parametrize("length", [None, 1_000, 200_000])
def test_a_body_that_does_not_come_is_a_408(
    interface: str, path: str, length: int | None, pass_time: Callable[[float], None]
) -> None:
    service = Service(interface)
    with service.client, service.begin(path, length) as exchange:
        exchange.feed(PART if path == "/form" else b'{"a": ')
        time.sleep(0.02)
        pass_time(31)
        assert is_408(exchange.reply())
    assert "served" not in service.events
    assert "closed" not in service.events


@both
@READS
def test_a_byte_now_and_then_is_no_progress(
    interface: str, path: str, pass_time: Callable[[float], None]
) -> None:
    service = Service(interface)
    with service.client, service.begin(path) as exchange:
        exchange.feed(PART if path == "/form" else b"[")
        for _ in range(12):
            if not exchange.feed(b" "):
                break
            time.sleep(0.01)
            pass_time(3)
        assert is_408(exchange.reply())
    assert "served" not in service.events


@both
@READS
def test_who_sends_at_a_walk_is_not_cut_off(
    interface: str, path: str, pass_time: Callable[[float], None]
) -> None:
    """Sixty seconds of waiting in all, at thirty seconds' leave."""
    service = Service(interface)
    begin, end = {"/form": (PART, b"\r\n--b--\r\n"), "/model": (b'{"a": "', b'"}')}.get(path, (b"", b""))
    with service.client, service.begin(path) as exchange:
        exchange.feed(begin)
        for _ in range(12):
            assert exchange.feed(b"x" * RATE * 5)
            time.sleep(0.01)
            pass_time(5)
        exchange.feed(end)
        exchange.end()
        assert exchange.reply().status == 200
    assert service.events[-2:] in (["served", "closed"], ["opened", "served"], ["served", "opened"])


@both
def test_what_is_done_between_two_chunks_is_no_waiting(
    interface: str, pass_time: Callable[[float], None]
) -> None:
    app = VelociPy(plugins=False)

    @app.post("/")
    async def work(request: Request) -> int:
        size = 0
        async for chunk in request.stream():
            pass_time(40)
            size += len(chunk)
        pass_time(40)
        return size

    with (
        TestClient(app, interface=interface) as client,
        client.exchange("POST", "/", headers=[("host", "a"), ("content-length", "2")], body=None) as exchange,
    ):
        exchange.feed(b"a")
        time.sleep(0.01)
        exchange.feed(b"b")
        exchange.end()
        assert exchange.reply().body == b"2"


@both
def test_the_app_chooses_how_long_or_for_ever(interface: str, pass_time: Callable[[float], None]) -> None:
    quick, patient = Service(interface, body_timeout=1), Service(interface, body_timeout=None)
    with quick.client, quick.begin("/model") as exchange:
        exchange.feed(b"[")
        time.sleep(0.02)
        pass_time(2)
        assert is_408(exchange.reply())
    for path in ("/model", "/body", "/stream"):
        with patient.client, patient.begin(path) as exchange:
            exchange.feed(b"{")
            time.sleep(0.02)
            pass_time(1e5)
            exchange.feed(b"}")
            exchange.end()
            assert exchange.reply().status == 200
    assert "10485760, None)" in patient.app.routes[0].explain(interface)


@both
def test_who_asks_again_is_told_the_same(interface: str, pass_time: Callable[[float], None]) -> None:
    app = VelociPy(plugins=False, body_timeout=1)
    raised: list[type[Exception]] = []

    @app.post("/")
    async def twice(request: Request) -> None:
        for _ in range(2):
            try:
                await request.body()
            except RequestTimeout as exc:
                raised.append(type(exc))

    with (
        TestClient(app, interface=interface) as client,
        client.exchange("POST", "/", headers=[("host", "a"), ("content-length", "2")], body=None) as exchange,
    ):
        exchange.feed(b"a")
        time.sleep(0.02)
        pass_time(2)
        assert exchange.reply().status == 204
    assert raised == [RequestTimeout, RequestTimeout]


@both
def test_a_client_that_leaves_meanwhile_has_left(interface: str, pass_time: Callable[[float], None]) -> None:
    service = Service(interface)
    with service.client, service.begin("/model", 10) as exchange:
        exchange.feed(b"[")
        time.sleep(0.01)
        exchange.cut()
    assert "served" not in service.events
    assert pace.WAITING == {}


@both
@READS
def test_a_reader_that_is_cancelled_from_elsewhere_is_cancelled_and_not_late(
    interface: str, path: str, pass_time: Callable[[float], None]
) -> None:
    service = Service(interface)

    async def go() -> None:
        async with AsyncTestClient(service.app, interface=interface) as client:
            headers = [("host", "a"), ("content-type", TYPES.get(path, "application/json"))]
            exchange = client.exchange(
                "POST", path, headers=[*headers, ("transfer-encoding", "chunked")], body=None
            )
            exchange.feed(PART if path == "/form" else b"[")
            await asyncio.sleep(0.02)
            assert exchange.task is not None
            exchange.task.cancel()
            await asyncio.wait([exchange.task], timeout=30)
            assert isinstance(exchange.error, asyncio.CancelledError)

    asyncio.run(go())
    assert "served" not in service.events
    assert pace.WAITING == {}


# -- loops and threads -----------------------------------------------------------------------------------------------------


def until(met: Callable[[], bool]) -> None:
    """Wait for what other threads do."""
    deadline = time.monotonic() + 30
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def are_seen(count: int) -> Callable[[], bool]:
    """Whether so many wait, and the timers of their loops have seen them."""
    return lambda: [waits > 0 for waits in list(pace.WAITING.values())] == [True] * count


def test_each_of_several_loops_cuts_off_its_own_and_rests_when_nobody_waits(
    pass_time: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "IDLE", 1)
    one, two = Service("asgi"), Service("rsgi")
    with one.client, two.client:
        exchanges = [service.begin("/model") for service in (one, two, one)]
        for exchange in exchanges:
            exchange.feed(b"[")
        until(are_seen(3))
        loops = {task.get_loop() for task in pace.WAITING if task is not None}
        assert len(loops) == 2
        pass_time(31)
        assert all(is_408(exchange.reply()) for exchange in exchanges)
        until(lambda: loops.isdisjoint(pace._loops))
        with two.begin("/model") as exchange:  # and it begins again
            exchange.feed(b"[")
            until(are_seen(1))
            pass_time(31)
            assert is_408(exchange.reply())


async def a_body_that_does_not_come() -> bytes:
    await asyncio.sleep(60)
    return b""


def test_a_loop_that_goes_on_in_another_thread_cuts_off_who_is_slow(
    pass_time: Callable[[float], None],
) -> None:
    loop = asyncio.new_event_loop()

    async def quick() -> bytes:
        return b"whole"

    async def slow() -> None:
        reading = asyncio.ensure_future(in_time(a_body_that_does_not_come(), 1))
        await asyncio.sleep(0.02)
        pass_time(2)
        with pytest.raises(RequestTimeout):
            await reading

    try:
        assert loop.run_until_complete(in_time(quick(), 1)) == b"whole"
        with ThreadPoolExecutor(1) as pool:
            pool.submit(loop.run_until_complete, slow()).result(30)
        loop.run_until_complete(slow())
    finally:
        loop.close()


def test_who_is_no_task_cannot_be_cut_off_and_gets_its_body_late(pass_time: Callable[[float], None]) -> None:
    """As under `granian --task-impl rust`, whose own objects drive handlers."""

    async def go() -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bytes] = loop.create_future()
        body: asyncio.Future[bytes] = loop.create_future()

        def drive(work: Any) -> None:
            try:
                waiting = work.send(None)
            except StopIteration as end:
                done.set_result(end.value)
            else:
                waiting.add_done_callback(lambda _: drive(work))

        assert await in_time(asyncio.sleep(0, b"first"), 1) == b"first"  # a task, so that the timer runs
        loop.call_soon(drive, in_time(body, 1))
        await asyncio.sleep(0.02)
        pass_time(100)
        await asyncio.sleep(0.02)
        body.set_result(b"late")
        assert await asyncio.wait_for(done, 30) == b"late"

    asyncio.run(go())
    assert pace.WAITING == {}


@both
def test_a_408_ends_the_connection_of_http_1(interface: str, pass_time: Callable[[float], None]) -> None:
    """What else comes would be read as the next request. Granian's RSGI does so by itself, and no app can ask for it there."""
    service = Service(interface)
    with service.client, service.begin("/model", 10) as exchange:
        exchange.feed(b"[")
        time.sleep(0.02)
        pass_time(31)
        reply = exchange.reply()
    assert reply.header(b"connection") == ([b"close"] if interface == "asgi" else [])


@pytest.mark.parametrize("seconds", [0, -1, True, "30", float("nan"), float("inf")])
def test_a_setting_that_is_no_time_is_refused(seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match="body_timeout is a number of seconds above 0, or None"):
        VelociPy(body_timeout=seconds)
