"""The command from end to end, and the parts around it. Knows real servers for a few seconds."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import run
from benchkit.contenders import APPS, app_under_test, peers_of
from benchkit.machine import cpu_seconds, descendants
from benchkit.peers import PEERS, requirements
from benchkit.servers import GROUPS, HOWS, Server, ServerFailed, free_port, without_folders

WRONG = """\
import raw_asgi
async def app(scope, receive, send):
    async def louder(message):
        if message.get("body", b"").startswith(b"Hello"):
            message = {**message, "body": b"HELLO, World!"}
        await send(message)
    await raw_asgi.app(scope, receive, louder)
"""


@pytest.mark.servers
def test_a_quick_run_of_raw_against_raw_prints_and_writes_its_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, page = tmp_path / "figures.json", tmp_path / "docs" / "page.md"
    asked = ["--quick", "--control-only", "--servers", "granian-rsgi,uvicorn", "--workloads", "plain,echo"]
    assert run.main([*asked, "--json", str(file), "--markdown", str(page)]) == 0
    figures = json.loads(file.read_text())
    assert [group["server"] for group in figures["groups"]] == ["granian-rsgi", "uvicorn"]
    for group in figures["groups"]:
        assert list(group["workloads"]) == ["plain", "echo"]
        for rows in group["workloads"].values():
            assert {row["name"] for row in rows} == {"raw", "raw again"}
            assert all(row["rate"] > 100 and row["low"] <= row["ratio"] <= row["high"] for row in rows)
    assert {"velocipy", "granian", "uvicorn"} <= set(figures["versions"])
    assert "raw again" in capsys.readouterr().out
    assert page.read_text().startswith("# Benchmarks")


@pytest.mark.servers
def test_an_app_that_answers_differently_is_not_timed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong, file = tmp_path / "wrong.py", tmp_path / "figures.json"
    wrong.write_text(WRONG)
    monkeypatch.setenv("PYTHONPATH", str(APPS))
    asked = [
        "--quick",
        "--servers",
        "uvicorn",
        "--workloads",
        "plain,json",
        "--app",
        f"{wrong}:app",
        "--json",
        str(file),
    ]
    assert run.main(asked) == 1
    error = capsys.readouterr().err
    assert "refused: wrong on uvicorn does not answer as raw does" in error
    assert "plain: GET /" in error and "b'HELLO, World!' came" in error
    assert "json: GET" not in error and "round" not in error
    assert not file.exists()


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (["--servers", "nginx"], "nginx: choose from granian-rsgi"),
        (["--workloads", ""], "nothing: choose from plain"),
        (["--rounds", "0"], "0 is not above zero"),
        (["--app", "nowhere.py:app"], "give an existing file"),
        (["--client", "wrk", "--slice", "0.5"], "whole seconds"),
    ],
)
def test_wrong_arguments_end_with_status_2_and_say_what_is_right(
    asked: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run.main(asked)
    assert ended.value.code == 2
    assert named in capsys.readouterr().err


@pytest.mark.servers
def test_a_server_that_cannot_import_its_app_says_why(tmp_path: Path) -> None:
    (tmp_path / "broken_app.py").write_text("raise RuntimeError('no claws')\n")
    with pytest.raises(ServerFailed, match="no claws"):
        Server(HOWS["uvicorn"], sys.executable, tmp_path, "broken_app:app", None).__enter__()


@pytest.mark.servers
def test_a_stopped_server_leaves_no_process_behind() -> None:
    server = Server(HOWS["granian-rsgi"], sys.executable, APPS, "raw_rsgi:app", None)
    with server:
        pids = descendants(server._process.pid) if server._process else []
        assert len(pids) > 1
        assert server.cpu_seconds() > 0
    assert cpu_seconds(pids) == 0.0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_free_ports_are_free_and_differ() -> None:
    assert len({free_port() for _ in range(5)}) > 1


def test_publish_is_everything_into_the_docs() -> None:
    args = run.parser().parse_args(["--publish"])
    run.published(args)
    assert (args.peers, args.in_process, args.redis) == (list(PEERS), True, True)
    assert args.json.parts[-3:] == ("docs", "charts", "bench.json")
    assert args.markdown.parts[-2:] == ("docs", "benchmarks.md")


def test_peers_are_timed_in_the_groups_that_are_asked_for() -> None:
    ready = [(PEERS["falcon"], "python")]
    for on, groups in (("uvicorn", {"uvicorn"}), ("uvicorn,granian-asgi", {"uvicorn", "granian-asgi"})):
        args = run.parser().parse_args(["--control-only", "--peers-on", on])
        found = {
            group
            for group in GROUPS
            if "falcon" in [each.name for each in run.contenders(group, args, ready)]
        }
        assert found == groups


@pytest.mark.parametrize("name", PEERS)
def test_every_peer_has_requirements_an_app_and_a_group(name: str) -> None:
    peer = PEERS[name]
    assert requirements(name)
    assert (APPS.parent / "peer_apps" / f"{peer.module}.py").is_file()
    groups = [group for group, _ in peer.serve]
    assert groups and all(peers_of(group, [(peer, "python")])[0].name == name for group in groups)


def test_requirements_end_at_the_next_heading() -> None:
    assert requirements("b", "# a\nx\n# b\ny==1\n\nz\n# c\nw\n") == ["y==1", "z"]
    assert requirements("d", "# a\nx\n") == []


def test_our_app_is_called_velocipy_and_others_by_their_file() -> None:
    assert app_under_test("uvicorn", f"{APPS / 'ours.py'}:app").name == "velocipy"
    assert app_under_test("uvicorn", f"{APPS / 'raw_asgi.py'}:app").app == "raw_asgi:app"


def test_a_report_tells_no_folder_of_the_machine() -> None:
    told = without_folders(
        "File \"/home/me/apps/app.py\", line 3 | ImportError: no 'a' from 'b' (/opt/lib/b/__init__.py) at 2/3 s"
    )
    assert told == "File \"app.py\", line 3 | ImportError: no 'a' from 'b' (__init__.py) at 2/3 s"
