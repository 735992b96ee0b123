"""Curves -> the page docs/growth.md and its charts. Knows how they look; does not measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from math import ceil, floor, log10
from typing import Any, Final

from benchkit.curves import Axis, Line, short
from benchkit.report import markdown_table, versions_line
from benchkit.svg import COLOURS, WIDTH, Drawing

LEFT: Final = 58
RIGHT: Final = WIDTH - 16
PLOT: Final = 150
"""Height of what is plotted."""

INTRODUCTION: Final = """\
What a request, a route, a connection or a key costs when there are many of them. Made by `hatch run bench-growth --publish`; not
edited by hand. [All figures](charts/growth.json) are beside the charts.

Instructions are those of the processor, counted by valgrind's callgrind in one process, over the least that a server can be: the same
at every load of the machine. They say how work grows, and do not see what a cache misses. *ns of CPU* stand where that is what bounds,
or where instructions were not counted: each measurement takes turns with a fixed piece of Python. *Exponent* is e of cost ~ size^e
over the larger half of the sizes: 0 does not grow, 1 grows as the size does. *Each* is what one more costs by least squares."""


@dataclass(frozen=True, slots=True)
class Growth:
    """One run."""

    date: str
    machine: dict[str, str]
    versions: dict[str, str]
    axes: tuple[Axis, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of_json(cls, found: dict[str, Any]) -> Growth:
        axes = tuple(
            Axis(**{**axis, "lines": tuple(_line(each) for each in axis["lines"])}) for axis in found["axes"]
        )
        return cls(found["date"], found["machine"], found["versions"], axes)


def _line(found: dict[str, Any]) -> Line:
    return Line(**{**found, "sizes": tuple(found["sizes"]), "costs": tuple(found["costs"])})


def markdown(growth: Growth) -> str:
    facts = {"date": growth.date, **growth.machine, "versions": versions_line(growth.versions)}
    parts = ["# How it grows", INTRODUCTION]
    parts.append(markdown_table([["what", "value"], *([name, value] for name, value in facts.items())]))
    for axis in growth.axes:
        parts += [f"## {axis.title}", axis.bound]
        parts += [f"![{axis.title}: {unit}]({_file(axis, unit)})" for unit in _units(axis)]
        parts += [markdown_table(_costs(axis, unit)) for unit in _units(axis)]
        parts.append(markdown_table(_slopes(axis)))
    return "\n\n".join(parts) + "\n"


def _units(axis: Axis) -> list[str]:
    return list(dict.fromkeys(line.unit for line in axis.lines))


def _file(axis: Axis, unit: str) -> str:
    return f"charts/growth-{axis.name}-{'-'.join(unit.split())}.svg".lower()


def _costs(axis: Axis, unit: str) -> list[list[str]]:
    lines = [line for line in axis.lines if line.unit == unit]
    sizes = sorted({size for line in lines for size in line.sizes})
    table = [[axis.of, *(f"{line.name}, {unit}" for line in lines)]]
    for size in sizes:
        found = [dict(zip(line.sizes, line.costs, strict=True)).get(size) for line in lines]
        table.append([f"{size:,}", *("-" if cost is None else _figure(cost) for cost in found)])
    return table


def _figure(cost: float) -> str:
    return f"{cost:,.0f}" if abs(cost) >= 100 else f"{cost:.3g}"


def _slopes(axis: Axis) -> list[list[str]]:
    table = [["line", "unit", "exponent", "each"]]
    for line in axis.lines:
        table.append([line.name, line.unit, f"{line.exponent:.2f}", short(line.each)])
    return table


def charts(growth: Growth) -> dict[str, str]:
    """{path of a file below docs/: its SVG}"""
    return {_file(axis, unit): chart(axis, unit) for axis in growth.axes for unit in _units(axis)}


def chart(axis: Axis, unit: str) -> str:
    """The lines of one unit, each named where it ends."""
    lines = [line for line in axis.lines if line.unit == unit]
    top = 24 + 14 * len(lines)
    drawing = Drawing(WIDTH, top + PLOT + 34, f"{axis.title}: {unit}")
    across = _scale([x for line in lines for x in line.sizes], LEFT, RIGHT, axis.straight)
    up = _scale([y for line in lines for y in line.costs], top + PLOT, top, axis.straight)
    drawing.text(0, 12, f"{unit}, by {axis.of}", "title")
    for value in across.ticks:
        drawing.line(across.place(value), top, across.place(value), top + PLOT, "rule")
        drawing.text(across.place(value), top + PLOT + 13, short(value), "small faint middle")
    for value in up.ticks:
        drawing.line(LEFT, up.place(value), RIGHT, up.place(value), "rule")
        drawing.text(LEFT - 5, up.place(value) + 4, short(value), "small faint right")
    for number, line in enumerate(lines):
        colour = COLOURS[number]
        places = [(across.place(x), up.place(y)) for x, y in zip(line.sizes, line.costs, strict=True)]
        drawing.path(places, colour)
        for (x, y), size, cost in zip(places, line.sizes, line.costs, strict=True):
            drawing.dot(x, y, colour, 2.8, f"{line.name}, {size:,} {axis.of}: {_figure(cost)} {unit}")
        drawing.dot(4, 24 + 14 * number, colour)
        drawing.text(
            12,
            28 + 14 * number,
            f"{line.name}: exponent {line.exponent:.2f}, each {short(line.each)}",
            "small",
        )
    drawing.text((LEFT + RIGHT) / 2, top + PLOT + 28, axis.of, "small faint middle")
    return str(drawing)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Values between the first and the last tick -> places."""

    ticks: tuple[float, ...]
    start: float
    stop: float
    straight: bool

    def place(self, value: float) -> float:
        low, high = self._at(self.ticks[0]), self._at(self.ticks[-1])
        share = (self._at(max(value, self.ticks[0])) - low) / (high - low)
        return self.start + share * (self.stop - self.start)

    def _at(self, value: float) -> float:
        return value if self.straight else log10(value)


def _scale(values: Sequence[float], start: float, stop: float, straight: bool) -> _Scale:
    if straight:
        step = _step(max(values))
        ticks = tuple(step * number for number in range(ceil(max(values) / step) + 1))
        return _Scale(ticks, start, stop, True)
    above = [value for value in values if value > 0] or [1.0]  # what is none, or less, stands at the bottom
    low, high = floor(log10(min(above))), ceil(log10(max(above)))
    every = 1 if high - low <= 6 else 2
    ticks = tuple(10.0**power for power in range(low, max(high, low + 1) + every, every))
    return _Scale(tuple(tick for tick, _ in pairwise((*ticks, 0))), start, stop, False)


def _step(most: float) -> float:
    """A round number that is taken four to eight times up to `most`."""
    power = 10.0 ** floor(log10(most))
    return next(power * part for part in (0.2, 0.25, 0.5, 1.0) if most / (power * part) <= 8)
