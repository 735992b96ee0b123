"""The four ways to count, as functions of a state, the time and a cost. Knows no storage and no clock: integer microseconds come in.

A state is an int, or for the log an array of times; None is the state of an identity that never came. States are values: what a
decision leaves is a new one. All windows are half-open, [start, start + window): at `start + window` the next one counts.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from bisect import bisect_right
from typing import Any, Final

from velocipy.limiter.rule import RateLimitAlgorithm, RateLimitRule
from velocipy.limiter.verdict import Standing
from velocipy.untyped import LIST

State = Any
"""int | array; which one is the algorithm's own business, and `load` and `dump` show it as JSON."""

_BITS: Final = 50  # a limit is below 2**50
_COUNT: Final = (1 << _BITS) - 1


class Algorithm(ABC):
    """One rule's arithmetic. Only `settle` takes a state as it was stored; everything else takes what `settle` gave."""

    def __init__(self, rule: RateLimitRule) -> None:
        self.rule = rule
        self.cost: int = rule.cost
        self.capacity: int = rule.capacity
        self.window: int = rule.window_us
        self.longest: int = 2 * self.window
        """Microseconds after which no state means anything."""

    @abstractmethod
    def settle(self, state: State, now: int) -> State | None:
        """What a stored state means now; None if it means nothing any more.

        A clock that went back, and a rule that was changed, are repaired here: they cost at most one limit more, and lock nobody
        out for longer than a window.
        """

    @abstractmethod
    def used(self, state: State | None, now: int) -> int:
        """Units of the capacity that are taken, rounded up; more than the capacity where the rule has shrunk."""

    @abstractmethod
    def wait(self, state: State | None, now: int, units: int) -> int:
        """Microseconds until so many units, of which there are at most `capacity`, can be admitted; 0 if now."""

    @abstractmethod
    def take(self, state: State | None, now: int, units: int) -> State:
        """The state after units that were admitted."""

    @abstractmethod
    def give_back(self, state: State | None, now: int, units: int) -> State | None:
        """The state after units, taken before, that are not to count; never better than that of an identity that never came."""

    @abstractmethod
    def reset(self, state: State | None, now: int) -> int:
        """Microseconds until `settle` will give None."""

    def attempt(self, state: State | None, now: int, units: int) -> State | None:
        """The state after the units, one or more, if they are admitted, else None; `state` is as it was stored."""
        settled = None if state is None else self.settle(state, now)
        if units > self.capacity or self.wait(settled, now, units):
            return None
        return self.take(settled, now, units)

    def look(self, state: State | None, now: int, units: int) -> Standing:
        """How a settled state stands with units that would be asked for, which are not taken."""
        remaining = self.capacity - self.used(state, now)
        if remaining < 0:
            remaining = 0
        more = 0 if remaining == self.capacity else self.wait(state, now, remaining + 1)
        retry = None if units > self.capacity else 0 if units <= remaining else self.wait(state, now, units)
        return Standing(self.rule, retry == 0, remaining, more, self.reset(state, now), retry)

    def dump(self, state: State) -> int | list[int]:
        """A state as JSON can hold it."""
        return int(state)

    def load(self, content: Any) -> State | None:
        """The state that `dump` made; None for what is none, which another version of the app may have left."""
        return content if type(content) is int else None


class TokenBucket(Algorithm):
    """GCRA: the state is the time at which the bucket is full again (the theoretical arrival time of ITU-T I.371).

    A unit is worth `window // limit` microseconds, a whole number, so that nothing is lost to rounding.
    """

    def __init__(self, rule: RateLimitRule) -> None:
        super().__init__(rule)
        self.interval: int = self.window // rule.limit
        self.depth: int = self.capacity * self.interval
        self.longest: int = self.depth

    def settle(self, state: int, now: int) -> int | None:
        return None if state <= now else min(state, now + self.depth)

    def used(self, state: int | None, now: int) -> int:
        return 0 if state is None else -((now - state) // self.interval)

    def wait(self, state: int | None, now: int, units: int) -> int:
        return max((now if state is None else state) + units * self.interval - self.depth - now, 0)

    def take(self, state: int | None, now: int, units: int) -> int:
        return (now if state is None else state) + units * self.interval

    def give_back(self, state: int | None, now: int, units: int) -> int | None:
        return None if state is None else self.settle(state - units * self.interval, now)

    def reset(self, state: int | None, now: int) -> int:
        return 0 if state is None else state - now

    def attempt(self, state: int | None, now: int, units: int) -> int | None:
        """The same in one frame: what nearly every rule is, at 90 ns instead of 400."""
        full = (now if state is None or state < now else state) + units * self.interval
        return full if full - now <= self.depth else None


class FixedWindow(Algorithm):
    """A window begins with the first unit in it. The state is its end and its count in one int: 40 bytes and not 120."""

    def settle(self, state: int, now: int) -> int | None:
        left = (state >> _BITS) - now
        return state if 0 < left <= self.window else None

    def used(self, state: int | None, now: int) -> int:
        return 0 if state is None else state & _COUNT

    def wait(self, state: int | None, now: int, units: int) -> int:
        if state is None or (state & _COUNT) + units <= self.capacity:
            return 0
        return (state >> _BITS) - now

    def take(self, state: int | None, now: int, units: int) -> int:
        return units + ((now + self.window) << _BITS if state is None else state)

    def give_back(self, state: int | None, now: int, units: int) -> int | None:
        return None if state is None or state & _COUNT <= units else state - units

    def reset(self, state: int | None, now: int) -> int:
        return 0 if state is None else (state >> _BITS) - now


class SlidingLog(Algorithm):
    """The time of every unit of the last window, in order."""

    def settle(self, state: array[int], now: int) -> array[int] | None:
        first = bisect_right(state, now - self.window)
        if first:
            state = state[first:]
        if state and state[-1] > now:  # the clock went back
            at = bisect_right(state, now)
            state = state[:at] + array("q", [now]) * (len(state) - at)
        return state or None

    def used(self, state: array[int] | None, now: int) -> int:
        return 0 if state is None else len(state)

    def wait(self, state: array[int] | None, now: int, units: int) -> int:
        too_many = (0 if state is None else len(state)) + units - self.capacity
        return 0 if state is None or too_many <= 0 else state[too_many - 1] + self.window - now

    def take(self, state: array[int] | None, now: int, units: int) -> array[int]:
        # A new array of the exact size: one that grows keeps room for 64 bytes and a sixteenth more.
        new = array("q", [now]) * units
        return new if state is None else state + new

    def give_back(self, state: array[int] | None, now: int, units: int) -> array[int] | None:
        return None if state is None or len(state) <= units else state[: len(state) - units]

    def reset(self, state: array[int] | None, now: int) -> int:
        return 0 if state is None else state[-1] + self.window - now

    def dump(self, state: array[int]) -> list[int]:
        return state.tolist()

    def load(self, content: Any) -> array[int] | None:
        try:
            return array("q", content) if isinstance(content, LIST) else None
        except (TypeError, OverflowError):
            return None


class SlidingCounter(Algorithm):
    """The counts of this window and of the last, which weighs less the longer it is over. Windows begin at multiples of their length.

    The state is the window's start, its count and the count before it in one int.
    """

    def settle(self, state: int, now: int) -> int | None:
        start = now - now % self.window
        began = state >> 2 * _BITS
        if began == start:
            return state
        count = (state >> _BITS) & _COUNT
        return start << 2 * _BITS | count if began == start - self.window and count else None

    def used(self, state: int | None, now: int) -> int:
        if state is None:
            return 0
        before, count, left = self._read(state, now)
        return count - (-before * left // self.window)

    def wait(self, state: int | None, now: int, units: int) -> int:
        if state is None:
            return 0
        before, count, left = self._read(state, now)
        window, room = self.window, self.capacity - units
        if count > room:  # not in this window; in the next, `count` is what fades
            return left + window - room * window // count
        if before * left <= (room - count) * window:
            return 0
        return left - (room - count) * window // before

    def take(self, state: int | None, now: int, units: int) -> int:
        start = (now - now % self.window) << 2 * _BITS
        return (start if state is None else state) + (units << _BITS)

    def give_back(self, state: int | None, now: int, units: int) -> int | None:
        if state is None:
            return None
        before, count, _ = self._read(state, now)
        here = min(units, count)
        state -= (here << _BITS) + min(units - here, before)
        return state if state & ((1 << 2 * _BITS) - 1) else None

    def reset(self, state: int | None, now: int) -> int:
        if state is None:
            return 0
        _, count, left = self._read(state, now)
        return left + self.window if count else left

    def _read(self, state: int, now: int) -> tuple[int, int, int]:
        """(the count before, the count, microseconds that are left of the window)."""
        return state & _COUNT, (state >> _BITS) & _COUNT, (state >> 2 * _BITS) + self.window - now


ALGORITHMS: Final[dict[RateLimitAlgorithm, type[Algorithm]]] = {
    RateLimitAlgorithm.TOKEN_BUCKET: TokenBucket,
    RateLimitAlgorithm.FIXED_WINDOW: FixedWindow,
    RateLimitAlgorithm.SLIDING_WINDOW: SlidingLog,
    RateLimitAlgorithm.SLIDING_WINDOW_COUNTER: SlidingCounter,
}


def algorithm_of(rule: RateLimitRule) -> Algorithm:
    """The arithmetic of a rule."""
    return ALGORITHMS[RateLimitAlgorithm(rule.algorithm)](rule)
