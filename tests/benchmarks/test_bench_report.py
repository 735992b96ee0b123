"""What the report says about figures. Knows hand-made results; measures nothing."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
import run
from benchkit.report import Report, charts, markdown, text, verdicts, warnings
from benchkit.rounds import GroupResult, Result, Settings
from benchkit.stats import Row
from benchkit.tables import Held, Table
from benchkit.workloads import WORKLOADS


def line(name: str, ratio: float, busy: float = 1.0, foreign: float = 0.0) -> Row:
    return Row(name, 1000 * ratio, ratio, ratio, ratio, 10 / ratio, 1 / ratio, busy, foreign)


def report(*rows: Row, workload: str = "plain") -> Report:
    group = GroupResult("uvicorn", [Result(WORKLOADS[workload], rows)], [("falcon", "answers differ")])
    return Report(
        "2026-01-01", {"cpu": "abacus"}, {"velocipy": "1"}, "wrk", Settings(5, 1.0, 64), None, [group]
    )


def test_a_workload_below_the_budget_is_named_with_what_is_missing() -> None:
    found = verdicts(report(line("raw", 1), line("raw again", 1.001), line("velocipy", 0.9)))
    assert found == ["uvicorn plain: 0.900 of raw, 0.050 below the budget", "0 of 1 budgets are met."]


def test_a_miss_that_is_smaller_than_the_noise_is_called_no_miss() -> None:
    found = verdicts(report(line("raw", 1), line("raw again", 1.2), line("velocipy", 0.9)))[0]
    assert "raw is 0.200 from itself there" in found


def test_a_met_budget_is_said() -> None:
    assert verdicts(report(line("raw", 1), line("velocipy", 0.951))) == ["1 of 1 budgets are met."]


def test_eight_middlewares_have_a_budget_of_their_own_and_one_against_starlette() -> None:
    rows = [line("raw", 1), line("velocipy", 0.91), line("starlette", 0.3)]
    assert verdicts(report(*rows, workload="armored")) == ["2 of 2 budgets are met."]
    rows[2] = line("starlette", 0.5)
    assert verdicts(report(*rows, workload="armored")) == [
        "uvicorn armored against Starlette: 1.82, at least 3 is the budget",
        "1 of 2 budgets are met.",
    ]


def test_what_a_table_is_held_to_is_among_the_budgets() -> None:
    made = report(line("raw", 1), line("velocipy", 1))
    held = (Held("bytes a key", 251, 250, most=True), Held("a share", 0.9, 0.8, most=False))
    made.tables = [Table("Limits", [["what", "bytes"], ["a key", "251"]], held)]
    assert verdicts(made) == ["bytes a key: 251, at most 250 is the budget", "2 of 3 budgets are met."]


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
    made.tables = [Table("In process", [["workload", "ns"], ["plain", "1"]])]
    for shown in (text(made), markdown(made)):
        assert all(part in shown for part in ("raw again", "0.970", "abacus", "2026-01-01", "In process"))
        assert "falcon in uvicorn: answers differ" in shown
    assert json.loads(json.dumps(made.as_json()))["groups"][0]["workloads"]["plain"][2]["ratio"] == 0.97


def test_markdown_tables_have_one_number_of_columns() -> None:
    shown = markdown(report(line("raw", 1), line("velocipy", 0.97)))
    table = [each for each in shown.split("## uvicorn")[1].splitlines() if each.startswith("|")]
    assert len(table) == 4 and len({each.count("|") for each in table}) == 1


def test_a_page_is_the_same_when_it_is_made_of_what_json_wrote(tmp_path: Path) -> None:
    made = report(line("raw", 1), line("raw again", 1), line("velocipy", 0.97), line("falcon", 0.5))
    made.tables = [Table("Limits", [["what"], ["a key"]], (Held("bytes a key", 251, 250, most=True),))]
    file, page = tmp_path / "bench.json", tmp_path / "benchmarks.md"
    file.write_text(json.dumps(made.as_json()))
    assert run.main(["--from", str(file), "--markdown", str(page)]) == 0
    assert page.read_text() == markdown(made)
    assert {path.name: path.read_text() for path in (tmp_path / "charts").iterdir()} == charts(made)


def test_every_chart_of_a_page_is_drawn_and_says_its_figures() -> None:
    made = report(line("raw", 1), line("raw again", 1.01), line("velocipy", 0.97), line("falcon", 0.5))
    drawn, shown = charts(made), markdown(made)
    assert set(drawn) == {"bench-ratios.svg", "bench-uvicorn.svg"}
    assert all(f"](charts/{name})" in shown for name in drawn)
    assert "plain: 0.970" in drawn["bench-ratios.svg"] and "raw again: 1.010" in drawn["bench-ratios.svg"]
    assert "falcon, plain: 0.500" in drawn["bench-uvicorn.svg"]
    assert "velocipy, plain: 0.970" in drawn["bench-uvicorn.svg"]


def test_a_chart_is_as_wide_as_a_phone_follows_the_reader_s_colours_and_keeps_within_its_edges() -> None:
    rows = [line("raw", 1), line("velocipy", 9), line("a framework of a long name", 0.01)]
    for drawing in charts(report(*rows)).values():
        svg = ElementTree.fromstring(drawing)
        assert svg.attrib["viewBox"].startswith("0 0 420 ")
        assert "prefers-color-scheme:dark" in drawing
        across = [float(each.attrib["cx"]) for each in svg.iter() if "cx" in each.attrib]
        assert across and 0 <= min(across) and max(across) <= 420


def test_a_run_without_our_app_has_no_chart() -> None:
    assert charts(report(line("raw", 1), line("raw again", 1))) == {}
