"""All or nothing: several rules, one decision. Knows algorithms and settled states; knows no storage."""

from __future__ import annotations

from collections.abc import MutableSequence, Sequence
from typing import Any

from velocipy.limiter.algorithms import Algorithm
from velocipy.limiter.verdict import Standing, Told, Verdict


def decide_settled(
    algorithms: Sequence[Algorithm], states: MutableSequence[Any], now: int, cost: int | None
) -> Verdict:
    """The verdict over settled states, which are replaced by those after it where every rule admits the cost."""
    asked = [algorithm.rule.cost if cost is None else cost for algorithm in algorithms]
    looks = [
        algorithm.look(state, now, units)
        for algorithm, state, units in zip(algorithms, states, asked, strict=True)
    ]
    if not all(look.allowed for look in looks):
        return Told(False, tuple(looks))  # ty: ignore[abstract-class-instantiation]  # see Told
    standings: list[Standing] = []
    for index, (algorithm, units) in enumerate(zip(algorithms, asked, strict=True)):
        if units:
            states[index] = algorithm.take(states[index], now, units)
        standings.append(algorithm.look(states[index], now, 0))
    return Told(True, tuple(standings))  # ty: ignore[abstract-class-instantiation]
