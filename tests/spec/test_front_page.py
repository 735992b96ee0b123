"""The front page's first minute, word for word: its file, its two server commands, `--reload` included, and its answer."""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from servers import serve

from velocipy.testing import Clock, TestClient

PAGE = (Path(__file__).parents[2] / "docs" / "index.md").read_text()
DEADLINE = 30.0


def fences(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def quick_start() -> str:
    return next(text for text in fences("python") if "Hello, VelociPy!" in text)


def server_commands() -> list[str]:
    text = next(text for text in [*fences("bash"), *fences("sh")] if "granian main:app" in text)
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(port: int, path: str = "/") -> bytes | None:
    """The answer to GET, None while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2) as response:
            return bytes(response.read())
    except (urllib.error.URLError, OSError):
        return None


def wait_for(port: int, answer: bytes, log: Path) -> None:
    until = time.monotonic() + DEADLINE
    while get(port) != answer:
        assert time.monotonic() < until, f"no {answer!r} within {DEADLINE} s:\n{log.read_text()[-3000:]}"
        time.sleep(0.1)


@contextmanager
def running(command: str, folder: Path, log: Path) -> Iterator[int]:
    """Run a command of the page; both servers take the port, which the page leaves at 8000, from their own variable."""
    port = free_port()
    scripts = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    env = {**os.environ, "PATH": scripts, "GRANIAN_PORT": str(port), "UVICORN_PORT": str(port)}
    with log.open("wb") as out:
        server = subprocess.Popen(
            shlex.split(command), cwd=folder, env=env, stdout=out, stderr=out, start_new_session=True
        )
    try:
        yield port
    finally:
        # Reloading servers have children, and a SIGTERM while Granian imports the app is lost: end the whole group.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(10)


def hunt() -> str:
    return next(text for text in fences("python") if "async def list_items" in text)


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_the_hunt_in_one_file_validates_reads_filters_and_limits(interface: Any) -> None:
    """Word for word: 60 a minute, so that the 61st within the first second is over the limit."""
    names: dict[str, Any] = {}
    exec(hunt(), names)
    client = TestClient(names["app"], interface=interface)
    answer = client.get("/items?page=1", headers={"x-request-id": "r-1"})
    assert (answer.status_code, answer.json()) == (200, [{"name": "hoodie", "price": 49.99}])
    refused = client.get("/items?page=0&size=101")
    assert refused.status_code == 422
    assert [error["loc"] for error in refused.json()["detail"]] == [["query", "page"], ["query", "size"]]
    with Clock():  # the second that may give one more does not pass
        assert [client.get("/items?page=1").status_code for _ in range(59)] == [200] * 58 + [429]


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return int(response.status)
    except urllib.error.HTTPError as exc:
        with exc:  # an answer, with a connection
            return exc.code


@pytest.mark.servers
@pytest.mark.parametrize("kind", ["granian-rsgi", "uvicorn-httptools"])
def test_the_hunt_answers_429_at_the_61st_request(kind: str, tmp_path: Path) -> None:
    """The token bucket gives one more for each second that this takes."""
    (tmp_path / "main.py").write_text(hunt())
    with serve(kind, "main:app", cwd=tmp_path) as server:
        begin = time.monotonic()
        answers = [status_of(f"{server.url}/items?page=1") for _ in range(60)]
        assert answers == [200] * 60
        more = [status_of(f"{server.url}/items?page=1") for _ in range(int(time.monotonic() - begin) + 2)]
        assert 429 in more
        if time.monotonic() - begin < 1:
            assert more[0] == 429


def test_the_page_names_two_server_commands() -> None:
    assert server_commands() == ["granian main:app --interface rsgi --reload", "uvicorn main:app --reload"]


@pytest.mark.servers
@pytest.mark.parametrize("command", server_commands())
def test_the_quick_start_is_served_and_reloaded(command: str, tmp_path: Path) -> None:
    """The page's main.py answers under the page's command, and a change of the file is answered without a restart."""
    folder = tmp_path / "project"
    folder.mkdir()
    main = folder / "main.py"
    main.write_text(quick_start())
    log = tmp_path / "server.log"  # beside the project: a log inside would be seen as a change
    with running(command, folder, log) as port:
        wait_for(port, b'{"message":"Hello, VelociPy!"}', log)
        assert b"swagger-ui" in (get(port, "/docs") or b"")
        assert b'"operationId":"hello"' in (get(port, "/openapi.json") or b"")
        main.write_text(quick_start().replace("Hello", "Bonjour"))
        wait_for(port, b'{"message":"Bonjour, VelociPy!"}', log)
