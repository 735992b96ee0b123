"""The kit itself: its table, its runner, and the strictness of its client. Starts no server; a script plays one."""

from __future__ import annotations

import asyncio
import socket as sockets
import struct
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import pytest

from velocipy.testing.conformance import (
    ABORT,
    CASES,
    METHOD_CASE,
    Case,
    Nonconforming,
    SocketTarget,
    notes,
    run_case,
    target,
)
from velocipy.testing.conformance.case import case, json_of, noted, plain, same
from velocipy.testing.conformance.frames import TEXT, frame
from velocipy.testing.conformance.target import Closing, RawRequest, Reply, ask, handshake, request
from velocipy.testing.errors import ServerClosed, WebSocketDenied

CAPABILITIES = {value for name, value in vars(target).items() if name.isupper() and isinstance(value, str)}

Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def test_importing_the_kit_imports_no_test_runner() -> None:
    """An author of an adapter may run it under whatever runner."""
    code = (
        "import sys, velocipy.testing.conformance; print('pytest' in sys.modules, '_pytest' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout.split() == ["False", "False"]


@pytest.mark.parametrize("name", CASES)
def test_a_case_says_what_it_proves_in_a_sentence(name: str) -> None:
    """And needs only capabilities that the kit describes."""
    found = CASES[name]
    assert found.name == name
    assert found.proves[0].isupper() or found.proves[0] in "`2"
    assert found.proves.endswith(".")
    assert found.needs <= CAPABILITIES


def test_a_case_without_a_sentence_is_refused() -> None:
    """The table would say nothing about it."""

    async def silent(target: object) -> None: ...

    with pytest.raises(ValueError, match="docstring"):
        case()(silent)
    assert "silent" not in CASES


def test_a_case_runs_where_its_needs_are_met() -> None:
    """A target's capabilities decide."""
    needy = Case("needy", "Needs.", lambda target: asyncio.sleep(0), frozenset({ABORT}))
    assert needy.runs_on(SocketTarget("127.0.0.1", 1, frozenset({ABORT, METHOD_CASE})))
    assert not needy.runs_on(SocketTarget("127.0.0.1", 1, frozenset({METHOD_CASE})))


def test_a_case_that_hangs_fails() -> None:
    """Within its time, and says which it was."""
    hanging = Case("hanging", "Hangs.", lambda target: asyncio.sleep(60), frozenset())
    with pytest.raises(Nonconforming, match="hanging did not end within 0.05 s"):
        asyncio.run(run_case(hanging, SocketTarget("127.0.0.1", 1), 0.05))


def test_what_cases_say_tells_both_sides() -> None:
    """What was looked at, what came, what should have come."""
    same("a", 1, 1)
    with pytest.raises(Nonconforming, match="status: got 500, wanted 200"):
        same("status", 500, 200)
    good = Reply(200, ((b"content-type", b"text/plain"), (b"content-length", b"2")), b"ok")
    plain("good", good, 200, b"ok", "text/plain")
    with pytest.raises(Nonconforming, match="content-length"):
        plain("twice", Reply(200, (*good.headers, good.headers[1]), b"ok"), 200, b"ok", "text/plain")


def test_an_answer_that_should_be_json_and_is_not_is_shown() -> None:
    """And one of another status, too."""
    assert json_of("good", Reply(200, (), b"[1]")) == [1]
    with pytest.raises(Nonconforming, match=r"/a: the body is not JSON: b'\[1'"):
        json_of("/a", Reply(200, (), b"[1"))
    with pytest.raises(Nonconforming, match="/a: status 404, wanted 200; the body is b'no'"):
        json_of("/a", Reply(404, (), b"no"))


def test_endpoints_keep_a_bounded_number_of_notes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the newest keys; of each the first notes."""
    monkeypatch.setattr(notes, "_entries", OrderedDict())
    monkeypatch.setattr(notes, "MAX_KEYS", 2)
    monkeypatch.setattr(notes, "MAX_NOTES", 3)
    for key in ("a", "b", "c"):
        for number in range(5):
            notes.note(key, number)
    assert {key: entry.notes for key, entry in notes._entries.items()} == {
        "b": ["0", "1", "2"],
        "c": ["0", "1", "2"],
    }


def test_a_target_that_cannot_stop_says_so() -> None:
    """Rather than pretending."""
    with pytest.raises(Nonconforming, match="cannot be stopped"):
        asyncio.run(SocketTarget("127.0.0.1", 1).stop())


# -- the client over sockets, against a script ---------------------------------------------------------------------------


def against(script: Conversation | bytes, talk: Callable[[SocketTarget], Awaitable[object]]) -> object:
    """Run `talk` with a server that follows a script: bytes are its answer to the first request."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if isinstance(script, bytes):
                writer.write(script)
            else:
                await script(reader, writer)
        finally:
            writer.close()

    async def run() -> object:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await asyncio.wait_for(_awaited(talk(SocketTarget("127.0.0.1", port))), 60)

    return asyncio.run(run())


async def _awaited(work: Awaitable[object]) -> object:
    return await work


def get(target: SocketTarget) -> Awaitable[Reply]:
    """A plain GET."""
    return ask(target, "GET", "/")


def pair(target: SocketTarget) -> Awaitable[object]:
    """Two GETs on one connection."""
    return target.pipeline([(request("GET", "/a"), b""), (request("GET", "/b"), b"")])


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (OK, b"ok"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"ok"),
        (
            b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n2\r\nbc\r\n0\r\nt: 1\r\n\r\n",
            b"abc",
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    ],
)
def test_the_client_reads_every_framing(answer: bytes, body: bytes) -> None:
    """RFC 9112 section 6.3."""
    reply = against(answer, get)
    assert isinstance(reply, Reply)
    assert reply.body == body


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nok",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
    ],
)
def test_the_client_sees_what_breaks_off(answer: bytes) -> None:
    """Never a short body."""
    with pytest.raises(ServerClosed):
        against(answer, get)


@pytest.mark.parametrize(
    "answer",
    [
        b"ok HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno field\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nname : v\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: two\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_the_client_repairs_nothing(answer: bytes) -> None:
    """What two readers could read differently fails the case."""
    with pytest.raises(Nonconforming):
        against(answer, get)


def test_bytes_too_many_fail_a_pipeline() -> None:
    """They would have been the next answer."""
    replies = against(OK + OK, pair)
    assert isinstance(replies, list)
    assert [reply.body for reply in replies] == [b"ok", b"ok"]
    with pytest.raises(Nonconforming, match="belong to no answer"):
        against(OK + OK + b"x", pair)
    with pytest.raises(Nonconforming, match="status line"):
        against(OK + b"body" + OK, pair)


def test_a_connection_that_ends_between_answers_gives_fewer() -> None:
    """The case decides whether that is right; a second answer that breaks off is never."""
    replies = against(OK, pair)
    assert isinstance(replies, list)
    assert len(replies) == 1
    with pytest.raises(ServerClosed):
        against(b"", pair)


SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nsec-websocket-protocol: v1\r\n\r\n"


def test_the_client_joins_fragments_answers_pings_and_passes_over_pongs() -> None:
    """RFC 6455 sections 5.4, 5.5.2 and 5.5.3; the close is what stays."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(
            SWITCH
            + b"\x01\x02na\x8a\x00\x89\x01p\x80\x04\xc3\xafve\x82\x7e\x00\x80"
            + b"b" * 128
            + b"\x88\x05\x0f\xa1bye"
        )
        pong = await reader.readexactly(7)
        assert pong[0] == 0x8A and pong[1] == 0x81

    async def talk(target: SocketTarget) -> object:
        socket = await target.open_socket(handshake("/"))
        try:
            return socket.handshake.subprotocol, [await socket.receive() for _ in range(4)]
        finally:
            await socket.leave()

    bye = Closing(4001, "bye")
    assert against(script, talk) == ("v1", ["naïve", b"b" * 128, bye, bye])


def test_the_client_tells_a_lost_connection_from_a_close() -> None:
    """1006 is nobody's frame, 1005 a frame without a code."""

    async def talk(target: SocketTarget) -> object:
        socket = await target.open_socket(handshake("/"))
        try:
            return await socket.receive()
        finally:
            await socket.leave()

    assert against(SWITCH, talk) == Closing(1006)
    assert against(SWITCH + b"\x88\x00", talk) == Closing(1005)


def test_a_close_reads_on_until_the_server_closes_too() -> None:
    """Past the messages that were on their way."""
    closes: list[bytes] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(SWITCH + b"\x81\x01a\x81\x01b")
        closes.append((await reader.readexactly(8))[:2])
        writer.write(b"\x81\x01c\x88\x02\x03\xe8")
        await reader.read()

    async def talk(target: SocketTarget) -> object:
        socket = await target.open_socket(handshake("/"))
        await socket.close()
        return await socket.receive()

    assert against(script, talk) == Closing(1000)
    assert closes == [b"\x88\x82"]


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Lose the connection with a reset, so that both directions are over at once."""
    writer.write(SWITCH)
    await writer.drain()
    await asyncio.sleep(0.05)  # for the client to have read that
    connection = writer.get_extra_info("socket")
    connection.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def test_what_is_sent_into_a_lost_connection_is_no_error_of_the_client() -> None:
    """Receiving tells; a server that refuses a body need not read it."""

    async def talk(target: SocketTarget) -> object:
        socket = await target.open_socket(handshake("/"))
        end = await socket.receive()
        for _ in range(3):
            await socket.send("still there?")
        exchange = await target.open(request("POST", "/", length=9))
        while not exchange.writer.transport.is_closing():
            await asyncio.sleep(0.01)
        for _ in range(3):
            await exchange.send(b"123")
        return end, await socket.receive()

    assert against(reset, talk) == (Closing(1006), Closing(1006))


def test_a_handshake_that_gets_no_answer_leaves_no_connection_behind() -> None:
    """Whatever came in its place."""
    ended = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n\r\n")
        try:
            assert await reader.read() == b""
        except ConnectionError:
            pass
        ended.set()

    async def talk(target: SocketTarget) -> None:
        with pytest.raises(Nonconforming, match="a status line should stand here, and not b'220"):
            await target.open_socket(handshake("/"))
        await asyncio.wait_for(ended.wait(), 30)

    against(script, talk)


def test_a_refused_handshake_has_its_status() -> None:
    """And its body."""
    with pytest.raises(WebSocketDenied) as denied:
        against(
            b"HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\nno",
            lambda target: target.open_socket(handshake("/")),
        )
    assert (denied.value.status_code, denied.value.body) == (401, b"no")


@pytest.mark.parametrize("length", [0, 5, 125, 126, 65_535, 65_536])
def test_frames_are_masked(length: int) -> None:
    """Every length has its own head, and unmasking gives the payload (RFC 6455 section 5.3)."""
    payload, mask = bytes(range(256)) * (length // 256 + 1), b"\x01\x02\x03\x04"
    payload = payload[:length]
    framed = frame(TEXT, payload, mask)
    head = 2 if length < 126 else 4 if length < 65_536 else 10
    assert framed[0] == 0x81 and framed[1] & 0x80
    assert framed[head : head + 4] == mask
    masked = framed[head + 4 :]
    assert bytes(byte ^ mask[index % 4] for index, byte in enumerate(masked)) == payload


def test_waiting_for_a_note_ends() -> None:
    """A server that never tells is told of."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n["a"]')

    with pytest.raises(Nonconforming, match="never noted 'b', only"):
        against(script, lambda target: noted(target, "key", "b", 0.1))


def test_requests_stand_as_they_are_written() -> None:
    """Nothing is added but one Host and the framing that was asked for."""
    assert request("GET", "/é") == RawRequest("GET", b"/\xe9", ((b"host", b"conformance.test"),))
    framed = request("POST", "/", ("X-A", "1"), chunked=True)
    assert framed.headers[1:] == ((b"X-A", b"1"), (b"transfer-encoding", b"chunked"))
