"""WebSockets: handshakes, messages, and what each server can do; the same on both protocols where it can be."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

import pytest

from velocipy import APIRouter, Depends, Header, Query, VelociPy, WebSocket
from velocipy.exceptions import BindingError, UnsupportedByServer, WebSocketDisconnect
from velocipy.protocols import Capabilities, HeaderPairs, WebSocketConnection
from velocipy.routing.route import Route
from velocipy.testing import TestClient, WebSocketDenied

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
    ("interface", "capabilities"), [("asgi", (True,) * 5), ("rsgi", (False, False, False, True, False))]
)
def test_capabilities_say_what_a_server_can_do(interface: str, capabilities: tuple[bool, ...]) -> None:
    seen: list[Capabilities] = []

    async def endpoint(websocket: WebSocket) -> None:
        seen.append(websocket.capabilities)
        await websocket.accept()

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws"):
        pass
    assert tuple(seen[0]) == capabilities


@both
def test_an_iteration_may_be_left_and_taken_up_again_and_ends_with_the_peer(interface: str) -> None:
    seen: list[object] = []

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        async for message in websocket:
            seen.append(message)
            break
        async for message in websocket:
            seen.append(message)
        async for _ in websocket:
            raise AssertionError("nothing comes after the end")
        with pytest.raises(WebSocketDisconnect):
            await websocket.receive()
        seen.append(websocket.closed)

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        ws.send_text("one")
        ws.send_bytes(b"two")
        ws.send_text("three")
    assert seen == ["one", b"two", "three", True]


@both
def test_what_is_sent_is_only_begun_when_it_is_awaited(interface: str) -> None:
    """So that `gather` and tasks see what is raised, and the call does not."""

    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        wrong = websocket.send(5)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
        with pytest.raises(TypeError, match="not int"):
            await wrong
        await websocket.close()
        sends = [websocket.send("late"), websocket.send(b"late")]
        results = await asyncio.gather(*sends, return_exceptions=True)
        assert [type(result) for result in results] == [WebSocketDisconnect] * 2

    with TestClient(serving(endpoint), interface=interface) as client, client.websocket_connect("/ws") as ws:
        with pytest.raises(WebSocketDisconnect) as caught:
            ws.receive()
        assert caught.value.code == (1000 if interface == "asgi" else 1005)


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

    async def deny(self, status: int, headers: HeaderPairs = (), body: bytes = b"") -> None:
        self.calls.append(f"deny {status}")

    async def receive(self) -> Any:
        raise AssertionError("nothing was accepted")

    def read(self, message: Any) -> str | bytes:
        raise AssertionError("nothing was received")

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
