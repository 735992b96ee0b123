"""Checks a release tag, or every dist, against versions and changelogs. Knows the tree's files, builds nothing.

python .ci/tag.py velocipy-limiter-v0.1.0   -> dist=, dir= and version= lines, or a message and status 1
python .ci/tag.py --all                     -> status 1 if a version is neither in its dist's changelog nor in fragments to come
"""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TAG = re.compile(r"(velocipy(?:-[a-z]+)*)-v(\d+\.\d+\.\d+(?:(?:a|b|rc)\d+)?)")


class Dist(NamedTuple):
    """One distribution of the workspace: its name, its folder and its version."""

    name: str
    folder: Path
    version: str


def dists(root: Path) -> list[Dist]:
    """Every dist below packages/, sorted by folder."""
    return [read_dist(path) for path in sorted(root.glob("packages/*/pyproject.toml"))]


def read_dist(pyproject: Path) -> Dist:
    """A pyproject.toml -> its Dist; a dynamic version is read from the file that hatch reads."""
    data = tomllib.loads(pyproject.read_text())
    version = data["project"].get("version") or dynamic_version(pyproject.parent, data)
    return Dist(data["project"]["name"], pyproject.parent, version)


def dynamic_version(folder: Path, data: dict[str, Any]) -> str:
    about = folder / data["tool"]["hatch"]["version"]["path"]
    found = re.search(r'^__version__ = "([^"]+)"$', about.read_text(), re.MULTILINE)
    if found is None:
        sys.exit(f'{about}: no line of the form __version__ = "1.2.3"')
    return found[1]


def has_changelog_entry(dist: Dist) -> bool:
    """Whether the dist's CHANGELOG.md has a heading of its version."""
    return f"\n## [{dist.version}]" in (dist.folder / "CHANGELOG.md").read_text()


def fragments(dist: Dist) -> list[Path]:
    """The changes of a dist that no version has in its changelog yet, a file each."""
    return sorted(path for path in (dist.folder / "changelog.d").glob("*.md"))


def unreleased(dist: Dist) -> bool:
    """Whether the heading of the dist's version still says unreleased instead of a date."""
    return f"\n## [{dist.version}] - unreleased" in (dist.folder / "CHANGELOG.md").read_text()


def check_tag(tag: str, root: Path | None = None) -> Dist:
    """A tag -> the Dist of the tree below `root` that it releases; exits with what is wrong otherwise."""
    found = TAG.fullmatch(tag)
    if found is None:
        sys.exit(f"{tag!r} is no release tag: want <dist>-v<version>, such as velocipy-core-v0.1.0")
    known = {dist.name: dist for dist in dists(root or ROOT)}
    dist = known.get(found[1])
    if dist is None:
        sys.exit(f"{tag!r}: no dist is named {found[1]!r}; there are {', '.join(sorted(known))}")
    if dist.version != found[2]:
        sys.exit(f"{tag!r}: {dist.name} is at {dist.version}; set the version before the tag")
    if unreleased(dist) or fragments(dist) or not has_changelog_entry(dist):
        sys.exit(
            f"{tag!r}: {dist.folder.name}/CHANGELOG.md says unreleased of {dist.version}, lacks it, or lacks what is in "
            f"changelog.d/; run `hatch run release:notes {dist.name}`"
        )
    return dist


def check_all() -> None:
    wrong = [dist for dist in dists(ROOT) if not has_changelog_entry(dist) and not fragments(dist)]
    for dist in wrong:
        print(
            f"packages/{dist.folder.name}/CHANGELOG.md has no heading '## [{dist.version}]', and changelog.d/ is empty",
            file=sys.stderr,
        )
    sys.exit(1 if wrong else 0)


def main(arguments: list[str]) -> None:
    if arguments == ["--all"]:
        check_all()
    if len(arguments) != 1:
        sys.exit("usage: tag.py <tag> | --all")
    dist = check_tag(arguments[0])
    print(f"dist={dist.name}\ndir={dist.folder.name}\nversion={dist.version}")


if __name__ == "__main__":
    main(sys.argv[1:])
