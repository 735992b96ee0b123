"""What a decision by memory costs beside a bare GCRA on a dict: time and bytes. Knows both; holds them to nothing."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from time import monotonic_ns

from velocipy.limiter.rule import RateLimitRule
from velocipy.limiter.storage import MemoryStorage

RULES = (RateLimitRule("a", 1_000, 60_000),)
INTERVAL = 60_000_000
BURST = 60_000_000_000


class Bare:
    """GCRA on a dict, called and not awaited: no lock, no bound, and no answer but yes or no."""

    def __init__(self) -> None:
        self.states: dict[str, int] = {}

    def decide(self, identity: str) -> bool:
        now = monotonic_ns() // 1000
        full = self.states.get(identity, now)
        if full < now:
            full = now
        full += INTERVAL
        if full - BURST > now:
            return False
        self.states[identity] = full
        return True


def addresses(count: int) -> list[str]:
    return [f"ip:10.{number >> 16}.{number >> 8 & 255}.{number & 255}" for number in range(count)]


async def nanoseconds(count: int, rounds: int) -> tuple[float, float]:
    """(of a decision, of a bare one), where no key is new and none is refused."""
    storage, bare, keys = MemoryStorage(max_keys=10**7), Bare(), addresses(count)
    ours = others = float("inf")
    for round_ in range(rounds + 1):
        begin = time.thread_time_ns()
        for key in keys:
            await storage.decide(RULES, key)
        middle = time.thread_time_ns()
        for key in keys:
            bare.decide(key)
        end = time.thread_time_ns()
        if round_:
            ours, others = min(ours, (middle - begin) / count), min(others, (end - middle) / count)
    return ours, others


def bytes_a_key(count: int) -> float:
    """What Python has given out for each of so many keys, each a text of its own, as every request has one."""

    async def fill() -> None:
        for key in keys:
            await storage.decide(RULES, key[:3] + key[3:])

    storage, keys = MemoryStorage(max_keys=10**7), addresses(count)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    asyncio.run(fill())
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / count
