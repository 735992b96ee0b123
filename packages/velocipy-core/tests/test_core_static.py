"""StaticFiles: which paths lead to a file, which to none, and what a directory, a link or a compressed sibling does."""

import asyncio
import errno
import gc
import os
import threading
import time
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy import Request, Response, VelociPy
from velocipy.exceptions import ConfigurationError, MethodNotAllowed
from velocipy.http.headers import Headers
from velocipy.http.negotiation import preferred_codings
from velocipy.static import CODINGS, StaticFiles, parse_path
from velocipy.testing import TestClient

PREFIX = "/static"


def serving(files: StaticFiles) -> VelociPy:
    """Files below PREFIX, as a mount does it: the decoded rest of the path, the method and the headers."""
    app = VelociPy(trailing_slash="strict")

    async def static(request: Request) -> Response:
        path = request.path[len(PREFIX) :]
        return await files.respond(path, request.method, request.connection.headers)

    for template in (PREFIX, PREFIX + "/", PREFIX + "/{rest*}"):
        app.get(template, name=template)(static)
    return app


@pytest.fixture(params=["asgi", "rsgi"])
def interface(request: Any) -> Any:
    return request.param


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory of files beside things that are not for everybody."""
    root = tmp_path / "static"
    for name, text in {
        "a.txt": "text",
        "app.js": "let a = 1",
        "page.html": "<p>page",
        "sub/index.html": "<p>index",
        "sub/deep/b.css": "b {}",
        "empty/.keep": "",
        ".env": "SECRET",
        ".git/config": "SECRET",
        "zero.bin": "",
        "ä b%41.txt": "odd",
        "../static-secret/x": "SECRET",
        "../secret.txt": "SECRET",
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def client_of(root: Path, interface: str, **options: Any) -> TestClient:
    return TestClient(serving(StaticFiles(root, **options)), interface=interface)


def raw(client: TestClient, target: str, *headers: tuple[str, str]) -> Any:
    """The answer to a target as it stands: httpx2 would tidy it up."""
    return client.exchange("GET", target, headers=(("host", "testserver"), *headers)).reply()


# -- construction ----------------------------------------------------------------------------------------------------------


def test_a_directory_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"'.*/missing' does not exist: create it"):
        StaticFiles(tmp_path / "missing")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"'.*/file' is not a directory"):
        StaticFiles(tmp_path / "file")


@pytest.mark.parametrize("directory", ["/", "", "//", "/../"])
def test_a_whole_disk_and_whatever_is_current_are_refused(directory: str) -> None:
    with pytest.raises(ConfigurationError, match=r"would serve all of '.*': name a directory"):
        StaticFiles(directory)


def test_a_cache_control_that_cannot_be_sent_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cache-control"):
        StaticFiles(tmp_path, cache_control="max-age=1\r\nx: 1")


def test_a_relative_directory_stays_where_it_was(
    root: Path, interface: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root.parent)
    files = StaticFiles("static")
    monkeypatch.chdir("/")
    with TestClient(serving(files), interface=interface) as client:
        assert client.get("/static/a.txt").text == "text"


# -- files -----------------------------------------------------------------------------------------------------------------


@pytest.mark.case(65)
@pytest.mark.parametrize(
    ("path", "kind", "text"),
    [
        ("/a.txt", "text/plain; charset=utf-8", "text"),
        ("/app.js", "text/javascript; charset=utf-8", "let a = 1"),
        ("/page.html", "text/html; charset=utf-8", "<p>page"),
        ("/sub/deep/b.css", "text/css; charset=utf-8", "b {}"),
        ("/sub/index.html", "text/html; charset=utf-8", "<p>index"),
        ("/zero.bin", "application/octet-stream", ""),
        ("/%C3%A4%20b%2541.txt", "text/plain; charset=utf-8", "odd"),
    ],
)
def test_a_file_is_sent_with_its_type_and_is_not_sniffed(
    root: Path, interface: str, path: str, kind: str, text: str
) -> None:
    with client_of(root, interface, cache_control="max-age=60") as client:
        got, head = client.get("/static" + path), client.head("/static" + path)
    assert (got.status_code, got.text, got.headers["content-type"]) == (200, text, kind)
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["cache-control"] == "max-age=60"
    assert got.headers["accept-ranges"] == "bytes"
    assert "vary" not in got.headers
    assert (head.status_code, head.content, head.headers) == (200, b"", got.headers)


@pytest.mark.case(61)
@pytest.mark.case(62)
def test_conditions_and_ranges_are_those_of_every_file(root: Path, interface: str) -> None:
    with client_of(root, interface) as client:
        etag = client.get("/static/a.txt").headers["etag"]
        assert client.get("/static/a.txt", headers={"if-none-match": etag}).status_code == 304
        part = client.get("/static/a.txt", headers={"range": "bytes=1-2", "if-range": etag})
        assert (part.status_code, part.text) == (206, "ex")
        assert client.get("/static/a.txt", headers={"range": "bytes=4-"}).status_code == 416


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "QUERY", "OPTIONS", "get"])
def test_files_are_only_read(root: Path, method: str) -> None:
    headers: Any = Headers()
    with pytest.raises(MethodNotAllowed) as caught:
        asyncio.run(StaticFiles(root).respond("/a.txt", method, headers))
    assert caught.value.headers == {"allow": "GET, HEAD"}


def test_nothing_is_remembered(root: Path, interface: str) -> None:
    """A file that was missing may come, change and go."""
    path = root / "new.txt"
    with client_of(root, interface) as client:
        assert client.get("/static/new.txt").status_code == 404
        path.write_text("first")
        first = client.get("/static/new.txt")
        path.write_text("second")
        second = client.get("/static/new.txt", headers={"if-none-match": first.headers["etag"]})
        assert (first.text, second.status_code, second.text) == ("first", 200, "second")
        path.unlink()
        missing = client.get("/static/new.txt")
    assert (missing.status_code, missing.json()) == (404, {"detail": "Not Found"})


def test_a_directory_that_is_swapped_is_served_as_it_is(root: Path, interface: str) -> None:
    link, other = root.parent / "current", root.parent / "v2"
    link.symlink_to(root)
    other.mkdir()
    (other / "a.txt").write_text("v2")
    with client_of(link, interface) as client:
        assert client.get("/static/a.txt").text == "text"
        link.unlink()
        link.symlink_to(other)
        assert client.get("/static/a.txt").text == "v2"
        link.unlink()
        assert client.get("/static/a.txt").status_code == 404


# -- paths that lead nowhere -----------------------------------------------------------------------------------------------

TRAVERSAL = [
    "/../secret.txt",
    "/../static-secret/x",
    "/sub/../../secret.txt",
    "/sub/../a.txt",
    "/./a.txt",
    "/%2e%2e/secret.txt",
    "/%2e%2e%2fsecret.txt",
    "/..%2fsecret.txt",
    "/%252e%252e%252fsecret.txt",
    "/%252e%252e/secret.txt",
    "/....//secret.txt",
    "/.../secret.txt",
    "/..\\secret.txt",
    "/%5c..%5csecret.txt",
    "/..%5csecret.txt",
    "/sub%5c..%5c..%5csecret.txt",
    "//etc/passwd",
    "/%2fetc%2fpasswd",
    "/etc/passwd",
    "/sub//index.html",
    "//a.txt",
    "/a.txt/",
    "/a.txt/.",
    "/a.txt/../a.txt",
    "/a.txt.",
    "/a.txt%20",
    "/..;/secret.txt",
    "/%c0%ae%c0%ae/secret.txt",
    "/%ff",
    "/%u002e%u002e/secret.txt",
    "/" + "a" * 300,
    "/" + "a/" * 3_000 + "a",
    "/" + "../" * 1_000 + "etc/passwd",
]
"""More than twenty spellings of "somewhere else"."""

NAMES = [
    "/a%00.txt",
    "/a.txt%00",
    "/%00",
    "/a.txt%0d%0aX:1",
    "/C:",
    "/C:/secret.txt",
    "/C:%5csecret.txt",
    "/a.txt:stream",
    "/a.txt::$DATA",
    "/%5c%5chost%5cshare",
    "/%5c%5c?%5cC:%5ca.txt",
    "//host/share",
    "/CON",
    "/con.txt",
    "/aux%20.txt",
    "/sub/NUL",
    "/nul.tar.gz",
    "/COM1",
    "/lpt9.txt",
    "/COM%C2%B9",
    "/CONOUT$",
    "/a%7f",
    "/%3f",
    "/*.txt",
]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every path that something opens, looks at or resolves."""
    paths: list[str] = []
    for name in ("open", "stat", "lstat", "access", "readlink", "scandir"):
        monkeypatch.setattr(os, name, _noting(paths, getattr(os, name)))
    monkeypatch.setattr(os.path, "realpath", _noting(paths, os.path.realpath))
    return paths


def _noting(paths: list[str], function: Any) -> Any:
    def noting(path: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(path, (str, os.PathLike)):
            paths.append(os.fspath(path))
        return function(path, *args, **kwargs)

    return noting


@pytest.mark.case(57)
@pytest.mark.parametrize("follow", [False, True])
@pytest.mark.parametrize("path", TRAVERSAL)
def test_no_spelling_leads_out_of_the_directory(
    root: Path, interface: str, path: str, follow: bool, opened: list[str]
) -> None:
    with client_of(root, interface, dotfiles=True, html=True, follow_symlinks=follow) as client:
        opened.clear()
        reply = raw(client, PREFIX + path)
    assert reply.status == 404
    assert reply.header(b"location") == []
    assert b"SECRET" not in reply.body
    inside = (str(root), str(root) + "/")
    outside = [seen for seen in opened if str(root.parent) in seen and not (seen + "/").startswith(inside)]
    # The directories above are looked at by realpath, to see whether they are links.
    assert [seen for seen in outside if not str(root).startswith(seen)] == []
    assert [seen for seen in opened if seen.startswith("/etc") or ".." in Path(seen).parts] == []


@pytest.mark.case(59)
@pytest.mark.parametrize("path", NAMES)
def test_what_is_a_name_on_no_system_never_reaches_the_disk(
    root: Path, interface: str, path: str, opened: list[str]
) -> None:
    with client_of(root, interface) as client:
        opened.clear()
        assert raw(client, PREFIX + path).status == 404
    assert [seen for seen in opened if str(root) in seen] == []


@pytest.mark.case(57)
@pytest.mark.case(59)
@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("", ((), False)),
        ("/", ((), True)),
        ("a", (("a",), False)),
        ("/a/b.c", (("a", "b.c"), False)),
        ("/a/", (("a",), True)),
        ("/a b/ä/-/~/$/x..y", (("a b", "ä", "-", "~", "$", "x..y"), False)),
        (
            "/console/auxiliary.js/com/com10/nullable",
            (("console", "auxiliary.js", "com", "com10", "nullable"), False),
        ),
        ("//", None),
        ("/a//b", None),
        ("/a//", None),
        ("/.", None),
        ("/..", None),
        ("/.a", None),
        ("/a/.b/c", None),
        ("/a.", None),
        ("/a ", None),
        ("/ ", None),
        ("/a\\b", None),
        ("/a\nb", None),
        ("/\ud800", None),
        ("/prn", None),
        ("/a/LPT1.x", None),
    ],
)
def test_a_path_is_names_or_nothing(path: str, names: Any) -> None:
    assert parse_path(path) == names


def test_names_with_a_dot_are_names_where_they_are_wanted() -> None:
    assert parse_path("/.a/b", dotfiles=True) == ((".a", "b"), False)
    assert all(parse_path(path, dotfiles=True) is None for path in ("/.", "/..", "/a/..", "/...", "/.. "))


@pytest.mark.case(57)
@given(st.text(st.sampled_from("./\\:%aC\0 ~é\ud800"), max_size=30), st.booleans())
def test_no_path_raises_and_none_leads_out(path: str, dotfiles: bool) -> None:
    names = parse_path(path, dotfiles)
    if names is not None:
        joined = os.path.join("/root/dir", *names.segments)
        assert os.path.normpath(joined) == joined and f"{joined}/".startswith("/root/dir/")


# -- links -----------------------------------------------------------------------------------------------------------------


@pytest.mark.case(58)
@pytest.mark.parametrize(
    ("name", "target", "default", "followed"),
    [
        ("inside.txt", "a.txt", 200, 200),
        ("deep.css", "sub/deep/b.css", 200, 200),
        ("again.txt", "inside.txt", 200, 200),
        ("out.txt", "../secret.txt", 404, 200),
        ("absolute.txt", "{root}/../secret.txt", 404, 200),
        ("through.txt", "out.txt", 404, 200),
        ("neighbour", "../static-secret/x", 404, 200),
        ("loop", "loop", 404, 404),
        ("dangling", "gone.txt", 404, 404),
        ("zero", "/dev/zero", 404, 404),
        ("null", "/dev/null", 404, 404),
    ],
)
def test_links_are_followed_inside_and_out_only_when_allowed(
    root: Path, interface: str, name: str, target: str, default: int, followed: int
) -> None:
    (root / "inside.txt").symlink_to("a.txt")
    (root / "out.txt").symlink_to("../secret.txt")
    if not (root / name).is_symlink():
        (root / name).symlink_to(target.format(root=root))
    for follow, status in ((False, default), (True, followed)):
        with client_of(root, interface, follow_symlinks=follow) as client:
            assert client.get(f"/static/{name}").status_code == status


@pytest.mark.case(58)
def test_a_link_to_a_directory_outside_is_none_by_default(root: Path, interface: str) -> None:
    (root / "other").symlink_to("../static-secret")
    with client_of(root, interface) as client:
        assert client.get("/static/other/x").status_code == 404
    with client_of(root, interface, follow_symlinks=True) as client:
        assert client.get("/static/other/x").text == "SECRET"
        assert raw(client, "/static/other/../../secret.txt").status == 404


@pytest.mark.case(58)
def test_a_directory_beside_it_with_the_same_beginning_is_outside(root: Path, interface: str) -> None:
    (root / "same").symlink_to(root.parent / "static-secret" / "x")
    with client_of(root, interface) as client:
        assert client.get("/static/same").status_code == 404


@pytest.mark.case(58)
def test_an_index_or_a_sibling_that_leads_out_is_none(root: Path, interface: str) -> None:
    (root / "empty" / "index.html").symlink_to(root.parent / "secret.txt")
    (root / "app.js.br").symlink_to(root.parent / "secret.txt")
    (root / "404.html").symlink_to(root.parent / "secret.txt")
    with client_of(root, interface, html=True, precompressed=True) as client:
        assert client.get("/static/empty/").json() == {"detail": "Not Found"}
        assert client.get("/static/app.js", headers={"accept-encoding": "br"}).text == "let a = 1"


# -- what is no file -------------------------------------------------------------------------------------------------------


@pytest.mark.case(63)
def test_a_pipe_or_a_socket_is_never_waited_for(root: Path, interface: str) -> None:
    os.mkfifo(root / "fifo")
    with client_of(root, interface) as client:
        start = time.perf_counter()
        assert client.get("/static/fifo").status_code == 404
    assert time.perf_counter() - start < 5


@pytest.mark.case(63)
def test_a_file_that_may_not_be_read_is_a_404(
    root: Path, interface: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Faked: these tests may run as root, who may read everything."""
    monkeypatch.setattr("velocipy.static.os.access", lambda path, mode: False)
    with client_of(root, interface) as client:
        assert client.get("/static/a.txt").status_code == 404


def failing(number: int) -> Any:
    def fail(path: str, *, strict: bool = False) -> str:
        if strict:
            raise OSError(number, os.strerror(number))
        return path

    return fail


@pytest.mark.case(63)
@pytest.mark.parametrize(
    ("number", "status"),
    [
        (errno.EACCES, 404),
        (errno.ELOOP, 404),
        (errno.ENAMETOOLONG, 404),
        (errno.EMFILE, 500),
        (errno.EIO, 500),
    ],
)
def test_a_disk_that_fails_is_no_404(
    root: Path, interface: str, number: int, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = serving(StaticFiles(root))
    monkeypatch.setattr("velocipy.static.os.path.realpath", failing(number))
    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        assert client.get("/static/a.txt").status_code == status


def test_a_name_that_the_file_system_cannot_say_is_a_404(
    root: Path, interface: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the file system's encoding is ASCII."""

    def encoded(path: str, *, strict: bool = False) -> str:
        return path.encode("ascii").decode()

    with client_of(root, interface) as client:
        monkeypatch.setattr("velocipy.static.os.path.realpath", encoded)
        assert client.get("/static/%C3%A4").status_code == 404
        assert client.get("/static/a.txt").text == "text"


@pytest.mark.case(60)
@pytest.mark.parametrize("path", ["/.env", "/.git/config", "/empty/.keep", "/.git/", "/.git"])
def test_names_with_a_dot_are_hidden(root: Path, interface: str, path: str) -> None:
    with client_of(root, interface, html=True) as client:
        assert client.get("/static" + path).status_code == 404
    with client_of(root, interface, dotfiles=True) as client:
        assert client.get("/static" + path).status_code == (
            404 if "git" in path[-4:] or path[-1] == "/" else 200
        )


# -- directories -----------------------------------------------------------------------------------------------------------


@pytest.mark.case(60)
@pytest.mark.case(66)
@pytest.mark.parametrize(
    ("target", "plain", "html", "location"),
    [
        ("/static", 404, 307, b"./static/"),
        ("/static?a=b&c=%2F", 404, 307, b"./static/?a=b&c=%2F"),
        ("/static/", 404, 200, None),
        ("/static/sub", 404, 307, b"./sub/"),
        ("/static/sub?x=1", 404, 307, b"./sub/?x=1"),
        ("/static/sub/", 404, 200, None),
        ("/static/sub/index.html", 200, 200, None),
        ("/static/sub/deep", 404, 404, None),
        ("/static/sub/deep/", 404, 404, None),
        ("/static/empty", 404, 404, None),
        ("/static/empty/", 404, 404, None),
        ("/static/a.txt/", 404, 404, None),
        ("/static/%73ub", 404, 307, b"./sub/"),
        ("/%73tatic/sub/", 404, 200, None),
        ("/static//sub", 404, 404, None),
        ("/static//", 404, 404, None),
        ("/static/sub//", 404, 404, None),
        ("//static/sub", 404, 404, None),
        ("//evil.test/static/sub", 404, 404, None),
        ("/staticx", 404, 404, None),
        ("/staticsub", 404, 404, None),
        ("/static%2Fsub", 404, 307, b"./sub/"),
        ("/static/sub/%2e%2e/sub", 404, 404, None),
    ],
)
def test_a_directory_is_its_index_where_pages_are_served(
    root: Path, interface: str, target: str, plain: int, html: int, location: bytes | None
) -> None:
    (root / "index.html").write_text("<p>home")
    for is_html, status in ((False, plain), (True, html)):
        with client_of(root, interface, html=is_html) as client:
            reply = raw(client, target)
        assert reply.status == status
        assert reply.header(b"location") == ([location] if is_html and location else [])


@pytest.mark.case(60)
def test_the_redirect_leads_to_the_index(root: Path, interface: str) -> None:
    (root / "ä b").mkdir()
    (root / "ä b" / "index.html").write_text("odd")
    with client_of(root, interface, html=True) as client:
        for path in ("/static/sub", "/static/%C3%A4%20b"):
            answer = client.get(path + "?x=1", follow_redirects=True)
            assert answer.status_code == 200
            assert str(answer.url) == f"http://testserver{path}/?x=1"
        head = client.head("/static/sub")
        assert (head.status_code, head.headers["location"]) == (307, "./sub/")


@pytest.mark.case(60)
@pytest.mark.parametrize("query", [b"a=%22", b"a=\xff", b"//evil.test", b"a b"])
def test_no_query_breaks_the_redirect(root: Path, interface: str, query: bytes) -> None:
    with client_of(root, interface, html=True) as client:
        reply = client.exchange("GET", b"/static/sub?" + query, headers=(("host", "a"),)).reply()
    assert reply.status == 307
    assert reply.header(b"location")[0].startswith(b"./sub/")


def test_an_index_has_the_type_and_conditions_of_a_file(root: Path, interface: str) -> None:
    with client_of(root, interface, html=True) as client:
        answer = client.get("/static/sub/")
        assert (answer.text, answer.headers["content-type"]) == ("<p>index", "text/html; charset=utf-8")
        known = {"if-none-match": answer.headers["etag"]}
        assert client.get("/static/sub/", headers=known).status_code == 304


@pytest.mark.case(60)
@pytest.mark.parametrize(
    "path", ["/missing", "/empty/", "/a.txt/", "/.env", "/..%5cx", "/a%00b", "/sub/deep"]
)
def test_a_page_of_ones_own_for_what_is_not_there(root: Path, interface: str, path: str) -> None:
    (root / "404.html").write_text("<p>gone")
    with client_of(root, interface, html=True, cache_control="max-age=31536000") as client:
        answer = client.get("/static" + path, headers={"range": "bytes=0-1", "if-none-match": "*"})
        head = client.head("/static" + path)
    assert (answer.status_code, answer.text) == (404, "<p>gone")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert not {"cache-control", "etag", "last-modified", "accept-ranges"} & set(answer.headers)
    assert (head.status_code, head.content, head.headers["content-length"]) == (404, b"", "7")
    with client_of(root, interface) as client:
        assert client.get("/static" + path).json() == {"detail": "Not Found"}


# -- compressed siblings ---------------------------------------------------------------------------------------------------


@pytest.fixture
def compressed(root: Path) -> Path:
    for suffix in CODINGS.values():
        (root / f"app.js{suffix}").write_bytes(suffix.encode())
    (root / "a.txt.gz").write_bytes(b".gz")
    return root


@pytest.fixture
def packed(compressed: Path, interface: str) -> Iterator[TestClient]:
    with client_of(compressed, interface, precompressed=True) as client:
        yield client


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, br, zstd", "br"),
        ("gzip, deflate, zstd", "zstd"),
        ("gzip;q=1, br;q=0.5", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("*", "br"),
        ("br;q=0, *", "zstd"),
        ("br;q=0, zstd;q=0, *;q=0.1", "gzip"),
        ("", None),
        ("identity", None),
        ("deflate", None),
        ("gzip;q=0", None),
        ("gzip;q=0.0", None),
        ("*;q=0", None),
        ("gzip;q=0.5, identity", None),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("gzip;q=banana", None),
        ("gzip;q=2", None),
        (";;,,=,q=1", None),
    ],
)
def test_the_coding_that_the_client_likes_best(packed: TestClient, accept: str, coding: str | None) -> None:
    reply = raw(packed, "/static/app.js", ("accept-encoding", accept))
    body = b"let a = 1" if coding is None else CODINGS[coding].encode()
    assert (reply.status, reply.body) == (200, body)
    assert reply.header(b"content-encoding") == ([] if coding is None else [coding.encode()])
    assert reply.header(b"vary") == [b"Accept-Encoding"]
    assert reply.header(b"content-type") == [b"text/javascript; charset=utf-8"]
    assert reply.header(b"content-length") == [b"%d" % len(body)]


def test_a_client_that_names_no_coding_gets_the_file(packed: TestClient) -> None:
    assert raw(packed, "/static/app.js").body == b"let a = 1"
    lines = (("accept-encoding", "deflate"), ("accept-encoding", "gzip"))
    assert raw(packed, "/static/app.js", *lines).body == b".gz"


def test_only_siblings_that_are_there_are_sent(packed: TestClient) -> None:
    every = {"accept-encoding": "br, zstd, gzip"}
    assert raw(packed, "/static/a.txt", *every.items()).body == b".gz"
    plain = packed.get("/static/page.html", headers=every)
    assert (plain.text, plain.headers["vary"]) == ("<p>page", "Accept-Encoding")
    assert "content-encoding" not in plain.headers
    assert raw(packed, "/static/app.js.gz", *every.items()).header(b"content-type") == [b"application/gzip"]
    assert packed.get("/static/only.js", headers=every).status_code == 404


@pytest.mark.case(64)
def test_every_coding_is_a_version_of_its_own(packed: TestClient) -> None:
    etags = {}
    for coding in ("br", "zstd", "gzip", "identity"):
        reply = raw(packed, "/static/app.js", ("accept-encoding", coding))
        etags[coding] = reply.header(b"etag")[0].decode()
    assert len(set(etags.values())) == 4
    for coding, etag in etags.items():
        asked = {"accept-encoding": coding}
        known = packed.get("/static/app.js", headers=asked | {"if-none-match": etag})
        assert (known.status_code, known.headers["vary"]) == (304, "Accept-Encoding")
        others = ", ".join(set(etags.values()) - {etag})
        assert packed.head("/static/app.js", headers=asked | {"if-none-match": others}).status_code == 200
    lines = [("accept-encoding", "br"), ("range", "bytes=1-"), ("if-range", etags["br"])]
    part = raw(packed, "/static/app.js", *lines)
    assert (part.status, part.body, part.header(b"content-range")) == (206, b"br", [b"bytes 1-2/3"])
    lines[2] = ("if-range", etags["gzip"])
    assert raw(packed, "/static/app.js", *lines).status == 200


def test_siblings_are_files_like_others_unless_asked_for(compressed: Path, interface: str) -> None:
    with client_of(compressed, interface) as client:
        answer = client.get("/static/app.js", headers={"accept-encoding": "br"})
    assert (answer.text, "vary" in answer.headers) == ("let a = 1", False)


@given(st.text(st.sampled_from("gzipbr*;q=0.15, identy"), max_size=60))
def test_no_accept_encoding_raises(text: str) -> None:
    assert set(preferred_codings(text, tuple(CODINGS))) <= set(CODINGS)


# -- resources -------------------------------------------------------------------------------------------------------------


@pytest.mark.case(66)
def test_every_name_is_served_under_its_encoded_path(root: Path, interface: str) -> None:
    names = ["a+b.txt", "a&b=c.txt", "a#b.txt", "a;b.txt", "日本.txt", "%2e%2e", "a'b.txt", "x" * 200]
    for name in names:
        (root / name).write_text(name)
    with client_of(root, interface) as client:
        for name in names:
            assert raw(client, f"/static/{quote(name)}").body.decode() == name


def test_the_disk_is_asked_in_a_thread(root: Path, interface: str, monkeypatch: pytest.MonkeyPatch) -> None:
    threads = set()
    look_at = StaticFiles._look_at

    def noting(*args: Any) -> Any:
        threads.add(threading.current_thread().name.partition("_")[0])
        return look_at(*args)

    monkeypatch.setattr(StaticFiles, "_look_at", noting)
    with client_of(root, interface, html=True, precompressed=True) as client:
        for path in ("/static/a.txt", "/static/sub/", "/static/missing"):
            client.get(path)
    assert threads == {"velocipy"}


@pytest.mark.case(63)
@pytest.mark.process
def test_no_request_leaves_a_file_open_or_memory_taken(root: Path, interface: str) -> None:
    def ask(number: int) -> None:
        client.get(f"/static/missing-{number}")
        client.get("/static/a.txt", headers={"accept-encoding": f"x{number}"})

    with client_of(root, interface) as client:
        for number in range(50):
            ask(number)
        gc.collect()
        before = len(os.listdir("/proc/self/fd"))
        tracemalloc.start()
        taken = []
        for batch in range(100, 340, 60):
            for number in range(batch, batch + 60):
                ask(number)
            gc.collect()
            taken.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert len(os.listdir("/proc/self/fd")) <= before
    # What is kept for each request is kept in every batch; what is filled once, a cache or a table, is not. A batch has 120
    # requests, each of which is more than 1,000 bytes; threads of tests before this one may take some too.
    assert min(later - earlier for earlier, later in pairwise(taken)) < 60_000
