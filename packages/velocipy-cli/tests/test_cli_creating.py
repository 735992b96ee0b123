"""`velocipy new`: what it writes, and that what it wrote passes its own check and tests."""

import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from velocipy.cli.creating import PLACES, filled


@pytest.fixture
def made(project: Any) -> Path:
    outcome = project.run("new", "my-service")
    assert outcome.status == 0
    folder: Path = project.folder / "my-service"
    return folder


def test_every_template_has_its_place_and_no_gap_is_left() -> None:
    there = {each.name for each in (files("velocipy.cli") / "templates").iterdir()}
    assert there == PLACES.keys()
    for template in there:
        text = filled(template, "my-service")
        assert "{{name}}" not in text
        assert text.endswith("\n")


def test_a_project_is_seven_files(made: Path) -> None:
    written = {path.relative_to(made).as_posix() for path in made.rglob("*") if path.is_file()}
    assert written == set(PLACES.values())


def test_what_to_do_next_is_said(project: Any) -> None:
    out = project.run("new", "my-service", "--folder", "with space").out
    assert out.startswith("with space/my-service: 7 files. Next:\n")
    assert "  cd 'with space/my-service'\n" in out
    assert ".venv/bin/velocipy dev" in out


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_new_project_passes_its_check(made: Path) -> None:
    done = command(made, "velocipy.cli", "check", "--strict")
    assert done.returncode == 0
    assert done.stdout.endswith(", errors: 0, warnings: 0\n")


def test_the_new_project_passes_its_tests(made: Path) -> None:
    done = command(made, "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly")
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_the_new_project_needs_dists_of_this_repository_by_their_own_names(made: Path) -> None:
    """The name `velocipy` belongs to somebody else."""
    settings = tomllib.loads((made / "pyproject.toml").read_text("utf-8"))
    needed = settings["project"]["dependencies"] + settings["project"]["optional-dependencies"]["dev"]
    names = {one.partition(">")[0].partition("[")[0] for one in needed}
    assert names == {
        "velocipy-core",
        "velocipy-rsgi",
        "velocipy-openapi",
        "velocipy-cli",
        "velocipy-asgi",
        "pytest",
    }
    assert settings["project"]["name"] == "my-service"
    assert settings["tool"]["velocipy"]["app"] == "main:app"


def test_the_container_runs_a_command_that_is_there(made: Path) -> None:
    last = (made / "Dockerfile").read_text("utf-8").splitlines()[-1]
    assert last == 'CMD ["velocipy", "run", "main:app", "--host", "0.0.0.0", "--port", "8000"]'


@pytest.mark.parametrize("name", ["My", "a b", "a_b", "-a", "a--b", "../a", "a/b", "1a", "", "ä"])
def test_a_name_that_is_none_makes_nothing(project: Any, name: str) -> None:
    assert project.run("new", "--", name).status == 2
    assert list(project.folder.iterdir()) == []


@pytest.mark.parametrize(("name", "near"), [("My_App", "my-app"), ("a b", "a-b"), ("1a", "my-service")])
def test_a_name_that_is_none_is_shown_as_it_could_be(project: Any, name: str, near: str) -> None:
    assert (
        project.run("new", name).err
        == f"velocipy: {name!r} is no name for a project: write it as in {near}\n"
    )


def test_nothing_is_written_over(project: Any) -> None:
    path = project.write("shop/main.py", "mine = 1")
    outcome = project.run("new", "shop")
    assert (outcome.status, outcome.err) == (
        1,
        "velocipy: shop is there already and not empty: choose another name\n",
    )
    assert path.read_text() == "mine = 1"


def test_an_empty_folder_is_filled(project: Any) -> None:
    (project.folder / "shop").mkdir()
    assert project.run("new", "shop").status == 0


def test_a_place_that_cannot_be_written_is_said(project: Any) -> None:
    project.write("file", "")
    outcome = project.run("new", "shop", "--folder", "file")
    assert outcome.status == 1
    assert outcome.err.startswith("velocipy: file/shop")
    assert "cannot be written: Not a directory" in outcome.err
