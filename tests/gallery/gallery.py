"""The gallery of errors: reads the broken files, has them imported, and words docs/error-gallery.md. Run it to write the page anew."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import wrap
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "error-gallery.md"
HERE_MARK = "# <-"
"""Ends each line that the message has to name."""

ERRORS = (
    "ConfigurationError",
    *("BindingError", "PathError", "RouteConflictError", "ConfigError", "MissingAdapterError"),
)
"""The classes of what is raised where an app is put together."""

WIDTH = 82
"""Characters of a line that the page shows without scrolling on a desktop."""

HEAD = """# Error gallery

Every mistake that VelociPy finds while an app is put together, with the message that it gets. `# <-` is at the line that the message
names; long messages are broken here. This page is made by the tests from files that are broken in just this way:
`python tests/gallery/gallery.py` writes it anew.
"""


@dataclass(frozen=True, slots=True)
class Broken:
    """One file of the gallery."""

    section: str
    title: str
    code: str

    @property
    def marked(self) -> list[int]:
        """The lines that its message has to name."""
        return [number for number, line in enumerate(self.code.splitlines(), 1) if line.endswith(HERE_MARK)]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the import of one raised, and the places in our files, (file, line), where errors were made on the way."""

    kind: str
    message: str
    made: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Site:
    """One place in our code that makes a registration error."""

    file: Path
    first: int
    last: int
    message: str

    def is_at(self, file: str, line: int) -> bool:
        """Whether this place made what was made there."""
        return self.file == Path(file) and self.first <= line <= self.last

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.first} {self.message[:100]}"


def read_broken() -> list[Broken]:
    """Every file, in the order of the page: sections by the names of their files, `# Title` first, then `=== title` and code."""
    found = []
    for path in sorted((HERE / "broken").glob("*.txt")):
        head, *parts = path.read_text("utf-8").split("\n=== ")
        for part in parts:
            title, _, code = part.partition("\n")
            found.append(Broken(head.strip().removeprefix("# "), title.strip(), code.strip() + "\n"))
    return found


def break_all(files: Sequence[Broken], folder: Path) -> list[Outcome]:
    """Import each, all in one process: what they have in common is imported once."""
    folders = []
    for number, each in enumerate(files):
        place = folder / f"{number:03}"
        place.mkdir()
        (place / "main.py").write_text(each.code, "utf-8")
        folders.append(str(place))
    path = os.pathsep.join(str(source) for source in sorted((ROOT / "packages").glob("*/src")))
    done = subprocess.run(
        [sys.executable, "-P", "-B", str(HERE / "breaking.py"), *folders],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )
    outcomes = [_outcome(json.loads(line)) for line in done.stdout.splitlines()]
    if len(outcomes) < len(files):
        raise RuntimeError(f"{files[len(outcomes)].title!r} ended the process: {done.stderr}")
    return outcomes


def _outcome(record: dict[str, Any]) -> Outcome:
    places = tuple((str(file), int(line)) for file, line in record["made"])
    return Outcome(record["kind"], record["message"], places)


@cache
def sites() -> tuple[Site, ...]:
    """Every place of ours that makes one."""
    return tuple(_sites())


def _sites() -> Iterator[Site]:
    for path in sorted((ROOT / "packages").glob("*/src/**/*.py")):
        if "conformance" in path.parts:  # for who writes an adapter
            continue
        text = path.read_text("utf-8")
        if not any(f"{name}(" in text for name in ERRORS):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS:
                message = ast.unparse(node.args[0]) if node.args else ""
                yield Site(path, node.lineno, node.end_lineno or node.lineno, message)


def page_of(files: Sequence[Broken], outcomes: Sequence[Outcome]) -> str:
    """The page as Markdown. Its fences are `py`, since a test runs every `python` fence of the docs."""
    parts = [HEAD]
    section = ""
    for each, outcome in zip(files, outcomes, strict=True):
        if each.section != section:
            section = each.section
            parts.append(f"## {section}\n")
        message = _folded(f"{outcome.kind}: {outcome.message}")
        parts.append(f"### {each.title}\n\n```py\n{each.code}```\n\n```text\n{message}\n```\n")
    return "\n".join(parts)


def _folded(message: str) -> str:
    """Long lines of a message in lines that a page shows whole."""
    lines = [
        wrap(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        if len(line) > WIDTH
        else [line]
        for line in message.split("\n")
    ]
    return "\n".join(part for parts in lines for part in parts)


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        broken = read_broken()
        PAGE.write_text(page_of(broken, break_all(broken, Path(scratch))), "utf-8")
