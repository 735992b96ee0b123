"""Growth curves: fits, pages, and that each probe runs. Knows made-up points and small sizes."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from xml.etree import ElementTree

import growth_curves
import growth_memory
import probes
import pytest
import run
from benchkit import idle, marks
from benchkit.curves import Axis, line_of, short
from benchkit.growth_page import Growth, charts, markdown

DOCS = Path(__file__).resolve().parents[2] / "docs"
PROGRAM = """\
import sys
sys.path.insert(0, {folder!r})
from benchkit.marks import Meter
meter = Meter()
for size in (1_000, 4_000):
    meter.measure("a sum", size, 1, lambda: sum(range(size)))
meter.close()
"""


@pytest.mark.parametrize(
    ("costs", "exponent", "each"),
    [((7, 7, 7, 7), 0, 0), ((20, 200, 2_000, 20_000), 1, 2), ((4, 400, 40_000, 4_000_000), 2, None)],
)
def test_a_curve_has_its_exponent_and_what_one_more_costs(
    costs: tuple[float, ...], exponent: float, each: float | None
) -> None:
    line = line_of(list(zip((10, 100, 1_000, 10_000), costs, strict=True)), "a", "ns")
    assert line.exponent == pytest.approx(exponent)
    assert each is None or line.each == pytest.approx(each)


def test_what_is_there_at_any_size_does_not_hide_the_growth() -> None:
    """500 and 2 for each: by all sizes the exponent would be 0.4."""
    line = line_of([(x, 500 + 2 * x) for x in (0, 10, 100, 1_000, 10_000, 100_000)], "a", "ns")
    assert 0.9 < line.exponent <= 1


def test_an_exponent_above_its_bound_is_a_miss() -> None:
    flat = line_of([(1, 5.0), (10, 5.0), (100, 5.0)], "flat", "ns", 0.0)
    steep = line_of([(1, 5.0), (10, 10.0), (100, 20.0)], "steep", "ns", 0.0)
    axis = Axis("x", "X", "x", (flat, steep), "nothing")
    assert [held.met for held in axis.held()] == [True, False]
    assert "exponent of steep, ns: 0.301, at most 0.1" in str(axis.held()[1])


@pytest.mark.parametrize(("value", "text"), [(7.25, "7.25"), (1_234, "1.23 k"), (2e6, "2 M"), (-3e9, "-3 G")])
def test_numbers_are_short_on_a_scale(value: float, text: str) -> None:
    assert short(value) == text


def made() -> Growth:
    grown = line_of([(10, 100.0), (100, 1_000.0), (1_000, 10_000.0)], "grown", "instructions", 1.0)
    held = line_of([(10, 0.0), (100, 3.0), (1_000, 3.5)], "held", "bytes of memory")
    some = line_of([(0, 900.0), (5, 1_000.0), (20, 1_300.0)], "some", "instructions", 1.0)
    axes = (
        Axis("keys", "Keys", "keys", (grown, held), "A dict bounds it."),
        Axis("some", "Some", "things", (some,), "Calls bound it.", straight=True),
    )
    return Growth("2026-01-01", {"cpu": "abacus"}, {"velocipy": "1"}, axes)


def test_a_page_has_each_axis_with_its_figures_slopes_and_bound() -> None:
    shown = markdown(made())
    for part in (
        "## Keys",
        "A dict bounds it.",
        "10,000",
        "| grown | instructions | 1.00 | 10 |",
        "abacus",
        "2026-01-01",
    ):
        assert part in shown
    assert all(f"]({name})" in shown for name in charts(made()))
    assert len(charts(made())) == 3


def test_charts_of_growth_keep_within_their_edges() -> None:
    for drawing in charts(made()).values():
        svg = ElementTree.fromstring(drawing)
        _, _, width, height = map(float, svg.attrib["viewBox"].split())
        dots = [
            (float(each.attrib["cx"]), float(each.attrib["cy"])) for each in svg.iter() if "cx" in each.attrib
        ]
        assert len(dots) >= 3 and all(0 <= x <= width and 0 <= y <= height for x, y in dots)


def test_a_page_of_growth_is_the_same_when_it_is_made_of_what_json_wrote(tmp_path: Path) -> None:
    file, page = tmp_path / "growth.json", tmp_path / "growth.md"
    file.write_text(json.dumps(made().as_json()))
    assert growth_curves.main(["--from", str(file), "--markdown", str(page)]) == 0
    assert page.read_text() == markdown(made())
    assert (tmp_path / "charts" / "growth-keys-instructions.svg").read_text() == charts(made())[
        "charts/growth-keys-instructions.svg"
    ]


@pytest.mark.parametrize(
    ("figures", "page", "command"),
    [("growth.json", "growth.md", growth_curves.main), ("bench.json", "benchmarks.md", run.main)],
)
def test_pages_of_the_docs_are_what_their_figures_make(
    figures: str, page: str, command: object, tmp_path: Path
) -> None:
    """So that nobody edits one by hand. A change of how they look is followed by `--from ... --markdown ...`."""
    source = DOCS / "charts" / figures
    assert callable(command)
    command(["--from", str(source), "--markdown", str(tmp_path / page)])
    assert (DOCS / page).read_text() == (tmp_path / page).read_text()
    for drawing in (tmp_path / "charts").iterdir():
        assert (DOCS / "charts" / drawing.name).read_text() == drawing.read_text()


def program(tmp_path: Path) -> Path:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM.format(folder=str(Path(__file__).parent)))
    return file


def test_without_valgrind_cpu_time_beside_a_control_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    few, many = marks.run(program(tmp_path), [])
    assert (few.series, few.size, few.unit) == ("a sum", 1_000, marks.NANOSECONDS)
    assert many.cost > 1.5 * few.cost


@pytest.mark.skipif(marks.unit() != marks.INSTRUCTIONS, reason="valgrind is not installed")
def test_instructions_of_each_measurement_are_counted_apart(tmp_path: Path) -> None:
    few, many = marks.run(program(tmp_path), [])
    assert few.unit == marks.INSTRUCTIONS
    assert 20_000 < few.cost < many.cost < 5 * few.cost


def test_a_program_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    file = tmp_path / "broken.py"
    file.write_text("raise RuntimeError('no claws')")
    with pytest.raises(RuntimeError, match="no claws"):
        marks.run(file, [])


@pytest.mark.parametrize("axis", probes.AXES)
def test_each_probe_measures_all_of_its_sizes(
    axis: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, few in (
        ("ROUTES", (10, 20)),
        ("DEPENDENCIES", (0, 2)),
        ("MIDDLEWARES", (0, 2)),
        ("KEYS", (10, 20)),
    ):
        monkeypatch.setattr(probes, name, few)
    monkeypatch.setattr(probes, "BODIES", (100, 200_000))
    monkeypatch.setattr(probes, "CALLS", 3)
    monkeypatch.setattr(marks, "ROUNDS", 1)
    assert probes.main([axis]) == 0
    said = json.loads(capsys.readouterr().out)
    series = {each["series"] for each in said}
    assert len(said) == 2 * len(series) and len(series) >= 2
    assert all(each["nanoseconds"] > 0 for each in said)


def test_memory_of_keys_and_routes_is_theirs_alone() -> None:
    assert 50 < growth_memory.keys("a key", 2_000) <= 250
    assert 500 < growth_memory.routes("a route", 20) < 20_000


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_memory_of_a_body_is_by_how_much_the_peak_rises() -> None:
    read, pieces = (
        growth_curves.memory("bodies", name, (1_000, 20_000_000), None) for name in ("read", "pieces")
    )
    assert read.costs[1] > 15_000_000 > 10_000_000 > pieces.costs[1]


@pytest.mark.servers
def test_idle_connections_are_held_and_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idle, "SLICES", 1)
    monkeypatch.setattr(idle, "SECONDS", 0.1)
    (few,) = idle.measured("uvicorn", "websocket", (150,))
    assert few.count == 150 and few.more_bytes > 0 and few.cpu_ratio > 0


@pytest.mark.servers
def test_a_connection_that_is_not_taken_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="were not taken"), idle.holding("kept", 1, 2):
        raise AssertionError("nobody listens there")
