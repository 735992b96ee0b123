"""Load generators behind one shape. Knows wrk and the bundled client; does not know apps, rounds or figures.

client.run(port, workload, seconds=1, connections=64) -> Burst(requests=94211, seconds=1.0)
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from benchkit.machine import pin
from benchkit.workloads import Ask, Workload

FLOOD: Final = Path(__file__).with_name("flood.py")
CHATTER: Final = Path(__file__).with_name("chatter.py")
PATIENCE: Final = 15.0
"""Seconds beyond the slice after which a load generator is given up."""


@dataclass(frozen=True, slots=True)
class Burst:
    """Whole responses within a span of time, all of them with the status that was asked for."""

    requests: int
    seconds: float


class LoadFailed(Exception):
    """Answers went missing or had another status than they should: such a slice must not become a figure."""


class Client(Protocol):
    """A load generator, pinned to its core."""

    name: str

    def run(self, port: int, workload: Workload, seconds: float, connections: int) -> Burst: ...


def client(wanted: str, seconds: float, core: int | None) -> Client:
    """`auto` is wrk where it is installed and can time the slice. Raises ValueError when `wrk` is wanted and cannot be used."""
    binary = shutil.which("wrk")
    whole = seconds == int(seconds)
    if wanted == "asyncio" or (wanted == "auto" and not (binary and whole)):
        return AsyncioClient(core)
    if not whole:
        raise ValueError("wrk times whole seconds: use another --slice or --client asyncio")
    if binary is None:
        raise ValueError("wrk is not on PATH: install it or use --client asyncio")
    return WrkClient(binary, core)


class AsyncioClient:
    """`flood.py` in a process of its own."""

    name = "bundled asyncio client"

    def __init__(self, core: int | None) -> None:
        self._core = core

    def run(self, port: int, workload: Workload, seconds: float, connections: int) -> Burst:
        ask, status = workload.timed, workload.status
        wanted = {"port": port, "seconds": seconds, "connections": connections}
        wanted["request"] = _base64(request_bytes(ask, port))  # type: ignore[assignment]
        report = json.loads(_output([sys.executable, str(FLOOD), json.dumps(wanted)], seconds, self._core))
        if report["faults"] or set(report["statuses"]) != {str(status)}:
            raise LoadFailed(f"{ask}: expected only {status}, got {report['statuses']} {report['faults']}")
        return Burst(report["requests"], report["seconds"])


class SocketClient:
    """`chatter.py` in a process of its own, whatever loads the rest: wrk knows no WebSockets."""

    name = "bundled client for WebSockets"

    def __init__(self, core: int | None) -> None:
        self._core = core

    def run(self, port: int, workload: Workload, seconds: float, connections: int) -> Burst:
        assert workload.message is not None
        wanted = {"port": port, "seconds": seconds, "connections": connections}
        texts = {
            "request": _base64(request_bytes(workload.timed, port)),
            "message": _base64(workload.message),
        }
        command = [sys.executable, str(CHATTER), json.dumps({**wanted, **texts})]
        report = json.loads(_output(command, seconds, self._core))
        if report["faults"]:
            raise LoadFailed(f"{workload.timed}: {report['faults']}")
        return Burst(report["requests"], report["seconds"])


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def request_bytes(ask: Ask, port: int) -> bytes:
    """The request as it goes over the wire, with the same headers that wrk would send."""
    lines = [f"{ask.method} {ask.target} HTTP/1.1", f"Host: 127.0.0.1:{port}"]
    lines += [f"{name}: {value}" for name, value in ask.headers]
    lines += [f"Content-Length: {len(ask.body)}"] if ask.body else []
    return "\r\n".join([*lines, "", ""]).encode() + ask.body


class WrkClient:
    """wrk with one thread; its request is made once, by a script, so the script costs nothing while it runs."""

    name = "wrk"

    def __init__(self, binary: str, core: int | None) -> None:
        self._binary, self._core = binary, core

    def run(self, port: int, workload: Workload, seconds: float, connections: int) -> Burst:
        ask = workload.timed
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(lua(ask))
            script.flush()
            url = f"http://127.0.0.1:{port}{ask.target}"
            command = [self._binary, "-t1", f"-c{connections}", f"-d{int(seconds)}s", "-s", script.name, url]
            return parse_wrk(_output(command, seconds, self._core), ask, workload.status)


def lua(ask: Ask) -> str:
    """The script for wrk: the request, and a last line with the figures that its prose hides."""
    headers = "".join(f"wrk.headers[{_quoted(name)}] = {_quoted(value)}\n" for name, value in ask.headers)
    body = f"wrk.body = {_quoted(ask.body)}\n" if ask.body else ""
    return f"wrk.method = {_quoted(ask.method)}\n{headers}{body}" + (
        "done = function(summary)\n"
        "  local e = summary.errors\n"
        '  io.write(string.format("figures %d %d %d %d\\n", summary.requests, summary.duration, e.status,'
        " e.connect + e.read + e.write + e.timeout))\n"
        "end\n"
    )


def _quoted(text: str | bytes) -> str:
    """A Lua string of decimal escapes: no character of the text can end it."""
    return '"' + "".join(f"\\{byte:03d}" for byte in (text.encode() if isinstance(text, str) else text)) + '"'


def parse_wrk(output: str, ask: Ask, status: int) -> Burst:
    """Raises LoadFailed for socket errors, and for refusals (wrk counts above 399) that were not asked for, or not given."""
    figures = [line.split()[1:] for line in output.splitlines() if line.startswith("figures ")]
    requests, micros, refused, broken = map(int, figures[-1])
    if broken or refused != (requests if status >= 400 else 0):
        raise LoadFailed(
            f"{ask}: {requests} answers, {refused} of them refusals, {broken} socket errors; expected {status}"
        )
    return Burst(requests, micros / 1e6)


def _output(command: list[str], seconds: float, core: int | None) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=seconds + PATIENCE, preexec_fn=pin(core)
    )
    if done.returncode:
        raise LoadFailed(f"{command[0]} ended with status {done.returncode}: {done.stderr.strip()[-300:]}")
    return done.stdout
