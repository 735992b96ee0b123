"""The files of a release: built twice and from the sdist, compared, and looked through. Knows archives and hatchling; no index.

A build takes nothing from where or when it runs: two copies of the tree in different folders give the same bytes, and the sdist
alone gives the same wheel. `SOURCE_DATE_EPOCH` is the time of the commit.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from email.parser import BytesParser
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import ZipFile

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from tag import Dist


class Wrong(Exception):
    """What is wrong with the files, in a sentence."""


class Files(NamedTuple):
    """The two files that a release of a dist has."""

    sdist: Path
    wheel: Path


def copy_tree(root: Path, to: Path) -> Path:
    """A copy of every file that git knows or would add; what it ignores stays behind."""
    listed = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (root / name).is_file():  # a file that is deleted and not committed is still listed
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(root / name, to / name)
    return to


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=root, check=True, capture_output=True, text=True, timeout=60
    ).stdout


def commit_time(root: Path) -> int:
    """Seconds since 1970 of the newest commit."""
    return int(git(root, "log", "-1", "--format=%ct"))


def build(project: Path, out: Path, epoch: int, *kinds: str) -> None:
    """Build the project's sdist and wheel (or only `kinds`) into `out`, with the hatchling of this environment."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out), *kinds],
        cwd=project,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise Wrong(f"{project.name} does not build:\n{done.stdout}{done.stderr}")


def files_of(dist: Dist, out: Path) -> Files:
    """Where the two files of the dist are below `out`. Raises Wrong if others of its name are there."""
    stem = dist.name.replace("-", "_")
    there = {path.name for path in out.iterdir() if path.name.startswith(f"{stem}-")}
    wanted = {f"{stem}-{dist.version}.tar.gz", f"{stem}-{dist.version}-py3-none-any.whl"}
    if there != wanted:
        raise Wrong(f"{dist.name}: built {sorted(there)}, not {sorted(wanted)}")
    return Files(*(out / name for name in sorted(wanted, key=lambda name: name.endswith(".whl"))))


def check_same(one: Path, other: Path, how: str) -> None:
    if sha256(one) != sha256(other):
        raise Wrong(f"{one.name} is another file when it is built {how}")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_rebuilt(dist: Dist, files: Files, again: Dist, scratch: Path, epoch: int) -> None:
    """Build the dist from the second copy of the tree, and its wheel from its sdist. Raises Wrong for a byte that differs."""
    build(again.folder, scratch / "again", epoch)
    for one, other in zip(files, files_of(dist, scratch / "again"), strict=True):
        check_same(one, other, "once more, elsewhere")
    with tarfile.open(files.sdist) as archive:
        archive.extractall(scratch / "sdist", filter="data")
    (source,) = (scratch / "sdist").iterdir()
    build(source, scratch / "from-sdist", epoch, "-t", "wheel")
    check_same(files.wheel, scratch / "from-sdist" / files.wheel.name, "from its sdist")


def check_contents(dist: Dist, files: Files) -> None:
    """Both archives hold the files of the tree that belong there, and no other. Raises Wrong."""
    project = tomllib.loads((dist.folder / "pyproject.toml").read_text())
    targets = project["tool"]["hatch"]["build"]["targets"]
    stem = f"{dist.name.replace('-', '_')}-{dist.version}"
    papers = {f"{stem}.dist-info/{name}" for name in ("METADATA", "WHEEL", "RECORD", "licenses/LICENSE")}
    if set(project["project"]) & {"entry-points", "scripts"}:
        papers.add(f"{stem}.dist-info/entry_points.txt")
    code = {
        name.removeprefix("src/") for name in below(dist.folder, targets["wheel"].get("only-include", []))
    }
    with ZipFile(files.wheel) as wheel:
        compare(files.wheel, wheel.namelist(), code | papers)
        check_metadata(dist, project["project"], wheel.read(f"{stem}.dist-info/METADATA"))
    # hatchling adds the settings that an sdist is built by; of these the tree has a .gitignore at its top alone.
    kept = below(dist.folder, targets["sdist"]["only-include"]) | {"pyproject.toml", "README.md", "LICENSE"}
    with tarfile.open(files.sdist) as archive:
        names = [member.name.removeprefix(f"{stem}/") for member in archive if member.isfile()]
    compare(files.sdist, names, kept | {"PKG-INFO", ".gitignore"})


def below(folder: Path, names: list[str]) -> set[str]:
    """The files at or below the named ones, relative to the folder."""
    found = [path for name in names for path in ((folder / name), *(folder / name).rglob("*"))]
    return {path.relative_to(folder).as_posix() for path in found if path.is_file()}


def compare(archive: Path, names: list[str], wanted: set[str]) -> None:
    if len(names) != len(set(names)):
        raise Wrong(f"{archive.name} holds a file twice")
    if set(names) != wanted:
        raise Wrong(
            f"{archive.name} has {sorted(set(names) - wanted)} beside what belongs there, and lacks {sorted(wanted - set(names))}"
        )


def check_metadata(dist: Dist, project: dict[str, Any], metadata: bytes) -> None:
    """The wheel's metadata says what the dist's pyproject.toml says. Raises Wrong."""
    told = BytesParser().parsebytes(metadata)
    required = {normal(text) for text in project.get("dependencies", [])}
    for extra in project.get("optional-dependencies", {}):
        required |= {normal(text, extra) for text in asked_by(extra, project)}
    facts = {
        "Name": ({dist.name}, set(told.get_all("Name", []))),
        "Version": ({dist.version}, set(told.get_all("Version", []))),
        "Requires-Python": ({project["requires-python"]}, set(told.get_all("Requires-Python", []))),
        "License-Expression": ({project["license"]}, set(told.get_all("License-Expression", []))),
        "Requires-Dist": (required, {normal(text) for text in told.get_all("Requires-Dist", [])}),
    }
    for field, (wanted, found) in facts.items():
        if found != wanted:
            raise Wrong(f"{dist.name}: {field} is {sorted(found)}, its pyproject.toml has {sorted(wanted)}")


def asked_by(extra: str, project: dict[str, Any]) -> list[str]:
    """What an extra asks for; a requirement of the dist's own extras stands for what these ask for."""
    asked = []
    for text in project["optional-dependencies"][extra]:
        requirement = Requirement(text)
        own = requirement.extras if requirement.name == project["name"] else ()
        asked += [one for name in own for one in asked_by(name, project)] if own else [text]
    return asked


def normal(text: str, extra: str | None = None) -> str:
    """A requirement in the one form that metadata has: 'backports.zstd>=1', "zstd" -> 'backports-zstd>=1; extra == "zstd"'."""
    requirement = Requirement(text)
    requirement.name = canonicalize_name(requirement.name)
    if extra is not None:
        own = f"({requirement.marker}) and " if requirement.marker else ""
        requirement.marker = Marker(f"{own}extra == '{extra}'")
    return str(requirement)
