"""What the gates of a request leave on it, and what clients are told of all of them together. Knows requests by their state alone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Protocol

from velocipy.http.request import Exchange
from velocipy.limiter.headers import POLICY, STANDING, Pairs, legacy_of, standing_of
from velocipy.limiter.limiter import Limiter
from velocipy.limiter.rule import RateLimitRule, check_cost
from velocipy.limiter.slots import Slot
from velocipy.limiter.verdict import Standing, Verdict

STATE_KEY: Final = "rate_limit"
"""Where in `request.state` the marks of a request stand."""


class Mark(Protocol):
    """What one gate has taken for a request, or refused."""

    @property
    def policy(self) -> str:
        """Its items of RateLimit-Policy."""
        ...

    @property
    def standing(self) -> str:
        """Its items of RateLimit."""
        ...

    @property
    def legacy_standings(self) -> tuple[Standing, ...]:
        """What X-RateLimit-* may tell of, where it is asked for."""
        ...


@dataclass(frozen=True, slots=True)
class Charge:
    """Units that rules have counted, or refused."""

    limiter: Limiter
    rules: tuple[RateLimitRule, ...]
    identity: str
    cost: int | None
    verdict: Verdict
    policy: str
    left: tuple[int, ...] | None = None
    """Units that each rule has counted and was not given back; None is its whole cost."""

    @property
    def costs(self) -> tuple[int, ...]:
        """Units that each rule counts for the request."""
        return tuple(rule.cost if self.cost is None else self.cost for rule in self.rules)

    @property
    def standing(self) -> str:
        """How the client stands with each rule."""
        return standing_of(self.verdict.standings)

    @property
    def legacy_standings(self) -> tuple[Standing, ...]:
        """The same as numbers."""
        return self.verdict.standings if self.limiter.legacy_headers else ()

    async def refund(self, units: int | None) -> Charge | None:
        """Give so many units back to each rule, or all -> what is left of the charge."""
        costs = self.costs
        taken = costs if self.left is None else self.left
        given = taken if units is None else tuple(min(units, own) for own in taken)
        if given == costs:
            await self.limiter.refund(self.identity, self.rules, self.cost)
        else:
            for count in set(given) - {0}:
                rules = [rule for rule, own in zip(self.rules, given, strict=True) if own == count]
                await self.limiter.refund(self.identity, rules, count)
        left = tuple(one - own for one, own in zip(taken, given, strict=True))
        return replace(self, left=left) if any(left) else None


@dataclass(frozen=True, slots=True)
class Hold:
    """A slot that a request holds until it ends, or found none of."""

    slot: Slot
    policy: str
    legacy_standings: tuple[Standing, ...] = ()

    @property
    def standing(self) -> str:
        """How many more there were."""
        return self.slot.standing


def marks_of(exchange: Exchange) -> list[Mark]:
    """The marks of a request in the order of its gates; the same list for all of them."""
    marks: list[Mark] = exchange.state.setdefault(STATE_KEY, [])
    return marks


def fields_of(marks: list[Mark]) -> Pairs:
    """The fields of an answer to a request that has been through these gates, one or more."""
    pairs = [
        (POLICY, ", ".join([mark.policy for mark in marks])),
        (STANDING, ", ".join([mark.standing for mark in marks])),
    ]
    legacy = [standing for mark in marks for standing in mark.legacy_standings]
    return pairs + legacy_of(legacy) if legacy else pairs


async def refund(exchange: Exchange, units: int | None = None) -> None:
    """Give back what this request was charged, as for a login that succeeded; a second call gives nothing.

    `units` gives back so many to each rule, and no more than it has counted, as where a cost was guessed and turns out to be less:
    a body without a length, a job of unknown size. Raises ValueError for what is no number of units.
    """
    if units is not None:
        check_cost(units)
    marks = marks_of(exchange)
    before, after = list(marks), list[Mark]()
    marks[:] = [mark for mark in before if not isinstance(mark, Charge)]  # a second call meanwhile finds none
    for mark in before:
        left = await mark.refund(units) if isinstance(mark, Charge) else mark
        if left is not None:
            after.append(left)
    marks[:] = after
