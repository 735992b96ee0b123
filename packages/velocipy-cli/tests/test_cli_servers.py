"""`velocipy dev` and `velocipy run` with real servers: reloading, broken code, recovery, and the end by a signal."""

import contextlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from servers import RunningServer, answers, free_port

pytestmark = pytest.mark.servers

PATIENCE = 30.0
"""Seconds that something has to come about; on a machine of two cores that does other things too."""

APP = """
from velocipy import VelociPy

app = VelociPy(shutdown_grace=0.5)


@app.get("/")
async def hello() -> str:
    return "{word}"
"""

FAILING = """
import contextlib

from velocipy import VelociPy


@contextlib.asynccontextmanager
async def lifespan(app):
    raise RuntimeError("no database")
    yield


app = VelociPy(lifespan=lifespan)
"""

STREAM = """
import asyncio

from velocipy import StreamingResponse, VelociPy

app = VelociPy(shutdown_grace=0.5)


@app.get("/")
async def forever() -> StreamingResponse:
    async def chunks():
        while True:
            yield b"x"
            await asyncio.sleep(0.05)

    return StreamingResponse(chunks())
"""


@contextlib.contextmanager
def started(folder: Path, *arguments: str) -> Iterator[RunningServer]:
    """A command that serves, on a port of its own, until the block ends."""
    port = free_port()
    log_path = folder / "server.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-u", "-m", "velocipy.cli", *arguments, "--port", str(port)],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    server = RunningServer(arguments[0], port, process, log_path)
    try:
        until(server, lambda: answers(port))
        yield server
    finally:
        server.stop()


def until(server: RunningServer, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert server.alive(), server.tail()
        assert time.monotonic() < deadline, server.tail()
        time.sleep(0.1)


def asked(server: RunningServer) -> tuple[int, str]:
    """Status and text of an answer; while a worker is exchanged there may be none."""
    try:
        with urllib.request.urlopen(server.url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as exc:
        with exc:
            return exc.code, exc.read().decode()
    except OSError:
        return 0, ""


@pytest.mark.case(144)
@pytest.mark.parametrize("kind", ["granian", "uvicorn"])
def test_dev_follows_the_code_through_change_breakage_and_repair(tmp_path: Path, kind: str) -> None:
    main = tmp_path / "main.py"
    main.write_text(APP.format(word="first"))
    with started(tmp_path, "dev", "--server", kind) as server:
        until(server, lambda: asked(server) == (200, "first"))
        main.write_text(APP.format(word="second, longer"))
        until(server, lambda: asked(server) == (200, "second, longer"))
        main.write_text("def (")
        until(server, lambda: asked(server)[0] == 500 and "SyntaxError: invalid syntax" in asked(server)[1])
        main.write_text("raise RuntimeError('no settings')")
        until(server, lambda: "RuntimeError: no settings" in asked(server)[1])
        main.write_text(APP.format(word="third"))
        until(server, lambda: asked(server) == (200, "third"))
        assert f"URL     {server.url}" in server.log()
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(PATIENCE) in {0, 130}


@pytest.mark.parametrize("kind", ["granian", "uvicorn"])
def test_dev_begins_with_code_that_is_broken_and_lives_through_a_start_up_that_fails(
    tmp_path: Path, kind: str
) -> None:
    main = tmp_path / "main.py"
    main.write_text("1 / 0")
    with started(tmp_path, "dev", "--server", kind) as server:
        until(server, lambda: "ZeroDivisionError" in asked(server)[1])
        main.write_text(FAILING)
        until(server, lambda: "RuntimeError: no database" in server.log())
        main.write_text(APP.format(word="repaired"))
        until(server, lambda: asked(server) == (200, "repaired"))


@pytest.mark.case(144)
@pytest.mark.parametrize("kind", ["granian", "uvicorn"])
def test_run_serves_what_is_named_and_not_what_lies_in_the_current_folder(tmp_path: Path, kind: str) -> None:
    (tmp_path / "main.py").write_text(APP.format(word="the wrong one"))
    (tmp_path / "my-service").mkdir()
    text = APP.format(word="the right one").replace("\n", "\n    ")
    (tmp_path / "my-service" / "main.py").write_text(f"def make():{text}\n    return app\n")
    with started(tmp_path, "run", "my-service/main.py:make", "--server", kind, "--workers", "2") as server:
        until(server, lambda: asked(server) == (200, "the right one"))
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) in {0, -signal.SIGTERM}


@pytest.mark.parametrize("kind", ["granian", "uvicorn"])
def test_run_ends_within_the_grace_though_a_stream_is_open(tmp_path: Path, kind: str) -> None:
    (tmp_path / "main.py").write_text(STREAM)
    with started(tmp_path, "run", "--server", kind) as server:
        with urllib.request.urlopen(server.url, timeout=5) as answer:
            assert answer.read(1) == b"x"
            began = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(PATIENCE)
            # ceil(0.5) and the margin of 5, on a machine that is busy; what waits for the stream is killed by nobody.
            assert time.monotonic() - began < 6 + 15


def test_a_second_server_on_the_port_is_refused(tmp_path: Path) -> None:
    """Granian would share the port, and each would get some of the requests."""
    (tmp_path / "main.py").write_text(APP.format(word="first"))
    with started(tmp_path, "run") as server:
        command = [sys.executable, "-m", "velocipy.cli", "run", "--port", str(server.port)]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1
        assert done.stderr == f"velocipy: somebody listens on {server.url} already: choose another --port\n"


def test_a_start_up_that_fails_ends_run(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(FAILING)
    for kind in ("granian", "uvicorn"):
        command = [sys.executable, "-m", "velocipy.cli", "run", "--server", kind, "--port", str(free_port())]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode != 0
        assert "RuntimeError: no database" in done.stderr + done.stdout
