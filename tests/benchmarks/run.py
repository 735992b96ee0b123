"""`hatch run bench`: requests/s of VelociPy against hand-written apps. Knows the command line; the work is done in benchkit.

Exit status: 0 measured, 1 an app answers differently or fails (its group is not timed), 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from benchkit import peers, tables, versions
from benchkit.contenders import APPS, HERE, Contender, app_under_test, peers_of, raw_and_control
from benchkit.load import Client, LoadFailed, client
from benchkit.machine import cores, describe
from benchkit.peers import PEERS, Peer, PeerUnavailable
from benchkit.report import Report, charts, markdown, text
from benchkit.rounds import Group, Refused, Settings
from benchkit.servers import GROUPS, ServerFailed
from benchkit.workloads import WORKLOADS

FULL = Settings(rounds=5, seconds=1.0, connections=64)
QUICK = Settings(rounds=2, seconds=0.2, connections=8)
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"
FIGURES = PAGE.parent / "charts" / "bench.json"
"""Everything that the page and its charts are made of."""


def say(line: str) -> None:
    """Progress goes to stderr, so that stdout is the report."""
    print(line, file=sys.stderr, flush=True)


def names(allowed: Iterable[str]) -> Callable[[str], list[str]]:
    """An argparse type: comma-separated names, each of them known."""
    known = list(allowed)

    def read(given: str) -> list[str]:
        found = [part.strip() for part in given.split(",") if part.strip()]
        unknown = [part for part in found if part not in known]
        if unknown or not found:
            raise argparse.ArgumentTypeError(
                f"{', '.join(unknown) or 'nothing'}: choose from {', '.join(known)}"
            )
        return found

    return read


def positive(kind: Callable[[str], float]) -> Callable[[str], float]:
    """An argparse type: a number above zero."""

    def read(given: str) -> float:
        value = kind(given)
        if value <= 0:
            raise argparse.ArgumentTypeError(f"{given} is not above zero")
        return value

    read.__name__ = kind.__name__
    return read


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="hatch run bench",
        description="Times VelociPy against hand-written apps with the same answers, on the same server, in interleaved rounds."
        " Answers are compared first; a difference ends the run with status 1.",
    )
    add = made.add_argument
    add(
        "--servers",
        type=names(GROUPS),
        default=list(GROUPS),
        metavar="A,B",
        help=f"default: {','.join(GROUPS)}",
    )
    add(
        "--workloads",
        type=names(WORKLOADS),
        default=list(WORKLOADS),
        metavar="A,B",
        help=f"default: {','.join(WORKLOADS)}",
    )
    add(
        "--quick",
        action="store_true",
        help="bundled client, 2 rounds of 0.2 s, 8 connections: does it run, not how fast",
    )
    add("--rounds", type=positive(int), help=f"rounds that count; one more warms up (default {FULL.rounds})")
    add(
        "--slice",
        type=positive(float),
        metavar="SECONDS",
        help=f"load on one app in one round (default {FULL.seconds:g})",
    )
    add(
        "--connections",
        type=positive(int),
        help=f"kept connections of the load generator (default {FULL.connections})",
    )
    add(
        "--client",
        choices=("auto", "wrk", "asyncio"),
        default=None,
        help="load generator (auto: wrk where installed)",
    )
    add(
        "--app",
        action="append",
        metavar="FILE.py:NAME",
        help="the app to hold against raw (apps/ours.py:app); more: A and B",
    )
    add("--control-only", action="store_true", help="raw against raw only: the noise of this machine")
    add(
        "--peers",
        type=names(PEERS),
        nargs="?",
        const=list(PEERS),
        default=[],
        metavar="A,B",
        help=_peers_help(),
    )
    add(
        "--peers-on",
        type=names(GROUPS),
        default=["granian-rsgi", "uvicorn"],
        metavar="A,B",
        help="groups that they are timed in (default: granian-rsgi,uvicorn)",
    )
    add(
        "--peer-rounds",
        type=positive(int),
        help=f"rounds in which they take part (default {FULL.peer_rounds})",
    )
    add(
        "--peers-home",
        type=Path,
        default=peers.default_home(),
        metavar="DIR",
        help="their environments (default: %(default)s)",
    )
    add(
        "--budget",
        type=positive(float),
        metavar="RATIO",
        help="least ratio to raw (default: that of each workload, 0.95 or 0.90)",
    )
    add(
        "--in-process",
        action="store_true",
        help="add the tables of inprocess.py: ns a request, matching, import time, limits in memory",
    )
    add("--redis", action="store_true", help="add the table of bench-redis")
    add(
        "--publish",
        action="store_true",
        help="all of it, 25 minutes: --peers --in-process --redis, into docs/benchmarks.md and docs/charts/",
    )
    add("--from", dest="source", type=Path, metavar="FILE", help="measure nothing: show what --json wrote")
    add("--json", type=Path, metavar="FILE", help="write all figures")
    add("--markdown", type=Path, metavar="FILE", help="write the page, such as docs/benchmarks.md")
    return made


def _peers_help() -> str:
    return (
        f"other frameworks, each installed into an environment of its own: all, or some of {','.join(PEERS)}"
    )


def settings(args: argparse.Namespace) -> Settings:
    base = QUICK if args.quick else FULL
    return Settings(
        int(args.rounds or base.rounds),
        float(args.slice or base.seconds),
        int(args.connections or base.connections),
        int(args.peer_rounds or base.peer_rounds),
    )


def environments(wanted: list[str], home: Path, report: Report) -> list[tuple[Peer, str]]:
    """The peers that are ready to run; the others go into the report with the reason."""
    ready = []
    for name in wanted:
        say(f"environment of {name}")
        try:
            python = peers.environment(PEERS[name], home)
        except PeerUnavailable as exc:
            report.absent.append((name, str(exc)))
            continue
        ready.append((PEERS[name], python))
        report.versions.update(versions.of_peer(name, python))
    return ready


def contenders(group: str, args: argparse.Namespace, ready: list[tuple[Peer, str]]) -> list[Contender]:
    own = [] if args.control_only else [app_under_test(group, text) for text in args.app]
    return [*raw_and_control(group), *own, *(peers_of(group, ready) if group in args.peers_on else [])]


def measure(args: argparse.Namespace, load: Client) -> Report:
    """Runs group after group. Raises Refused, ServerFailed or LoadFailed."""
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    report = Report(today, describe(), versions.ours(), load.name, settings(args), args.budget)
    ready = environments(args.peers, args.peers_home, report)
    for name in args.servers:
        group = Group(name, contenders(name, args, ready), load, report.settings, say)
        report.groups.append(group.measure([WORKLOADS[workload] for workload in args.workloads], cores()[0]))
    if args.in_process:
        peers_too = ["--peers", "--peers-home", str(args.peers_home)] if args.peers else []
        report.tables += measured_apart("inprocess.py", *peers_too)
    if args.redis:
        report.tables += measured_apart("redis_rate.py")
    return report


def measured_apart(script: str, *arguments: str) -> list[tables.Table]:
    """The tables of another command, in a process that has done nothing else. A missed budget, status 1, is among what it tells."""
    say(script)
    with tempfile.NamedTemporaryFile("r", suffix=".json") as file:
        command = [sys.executable, str(HERE / script), "--json", file.name, *arguments]
        done = subprocess.run(command, stdout=sys.stderr)
        found = file.read()
        if done.returncode not in (0, 1) or not found:
            raise ServerFailed(f"{script} ended with status {done.returncode}")
        return tables.read(json.loads(found))


def write(report: Report, args: argparse.Namespace) -> None:
    print(text(report))
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(report.as_json(), indent=1) + "\n")
    if args.markdown:
        folder = args.markdown.parent / "charts"
        folder.mkdir(parents=True, exist_ok=True)
        args.markdown.write_text(markdown(report))
        for name, drawing in charts(report).items():
            (folder / name).write_text(drawing)


def published(args: argparse.Namespace) -> None:
    """What `--publish` stands for."""
    args.peers, args.in_process, args.redis = args.peers or list(PEERS), True, True
    args.json, args.markdown = args.json or FIGURES, args.markdown or PAGE


def main(arguments: list[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    args.app = args.app or [f"{APPS / 'ours.py'}:app"]
    if args.publish:
        published(args)
    if args.source:
        write(Report.of_json(json.loads(args.source.read_text())), args)
        return 0
    try:
        load = client(
            args.client or ("asyncio" if args.quick else "auto"), settings(args).seconds, cores()[1]
        )
        contenders(GROUPS[0], args, [])
    except ValueError as exc:
        parser().error(str(exc))
    try:
        write(measure(args, load), args)
    except (Refused, ServerFailed, LoadFailed) as exc:
        say(f"refused: {exc}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
