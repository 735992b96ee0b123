"""The in-process ASGI server with apps that keep to no turn: it says what uvicorn would."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from velocipy import VelociPy
from velocipy.testing import AsyncTestClient, TestClient, WebSocketDenied
from velocipy.testing.asgi_lifespan import Lifespan


def lifespan_of(*answers: dict[str, Any] | Exception | None) -> Lifespan:
    """The lifespan of an app that answers each event so; None ends it without an answer."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        for answer in answers:
            await receive()
            if answer is None:
                return
            if isinstance(answer, Exception):
                raise answer
            await send(answer)

    return Lifespan(app, {})


UP = {"type": "lifespan.startup.complete"}


def run(lifespan: Lifespan) -> None:
    async def go() -> None:
        await lifespan.startup()
        await lifespan.shutdown()

    asyncio.run(go())


def test_a_lifespan_that_ends_by_itself_has_nothing_to_stop() -> None:
    run(lifespan_of(None))
    run(lifespan_of(UP))
    run(lifespan_of(UP, None))


def test_a_shutdown_without_a_startup_does_nothing() -> None:
    asyncio.run(lifespan_of().shutdown())


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        (({"type": "lifespan.hello"},), "the app answered lifespan.startup with 'lifespan.hello'"),
        (({"type": "lifespan.startup.failed", "message": "no disk"},), "startup failed: no disk"),
        ((UP, {"type": "lifespan.shutdown.failed", "message": "stuck"}), "shutdown failed: stuck"),
        ((UP, LookupError("its own")), "its own"),
    ],
)
def test_what_a_lifespan_says_wrong_is_raised(answers: Any, message: str) -> None:
    with pytest.raises(Exception, match=message):
        run(lifespan_of(*answers))


def test_a_failure_that_is_told_by_an_app_that_goes_on_is_raised_and_the_app_ended() -> None:
    ended: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "lifespan.startup.failed", "message": "no disk"})
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("cancelled")

    with pytest.raises(RuntimeError, match="startup failed: no disk"):
        run(Lifespan(app, {}))
    assert ended == ["cancelled"]


def say(*messages: dict[str, Any]) -> Any:
    """An ASGI app that says this to every WebSocket."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            for message in messages:
                await send(message)

    return app


ACCEPT = {"type": "websocket.accept"}
DENY = {"type": "websocket.http.response.start", "status": 401}


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([{"type": "websocket.send", "text": "early"}], "Expected ASGI message 'websocket.accept'"),
        ([{**DENY, "status": 999}], "Invalid HTTP status code '999'"),
        ([DENY, ACCEPT], "Expected ASGI message 'websocket.http.response.body'"),
        ([ACCEPT, ACCEPT], "Expected ASGI message 'websocket.send' or 'websocket.close'"),
        (
            [ACCEPT, {"type": "websocket.close"}, {"type": "websocket.close"}],
            "after sending 'websocket.close'",
        ),
    ],
)
def test_a_message_out_of_turn_is_the_error_of_a_server(messages: Any, expected: str) -> None:
    with (
        TestClient(say(*messages), interface="asgi") as client,
        pytest.raises(RuntimeError, match=expected),
        client.websocket_connect("/") as websocket,
    ):
        websocket.receive()


def test_a_client_is_entered_once_and_a_websocket_is_not_used_before() -> None:
    async def go() -> None:
        async with AsyncTestClient(VelociPy(plugins=False)) as client:
            with pytest.raises(RuntimeError, match="do not enter it twice"):
                await client.__aenter__()
            with pytest.raises(RuntimeError, match="not open yet: use it in a `with` block"):
                await client.websocket_connect("/").receive()

    asyncio.run(go())


def test_a_refusal_comes_in_parts_and_the_app_hears_of_the_end() -> None:
    heard: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send(DENY)
            for body, more in ((b"not ", True), (b"you", False)):
                await send({"type": "websocket.http.response.body", "body": body, "more_body": more})
            heard.append([await receive(), await receive()])

    with (
        TestClient(app, interface="asgi") as client,
        pytest.raises(WebSocketDenied) as caught,
        client.websocket_connect("/"),
    ):
        pass
    assert (caught.value.status_code, caught.value.body) == (401, b"not you")
    assert heard == [[{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1006}]]


def test_an_app_that_says_something_to_a_peer_that_has_left_is_ended_by_an_os_error_alone() -> None:
    raised: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket":
            return
        await send(ACCEPT)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        try:
            await send({"type": "websocket.send", "text": "still here?"})
        except OSError as exc:
            raised.append(type(exc).__name__)
            raise

    with TestClient(app, interface="asgi") as client, client.websocket_connect("/") as websocket:
        websocket.send_text("bye")
    assert raised == ["PeerGone"]
