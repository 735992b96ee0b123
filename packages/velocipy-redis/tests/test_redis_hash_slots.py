"""Slots of keys, and what servers say about them. On paper, as the specification of Redis Cluster has it."""

from typing import Any

import pytest

from velocipy.redis.hash_slots import SLOTS, Place, Range, key_in, key_of, ranges_of, slot_of


@pytest.mark.parametrize(
    ("key", "slot"),
    [
        ("123456789", 12739),  # 0x31C3, the check value of the specification
        ("foo", 12182),
        (b"foo", 12182),
        ("a{foo}b{bar}", 12182),
        ("{}{foo}", slot_of(b"{}{foo}")),
        ("", 0),
    ],
)
def test_a_key_is_in_the_slot_that_the_specification_says(key: str | bytes, slot: int) -> None:
    assert slot_of(key) == slot


def test_what_the_first_braces_hold_decides_unless_it_is_nothing() -> None:
    assert slot_of("vp:{user}:a") == slot_of("{user}") == slot_of("user")
    assert slot_of("foo{{bar}}zap") == slot_of("{bar")
    assert len({slot_of(key) for key in ("foo{}{bar}", "bar", "foo", "{}")}) == 4
    assert slot_of("open{foo") != slot_of("foo")
    assert 0 <= slot_of("\ud800") < SLOTS


def test_a_script_s_key_stands_behind_its_number_of_keys() -> None:
    assert key_of(("GET", b"k")) == b"k"
    assert key_of(("EVALSHA", "digest", 2, "a", "b", "words")) == "a"
    assert key_of(("EVAL", "source", 1, b"a")) == b"a"


def test_a_key_can_be_found_for_any_slot() -> None:
    assert slot_of(key_in({16_383}, "velocipy:probe")) == 16_383
    assert key_in(range(SLOTS), "velocipy:probe") == "velocipy:probe0"


def test_a_server_that_does_not_know_its_host_is_where_it_was_asked() -> None:
    reply: Any = [
        [0, 8191, [b"10.0.0.1", 7000, b"id", []], [b"10.0.0.9", 7000, b"id"]],
        [8192, 16383, [None, 7001]],
        [16000, 16000, [b"", 7002]],
    ]
    assert ranges_of(reply, Place("asked", 7000)) == [
        Range(0, 8191, Place("10.0.0.1", 7000)),
        Range(8192, 16383, Place("asked", 7001)),
        Range(16000, 16000, Place("asked", 7002)),
    ]


@pytest.mark.parametrize(
    "reply", [b"OK", 7, None, [7], [[0]], [[0, 1, []]], [[0, 1, [b"\xff", 1]]], [["a", 1, [b"h", 1]]]]
)
def test_a_reply_of_another_shape_is_an_error(reply: Any) -> None:
    with pytest.raises(ValueError, match="CLUSTER SLOTS"):
        ranges_of(reply, Place("asked", 7000))


def test_a_place_is_shown_as_a_url_has_it() -> None:
    assert (str(Place("10.0.0.1", 7000)), str(Place("::1", 7000))) == ("10.0.0.1:7000", "[::1]:7000")
