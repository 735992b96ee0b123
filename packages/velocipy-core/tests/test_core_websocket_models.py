"""WebSockets: models in and out, and iteration; the same on both protocols where it can be."""

import asyncio
import gc
import weakref
from dataclasses import dataclass
from typing import Any

import msgspec
import pydantic
import pytest

from velocipy import VelociPy, WebSocket
from velocipy.exceptions import (
    InvalidMessage,
    ResultError,
    WebSocketDisconnect,
)
from velocipy.socket_options import socket_options
from velocipy.testing import TestClient

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


# -- models ------------------------------------------------------------------------------------------------------------------


@dataclass
class Move:
    x: int
    to: str = "here"


class MoveStruct(msgspec.Struct):
    x: int
    to: str = "here"


class MoveModel(pydantic.BaseModel):
    x: int
    to: str = "here"


MODELS = [Move, MoveStruct, MoveModel]


@both
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("mode", ["text", "binary"])
def test_a_model_comes_and_goes_as_json(interface: str, model: Any, mode: Any) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        for _ in range(2):
            move = await websocket.receive_model(model)
            assert type(move) is model
            move.x += 1
            await websocket.send_model(move)

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        for x in (1, 2):
            ws.send_json({"x": x, "to": "ü"}, mode)
            assert ws.receive_json() == {"x": x + 1, "to": "ü"}


@both
@pytest.mark.parametrize("model", [*MODELS, list[Move], dict[str, int], int])
def test_a_message_that_does_not_fit_is_the_endpoint_s_to_answer(interface: str, model: Any) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(InvalidMessage) as caught:
            await websocket.receive_model(model)
        await websocket.send_json(caught.value.errors)
        await websocket.receive_model(model)

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        ws.send_text('"word"')
        (error,) = ws.receive_json()
        assert error["loc"] == ["message"]
        assert error["msg"].startswith("Invalid message: ")
        ws.send_text('"again, and nobody catches it"')
        with pytest.raises(WebSocketDisconnect) as caught:
            ws.receive()
        assert caught.value.code == code_of(interface, 1007)


@both
@pytest.mark.parametrize("model", MODELS)
def test_every_field_that_does_not_fit_is_told_and_nothing_is_logged(
    interface: str, model: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await websocket.receive_model(model)
        except InvalidMessage as exc:
            await websocket.send_json([error["loc"] for error in exc.errors])
            raise

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        ws.send_json({"x": "no", "to": 3})
        assert ws.receive_json() == [["message", "x"], ["message", "to"]]
        with pytest.raises(WebSocketDisconnect) as caught:
            ws.receive()
        assert caught.value.code == code_of(interface, 1007)
    assert caplog.records == []


@both
@pytest.mark.case(104)
@pytest.mark.parametrize("sent", ["{", "", b"\xff\xfe", "[" * 100_000])
def test_a_model_that_is_no_json_closes_as_receive_json_does(interface: str, sent: Any) -> None:
    seen: list[int] = []

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(WebSocketDisconnect) as caught:
            await websocket.receive_model(Move)
        assert websocket.closed
        seen.append(caught.value.code)

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        ws.send_text(sent) if isinstance(sent, str) else ws.send_bytes(sent)
        with pytest.raises(WebSocketDisconnect) as caught:
            ws.receive()
        assert caught.value.code == code_of(interface, 1007)
    assert seen == [1007]


@both
def test_a_result_is_checked_and_filtered_by_the_model_that_is_named(interface: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_model({"x": 1, "to": "a", "secret": 2}, Move)
        await websocket.send_model([Move(1)], list[Move])
        with pytest.raises(ResultError):
            await websocket.send_model({"to": 3}, Move)
        await websocket.send_text("still open")

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        assert ws.receive_json() == {"x": 1, "to": "a"}
        assert ws.receive_json() == [{"x": 1, "to": "here"}]
        assert ws.receive_text() == "still open"


@both
def test_what_no_backend_knows_is_a_type_error_before_anything_is_received(interface: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(TypeError, match="no model backend knows"):
            await websocket.receive_model(asyncio.Event)
        with pytest.raises(TypeError, match="no model backend knows"):
            await websocket.send_model(asyncio.Event())
        await websocket.send_text(await websocket.receive_text())

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        ws.send_text("not lost")
        assert ws.receive_text() == "not lost"


@pytest.mark.process
def test_what_is_kept_for_models_does_not_keep_the_app() -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_model(await websocket.receive_model(Move))

    app = serving(endpoint)
    with TestClient(app, interface="asgi") as client, client.websocket_connect("/ws") as ws:
        ws.send_json({"x": 1})
        ws.receive()
    dead = weakref.ref(app)
    del app, client, ws
    gc.collect()
    assert dead() is None


# -- iteration ---------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("kind", "sent", "seen"),
    [
        ("text", ["a", "ü"], ["a", "ü"]),
        ("bytes", [b"a", b""], [b"a", b""]),
        ("json", ["1", b'{"a":2}'], [1, {"a": 2}]),
        ("text", ["a", b"b"], ["a"]),
        ("bytes", [b"a", "b"], [b"a"]),
        ("json", ["1", "{"], [1]),
    ],
)
def test_an_iteration_ends_with_the_websocket(interface: str, kind: str, sent: Any, seen: Any) -> None:
    got: list[Any] = []

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        async for message in getattr(websocket, f"iter_{kind}")():
            got.append(message)
        assert websocket.closed

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        for message in sent:
            ws.send_text(message) if isinstance(message, str) else ws.send_bytes(message)
    assert got == seen
