"""Reads the tables of the security pages: rows, the tests that they name, and the values of settings. Knows Markdown; judges nothing."""

from __future__ import annotations

import importlib
import inspect
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
EXPLANATION = ROOT / "docs" / "explanation"


class Setting(NamedTuple):
    """A row of the table of defaults."""

    property: str
    said: str
    set_by: str
    value: str
    held_by: str


def table(page: str, columns: int) -> list[list[str]]:
    """The cells of every row of the page's tables that have so many columns, without heads and rules."""
    lines = (EXPLANATION / page).read_text().splitlines()
    found = [
        [cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")
    ]
    return [cells for cells in found if len(cells) == columns]


def settings() -> list[Setting]:
    head, *rows = table("secure-defaults.md", len(Setting._fields))
    assert head == ["Property", "With nothing done", "Set by", "Value", "Held by"]
    return [Setting(*cells) for cells in rows]


@cache
def tests_by_case() -> dict[int, set[str]]:
    """Number of a hostile case -> the files of tests that are marked with it."""
    found: dict[int, set[str]] = {}
    for path, text in sources():
        for number in re.findall(r"mark\.case\(\s*(\d+)\s*[,)]", text):
            found.setdefault(int(number), set()).add(path.name)
    return found


@cache
def tests_by_file() -> dict[str, set[str]]:
    """Name of a file of tests -> the functions in it; each name is there once in the repository."""
    return {path.name: set(re.findall(r"^(?:async )?def (test_\w+)", text, re.M)) for path, text in sources()}


@cache
def sources() -> tuple[tuple[Path, str], ...]:
    paths = [*ROOT.glob("tests/**/test_*.py"), *ROOT.glob("packages/*/tests/**/test_*.py")]
    return tuple((path, path.read_text()) for path in paths)


def missing(text: str) -> list[str]:
    """What a cell or a page names as its proof that is not there: `case 7`, `test_x.py`, `test_x.py::test_y`."""
    lacking = [f"case {number}" for number in cases(text) if number not in tests_by_case()]
    for file, name in re.findall(r"`(test_\w+\.py)(?:::(test_\w+))?`", text):
        if file not in tests_by_file() or (name and name not in tests_by_file()[file]):
            lacking.append(f"{file}::{name}" if name else file)
    return lacking


def cases(text: str) -> list[int]:
    """`case 7` and `cases 57 to 60` -> 7, 57, 58, 59, 60."""
    found = [int(number) for number in re.findall(r"\bcase (\d+)", text)]
    for first, last in re.findall(r"\bcases (\d+) to (\d+)", text):
        found += range(int(first), int(last) + 1)
    for first, last in re.findall(r"\bcases (\d+) and (\d+)", text):
        found += [int(first), int(last)]
    return found


def default_of(path: str) -> Any:
    """`velocipy.VelociPy(debug)` -> the default of that parameter; `velocipy.http.query.MAX_FIELDS` -> its value."""
    dotted, _, parameter = path.rstrip(")").partition("(")
    module, name = dotted.rsplit(".", 1)
    thing = getattr(importlib.import_module(module), name)
    return inspect.signature(thing).parameters[parameter].default if parameter else thing
