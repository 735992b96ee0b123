"""Cases 111 to 122: limits under every order of events, many callers, made-up addresses, hostile keys and clocks that jump.

Storages are memory, a plain storage of keys and bytes, and a real Valkey.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import re
import threading
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from case_clients import Clients
from case_limits import ALGORITHMS, SECOND, in_redis, limited, rule_of, storages
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from limit_machine import Clock, LimitMachine, in_cells, in_memory, without_loop
from limit_oracle import oracle_of
from redis_callers import admitted
from redis_server import Server

from velocipy import AsyncTestClient
from velocipy.exceptions import ConfigurationError
from velocipy.limiter import (
    RateLimitAlgorithm,
    by_header,
    for_methods,
    for_paths,
)
from velocipy.testing import TestClient, WebSocketDenied

T = TypeVar("T")
pytestmark = pytest.mark.servers

TOO_MANY = {"detail": "Too Many Requests"}


def taken(client: TestClient, tries: int, path: str = "/", **options: Any) -> int:
    """How many of so many requests are let in; the others are a 429."""
    statuses = [client.get(path, **options).status_code for _ in range(tries)]
    assert set(statuses) <= {200, 429}
    return statuses.count(200)


NO_PROTOCOL = {
    "on": ("asgi",),
    "why": "storages are asked, which know no protocol; asking each over one takes ten times as long",
}
KINDS = [*((kind,) for kind in ALGORITHMS), (ALGORITHMS[0], ALGORITHMS[0]), ALGORITHMS]


@pytest.mark.case(111, **NO_PROTOCOL)
@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: "+".join(kinds))
@pytest.mark.parametrize("kept", ["memory", "key-value", "redis"])
def test_every_algorithm_keeps_its_promises_in_every_storage(
    interface: str, kept: str, kinds: tuple[RateLimitAlgorithm, ...], valkey: Server
) -> None:
    """Invariants 1 to 9, 11, 12 and 17 of the reference, at every step; several rules are all or nothing."""
    with asyncio.Runner() as loop:

        class Machine(LimitMachine):
            algorithms = kinds

            def make_storage(self, clock: Clock) -> Any:
                if kept == "redis":
                    return in_redis(valkey.url, clock)
                return in_memory(clock) if kept == "memory" else in_cells(clock)

            def run(self, asked: Coroutine[Any, Any, T]) -> T:
                return loop.run(asked) if kept == "redis" else without_loop(asked)

        examples, steps = (4, 30) if kept == "redis" else (3, 40)
        run_state_machine_as_test(  # type: ignore[no-untyped-call]
            Machine,
            settings=settings(
                max_examples=max(settings().max_examples * examples // 20, 1),
                stateful_step_count=steps,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


@pytest.mark.case(112, **NO_PROTOCOL)
@pytest.mark.once
@pytest.mark.parametrize("kind", ALGORITHMS)
def test_memory_redis_and_oracle_agree_on_random_traces(
    interface: str, kind: RateLimitAlgorithm, valkey: Server
) -> None:
    """2,500 traces for each algorithm, 10,000 in all; every fortieth is put to Redis too."""
    chance = random.Random(f"limits {kind}")
    clock = Clock()
    redis = in_redis(valkey.url, clock)
    with asyncio.Runner() as loop:
        for number in range(2_500):
            limit = chance.randint(1, 6)
            rule = rule_of(kind, limit, chance.choice([0.0001, 1, 7.3]), cost=chance.randint(1, limit))
            clock.now = chance.randint(10**15, 2 * 10**15)
            storages = [in_memory(clock), in_cells(clock)]
            oracle = oracle_of(rule)
            for _ in range(12):
                clock.now += chance.choice([0, 1, chance.randint(0, rule.window_us), rule.window_us])
                expected = oracle.admits(clock.now, rule.cost)
                if expected:
                    oracle.admit(clock.now, rule.cost)
                told = [without_loop(storage.decide((rule,), "x")) for storage in storages]
                if number % 40 == 0:
                    told.append(loop.run(redis.decide((rule,), str(number))))
                assert [verdict.allowed for verdict in told] == [expected] * len(told)
                assert all(verdict.standings == told[0].standings for verdict in told)
                assert told[0].remaining == oracle.remaining(clock.now)
        loop.run(redis.close())


@pytest.mark.case(113)
def test_of_many_callers_exactly_as_many_as_the_limit_come_in(
    interface: Any, valkey: Server, processes: int
) -> None:
    """Tasks and threads ask the app, or its storage; four processes have asked one Valkey."""

    async def ask_all(storage: Any) -> list[tuple[int, Any]]:
        app = limited(storage, rule_of(limit=100, window=86_400))
        async with AsyncTestClient(app, interface=interface) as client:
            answers = await asyncio.gather(*(client.get("/") for _ in range(300)))
            return [
                (answer.status_code, answer.json() if answer.status_code != 200 else "") for answer in answers
            ]

    for storage in (in_memory(Clock()), in_redis(valkey.url)):
        told = asyncio.run(ask_all(storage))
        assert (told.count((200, "")), told.count((429, TOO_MANY))) == (100, 200)
    for kind in ALGORITHMS:
        storage, rules = in_memory(Clock()), (rule_of(kind, 100, 86_400),)
        start = threading.Barrier(16)

        def ask(storage: Any = storage, rules: Any = rules, start: threading.Barrier = start) -> int:
            start.wait()
            return sum(without_loop(storage.decide(rules, "x")).allowed for _ in range(50))

        with ThreadPoolExecutor(16) as pool:
            assert sum(future.result() for future in [pool.submit(ask) for _ in range(16)]) == 100
    assert processes == 100 * len(ALGORITHMS)


@pytest.fixture(scope="module")
def processes(valkey: Server) -> int:
    """How many of 800 calls of four processes were admitted by a limit of 100, for each algorithm, in all."""
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        tasks = [(valkey.url, f"many:{kind}:", kind, 200) for kind in ALGORITHMS for _ in range(4)]
        return sum(pool.starmap_async(admitted, tasks, chunksize=1).get(60))


@pytest.mark.case(114)
def test_at_its_reset_a_window_is_over_and_not_a_microsecond_before(
    valkey: Server, client_for: Clients
) -> None:
    clock = Clock()
    for kind in ALGORITHMS:
        for storage in storages(valkey.url, clock):
            clock.now = BEGIN
            with client_for(limited(storage, rule_of(kind))) as client:
                assert [client.get("/").status_code for _ in range(5)] == [200] * 5
                refused = client.get("/")
                assert (refused.status_code, refused.json()) == (429, TOO_MANY)
                reset = BEGIN + int(refused.headers["retry-after"]) * SECOND
                assert reset - BEGIN == WAITS[kind] * SECOND
                clock.now = reset - 1
                assert taken(client, 1) == 0
                clock.now = reset
                assert taken(client, 6) == AT_ONCE[kind]
                clock.now = reset + 1
                assert taken(client, 1) == 0


BEGIN = 1_789_999_980 * SECOND
"""The start of a minute, so that what a counter weighs of the one before is a whole number."""

WAITS = {
    RateLimitAlgorithm.TOKEN_BUCKET: 12,
    RateLimitAlgorithm.FIXED_WINDOW: 60,
    RateLimitAlgorithm.SLIDING_WINDOW: 60,
    RateLimitAlgorithm.SLIDING_WINDOW_COUNTER: 72,
}
"""Seconds after five units at once until there is another."""

AT_ONCE = {
    RateLimitAlgorithm.TOKEN_BUCKET: 1,
    RateLimitAlgorithm.FIXED_WINDOW: 5,
    RateLimitAlgorithm.SLIDING_WINDOW: 5,
    RateLimitAlgorithm.SLIDING_WINDOW_COUNTER: 1,
}
"""How many there are then."""

LIST = re.compile(r'"([ !#-\[\]-~]|\\["\\])+"(;[a-z]+=([0-9]{1,15}|"[a-z-]+"))*')


def parse(text: str) -> dict[str, dict[str, int]]:
    """A List of Strings with Integer parameters (RFC 9651 section 4.2.1), strictly."""
    found = {}
    for item in text.split(", "):
        assert LIST.fullmatch(item), item
        name, *pairs = item.split(";")
        found[name.strip('"')] = {
            key: int(value) for key, _, value in (pair.partition("=") for pair in pairs)
        }
    return found


@pytest.mark.case(115)
def test_every_answer_tells_how_a_client_stands_in_whole_seconds_that_are_not_too_short(
    client_for: Clients,
) -> None:
    clock = Clock()
    client = client_for(limited(in_memory(clock), rule_of(limit=4, window=1.5, name="r q")))
    for path, status, left in (("/", 200, 3), ("/nowhere", 404, 2), ("/fails", 500, 1), ("/", 200, 0)):
        answer = client.get(path)
        assert answer.status_code == status
        assert parse(answer.headers["ratelimit-policy"]) == {
            "r q": {"q": 4}
        }  # no window of 1.5 whole seconds
        assert parse(answer.headers["ratelimit"]) == {"r q": {"r": left, "t": 2}}
        assert "retry-after" not in answer.headers
    for passed, wait in ((0, "2"), (499_999, "2"), (500_000, "1"), (1_499_999, "1")):
        clock.now = Clock().now + passed
        answer = client.get("/")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, wait)
        assert parse(answer.headers["ratelimit"])["r q"]["t"] == int(wait)
    clock.now = Clock().now + 1_500_000
    assert client.get("/").status_code == 200
    whole = client_for(limited(in_memory(clock), rule_of(limit=4))).get("/")
    assert parse(whole.headers["ratelimit-policy"]) == {"r": {"q": 4, "w": 60}}


SPOOFS = ("x-forwarded-for", "x-real-ip", "forwarded", "x_forwarded_for", "client-ip", "true-client-ip")


@pytest.mark.case(116)
def test_made_up_addresses_let_no_more_in_and_behind_a_proxy_each_client_counts(client_for: Clients) -> None:
    client = client_for(limited(in_memory(Clock()), rule_of(limit=7)))
    admitted_ = 0
    for number in range(1_000):
        address = f"203.0.{number >> 8}.{number & 255}"
        name = SPOOFS[number % len(SPOOFS)]
        value = f"for={address}" if name == "forwarded" else address
        admitted_ += client.get("/", headers={name: value}).status_code == 200
    assert admitted_ == 7
    behind = client_for(limited(in_memory(Clock()), rule_of(limit=1), proxy_headers=["*"]))
    for address, status in (
        ("192.0.2.1", 200),
        ("192.0.2.2", 200),
        ("192.0.2.1", 429),
        ("::ffff:192.0.2.1", 429),
        ("2001:db8:0:1::1", 200),
        ("2001:db8:0:1:ffff::2", 429),
        ("2001:db8:0:2::1", 200),
    ):
        assert behind.get("/", headers={"x-forwarded-for": address}).status_code == status, address


WHO = [
    "a:b",
    "a",
    "b",
    "{x}",
    "{y}",
    "*",
    "a\r\nb",
    "a\0b",
    "x" * 1_000_000,
    "x" * 999_999,
    "a ",
    "",
    "#",
    "é",
    "\u0430",
]


@pytest.mark.case(117)
def test_no_two_identities_share_a_count_and_none_chooses_its_key(
    valkey: Server, client_for: Clients
) -> None:
    for storage in (in_memory(Clock()), in_redis(valkey.url, Clock())):
        who = iter(WHO * 2)
        app = limited(storage, rule_of(limit=1), identifier=lambda exchange, who=who: next(who, "stranger"))
        with client_for(app) as client:
            assert [client.get("/").status_code for _ in WHO] == [200] * len(WHO)
            assert [client.get("/").status_code for _ in WHO] == [429] * len(WHO)
    keys = valkey.reply("KEYS", f"{storage._prefix}limit:*").split(b"\r\n")[2::2]
    assert len(set(keys)) == len(WHO)
    assert {len(key) for key in keys} == {len(f"{storage._prefix}limit:{{}}:fixed:r") + 32}


@pytest.mark.case(118)
def test_a_refusal_by_one_rule_takes_nothing_from_another_and_both_are_told(
    valkey: Server, client_for: Clients
) -> None:
    for storage in storages(valkey.url, Clock()):
        wide, narrow = rule_of(limit=10, name="wide"), rule_of(limit=2, name="narrow")
        with client_for(limited(storage, wide, narrow)) as client:
            answers = [client.get("/") for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 429]
        assert answers[-1].headers["ratelimit-policy"] == '"wide";q=10;w=60, "narrow";q=2;w=60'
        assert answers[-1].headers["ratelimit"] == '"wide";r=8;t=60, "narrow";r=0;t=60'


@pytest.mark.case(119)
def test_handshakes_misses_options_and_failures_count_and_who_is_exempt_does_not(client_for: Clients) -> None:
    exempt = [for_paths("/free"), for_methods("DELETE")]
    client = client_for(limited(in_memory(Clock()), rule_of(), exempt=exempt))
    for method, path, status in (
        ("GET", "/free", 404),
        ("DELETE", "/", 405),
        ("GET", "/nowhere", 404),
        ("OPTIONS", "/", 204),
        ("GET", "/fails", 500),
        ("PUT", "/", 405),
    ):
        answer = client.request(method, path)
        assert answer.status_code == status
        assert ("ratelimit" in answer.headers) is ((method, path) not in (("GET", "/free"), ("DELETE", "/")))
    with client.websocket_connect("/ws"):
        """The fifth."""
    with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/ws"):
        """Never gets here."""
    assert denied.value.status_code == 429
    assert client.get("/fails").status_code == 429


@pytest.mark.case(120)
def test_a_clock_that_jumps_costs_one_limit_at_most_and_locks_nobody_out(
    valkey: Server, client_for: Clients
) -> None:
    clock = Clock()
    for kind in ALGORITHMS:
        for storage in storages(valkey.url, clock):
            for jump in (-3600, -1, 3600):
                clock.now = BEGIN + 30 * SECOND
                who = {"x-who": str(jump)}
                app = limited(storage, rule_of(kind), identifier=by_header("x-who"))
                with client_for(app) as client:
                    assert taken(client, 7, headers=who) == 5
                    clock.now += jump * SECOND
                    assert taken(client, 12, headers=who) <= 5
                    clock.now += 120 * SECOND
                    assert taken(client, 7, headers=who) == 5


@pytest.mark.case(121)
def test_a_rule_that_is_changed_under_its_counts_neither_fails_nor_locks_out(
    valkey: Server, client_for: Clients
) -> None:
    clock = Clock()
    for kind in ALGORITHMS:
        for storage in storages(valkey.url, clock):
            clock.now = BEGIN
            with client_for(limited(storage, rule_of(kind))) as client:
                assert taken(client, 7) == 5
            longest = 60.0
            for count, window in ((3, 60), (9, 60), (3, 1), (9, 3600), (1, 1)):
                with client_for(limited(storage, rule_of(kind, count, window))) as client:
                    assert taken(client, 11) <= count
                    longest = max(longest, window)
                    clock.now += round(2 * longest * SECOND)
                    assert taken(client, 11) >= 1


@pytest.mark.case(122)
def test_a_rule_that_makes_no_sense_starts_no_app(client_for: Clients) -> None:
    nan = float("nan")
    for changed in (
        {"limit": 0},
        {"limit": -1},
        {"limit": nan},
        {"limit": True},
        {"limit": 1.5},
        {"window": 0},
        {"window": -1},
        {"window": nan},
        {"window": float("inf")},
        {"cost": 6},
        {"cost": 0},
        {"name": "größe"},
        {"name": ""},
        {"name": "a\r\nb"},
        {"kind": "fixed-windows"},
    ):
        with pytest.raises(ConfigurationError):
            limited(in_memory(Clock()), rule_of(**changed))  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="two rules are named 'r'"):
        limited(in_memory(Clock()), rule_of(), rule_of(limit=9))
    with pytest.raises(ConfigurationError):
        limited(in_memory(Clock()))
    assert taken(client_for(limited(in_memory(Clock()), rule_of())), 6) == 5
