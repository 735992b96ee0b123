"""Files as answers: type, length, validators, conditions, ranges, and files that are missing, special or change on the way."""

import gzip
import logging
import os
import re
import threading
import time
import tracemalloc
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from timeit import repeat
from typing import Any, NoReturn

import pytest
from descriptors import open_in

from velocipy import FileResponse, Request, Response, VelociPy
from velocipy.http.disk import CHUNK, SpanReader, open_regular, read_span
from velocipy.http.files import MAX_MULTIPART, TYPES, guess_type
from velocipy.http.headers import Headers, http_date
from velocipy.testing import TestClient
from velocipy.testing.errors import ServerClosed
from velocipy.testing.rsgi_protocol import HTTPProtocol

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


def serving(make: Any) -> VelociPy:
    app = VelociPy()

    @app.get("/")
    async def file() -> Any:
        return make()

    return app


def quiet(app: VelociPy, interface: str) -> TestClient:
    return TestClient(app, interface=interface, raise_server_exceptions=False)


@both
@pytest.mark.parametrize("size", [1, 1000, 300_000, 1_500_000])
def test_a_file_is_sent_with_type_length_and_validators(interface: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_bytes(os.urandom(size))
    os.utime(path, (1_700_000_000, 1_700_000_000))
    with TestClient(serving(lambda: FileResponse(path)), interface=interface) as client:
        answer = client.get("/")
    assert answer.status_code == 200
    assert answer.content == path.read_bytes()
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-length"] == str(size)
    assert answer.headers["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
    assert re.fullmatch(r'"[0-9a-f]+-[0-9a-f]+"', answer.headers["etag"])


@both
@pytest.mark.case(8)
@pytest.mark.parametrize("size", [0, 10])
def test_head_of_a_file_has_the_headers_of_get(interface: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * size)
    with TestClient(serving(lambda: FileResponse(path)), interface=interface) as client:
        got, head = client.exchange("GET", "/").reply(), client.exchange("HEAD", "/").reply()
    assert (head.status, sorted(head.headers), head.body) == (got.status, sorted(got.headers), b"")


@both
def test_an_empty_file_is_an_empty_answer(interface: str, tmp_path: Path) -> None:
    path = tmp_path / "empty.txt"
    path.touch()
    with TestClient(serving(lambda: FileResponse(path)), interface=interface) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@both
def test_a_path_may_be_text_or_a_path(interface: str, tmp_path: Path) -> None:
    path = tmp_path / "ä b.txt"
    path.write_text("content")
    for given in (path, str(path)):
        with TestClient(serving(lambda given=given: FileResponse(given)), interface=interface) as client:
            assert client.get("/").text == "content"


@both
def test_what_is_given_beats_what_is_found(interface: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("content")
    headers = {"etag": '"mine"', "last-modified": "Thu, 01 Jan 1970 00:00:00 GMT", "content-length": "99"}
    with TestClient(serving(lambda: FileResponse(path, 203, headers, "x/y")), interface=interface) as client:
        answer = client.get("/")
    assert answer.status_code == 203
    assert answer.headers["etag"] == '"mine"'
    assert answer.headers["last-modified"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert answer.headers["content-type"] == "x/y"
    assert answer.headers["content-length"] == "7"


def test_the_etag_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("one")
    first = FileResponse(path).headers["etag"]
    assert FileResponse(path).headers["etag"] == first
    path.write_text("longer")
    assert FileResponse(path).headers["etag"] != first


def test_a_missing_file_is_noticed_where_it_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        FileResponse(tmp_path / "missing")


@both
def test_a_missing_file_that_nobody_handles_is_a_500_that_tells_nothing(
    interface: str, tmp_path: Path
) -> None:
    with quiet(serving(lambda: FileResponse(tmp_path / "secret-name")), interface) as client:
        answer = client.get("/")
        assert answer.status_code == 500
        assert "secret-name" not in answer.text


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (tmp_path, fifo, Path("/dev/null")):
        with pytest.raises(ValueError, match="regular file"):
            FileResponse(path)


@pytest.mark.case(9)
@pytest.mark.parametrize("status", [204, 205, 304, 99, 1000, "200"])
def test_the_status_of_a_file_is_one_with_a_body(status: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.touch()
    with pytest.raises(ValueError, match="status"):
        FileResponse(path, status)


@both
@pytest.mark.case(63)
def test_a_file_that_shrinks_on_the_way_is_broken_off(
    interface: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 1000)

    def shrinking() -> FileResponse:
        response = FileResponse(path)
        os.truncate(path, 400)
        return response

    with quiet(serving(shrinking), interface) as client, pytest.raises(ServerClosed):
        client.exchange("GET", "/").reply()
    if interface == "asgi":  # an RSGI server reads the file itself, and tells nobody
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        assert "600 bytes" in str(caplog.records[0].exc_info)


@both
@pytest.mark.case(63)
def test_a_file_that_grows_on_the_way_is_sent_as_long_as_it_was(interface: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 1000)

    def growing() -> FileResponse:
        response = FileResponse(path)
        path.write_bytes(b"y" * 2000)
        return response

    with TestClient(serving(growing), interface=interface) as client:
        assert client.get("/").content == b"y" * 1000


@both
@pytest.mark.case(63)
def test_a_file_that_vanishes_on_the_way_is_no_200(interface: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"

    def vanishing() -> FileResponse:
        path.write_bytes(b"x")
        response = FileResponse(path)
        path.unlink()
        return response

    with quiet(serving(vanishing), interface) as client:
        assert client.get("/").status_code in (404, 500)


@both
def test_no_file_stays_open(interface: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 2_000_000)

    with TestClient(serving(lambda: FileResponse(path)), interface=interface) as client:
        client.get("/")
        exchange = client.exchange("GET", "/")
        exchange.chunk()
        exchange.leave()
        assert open_in(path) == []


@pytest.mark.case(65)
def test_types_come_from_a_table_of_our_own() -> None:
    assert guess_type("a/b.CSS") == "text/css; charset=utf-8"
    assert guess_type(Path("x.tar.gz")) == "application/gzip"
    assert guess_type("none") == guess_type("x.unknown") == "application/octet-stream"
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in TYPES)
    assert list(TYPES) == sorted(TYPES)
    assert all("charset" in kind for kind in TYPES.values() if kind.startswith("text/"))


# -- how it is shown -------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(65)
def test_an_uploaded_page_is_saved_and_never_sniffed(interface: str, tmp_path: Path) -> None:
    path = tmp_path / "3f2a.html"
    path.write_text("<script>alert(1)</script>")
    with TestClient(
        serving(lambda: FileResponse(path, filename="Mine 1.html")), interface=interface
    ) as client:
        answer = client.get("/")
    assert answer.headers["content-disposition"] == 'attachment; filename="Mine 1.html"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("options", "disposition"),
    [
        ({}, None),
        ({"filename": "a.txt"}, 'attachment; filename="a.txt"'),
        ({"filename": "a.txt", "disposition": "inline"}, 'inline; filename="a.txt"'),
        ({"disposition": "attachment"}, "attachment"),
        ({"disposition": "inline"}, "inline"),
    ],
)
def test_a_name_alone_means_to_save(options: Any, disposition: str | None, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    assert FileResponse(path, **options).headers.get("content-disposition") == disposition


def test_options_that_cannot_be_sent_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    with pytest.raises(ValueError, match="'attachment' or 'inline'"):
        FileResponse(path, disposition="form-data")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cache-control"):
        FileResponse(path, cache_control="no-store\r\nx: 1")
    assert FileResponse(path, cache_control="no-store").headers["cache-control"] == "no-store"


def test_headers_of_ones_own_beat_what_is_added(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.touch()
    given = {"x-content-type-options": "sniff", "accept-ranges": "none", "content-type": "a/b"}
    headers = FileResponse(path, 200, given).headers
    assert {name: headers[name] for name in given} == given


def test_no_file_was_changed_in_the_future(tmp_path: Path) -> None:
    """RFC 9110 section 8.8.2.1."""
    path = tmp_path / "a"
    path.touch()
    os.utime(path, (1e11, 1e11))
    written = FileResponse(path).headers["last-modified"]
    assert written in {http_date(time.time() - ago) for ago in (0, 1)}


# -- conditions ------------------------------------------------------------------------------------------------------------

CONTENT = b"0123456789"
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
BEFORE, AFTER = "Tue, 14 Nov 2023 22:13:19 GMT", "Tue, 14 Nov 2023 22:13:21 GMT"


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    path = tmp_path / "digits.txt"
    path.write_bytes(CONTENT)
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return path


@pytest.fixture(params=["asgi", "rsgi"])
def client(request: Any, digits: Path) -> Iterator[TestClient]:
    def make() -> FileResponse:
        headers = {"etag": '"v1"', "vary": "Cookie", "content-language": "en", "set-cookie": "a=1"}
        return FileResponse(digits, 200, headers, filename="d.txt", cache_control="max-age=60")

    with TestClient(serving(make), interface=request.param) as client:
        yield client


NOT_MODIFIED = {
    "cache-control": "max-age=60",
    "etag": '"v1"',
    "set-cookie": "a=1",
    "vary": "Cookie",
    "x-content-type-options": "nosniff",
}


def sent_headers(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "date"}


@pytest.mark.case(62)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-none-match": '"v1"'}, 304),
        ({"if-none-match": 'W/"v1"'}, 304),
        ({"if-none-match": '"v0", "v1"'}, 304),
        ({"if-none-match": "*"}, 304),
        ({"if-none-match": '"v0"'}, 200),
        ({"if-none-match": "v1"}, 200),
        ({"if-none-match": '"v0"', "if-modified-since": DATE}, 200),
        ({"if-none-match": '"v1"', "if-modified-since": BEFORE}, 304),
        ({"if-modified-since": DATE}, 304),
        ({"if-modified-since": AFTER}, 304),
        ({"if-modified-since": "Fri, 31 Dec 9999 23:59:59 GMT"}, 304),
        ({"if-modified-since": BEFORE}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-modified-since": "Tuesday, 14-Nov-23 22:13:20 GMT"}, 304),
        ({"if-modified-since": "Tue Nov 14 22:13:20 2023"}, 304),
        ({"if-match": '"v1"'}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": '"v0"'}, 412),
        ({"if-match": 'W/"v1"'}, 412),
        ({"if-unmodified-since": DATE}, 200),
        ({"if-unmodified-since": BEFORE}, 412),
        ({"if-unmodified-since": "yesterday"}, 200),
        ({"if-match": '"v1"', "if-unmodified-since": BEFORE}, 200),
        ({"if-match": '"v1"', "if-none-match": '"v1"'}, 304),
        ({"if-match": '"v0"', "if-none-match": '"v1"'}, 412),
        # a condition that fails comes before any range
        ({"range": "bytes=0-1", "if-none-match": '"v1"'}, 304),
        ({"range": "bytes=0-1", "if-match": '"v0"'}, 412),
        ({"range": "bytes=0-1", "if-match": '"v1"'}, 206),
    ],
)
def test_the_table_of_conditions(client: TestClient, headers: dict[str, str], status: int) -> None:
    got, head = client.get("/", headers=headers), client.head("/", headers=headers)
    assert got.status_code == status
    assert head.content == b""
    if status != 206:  # HEAD has no ranges
        assert (head.status_code, sent_headers(head)) == (status, sent_headers(got))
    if status == 304:
        assert (got.content, sent_headers(got)) == (b"", NOT_MODIFIED)
    if status == 412:
        assert got.content == b'{"detail":"Precondition Failed"}'
        assert sent_headers(got) == {
            "content-length": "32",
            "content-type": "application/json",
            "set-cookie": "a=1",
            "vary": "Cookie",
            "x-content-type-options": "nosniff",
        }


@both
@pytest.mark.case(62)
def test_without_an_etag_a_304_says_when_it_was_changed(interface: str, digits: Path) -> None:
    def make() -> FileResponse:
        response = FileResponse(digits)
        del response.headers["etag"]
        return response

    with TestClient(serving(make), interface=interface) as client:
        answer = client.get("/", headers={"if-modified-since": DATE})
    assert (answer.status_code, answer.headers["last-modified"]) == (304, DATE)


@both
@pytest.mark.case(62)
def test_its_own_etag_is_known_again_until_the_file_changes(interface: str, digits: Path) -> None:
    with TestClient(serving(lambda: FileResponse(digits)), interface=interface) as client:
        known = {"if-none-match": client.get("/").headers["etag"]}
        assert client.get("/", headers=known).status_code == 304
        digits.write_bytes(b"9876543210")
        assert client.get("/", headers=known).content == b"9876543210"


@both
@pytest.mark.case(62)
@pytest.mark.parametrize("status", [203, 404, 500])
def test_only_a_success_is_conditional_and_only_a_200_has_ranges(
    interface: str, status: int, digits: Path
) -> None:
    with TestClient(serving(lambda: FileResponse(digits, status)), interface=interface) as client:
        answer = client.get("/", headers={"range": "bytes=0-1", "if-match": '"other"'})
        assert answer.status_code == (412 if status == 203 else status)
        answer = client.get("/", headers={"range": "bytes=0-1"})
    assert (answer.status_code, answer.content) == (status, CONTENT)
    assert "accept-ranges" not in answer.headers
    assert ("etag" in answer.headers) is ("last-modified" in answer.headers) is (status == 203)


@both
@pytest.mark.case(62)
def test_a_file_that_a_post_made_is_sent_whatever_the_request_asked(interface: str, digits: Path) -> None:
    app = VelociPy()

    @app.post("/")
    async def make() -> Response:
        return FileResponse(digits)

    asked = {"if-none-match": "*", "if-match": '"x"', "range": "bytes=0-1"}
    with TestClient(app, interface=interface) as client:
        answer = client.post("/", headers=asked)
    assert (answer.status_code, answer.content) == (200, CONTENT)


# -- ranges ----------------------------------------------------------------------------------------------------------------

MANY = ",".join(f"{2 * number}-{2 * number}" for number in range(5_000))


@pytest.mark.case(61)
@pytest.mark.parametrize(
    ("asked", "status", "content_range", "body"),
    [
        ("bytes=0-4", 206, "bytes 0-4/10", b"01234"),
        ("bytes=0-", 206, "bytes 0-9/10", CONTENT),
        ("bytes=9-", 206, "bytes 9-9/10", b"9"),
        ("bytes=-1", 206, "bytes 9-9/10", b"9"),
        ("bytes=-99999999", 206, "bytes 0-9/10", CONTENT),
        ("bytes=5-99999999", 206, "bytes 5-9/10", b"56789"),
        ("bytes=0-4,3-6", 206, "bytes 0-6/10", b"0123456"),
        ("bytes=0-1,99-", 206, "bytes 0-1/10", b"01"),
        ("bytes=0-,0-,0-,0-", 206, "bytes 0-9/10", CONTENT),
        ("bytes=10-", 416, "bytes */10", None),
        ("bytes=10-20,30-", 416, "bytes */10", None),
        ("bytes=-0", 416, "bytes */10", None),
        ("bytes=5-2", 200, None, CONTENT),
        ("bytes=abc", 200, None, CONTENT),
        ("bytes=", 200, None, CONTENT),
        ("bytes=+0-4", 200, None, CONTENT),
        ("items=0-1", 200, None, CONTENT),
        ("", 200, None, CONTENT),
        ("bytes=" + "0" * 40_000 + "a-", 200, None, CONTENT),
        ("bytes=" + MANY, 200, None, CONTENT),
    ],
)
def test_the_table_of_ranges(
    client: TestClient, asked: str, status: int, content_range: str | None, body: bytes | None
) -> None:
    answer = client.get("/", headers={"range": asked})
    assert answer.status_code == status
    assert answer.headers.get("content-range") == content_range
    assert answer.content == (b'{"detail":"Range Not Satisfiable"}' if body is None else body)
    assert answer.headers["content-length"] == str(len(answer.content))
    if status == 416:
        assert sorted(sent_headers(answer)) == [
            *("content-length", "content-range", "content-type", "set-cookie", "vary"),
            "x-content-type-options",
        ]
    else:
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["etag"] == '"v1"'
        assert answer.headers["last-modified"] == DATE
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.case(61)
def test_hostile_ranges_cost_nothing(digits: Path) -> None:
    response = FileResponse(digits)
    for asked in ("0" * 40_000 + "a-", "0" * 40_000 + "-", MANY, "-" * 40_000, "," * 40_000, "0-," * 10_000):
        headers: Any = Headers([("range", f"bytes={asked}")])
        assert response.answer("GET", headers).status == 200
        assert min(repeat(partial(response.answer, "GET", headers), number=1)) < 0.005


@both
@pytest.mark.case(61)
def test_two_range_lines_are_ignored(interface: str, digits: Path) -> None:
    with TestClient(serving(lambda: FileResponse(digits)), interface=interface) as client:
        lines = (("host", "a"), ("range", "bytes=0-1"), ("range", "bytes=2-3"))
        reply = client.exchange("GET", "/", headers=lines).reply()
    assert (reply.status, reply.body) == (200, CONTENT)


@both
@pytest.mark.case(61)
def test_an_empty_file_has_no_ranges(interface: str, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    with TestClient(serving(lambda: FileResponse(path)), interface=interface) as client:
        for asked in ("bytes=0-", "bytes=-1", "bytes=0-0"):
            answer = client.get("/", headers={"range": asked})
            assert (answer.status_code, answer.content) == (200, b"")


@both
@pytest.mark.case(61)
def test_ranges_can_be_turned_off(interface: str, digits: Path) -> None:
    headers = {"accept-ranges": "none"}
    with TestClient(serving(lambda: FileResponse(digits, 200, headers)), interface=interface) as client:
        answer = client.get("/", headers={"range": "bytes=0-1"})
    assert (answer.status_code, answer.content, answer.headers["accept-ranges"]) == (200, CONTENT, "none")


def parts_of(answer: Any) -> list[tuple[str, bytes]]:
    """(Content-Range, bytes) of each part of a multipart/byteranges body, which is checked on the way."""
    kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    first, *middle, last = answer.content.split(b"--" + boundary.encode())
    assert (first, last) == (b"", b"--\r\n")
    parts = []
    for part in middle:
        head, _, body = part.partition(b"\r\n\r\n")
        assert head.startswith(b"\r\ncontent-type: ") and body.endswith(b"\r\n")
        parts.append((head.decode().rpartition("content-range: ")[2], body[:-2]))
    return parts


@pytest.mark.case(61)
@pytest.mark.parametrize(
    ("asked", "parts"),
    [
        ("bytes=0-1,4-5", [("bytes 0-1/10", b"01"), ("bytes 4-5/10", b"45")]),
        ("bytes=-2,0-0", [("bytes 8-9/10", b"89"), ("bytes 0-0/10", b"0")]),
        ("bytes=0-0,2-2,4-4,99-", [(f"bytes {n}-{n}/10", b"%d" % n) for n in (0, 2, 4)]),
        ("bytes=7-8,0-3,2-4", [("bytes 0-4/10", b"01234"), ("bytes 7-8/10", b"78")]),
    ],
)
def test_several_ranges_are_several_parts(
    client: TestClient, asked: str, parts: list[tuple[str, bytes]]
) -> None:
    answer = client.get("/", headers={"range": asked})
    assert answer.status_code == 206
    assert parts_of(answer) == parts
    assert answer.headers["content-length"] == str(len(answer.content))
    assert "content-range" not in answer.headers
    assert answer.headers["etag"] == '"v1"'


@both
@pytest.mark.case(61)
def test_parts_may_be_longer_than_a_chunk(interface: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    content = os.urandom(3 * CHUNK)
    path.write_bytes(content)
    with TestClient(serving(lambda: FileResponse(path)), interface=interface) as client:
        answer = client.get("/", headers={"range": f"bytes=10-{2 * CHUNK},-100"})
    assert [body for _, body in parts_of(answer)] == [content[10 : 2 * CHUNK + 1], content[-100:]]


@both
@pytest.mark.case(61)
def test_parts_that_are_large_together_are_the_whole(interface: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.touch()
    os.truncate(path, 2 * MAX_MULTIPART)
    with TestClient(serving(lambda: FileResponse(path)), interface=interface) as client:
        asked = {"range": f"bytes=0-{MAX_MULTIPART},-10"}
        with client.stream("GET", "/", headers=asked) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-length"] == str(2 * MAX_MULTIPART)


@both
@pytest.mark.case(63)
def test_parts_of_what_vanished_or_shrank_are_no_206(interface: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"

    def vanishing(size: int | None) -> Any:
        def make() -> FileResponse:
            path.write_bytes(b"x" * 100)
            response = FileResponse(path)
            path.unlink() if size is None else os.truncate(path, size)
            return response

        return make

    asked = [("host", "a"), ("range", "bytes=0-9,50-59")]
    for size in (None, 0):
        with quiet(serving(vanishing(size)), interface) as client:
            assert client.exchange("GET", "/", headers=asked).reply().status == 500
    with quiet(serving(vanishing(20)), interface) as client, pytest.raises(ServerClosed):
        client.exchange("GET", "/", headers=asked).reply()


@both
@pytest.mark.case(63)
def test_who_leaves_in_the_middle_of_parts_leaves_no_file_open(interface: str, tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * MAX_MULTIPART)
    asked = [("host", "a"), ("range", f"bytes=0-{MAX_MULTIPART - 10_000},-1")]
    with TestClient(serving(lambda: FileResponse(path)), interface=interface) as client:
        exchange = client.exchange("GET", "/", headers=asked)
        exchange.chunk()
        exchange.leave()
        assert open_in(path) == []


@pytest.mark.case(64)
def test_head_has_no_ranges(client: TestClient) -> None:
    """RFC 9110 section 14.2: a Range field counts for GET alone."""
    for asked in ("bytes=0-1", "bytes=99-", "bytes=0-1,4-5"):
        head = client.head("/", headers={"range": asked})
        assert (head.status_code, head.content) == (200, b"")
        assert sent_headers(head) == sent_headers(client.get("/"))


@pytest.mark.case(64)
@pytest.mark.parametrize(
    ("held", "status"),
    [
        ('"v1"', 206),
        ('W/"v1"', 200),
        ('"v0"', 200),
        ("v1", 200),
        (DATE, 206),
        (AFTER, 200),
        (BEFORE, 200),
        ("yesterday", 200),
    ],
)
def test_if_range_holds_or_the_whole_is_sent(client: TestClient, held: str, status: int) -> None:
    answer = client.get("/", headers={"range": "bytes=2-4", "if-range": held})
    assert (answer.status_code, answer.content) == (status, b"234" if status == 206 else CONTENT)
    missed = client.get("/", headers={"range": "bytes=99-", "if-range": held})
    assert missed.status_code == (416 if status == 206 else 200)
    assert client.get("/", headers={"if-range": held}).content == CONTENT


@both
@pytest.mark.case(64)
def test_a_middleware_that_encodes_can_tell_what_it_must_leave_alone(interface: str, digits: Path) -> None:
    """An encoder weakens the ETag and takes no parts: with `answer` it sees what a request would get of the file."""

    class Compressed(FileResponse):
        async def send(self, connection: Any) -> None:
            got = self.answer(connection.method, connection.headers)
            if got.status != 200:
                await super().send(connection)
                return
            body = gzip.compress(digits.read_bytes(), mtime=0)
            headers = {
                "content-encoding": "gzip",
                "etag": f"W/{self.headers['etag']}",
                "vary": "Accept-Encoding",
            }
            await Response(body, 200, headers).send(connection)

    with TestClient(serving(lambda: Compressed(digits)), interface=interface) as client:
        whole = client.get("/")
        assert whole.content == CONTENT and whole.headers["etag"].startswith('W/"')
        known = {"if-none-match": whole.headers["etag"]}
        assert client.get("/", headers=known).status_code == 304
        part = {"range": "bytes=0-1", "if-range": whole.headers["etag"]}
        assert client.get("/", headers=part).status_code == 200
        assert client.get("/", headers={"range": "bytes=0-1"}).content == b"01"


# -- sending ---------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(9)
def test_a_status_without_a_body_that_comes_later_is_a_500(interface: str, digits: Path) -> None:
    def make() -> FileResponse:
        response = FileResponse(digits)
        response.status_code = 304
        return response

    with quiet(serving(make), interface) as client:
        assert client.get("/").status_code == 500


@both
@pytest.mark.case(10)
def test_the_length_is_what_is_sent_whatever_was_said(interface: str, digits: Path) -> None:
    def make() -> FileResponse:
        response = FileResponse(digits)
        response.headers["content-length"] = "3"
        return response

    with TestClient(serving(make), interface=interface) as client:
        for asked, length in (("", "10"), ("bytes=0-4", "5")):
            answer = client.get("/", headers={"range": asked})
            assert answer.headers.get_list("content-length") == [length]
            assert len(answer.content) == int(length)


def unreadable(*args: Any, **kwargs: Any) -> NoReturn:
    raise PermissionError(13, "Permission denied")


@pytest.mark.case(63)
def test_a_file_that_may_not_be_read_is_a_500_before_anything_is_sent(
    digits: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On ASGI; an RSGI server opens the file itself and answers 404. Faked: these tests may run as root."""
    with quiet(serving(lambda: FileResponse(digits)), "asgi") as client:
        monkeypatch.setattr("velocipy.http.disk.os.open", unreadable)
        answer = client.get("/")
    assert (answer.status_code, answer.text) == (500, '{"detail":"Internal Server Error"}')


@pytest.mark.case(63)
def test_what_is_no_file_any_more_is_never_waited_for(tmp_path: Path) -> None:
    """On ASGI: opening a FIFO that nobody writes would hold a thread for ever. RSGI servers open files themselves."""
    path = tmp_path / "a.bin"

    def swapping() -> FileResponse:
        path.write_bytes(b"x" * 100)
        response = FileResponse(path)
        path.unlink()
        os.mkfifo(path)
        return response

    with quiet(serving(swapping), "asgi") as client:
        start = time.perf_counter()
        assert client.get("/").status_code == 500
    assert time.perf_counter() - start < 5
    for other in (path, tmp_path, Path("/dev/zero")):
        with pytest.raises(OSError, match="regular file"):
            open_regular(other)


def test_a_span_is_read_from_one_file_even_when_another_takes_its_name(tmp_path: Path) -> None:
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"x" * (2 * CHUNK))
    other.write_bytes(b"y" * (2 * CHUNK))
    chunks = read_span(path, 1, 2 * CHUNK)
    read = next(chunks)
    other.replace(path)
    assert read + b"".join(chunks) == b"x" * (2 * CHUNK - 1)
    assert open_in(path) == []


def test_the_loop_is_free_while_a_file_is_read(digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On ASGI; an RSGI server reads in threads of its own."""
    calls = []

    def opened(*args: Any, **kwargs: Any) -> Any:
        calls.append(threading.current_thread().name)
        return open_regular(*args, **kwargs)

    monkeypatch.setattr("velocipy.http.disk.open_regular", opened)
    monkeypatch.setattr("velocipy.http.files.open_regular", opened)
    with TestClient(serving(lambda: FileResponse(digits)), interface="asgi") as client:
        client.get("/")
        client.get("/", headers={"range": "bytes=0-0,2-2"})
    assert len(calls) == 2 and all(name.startswith("velocipy") for name in calls)


@pytest.mark.parametrize(("stop", "calls"), [(0, 1), (1, 1), (CHUNK, 1), (CHUNK + 1, 2)])
def test_the_call_that_reads_the_end_of_a_span_closes_the_file(tmp_path: Path, stop: int, calls: int) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * (CHUNK + 1))
    reader = SpanReader(path, 0, stop)
    assert not reader.is_open
    sizes = []
    for left in range(calls, 0, -1):
        sizes.append(len(reader.read()))
        assert reader.is_open == (left > 1) == (reader.left > 0)
    assert sum(sizes) == stop


def test_a_span_that_is_not_read_to_its_end_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 2 * CHUNK)
    reader = SpanReader(path, 0, 2 * CHUNK)
    reader.read()
    reader.close()
    assert not reader.is_open
    assert reader.left == CHUNK


def in_memory(descriptor: int, rooms: list[Any], at: int) -> int:
    """As Linux reads what is in memory; on every system, and on tmpfs too."""
    os.lseek(descriptor, at, os.SEEK_SET)
    data = os.read(descriptor, len(rooms[0]))
    rooms[0][: len(data)] = data
    return len(data)


def in_crumbs(descriptor: int, rooms: list[Any], at: int) -> int:
    """Some of it is in memory."""
    return in_memory(descriptor, [memoryview(rooms[0])[: 1 + at % 50_000]], at)


def elsewhere(descriptor: int, rooms: list[Any], at: int) -> int:
    """None of it is."""
    raise BlockingIOError("Resource temporarily unavailable")


def by_turns(descriptor: int, rooms: list[Any], at: int) -> int:
    """Every third read would wait."""
    return (elsewhere if at % 3 == 1 else in_crumbs)(descriptor, rooms, at)


@pytest.mark.parametrize("read_now", [in_memory, in_crumbs, elsewhere, by_turns])
def test_what_is_in_memory_is_sent_without_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read_now: Any
) -> None:
    """On ASGI; an RSGI server reads by itself."""
    path = tmp_path / "a.bin"
    content = bytes(range(251)) * (10 * CHUNK // 251)
    path.write_bytes(content)
    threads = []

    def read(reader: SpanReader) -> bytes:
        threads.append(threading.current_thread().name)
        return in_thread(reader)

    in_thread = SpanReader.read
    monkeypatch.setattr(SpanReader, "read", read)
    monkeypatch.setattr("velocipy.http.disk._read_now", read_now)
    with TestClient(serving(lambda: FileResponse(path)), interface="asgi") as client:
        assert client.get("/").content == content
        assert (
            client.get("/", headers={"range": f"bytes=7-{9 * CHUNK}"}).content == content[7 : 9 * CHUNK + 1]
        )
    assert open_in(path) == []
    assert all(name.startswith("velocipy") for name in threads)
    if read_now in (in_memory, in_crumbs):
        assert len(threads) == 2  # the reads that open it
    elif read_now is elsewhere:
        assert len(threads) == 10 + 9


def test_nothing_is_ready_of_a_file_that_is_not_open_or_too_short(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 2 * CHUNK)
    reader = SpanReader(path, 0, 3 * CHUNK)
    assert reader.ready() is None
    assert len(reader.read()) == CHUNK
    os.truncate(path, CHUNK)
    assert reader.ready() is None
    with pytest.raises(OSError, match="shrunk while it was sent"):
        reader.read()
    reader.close()
    assert open_in(path) == []


@pytest.mark.skipif(not hasattr(os, "RWF_NOWAIT"), reason="only Linux tells what is in memory")
def test_a_file_that_was_just_written_is_ready(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 2 * CHUNK + b"y")
    with path.open("rb") as file:
        try:
            os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
        except OSError as exc:
            pytest.skip(f"this file system does not tell what is in memory: {exc}")
    reader = SpanReader(path, 0, 2 * CHUNK + 1)
    assert reader.read() == b"x" * CHUNK
    assert b"".join(iter(lambda: reader.ready() or b"", b"")) == b"x" * CHUNK + b"y"
    assert not reader.is_open


@pytest.mark.case(63)
def test_who_left_is_not_read_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On ASGI, whose servers take what is sent to nobody in silence."""
    path = tmp_path / "a.bin"
    path.touch()
    os.truncate(path, GIGABYTE)
    read = []

    def counted(reader: SpanReader, chunk: bytes) -> bytes:
        read.append(len(chunk))
        return taken(reader, chunk)

    taken = SpanReader._taken
    monkeypatch.setattr(SpanReader, "_taken", counted)
    with TestClient(serving(lambda: FileResponse(path)), interface="asgi") as client:
        exchange = client.exchange("GET", "/")
        exchange.chunk()
        exchange.leave()
    assert 0 < len(read) < GIGABYTE / CHUNK / 2


GIGABYTE = 1024 * 1024 * 1024
ROOM = 16 * 1024 * 1024


def resident() -> int:
    """Bytes of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def discard(protocol: HTTPProtocol, status: int, pairs: Any, path: str, start: int, stop: int) -> None:
    """What an RSGI server does with a file: read, send and forget, beside the app."""
    protocol.response_bytes(status, [pair for pair in pairs if pair[0] != "content-length"], b"")


@both
@pytest.mark.once
@pytest.mark.case(63)
@pytest.mark.parametrize("asked", ["", "bytes=1-"])
def test_a_gigabyte_costs_no_memory(
    interface: str, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "sparse.bin"
    path.touch()
    os.truncate(path, GIGABYTE)
    monkeypatch.setattr(HTTPProtocol, "response_file_range", discard)  # the test server keeps what it reads
    with TestClient(serving(lambda: FileResponse(path)), interface=interface) as client:
        client.head("/")
        before = peak = resident()
        sent = 0
        for number, chunk in enumerate(
            client.exchange("GET", "/", headers=(("host", "a"), ("range", asked)))
        ):
            sent += len(chunk)
            peak = max(peak, resident()) if number % 64 == 0 else peak
    assert sent in (GIGABYTE, GIGABYTE - 1) if interface == "asgi" else sent == 0
    assert peak - before < ROOM


@both
@pytest.mark.case(63)
def test_beyond_four_gigabytes(interface: str, tmp_path: Path) -> None:
    path = tmp_path / "sparse.bin"
    path.touch()
    size = 5 * GIGABYTE
    os.truncate(path, size)
    with open(path, "r+b") as file:
        file.seek(size - 4)
        file.write(b"last")
    with TestClient(serving(lambda: FileResponse(path)), interface=interface) as client:
        assert client.head("/").headers["content-length"] == str(size)
        end = client.get("/", headers={"range": f"bytes={size - 5}-"})
        assert (end.content, end.headers["content-range"]) == (
            b"\0last",
            f"bytes {size - 5}-{size - 1}/{size}",
        )
        both_ends = client.get("/", headers={"range": "bytes=0-1,-4"})
        assert [body for _, body in parts_of(both_ends)] == [b"\0\0", b"last"]


@both
@pytest.mark.case(63)
@pytest.mark.process
def test_parts_cost_no_memory(interface: str, tmp_path: Path) -> None:
    path = tmp_path / "sparse.bin"
    path.touch()
    os.truncate(path, GIGABYTE)
    asked = {"range": "bytes=0-999999,2000000-2999999,-1000000"}
    with TestClient(serving(lambda: FileResponse(path)), interface=interface) as client:
        client.get("/", headers={"range": "bytes=0-0,2-2"})
        tracemalloc.start()
        with client.stream("GET", "/", headers=asked) as answer:
            assert sum(map(len, answer.iter_raw())) > 3_000_000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 6 * 1024 * 1024


@both
def test_it_can_be_asked_for_by_an_endpoint_that_knows_the_request(interface: str, digits: Path) -> None:
    app = VelociPy()

    @app.get("/{name}")
    def file(name: str, request: Request) -> FileResponse:
        return FileResponse(digits.parent / name)

    with TestClient(app, interface=interface) as client:
        assert client.get("/digits.txt", headers={"range": "bytes=3-4"}).content == b"34"
