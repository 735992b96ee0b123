"""The workflows: who may do what, what they run, and that it is pinned. Knows their text; check-jsonschema and zizmor know YAML."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
RELEASE = (ROOT / ".github" / "workflows" / "release.yml").read_text()
HATCH = (ROOT / "hatch.toml").read_text()


def jobs(text: str) -> dict[str, str]:
    """The text of each job, by its name."""
    return dict(re.findall(r"^  ([a-z]+):\n((?:(?:    .*)?\n)+)", text.partition("\njobs:\n")[2], re.M))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_to_a_hash_and_says_of_which_version(path: Path) -> None:
    uses = re.findall(r"uses: (.+)", path.read_text())
    assert uses
    assert [one for one in uses if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", one)] == []


def test_a_version_of_an_action_has_one_hash_wherever_it_is_used() -> None:
    text = "".join(path.read_text() for path in WORKFLOWS)
    used = set(re.findall(r"uses: (\S+)@(\S+) # (\S+)", text))
    assert len({(name, version) for name, _, version in used}) == len(used)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_runs_what_a_stranger_sends_with_rights_of_ours(path: Path) -> None:
    text = path.read_text()
    assert not re.search(r"pull_request_target|workflow_run|secrets\.|persist-credentials: true", text)
    assert text.count("uses: actions/checkout@") == text.count("persist-credentials: false")
    assert not re.search(r"run: .*\$\{\{", text), "text of an event in a command"


def test_only_the_jobs_that_publish_may_write_and_they_build_nothing() -> None:
    rights = {
        name: set(re.findall(r"^      ([a-z-]+): (write|read)", body.partition("permissions:")[2], re.M))
        for name, body in jobs(RELEASE).items()
    }
    read = {("contents", "read")}
    assert rights == {
        "test": read,
        "build": read,
        "smoke": read,
        "publish": {("id-token", "write"), ("attestations", "write")},
        "page": {("contents", "write")},
    }
    assert "permissions: {}" in RELEASE
    assert "actions/checkout" not in jobs(RELEASE)["publish"] + jobs(RELEASE)["page"]


def test_nothing_is_published_before_tests_files_and_environments_hold() -> None:
    assert "needs: [test, build, smoke]" in jobs(RELEASE)["publish"]
    assert "environment:\n      name: pypi" in jobs(RELEASE)["publish"]
    assert "publish" in re.findall(r"needs: (.*)", jobs(RELEASE)["page"])[0]


def test_the_workflow_runs_what_anybody_can_run_here() -> None:
    commands = re.findall(r"hatch run (\w+):(\w+)", "".join(path.read_text() for path in WORKFLOWS))
    assert {("release", "build"), ("release", "smoke"), ("release", "dry")} <= set(commands)
    for environment, script in commands:
        table = HATCH.partition(f"[envs.{environment}.scripts]\n")[2].partition("\n\n")[0]
        assert re.search(rf"^{script} = ", table, re.M), f"hatch.toml has no script {environment}:{script}"
    for script in set(re.findall(r"python\S* (\.ci/\S+)", RELEASE)) | {".ci/run"}:
        assert (ROOT / script).exists()
