"""The list, the tests and the page agree: each number has one test, which runs where the list says, and one row."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from case_list import CASES, SERVERS
from case_marks import mark_of, places_of
from case_table import TableWriter, read_page, written

HERE = Path(__file__).parent
FIXTURES = {"place", "target", "interface", "client_of", "client_for", "models_of", "world_of"}
"""By which a test takes its place."""


def listed_tests() -> Iterator[Callable[..., Any]]:
    """The test functions of the modules of cases."""
    for path in sorted(HERE.glob("test_cases_*.py")):
        name = f"listed_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        finally:
            del sys.modules[name]
        yield from (value for key, value in vars(module).items() if key.startswith("test_"))


@pytest.fixture(scope="module")
def found() -> dict[int, list[Callable[..., Any]]]:
    """Number -> its tests."""
    numbers: dict[int, list[Callable[..., Any]]] = {}
    for function in listed_tests():
        numbers.setdefault(mark_of(function).args[0], []).append(function)
    return numbers


def test_every_case_has_one_test(found: dict[int, list[Callable[..., Any]]]) -> None:
    assert {number for number, those in found.items() if len(those) > 1} == set()
    assert found.keys() == CASES.keys()


def test_every_case_runs_where_the_list_says(found: dict[int, list[Callable[..., Any]]]) -> None:
    """A test takes its place by a fixture; one of the wire takes the servers too, whatever they make of it."""
    for number, (function,) in found.items():
        assert FIXTURES & inspect.signature(function).parameters.keys()
        if CASES[number].wire and "on" not in mark_of(function).kwargs:
            assert set(SERVERS) < set(places_of(function))


def test_the_page_has_a_row_for_every_case_and_place(found: dict[int, list[Callable[..., Any]]]) -> None:
    """`pytest tests/cases --write-table` writes it."""
    expected = {number: (CASES[number].line, places_of(those[0])) for number, those in found.items()}
    assert read_page() == expected


def test_the_page_says_what_a_run_did() -> None:
    page = written(
        {1: {"asgi": [], "hypercorn": ["hangs up."], "uvicorn-h11": ["hangs up."]}, 19: {"rsgi": []}}
    )
    assert f"| 1 | {CASES[1].line} | ok | – | – | – | own | – | own |" in page
    assert "- **1**, uvicorn h11, hypercorn: hangs up." in page
    assert f"| 19 | {CASES[19].line} | – | ok | – | – | – | – | – |" in page


def test_a_run_with_a_failure_writes_no_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("case_table.PAGE", tmp_path / "page.md")
    writer = TableWriter()
    writer.failed.add(3)
    writer.pytest_sessionfinish()
    assert not (tmp_path / "page.md").exists()
    writer.failed.clear()
    writer.pytest_sessionfinish()
    assert (tmp_path / "page.md").read_text().startswith("# Hostile cases")


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        ([], "one case"),
        ([pytest.mark.case(1), pytest.mark.case(2)], "one case"),
        ([pytest.mark.case(1, 2)], "one case"),
        ([pytest.mark.case(155)], "one case"),
        ([pytest.mark.case(1, on=("asgi",))], "why"),
        ([pytest.mark.case(1, on=("apache",), why="it is there")], "no places"),
    ],
)
def test_a_mark_that_says_too_little_is_refused(marks: list[Any], message: str) -> None:
    def test() -> None: ...

    test.pytestmark = [mark.mark for mark in marks]  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=message):
        places_of(test)
