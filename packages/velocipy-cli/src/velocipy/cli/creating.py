"""`velocipy new NAME`: a project with an app, its test, a Dockerfile and a workflow. Copies templates; asks no network."""

from __future__ import annotations

import re
import shlex
from argparse import ArgumentParser, Namespace
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from velocipy.cli.errors import MISUSED, CommandError
from velocipy.cli.terminal import styled

HELP = "make a new project: an app, its test, a Dockerfile and a CI workflow"

PLACES = {
    "gitignore.txt": ".gitignore",
    "dockerfile.txt": "Dockerfile",
    "workflow.txt": ".github/workflows/ci.yml",
    "main.txt": "main.py",
    "pyproject.txt": "pyproject.toml",
    "readme.txt": "README.md",
    "test_main.txt": "tests/test_main.py",
}
"""Template -> where it goes in the project."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `velocipy new`."""
    parser.add_argument("name", help="the project's name and folder: lower-case letters, digits and hyphens")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="make it here (default: the current folder)",
    )


def run(options: Namespace) -> int:
    """Write the files -> 0. Raises CommandError for a name that is none, and for a folder that has files already."""
    if not _NAME.fullmatch(options.name):
        raise CommandError(
            f"{options.name!r} is no name for a project: write it as in {_near(options.name)}", MISUSED
        )
    project = options.folder / options.name
    if project.exists() and (not project.is_dir() or any(project.iterdir())):
        raise CommandError(f"{project} is there already and not empty: choose another name")
    try:
        _write(project, options.name)
    except OSError as exc:
        raise CommandError(f"{exc.filename or project} cannot be written: {exc.strerror}") from None
    print(f"{styled(str(project), 'bold')}: {len(PLACES)} files. Next:\n")
    print(
        f"  cd {shlex.quote(str(project))}\n  python3 -m venv .venv && .venv/bin/pip install -e '.[dev]'\n  .venv/bin/velocipy dev"
    )
    return 0


def _near(name: str) -> str:
    """ "My_App" -> "my-app"."""
    near = re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")
    return near if _NAME.fullmatch(near) else "my-service"


def _write(project: Path, name: str) -> None:
    for template, place in PLACES.items():
        path = project / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(filled(template, name), "utf-8", newline="\n")


def filled(template: str, name: str) -> str:
    """The text of a template with the project's name in it."""
    return _template(template).read_text("utf-8").replace("{{name}}", name)


def _template(name: str) -> Traversable:
    return files("velocipy.cli") / "templates" / name
