"""What a terminal shows: colours where there is one, and columns. Knows ANSI and NO_COLOR; knows no command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from typing import TextIO

STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def has_colours(stream: TextIO) -> bool:
    """True for a terminal that is not told otherwise (https://no-color.org, and TERM=dumb)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def styled(text: str, style: str, stream: TextIO | None = None) -> str:
    """The text in bold, dim or a colour of STYLES, if the stream (stdout) shows such things."""
    if not has_colours(stream or sys.stdout):
        return text
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m"


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Rows of cells as lines in which the cells of one column begin below each other."""
    table = [list(row) for row in rows]
    if not table:
        return []
    widths = [max(len(row[index]) for row in table) for index in range(len(table[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]


def printable(text: str) -> str:
    """Text of the user's without what moves a cursor or changes colours."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
