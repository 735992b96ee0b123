"""Forms: what is too much, what is broken, and what is left behind. Cases 41 to 56, both encodings, on both protocols."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Annotated, Any

import pytest

from velocipy import File, Form, FormData, UploadFile, VelociPy

URLENCODED = ("content-type", "application/x-www-form-urlencoded")
MULTIPART = ("content-type", "multipart/form-data; boundary=b")
END = b"\r\n--b--\r\n"
FIELDS = (413, {"detail": "the form has more than 1000 fields"})
FILES = (413, {"detail": "the form has more than 100 files"})
FIELD = (413, {"detail": "a field of the form has more than 1048576 bytes"})
HEADERS = (400, {"detail": "the headers of a part are malformed, more than 16, or longer than 8192 bytes"})
BOUNDARY = (400, {"detail": "the content-type header has no valid boundary"})
CUT = (400, {"detail": "the multipart body ends before its final boundary"})


def part(content: bytes = b"1", disposition: bytes = b'form-data; name="a"', *lines: bytes) -> bytes:
    """One part with the delimiter before it."""
    head = b"\r\n".join((b"\r\n--b", b"Content-Disposition: " + disposition, *lines))
    return head + b"\r\n\r\n" + content


def body_of(*parts: bytes) -> bytes:
    return b"".join(parts) + END


def file_part(content: bytes, filename: bytes = b"x.txt", name: bytes = b"f") -> bytes:
    return part(content, b'form-data; name="%s"; filename="%s"' % (name, filename))


async def show(form: FormData) -> Any:
    """Names and values in their order; files as name, content and size."""
    return [
        [name, value if isinstance(value, str) else [value.filename, (await value.read()).hex(), value.size]]
        for name, value in form.items()
    ]


async def count(form: FormData) -> int:
    """How many fields and files came."""
    return len(form.items())


async def declared(
    a: Annotated[str | None, Form()] = None, f: Annotated[list[UploadFile] | None, File()] = None
) -> int:
    """As `count`, for parameters."""
    return (a is not None) + len(f or ())


def limited(endpoint: Any = count) -> VelociPy:
    """An app whose route takes 200 MB of form, at / and, by parameters, at /declared."""
    app = VelociPy(plugins=False, max_content_length=200_000_000)
    app.add_route("/", endpoint, ["POST"])
    app.add_route("/declared", declared, ["POST"])
    return app


ways = pytest.mark.parametrize("path", ["/", "/declared"])


# -- too much ---------------------------------------------------------------------------------------------------------


@pytest.mark.case(41)
@ways
def test_a_urlencoded_form_has_the_limits_of_a_multipart_one(path: str, client_of: Any, within: Any) -> None:
    client = client_of(limited())

    def tell(body: bytes) -> Any:
        return client.tell(body, URLENCODED, path=path)

    assert tell(b"&".join(b"b%d=1" % n for n in range(1_000)))[0] == 200
    assert tell(b"&".join(b"b%d=1" % n for n in range(1_001))) == FIELDS
    assert tell(b"&" * 1_000) == FIELDS
    assert tell(b"a=" + b"x" * 1_048_576)[0] == 200
    assert tell(b"a=" + b"x" * 1_048_577) == FIELD
    assert tell(b"a=" + b"%41" * 1_048_577) == FIELD
    assert tell(b"x" * 1_048_577) == FIELD
    assert tell(b"a=1;" * 1_000_000) == FIELD  # one field: `;` separates nothing
    for body in (b"a=1;" * 1_000_000, b"a=1&" * 1_000_000, b"%" * 4_000_000, b"=" * 4_000_000):
        within(0.050, lambda body=body: tell(body))


@pytest.mark.case(42)
@ways
def test_a_part_too_many_is_refused_when_it_comes(path: str, client_of: Any) -> None:
    client = client_of(limited())
    assert client.tell(body_of(part() * 1_000), MULTIPART, path=path)[0] == 200
    assert client.tell(body_of(part() * 1_001), MULTIPART, path=path) == FIELDS
    assert client.tell(body_of(file_part(b"1") * 100), MULTIPART, path=path) == (200, 100)
    assert client.tell(body_of(file_part(b"1") * 101), MULTIPART, path=path) == FILES
    assert (
        client.tell(body_of(file_part(b"", b"") * 101), MULTIPART, path=path) == FILES
    )  # empty ones count too
    for parts, status in ((part() * 1_001, 413), (file_part(b"1") * 101, 413)):
        with client.exchange("POST", path, headers=[("host", "a"), MULTIPART], body=None) as exchange:
            exchange.feed(parts)
            exchange.feed(b"\r\n")
            assert exchange.head().status == status  # the client has more to send


@pytest.mark.case(42)
@pytest.mark.process
def test_100_000_parts_take_no_memory(client_of: Any) -> None:
    client = client_of(limited())
    body = body_of(part() * 100_000)
    client.tell(body, MULTIPART)
    gc.collect()
    tracemalloc.start()
    assert client.tell(body, MULTIPART) == FIELDS
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000 + len(body) * (peak > len(body))  # the client's own copy of the body


@pytest.mark.case(43)
@ways
@pytest.mark.process
def test_text_without_a_file_name_is_not_kept_beyond_its_limit(path: str, client_of: Any) -> None:
    client = client_of(limited())
    head, chunk = part(b""), b"x" * 65_536
    with client.exchange("POST", path, headers=[("host", "a"), MULTIPART], body=None) as exchange:
        exchange.feed(head)
        tracemalloc.start()
        for _ in range(17):
            exchange.feed(chunk)
        assert exchange.head().status == 413  # of 50 MB, 1.1 have come
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4_000_000
    assert client.tell(body_of(part(b"x" * 50_000_000)), MULTIPART, path=path) == FIELD


@pytest.mark.case(44)
@ways
def test_what_stands_before_and_behind_a_form_is_skipped_in_linear_time(
    path: str, client_of: Any, linear: Any, records: Any
) -> None:
    client = client_of(limited())
    for junk in (b"x", b"\r\n--", b"\r\n--c", b"x--b", b"\r\n"):
        size = 5_000_000 // len(junk)
        assert client.tell(junk * size + body_of(part()), MULTIPART, path=path) == (200, 1), junk
        assert client.tell(body_of(part()) + junk * size, MULTIPART, path=path) == (200, 1), junk
        linear(lambda n, junk=junk: client.tell(junk * n + body_of(part()), MULTIPART, path=path), size // 4)
    # RFC 2046 section 5.1.1: a line that begins with the boundary is a delimiter, whatever follows it.
    assert client.tell(b"\r\n--bb" + body_of(part()), MULTIPART, path=path)[0] == 400
    assert records() == []


@pytest.mark.case(45)
@ways
def test_part_headers_are_few_and_short(path: str, client_of: Any, linear: Any) -> None:
    client = client_of(limited())
    form = b'form-data; name="a"'

    def tell(*lines: bytes) -> Any:
        return client.tell(body_of(part(b"1", form, *lines)), MULTIPART, path=path)

    assert tell(*(b"X-%d: 1" % n for n in range(15))) == (200, 1)
    assert tell(*(b"X-%d: 1" % n for n in range(16))) == HEADERS
    assert tell(*(b"X-%d: 1" % n for n in range(1_000))) == HEADERS
    for line in (
        b"X: " + b"x" * 1_000_000,
        b"x" * 1_000_000 + b": 1",
        b"x" * 1_000_000,
        b"X:" + b" " * 1_000_000,
    ):
        assert tell(line) == HEADERS
    for line in (b"X", b": 1", b"X Y: 1", b"X\x00: 1", b"X: \n 1", b"\xff: 1", b"X: \xff"):
        assert tell(line) == HEADERS, line
    linear(lambda n: tell(b"X: " + b"x" * n), 1_000_000)


# -- the boundary --------------------------------------------------------------------------------------------------------


@pytest.mark.case(46)
@ways
def test_a_boundary_is_one_to_seventy_characters_that_rfc_2046_allows(
    path: str, client_of: Any, within: Any
) -> None:
    client = client_of(limited())

    def tell(parameters: str | bytes, boundary: bytes = b"b") -> Any:
        text = parameters if isinstance(parameters, bytes) else parameters.encode()
        body = body_of(part()).replace(b"--b", b"--" + boundary)
        return client.tell(body, ("content-type", b"multipart/form-data" + text), path=path)

    for good, boundary in {
        "; boundary=b": "b",
        '; BOUNDARY="b"': "b",
        ";boundary=b; charset=x": "b",
        "; boundary=" + "b" * 70: "b" * 70,
        '; boundary="a b:(c)?"': "a b:(c)?",
    }.items():
        assert tell(good, boundary.encode()) == (200, 1), good
    for bad in (
        "",
        ";",
        "; boundary",
        "; boundary=",
        '; boundary=""',
        "; boundary=" + "b" * 71,
        "; boundary=" + "b" * 300,
        '; boundary="b ',
        '; boundary="b "',
        "; boundary=b; boundary=c",
        "; boundary=b\\",
        '; boundary="b\\"c"',
        "; boundary=b@",
        '; boundary="' + "\\b" * 500 + '"',
        '; boundary="' + "\\" * 50_000,
        '; boundary="' + "\\\\" * 25_000 + '"',
        "; boundary=b" + "; x=y" * 10_000,
        "; a=" + '"' * 50_000,
    ):
        assert tell(bad) == BOUNDARY, bad[:40]
        within(0.010, lambda bad=bad: tell(bad))


@pytest.mark.case(46)
def test_a_boundary_with_a_line_end_is_refused_or_no_header_at_all(client_of: Any) -> None:
    client = client_of(limited())
    for value in (b'multipart/form-data; boundary="b\r\nx"', b"multipart/form-data; boundary=b\n"):
        status, _ = client.tell(body_of(part()), ("content-type", value))
        assert status in (400, 415)


@pytest.mark.case(47)
@ways
@pytest.mark.process
def test_a_body_that_ends_anywhere_before_its_end_is_400_and_leaves_no_file(
    path: str, client_of: Any, open_files: Any
) -> None:
    client = client_of(limited())
    body = body_of(part(b"one"), file_part(b"x" * 20), part(b"", b'form-data; name="a"'))
    before = open_files()
    for end in range(len(body) - 2):
        assert client.tell(body[:end], MULTIPART, path=path) == CUT, body[:end]
    for end in (
        len(body) - 2,
        len(body) - 1,
        len(body),
    ):  # what follows the final boundary is no part of the form
        assert client.tell(body[:end], MULTIPART, path=path)[0] == 200
    spooled = body_of(part(b"one"), file_part(b"x" * 3_000_000))
    for end in (1_100_000, 2_000_000, len(spooled) - 3):
        assert client.tell(spooled[:end], MULTIPART, path=path) == CUT
    assert open_files() == before


DISPOSITIONS: list[tuple[bytes, Any]] = [
    (b'form-data; name="a"', ["a", "1"]),
    (b"form-data; name=a", ["a", "1"]),
    (b'Form-Data; NAME="a"', ["a", "1"]),
    (b'form-data; name=""', ["", "1"]),
    (b'form-data; name="a%22b%0D%0A%41"', ['a"b\r\n%41', "1"]),
    (b'form-data; name="a\\"b"', ['a"b', "1"]),
    (b'form-data; name="\xc3\xa9"', ["é", "1"]),
    (b'form-data; name="a"; filename="x"', ["a", ["x", "31", 1]]),
    (b'form-data; name="a"; filename=""', ["a", ["", "31", 1]]),
    (b"form-data; name=\"a\"; filename*=UTF-8''x.txt", ["a", "1"]),
    (b'form-data; name="a"; filename="x"; filename*=UTF-8\'\'y', ["a", ["x", "31", 1]]),
    (b"form-data", None),
    (b'form-data; filename="x"', None),
    (b"form-data; name*=UTF-8''a", None),
    (b"form-data; name*0=a; name*1=b", None),
    (b'form-data; name="a"; name="b"', None),
    (b'form-data; name="a"; filename="x"; filename="y"', None),
    (b'attachment; name="a"', None),
    (b'; name="a"', None),
    (b'form-data; name="a', None),
    (b'form-data; name="a" x', None),
    (b"", None),
    (b'form-data; name="a"\r\nContent-Disposition: form-data; name="b"', None),
]


@pytest.mark.case(48)
@pytest.mark.parametrize(("disposition", "found"), DISPOSITIONS, ids=repr)
def test_a_part_is_named_by_one_grammar(disposition: bytes, found: Any, client_of: Any) -> None:
    status, content = client_of(show, method="POST").tell(body_of(part(b"1", disposition)), MULTIPART)
    assert (status, content) == (200, [found]) if found else status == 400


@pytest.mark.case(48)
def test_a_part_without_a_disposition_is_400_and_equal_names_are_all_kept(client_of: Any) -> None:
    client = client_of(show, method="POST")
    assert client.tell(b"--b\r\nContent-Type: text/plain\r\n\r\n1" + END, MULTIPART)[0] == 400
    assert client.tell(b"--b\r\n\r\n1" + END, MULTIPART)[0] == 400
    twice = body_of(part(b"1"), file_part(b"", b"y", b"a"), part(b"2"))
    assert client.tell(twice, MULTIPART) == (200, [["a", "1"], ["a", ["y", "", 0]], ["a", "2"]])
