"""Streams over sockets, on every server: clients that leave or read slowly, and errors in the middle."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path

import pytest
import wire
from servers import COMMANDS, RunningServer, serve

pytestmark = pytest.mark.servers
HERE = Path(__file__).parent
KINDS = list(COMMANDS)
MUCH = 1_600
"""Chunks of 64 KiB: 100 MiB."""


@pytest.fixture(scope="module")
def served() -> Iterator[Callable[[str], RunningServer]]:
    """A function from a kind to its server, which is started at its first use."""
    running: dict[str, RunningServer] = {}
    with ExitStack() as stack:

        def find(kind: str) -> RunningServer:
            if kind not in running:
                running[kind] = stack.enter_context(serve(kind, "stream_app:app", cwd=HERE))
            return running[kind]

        yield find


def ask(server: RunningServer, target: str) -> wire.WireResponse:
    """The one answer to a GET."""
    (response,) = wire.exchange(server.port, wire.request("GET", target)).responses
    return response


def opened(server: RunningServer, target: str, *, small: bool = False) -> socket.socket:
    """A connection on which a GET was sent; with a `small` buffer the server soon sees that nobody reads."""
    connection = socket.socket()
    if small:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", server.port))
    connection.sendall(wire.request("GET", target))
    return connection


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    """Everything up to where it first holds what is wanted."""
    data = b""
    while wanted not in data:
        more = connection.recv(65_536)
        assert more, f"the connection ended after {data!r}"
        data += more
    return data


def wait_for_closing(server: RunningServer, name: str, seconds: float) -> None:
    """Until the iterator was closed, once; with patience for a machine that runs other tests beside this one."""
    deadline = time.monotonic() + 20 * seconds
    while (count := ask(server, f"/closed/{name}").body) == b"0":
        assert time.monotonic() < deadline, f"the iterator {name} is still open after {20 * seconds} s"
        time.sleep(0.02)
    time.sleep(0.1)
    assert count == ask(server, f"/closed/{name}").body == b"1"


@pytest.mark.case(17)
@pytest.mark.parametrize("kind", KINDS)
def test_a_client_that_leaves_a_waiting_stream_ends_it_within_a_second(
    kind: str, served: Callable[[str], RunningServer]
) -> None:
    server = served(kind)
    logged = len(server.log())
    with opened(server, "/stream/left/60/end") as connection:
        read_until(connection, b"0123456789")
    wait_for_closing(server, "left", 1)
    assert "Traceback" not in server.log()[logged:]


@pytest.mark.case(17)
@pytest.mark.parametrize("kind", KINDS)
def test_events_beat_and_end_with_their_client(kind: str, served: Callable[[str], RunningServer]) -> None:
    server = served(kind)
    with opened(server, "/events/events") as connection:
        seen = read_until(connection, b"data: first\n\n")
        while seen.count(b":\n\n") < 2:
            seen += connection.recv(65_536)
    wait_for_closing(server, "events", 1)


@pytest.mark.case(15)
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_in_the_middle_breaks_off_and_is_logged_once(
    kind: str, served: Callable[[str], RunningServer]
) -> None:
    """RSGI has no call for it: there the log alone tells."""
    server = served(kind)
    response = ask(server, "/stream/broken/0.05/fail")
    assert response.whole is (kind == "granian-rsgi")
    wait_for_closing(server, "broken", 1)
    assert server.log().count("LookupError: half-way through broken") == 1


@pytest.mark.case(152)
@pytest.mark.parametrize("kind", KINDS)
def test_streams_that_were_left_leave_no_task_behind(
    kind: str, served: Callable[[str], RunningServer]
) -> None:
    server = served(kind)
    # Over one connection: Hypercorn keeps three tasks of each that was closed for five seconds.
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as asking:
        before = tasks(asking)
        for _ in range(5):
            connections = [opened(server, f"/stream/many/60/{number}") for number in range(40)]
            for number, connection in enumerate(connections):
                if number % 2:
                    read_until(connection, b"0123456789")
                connection.close()
        deadline = (
            time.monotonic() + 20
        )  # a leak never ends; a machine that runs other tests too takes its time
        # Servers have tasks of their own for connections: one more or less is no stream.
        while tasks(asking) > before + 5:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def tasks(asking: HTTPConnection) -> int:
    """How many the server has."""
    asking.request("GET", "/tasks")
    return int(asking.getresponse().read())


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="memory is read from /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_bulk_for_a_slow_client_takes_no_memory(kind: str, tmp_path: Path) -> None:
    """100 MiB, of which the client reads next to nothing for a second; all of it arrives in the end."""
    with serve(kind, "stream_app:app", cwd=HERE) as server:
        assert ask(server, "/much/1").whole
        before = memory(server.pid)
        with opened(server, f"/much/{MUCH}", small=True) as connection:
            read_until(connection, b"x")
            time.sleep(1)
            grown = memory(server.pid) - before
            received, tail = 0, b""
            while not tail.endswith(b"\r\n0\r\n\r\n"):
                more = connection.recv(1 << 20)
                assert more, f"the connection ended after {received} bytes"
                received += len(more)
                tail = (tail + more)[-16:]
    assert received > (MUCH - 40) * 65_536
    assert grown < 16 * 1024, f"{grown} KiB more for a stream that nobody read"


def memory(pid: int) -> int:
    """Resident KiB of a process and its workers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    status = Path(f"/proc/{pid}/status").read_text()
    own = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return own + sum(memory(int(child)) for child in children)
