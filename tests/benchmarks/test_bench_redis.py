"""The Redis bench from end to end, and the budget of a decision in CPU time, which other processes disturb least."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import redis_rate
from redis_server import Server

pytestmark = pytest.mark.servers

# The budget is 0.8 of the client's rate; a machine that does other things beside the tests may be that much further off.
MOST = 1 / redis_rate.BUDGET * 1.3


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Server(tmp_path_factory.mktemp("bench"), "--save", "") as server:
        yield server.url


def test_a_quick_run_prints_its_figures(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert redis_rate.main(["--rounds", "1", "--calls", "64", "--url", url]) in (0, 1)
    out = capsys.readouterr().out
    lines = [line.split(" | ") for line in out.splitlines() if line.startswith("| ") and ":--" not in line]
    contenders = {redis_rate.BASE, redis_rate.OURS, redis_rate.CONTROL}
    assert {line[1] for line in lines[1:]} == contenders
    assert len(lines) == 1 + len(redis_rate.RULES) * len(redis_rate.CALLERS) * len(contenders)
    assert "The least ratio of a decision is" in out


@pytest.mark.parametrize("callers", redis_rate.CALLERS)
def test_a_decision_costs_little_more_than_the_client_s_own_call(url: str, callers: int) -> None:
    def ratio() -> float:
        turns = asyncio.run(redis_rate.turns_of(url, redis_rate.THREE, callers, 4, 160))
        ours, base = (
            min(turn[name].cpu_micros for turn in turns) for name in (redis_rate.OURS, redis_rate.BASE)
        )
        return ours / base

    assert any(ratio() <= MOST for _ in range(3))
