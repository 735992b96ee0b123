"""What foreign ASGI apps do that is rare: messages out of turn, bodies that must not be, ends in the middle; on both protocols."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from velocipy import Request, Response, VelociPy
from velocipy.exceptions import ConfigurationError
from velocipy.testing import AsyncTestClient, TestClient, WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])

START = {"type": "http.response.start", "status": 200, "headers": []}


def part(body: bytes, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


def answering(*messages: dict[str, Any]) -> Any:
    """An ASGI app that answers every request with these messages, without reading it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            for message in messages:
                await send(message)

    return app


def mounting(target: Any, **options: Any) -> VelociPy:
    app = VelociPy(plugins=False, **options)
    app.mount("/f", target)
    return app


@both
def test_an_app_sees_the_authority_of_http_2_as_the_host(interface: str) -> None:
    async def shows_host(scope: Any, receive: Any, send: Any) -> None:
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        await send(START)
        await send(part(b",".join(hosts)))

    with TestClient(mounting(shows_host), interface=interface) as client:
        exchange = client.exchange("GET", "/f", headers=[], http_version="2", authority="a.example")
        assert exchange.reply().body == b"a.example"


@both
@pytest.mark.parametrize(
    ("messages", "status", "body"),
    [
        ([START, part(b"", True), part(b"late")], 200, b"late"),
        ([START, part(b"all"), part(b"after its end")], 200, b"all"),
        ([START, {"type": "http.response.trailers", "headers": []}, part(b"all")], 200, b"all"),
        ([{**START, "status": 204}, part(b"", True), part(b"lost")], 204, b""),
        ([{**START, "status": 304}, part(b"lost", True), part(b"lost"), part(b"lost")], 304, b""),
        ([START, START], 500, None),
        ([part(b"without a start")], 500, None),
    ],
)
def test_messages_out_of_turn_reach_no_client(
    interface: str, messages: list[dict[str, Any]], status: int, body: bytes | None
) -> None:
    app = mounting(answering(*messages))
    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        for _ in range(2):  # and the next request is answered as if nothing had been
            answer = client.get("/f")
            assert answer.status_code == status
            assert body is None or answer.content == body


@both
def test_a_head_is_answered_without_the_parts_of_a_body(interface: str) -> None:
    parts = [part(b"some ", True), part(b"more ", True), part(b"text")]
    app = mounting(answering({**START, "headers": [(b"content-type", b"text/x")]}, *parts))
    with TestClient(app, interface=interface) as client:
        answer = client.head("/f")
        assert (answer.status_code, answer.headers["content-type"], answer.content) == (200, "text/x", b"")
        assert client.get("/f").content == b"some more text"


@both
def test_an_app_that_ends_in_the_middle_of_its_answer_is_told_in_the_log(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def stops(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(part(b"half", True))
        await asyncio.sleep(0.01)  # until somebody waits for the other half

    with TestClient(mounting(stops), interface=interface) as client:
        if interface == "asgi":
            with pytest.raises(httpx2.RemoteProtocolError):
                client.get("/f")
        else:  # RSGI has no way to show it where no length was declared
            assert client.get("/f").content == b"half"
    assert "the ASGI app ended in the middle of its answer" in caplog.text


@both
def test_what_an_app_raises_after_its_answer_is_logged(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def works_on(scope: Any, receive: Any, send: Any) -> None:
        await send(START)
        await send(part(b"done"))
        raise LookupError("in the background")

    with TestClient(mounting(works_on), interface=interface) as client:
        assert client.get("/f").content == b"done"
    assert "an ASGI app failed after its answer" in caplog.text
    assert "in the background" in caplog.text


@both
def test_an_app_that_begins_and_then_waits_for_its_client_to_leave_is_told_so(interface: str) -> None:
    told: list[str] = []

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        assert await receive() == {"type": "http.request", "body": b"", "more_body": False}
        await send(START)
        told.append((await receive())["type"])

    async def go() -> None:
        async with AsyncTestClient(mounting(waits), interface=interface) as client:
            async with client.stream("GET", "/f") as answer:
                assert answer.status_code == 200  # before anything of the body has come
            for _ in range(500):
                if told:
                    break
                await asyncio.sleep(0.01)

    asyncio.run(go())
    assert told == ["http.disconnect"]


@both
def test_an_app_whose_client_leaves_within_its_body_is_told_so(interface: str) -> None:
    told: list[str] = []

    async def reads(scope: Any, receive: Any, send: Any) -> None:
        while (message := await receive())["type"] == "http.request" and message["more_body"]:
            told.append(message["body"].decode())
        told.append(message["type"])

    with TestClient(mounting(reads), interface=interface, raise_server_exceptions=False) as client:
        exchange = client.exchange("POST", "/f", headers=[("host", "a"), ("content-length", "9")], body=None)
        exchange.feed(b"part")
        exchange.cut()
    assert told[-1] == "http.disconnect"


@both
def test_an_app_is_cancelled_with_the_request_that_waits_for_it(interface: str) -> None:
    ended: list[str] = []

    class Limited:
        async def dispatch(self, request: Request, call_next: Any) -> Response:
            try:
                async with asyncio.timeout(0.05):
                    return await call_next(request)  # type: ignore[no-any-return]
            except TimeoutError:
                return Response(b"too slow", 504)

    async def sleeps(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with TestClient(mounting(sleeps, middleware=[Limited()]), interface=interface) as client:
        assert client.get("/f").status_code == 504
    assert ended == ["cancelled"]


@both
def test_an_app_that_does_not_stop_cleanly_is_named(interface: str, caplog: pytest.LogCaptureFixture) -> None:
    async def fails_late(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.failed", "message": "the pool is stuck"})

    with pytest.raises(Exception, match="a mounted app did not stop cleanly: the pool is stuck"):
        with TestClient(mounting(fails_late), interface=interface):
            pass


@both
def test_a_refusal_of_a_handshake_may_come_in_parts(interface: str) -> None:
    async def refuses(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            head = {"type": "websocket.http.response.start", "status": 418, "headers": [(b"x-why", b"tea")]}
            await send(head)
            for body, more in ((b"no ", True), (b"coffee", False)):
                await send({"type": "websocket.http.response.body", "body": body, "more_body": more})

    with (
        TestClient(mounting(refuses), interface=interface) as client,
        pytest.raises(WebSocketDenied) as caught,
        client.websocket_connect("/f"),
    ):
        pass
    assert caught.value.status_code == 418
    if interface == "asgi":  # a refusal of RSGI is a status alone
        assert (dict(caught.value.headers)["x-why"], caught.value.body) == ("tea", b"no coffee")


def test_an_app_is_not_told_that_it_may_refuse_with_a_status_where_the_server_cannot() -> None:
    seen: list[bool] = []

    async def sees(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            seen.append("websocket.http.response" in scope["extensions"])
            await send({"type": "websocket.close"})

    def plain_server(app: Any) -> Any:
        async def call(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "extensions": {}}, receive, send)

        return call

    for app in (mounting(sees), mounting(sees)):
        if seen:
            app.add_asgi_middleware(plain_server)
        with (
            TestClient(app, interface="asgi") as client,
            pytest.raises(WebSocketDenied),
            client.websocket_connect("/f"),
        ):
            pass
    assert seen == [True, False]


@both
def test_a_message_to_a_peer_that_has_left_is_an_os_error_in_the_app(interface: str) -> None:
    raised: list[OSError] = []

    async def says_on(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass
        try:
            await send({"type": "websocket.send", "text": "are you there?"})
        except OSError as exc:
            raised.append(exc)

    with TestClient(mounting(says_on), interface=interface) as client, client.websocket_connect("/f") as ws:
        ws.send_text("bye")
    assert len(raised) == 1


@both
def test_a_callable_whose_signature_python_does_not_know_is_taken_for_an_app(interface: str) -> None:
    class Compiled:
        __signature__ = "hidden"

        def __call__(self, scope: Any, receive: Any, send: Any) -> Any:
            return answering(START, part(b"compiled"))(scope, receive, send)

    with TestClient(mounting(Compiled()), interface=interface) as client:
        assert client.get("/f").content == b"compiled"
    with pytest.raises(ConfigurationError, match="cannot be mounted"):
        mounting(lambda scope: None)
