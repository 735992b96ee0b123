"""Every algorithm on memory, and on a storage of keys and bytes, against one oracle; and all four at once, all or nothing. Case 111."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from limit_machine import IDENTITIES, Clock, LimitMachine, _without_loop
from limit_oracle import oracle_of

from velocipy.limiter.key_value import KeyValueLimiterStorage
from velocipy.limiter.rule import RateLimitAlgorithm, RateLimitRule
from velocipy.limiter.storage import MemoryStorage

ALGORITHMS = list(RateLimitAlgorithm)


class Cells:
    """The least that has `atomic_update`; it calls the function twice, as a storage on a network may."""

    def __init__(self, clock: Clock) -> None:
        self.values: dict[str, tuple[bytes, float]] = {}
        self._clock = clock

    async def atomic_update(
        self, key: str, function: Callable[[bytes | None], bytes | None], ttl: float | None = None
    ) -> bytes | None:
        assert ttl is not None and ttl > 0
        value, ends = self.values.get(key, (None, 0.0))
        value = value if ends > self._clock.now else None
        function(value)
        new = function(value)
        if new is None:
            self.values.pop(key, None)
        else:
            self.values[key] = new, self._clock.now + ttl * 1_000_000
        return new


def in_memory(clock: Clock) -> Any:
    return MemoryStorage(clock=clock)


def in_cells(clock: Clock) -> Any:
    return KeyValueLimiterStorage(Cells(clock), clock=lambda: clock.now)


STORAGES = {"memory": in_memory, "key-value": in_cells}


def machine(kinds: tuple[RateLimitAlgorithm, ...], make: Callable[[Clock], Any]) -> type[LimitMachine]:
    class Machine(LimitMachine):
        algorithms = kinds

        def make_storage(self, clock: Clock) -> Any:
            return make(clock)

    return Machine


@pytest.mark.case(111)
@pytest.mark.parametrize("storage", STORAGES)
@pytest.mark.parametrize(
    "kinds", [*((kind,) for kind in ALGORITHMS), (ALGORITHMS[0], ALGORITHMS[0]), tuple(ALGORITHMS)], ids=str
)
def test_a_storage_keeps_every_promise(storage: str, kinds: tuple[RateLimitAlgorithm, ...]) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        machine(kinds, STORAGES[storage]),
        settings=settings(
            max_examples=settings().max_examples * 3 // 10,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.case(112)
@pytest.mark.parametrize("kind", ALGORITHMS)
def test_memory_key_value_and_oracle_agree_on_random_traces(kind: RateLimitAlgorithm) -> None:
    """2,500 traces for each algorithm, 10,000 in all."""
    chance = random.Random(f"limits {kind}")
    for _ in range(2_500):
        limit = chance.randint(1, 6)
        rule = RateLimitRule(
            "t", limit, chance.choice([0.0001, 1, 7.3]), chance.randint(1, limit), algorithm=kind
        )
        clock = Clock(chance.randint(10**15, 2 * 10**15))
        storages = [in_memory(clock), in_cells(clock)]
        oracle = oracle_of(rule)
        rules = (rule,)
        for _ in range(12):
            clock.now += chance.choice([0, 1, chance.randint(0, rule.window_us), rule.window_us])
            expected = oracle.admits(clock.now, rule.cost)
            if expected:
                oracle.admit(clock.now, rule.cost)
            told = [_without_loop(storage.decide(rules, IDENTITIES[0])) for storage in storages]
            assert [verdict.allowed for verdict in told] == [expected, expected]
            assert told[0].standings == told[1].standings
            assert told[0].remaining == oracle.remaining(clock.now)


@pytest.mark.parametrize("kind", ALGORITHMS)
def test_memory_and_key_value_give_back_alike(kind: RateLimitAlgorithm) -> None:
    chance = random.Random(f"back {kind}")
    for _ in range(80):
        limit = chance.randint(1, 9)
        rule = RateLimitRule("t", limit, chance.choice([0.0001, 1, 7.3]), algorithm=kind)
        clock, rules = Clock(), (rule,)
        storages = [in_memory(clock), in_cells(clock)]
        for _ in range(12):
            clock.now += chance.choice([0, 1, chance.randint(0, rule.window_us)])
            cost, back = chance.randint(1, limit), chance.random() < 0.4
            for storage in storages:
                asked = storage.refund if back else storage.decide
                _without_loop(asked(rules, IDENTITIES[0], cost))
            told = [_without_loop(storage.decide(rules, IDENTITIES[0], 0)).standings for storage in storages]
            assert told[0] == told[1]
