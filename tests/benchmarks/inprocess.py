"""Nanoseconds a request in one process, and what grows with an app. Knows the tables; does not start servers.

python tests/benchmarks/inprocess.py [--rounds N] [--workloads a,b] [--without-host-check] [--peers] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchkit import growth, peers
from benchkit.contenders import APPS
from benchkit.fakes import Call, asgi_call, rsgi_call
from benchkit.report import aligned
from benchkit.workloads import WORKLOADS, Ask

CALLS: Final = 2_000
UNWANTED: Final = ("httpx2", "msgspec", "pydantic", "importlib.metadata")

Table = list[list[str]]


async def _spin(call: Call, times: int) -> float:
    """CPU time and not wall time, so that what else runs on the machine counts only through the caches."""
    started = time.thread_time_ns()
    for _ in range(times):
        await call()
    return (time.thread_time_ns() - started) / times


async def interleaved(calls: Sequence[Call], rounds: int) -> list[float]:
    """The least nanoseconds a call of each, the calls taking turns so that a slow moment of the machine meets them all."""
    turns = [[await _spin(call, CALLS) for call in calls] for _ in range(rounds + 1)]
    return [min(column) for column in zip(*turns[1:], strict=True)]


def call_of(protocol: str, app: Any, ask: Ask) -> tuple[Call, Any]:
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
        return kept[0]["status"], b"".join(message.get("body", b"") for message in kept[1:])
    status, _, body = kept.answer
    return status, body.encode() if isinstance(body, str) else body


async def requests_table(names: Sequence[str], modules: Sequence[str], rounds: int) -> Table:
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
            lines.append(
                [name, protocol, *await _request_line(protocol, apps, WORKLOADS[name].timed, rounds)]
            )
    return lines


async def _request_line(protocol: str, apps: Sequence[Any], ask: Ask, rounds: int) -> list[str]:
    made = [call_of(protocol, app, ask) for app in apps]
    answers = [await answered(call, kept) for call, kept in made]
    if any(answer != answers[0] for answer in answers):
        raise SystemExit(f"refused: {ask} on {protocol} is answered differently: {answers}")
    raw, *others = await interleaved([call for call, _ in made], rounds)
    return [
        f"{raw:,.0f}",
        *(part for ns in others for part in (f"{ns:,.0f}", f"{ns - raw:+,.0f}", f"{raw / ns:.2f}")),
    ]


def match_table() -> Table:
    base = 0.0
    lines = [["routes", "ns a match", "against 10"]]
    for size in growth.SIZES:
        spent = growth.match_ns(size)
        base = base or spent
        lines.append([f"{size:,}", f"{spent:,.0f}", f"{spent / base:.2f}"])
    return lines


def register_table(fastapi: str | None) -> Table:
    """Registering 10,000 typed routes, beside FastAPI's 1,000 where its environment is there."""
    programs = [(sys.executable, growth.register_ours(10_000))]
    programs += [(fastapi, growth.register_fastapi(1_000))] if fastapi else []
    labels = ["velocipy, 10,000 routes", "FastAPI, 1,000 routes"]
    return [
        ["what", "seconds"],
        *([label, f"{spent:.2f}"] for label, spent in zip(labels, growth.least(programs, 2), strict=False)),
    ]


def import_table(starlette: str | None) -> Table:
    """Milliseconds over an interpreter that has asyncio already."""
    ours = "from velocipy import VelociPy"
    programs = [(sys.executable, growth.import_program(ours))]
    programs += [(starlette, growth.import_program("import starlette.applications"))] if starlette else []
    labels = [ours, "import starlette.applications"]
    spent = growth.least(programs, 15)
    lines = [["what", "ms", "ratio"]]
    lines += [
        [label, f"{took * 1e3:.1f}", f"{took / spent[-1]:.2f}"]
        for label, took in zip(labels, spent, strict=False)
    ]
    return [
        *lines,
        ["brought in though optional", ", ".join(growth.imported_beside(ours, UNWANTED)) or "nothing", ""],
    ]


def peer_python(name: str, args: argparse.Namespace) -> str | None:
    if not args.peers:
        return None
    try:
        return peers.environment(peers.PEERS[name], args.peers_home)
    except peers.PeerUnavailable as exc:
        print(f"{name} {exc}", file=sys.stderr)
        return None


def tables(args: argparse.Namespace) -> list[tuple[str, Table]]:
    modules = ["ours", *(["ours_unchecked"] if args.without_host_check else [])]
    found = [("In process, ns a request", asyncio.run(requests_table(args.workloads, modules, args.rounds)))]
    if args.requests_only:
        return found
    return [
        *found,
        ("Matching by number of routes", match_table()),
        ("Registering typed routes", register_table(peer_python("fastapi", args))),
        ("Import time, asyncio excluded", import_table(peer_python("starlette", args))),
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
        default=list(WORKLOADS),
        help=f"default {','.join(WORKLOADS)}",
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
    add("--json", type=Path, metavar="FILE", help="write [[title, table], ...]")
    return made


def main(arguments: list[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    found = tables(args)
    for title, table in found:
        print(f"{title}\n\n{aligned(table)}\n")
    if args.json:
        args.json.write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
