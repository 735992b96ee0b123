"""WebSocket sessions of the test clients over both protocols, on bare apps."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from velocipy.exceptions import WebSocketDisconnect
from velocipy.testing import AsyncTestClient, ServerCrashed, TestClient, WebSocketDenied


class Chat:
    """Echoes until it is told `bye`; `/no` refuses, `/crash` raises. Writes down how its client ended."""

    def __init__(self) -> None:
        self.log: list[Any] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        if scope["path"] == "/no":
            await send({"type": "websocket.close", "code": 4000})
            return
        if scope["path"] == "/denied":
            headers = [(b"X-Why", b"because")]
            await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
            await send({"type": "websocket.http.response.body", "body": b"who are you?"})
            return
        chosen = scope["subprotocols"][-1] if scope["subprotocols"] else None
        accept = {"type": "websocket.accept", "subprotocol": chosen, "headers": [(b"set-cookie", b"ws=1")]}
        await send(accept)
        while (message := await receive())["type"] == "websocket.receive":
            if message.get("text") == "bye":
                await send({"type": "websocket.close", "code": 4001, "reason": "bye"})
            elif message.get("text") == "crash":
                raise LookupError("told to")
            else:
                await send({**message, "type": "websocket.send"})
        self.log.append((message["code"], message["reason"]))

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        if scope.path == "/no":
            protocol.close()
            return
        transport = await protocol.accept()
        while True:
            try:
                message = await transport.receive()
            except RuntimeError as exc:
                self.log.append(type(exc).__name__)
                return
            if message.kind == 0:
                self.log.append("closed")
                return
            if message.kind == 2 and message.data == "bye":
                protocol.close()
            elif message.kind == 2 and message.data == "crash":
                raise LookupError("told to")
            else:
                await (transport.send_bytes if message.kind == 1 else transport.send_str)(message.data)


@pytest.fixture(params=["asgi", "rsgi"])
def interface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_text_bytes_and_json_go_both_ways(interface: str) -> None:
    client = TestClient(Chat(), interface=interface)
    with client.websocket_connect("/") as ws:
        ws.send_text("é☃")
        assert ws.receive_text() == "é☃"
        ws.send_bytes(b"\0\xff")
        assert ws.receive_bytes() == b"\0\xff"
        ws.send_json({"a": ["☃"]})
        assert ws.receive_json() == {"a": ["☃"]}
        ws.send_json([1], mode="binary")
        assert ws.receive_json(mode="binary") == [1]
    client.close()


def test_a_message_of_the_other_kind_is_a_clear_error(interface: str) -> None:
    client = TestClient(Chat(), interface=interface)
    with client.websocket_connect("/") as ws:
        ws.send_text("text")
        with pytest.raises(TypeError, match="the app sent text where bytes were expected: 'text'"):
            ws.receive_bytes()
        ws.send_bytes(b"bytes")
        with pytest.raises(TypeError, match="the app sent bytes where text was expected"):
            ws.receive_text()
    client.close()


def test_a_refusal_raises_with_its_status(interface: str) -> None:
    client = TestClient(Chat(), interface=interface)
    with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/no"):
        pytest.fail("this WebSocket was refused")
    assert denied.value.status_code == 403
    client.close()


def test_a_refusal_over_asgi_may_have_headers_and_a_body() -> None:
    client = TestClient(Chat(), interface="asgi")
    with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/denied"):
        pytest.fail("this WebSocket was refused")
    assert (denied.value.status_code, denied.value.body) == (401, b"who are you?")
    assert ("x-why", "because") in denied.value.headers
    client.close()


def test_the_apps_close_raises_and_ends_iteration(interface: str) -> None:
    client = TestClient(Chat(), interface=interface)
    expected = {"asgi": (4001, "bye"), "rsgi": (1005, "")}[interface]
    with client.websocket_connect("/") as ws:
        ws.send_text("last")
        ws.send_text("bye")
        assert list(ws) == ["last"]
        for _ in range(2):
            with pytest.raises(WebSocketDisconnect) as closed:
                ws.receive()
            assert (closed.value.code, closed.value.reason) == expected
        with pytest.raises(WebSocketDisconnect):
            ws.send_text("too late")
    client.close()


def test_a_close_of_the_client_is_seen_before_the_block_ends(interface: str) -> None:
    app = Chat()
    client = TestClient(app, interface=interface)
    with client.websocket_connect("/") as ws:
        ws.close(4002, "enough")
        with pytest.raises(RuntimeError, match="closed by the test"):
            ws.send_text("more")
        with pytest.raises(WebSocketDisconnect) as closed:
            ws.receive()
        assert closed.value.code == 4002
    assert app.log == [{"asgi": (4002, "enough"), "rsgi": "closed"}[interface]]
    client.close()


def test_leaving_the_block_closes_with_1000(interface: str) -> None:
    app = Chat()
    client = TestClient(app, interface=interface)
    with client.websocket_connect("/"):
        pass
    assert app.log == [{"asgi": (1000, ""), "rsgi": "closed"}[interface]]
    client.close()


@pytest.mark.case(105)
def test_a_lost_connection_is_no_close(interface: str) -> None:
    app = Chat()
    client = TestClient(app, interface=interface)
    with client.websocket_connect("/") as ws:
        ws.leave()
    assert app.log == [{"asgi": (1006, ""), "rsgi": "RSGIProtocolClosed"}[interface]]
    client.close()


@pytest.mark.case(106)
def test_an_exception_of_the_app_reaches_the_test(interface: str) -> None:
    client = TestClient(Chat(), interface=interface)
    with pytest.raises(LookupError, match="told to"), client.websocket_connect("/") as ws:
        ws.send_text("crash")
        ws.receive()
    client.close()


def test_an_exception_can_be_left_to_the_server(interface: str) -> None:
    """uvicorn drops the connection, Granian closes without a code."""
    client = TestClient(Chat(), interface=interface, raise_server_exceptions=False)
    with client.websocket_connect("/") as ws:
        ws.send_text("crash")
        with pytest.raises(WebSocketDisconnect) as closed:
            ws.receive()
    assert closed.value.code == {"asgi": 1006, "rsgi": 1005}[interface]
    client.close()


def test_subprotocol_and_handshake_headers_where_the_protocol_has_them(interface: str) -> None:
    client = TestClient(Chat(), interface=interface)
    with client.websocket_connect("/", ["one", "two"]) as ws:
        assert ws.accepted_subprotocol == {"asgi": "two", "rsgi": None}[interface]
        assert ws.headers.get("set-cookie") == {"asgi": "ws=1", "rsgi": None}[interface]
    assert dict(client.cookies) == {"asgi": {"ws": "1"}, "rsgi": {}}[interface]
    client.close()


def test_the_handshake_looks_like_one() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)
        await send({"type": "websocket.close"})

    client = TestClient(app, headers={"x-all": "1"}, cookies={"a": "1"}, base_url="https://example.com")
    with pytest.raises(WebSocketDenied), client.websocket_connect("/ws?q=1", headers={"origin": "null"}):
        pytest.fail("refused")
    client.close()
    headers = dict(seen[0]["headers"])
    assert (seen[0]["scheme"], seen[0]["path"], seen[0]["query_string"]) == ("wss", "/ws", b"q=1")
    assert (headers[b"upgrade"], headers[b"connection"]) == (b"websocket", b"Upgrade")
    assert (headers[b"sec-websocket-version"], len(headers[b"sec-websocket-key"])) == (b"13", 24)
    assert (headers[b"origin"], headers[b"x-all"], headers[b"cookie"]) == (b"null", b"1", b"a=1")
    assert headers[b"host"] == b"example.com"


def test_a_timeout_bounds_a_receive(interface: str) -> None:
    client = TestClient(Chat(), interface=interface)
    with client.websocket_connect("/", timeout=0.05) as ws, pytest.raises(TimeoutError):
        ws.receive()
    client.close()


def test_accepting_twice_fails_the_test_whatever_the_app_catches() -> None:
    class Twice:
        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            await protocol.accept()
            try:
                await protocol.accept()
            except Exception:
                return

    client = TestClient(Twice(), raise_server_exceptions=False)
    with pytest.raises(ServerCrashed, match="accept"), client.websocket_connect("/") as ws:
        ws.receive()
    client.close()


@pytest.mark.case(107)
def test_an_app_waits_for_a_client_that_does_not_read(interface: str) -> None:
    class Floods:
        sent = 0

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "websocket.accept"})
            await self.flood(lambda data: send({"type": "websocket.send", "bytes": data}))

        async def __rsgi__(self, scope: Any, protocol: Any) -> None:
            transport = await protocol.accept()
            await self.flood(transport.send_bytes)

        async def flood(self, push: Any) -> None:
            for _ in range(100):
                await push(bytes(10_000))
                self.sent += 1

    app = Floods()
    client = TestClient(app, interface=interface)
    with client.websocket_connect("/") as ws:
        ws.receive()
        assert app.sent < 20
        assert len(list(ws)) == 99
    client.close()


def test_the_async_session_is_the_same(interface: str) -> None:
    app = Chat()

    async def test() -> None:
        client = AsyncTestClient(app, interface=interface)
        async with client.websocket_connect("/") as ws:
            await ws.send_json({"a": 1})
            assert await ws.receive_json() == {"a": 1}
            await ws.send_text("one")
            await ws.send_text("bye")
            assert [message async for message in ws] == ["one"]
        with pytest.raises(WebSocketDenied):
            async with client.websocket_connect("/no"):
                pytest.fail("refused")
        await client.aclose()

    asyncio.run(test())
