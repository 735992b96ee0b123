"""Headers without number and without end, as the app has them to read. What a process keeps is in tests/cases, group M."""

from __future__ import annotations

from typing import Any

import pytest

from velocipy import Request


async def count(request: Request) -> Any:
    return [
        len(list(request.headers.items())),
        len(request.headers.get_all("x-a")),
        request.headers.get("x-last"),
    ]


@pytest.mark.case(16)
@pytest.mark.parametrize("number", [100, 1_001, 5_001])
def test_headers_without_end_are_read_in_linear_time(client_of: Any, within: Any, number: int) -> None:
    """How many and how long they may be is the server's matter, in whose memory they are; on the wire see test_hostile_wire."""
    client = client_of(count)
    distinct = [(f"x-{index}", "y") for index in range(number)]
    equal = [("x-a", "y" * 10)] * number
    own = 2  # Host, and the last one

    def ask() -> None:
        assert client.ask("/", *distinct, ("x-last", "z")) == (200, [number + own, 0, "z"])
        assert client.ask("/", *equal, ("x-last", "z")) == (200, [number + own, number, "z"])

    ask()
    within(0.02 * 4, ask)  # both requests, and their client


@pytest.mark.case(16)
@pytest.mark.parametrize("size", [66_000, 1_000_000])
def test_a_header_without_end_is_one_header(client_of: Any, within: Any, size: int) -> None:
    client = client_of(count)
    within(0.02, lambda: client.ask("/", ("x-a", "y" * size)))
    assert client.ask("/", ("x-a", "y" * size)) == (200, [2, 1, None])
