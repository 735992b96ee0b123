"""Time that tests move, and how fast the client is beside another one."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import starlette.applications
import starlette.responses
import starlette.routing
import starlette.testclient

from velocipy import MemoryStorage, Response, Session, SessionMiddleware, VelociPy, clock
from velocipy.signing import Signer
from velocipy.testing import Clock, TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
SECRET = "e9c1a6f0-4d7b-49f3-8d2a-7c5b3f1e0a64"


def test_time_stands_still_and_moves_on_both_clocks_alike() -> None:
    with Clock() as held:
        wall, steady = clock.wall(), clock.steady()
        assert abs(wall - time.time()) < 60
        assert (clock.wall(), clock.steady()) == (wall, steady)
        held.move(1.5)
        held.move(timedelta(days=1))
        assert clock.wall() - wall == pytest.approx(86_401.5)
        assert clock.steady_ns() / 1e9 - steady == pytest.approx(86_401.5)
        held.move_to(datetime(2100, 1, 1, tzinfo=UTC))
        assert held.now == datetime(2100, 1, 1, tzinfo=UTC)
        assert clock.wall_ns() == pytest.approx(4_102_444_800e9)
    assert abs(clock.wall() - time.time()) < 60
    assert abs(clock.steady() - time.monotonic()) < 60


def test_time_moves_forward_alone_and_in_one_place() -> None:
    with Clock() as held:
        with pytest.raises(ValueError, match="time moves forward, not by -1 s"):
            held.move(-1)
        with pytest.raises(ValueError, match="not by -"):
            held.move_to(datetime(2000, 1, 1, tzinfo=UTC))
        with pytest.raises(ValueError, match="has no time zone"):
            held.move_to(datetime(2100, 1, 1))
        with pytest.raises(RuntimeError, match="time is moved already"), Clock():
            pass
        assert clock.wall_ns() == clock.wall_ns()
    with Clock():
        pass


async def keys_expire() -> None:
    storage = MemoryStorage()
    signer = Signer(SECRET, "test")
    with Clock() as held:
        await storage.set("key", b"value", ttl=60)
        signed = signer.sign(b"payload")
        held.move(59)
        assert await storage.get("key") == b"value"
        verified = signer.verify(signed, max_age=60)
        assert verified is not None
        assert verified.payload == b"payload"
        held.move(2)
        assert await storage.get("key") is None
        assert signer.verify(signed, max_age=60) is None


def test_stored_keys_and_signatures_expire_on_the_clock_of_the_test() -> None:
    asyncio.run(keys_expire())


def visits(**options: Any) -> VelociPy:
    app = VelociPy()
    app.add_middleware(SessionMiddleware(SECRET, idle_timeout=600, max_age=3600, **options))

    @app.get("/")
    async def visit(session: Session) -> int:
        session["visits"] = session.get("visits", 0) + 1
        return int(session["visits"])

    return app


@both
@pytest.mark.parametrize("stored", [False, True], ids=["cookie", "storage"])
def test_a_session_ends_when_the_test_says_so(interface: str, stored: bool) -> None:
    app = visits(storage=MemoryStorage()) if stored else visits()
    with TestClient(app, interface=interface) as client, Clock() as held:
        assert [client.get("/").json() for _ in range(2)] == [1, 2]
        held.move(599)
        assert client.get("/").json() == 3
        held.move(601)
        assert client.get("/").json() == 1
        for _ in range(6):
            held.move(599)
            last = client.get("/").json()
        assert last == 7
        held.move(599)
        assert client.get("/").json() == 1


@both
def test_cookies_of_a_client_expire_on_the_clock_of_the_test(interface: str) -> None:
    app = VelociPy()

    @app.get("/")
    async def give(response: Response) -> None:
        response.set_cookie("short", "a", max_age=60)
        response.set_cookie("dated", "b", expires=3600)
        response.set_cookie("session", "c")

    with TestClient(app, interface=interface) as client, Clock() as held:
        client.get("/")
        held.move(59)
        assert sorted(client.cookies) == ["dated", "session", "short"]
        held.move(2)
        assert client.build_request("GET", "/").headers["cookie"].count("=") == 2
        held.move(3600)
        assert client.build_request("GET", "/").headers["cookie"] == "session=c"
        client.get("/")
        assert sorted(client.cookies) == ["dated", "session", "short"]


def cpu_of(client: Any, requests: int) -> float:
    started = time.process_time()
    for _ in range(requests):
        client.get("/items/7")
    return time.process_time() - started


@both
def test_the_client_takes_less_than_half_of_what_starlettes_takes(interface: str) -> None:
    """Four to five times as fast when this was written: CPU seconds of the process, the least of three turns each."""
    app = VelociPy()

    @app.get("/items/{number:int}")
    async def item(number: int) -> dict[str, int]:
        return {"number": number}

    async def starlettes(request: Any) -> starlette.responses.JSONResponse:
        return starlette.responses.JSONResponse({"number": request.path_params["number"]})

    other = starlette.applications.Starlette(
        routes=[starlette.routing.Route("/items/{number:int}", starlettes)]
    )
    with TestClient(app, interface=interface) as ours, starlette.testclient.TestClient(other) as theirs:
        assert ours.get("/items/7").json() == theirs.get("/items/7").json() == {"number": 7}
        turns = [(cpu_of(ours, 50), cpu_of(theirs, 50)) for _ in range(3)]
    assert min(turn[0] for turn in turns) < 0.5 * min(turn[1] for turn in turns), turns
