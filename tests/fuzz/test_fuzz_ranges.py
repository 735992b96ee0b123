"""Fuzz target: Range and the parts it is answered with, against sets of single bytes. Knows `parse_ranges` and `multipart`."""

from __future__ import annotations

import re

from drawing import mutated, unhurried, work
from hypothesis import example, given
from hypothesis import strategies as st

from velocipy.http.ranges import MAX_LENGTH, MAX_RANGES, content_range, multipart, parse_ranges

PIECES = [",", "-", "--", "=", " ", "\t", "bytes=", "0", "9" * 30, "x", "+1", "1_0", "\u0661", "\x00", "-0"]
NUMBERS = st.integers(0, 25).map(str) | st.sampled_from(["", "007", "9" * 20])
FIELDS = mutated(
    st.lists(st.tuples(NUMBERS, NUMBERS).map("-".join), max_size=20).map(
        lambda members: "bytes=" + ",".join(members)
    ),
    PIECES,
) | st.lists(st.sampled_from(PIECES), max_size=20).map("".join)


def read_slowly(text: str, size: int) -> set[int] | None:
    """The bytes that are asked for, one by one (RFC 9110 section 14.1.2); None: the field counts as not there."""
    if not size or len(text) > MAX_LENGTH or text[:6].lower() != "bytes=":
        return None
    members = [member.strip(" \t") for member in text[6:].split(",")]
    members = [member for member in members if member]
    if not members or len(members) > MAX_RANGES:
        return None
    wanted: set[int] = set()
    for member in members:
        if re.fullmatch("-[0-9]+", member):
            wanted |= set(range(max(size - int(member[1:]), 0), size))
        elif re.fullmatch("[0-9]+-[0-9]*", member):
            first, _, last = member.partition("-")
            if last and int(last) < int(first):
                return None
            wanted |= {at for at in range(size) if int(first) <= at <= (int(last) if last else size)}
        else:
            return None
    return wanted


@unhurried
@given(FIELDS, st.integers(0, 24))
@example("bytes=0-0,-1", 1)
@example("bytes=,0-,", 3)
@example("bytes=-0", 3)
@example("bytes=5-4,0-1", 9)
def test_ranges_are_the_bytes_asked_for_and_each_once(text: str, size: int) -> None:
    spans, wanted = parse_ranges(text, size), read_slowly(text, size)
    assert (spans is None) == (wanted is None)
    sent = [at for span in spans or [] for at in range(*span)]
    assert sorted(sent) == sorted(wanted or ())
    assert all(span.size > 0 for span in spans or [])


@unhurried
@given(FIELDS, st.integers(1, 10**15), st.integers(1, 60))
def test_a_field_is_read_in_work_that_is_bounded(text: str, size: int, times: int) -> None:
    text = "bytes=" + text * times
    assert work(parse_ranges, text, size) <= 20 * min(text.count(","), MAX_LENGTH) + 30 * MAX_RANGES + 20
    assert sum(span.size for span in parse_ranges(text, size) or []) <= size


PART = re.compile(
    rb"(?:\r\n)?--([0-9a-f]{32})\r\n(?:content-type: text/plain\r\n)?content-range: bytes (\d+)-(\d+)/(\d+)\r\n\r\n"
)


@unhurried
@given(FIELDS, st.binary(min_size=1, max_size=24), st.sampled_from([None, "text/plain"]))
def test_a_client_puts_the_parts_together_again(text: str, content: bytes, media_type: str | None) -> None:
    spans = parse_ranges(text, len(content)) or []
    if len(spans) < 2:
        return
    body = multipart(spans, len(content), media_type)
    sent = b"".join(head + content[span.start : span.stop] for head, span in body.parts) + body.tail
    assert len(sent) == body.size
    boundary, at = body.media_type.removeprefix("multipart/byteranges; boundary=").encode(), 0
    for span in spans:
        head = PART.match(sent, at)
        assert head is not None and head[1] == boundary
        first, last, whole = (int(head[number]) for number in (2, 3, 4))
        assert content_range(span, whole).encode() in head[0] and whole == len(content)
        at = head.end() + last + 1 - first
        assert sent[head.end() : at] == content[first : last + 1]
    assert sent[at:] == b"\r\n--" + boundary + b"--\r\n"
