"""`hatch run bench-redis`: decisions/s of RedisStorage against the client's own awaited EVALSHA. Knows callers and slices; stats has the arithmetic.

Both run the same script with the same words on one server, in one process, taking turns. The client is given ready keys and hands
back a reply that nobody reads; a decision hashes the identity, goes past breaker and deadline, and makes a Verdict.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from itertools import cycle
from pathlib import Path
from statistics import quantiles
from typing import Final

from benchkit.machine import cores, describe
from benchkit.report import cells, markdown_table, versions_line
from benchkit.stats import Round, Row, Slice, counted, rotated, row
from benchkit.tables import Held, Table, write
from benchkit.versions import ours

sys.path.append(str(Path(__file__).resolve().parents[1] / "storages"))

from redis.asyncio import Redis
from redis_server import Server

from velocipy.limiter import RateLimitRule
from velocipy.redis import RedisStorage
from velocipy.redis.limits import Limits
from velocipy.redis.scripts import script

BASE: Final = "EVALSHA"
CONTROL: Final = "EVALSHA again"
OURS: Final = "decide"
IDENTITIES: Final = [f"ip:192.0.{number >> 8}.{number & 255}" for number in range(1_000)]
THREE: Final = tuple(
    RateLimitRule(kind, 10**6, 3600, algorithm=kind)
    for kind in ("token-bucket", "fixed-window", "sliding-window-counter")
)
RULES: Final = {"1 rule": THREE[:1], "3 rules": THREE}
CALLERS: Final = (1, 32)
BUDGET: Final = 0.8

Call = Callable[[], Awaitable[object]]


def evalsha_of(client: Redis, limits: Limits, rules: tuple[RateLimitRule, ...]) -> Call:
    """The client's own call, with all that can be ready before it."""
    plan = limits._plan(rules)
    sha, words = script("limits").sha, plan.words
    ready = cycle([limits._keys(plan, identity) for identity in IDENTITIES])
    count = len(rules)

    def call() -> Awaitable[object]:
        made: Awaitable[object] = client.evalsha(sha, count, *next(ready), words)
        return made

    return call


def decision_of(storage: RedisStorage, rules: tuple[RateLimitRule, ...]) -> Call:
    identities = cycle(IDENTITIES)
    return lambda: storage.decide(rules, next(identities))


async def slice_of(call: Call, callers: int, calls: int) -> Slice:
    """So many calls by so many callers, each of whom awaits one answer after another."""

    async def keep_calling() -> None:
        for _ in range(calls // callers):
            await call()

    began, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(keep_calling() for _ in range(callers)))
    return Slice(calls // callers * callers, time.perf_counter() - began, time.process_time() - cpu)


async def turns_of(
    url: str, rules: tuple[RateLimitRule, ...], callers: int, rounds: int, calls: int
) -> list[Round]:
    """The slices of all contenders that count; the first of `rounds + 1` rounds warms up."""
    async with (
        RedisStorage(url, max_connections=callers, deadline=30) as storage,
        Redis.from_url(url) as client,
    ):
        verdict = await storage.decide(rules, IDENTITIES[0])  # which loads the script
        assert verdict.allowed and len(verdict.standings) == len(rules)
        base = evalsha_of(client, storage.limits, rules)
        contenders: dict[str, Call] = {BASE: base, OURS: decision_of(storage, rules), CONTROL: base}
        turns: list[Round] = []
        for turn in range(rounds + 1):
            order = rotated(list(contenders), turn)
            turns.append({name: await slice_of(contenders[name], callers, calls) for name in order})
        return list(counted(turns))


def rows_of(turns: Sequence[Round]) -> list[Row]:
    """The spread is the middle half of the rounds: a slice is short, and one is hit by something now and then."""
    found = []
    for name in (BASE, OURS, CONTROL):
        ratios = [turn[name].rate / turn[BASE].rate for turn in turns]
        low, _, high = quantiles(ratios * 2)  # of a single round, too
        found.append(replace(row(name, BASE, turns), low=low, high=high))
    return found


def table_of(url: str, rounds: int, calls: int, loop: asyncio.Runner) -> tuple[list[list[str]], float]:
    """(lines, the least ratio of a decision)."""
    lines = [["rules, callers", "what", "calls/s", "ratio", "middle half", "CPU/call", "CPU ratio"]]
    least = float("inf")
    for name, rules in RULES.items():
        for callers in CALLERS:
            where = f"{name}, {callers} caller{'s' if callers > 1 else ''}"
            for found in rows_of(loop.run(turns_of(url, rules, callers, rounds, calls))):
                lines.append(cells(where, found)[:7])
                least = min(least, found.ratio) if found.name == OURS else least
    return lines, least


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """That of uvloop, which servers use, where it is installed."""
    with suppress(ImportError):
        made: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
        return made
    return None


@contextmanager
def apart(server: int | None) -> Iterator[None]:
    """The server on one core and this process on another, where there are two; afterwards this process is free again."""
    theirs, own = cores()
    if theirs is None or own is None or server is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(server, {theirs})
    os.sched_setaffinity(0, {own})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="hatch run bench-redis", description=__doc__)
    made.add_argument("--rounds", type=int, default=40, help="rounds that count (default %(default)s)")
    made.add_argument(
        "--calls", type=int, default=200, help="of one contender in one round (default %(default)s)"
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="write the table")
    made.add_argument("--url", help="a Redis that runs already (default: a Valkey of its own)")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Status 1 where a decision is slower than the budget allows."""
    args = parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=loop_factory()) as loop:
        server = Server(Path(folder), "--save", "")
        if not args.url:
            server.start()
        try:
            with apart(server.pid):
                lines, least = table_of(args.url or server.url, args.rounds, args.calls, loop)
        finally:
            server.stop()
    for name, value in {**describe(), "versions": versions_line(ours())}.items():
        print(f"{name}: {value}", file=sys.stderr)
    print(markdown_table(lines))
    if args.json:
        held = Held("a decision by Redis against the client's own call", least, BUDGET, most=False)
        write([Table("Limits in Redis", lines, (held,))], args.json)
    print(f"\nThe least ratio of a decision is {least:.3f}; the budget is {BUDGET}.")
    return 0 if least >= BUDGET else 1


if __name__ == "__main__":
    sys.exit(main())
