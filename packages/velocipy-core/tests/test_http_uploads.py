"""Uploaded files: where their content is, that no disk is touched on the loop, what is left behind, and safe names."""

import asyncio
import gc
import io
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Coroutine
from pathlib import Path
from typing import IO, Any, cast

import pytest
from descriptors import open_in
from descriptors import spool as spool
from hypothesis import given
from hypothesis import strategies as st

from velocipy.exceptions import BadRequest
from velocipy.http.headers import Headers
from velocipy.http.uploads import CHUNK_SIZE, SPOOL_SIZE, UploadFile, safe_name


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(work)


class Watched:
    """A file that notes which threads work on it; no BytesIO, so that it counts as one on a disk."""

    closed = False

    def __init__(self, content: bytes = b"") -> None:
        self._memory = io.BytesIO(content)
        self.threads: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> Any:
            self.threads.add(threading.current_thread().name.split("_")[0])
            return getattr(self._memory, name)(*args)

        return call


# -- content -------------------------------------------------------------------------------------------------------------


def test_a_new_upload_is_empty_and_is_read_where_it_stands() -> None:
    async def work() -> None:
        upload = UploadFile("a.txt")
        assert (upload.size, upload.in_memory, await upload.read()) == (0, True, b"")
        assert await upload.write(b"0123456789") == 10
        assert await upload.seek(2) == 2
        assert (await upload.read(3), await upload.read(), await upload.read()) == (b"234", b"56789", b"")
        await upload.seek(0)
        await upload.write(b"xx")
        assert upload.size == 10
        assert upload.file.getvalue() == b"xx23456789"  # type: ignore[attr-defined]
        await upload.close()
        await upload.close()
        with pytest.raises(ValueError, match="closed"):
            await upload.read()

    run(work())


def test_content_stays_in_memory_up_to_the_spool_size_and_goes_to_disk_beyond_it() -> None:
    async def work() -> None:
        upload = UploadFile("a", spool_size=10)
        await upload.write(b"0123456789")
        stayed = upload.in_memory
        await upload.write(b"abc")
        assert (stayed, upload.in_memory) == (True, False)
        assert (upload.size, await upload.read()) == (13, b"")
        await upload.seek(8)
        assert await upload.read() == b"89abc"
        await upload.seek(0)
        await upload.write(b"X")
        assert upload.size == 13
        await upload.close()

    run(work())


def test_moving_to_disk_in_the_middle_of_the_file_changes_no_byte() -> None:
    async def work() -> None:
        upload = UploadFile("a", spool_size=10)
        await upload.write(b"0123456789")
        await upload.seek(7)
        await upload.write(b"abcdef")
        assert (upload.in_memory, upload.size) == (False, 13)
        await upload.seek(0)
        assert await upload.read() == b"0123456abcdef"

    run(work())


def test_memory_needs_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("a thread was asked for")

    async def work() -> None:
        monkeypatch.setattr("velocipy.http.uploads.in_thread", refuse)
        upload = UploadFile("a")
        await upload.write(b"x" * SPOOL_SIZE)
        await upload.seek(0)
        assert len(await upload.read()) == SPOOL_SIZE
        await upload.close()

    run(work())


def test_whatever_touches_a_disk_runs_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Watched] = []
    makers: set[str] = set()

    def make(mode: str) -> Any:
        makers.add(threading.current_thread().name.split("_")[0])
        made.append(Watched())
        return made[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", make)

    async def work() -> None:
        upload = UploadFile("a", spool_size=10)
        await upload.write(b"x" * 10)
        await upload.write(b"x" * 10)
        await upload.seek(0)
        await upload.read(5)
        async for _ in upload:
            pass
        await upload.write(b"y")
        await upload.close()
        assert made[0].threads == makers == {"velocipy"}

    run(work())


def test_a_file_of_the_caller_s_is_read_in_threads_and_keeps_its_size() -> None:
    async def work() -> None:
        file = Watched(b"abcdef")
        upload = UploadFile("a", cast("IO[bytes]", file), size=6)
        assert await upload.read(3) == b"abc"
        assert await upload.read() == b"def"
        assert file.threads == {"velocipy"}
        assert upload.size == 6
        assert upload.file is cast("IO[bytes]", file)
        assert UploadFile("a", io.BytesIO(b"x")).size is None

    run(work())


def test_iteration_gives_chunks_from_where_the_file_stands() -> None:
    async def work() -> None:
        upload = UploadFile("a")
        await upload.write(b"x" * (CHUNK_SIZE + 10))
        await upload.seek(5)
        assert [len(chunk) async for chunk in upload] == [CHUNK_SIZE, 5]

    run(work())


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "image/png", "X-A": "1"},
        [("Content-Type", "image/png"), ("x-a", "1")],
        Headers([("content-type", "image/png"), ("x-a", "1")]),
    ],
)
def test_headers_are_found_in_any_case(headers: Any) -> None:
    upload = UploadFile("a.png", headers=headers)
    assert (upload.content_type, upload.headers["X-a"]) == ("image/png", "1")
    assert UploadFile("a").content_type is None
    assert repr(upload) == "<UploadFile 'a.png' size=0>"


# -- what is left behind -------------------------------------------------------------------------------------------------


@pytest.mark.case(52)
def test_a_file_on_disk_has_no_name_and_is_gone_when_it_is_closed(spool: Path) -> None:
    async def work() -> None:
        upload = UploadFile("a", spool_size=1)
        await upload.write(b"content")
        assert len(open_in(spool)) == 1 or sys.platform != "linux"
        assert list(spool.iterdir()) == []
        await upload.close()
        await upload.close()
        assert open_in(spool) == []

    run(work())


@pytest.mark.parametrize("spool_size", [1, 100])
@pytest.mark.process
def test_an_upload_that_is_dropped_closes_its_file_without_a_warning(spool_size: int) -> None:
    async def work() -> None:
        upload = UploadFile("a", spool_size=spool_size)
        await upload.write(b"content")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        run(work())
        gc.collect()
    assert [str(warning.message) for warning in caught] == []


def test_the_content_of_a_dropped_upload_can_be_kept_while_it_is_in_memory() -> None:
    assert run(filled("a", b"content")).file.tell() == 7


@pytest.mark.process
def test_a_dropped_upload_leaves_a_file_of_the_caller_s_open() -> None:
    file = io.BytesIO(b"x")
    UploadFile("a", file)
    gc.collect()
    assert not file.closed


def test_a_cancelled_write_has_ended_before_the_file_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    started = threading.Event()

    class Slow(Watched):
        def write(self, data: bytes) -> int:
            started.set()
            time.sleep(0.05)
            done.append("written")
            return len(data)

        def close(self) -> None:
            done.append("closed")

    async def work() -> None:
        upload = UploadFile("a", cast("IO[bytes]", Slow()))
        task = asyncio.create_task(upload.write(b"x"))
        await asyncio.to_thread(started.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await upload.close()
        assert done == ["written", "closed"]

    run(work())


# -- saving --------------------------------------------------------------------------------------------------------------


async def filled(filename: str, content: bytes, **options: Any) -> UploadFile:
    upload = UploadFile(filename, **options)
    await upload.write(content)
    return upload


@pytest.mark.parametrize("spool_size", [1, 100])
def test_a_file_is_saved_into_a_directory_under_its_safe_name(tmp_path: Path, spool_size: int) -> None:
    async def work() -> None:
        upload = await filled("../../Bild 1.JPG", b"content", spool_size=spool_size)
        assert await upload.save(tmp_path) == tmp_path / "Bild 1.JPG"
        assert await upload.save(str(tmp_path / "other.bin")) == tmp_path / "other.bin"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["Bild 1.JPG", "other.bin"]
        assert (tmp_path / "Bild 1.JPG").read_bytes() == (tmp_path / "other.bin").read_bytes() == b"content"
        await upload.close()

    run(work())


def test_a_file_that_exists_is_overwritten_only_when_asked(tmp_path: Path) -> None:
    async def work() -> None:
        upload = await filled("a.txt", b"new")
        (tmp_path / "a.txt").write_bytes(b"a longer old one")
        with pytest.raises(FileExistsError):
            await upload.save(tmp_path)
        assert (tmp_path / "a.txt").read_bytes() == b"a longer old one"
        await upload.save(tmp_path, overwrite=True)
        assert (tmp_path / "a.txt").read_bytes() == b"new"

    run(work())


def test_a_link_that_stands_in_the_way_is_not_followed(tmp_path: Path) -> None:
    async def work() -> None:
        (tmp_path / "a.txt").symlink_to(tmp_path / "outside")
        with pytest.raises(FileExistsError):
            await (await filled("a.txt", b"x")).save(tmp_path)
        assert not (tmp_path / "outside").exists()

    run(work())


def test_an_unsafe_name_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    async def work() -> None:
        upload = await filled("CON", b"x")
        with pytest.raises(BadRequest):
            await upload.save(tmp_path)
        assert list(tmp_path.iterdir()) == []
        await upload.save(tmp_path / "mine")  # a name of one's own is always possible
        assert upload.filename == "CON"

    run(work())


FULL_DISK = """
import asyncio, resource, sys
from pathlib import Path
from velocipy.http.uploads import UploadFile

async def work():
    upload = UploadFile("a.bin")
    await upload.write(b"x" * 500_000)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        await upload.save(sys.argv[1])
    except OSError as exc:
        print(exc.errno, list(Path(sys.argv[1]).iterdir()))
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)

asyncio.run(work())
"""


@pytest.mark.case(53)
def test_a_full_disk_leaves_no_half_written_file(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", FULL_DISK, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.stdout, "Warning: unclosed" in done.stderr) == ("27 []\n", False)


# -- names ---------------------------------------------------------------------------------------------------------------


@pytest.mark.case(49)
@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("a.txt", "a.txt"),
        ("Bild 1.JPG", "Bild 1.JPG"),
        ("../../x", "x"),
        ("/etc/passwd", "passwd"),
        ("C:\\x", "x"),
        ("C:x", "C_x"),
        ("\\\\host\\share\\x.txt", "x.txt"),
        ("..\\..\\x", "x"),
        ("a/b\\c/d.txt", "d.txt"),
        ("a.txt:stream", "a.txt_stream"),
        ('what? "this" <is>|*', "what_ _this_ _is___"),
        (".htaccess", "htaccess"),
        ("...a", "a"),
        ("  a b  ", "a b"),
        ("a.txt. . .", "a.txt"),
        ("%2e%2e%2fx", "%2e%2e%2fx"),
        ("~", "~"),
        ("CONSOLE", "CONSOLE"),
        ("com10.txt", "com10.txt"),
        ("café.txt", "café.txt"),
        ("cafe\u0301.txt", "café.txt"),
        ("日本語.txt", "日本語.txt"),
        ("👩‍🚀.png", "👩‍🚀.png"),  # its parts are joined by U+200D
        ("a" * 255, "a" * 255),
    ],
)
def test_a_safe_name_is_made_of_what_the_client_says(filename: str, name: str) -> None:
    assert safe_name(filename) == name
    assert UploadFile(filename).filename == filename


@pytest.mark.case(49)
@pytest.mark.parametrize(
    "filename",
    [
        *["", ".", "..", "...", " ", ". .", "/", "a/", "a\\", "../..", "a/."],
        *["a\0b", "a\r\nb", "a\nb", "a\x1b[31m", "a\x7f", "a\x85", "\0/a"],
        *["CON", "con", "Nul.txt", "AUX.tar.gz", "PRN ", "CON .txt", "COM1", "lpt9.log", "COM¹", "CONIN$"],
        *["a/NUL", ".CON", "CON.", "CONOUT$.x"],
        *["gpj.\u202eexe", "a\u2066b", "a\u200fb", "a\u2028b"],
        *["a" * 256, "a" * 5_000, "é" * 128, "\ud800"],
    ],
)
def test_a_name_that_cannot_be_made_safe_is_refused(filename: str) -> None:
    with pytest.raises(BadRequest, match="the file has"):
        safe_name(filename)
    assert UploadFile(filename).filename == filename


@given(st.text(st.characters() | st.sampled_from('./\\:*?"<>|\0\n \u202e\u0301CONcon1'), max_size=20))
def test_a_safe_name_stays_where_it_is_put_and_is_itself_safe(filename: str) -> None:
    try:
        name = safe_name(filename)
    except BadRequest:
        return
    assert name not in ("", ".", "..")
    assert not set(name) & set('/\\:*?"<>|\0\n\u202e')
    assert len(os.fsencode(name)) <= 255
    assert os.path.normpath(os.path.join("/top", name)) == f"/top/{name}"
    assert safe_name(name) == name
