"""Files as answers: type, length, validators, and files that are empty, missing, special or change on the way."""

import logging
import os
import re
from pathlib import Path
from typing import Any

import pytest

from velocipy import FileResponse, VelociPy
from velocipy.http.files import TYPES, guess_type
from velocipy.testing import TestClient
from velocipy.testing.errors import ServerClosed

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

    def still_open() -> list[str]:
        links = [f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd")]
        return [link for link in links if os.path.exists(link) and os.path.realpath(link) == str(path)]

    with TestClient(serving(lambda: FileResponse(path)), interface=interface) as client:
        client.get("/")
        exchange = client.exchange("GET", "/")
        exchange.chunk()
        exchange.leave()
        assert still_open() == []


@pytest.mark.case(65)
def test_types_come_from_a_table_of_our_own() -> None:
    assert guess_type("a/b.CSS") == "text/css; charset=utf-8"
    assert guess_type(Path("x.tar.gz")) == "application/gzip"
    assert guess_type("none") == guess_type("x.unknown") == "application/octet-stream"
    assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in TYPES)
    assert all("charset" in kind for kind in TYPES.values() if kind.startswith("text/"))
