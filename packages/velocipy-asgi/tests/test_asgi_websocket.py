"""One WebSocket over ASGI, held against hand-made messages: servers that differ from the in-process one."""

import asyncio
from collections.abc import MutableMapping
from contextlib import nullcontext
from typing import Any

import pytest

from velocipy import HTTPException, VelociPy, WebSocket
from velocipy.asgi.websocket import ASGIWebSocket
from velocipy.exceptions import UnsupportedByServer, WebSocketDisconnect

Message = MutableMapping[str, Any]
CONNECT: Message = {"type": "websocket.connect"}


class Silent:
    """A server that takes every message in silence, as Hypercorn does, also after the client has left."""

    def __init__(self, *incoming: Message) -> None:
        self.incoming = [CONNECT, *incoming]
        self.sent: list[Message] = []
        self.receiving = 0

    async def receive(self) -> Message:
        assert self.receiving == 0, "two are in receive at once"
        self.receiving += 1
        try:
            while not self.incoming:
                await asyncio.sleep(0.001)
            return self.incoming.pop(0)
        finally:
            self.receiving -= 1

    async def send(self, message: Message) -> None:
        self.sent.append(message)


class Strict(Silent):
    """A server that raises an OSError after the client has left (ASGI 2.4)."""

    left = False

    async def send(self, message: Message) -> None:
        if self.left:
            raise ConnectionResetError
        await super().send(message)


def scope(**changes: Any) -> Message:
    return {"type": "websocket", "path": "/ws", "query_string": b"", "headers": [(b"host", b"a")], **changes}


def run(endpoint: Any, server: Silent, **changes: Any) -> list[Message]:
    """Everything that an app sends."""
    app = VelociPy()
    app.websocket("/ws")(endpoint)

    async def serve() -> None:
        others = asyncio.all_tasks()
        await app(scope(**changes), server.receive, server.send)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == others

    asyncio.run(asyncio.wait_for(serve(), 10))
    return server.sent


def gone(code: int | None = 1006) -> Message:
    return {"type": "websocket.disconnect", "code": code}


@pytest.mark.case(105)
def test_who_only_sends_notices_a_peer_that_left_on_a_silent_server() -> None:
    async def push(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(WebSocketDisconnect) as caught:
            while True:
                await websocket.send_text("tick")
                await asyncio.sleep(0.001)
        assert caught.value.code == 1001

    sent = run(push, Silent(gone(1001)))
    assert sent[0]["type"] == "websocket.accept"
    assert 1 < len(sent) < 20


def test_what_was_received_beforehand_is_not_lost() -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        for _ in range(3):
            await websocket.send_text("tick")
            await asyncio.sleep(0.002)
        assert [await websocket.receive() for _ in range(3)] == ["a", b"b", "c"]
        await websocket.send_text("tick")
        await websocket.send_text("tock")
        await asyncio.sleep(0.002)
        with pytest.raises(WebSocketDisconnect):
            await websocket.receive()

    messages: list[Message] = [
        {"type": "websocket.receive", "text": "a"},
        {"type": "websocket.receive", "bytes": b"b", "text": None},
        {"type": "websocket.receive", "text": "c", "bytes": None},
        gone(),
    ]
    run(endpoint, Silent(*messages))


def test_a_close_after_receiving_beforehand_leaves_no_task() -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("a")
        await websocket.send_text("b")
        await websocket.send_text("c")
        await asyncio.sleep(0.002)

    assert run(endpoint, Silent())[-1] == {"type": "websocket.close", "code": 1000, "reason": ""}


def test_an_echo_never_receives_beforehand() -> None:
    """It would cost every message a task."""
    seen: list[int] = []

    async def echo(websocket: WebSocket) -> None:
        await websocket.accept()
        async for message in websocket:
            await websocket.send_text(str(message))
            await asyncio.sleep(0)
            seen.append(server.receiving)

    server = Silent(*[{"type": "websocket.receive", "text": "x"}] * 5, gone())
    run(echo, server)
    assert seen == [0] * 5


def test_a_task_that_sends_does_not_receive_beside_one_that_does() -> None:
    """Servers allow one receive at a time, which `Silent` holds."""

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        receiving = asyncio.ensure_future(websocket.receive())
        await asyncio.sleep(0)
        for _ in range(5):
            await websocket.send_text("tick")
            await asyncio.sleep(0)
        server.incoming.append({"type": "websocket.receive", "text": "x"})
        assert await receiving == "x"

    server = Silent()
    run(endpoint, server)


def test_a_close_ends_a_receive_of_what_is_received_beforehand_as_a_disconnect() -> None:
    seen: list[str] = []

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        for _ in range(3):
            await websocket.send_text("tick")

        async def receive() -> None:
            with pytest.raises(WebSocketDisconnect):
                await websocket.receive()
            seen.append("disconnected")

        receiving = asyncio.ensure_future(receive())
        await asyncio.sleep(0.002)
        await websocket.close()
        await receiving

    run(endpoint, Silent())
    assert seen == ["disconnected"]


def test_a_cancelled_receive_of_what_is_received_beforehand_loses_nothing() -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        for _ in range(3):
            await websocket.send_text("tick")
        for _ in range(2):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(websocket.receive(), 0.01)
        server.incoming.append({"type": "websocket.receive", "text": "x"})
        assert await websocket.receive() == "x"

    server = Silent()
    run(endpoint, server)


def test_a_strict_server_s_error_is_a_disconnect_and_the_close_after_it_none() -> None:
    server = Strict()

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        server.left = True
        for send in (websocket.send_text("x"), websocket.send_bytes(b"x")):
            with pytest.raises(WebSocketDisconnect):
                await send

    run(endpoint, server)


def test_closing_a_peer_that_has_left_is_no_error() -> None:
    server = Strict()

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        server.left = True

    run(endpoint, server)


@pytest.mark.parametrize(
    ("given", "code", "reason"), [(None, 1005, ""), (0, 1005, ""), (1000, 1000, ""), (4000, 4000, "why")]
)
def test_a_disconnect_has_a_code_whatever_the_server_gives(given: int | None, code: int, reason: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(WebSocketDisconnect) as caught:
            await websocket.receive()
        assert (caught.value.code, caught.value.reason) == (code, reason)

    run(endpoint, Silent({"type": "websocket.disconnect", "code": given, "reason": reason or None}))


@pytest.mark.case(105)
def test_a_client_that_leaves_before_accept_is_no_error() -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        raise AssertionError("it cannot be accepted any more")

    server = Silent()
    server.incoming = [gone()]
    assert run(endpoint, server) == []


@pytest.mark.case(105)
@pytest.mark.parametrize("how", ["accept", "deny", "deny with a body", "raise"])
def test_a_client_that_leaves_while_the_handshake_is_answered_is_no_error(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        server.left = True
        if how == "accept":
            with pytest.raises(WebSocketDisconnect) as caught:
                await websocket.accept()
            assert caught.value.code == 1006
        elif how == "raise":
            raise HTTPException(401)
        else:
            await websocket.deny(403, "why" if how == "deny with a body" else None)
        assert websocket.closed

    server = Strict()
    assert run(endpoint, server, extensions={"websocket.http.response": {}}) == []
    assert caplog.records == []


DENIAL = {"websocket.http.response": {}}  # type: ignore[var-annotated]


@pytest.mark.parametrize(("status", "extensions", "types"), [
    (401, DENIAL, ["websocket.http.response.start", "websocket.http.response.body"]),
    (403, DENIAL, ["websocket.close"]),
    (401, {}, ["websocket.close"]),
    (401, None, ["websocket.close"]),
])  # fmt: skip
def test_a_refusal_has_its_status_where_the_server_can_say_it(
    status: int, extensions: Any, types: list[str]
) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        assert websocket.capabilities.denial_status is bool(extensions)
        await websocket.deny(status)

    sent = run(endpoint, Silent(), extensions=extensions)
    assert [message["type"] for message in sent] == types
    if len(types) == 2:
        assert sent[0]["status"] == 401


@pytest.mark.parametrize("extensions", [DENIAL, {**DENIAL, "http.response.pathsend": {}}])
def test_headers_of_an_accept_are_refused_where_granian_would_drop_them(extensions: Any) -> None:
    able = len(extensions) == 1

    async def endpoint(websocket: WebSocket) -> None:
        assert websocket.capabilities.accept_headers is able
        with nullcontext() if able else pytest.raises(UnsupportedByServer, match="Uvicorn or Hypercorn"):
            await websocket.accept(headers={"x-a": "1"})
            return
        await websocket.accept()

    sent = run(endpoint, Silent(), extensions=extensions)
    assert sent[0]["type"] == "websocket.accept"
    assert sent[0]["headers"] == ([(b"x-a", b"1")] if able else [])


def test_a_refusal_with_a_body_declares_its_length() -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.deny(403, "why", {"x-a": "b"})

    start, body = run(endpoint, Silent(), extensions=DENIAL)
    assert start["status"] == 403
    assert start["headers"] == [
        (b"x-a", b"b"),
        (b"content-type", b"application/json"),
        (b"content-length", b"16"),
    ]
    assert body["body"] == b'{"detail":"why"}'


def test_a_server_may_leave_out_subprotocols_and_scheme() -> None:
    async def endpoint(websocket: WebSocket) -> None:
        assert list(websocket.subprotocols) == []
        assert websocket.scheme == "ws"
        assert websocket.client is None
        await websocket.accept()

    run(endpoint, Silent(), subprotocols=None)


def test_a_handshake_that_is_begun_twice_is_received_once() -> None:
    """A server that takes no accept: what refuses after it does not wait for a second `websocket.connect`."""
    server = Strict()
    server.left = True

    async def run() -> None:
        connection = ASGIWebSocket(scope(), server.receive, server.send)
        with pytest.raises(WebSocketDisconnect):
            await connection.accept(None, [])
        await asyncio.wait_for(connection.deny(403), 30)

    asyncio.run(run())
    assert server.incoming == []
    assert server.sent == []
