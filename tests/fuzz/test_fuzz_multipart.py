"""Fuzz target: multipart bodies against a reader that splits them with one regular expression. Knows `multipart_parts`."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

from drawing import cuts, mutated, unhurried, work
from hypothesis import example, given
from hypothesis import strategies as st

from velocipy.exceptions import BadRequest, HTTPException
from velocipy.http.forms import DEFAULT_LIMITS, FormLimits
from velocipy.http.multipart import multipart_parts, parse_parameters, read_boundary

TYPE = "multipart/form-data; boundary=b"
HEAD = b'--b\r\nContent-Disposition: form-data; name="a"'
PIECES = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b"--",
    b"-",
    b"--b",
    b"\r\n--b",
    b"\r\n--b--",
    b"\r\n--b--\r\n",
    b"\r\n--b\r\n",
    b" ",
    b"\t",
]
PIECES += [
    b":",
    b";",
    b'"',
    b"\\",
    b"x",
    b"\xff",
    b"\0",
    HEAD,
    b"--c",
    b'; filename="f"',
    b"%22",
    b"a: b\r\n",
]

CONTENTS = st.lists(st.sampled_from(PIECES), max_size=6).map(
    lambda pieces: b"".join(pieces).replace(b"\r\n--b", b"\r\n--")
)
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6).filter(
    lambda name: (
        not re.search("%(22|0D|0A)", name)
    )  # which browsers send as it is, so that nobody can tell it from an escape
)


def quoted(name: str) -> str:
    """As browsers write a name (WHATWG HTML section 4.10.22.8); a backslash before a quote would be an escape in RFC 9110."""
    return name.replace("\\", "\\\\").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def written(parts: list[tuple[str, str | None, bytes]], before: bytes, after: bytes) -> bytes:
    """A whole body."""
    body = before + b"\r\n" if before else b""
    for name, filename, content in parts:
        file = "" if filename is None else f'; filename="{quoted(filename)}"'
        body += (
            f'--b\r\nContent-Disposition: form-data; name="{quoted(name)}"{file}\r\n\r\n'.encode()
            + content
            + b"\r\n"
        )
    return body + b"--b--" + after


PARTS = st.lists(st.tuples(NAMES, st.none() | NAMES, CONTENTS), max_size=4)
BODIES = st.builds(
    written, PARTS, st.sampled_from([b"", b"before", b"--"]), st.sampled_from([b"", b"\r\n", b"\r\nafter"])
)


async def arriving(chunks: list[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def _seen(chunks: list[bytes], limits: FormLimits) -> list[Any]:
    found: list[Any] = []
    try:
        async for part in multipart_parts(TYPE, arriving(chunks), limits):
            found.append((part.name, part.filename))
            found.append(await part.read())
    except HTTPException as exc:
        found.append((exc.status_code, exc.detail))
    return found


def seen(chunks: list[bytes], limits: FormLimits = DEFAULT_LIMITS) -> list[Any]:
    """Names and contents in their order, then what ends them, if something does."""
    run = _seen(chunks, limits)
    try:
        run.send(None)  # nothing in it waits for anything but the chunks
    except StopIteration as end:
        found: list[Any] = end.value
        return found
    raise AssertionError("it waits")


DELIMITER = re.compile(rb"\r\n--b(?:(--)|[ \t]*\r\n)")


def split_slowly(body: bytes) -> list[bytes]:
    """The contents of a well-formed body (RFC 2046 section 5.1.1): each from the empty line behind a delimiter to the next one.

    A delimiter has a line end of its own, so `--b` right behind the empty line is content.
    """
    found = []
    delimiter = DELIMITER.search(body := b"\r\n" + body)
    while delimiter is not None and delimiter[1] is None:
        start = body.index(b"\r\n\r\n", delimiter.end()) + 4
        delimiter = DELIMITER.search(body, start)
        assert delimiter is not None
        found.append(body[start : delimiter.start()])
    return found


@unhurried
@given(
    PARTS,
    st.sampled_from([b"", b"before", b"--", b"--c\r\n"]),
    st.sampled_from([b"", b"\r\n", b"\r\n--b"]),
    st.lists(st.integers(0, 999)),
)
def test_parts_are_read_as_they_were_written_however_they_are_cut(
    parts: list[tuple[str, str | None, bytes]], before: bytes, after: bytes, borders: list[int]
) -> None:
    found = seen(cuts(written(parts, before, after), borders))
    assert found == [item for name, filename, content in parts for item in ((name, filename), content)]


@unhurried
@given(
    mutated(BODIES, PIECES) | st.lists(st.sampled_from(PIECES), max_size=20).map(b"".join),
    st.lists(st.integers(0, 999), max_size=9),
)
@example(HEAD + b"\r\n\r\nx\r\n--b--", [3, 50])
@example(HEAD + b"\r\n\r\nx\r\n--b \r\n--b--", [])
@example(b"--bx\r\n" + HEAD + b"\r\n\r\nx\r\n--b--", [])
@example(
    b"\r\n" + HEAD + b"\r\n\r\n--b--\r\n--b-- \r\n--b--", [40]
)  # Go's reader takes the first --b-- for the end
def test_any_body_is_refused_or_means_what_a_slow_reader_finds(body: bytes, borders: list[int]) -> None:
    found = seen([body])
    assert found == seen(cuts(body, borders)) == seen([body[at : at + 1] for at in range(len(body))])
    if found and isinstance(found[-1], tuple) and isinstance(found[-1][0], int):
        assert found[-1][0] == 400
    else:
        assert found[1::2] == split_slowly(body)


@unhurried
@given(mutated(BODIES, PIECES), st.integers(1, 60))
def test_a_body_is_read_in_work_that_its_pieces_bound(body: bytes, times: int) -> None:
    whole = body * times
    lines = whole.count(b"\r") + whole.count(b"\n")
    assert (
        work(seen, [whole], FormLimits(max_fields=10_000, max_files=10_000))
        <= 40 * lines + 4 * len(whole) + 200
    )


@unhurried
@given(mutated(BODIES, PIECES), st.integers(0, 3), st.integers(0, 3), st.integers(0, 20))
def test_no_more_is_handed_out_than_the_limits_say(body: bytes, fields: int, files: int, size: int) -> None:
    found = seen([body], FormLimits(max_fields=fields, max_files=files, max_part_size=size))
    heads = [item for item in found if isinstance(item, tuple) and isinstance(item[0], str)]
    assert sum(filename is None for _, filename in heads) <= fields
    assert sum(filename is not None for _, filename in heads) <= files
    assert all(len(item) <= size for item in found if isinstance(item, bytes))


PARAMETERS = st.lists(
    st.tuples(
        st.sampled_from(["a", "B", "name", "boundary"]), st.text(st.sampled_from('ab "\\;=%,\té'), max_size=8)
    ),
    max_size=4,
    unique_by=lambda pair: pair[0].lower(),
)


@unhurried
@given(PARAMETERS, st.sampled_from([";", "; ", " ;\t"]))
def test_quoted_parameters_are_read_as_they_were_written(pairs: list[tuple[str, str]], between: str) -> None:
    escaped = [(name, value.replace("\\", "\\\\").replace('"', '\\"')) for name, value in pairs]
    text = "Form-Data" + "".join(f'{between}{name}="{value}"' for name, value in escaped)
    assert parse_parameters(text) == ("form-data", {name.lower(): value for name, value in pairs})


@unhurried
@given(
    st.text(st.sampled_from('multipart/form-data;boundary="=\\ \tb,é\x00'), max_size=60), st.integers(1, 50)
)
@example('multipart/form-data; boundary="b\\"', 1)
@example("multipart/form-data; boundary=b; boundary=b", 1)
def test_a_boundary_is_one_of_the_rfc_or_a_400(text: str, times: int) -> None:
    text = f"multipart/form-data;{text * times}"
    assert work(parse_parameters, text) <= 16 * (text.count(";") + 2)
    try:
        boundary = read_boundary(text)
    except BadRequest:
        return
    assert re.fullmatch(rb"[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]", boundary)
