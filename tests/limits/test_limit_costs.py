"""What a decision by memory costs beside a bare GCRA on a dict, and with many keys. Ratios of the best of several rounds."""

from __future__ import annotations

import asyncio
import sys

import pytest
from limit_costs import nanoseconds

MOST = 3
"""The budget. CPython 3.11.7 needs 2.7, 3.12.1 2.6 and 3.13.0 2.5, in the time of the thread, whatever else the machine does."""


@pytest.mark.skipif(sys.gettrace() is not None, reason="coverage slows our code down, not the bare one")
def test_a_decision_costs_little_more_than_a_bare_one() -> None:
    tries = [asyncio.run(nanoseconds(1_000, 100)) for _ in range(3)]
    assert min(ours / bare for ours, bare in tries) <= MOST


def test_many_keys_cost_no_more_than_the_misses_of_the_cache() -> None:
    """1,000 against 200,000. By hand, a million cost 2 to 3 times as much a decision as a thousand; a bare dict's price grows alike."""
    few, few_bare = asyncio.run(nanoseconds(1_000, 100))
    many, many_bare = asyncio.run(nanoseconds(200_000, 4))
    assert many / few <= max(4, 1.5 * many_bare / few_bare)
