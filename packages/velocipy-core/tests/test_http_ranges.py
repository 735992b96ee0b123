"""Range fields: which bytes they ask for, which are ignored, and the body of several parts."""

from timeit import repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy.http.ranges import MAX_LENGTH, MAX_RANGES, Span, content_range, multipart, parse_ranges

MANY = ",".join(f"{2 * number}-{2 * number}" for number in range(5_000))


@pytest.mark.case(61)
@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("bytes=0-4", [(0, 5)]),
        ("bytes=0-0", [(0, 1)]),
        ("bytes=9-9", [(9, 10)]),
        ("bytes=0-", [(0, 10)]),
        ("bytes=3-", [(3, 10)]),
        ("bytes=-1", [(9, 10)]),
        ("bytes=-10", [(0, 10)]),
        ("bytes=-99999999", [(0, 10)]),
        ("bytes=5-99999999", [(5, 10)]),
        ("bytes=0-" + "9" * 400, [(0, 10)]),
        ("BYTES=0-4", [(0, 5)]),
        ("bytes=00-04", [(0, 5)]),
        # nothing that is there
        ("bytes=10-", []),
        ("bytes=10-20", []),
        ("bytes=-0", []),
        ("bytes=" + "9" * 400 + "-", []),
        ("bytes=10-,20-30", []),
        # several
        ("bytes=0-1,4-5", [(0, 2), (4, 6)]),
        ("bytes= 0-1 ,\t4-5 ", [(0, 2), (4, 6)]),
        ("bytes=,0-1,,4-5,", [(0, 2), (4, 6)]),
        ("bytes=4-5,0-1", [(4, 6), (0, 2)]),
        ("bytes=0-1,2-3", [(0, 2), (2, 4)]),
        ("bytes=0-1,10-20", [(0, 2)]),
        ("bytes=0-4,3-6", [(0, 7)]),
        ("bytes=8-,0-2,1-3", [(0, 4), (8, 10)]),
        ("bytes=0-,0-,0-", [(0, 10)]),
        ("bytes=-5,-5", [(5, 10)]),
        # what is none is ignored, and all of the field with it
        ("bytes=5-2", None),
        ("bytes=0-4,5-2", None),
        ("bytes=abc", None),
        ("bytes=0-4,abc", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=,", None),
        ("bytes", None),
        ("", None),
        ("bytes =0-4", None),
        ("bytes=0 -4", None),
        ("bytes=0--4", None),
        ("bytes=--4", None),
        ("bytes=+0-4", None),
        ("bytes=0-+4", None),
        ("bytes=0_0-4", None),
        ("bytes=0x0-4", None),
        ("bytes=0-4;q=1", None),
        ("bytes=٠-٤", None),
        ("bytes:0-4", None),
        ("items=0-1", None),
        ("items=0-1,bytes=0-1", None),
        ("bytes=0-1,bytes=2-3", None),
        # caps
        ("bytes=" + "0" * 40_000 + "a-", None),
        ("bytes=" + "0" * 40_000 + "-", None),
        ("bytes=" + MANY, None),
        ("bytes=" + ",".join(["0-0"] * MAX_RANGES), [(0, 1)]),
        ("bytes=" + ",".join(["0-0"] * (MAX_RANGES + 1)), None),
        ("bytes=0-0" + " " * MAX_LENGTH, None),
    ],
)
def test_the_bytes_that_a_field_asks_for(text: str, spans: list[tuple[int, int]] | None) -> None:
    assert parse_ranges(text, 10) == spans
    assert min(repeat(lambda: parse_ranges(text, 10), number=1)) < 0.005


@pytest.mark.case(61)
@pytest.mark.parametrize("text", ["bytes=0-", "bytes=-5", "bytes=0-0", "bytes=5-", "bytes=-0"])
def test_nothing_has_no_parts(text: str) -> None:
    assert parse_ranges(text, 0) is None


def test_a_file_beyond_four_gigabytes_has_parts() -> None:
    assert parse_ranges("bytes=4294967296-4294967299,-1", 5_000_000_000) == [
        (4_294_967_296, 4_294_967_300),
        (4_999_999_999, 5_000_000_000),
    ]


numbers = st.integers(0, 30).map(str)
members = st.one_of(
    st.builds("{}-{}".format, numbers, numbers),
    st.builds("{}-".format, numbers),
    st.builds("-{}".format, numbers),
)


@pytest.mark.case(61)
@given(st.lists(members, min_size=1, max_size=MAX_RANGES), st.integers(1, 20))
def test_spans_are_exactly_the_bytes_asked_for_and_each_once(asked: list[str], size: int) -> None:
    spans = parse_ranges(f"bytes={','.join(asked)}", size)
    wanted = set()
    for member in asked:
        first, _, last = member.partition("-")
        if first and last and int(last) < int(first):
            assert spans is None
            return
        start = int(first) if first else max(0, size - int(last))
        stop = min(size, int(last) + 1) if first and last else size
        wanted |= set(range(start, stop))
    assert spans is not None
    sent = [byte for span in spans for byte in range(span.start, span.stop)]
    assert sorted(sent) == sorted(wanted)


@pytest.mark.case(61)
@given(st.text(st.sampled_from("bytes=-, \t0123456789x"), max_size=80), st.integers(0, 10**6))
def test_no_text_raises_and_no_file_is_sent_more_than_once(text: str, size: int) -> None:
    spans = parse_ranges(f"bytes={text}", size) or []
    assert all(0 <= span.start < span.stop <= size for span in spans)
    assert sum(span.size for span in spans) <= size


def test_content_range() -> None:
    assert content_range(Span(0, 5), 10) == "bytes 0-4/10"
    assert content_range(None, 10) == "bytes */10"


def test_several_parts_are_one_body() -> None:
    body = multipart([Span(4, 6), Span(0, 2)], 10, "text/plain; charset=utf-8")
    boundary = body.media_type.removeprefix("multipart/byteranges; boundary=")
    content = b"0123456789"
    sent = b"".join(head + content[span.start : span.stop] for head, span in body.parts) + body.tail
    assert len(sent) == body.size
    assert sent.decode() == (
        f"--{boundary}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-range: bytes 4-5/10\r\n\r\n45\r\n"
        f"--{boundary}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-range: bytes 0-1/10\r\n\r\n01\r\n"
        f"--{boundary}--\r\n"
    )
    assert len(boundary) == 32
    assert multipart([Span(0, 1)], 10, None).parts[0][0].startswith(b"--")


def test_no_two_bodies_have_one_boundary() -> None:
    assert len({multipart([Span(0, 1)], 10, None).media_type for _ in range(100)}) == 100
