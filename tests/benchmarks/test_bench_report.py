"""What the report says about figures. Knows hand-made results; measures nothing."""

from __future__ import annotations

import json

import pytest
from benchkit.report import Report, markdown, text, verdicts, warnings
from benchkit.rounds import GroupResult, Result, Settings
from benchkit.stats import Row
from benchkit.workloads import WORKLOADS


def line(name: str, ratio: float, busy: float = 1.0, foreign: float = 0.0) -> Row:
    return Row(name, 1000 * ratio, ratio, ratio, ratio, 10 / ratio, 1 / ratio, busy, foreign)


def report(*rows: Row) -> Report:
    group = GroupResult("uvicorn", [Result(WORKLOADS["plain"], rows)], [("falcon", "answers differ")])
    return Report(
        "2026-01-01", {"cpu": "abacus"}, {"velocipy": "1"}, "wrk", Settings(5, 1.0, 64), 0.95, [group]
    )


def test_a_workload_below_the_budget_is_named_with_what_is_missing() -> None:
    found = verdicts(report(line("raw", 1), line("raw again", 1.001), line("velocipy", 0.9)))
    assert found == ["uvicorn plain: 0.900 of raw, 0.050 below the budget"]


def test_a_miss_that_is_smaller_than_the_noise_is_called_no_miss() -> None:
    (found,) = verdicts(report(line("raw", 1), line("raw again", 1.2), line("velocipy", 0.9)))
    assert "raw is 0.200 from itself there" in found


def test_a_met_budget_is_said() -> None:
    assert verdicts(report(line("raw", 1), line("velocipy", 0.951))) == [
        "Every workload meets the budget of 0.95."
    ]


def test_without_our_app_nothing_is_said_about_a_budget() -> None:
    assert verdicts(report(line("raw", 1), line("raw again", 1))) == []


@pytest.mark.parametrize(
    ("busy", "foreign", "named"),
    [
        (0.5, 0.0, "load generator was the limit"),
        (0.5, 0.5, "Other processes used"),
        (1.0, 0.06, "Other processes used"),
    ],
)
def test_weak_figures_are_called_weak(busy: float, foreign: float, named: str) -> None:
    """A server that had to share its core was not waiting for the client."""
    found = warnings(report(line("raw", 1, busy, foreign), line("raw again", 1)))
    assert [named in each for each in found] == [False, True]


def test_text_markdown_and_json_hold_every_row_and_who_is_missing() -> None:
    made = report(line("raw", 1), line("raw again", 1), line("velocipy", 0.97))
    made.in_process = [("In process", [["workload", "ns"], ["plain", "1"]])]
    for shown in (text(made), markdown(made)):
        assert all(part in shown for part in ("raw again", "0.970", "abacus", "2026-01-01", "In process"))
        assert "falcon in uvicorn: answers differ" in shown
    assert json.loads(json.dumps(made.as_json()))["groups"][0]["workloads"]["plain"][2]["ratio"] == 0.97


def test_markdown_tables_have_one_number_of_columns() -> None:
    shown = markdown(report(line("raw", 1), line("velocipy", 0.97)))
    table = [each for each in shown.split("## uvicorn")[1].splitlines() if each.startswith("|")]
    assert len(table) == 4 and len({each.count("|") for each in table}) == 1
