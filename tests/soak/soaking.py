"""`hatch run soak`: 200,000 visits to each server by clients that leave when they like. Knows the command line and starts servers.

Exit status: 0 all is flat, 1 something grew or was answered wrongly, 2 wrong arguments. JSON goes to stdout, progress to stderr.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "conformance")]

from measure import Soak, soak  # noqa: E402  # after the path is set: this is a script
from servers import COMMANDS, serve  # noqa: E402
from visitors import Fault  # noqa: E402

SERVERS = tuple(COMMANDS)


def say(line: str) -> None:
    """Progress."""
    print(line, file=sys.stderr, flush=True)


def parser() -> argparse.ArgumentParser:
    """The options."""
    made = argparse.ArgumentParser(prog="hatch run soak", description=__doc__)
    add = made.add_argument
    add("--servers", nargs="*", choices=list(COMMANDS), default=list(SERVERS), help="default: %(default)s")
    add(
        "--visits",
        type=int,
        default=200_000,
        help="to each server after the warm-up (default %(default)s)",
    )
    add("--warm-up", type=int, default=50_000, help="visits before the first report (default %(default)s)")
    add("--parts", type=int, default=10, help="reports after that (default %(default)s)")
    add("--clients", type=int, default=32, help="at once (default %(default)s)")
    add(
        "--leaving",
        type=float,
        default=0.15,
        help="share of the visits that are broken off (default %(default)s)",
    )
    add(
        "--judge",
        choices=["rss", "in-use"],
        default="rss",
        help="by which memory: that of the process, or what is in use of the C library's heaps and Python's (default %(default)s)",
    )
    add(
        "--arenas",
        type=int,
        help="heaps that the C library of a server may have (MALLOC_ARENA_MAX); its own number where it is not given. With one, "
        "memory of the process grows by what is kept, and not by what the heaps of its threads cannot give back",
    )
    return made


def run(kind: str, args: argparse.Namespace) -> Soak:
    """One server's soak. Raises Fault."""
    arenas = {} if args.arenas is None else {"MALLOC_ARENA_MAX": str(args.arenas)}
    with serve(kind, "soak_app:app", cwd=HERE, env={"PYTHONPATH": _path(), **arenas}) as server:
        return asyncio.run(
            soak(
                kind,
                server.port,
                warm_up=args.warm_up,
                visits=args.visits,
                parts=args.parts,
                clients=args.clients,
                leaving=args.leaving,
                say=say,
            )
        )


def _path() -> str:
    """What the server finds modules in: what we do."""
    return os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])


def main(arguments: list[str] | None = None) -> int:
    """Run them one after the other."""
    args = parser().parse_args(arguments)
    made, wrong = [], 0
    for kind in args.servers:
        try:
            found = run(kind, args)
        except Fault as exc:
            say(f"{kind}: {exc}")
            wrong = 1
            continue
        made.append(found.as_json(args.judge))
        for fault in found.faults(args.judge):
            say(f"{kind}: {fault}")
            wrong = 1
    print(json.dumps(made, indent=1))
    return wrong


if __name__ == "__main__":
    sys.exit(main())
