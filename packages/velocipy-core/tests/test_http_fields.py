"""One header field: which names and values may be sent, and the date format."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from velocipy.http import fields
from velocipy.http.fields import _KNOWN, HOP_BY_HOP, check_header, http_date

# The grammar once more, from RFC 9110 sections 5.1, 5.5 and 5.6.2, with obs-text left out.
NAME = re.compile(r"[!#$%&'*+\-.^_`|~A-Za-z0-9]+")
VALUE = re.compile(r"(?:[\x21-\x7e](?:[\x20\x09\x21-\x7e]*[\x21-\x7e])?)?")

words = st.text(st.characters(max_codepoint=0x17F), max_size=12)


@given(name=words, value=words)
@example(name="content-type", value="a\n")
@example(name="content-type\n", value="a")
@example(name="x-a", value=" a")
@example(name="Content-Type", value="a\t")
@example(name="vary", value="a\tb")
@example(name="\u212aeep-alive", value="a")  # KELVIN SIGN, whose lower case is an ASCII k
def test_a_header_passes_exactly_when_the_grammar_has_it(name, value):
    allowed = NAME.fullmatch(name) and VALUE.fullmatch(value) and name.lower() not in HOP_BY_HOP
    if not allowed or name.lower() == "content-length":
        with pytest.raises(ValueError, match="header"):
            check_header(name, value)
    else:
        assert check_header(name, value) == (name.lower(), value)


@given(name=st.sampled_from(sorted(_KNOWN)), value=words)
def test_a_known_name_is_held_to_the_same_grammar(name, value):
    """The short way for known names lets nothing through that the long way refuses."""
    if VALUE.fullmatch(value):
        assert check_header(name, value) == (name.lower(), value)
    else:
        with pytest.raises(ValueError, match=name.lower()):
            check_header(name, value)


def test_no_name_with_a_rule_of_its_own_takes_the_short_way():
    assert not HOP_BY_HOP & {name.lower() for name in _KNOWN}
    assert "content-length" not in _KNOWN


@pytest.mark.case(12)
@pytest.mark.parametrize(
    "name", ["", "X Bad", "x:", "x\r\n", "x\0", "é", "(x)", "x\x7f", '"x"', b"x", None, 1, ["x"]]
)
def test_a_name_that_is_no_token_is_refused_and_shown(name):
    with pytest.raises(ValueError, match=re.escape(repr(name))):
        check_header(name, "a")


@pytest.mark.case(12)
@pytest.mark.parametrize("name", ["content-type", "x-own"])
@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("a\r\nSet-Cookie: b=c", r"'\\r' at index 1 .*control character"),
        ("a\n", r"'\\n' at index 1 .*control character"),
        ("a\0b", r"'\\x00' at index 1"),
        ("\x7f", r"'\\x7f' at index 0"),
        ("\x85", r"only ASCII"),
        ("café", r"'é' at index 3 .*percent-encode.*RFC 8187"),
        ("日本", r"'日' at index 0"),
        ("\ud800", r"only ASCII"),
        (" a", "space around"),
        ("a\t", "space around"),
        (" ", "space around"),
        (b"a", "not bytes"),
        (5, "not int.*str()"),
        (None, "not NoneType"),
    ],
)
def test_a_value_that_servers_read_differently_is_refused_with_the_reason(name, value, told):
    with pytest.raises(ValueError, match=f"header '{name}' .*{told}"):
        check_header(name, value)


def test_a_refused_value_is_not_repeated_in_the_message():
    with pytest.raises(ValueError, match="set-cookie") as caught:
        check_header("set-cookie", "session=swordfish\n")
    assert "swordfish" not in str(caught.value)


def test_a_value_of_a_str_subclass_becomes_plain_text():
    class Policy(StrEnum):
        OFF = "no-store"

    name, value = check_header("cache-control", Policy.OFF)
    assert (name, value) == ("cache-control", "no-store")
    assert type(value) is str


@pytest.mark.case(10)
@pytest.mark.parametrize(
    "value", ["abc", "-1", "+5", "5_0", "0x5", "5, 5", "", " 5", "5\n", "٥", "9" * 20, 5]
)
def test_a_content_length_that_is_no_plain_number_is_refused(value):
    with pytest.raises(ValueError, match="content-length"):
        check_header("Content-Length", value)


@given(st.integers(min_value=-62_135_596_800, max_value=253_402_300_799))
def test_dates_are_those_of_the_standard_library(seconds):
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert http_date(seconds) == format_datetime(moment, usegmt=True)


@pytest.mark.parametrize("seconds", [10**12, -(10**12), 10**400, float("inf"), float("nan"), 253_402_300_800])
def test_a_moment_that_the_format_cannot_say_is_refused(seconds):
    with pytest.raises(ValueError, match="not a date"):
        http_date(seconds)


def test_the_lengths_that_are_known_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "MAX_LENGTHS", 2)
    monkeypatch.setattr(fields, "LENGTHS", {})
    assert [fields.declared_length(str(length)) for length in range(5)] == [0, 1, 2, 3, 4]
    assert len(fields.LENGTHS) <= 2
