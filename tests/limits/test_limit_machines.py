"""Units that are given back: memory, and a storage of keys and bytes, do the same. What is taken is in tests/cases."""

from __future__ import annotations

import random

import pytest
from limit_machine import IDENTITIES, Clock, in_cells, in_memory, without_loop

from velocipy.limiter.rule import RateLimitAlgorithm, RateLimitRule

ALGORITHMS = list(RateLimitAlgorithm)


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
                without_loop(asked(rules, IDENTITIES[0], cost))
            told = [without_loop(storage.decide(rules, IDENTITIES[0], 0)).standings for storage in storages]
            assert told[0] == told[1]
