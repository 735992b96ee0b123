"""From points to curves: how a cost grows with a size, and what it may. Knows logarithms and straight lines; measures nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from statistics import linear_regression

from benchkit.tables import Held


@dataclass(frozen=True, slots=True)
class Line:
    """One series of an axis, in rising order of size, and what one more unit of size may do to it.

    `steepest` is the most that the exponent may be: 0 for what must not grow, 1 for what may grow as the size does.
    """

    name: str
    unit: str
    sizes: tuple[int, ...]
    costs: tuple[float, ...]
    steepest: float | None = None

    @property
    def exponent(self) -> float:
        """e of cost ~ size^e, by least squares over the larger half of the sizes, where what is there at any size is least."""
        pairs = [(log(x), log(y)) for x, y in zip(self.sizes, self.costs, strict=True) if x > 0 and y > 0]
        larger = pairs[len(pairs) // 2 :] if len(pairs) > 3 else pairs
        if len(larger) < 2:
            return 0.0
        return linear_regression([x for x, _ in larger], [y for _, y in larger]).slope

    @property
    def each(self) -> float:
        """What one more unit of size costs, by least squares over all sizes, the largest counting most."""
        return linear_regression(self.sizes, self.costs).slope


@dataclass(frozen=True, slots=True)
class Axis:
    """What is made larger, what was measured then, and what bounds it."""

    name: str
    title: str
    of: str
    lines: tuple[Line, ...]
    bound: str
    straight: bool = False
    """Whether its scale is linear: one that begins with none has no logarithm."""

    def held(self) -> list[Held]:
        """Exponents that have a bound. A tenth more is allowed: the costs of a small size are in each of them."""
        return [
            Held(
                f"{self.name}: exponent of {line.name}, {line.unit}",
                line.exponent,
                line.steepest + 0.1,
                most=True,
            )
            for line in self.lines
            if line.steepest is not None
        ]


def line_of(points: Sequence[tuple[int, float]], name: str, unit: str, steepest: float | None = None) -> Line:
    ordered = sorted(points)
    return Line(name, unit, tuple(x for x, _ in ordered), tuple(y for _, y in ordered), steepest)


def short(value: float) -> str:
    """12345 -> "12.3 k": three digits, for tables and scales."""
    for bound, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= bound:
            return f"{value / bound:.3g}{letter}"
    return f"{value:.3g}"
