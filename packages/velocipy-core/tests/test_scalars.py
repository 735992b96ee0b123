"""Text -> value: what each scalar takes, what it refuses, and that no text is slow to refuse."""

import re
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from durations import within
from hypothesis import given
from hypothesis import strategies as st

from velocipy.scalars import (
    MAX_LENGTH,
    parse_bool,
    parse_date,
    parse_datetime,
    parse_decimal,
    parse_float,
    parse_int,
    parse_time,
    parse_timedelta,
    parse_uuid,
)

ALL: list[Callable[[str], object]] = [
    parse_int,
    parse_float,
    parse_bool,
    parse_decimal,
    parse_uuid,
    parse_datetime,
    parse_date,
    parse_time,
    parse_timedelta,
]
HEX = "0123456789abcdef0123456789abcdef"
PLUS_2 = timezone(timedelta(hours=2))

TAKEN = [
    (parse_int, "0", 0),
    (parse_int, "42", 42),
    (parse_int, "-42", -42),
    (parse_int, "-0", 0),
    (parse_int, "007", 7),
    (parse_int, "9" * MAX_LENGTH, int("9" * MAX_LENGTH)),
    (parse_float, "1", 1.0),
    (parse_float, "1.5", 1.5),
    (parse_float, "-.5", -0.5),
    (parse_float, "1e3", 1000.0),
    (parse_float, "1E-3", 0.001),
    (parse_float, "1.7976931348623157e+308", 1.7976931348623157e308),
    (parse_float, "1e-999", 0.0),
    (parse_decimal, "1.10", Decimal("1.10")),
    (parse_decimal, "-1e3", Decimal("-1E+3")),
    (parse_decimal, "0." + "1" * 90, Decimal("0." + "1" * 90)),
    (parse_uuid, "01234567-89ab-cdef-0123-456789ABCDEF", UUID(HEX)),
    (parse_uuid, HEX, UUID(HEX)),
    (parse_datetime, "2026-01-31T12:30:05Z", datetime(2026, 1, 31, 12, 30, 5, tzinfo=UTC)),
    (parse_datetime, "2026-01-31t12:30:05z", datetime(2026, 1, 31, 12, 30, 5, tzinfo=UTC)),
    (parse_datetime, "2026-01-31 12:30:05+02:00", datetime(2026, 1, 31, 12, 30, 5, tzinfo=PLUS_2)),
    (parse_datetime, "2026-01-31T12:30:05-00:00", datetime(2026, 1, 31, 12, 30, 5, tzinfo=UTC)),
    (parse_datetime, "2026-01-31T12:30", datetime(2026, 1, 31, 12, 30)),
    (parse_datetime, "2026-01-31T12:30:05.1", datetime(2026, 1, 31, 12, 30, 5, 100_000)),
    (parse_datetime, "2026-01-31T12:30:05.123456789", datetime(2026, 1, 31, 12, 30, 5, 123_456)),
    (parse_date, "2024-02-29", date(2024, 2, 29)),
    (parse_time, "23:59", time(23, 59)),
    (parse_time, "12:30:05.5Z", time(12, 30, 5, 500_000, tzinfo=UTC)),
    (parse_timedelta, "P1DT2H3M4.5S", timedelta(days=1, hours=2, minutes=3, seconds=4.5)),
    (parse_timedelta, "P2W", timedelta(weeks=2)),
    (parse_timedelta, "-PT1M", timedelta(minutes=-1)),
    (parse_timedelta, "PT36H", timedelta(hours=36)),
    (parse_timedelta, "90", timedelta(seconds=90)),
    (parse_timedelta, "-1.5", timedelta(seconds=-1.5)),
    (parse_timedelta, "0.0000019", timedelta(microseconds=1)),
    (parse_timedelta, "-P999999999D", timedelta.min),
]

NO_NUMBERS = [
    "",
    " 1",
    "1 ",
    "1\n",
    "+1",
    "1_0",
    "١",
    "１",
    "²",
    "0x1",
    "--1",
    "-",
    "1e",
    "nan",
    "inf",
    "-Infinity",
    "1e999",
]
REFUSED: dict[Callable[[str], object], list[str]] = {
    parse_int: [*NO_NUMBERS, "1.0", "1e3", "- 1", "-1_0", "-²", "9" * 5000, "9" * (MAX_LENGTH + 1), "true"],
    parse_float: [*NO_NUMBERS, "5.", ".", "1.e3", "1,5", "1e+", "1e 3", "1e9999", "9" * 5000],
    parse_decimal: [*NO_NUMBERS[:-1], "sNaN", "1e1000", "1e999999999", "5."],
    parse_bool: ["", "2", "banana", " true", "true\n", "y", "t", "None", "-1", "01", "TRUEE", "o" * 5000],
    parse_uuid: ["", "{" + HEX + "}", "urn:uuid:" + HEX, HEX[1:], HEX + "0", "0123-" + HEX[4:], "g" + HEX[1:], "١" * 32],
    parse_datetime: ["", "inf", "9" * 400, "0000-00-00", "0000-01-01T00:00", "2026-02-30T00:00", "2026-01-31", "1700000000",
                     "2026-01-31T24:00", "2026-01-31T23:59:60Z", "2026-01-31T12", "20260131T1230", "2026-W05-6T12:30",
                     "2026-01-31_12:30", "2026-01-31T12:30:05,5", "2026-01-31T12:30:05.", "2026-01-31T12:30 02:00",
                     "2026-01-31T12:30+0200", "2026-01-31T12:30+24:00", "٢026-01-31T12:30", "2026-01-31T12:30Z "],
    parse_date: ["", "0000-00-00", "0000-01-01", "2026-02-29", "2026-13-01", "20260131", "2026-W05-6", "2026-1-1", "26-01-01",
                 "2026-01-31T00:00", "٢026-01-31", "9" * 400],
    parse_time: ["", "24:00", "12", "12:60", "12:30:60", "1230", "T12:30", "12:30:05,5", "12:30pm", "12:30+2", "9" * 400],
    parse_timedelta: ["", "P", "PT", "P1", "P1Y", "P1M", "P1S", "PT1D", "P1.5D", "PT1.5H", "PT1S2M", "p1d", "P-1D", "+1", "1:30",
                      "1.", ".5", "1e3", "inf", "9" * 99, "-P999999999DT1S", "P1DT", "PT١S"],
}  # fmt: skip


@pytest.mark.parametrize(("parse", "text", "value"), TAKEN)
def test_a_scalar_reads_its_forms(parse: Callable[[str], object], text: str, value: object) -> None:
    found = parse(text)
    assert found == value
    assert type(found) is type(value)
    assert str(found) == str(value)  # 1.10 is not 1.1, and an offset is kept


@pytest.mark.parametrize("word", ["true", "TRUE", "True", "1", "yes", "Yes", "on", "oN"])
def test_a_bool_is_true_in_these_words(word: str) -> None:
    assert parse_bool(word) is True


@pytest.mark.parametrize("word", ["false", "FALSE", "0", "no", "No", "off", "OFF"])
def test_a_bool_is_false_in_these_words(word: str) -> None:
    assert parse_bool(word) is False


@pytest.mark.case(22)
@pytest.mark.case(23)
@pytest.mark.parametrize(
    ("parse", "text"), [(parse, text) for parse, texts in REFUSED.items() for text in texts]
)
def test_a_scalar_refuses_everything_else_in_words_for_a_client(
    parse: Callable[[str], object], text: str
) -> None:
    with pytest.raises(ValueError, match=r"^not a (valid|finite) [a-zU]") as caught:
        parse(text)
    assert len(str(caught.value)) < 80


@pytest.mark.case(27)
@pytest.mark.parametrize("parse", ALL)
def test_a_reason_never_repeats_the_input(parse: Callable[[str], object]) -> None:
    """The reasons are constants: however many texts are refused, a scalar has at most two."""
    reasons = set()
    for text in REFUSED[parse]:
        with pytest.raises(ValueError) as caught:
            parse(text)
        reasons.add(str(caught.value))
    assert 1 <= len(reasons) <= 2


@pytest.mark.parametrize("text", ["1" * 1_000_000, "-" * 1_000_000, "P" + "1" * 1_000_000, "١" * 1_000_000])
@pytest.mark.parametrize("parse", ALL)
def test_a_megabyte_is_refused_at_once(parse: Callable[[str], object], text: str) -> None:
    """No scalar reads more than MAX_LENGTH characters, whatever they are; 50 ms is a hundred times what it takes."""

    def refuse() -> None:
        with pytest.raises(ValueError):
            parse(text)

    assert within(0.05, refuse)


@given(st.text(max_size=12) | st.text("0123456789+-_. eE١", max_size=12))
def test_an_int_is_what_its_grammar_says(text: str) -> None:
    if re.fullmatch(r"-?[0-9]+", text, re.ASCII):
        assert parse_int(text) == int(text)
    else:
        with pytest.raises(ValueError):
            parse_int(text)


@given(st.text("0123456789+-_. eE١naif", max_size=12))
def test_a_number_that_is_taken_is_read_as_python_reads_it(text: str) -> None:
    try:
        value = parse_float(text)
    except ValueError:
        return
    assert value == float(text)
    assert parse_decimal(text) == Decimal(text)


def test_no_other_letters_make_the_words_of_a_bool() -> None:
    """A long s folds to "s" and a ligature to "ff", but they are not what anybody types."""
    odd = [
        chr(code) for code in range(128, sys.maxunicode) if chr(code).casefold() in ("s", "ff", "fl", "st")
    ]
    assert odd
    for word in (form.replace(char.casefold(), char) for char in odd for form in ("yes", "off", "false")):
        assert word in ("yes", "off", "false") or not accepts(parse_bool, word)


def accepts(parse: Callable[[str], object], text: str) -> bool:
    try:
        parse(text)
    except ValueError:
        return False
    return True


@given(st.integers(-(10**98), 10**98))
def test_every_int_that_is_written_is_read_back(value: int) -> None:
    assert parse_int(str(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_that_is_written_is_read_back(value: float) -> None:
    assert parse_float(repr(value)) == value


@given(st.uuids())
def test_every_uuid_that_is_written_is_read_back(value: UUID) -> None:
    assert parse_uuid(str(value)) == parse_uuid(value.hex) == parse_uuid(str(value).upper()) == value


@given(st.datetimes(timezones=st.none() | st.just(UTC) | st.just(PLUS_2)))
def test_every_moment_that_is_written_is_read_back(value: datetime) -> None:
    assert parse_datetime(value.isoformat()) == value
    assert parse_datetime(value.isoformat(" ")).utcoffset() == value.utcoffset()
    assert parse_date(value.date().isoformat()) == value.date()
    assert parse_time(value.timetz().isoformat()) == value.timetz()


@given(st.timedeltas())
def test_every_duration_that_is_written_is_read_back(value: timedelta) -> None:
    """To the microsecond, where a float of seconds loses digits after 285 years."""
    whole = abs(value) // timedelta(microseconds=1)
    seconds, microseconds = divmod(whole, 1_000_000)
    sign = "-" if value < timedelta(0) else ""
    assert parse_timedelta(f"{sign}{seconds}.{microseconds:06}") == value
    assert parse_timedelta(f"{sign}PT{seconds}.{microseconds:06}S") == value


@given(st.text(max_size=40), st.sampled_from(ALL))
def test_no_text_raises_anything_but_a_value_error(text: str, parse: Callable[[str], object]) -> None:
    try:
        parse(text)
    except ValueError as error:
        assert not isinstance(error, UnicodeError)
