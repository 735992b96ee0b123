"""WebSockets: what may be done when, how they end, and what each server can do; the same on both protocols where it can be."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import pytest

from velocipy import APIRouter, Depends, Header, HTTPException, Query, VelociPy, WebSocket, WebSocketException
from velocipy.exceptions import BindingError, UnsupportedByServer, WebSocketDisconnect
from velocipy.protocols import Capabilities, HeaderPairs, SocketMessage, WebSocketConnection
from velocipy.routing.route import Route
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
        if isinstance(message, str):
            await websocket.send_text(message)
        else:
            await websocket.send_bytes(message)


@both
@pytest.mark.parametrize(
    "message", ["text", "", "ü€😀", b"bytes", b"", b"\x00\xff", "x" * 100_000, b"y" * 100_000]
)
def test_a_message_comes_back_as_its_kind(interface: str, message: str | bytes) -> None:
    with TestClient(serving(echo), interface=interface) as client, client.websocket_connect("/ws") as ws:
        for _ in range(3):
            ws.send_text(message) if isinstance(message, str) else ws.send_bytes(message)
            assert ws.receive() == message


@both
def test_a_websocket_shows_where_it_came_from(interface: str) -> None:
    async def show(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(
            [
                websocket.path,
                websocket.path_params,
                websocket.query_params.get("q"),
                websocket.headers.get("x-a"),
                websocket.cookies,
                websocket.client,
                websocket.scheme,
                websocket.accepted,
                websocket.closed,
                websocket.route.path,
                repr(websocket),
            ]
        )

    with TestClient(serving(show, "/ws/{id:int}"), interface=interface, cookies={"c": "1"}) as client:
        with client.websocket_connect("/ws/7?q=1", headers={"x-a": "b"}) as ws:
            assert ws.receive_json() == [
                "/ws/7",
                {"id": 7},
                "1",
                "b",
                {"c": "1"},
                ["127.0.0.1", 50000],
                "ws",
                True,
                False,
                "/ws/{id:int}",
                "<WebSocket '/ws/7' open>",
            ]


@both
def test_parameters_and_dependencies_are_bound_as_for_http(interface: str) -> None:
    order: list[str] = []

    async def session() -> AsyncIterator[str]:
        order.append("open")
        yield "session"
        order.append("close")

    async def endpoint(
        websocket: WebSocket,
        room: str,
        session: Annotated[str, Depends(session)],
        size: Annotated[int, Query(ge=1)] = 1,
        x_token: Annotated[str | None, Header()] = None,
    ) -> None:
        await websocket.accept()
        await websocket.send_json([room, session, size, x_token])

    with TestClient(serving(endpoint, "/{room}"), interface=interface) as client:
        with client.websocket_connect("/blue?size=3", headers={"x-token": "t"}) as ws:
            assert ws.receive_json() == ["blue", "session", 3, "t"]
        assert order == ["open", "close"]
        with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/blue?size=0"):
            pass
        assert caught.value.status_code == 422


@both
@pytest.mark.case(143)
def test_dependencies_end_once_however_the_websocket_ends(interface: str) -> None:
    order: list[str] = []

    async def session() -> AsyncIterator[None]:
        order.append("open")
        try:
            yield
        finally:
            order.append("close")

    async def endpoint(websocket: WebSocket, how: str, _: Annotated[None, Depends(session)]) -> None:
        await websocket.accept()
        if how == "raise":
            raise ValueError
        if how == "close":
            await websocket.close()
        if how == "wait":
            await websocket.receive()

    with quiet(serving(endpoint, "/{how}"), interface) as client:
        for how in ("raise", "close", "return", "wait"):
            with client.websocket_connect(f"/{how}") as ws:
                if how == "wait":
                    ws.leave()
    assert order == ["open", "close"] * 4


def test_a_websocket_takes_no_body_and_no_request() -> None:
    async def with_body(websocket: WebSocket, data: dict[str, Any]) -> None: ...

    with pytest.raises(BindingError, match="body"):
        serving(with_body)


@both
def test_websockets_nest_in_routers(interface: str) -> None:
    router = APIRouter("/in")
    router.websocket("/ws")(echo)
    router.add_websocket_route("/other", echo)
    app = VelociPy()
    app.include_router(router)
    with TestClient(app, interface=interface) as client:
        for path in ("/in/ws", "/in/other", "/in/ws/"):
            with client.websocket_connect(path) as ws:
                ws.send_text("x")
                assert ws.receive_text() == "x"


@both
def test_http_and_websocket_share_a_path(interface: str) -> None:
    app = serving(echo, "/same")

    @app.get("/same")
    async def page() -> str:
        return "page"

    with TestClient(app, interface=interface) as client:
        assert client.get("/same").text == "page"
        assert client.post("/same").headers["allow"] == "GET, HEAD, OPTIONS"
        with client.websocket_connect("/same") as ws:
            ws.send_text("x")
            assert ws.receive_text() == "x"


# -- kinds of messages -------------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize("mode", ["text", "binary"])
def test_json_comes_as_text_or_bytes(interface: str, mode: Any) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json({"got": await websocket.receive_json()})

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        ws.send_json({"ü": [1, None]}, mode)
        assert ws.receive_json() == {"got": {"ü": [1, None]}}


@both
@pytest.mark.case(104)
@pytest.mark.parametrize(
    ("wanted", "sent", "code"), [("text", b"x", 1003), ("bytes", "x", 1003), ("json", "{", 1007)]
)
def test_a_message_of_the_wrong_kind_closes(interface: str, wanted: str, sent: Any, code: int) -> None:
    seen: list[int] = []

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await getattr(websocket, f"receive_{wanted}")()
        except WebSocketDisconnect as exc:
            seen.append(exc.code)
            raise

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        ws.send_text(sent) if isinstance(sent, str) else ws.send_bytes(sent)
        with pytest.raises(WebSocketDisconnect) as caught:
            ws.receive()
        assert caught.value.code == (code if interface == "asgi" else 1005)  # RSGI sends no codes
    assert seen == [code]


@both
@pytest.mark.parametrize(
    ("how", "value"), [("send_text", b"x"), ("send_text", 3), ("send_bytes", "x"), ("send_bytes", None)]
)
def test_sending_the_wrong_kind_is_a_type_error_and_the_websocket_lives(
    interface: str, how: str, value: Any
) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        with pytest.raises(TypeError, match=how):
            await getattr(websocket, how)(value)
        await websocket.send_bytes(bytearray(b"alive"))  # type: ignore[arg-type]

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        assert ws.receive() == b"alive"


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


# -- what servers can do -----------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(102)
def test_a_subprotocol_is_chosen_where_the_server_can_and_else_refused_before_anything_is_sent(
    interface: str,
) -> None:
    refused: list[UnsupportedByServer] = []

    async def endpoint(websocket: WebSocket) -> None:
        assert list(websocket.subprotocols) == ["a", "b"]
        try:
            await websocket.accept("b")
        except UnsupportedByServer as exc:
            refused.append(exc)
            await websocket.accept()

    with TestClient(serving(endpoint), interface=interface) as client:
        with client.websocket_connect("/ws", ["a", "b"]) as ws:
            assert ws.accepted_subprotocol == ("b" if interface == "asgi" else None)
    assert len(refused) == (interface == "rsgi")


@both
@pytest.mark.case(102)
@pytest.mark.parametrize("chosen", ["c", "", "A", "a, b"])
def test_only_an_offered_subprotocol_can_be_chosen(interface: str, chosen: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        with pytest.raises(ValueError, match="did not offer"):
            await websocket.accept(chosen)
        await websocket.accept()

    with (
        TestClient(serving(endpoint), interface=interface) as client,
        client.websocket_connect("/ws", ["a", "b"]),
    ):
        pass


@both
def test_headers_of_the_handshake_are_sent_where_the_server_can(interface: str) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        if websocket.capabilities.accept_headers:
            await websocket.accept(headers={"x-a": "1"})
        else:
            with pytest.raises(UnsupportedByServer, match="headers"):
                await websocket.accept(headers={"x-a": "1"})
            await websocket.accept()

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        assert ws.headers.get("x-a") == ("1" if interface == "asgi" else None)


@both
@pytest.mark.case(12)
@pytest.mark.parametrize("headers", [{"x": "a\r\nb"}, {"a b": "c"}, {"upgrade": "h2c"}])
def test_hostile_headers_of_the_handshake_are_refused(interface: str, headers: dict[str, str]) -> None:
    async def endpoint(websocket: WebSocket) -> None:
        with pytest.raises(ValueError, match="header"):
            await websocket.accept(headers=headers)
        await websocket.accept()

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws"):
        pass


@pytest.mark.parametrize(
    ("interface", "capabilities"), [("asgi", (True,) * 4), ("rsgi", (False, False, False, True))]
)
def test_capabilities_say_what_a_server_can_do(interface: str, capabilities: tuple[bool, ...]) -> None:
    seen: list[Capabilities] = []

    async def endpoint(websocket: WebSocket) -> None:
        seen.append(websocket.capabilities)
        await websocket.accept()

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws"):
        pass
    assert tuple(seen[0]) == capabilities


class Recorder(WebSocketConnection):
    """A connection that loses its peer while it accepts."""

    path, query_string, scheme = "/ws", "", "ws"
    client = None
    subprotocols: Sequence[str] = ()
    capabilities = Capabilities(True, True, True, True)

    def __init__(self) -> None:
        self.calls: list[str] = []

    async def accept(self, subprotocol: str | None, headers: HeaderPairs) -> None:
        raise WebSocketDisconnect(1006)

    async def deny(self, status: int) -> None:
        self.calls.append(f"deny {status}")

    async def receive(self) -> SocketMessage:
        raise AssertionError("nothing was accepted")

    async def send_text(self, text: str) -> None:
        self.calls.append(text)

    async def send_bytes(self, data: bytes) -> None:
        self.calls.append("bytes")

    async def close(self, code: int, reason: str) -> None:
        self.calls.append(f"close {code}")


@pytest.mark.case(105)
def test_a_peer_that_leaves_during_the_handshake_is_gone() -> None:
    connection = Recorder()
    route: Route = serving(echo).routes[0]

    async def run() -> None:
        websocket = WebSocket(connection, (), route)
        with pytest.raises(WebSocketDisconnect):
            await websocket.accept()
        assert websocket.closed
        with pytest.raises(WebSocketDisconnect):
            await websocket.send_text("x")
        await websocket.close()

    asyncio.run(run())
    assert connection.calls == []


@both
@pytest.mark.case(107)
def test_sending_waits_for_a_slow_reader(interface: str) -> None:
    sent = 0

    async def flood(websocket: WebSocket) -> None:
        nonlocal sent
        await websocket.accept()
        while True:
            await websocket.send_bytes(b"x" * 10_000)
            sent += 1

    with TestClient(serving(flood), interface=interface) as client, client.websocket_connect("/ws") as ws:
        ws.receive_bytes()
        held = sent
        assert held * 10_000 < 1_000_000
        for _ in range(50):
            ws.receive_bytes()
        assert held < sent < 200
