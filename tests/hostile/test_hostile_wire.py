"""Bodies that are too long, endless or cut off, on real sockets of every server. Cases 29, 30, 40 and 47, 18 for forms, 57 and 58."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from servers import COMMANDS, RunningServer, serve
from wire import exchange, leave, read_talk, request

pytestmark = pytest.mark.servers

LIMIT = 1_000
JSON = ("Content-Type", "application/json")
FORM = ("Content-Type", "application/x-www-form-urlencoded")
MULTIPART = ("Content-Type", "multipart/form-data; boundary=cut")
CHUNKED = ("Transfer-Encoding", "chunked")
TOO_LARGE = b'{"detail":"Payload Too Large"}'
# What kernels and servers may hold of a body that the app has refused, in bytes.
IN_FLIGHT = 32_000_000


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """A server of each kind, which all cases share; it must be the same process after them."""
    with serve(request.param, "served:app", cwd=Path(__file__).parent) as running:
        yield running
        assert running.alive(), running.tail()


@pytest.fixture(autouse=True)
def still_answers(server: RunningServer) -> Iterator[None]:
    """After each case a plain request is answered, and no traceback was."""
    yield
    (answer,) = exchange(server.port, request("GET", "/plain")).responses
    assert (answer.status, answer.body) == (200, b"plain")


def ran(server: RunningServer) -> dict[str, int]:
    """How often each endpoint ran to its end."""
    (answer,) = exchange(server.port, request("GET", "/ran")).responses
    counts: dict[str, int] = json.loads(answer.body)
    return counts


def item_of(size: int) -> bytes:
    """A JSON object of that many bytes."""
    return b'{"text":"%s"}' % (b"x" * (size - 11))


def chunked(*chunks: bytes) -> bytes:
    """Chunks as RFC 9112 section 7.1 has them, and the last one."""
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def answer(server: RunningServer, raw: bytes) -> tuple[int, bytes]:
    """The first answer to a request."""
    found = exchange(server.port, raw).responses[0]
    return found.status, found.body


# -- files -------------------------------------------------------------------------------------------------------------


def raw_answer(
    server: RunningServer, target: bytes, method: bytes = b"GET", host: bytes | None = b"a.test"
) -> Any:
    """The first answer to a request line that no client would write; None where the server hangs up."""
    line = b"" if host is None else b"Host: " + host + b"\r\n"
    with suppress(ConnectionError, OSError):
        found = exchange(
            server.port, b"%s %s HTTP/1.1\r\n%sConnection: close\r\n\r\n" % (method, target, line)
        )
        return found.responses[0] if found.responses else None
    return None


OUTSIDE = (
    b"/../secret.txt", b"/..%2fsecret.txt", b"/%2e%2e/secret.txt", b"/%2e%2e%2fsecret.txt", b"/..%5csecret.txt",
    b"/..\\secret.txt", b"/sub/../../secret.txt", b"/sub/..%2f..%2fsecret.txt", b"/%252e%252e%252fsecret.txt",
    b"/..%c0%afsecret.txt", b"/%c0%ae%c0%ae/secret.txt", b"/....//secret.txt", b"//secret.txt",
    b"/./../secret.txt", b"/../static-too/b.txt", b"-too/b.txt", b"/out/secret.txt", b"/a.txt%00.html",
    b"/%00/../secret.txt", b"/..;/secret.txt", b"//../secret.txt", b"/%2fetc%2fpasswd",
)  # fmt: skip


@pytest.mark.case(57)
@pytest.mark.case(58)
def test_no_path_leads_out_of_a_folder_of_files(server: RunningServer) -> None:
    assert raw_answer(server, b"/static/a.txt").body == b"inside"
    for path in OUTSIDE:
        found = raw_answer(server, b"/static" + path)
        assert found is None or found.status in (400, 404), path
        assert found is None or b"secret" not in found.body, path


# -- length ----------------------------------------------------------------------------------------------------------


@pytest.mark.case(29)
@pytest.mark.parametrize(("path", "limit"), [("/item", LIMIT), ("/more", 2 * LIMIT)])
def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_not(
    server: RunningServer, path: str, limit: int
) -> None:
    for size, expected in ((limit, (200, str(limit - 11).encode())), (limit + 1, (413, TOO_LARGE))):
        body = item_of(size)
        assert answer(server, request("POST", path, [JSON], body)) == expected
        assert answer(server, request("POST", path, [JSON, CHUNKED]) + chunked(body)) == expected
        assert (
            answer(server, request("POST", path, [JSON, CHUNKED]) + chunked(body[:-1], body[-1:])) == expected
        )


@pytest.mark.case(29)
def test_a_limit_of_nothing_takes_nothing_on_the_wire(server: RunningServer) -> None:
    assert answer(server, request("POST", "/none", [], b"")) == (200, b"0")
    assert answer(server, request("POST", "/none", [JSON], b"{")) == (413, TOO_LARGE)
    assert answer(server, request("POST", "/none", [JSON, CHUNKED]) + chunked(b"{")) == (413, TOO_LARGE)


@pytest.mark.case(29)
@pytest.mark.parametrize(("path", "kind"), [("/item", JSON), ("/stream", JSON), ("/form", FORM)])
def test_a_declared_length_is_refused_before_the_body_is_sent(
    server: RunningServer, path: str, kind: tuple[str, str]
) -> None:
    before = ran(server)
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(request("POST", path, [kind, ("Content-Length", str(LIMIT + 1))]))
        (found,) = read_talk(connection, [b"POST"], 5).responses
    assert (found.status, found.body) == (413, TOO_LARGE)
    assert ran(server) == before


@pytest.mark.case(29)
@pytest.mark.parametrize("path", ["/item", "/stream"])
def test_a_length_that_says_too_little_opens_no_limit(server: RunningServer, path: str) -> None:
    """The bytes beyond it are another request, or none: nobody gets them as a body."""
    body = item_of(LIMIT)
    talk = exchange(
        server.port, request("POST", path, [JSON, ("Content-Length", "2")]) + b"{}" + body, timeout=2
    )
    assert talk.responses[0].status in (200, 400)
    assert talk.responses[0].body in (b"0", b"2") or talk.responses[0].status == 400
    assert all(found.status >= 400 for found in talk.responses[1:])


@pytest.mark.case(29)
@pytest.mark.parametrize("path", ["/item", "/stream"])
@pytest.mark.parametrize("first", ["length", "chunked"])
def test_a_length_beside_chunks_does_not_count_for_them(server: RunningServer, path: str, first: str) -> None:
    """RFC 9112 section 6.3: the chunks are the body, whatever the other header says; refusing both is right too."""
    headers = [("Content-Length", "2"), CHUNKED] if first == "length" else [CHUNKED, ("Content-Length", "2")]
    before = ran(server)
    talk = exchange(
        server.port, request("POST", path, [JSON, *headers]) + chunked(item_of(50 * LIMIT)), timeout=2
    )
    assert talk.responses[0].status in (400, 413)
    assert ran(server) == before


# -- bodies without end ------------------------------------------------------------------------------------------------


def pour(server: RunningServer, path: str, kind: tuple[str, str], pieces: int) -> tuple[int, bool]:
    """Send pieces of 64 KB, reading nothing -> (bytes that the server took, whether it hung up)."""
    piece = b"%x\r\n%s\r\n" % (65_536, b"x" * 65_536)
    sent = 0
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as connection:
        connection.sendall(request("POST", path, [kind, CHUNKED]))
        try:
            for _ in range(pieces):
                connection.sendall(piece)
                sent += len(piece)
        except TimeoutError:
            return sent, False
        except OSError:
            return sent, True
    return sent, False


@pytest.mark.case(30)
@pytest.mark.parametrize(("path", "kind"), [("/item", JSON), ("/stream", JSON), ("/form", FORM)])
def test_a_client_that_sends_without_end_is_not_listened_to(
    server: RunningServer, path: str, kind: tuple[str, str]
) -> None:
    before = memory_of(server)
    sent, _ = pour(server, path, kind, 16_000)
    assert sent < IN_FLIGHT
    assert memory_of(server) - before < 16_000_000


@pytest.mark.case(30)
@pytest.mark.parametrize(("path", "kind"), [("/item", JSON), ("/stream", JSON), ("/form", FORM)])
def test_a_client_that_stops_sending_can_read_the_refusal(
    server: RunningServer, path: str, kind: tuple[str, str]
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(request("POST", path, [kind, CHUNKED]))
        connection.sendall(b"%x\r\n%s\r\n" % (LIMIT, b"x" * LIMIT) + b"1\r\nx\r\n")
        (found,) = read_talk(connection, [b"POST"], 5).responses
    assert (found.status, found.body) == (413, TOO_LARGE)


def memory_of(server: RunningServer) -> int:
    """Bytes of memory of the server and its workers."""
    total = 0
    for process in Path("/proc").iterdir():
        with suppress(OSError, ValueError, IndexError):
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if int(fields[2]) == server.pid:  # its process group
                total += int(fields[21]) * 4_096
    return total


# -- bodies that end too early -------------------------------------------------------------------------------------------


PARTS = b'--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--cut--\r\n'
CUT: dict[str, tuple[str, tuple[str, str], bytes]] = {
    "model": ("/item", JSON, item_of(100)),
    "stream": ("/stream", JSON, item_of(100)),
    "urlencoded": ("/form", FORM, b"a=1&b=2&c=" + b"x" * 90),
    "multipart": ("/form", MULTIPART, PARTS),
}


@pytest.mark.case(18)
@pytest.mark.case(47)
@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("name", CUT)
def test_a_body_that_is_cut_off_is_never_taken_for_a_whole_one(
    server: RunningServer, name: str, framing: str
) -> None:
    path, kind, body = CUT[name]
    before = ran(server)
    for end in (0, 1, len(body) // 2, len(body) - 1, len(body)):
        if framing == "length":
            head, sent = request("POST", path, [kind, ("Content-Length", str(len(body) + 1))]), body[:end]
        else:
            head = request("POST", path, [kind, CHUNKED])
            sent = chunked(body[:end]).removesuffix(b"0\r\n\r\n") if end else b""
        leave(server.port, head + sent, after=0.02)
    time.sleep(0.2)
    assert ran(server) == before


@pytest.mark.case(47)
def test_a_multipart_body_without_its_final_boundary_is_400_on_the_wire(server: RunningServer) -> None:
    before = ran(server)
    for end in (len(PARTS) - 4, len(PARTS) // 2, 5, 0):
        assert answer(server, request("POST", "/form", [MULTIPART], PARTS[:end]))[0] == 400
    assert ran(server) == before
    assert answer(server, request("POST", "/form", [MULTIPART], PARTS)) == (200, b'["a"]')


# -- answers that cannot be written ------------------------------------------------------------------------------------------


@pytest.mark.case(40)
def test_an_answer_that_cannot_be_written_is_one_whole_500(server: RunningServer) -> None:
    talk = exchange(server.port, request("GET", "/unwritable"), request("GET", "/plain"))
    assert talk.in_step
    found: list[Any] = [(response.status, response.body) for response in talk.responses]
    assert found == [(500, b'{"detail":"Internal Server Error"}'), (200, b"plain")]


def test_bodies_that_stop_are_a_408(server: RunningServer) -> None:
    """However they are read, whether their length is known, and all at once; a body that comes is served meanwhile."""
    begun = [
        (path, size, piece)
        for path, piece in (("item", b'{"te'), ("stream", b"x"), ("form", b"a=1"))
        for size in (("Content-Length", "900"), ("Content-Length", "90000"), CHUNKED)
    ]
    before = ran(server)
    talks = []
    for path, size, piece in begun:
        kind = FORM if path == "form" else JSON
        sent = b"%x\r\n%s\r\n" % (len(piece), piece) if size == CHUNKED else piece
        talk = socket.create_connection(("127.0.0.1", server.port), timeout=20)
        talk.sendall(request("POST", f"/slow/{path}", [size, kind]) + sent)
        talks.append(talk)
    (answer,) = exchange(server.port, request("POST", "/slow/item", [JSON], body=item_of(20))).responses
    assert (answer.status, answer.body) == (200, b"9")
    for talk in talks:
        with talk:
            found = read_talk(talk, [b"POST"], 20)
            assert [answer.status for answer in found.responses] == [408]
            assert found.responses[0].body == b'{"detail":"Request Timeout"}'
            # Granian may go on listening for the rest of the body, which it drops.
            assert found.closed or server.kind.startswith("granian")
    assert ran(server).get("stream", 0) == before.get("stream", 0)
    assert ran(server).get("form", 0) == before.get("form", 0)
