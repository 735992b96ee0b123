"""The bench without servers. Knows the fakes and small numbers of calls."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import inprocess
import middlewares
import pytest
from benchkit import growth, tables
from benchkit.workloads import WORKLOADS


@pytest.mark.parametrize("protocol", ["rsgi", "asgi"])
@pytest.mark.parametrize("name", inprocess.REQUESTS)
def test_the_fakes_have_raw_answer_as_a_server_does(name: str, protocol: str) -> None:
    app = inprocess.app_from(f"raw_{protocol}")
    workload = WORKLOADS[name]
    made = inprocess.call_of(protocol, app, workload.timed, workload.message)
    status, body = asyncio.run(inprocess.answered(*made))
    assert status == workload.status
    assert workload.message in (None, body)


@pytest.mark.parametrize("protocol", ["rsgi", "asgi"])
@pytest.mark.parametrize("name", inprocess.REQUESTS)
def test_ours_answers_as_raw_does_for_right_requests(name: str, protocol: str) -> None:
    workload = WORKLOADS[name]
    apps = [inprocess.app_from(module) for module in (f"raw_{protocol}", "ours")]
    for ask in (workload.timed, *workload.right):
        raw, ours = (
            asyncio.run(inprocess.answered(*inprocess.call_of(protocol, app, ask, workload.message)))
            for app in apps
        )
        assert ours == raw, str(ask)


def test_a_table_has_raw_ours_and_their_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inprocess, "CALLS", 20)
    file = tmp_path / "tables.json"
    assert (
        inprocess.main(["--requests-only", "--rounds", "2", "--workloads", "plain", "--json", str(file)]) == 0
    )
    (table,) = tables.read(json.loads(file.read_text()))
    assert [line[:2] for line in table.lines[1:]] == [["plain", "rsgi"], ["plain", "asgi"]]
    assert all(0 < float(line[-1]) for line in table.lines[1:])


def test_of_a_dear_call_fewer_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slice takes about as long whatever is called: a file through threads would make the bench last for minutes."""
    made = 0

    async def dear() -> None:
        nonlocal made
        made += 1
        sum(range(200_000))

    asyncio.run(inprocess.interleaved([dear], 1))
    assert 3 * 3 <= made < inprocess.CALLS


def test_an_app_that_answers_differently_in_process_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def other(scope: object, protocol: object) -> None:
        protocol.response_empty(500, [])  # type: ignore[attr-defined]

    apps = [inprocess.app_from("raw_rsgi"), other]
    with pytest.raises(SystemExit, match="answered differently"):
        asyncio.run(inprocess._request_line("rsgi", apps, WORKLOADS["plain"], 1))


def test_without_the_host_check_our_app_still_answers() -> None:
    app = inprocess.app_from("ours_unchecked")
    call, kept = inprocess.call_of("rsgi", app, WORKLOADS["plain"].timed)
    assert asyncio.run(inprocess.answered(call, kept)) == (200, b"Hello, World!")
    assert inprocess.app_from("ours") is not app


def test_growth_makes_as_many_templates_as_asked() -> None:
    assert len(set(growth.templates(1_000))) == 1_000
    assert growth.match_ns(10, rounds=1) > 0


@pytest.mark.parametrize("endpoint", ["shared", "own(number)"])
def test_the_program_that_registers_prints_its_seconds(endpoint: str) -> None:
    import sys

    (spent,) = growth.least([(sys.executable, growth.register_ours(3, endpoint))], 1)
    assert 0 < spent


def test_programs_are_timed_in_turns_and_the_least_counts() -> None:
    import sys

    programs = [
        (sys.executable, growth.import_program("sum(range(1_000_000))")),
        (sys.executable, growth.import_program("pass")),
    ]
    slow, fast = growth.least(programs, 1)
    assert slow > 10 * fast


def test_a_program_that_fails_is_an_error_with_its_words() -> None:
    import sys

    with pytest.raises(RuntimeError, match="no_such_thing"):
        growth.least([(sys.executable, "import no_such_thing")], 1)


def test_optional_modules_that_an_import_brings_are_named() -> None:
    assert growth.imported_beside("import json", ["json", "xmlrpc"]) == ["json"]


def test_each_built_in_middleware_does_what_its_job_by_hand_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inprocess, "CALLS", 3)
    lines = asyncio.run(middlewares.table(1))
    assert [line[0] for line in lines[1:]] == [row[0] for row in middlewares.ROWS]
    assert all(0 < float(line[3]) for line in lines[1:])
