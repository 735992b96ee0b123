"""Bodies that stop or are cut, and answers that cannot be written, on real sockets of every server: beside the cases 40 and 47."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import COMMANDS, RunningServer, serve
from wire import exchange, read_talk, request

pytestmark = pytest.mark.servers

JSON = ("Content-Type", "application/json")
FORM = ("Content-Type", "application/x-www-form-urlencoded")
MULTIPART = ("Content-Type", "multipart/form-data; boundary=cut")
CHUNKED = ("Transfer-Encoding", "chunked")


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    """A server of each kind, which all tests share; it must be the same process after them."""
    with serve(request.param, "served:app", cwd=Path(__file__).parent) as running:
        yield running
        assert running.alive(), running.tail()


@pytest.fixture(autouse=True)
def still_answers(server: RunningServer) -> Iterator[None]:
    """After each test a plain request is answered."""
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


def answer(server: RunningServer, raw: bytes) -> tuple[int, bytes]:
    """The first answer to a request."""
    found = exchange(server.port, raw).responses[0]
    return found.status, found.body


PARTS = b'--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--cut--\r\n'


@pytest.mark.case(47)
def test_a_multipart_body_without_its_final_boundary_is_400_on_the_wire(server: RunningServer) -> None:
    before = ran(server)
    for end in (len(PARTS) - 4, len(PARTS) // 2, 5, 0):
        assert answer(server, request("POST", "/form", [MULTIPART], PARTS[:end]))[0] == 400
    assert ran(server) == before
    assert answer(server, request("POST", "/form", [MULTIPART], PARTS)) == (200, b'["a"]')


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
