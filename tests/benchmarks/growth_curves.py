"""`hatch run bench-growth`: how costs grow with routes, bodies, connections, dependencies, middlewares and keys. Knows the axes.

hatch run bench-growth                        all axes, to the terminal; a quarter of an hour with valgrind
hatch run bench-growth --axes routes,keys     some
hatch run bench-growth --publish              into docs/growth.md and docs/charts/
hatch run bench-growth --from FILE            measure nothing: show what --json wrote

Exit status: 0 all exponents are within their bounds, 1 one is not, 2 wrong arguments.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchkit import idle, marks, versions
from benchkit.curves import Axis, Line, line_of
from benchkit.growth_page import Growth, charts, markdown
from benchkit.machine import describe
from run import names, say

HERE: Final = Path(__file__).resolve().parent
PROBES, MEMORY = HERE / "probes.py", HERE / "growth_memory.py"
PAGE: Final = HERE.parents[1] / "docs" / "growth.md"
FIGURES: Final = PAGE.parent / "charts" / "growth.json"
CONNECTIONS: Final = (1, 10, 100, 1_000, 10_000)
BYTES: Final = "bytes of memory"
BESIDE: Final = "CPU of a request against none idle"


def lines(points: Sequence[marks.Point], series: dict[str, float | None]) -> tuple[Line, ...]:
    """Those series, each with the most that its exponent may be; CPU time is too restless to be held to one."""
    found = []
    for name, steepest in series.items():
        own = [point for point in points if point.series == name]
        unit = own[0].unit
        most = steepest if unit == marks.INSTRUCTIONS else None
        found.append(line_of([(point.size, point.cost) for point in own], name, unit, most))
    return tuple(found)


def memory(kind: str, series: str, sizes: Sequence[int], steepest: float | None, unit: str = BYTES) -> Line:
    """Each size in a process of its own."""
    points = []
    for size in sizes:
        command = [sys.executable, str(MEMORY), kind, series, str(size)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
        points.append((size, float(done.stdout)))
    return line_of(points, series, unit, steepest)


def routes() -> Axis:
    points = marks.run(PROBES, ["routes"])
    found = lines(points, {"a match": 0.0, "a request": 0.0, "registering a route": 0.0})
    held = memory("routes", "a route", (10, 100, 1_000, 10_000), 0.0)
    return Axis(
        "routes",
        "Routes",
        "routes",
        (*found, held),
        "A match looks literals up in dicts and walks a tree as deep as a path has segments: the number of routes is not in it."
        " Registering a route reads its signature and plans its binding, which its code bounds and not its neighbours; code is"
        " generated at its first request. Memory is the plan, about the same for each.",
    )


def bodies() -> Axis:
    points = marks.run(PROBES, ["bodies"])
    found = lines(points, {"read": 1.0, "pieces": 1.0, "JSON": 1.0, "an upload": 1.0})
    sizes = tuple(dict.fromkeys(point.size for point in points))
    held = [
        memory("bodies", series, sizes, steepest)
        # Of a small body little shows: the process has that much to hand already. So the large ones seem to grow faster.
        for series, steepest in (("read", 1.2), ("pieces", None), ("JSON", 1.2), ("an upload", None))
    ]
    return Axis(
        "bodies",
        "Bodies",
        "bytes of a body",
        (*found, *held),
        "`read` is bound by copying each piece into one bytes object, which stand side by side at the end: twice the body. JSON is"
        " bound by the decoder, one value after the other, and what it holds by Python's objects for them. An upload is searched for"
        " its boundary, and is in a file beyond its first megabyte, so its memory does not grow; `request.stream()` holds a piece.",
    )


def dependencies() -> Axis:
    points = marks.run(PROBES, ["dependencies"])
    return Axis(
        "dependencies",
        "Dependencies",
        "dependencies",
        lines(points, {"side by side": 1.0, "each on the next": 1.0}),
        "Each is one `await` of the user's function, written into the handler where it stands: the call of a coroutine bounds it."
        " Whether they stand side by side or on each other changes nothing.",
        straight=True,
    )


def middlewares() -> Axis:
    points = marks.run(PROBES, ["middlewares"])
    return Axis(
        "middlewares",
        "Middlewares",
        "middlewares",
        lines(points, {"with hooks": 1.0, "wrapping": 1.0}),
        "Hooks are calls that the handler makes, and a header that is checked and added. The first that wraps pays for a Request, a"
        " Response and the sending of it; each further one is a coroutine around the next.",
        straight=True,
    )


def keys() -> Axis:
    counted = marks.run(PROBES, ["keys"])
    found = lines(counted, {"a decision": 0.0, "by hand": 0.0})
    if marks.unit() == marks.INSTRUCTIONS:  # caches are what instructions do not see
        found += lines(marks.run(PROBES, ["keys"], count=False), {"a decision": None, "by hand": None})
    held = memory("keys", "a key", (1_000, 10_000, 100_000, 1_000_000), 0.0)
    return Axis(
        "keys",
        "Keys of a limiter in memory",
        "keys",
        (*found, held),
        "A decision looks one key up in a dict and puts one number back, however many keys there are. What grows is the time of the"
        " look-up itself, since a table of a million keys is in no cache: the GCRA by hand grows by about as much."
        " A key is its text, its place in a dict and a number.",
    )


CONNECTED: Final = (("websocket", False), ("websocket", True), ("kept", False))
"""(kind of connection, whether the app is the one by hand): between requests a connection is the server's alone, whose app it may be."""


def connections() -> Axis:
    found = [
        each
        for server in idle.EXTRA
        for kind, by_hand in CONNECTED
        for each in idle.measured(server, kind, CONNECTIONS, by_hand)
    ]
    return connections_of(found)


def connections_of(found: Sequence[idle.Idle]) -> Axis:
    """The axis of what was measured."""
    shown: list[Line] = []
    # 1.2, since the first hundred find room that the process has already.
    for unit, steepest, cost in ((BYTES, 1.2, _bytes), (BESIDE, None, _ratio)):
        for name in dict.fromkeys(one.line for one in found):
            own = [(one.count, cost(one)) for one in found if one.line == name]
            shown.append(line_of(own, name, unit, steepest))
    return Axis(
        "connections",
        "Idle connections",
        "connections",
        tuple(shown),
        "A WebSocket holds the server's own state and buffers, which the app by hand pays too, and the coroutine of its endpoint with"
        " what it waits for. A connection that is kept between requests holds the server's state alone, none of ours. A request beside"
        " them costs what it costs without: the event loop asks the system which sockets are ready, and is not told of others.",
    )


def _bytes(one: idle.Idle) -> float:
    return one.more_bytes


def _ratio(one: idle.Idle) -> float:
    return one.cpu_ratio


AXES: Final[dict[str, Callable[[], Axis]]] = {
    "routes": routes,
    "bodies": bodies,
    "connections": connections,
    "dependencies": dependencies,
    "middlewares": middlewares,
    "keys": keys,
}


def measured(wanted: Sequence[str]) -> Growth:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    axes = []
    for name in wanted:
        say(f"{name}, in {marks.unit()}")
        axes.append(AXES[name]())
    return Growth(today, describe(), versions.ours(), tuple(axes))


def write(growth: Growth, page: Path) -> None:
    """The page, and its charts beside it."""
    (page.parent / "charts").mkdir(parents=True, exist_ok=True)
    page.write_text(markdown(growth))
    for name, drawing in charts(growth).items():
        (page.parent / name).write_text(drawing)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="hatch run bench-growth", description=__doc__)
    add = made.add_argument
    add("--axes", type=names(AXES), default=list(AXES), metavar="A,B", help=f"default: {','.join(AXES)}")
    add("--publish", action="store_true", help="write docs/growth.md, its charts and docs/charts/growth.json")
    add("--json", type=Path, metavar="FILE", help="write all figures")
    add("--markdown", type=Path, metavar="FILE", help="write the page, and its charts into charts/ beside it")
    add("--from", dest="source", type=Path, metavar="FILE", help="measure nothing: show what --json wrote")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    args = parser().parse_args(arguments)
    growth = Growth.of_json(json.loads(args.source.read_text())) if args.source else measured(args.axes)
    if args.publish:
        args.json, args.markdown = args.json or FIGURES, args.markdown or PAGE
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        args.json.write_text(json.dumps(growth.as_json(), indent=1) + "\n")
    if args.markdown:
        write(growth, args.markdown)
    print(markdown(growth))
    missed = [str(held) for axis in growth.axes for held in axis.held() if not held.met]
    print("\n".join(missed) or "Every exponent is within its bound.", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
