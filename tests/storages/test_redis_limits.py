"""A limiter's counts in a real Redis: large numbers, refunds, keys and repairs. The rest is in tests/cases, groups J and K."""

from __future__ import annotations

import asyncio
import logging
import random
from itertools import count
from typing import Any

import pytest
from limit_machine import Clock
from redis_server import Server

from velocipy import Depends, VelociPy
from velocipy.limiter import Limiter, RateLimitAlgorithm, RateLimitRule, rate_limit
from velocipy.limiter.storage import MemoryStorage, RedisStorage
from velocipy.redis import limits
from velocipy.testing import TestClient

pytestmark = pytest.mark.servers

ALGORITHMS = list(RateLimitAlgorithm)
_numbers = count()


def storage_of(server: Server, clock: Clock | None = None) -> Any:
    """A storage whose keys nobody else has; with a clock it goes by that one."""
    storage = RedisStorage(server.url, prefix=f"t{next(_numbers)}:", deadline=5)
    if clock is not None:
        storage.limits._time = lambda: str(clock.now)
    return storage


def rule_of(
    kind: RateLimitAlgorithm, limit: int = 100, window: float = 3600, name: str = "r"
) -> RateLimitRule:
    return RateLimitRule(name, limit, window, algorithm=kind)


# -- what is promised ----------------------------------------------------------------------------------------------


@pytest.mark.case(112)
@pytest.mark.parametrize("kind", ALGORITHMS)
def test_redis_and_memory_decide_alike_whatever_happens(server: Server, kind: RateLimitAlgorithm) -> None:
    """Random costs and refunds, and limits and windows whose product is more than a double holds."""
    chance = random.Random(f"redis {kind}")
    most = 200 if kind is RateLimitAlgorithm.SLIDING_WINDOW else 10**9

    async def trace() -> None:
        clock = Clock(chance.randint(10**15, 2 * 10**15))
        redis, memory = storage_of(server, clock), MemoryStorage(clock=clock)
        for number in range(60):
            limit = chance.choice([1, 2, 7, chance.randint(1, most)])
            rules = (rule_of(kind, limit, chance.choice([1000, 86_400, 10**7])),)
            capacity, window = rules[0].capacity, rules[0].window_us
            for _ in range(12):
                clock.now += chance.choice([0, 1, chance.randint(0, window), window])
                cost = chance.choice([None, 0, 1, chance.randint(1, capacity), capacity + 1])
                told = [await storage.decide(rules, f"{number}", cost) for storage in (redis, memory)]
                assert (told[0].allowed, told[0].standings) == (told[1].allowed, told[1].standings)
                if chance.random() < 0.2:
                    for storage in (redis, memory):
                        await storage.refund(rules, f"{number}", cost)
        await redis.close()

    asyncio.run(trace())


# -- keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_a_key_goes_when_it_means_nothing_any_more(server: Server, kind: RateLimitAlgorithm) -> None:
    async def main() -> None:
        storage = storage_of(server)
        await storage.decide((rule_of(kind, 2, 0.5),), "a")
        name = server.reply("KEYS", f"{storage._prefix}limit:*").split(b"\r\n")[2].decode()
        assert 0 < int(server.ask("PTTL", name)[1:]) <= 1_500
        async with asyncio.timeout(30):
            while server.ask("EXISTS", name) != b":0":
                await asyncio.sleep(0.05)
        await storage.close()

    asyncio.run(main())


@pytest.mark.case(132)
@pytest.mark.parametrize("kind", ALGORITHMS)
@pytest.mark.parametrize("other", [("SADD", "x"), ("SET", "nonsense"), ("RPUSH", "nonsense")])
def test_a_key_that_holds_something_else_is_made_anew_and_that_is_said_once(
    server: Server, kind: RateLimitAlgorithm, other: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        storage = storage_of(server)
        rules = (rule_of(kind, 2),)
        await storage.decide(rules, "a")
        name = server.reply("KEYS", f"{storage._prefix}limit:*").split(b"\r\n")[2].decode()
        server.ask("DEL", name)
        server.ask(other[0], name, other[1])
        told = [await storage.decide(rules, "a") for _ in range(3)]
        assert [verdict.allowed for verdict in told] == [True, True, False]
        await storage.close()

    with caplog.at_level(logging.WARNING, "velocipy.redis"):
        asyncio.run(main())
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_rules_that_are_made_anew_for_each_request_are_not_kept_for_ever(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MAX_PLANS", 4)

    async def main() -> None:
        storage = storage_of(server)
        told = [await storage.decide((rule_of(ALGORITHMS[0], 8),), "a") for _ in range(10)]
        assert [verdict.allowed for verdict in told] == [True] * 8 + [False] * 2
        assert len(storage.limits._plans) == 2
        await storage.close()

    asyncio.run(main())


# -- workers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_two_workers_share_one_limit(server: Server, interface: str) -> None:
    prefix = f"shared{next(_numbers)}:"

    def worker() -> VelociPy:
        limiter = Limiter(RedisStorage(server.url, prefix=prefix, deadline=5))
        app = VelociPy(plugins=False)

        @app.get("/", dependencies=[Depends(rate_limit(limiter, rules=[rule_of(ALGORITHMS[2], 5)]))])
        async def index() -> str:
            return "in"

        return app

    with TestClient(worker(), interface=interface) as one, TestClient(worker(), interface=interface) as other:
        statuses = [client.get("/").status_code for _ in range(4) for client in (one, other)]
    assert statuses == [200] * 5 + [429] * 3
