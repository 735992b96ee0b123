"""Forms of both encodings: what they mean, what bounds them, what is left behind, and how a request reads them."""

import asyncio
import gc
import itertools
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from descriptors import open_in
from descriptors import spool as spool
from durations import within
from hypothesis import given, settings
from hypothesis import strategies as st

from velocipy.exceptions import (
    BadRequest,
    ClientDisconnected,
    ConfigurationError,
    HTTPException,
    PayloadTooLargeException,
    UnsupportedMediaType,
)
from velocipy.http.forms import (
    DEFAULT_LIMITS,
    FormData,
    FormLimits,
    parse_urlencoded,
    read_form,
    receive_form,
)
from velocipy.http.headers import Headers
from velocipy.http.query import parse_query
from velocipy.http.request import Request
from velocipy.http.uploads import UploadFile

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
END = b"--b--\r\n"

BOTH = pytest.mark.parametrize("content_type", [URLENCODED, MULTIPART])


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


def text(name: bytes, content: bytes) -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="' + name + b'"\r\n\r\n' + content + b"\r\n"


def file(name: bytes, content: bytes, filename: bytes = b"x.bin") -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="' + name + b'"; filename="' + filename + b'"\r\n'
    return head + b"Content-Type: application/x-any\r\n\r\n" + content + b"\r\n"


def encode(content_type: str, fields: list[tuple[bytes, bytes]]) -> bytes:
    """Text fields in either encoding; names and contents need no escapes."""
    if content_type == URLENCODED:
        return b"&".join(name + b"=" + content for name, content in fields)
    return b"".join(text(name, content) for name, content in fields) + END


async def chunked(body: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def each(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def refusal(
    content_type: str | None, chunks: AsyncIterator[bytes], limits: FormLimits = DEFAULT_LIMITS
) -> Any:
    async def work() -> HTTPException:
        with pytest.raises(HTTPException) as caught:
            await receive_form(content_type, chunks, limits)
        return caught.value

    return run(work())


# -- what a form holds ---------------------------------------------------------------------------------------------------


def test_a_form_gives_the_last_of_a_name_and_all_of_them_in_order() -> None:
    form = FormData([("a", "1"), ("b", "2"), ("a", "3")])
    assert (form.get("a"), form["a"], form.getlist("a"), form.get("c"), form.getlist("c")) == (
        *("3", "3", ["1", "3"]),
        *(None, []),
    )
    assert form.items() == [("a", "1"), ("b", "2"), ("a", "3")]
    assert (list(form), len(form), "a" in form, "c" in form) == (["a", "b"], 2, True, False)
    with pytest.raises(KeyError, match="c"):
        form["c"]
    assert (repr(form), len(FormData())) == ("<FormData ['a', 'b']>", 0)


def test_text_and_files_of_one_name_live_apart() -> None:
    first, last = UploadFile("1"), UploadFile("2")
    form = FormData([("a", first), ("a", "text"), ("a", last), ("f", first)])
    assert (form.get("a"), form.getlist("a"), form["a"]) == ("text", ["text"], "text")
    assert (form.file("a"), form.files("a")) == (last, [first, last])
    assert (form.get("f"), form.getlist("f"), form.file("text"), form.files("text")) == (None, [], None, [])
    assert form.items() == [("a", first), ("a", "text"), ("a", last), ("f", first)]
    assert (list(form), len(form), "f" in form) == (["a", "f"], 2, True)
    with pytest.raises(KeyError, match=r"'f' is a file: ask form.file\('f'\)"):
        form["f"]


def test_what_a_form_gives_is_the_caller_s_own() -> None:
    form = FormData([("a", "1"), ("f", UploadFile("1"))])
    form.getlist("a").clear()
    form.files("f").clear()
    form.items().clear()
    assert (form.getlist("a"), len(form.files("f")), len(form.items())) == (["1"], 1, 2)


def test_a_form_closes_its_files_once() -> None:
    async def work() -> None:
        small, large = UploadFile("1"), UploadFile("2", spool_size=1)
        await large.write(b"xyz")
        async with FormData([("a", small), ("a", large), ("b", "text")]) as form:
            before = small.file.closed, large.file.closed
        assert (before, small.file.closed, large.file.closed) == ((False, False), True, True)
        await form.close()

    run(work())


@pytest.mark.parametrize("name", ["max_fields", "max_files", "max_part_size", "spool_size"])
@pytest.mark.parametrize("value", [-1, 1.5, "1", None, True])
def test_a_limit_is_a_whole_number(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"FormLimits\\({name}="):
        FormLimits(**{name: value})
    assert getattr(FormLimits(**{name: 0}), name) == 0


# -- which bodies are forms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (URLENCODED, b"a=1"),
        ("Application/X-WWW-Form-URLEncoded", b"a=1"),
        (URLENCODED + " ; charset=latin-1", b"a=1"),
        (MULTIPART, text(b"a", b"1") + END),
        ("MULTIPART/FORM-DATA; Boundary=b", text(b"a", b"1") + END),
    ],
)
def test_a_media_type_is_compared_in_any_case(content_type: str, body: bytes) -> None:
    async def work() -> None:
        async with read_form(content_type, each(body), encoding="identity") as form:
            assert form.items() == [("a", "1")]

    run(work())


@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "text/plain", "multipart/mixed; boundary=b", "text/plain; " + URLENCODED],
)
def test_any_other_type_is_refused_unread(content_type: str) -> None:
    taken: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        taken.append(1)
        yield b"a=1"

    refused = refusal(content_type, body())
    assert (type(refused), taken, refused.detail) == (
        *(UnsupportedMediaType, []),
        "the body must be a form: application/x-www-form-urlencoded or multipart/form-data",
    )


def test_without_a_type_a_body_is_refused_at_its_first_byte_and_none_is_a_form() -> None:
    taken: list[bytes] = []

    async def body(*chunks: bytes) -> AsyncIterator[bytes]:
        for chunk in chunks:
            taken.append(chunk)
            yield chunk

    assert type(refusal(None, body(b"", b"a", b"b"))) is UnsupportedMediaType
    assert taken == [b"", b"a"]

    async def work() -> None:
        async with read_form(None, body(b"", b"")) as form:
            assert form.items() == []

    run(work())


@BOTH
def test_a_compressed_form_is_refused(content_type: str) -> None:
    async def work() -> None:
        with pytest.raises(UnsupportedMediaType, match="compressed"):
            await receive_form(content_type, each(b"a=1"), encoding="gzip")

    run(work())


@pytest.mark.parametrize(("content_type", "body"), [(URLENCODED, b""), (MULTIPART, END)])
def test_a_form_may_be_empty(content_type: str, body: bytes) -> None:
    assert run(receive_form(content_type, each(body) if body else each())).items() == []


# -- urlencoded ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "pairs"),
    [
        (b"a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        (b"a=1;b=2", [("a", "1;b=2")]),
        (b"a&b=&=c&=", [("a", ""), ("b", ""), ("", "c"), ("", "")]),
        (b"&&a=1&&", [("a", "1")]),
        (b"a=b=c", [("a", "b=c")]),
        (b"a+b=c+d%2B", [("a b", "c d+")]),
        (b"%61=%C3%A9&b=\xc3\xa9", [("a", "é"), ("b", "é")]),
        (b"a=%zz&b=%&c=%4", [("a", "%zz"), ("b", "%"), ("c", "%4")]),
        (b"a=%26%3D%25&b=%00%0D%0A", [("a", "&=%"), ("b", "\0\r\n")]),
        (b"_charset_=latin-1&a=%C3%A9", [("_charset_", "latin-1"), ("a", "é")]),
        (b"a=%EF%BB%BFx", [("a", "\ufeffx")]),
    ],
)
def test_urlencoded_bodies_mean_what_the_table_says(body: bytes, pairs: list[tuple[str, str]]) -> None:
    assert parse_urlencoded(body).items() == pairs
    for size in (1, 7):
        assert run(receive_form(URLENCODED, chunked(body, size))).items() == pairs


@given(st.text("ab=&;+%25cCé", max_size=40))
def test_a_form_and_a_query_of_one_text_are_the_same(body: str) -> None:
    query = list(parse_query(body).items())
    try:
        form = parse_urlencoded(body.encode())
    except BadRequest:
        assert "\ufffd" in repr(query)
    else:
        assert form.items() == query


@pytest.mark.case(55)
@pytest.mark.parametrize("body", [b"a=\xff", b"a=%FF", b"%ED%A0%80=1", b"a=%C3", b"a=caf\xe9", b"a=%C0%AF"])
def test_a_urlencoded_body_that_is_not_utf_8_is_refused(body: bytes) -> None:
    refused = refusal(URLENCODED, each(body))
    assert (refused.status_code, refused.detail) == (400, "the form is not UTF-8 text")


@pytest.mark.case(55)
def test_a_multipart_text_that_is_not_utf_8_is_refused() -> None:
    refused = refusal(MULTIPART, each(text(b"a", b"caf\xe9") + END))
    assert (refused.status_code, refused.detail) == (400, "a field of the form is not UTF-8 text")


@pytest.mark.case(41)
@pytest.mark.parametrize("unit", [b"a=1;", b"%41", b"+", b"%", b"%zz", b"="])
def test_a_megabyte_of_one_field_is_read_within_50_ms(unit: bytes) -> None:
    body = unit * (1_000_000 // len(unit))
    assert within(0.05, lambda: parse_urlencoded(body))
    assert len(parse_urlencoded(body)) == 1


# -- limits --------------------------------------------------------------------------------------------------------------


@pytest.mark.case(41)
@BOTH
def test_the_same_number_of_fields_fits_into_both_encodings(content_type: str) -> None:
    fits = encode(content_type, [(b"a", b"")] * 1_000)
    assert len(run(receive_form(content_type, each(fits))).getlist("a")) == 1_000
    more = encode(content_type, [(b"a", b"")] * 1_001)
    for size in (1_000, len(more)):
        refused = refusal(content_type, chunked(more, size))
        assert (type(refused), refused.detail) == (
            PayloadTooLargeException,
            "the form has more than 1000 fields",
        )


@pytest.mark.case(41)
@BOTH
@pytest.mark.parametrize("size", [10, 1_048_576])
def test_a_field_of_the_same_size_fits_into_both_encodings(content_type: str, size: int) -> None:
    limits = FormLimits(max_part_size=size)
    fits = encode(content_type, [(b"a", b"x" * size), (b"b", b"")])
    assert run(receive_form(content_type, chunked(fits), limits)).get("a") == "x" * size
    refused = refusal(content_type, chunked(encode(content_type, [(b"a", b"x" * (size + 1))])), limits)
    assert (refused.status_code, refused.detail) == (413, f"a field of the form has more than {size} bytes")


def test_a_urlencoded_field_is_measured_as_what_it_says() -> None:
    limits = FormLimits(max_part_size=4)
    assert parse_urlencoded(b"a=%41%41%41%41&b=%C3%A9%C3%A9", limits).items() == [("a", "AAAA"), ("b", "éé")]
    for body in (b"a=%41%41%41%41%41", b"a=%C3%A9%C3%A9x", b"abcde=1", b"%41bcde"):
        with pytest.raises(PayloadTooLargeException):
            parse_urlencoded(body, limits)


@BOTH
def test_no_field_at_all_may_be_allowed(content_type: str) -> None:
    limits = FormLimits(max_fields=0)
    assert len(run(receive_form(content_type, each(encode(content_type, [])), limits))) == 0
    assert refusal(content_type, each(encode(content_type, [(b"a", b"1")])), limits).status_code == 413


@pytest.mark.case(42)
def test_the_101st_file_is_refused_and_all_before_it_closed(spool: Path) -> None:
    async def work() -> None:
        with pytest.raises(PayloadTooLargeException, match="more than 100 files"):
            await receive_form(MULTIPART, each(file(b"f", b"xyz") * 101 + END), FormLimits(spool_size=1))
        assert open_in(spool) == []

    run(work())
    form = run(receive_form(MULTIPART, each(file(b"f", b"x") * 100 + END)))
    assert len(form.files("f")) == 100


@pytest.mark.case(42)
@pytest.mark.parametrize("size", [1, 1_000])
@pytest.mark.process
def test_100_000_parts_never_take_2_mb(size: int) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(100_000 // size):
            yield text(b"a", b"") * size

    assert within(1, lambda: refusal(MULTIPART, parts()))
    tracemalloc.start()
    refused = refusal(MULTIPART, parts())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (refused.status_code, peak < 2_000_000) == (413, True)


@pytest.mark.case(42)
@pytest.mark.process
def test_a_million_urlencoded_fields_never_take_2_mb() -> None:
    async def fields() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"a=1&" * 10_000

    tracemalloc.start()
    refused = refusal(URLENCODED, fields())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (refused.status_code, peak < 2_000_000) == (413, True)


@pytest.mark.case(43)
@pytest.mark.parametrize(("content_type", "multiple"), [(MULTIPART, 1), (URLENCODED, 6)])
@pytest.mark.process
def test_50_mb_of_text_are_refused_with_no_more_than_the_limit_buffered(
    content_type: str, multiple: int
) -> None:
    taken = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal taken
        yield text(b"a", b"")[:-2] if content_type == MULTIPART else b"a="
        for _ in range(50_000_000 // 65_536):
            taken += 65_536
            yield b"x" * 65_536

    tracemalloc.start()
    refused = refusal(content_type, body(), FormLimits(max_part_size=300_000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.status_code == 413
    assert taken <= 300_000 * multiple + 65_536
    assert peak < 300_000 * multiple * 1.3 + 4 * 65_536  # a bytearray grows by an eighth


# -- files ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spool_size", [10, 1_048_576])
def test_a_file_arrives_at_its_start_with_all_that_was_said_of_it(spool_size: int) -> None:
    async def work() -> None:
        content = bytes(range(256)) * 3_000
        body = file(b"f", content, b"../x y.bin") + text(b"f", b"text") + END
        async with read_form(MULTIPART, chunked(body), FormLimits(spool_size=spool_size)) as form:
            upload = form.file("f")
            assert upload is not None
            assert (upload.filename, upload.content_type, upload.size) == (
                *("../x y.bin", "application/x-any"),
                len(content),
            )
            assert upload.in_memory == (spool_size > 10)
            assert await upload.read() == content
            assert form.get("f") == "text"
        assert upload.file.closed

    run(work())


def test_a_file_input_without_a_file_is_no_file() -> None:
    body = file(b"f", b"", b"") + file(b"g", b"x", b"") + file(b"h", b"", b"empty.txt") + END
    form = run(receive_form(MULTIPART, each(body)))
    assert [(name, value.filename, value.size) for name, value in form.items()] == [
        ("g", "", 1),
        ("h", "empty.txt", 0),
    ]


@pytest.mark.case(56)
def test_neither_a_form_nor_an_error_shows_what_was_sent() -> None:
    form = run(receive_form(MULTIPART, each(text(b"password", b"secret") + file(b"f", b"secret") + END)))
    assert "secret" not in repr(form) + repr(form.items()[1])
    for content_type, body in (
        (URLENCODED, b"password=secret%FF"),
        (MULTIPART, text(b"password", b"secret\xff") + END),
        (MULTIPART, text(b"password", b"secret")),
    ):
        assert "secret" not in str(refusal(content_type, each(body)))


@pytest.mark.case(50)
@pytest.mark.timeout(60)
def test_the_loop_goes_on_while_20_mb_are_uploaded_to_a_slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    make = tempfile.TemporaryFile
    writes = itertools.count()

    class SlowDisk:
        def __init__(self, *args: Any) -> None:
            self._file = make(*args)

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

        def write(self, data: bytes) -> Any:
            if next(writes) % 4 == 0:
                time.sleep(0.06)
            return self._file.write(data)

    lags: list[float] = []

    async def tick() -> None:
        while True:
            started = time.perf_counter()
            await asyncio.sleep(0.001)
            lags.append(time.perf_counter() - started)

    async def work() -> None:
        monkeypatch.setattr(tempfile, "TemporaryFile", SlowDisk)
        body = file(b"f", b"x" * 20_000_000) + END
        ticking = asyncio.create_task(tick())
        async with read_form(MULTIPART, chunked(body)) as form:
            assert form.files("f")[0].size == 20_000_000
        ticking.cancel()

    run(work())
    assert len(lags) > 200
    assert sorted(lags)[len(lags) * 99 // 100] < 0.05


# -- what is left behind -------------------------------------------------------------------------------------------------


class Failure(Exception):
    """An endpoint's own."""


async def cut_off(body: bytes) -> AsyncIterator[bytes]:
    yield body
    raise ClientDisconnected


FIRST = file(b"f", b"x" * 1_000)


@pytest.mark.case(52)
@pytest.mark.case(47)
@pytest.mark.parametrize(
    ("chunks", "limits", "error"),
    [
        (lambda: cut_off(FIRST + file(b"f", b"y" * 1_000)[:-500]), {}, ClientDisconnected),
        (lambda: cut_off(FIRST + END), {}, ClientDisconnected),
        (lambda: each(FIRST + file(b"f", b"y" * 1_000)[:-500]), {}, BadRequest),
        (lambda: each(FIRST), {}, BadRequest),
        (lambda: each(FIRST + FIRST + END), {"max_files": 1}, PayloadTooLargeException),
        (lambda: each(FIRST + text(b"a", b"12345") + END), {"max_part_size": 4}, PayloadTooLargeException),
        (lambda: each(FIRST + b"--b\r\nnonsense\r\n\r\n"), {}, BadRequest),
        (lambda: each(FIRST + END), {}, Failure),
    ],
)
def test_whatever_goes_wrong_no_file_stays_open(
    chunks: Any, limits: dict[str, int], error: type[Exception], spool: Path
) -> None:
    async def fail() -> None:
        with pytest.raises(error):
            async with read_form(MULTIPART, chunks(), FormLimits(spool_size=10, **limits)) as form:
                assert not form.files("f")[0].in_memory
                raise Failure

    async def work() -> None:
        gc.disable()  # what is closed is closed by us
        try:
            for _ in range(5):
                await fail()
            assert open_in(spool) == []
            assert list(spool.iterdir()) == []
        finally:
            gc.enable()

    run(work())


@pytest.mark.case(52)
def test_a_cancelled_upload_leaves_no_file_open(spool: Path) -> None:
    async def work() -> None:
        arrived = asyncio.Event()

        async def body() -> AsyncIterator[bytes]:
            yield FIRST + file(b"f", b"y" * 1_000)[:-2]
            arrived.set()
            await asyncio.Event().wait()

        task = asyncio.create_task(receive_form(MULTIPART, body(), FormLimits(spool_size=10)))
        await arrived.wait()
        assert open_in(spool) != [] or sys.platform != "linux"
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert open_in(spool) == []

    run(work())


FULL_DISK = """
import asyncio, os, resource, sys, tempfile
from velocipy.exceptions import HTTPException
from velocipy.http.forms import FormLimits, read_form

size, spool_size = int(sys.argv[1]), int(sys.argv[2])
tempfile.tempdir = sys.argv[3]
head = b'--b\\r\\nContent-Disposition: form-data; name="f"; filename="x"\\r\\n\\r\\n'

async def body(count):
    for _ in range(count):
        yield head + b"x" * size + b"\\r\\n"
    yield b"--b--"

async def upload(count):
    try:
        async with read_form("multipart/form-data; boundary=b", body(count), FormLimits(spool_size=spool_size)) as form:
            return len(form.files("f"))
    except HTTPException as exc:
        return str(exc)

async def work():
    await upload(1)
    before = len(os.listdir("/proc/self/fd"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    print(await upload(2))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    print(len(os.listdir("/proc/self/fd")) - before, os.listdir(tempfile.tempdir))

asyncio.run(work())
"""


@pytest.mark.case(53)
@pytest.mark.parametrize(
    ("size", "spool_size"),
    [
        (90_000, 10),  # fits
        (2_000_000, 1_000_000),  # fails as it moves to disk
        (900_000, 10),  # fails in a later write
        (100_010, 10),  # fails in what the file's own buffer held back
    ],
)
def test_a_full_disk_is_a_507_that_leaves_nothing(size: int, spool_size: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "always::ResourceWarning",
            "-c",
            FULL_DISK,
            str(size),
            str(spool_size),
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        timeout=60,
    )
    answer = "2" if size < 100_000 else "507: Insufficient Storage"
    assert (done.stdout, "Warning: unclosed" in done.stderr) == (f"{answer}\n0 []\n", False)


def test_another_error_of_the_disk_stays_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise PermissionError(13, "no")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)

    async def work() -> None:
        with pytest.raises(PermissionError):
            await receive_form(MULTIPART, each(FIRST + END), FormLimits(spool_size=10))

    run(work())


# -- any form ------------------------------------------------------------------------------------------------------------


def write_name(name: str) -> bytes:
    """As browsers do (WHATWG HTML section 4.10.22.8), and quoted pairs for what these leave as it is."""
    escaped = name.replace("\\", "\\\\").replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
    return b'"' + escaped.encode() + b'"'


def write_form(entries: list[tuple[str, str | tuple[str, bytes]]], boundary: bytes) -> bytes:
    body = b""
    for name, value in entries:
        body += b"--" + boundary + b"\r\nContent-Disposition: form-data; name=" + write_name(name)
        if isinstance(value, str):
            body += b"\r\n\r\n" + value.encode()
        else:
            body += b"; filename=" + write_name(value[0]) + b"\r\nContent-Type: a/b\r\n\r\n" + value[1]
        body += b"\r\n"
    return body + b"--" + boundary + b"--\r\n"


# Escapes that browsers do not escape again cannot come back as they were.
names = st.text(st.characters(codec="utf-8"), max_size=8).filter(lambda name: "%" not in name)
texts = st.text(st.characters(codec="utf-8") | st.sampled_from("\r\n-b"), max_size=30)
contents = st.binary(max_size=30) | st.lists(
    st.sampled_from([b"\r", b"\n", b"--", b"b", b"\r\n--"]), max_size=9
).map(b"".join)
entries = st.lists(st.tuples(names, texts | st.tuples(names, contents)), max_size=5)


@settings(max_examples=2 * settings().max_examples, deadline=None)
@given(entries, st.integers(1, 100), st.integers(0, 40))
def test_a_form_comes_back_as_it_was_however_it_is_cut_and_kept(
    entries: list[tuple[str, str | tuple[str, bytes]]], size: int, spool_size: int
) -> None:
    async def work() -> None:
        body = write_form(entries, b"=b/Xy")
        limits = FormLimits(spool_size=spool_size)
        async with read_form('multipart/form-data; boundary="=b/Xy"', chunked(body, size), limits) as form:
            found = [
                (name, value if isinstance(value, str) else (value.filename, await value.read()))
                for name, value in form.items()
            ]
        assert found == [(name, value) for name, value in entries if value != ("", b"")]

    run(work())


# -- requests ------------------------------------------------------------------------------------------------------------


class Connection:
    """What a request reads, from memory; it gives its body once."""

    def __init__(self, content_type: str | None, *chunks: bytes, encoding: str | None = None) -> None:
        pairs = [("content-type", content_type), ("content-encoding", encoding)]
        self.headers = Headers((name, value) for name, value in pairs if value is not None)
        self.chunks = chunks
        self.reads = 0
        self.limits: list[int] = []

    async def read_body(self, limit: int) -> bytes:
        return b"".join([chunk async for chunk in self.read_chunks(limit)])

    async def read_chunks(self, limit: int) -> AsyncIterator[bytes]:
        self.reads += 1
        self.limits.append(limit)
        for chunk in self.chunks:
            if not chunk:
                raise ClientDisconnected
            yield chunk


def request_of(connection: Connection, **options: Any) -> Request:
    route = SimpleNamespace(**{"app": None, "max_content_length": 1_000, "form_limits": None, **options})
    return Request(cast("Any", connection), (), cast("Any", route))


def test_a_request_reads_its_form_once() -> None:
    async def work() -> None:
        connection = Connection(MULTIPART, text(b"a", b"1"), file(b"f", b"x"), END)
        request = request_of(connection)
        form = await request.form()
        assert (form.get("a"), form.files("f")[0].filename) == ("1", "x.bin")
        assert await request.form() is form
        assert (connection.reads, connection.limits) == (1, [1_000])
        with pytest.raises(RuntimeError, match="read as it arrived, by"):
            await request.body()
        await request.close_form()
        await request.close_form()
        assert form.files("f")[0].file.closed

    run(work())


@BOTH
def test_a_form_and_its_body_can_both_be_had_when_the_body_comes_first(content_type: str) -> None:
    async def work() -> None:
        body = encode(content_type, [(b"a", b"1")])
        request = request_of(Connection(content_type, body[:2], body[2:]))
        assert await request.body() == body
        assert (await request.form()).items() == [("a", "1")]
        assert await request.body() == body

    run(work())


def test_the_limits_are_the_call_s_or_the_route_s_or_ours() -> None:
    async def work() -> None:
        three = b"a=1&a=2&a=3"
        assert len((await request_of(Connection(URLENCODED, three)).form()).getlist("a")) == 3
        one, two = FormLimits(max_fields=1), FormLimits(max_fields=2)
        with pytest.raises(PayloadTooLargeException, match="2 fields"):
            await request_of(Connection(URLENCODED, three), form_limits=two).form()
        with pytest.raises(PayloadTooLargeException, match="1 fields"):
            await request_of(Connection(URLENCODED, three), form_limits=two).form(one)
        assert await request_of(Connection(URLENCODED, three), form_limits=None).form()
        with pytest.raises(PayloadTooLargeException, match="1 fields"):
            body = text(b"a", b"1") * 2 + END
            async for _ in request_of(Connection(MULTIPART, body), form_limits=one).multipart():
                pass

    run(work())


@pytest.mark.parametrize(
    ("connection", "error"),
    [
        (Connection(MULTIPART, text(b"a", b"1")), BadRequest),
        (Connection(URLENCODED, b"a=%FF"), BadRequest),
        (Connection(URLENCODED, b"a=1&" * 1_001), PayloadTooLargeException),
        (Connection(MULTIPART, text(b"a", b"1"), b""), ClientDisconnected),
    ],
)
def test_whoever_asks_again_for_a_form_that_failed_is_told_the_same(
    connection: Connection, error: type[Exception]
) -> None:
    async def work() -> None:
        request = request_of(connection)
        for ask in (request.form, request.form, request.body):
            with pytest.raises(error):
                await ask()
        assert connection.reads == 1
        await request.close_form()

    run(work())


def test_a_body_that_is_no_form_can_still_be_read() -> None:
    async def work() -> None:
        request = request_of(Connection("text/plain", b"text"))
        with pytest.raises(UnsupportedMediaType):
            await request.form()
        with pytest.raises(UnsupportedMediaType):
            request.multipart()
        assert await request.text() == "text"
        with pytest.raises(UnsupportedMediaType, match="compressed"):
            await request_of(Connection(URLENCODED, b"a=1", encoding="gzip")).form()

    run(work())


def test_parts_are_streamed_from_a_request() -> None:
    async def work() -> None:
        connection = Connection(MULTIPART, file(b"f", b"x" * 10)[:-5], b"xxx\r\n", text(b"a", b"1"), END)
        request = request_of(connection)
        seen = [(part.name, await part.read()) async for part in request.multipart()]
        assert seen == [("f", b"x" * 10), ("a", b"1")]
        with pytest.raises(RuntimeError, match="read as it arrived"):
            await request.form()

    run(work())


@pytest.mark.process
def test_one_part_can_be_taken_and_read_by_itself() -> None:
    async def work() -> None:
        request = request_of(Connection(MULTIPART, text(b"a", b"1")[:-3], b"1\r\n", END))
        part = await anext(request.multipart())
        gc.collect()
        await asyncio.sleep(0)
        assert await part.text() == "1"

    run(work())


def test_a_cut_off_body_is_a_disconnect_and_never_a_short_form() -> None:
    async def work() -> None:
        connection = Connection(MULTIPART, file(b"f", b"x")[:-1], b"")
        part = await anext(request_of(connection).multipart())
        with pytest.raises(ClientDisconnected):
            await part.read()

    run(work())
