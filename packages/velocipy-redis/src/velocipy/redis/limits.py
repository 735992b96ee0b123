"""A limiter's counts in Redis: rules to arguments of limits.lua, its reply to a verdict. Knows no connections and no time.

The script decides; how an identity stands is worked out from the states that it returns by the same arithmetic as in memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Final

from velocipy.limiter.algorithms import Algorithm, State, algorithm_of
from velocipy.limiter.rule import RateLimitAlgorithm, RateLimitRule
from velocipy.limiter.verdict import Standing, Told, Verdict
from velocipy.redis.link import Link
from velocipy.redis.scripts import script

logger: logging.Logger = logging.getLogger("velocipy.redis")

MAX_PLANS: Final = 1024
"""Tuples of rules whose arguments are kept ready."""

SPARE_MS: Final = 100
"""That a key outlives its meaning: what is left of a window must not be lost to the grain of Redis's expiry."""

HEAD: Final = 3
FIELDS: Final = 4
"""Numbers in front of a reply, and for each rule."""

_BITS: Final = 50  # as in velocipy.limiter.algorithms


def _bucket(algorithm: Algorithm, fields: Sequence[int], now: int, units: int) -> Standing:
    state: State = None if fields[0] < 0 else fields[0]
    return algorithm.look(state, now, units)


def _fixed(algorithm: Algorithm, fields: Sequence[int], now: int, units: int) -> Standing:
    state: State = None if fields[0] < 0 else fields[0] << _BITS | fields[1]
    return algorithm.look(state, now, units)


def _counter(algorithm: Algorithm, fields: Sequence[int], now: int, units: int) -> Standing:
    state: State = None if fields[0] < 0 else (fields[0] << _BITS | fields[1]) << _BITS | fields[2]
    return algorithm.look(state, now, units)


def _log(algorithm: Algorithm, fields: Sequence[int], now: int, units: int) -> Standing:
    """A log stays in Redis; the times that matter come."""
    count, more, asked, last = fields
    over = algorithm.window - now
    remaining = max(algorithm.capacity - count, 0)
    retry = None if units > algorithm.capacity else 0 if units <= remaining else asked + over
    more_after = 0 if remaining == algorithm.capacity else more + over
    return Standing(algorithm.rule, retry == 0, remaining, more_after, last + over if count else 0, retry)


Look = Callable[[Algorithm, Sequence[int], int, int], Standing]

KINDS: Final[dict[RateLimitAlgorithm, tuple[str, Look]]] = {
    RateLimitAlgorithm.TOKEN_BUCKET: ("bucket", _bucket),
    RateLimitAlgorithm.FIXED_WINDOW: ("fixed", _fixed),
    RateLimitAlgorithm.SLIDING_WINDOW: ("log", _log),
    RateLimitAlgorithm.SLIDING_WINDOW_COUNTER: ("counter", _counter),
}
"""Algorithm -> its name in the script, and how its numbers are read."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """The rules of a decision, as the script takes them."""

    rules: tuple[RateLimitRule, ...]
    algorithms: tuple[Algorithm, ...]
    looks: tuple[Look, ...]
    suffixes: tuple[str, ...]
    costs: tuple[int, ...]
    words: str
    """Of a decision with each rule's own cost."""

    def saying(self, what: str, cost: int | None, spare: int = SPARE_MS) -> str:
        """What the script is to do, in its words."""
        units = self.costs if cost is None else (cost,) * len(self.costs)
        return f"{what} {spare} " + " ".join(
            _words(algorithm, one) for algorithm, one in zip(self.algorithms, units, strict=True)
        )


class Limits:
    """What RedisStorage does for a Limiter. Keys are `<prefix>limit:{hash of the identity}:<algorithm>:<rule>`."""

    def __init__(self, link: Link, prefix: str) -> None:
        self._link = link
        self._prefix = prefix + "limit:{"
        self._plans: dict[int, _Plan] = {}
        self._time: Callable[[], str] | None = None
        """A clock of tests: microseconds as text. Redis has its own."""

    async def decide(
        self, rules: tuple[RateLimitRule, ...], identity: str, cost: int | None = None
    ) -> Verdict:
        """One call of the script."""
        plan = self._plan(rules)
        reply = await self._run("take", plan, identity, cost)
        admitted, now = reply[0] == 1, reply[1]
        standings: list[Standing] = []
        place = HEAD
        for algorithm, look in zip(plan.algorithms, plan.looks, strict=True):
            units = 0 if admitted else algorithm.cost if cost is None else cost
            standings.append(look(algorithm, reply[place : place + FIELDS], now, units))
            place += FIELDS
        return Told(admitted, tuple(standings))  # ty: ignore[abstract-class-instantiation]

    async def refund(self, rules: tuple[RateLimitRule, ...], identity: str, cost: int | None = None) -> None:
        """One call of the script, the other way around."""
        await self._run("back", self._plan(rules), identity, cost)

    async def reset(self, rules: tuple[RateLimitRule, ...], identity: str) -> None:
        """Delete the keys."""
        await self._link.call("DEL", *self._keys(self._plan(rules), identity))

    async def _run(self, what: str, plan: _Plan, identity: str, cost: int | None) -> list[int]:
        keys = self._keys(plan, identity)
        words = plan.words if cost is None and what == "take" else plan.saying(what, cost)
        time: tuple[str, ...] = ()
        if self._time is not None:
            words, time = plan.saying(what, cost, spare=3_600_000), (self._time(),)
        reply: bytes = await self._link.run(script("limits"), len(keys), *keys, words, *time)
        numbers = [int(word) for word in reply.split()]
        if numbers[2]:
            logger.warning("%d keys of rate limits held something else, and were made anew", numbers[2])
        return numbers

    def _keys(self, plan: _Plan, identity: str) -> list[str]:
        # 128 bits: to find two identities that are alike costs 2**64 tries, and gains a shared limit.
        digest = blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        head = self._prefix + digest
        return [head + suffix for suffix in plan.suffixes]

    def _plan(self, rules: tuple[RateLimitRule, ...]) -> _Plan:
        known = self._plans.get(id(rules))
        if known is not None and known.rules is rules:
            return known
        if len(self._plans) >= MAX_PLANS:
            self._plans.clear()
        plan = self._plans[id(rules)] = _plan_of(rules)  # which holds the tuple, so that the id stays its own
        return plan


def _plan_of(rules: tuple[RateLimitRule, ...]) -> _Plan:
    algorithms = tuple(map(algorithm_of, rules))
    kinds = [KINDS[RateLimitAlgorithm(rule.algorithm)] for rule in rules]
    costs = tuple(rule.cost for rule in rules)
    suffixes = tuple(f"}}:{kind}:{rule.name}" for (kind, _), rule in zip(kinds, rules, strict=True))
    plan = _Plan(rules, algorithms, tuple(look for _, look in kinds), suffixes, costs, "")
    return replace(plan, words=plan.saying("take", None))


def _words(algorithm: Algorithm, units: int) -> str:
    kind, _ = KINDS[RateLimitAlgorithm(algorithm.rule.algorithm)]
    interval = algorithm.window // algorithm.rule.limit
    # Of a bucket alone; elsewhere the product may be larger than a double holds.
    depth = algorithm.capacity * interval if kind == "bucket" else 0
    return f"{kind} {units} {algorithm.capacity} {algorithm.window} {interval} {depth}"
