"""What a release's files are held to: .ci/release_builds.py and release_bom.py. Knows one small dist, built once, and spoilt copies."""

import zipfile
from pathlib import Path

import pytest
import release_bom
from release_builds import (
    Files,
    Wrong,
    asked_by,
    build,
    check_contents,
    check_same,
    copy_tree,
    files_of,
    normal,
)
from tag import Dist, dists

ROOT = Path(__file__).resolve().parents[2]
DISTS = {dist.name: dist for dist in dists(ROOT)}
SMALL = DISTS["velocipy-openapi-ui"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Dist, Files]:
    """A small dist of a copy of the tree, and its files."""
    scratch = tmp_path_factory.mktemp("built")
    (dist,) = (one for one in dists(copy_tree(ROOT, scratch / "tree")) if one.name == SMALL.name)
    build(dist.folder, scratch / "out", 1_800_000_000)
    return dist, files_of(dist, scratch / "out")


@pytest.mark.dists
def test_files_that_hold_what_they_should_are_accepted(built: tuple[Dist, Files]) -> None:
    check_contents(*built)


@pytest.mark.dists
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda names: {**names, "velocipy/openapi_ui/.env": b"KEY=1"},
            "has .*env.* beside what belongs there",
        ),
        (lambda names: {**names, "velocipy/__init__.py": b""}, "has .*velocipy/__init__.py.* beside"),
        (lambda names: without(names, "py.typed"), "lacks .*py.typed"),
        (lambda names: replaced(names, "METADATA", b"Name: velocipy", b"Name: velociraptor"), "Name is"),
        (lambda names: replaced(names, "METADATA", b"velocipy-core", b"velocipy-cors"), "Requires-Dist is"),
    ],
)
def test_a_wheel_with_anything_else_is_refused(
    spoil, said, built: tuple[Dist, Files], tmp_path: Path
) -> None:
    dist, files = built
    with zipfile.ZipFile(files.wheel) as wheel:
        names = {name: wheel.read(name) for name in wheel.namelist()}
    with zipfile.ZipFile(tmp_path / files.wheel.name, "w") as wheel:
        for name, content in spoil(names).items():
            wheel.writestr(name, content)
    with pytest.raises(Wrong, match=said):
        check_contents(dist, Files(files.sdist, tmp_path / files.wheel.name))


def without(names: dict[str, bytes], ending: str) -> dict[str, bytes]:
    return {name: content for name, content in names.items() if not name.endswith(ending)}


def replaced(names: dict[str, bytes], ending: str, old: bytes, new: bytes) -> dict[str, bytes]:
    return {
        name: content.replace(old, new) if name.endswith(ending) else content
        for name, content in names.items()
    }


def test_a_file_of_other_bytes_is_another_file(tmp_path: Path) -> None:
    for name, content in (("a", b"1"), ("b", b"1"), ("c", b"2")):
        (tmp_path / name).write_bytes(content)
    check_same(tmp_path / "a", tmp_path / "b", "again")
    with pytest.raises(Wrong, match="a is another file when it is built from its sdist"):
        check_same(tmp_path / "a", tmp_path / "c", "from its sdist")


def test_a_copy_of_the_tree_has_what_git_knows_and_nothing_that_it_ignores(tmp_path: Path) -> None:
    copy = copy_tree(ROOT, tmp_path)
    assert (copy / "packages" / "velocipy-core" / "pyproject.toml").exists()
    assert not [*copy.rglob("__pycache__"), *copy.glob(".git"), *copy.glob(".hatch")]


def test_requirements_are_compared_in_the_form_of_metadata() -> None:
    assert normal("backports.zstd>=1; python_version < '3.14'", "zstd") == (
        'backports-zstd>=1; python_version < "3.14" and extra == "zstd"'
    )
    project = {"name": "a", "optional-dependencies": {"all": ["a[b,c]", "z"], "b": ["x"], "c": ["a[b]", "y"]}}
    assert sorted(asked_by("all", project)) == ["x", "x", "y", "z"]


def test_the_bill_of_materials_names_what_stands_in_the_wheel_and_comes_from_elsewhere() -> None:
    found = {
        "metadata": {"component": {"name": "velocipy-openapi"}},
        "components": [
            {"name": "velocipy-core", "version": "0.1.0", "externalReferences": [{"url": "file:///x"}]}
        ],
        "dependencies": [{"ref": "root-component", "dependsOn": ["velocipy-core==0.1.0"]}],
    }
    document = release_bom.completed(found, DISTS["velocipy-openapi"])
    assert (
        document["metadata"]["component"]["purl"]
        == f"pkg:pypi/velocipy-openapi@{DISTS['velocipy-openapi'].version}"
    )
    core, swagger = document["components"]
    assert core == {"name": "velocipy-core", "version": "0.1.0", "purl": "pkg:pypi/velocipy-core@0.1.0"}
    assert swagger["purl"].startswith("pkg:npm/swagger-ui-dist@")
    assert len(swagger["hashes"][0]["content"]) == 128
    assert document["dependencies"][0]["dependsOn"] == [swagger["purl"], "velocipy-core==0.1.0"]
