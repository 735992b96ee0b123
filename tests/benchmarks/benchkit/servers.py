"""Starting, watching and stopping servers. Knows command lines, ports and pids; does not know what the apps answer.

    with Server(HOWS["uvicorn"], python, folder, "raw_asgi:app", core=0) as server: ...

Every server has one worker, uvloop, HTTP/1.1, no access log. It listens on 127.0.0.1 only and is ended by the
pids that it started, never by its name.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from benchkit.blob import mebibyte
from benchkit.machine import cpu_seconds, descendants, pin

READY_SECONDS: Final = 20.0
_FOLDERS: Final = re.compile(r"(?:/[^/\s'\"]+)+/")
STOP_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class How:
    """A way to serve an app: the name, and (python, "module:attribute", port) -> command line."""

    name: str
    command: Callable[[str, str, int], list[str]]

    @property
    def flags(self) -> str:
        """The command line as the report states it."""
        return " ".join(self.command("python", "APP", 0)[2:])


def _granian(interface: str) -> Callable[[str, str, int], list[str]]:
    flags = f"--interface {interface} --workers 1 --runtime-mode st --loop uvloop --http 1 --log-level error"
    return lambda python, app, port: [python, "-m", "granian", *flags.split(), "--port", str(port), app]


def _uvicorn(python: str, app: str, port: int) -> list[str]:
    flags = "--interface asgi3 --loop uvloop --http httptools --ws websockets-sansio --no-access-log --no-proxy-headers --log-level error"
    return [python, "-m", "uvicorn", *flags.split(), "--port", str(port), app]


def _own(python: str, app: str, port: int) -> list[str]:
    """A framework that brings its server: its module is run and finds its port in BENCH_PORT."""
    return [python, "-m", app.partition(":")[0]]


HOWS: Final = {
    how.name: how
    for how in (
        How("granian-rsgi", _granian("rsgi")),
        How("uvicorn", _uvicorn),
        How("granian-asgi", _granian("asgi")),
        How("own", _own),
    )
}

GROUPS: Final = ("granian-rsgi", "uvicorn", "granian-asgi")
"""The tables of the report: all contenders of a group live and are timed together."""

RAW: Final = {"granian-rsgi": "raw_rsgi:app", "uvicorn": "raw_asgi:app", "granian-asgi": "raw_asgi:app"}


class ServerFailed(Exception):
    """A server that did not come up; the text holds what it said last."""


class Server:
    """One server process with everything below it, from `start` to `stop`; a context manager."""

    def __init__(self, how: How, python: str, folder: Path, app: str, core: int | None) -> None:
        self.port = free_port()
        self._command = how.command(python, app, self.port)
        self._folder, self._core = folder, core
        self._log = tempfile.TemporaryFile("w+")
        self._process: subprocess.Popen[str] | None = None
        self._pids: list[int] = []

    def __enter__(self) -> Server:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Returns once the port is answered; raises ServerFailed with the server's last words otherwise."""
        self._process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            env={**os.environ, **self._names(), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            preexec_fn=pin(self._core),
            start_new_session=True,
            text=True,
        )
        self._wait_until_ready(self._process)
        self._pids = descendants(self._process.pid)

    def _names(self) -> dict[str, str]:
        """What apps are told by their environment."""
        return {"BENCH_PORT": str(self.port), "BENCH_FILE": mebibyte()}

    def _wait_until_ready(self, process: subprocess.Popen[str]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise ServerFailed(f"ended with status {process.returncode}: {self.last_words()}")
            if answers(self.port):
                return
            time.sleep(0.05)
        raise ServerFailed(f"did not answer within {READY_SECONDS:.0f} s: {self.last_words()}")

    @property
    def pid(self) -> int:
        """Of the process that was started; a worker may stand below it."""
        assert self._process is not None
        return self._process.pid

    def cpu_seconds(self) -> float:
        """CPU time of all processes of this server so far."""
        return cpu_seconds(self._pids)

    def last_words(self) -> str:
        self._log.seek(0)
        lines = [line for line in self._log.read().splitlines() if line.strip()]
        return without_folders(" | ".join(lines[-3:])) or "no output"

    def stop(self) -> None:
        """SIGTERM, then SIGKILL for whatever of ours is left after five seconds."""
        if self._process is not None and self._process.poll() is None:
            pids = descendants(self._process.pid)
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                for pid in reversed(pids):
                    kill(pid)
                self._process.wait()
        self._log.close()


def without_folders(text: str) -> str:
    """Names of files in place of paths: reports are published."""
    return _FOLDERS.sub("", text)


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether a request gets any HTTP answer: an open port is not enough, some servers listen before the app is loaded."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1) as probe:
            probe.sendall(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
            return probe.recv(5) == b"HTTP/"
    except OSError:
        return False
