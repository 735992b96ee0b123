"""Slots of requests at once in a real Redis: exact over processes, given back by a worker that was killed, repaired."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import pytest
from redis_server import Server

from velocipy import Depends, VelociPy
from velocipy.limiter import ConcurrencyRule, Limiter, concurrency, everybody
from velocipy.limiter.storage import RedisStorage
from velocipy.testing import TestClient

pytestmark = pytest.mark.servers

_numbers = count()


def storage_of(server: Server, prefix: str | None = None) -> Any:
    return RedisStorage(server.url, prefix=prefix or f"slots{next(_numbers)}:", deadline=5)


def test_many_hold_exactly_as_many_slots_as_there_are(server: Server) -> None:
    """Over two storages, as two workers have; and over and over, with none lost and none too many."""
    rule, now, most = ConcurrencyRule("r", 7), 0, 0

    async def visit(limiter: Limiter) -> bool:
        nonlocal now, most
        slot = limiter.slot("everybody", rule)
        if not await slot.take():
            return False
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1
        await slot.give_up()
        return True

    async def main() -> None:
        storages = [storage_of(server, "many:") for _ in range(2)]
        limiters = [Limiter(storage) for storage in storages]
        told = await asyncio.gather(*(visit(limiters[number % 2]) for number in range(150)))
        assert most <= 7 <= sum(told)
        slots = [limiters[number % 2].slot("everybody", rule) for number in range(9)]
        assert [await slot.take() for slot in slots] == [True] * 7 + [False] * 2
        assert [slot.remaining for slot in slots] == [6, 5, 4, 3, 2, 1, 0, 0, 0]
        for slot in slots:
            await slot.give_up()
        for storage in storages:
            await storage.close()

    asyncio.run(main())
    assert _keys(server, "many:") == []


def _keys(server: Server, prefix: str) -> list[str]:
    return [word for word in server.reply("KEYS", f"{prefix}*").decode().split("\r\n") if prefix in word]


KEEPER = """
import asyncio, sys
from velocipy.limiter import ConcurrencyRule, Limiter
from velocipy.limiter.storage import RedisStorage

async def main():
    limiter = Limiter(RedisStorage(sys.argv[1], prefix="killed:", deadline=5))
    async with limiter.slot("everybody", ConcurrencyRule("r", 1, lease=3)):
        print("held", flush=True)
        await asyncio.sleep(30)

asyncio.run(main())
"""


def test_slots_of_a_worker_are_kept_while_it_lives_and_come_back_when_it_is_killed(server: Server) -> None:
    rule = ConcurrencyRule("r", 1, lease=3)

    async def taken_within(seconds: float) -> bool:
        limiter = Limiter(storage_of(server, "killed:"))
        slot, ends = limiter.slot("everybody", rule), time.monotonic() + seconds
        while not (told := await slot.take()) and time.monotonic() < ends:
            await asyncio.sleep(0.02)
        await slot.give_up()
        await limiter.close()
        return told

    worker = subprocess.Popen([sys.executable, "-c", KEEPER, server.url], stdout=subprocess.PIPE)
    try:
        assert worker.stdout is not None and worker.stdout.readline() == b"held\n"
        assert not asyncio.run(taken_within(3.5))  # it renews its lease, and may be held up for a while
    finally:
        worker.kill()
        worker.wait(10)
        worker.stdout.close()  # type: ignore[union-attr]
    assert asyncio.run(taken_within(30))


def test_a_lease_is_of_the_clock_of_redis_and_what_others_wrote_is_dropped(server: Server) -> None:
    async def main() -> None:
        storage = storage_of(server, "clock:")
        slots, now = storage.slots, 1_790_000_000_000_000
        rule, longer = ConcurrencyRule("r", 2, lease=10), ConcurrencyRule("s", 2, lease=10)
        slots._time = lambda: str(now)
        assert [await slots.take(rule, "a", name) for name in "123"] == [1, 0, None]
        now += 9_999_999
        assert await slots.take(rule, "a", "4") is None
        await slots.renew(rule, "a", "2")
        now += 1
        assert [await slots.take(rule, "a", name) for name in "45"] == [0, None]
        await slots.give_up(rule, "a", "4")
        await slots.give_up(rule, "a", "4")
        assert [await slots.take(rule, "a", name) for name in "67"] == [0, None]
        now -= 3_600_000_000
        assert [await slots.take(rule, "a", name) for name in "890"] == [1, 0, None]
        assert await slots.take(longer, "a", "1") == 1
        assert await slots.take(rule, "b", "1") == 1
        keys = _keys(server, "clock:")
        assert len(keys) == 3
        assert all(0 < int(server.ask("PTTL", key)[1:]) <= 10_100 for key in keys)
        for key in keys:
            server.ask("SET", key, "what is this")
        assert await slots.take(rule, "a", "1") == 1
        await storage.close()

    asyncio.run(main())


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_an_app_limits_requests_at_once_in_redis(server: Server, interface: Any) -> None:
    limiter = Limiter(storage_of(server))

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        yield
        await limiter.close()

    app = VelociPy(plugins=False, lifespan=lifespan)

    @app.get("/", dependencies=[Depends(concurrency(limiter, ConcurrencyRule("r", 1), everybody))])
    async def home() -> bool:
        return await limiter.slot("everybody", ConcurrencyRule("r", 1)).take()

    with TestClient(app, interface=interface) as client:
        for _ in range(3):
            answer = client.get("/")
            assert (answer.json(), answer.headers["ratelimit"]) == (False, '"r";r=0')
