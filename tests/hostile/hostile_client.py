"""What every hostile case is held against afterwards: the app still answers, nothing is left open, and the log is not a flood.

client = client_of(app)        one app on one protocol; each test runs on both
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from velocipy import VelociPy
from velocipy.testing import TestClient

# A loaded machine may take this many times as long as the list of cases allows.
PATIENCE = 10.0


class HostileClient(TestClient):
    """A client that also sends what no well-behaved client would."""

    def ask(self, target: str | bytes, *headers: tuple[Any, Any]) -> tuple[int, Any]:
        """A GET of a target, neither of which is repaired -> (status, JSON of the answer)."""
        reply = self.exchange("GET", target, headers=[("host", "testserver"), *headers]).reply()
        return reply.status, json.loads(reply.body.decode("utf-8"))

    def refusals(self, target: str | bytes, *headers: tuple[Any, Any]) -> list[tuple[list[Any], str]]:
        """The same of what is refused -> (place, type) of each entry of the 422."""
        status, content = self.ask(target, *headers)
        assert status == 422, (status, content)
        return [(error["loc"], error["type"]) for error in content["detail"]]

    def tell(self, body: bytes, *headers: tuple[Any, Any], path: str = "/") -> tuple[int, Any]:
        """A POST of a body of a declared length -> (status, JSON of the answer)."""
        own = [("host", "testserver"), ("content-length", str(len(body))), *headers]
        reply = self.exchange("POST", path, headers=own, body=body).reply()
        return reply.status, json.loads(reply.body.decode("utf-8")) if reply.body else None


@pytest.fixture(params=["asgi", "rsgi"])
def interface(request: pytest.FixtureRequest) -> str:
    """The protocol that the app is served over."""
    return str(request.param)


@pytest.fixture
def client_of(interface: str, caplog: pytest.LogCaptureFixture) -> Iterator[Callable[..., HostileClient]]:
    """A function from an app, or an endpoint that is its one route, to a client of it.

    At the end of the test every such app answers a plain request.
    """
    clients: list[HostileClient] = []
    with ExitStack() as stack:
        caplog.set_level(logging.INFO)

        def start(served: Any, path: str = "/", method: str = "GET", **options: Any) -> HostileClient:
            app = served
            if not isinstance(app, VelociPy):
                app = VelociPy(plugins=False, **options)
                app.add_route(path, served, [method])
            app.add_route("/plain", plain)
            client = HostileClient(app, interface=interface, raise_server_exceptions=False)
            stack.callback(client.close)
            client.__enter__()
            clients.append(client)
            client.get("/plain")  # what is loaded at the first request is no matter of a case
            return client

        yield start
        for client in clients:
            before = time.process_time()
            answer = client.get("/plain")
            assert (answer.status_code, answer.text) == (200, "plain")
            assert time.process_time() - before < 1.0 * PATIENCE


async def plain() -> str:
    """The request that must still be answered."""
    return "plain"


@pytest.fixture
def records(caplog: pytest.LogCaptureFixture) -> Callable[[], list[logging.LogRecord]]:
    """A function that gives what was logged, but for the client's own lines."""

    def logged() -> list[logging.LogRecord]:
        return [
            record
            for record in caplog.records
            if not record.name.startswith(("httpx", "httpcore", "asyncio"))
        ]

    return logged


@pytest.fixture
def within() -> Callable[[float, Callable[[], object]], None]:
    """A function that calls another and holds it against a bound in seconds; the best of three counts, with patience."""

    def hold(seconds: float, call: Callable[[], object]) -> None:
        times = []
        for _ in range(3):
            before = time.process_time()
            call()
            times.append(time.process_time() - before)
        assert min(times) < seconds * PATIENCE, (
            f"took {min(times) * 1000:.1f} ms instead of {seconds * 1000:.1f}"
        )

    return hold


@pytest.fixture
def linear() -> Callable[[Callable[[int], object], int], None]:
    """A function that holds `call(4 n)` against less than six times `call(n)`; the best of several counts."""

    def hold(call: Callable[[int], object], size: int) -> None:
        once = min(_timed(call, size) for _ in range(4))
        four = min(_timed(call, 4 * size) for _ in range(4))
        assert four < 6 * once + 0.02, f"{size}: {once * 1000:.1f} ms, {4 * size}: {four * 1000:.1f} ms"

    return hold


def _timed(call: Callable[[int], object], size: int) -> float:
    before = time.process_time()
    call(size)
    return time.process_time() - before
