"""What connections that say nothing cost a server: its memory, and the CPU time of requests beside them. Knows servers; not curves.

A request beside idle connections is held against the same on a second server that has none: slices of load go back and forth between
the two, so that what else the machine does meets both.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchkit.contenders import APPS
from benchkit.load import AsyncioClient
from benchkit.machine import cores, descendants, resident
from benchkit.servers import HOWS, RAW, How, Server
from benchkit.workloads import WORKLOADS

HOLDER: Final = Path(__file__).with_name("holder.py")
PLAIN: Final = WORKLOADS["plain"]
EXTRA: Final = {
    "granian-rsgi": ("--backlog", "16384", "--backpressure", "20000", "--http1-header-read-timeout", "60000"),
    "uvicorn": ("--backlog", "16384", "--timeout-keep-alive", "600", "--ws-ping-interval", "600"),
}
"""So that a server takes so many connections, and keeps them while they are idle. Uvicorn pings every 20 s, and who holds them is mute."""
SLICES: Final = 5
SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class Idle:
    """Of one app on one server with so many connections: bytes more, and what a request costs against one on a server without any."""

    line: str
    """The server, the kind of connection, and whose app it is where it is not ours."""
    count: int
    more_bytes: float
    cpu_ratio: float


def patient(name: str) -> How:
    def command(python: str, app: str, port: int) -> list[str]:
        *before, target = HOWS[name].command(python, app, port)
        return [*before, *EXTRA[name], target]

    return How(name, command)


@contextmanager
def holding(kind: str, port: int, count: int) -> Iterator[None]:
    """So many connections are open within the block. RuntimeError where one was refused, or has gone at the end."""
    command = [sys.executable, str(HOLDER), kind, str(port), str(count)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdin is not None and holder.stdout is not None
    try:
        if holder.stdout.readline() != "open\n":
            raise RuntimeError(f"{count:,} connections were not taken")
        yield
        holder.stdin.write("\n")
        holder.stdin.flush()
        lost = holder.stdout.readline().strip()
        if lost != "0":
            raise RuntimeError(f"{lost} of {count:,} connections were lost")
    finally:
        holder.kill()
        holder.communicate()


def cost(server: Server, client: AsyncioClient) -> float:
    """CPU seconds a request of a slice."""
    before = server.cpu_seconds()
    burst = client.run(server.port, PLAIN, SECONDS, 1)
    return (server.cpu_seconds() - before) / burst.requests


def measured(name: str, kind: str, counts: Sequence[int], by_hand: bool = False) -> list[Idle]:
    """One server is filled further and further; the other stays as it is. `by_hand` is of the app that knows no framework."""
    app = RAW[name] if by_hand else "ours:app"
    line = f"{name}, {kind}{', by hand' if by_hand else ''}"
    own, loads = cores()
    client = AsyncioClient(loads)
    how = patient(name)
    found = []
    with (
        Server(how, sys.executable, APPS, app, own) as control,
        Server(how, sys.executable, APPS, app, own) as server,
    ):
        with holding(kind, server.port, 10):
            cost(server, client), cost(control, client)
        empty = resident(descendants(server.pid))
        for count in counts:
            with holding(kind, server.port, count):
                more = resident(descendants(server.pid)) - empty
                turns = [(cost(control, client), cost(server, client)) for _ in range(SLICES)]
            ratio = median(beside / alone for alone, beside in turns)
            found.append(Idle(line, count, more, ratio))
    return found
