"""Which versions of our dists go together: the newest of one beside the oldest that ranges allow of the others, and the reverse.

Knows tags, requirements and sources; installs nothing. A version is what a tag <dist>-v<version> of git holds. Before a dist has such
a tag, its oldest version is the lowest that the ranges of others admit, and its newest the one after the tree's; both are made of
the tree's sources, so that ranges, metadata and installation are proven before there is a release, and behaviour from then on.
"""

import io
import re
import subprocess
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from release_builds import build
from tag import Dist, dists, read_dist

Ranges = Mapping[str, SpecifierSet]


class Unfitting(Exception):
    """No choice of versions satisfies all ranges; the message names those in the way."""


@dataclass(frozen=True, slots=True)
class Release:
    """A version of a dist: where its sources are, which siblings it requires, which versions of siblings it admits.

    `admits` names those of extras as well. `tag` is None for the tree's.
    """

    name: str
    version: Version
    requires: frozenset[str]
    admits: Ranges
    folder: str
    tag: str | None

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.tag or 'the tree'})"

    @property
    def key(self) -> str:
        """A name of its sources and version, for a folder."""
        return f"{self.name}-{self.version}-{'released' if self.tag else 'tree'}"

    def at(self, version: Version) -> "Release":
        """The same sources under another version."""
        return replace(self, version=version)


def of_tree(root: Path) -> dict[str, Release]:
    """Every dist as the tree has it."""
    return {dist.name: of_dist(dist) for dist in dists(root)}


def of_dist(dist: Dist) -> Release:
    text = (dist.folder / "pyproject.toml").read_text()
    return read_release(dist.name, Version(dist.version), dist.folder.name, None, text)


def read_release(name: str, version: Version, folder: str, tag: str | None, pyproject: str) -> Release:
    """What a pyproject.toml says of siblings."""
    project = tomllib.loads(pyproject)["project"]
    required = ranges(project.get("dependencies", []))
    extras = [text for texts in project.get("optional-dependencies", {}).values() for text in texts]
    admits = ranges([*project.get("dependencies", []), *extras])
    return Release(
        name, version, frozenset(required), {key: admits[key] for key in admits if key != name}, folder, tag
    )


def ranges(requirements: list[str]) -> Ranges:
    """Sibling -> the versions that all requirements of it admit together."""
    found: dict[str, SpecifierSet] = {}
    for text in requirements:
        requirement = Requirement(text)
        if requirement.name.split("-")[0] == "velocipy":
            found[requirement.name] = found.get(requirement.name, SpecifierSet()) & requirement.specifier
    return found


def of_tags(repository: Path, one: Release) -> list[Release]:
    """The released versions of a dist, oldest first."""
    listed = run(repository, "tag", "--list", f"{one.name}-v[0-9]*").split()
    found = []
    for tag in listed:
        pyproject = run(repository, "show", f"{tag}:packages/{one.folder}/pyproject.toml")
        version = Version(tag.removeprefix(f"{one.name}-v"))
        if not version.is_prerelease:
            found.append(read_release(one.name, version, one.folder, tag, pyproject))
    return sorted(found, key=lambda release: release.version)


def run(repository: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=repository, check=True, capture_output=True, text=True, timeout=60
    )
    return done.stdout


def lowest(name: str, tree: Mapping[str, Release]) -> Version:
    """The lowest version that any sibling's range begins with; the tree's where nobody asks for the dist."""
    begins = [
        Version(one.version)
        for other in tree.values()
        for one in other.admits.get(name, SpecifierSet())
        if one.operator == ">="
    ]
    return min(begins, default=tree[name].version)


def after(version: Version) -> Version:
    """0.1.0 -> 0.1.1"""
    return Version(f"{version.major}.{version.minor}.{version.micro + 1}")


def candidates(tree: Mapping[str, Release], tagged: Mapping[str, list[Release]]) -> dict[str, list[Release]]:
    """What each dist may be taken at, oldest first: what is released, else the tree's sources at the lowest version; then the tree.

    A release of the tree's own version comes before the tree, which may have gone on since.
    """
    found = {}
    for name, release in tree.items():
        released = [one for one in tagged[name] if one.version <= release.version]
        simulated = release.at(min(full(lowest(name, tree)), release.version))
        found[name] = [*(released or [simulated]), release]
    return found


def full(version: Version) -> Version:
    """0.1 -> 0.1.0, as a release is named."""
    return Version(f"{version.major}.{version.minor}.{version.micro}")


def newest(name: str, tree: Mapping[str, Release], tagged: Mapping[str, list[Release]]) -> Release:
    """What the next release of the dist would be: the tree; or, before the first, the patch after it."""
    return tree[name] if tagged[name] else tree[name].at(after(tree[name].version))


def beside_newest(
    name: str, tree: Mapping[str, Release], tagged: Mapping[str, list[Release]]
) -> dict[str, Release]:
    """The newest of one dist and the oldest of all others that go with it. Raises Unfitting."""
    return choose({**candidates(tree, tagged), name: [newest(name, tree, tagged)]})


def beside_oldest(
    name: str, tree: Mapping[str, Release], tagged: Mapping[str, list[Release]]
) -> dict[str, Release]:
    """The newest of all others and the oldest of this one that goes with them. Raises Unfitting."""
    others = {other: [newest(other, tree, tagged)] for other in tree}
    return choose({**others, name: candidates(tree, tagged)[name]})


def choose(offered: Mapping[str, list[Release]]) -> dict[str, Release]:
    """The first release of each, in the order that is offered, such that every range admits every choice. Raises Unfitting."""
    found = next(fitting(offered, list(offered), {}), None)
    if found is None:
        wrong = conflicts({name: releases[-1] for name, releases in offered.items()})
        raise Unfitting("; ".join(wrong) or "no versions fit each other")
    return found


def fitting(
    offered: Mapping[str, list[Release]], left: list[str], chosen: dict[str, Release]
) -> Iterator[dict[str, Release]]:
    if not left:
        yield chosen
        return
    for release in offered[left[0]]:
        more = {**chosen, left[0]: release}
        if not conflicts(more):
            yield from fitting(offered, left[1:], more)


def conflicts(chosen: Mapping[str, Release]) -> list[str]:
    """Which of the chosen do not admit which, in words."""
    return [
        f"{one.name} {one.version} asks for {sibling}{admitted}, not {chosen[sibling].version}"
        for one in chosen.values()
        for sibling, admitted in one.admits.items()
        if sibling in chosen and not admitted.contains(chosen[sibling].version)
    ]


def build_release(repository: Path, tree: Path, release: Release, out: Path, epoch: int) -> None:
    """Build the wheel of a release into `out`, from its tag or from the tree with its version set."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "packages", release.folder)
        source = repository if release.tag else tree
        unpack(source, release.tag, f"packages/{release.folder}", Path(scratch))
        set_version(read_dist(folder / "pyproject.toml"), release.version)
        build(folder, out, epoch, "-t", "wheel")


def unpack(source: Path, tag: str | None, folder: str, to: Path) -> None:
    """Copy a folder out of a tag, or out of a tree's files."""
    if tag is None:
        content = io.BytesIO()
        with tarfile.open(fileobj=content, mode="w") as archive:
            archive.add(source / folder, folder)
        raw = content.getvalue()
    else:
        command = ["git", "archive", "--format=tar", tag, folder]
        raw = subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=60).stdout
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        archive.extractall(to, filter="data")


def set_version(dist: Dist, version: Version) -> None:
    """Write a version where hatch reads the dist's."""
    if dist.version == str(version):
        return
    settings = tomllib.loads((dist.folder / "pyproject.toml").read_text())
    dynamic = "version" not in settings["project"]
    path = dist.folder / (settings["tool"]["hatch"]["version"]["path"] if dynamic else "pyproject.toml")
    name = "__version__" if dynamic else "version"
    text, times = re.subn(rf'^{name} = "[^"]+"$', f'{name} = "{version}"', path.read_text(), flags=re.M)
    if times != 1:
        raise Unfitting(f"{path.name} of {dist.name} has not one line that sets its version")
    path.write_text(text)
