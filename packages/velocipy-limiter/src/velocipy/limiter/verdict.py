"""What a limiter decided: a standing for each rule, and the verdict over all of them. Decides nothing itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from velocipy.limiter.rule import RateLimitRule


class Standing(NamedTuple):
    """How one identity stands with one rule after a decision; times are microseconds from then.

    A named tuple, which is made at a third of the price of a frozen dataclass.
    """

    rule: RateLimitRule
    allowed: bool
    """Whether this rule alone would have admitted the request."""
    remaining: int
    """How many units would be admitted right now, one by one."""
    more_after: int
    """Until `remaining` grows if nothing else happens; 0 where it cannot."""
    reset_after: int
    """Until the identity stands as if it had never come."""
    retry_after: int | None
    """Until the same request would be admitted if nothing else happens; 0 if now, None if never."""


class Verdict(ABC):
    """Whether a request may pass, and how it stands with every rule: all admit it, or none counts it."""

    __slots__ = ()

    allowed: bool

    @property
    @abstractmethod
    def standings(self) -> tuple[Standing, ...]:
        """One for each rule, in their order."""

    @property
    def tightest(self) -> Standing:
        """The standing that a client meets next: a refusal with the longest wait, else the smallest share that is left."""
        return self.tightest_of(self.standings)

    @staticmethod
    def tightest_of(standings: Sequence[Standing]) -> Standing:
        """The same of any standings."""
        return min(standings, key=_tightness)

    @property
    def limit(self) -> int:
        """The limit of the tightest rule."""
        return self.tightest.rule.limit

    @property
    def remaining(self) -> int:
        """What the tightest rule has left."""
        return self.tightest.remaining

    @property
    def retry_after(self) -> float | None:
        """Seconds until the same request would be admitted; 0 when it was, None when it never will be."""
        waits = [standing.retry_after for standing in self.standings]
        known = [wait for wait in waits if wait is not None]
        return None if len(known) < len(waits) else max(known, default=0) / 1_000_000


class _Told(NamedTuple):
    allowed: bool
    standings: tuple[Standing, ...]


class Told(_Told, Verdict):  # pyright: ignore[reportIncompatibleVariableOverride]  # a field reads as the property does
    """A verdict whose standings are there already: `Told(True, (standing,))`.

    Its field is the property that Verdict asks for, which ty does not see.
    """

    __slots__ = ()


def _tightness(standing: Standing) -> tuple[float, float]:
    wait = float("inf") if standing.retry_after is None else standing.retry_after
    return -wait, standing.remaining / standing.rule.capacity
