"""The runs of a night: their commands, what their exit status says, and the fuzz targets by name."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fuzzing
import proving
import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_every_stage_has_a_command_that_takes_the_options(monkeypatch: pytest.MonkeyPatch) -> None:
    args = proving.parser().parse_args(
        ["--visits", "400", "--seconds", "3", "--servers", "hypercorn", "--jobs", "7"]
    )
    made = proving.commands(args, "/a/hatch")
    assert tuple(made) == proving.STAGES
    assert made["properties"][:2] == ["/a/hatch", "test"]
    assert "-n=7" in made["properties"] and "--hypothesis-profile=deep" in made["properties"]
    assert made["fuzz"][1:] == ["tests/fuzz/fuzzing.py", "--seconds", "3.0"]
    assert made["soak"][-7:] == ["400", "--warm-up", "100", "--judge", "in-use", "--servers", "hypercorn"]
    for command in (made["fuzz"], made["soak"]):
        assert (ROOT / command[1]).is_file()


@pytest.mark.parametrize(("codes", "status"), [([0, 0, 0], 0), ([0, 1, 0], 1), ([2, 1, 1], 1)])
def test_all_stages_run_and_one_that_fails_is_the_exit_status(
    codes: list[int], status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left = iter(codes)
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: SimpleNamespace(returncode=next(left)))
    monkeypatch.setattr(proving, "find_hatch", lambda: "hatch")
    assert proving.main([]) == status
    lines = capsys.readouterr().out.splitlines()[-3:]
    assert [line.split()[:2] for line in lines] == [
        [stage, "FAILED" if code else "passed"] for stage, code in zip(proving.STAGES, codes, strict=True)
    ]


def test_a_stage_that_there_is_not_is_a_wrong_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        proving.main(["soke"])
    assert caught.value.code == 2
    assert "choose of properties, fuzz, soak" in capsys.readouterr().err


def test_without_hatch_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    monkeypatch.setattr(proving, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match="pip install hatch"):
        proving.find_hatch()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "hatch").touch()
    assert proving.find_hatch() == str(tmp_path / ".venv" / "bin" / "hatch")


def test_every_fuzz_target_is_found_with_its_properties() -> None:
    found = {target: dict(fuzzing.properties_of(target)) for target in fuzzing.targets()}
    wanted = {
        "accept",
        "conditions",
        "cookies",
        "events",
        "forwarded",
        "multipart",
        "paths",
        "protocols",
        "query",
        "ranges",
        "structured",
    }
    assert wanted == found.keys()
    assert all(found.values())


def test_the_workflow_of_each_night_runs_every_stage() -> None:
    workflow = (ROOT / ".github" / "workflows" / "nightly.yml").read_text("utf-8")
    assert f"stage: [{', '.join(proving.STAGES)}]" in workflow
    assert 'hatch run proof "$STAGE"' in workflow and "schedule:" in workflow


def test_a_property_that_does_not_hold_is_told_with_its_example(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> Any:
        raise AssertionError("not so")

    assert fuzzing.hold(lambda: None, 0.0) == (fuzzing.ROUND, None)
    examples, told = fuzzing.hold(fails, 10.0)
    assert examples == fuzzing.ROUND and told is not None and "not so" in told
