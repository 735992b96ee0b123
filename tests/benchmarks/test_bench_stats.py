"""The figures of the report. Knows hand-made slices; starts nothing."""

from __future__ import annotations

import pytest
from benchkit.rounds import disturbed
from benchkit.stats import Slice, counted, ratios, rotated, row


def part(requests: int, cpu: float = 1.0, foreign: float = 0.0) -> Slice:
    return Slice(requests, 1.0, cpu, foreign)


def test_the_ratio_is_taken_inside_each_round_before_the_median() -> None:
    """The machine slows down by half in every round: both are hit alike, and only pairing shows it."""
    rounds = [
        {"raw": part(1000), "us": part(900)},
        {"raw": part(500), "us": part(450)},
        {"raw": part(250), "us": part(225)},
    ]
    found = row("us", "raw", rounds)
    assert found.ratio == pytest.approx(0.9)
    assert (found.low, found.high) == pytest.approx((0.9, 0.9))


def test_one_disturbed_round_moves_the_spread_and_not_the_ratio() -> None:
    rounds = [{"raw": part(100), "us": part(us)} for us in (95, 20, 96)]
    found = row("us", "raw", rounds)
    assert found.ratio == pytest.approx(0.95)
    assert found.spread == pytest.approx(0.76)


def test_cpu_is_counted_by_request_and_not_by_second() -> None:
    """Half the rate at the same CPU time means twice the cost of a request."""
    found = row("us", "raw", [{"raw": part(1_000_000), "us": part(500_000)}])
    assert found.cpu_micros == pytest.approx(2.0)
    assert found.cpu_ratio == pytest.approx(2.0)


def test_a_system_without_cpu_times_gives_a_neutral_cpu_ratio() -> None:
    found = row("us", "raw", [{"raw": part(10, cpu=0.0), "us": part(9, cpu=0.0)}])
    assert (found.cpu_micros, found.cpu_ratio) == (0.0, 1.0)


def test_the_first_round_never_counts() -> None:
    rounds = [{"raw": part(1)}, {"raw": part(2)}, {"raw": part(3)}]
    assert list(counted(rounds)) == rounds[1:]


def test_a_single_round_is_refused_because_it_only_warmed_up() -> None:
    with pytest.raises(ValueError, match="measure at least two"):
        row("raw", "raw", counted([{"raw": part(1)}]))


def test_every_contender_is_first_equally_often() -> None:
    names = ["a", "b", "c"]
    orders = [rotated(names, turn) for turn in range(6)]
    assert [order[0] for order in orders] == ["a", "b", "c", "a", "b", "c"]
    assert all(sorted(order) == names for order in orders)


def test_ratios_of_unequal_rounds_are_a_mistake() -> None:
    with pytest.raises(ValueError):
        ratios([1.0, 2.0], [1.0])


def test_a_round_is_disturbed_by_the_worst_of_its_slices() -> None:
    assert disturbed({"raw": part(1, foreign=0.01), "us": part(1, foreign=0.4)})
    assert not disturbed({"raw": part(1, foreign=0.01), "us": part(1, foreign=0.05)})
