"""Which versions of our dists are tried together: .ci/release_siblings.py. Knows made-up releases and a small repository of git."""

import subprocess
from pathlib import Path

import pytest
from packaging.version import Version
from release_siblings import (
    Release,
    Unfitting,
    beside_newest,
    beside_oldest,
    build_release,
    of_tags,
    of_tree,
    read_release,
)

ROOT = Path(__file__).resolve().parents[2]


def release(name: str, version: str, *requires: str, tagged: bool = True) -> Release:
    pyproject = f'[project]\nname = "{name}"\ndependencies = {list(requires)}\n'
    return read_release(name, Version(version), name, f"{name}-v{version}" if tagged else None, pyproject)


def world(*releases: Release) -> tuple[dict[str, Release], dict[str, list[Release]]]:
    """The tree's releases and the tagged ones, by name."""
    tree = {one.name: one for one in releases if one.tag is None}
    return tree, {name: [one for one in releases if one.name == name and one.tag] for name in tree}


def versions(chosen: dict[str, Release]) -> dict[str, str]:
    return {name: f"{one.version}{'' if one.tag else ' of the tree'}" for name, one in chosen.items()}


CORES = [
    release("velocipy-core", "0.1.0"),
    release("velocipy-core", "0.1.4"),
    release("velocipy-core", "0.2.0", tagged=False),
]


def test_the_newest_core_stands_beside_the_oldest_sibling_that_admits_it() -> None:
    tree, tagged = world(
        *CORES,
        release("velocipy-asgi", "0.1.0", "velocipy-core>=0.1,<0.2"),
        release("velocipy-asgi", "0.1.1", "velocipy-core>=0.1,<0.3"),
        release("velocipy-asgi", "0.1.2", "velocipy-core>=0.1,<0.3"),
        release("velocipy-asgi", "0.2.0", "velocipy-core>=0.2,<0.3", tagged=False),
    )
    chosen = versions(beside_newest("velocipy-core", tree, tagged))
    assert chosen == {"velocipy-core": "0.2.0 of the tree", "velocipy-asgi": "0.1.1"}


def test_the_oldest_core_is_the_oldest_that_the_newest_siblings_admit() -> None:
    tree, tagged = world(
        *CORES,
        release("velocipy-asgi", "0.1.0", "velocipy-core>=0.1,<0.2"),
        release("velocipy-asgi", "0.1.3", "velocipy-core>=0.1.2,<0.3", tagged=False),
    )
    chosen = versions(beside_oldest("velocipy-core", tree, tagged))
    assert chosen == {"velocipy-core": "0.1.4", "velocipy-asgi": "0.1.3 of the tree"}


def test_a_range_that_leaves_the_newest_core_out_is_found_and_named() -> None:
    tree, tagged = world(
        *CORES,
        release("velocipy-asgi", "0.1.0", "velocipy-core>=0.1,<0.2"),
        release("velocipy-asgi", "0.1.1", "velocipy-core>=0.1,<0.2", tagged=False),
    )
    with pytest.raises(
        Unfitting, match=r"velocipy-asgi 0\.1\.1 asks for velocipy-core<0\.2,>=0\.1, not 0\.2\.0"
    ):
        beside_newest("velocipy-core", tree, tagged)


def test_what_was_released_counts_before_a_tree_that_went_on_under_the_same_version() -> None:
    tree, tagged = world(
        *CORES,
        release("velocipy-asgi", "0.1.0", "velocipy-core>=0.1,<0.3"),
        release("velocipy-asgi", "0.1.0", "velocipy-core>=0.1,<0.3", tagged=False),
    )
    assert beside_newest("velocipy-core", tree, tagged)["velocipy-asgi"].tag == "velocipy-asgi-v0.1.0"
    newest = beside_oldest("velocipy-core", tree, tagged)["velocipy-asgi"]
    assert (newest.tag, newest.key) == (None, "velocipy-asgi-0.1.0-tree")


def test_before_a_first_release_the_tree_stands_for_the_lowest_version_and_the_one_after() -> None:
    tree, tagged = world(
        release("velocipy-core", "0.1.3", tagged=False),
        release("velocipy-asgi", "0.1.0", "velocipy-core>=0.1.2,<0.2", tagged=False),
    )
    newest, oldest = (
        beside_newest("velocipy-core", tree, tagged),
        beside_oldest("velocipy-core", tree, tagged),
    )
    assert versions(newest)["velocipy-core"] == "0.1.4 of the tree"
    assert versions(oldest)["velocipy-core"] == "0.1.2 of the tree"


def test_every_dist_of_today_has_versions_that_go_together() -> None:
    tree = of_tree(ROOT)
    tagged: dict[str, list[Release]] = {name: [] for name in tree}
    for name in tree:
        for chosen in (beside_newest(name, tree, tagged), beside_oldest(name, tree, tagged)):
            assert set(chosen) == set(tree)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository in which velocipy-small was released twice, and once as a candidate."""
    folder = tmp_path / "packages" / "velocipy-small"
    (folder / "src" / "velocipy" / "small").mkdir(parents=True)
    git(tmp_path, "init", "-q")
    for version, core in (("0.1.0", "<0.2"), ("0.2.0rc1", "<0.3"), ("0.2.0", "<0.3")):
        (folder / "pyproject.toml").write_text(SMALL.replace("CORE", f">=0.1,{core}"))
        (folder / "src" / "velocipy" / "small" / "__about__.py").write_text(f'__version__ = "{version}"\n')
        git(tmp_path, "add", "-A")
        git(tmp_path, "commit", "-q", "-m", version)
        git(tmp_path, "tag", f"velocipy-small-v{version}")
    return tmp_path


SMALL = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"
[project]
name = "velocipy-small"
dynamic = ["version"]
requires-python = ">=3.11"
dependencies = ["velocipy-coreCORE", "httpx2"]
[tool.hatch.version]
path = "src/velocipy/small/__about__.py"
[tool.hatch.build.targets.wheel]
only-include = ["src/velocipy/small"]
sources = ["src"]
"""


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, timeout=30, stdin=subprocess.DEVNULL)


def test_releases_are_read_from_tags_without_candidates(repository: Path) -> None:
    (small,) = of_tree(repository).values()
    found = of_tags(repository, small)
    assert [(str(one.version), str(one.admits["velocipy-core"])) for one in found] == [
        ("0.1.0", "<0.2,>=0.1"),
        ("0.2.0", "<0.3,>=0.1"),
    ]
    assert small.requires == {"velocipy-core"}


@pytest.mark.dists
def test_a_wheel_is_built_of_the_tags_sources_and_of_the_trees_under_another_version(
    repository: Path, tmp_path: Path
) -> None:
    (small,) = of_tree(repository).values()
    for one in (of_tags(repository, small)[0], small.at(Version("0.2.1"))):
        build_release(repository, repository, one, tmp_path / "out", 1)
    built = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert built == [f"velocipy_small-{version}-py3-none-any.whl" for version in ("0.1.0", "0.2.1")]
