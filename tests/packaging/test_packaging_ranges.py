"""Dists fit together: each range admits its sibling's version of today. Knows pyproject files and version numbers."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
Version = tuple[int, ...]


def projects() -> dict[str, dict[str, Any]]:
    tables = {}
    for path in sorted(ROOT.glob("packages/*/pyproject.toml")):
        data = tomllib.loads(path.read_text())
        table = data["project"]
        if "version" not in table:
            about = (path.parent / data["tool"]["hatch"]["version"]["path"]).read_text()
            (table["version"],) = re.findall(r'__version__ = "([^"]+)"', about)
        tables[table["name"]] = table
    return tables


def parse(version: str) -> Version:
    return tuple(int(part) for part in version.split("."))


def admits(requirement: str, version: str) -> bool:
    """`velocipy-core>=0.1,<0.2` and `0.1.4` -> True. Only the form that this repository uses is understood."""
    found = re.fullmatch(r"[a-z-]+>=([\d.]+),<([\d.]+)", requirement)
    assert found, f"{requirement!r} is not of the form name>=a,<b"
    return parse(found[1]) <= parse(version) < parse(found[2])


def sibling_requirements() -> list[tuple[str, str]]:
    """(dist, requirement) for every requirement of a sibling; extras that only add an extra have no range."""
    pairs = []
    for name, table in projects().items():
        extras = [one for extra in table.get("optional-dependencies", {}).values() for one in extra]
        for requirement in [*table["dependencies"], *extras]:
            if requirement.startswith("velocipy") and "[" not in requirement:
                pairs.append((name, requirement))
    return pairs


@pytest.mark.parametrize(("dist", "requirement"), sibling_requirements())
def test_a_pinned_range_admits_the_siblings_version(dist: str, requirement: str) -> None:
    sibling = requirement.split(">")[0]
    assert admits(requirement, projects()[sibling]["version"]), f"{dist} asks for {requirement}"


@pytest.mark.parametrize("dist", sorted(set(projects()) - {"velocipy-core", "velocipy"}))
def test_every_dist_names_the_core_that_it_works_with(dist: str) -> None:
    assert any(requirement.startswith("velocipy-core>=") for requirement in projects()[dist]["dependencies"])


@pytest.mark.parametrize(
    ("requirement", "version", "admitted"),
    [
        ("velocipy-core>=0.1,<0.2", "0.1.0", True),
        ("velocipy-core>=0.1,<0.2", "0.1.12", True),
        ("velocipy-core>=0.1,<0.2", "0.2.0", False),
        ("velocipy-core>=0.2,<0.3", "0.1.9", False),
    ],
)
def test_the_reading_of_a_range_is_right(requirement: str, version: str, admitted: bool) -> None:
    assert admits(requirement, version) is admitted


def test_the_core_needs_httpx2_and_nothing_else() -> None:
    assert [re.split(r"[<>=]", one)[0] for one in projects()["velocipy-core"]["dependencies"]] == ["httpx2"]
