"""Channels that feed WebSockets and streams: what is sent, how it ends, and that nothing is left; the same on both protocols."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from velocipy import VelociPy, WebSocket
from velocipy.channels import Channels
from velocipy.exceptions import WebSocketDisconnect
from velocipy.http.streaming import StreamingResponse
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


def chat(channels: Channels, **options: Any) -> VelociPy:
    app = VelociPy()

    @app.websocket("/chat/{room}")
    async def talk(websocket: WebSocket, room: str) -> None:
        await websocket.accept()
        async with channels.subscribe(room, to=websocket, **options):
            async for text in websocket.iter_text():
                await channels.publish(room, text)

    @app.get("/stream/{room}")
    async def stream(room: str) -> StreamingResponse:
        async def lines() -> AsyncIterator[str]:
            async with channels.subscribe(room) as subscription:
                yield "begin\n"
                async for message in subscription:
                    yield f"{message!s}\n"
                    if message == "end":
                        return

        return StreamingResponse(lines())

    @app.get("/tasks")
    async def tasks() -> list[int]:
        await asyncio.sleep(0.01)
        return [len(asyncio.all_tasks()), channels.count()]

    return app


@both
def test_websockets_of_a_room_hear_each_other(interface: str) -> None:
    with TestClient(chat(Channels()), interface=interface) as client:
        with client.websocket_connect("/chat/blue") as one, client.websocket_connect("/chat/red") as other:
            with client.websocket_connect("/chat/blue") as two:
                two.send_text("hello")
                assert (one.receive_text(), two.receive_text()) == ("hello", "hello")
            one.send_text("alone")
            assert one.receive_text() == "alone"
            other.send_text("red")
            assert other.receive_text() == "red"


@both
@pytest.mark.case(110)
@pytest.mark.process
def test_no_task_and_no_subscriber_is_left_however_a_websocket_ends(interface: str) -> None:
    with TestClient(chat(Channels()), interface=interface) as client:
        before = client.get("/tasks").json()
        for number in range(50):
            with client.websocket_connect("/chat/blue") as one, client.websocket_connect("/chat/blue") as two:
                one.send_text("x")
                assert two.receive_text() == "x"
                two.leave() if number % 2 else two.close()
                one.leave() if number % 3 else one.close()
        gc.collect()
        assert client.get("/tasks").json() == before


@both
@pytest.mark.case(107)
def test_a_websocket_that_does_not_read_is_closed_where_the_policy_says_so(interface: str) -> None:
    """Its handler waits in a receive and its peer never sends: it is woken, and everything ends."""
    channels = Channels()
    app = chat(channels, max_queue=5, overflow="close")

    @app.post("/flood")
    async def flood() -> int:
        published = 0
        while channels.count("blue"):
            await channels.publish("blue", "x" * 10_000)
            await asyncio.sleep(0)
            published += 1
        return published

    with TestClient(app, interface=interface) as client:
        with client.websocket_connect("/chat/blue") as ws:
            assert client.post("/flood").json() < 100
            with pytest.raises(WebSocketDisconnect) as caught:
                while True:
                    ws.receive()
            assert caught.value.code == (1008 if interface == "asgi" else 1005)
        assert client.get("/tasks").json()[1] == 0


@both
def test_a_websocket_is_accepted_before_it_is_subscribed(interface: str) -> None:
    seen: list[str] = []

    async def endpoint(websocket: WebSocket) -> None:
        channels = Channels()
        with pytest.raises(RuntimeError, match="accept"):
            async with channels.subscribe("a", to=websocket):
                pass
        assert channels.count() == 0
        await websocket.accept()
        seen.append("done")

    app = VelociPy()
    app.websocket("/ws")(endpoint)
    with TestClient(app, interface=interface) as client, client.websocket_connect("/ws"):
        pass
    assert seen == ["done"]


@both
@pytest.mark.parametrize("message", ["text", b"bytes"])
def test_what_goes_wrong_while_forwarding_is_raised_at_the_end_of_the_block(
    interface: str, message: str | bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    async def endpoint(websocket: WebSocket) -> None:
        channels = Channels()
        await websocket.accept()

        async def broken(data: Any) -> None:
            raise LookupError("a server's own mistake")

        monkeypatch.setattr(websocket.connection, "send_text", broken)
        monkeypatch.setattr(websocket.connection, "send_bytes", broken)
        with pytest.raises(LookupError):
            async with channels.subscribe("a", to=websocket):
                await channels.publish("a", message)
                await asyncio.sleep(0.01)
        seen.append("raised")

    app = VelociPy()
    app.websocket("/ws")(endpoint)
    with TestClient(app, interface=interface) as client, client.websocket_connect("/ws"):
        pass
    assert seen == ["raised"]


@both
def test_the_end_of_the_hub_leaves_a_websocket_to_its_endpoint(interface: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        channels = Channels()
        await websocket.accept()
        async with channels.subscribe("a", to=websocket):
            await channels.publish("a", "the last")
            await channels.close()
            await channels.publish("a", "too late")
            await websocket.send_text(f"after {await websocket.receive_text()}")

    app = VelociPy()
    app.websocket("/ws")(endpoint)
    with TestClient(app, interface=interface) as client, client.websocket_connect("/ws") as ws:
        assert ws.receive_text() == "the last"
        ws.send_text("all")
        assert ws.receive_text() == "after all"


@both
def test_a_peer_that_leaves_between_messages_is_no_error_of_who_publishes(interface: str) -> None:
    seen: list[bool] = []

    async def endpoint(websocket: WebSocket) -> None:
        channels = Channels()
        await websocket.accept()
        async with channels.subscribe("a", to=websocket):
            for _ in range(30_000):
                await channels.publish("a", "x")
                await asyncio.sleep(0.001)
                if websocket.closed:
                    break
        seen.append(websocket.closed)

    app = VelociPy()
    app.websocket("/ws")(endpoint)
    with TestClient(app, interface=interface) as client, client.websocket_connect("/ws") as ws:
        assert ws.receive_text() == "x"
        ws.leave()
    assert seen == [True]


@both
def test_a_stream_is_a_subscriber_too(interface: str) -> None:
    with TestClient(chat(Channels()), interface=interface) as client:
        with client.websocket_connect("/chat/blue") as ws, client.stream("GET", "/stream/blue") as answer:
            lines = answer.iter_lines()
            assert next(lines) == "begin"
            for text in ("one", "end"):
                ws.send_text(text)
            assert list(lines) == ["one", "end"]
        assert client.get("/tasks").json()[1] == 0
        with client.stream("GET", "/stream/blue") as answer:
            assert next(answer.iter_lines()) == "begin"
        assert client.get("/tasks").json()[1] == 0
