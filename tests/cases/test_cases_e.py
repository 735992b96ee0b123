"""Cases 57 to 66: files. The folder of the shared app for what is on the wire, else one of the test's own, over both protocols."""

from __future__ import annotations

import mimetypes
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from case_files import (
    AFTER,
    BEFORE,
    CHANGED,
    CONDITIONS,
    DATE,
    NO_NAMES,
    OUTSIDE,
    RANGES,
    ROOT,
    answering,
    folder_in,
    serving,
)
from case_targets import PATIENCE, Target

from velocipy import FileResponse, StaticFiles, VelociPy
from velocipy.middleware import CompressionMiddleware
from velocipy.testing.errors import ServerClosed

MISSING = (404, b'{"detail":"Not Found"}')


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of files beside things that are not for everybody."""
    return folder_in(tmp_path.resolve())


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Every path that something in this process opens, looks at or resolves, and how."""
    found: list[tuple[str, str]] = []

    def noting(function: Any) -> Any:
        def noted(path: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(path, (str, os.PathLike)):
                found.append((function.__name__, os.fspath(path)))
            return function(path, *args, **kwargs)

        return noted

    for name in ("open", "stat", "lstat", "access", "readlink", "scandir"):
        monkeypatch.setattr(os, name, noting(getattr(os, name)))
    monkeypatch.setattr(os.path, "realpath", noting(os.path.realpath))
    return found


def raw(client: Any, target: str, *headers: tuple[str, str]) -> Any:
    """The answer to a GET of a target that is not repaired."""
    return client.exchange("GET", target, headers=[("host", "a"), *headers]).reply()


@pytest.mark.case(57)
def test_no_path_leads_out_of_the_folder(target: Target, opened: list[tuple[str, str]]) -> None:
    assert target.told("GET", "/static/a.txt").body == b"inside"
    for path in OUTSIDE:
        opened.clear()
        answer = target.ask("GET", "/static" + path)
        assert answer is None or answer.status in (400, 404), (path, answer)
        assert answer is None or b"secret" not in answer.body, path
        # The folders above are looked at by realpath, to see whether they are links, and so is what a link leads to.
        for how, seen in opened:
            is_inside = str(ROOT).startswith(seen) or f"{seen}/".startswith(f"{ROOT}/")
            assert (
                is_inside or str(ROOT.parent) not in seen or (how == "lstat" and path.startswith("/out/"))
            ), path


@pytest.mark.case(58)
def test_links_are_followed_inside_and_out_only_when_allowed(root: Path, client_of: Any) -> None:
    outside = root.parent / "secret.txt"
    links: dict[str, tuple[str | Path, int, int]] = {
        "inside.txt": ("a.txt", 200, 200),
        "again.txt": ("inside.txt", 200, 200),
        "out.txt": ("../secret.txt", 404, 200),
        "absolute.txt": (outside, 404, 200),
        "through.txt": ("out.txt", 404, 200),
        "beside.txt": ("../static-too/b.txt", 404, 200),
        "loop": ("loop", 404, 404),
        "dangling": ("gone.txt", 404, 404),
        "zero": ("/dev/zero", 404, 404),
    }
    for name, (leads_to, _, _) in links.items():
        (root / name).symlink_to(leads_to)
    (root / "folder").symlink_to("../static-too")
    default, followed = client_of(serving(root)), client_of(serving(root, follow_symlinks=True))
    for name, (_, by_default, when_allowed) in links.items():
        assert default.get(f"/static/{name}").status_code == by_default, name
        assert followed.get(f"/static/{name}").status_code == when_allowed, name
    assert default.get("/static/folder/b.txt").status_code == 404
    assert followed.get("/static/folder/b.txt").text == "secret"
    for client in (default, followed):
        assert client.get("/static-too/b.txt").status_code == 404
        assert raw(client, "/static/folder/../../secret.txt").status == 404


@pytest.mark.case(59)
def test_what_is_a_name_on_no_system_never_reaches_the_disk(
    root: Path, client_of: Any, opened: list[tuple[str, str]]
) -> None:
    client = client_of(serving(root))
    for path in NO_NAMES:
        opened.clear()
        reply = raw(client, "/static" + path)
        assert (reply.status, reply.body) == MISSING, path
        assert [seen for _, seen in opened if str(root) in seen] == [], path


@pytest.mark.case(60)
def test_a_hidden_file_is_none_and_a_folder_is_its_index_or_none(root: Path, client_of: Any) -> None:
    plain, html = client_of(serving(root)), client_of(serving(root, html=True))
    dots = client_of(serving(root, dotfiles=True))
    for path in ("/.env", "/.git/config", "/.git", "/.git/"):
        assert plain.get(f"/static{path}").status_code == html.get(f"/static{path}").status_code == 404
    assert (dots.get("/static/.env").text, dots.get("/static/.git/").status_code) == ("secret", 404)
    for path, status, location in (
        ("/static/sub", 307, [b"./sub/"]),
        ("/static/sub?a=b&c=%2F", 307, [b"./sub/?a=b&c=%2F"]),
        ("/static/sub?//evil.test", 307, [b"./sub/?//evil.test"]),
        ("/static/sub/", 200, []),
        ("/static/sub/deep", 404, []),
        ("/static/sub/deep/", 404, []),
        ("/static/a.txt/", 404, []),
    ):
        reply = raw(html, path)
        assert (reply.status, reply.header(b"location")) == (status, location), path
        assert raw(plain, path).status == 404, path


@pytest.mark.case(61)
def test_a_range_is_exactly_what_it_says_or_the_whole_file(root: Path, client_of: Any, within: Any) -> None:
    client = client_of(serving(root))
    for asked, (status, content_range, body) in RANGES.items():
        answer = client.get("/static/digits", headers={"range": asked})
        expected = b'{"detail":"Range Not Satisfiable"}' if body is None else body
        assert (answer.status_code, answer.content) == (status, expected), asked[:40]
        assert answer.headers.get("content-range") == content_range
        assert answer.headers["content-length"] == str(len(answer.content))
        if len(asked) > 1_000:
            within(0.005, lambda asked=asked: client.get("/static/digits", headers={"range": asked}))
    for asked, pieces in {
        "bytes=0-1,4-5": [b"01", b"45"],
        "bytes=7-8,0-3,2-4": [b"01234", b"78"],
        "bytes=-2,0-0": [b"89", b"0"],
    }.items():
        answer = client.get("/static/digits", headers={"range": asked})
        boundary = answer.headers["content-type"].partition("boundary=")[2].encode()
        parts = [part.partition(b"\r\n\r\n")[2][:-2] for part in answer.content.split(b"--" + boundary)[1:-1]]
        assert (answer.status_code, parts) == (206, pieces)
        assert sum(map(len, parts)) <= 10
    lines = (("range", "bytes=0-1"), ("range", "bytes=2-3"))
    assert raw(client, "/static/digits", *lines).body == b"0123456789"
    assert client.get("/static/zero.bin", headers={"range": "bytes=0-0"}).status_code == 200


@pytest.fixture
def versioned(root: Path) -> Callable[[], FileResponse]:
    """Makes an answer of ten digits with the ETag "v1", changed at DATE."""
    os.utime(root / "digits", (CHANGED, CHANGED))

    def make() -> FileResponse:
        return FileResponse(
            root / "digits", headers={"etag": '"v1"', "cache-control": "max-age=60", "vary": "Cookie"}
        )

    return make


@pytest.mark.case(62)
def test_a_condition_is_exactly_what_it_says(versioned: Callable[[], FileResponse], client_of: Any) -> None:
    client = client_of(answering(versioned))
    for headers, status in CONDITIONS:
        answer = client.get("/file", headers=headers)
        assert answer.status_code == status, headers
        head = client.head("/file", headers=headers)
        assert (head.status_code, head.content) == (200 if status == 206 else status, b""), headers
        if status == 304:
            assert answer.content == b""
            kept = {name: answer.headers[name] for name in ("etag", "cache-control", "vary")}
            assert kept == {"etag": '"v1"', "cache-control": "max-age=60", "vary": "Cookie"}
            assert not {"content-type", "last-modified"} & set(answer.headers)


# -- files that change ---------------------------------------------------------------------------------------------------


LONG = 3_000_000


def begun(client: Any) -> Iterator[bytes]:
    """The pieces of a long file, the first of which has come."""
    exchange = client.exchange("GET", "/static/long.bin", headers=[("host", "a")])
    assert exchange.head().status == 200
    first = exchange.chunk()

    def pieces() -> Iterator[bytes]:
        yield first
        yield from exchange

    return pieces()


@pytest.mark.case(63)
def test_a_file_that_changes_is_never_answered_as_if_it_were_whole(
    root: Path, client_of: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, client = root / "long.bin", client_of(serving(root))
    started = time.monotonic()
    other = tmp_path / "other"
    for change in (
        lambda: other.replace(path),
        lambda: path.unlink(),
    ):
        path.write_bytes(b"x" * LONG)
        other.write_bytes(b"y" * LONG)
        pieces = begun(client)
        change()
        assert b"".join(pieces) == b"x" * LONG  # what was opened is sent

    def shrinking() -> FileResponse:
        path.write_bytes(b"x" * 1_000)
        response = FileResponse(path)
        os.truncate(path, 400)
        return response

    with pytest.raises(ServerClosed):  # the rest does not come, and nothing stands in for it
        raw(client_of(answering(shrinking)), "/file")
    os.mkfifo(root / "fifo")
    assert client.get("/static/fifo").status_code == 404
    assert (client.get("/static/zero.bin").status_code, client.get("/static/zero.bin").content) == (200, b"")
    size = 5 * 2**30
    path.write_bytes(b"")
    os.truncate(path, size)
    assert client.head("/static/long.bin").headers["content-length"] == str(size)
    end = client.get("/static/long.bin", headers={"range": f"bytes={size - 4}-"})
    assert (end.status_code, end.content) == (206, bytes(4))
    assert end.headers["content-range"] == f"bytes {size - 4}-{size - 1}/{size}"
    monkeypatch.setattr("velocipy.static.os.access", lambda path, mode: False)  # these tests may run as root
    assert client.get("/static/a.txt").status_code == 404
    assert time.monotonic() - started < 5 * PATIENCE


@pytest.mark.case(64)
def test_head_has_no_ranges_if_range_must_hold_and_compression_leaves_parts_alone(
    versioned: Callable[[], FileResponse], root: Path, client_of: Any
) -> None:
    client = client_of(answering(versioned))
    for asked in ("bytes=0-1", "bytes=99-", "bytes=0-1,4-5"):
        head = client.head("/file", headers={"range": asked})
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "10")
    for held, status in {
        '"v1"': 206,
        'W/"v1"': 200,
        '"v0"': 200,
        DATE: 206,
        AFTER: 200,
        BEFORE: 200,
        "yesterday": 200,
    }.items():
        answer = client.get("/file", headers={"range": "bytes=2-4", "if-range": held})
        assert (answer.status_code, answer.content) == (status, b"234" if status == 206 else b"0123456789"), (
            held
        )
    app = serving(root)
    app.add_middleware(CompressionMiddleware, codings=["gzip"])
    client = client_of(app)
    packed = client.get("/static/long.txt", headers={"accept-encoding": "gzip"})
    plain = client.get("/static/long.txt", headers={"accept-encoding": "identity"})
    assert (packed.headers["content-encoding"], packed.content) == ("gzip", plain.content)
    assert packed.headers["etag"] == f"W/{plain.headers['etag']}"
    part = client.get("/static/long.txt", headers={"accept-encoding": "gzip", "range": "bytes=0-3"})
    assert (part.status_code, part.content, part.headers["etag"]) == (206, b"text", plain.headers["etag"])
    assert "content-encoding" not in part.headers
    for etag in (plain.headers["etag"], packed.headers["etag"]):
        known = client.get("/static/long.txt", headers={"accept-encoding": "gzip", "if-none-match": etag})
        assert (known.status_code, known.content) == (304, b"")


@pytest.mark.case(65)
def test_types_are_of_a_table_and_what_others_uploaded_is_saved(
    root: Path, client_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(mimetypes.types_map, ".js", "text/plain")  # as some registries of Windows have it
    app = serving(root)

    @app.get("/upload")
    async def upload() -> FileResponse:
        return FileResponse(root / "page.html", filename='Mine "1".html')

    client = client_of(app)
    for name, kind in {
        "app.js": "text/javascript; charset=utf-8",
        "page.html": "text/html; charset=utf-8",
        "sub/deep/b.css": "text/css; charset=utf-8",
        "zero.bin": "application/octet-stream",
    }.items():
        answer = client.get(f"/static/{name}")
        assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == (kind, "nosniff")
    answer = client.get("/upload")
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.case(66)
def test_the_edges_of_a_mount_are_the_same_everywhere(root: Path, client_of: Any) -> None:
    for outer in ("", "/api"):
        app = VelociPy(plugins=False, root_path=outer)
        app.mount("/static", StaticFiles(root, html=True))
        client = client_of(app)
        for path, status, location in (
            ("/static", 307, [b"./static/"]),
            ("/static/", 200, []),
            ("/staticx", 404, []),
            ("/static//a.txt", 404, []),
            ("/static/a.txt", 200, []),
            ("/%73tatic/a.txt", 200, []),
            ("/static%2Fa.txt", 200, []),
            ("//static/a.txt", 404, []),
            ("/static/sub", 307, [b"./sub/"]),
        ):
            for asked in {path, outer + path}:  # a proxy takes the prefix off, or leaves it on
                reply = raw(client, asked)
                assert (reply.status, reply.header(b"location")) == (status, location), asked
