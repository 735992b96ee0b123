"""The fields are Lists of Strings with parameters (RFC 9651), whatever rules are called. Case 115."""

import math
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy.limiter import RateLimitRule, Standing
from velocipy.limiter.headers import legacy_of, policy_of, retry_after_of, seconds_up, standing_of
from velocipy.limiter.verdict import Told

ITEM = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"((?:;[a-z*][a-z0-9_.*-]*=(?:-?[0-9]{1,15}|"[a-z-]+"))*)')


def parse(text: str) -> list[tuple[str, dict[str, Any]]]:
    """A List of String items with Integer and String parameters (RFC 9651 section 4.2.1), strictly."""
    found: list[tuple[str, dict[str, Any]]] = []
    at = 0
    while True:
        item = ITEM.match(text, at)
        assert item is not None, text[at:]
        pairs = [pair.split("=") for pair in item[2].split(";")[1:]]
        parameters = {key: value[1:-1] if value[0] == '"' else int(value) for key, value in pairs}
        found.append((re.sub(r"\\(.)", r"\1", item[1]), parameters))
        at = item.end()
        if at == len(text):
            return found
        assert text[at : at + 2] == ", "
        at += 2


NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)


@pytest.mark.case(115)
@given(st.lists(st.tuples(NAMES, st.integers(1, 10**6), st.integers(1, 10**6)), min_size=1, max_size=5))
def test_policies_parse_to_what_the_rules_are(drawn: list[tuple[str, int, int]]) -> None:
    rules = [RateLimitRule(*one) for one in drawn]
    assert parse(policy_of(rules)) == [(name, {"q": count, "w": window}) for name, count, window in drawn]


@pytest.mark.case(115)
@given(st.lists(st.tuples(NAMES, st.integers(0, 10**6), st.integers(0, 10**13)), min_size=1, max_size=5))
def test_standings_parse_to_what_remains_and_the_seconds_until_more(
    drawn: list[tuple[str, int, int]],
) -> None:
    standings = [
        Standing(RateLimitRule(name, 10, 1), True, left, more, more, 0) for name, left, more in drawn
    ]
    assert parse(standing_of(standings)) == [
        (name, {"r": left, "t": math.ceil(more / 1e6)}) for name, left, more in drawn
    ]


def test_a_window_that_is_no_whole_second_is_left_out_and_a_unit_is_told() -> None:
    rules = [RateLimitRule("a", 5, 1.5), RateLimitRule("b", 10**6, 60, unit="content-bytes")]
    assert policy_of(rules) == '"a";q=5, "b";q=1000000;w=60;qu="content-bytes"'


def refused(*waits: int | None) -> Told:
    return Told(False, tuple(Standing(RateLimitRule("a", 5, 1), wait == 0, 0, 1, 1, wait) for wait in waits))


@pytest.mark.case(115)
@pytest.mark.parametrize(
    ("waits", "value"),
    [
        ((1,), "1"),
        ((1_000_000,), "1"),
        ((1_000_001,), "2"),
        ((0, 59_000_001), "60"),
        ((None,), None),
        ((5, None), None),
    ],
)
def test_retry_after_is_whole_seconds_rounded_up_and_at_least_one(waits: Any, value: str | None) -> None:
    assert retry_after_of(refused(*waits)) == value


@given(st.integers(0, 10**15))
def test_who_waits_the_seconds_does_not_come_too_early(micros: int) -> None:
    assert micros <= seconds_up(micros) * 1_000_000 < micros + 1_000_000


def test_the_old_fields_tell_of_the_tightest_rule() -> None:
    wide = Standing(RateLimitRule("wide", 100, 60), True, 90, 1, 6_000_001, 0)
    tight = Standing(RateLimitRule("tight", 10, 1), True, 1, 1, 900_000, 0)
    pairs = [("x-ratelimit-limit", "10"), ("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", "1")]
    assert legacy_of([wide, tight]) == pairs
