"""The parts of the soak, and idle WebSockets. Its short form is case 149 in tests/cases, `hatch run soak` the long one."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import cast

import pytest
from idle import measured, raise_file_limit
from measure import COUNTED, Soak, settled
from visitors import frame


@pytest.mark.servers
@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", ["granian-rsgi", "uvicorn-httptools"])
def test_five_hundred_idle_websockets_stay_open_and_cost_little(kind: str) -> None:
    raise_file_limit()
    found = measured(kind, 500)
    assert found["connections"] == 500
    assert found["files_each"] == 1.0
    assert (
        cast("int", found["bytes_each"]) < 250_000
    )  # of which Granian alone takes 160,000: 128 KiB are its buffer for reading


def test_growth_is_that_of_most_reports_and_not_of_one() -> None:
    flat = [
        (visits, {"rss": 5_000, "heaps": 9, "blocks": 7, **dict.fromkeys(COUNTED, 3)})
        for visits in range(0, 10_000, 1_000)
    ]
    made = Soak("none", reports=flat)
    assert (made.growth("rss"), made.faults()) == (0.0, [])
    flat[4][1]["rss"] = 50_000_000
    assert made.faults() == []
    growing = [
        (visits, {"rss": visits * 2, "heaps": visits, "blocks": 7, **dict.fromkeys(COUNTED, 3)})
        for visits, _ in flat
    ]
    growing[-1][1]["tasks"] = 4
    made = Soak("none", reports=growing)
    assert len(made.faults()) == 2
    assert (made.in_use, len(made.faults("in-use"))) == (1_000, 1)
    for visits, report in growing:
        report["blocks"] = visits // 1_000
    assert (made.in_use, len(made.faults("in-use"))) == (1_064, 2)


def test_what_never_settles_is_reported_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("measure.SETTLING", 0.1)
    monkeypatch.setattr("measure.report_of", lambda port: dict.fromkeys(COUNTED, 2))
    assert asyncio.run(settled(1, dict.fromkeys(COUNTED, 1))) == dict.fromkeys(COUNTED, 2)


def test_a_frame_is_that_of_the_rfc() -> None:
    """RFC 6455 section 5.7 has these, but for the mask."""
    assert frame(1, b"Hello") == b"\x81\x85\0\0\0\0Hello"
    assert frame(2, b"x" * 256)[:4] == b"\x82\xfe\x01\x00"
    assert Counter(frame(2, b"x" * 256))[ord("x")] == 256
