"""What a rule may be, and the words it may be written in: everything else is an error where it stands. Case 122."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy.exceptions import ConfigurationError
from velocipy.limiter import (
    Limiter,
    RateLimitAlgorithm,
    RateLimitMiddleware,
    RateLimitRule,
    for_networks,
    for_paths,
    limit,
    rate_limit,
)
from velocipy.limiter.rule import MAX_LIMIT, MAX_LOG, check_rules
from velocipy.limiter.storage import MemoryStorage

GOOD: dict[str, Any] = {"name": "a", "limit": 60, "window": 60}
NAN = float("nan")


@pytest.mark.case(122)
@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": NAN}, "limit"),
        ({"limit": 1.5}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": "60"}, "limit"),
        ({"limit": MAX_LIMIT + 1}, "limit"),
        ({"window": 0}, "window"),
        ({"window": -1}, "window"),
        ({"window": NAN}, "window"),
        ({"window": float("inf")}, "window"),
        ({"window": True}, "window"),
        ({"window": "60"}, "window"),
        ({"window": None}, "window"),
        ({"window": 1e-9}, "shorter than a microsecond"),
        ({"window": 1e12}, "ten years"),
        ({"window": timedelta(0)}, "window"),
        ({"limit": 2_000_000, "window": 1}, "one unit a microsecond"),
        ({"cost": 0}, "cost"),
        ({"cost": -1}, "cost"),
        ({"cost": 1.0}, "cost"),
        ({"cost": True}, "cost"),
        ({"cost": 61}, "no request would ever be admitted"),
        ({"burst": 0}, "burst"),
        ({"burst": 5, "cost": 6}, "no request would ever be admitted"),
        ({"burst": MAX_LIMIT}, "ten years"),
        ({"burst": 5, "algorithm": "fixed-window"}, "token bucket"),
        ({"algorithm": "sliding-window", "limit": MAX_LOG + 1}, "SLIDING_WINDOW_COUNTER"),
        ({"algorithm": "fixed-windows"}, "did you mean 'fixed-window'"),
        ({"algorithm": None}, "algorithm"),
        ({"name": ""}, "name"),
        ({"name": "größe"}, "ASCII"),
        ({"name": "a\nb"}, "printable"),
        ({"name": "a\x00"}, "printable"),
        ({"name": "a" * 65}, "64"),
        ({"name": None}, "name"),
        ({"on_error": "ignore"}, "on_error"),
        ({"unit": "bytes"}, "unit"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_where_it_is_made(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        RateLimitRule(**{**GOOD, **changed})
    assert "test_limiter_rules.py:" in str(caught.value)


def test_a_rule_says_its_window_in_microseconds_and_its_capacity() -> None:
    rule = RateLimitRule("a", 60, timedelta(milliseconds=1_500), burst=100)
    assert (rule.window_us, rule.capacity) == (1_500_000, 100)
    assert rule.algorithm is RateLimitAlgorithm.TOKEN_BUCKET
    assert RateLimitRule(**GOOD, algorithm="sliding-window").algorithm is RateLimitAlgorithm.SLIDING_WINDOW


@pytest.mark.parametrize(
    ("text", "count", "window"),
    [
        ("100/minute", 100, 60),
        ("100 / minutes", 100, 60),
        ("1/s", 1, 1),
        ("5 per 10 seconds", 5, 10),
        ("5 per 2h", 5, 7200),
        ("1000/day", 1000, 86_400),
        ("7/W", 7, 604_800),
        (" 3/15min ", 3, 900),
    ],
)
def test_a_limit_can_be_written_in_words(text: str, count: int, window: int) -> None:
    rule = limit(text, name="n", cost=1, on_error="deny")
    assert rule == RateLimitRule("n", count, window, on_error="deny")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "100",
        "minute",
        "/minute",
        "100/",
        "100/minut e",
        "-1/minute",
        "1.5/minute",
        "0/minute",
        "100/0 minutes",
    ]
    + ["100/fortnight", "١/minute", "1" * 16 + "/s", "100/minute; 5/s", None, 7],
)
def test_words_that_are_no_limit_are_refused(text: Any) -> None:
    with pytest.raises(ConfigurationError, match="limit"):
        limit(text)


@given(st.text(max_size=40))
def test_any_text_is_a_rule_or_a_configuration_error(text: str) -> None:
    try:
        assert limit(text).limit > 0
    except ConfigurationError:
        pass


def test_limits_without_a_name_count_by_the_place_where_they_stand() -> None:
    first = limit("5/minute")
    second = limit("5/minute")
    assert first.name != second.name and first.name.startswith("5-per-minute-")
    again = [limit("5/minute") for _ in range(2)]
    assert again[0].name == again[1].name


@pytest.mark.case(122)
@pytest.mark.parametrize("make", [rate_limit, RateLimitMiddleware])
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rules": []}, "1 to 16 rules"),
        ({"rules": [f"{number}/minute" for number in range(1, 18)]}, "1 to 16 rules"),
        ({"rules": [RateLimitRule(**GOOD), RateLimitRule("a", 5, 1)]}, "two rules are named 'a'"),
        ({"rules": ["5/minute", "5/minute"]}, "two rules are named"),
        ({"rules": "5/minute"}, "write rules="),
        ({"rules": RateLimitRule(**GOOD)}, "write rules="),
        ({"rules": [7]}, "no RateLimitRule"),
        ({"limiter": MemoryStorage()}, "needs a Limiter"),
        ({"identifier": "x-user"}, "identifier is a function"),
        ({"exempt": ["/health"]}, "exempt is a function"),
        ({"cost": 0}, "cost"),
        ({"cost": -1}, "cost"),
        ({"cost": 61}, "cost"),
        ({"cost": True}, "cost"),
        ({"cost": 1.5}, "cost"),
    ],
)
def test_what_limits_is_checked_where_it_is_made(make: Any, given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        make(**{"limiter": Limiter(), "rules": [RateLimitRule(**GOOD)], **given})
    assert "test_limiter_rules.py:" in str(caught.value)


def test_rules_are_read_once_and_keep_their_order() -> None:
    rules = check_rules(["5/minute", RateLimitRule(**GOOD)], "here")
    assert [rule.limit for rule in rules] == [5, 60]


def test_an_exemption_that_says_nothing_is_refused_where_it_is_made() -> None:
    with pytest.raises(ConfigurationError, match=r"'health' does not begin with a slash: write '/health'"):
        for_paths("health")
    with pytest.raises(ConfigurationError, match=r"10\.0\.0\.1/8 has host bits set; write such as"):
        for_networks("10.0.0.1/8")


def test_a_verdict_tells_the_limit_of_its_tightest_rule() -> None:
    assert asyncio.run(Limiter().check("x", ("5/minute", "100/hour"))).limit == 5


def test_an_identity_that_is_forgotten_begins_anew() -> None:
    limiter, rules = Limiter(), (RateLimitRule("a", 1, 3600),)

    async def main() -> list[bool]:
        found = [(await limiter.check("x", rules)).allowed for _ in range(2)]
        await limiter.reset("x", rules)
        return [*found, (await limiter.check("x", rules)).allowed]

    assert asyncio.run(main()) == [True, False, True]


async def check_both() -> list[bool]:
    limiter, rule = Limiter(), RateLimitRule("a", 1, 3600)
    return [
        (await limiter.check("x", rules)).allowed for rules in ((rule,), [rule], check_rules([rule], "here"))
    ]


def test_a_check_takes_rules_in_whatever_they_stand_and_reads_words() -> None:
    assert asyncio.run(check_both()) == [True, False, False]
    assert asyncio.run(Limiter().check("x", ("5/minute",))).remaining == 4
    with pytest.raises(ConfigurationError, match="two rules are named"):
        asyncio.run(Limiter().check("x", (limit("1/s", name="a"), limit("2/s", name="a"))))


@pytest.mark.parametrize("storage", [MemoryStorage, object(), {}, "memory"])
def test_what_is_no_storage_is_refused(storage: Any) -> None:
    with pytest.raises(ConfigurationError, match="storage|class"):
        Limiter(storage)
