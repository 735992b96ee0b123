"""Frames as the Autobahn suite has them, sent to every server: what comes back, what the app hears of it, and that the worker lives.

What a server answers is its own, and stands in the tables here as it was measured; what an app hears is the same on all: whole messages
alone, never a part of one that broke the rules.
"""

from __future__ import annotations

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from frames import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Frame, RawSocket, announced, close, frame
from servers import COMMANDS, RunningServer, serve
from websockets.asyncio.client import ClientConnection, connect

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]
HERE = Path(__file__).parent
NUMBERS = count()

BYE = close(1000)


@pytest.fixture(scope="module")
def started() -> Iterator[Callable[[str], RunningServer]]:
    """A function from a kind to its server, which is started at its first use and has the same worker at the end."""
    running: dict[str, tuple[RunningServer, int]] = {}
    with ExitStack() as stack:

        def find(kind: str) -> RunningServer:
            if kind not in running:
                server = stack.enter_context(serve(kind, "socket_app:app", cwd=HERE))
                running[kind] = server, ask(server, "/state")["pid"]
            return running[kind][0]

        yield find
        for server, pid in running.values():
            assert ask(server, "/state")["pid"] == pid, f"a worker of {server.kind} ended:\n{server.tail()}"


@pytest.fixture(params=list(COMMANDS))
def server(request: pytest.FixtureRequest, started: Callable[[str], RunningServer]) -> RunningServer:
    return started(request.param)


def ask(server: RunningServer, path: str) -> Any:
    with urllib.request.urlopen(server.url + path, timeout=20) as answer:
        return json.load(answer)


class Talk(NamedTuple):
    """What came back, what the app heard, and the code by which it was told of the end."""

    frames: list[Frame]
    heard: list[Any]
    code: int


def talks(server: RunningServer, cases: Mapping[str, Sequence[bytes | int]]) -> dict[str, Talk]:
    """Each case over a connection of its own: frames are sent, and so many awaited; then all that comes is read, and the app is asked."""
    prefix = f"{next(NUMBERS)}-"
    came = {
        case: _talk(server, f"/hear/{prefix}{number}", steps)
        for number, (case, steps) in enumerate(cases.items())
    }
    deadline = time.monotonic() + 20
    while True:
        noted = ask(server, f"/noted/{prefix}")
        heard = {case: noted.get(f"{prefix}{number}", []) for number, case in enumerate(cases)}
        if all(each and isinstance(each[-1], int) for each in heard.values()):
            return {case: Talk(came[case], heard[case][:-1], heard[case][-1]) for case in cases}
        assert time.monotonic() < deadline, heard
        time.sleep(0.05)


def _talk(server: RunningServer, path: str, steps: Sequence[bytes | int]) -> list[Frame]:
    with RawSocket(server.port, path) as ws:
        came: list[Frame | None] = []
        for step in steps:
            if isinstance(step, int):
                came += [ws.read() for _ in range(step)]
            else:
                ws.send(step)
        return [frame for frame in came if frame is not None] + ws.read_all()


def ends(talked: Mapping[str, Talk]) -> dict[str, list[tuple[int, bytes]]]:
    """What came back of each case, close frames without their reasons, which are a server's own words."""
    return {
        case: [(opcode, data[:2] if opcode == CLOSE else data) for opcode, data in talk.frames]
        for case, talk in talked.items()
    }


def told(server: RunningServer, code: int) -> int:
    """The code that the app is told where a close frame had this one."""
    return {"granian-rsgi": 1005, "hypercorn": 1006}.get(
        server.kind, code
    )  # of which the one has no codes, and the other tells none


def closed(server: RunningServer, code: int, on_granian: bytes = b"") -> list[Frame]:
    """How a server ends what breaks the rules: Uvicorn with a code, Granian with none, or one of its own, Hypercorn by hanging up."""
    kind = server.kind.partition("-")[0]
    return {"uvicorn": [(CLOSE, code.to_bytes(2))], "granian": [(CLOSE, on_granian)], "hypercorn": []}[kind]


# -- what is in order --------------------------------------------------------------------------------------------------

EURO = "€".encode()
FINE: dict[str, tuple[list[bytes], list[Frame], list[Any]]] = {
    "empty text": ([frame(TEXT)], [(TEXT, b"")], [""]),
    "empty bytes": ([frame(BINARY)], [(BINARY, b"")], [["bytes", ""]]),
    "a mask of zeros": ([frame(TEXT, b"a", mask=bytes(4))], [(TEXT, b"a")], ["a"]),
    "a control character": ([frame(TEXT, b"\0")], [(TEXT, b"\0")], ["\0"]),
    "the last code point": (
        [frame(TEXT, b"\xf4\x8f\xbf\xbf")],
        [(TEXT, b"\xf4\x8f\xbf\xbf")],
        ["\U0010ffff"],
    ),
    "fragments": (
        [frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"b", fin=False), frame(CONTINUATION, b"c")],
        [(TEXT, b"abc")],
        ["abc"],
    ),
    "empty fragments": (
        [frame(BINARY, fin=False), frame(CONTINUATION, fin=False), frame(CONTINUATION)],
        [(BINARY, b"")],
        [["bytes", ""]],
    ),
    "a character in two fragments": (
        [frame(TEXT, EURO[:2], fin=False), frame(CONTINUATION, EURO[2:])],
        [(TEXT, EURO)],
        ["€"],
    ),
    "a ping between fragments": (
        [frame(TEXT, b"a", fin=False), frame(PING, b"p"), frame(CONTINUATION, b"b")],
        [(PONG, b"p"), (TEXT, b"ab")],
        ["ab"],
    ),
    "an empty ping": ([frame(PING)], [(PONG, b"")], []),
    "a ping of 125 bytes": ([frame(PING, bytes(range(125)))], [(PONG, bytes(range(125)))], []),
    "a pong that nobody asked for": ([frame(PONG, b"x"), frame(TEXT, b"a")], [(TEXT, b"a")], ["a"]),
    "two messages in one packet": (
        [frame(TEXT, b"a") + frame(BINARY, b"\xff")],
        [(TEXT, b"a"), (BINARY, b"\xff")],
        ["a", ["bytes", "ff"]],
    ),
    "a frame byte by byte": ([bytes([byte]) for byte in frame(TEXT, EURO)], [(TEXT, EURO)], ["€"]),
}


def test_what_is_in_order_is_heard_and_answered(server: RunningServer) -> None:
    talked = talks(server, {case: [*sent, len(answers), BYE] for case, (sent, answers, _) in FINE.items()})
    assert ends(talked) == {case: [*answers, (CLOSE, b"\x03\xe8")] for case, (_, answers, _) in FINE.items()}
    assert {case: talk.heard for case, talk in talked.items()} == {
        case: heard for case, (_, _, heard) in FINE.items()
    }


# -- what breaks the rules ---------------------------------------------------------------------------------------------

VIOLATIONS: dict[str, list[bytes]] = {
    "no mask": [frame(TEXT, b"a", mask=None)],
    "the first reserved bit": [frame(TEXT, b"a", reserved=4)],
    "the second reserved bit": [frame(TEXT, b"a", reserved=2)],
    "the third reserved bit of a ping": [frame(PING, b"a", reserved=1)],
    "opcode 3": [frame(3, b"a")],
    "opcode 15": [frame(15)],
    "a ping of 126 bytes": [frame(PING, b"x" * 126)],
    "a close of 126 bytes": [close(1000, b"x" * 124)],
    "a ping in fragments": [frame(PING, b"x", fin=False)],
    "a continuation of nothing": [frame(CONTINUATION, b"a")],
    "a text within a text": [frame(TEXT, b"a", fin=False), frame(TEXT, b"b")],
    "a code of one byte": [frame(CLOSE, b"\x03")],
}
BROKEN_TEXTS: dict[str, list[bytes]] = {
    "a byte that starts nothing": [frame(TEXT, b"\xff")],
    "a surrogate": [frame(TEXT, b"\xed\xa0\x80")],
    "a longer form than is needed": [frame(TEXT, b"\xc0\xaf")],
    "beyond the last code point": [frame(TEXT, b"\xf4\x90\x80\x80")],
    "a character without its end": [frame(TEXT, EURO[:2])],
    "in the second fragment": [frame(TEXT, b"a", fin=False), frame(CONTINUATION, b"\xff")],
    "the reason of a close": [close(1000, b"\xff")],
}
CODES = (1000, 1001, 1003, 1007, 1011, 1012, 3000, 3999, 4000, 4999)
NO_CODES = (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000)


@pytest.mark.case(104)
def test_what_breaks_the_protocol_ends_it_and_is_not_heard(server: RunningServer) -> None:
    talked = talks(server, {case: [frame(TEXT, b"before"), 1, *sent] for case, sent in VIOLATIONS.items()})
    assert ends(talked) == {case: [(TEXT, b"before"), *closed(server, 1002)] for case in VIOLATIONS}
    seen = {"granian-rsgi": 1006, "granian-asgi": 1005, "hypercorn": 1006}.get(server.kind, 1002)
    assert {(*talk.heard, talk.code) for talk in talked.values()} == {("before", seen)}


@pytest.mark.case(104)
def test_text_that_is_no_utf8_ends_it_and_is_not_heard(server: RunningServer) -> None:
    talked = talks(server, BROKEN_TEXTS)
    assert ends(talked) == {case: closed(server, 1007) for case in BROKEN_TEXTS}
    assert all(talk.heard == [] for talk in talked.values())


@pytest.mark.case(105)
def test_a_close_is_answered_with_its_code_and_the_app_is_told(server: RunningServer) -> None:
    talked = talks(
        server,
        {str(code): [close(code, "tsch\u00fc\u00df".encode()), frame(TEXT, b"after")] for code in CODES},
    )
    assert ends(talked) == {str(code): [(CLOSE, code.to_bytes(2))] for code in CODES}
    assert {case: (talk.heard, talk.code) for case, talk in talked.items()} == {
        str(code): ([], told(server, code)) for code in CODES
    }


@pytest.mark.case(105)
def test_a_close_without_a_code_is_1005_and_one_that_must_not_be_sent_1002(server: RunningServer) -> None:
    talked = talks(server, {"": [frame(CLOSE)], **{str(code): [close(code)] for code in NO_CODES}})
    refused = closed(server, 1002, b"\x03\xea")
    assert ends(talked) == {"": [(CLOSE, b"")], **{str(code): refused for code in NO_CODES}}
    codes = {"": told(server, 1005), **{str(code): told(server, 1002) for code in NO_CODES}}
    assert {case: (talk.heard, talk.code) for case, talk in talked.items()} == {
        case: ([], code) for case, code in codes.items()
    }


@pytest.mark.case(105)
def test_a_code_that_was_registered_after_the_rfc_is_known_to_uvicorn_alone(server: RunningServer) -> None:
    """1014, of a gateway."""
    (talk,) = talks(server, {"": [close(1014)]}).values()
    known = server.kind.startswith("uvicorn")
    assert ends({"": talk}) == {"": [(CLOSE, b"\x03\xf6")] if known else closed(server, 1002, b"\x03\xea")}
    assert talk.code == told(server, 1014 if known else 1002)


@pytest.mark.case(103)
def test_a_frame_that_says_it_is_a_terabyte_costs_nothing(server: RunningServer) -> None:
    """Hypercorn waits for it, up to the app's limit; the others refuse it by its head."""
    before = ask(server, "/state")["rss"]
    with RawSocket(server.port, "/echo") as ws:
        ws.send(announced((2**40).to_bytes(8), b"x" * 1_000))
        if server.kind != "hypercorn":
            assert [(opcode, data[:2]) for opcode, data in ws.read_all()] == closed(server, 1009)
    assert ask(server, "/state")["rss"] - before < 8_000_000


def test_a_length_in_more_bytes_than_it_needs_is_read_or_refused(server: RunningServer) -> None:
    """RFC 6455 section 5.2 forbids it; Hypercorn alone looks."""
    talked = talks(
        server,
        {"in 2": [announced(b"\0\1", b"a"), 1, BYE], "in 8": [announced(bytes(7) + b"\1", b"a"), 1, BYE]},
    )
    for talk in talked.values():
        assert talk.heard == ([] if server.kind == "hypercorn" else [["bytes", "61"]])
        assert talk.frames == ([] if server.kind == "hypercorn" else [(BINARY, b"a"), (CLOSE, b"\x03\xe8")])


# -- a client that keeps the rules -------------------------------------------------------------------------------------

SIZES = (0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537, 300_000)


async def echoed(ws: ClientConnection) -> None:
    """Every size, as text and as bytes, whole and in fragments with a ping in between."""
    for size in SIZES:
        for message in ("é" * (size // 2), b"\xff" * size):
            await ws.send(message)
            assert await ws.recv() == message
            await ws.send([message[:1], message[1:]])
            pong = await ws.ping(b"x" * min(size, 125))
            assert await ws.recv() == message
            await pong


@pytest.mark.parametrize("compression", [None, "deflate"])
def test_messages_of_every_size_come_back(server: RunningServer, compression: str | None) -> None:
    """Uvicorn and Hypercorn compress where the client offers it; Granian does not."""

    async def test() -> None:
        url = f"ws://127.0.0.1:{server.port}/echo"
        async with connect(url, proxy=None, compression=compression, max_size=None, close_timeout=5) as ws:
            extensions = [extension.name for extension in ws.protocol.extensions]
            offered = compression is not None and not server.kind.startswith("granian")
            assert extensions == (["permessage-deflate"] if offered else [])
            await echoed(ws)
        assert ws.close_code == 1000

    asyncio.run(asyncio.wait_for(test(), 60))
