"""SIGTERM while a request, streams, a WebSocket and a background task are open: what each server and we make of it."""

from __future__ import annotations

import asyncio
import signal
import socket
import time
from pathlib import Path

import httpx2
import pytest
import websockets
from servers import COMMANDS, RunningServer, serve

HERE = Path(__file__).parent
JOURNAL = "STOPPING_JOURNAL"

pytestmark = pytest.mark.servers


async def stop_with_everything_open(server: RunningServer) -> tuple[dict[str, object], float]:
    """(what each client got, the seconds until the server had ended)."""
    got: dict[str, object] = {}
    async with httpx2.AsyncClient(base_url=server.url, timeout=15) as client:
        assert (await client.get("/background")).text == "begun"

        async def fetch(path: str) -> None:
            try:
                got[path] = (await client.get(path)).text.splitlines()[-1]
            except httpx2.HTTPError as exc:
                got[path] = type(exc).__name__

        async with websockets.connect(f"ws://127.0.0.1:{server.port}/ws") as socket:
            asking = [asyncio.ensure_future(fetch(path)) for path in ("/slow", "/stream/0.6", "/stream/60")]
            await asyncio.sleep(0.3)
            started = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(socket.recv(), 10)
            except websockets.ConnectionClosed:
                got["ws"] = time.monotonic() - started
            await asyncio.gather(*asking)
    await asyncio.to_thread(server.process.wait, 15)
    return got, time.monotonic() - started


@pytest.mark.case(137)
@pytest.mark.parametrize("kind", list(COMMANDS))
def test_what_is_open_ends_as_it_should_and_the_server_with_it(kind: str, tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    env = {JOURNAL: str(journal), "PYTHONPATH": str(HERE)}
    with serve(kind, "stopping_app:app", cwd=HERE, env=env) as server:
        got, seconds = asyncio.run(stop_with_everything_open(server))
        code = server.process.returncode
        log = server.log()
    lines = journal.read_text().splitlines()
    assert got["/slow"] == "slow but whole"
    assert got["/stream/0.6"] == "end"
    assert got["/stream/60"] in ("part", "RemoteProtocolError", "ReadError")
    if (
        kind != "hypercorn"
    ):  # it installs its handler after start-up, so that ours is lost there, and has a deadline of its own
        assert isinstance(got["ws"], float) and got["ws"] < 1.0
        assert seconds < 5
        assert "websocket is disconnected" in lines
    assert lines.count("stream of 60.0 is closed") == 1
    assert "background task is done" in lines
    assert (lines[0], lines[-1]) == ("lifespan starts", "lifespan stops"), log[-3000:]
    assert lines.count("lifespan stops") == 1
    # uvicorn raises the signal once more when it has cleaned up, so that its parent sees what ended it.
    assert code in ((0, -signal.SIGTERM) if kind.startswith("uvicorn") else (0,)), log[-3000:]


@pytest.mark.case(138)
@pytest.mark.parametrize("kind", ["granian-rsgi", "uvicorn-httptools", "hypercorn"])
def test_whoever_tells_a_server_twice_to_stop_does_not_wait_for_ever(kind: str, tmp_path: Path) -> None:
    """A client that reads nothing of a stream without end holds up nobody beyond the grace of 1.5 s and the server's own 5."""
    env = {JOURNAL: str(tmp_path / "journal"), "PYTHONPATH": str(HERE)}
    with serve(kind, "stopping_app:app", cwd=HERE, env=env) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
            client.sendall(b"GET /stream/60 HTTP/1.1\r\nhost: a\r\n\r\n")
            client.recv(1)
            started = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(25)
        assert time.monotonic() - started < 20
        assert "Traceback" not in server.log() or kind == "hypercorn", server.tail()
