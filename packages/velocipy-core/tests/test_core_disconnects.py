"""What endpoints can do about clients that leave: be cancelled, be told, or go on."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest

from velocipy import Depends, Request, VelociPy
from velocipy.exceptions import BindingError, ClientDisconnected, ConfigurationError
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


def until(events: list[str], wanted: str) -> None:
    """Wait for an event that another thread notes."""
    deadline = time.monotonic() + 30
    while wanted not in events:
        assert time.monotonic() < deadline, events
        time.sleep(0.002)


def slow(events: list[str], **keywords: Any) -> VelociPy:
    """POST / takes a body and works for half a second."""
    app = VelociPy()

    async def session() -> AsyncIterator[None]:
        try:
            yield
        except ClientDisconnected:
            events.append("rolled back")
            raise
        else:
            events.append("committed")

    @app.post("/", **keywords)
    async def work(payload: dict[str, Any], _: Annotated[None, Depends(session)]) -> dict[str, Any]:
        events.append("started")
        try:
            await asyncio.sleep(0.5)
        except asyncio.CancelledError:
            events.append("cancelled")
            raise
        events.append("finished")
        return payload

    return app


HEADERS = [("host", "a"), ("content-type", "application/json"), ("content-length", "2")]


@both
@pytest.mark.parametrize(
    ("keywords", "expected"),
    [
        ({"on_disconnect": "cancel"}, ["started", "cancelled", "rolled back"]),
        ({"on_disconnect": "continue"}, ["started", "finished", "committed"]),
        ({}, ["started", "finished", "committed"]),
    ],
)
def test_a_route_says_whether_its_endpoint_ends_with_its_client(
    interface: str, keywords: Any, expected: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    events: list[str] = []
    with (
        caplog.at_level(logging.INFO, "velocipy"),
        TestClient(slow(events, **keywords), interface=interface) as client,
    ):
        exchange = client.exchange("POST", "/", headers=HEADERS, body=b"{}")
        until(events, "started")
        exchange.leave()
        until(events, expected[-1])
    assert events == expected
    assert caplog.records == []


@both
def test_an_endpoint_that_would_be_cancelled_answers_who_stays(interface: str) -> None:
    events: list[str] = []
    with TestClient(slow(events, on_disconnect="cancel"), interface=interface) as client:
        assert client.post("/", json={"a": 1}).json() == {"a": 1}
    assert events == ["started", "finished", "committed"]


@both
def test_a_wait_for_the_client_to_leave_ends_with_the_answer(interface: str) -> None:
    waits: list[asyncio.Task[None]] = []
    app = VelociPy()

    @app.get("/")
    async def leave_it(request: Request) -> dict[str, int]:
        waits.append(asyncio.ensure_future(request.disconnected()))
        await asyncio.sleep(0.01)
        return {"waits": len(waits)}

    @app.get("/after")
    async def look() -> bool:
        await asyncio.sleep(0)
        return waits[0].cancelled()

    with TestClient(app, interface=interface) as client:
        assert client.get("/").json() == {"waits": 1}
        assert client.get("/after").json() is True


def test_a_sync_endpoint_cannot_be_cancelled() -> None:
    app = VelociPy()
    with pytest.raises(BindingError, match="is sync, which nothing can cancel: make it async"):
        app.add_route("/", lambda: None, on_disconnect="cancel")
        TestClient(app).get("/")


def test_there_are_two_ways_and_no_third() -> None:
    with pytest.raises(ConfigurationError, match="on_disconnect is 'cancel' or 'continue', not 'ignore'"):
        VelociPy().add_route("/", lambda: None, on_disconnect="ignore")  # type: ignore[arg-type]


def test_the_plan_says_that_the_endpoint_may_be_cancelled() -> None:
    ends = "cancelled when the client leaves"
    assert ends in plan_of(slow([], on_disconnect="cancel")).explain()
    assert ends not in plan_of(slow([])).explain()


def plan_of(app: VelociPy) -> Any:
    return app._dispatcher.plan(app.routes[0])
