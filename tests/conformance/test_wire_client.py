"""The strict wire client against a scripted server: what it reads, and what it refuses to overlook."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from wire import Desync, exchange, leave, request


@contextmanager
def scripted(answer: bytes, close: bool = False) -> Iterator[int]:
    """A server that sends `answer` to the first connection, whatever it is asked."""
    listener = socket.create_server(("127.0.0.1", 0))
    done = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(answer)
            if not close:
                done.wait(5)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        done.set()
        thread.join(5)
        listener.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1;x=y\r\n!\r\n0\r\nT: 1\r\n\r\n"
GET = request("GET", "/")


def test_pipelined_responses_are_told_apart() -> None:
    with scripted(OK + CHUNKED + b"HTTP/1.1 204 No Content\r\n\r\n" + OK) as port:
        talk = exchange(port, GET, GET, GET, GET)
    assert [response.body for response in talk.responses] == [b"hi", b"hi!", b"", b"hi"]
    assert talk.in_step
    assert not talk.closed


def test_an_interim_response_is_skipped() -> None:
    with scripted(b"HTTP/1.1 100 Continue\r\n\r\n" + OK) as port:
        assert exchange(port, GET).responses[0].status == 200


def test_head_reads_no_body() -> None:
    with scripted(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + OK) as port:
        talk = exchange(port, request("HEAD", "/"), GET)
    assert [response.body for response in talk.responses] == [b"", b"hi"]
    assert talk.in_step


def test_a_response_without_a_length_ends_with_the_connection() -> None:
    with scripted(b"HTTP/1.1 200 OK\r\n\r\nto the end", close=True) as port:
        talk = exchange(port, GET)
    assert talk.responses[0].body == b"to the end"
    assert talk.closed


def test_header_names_are_lower_case_and_duplicates_kept() -> None:
    with scripted(b"HTTP/1.1 200 \r\nX-A: 1\r\nx-a:  2 \r\nContent-Length: 0\r\n\r\n") as port:
        assert exchange(port, GET).responses[0].header("x-a") == [b"1", b"2"]


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 204 No Content\r\n\r\nbody",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nlonger",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" + OK,
    ],
)
def test_bytes_that_nobody_asked_for_are_seen(answer: bytes) -> None:
    with scripted(answer) as port:
        talk = exchange(port, GET)
    assert talk.surplus
    assert not talk.in_step


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n",
    ],
)
def test_a_response_that_ends_too_early_is_not_whole(answer: bytes) -> None:
    with scripted(answer, close=True) as port:
        talk = exchange(port, GET)
    assert [response.whole for response in talk.responses] == [False]
    assert not talk.in_step


@pytest.mark.parametrize(
    "answer",
    [
        b"hello",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx y: 1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: 1\n2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi!",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nhi",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi!\r\n0\r\n\r\n",
    ],
)
def test_what_is_no_response_is_refused(answer: bytes) -> None:
    with scripted(answer) as port, pytest.raises(Desync):
        exchange(port, GET, timeout=1)


def test_a_body_read_as_the_next_response_is_refused() -> None:
    with scripted(b"HTTP/1.1 304 Not Modified\r\n\r\nbody" + OK) as port, pytest.raises(Desync):
        exchange(port, GET, GET)


def test_a_silent_server_ends_the_wait() -> None:
    with scripted(b"") as port:
        talk = exchange(port, GET, timeout=0.1)
    assert (talk.responses, talk.closed, talk.in_step) == ([], False, False)


def test_leaving_sends_every_piece() -> None:
    with scripted(b"") as port:
        leave(port, GET, b"more", after=0.01)


def test_a_request_counts_its_body() -> None:
    expected = b"POST /a HTTP/1.1\r\nHost: h\r\nX: 1\r\nContent-Length: 2\r\n\r\nhi"
    assert request("POST", "/a", [("X", "1")], b"hi", host="h") == expected
