"""Fuzz target: queries and urlencoded forms against the standard library and each other. Knows `parse_query` and `parse_urlencoded`."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote_to_bytes, urlencode

from drawing import mutated, unhurried, work
from hypothesis import example, given
from hypothesis import strategies as st

from velocipy.exceptions import BadRequest, PayloadTooLargeException
from velocipy.http.forms import FormLimits, parse_urlencoded
from velocipy.http.query import MAX_FIELDS, MAX_LENGTH, last_values, parse_query

PIECES = [
    "&",
    "=",
    "+",
    "%",
    "%2",
    "%26",
    "%3D",
    "%00",
    "%C3",
    "%A9",
    "%c3%a9",
    "%ED%A0%80",
    "%zz",
    ";",
    "a",
    "é",
    "\x00",
    "\ufffd",
]
WORDS = st.text(st.sampled_from("ab+%& =é\u20ac\U0001f600"), max_size=5)
QUERIES = mutated(st.lists(st.tuples(WORDS, WORDS), max_size=8).map(urlencode), PIECES) | st.lists(
    st.sampled_from(PIECES), max_size=30
).map("".join)


@unhurried
@given(QUERIES)
@example("a=1&&=2")
@example("&=")
@example("a=%ED%A0%80")
@example("%C3=1&%A9=2")
@example("a=%C3+%A9")
def test_a_query_is_what_the_standard_library_reads(text: str) -> None:
    expected = parse_qsl(text, keep_blank_values=True)
    query = parse_query(text)
    assert list(query.items()) == expected
    assert dict(query) == dict(expected) == {name: query[name] for name in query}
    for name in {name for name, _ in expected}:
        assert query.getlist(name) == [value for known, value in expected if known == name]
    last = last_values(text)
    assert all(last[name] == value for name, value in dict(expected).items() if name)


@unhurried
@given(QUERIES, st.integers(1, 40) | st.integers(300, 2_000))
@example("&", MAX_FIELDS)
@example("a", MAX_LENGTH // 2)
def test_a_query_is_read_in_work_that_its_fields_bound(text: str, times: int) -> None:
    text = "&".join([text] * times)
    fields = text.count("&") + 1
    assert work(parse_query, text) <= 14 * fields + 14 * text.count("%") + 30
    try:
        read = parse_query(text)
    except BadRequest:
        assert fields > MAX_FIELDS or len(text) > MAX_LENGTH
    else:
        assert fields <= MAX_FIELDS and len(text) <= MAX_LENGTH
        assert sum(len(name) + len(value) for name, value in read.items()) <= len(text)


@unhurried
@given(QUERIES)
@example("a=%FF")
@example("\x00=%")
def test_a_form_is_a_query_but_for_bytes_that_are_no_utf8(text: str) -> None:
    valid = all(_is_utf8(word) for field in text.split("&") for word in field.partition("=")[::2])
    try:
        form = parse_urlencoded(text.encode())
    except BadRequest:
        assert not valid
    else:
        assert valid
        assert form.items() == list(parse_query(text).items())


def _is_utf8(word: str) -> bool:
    try:
        unquote_to_bytes(word).decode()
    except UnicodeDecodeError:
        return False
    return True


@unhurried
@given(st.binary(max_size=60) | QUERIES.map(str.encode), st.integers(0, 6), st.integers(0, 6))
def test_of_a_form_no_more_is_read_than_its_limits_say(body: bytes, fields: int, size: int) -> None:
    try:
        form = parse_urlencoded(body, FormLimits(max_fields=fields, max_part_size=size))
    except PayloadTooLargeException:
        assert body.count(b"&") + 1 > fields or len(body) > size
    except BadRequest:
        pass
    else:
        assert not body or body.count(b"&") + 1 <= fields
        assert all(
            len(text.encode()) <= size for pair in form.items() for text in pair if isinstance(text, str)
        )
