"""What decides a release and a workflow's work: .ci/tag.py and .ci/changed.py. Knows them as the scripts that they are."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"ci_{name}", ROOT / ".ci" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / ".ci" / f"{name}.py"), *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_every_changelog_names_the_version_of_its_dist() -> None:
    done = run("tag", "--all")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("v0.1.0", "is no release tag"),
        ("velocipy-core-0.1.0", "is no release tag"),
        ("velocipy-core-v0.1", "is no release tag"),
        ("velocipy-lemur-v0.1.0", "no dist is named 'velocipy-lemur'"),
        ("velocipy-meta-v0.1.0", "no dist is named 'velocipy-meta'"),
        ("velocipy-core-v99.0.0", "set the version before the tag"),
    ],
)
def test_a_wrong_tag_releases_nothing_and_says_why(tag: str, said: str) -> None:
    done = run("tag", tag)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stdout == ""


def make_dist(root: Path, heading: str) -> None:
    folder = root / "packages" / "velocipy-openapi-ui"
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").write_text('[project]\nname = "velocipy-openapi-ui"\nversion = "0.2.0"\n')
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n## [0.2.0] - {heading}\n")


def test_a_tag_that_fits_names_the_dist_its_folder_and_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_dist(tmp_path, "2026-12-01")
    tag = script("tag")
    monkeypatch.setattr(tag, "ROOT", tmp_path)
    tag.main(["velocipy-openapi-ui-v0.2.0"])
    assert capsys.readouterr().out == "dist=velocipy-openapi-ui\ndir=velocipy-openapi-ui\nversion=0.2.0\n"


def test_a_version_without_a_date_is_not_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_dist(tmp_path, "unreleased")
    tag = script("tag")
    monkeypatch.setattr(tag, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match="says unreleased"):
        tag.main(["velocipy-openapi-ui-v0.2.0"])


@pytest.mark.parametrize(
    ("files", "folders"),
    [
        (["docs/index.md", "README.md"], []),
        (["packages/velocipy-redis/src/velocipy/redis/a.py"], ["velocipy-redis"]),
        (
            ["packages/velocipy-openapi/README.md"],
            ["velocipy-meta", "velocipy-openapi", "velocipy-openapi-ui"],
        ),
        (["packages/velocipy-limiter/a"], ["velocipy-limiter", "velocipy-meta", "velocipy-redis"]),
    ],
)
def test_a_change_touches_its_dist_and_those_that_require_it(files: list[str], folders: list[str]) -> None:
    changed = script("changed")
    assert changed.affected(files, changed.requirements(ROOT)) == folders


@pytest.mark.parametrize("name", ["hatch.toml", "tests/spec/test_x.py", "packages/velocipy-core/a.py"])
def test_a_change_of_what_all_rest_on_touches_every_dist(name: str) -> None:
    changed = script("changed")
    needs = changed.requirements(ROOT)
    assert changed.affected([name], needs) == sorted(needs)


def test_a_base_that_git_does_not_know_touches_every_dist() -> None:
    done = run("changed", "0000000000000000000000000000000000000000")
    assert done.stdout.count("velocipy-") == 10
