"""The page of floors says what the dists ask for, and the dists ask for no less than what is safe. Knows tables and requirements."""

import re
from pathlib import Path

import pytest
from packaging.version import Version
from release_floors import CORE, TESTS, Floor, floors

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "explanation" / "dependency-floors.md"
FLOORS = list(floors(ROOT))

# Below these stand known holes, whatever else a dist may need.
SAFE = {
    "granian": "2.7.4",
    "h11": "0.16",
    "h2": "4.4.1",
    "jinja2": "3.1.6",
    "orjson": "3.9.15",
    "pydantic": "2.4",
    "python-multipart": "0.0.32",
    "redis": "5.0.1",
    "uvicorn": "0.31",
}


def rows() -> dict[str, tuple[Version, str, str]]:
    """Library -> (lowest version, what asks for it, why)."""
    cells = re.findall(r"^\| `([^`]+)` \| (\S+) \| (.+?) \| (.+) \|$", PAGE.read_text(), re.M)
    return {name: (Version(version), asked, why) for name, version, asked, why in cells}


def asker(floor: Floor) -> str:
    return f"`{floor.dist}[{floor.extra}]`" if floor.extra else f"`{floor.dist}`"


def test_the_page_has_a_row_for_each_library_and_no_other() -> None:
    assert set(rows()) == {floor.requirement.name for floor in FLOORS}
    assert all(len(why) > 10 for _, _, why in rows().values())


@pytest.mark.parametrize("floor", FLOORS, ids=lambda floor: f"{floor.dist}-{floor.requirement.name}")
def test_a_row_has_the_floor_that_the_dist_asks_for(floor: Floor) -> None:
    version, asked, _ = rows()[floor.requirement.name]
    assert version == floor.version
    assert asker(floor) in asked


@pytest.mark.parametrize(("name", "version"), SAFE.items())
def test_no_floor_stands_below_what_is_safe(name: str, version: str) -> None:
    asked = [floor.version for floor in FLOORS if floor.requirement.name == name]
    assert asked and min(asked) >= Version(version)


def test_the_servers_that_parse_with_h11_and_h2_ask_for_safe_ones_themselves() -> None:
    asked = {(floor.extra, floor.requirement.name) for floor in FLOORS if floor.dist == "velocipy-asgi"}
    assert {("uvicorn", "h11"), ("hypercorn", "h11"), ("hypercorn", "h2")} <= asked


def test_the_tests_of_the_lowest_versions_are_there() -> None:
    assert [path for path in TESTS if not (ROOT / path).is_file()] == []
    assert CORE in TESTS[0]
