"""Multipart bodies as streams: what every header means, that chunks do not matter, and what hostile bodies cost."""

import asyncio
import logging
import sys
import time
import tracemalloc
from collections.abc import AsyncIterator, Coroutine, Iterable
from types import SimpleNamespace
from typing import Any

import pytest
from durations import within
from hypothesis import given, settings
from hypothesis import strategies as st

from velocipy.exceptions import (
    BadRequest,
    ClientDisconnected,
    HTTPException,
    MissingAdapterError,
    PayloadTooLargeException,
    UnsupportedMediaType,
)
from velocipy.http import multipart
from velocipy.http.forms import DEFAULT_LIMITS, FormLimits
from velocipy.http.multipart import Part, load_parser, multipart_parts, read_boundary

TYPE = "multipart/form-data; boundary=b"
END = b"--b--\r\n"


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def part(
    content: bytes = b"", disposition: bytes = b'form-data; name="a"', *lines: bytes, boundary: bytes = b"b"
) -> bytes:
    head = b"".join(line + b"\r\n" for line in (b"Content-Disposition: " + disposition, *lines))
    return b"--" + boundary + b"\r\n" + head + b"\r\n" + content + b"\r\n"


async def chunked(body: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def each(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def see(chunks: AsyncIterator[bytes], limits: FormLimits) -> list[Any]:
    """Everything that a reader sees of a body: the parts in order, and the error that ends them."""
    seen: list[Any] = []
    try:
        async for one in multipart_parts(TYPE, chunks, limits):
            seen.append((one.name, one.filename, one.headers.raw))
            seen.append(await one.read())
    except HTTPException as exc:
        seen.append((exc.status_code, exc.detail))
    return seen


def outcome(body: bytes, size: int = 65_536, limits: FormLimits = DEFAULT_LIMITS) -> Any:
    return run(see(chunked(body, size), limits))


def refusal(body: bytes, limits: FormLimits = DEFAULT_LIMITS) -> tuple[int, str]:
    return outcome(body, limits=limits)[-1]  # type: ignore[no-any-return]


# -- parts ---------------------------------------------------------------------------------------------------------------


def test_parts_come_with_their_names_headers_and_contents() -> None:
    async def work() -> None:
        body = part(b"1") + part(
            b"\x89PNG", b'form-data; name="f"; filename="x.png"', b"Content-Type: image/png"
        )
        parts = [
            (one.name, one.filename, one.content_type, one.headers["content-DISPOSITION"], await one.read())
            async for one in multipart_parts(TYPE, chunked(body + END))
        ]
        assert parts == [
            ("a", None, None, 'form-data; name="a"', b"1"),
            ("f", "x.png", "image/png", 'form-data; name="f"; filename="x.png"', b"\x89PNG"),
        ]

    run(work())


def test_a_part_left_unread_is_skipped_and_one_read_in_part_too() -> None:
    async def work() -> None:
        body = part(b"x" * 200_000) + part(b"y" * 200_000) + part(b"z") + END
        parts = multipart_parts(TYPE, chunked(body, 1_000))
        await anext(parts)
        second = await anext(parts)
        assert set(await anext(second)) == {ord("y")}
        third = await anext(parts)
        assert await third.text() == "z"
        assert (await third.read(), [chunk async for chunk in third]) == (b"", [])
        assert [one async for one in parts] == []
        with pytest.raises(RuntimeError, match="has been passed"):
            await second.read()

    run(work())


def test_a_chunk_is_read_from_the_body_only_when_it_is_asked_for() -> None:
    async def work() -> None:
        taken: list[int] = []

        async def body() -> AsyncIterator[bytes]:
            for number, chunk in enumerate([part(b"x" * 100)[:-2], b"y" * 100, b"z" * 100, b"\r\n" + END]):
                taken.append(number)
                yield chunk

        parts = multipart_parts(TYPE, body())
        assert taken == []
        one = await anext(parts)
        assert taken == [0]
        content = await anext(one)
        assert (content, taken) == (b"x" * 100, [0])
        await anext(one)
        assert taken == [0, 1]
        assert [part async for part in parts] == []
        assert taken == [0, 1, 2, 3]

    run(work())


@pytest.mark.process
def test_streaming_holds_no_more_than_a_piece_of_a_large_chunk() -> None:
    async def work() -> int:
        body = part(b"x" * 20_000_000, b'form-data; name="a"; filename="f"') + END
        tracemalloc.start()
        async for one in multipart_parts(TYPE, each(body)):
            async for _ in one:
                pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    assert run(work()) < 500_000


def test_a_part_is_read_whole_only_up_to_the_limit_and_streamed_beyond_it() -> None:
    async def work() -> None:
        limits = FormLimits(max_part_size=10)
        body = part(b"x" * 10) + part(b"y" * 11) + part(b"z" * 11) + END
        parts = multipart_parts(TYPE, chunked(body), limits)
        assert await (await anext(parts)).read() == b"x" * 10
        assert b"".join([chunk async for chunk in await anext(parts)]) == b"y" * 11
        with pytest.raises(PayloadTooLargeException, match="more than 10 bytes"):
            await (await anext(parts)).read()

    run(work())


def test_an_error_is_told_again_to_whoever_asks_again() -> None:
    async def work() -> None:
        parts = multipart_parts(TYPE, each(part(b"x"), b"--b\r\nnonsense\r\n\r\n"))
        await anext(parts)
        for _ in range(2):
            with pytest.raises(BadRequest, match="headers of a part"):
                await anext(parts)

    run(work())


def test_what_the_body_raises_passes_through() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield part(b"x")[:-2]
        raise ClientDisconnected

    async def work() -> None:
        one = await anext(multipart_parts(TYPE, body()))
        with pytest.raises(ClientDisconnected):
            await one.read()

    run(work())


def test_what_follows_the_final_boundary_is_read_too_so_that_a_cut_is_seen() -> None:
    async def body() -> AsyncIterator[bytes]:
        yield part(b"x") + END + b"an epilogue"
        raise ClientDisconnected

    async def work() -> None:
        parts = multipart_parts(TYPE, body())
        await anext(parts)
        with pytest.raises(ClientDisconnected):
            await anext(parts)

    run(work())


# -- the header of the body ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type", [None, "", "application/x-www-form-urlencoded", "multipart/mixed; boundary=b"]
)
def test_only_multipart_form_data_is_read(content_type: str | None) -> None:
    with pytest.raises(UnsupportedMediaType):
        multipart_parts(content_type, each())


def test_a_compressed_body_is_refused() -> None:
    multipart_parts(TYPE, each(), encoding="identity")
    with pytest.raises(UnsupportedMediaType, match="compressed"):
        multipart_parts(TYPE, each(), encoding="gzip")


@pytest.mark.case(46)
@pytest.mark.parametrize(
    ("parameters", "boundary"),
    [
        ("; boundary=b", b"b"),
        (";boundary=b", b"b"),
        (" ;; BOUNDARY=b ;", b"b"),
        ('; boundary="b"', b"b"),
        ('; charset="x;y"; boundary="a b"; z=1', b"a b"),
        (r'; boundary="a\"', None),
        ("; boundary=----WebKitFormBoundaryAbC123", b"----WebKitFormBoundaryAbC123"),
        ("; boundary==_?'(x)+,-./:", b"=_?'(x)+,-./:"),
        ("; boundary=" + "x" * 70, b"x" * 70),
        ("; boundary=" + "x" * 71, None),
        ("; boundary=" + "x" * 300, None),
        ('; boundary="' + "x" * 71 + '"', None),
        ("", None),
        (";", None),
        ("; boundary", None),
        ("; boundary=", None),
        ('; boundary=""', None),
        ('; boundary=" "', None),
        ('; boundary="a "', None),
        ('; boundary="a\r\nb"', None),
        ("; boundary=a\r\nb", None),
        ("; boundary=a\n", None),
        ("; boundary=a\0", None),
        ("; boundary=é", None),
        ("; boundary=a@b", None),
        ('; boundary="b', None),
        ('; boundary=b"', None),
        ('; boundary="b"c', None),
        ("; boundary*=b", None),
        ("; boundary*0=b", None),
        ("; boundary=a; boundary=b", None),
        ("; boundary=a; Boundary=a", None),
        ("; boundary=a, multipart/form-data; boundary=b", None),
        ("; boundary =a", None),
        ("; é=1; boundary=a", None),
    ],
)
def test_boundaries_are_read_as_the_table_says(parameters: str, boundary: bytes | None) -> None:
    content_type = "Multipart/Form-Data" + parameters
    if boundary is not None:
        assert read_boundary(content_type) == boundary
    else:
        with pytest.raises(BadRequest, match="no valid boundary"):
            multipart_parts(content_type, each())


@pytest.mark.case(46)
@pytest.mark.parametrize(
    "parameters",
    [
        '; boundary="' + "\\" * 50_000 + "a",
        '; boundary="' + "\\" * 50_001 + '"a',
        "; boundary=" + "\\" * 50_000,
        "; a=b" * 20_000,
        " ;" * 50_000,
        '; boundary="' + '"' * 50_000,
        "; boundary=" + "x" * 100_000,
    ],
)
def test_a_hostile_boundary_is_refused_within_10_ms(parameters: str) -> None:
    def refuse() -> None:
        with pytest.raises(BadRequest):
            multipart_parts("multipart/form-data" + parameters, each())

    assert within(0.01, refuse)


# -- the headers of a part -----------------------------------------------------------------------------------------------


@pytest.mark.case(48)
@pytest.mark.case(49)
@pytest.mark.parametrize(
    ("disposition", "name", "filename"),
    [
        (b'form-data; name="a"', "a", None),
        (b"form-data; name=a", "a", None),
        (b'FORM-DATA;NAME="a" ; ', "a", None),
        (b'form-data; name=""', "", None),
        (b'form-data; name="a"; filename=""', "a", ""),
        (b'form-data; name="a"; filename="x.txt"', "a", "x.txt"),
        (b'form-data; filename="x.txt"; name="a"', "a", "x.txt"),
        (b"form-data; name=a; filename=my file.txt ; x=y", "a", "my file.txt"),
        (b'form-data; name="a;b=c"; filename="d; name=e"', "a;b=c", "d; name=e"),
        (b'form-data; name="a%22b%0D%0A"', 'a"b\r\n', None),
        (b'form-data; name="%41%0d+%"', "%41%0d+%", None),
        (b'form-data; name="a\\"b\\\\c"', 'a"b\\c', None),
        (b'form-data; name="a"; filename="C:\\x\\y.txt"', "a", "C:\\x\\y.txt"),
        (b'form-data; name="a"; filename="../../x"', "a", "../../x"),
        (b'form-data; name="a"; filename="a\0b"', "a", "a\0b"),
        (b'form-data; name="a"; filename="' + b"x" * 5_000 + b'"', "a", "x" * 5_000),
        ('form-data; name="ü"; filename="日本\u202e語.txt"'.encode(), "ü", "日本\u202e語.txt"),
        (b"form-data; name=\"a\"; filename*=UTF-8''evil", "a", None),
        (b'form-data; name="a"; filename="x"; filename*=UTF-8\'\'evil', "a", "x"),
        (b"form-data; name*=UTF-8''evil; name=\"a\"", "a", None),
        (b'form-data; name="a"; name*0="e"; name*1="vil"', "a", None),
        (b'form-data; name="a"; filename*0="x"', "a", None),
        (b'attachment; name="a"', None, None),
        (b'name="a"', None, None),
        (b"form-data", None, None),
        (b"form-data; name", None, None),
        (b"form-data; name=", None, None),
        (b'form-data; filename="x"', None, None),
        (b"form-data; name*=UTF-8''a", None, None),
        (b"form-data; name*0=a", None, None),
        (b'form-data; name="a"; name="b"', None, None),
        (b'form-data; name="a"; NAME="a"', None, None),
        (b'form-data; name="a"; filename="x"; filename="y"', None, None),
        (b"form-data; name=\"a\"; filename*=UTF-8''x; filename*=UTF-8''y", None, None),
        (b'form-data; name="a', None, None),
        (b'form-data; name="a\\"', None, None),
        (b'form-data; name="a"b', None, None),
        (b'form-data, name="a"', None, None),
        (b'form-data; name="a\xff"', None, None),
        (b'form-data; name="a"; filename="caf\xe9"', None, None),
        (b'form-data; name="a\nb"', None, None),
        (b'form-data; name="a\rb"', None, None),
        (b'form-data; name="a\r\nX: 1"', None, None),
    ],
)
def test_a_disposition_means_what_the_table_says(
    disposition: bytes, name: str | None, filename: str | None
) -> None:
    body = part(b"1", disposition) + END
    if name is not None:
        assert [(one[0], one[1]) for one in outcome(body)[:1]] == [(name, filename)]
        assert outcome(body)[1:] == [b"1"]
    else:
        assert refusal(body)[0] == 400
        assert outcome(body, 1) == outcome(body, 7) == outcome(body)


@pytest.mark.case(48)
@pytest.mark.parametrize(
    "head",
    [
        b"\r\n",
        b"Content-Type: text/plain\r\n\r\n",
        b'Content-Disposition: form-data; name="a"\r\ncontent-disposition: form-data; name="a"\r\n\r\n',
        b'Content-Disposition:form-data; name="a"\n\n',
        b'Content-Disposition : form-data; name="a"\r\n\r\n',
        b'Content-Disposition: form-data;\r\n name="a"\r\n\r\n',
        b'Content-Disposition form-data; name="a"\r\n\r\n',
        b': form-data; name="a"\r\n\r\n',
        'Cöntent-Disposition: form-data; name="a"\r\n\r\n'.encode(),
    ],
)
def test_a_part_needs_one_content_disposition_that_can_be_read(head: bytes) -> None:
    body = b"--b\r\n" + head + b"1\r\n" + END
    assert refusal(body)[0] == 400
    assert outcome(body, 1) == outcome(body, 7) == outcome(body)


@pytest.mark.case(45)
def test_a_part_has_as_many_headers_and_header_bytes_as_the_limits_say() -> None:
    disposition = b'form-data; name="a"'
    line = b"content-disposition" + disposition
    limits = FormLimits(max_part_headers=3, max_part_header_size=len(line) + 20)
    fits = part(b"", disposition, b"x: 1", b"y: " + b"2" * 17)
    assert outcome(fits + END, limits=limits)[1:] == [b""]
    for body in (
        part(b"", disposition, b"x: 1", b"y: " + b"2" * 18),
        part(b"", disposition, b"x: 1", b"y: 2", b"z: 3"),
        part(b"", disposition, b"x" * 22 + b":"),
        part(b"", disposition, b"x:" + b" " * 100_000),
    ):
        assert refusal(body + END, limits)[0] == 400
        assert outcome(body + END, 1, limits) == outcome(body + END, limits=limits)


@pytest.mark.case(45)
@pytest.mark.parametrize(
    "lines",
    [
        [b"x: 1"] * 1_000,
        [b"x: " + b"y" * 1_000_000],
        [b"x" * 1_000_000],
        [b"x:" + b" " * 1_000_000],
        [b"x" * 1_000_000 + b": y"],
    ],
)
def test_a_thousand_headers_or_a_megabyte_of_one_are_refused(lines: list[bytes]) -> None:
    body = part(b"", b'form-data; name="a"', *lines) + END
    assert within(0.2, lambda: refusal(body))
    status, detail = refusal(body)
    assert (status, "headers of a part" in detail) == (400, True)


# -- contents ------------------------------------------------------------------------------------------------------------


@pytest.mark.case(54)
@pytest.mark.parametrize("encoding", [b"base64", b"quoted-printable", b"7bit", b"nonsense"])
def test_a_transfer_encoding_is_ignored(encoding: bytes) -> None:
    content = b"aGVs bG8=\r\n=41=\r\n\xff"
    line = b"Content-Transfer-Encoding: " + encoding
    assert outcome(part(content, b'form-data; name="a"; filename="f"', line) + END)[-1] == content


@pytest.mark.case(55)
def test_charsets_are_ignored_and_text_is_utf_8() -> None:
    async def texts(*parts: bytes) -> list[str]:
        return [await one.text() async for one in multipart_parts(TYPE, each(*parts, END))]

    latin = b"Content-Type: text/plain; charset=latin-1"
    charset = part(b"latin-1", b'form-data; name="_charset_"')
    a = b'form-data; name="a"'
    assert run(texts(charset, part("é".encode(), a, latin))) == ["latin-1", "é"]
    assert run(texts(part("\ufeffx\0".encode()))) == ["\ufeffx\0"]
    for content in (b"caf\xe9", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf0\x9f"):
        with pytest.raises(BadRequest, match="not UTF-8"):
            run(texts(charset, part(content, a, latin)))


# -- the whole body ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b"--b--", []),
        (b"--b--\r\n", []),
        (b"\r\n--b--\r\n", []),
        (b"preamble\r\n--b--epilogue", []),
        (part(b"1") + b"--b--", [b"1"]),
        (b"\r\n" + part(b"1") + END, [b"1"]),
        (b"--a preamble --b\r\n--bc" + b"\r\n" + END, None),
        (b"a preamble --b\r\n-b\r\n" + part(b"1") + END + b"--b\r\nan epilogue", [b"1"]),
        (part(b"1")[:-2] + b"\r\n--b  \t\r\n" + part(b"2")[5:] + END, [b"1", b"2"]),
        (part(b"x\r\n--bc\r\n--\r\n--b-\r\n-") + END, [b"x\r\n--bc\r\n--\r\n--b-\r\n-"]),
        (part(b"\n--b\n--b--\r--b") + END, [b"\n--b\n--b--\r--b"]),
        (b"", None),
        (b"--", None),
        (b"--b", None),
        (b"--bx\r\n" + part(b"1")[5:] + END, None),
        (b"--b\n" + part(b"1")[5:] + END, None),
        (part(b"1", boundary=b"c") + b"--c--", None),
        (part(b"1").replace(b"\r\n", b"\n") + END, None),
        (part(b"1") + b"--b-x\r\n", None),
    ],
)
def test_delimiters_are_lines_of_their_own(body: bytes, parts: list[bytes] | None) -> None:
    result = outcome(body)
    if parts is None:
        assert result[-1][0] == 400
    else:
        assert result[1::2] == parts
    assert outcome(body, 1) == outcome(body, 2) == outcome(body, 7) == result


@pytest.mark.case(47)
@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_a_body_that_is_cut_anywhere_is_refused(size: int) -> None:
    body = (
        part(b"1")
        + part(b"content\r\n", b'form-data; name="f"; filename="x"', b"Content-Type: a/b")
        + b"--b--"
    )
    for length in range(len(body)):
        seen = outcome(body[:length], size)
        assert seen[-1] == (400, "the multipart body ends before its final boundary"), body[:length]
    assert outcome(body, size)[-1] == b"content\r\n"


@pytest.mark.case(44)
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"\r\n" * 2_500_000, b""),
        (b"\r\n--" * 1_250_000 + b"\r\n", b""),
        (b"x" * 5_000_000 + b"\r\n", b""),
        (b"", b"a" * 5_000_000),
        (b"", b"\r\n--b" * 1_000_000),
    ],
)
def test_megabytes_before_and_after_the_parts_cost_nothing_and_write_no_log(
    before: bytes, after: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    body = before + part(b"1") + END + after
    with caplog.at_level(logging.DEBUG):
        assert outcome(body)[1:] == [b"1"]
        assert within(0.5, lambda: outcome(body))
    assert [record for record in caplog.records if record.name != "asyncio"] == []


@pytest.mark.case(44)
@pytest.mark.parametrize(
    "body", [b"--bx", b"--b\r\n:", b"--b\r\n\xff: 1", b"--b\r\nx\r\n", part(b"1") + b"--b \n"]
)
def test_a_malformed_body_writes_no_log(body: bytes, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert refusal(body + END)[0] == 400
    assert [record for record in caplog.records if record.name != "asyncio"] == []


@pytest.mark.case(42)
def test_the_first_part_too_many_is_refused_after_those_before_it() -> None:
    limits = FormLimits(max_fields=3, max_files=2)
    field, file = part(b"1"), part(b"2", b'form-data; name="f"; filename=""')
    assert len(outcome(field * 3 + file * 2 + END, limits=limits)) == 10
    for size in (1, 65_536):
        seen = outcome(field * 4 + END, size, limits)
        assert (len(seen), seen[-1]) == (7, (413, "the form has more than 3 fields"))
        seen = outcome(field + file * 3 + END, size, limits)
        assert (len(seen), seen[-1]) == (7, (413, "the form has more than 2 files"))


@pytest.mark.once
@pytest.mark.case(51)
@pytest.mark.parametrize("unit", [b"\r", b"\r\n--", b"\r\n--b", b"--b--", b"\n", b"-"])
def test_contents_like_boundaries_are_unchanged_and_linear_in_chunks_of_any_size(unit: bytes) -> None:
    if unit == b"\r\n--b":
        unit += b"x"  # else it were a boundary
    unlimited = FormLimits(max_part_size=10_000_000)
    for size, long in ((1, 80_000), (7, 400_000), (65_536, 5_000_000)):
        times = []
        for length in (long // 4, long):
            content = unit * (length // len(unit))
            body = part(content) + END
            started = time.process_time()
            assert outcome(body, size, unlimited)[1:] == [content]
            times.append(time.process_time() - started)
        assert times[1] < 6 * times[0] + 0.1, (size, times)


FRAGMENTS = [
    b"\r",
    b"\n",
    b"\r\n",
    b"--",
    b"-",
    b"b",
    b"--b",
    b"\r\n--b",
    b"\r\n--b-",
    b"\r\n--b\r",
    b"x",
    b" ",
    b"\t",
]


def cut(body: bytes, borders: Iterable[int]) -> list[bytes]:
    places = [0, *sorted(border % (len(body) + 1) for border in borders), len(body)]
    return [body[start:stop] for start, stop in zip(places, places[1:], strict=False)]


@pytest.mark.case(51)
@settings(max_examples=settings().max_examples * 3 // 2, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=12), st.lists(st.integers(0, 200), max_size=6))
def test_how_a_body_is_cut_into_chunks_changes_nothing(fragments: list[bytes], borders: list[int]) -> None:
    body = part(b"1") + part(b"".join(fragments)) + END

    whole = outcome(body)
    assert run(see(each(*cut(body, borders)), DEFAULT_LIMITS)) == outcome(body, 1) == whole


@settings(max_examples=settings().max_examples * 3 // 2, deadline=None)
@given(
    st.lists(
        st.sampled_from([*FRAGMENTS, part(b"1"), part(b"1")[:-2], b"x: y", b"\xff", b"\0", END]), max_size=12
    )
)
def test_whatever_arrives_ends_in_parts_or_a_400(fragments: list[bytes]) -> None:
    body = b"".join(fragments)
    result = outcome(body)
    assert outcome(body, 1) == outcome(body, 3) == result
    assert all(one[0] == 400 for one in result if isinstance(one, tuple) and isinstance(one[0], int))


# -- the library ---------------------------------------------------------------------------------------------------------


def test_without_python_multipart_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_multipart", None)
    load_parser.cache_clear()
    with pytest.raises(
        MissingAdapterError, match="^python-multipart is not installed: pip install python-multipart$"
    ):
        multipart_parts(TYPE, each())


@pytest.mark.parametrize("version", ["0.0.33", "0.0.9"])
def test_an_old_python_multipart_is_refused(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_multipart", SimpleNamespace(__version__=version))
    load_parser.cache_clear()
    with pytest.raises(
        MissingAdapterError, match=f"{version} is too old: pip install 'python-multipart>=0.0.34'"
    ):
        multipart_parts(TYPE, each())


@pytest.mark.parametrize("version", ["0.0.34", "0.0.40rc1", "0.1", "1.0.0"])
def test_a_newer_python_multipart_is_taken(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = SimpleNamespace(__version__=version, MultipartParser=object)
    monkeypatch.setitem(sys.modules, "python_multipart", newer)
    load_parser.cache_clear()
    assert load_parser() is object
    load_parser.cache_clear()


def test_the_module_loads_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "python_multipart", None)
    assert issubclass(Part, object)
    assert "python_multipart" not in vars(multipart)


def test_a_part_is_shown_by_its_names() -> None:
    async def work() -> None:
        one = await anext(multipart_parts(TYPE, each(part(b"secret"), END)))
        assert repr(one) == "<Part name='a' filename=None>"

    run(work())
