"""Two workers of a real server share one Redis: examples/rate_limit.py in its Redis form counts, and rooms hear each other."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import websockets
from redis_server import Server, free_port

pytestmark = pytest.mark.servers

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
COMMANDS = {
    "granian": ["granian", "--interface", "rsgi", "--workers-kill-timeout", "5"],
    "uvicorn": ["uvicorn"],
}


HERE = Path(__file__).parent


@contextmanager
def serving(name: str, redis: str, app: str = "rate_limit:app", folder: Path = EXAMPLES) -> Iterator[str]:
    """The URL of an app, served by two workers."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        *COMMANDS[name],
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--workers",
        "2",
    ]
    process = subprocess.Popen(
        [*command, app],
        cwd=folder,
        env={
            **os.environ,
            "REDIS_URL": redis,
            "PYTHONPATH": f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        ends = time.monotonic() + 30
        while time.monotonic() < ends:
            try:
                httpx2.get(f"{url}/health")
                break
            except httpx2.TransportError:
                time.sleep(0.1)
        else:
            raise AssertionError("the server did not start")
        yield url
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(5)


@pytest.mark.case(113)
@pytest.mark.parametrize("name", COMMANDS)
def test_two_workers_share_one_limit_exactly(server: Server, name: str) -> None:
    server.ask("FLUSHALL")
    with serving(name, server.url) as url:
        # A connection each, so that both workers get some: five within any ten seconds.
        statuses = [httpx2.get(f"{url}/search?q=boots").status_code for _ in range(20)]
    assert sorted(statuses) == [200] * 5 + [429] * 15
    assert server.ask("DBSIZE") != b":0"


async def come(url: str) -> tuple[websockets.ClientConnection, str]:
    """A visitor, and the worker that it has come to."""
    socket = await websockets.connect(f"{url.replace('http', 'ws')}/rooms/lobby")
    worker = await socket.recv()
    assert await socket.recv() == "joined"
    return socket, str(worker)


async def visitors_of_two_workers(url: str) -> list[websockets.ClientConnection]:
    """One visitor of each."""
    found: dict[str, websockets.ClientConnection] = {}
    while len(found) < 2:
        socket, worker = await come(url)
        if worker in found:
            await socket.close()
        else:
            found[worker] = socket
    return list(found.values())


async def say(socket: websockets.ClientConnection, text: str) -> None:
    """Say it until it was published, and heard by oneself."""
    while True:
        await socket.send(text)
        if await socket.recv() == text:
            return
        await asyncio.sleep(0.05)


def test_rooms_of_two_workers_hear_each_other_also_after_redis_was_killed(tmp_path: Path) -> None:
    async def talk(url: str, redis: Server) -> None:
        first, second = await visitors_of_two_workers(url)
        await say(first, "hello")
        assert await second.recv() == "hello"
        await say(second, "good day")
        assert await first.recv() == "good day"
        await asyncio.to_thread(redis.stop)
        await first.send("anybody?")
        assert await first.recv() == "try again"
        await asyncio.to_thread(redis.start)
        await say(first, "still here")
        assert await second.recv() == "still here"
        await say(second, "so am I")
        assert await first.recv() == "so am I"
        for socket in (first, second):
            await socket.close()

    with (
        Server(tmp_path, "--save", "") as redis,
        serving("granian", redis.url, "redis_chat:app", HERE) as url,
    ):
        asyncio.run(asyncio.wait_for(talk(url, redis), 60))
