"""One exchange over RSGI, held against hand-made scopes and protocols: what servers differ in and no client can show."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from velocipy import FileResponse, StreamingResponse, VelociPy
from velocipy.exceptions import BadRequest, ClientDisconnected, PayloadTooLargeException
from velocipy.rsgi.connection import RSGIConnection, RSGIStream, address, read_body, read_chunks
from velocipy.testing.rsgi_scope import RSGIHeaders


class RSGIProtocolClosed(Exception):
    """A server's own class of that name."""


class Protocol:
    """Records what is answered; its body arrives as the chunks that it is given, empty ones included."""

    def __init__(self, *chunks: bytes, cut: bool = False) -> None:
        self.chunks = chunks
        self.cut = cut
        self.calls: list[tuple[Any, ...]] = []

    async def __call__(self) -> bytes:
        if self.cut:
            raise RSGIProtocolClosed
        return b"".join(self.chunks)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.calls.append((name, *args))


def headers(**pairs: str) -> Any:
    grouped: dict[str, list[str | None]] = {name.replace("_", "-"): [value] for name, value in pairs.items()}
    return RSGIHeaders(grouped)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("[::1]:8080", ("::1", 8080)),
        ("::1:8080", ("::1", 8080)),
        ("unix:/tmp/x", None),
        ("", None),
        (None, None),
    ],
)
def test_an_address_is_split_at_its_last_colon(text: str | None, parts: Any) -> None:
    assert address(text) == parts


@pytest.mark.parametrize(("given", "worded"), [("1", "1.0"), ("1.1", "1.1"), ("2", "2")])
def test_the_http_version_is_worded_as_by_asgi(given: str, worded: str) -> None:
    assert RSGIConnection(SimpleNamespace(http_version=given), None).http_version == worded


# -- the body --------------------------------------------------------------------------------------------------------------


def read(protocol: Protocol, limit: int = 10, **pairs: str) -> bytes:
    return asyncio.run(read_body(pairs.get("content_length"), protocol, limit))


def collect(protocol: Protocol, limit: int = 10, **pairs: str) -> list[bytes]:
    async def run() -> list[bytes]:
        return [chunk async for chunk in read_chunks(pairs.get("content_length"), protocol, limit)]

    return asyncio.run(run())


def test_a_body_with_a_length_is_asked_for_at_once() -> None:
    assert read(Protocol(b"abc"), content_length="3") == b"abc"


def test_a_body_without_a_length_is_counted_as_it_arrives() -> None:
    assert read(Protocol(b"ab", b"c", b"")) == b"abc"
    assert read(Protocol(b"")) == b""
    with pytest.raises(PayloadTooLargeException):
        read(Protocol(b"12345678901", b""))


@pytest.mark.case(18)
def test_a_cut_body_is_told_by_an_exception_or_by_two_empty_chunks() -> None:
    with pytest.raises(ClientDisconnected):
        read(Protocol(cut=True), content_length="3")
    with pytest.raises(ClientDisconnected):
        read(Protocol(b"ab", b"", b""))
    with pytest.raises(ClientDisconnected):
        collect(Protocol(b"ab", b""), content_length="3")


def test_chunks_are_bytes_and_never_empty() -> None:
    assert collect(Protocol(b"a", b"b", b"")) == [b"a", b"b"]
    assert collect(Protocol(b"ab", b""), content_length="2") == [b"ab"]


@pytest.mark.parametrize("length", ["abc", "-1", "+1", "1_0", "9" * 20, "", "١"])
def test_a_length_that_is_no_number_is_400(length: str) -> None:
    with pytest.raises(BadRequest):
        read(Protocol(b"abc"), content_length=length)
    with pytest.raises(BadRequest):
        collect(Protocol(b"abc"), content_length=length)


def test_another_error_of_the_server_stays_what_it_is() -> None:
    class Broken(Protocol):
        async def __call__(self) -> bytes:
            raise LookupError("not a disconnect")

    with pytest.raises(LookupError):
        read(Broken(), content_length="3")


# -- answers ---------------------------------------------------------------------------------------------------------------


def connect(protocol: Protocol, method: str = "GET") -> RSGIConnection:
    return RSGIConnection(SimpleNamespace(method=method, path="/", headers=headers()), protocol)


def test_an_answer_without_a_body_keeps_the_length_that_it_declares() -> None:
    protocol = Protocol()
    asyncio.run(connect(protocol).send_empty(204, [("x", "1")]))
    asyncio.run(connect(protocol, "HEAD").send_empty(200, [("content-length", "12")]))
    assert protocol.calls == [
        ("response_empty", 204, [("x", "1")]),
        ("response_bytes", 200, [("content-length", "12")], b""),
    ]


def test_a_file_is_a_range_for_the_server_and_an_empty_part_is_none(tmp_path: Path) -> None:
    protocol = Protocol()
    pairs = [("content-length", "5"), ("x", "1")]
    asyncio.run(connect(protocol).send_file(206, pairs, tmp_path / "a", 2, 7))
    asyncio.run(connect(protocol).send_file(200, pairs, tmp_path / "a", 3, 3))
    assert protocol.calls == [
        ("response_file_range", 206, pairs, str(tmp_path / "a"), 2, 7),
        ("response_bytes", 200, [("x", "1")], b""),
    ]


class Transport:
    """Counts what is sent; fails once the client has left."""

    def __init__(self, room: int = 1000) -> None:
        self.room = room
        self.sent: list[bytes] = []

    async def send_bytes(self, data: bytes) -> None:
        if len(self.sent) == self.room:
            raise RSGIProtocolClosed
        self.sent.append(data)


def connected() -> RSGIConnection:
    return RSGIConnection(SimpleNamespace(headers=headers()), Protocol())


@pytest.mark.case(17)
def test_a_stream_whose_client_left_raises() -> None:
    async def run() -> None:
        stream = RSGIStream(connected(), Transport(1))
        await stream.write(b"a")
        with pytest.raises(ClientDisconnected):
            await stream.write(b"b")

    asyncio.run(run())


@pytest.mark.parametrize(("size", "writes"), [(1, 1_000), (50_000, 100), (1_000_000, 16)])
def test_writes_let_the_loop_do_other_work(size: int, writes: int) -> None:
    """The server takes chunks without limit, so nothing else would: after 64 of them or 256 KiB."""

    async def run() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.ensure_future(tick())
        stream = RSGIStream(connected(), Transport())
        for _ in range(writes):
            await stream.write(bytes(size))
        ticking.cancel()
        return ticks

    assert asyncio.run(run()) >= 15


@pytest.mark.case(15)
@pytest.mark.parametrize("breaks", [False, True])
@pytest.mark.process
def test_nothing_holds_the_transport_once_a_stream_is_over(breaks: bool) -> None:
    """The body ends when the transport is dropped: a traceback that keeps it leaves the client hanging."""
    app = VelociPy()
    held: list[BaseException] = []

    async def rows() -> AsyncIterator[str]:
        yield "a"
        if breaks:
            error = ValueError("half-way")
            held.append(error)  # and with it the frames of its traceback
            raise error

    @app.get("/")
    async def stream() -> StreamingResponse:
        return StreamingResponse(rows())

    transport = Transport()
    dropped = weakref.ref(transport)
    waiting: list[Transport] = [transport]
    del transport

    class Streaming(Protocol):
        def response_stream(self, status: int, pairs: Any) -> Transport:
            return waiting.pop()

    scope = SimpleNamespace(
        proto="http",
        method="GET",
        path="/",
        query_string="",
        headers=headers(host="a"),
        authority=None,
        client="a:1",
    )
    asyncio.run(app.__rsgi__(scope, Streaming()))
    gc.collect()
    assert dropped() is None
    assert len(held) == breaks


def test_a_file_response_is_sent_by_the_server(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("content")
    app = VelociPy()

    @app.get("/")
    async def file() -> FileResponse:
        return FileResponse(path)

    protocol = Protocol()
    scope = SimpleNamespace(proto="http", method="GET", path="/", headers=headers(host="a"), authority=None)
    asyncio.run(app.__rsgi__(scope, protocol))
    ((name, status, pairs, *rest),) = protocol.calls
    assert (name, status, rest) == ("response_file_range", 200, [str(path), 0, 7])
    assert ("content-length", "7") in pairs
