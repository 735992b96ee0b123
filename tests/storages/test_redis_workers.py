"""Two workers of a real server count in one Redis: examples/rate_limit.py in its Redis form, on Granian and Uvicorn."""

from __future__ import annotations

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
from redis_server import Server, free_port

pytestmark = pytest.mark.servers

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
COMMANDS = {
    "granian": ["granian", "--interface", "rsgi", "--workers-kill-timeout", "5"],
    "uvicorn": ["uvicorn"],
}


@contextmanager
def serving(name: str, redis: str) -> Iterator[str]:
    """The URL of the example, served by two workers."""
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
        [*command, "rate_limit:app"],
        cwd=EXAMPLES,
        env={
            **os.environ,
            "REDIS_URL": redis,
            "PYTHONPATH": f"{EXAMPLES}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
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
