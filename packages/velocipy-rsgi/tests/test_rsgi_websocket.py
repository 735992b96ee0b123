"""One WebSocket over RSGI, held against hand-made transports: servers' own exceptions, and calls that must not be made."""

import asyncio
import gc
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from velocipy import HTTPException, VelociPy, WebSocket, WebSocketException
from velocipy.exceptions import WebSocketDisconnect
from velocipy.testing.rsgi_scope import RSGIHeaders


class RSGIProtocolClosed(Exception):
    """A server's own class of that name."""


class RSGIProtocolError(Exception):
    """A server's own class of that name."""


class Transport:
    """Gives messages, then fails as it is told to."""

    def __init__(self, messages: list[Any], error: Exception) -> None:
        self.messages = messages
        self.error = error
        self.sent: list[str | bytes] = []

    async def receive(self) -> Any:
        if not self.messages:
            raise self.error
        return self.messages.pop(0)

    async def send_str(self, text: str) -> None:
        if not isinstance(self.error, RSGIProtocolClosed):
            raise self.error
        self.sent.append(text)

    async def send_bytes(self, data: bytes) -> None:
        await self.send_str(data)  # type: ignore[arg-type]


class Protocol:
    """Counts accepts, of which a second one, and closes, of which one with a code, would end a Granian worker."""

    def __init__(self, *messages: Any, error: Exception | None = None, lost: Exception | None = None) -> None:
        self.transport = Transport(list(messages), error or RSGIProtocolClosed())
        self.lost = lost
        self.accepts = 0
        self.closes: list[tuple[int, ...]] = []

    async def accept(self) -> Transport:
        if self.lost is not None:
            raise self.lost
        self.accepts += 1
        assert self.accepts == 1
        return self.transport

    def close(self, *status: int) -> None:
        if self.accepts:
            assert status == ()
        else:
            assert all(400 <= number <= 599 for number in status)
        self.closes.append(status)


def run(endpoint: Any, protocol: Protocol, *offered: str, scheme: str = "http") -> None:
    app = VelociPy()
    app.websocket("/ws")(endpoint)
    grouped: dict[str, list[str | None]] = {"host": ["a"], "sec-websocket-protocol": [*offered]}
    scope = SimpleNamespace(
        proto="ws",
        path="/ws",
        query_string="",
        scheme=scheme,
        client="127.0.0.1:5",
        headers=RSGIHeaders(grouped),
        authority=None,
    )
    asyncio.run(asyncio.wait_for(app.__rsgi__(scope, protocol), 10))


def text(data: str) -> Any:
    return SimpleNamespace(kind=2, data=data)


def data(data: bytes) -> Any:
    return SimpleNamespace(kind=1, data=data)


CLOSE = SimpleNamespace(kind=0)  # no data, no code, no reason


def test_messages_have_their_kinds_and_a_close_has_no_code() -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        assert [await websocket.receive(), await websocket.receive(), await websocket.receive()] == [
            "a",
            b"b",
            "",
        ]
        with pytest.raises(WebSocketDisconnect) as caught:
            await websocket.receive()
        assert (caught.value.code, caught.value.reason) == (1005, "")

    protocol = Protocol(text("a"), data(bytearray(b"b")), text(""), CLOSE)  # type: ignore[arg-type]
    run(endpoint, protocol)
    assert protocol.closes == []


@pytest.mark.case(110)
@pytest.mark.parametrize("how", ["close", "peer's close", "lost receiving", "lost sending"])
@pytest.mark.process
def test_the_transport_is_dropped_at_the_end_whoever_keeps_the_websocket(how: str) -> None:
    """Granian holds the TCP connection while the transport lives."""
    kept: list[WebSocket] = []

    async def endpoint(websocket: WebSocket) -> None:
        kept.append(websocket)
        await websocket.accept()
        dropped = weakref.ref(protocol.transport)
        del protocol.transport
        assert dropped() is not None
        if how == "close":
            await websocket.close()
        else:
            with pytest.raises(WebSocketDisconnect):
                await (websocket.send_text("x") if how == "lost sending" else websocket.receive())
        gc.collect()  # the exception that the test caught has frames
        assert dropped() is None

    protocol = Protocol(*([CLOSE] if how == "peer's close" else []), error=RSGIProtocolError())
    run(endpoint, protocol)
    assert kept[0].closed


@pytest.mark.parametrize("error", [RSGIProtocolClosed(), RSGIProtocolError()])
def test_an_exception_of_the_server_is_a_disconnect_by_its_name(error: Exception) -> None:
    """Each server has classes of its own, and none is imported."""

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(WebSocketDisconnect) as caught:
            await websocket.receive()
        assert caught.value.code == 1006
        with pytest.raises(WebSocketDisconnect):
            await websocket.send_text("x")

    run(endpoint, Protocol(error=error))


def test_another_exception_stays_what_it_is(caplog: pytest.LogCaptureFixture) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        for attempt in (websocket.receive(), websocket.send_text("x"), websocket.send_bytes(b"x")):
            with pytest.raises(LookupError):
                await attempt

    run(endpoint, Protocol(error=LookupError()))


@pytest.mark.case(105)
def test_a_client_that_leaves_before_accept_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        raise AssertionError("it cannot be accepted any more")

    run(endpoint, Protocol(lost=RSGIProtocolClosed()))
    assert caplog.records == []


def test_another_exception_of_an_accept_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()

    run(endpoint, Protocol(lost=LookupError("of the server")))
    assert [record.exc_info and record.exc_info[0] for record in caplog.records] == [LookupError]


@pytest.mark.case(13)
@pytest.mark.parametrize(
    ("raised", "status"),
    [
        (WebSocketException(4000), 403),
        (WebSocketException(1006), 500),
        (HTTPException(404), 404),
        (ValueError(), 500),
        (None, 403),
    ],
)
def test_a_close_code_never_becomes_an_http_status(raised: Exception | None, status: int) -> None:
    """`protocol.close(4000)` before accept ends a Granian worker."""

    async def endpoint(websocket: WebSocket) -> None:
        if raised is not None:
            raise raised
        await websocket.close(4000)

    protocol = Protocol()
    run(endpoint, protocol)
    assert protocol.closes == [(status,)]


def test_a_close_after_accept_has_neither_code_nor_reason() -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(4000, "why")

    protocol = Protocol()
    run(endpoint, protocol)
    assert protocol.closes == [()]


def test_offered_subprotocols_are_read_from_every_line() -> None:
    async def endpoint(websocket: WebSocket) -> None:
        assert list(websocket.subprotocols) == ["a", "b", "c"]
        await websocket.accept()

    run(endpoint, Protocol(), "a, b", " c,,")


@pytest.mark.parametrize(("given", "scheme"), [("http", "ws"), ("https", "wss"), ("wss", "wss")])
def test_the_scheme_is_that_of_a_websocket(given: str, scheme: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        assert websocket.scheme == scheme
        assert websocket.client == ("127.0.0.1", 5)
        await websocket.accept()

    run(endpoint, Protocol(), scheme=given)
