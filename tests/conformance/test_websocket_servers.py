"""WebSockets over real servers with a client that is not ours: messages, closes, hostile frames, slow peers, and what is left behind.

One server a kind serves all tests of the module, and its worker has to be the same process at the end.
"""

from __future__ import annotations

import asyncio
import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from contract_drivers import UPGRADE
from servers import RunningServer, serve
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol
from wire import request

pytestmark = pytest.mark.servers
HERE = Path(__file__).parent

KINDS = ("granian-rsgi", "granian-asgi", "uvicorn-h11", "hypercorn")
CODELESS = frozenset({"granian-rsgi"})
"""Servers whose closes have neither code nor reason."""

NO_BODY = frozenset({"granian-rsgi"})
"""Servers whose refusals have a status alone."""

DROPS_HEADERS = frozenset({"granian-asgi"})
"""Servers that take headers with an accepted handshake and send none of them."""

MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def started() -> Iterator[Callable[[str], RunningServer]]:
    """A function from a kind to its server, which is started at its first use."""
    running: dict[str, tuple[RunningServer, int]] = {}
    with ExitStack() as stack:

        def find(kind: str) -> RunningServer:
            if kind not in running:
                server = stack.enter_context(serve(kind, "socket_app:app", cwd=HERE))
                running[kind] = server, state(server)["pid"]
            return running[kind][0]

        yield find
        for server, pid in running.values():
            assert server.alive(), server.tail()
            assert state(server)["pid"] == pid, f"a worker of {server.kind} ended:\n{server.tail()}"


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest, started: Callable[[str], RunningServer]) -> RunningServer:
    return started(request.param)


def ask(server: RunningServer, path: str, method: str = "GET") -> Any:
    asked = urllib.request.Request(server.url + path, method=method)
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return json.load(answer)


def state(server: RunningServer) -> dict[str, int]:
    found: dict[str, int] = ask(server, "/state")
    return found


def until(server: RunningServer, path: str, ready: Callable[[Any], bool], seconds: float = 30) -> Any:
    """What the app says once that is so."""
    deadline = time.monotonic() + seconds
    while not ready(found := ask(server, path)):
        assert time.monotonic() < deadline, f"{path} is still {found}"
        time.sleep(0.05)
    return found


@asynccontextmanager
async def opened(server: RunningServer, path: str, **options: Any) -> AsyncIterator[ClientConnection]:
    """A WebSocket of the `websockets` library; uncompressed unless the test says otherwise."""
    url = f"ws://127.0.0.1:{server.port}{path}"
    keywords = {"compression": None, "max_size": None, "close_timeout": 1, **options}
    async with connect(url, proxy=None, **keywords) as connection:
        yield connection


async def closing(connection: ClientConnection) -> int | None:
    """The code of the server's close frame; None where the connection ended without one."""
    try:
        while True:
            await asyncio.wait_for(connection.recv(), 20)
    except (ConnectionClosed, TimeoutError):
        frame = connection.protocol.close_rcvd
        return None if frame is None else frame.code


def code_of(server: RunningServer, code: int) -> int:
    return 1005 if server.kind in CODELESS else code


def run(test: Awaitable[None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


# -- messages ----------------------------------------------------------------------------------------------------------------


def test_messages_come_back_whole_and_as_their_kind(server: RunningServer) -> None:
    async def test() -> None:
        async with opened(server, "/echo") as ws:
            for message in (
                "text",
                b"b\xff\x00",
                "ü€😀",
                "",
                b"",
                "x" * 65_536,
                b"y" * 65_536,
                "z" * MEBIBYTE,
            ):
                await ws.send(message)
                assert await ws.recv() == message
            await ws.send(["frag", "", "mented"])
            assert await ws.recv() == "fragmented"
            await ws.send([b"a"] * 70)
            assert await ws.recv() == b"a" * 70

    run(test())


def test_compressed_messages_come_back_too(server: RunningServer) -> None:
    async def test() -> None:
        async with opened(server, "/echo", compression="deflate") as ws:
            for message in ("x" * 100_000, "short"):
                await ws.send(message)
                assert await ws.recv() == message

    run(test())


@pytest.mark.case(104)
def test_pings_are_answered_by_the_server(server: RunningServer) -> None:
    async def test() -> None:
        async with opened(server, "/echo") as ws:
            for _ in range(200):
                await asyncio.wait_for(await ws.ping(), 5)
            await ws.send("still there")
            assert await ws.recv() == "still there"

    run(test())


def test_three_tasks_send_at_once_and_every_message_arrives_whole(server: RunningServer) -> None:
    async def test() -> None:
        async with opened(server, "/two", compression="deflate") as ws:
            got = [str(await ws.recv()) for _ in range(120)]
            for letter in "abc":
                lengths = [len(text) for text in got if text == letter * len(text)]
                assert lengths == [1] * 10 + [100] * 10 + [10_000] * 10 + [200_000] * 10
            await ws.send("end")
            assert await ws.recv() == "end"

    run(test())


def test_a_receive_that_times_out_loses_no_message(server: RunningServer) -> None:
    async def test() -> None:
        async with opened(server, "/patient") as ws:
            assert [await ws.recv() for _ in range(2)] == ["waiting"] * 2
            await ws.send("kept")
            assert [await ws.recv() for _ in range(3)] == ["kept", "waiting", "waiting"]

    run(test())


@pytest.mark.case(102)
@pytest.mark.parametrize("number", [1, 2, 100])
def test_a_subprotocol_is_chosen_where_the_server_can(server: RunningServer, number: int) -> None:
    async def test() -> None:
        names = [Subprotocol(f"v{index}") for index in range(number)]
        async with opened(server, "/protocol", subprotocols=names) as ws:
            assert ws.subprotocol == (None if server.kind == "granian-rsgi" else names[-1])
            assert json.loads(await ws.recv()) == names

    run(test())


@pytest.mark.case(102)
@pytest.mark.parametrize(
    "value", [b"\x80\xff", b"", b",", b"a,,b", b"\x00", b"a" * 4_000, b",".join([b"v"] * 1_000)]
)
def test_hostile_subprotocols_end_no_server(server: RunningServer, value: bytes) -> None:
    """Taken or refused as each server likes; `test_core_websocket` holds what the app sees of those that are taken."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        head = request("GET", "/protocol", UPGRADE).removesuffix(b"\r\n")
        connection.sendall(head + b"Sec-WebSocket-Protocol: " + value + b"\r\n\r\n")
        answer = connection.recv(4_096)
    assert answer[:13] in (b"", b"HTTP/1.1 101 ", b"HTTP/1.1 400 ", b"HTTP/1.1 431 ")
    assert state(server)["pid"]


# -- hostile messages --------------------------------------------------------------------------------------------------------


@pytest.mark.case(103)
@pytest.mark.parametrize("how", ["single", "fragmented", "deflated", "by one byte"])
def test_a_message_beyond_the_limit_is_1009(server: RunningServer, how: str) -> None:
    messages: dict[str, Any] = {
        "single": "x" * 1_500_000,
        "fragmented": [b"x" * 20_000] * 70,
        "deflated": "x" * 1_500_000,
        "by one byte": b"x" * (MEBIBYTE + 1),
    }

    async def test() -> None:
        compression = "deflate" if how == "deflated" else None
        async with opened(server, "/echo", compression=compression) as ws:
            await ws.send(messages[how])
            assert await closing(ws) == code_of(server, 1009)

    run(test())


@pytest.mark.case(103)
def test_a_message_beyond_the_server_s_own_limit_ends_the_websocket(server: RunningServer) -> None:
    """A frame of 20 MB: no server hands it to the app. Some close with 1009, some drop the connection."""

    async def test() -> None:
        async with opened(server, "/watch/huge") as ws:
            try:
                await ws.send(b"x" * 20_000_000)
            except ConnectionClosed:
                pass
            assert await closing(ws) in (None, 1009, 1005, 1002, 1006)

    before = state(server)
    run(test())
    heard = until(server, "/notes/huge", lambda found: len(found) == 3)
    assert heard[1:] == ["disconnected"] * 2
    assert state(server)["rss"] - before["rss"] < 60 * MEBIBYTE


@pytest.mark.case(104)
def test_text_that_is_no_utf8_ends_the_websocket(server: RunningServer) -> None:
    """1007 (RFC 6455 section 8.1) from Uvicorn; Granian closes without a code, Hypercorn drops the connection."""
    wanted = {"uvicorn-h11": 1007, "hypercorn": None}

    async def test() -> None:
        async with opened(server, "/watch/utf8") as ws:
            await ws.send(b"\xff\xfe", text=True)
            assert await closing(ws) == wanted.get(server.kind, 1005)

    run(test())
    assert until(server, "/notes/utf8", lambda found: len(found) == 3)[1:] == ["disconnected"] * 2


@pytest.mark.case(108)
def test_who_floods_a_handler_that_never_reads_has_to_wait(server: RunningServer) -> None:
    """What is held is the kernel's buffers and a few messages of the server's: 4 to 7 MB here, 64 MB were offered."""
    sent = 0
    before = state(server)

    async def test() -> None:
        nonlocal sent
        async with opened(server, "/deaf/flooded") as ws:
            with pytest.raises((ConnectionClosed, TimeoutError)):
                while sent < 1_000:
                    await asyncio.wait_for(ws.send(b"x" * 65_536), 0.3)
                    sent += 1
            await closing(ws)

    run(test())
    assert 0 < sent * 65_536 < 20_000_000
    assert until(server, "/notes/flooded", bool) == ["slept"]
    assert state(server)["rss"] - before["rss"] < 16 * MEBIBYTE


# -- slow peers --------------------------------------------------------------------------------------------------------------


@contextmanager
def unread(server: RunningServer, path: str) -> Iterator[socket.socket]:
    """A WebSocket whose client never reads."""
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(request("GET", path, UPGRADE))
        yield connection


@pytest.mark.case(107)
def test_a_peer_that_does_not_read_is_given_up_after_the_send_timeout(server: RunningServer) -> None:
    before = state(server)
    with unread(server, "/flood/slow"):
        woken, timed_out, sent = until(server, "/notes/slow", lambda found: len(found) == 3)
        assert (woken, timed_out) == ("woken", True)
        assert sent * 65_536 < 20_000_000
        after = state(server)
        assert after["rss"] - before["rss"] < 16 * MEBIBYTE
    until(server, "/state", lambda found: found["files"] <= before["files"])
    until(server, "/state", lambda found: found["tasks"] <= before["tasks"])


@pytest.mark.case(107)
def test_a_slow_subscriber_is_closed_and_costs_the_others_nothing(server: RunningServer) -> None:
    before = state(server)
    with unread(server, "/chat/slow"):
        until(server, "/state", lambda found: found["subscribers"] == 1)
        began = time.monotonic()
        assert ask(server, "/publish/slow", "POST") < 2_000
        assert time.monotonic() - began < 20
        assert state(server)["rss"] - before["rss"] < 16 * MEBIBYTE
    until(server, "/state", lambda found: found["files"] <= before["files"])


# -- ends --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1008, 3000, 4999])
def test_the_app_s_close_has_its_code_and_reason_where_the_server_can(
    server: RunningServer, code: int
) -> None:
    async def test() -> None:
        async with opened(server, f"/close/{code}") as ws:
            assert await closing(ws) == code_of(server, code)
            frame = ws.protocol.close_rcvd
            assert frame is not None
            assert frame.reason == ("" if server.kind in CODELESS else "because")

    run(test())


@pytest.mark.case(105)
@pytest.mark.parametrize("how", ["close", "lose"])
def test_after_the_peer_has_gone_everything_raises_disconnect(server: RunningServer, how: str) -> None:
    """Only Uvicorn and Granian's ASGI tell the peer's code; Hypercorn says 1006, and RSGI has none."""
    codes = {"granian-asgi": [4002, ""], "uvicorn-h11": [4002, "bye"], "granian-rsgi": [1005, ""]}

    async def test() -> None:
        async with opened(server, f"/watch/{how}") as ws:
            await ws.send("12345")
            if how == "close":
                await ws.close(4002, "bye")
            else:
                ws.transport.abort()

    run(test())
    length, end, *after = until(server, f"/notes/{how}", lambda found: len(found) == 4)
    assert length == 5
    assert after == ["disconnected"] * 2
    if how == "close":
        assert end == codes.get(server.kind, [1006, ""])
    else:
        assert end[0] in (1005, 1006)


@pytest.mark.case(105)
def test_a_client_that_leaves_before_accept_is_a_disconnect_then_or_at_the_next_step(
    server: RunningServer,
) -> None:
    before = state(server)
    with unread(server, "/late/left"):
        until(server, "/notes/left", bool)
    heard = until(server, "/notes/left", lambda found: len(found) == 3)
    assert heard == ["connecting", "disconnected", "CLOSED"]
    until(server, "/state", lambda found: found["files"] <= before["files"])


@pytest.mark.case(109)
def test_plain_requests_and_handshakes_do_not_mix(server: RunningServer) -> None:
    async def test() -> None:
        with pytest.raises(InvalidStatus) as caught:
            async with opened(server, "/state"):
                pass
        assert caught.value.response.status_code == 403

    run(test())
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(server, "/echo")
    refused.value.close()  # it is an answer, with a connection
    assert refused.value.code == 404


@pytest.mark.case(106)
def test_an_unhandled_exception_is_1011_and_one_log(server: RunningServer) -> None:
    before = server.log().count("unhandled exception in WEBSOCKET /error")

    async def test() -> None:
        async with opened(server, "/error") as ws:
            await ws.send("x")
            assert await closing(ws) == code_of(server, 1011)

    run(test())
    deadline = time.monotonic() + 20
    while server.log().count("LookupError: nobody expects this") == before:
        assert time.monotonic() < deadline, server.tail()
        time.sleep(0.05)
    time.sleep(0.1)  # for a second one
    log = server.log()
    assert log.count("unhandled exception in WEBSOCKET /error") == before + 1
    assert log.count("LookupError: nobody expects this") == before + 1


@pytest.mark.case(106)
@pytest.mark.parametrize("status", [401, 403, 429, 503])
def test_a_refusal_has_its_status_and_a_body_where_the_server_can(server: RunningServer, status: int) -> None:
    async def test() -> None:
        with pytest.raises(InvalidStatus) as caught:
            async with opened(server, f"/denied/{status}"):
                pass
        answer = caught.value.response
        assert answer.status_code == status
        if status < 500 and server.kind not in NO_BODY:
            assert answer.body == b'{"detail":"no"}'
            assert answer.headers["x-why"] == "because"

    run(test())


@pytest.mark.case(92)
@pytest.mark.parametrize(("status", "frames"), [(101, "SAMEORIGIN"), (401, "DENY")])
def test_the_headers_of_middleware_stand_on_handshakes_where_the_server_can(
    server: RunningServer, status: int, frames: str
) -> None:
    async def test() -> None:
        if status == 101:
            async with opened(server, "/armored/101") as connection:
                answer = connection.response
        else:
            with pytest.raises(InvalidStatus) as caught:
                async with opened(server, f"/armored/{status}"):
                    pass
            answer = caught.value.response
        assert answer is not None
        assert answer.status_code == status
        has = server.kind not in (NO_BODY | DROPS_HEADERS if status == 101 else NO_BODY)
        assert answer.headers.get_all("x-frame-options") == ([frames] if has else [])
        assert answer.headers.get_all("x-content-type-options") == (["nosniff"] if has else [])
        assert len(answer.headers.get("x-request-id", "")) == (32 if has else 0)

    run(test())


def test_what_the_capabilities_promise_arrives_and_what_they_deny_does_not(server: RunningServer) -> None:
    async def test() -> None:
        async with opened(server, "/able", subprotocols=["a", "b"]) as ws:
            can = json.loads(await ws.recv())
            assert (ws.subprotocol == "b") is can["subprotocols"] is (server.kind != "granian-rsgi")
            assert ws.response is not None
            assert ("x-able" in ws.response.headers) is can["accept_headers"]
            assert can["accept_headers"] is (server.kind not in NO_BODY | DROPS_HEADERS)
            assert (await closing(ws) == 4001) is can["close_codes"]

    run(test())


@pytest.mark.parametrize(("status", "sent"), [(499, 400), (430, 400), (599, 500)])
def test_a_refusal_that_has_no_name_goes_out_as_its_class(
    server: RunningServer, status: int, sent: int
) -> None:
    """RFC 9110 section 15 has clients read an unknown status so, and one server hangs up on what it has no phrase for."""

    async def test() -> None:
        with pytest.raises(InvalidStatus) as caught:
            async with opened(server, f"/denied/{status}"):
                pass
        assert caught.value.response.status_code == sent

    run(test())


@pytest.mark.parametrize("path", ["/echo", "/chat/ended", "/flood/ended"])
def test_the_connection_ends_with_the_closing_handshake(server: RunningServer, path: str) -> None:
    """RFC 6455 section 7.1.1: the server closes the TCP connection first, whatever an endpoint's tasks still refer to."""
    with unread(server, path) as connection:
        connection.settimeout(5)
        connection.recv(512)
        connection.sendall(b"\x88\x82\0\0\0\0\x03\xe8")
        with pytest.raises((ConnectionError, StopIteration)):
            while True:
                if not connection.recv(65_536):
                    raise StopIteration


# -- what is left ------------------------------------------------------------------------------------------------------------


@pytest.mark.case(110)
def test_two_thousand_websockets_leave_nothing(server: RunningServer) -> None:
    """Each of ten clients, one after the other: an echo or a chat, closed by itself or lost, or closed by the app."""

    async def visit(number: int) -> None:
        path = ("/echo", "/chat/many", "/close/1000")[number % 3]
        async with opened(server, path, close_timeout=5) as ws:
            if path != "/close/1000":
                await ws.send("x")
            await ws.recv()
            if number % 4 == 0:
                ws.transport.abort()

    async def client(first: int, total: int) -> None:
        for number in range(first, total, 10):
            await visit(number)

    async def visits(total: int) -> None:
        await asyncio.gather(*(client(first, total) for first in range(10)))

    run(visits(200))
    before = until(server, "/state", lambda found: found["subscribers"] == 0)
    run(visits(2_000))
    until(server, "/state", lambda found: found["tasks"] <= before["tasks"])
    until(server, "/state", lambda found: found["files"] <= before["files"])
    after = state(server)
    assert after["subscribers"] == 0
    assert after["pid"] == before["pid"]
    assert after["rss"] - before["rss"] < 4 * MEBIBYTE
