"""Conditions of a request: what is read from them, which one counts, and what that costs."""

import time
from typing import Any

import pytest
from durations import within
from hypothesis import given
from hypothesis import strategies as st

from velocipy.http.conditional import (
    ETag,
    Validators,
    failed_precondition,
    is_same_version,
    parse_date,
    parse_etag,
    parse_etags,
)
from velocipy.http.headers import Headers, http_date

NOON = 784_111_777
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
BEFORE, AFTER = "Sun, 06 Nov 1994 08:49:36 GMT", "Sun, 06 Nov 1994 08:49:38 GMT"
STRONG = Validators('"v1"', DATE)
WEAK = Validators('W/"v1"', DATE)
BARE = Validators(None, None)


def asked(pairs: list[tuple[str, str]]) -> Any:
    """The headers of a request, as any server's."""
    return Headers(pairs)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ('"a"', ETag(False, "a")),
        ('W/"a"', ETag(True, "a")),
        ('""', ETag(False, "")),
        ('"a,b"', ETag(False, "a,b")),
        ('w/"a"', None),
        ("a", None),
        ('"a', None),
        ('"a b"', None),
        ('"a"b"', None),
        (' "a"', None),
        ("", None),
        (None, None),
    ],
)
def test_an_etag(text: str | None, tag: ETag | None) -> None:
    assert parse_etag(text) == tag


@pytest.mark.parametrize(
    ("text", "opaque"),
    [
        ('"a"', ["a"]),
        ('"a", W/"b"', ["a", "b"]),
        ('"a","b,c" ,\t"d"', ["a", "b,c", "d"]),
        (', ,"a",', ["a"]),
        ("", []),
        ("*", []),
        ('*, "a"', []),
        ('"a", b', []),
        ('"a', []),
        ('"a", "b c"', []),
        ('"a", ' * 2_000, []),
    ],
)
def test_a_list_of_etags_is_read_whole_or_not_at_all(text: str, opaque: list[str]) -> None:
    assert [tag.opaque for tag in parse_etags(text)] == opaque


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", NOON),
        ("Sunday, 06-Nov-94 08:49:37 GMT", NOON),
        ("Sun Nov  6 08:49:37 1994", NOON),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),  # a leap second
        ("Thu, 29 Feb 2024 00:00:00 GMT", 1_709_164_800),
        ("Wed, 29 Feb 2023 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
        ("Sat, 01 Jan 0000 00:00:00 GMT", None),
        ("Sun, 06 Nov 1994 24:00:00 GMT", None),
        ("Sun, 06 Nov 1994 08:60:00 GMT", None),
        ("Sun, 06 Nov 1994 08:49:61 GMT", None),
        ("Sun, 6 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 08:49:37", None),
        ("Sun, 06 Nov 1994 08:49:37 UTC", None),
        ("sun, 06 nov 1994 08:49:37 gmt", None),
        ("Sun, ٠٦ Nov 1994 08:49:37 GMT", None),
        ("1994-11-06T08:49:37Z", None),
        ("784111777", None),
        ("0", None),
        ("", None),
        (None, None),
    ],
)
def test_a_date_has_one_of_three_forms(text: str | None, seconds: int | None) -> None:
    assert parse_date(text) == seconds


@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_every_date_that_is_written_is_read(seconds: int) -> None:
    assert parse_date(http_date(seconds)) == seconds


def test_a_year_of_two_digits_is_at_most_fifty_years_ahead() -> None:
    this = time.gmtime().tm_year
    for years, expected in ((50, this + 50), (51, this - 49), (0, this), (99, this - 1)):
        text = f"Monday, 01-Mar-{(this + years) % 100:02} 00:00:00 GMT"
        assert time.gmtime(parse_date(text)).tm_year == expected


# RFC 9110 section 13.2.2, step by step.
@pytest.mark.case(62)
@pytest.mark.parametrize(
    ("validators", "pairs", "get", "other"),
    [
        (STRONG, [], None, None),
        # 1: If-Match, by strong comparison
        (STRONG, [("if-match", '"v1"')], None, None),
        (STRONG, [("if-match", '"v0", "v1"')], None, None),
        (STRONG, [("if-match", '"v0"'), ("if-match", '"v1"')], None, None),
        (STRONG, [("if-match", "*")], None, None),
        (STRONG, [("if-match", '"v0"')], 412, 412),
        (STRONG, [("if-match", 'W/"v1"')], 412, 412),
        (WEAK, [("if-match", 'W/"v1"')], 412, 412),
        (WEAK, [("if-match", '"v1"')], 412, 412),
        (STRONG, [("if-match", "v1")], 412, 412),
        (STRONG, [("if-match", "")], 412, 412),
        (BARE, [("if-match", '"v1"')], 412, 412),
        (BARE, [("if-match", "*")], None, None),
        # 2: If-Unmodified-Since, where there is no If-Match
        (STRONG, [("if-unmodified-since", DATE)], None, None),
        (STRONG, [("if-unmodified-since", AFTER)], None, None),
        (STRONG, [("if-unmodified-since", BEFORE)], 412, 412),
        (STRONG, [("if-unmodified-since", "yesterday")], None, None),
        (STRONG, [("if-unmodified-since", BEFORE), ("if-unmodified-since", BEFORE)], None, None),
        (BARE, [("if-unmodified-since", BEFORE)], None, None),
        (STRONG, [("if-match", '"v1"'), ("if-unmodified-since", BEFORE)], None, None),
        # 3: If-None-Match, by weak comparison
        (STRONG, [("if-none-match", '"v1"')], 304, 412),
        (STRONG, [("if-none-match", 'W/"v1"')], 304, 412),
        (WEAK, [("if-none-match", '"v1"')], 304, 412),
        (STRONG, [("if-none-match", '"v0", W/"v1"')], 304, 412),
        (STRONG, [("if-none-match", '"v0"'), ("if-none-match", '"v1"')], 304, 412),
        (STRONG, [("if-none-match", "*")], 304, 412),
        (BARE, [("if-none-match", "*")], 304, 412),
        (STRONG, [("if-none-match", " * ")], 304, 412),
        (STRONG, [("if-none-match", '"v0"')], None, None),
        (STRONG, [("if-none-match", "v1")], None, None),
        (STRONG, [("if-none-match", "")], None, None),
        (BARE, [("if-none-match", '"v1"')], None, None),
        # 4: If-Modified-Since, where there is no If-None-Match, for GET and HEAD
        (STRONG, [("if-modified-since", DATE)], 304, None),
        (STRONG, [("if-modified-since", AFTER)], 304, None),
        (STRONG, [("if-modified-since", "Fri, 31 Dec 9999 23:59:59 GMT")], 304, None),
        (STRONG, [("if-modified-since", BEFORE)], None, None),
        (STRONG, [("if-modified-since", "0")], None, None),
        (STRONG, [("if-modified-since", DATE), ("if-modified-since", DATE)], None, None),
        (BARE, [("if-modified-since", DATE)], None, None),
        (STRONG, [("if-none-match", '"v0"'), ("if-modified-since", DATE)], None, None),
        (STRONG, [("if-none-match", '"v1"'), ("if-modified-since", BEFORE)], 304, 412),
        # both steps
        (STRONG, [("if-match", '"v0"'), ("if-none-match", '"v1"')], 412, 412),
        (STRONG, [("if-match", '"v1"'), ("if-none-match", '"v1"')], 304, 412),
    ],
)
def test_the_conditions_in_their_order(
    validators: Validators, pairs: list[tuple[str, str]], get: int | None, other: int | None
) -> None:
    headers = asked(pairs)
    assert failed_precondition("GET", headers, validators) == get
    assert failed_precondition("HEAD", headers, validators) == get
    assert failed_precondition("PUT", headers, validators) == other


@pytest.mark.case(64)
@pytest.mark.parametrize(
    ("validators", "values", "same"),
    [
        (STRONG, [], True),
        (STRONG, ['"v1"'], True),
        (STRONG, ['W/"v1"'], False),
        (WEAK, ['W/"v1"'], False),
        (WEAK, ['"v1"'], False),
        (STRONG, ['"v0"'], False),
        (STRONG, [DATE], True),
        (STRONG, [AFTER], False),  # a date has to be equal, not later
        (STRONG, [BEFORE], False),
        (STRONG, ["*"], False),
        (STRONG, ['"v1", "v2"'], False),
        (STRONG, ['"v1"', '"v1"'], False),
        (STRONG, [""], False),
        (BARE, ['"v1"'], False),
        (BARE, [DATE], False),
    ],
)
def test_if_range_is_a_strong_comparison(validators: Validators, values: list[str], same: bool) -> None:
    assert is_same_version(asked([("if-range", value) for value in values]), validators) is same


def test_the_date_of_this_very_second_is_not_strong() -> None:
    now = http_date(time.time())
    assert not is_same_version(asked([("if-range", now)]), Validators(None, now))


@pytest.mark.case(62)
@given(
    st.sampled_from(["if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"]),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
)
def test_no_text_raises(name: str, text: str) -> None:
    headers = asked([(name, text)])
    assert failed_precondition("GET", headers, STRONG) in (None, 304, 412)
    assert is_same_version(headers, STRONG) in (True, False)


@pytest.mark.case(62)
@pytest.mark.parametrize("length", [8_000, 100_000])
@pytest.mark.parametrize("piece", ['"', "W/", ", ", '"a", ', '"a" ', "W", " "])
def test_long_conditions_are_cheap(piece: str, length: int) -> None:
    headers = asked([("if-none-match", (piece * length)[:length]), ("if-range", piece * length)])
    assert within(0.005, lambda: failed_precondition("GET", headers, STRONG))
    assert within(0.005, lambda: is_same_version(headers, STRONG))
