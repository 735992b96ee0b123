"""The charts of the bench: each row against raw on each server, and all frameworks of a group. Knows results; does not measure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import median
from typing import Final

from benchkit.contenders import BASE, CONTROL, OURS
from benchkit.rounds import GroupResult, Result
from benchkit.stats import Row
from benchkit.svg import COLOURS, WIDTH, Drawing

LEFT: Final = 66
"""Where the scale begins: names of workloads stand before it."""
RIGHT: Final = WIDTH - 14
LINE: Final = 9
"""Height of what one server did on one workload."""

Scale = Callable[[float], float]


def scale(low: float, high: float, left: float = LEFT) -> Scale:
    """Value -> x; what is beyond an end stands at the end."""

    def place(value: float) -> float:
        return left + (min(max(value, low), high) - low) / (high - low) * (RIGHT - left)

    return place


def _axis(
    drawing: Drawing, place: Scale, low: float, high: float, step: float, top: float, bottom: float
) -> None:
    for number in range(round((high - low) / step) + 1):
        value = low + number * step
        drawing.line(place(value), top, place(value), bottom, "rule")
        drawing.text(place(value), bottom + 12, f"{value:.1f}", "small faint middle")


def ratios(groups: Sequence[GroupResult], budget: Callable[[Result], float]) -> str:
    """Our requests/s against raw's for each workload, a colour for each server; lines are the spread, ticks the budgets."""
    names = list(dict.fromkeys(result.workload.name for group in groups for result in group.results))
    tall = LINE * len(groups) + 10
    top, low, high = 20 + 14 * len(groups), 0.5, 1.2
    bottom = top + tall * len(names)
    drawing = Drawing(WIDTH, bottom + 34, "Requests per second of VelociPy, as a share of the app by hand")
    place = scale(low, high)
    _axis(drawing, place, low, high, 0.1, top, bottom)
    drawing.text(0, 12, "requests/s against raw: VelociPy, and raw again (hollow)", "title")
    for number, group in enumerate(groups):
        drawing.dot(4, 24 + 14 * number, COLOURS[number])
        drawing.text(12, 28 + 14 * number, group.name, "small")
    drawing.line(place(1), top, place(1), bottom, "axis")
    for at, name in enumerate(names):
        y = top + tall * at
        drawing.text(0, y + tall / 2 + 4, name, "small")
        for number, group in enumerate(groups):
            for result in group.results:
                if result.workload.name == name:
                    _one(drawing, place, y + 9 + LINE * number, result, COLOURS[number], budget(result))
    drawing.text(
        (LEFT + RIGHT) / 2,
        bottom + 28,
        "dashes: the budget; lines: lowest to highest round",
        "small faint middle",
    )
    return str(drawing)


def _one(drawing: Drawing, place: Scale, y: float, result: Result, colour: str, budget: float) -> None:
    drawing.line(place(budget), y - 4, place(budget), y + 4, "goal")
    for row in result.rows:
        if row.name == CONTROL:
            drawing.dot(place(row.ratio), y, "hollow", 2.4, f"{CONTROL}: {row.ratio:.3f}")
        elif row.name == OURS:
            drawing.line(place(row.low), y, place(row.high), y, colour, 1.5)
            drawing.dot(place(row.ratio), y, colour, 3.2, f"{result.workload.name}: {row.ratio:.3f}")


def frameworks(group: GroupResult) -> str:
    """A line for each app of a group, the fastest first: a dot for each workload, and a tick at their median."""
    found: dict[str, list[tuple[str, Row]]] = {}
    for result in group.results:
        for row in result.rows:
            if row.name not in (BASE, CONTROL):
                found.setdefault(row.name, []).append((result.workload.name, row))
    order = sorted(found, key=lambda name: -median(row.ratio for _, row in found[name]))
    top, tall, low, high, left = 22, 22, 0.0, 1.2, 92
    bottom = top + tall * len(order)
    drawing = Drawing(
        WIDTH,
        bottom + 34,
        f"Requests per second of frameworks on {group.name}, as a share of the app by hand",
    )
    place = scale(low, high, left)
    _axis(drawing, place, low, high, 0.2, top, bottom)
    drawing.text(0, 12, f"{group.name}: requests/s against raw", "title")
    drawing.line(place(1), top, place(1), bottom, "axis")
    for at, name in enumerate(order):
        y = top + tall * at + tall / 2
        colour = COLOURS[0] if name == OURS else COLOURS[1]
        drawing.text(0, y + 4, name, "small")
        for workload, row in found[name]:
            drawing.dot(place(row.ratio), y, f"{colour} pale", 3, f"{name}, {workload}: {row.ratio:.3f}")
        middle = place(median(row.ratio for _, row in found[name]))
        drawing.line(middle, y - 8, middle, y + 8, colour, 2.5)
    drawing.text(
        (left + RIGHT) / 2,
        bottom + 28,
        "a dot for each workload, a bar at their median",
        "small faint middle",
    )
    return str(drawing)
