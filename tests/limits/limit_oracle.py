"""What each algorithm ought to decide, worked out from the whole history of what was admitted. Slow, and nothing like the code.

Times are whole microseconds. Knows rules; knows no states, no storage and no clock.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

from velocipy.limiter.rule import RateLimitAlgorithm, RateLimitRule


class Oracle(ABC):
    """One identity under one rule. `units` has the time of every unit that was admitted."""

    def __init__(self, rule: RateLimitRule) -> None:
        self.limit = rule.limit
        self.capacity = rule.capacity
        self.window = round(float(rule.window) * 1_000_000)  # type: ignore[arg-type]
        self.units: list[int] = []

    @abstractmethod
    def admits(self, now: int, cost: int) -> bool:
        """Whether so many units may pass."""

    def admit(self, now: int, cost: int) -> None:
        self.units += [now] * cost

    def remaining(self, now: int) -> int:
        """By trying: the most units that pass at once."""
        low, high = 0, self.capacity
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.admits(now, middle) else (low, middle - 1)
        return low

    def most_in(self, length: int) -> int:
        """The most units that any half-open stretch of so many microseconds saw."""
        most = first = 0
        for last, time in enumerate(self.units):
            while self.units[first] <= time - length:
                first += 1
            most = max(most, last - first + 1)
        return most


class BucketOracle(Oracle):
    """A bucket of tokens, refilled evenly. A token is counted as the microseconds that it takes to come."""

    def __init__(self, rule: RateLimitRule) -> None:
        super().__init__(rule)
        self.token = self.window // self.limit

    def filled(self, now: int) -> int:
        full = filled = self.capacity * self.token
        before = None
        for time in self.units:
            if before is not None:
                filled = min(filled + time - before, full)
            filled -= self.token
            before = time
        return full if before is None else min(filled + now - before, full)

    def admits(self, now: int, cost: int) -> bool:
        return cost * self.token <= self.filled(now)


class FixedOracle(Oracle):
    """Windows that begin with their first unit."""

    def in_window(self, now: int) -> int:
        start, count = None, 0
        for time in self.units:
            if start is None or time >= start + self.window:
                start, count = time, 0
            count += 1
        return count if start is not None and now < start + self.window else 0

    def admits(self, now: int, cost: int) -> bool:
        return self.in_window(now) + cost <= self.limit


class LogOracle(Oracle):
    """Every unit of the last window counts."""

    def admits(self, now: int, cost: int) -> bool:
        return sum(now - self.window < time <= now for time in self.units) + cost <= self.limit


class CounterOracle(Oracle):
    """This window, and the last one as far as it still reaches back. A unit is counted as the microseconds of a window."""

    def estimate(self, now: int) -> int:
        index = now // self.window
        before = sum(time // self.window == index - 1 for time in self.units)
        here = sum(time // self.window == index for time in self.units)
        return before * (self.window - now % self.window) + here * self.window

    def admits(self, now: int, cost: int) -> bool:
        return self.estimate(now) + cost * self.window <= self.limit * self.window


ORACLES: dict[RateLimitAlgorithm | str, type[Oracle]] = {
    RateLimitAlgorithm.TOKEN_BUCKET: BucketOracle,
    RateLimitAlgorithm.FIXED_WINDOW: FixedOracle,
    RateLimitAlgorithm.SLIDING_WINDOW: LogOracle,
    RateLimitAlgorithm.SLIDING_WINDOW_COUNTER: CounterOracle,
}


def oracle_of(rule: RateLimitRule) -> Oracle:
    return ORACLES[rule.algorithm](rule)
