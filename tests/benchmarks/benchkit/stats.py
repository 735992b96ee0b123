"""From slices of load to one row of figures. Knows medians and ratios; does not know what was measured or how it is shown.

A round holds one slice per contender, taken within seconds of each other, so whatever the machine does meanwhile touches all of
them alike. That is why a ratio is taken inside each round first and the median over rounds afterwards, never the other way about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Slice:
    """One contender under load for a moment."""

    requests: int
    seconds: float
    cpu_seconds: float
    """CPU time of the server's processes meanwhile; 0.0 where the system does not tell."""
    foreign: float = 0.0
    """Share of the server's core, 0 to 1, that other processes took meanwhile."""

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    @property
    def cpu_micros(self) -> float:
        """Microseconds of CPU a request."""
        return self.cpu_seconds / self.requests * 1e6 if self.requests else 0.0

    @property
    def busy(self) -> float:
        """Share of the slice during which the server had work: well below 1 means that the client was the limit."""
        return self.cpu_seconds / self.seconds


Round = Mapping[str, Slice]


@dataclass(frozen=True, slots=True)
class Row:
    """What a contender did on one workload, over all rounds that count."""

    name: str
    rate: float
    ratio: float
    low: float
    high: float
    cpu_micros: float
    cpu_ratio: float
    busy: float
    foreign: float

    @property
    def spread(self) -> float:
        return self.high - self.low


def counted(rounds: Sequence[Round]) -> Sequence[Round]:
    """All rounds but the first, which warms caches, branch predictors and the servers' own buffers."""
    return rounds[1:]


def rotated(names: Sequence[str], turn: int) -> list[str]:
    """The order of round `turn`: each contender is first equally often, since position in a round is not neutral."""
    start = turn % len(names)
    return [*names[start:], *names[:start]]


def ratios(values: Sequence[float], bases: Sequence[float]) -> list[float]:
    """Pairwise, round by round. A base of zero counts as no difference: it means that the figure is not available."""
    return [value / base if base else 1.0 for value, base in zip(values, bases, strict=True)]


def row(name: str, base: str, rounds: Sequence[Round]) -> Row:
    """The figures of contender `name` against contender `base`. Raises ValueError when no round counts."""
    if not rounds:
        raise ValueError("no round is left to count: the first one warms up, so measure at least two")
    own, other = [turn[name] for turn in rounds], [turn[base] for turn in rounds]
    speed = ratios([part.rate for part in own], [part.rate for part in other])
    cost = ratios([part.cpu_micros for part in own], [part.cpu_micros for part in other])
    return Row(
        name=name,
        rate=median(part.rate for part in own),
        ratio=median(speed),
        low=min(speed),
        high=max(speed),
        cpu_micros=median(part.cpu_micros for part in own),
        cpu_ratio=median(cost),
        busy=median(part.busy for part in own),
        foreign=median(part.foreign for part in own),
    )
