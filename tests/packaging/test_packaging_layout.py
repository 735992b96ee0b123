"""The tree is as CONTRIBUTING.md draws it. Knows files and their names; imports nothing of ours."""

import re
import tomllib
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))
WITH_CODE = [path for path in PACKAGES if path.name != "velocipy-meta"]

TOP_LEVEL = {
    *("packages", "tests", "examples", "docs", ".github", ".ci", ".git"),
    *(
        "conftest.py",
        "pyproject.toml",
        "hatch.toml",
        "README.md",
        "LICENSE",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
    ),
    *(".editorconfig", ".gitignore", ".pre-commit-config.yaml"),
}


def ignored(name: str) -> bool:
    patterns = (ROOT / ".gitignore").read_text().split()
    return any(fnmatch(name, pattern.rstrip("/")) for pattern in patterns)


def part_of(package: Path) -> str:
    """packages/velocipy-openapi-ui -> "openapi_ui"; the core's part is velocipy itself, ""."""
    part = package.name.removeprefix("velocipy-").replace("-", "_")
    return "" if part == "core" else part


def test_the_top_level_holds_only_what_belongs_there() -> None:
    found = {path.name for path in ROOT.iterdir() if not ignored(path.name)}
    assert found - TOP_LEVEL == set()
    assert (TOP_LEVEL - {".git"}) - found == set()


def test_there_are_ten_dists_named_after_their_folders() -> None:
    names = {
        path.name: tomllib.loads((path / "pyproject.toml").read_text())["project"]["name"]
        for path in PACKAGES
    }
    assert len(names) == 10
    assert names.pop("velocipy-meta") == "velocipy"
    assert all(folder == name for folder, name in names.items())


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: path.name)
def test_every_dist_has_its_papers(package: Path) -> None:
    for name in ("README.md", "CHANGELOG.md", "LICENSE"):
        assert (package / name).read_text().strip(), f"{package.name} has no {name}"
    assert (package / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert list((package / "tests").glob("test_*.py")), f"{package.name} has no tests"


@pytest.mark.parametrize("package", WITH_CODE, ids=lambda path: path.name)
def test_every_dist_is_typed_and_knows_its_version(package: Path) -> None:
    home = package / "src" / "velocipy" / part_of(package)
    assert (home / "py.typed").read_text() == ""
    assert re.search(r'^__version__ = "\d+\.\d+\.\d+"$', (home / "__about__.py").read_text(), re.MULTILINE)


def test_only_the_core_has_the_file_that_makes_velocipy_a_package() -> None:
    """Two dists with velocipy/__init__.py would overwrite each other, and uninstalling one would break the other."""
    owners = [package.name for package in PACKAGES if (package / "src" / "velocipy" / "__init__.py").exists()]
    assert owners == ["velocipy-core"]


@pytest.mark.parametrize("package", WITH_CODE, ids=lambda path: path.name)
def test_a_dist_writes_nowhere_but_into_its_part(package: Path) -> None:
    part = part_of(package)
    if part:
        assert [path.name for path in (package / "src").iterdir()] == ["velocipy"]
        assert [
            path.name for path in (package / "src" / "velocipy").iterdir() if path.name != "__pycache__"
        ] == [part]
    else:
        siblings = {part_of(other) for other in WITH_CODE} - {""}
        assert siblings & {path.name for path in (package / "src" / "velocipy").iterdir()} == set()


def test_test_files_have_names_of_their_own_and_no_package_around_them() -> None:
    tests = [*ROOT.glob("tests/**/*.py"), *ROOT.glob("packages/*/tests/**/*.py")]
    counted = Counter(path.name for path in tests if path.name.startswith("test_"))
    assert [name for name, times in counted.items() if times > 1] == []
    assert [str(path) for path in tests if path.name == "__init__.py" and path.parent.name == "tests"] == []


@pytest.mark.parametrize(
    "page", [*ROOT.glob("*.md"), *ROOT.glob("packages/*/*.md")], ids=lambda page: str(page.relative_to(ROOT))
)
def test_links_between_files_lead_somewhere(page: Path) -> None:
    """docs/ is not looked at here: building it is strict about its own links."""
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
