"""Nanoseconds a request in one process, and what grows with an app. Knows the tables; does not start servers.

python tests/benchmarks/inprocess.py [--rounds N] [--workloads a,b] [--without-host-check] [--peers] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchkit import growth, peers, tables
from benchkit.blob import mebibyte
from benchkit.contenders import APPS
from benchkit.fakes import Call, asgi_call, asgi_talk, rsgi_call, rsgi_talk
from benchkit.report import aligned
from benchkit.tables import Held, Table
from benchkit.workloads import WORKLOADS, Ask, Workload

sys.path.append(str(Path(__file__).resolve().parents[1] / "limits"))

from limit_costs import bytes_a_key, nanoseconds

os.environ.setdefault("BENCH_FILE", mebibyte())  # before an app is imported

CALLS: Final = 2_000
REQUESTS: Final = list(WORKLOADS)
CHEAP: Final = 5_000
"""Nanoseconds a call up to which all of CALLS are made; of dearer ones fewer, so that a slice takes 10 ms."""
UNWANTED: Final = ("httpx2", "msgspec", "pydantic", "importlib.metadata")

Lines = list[list[str]]


async def _spin(call: Call, times: int) -> float:
    """CPU time and not wall time, so that what else runs on the machine counts only through the caches."""
    started = time.thread_time_ns()
    for _ in range(times):
        await call()
    return (time.thread_time_ns() - started) / times


async def interleaved(calls: Sequence[Call], rounds: int) -> list[float]:
    """The least nanoseconds a call of each, the calls taking turns so that a slow moment of the machine meets them all."""
    first = max([await _spin(call, 3) for call in calls])
    times = max(3, min(CALLS, int(CALLS * CHEAP / first)))
    turns = [[await _spin(call, times) for call in calls] for _ in range(rounds + 1)]
    return [min(column) for column in zip(*turns[1:], strict=True)]


def call_of(protocol: str, app: Any, ask: Ask, message: bytes | None = None) -> tuple[Call, Any]:
    """A call, and what keeps its answer; with a message, of a WebSocket that is open, over which it comes."""
    if message is not None:
        return (rsgi_talk if protocol == "rsgi" else asgi_talk)(app, ask, message)
    return rsgi_call(app, ask) if protocol == "rsgi" else asgi_call(app, ask)


def app_from(module: str) -> Any:
    """The `app` of a file in apps/."""
    if str(APPS) not in sys.path:
        sys.path.insert(0, str(APPS))
    return importlib.import_module(module).app


async def answered(call: Call, kept: Any) -> tuple[int, bytes]:
    """(status, body) of one call, out of what the fake server kept."""
    await call()
    if isinstance(kept, list):
        if "status" not in kept[0]:
            return 101, kept[0]["text"].encode()
        return kept[0]["status"], b"".join(message.get("body", b"") for message in kept[1:])
    status, _, body = kept.answer
    return status, body.encode() if isinstance(body, str) else body


async def requests_table(names: Sequence[str], modules: Sequence[str], rounds: int) -> Lines:
    """A line for each protocol and workload: ns of raw, then ns and ratio of each module's app."""
    lines = [
        [
            "workload",
            "protocol",
            "raw ns",
            *(part for name in modules for part in (f"{name} ns", "more ns", "ratio")),
        ]
    ]
    for protocol in ("rsgi", "asgi"):
        apps = [app_from(f"raw_{protocol}"), *(app_from(module) for module in modules)]
        for name in names:
            lines.append([name, protocol, *await _request_line(protocol, apps, WORKLOADS[name], rounds)])
    return lines


async def _request_line(protocol: str, apps: Sequence[Any], workload: Workload, rounds: int) -> list[str]:
    made = [call_of(protocol, app, workload.timed, workload.message) for app in apps]
    answers = [await answered(call, kept) for call, kept in made]
    if any(answer != answers[0] for answer in answers):
        raise SystemExit(f"refused: {workload.timed} on {protocol} is answered differently: {answers}")
    raw, *others = await interleaved([call for call, _ in made], rounds)
    return [
        f"{raw:,.0f}",
        *(part for ns in others for part in (f"{ns:,.0f}", f"{ns - raw:+,.0f}", f"{raw / ns:.2f}")),
    ]


def match_table() -> Table:
    spent = [growth.match_ns(size) for size in growth.SIZES]
    lines = [
        [f"{size:,}", f"{each:,.0f}", f"{each / spent[0]:.2f}"]
        for size, each in zip(growth.SIZES, spent, strict=True)
    ]
    held = Held("a match among 10,000 routes against one among 10", spent[-1] / spent[0], 1.5, most=True)
    return Table("Matching by number of routes", [["routes", "ns a match", "against 10"], *lines], (held,))


def register_table(fastapi: str | None) -> Table:
    """Registering 10,000 typed routes, beside FastAPI's 1,000 where its environment is there."""
    lines: list[list[str]] = []
    ratios: list[float] = []
    for whose, endpoint in (("one function", "shared"), ("as many functions", "own(number)")):
        programs = [(sys.executable, growth.register_ours(10_000, endpoint))]
        programs += [(fastapi, growth.register_fastapi(1_000, endpoint))] if fastapi else []
        labels = [f"velocipy, 10,000 routes to {whose}", f"FastAPI, 1,000 routes to {whose}"]
        spent = growth.least(programs, 2)
        lines += [[label, f"{each:.2f}"] for label, each in zip(labels, spent, strict=False)]
        ratios += [spent[0] / other for other in spent[1:]]
    what = "registering 10,000 typed routes against FastAPI's 1,000"
    held = tuple(Held(what, ratio, 1.0, most=True) for ratio in ratios[:1])
    return Table("Registering typed routes", [["what", "seconds"], *lines], held)


def import_table(starlette: str | None) -> Table:
    """Milliseconds over an interpreter that has asyncio already."""
    ours = "from velocipy import VelociPy"
    programs = [(sys.executable, growth.import_program(ours))]
    programs += [(starlette, growth.import_program("import starlette.applications"))] if starlette else []
    labels = [ours, "import starlette.applications"]
    spent = growth.least(programs, 15)
    lines = [
        [label, f"{took * 1e3:.1f}", f"{took / spent[-1]:.2f}"]
        for label, took in zip(labels, spent, strict=False)
    ]
    brought = growth.imported_beside(ours, UNWANTED)
    lines.append(["brought in though optional", ", ".join(brought) or "nothing", ""])
    held = [Held("our import against Starlette's", spent[0] / other, 0.6, most=True) for other in spent[1:]]
    held.append(Held("optional modules that it brings in", len(brought), 0, most=True))
    return Table("Import time, asyncio excluded", [["what", "ms", "ratio"], *lines], tuple(held))


def limiter_table() -> Table:
    """A decision by memory beside a bare GCRA on a dict."""
    ours, bare = asyncio.run(nanoseconds(1_000, 100))
    size = bytes_a_key(100_000)
    lines = [
        ["what", "ns a decision", "ratio", "bytes a key"],
        ["GCRA on a dict, by hand", f"{bare:,.0f}", "1.00", "-"],
        ["MemoryStorage.decide", f"{ours:,.0f}", f"{ours / bare:.2f}", f"{size:.0f}"],
    ]
    held = (
        Held("a decision by memory against a bare GCRA", ours / bare, 3, most=True),
        Held("bytes a key of the limiter's memory", size, 250, most=True),
    )
    return Table("Limits in memory", lines, held)


def peer_python(name: str, args: argparse.Namespace) -> str | None:
    if not args.peers:
        return None
    try:
        return peers.environment(peers.PEERS[name], args.peers_home)
    except peers.PeerUnavailable as exc:
        print(f"{name} {exc}", file=sys.stderr)
        return None


def measured(args: argparse.Namespace) -> list[Table]:
    modules = ["ours", *(["ours_unchecked"] if args.without_host_check else [])]
    lines = asyncio.run(requests_table(args.workloads, modules, args.rounds))
    found = [Table("In process, ns a request", lines)]
    if args.requests_only:
        return found
    return [
        *found,
        match_table(),
        register_table(peer_python("fastapi", args)),
        import_table(peer_python("starlette", args)),
        limiter_table(),
    ]


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        description="ns a request for VelociPy and raw apps without a server, and growth tables."
    )
    add = made.add_argument
    add("--rounds", type=int, default=25, help="rounds, the least of which counts (default %(default)s)")
    add(
        "--workloads",
        type=lambda text: text.split(","),
        default=REQUESTS,
        help=f"default {','.join(REQUESTS)}",
    )
    add(
        "--without-host-check",
        action="store_true",
        help="time our app a second time, compiled without its Host check",
    )
    add("--requests-only", action="store_true", help="only the table of requests")
    add(
        "--peers",
        action="store_true",
        help="hold registering against FastAPI and importing against Starlette (installs both)",
    )
    add(
        "--peers-home",
        type=Path,
        default=peers.default_home(),
        help="environments of the peers (default %(default)s)",
    )
    add("--json", type=Path, metavar="FILE", help="write the tables, and what they are held to")
    return made


def main(arguments: list[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    found = measured(args)
    for table in found:
        print(f"{table.title}\n\n{aligned(table.lines)}\n")
    if args.json:
        tables.write(found, args.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
