"""The load generators. Knows a counting server of a few lines; starts no framework."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from benchkit.chatter import chat, client_frame, server_frame
from benchkit.flood import flood, frame
from benchkit.load import AsyncioClient, LoadFailed, client, lua, parse_wrk, request_bytes
from benchkit.workloads import WORKLOADS, Ask

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"


async def loaded(
    answers: list[list[bytes]], request: bytes = b"GET / HTTP/1.1\r\n\r\n"
) -> tuple[dict[str, object], int]:
    """The report of a short flood, and how many requests the server saw; `answers` are written in turn, piece by piece."""
    seen = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        try:
            while await reader.readexactly(len(request)) == request:
                pieces = answers[seen % len(answers)]
                seen += 1
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        return await flood(port, request, 0.2, 4), seen


@pytest.mark.parametrize(
    "answers",
    [[[OK]], [[CHUNKED]], [[OK], [CHUNKED]], [[OK[:20], OK[20:]]], [[b"HTTP/1.1 204 No Content\r\n\r\n"]]],
    ids=["sized", "chunked", "of two lengths", "in two pieces", "empty"],
)
def test_the_bundled_client_counts_what_the_server_answered(answers: list[list[bytes]]) -> None:
    """At the end of the slice each of the four connections may have one answer on its way."""
    report, seen = asyncio.run(loaded(answers))
    assert report["faults"] == []
    assert 0 <= seen - int(str(report["requests"])) <= 4
    assert seen > 50


def test_statuses_are_counted_apart() -> None:
    report, _ = asyncio.run(loaded([[OK], [OK.replace(b"200 OK", b"503 No")]]))
    statuses = report["statuses"]
    assert isinstance(statuses, dict) and set(statuses) == {"200", "503"}


def test_a_second_response_to_one_request_is_a_fault() -> None:
    report, _ = asyncio.run(loaded([[OK + OK]]))
    assert "though one request was sent" in str(report["faults"])


def test_a_server_that_hangs_up_is_a_fault() -> None:
    async def scenario() -> dict[str, object]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(10)
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            return await flood(server.sockets[0].getsockname()[1], b"GET / HTTP/1.1\r\n\r\n", 0.05, 2)

    assert "2 connections lost" in str(asyncio.run(scenario())["faults"])


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200", OK[:-1], CHUNKED[:-1], CHUNKED[:-7]])
def test_an_incomplete_response_is_waited_for(data: bytes) -> None:
    assert frame(data) is None


@pytest.mark.parametrize("data", [b"SSH-2.0\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n"])
def test_what_cannot_be_framed_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        frame(data)


def test_a_whole_response_gives_status_and_length() -> None:
    assert frame(OK) == (200, len(OK))
    assert frame(CHUNKED + b"rest") == (200, len(CHUNKED))


def test_the_request_has_host_and_length() -> None:
    text = request_bytes(Ask("POST", "/body", (("content-type", "a/b"),), b"xyz"), 80)
    assert (
        text
        == b"POST /body HTTP/1.1\r\nHost: 127.0.0.1:80\r\ncontent-type: a/b\r\nContent-Length: 3\r\n\r\nxyz"
    )
    assert b"Content-Length" not in request_bytes(Ask("GET", "/"), 80)


def test_the_script_for_wrk_cannot_be_broken_by_a_body() -> None:
    script = lua(Ask("POST", "/", (), b'"]]\n\\'))
    assert 'wrk.body = "\\034\\093\\093\\010\\092"' in script


def test_figures_of_wrk_are_read() -> None:
    found = parse_wrk("Requests/sec: 1\nfigures 4711 1000342 0 0\n", Ask("GET", "/"), 200)
    assert (found.requests, found.seconds) == (4711, 1.000342)


@pytest.mark.parametrize(
    ("line", "status"), [("10 1 1 0", 200), ("10 1 0 2", 200), ("10 1 9 0", 404), ("10 1 0 0", 404)]
)
def test_unexpected_statuses_and_socket_errors_are_no_figure(line: str, status: int) -> None:
    with pytest.raises(LoadFailed):
        parse_wrk(f"figures {line}\n", Ask("GET", "/"), status)


def test_a_404_workload_wants_all_answers_refused() -> None:
    assert parse_wrk("figures 10 1000000 10 0\n", WORKLOADS["missing"].timed, 404).requests == 10


def test_without_wrk_the_bundled_client_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert isinstance(client("auto", 1, None), AsyncioClient)
    with pytest.raises(ValueError, match="not on PATH"):
        client("wrk", 1, None)


def test_wrk_is_not_asked_for_parts_of_a_second() -> None:
    assert isinstance(client("auto", 0.2, None), AsyncioClient)
    with pytest.raises(ValueError, match="whole seconds"):
        client("wrk", 0.2, None)


@contextmanager
def answering(reply: bytes, head: bytes = b"HTTP/1.1 101 Switching Protocols\r\n\r\n") -> Iterator[int]:
    """A server that takes handshakes, and sends `reply` for each frame of six bytes of text."""
    size = len(client_frame(b"raptor"))

    def serve(connection: socket.socket) -> None:
        with connection, suppress(ConnectionError):
            connection.recv(4096)
            connection.sendall(head)
            while connection.recv(size, socket.MSG_WAITALL):
                connection.sendall(reply)

    def accept() -> None:
        while True:
            try:
                connection = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def test_messages_that_come_back_are_counted() -> None:
    with answering(server_frame(b"raptor")) as port:
        report = chat(port, b"GET / HTTP/1.1\r\n\r\n", b"raptor", 0.1, 3)
    assert report["faults"] == [] and int(str(report["requests"])) > 5


def test_another_message_is_a_fault() -> None:
    with answering(server_frame(b"roptar")) as port:
        report = chat(port, b"GET / HTTP/1.1\r\n\r\n", b"raptor", 5, 1)
    assert "roptar" in str(report["faults"])


def test_a_refused_handshake_is_no_figure() -> None:
    with answering(b"", b"HTTP/1.1 403 Forbidden\r\n\r\n") as port, pytest.raises(ValueError, match="403"):
        chat(port, b"GET / HTTP/1.1\r\n\r\n", b"raptor", 0.1, 1)
