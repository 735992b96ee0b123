"""Granian inside a program whose loop runs already: start-up beside it, requests that wait for it, and a shutdown that is whole."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import websockets
from servers import RunningServer, serve

HERE = Path(__file__).parent

pytestmark = pytest.mark.servers


@contextmanager
def embedded(interface: str, journal: Path, how: str = "", loop: str = "asyncio") -> Iterator[RunningServer]:
    env = {"EMBEDDED_JOURNAL": str(journal), "EMBEDDED_HOW": how, "EMBEDDED_LOOP": loop}

    def command(target: str, port: int) -> list[str]:
        return ["embedded_server", interface, target, str(port)]

    with serve("granian embedded", "embedded_app:app", cwd=HERE, env=env, command=command) as server:
        yield server


def written(journal: Path) -> list[str]:
    return journal.read_text().splitlines()


@pytest.mark.parametrize("interface", ["rsgi", "asgi"])
def test_a_request_waits_for_a_start_up_that_goes_on_beside_the_server(
    interface: str, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    with embedded(interface, journal) as server:
        assert httpx2.get(server.url, timeout=10).json() == 42
        assert written(journal) == ["starts", "started", "request"]


@pytest.mark.case(145)
@pytest.mark.parametrize(
    ("interface", "loop"), [("rsgi", "asyncio"), ("asgi", "asyncio"), ("rsgi", "uvloop")]
)
def test_shutdown_is_whole_although_the_program_returns_at_once(
    interface: str, loop: str, tmp_path: Path
) -> None:
    """`asyncio.run` cancels what is left of the program; the lifespan is not, and its own timeouts still end what they hold."""
    if loop != "asyncio":
        pytest.importorskip(loop)
    journal = tmp_path / "journal"
    with embedded(interface, journal, loop=loop) as server:
        assert httpx2.get(server.url, timeout=10).json() == 42
        assert server.stop() == 0, server.tail()
    assert written(journal)[2:] == ["request", "stops", "timeouts work", "stopped"]


@pytest.mark.parametrize(
    ("interface", "loop"), [("rsgi", "asyncio"), ("asgi", "asyncio"), ("rsgi", "uvloop")]
)
def test_shutdown_is_whole_at_ctrl_c_that_nobody_handles(interface: str, loop: str, tmp_path: Path) -> None:
    """`asyncio.run` cancels the program, the server with it, which tells the app nothing then."""
    if loop != "asyncio":
        pytest.importorskip(loop)
    journal = tmp_path / "journal"
    with embedded(interface, journal, loop=loop) as server:
        assert httpx2.get(server.url, timeout=10).json() == 42
        server.process.send_signal(signal.SIGINT)
        server.process.wait(10)
        assert "KeyboardInterrupt" in server.log(), server.tail()
    assert written(journal)[2:] == ["request", "stops", "timeouts work", "stopped"]


@pytest.mark.parametrize("interface", ["rsgi", "asgi"])
def test_a_stop_ends_event_streams_and_websockets_at_once(interface: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal"

    async def use(server: RunningServer) -> None:
        async with (
            httpx2.AsyncClient(base_url=server.url, timeout=10) as client,
            websockets.connect(f"ws://127.0.0.1:{server.port}/ws") as socket,
            client.stream("GET", "/events") as stream,
        ):
            await socket.send("x")
            assert await socket.recv() == "x 42"
            lines = stream.aiter_lines()
            assert await anext(lines) == "data: tick"
            server.process.send_signal(signal.SIGTERM)
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 5)
            async for _ in lines:
                pass

    with embedded(interface, journal) as server:
        asyncio.run(asyncio.wait_for(use(server), 20))
        told = time.monotonic()
        assert server.process.wait(10) == 0, server.tail()
        assert time.monotonic() - told < 4
    lines = written(journal)
    assert {"events are closed", "websocket is closed"} < set(lines)
    assert (lines.count("stops"), lines[-1]) == (1, "stopped")


def test_a_start_up_that_fails_is_logged_and_refuses_every_request_over_rsgi(tmp_path: Path) -> None:
    """Nobody awaits it, so that there is nobody to tell; over ASGI the server ends."""
    journal = tmp_path / "journal"
    with embedded("rsgi", journal, "fails") as server:
        for _ in range(2):
            assert httpx2.get(server.url, timeout=10).status_code == 500
        assert server.log().count("the app did not start: every request is refused") == 1
        assert server.log().count("LookupError: no database") >= 1
        assert server.stop() == 0, server.tail()
    assert written(journal) == ["starts"]
