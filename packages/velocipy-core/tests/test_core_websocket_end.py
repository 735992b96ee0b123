"""How WebSockets end, and how handshakes are refused; the same on both protocols where it can be. What is sent is not its matter."""

import asyncio
from typing import Any

import pytest

from velocipy import HTTPException, VelociPy, WebSocket, WebSocketException
from velocipy.exceptions import WebSocketDisconnect
from velocipy.testing import TestClient, WebSocketDenied
from velocipy.websocket import SocketState

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


def serving(endpoint: Any, path: str = "/ws") -> VelociPy:
    app = VelociPy()
    app.websocket(path)(endpoint)
    return app


def quiet(app: VelociPy, interface: str) -> TestClient:
    return TestClient(app, interface=interface, raise_server_exceptions=False)


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for message in websocket:
        await websocket.send(message)


# -- how they end ------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (1008, "policy"), (4321, "own"), (3000, "x" * 123)])
def test_the_app_closes_with_code_and_reason_where_the_server_can(
    interface: str, code: int, reason: str
) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(code, reason)
        await websocket.close()  # does nothing
        assert websocket.closed

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        with pytest.raises(WebSocketDisconnect) as caught:
            ws.receive()
        assert (caught.value.code, caught.value.reason) == (
            (code, reason) if interface == "asgi" else (1005, "")
        )


@both
@pytest.mark.case(105)
@pytest.mark.parametrize(
    ("code", "reason"), [(1005, ""), (1006, ""), (1015, ""), (999, ""), (5000, ""), (0, ""), (1000, "é" * 62)]
)
def test_a_close_that_must_not_be_sent_is_refused(interface: str, code: int, reason: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(ValueError, match="close"):
            await websocket.close(code, reason)
        await websocket.send_text("still open")

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        assert ws.receive_text() == "still open"


@both
def test_the_client_s_close_ends_the_loop(interface: str) -> None:
    seen: list[Any] = []

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        async for message in websocket:
            seen.append(message)
        seen.append(websocket.connection_state)

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        ws.send_text("a")
        ws.close(4000, "bye")
    assert seen == ["a", SocketState.CLOSED]


@both
@pytest.mark.case(105)
@pytest.mark.parametrize("how", ["close", "leave"])
def test_after_the_client_has_gone_everything_raises_disconnect(interface: str, how: str) -> None:
    seen: list[str] = []

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        for attempt in (websocket.receive, websocket.receive, websocket.receive_text):
            try:
                await attempt()
            except WebSocketDisconnect as exc:
                seen.append(str(exc.code))
        for send in (websocket.send_text("x"), websocket.send_bytes(b"x"), websocket.send_json({})):
            with pytest.raises(WebSocketDisconnect):
                await send
        await websocket.close()
        seen.append("done")

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        ws.close() if how == "close" else ws.leave()
    assert len(seen) == 4
    assert seen[-1] == "done"


@both
@pytest.mark.case(105)
def test_sending_after_the_client_left_raises_without_any_receive(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    async def push(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.send_text("tick")
                await asyncio.sleep(0.001)
        except WebSocketDisconnect:
            seen.append("noticed")
        assert websocket.closed

    with TestClient(serving(push), interface=interface) as client, client.websocket_connect("/ws") as ws:
        assert ws.receive_text() == "tick"
        ws.leave()
    assert seen == ["noticed"]
    assert caplog.records == []


@both
@pytest.mark.case(105)
def test_what_is_done_before_accept_is_refused(interface: str) -> None:
    seen: list[str] = []

    async def endpoint(websocket: WebSocket) -> None:
        for attempt in (websocket.receive(), websocket.send_text("x"), websocket.send_bytes(b"x")):
            with pytest.raises(RuntimeError, match="not accepted yet"):
                await attempt
            seen.append("refused")
        await websocket.accept()

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws"):
        pass
    assert seen == ["refused"] * 3


@both
@pytest.mark.case(105)
def test_a_second_accept_is_refused_by_us_and_not_by_the_server(interface: str) -> None:
    """It would end a Granian worker, also when two tasks accept at once."""

    async def endpoint(websocket: WebSocket) -> None:
        outcomes = await asyncio.gather(websocket.accept(), websocket.accept(), return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [type(None), RuntimeError]
        with pytest.raises(RuntimeError, match="cannot accept"):
            await websocket.accept()
        with pytest.raises(RuntimeError, match="cannot deny"):
            await websocket.deny()
        await websocket.send_text("alive")

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        assert ws.receive_text() == "alive"


@both
def test_two_receives_at_once_are_refused(interface: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        first = asyncio.ensure_future(websocket.receive())
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="two tasks"):
            await websocket.receive()
        await websocket.send_text(str(await first))

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        ws.send_text("for the first")
        assert ws.receive_text() == "for the first"


@both
def test_a_close_that_the_server_cannot_get_rid_of_is_given_up(
    interface: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its frame stands behind messages that the peer does not read."""
    monkeypatch.setattr("velocipy.websocket.CLOSE_TIMEOUT", 0.01)
    seen: list[str] = []

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()

        async def stuck(code: int, reason: str) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                seen.append("given up")

        websocket.connection.close = stuck  # type: ignore[method-assign]
        await websocket.close()
        seen.append("closed")
        await asyncio.sleep(0)

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws"):
        pass
    assert sorted(seen) == ["closed", "given up"]


# -- refusals ----------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(106)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 503])
def test_an_http_exception_before_accept_is_the_status_of_the_refusal(
    interface: str, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        raise HTTPException(status)

    with TestClient(serving(endpoint), interface=interface) as client:
        with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/ws"):
            pass
    assert caught.value.status_code == status
    assert caplog.records == []


@both
@pytest.mark.case(106)
@pytest.mark.parametrize(
    "exc",
    [HTTPException(400, {"wrong": object()}), HTTPException(400, "no", {"x-a": "a\nb"})],
    ids=["detail", "headers"],
)
def test_an_http_exception_that_cannot_be_sent_is_500_and_logged(
    interface: str, exc: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        raise exc

    with TestClient(serving(endpoint), interface=interface) as client:
        with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/ws"):
            pass
    assert caught.value.status_code == 500
    (record,) = caplog.records
    assert "a HTTPException that cannot be sent in WEBSOCKET /ws" in record.getMessage()


@pytest.mark.parametrize("how", ["return", "exception"])
def test_who_leaves_during_the_handshake_needs_no_refusal(how: str, caplog: pytest.LogCaptureFixture) -> None:
    """On ASGI alone: RSGI tells of a peer that has left only where the handshake is completed."""
    sent: list[Any] = []

    async def endpoint(websocket: WebSocket) -> None:
        if how == "exception":
            raise HTTPException(401)

    async def receive() -> Any:
        return {"type": "websocket.disconnect", "code": 1006}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "path": "/ws",
        "query_string": b"",
        "headers": [(b"host", b"example.org")],
        "extensions": {"websocket.http.response": {}},
    }
    asyncio.run(serving(endpoint)(scope, receive, send))
    assert sent == []
    assert caplog.records == []


@both
@pytest.mark.parametrize("how", ["deny", "close", "close with a code", "return", "exception"])
def test_a_websocket_that_is_never_accepted_is_refused_with_403(interface: str, how: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        if how == "deny":
            await websocket.deny()
        elif how == "close":
            await websocket.close()
        elif how == "close with a code":
            await websocket.close(4000, "a code is no HTTP status")
        elif how == "exception":
            raise WebSocketException(4000, "no")

    with TestClient(serving(endpoint), interface=interface) as client:
        with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/ws"):
            pass
    assert caught.value.status_code == 403


@both
@pytest.mark.case(105)
@pytest.mark.parametrize("status", [0, 99, 101, 200, 399, 600, 1000, 4000, "403", None, True])
def test_a_refusal_has_an_error_status(interface: str, status: Any) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        with pytest.raises(ValueError, match="status"):
            await websocket.deny(status)
        await websocket.deny(404)

    with TestClient(serving(endpoint), interface=interface) as client:
        with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/ws"):
            pass
    assert caught.value.status_code == 404


@both
@pytest.mark.case(106)
def test_an_unhandled_exception_before_accept_is_500_logged_once(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        raise ValueError("secret")

    with quiet(serving(endpoint), interface) as client:
        with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/ws"):
            pass
    assert (caught.value.status_code, caught.value.body) == (500, b"")
    assert len(caplog.records) == 1
    assert "WEBSOCKET /ws" in caplog.records[0].getMessage()


@both
@pytest.mark.case(106)
def test_an_unhandled_exception_after_accept_is_1011_logged_once(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        raise ValueError("secret")

    with quiet(serving(endpoint), interface) as client, client.websocket_connect("/ws") as ws:
        with pytest.raises(WebSocketDisconnect) as caught:
            ws.receive()
    assert (caught.value.code, caught.value.reason) == (1011 if interface == "asgi" else 1005, "")
    assert len(caplog.records) == 1


@both
@pytest.mark.parametrize(
    ("exc", "code", "reason"),
    [
        (WebSocketException(4000, "why"), 4000, "why"),
        (WebSocketException(), 1000, ""),
        (HTTPException(404, "gone"), 1008, "gone"),
        (HTTPException(400, "é" * 200), 1008, "é" * 61),
        (WebSocketDisconnect(4001), 1006, ""),
    ],
)
def test_an_exception_after_accept_closes_with_its_code(
    interface: str, exc: Exception, code: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        raise exc

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        with pytest.raises(WebSocketDisconnect) as caught:
            ws.receive()
    assert (caught.value.code, caught.value.reason) == ((code, reason) if interface == "asgi" else (1005, ""))
    assert caplog.records == []


@both
@pytest.mark.case(105)
@pytest.mark.parametrize(("code", "reason"), [(5, ""), (1006, ""), (70000, ""), (1000, "x" * 124)])
def test_a_websocket_exception_that_cannot_be_sent_is_1011_and_logged(
    interface: str, code: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        raise WebSocketException(code, reason)

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        with pytest.raises(WebSocketDisconnect) as caught:
            ws.receive()
    assert caught.value.code == (1011 if interface == "asgi" else 1005)
    assert len(caplog.records) == 1


@both
@pytest.mark.case(3)
def test_a_hostile_host_is_refused_on_a_websocket_too(interface: str) -> None:
    with TestClient(serving(echo), interface=interface) as client:
        with pytest.raises(WebSocketDenied) as caught:
            with client.websocket_connect("/ws", headers={"host": "a@evil"}):
                pass
    assert caught.value.status_code == 400
