"""The gate: no request of the bench executes more bytecode than it did. Knows the counts of `opcodes.json`, and planted regressions."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path

import gate
import pytest
from benchkit.opcodes import Count, counted, counts
from benchkit.workloads import WORKLOADS
from inprocess import REQUESTS, app_from, call_of

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(gate.read()[0] != gate.PYTHON, reason="the counts are those of another Python")
def test_no_request_costs_more_than_the_file_says() -> None:
    found = asyncio.run(gate.measured(REQUESTS))
    assert gate.verdicts(found, gate.read()[1]) == []


def test_the_counts_are_those_of_the_python_that_ci_begins_with() -> None:
    """The test above would be left out everywhere otherwise."""
    versions = re.search(r"^for version in ([\d.]+) ", (ROOT / ".ci" / "run").read_text(), re.M)
    assert versions is not None and gate.read()[0] == versions[1]


def test_every_workload_has_a_count_on_both_protocols() -> None:
    every = {(name, protocol) for name in REQUESTS for protocol in gate.PROTOCOLS} - gate.IN_THREADS
    assert set(gate.read()[1]) == {f"{name} {protocol}" for name, protocol in every}


@pytest.mark.parametrize("protocol", gate.PROTOCOLS)
def test_a_planted_regression_of_a_few_instructions_is_named(protocol: str) -> None:
    app = app_from("ours")
    call, _ = call_of(protocol, app, WORKLOADS["plain"].timed)

    async def slower() -> None:
        await call()
        len("raptor")

    before, after = asyncio.run(counted(call)), asyncio.run(counted(slower))
    assert before.opcodes < after.opcodes < before.opcodes + 30
    (instructions, calls) = gate.verdicts({"plain": after}, {"plain": before})
    assert (
        instructions.startswith("plain: ") and "in the file (+" in instructions and "--renew" in instructions
    )
    assert calls.startswith("plain: ") and " calls, " in calls


@pytest.mark.parametrize(
    ("opcodes", "named"),
    [(1_000, None), (1_010, None), (1_011, "(+1.1%); make it cheaper"), (900, None), (899, "(-10.1%); good")],
)
def test_the_tolerance_has_two_sides(opcodes: int, named: str | None) -> None:
    lines = gate.verdicts({"a": Count(opcodes, 10)}, {"a": Count(1_000, 10)})
    assert [str(named) in line for line in lines] == ([True] if named else [])


def test_a_row_that_is_on_one_side_alone_is_named() -> None:
    one = Count(1, 1)
    assert gate.verdicts({"new": one}, {"old": one}) == [
        "new: not in the file",
        "old: in the file, but not measured",
    ]


def test_counts_are_the_same_each_time() -> None:
    call, _ = call_of("asgi", app_from("ours"), WORKLOADS["stream"].timed)
    assert len({asyncio.run(counted(call)) for _ in range(3)}) == 1


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    found = {"a": Count(3, 2), "b": Count(5, 4)}
    gate.write(found, tmp_path / "counts.json")
    assert gate.read(tmp_path / "counts.json") == (gate.PYTHON, found)
    assert json.loads((tmp_path / "counts.json").read_text())["counts"]["a"] == {"opcodes": 3, "calls": 2}


@pytest.mark.parametrize(
    "function", [asyncio.sleep, pytest.raises, call_of("asgi", None, WORKLOADS["plain"].timed)[0]]
)
def test_loop_third_parties_and_harness_are_left_out(function: Callable[..., object]) -> None:
    assert not counts(function.__code__)
    assert counts(test_counts_are_the_same_each_time.__code__)


def test_a_tracer_that_was_there_is_put_back() -> None:
    import sys

    async def nothing() -> None:
        return None

    before = sys.gettrace(), sys.getprofile()
    asyncio.run(counted(nothing, 1))
    assert (sys.gettrace(), sys.getprofile()) == before
