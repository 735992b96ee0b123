"""Fuzz target: entity tags, dates and file names in headers against the standard library and slow readers. Knows their grammars."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import unquote

from drawing import mutated, unhurried, work
from hypothesis import example, given
from hypothesis import strategies as st

from velocipy.http.conditional import MAX_LENGTH, parse_date, parse_etag, parse_etags
from velocipy.http.disposition import content_disposition, display_name
from velocipy.http.fields import check_header, http_date

PIECES = [",", '"', "W/", "w/", '""', "*", " ", "\t", "a", "\\", "é", "\x00", '"a"', 'W/"b"', '"a,b"', "\x7f"]
TAGS = st.text(st.sampled_from("ab,;*W/-"), max_size=4).map(lambda opaque: f'"{opaque}"')
LISTS = mutated(st.lists(TAGS | TAGS.map("W/".__add__), max_size=6).map(", ".join), PIECES)


def read_slowly(text: str) -> list[tuple[bool, str]]:
    """Tags and commas by turns; [] for anything else."""
    found, rest, separated = [], text.strip(" \t,"), True
    while rest:
        match = re.match(r'(W/)?"([!#-~]*)"', rest)
        if match is None or not separated:
            return []
        found.append((match[1] is not None, match[2]))
        rest = rest[match.end() :]
        gap = len(rest) - len(rest.lstrip(" \t,"))
        separated = "," in rest[:gap]
        rest = rest[gap:]
    return found


@unhurried
@given(LISTS)
@example('"a""b"')
@example('"a" "b"')
@example(',, "a" ,,W/"b",')
@example('"a\x7f"')
def test_a_list_of_tags_is_what_a_slow_reader_finds(text: str) -> None:
    assert [tuple(tag) for tag in parse_etags(text)] == read_slowly(text)
    one = parse_etag(text)
    assert one is None or parse_etags(text) == [one]


@unhurried
@given(LISTS, st.integers(1, 300))
def test_a_list_of_tags_is_read_in_work_that_is_bounded(text: str, times: int) -> None:
    assert work(parse_etags, text * times) <= 10 * MAX_LENGTH
    assert len(text * times) <= MAX_LENGTH or parse_etags(text * times) == []


MOMENTS = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2099, 12, 31)).map(
    lambda moment: moment.replace(microsecond=0)
)
FORMS = ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"]


@unhurried
@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_a_date_that_is_written_is_read_back(seconds: int) -> None:
    text = http_date(seconds)
    assert parse_date(text) == seconds
    assert check_header("last-modified", text) == ("last-modified", text)


@unhurried
@given(MOMENTS, st.sampled_from(FORMS), st.booleans())
def test_the_three_forms_of_a_date_are_read(moment: datetime, form: str, padded: bool) -> None:
    text = moment.strftime(form)
    if form == FORMS[2] and padded:
        text = re.sub(r" 0(\d) ", r"  \1 ", text)
    read = parse_date(text)
    assert read is not None
    years = 100 if form == FORMS[1] else 1
    assert (datetime.fromtimestamp(read, UTC).year - moment.year) % years == 0
    assert form == FORMS[1] or read == moment.replace(tzinfo=UTC).timestamp()


@unhurried
@given(
    mutated(
        st.tuples(MOMENTS, st.sampled_from(FORMS)).map(lambda drawn: drawn[0].strftime(drawn[1])),
        [" ", "0", "24", "60", "GMT", "Feb", "\n", "\u0661", "-", ","],
    )
)
@example("Sun, 06 Nov 1994 08:49:60 GMT")
@example("Sun, 06 Nov 1994 08:49:37 GMT\n")
@example("Sun, 29 Feb 1900 00:00:00 GMT")
def test_no_text_is_read_as_another_date_than_the_standard_library_reads(text: str) -> None:
    read = parse_date(text)
    if read is not None and ":60 " not in text and "-" not in text:
        expected = parsedate_to_datetime(text)
        assert read == expected.replace(tzinfo=UTC).timestamp()


@unhurried
@given(st.text(max_size=300), st.sampled_from(["attachment", "inline"]))
@example('a";filename=b', "attachment")
@example("../\u202egpj.exe\r\nx: y", "attachment")
@example("é" * 400 + ".tar.gz", "inline")
def test_a_file_name_reads_back_as_what_is_safe_to_show(filename: str, kind: str) -> None:
    field = content_disposition(kind, filename)
    assert check_header("content-disposition", field) == ("content-disposition", field)
    match = re.fullmatch(
        r"(attachment|inline); filename=\"([ !#-\[\]-~]*)\"(?:; filename\*=UTF-8''([A-Za-z0-9!#$&+\-.^_`|~%]+))?",
        field,
    )
    assert match is not None and match[1] == kind
    name = match[2] if match[3] is None else unquote(match[3], errors="strict")
    assert name == display_name(filename)
    assert not set(name) & set("/\\\r\n\0\u202e") and 0 < len(name) <= 200
