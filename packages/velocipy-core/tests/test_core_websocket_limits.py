"""WebSockets: sizes of messages, peers that are slow, early and late calls; the same on both protocols where it can be."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from velocipy import HTTPException, VelociPy, WebSocket
from velocipy.exceptions import (
    ConfigurationError,
    SendTimeout,
    WebSocketDisconnect,
)
from velocipy.socket_options import DEFAULT_OPTIONS, SocketOptions, socket_options
from velocipy.testing import TestClient, WebSocketDenied
from velocipy.websocket import SocketState

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


def serving(endpoint: Any, path: str = "/ws", **options: Any) -> VelociPy:
    """An app of one WebSocket, which is served with these options."""

    async def handler(websocket: WebSocket) -> None:
        websocket.options = socket_options(**options)
        websocket.wakes_receiver = websocket.options.send_timeout is not None
        await endpoint(websocket)

    app = VelociPy()
    app.websocket(path)(handler)
    return app


def code_of(interface: str, code: int) -> int:
    """What the client sees of a close with a code: RSGI sends none."""
    return code if interface == "asgi" else 1005


# -- sizes -------------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(103)
@pytest.mark.parametrize(
    ("message", "fits"),
    [
        ("x" * 100, True),
        ("x" * 101, False),
        (b"x" * 100, True),
        (b"x" * 101, False),
        ("é" * 50, True),
        ("é" * 51, False),
        ("😀" * 25, True),
        ("😀" * 25 + "x", False),
        ("x" * 98 + "é", True),
        ("x" * 99 + "é", False),
    ],
)
def test_a_message_of_too_many_bytes_closes_with_1009(interface: str, message: Any, fits: bool) -> None:
    seen: list[int] = []

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await websocket.send(await websocket.receive())
        except WebSocketDisconnect as exc:
            seen.append(exc.code)
            assert websocket.closed

    app = serving(endpoint, max_message_size=100)
    with TestClient(app, interface=interface) as client, client.websocket_connect("/ws") as ws:
        ws.send_text(message) if isinstance(message, str) else ws.send_bytes(message)
        if fits:
            assert ws.receive() == message
        else:
            with pytest.raises(WebSocketDisconnect) as caught:
                ws.receive()
            assert caught.value.code == code_of(interface, 1009)
    assert seen == ([] if fits else [1009])


@both
@pytest.mark.case(103)
def test_a_mebibyte_fits_where_nobody_says_otherwise(interface: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        async for message in websocket:
            await websocket.send_text(str(len(message)))

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        ws.send_bytes(b"x" * 1024 * 1024)
        assert ws.receive_text() == "1048576"
        ws.send_text("x" * (1024 * 1024 + 1))
        with pytest.raises(WebSocketDisconnect) as caught:
            ws.receive()
        assert caught.value.code == code_of(interface, 1009)


@both
@pytest.mark.case(103)
def test_a_route_says_how_long_messages_may_be(interface: str) -> None:
    seen: list[SocketOptions] = []

    async def endpoint(websocket: WebSocket) -> None:
        seen.append(websocket.options)
        await websocket.accept()

    app = VelociPy()
    app.add_websocket_route("/ws", endpoint, max_message_size=10, send_timeout=2.5)
    with TestClient(app, interface=interface) as client, client.websocket_connect("/ws"):
        pass
    assert seen == [SocketOptions(10, 2.5)]


@pytest.mark.parametrize(
    "options",
    [
        {"max_message_size": -1},
        {"max_message_size": "1"},
        {"max_message_size": True},
        {"max_message_size": None},
        {"send_timeout": 0},
        {"send_timeout": -1},
        {"send_timeout": "1"},
        {"send_timeout": True},
    ],
)
def test_an_option_that_cannot_be_is_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        socket_options(**options)


def test_options_are_what_they_are_by_default() -> None:
    assert socket_options() == DEFAULT_OPTIONS == SocketOptions()
    assert socket_options(max_message_size=0, send_timeout=0.5) == SocketOptions(0, 0.5)


# -- slow peers --------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(107)
def test_a_peer_that_does_not_read_is_given_up_after_the_send_timeout(interface: str) -> None:
    seen: list[Any] = []

    async def flood(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_bytes(b"x" * 10_000)
        except SendTimeout as exc:
            seen.append(exc)
        assert websocket.connection_state is SocketState.CLOSED
        with pytest.raises(WebSocketDisconnect):
            await websocket.send_text("x")

    with TestClient(serving(flood, send_timeout=0.1), interface=interface) as client:
        with client.websocket_connect("/ws") as ws:
            for _ in range(1_500):
                if seen:
                    break
                time.sleep(0.02)
            with pytest.raises(WebSocketDisconnect) as caught:
                while True:
                    ws.receive()
    assert caught.value.code == code_of(interface, 1008)
    assert "0.1 s" in str(seen[0])


@both
@pytest.mark.case(107)
def test_a_send_timeout_wakes_the_task_that_receives(interface: str) -> None:
    ended: list[str] = []

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()

        async def flood() -> None:
            with pytest.raises(SendTimeout):
                while True:
                    await websocket.send_bytes(b"x" * 10_000)

        flooding = asyncio.create_task(flood())
        with pytest.raises(WebSocketDisconnect, match="does not read"):
            await websocket.receive()
        ended.append("woken")
        await flooding
        current = asyncio.current_task()
        assert current is not None and not current.cancelling()

    with TestClient(serving(endpoint, send_timeout=0.1), interface=interface) as client:
        with client.websocket_connect("/ws") as ws:
            for _ in range(1_500):
                if ended:
                    break
                time.sleep(0.02)
            with pytest.raises(WebSocketDisconnect):
                while True:
                    ws.receive()
    assert ended == ["woken"]


@both
def test_a_send_timeout_costs_no_message_of_a_peer_that_reads(interface: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        async for message in websocket:
            await websocket.send(message)

    app = serving(endpoint, send_timeout=5)
    with TestClient(app, interface=interface) as client, client.websocket_connect("/ws") as ws:
        for number in range(100):
            ws.send_text(str(number))
        assert [ws.receive_text() for _ in range(100)] == [str(number) for number in range(100)]


@both
@pytest.mark.parametrize("timeout", [None, 5])
def test_a_receive_that_is_cancelled_loses_no_message_and_is_a_cancellation(
    interface: str, timeout: Any
) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        for _ in range(3):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(websocket.receive(), 0.01)
            await websocket.send_text("a")
            await websocket.send_text("b")
        await websocket.send_text(str(await websocket.receive()))

    app = serving(endpoint, send_timeout=timeout)
    with TestClient(app, interface=interface) as client, client.websocket_connect("/ws") as ws:
        assert [ws.receive_text() for _ in range(6)] == ["a", "b"] * 3
        ws.send_text("not lost")
        assert ws.receive_text() == "not lost"


@both
def test_many_tasks_may_send_at_once_while_one_receives(interface: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()

        async def send(kind: str) -> None:
            for number in range(50):
                await websocket.send_text(f"{kind}{number} {kind * 1_000}")
                await asyncio.sleep(0)

        receiving = asyncio.ensure_future(websocket.receive())
        await asyncio.gather(*(send(kind) for kind in "abc"))
        await websocket.send_text(str(await receiving))

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        got = [ws.receive_text() for _ in range(150)]
        for kind in "abc":
            mine = [text for text in got if text[0] == kind]
            assert mine == [f"{kind}{number} {kind * 1_000}" for number in range(50)]
        ws.send_text("end")
        assert ws.receive_text() == "end"


@both
@pytest.mark.case(108)
def test_a_client_that_floods_a_handler_that_never_reads_has_to_wait(interface: str) -> None:
    """The in-process server waits at a mebibyte; what real ones hold is measured over sockets."""
    closed: list[str] = []

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await asyncio.sleep(0.2)
        closed.append("done")

    with TestClient(serving(endpoint), interface=interface) as client:
        with client.websocket_connect("/ws") as ws:
            sent = 0
            with pytest.raises(WebSocketDisconnect):
                while sent < 100:
                    ws.send_bytes(b"x" * 100_000)
                    sent += 1
        assert 5 < sent < 20
    assert closed == ["done"]


# -- refusals with a body ----------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(106)
def test_a_refusal_has_headers_and_a_body_where_the_server_can(interface: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.deny(401, "who are you?", {"WWW-Authenticate": "Bearer", "content-length": "1"})

    with TestClient(serving(endpoint), interface=interface) as client:
        with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/ws"):
            pass
    denied, headers = caught.value, dict(caught.value.headers)
    assert denied.status_code == 401
    if interface == "asgi":
        assert denied.body == b'{"detail":"who are you?"}'
        assert headers == {
            "www-authenticate": "Bearer",
            "content-type": "application/json",
            "content-length": "25",
        }
    else:
        assert (denied.body, headers) == (b"", {"content-length": "0"})


@both
@pytest.mark.case(12)
def test_a_refusal_with_hostile_headers_is_a_value_error_and_still_to_be_made(interface: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        with pytest.raises(ValueError, match="header"):
            await websocket.deny(403, headers={"x": "a\r\nb"})
        raise HTTPException(404)

    with TestClient(serving(endpoint), interface=interface) as client:
        with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/ws"):
            pass
    assert caught.value.status_code == 404


# -- early and late ----------------------------------------------------------------------------------------------------------


@dataclass
class Move:
    x: int
    to: str = "here"


EARLY: dict[str, Callable[[WebSocket], Awaitable[Any]]] = {
    "receive": lambda ws: ws.receive(),
    "receive_text": lambda ws: ws.receive_text(),
    "receive_json": lambda ws: ws.receive_json(),
    "receive_model": lambda ws: ws.receive_model(Move),
    "send": lambda ws: ws.send("x"),
    "send_json": lambda ws: ws.send_json(1),
    "send_model": lambda ws: ws.send_model(Move(1)),
}


@both
@pytest.mark.case(105)
@pytest.mark.parametrize("name", EARLY)
def test_too_early_is_a_runtime_error_and_too_late_a_disconnect(interface: str, name: str) -> None:
    seen: list[str] = []

    async def endpoint(websocket: WebSocket) -> None:
        with pytest.raises(RuntimeError, match="not accepted yet"):
            await EARLY[name](websocket)
        await websocket.accept()
        with pytest.raises(RuntimeError, match="is open"):
            await websocket.accept()
        await websocket.close()
        with pytest.raises(WebSocketDisconnect):
            await EARLY[name](websocket)
        for again in (websocket.accept(), websocket.deny()):
            with pytest.raises(RuntimeError, match="is closed"):
                await again
        await websocket.close()
        await websocket.abandon()
        seen.append("done")

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws"):
        pass
    assert seen == ["done"]
