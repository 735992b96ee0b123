"""What the meta-package promises: every dist of ours is in it, bare where it needs nothing else, and `all` is all."""

import re
import tomllib
from importlib.metadata import requires, version
from pathlib import Path
from typing import Any

PACKAGES = Path(__file__).resolve().parents[2]


def project(folder: str) -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((PACKAGES / folder / "pyproject.toml").read_text())["project"]
    return table


def name_of(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9-]+", requirement)
    assert found, requirement
    return found[0]


def test_the_version_is_that_of_its_metadata() -> None:
    assert project("velocipy-meta")["version"] == version("velocipy")


def test_the_bare_install_brings_every_dist_that_needs_nothing_but_httpx2() -> None:
    folders = [
        path.parent.name for path in PACKAGES.glob("*/pyproject.toml") if path.parent.name != "velocipy-meta"
    ]
    needs = {folder: {name_of(r) for r in project(folder)["dependencies"]} for folder in folders}
    light = {folder for folder, names in needs.items() if all(n == "httpx2" or n in needs for n in names)}
    assert {name_of(r) for r in project("velocipy-meta")["dependencies"]} == light


def test_the_extra_all_names_every_other_extra() -> None:
    extras = project("velocipy-meta")["optional-dependencies"]
    (everything,) = extras.pop("all")
    assert set(everything.removeprefix("velocipy[").removesuffix("]").split(",")) == set(extras)


def test_the_installed_metadata_asks_for_a_server_only_by_extra() -> None:
    bare = [r for r in requires("velocipy") or [] if "extra ==" not in r]
    assert {name_of(r) for r in bare} & {"granian", "uvicorn", "hypercorn"} == set()
    assert bare
