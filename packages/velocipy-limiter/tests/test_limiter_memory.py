"""The storage in memory: exact under threads and tasks, bounded, private to each identity, and unmoved by clocks that jump."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import threading
import tracemalloc
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest

from velocipy.exceptions import ConfigurationError
from velocipy.limiter import Limiter, RateLimitAlgorithm, RateLimitRule
from velocipy.limiter import storage as storage_module
from velocipy.limiter.key_value import KeyValueLimiterStorage
from velocipy.limiter.storage import LimiterStorage, MemoryStorage

T = TypeVar("T")
ALGORITHMS = list(RateLimitAlgorithm)
every = pytest.mark.parametrize("kind", ALGORITHMS)
SECOND = 1_000_000


class Clock:
    """Microseconds that are set by hand; called, it gives nanoseconds."""

    def __init__(self) -> None:
        self.now = 1_000_000_000 * SECOND

    def __call__(self) -> int:
        return self.now * 1000


def rule_of(kind: RateLimitAlgorithm, limit: int = 5, window: float = 60, **more: Any) -> RateLimitRule:
    return RateLimitRule("a", limit, window, algorithm=kind, **more)


def run(asked: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        asked.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("the storage waited")


def admitted(storage: Any, rules: tuple[RateLimitRule, ...], tries: int, identity: str = "x") -> int:
    return sum(run(storage.decide(rules, identity)).allowed for _ in range(tries))


def test_it_is_a_limiter_storage() -> None:
    assert isinstance(MemoryStorage(), LimiterStorage)


@pytest.mark.case(113)
@every
def test_sixteen_threads_that_ask_800_times_are_admitted_exactly_100_times(kind: RateLimitAlgorithm) -> None:
    """A window of a day, so that a token bucket gives out nothing while they run."""
    storage, rules = MemoryStorage(), (rule_of(kind, 100, 86_400),)
    start = threading.Barrier(16)

    def ask() -> int:
        start.wait()
        return admitted(storage, rules, 50)

    with ThreadPoolExecutor(16) as pool:
        assert sum(future.result() for future in [pool.submit(ask) for _ in range(16)]) == 100


@pytest.mark.case(113)
@every
def test_800_tasks_are_admitted_exactly_100_times(kind: RateLimitAlgorithm) -> None:
    limiter, rules = Limiter(), (rule_of(kind, 100, 86_400),)

    async def ask() -> bool:
        await asyncio.sleep(0)
        return (await limiter.check("x", rules)).allowed

    async def ask_all() -> list[bool]:
        return await asyncio.gather(*(ask() for _ in range(800)))

    assert sum(asyncio.run(ask_all())) == 100


@pytest.mark.case(113)
def test_threads_on_several_rules_never_take_from_one_alone() -> None:
    storage = MemoryStorage()
    wide, narrow = (
        RateLimitRule("wide", 500, 86_400),
        RateLimitRule("narrow", 100, 86_400, algorithm="sliding-window"),
    )
    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(lambda _: admitted(storage, (wide, narrow), 50), range(16))) == 100
    assert run(storage.decide((wide,), "x", 0)).remaining == 400


@pytest.mark.case(114)
@every
def test_at_its_end_a_window_is_over_and_not_a_microsecond_before(kind: RateLimitAlgorithm) -> None:
    clock = Clock()
    storage, rules = MemoryStorage(clock=clock), (rule_of(kind),)
    assert admitted(storage, rules, 6) == 5
    wait = run(storage.decide(rules, "x")).standings[0].retry_after
    assert wait is not None
    begin = clock.now
    for offset, remaining in ((wait - 1, 0), (wait, AT_ONCE[kind]), (wait + 1, AT_ONCE[kind])):
        clock.now = begin + offset
        assert run(storage.decide(rules, "x", 0)).remaining == remaining


AT_ONCE = {
    RateLimitAlgorithm.TOKEN_BUCKET: 1,
    RateLimitAlgorithm.FIXED_WINDOW: 5,
    RateLimitAlgorithm.SLIDING_WINDOW: 5,
    RateLimitAlgorithm.SLIDING_WINDOW_COUNTER: 1,
}
"""How many of five units that came at one instant can be taken again first."""


@pytest.mark.case(117)
def test_no_two_identities_share_and_keys_are_short() -> None:
    long = "k" * (1 << 20)
    parts = [
        "a:b",
        "a",
        "b",
        "{a}",
        "{b}",
        "*",
        "a\r\nb",
        "a\n",
        "a\x00",
        "",
        " ",
        "а",
        "a\u0301",
        "á",
        "\ud800",
        "#",
        "#1",
    ]
    identities = [*parts, long, long + "1", "x" * 40, "x" * 41, *(f"user:{number}" for number in range(100))]
    storage, rules = MemoryStorage(), (rule_of(RateLimitAlgorithm.FIXED_WINDOW, 1),)
    assert len(set(identities)) == len(identities)
    assert [run(storage.decide(rules, identity)).allowed for identity in identities] == [True] * len(
        identities
    )
    assert [run(storage.decide(rules, identity)).allowed for identity in identities] == [False] * len(
        identities
    )
    keys = [key for table in storage._tables.values() for key in table.states]
    assert max(map(len, keys)) <= 40


@pytest.mark.case(120)
@every
@pytest.mark.parametrize("jump", [-3600, -61, -1, 3600])
@pytest.mark.parametrize("kept", ["memory", "key-value"])
def test_a_clock_that_jumps_costs_at_most_one_limit_and_locks_nobody_out(
    kind: RateLimitAlgorithm, jump: int, kept: str
) -> None:
    clock = Clock()
    clock.now += 30 * SECOND
    storage: Any = MemoryStorage(clock=clock)
    if kept == "key-value":
        storage = KeyValueLimiterStorage(Cells(), clock=lambda: clock.now)
    rules = (rule_of(kind),)
    assert admitted(storage, rules, 8) == 5
    clock.now += jump * SECOND
    assert admitted(storage, rules, 20) <= 5
    clock.now += longest_wait(kind) * 60 * SECOND
    assert admitted(storage, rules, 20) >= 1


def longest_wait(kind: RateLimitAlgorithm) -> int:
    """Windows after which something is admitted for certain: what a counter has seen weighs in the next one too."""
    return 2 if kind is RateLimitAlgorithm.SLIDING_WINDOW_COUNTER else 1


class Cells:
    """The least that has `atomic_update`."""

    def __init__(self) -> None:
        self.values: dict[str, bytes | None] = {}

    async def atomic_update(self, key: str, function: Any, ttl: float | None = None) -> bytes | None:
        self.values[key] = function(self.values.get(key))
        return self.values[key]


@pytest.mark.case(121)
@every
@pytest.mark.case(148)
@pytest.mark.case(148)
@pytest.mark.parametrize(("limit", "window"), [(1, 60), (50, 60), (5, 1), (5, 3600), (1, 1), (50, 3600)])
def test_a_rule_that_was_changed_neither_crashes_nor_locks_out(
    kind: RateLimitAlgorithm, limit: int, window: float
) -> None:
    """A deployment with another limit or window, on counts that the old one has left."""
    clock = Clock()
    storage = MemoryStorage(clock=clock)
    assert admitted(storage, (rule_of(kind),), 8) == 5
    changed = (rule_of(kind, limit, window),)
    standing = run(storage.decide(changed, "x", 0)).standings[0]
    assert 0 <= standing.remaining <= limit
    assert admitted(storage, changed, 80) <= limit
    clock.now += round(longest_wait(kind) * max(window, 60) * SECOND)
    assert admitted(storage, changed, 80) >= 1


@pytest.mark.parametrize(
    "content",
    [
        "\udcff",
        "{",
        "[1]",
        '{"%s:a": 7}',
        '{"%s:a": ["soon", 7]}',
        '{"%s:a": [1000000001000000, ["x"]]}',
        '{"%s:a": [1000000001000000, [9999999999999999999]]}',
        '{"%s:a": [1000000001000000, "x"]}',
    ],
)
@every
def test_what_others_wrote_under_its_key_is_as_none(kind: RateLimitAlgorithm, content: str) -> None:
    cells, clock = Cells(), Clock()
    storage = KeyValueLimiterStorage(cells, clock=lambda: clock.now)
    assert admitted(storage, (rule_of(kind),), 1) == 1
    [key] = cells.values
    cells.values[key] = content.replace("%s", kind).encode("utf-8", "surrogateescape")
    assert admitted(storage, (rule_of(kind),), 8) == 5


@every
def test_an_identity_that_is_forgotten_leaves_nothing_of_these_rules(kind: RateLimitAlgorithm) -> None:
    cells = Cells()
    storage = KeyValueLimiterStorage(cells)
    other = RateLimitRule("other", 1, 60)
    assert admitted(storage, (rule_of(kind), other), 5) == 1
    run(storage.reset((rule_of(kind),), "x"))
    assert admitted(storage, (rule_of(kind),), 8) == 5 and admitted(storage, (other,), 1) == 0
    run(storage.reset((rule_of(kind), other), "x"))
    assert list(cells.values.values()) == [None]


@every
def test_what_is_given_back_can_be_taken_again_and_no_more(kind: RateLimitAlgorithm) -> None:
    storage, rules = MemoryStorage(clock=Clock()), (rule_of(kind),)
    assert admitted(storage, rules, 5) == 5
    run(storage.refund(rules, "x", 2))
    assert admitted(storage, rules, 5) == 2
    run(storage.refund(rules, "x", 100))
    assert len(storage) == 0
    assert admitted(storage, rules, 9) == 5
    run(storage.refund(rules, "never came"))
    assert run(storage.decide(rules, "never came", 0)).remaining == 5


@every
def test_an_old_refund_does_not_make_more_than_the_limit(kind: RateLimitAlgorithm) -> None:
    clock = Clock()
    storage, rules = MemoryStorage(clock=clock), (rule_of(kind),)
    assert admitted(storage, rules, 5) == 5
    clock.now += 121 * SECOND
    run(storage.refund(rules, "x", 5))
    assert admitted(storage, rules, 9) == 5


# -- bounds --------------------------------------------------------------------------------------------------------


@pytest.mark.case(148)
@every
def test_no_more_keys_are_kept_than_allowed_and_the_most_limited_one_stays(kind: RateLimitAlgorithm) -> None:
    """A flood of identities must not wash away the one that is refused; by hand, a million do not from a token bucket's 100,000."""
    clock = Clock()
    storage, rules = MemoryStorage(max_keys=200, clock=clock), (rule_of(kind, 5, 3600),)
    assert admitted(storage, rules, 6, "abuser") == 5
    for number in range(8_000):
        clock.now += 1
        run(storage.decide(rules, f"flood {number}"))
        assert len(storage) <= 200
    assert not run(storage.decide(rules, "abuser")).allowed


@pytest.mark.case(148)
@every
def test_idle_keys_go_first(kind: RateLimitAlgorithm) -> None:
    clock = Clock()
    storage, rules = MemoryStorage(max_keys=100, clock=clock), (rule_of(kind, 5, 60),)
    for number in range(90):
        run(storage.decide(rules, f"old {number}"))
    clock.now += 121 * SECOND
    active = [f"active {number}" for number in range(40)]
    for identity in active:
        assert admitted(storage, rules, 2, identity) == 2
    for number in range(30):
        run(storage.decide(rules, f"new {number}"))
    assert {run(storage.decide(rules, identity, 0)).remaining for identity in active} == {3}


def test_a_table_whose_identities_are_all_used_up_gives_up_the_one_that_is_free_soonest() -> None:
    clock = Clock()
    storage, rules = MemoryStorage(max_keys=10, clock=clock), (rule_of(RateLimitAlgorithm.FIXED_WINDOW, 1),)
    for number in range(10):
        clock.now += SECOND
        run(storage.decide(rules, str(number)))
    run(storage.decide(rules, "new"))
    assert len(storage) == 10
    assert run(storage.decide(rules, "9", 0)).remaining == 0
    assert run(storage.decide(rules, "0", 0)).remaining == 1


def test_names_of_rules_without_end_are_refused() -> None:
    storage = MemoryStorage()
    with pytest.raises(ConfigurationError, match="name a rule after"):
        for number in range(2_000):
            run(storage.decide((RateLimitRule(f"user {number}", 5, 60),), "x"))


@pytest.mark.parametrize("max_keys", [0, -1, 1.5, True, None, "9"])
def test_max_keys_is_a_number(max_keys: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_keys"):
        MemoryStorage(max_keys=max_keys)


@every
def test_a_key_takes_at_most_250_bytes_and_a_log_8_more_a_unit(kind: RateLimitAlgorithm) -> None:
    count, units = 1_500, 5  # fills the tables as far as 6,000 do
    storage, rules = MemoryStorage(max_keys=10**6), (rule_of(kind, 100, 3600),)
    run(storage.decide(rules, "first"))
    chance = random.Random(1)
    addresses = [f"ip:2001:db8:{chance.randrange(1 << 16):x}:{n:x}::/64" for n in range(count)]
    gc.collect()
    tracemalloc.start()
    for address in addresses:
        for _ in range(units):
            run(
                storage.decide(rules, address[:3] + address[3:])
            )  # a text of its own, as every request has one
    gc.collect()
    bytes_a_key = tracemalloc.get_traced_memory()[0] / count
    tracemalloc.stop()
    allowance = 8 * units if kind is RateLimitAlgorithm.SLIDING_WINDOW else 0
    assert bytes_a_key <= 250 + allowance


def test_fresh_tuples_of_rules_do_not_pile_up() -> None:
    storage, rule = MemoryStorage(), RateLimitRule("a", 5000, 60)
    for _ in range(3_000):
        run(storage.decide((rule,), "x"))
    assert len(storage._plans) <= 1024


def test_that_counts_are_of_this_process_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(storage_module, "_said", [])
    caplog.set_level(logging.INFO, "velocipy.limiter")
    for _ in range(3):
        storage = MemoryStorage()
        run(storage.decide((RateLimitRule("a", 5, 60),), "x"))
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "in the memory of this process" in caplog.text
