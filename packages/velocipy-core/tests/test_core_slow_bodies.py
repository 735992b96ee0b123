"""Bodies that come too slowly: 408, however they are read; and who sends at a walk is never cut off. Time is a number here."""

import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

import pytest

from velocipy import Depends, Form, Request, VelociPy
from velocipy.exceptions import ConfigurationError, RequestTimeout
from velocipy.http import pace
from velocipy.http.pace import RATE
from velocipy.testing import TestClient

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
