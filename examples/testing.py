"""Tests without a server, by the fixtures of VelociPy's pytest plugin: the same test on both protocols.

pytest testing.py        # the tests below; -v names them with their protocol
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import pytest

from velocipy import (
    Depends,
    EventSourceResponse,
    HTTPException,
    ServerSentEvent,
    Session,
    SessionMiddleware,
    VelociPy,
    WebSocket,
)
from velocipy.testing import AsyncTestClient, Clock, Override, TestClient

app = VelociPy(title="Testing")
app.add_middleware(SessionMiddleware("a-secret-of-at-least-32-characters!", idle_timeout=600))

pytestmark = pytest.mark.velocipy(protocols=["rsgi", "asgi"])


async def current_user() -> str:
    """What a test replaces: in the real app this would ask the session."""
    raise HTTPException(401, "Not authenticated")


@app.get("/whoami")
async def whoami(user: Annotated[str, Depends(current_user)]) -> dict[str, str]:
    """Answers with whoever the dependency finds."""
    return {"user": user}


@app.get("/visits")
async def visits(session: Session) -> int:
    """Counts in the session, which ends after ten idle minutes."""
    session["visits"] = session.get("visits", 0) + 1
    return int(session["visits"])


@app.get("/ticks")
async def ticks() -> EventSourceResponse:
    """Events without an end: a test reads them while they are sent."""

    async def numbers() -> AsyncIterator[ServerSentEvent]:
        number = 0
        while True:
            number += 1
            yield ServerSentEvent({"tick": number}, id=str(number))
            await asyncio.sleep(0.01)

    return EventSourceResponse(numbers())


@app.websocket("/echo")
async def echo(websocket: WebSocket) -> None:
    """Sends back what it receives."""
    await websocket.accept()
    async for message in websocket:
        await websocket.send_text(str(message))


@pytest.fixture(name="app")
def tested_app() -> VelociPy:
    """The app that `client`, `async_client` and `override` are about."""
    return app


def test_a_stranger_is_refused(client: TestClient) -> None:
    response = client.get("/whoami")
    assert response.status_code == 401
    assert response.json() == {"detail": "Not authenticated"}


def test_a_dependency_can_be_replaced(client: TestClient, override: Override) -> None:
    override(current_user, lambda: "alice")
    assert client.get("/whoami").json() == {"user": "alice"}


def test_a_visitor_is_forgotten_after_ten_minutes(client: TestClient, clock: Clock) -> None:
    assert [client.get("/visits").json() for _ in range(2)] == [1, 2]
    clock.move(601)
    assert client.get("/visits").json() == 1


def test_events_are_read_as_they_are_sent(client: TestClient) -> None:
    with client.sse_connect("/ticks") as events:
        assert [events.receive().json() for _ in range(3)] == [{"tick": 1}, {"tick": 2}, {"tick": 3}]


def test_a_websocket_echoes(client: TestClient) -> None:
    with client.websocket_connect("/echo") as socket:
        socket.send_text("hello")
        assert socket.receive_text() == "hello"


async def test_a_coroutine_runs_in_one_loop_with_the_app(async_client: AsyncTestClient) -> None:
    response = await async_client.get("/nowhere")
    assert response.status_code == 404
