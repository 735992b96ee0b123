"""Real servers for tests: started on a free port, ready-checked, stopped. Knows command lines; does not know apps.

    with serve("granian-rsgi", "module:app", cwd=folder) as server:
        server.port, server.pid, server.alive(), server.log()

Everything is bounded in time, and a server is ended by its own process group, never by name.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

START_TIMEOUT = 20.0
STOP_TIMEOUT = 8.0
# No request of any protocol: a parser answers it by itself, or hangs up, and the app does not see it.
NO_REQUEST = b"?\r\n\r\n"


def granian(interface: str) -> Callable[[str, int], list[str]]:
    """--workers-kill-timeout, since a SIGTERM while the app is imported is lost on 2.8.7 and the server never ends."""

    def command(target: str, port: int) -> list[str]:
        address = ["--host", "127.0.0.1", "--port", str(port), "--interface", interface]
        return ["granian", *address, "--loop", "asyncio", "--workers-kill-timeout", "5", target]

    return command


def uvicorn(http: str) -> Callable[[str, int], list[str]]:
    def command(target: str, port: int) -> list[str]:
        address = ["--host", "127.0.0.1", "--port", str(port), "--http", http, "--loop", "asyncio"]
        return ["uvicorn", *address, "--timeout-graceful-shutdown", "5", target]

    return command


def hypercorn(target: str, port: int) -> list[str]:
    return [
        "hypercorn",
        "--bind",
        f"127.0.0.1:{port}",
        "--graceful-timeout",
        "5",
        "--error-logfile",
        "-",
        target,
    ]


COMMANDS: Mapping[str, Callable[[str, int], list[str]]] = {
    "granian-rsgi": granian("rsgi"),
    "granian-asgi": granian("asgi"),
    "uvicorn-h11": uvicorn("h11"),
    "uvicorn-httptools": uvicorn("httptools"),
    "hypercorn": hypercorn,
}


class ServerFailed(Exception):
    """A server did not get ready; the message ends with the last lines of its log."""


class RunningServer:
    """One server process and its workers, which share a process group of their own."""

    def __init__(self, kind: str, port: int, process: subprocess.Popen[bytes], log_path: Path) -> None:
        self.kind = kind
        self.port = port
        self.process = process
        self._log_path = log_path

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def alive(self) -> bool:
        return self.process.poll() is None

    def log(self) -> str:
        """Everything that was written to stdout and stderr so far."""
        return self._log_path.read_text(errors="replace")

    def tail(self, lines: int = 30) -> str:
        return "\n".join(self.log().splitlines()[-lines:])

    def memory(self) -> int:
        """Bytes of memory of the server and its workers, which share its process group."""
        total = 0
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError, IndexError):
                fields = (process / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.pid:
                    total += int(fields[21]) * resource.getpagesize()
        return total

    def stop(self) -> int:
        """SIGTERM, after STOP_TIMEOUT seconds SIGKILL to the group; returns the exit code.

        Reaps the process.
        """
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_TIMEOUT)
        self.kill()
        code = self.process.wait(STOP_TIMEOUT)
        self._wait_for_group()
        return code

    def kill(self) -> None:
        """Ends what is left of the group: a server that was killed may leave workers."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _wait_for_group(self) -> None:
        """Workers of a parent that is gone are reaped by init, in its own time."""
        deadline = time.monotonic() + STOP_TIMEOUT
        with contextlib.suppress(ProcessLookupError):
            while time.monotonic() < deadline:
                os.killpg(self.process.pid, 0)
                time.sleep(0.01)


@contextlib.contextmanager
def serve(
    kind: str,
    target: str,
    *,
    cwd: str | Path,
    env: Mapping[str, str] | None = None,
    options: Sequence[str] = (),
    command: Callable[[str, int], list[str]] | None = None,
    python: str = sys.executable,
    start_timeout: float = START_TIMEOUT,
    answered: Callable[[int], bool] | None = None,
) -> Iterator[RunningServer]:
    """Runs `target` under the server of that kind, one of COMMANDS, until the block ends.

    `env` is added to this process's environment, `options` to the command line, which is `command(target, port)` where it is given.
    It is ready when `answered(port)`, which is by default that something answers on the port in the clear. Raises ServerFailed when the server ends or is silent for `start_timeout` seconds.
    """
    with tempfile.TemporaryDirectory(prefix="velocipy-server-") as folder:
        port = free_port()
        log_path = Path(folder, "log")
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                [python, "-m", *(command or COMMANDS[kind])(target, port), *options],
                cwd=cwd,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        server = RunningServer(kind, port, process, log_path)
        try:
            wait_until_ready(server, start_timeout, answered)
            yield server
        finally:
            server.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def wait_until_ready(
    server: RunningServer, timeout: float, answered: Callable[[int], bool] | None = None
) -> None:
    """Granian's parent listens before its worker runs, so that connecting is not enough: something must answer."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if not server.alive():
            raise ServerFailed(f"{server.kind} ended with code {server.process.returncode}:\n{server.tail()}")
        if (answered or answers)(server.port):
            return
        time.sleep(0.02)
    raise ServerFailed(f"{server.kind} did not answer within {timeout} s:\n{server.tail()}")


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1.0) as connection:
            connection.sendall(NO_REQUEST)
            return bool(connection.recv(1))
    except OSError:
        return False
