"""Wheels, clean environments to install them into, and servers run from there. Knows hatchling and uv; no app and no test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
INSTALL_TIMEOUT = 150.0
START_TIMEOUT = 30.0


class Environment(NamedTuple):
    """A virtual environment that holds what was asked for and nothing else."""

    folder: Path
    pins: Path

    def program(self, name: str) -> str:
        """The path of an installed command."""
        return str(self.folder / "bin" / name)

    def install(self, *requirements: str) -> None:
        """Add distributions; ours come from the wheels that were just built, whatever an index has under their names."""
        checked(
            uv(), "pip", "install", "-q", "-p", self.program("python"), "-c", str(self.pins), *requirements
        )

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run its interpreter, isolated from this process's. Raises AssertionError for a non-zero status."""
        return checked(self.program("python"), "-I", *arguments)


def build_wheels(out: Path) -> Path:
    """Build the wheel of every dist of the tree into `out`."""
    checked(sys.executable, str(ROOT / ".ci" / "dists.py"), "wheels", str(out))
    return out


def build_wheel(project: Path, out: Path) -> Path:
    """Build the wheel of one project into an empty folder, and return it."""
    checked(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out), cwd=project)
    (wheel,) = out.glob("*.whl")
    return wheel


def make_environment(folder: Path, wheels: Path) -> Environment:
    """An empty environment of this interpreter's, which takes dists of ours from `wheels`."""
    pins = folder.with_suffix(".pins")
    pins.write_text("".join(f"{name_of(wheel)} @ {wheel.as_uri()}\n" for wheel in wheels.glob("*.whl")))
    checked(uv(), "venv", "-q", "-p", sys.executable, str(folder))
    return Environment(folder, pins)


def name_of(wheel: Path) -> str:
    """velocipy_openapi_ui-0.1.0-py3-none-any.whl -> velocipy-openapi-ui"""
    return wheel.name.split("-")[0].replace("_", "-")


def uv() -> str:
    """uv of the environment that runs the tests, whether or not that is on PATH."""
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else "uv"


def checked(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    done = run(command, cwd, INSTALL_TIMEOUT)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done


def run(command: Sequence[str], cwd: Path | None, timeout: float) -> subprocess.CompletedProcess[str]:
    """Run a command as a shell outside of any environment would."""
    return subprocess.run(
        command, cwd=cwd, env=clean_env(), capture_output=True, text=True, timeout=timeout, check=False
    )


def clean_env() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in {"VIRTUAL_ENV", "PYTHONPATH"}}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server(NamedTuple):
    """A server that was started, where it answers, and what it has written."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def wait_for(self, wanted: bytes) -> None:
        """Ask until the answer is this one. Raises AssertionError with the last answer, and the log, when it never is."""
        last: object = "nothing"
        until = time.monotonic() + START_TIMEOUT
        while time.monotonic() < until and self.process.poll() is None:
            last = answer(self.url)
            if last == wanted:
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.url} never answered {wanted!r}, but {last!r}\n{self.log.read_text()}")


def answer(url: str) -> object:
    """The body of the answer, or the error that came instead."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.read()
    except OSError as exc:  # what urllib raises is an OSError too
        return exc


@contextmanager
def serving(command: Sequence[str], cwd: Path, port: int) -> Iterator[Server]:
    """Run a server until the block ends. It is ended with its own process group, by its id."""
    log = cwd.with_suffix(".log")  # beside the folder: a server that reloads would see itself write
    with log.open("w") as output:
        process = subprocess.Popen(
            command, cwd=cwd, env=clean_env(), stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield Server(process, f"http://127.0.0.1:{port}/", log)
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the server, and SIGKILL to what is left of its group after five seconds."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        pass
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait(5)
