"""Fuzz target: the structured fields that VelociPy writes, read back by the grammar of RFC 9651. Knows which field is of which type."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from drawing import mutated, unhurried
from hypothesis import example, given
from hypothesis import strategies as st
from structured import EPOCH, Item, Token, Unreadable, read_dictionary, read_item, read_list

from velocipy.exceptions import ConfigurationError
from velocipy.http.fields import check_header
from velocipy.limiter import ConcurrencyRule, RateLimitRule, Standing
from velocipy.limiter.headers import concurrency_policy_of, concurrency_standing_of, policy_of, standing_of
from velocipy.middleware import SecurityHeadersMiddleware
from velocipy.routing.deprecation import Deprecation

NAMES = mutated(
    st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64),
    ['"', "\\", ",", ";q=0", " ", "", "é", "\n", "\x7f", "%", "(", ")"],
)


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        (
            '"a\\"b";q=1, tok*/:;a=?0;b',
            [Item('a"b', {"q": 1}), Item(Token("tok*/:"), {"a": False, "b": True})],
        ),
        (
            "(a  b);x=:aGk=:, -1.5",
            [Item([Item(Token("a"), {}), Item(Token("b"), {})], {"x": b"hi"}), Item(-1.5, {})],
        ),
        ('@0, %"f%c3%bc", ()', [Item(EPOCH, {}), Item("fü", {}), Item([], {})]),
    ],
)
def test_the_reader_reads_the_examples_of_the_rfc(text: str, items: list[Item]) -> None:
    assert read_list(text) == items


@pytest.mark.parametrize(
    "text",
    ['"é"', "a,", "a b", '"a', '"\\a"', "1.", "1234567890123456", "(a", "(a,b)", "a;A", ":a:", '%"%ff"'],
)
def test_the_reader_refuses_what_is_no_list(text: str) -> None:
    with pytest.raises(Unreadable):
        read_list(text)


RULES = st.tuples(
    NAMES, st.integers(0, 10**16), st.floats(0.0001, 1e9), st.sampled_from(["requests", "content-bytes"])
)


def rule_of(name: str, limit: int, window: float, unit: Any) -> RateLimitRule | None:
    """None for what is refused at construction."""
    try:
        return RateLimitRule(name, limit, window, unit=unit)
    except ConfigurationError:
        return None


@unhurried
@given(st.lists(RULES, min_size=1, max_size=4), st.integers(0, 10**15), st.integers(0, 10**16))
@example([('a"\\', 1, 60.0, "content-bytes")], 0, 1)
def test_limits_are_lists_of_strings_with_their_numbers(drawn: list[Any], left: int, more: int) -> None:
    rules = [rule for one in drawn if (rule := rule_of(*one)) is not None]
    policy, standings = (
        policy_of(rules),
        [Standing(rule, True, min(left, rule.limit), more, more, 0) for rule in rules],
    )
    assert check_header("ratelimit-policy", policy)
    assert [item.value for item in read_list(policy)] == [rule.name for rule in rules]
    for rule, item in zip(rules, read_list(policy), strict=True):
        assert item.parameters["q"] == rule.limit
        assert item.parameters.get("w", rule.window_us / 1e6) == rule.window_us / 1e6
        assert item.parameters.get("qu", "requests") == rule.unit
    told = read_list(standing_of(standings))
    assert told == [
        Item(one.rule.name, {"r": one.remaining, "t": -(-more // 1_000_000)}) for one in standings
    ]


@unhurried
@given(NAMES, st.integers(0, 10**16))
def test_limits_of_requests_at_once_are_too(name: str, limit: int) -> None:
    try:
        rule = ConcurrencyRule(name, limit)
    except ConfigurationError:
        return
    assert read_list(concurrency_policy_of(rule)) == [Item(name, {"q": limit, "qu": "concurrent-requests"})]
    assert read_list(concurrency_standing_of(rule, limit)) == [Item(name, {"r": limit})]


MOMENTS = st.datetimes(
    timezones=st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
)


@unhurried
@given(st.dates() | MOMENTS, st.none() | st.dates() | MOMENTS)
@example(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), None)
@example(datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC), None)
@example(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-2))))
def test_a_deprecation_is_the_date_that_was_given_in_whole_seconds(since: Any, sunset: Any) -> None:
    try:
        fields = dict(Deprecation(since, sunset=sunset).headers)
    except ConfigurationError:
        return
    meant = since if isinstance(since, datetime) else datetime(since.year, since.month, since.day, tzinfo=UTC)
    item = read_item(fields["deprecation"])
    assert abs(item.value - meant) < timedelta(seconds=1)
    assert all(check_header(name, value) for name, value in fields.items())


FEATURES = mutated(
    st.sampled_from(["camera", "geolocation", "fullscreen", "ch-ua"]),
    ["-", "*", "A", "1", " ", "=", "é", "_", ""],
)
ORIGINS = mutated(
    st.sampled_from(["self", "src", "https://a.example", "http://b.test:8080", "https://*.c.example"]),
    ['"', " ", ")", "\\", "é", "\x00", "\x7f", ",", "%"],
)


@unhurried
@given(st.dictionaries(FEATURES, st.just("*") | st.lists(ORIGINS, max_size=3), min_size=1, max_size=3))
@example({"camera": ["https://a\x00.example"]})
@example({"camera": ["https://bücher.example"]})
def test_permissions_are_a_dictionary_of_tokens_and_origins(features: dict[str, Any]) -> None:
    try:
        middleware = SecurityHeadersMiddleware(permissions=features)
    except ConfigurationError:
        return
    source: Any = middleware.response_headers
    field = dict(source)["permissions-policy"]
    assert check_header("permissions-policy", field)
    expected = {
        name: Item(Token("*"), {})
        if who == "*"
        else Item([Item(Token(each) if each in ("self", "src") else each, {}) for each in who], {})
        for name, who in features.items()
    }
    assert repr(read_dictionary(field)) == repr(expected)
