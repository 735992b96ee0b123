"""The page of threats names what is there: modules, cases and tests, and speaks of every case. Knows the page's sections."""

import re
from pathlib import Path

import pytest
from security_pages import EXPLANATION, ROOT, cases, missing

TEXT = (EXPLANATION / "threat-model.md").read_text()
SECTIONS: dict[str, str] = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", TEXT, re.M | re.S))
PARTS = (
    "- **Protects**: ",
    "- **Against**: ",
    "- **Left to others**: ",
    "| Threat | What stands against it | Held by |",
)
SUBSYSTEMS = {
    *(
        "Protocol adapters",
        "Routing",
        "Parameters and bodies",
        "Forms and uploads",
        "Files",
        "Sessions",
        "Security schemes",
    ),
    *(
        "Middleware and templates",
        "WebSockets",
        "Limiter",
        "Redis",
        "OpenAPI and its pages",
        "Pages of debug",
        "The command",
    ),
    *("Start, stop and growth", "Release chain"),
}


def test_every_part_is_spoken_of() -> None:
    assert set(SECTIONS) == SUBSYSTEMS


@pytest.mark.parametrize("name", SECTIONS)
def test_a_part_says_what_it_protects_from_whom_and_what_it_leaves(name: str) -> None:
    assert [part for part in PARTS if part not in SECTIONS[name]] == []
    rows = [line for line in SECTIONS[name].splitlines() if line.startswith("| ")][1:]
    assert rows and [row for row in rows if not re.search(r"\bcases? \d|`test_", row.split(" | ")[-1])] == []


@pytest.mark.parametrize("name", SECTIONS)
def test_what_a_part_names_is_there(name: str) -> None:
    assert missing(SECTIONS[name]) == []
    first = SECTIONS[name].strip().splitlines()[0]
    sources = [ROOT / part for part in re.findall(r"`(\.[\w./]+)`", first)]
    for dotted in re.findall(r"`velocipy\.([\w.]+)`", first):
        sources.append(module(dotted))
    assert sources and [str(path) for path in sources if not path.exists()] == []


def module(dotted: str) -> Path:
    """`http.gate` -> where it lies in one of the dists; a path that is not there if in none."""
    place = f"packages/*/src/velocipy/{dotted.replace('.', '/')}"
    return next((path for pattern in (f"{place}.py", place) for path in ROOT.glob(pattern)), ROOT / dotted)


def test_every_hostile_case_is_told_of_somewhere() -> None:
    assert sorted(set(range(1, 155)) - set(cases(TEXT))) == []
