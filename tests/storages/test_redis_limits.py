"""A limiter's counts in a real Redis: every promise of every algorithm, keys, repairs, and many callers at once."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import random
from collections.abc import Coroutine
from itertools import count
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from limit_machine import Clock, LimitMachine
from redis_callers import admitted
from redis_server import Server

from velocipy import Depends, VelociPy
from velocipy.limiter import Limiter, RateLimitAlgorithm, RateLimitRule, rate_limit
from velocipy.limiter.storage import MemoryStorage, RedisStorage
from velocipy.testing import TestClient

T = TypeVar("T")
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


@pytest.mark.case(111)
@pytest.mark.parametrize(
    "kinds", [*((kind,) for kind in ALGORITHMS), (ALGORITHMS[0], ALGORITHMS[0]), tuple(ALGORITHMS)], ids=str
)
def test_redis_keeps_every_promise(server: Server, kinds: tuple[RateLimitAlgorithm, ...]) -> None:
    with asyncio.Runner() as loop:

        class Machine(LimitMachine):
            algorithms = kinds

            def make_storage(self, clock: Clock) -> Any:
                return storage_of(server, clock)

            def run(self, asked: Coroutine[Any, Any, T]) -> T:
                return loop.run(asked)

        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            Machine,
            settings=settings(
                max_examples=25,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


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


@pytest.mark.case(114)
@pytest.mark.parametrize("kind", ALGORITHMS)
def test_at_its_end_a_window_is_over_and_not_a_microsecond_before(
    server: Server, kind: RateLimitAlgorithm
) -> None:
    at_once = {RateLimitAlgorithm.FIXED_WINDOW: 5, RateLimitAlgorithm.SLIDING_WINDOW: 5}.get(kind, 1)

    async def main() -> None:
        clock = Clock()
        storage = storage_of(server, clock)
        rules = (rule_of(kind, 5, 60),)
        told = [await storage.decide(rules, "a") for _ in range(6)]
        assert [verdict.allowed for verdict in told] == [True] * 5 + [False]
        begin, wait = clock.now, told[-1].standings[0].retry_after
        for offset, remaining in ((wait - 1, 0), (wait, at_once), (wait + 1, at_once)):
            clock.now = begin + offset
            assert (await storage.decide(rules, "a", 0)).remaining == remaining
        await storage.close()

    asyncio.run(main())


@pytest.mark.case(120)
@pytest.mark.parametrize("kind", ALGORITHMS)
@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_jumps_gives_one_limit_more_at_most_and_locks_nobody_out(
    server: Server, kind: RateLimitAlgorithm, hours: int
) -> None:
    async def main() -> None:
        clock = Clock()
        storage = storage_of(server, clock)
        rules = (rule_of(kind, 10, 60),)
        before = [(await storage.decide(rules, "a")).allowed for _ in range(12)]
        clock.now += hours * 3600 * 1_000_000
        after = [(await storage.decide(rules, "a")).allowed for _ in range(25)]
        clock.now += 2 * 60 * 1_000_000
        later = [(await storage.decide(rules, "a")).allowed for _ in range(12)]
        assert (sum(before), sum(later)) == (10, 10)
        assert sum(after) <= 10
        await storage.close()

    asyncio.run(main())


@pytest.mark.case(121)
@pytest.mark.parametrize("kind", ALGORITHMS)
def test_a_rule_that_changes_between_deployments_locks_nobody_out(
    server: Server, kind: RateLimitAlgorithm
) -> None:
    async def main() -> None:
        clock = Clock()
        storage = storage_of(server, clock)
        for limit, window in [(100, 3600), (3, 3600), (3, 10), (50, 10), (50, 86_400), (1, 1)]:
            rules = (rule_of(kind, limit, window),)
            told = [await storage.decide(rules, "a") for _ in range(limit + 1)]
            assert not told[-1].allowed
            assert all(0 <= verdict.remaining <= limit for verdict in told)
            clock.now += 2 * window * 1_000_000
            assert (await storage.decide(rules, "a")).allowed
        await storage.close()

    asyncio.run(main())


@pytest.mark.case(118)
def test_a_refusal_by_one_rule_takes_nothing_from_another(server: Server) -> None:
    async def main() -> None:
        storage = storage_of(server)
        rules = tuple(rule_of(kind, 10, name=kind) for kind in ALGORITHMS) + (
            rule_of(ALGORITHMS[0], 2, name="few"),
        )
        told = [await storage.decide(rules, "a") for _ in range(5)]
        assert [verdict.allowed for verdict in told] == [True, True, False, False, False]
        assert [standing.remaining for standing in told[-1].standings] == [8, 8, 8, 8, 0]
        await storage.reset(rules, "a")
        assert (await storage.decide(rules, "a")).allowed
        await storage.close()

    asyncio.run(main())


# -- many callers --------------------------------------------------------------------------------------------------


@pytest.mark.case(113)
def test_800_callers_in_4_processes_are_admitted_exactly_100_times(server: Server) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        for kind in ALGORITHMS:
            tasks = [(server.url, f"many{next(_numbers)}:{kind}:", kind, 200)] * 4
            assert sum(pool.starmap_async(admitted, tasks).get(60)) == 100, kind


@pytest.mark.case(134)
def test_decisions_that_are_cancelled_leave_no_reply_behind_and_count_once_at_most(server: Server) -> None:
    async def main() -> None:
        storage = storage_of(server)
        chance = random.Random(134)
        rules = (rule_of(RateLimitAlgorithm.FIXED_WINDOW, 10**6),)
        await storage.decide(rules, "a", 0)
        await storage.set("known", b"known", 60)
        done = 0
        for _ in range(1000):
            task = asyncio.ensure_future(storage.decide(rules, "a"))
            await asyncio.sleep(chance.choice([0, 0, chance.random() * 0.001]))
            task.cancel()
            try:
                done += (await task).allowed
            except asyncio.CancelledError:
                pass
            assert await storage.get("known") == b"known"
        used = 10**6 - (await storage.decide(rules, "a", 0)).remaining
        assert done <= used <= 1000
        assert not storage._link.breaker.open
        await storage.close()

    asyncio.run(main())


# -- keys ----------------------------------------------------------------------------------------------------------


@pytest.mark.case(117)
def test_identities_never_share_and_choose_nothing_of_a_key(server: Server) -> None:
    identities = ["a:b", "a", "b", "{x}", "*", "a\r\nb", "a\0b", "x" * 1_000_000, "\u0430", "", "é", "\ud800"]

    async def main() -> None:
        storage = storage_of(server)
        rules = (rule_of(RateLimitAlgorithm.FIXED_WINDOW, 1),)
        told = [await storage.decide(rules, identity) for identity in identities * 2]
        assert [verdict.allowed for verdict in told] == [True] * len(identities) + [False] * len(identities)
        prefix = storage._prefix
        keys = server.reply("KEYS", f"{prefix}limit:*").split(b"\r\n")[2::2]
        assert len(set(keys)) == len(identities)
        assert {len(key) for key in keys} == {len(f"{prefix}limit:{{}}:fixed:r") + 32}
        await storage.close()

    asyncio.run(main())


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_a_key_goes_when_it_means_nothing_any_more(server: Server, kind: RateLimitAlgorithm) -> None:
    async def main() -> None:
        storage = storage_of(server)
        await storage.decide((rule_of(kind, 2, 0.2),), "a")
        name = server.reply("KEYS", f"{storage._prefix}limit:*").split(b"\r\n")[2].decode()
        assert 0 < int(server.ask("PTTL", name)[1:]) <= 600
        await asyncio.sleep(0.65)
        assert server.ask("EXISTS", name) == b":0"
        await storage.close()

    asyncio.run(main())


@pytest.mark.case(135)
@pytest.mark.parametrize("kind", ALGORITHMS)
def test_a_key_without_a_time_to_live_gets_one_even_by_a_refusal(
    server: Server, kind: RateLimitAlgorithm
) -> None:
    async def main() -> None:
        storage = storage_of(server)
        rules = (rule_of(kind, 1, 60),)
        await storage.decide(rules, "a")
        name = server.reply("KEYS", f"{storage._prefix}limit:*").split(b"\r\n")[2].decode()
        assert server.ask("PERSIST", name) == b":1"
        assert not (await storage.decide(rules, "a")).allowed
        assert 0 < int(server.ask("PTTL", name)[1:]) <= 121_000
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


# -- scripts and servers -------------------------------------------------------------------------------------------


@pytest.mark.case(130)
@pytest.mark.case(131)
def test_a_server_that_forgot_scripts_or_keys_is_told_them_again(server: Server) -> None:
    async def main() -> None:
        storage = storage_of(server)
        rules = (rule_of(RateLimitAlgorithm.TOKEN_BUCKET, 2),)
        await storage.decide(rules, "a")
        server.ask("SCRIPT", "FLUSH")
        assert (await storage.decide(rules, "a")).remaining == 0
        server.ask("FLUSHALL")
        assert (await storage.decide(rules, "a")).remaining == 1
        await storage.close()

    asyncio.run(main())


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
