"""What a server holds while visitors come and go. Knows `/report` of the soak's app and figures; does not know how servers start."""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.request import urlopen

from visitors import visit_all

SETTLING: Final = 12.0
"""Seconds within which what clients left behind must be gone: Hypercorn notices some of it after 5."""

BUDGET: Final = 1_024
"""Bytes by which memory may grow in 1,000 visits."""

BLOCK: Final = 64
"""Bytes of one object, as those are that a list of free ones keeps: a tuple of three."""

COUNTED: Final = ("tasks", "files", "dependencies", "streams", "sockets")


@dataclass(slots=True)
class Soak:
    """One server's run: what it held after the warm-up, and after each part of the visits."""

    server: str
    visits: int = 0
    """Since the warm-up."""
    seconds: float = 0.0
    seen: Counter[str] = field(default_factory=Counter)
    reports: list[tuple[int, dict[str, int]]] = field(default_factory=list)
    """(visits since the warm-up, what `/report` said)."""

    def growth(self, what: str) -> float:
        """By how much `what` grew in 1,000 visits: the median of the slopes between any two reports, so that no one of them counts much."""
        pairs = itertools.combinations(self.reports, 2)
        return statistics.median(
            (b[what] - a[what]) / (after - before) * 1_000 for (before, a), (after, b) in pairs
        )

    @property
    def in_use(self) -> float:
        """By how many bytes what is in use grew in 1,000 visits: of the C library's heaps, and BLOCK for each of Python's own objects.

        Memory of the process has in it what the heaps of threads have got back and cannot give to the system.
        """
        return self.growth("heaps") + BLOCK * self.growth("blocks")

    def faults(self, of: str = "rss") -> list[str]:
        """What is not as flat as it should be; `of` is "rss", memory of the process, or "in-use"."""
        first, last = self.reports[0][1], self.reports[-1][1]
        found = [
            f"{what}: {first[what]} before, {last[what]} after"
            for what in COUNTED
            if last[what] > first[what]
        ]
        grown = self.growth("rss") if of == "rss" else self.in_use
        if grown > BUDGET:
            found.append(f"memory ({of}) grew by {grown:,.0f} bytes in 1,000 visits, more than {BUDGET:,}")
        return found

    def as_json(self, of: str = "rss") -> dict[str, Any]:
        """Everything, for a machine."""
        grown = {f"{what}_per_1000": round(self.growth(what), 1) for what in ("rss", "heaps", "blocks")}
        reports = [{"visits": visits, **report} for visits, report in self.reports]
        return {
            "server": self.server,
            "visits": self.visits,
            "seconds": round(self.seconds, 1),
            "seen": dict(self.seen),
            **grown,
            "in_use_per_1000": round(self.in_use, 1),
            "faults": self.faults(of),
            "reports": reports,
        }


def report_of(port: int) -> dict[str, int]:
    """What the server holds now. Raises OSError where it does not answer."""
    with urlopen(f"http://127.0.0.1:{port}/report", timeout=20) as answer:
        found: dict[str, int] = json.load(answer)
    return found


async def settled(port: int, wanted: dict[str, int] | None) -> dict[str, int]:
    """The report once nothing is open that was not open in `wanted`, or after SETTLING seconds as it then is."""
    deadline = time.monotonic() + SETTLING
    while True:
        await asyncio.sleep(0.3)
        found = await asyncio.to_thread(report_of, port)
        if (
            wanted is None
            or time.monotonic() > deadline
            or all(found[what] <= wanted[what] for what in COUNTED)
        ):
            return found


async def soak(
    server: str,
    port: int,
    *,
    warm_up: int,
    visits: int,
    parts: int,
    clients: int,
    leaving: float,
    say: Callable[[str], None],
) -> Soak:
    """Visit a server: `warm_up` times, and then `visits` times in so many parts, between which it is asked what it holds.

    Raises Fault for a wrong answer.
    """
    made = Soak(server)
    before = await settled(port, None)
    await visit_all(port, warm_up, clients, leaving, 0, Counter())
    made.reports.append((0, await settled(port, before)))
    for part in range(1, parts + 1):
        started = time.monotonic()
        await visit_all(port, visits // parts, clients, leaving, part, made.seen)
        made.seconds += time.monotonic() - started
        made.visits += visits // parts
        made.reports.append((made.visits, await settled(port, made.reports[0][1])))
        say(_line(made))
    return made


def _line(made: Soak) -> str:
    visits, report = made.reports[-1]
    held = ", ".join(f"{report[what]} {what}" for what in COUNTED)
    return (
        f"{made.server}: {visits:,} visits at {visits / made.seconds:,.0f}/s, {report['rss'] / 1e6:.2f} MB, "
        f"{report['blocks']:,} blocks, {held}"
    )
