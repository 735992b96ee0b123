"""What a part of the bench gives for the page: a table, and which budgets it is held to. Knows text and bounds; measures nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Held:
    """A figure and its bound in DESIGN section 5: the most that it may be, or else the least."""

    what: str
    measured: float
    bound: float
    most: bool

    @property
    def met(self) -> bool:
        return self.measured <= self.bound if self.most else self.measured >= self.bound

    def __str__(self) -> str:
        return f"{self.what}: {self.measured:.3g}, at {'most' if self.most else 'least'} {self.bound:g} is the budget"


@dataclass(frozen=True, slots=True)
class Table:
    """`lines` begin with the headings."""

    title: str
    lines: Sequence[Sequence[str]]
    held: tuple[Held, ...] = ()


def write(tables: Sequence[Table], file: Path) -> None:
    file.write_text(json.dumps([asdict(table) for table in tables]))


def read(found: Sequence[dict[str, Any]]) -> list[Table]:
    """Of what `write` wrote, as json.loads gives it."""
    return [
        Table(table["title"], table["lines"], tuple(Held(**each) for each in table["held"]))
        for table in found
    ]
