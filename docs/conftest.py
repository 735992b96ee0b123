"""Runs every python fence of the pages as a test: docs/, the README and those of the dists. Knows Markdown, not VelociPy.

The fences of one page share their names, from top to bottom. A fence whose promise belongs to a part that is still to come
stands below a line `<!-- needs module:name -->`: it runs from the day on which that name can be imported.
"""

import importlib
import re
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest
from sybil import Document, Example, Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

ROOT = Path(__file__).resolve().parents[1]
NEEDS = re.compile(r"<!-- needs ([\w.: ]+?) -->\n\s*\Z")

run_python = PythonEvaluator()


def evaluate(example: Example) -> None:
    """Run a fence, unless a name that it needs is not there yet; what it raises is what Sybil reports."""
    if all(is_there(need) for need in needs_of(example)):
        run_python(example)


def needs_of(example: Example) -> list[str]:
    """`["velocipy.limiter:Limiter", ...]` of the comment right above the fence, or nothing."""
    document: Document = example.document
    found = NEEDS.search(document.text[: example.region.start])
    return found[1].split() if found else []


def is_there(need: str) -> bool:
    """Whether `module:name` can be imported. A part that no dist of ours has is a slip of the page, and an error."""
    module, _, name = need.partition(":")
    part = ".".join(module.split(".")[:2])
    if part.startswith("velocipy") and find_spec(part) is None:
        raise AssertionError(f"the page needs {need}, but {part} is no part of VelociPy: mend the comment")
    return hasattr(imported(module), name)


def imported(module: str) -> ModuleType | None:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as exc:
        if module != exc.name:
            raise
        return None


class Pages:
    """Collects pages wherever they are; a hook in this conftest alone would be asked about docs/ only."""

    pytest_collect_file = staticmethod(
        Sybil(
            parsers=[CodeBlockParser(language="python", evaluator=evaluate)],
            path=str(ROOT),
            patterns=["README.md", "docs/*.md", "docs/*/*.md", "packages/*/README.md"],
        ).pytest()
    )


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Pages(), "velocipy-pages")
