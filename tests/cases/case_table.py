"""The page of the cases: written from the reports of a run, and read again. Knows Markdown; knows no test.

pytest tests/cases --write-table      writes docs/hostile-cases.md
"""

from __future__ import annotations

import platform
import re
from collections import defaultdict
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from case_list import CASES, PLACES

PAGE = Path(__file__).parents[2] / "docs" / "hostile-cases.md"
HELD, OTHERWISE, NOT_HERE = "ok", "own", "–"

HEAD = """# Hostile cases

Made by `hatch test tests/cases --write-table`; not edited by hand.

What a client, a network, an app or a storage does wrong, row by row, and whether VelociPy held in that run. Each row is one test in
`tests/cases/`, marked with its number, and runs at each place that has an entry here: over both protocols in the test's own process, and
the rows of what servers may do to it on sockets of five servers, too. After each, but for those that end a server, the app still answers,
from the same process, which has no more files open than before. Where the list says a million, a test looks at what each of some hundred
leaves; `hatch run soak` and `--hypothesis-profile=deep` are the long runs.

| Entry | Says |
|---|---|
| ok | The app was asked, and did what it should |
| own | The server decides, or its own behaviour shows; the test holds what it does, which stands below the table |
| – | The row is not for that place; where the list says otherwise, `why` in the mark of its test gives the reason |
"""

ROW = re.compile(r"\| (\d+) \| (.*?) \| (.*) \|")

Places = dict[str, list[str]]
"""Place -> remarks."""


class TableWriter:
    """Hears of each test, and writes the page at the end."""

    def __init__(self) -> None:
        self.results: dict[int, Places] = defaultdict(dict)
        self.failed: set[int] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what one phase of a test says."""
        told: dict[str, list[Any]] = defaultdict(list)
        for name, value in report.user_properties:
            told[str(name)].append(value)
        for number, place in told["case"]:
            if report.failed:
                self.failed.add(number)
            elif report.when == "call" and report.passed:
                self.results[number][place] = told["remark"]

    def pytest_sessionfinish(self) -> None:
        """Write the page, unless something failed."""
        if not self.failed:
            PAGE.write_text(written(self.results), encoding="utf-8")

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was done."""
        done = f"left as it is: cases {sorted(self.failed)} failed" if self.failed else "written"
        terminalreporter.write_line(f"{PAGE.name} is {done}")


def written(results: dict[int, Places]) -> str:
    """The page of such results."""
    lines = [HEAD, f"Run of {date.today()}: {', '.join(versions())}.\n"]
    for group in dict.fromkeys(case.group for case in CASES.values()):
        numbers = [number for number in sorted(results) if CASES[number].group == group]
        if not numbers:
            continue
        lines.append(f"## {group}\n")
        lines.append("| | What comes | " + " | ".join(place.replace("-", " ") for place in PLACES) + " |")
        lines.append("|--:|---|" + "---|" * len(PLACES))
        lines += [row(number, results[number]) for number in numbers]
        lines.append("")
        remarks = [line for number in numbers for line in remarks_of(number, results[number])]
        lines += [*remarks, ""] if remarks else []
    return "\n".join(lines).rstrip() + "\n"


def versions() -> list[str]:
    """What the cases ran on."""
    dists = ("granian", "uvicorn", "h11", "httptools", "hypercorn")
    return [f"CPython {platform.python_version()}", *(f"{dist} {version(dist)}" for dist in dists)]


def row(number: int, places: Places) -> str:
    """One row of a table."""
    cells = [(OTHERWISE if places[place] else HELD) if place in places else NOT_HERE for place in PLACES]
    return f"| {number} | {CASES[number].line} | {' | '.join(cells)} |"


def remarks_of(number: int, places: Places) -> list[str]:
    """What places do otherwise, those that do the same together."""
    same: dict[str, list[str]] = defaultdict(list)
    for place in PLACES:
        for text in places.get(place, ()):
            same[text].append(place.replace("-", " "))
    return [f"- **{number}**, {', '.join(names)}: {text}" for text, names in same.items()]


def read_page() -> dict[int, tuple[str, tuple[str, ...]]]:
    """The page again: number -> (line, places with an entry)."""
    found = {}
    for line in PAGE.read_text(encoding="utf-8").splitlines():
        if match := ROW.fullmatch(line):
            cells = match[3].split(" | ")
            places = tuple(
                place for place, cell in zip(PLACES, cells, strict=True) if cell in (HELD, OTHERWISE)
            )
            found[int(match[1])] = (match[2], places)
    return found
