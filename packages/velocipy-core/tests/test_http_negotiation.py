"""The Accept field: what is read from it, and which of several forms it prefers."""

import pytest
from durations import within
from hypothesis import given
from hypothesis import strategies as st

from velocipy.http.negotiation import parse_accept, preferred, quality_of

JSON = ("application/json",)
MESSAGEPACK = ("application/vnd.msgpack", "application/msgpack")
OFFERS = (JSON, MESSAGEPACK)


@pytest.mark.parametrize(
    ("accept", "index"),
    [
        (None, 0),
        ("", 0),
        ("*/*", 0),
        ("application/json", 0),
        ("application/msgpack", 1),
        ("APPLICATION/VND.MSGPACK", 1),
        ("application/json;q=0.5, application/msgpack", 1),
        ("application/json, application/msgpack", 0),
        ("application/*;q=0.1, application/msgpack;q=0.2", 1),
        ("application/*, application/json;q=0.1", 1),
        ("application/json;q=0, */*", 1),
        ("text/html", 0),
        ("application/json;q=0", 0),
        ("application/msgpack;q=2", 0),
        ("application/msgpack; charset=utf-8 ; q=0.9, application/json;q=0.8", 1),
        (";;;,,,q=1", 0),
        ("*/json, application/msgpack;q=0.1", 1),
        ("application/msgpack" + " " * 5000, 1),
    ],
)
def test_the_offer_that_the_client_likes_best(accept: str | None, index: int) -> None:
    assert preferred(accept, OFFERS) == index


def test_members_that_cannot_be_read_are_left_out() -> None:
    assert parse_accept("text/html, a b, x;q=1, application/*;q=0.5;v=1, */*;q=0.001, y/z;q=0.0001") == [
        ("text/html", 1.0),
        ("application/*", 0.5),
        ("*/*", 0.001),
    ]


def test_the_most_specific_range_counts() -> None:
    ranges = [("*/*", 0.1), ("text/*", 0.5), ("text/html", 0.2)]
    assert [quality_of(kind, ranges) for kind in ("text/html", "text/plain", "image/png")] == [0.2, 0.5, 0.1]
    assert quality_of("text/html", []) == 0.0


@given(st.text(max_size=200) | st.from_regex(r"[a-z*]+/[a-z*]+(;q=[0-9.]{0,4})?", fullmatch=True))
def test_any_text_is_read_without_a_fault(text: str) -> None:
    assert preferred(text, OFFERS) in (0, 1)
    assert all(0.0 <= quality <= 1.0 for _, quality in parse_accept(text))


def test_a_long_field_takes_no_time() -> None:
    fields = [f"a/b;q=0.{number}," * 100_000 for number in range(100)]
    assert within(1, lambda: [parse_accept(field) for field in fields])
