"""One exchange over RSGI, held against hand-made scopes and protocols: what servers differ in and no client can show."""

import asyncio
import contextlib
import gc
import os
import weakref
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from velocipy import FileResponse, Request, Response, StreamingResponse, VelociPy
from velocipy.exceptions import BadRequest, ClientDisconnected, PayloadTooLargeException
from velocipy.http.response import as_bytes
from velocipy.protocols import HTTPConnection
from velocipy.rsgi.connection import RSGIConnection, RSGIStream, address, read_body, read_chunks
from velocipy.rsgi.pipe import PIPES, RSGIPipe
from velocipy.testing.exchange import RawRequest
from velocipy.testing.rsgi_scope import RSGIHeaders, RSGIScope


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


def read(protocol: Protocol, limit: int = 10, version: str = "1.1", **pairs: str) -> bytes:
    scope = SimpleNamespace(http_version=version)
    return asyncio.run(read_body(pairs.get("content_length"), scope, protocol, limit))


def collect(protocol: Protocol, limit: int = 10, version: str = "1.1", **pairs: str) -> list[bytes]:
    scope = SimpleNamespace(http_version=version)

    async def run() -> list[bytes]:
        return [chunk async for chunk in read_chunks(pairs.get("content_length"), scope, protocol, limit)]

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


class Endless(Protocol):
    """A stream of HTTP/2 that was reset: empty chunks for as long as they are asked for."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            yield chunk
        while True:
            yield b""


@pytest.mark.case(18)
@pytest.mark.timeout(20)
def test_a_stream_that_was_reset_is_a_cut_body_and_nobody_asks_for_its_end() -> None:
    for declared in ("2", "9"):
        with pytest.raises(ClientDisconnected):
            collect(Endless(b"ab"), content_length=declared)
    with pytest.raises(ClientDisconnected):
        read(Endless(b"ab"))

    async def uploaded() -> None:
        connection: Any = RSGIConnection(SimpleNamespace(headers=headers(), http_version="2"), Endless(b"ab"))
        with pytest.raises(ClientDisconnected):
            [chunk async for chunk in connection.read_chunks(10)]

    asyncio.run(uploaded())


def test_a_body_with_trailers_is_whole_where_it_can_be_told_from_a_cut_one() -> None:
    """Behind two empty chunks there is nothing; only over HTTP/1.1 a cut body looks so too."""
    assert read(Protocol(b"ab", b"", b""), version="2") == b"ab"
    assert collect(Protocol(b"ab", b"", b""), content_length="2") == [b"ab"]


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


def test_a_read_that_is_cancelled_is_cancelled() -> None:
    class Silent(Protocol):
        async def __call__(self) -> bytes:
            body: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            return await body

    async def run() -> None:
        reading = asyncio.ensure_future(
            read_body("3", SimpleNamespace(http_version="1.1"), Silent(), 10, 60.0)
        )
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait((reading,))
        assert reading.cancelled()

    asyncio.run(run())


class Plain(Protocol):
    """Its chunks come without a coroutine, and so does their end; an exception or a future may take the place of a chunk."""

    def __init__(self, *chunks: bytes | Exception | asyncio.Future[bytes]) -> None:
        super().__init__()
        self.coming = list(chunks)
        self.waited = 0

    def __aiter__(self) -> Any:
        return self

    def __anext__(self) -> asyncio.Future[bytes]:
        if not self.coming:
            raise StopAsyncIteration
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        match self.coming.pop(0):
            case asyncio.Future() as given:
                return given
            case Exception() as exc:
                future.set_exception(exc)
            case chunk:
                future.set_result(chunk)
        return future

    async def client_disconnect(self) -> None:
        self.waited += 1


def test_who_waits_for_the_client_takes_in_the_body_and_then_asks_the_server() -> None:
    async def run() -> None:
        protocol = Plain(b"ab", b"c")
        connection = connect(protocol)
        await connection.disconnected()
        assert protocol.waited == 1
        assert [chunk async for chunk in connection.read_chunks(10)] == [b"ab", b"c"]

    asyncio.run(run())


def test_a_chunk_on_its_way_to_a_wait_that_is_cancelled_goes_to_who_reads() -> None:
    async def run() -> None:
        coming: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        connection = connect(Plain(coming, b"c"))
        waiting = asyncio.ensure_future(connection.disconnected())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait((waiting,))
        coming.set_result(b"ab")
        assert [chunk async for chunk in connection.read_chunks(10)] == [b"ab", b"c"]

    asyncio.run(run())


def test_who_waits_for_the_client_of_a_body_that_was_read_asks_the_server_at_once() -> None:
    async def run() -> None:
        protocol = Plain()
        connection = RSGIConnection(SimpleNamespace(headers=headers(content_length="0")), protocol)
        assert await connection.read_body(10) == b""
        await connection.disconnected()
        assert protocol.waited == 1

    asyncio.run(run())


def test_a_body_that_breaks_off_ends_the_wait_for_the_client_and_another_error_is_raised() -> None:
    async def run() -> None:
        gone, broken = Plain(b"ab", RSGIProtocolClosed()), Plain(LookupError("not a disconnect"))
        await connect(gone).disconnected()
        with pytest.raises(LookupError):
            await connect(broken).disconnected()
        assert gone.waited == broken.waited == 0

    asyncio.run(run())


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


def test_another_error_of_a_server_s_stream_stays_what_it_is() -> None:
    class Broken(Transport):
        async def send_bytes(self, data: bytes) -> None:
            raise LookupError("not a disconnect")

    connection = connected()
    with pytest.raises(LookupError):
        asyncio.run(RSGIStream(connection, Broken()).write(b"a"))
    assert not connection.is_left


@pytest.mark.skipif(not PIPES, reason="a pipe has no path here")
@pytest.mark.parametrize("how", ["told", "closed"])
def test_a_stream_in_bulk_whose_client_left_raises(how: str) -> None:
    """Somebody who waits for the client has told of it, or the server has closed what it read from."""

    async def run() -> None:
        connection, opened = connected(), []
        connection.proto.response_file = lambda status, pairs, path: opened.append(os.open(path, os.O_RDONLY))
        stream = RSGIPipe(connection, 200, [])
        await stream.write(b"a")
        assert os.read(opened[0], 10) == b"a"
        if how == "told":
            connection.leaving.notice()
        else:
            os.close(opened.pop())
            with contextlib.suppress(ClientDisconnected):
                await stream.write(b"b")  # closes our own end, of which something was read
        with pytest.raises(ClientDisconnected):
            await stream.write(b"c")
        assert connection.is_left
        stream.abort()
        for end in opened:
            os.close(end)

    asyncio.run(run())


@pytest.mark.parametrize(("size", "writes"), [(1, 4_000), (50_000, 100), (1_000_000, 16)])
@pytest.mark.parametrize("at_once", [False, True])
def test_writes_let_the_loop_do_other_work(size: int, writes: int, at_once: bool) -> None:
    """The server takes chunks without limit, so nothing else would: after 256 of them or 256 KiB, of a generator after 128 or 64 KiB."""

    async def run() -> int:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        async def chunks() -> AsyncGenerator[bytes, None]:
            for _ in range(writes):
                yield bytes(size)

        ticking = asyncio.ensure_future(tick())
        transport = Transport(writes)
        if at_once:
            protocol = SimpleNamespace(response_stream=lambda status, pairs: transport)
            await RSGIConnection(SimpleNamespace(), protocol).send_all(200, [], chunks(), as_bytes)
        else:
            stream = RSGIStream(connected(), transport)
            async for chunk in chunks():
                await stream.write(chunk)
        ticking.cancel()
        assert b"".join(transport.sent) == bytes(size * writes)
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


def test_a_generator_is_closed_where_the_server_refuses_its_stream() -> None:
    closed: list[str] = []

    class Refusing(Protocol):
        def response_stream(self, status: int, headers: Any) -> Any:
            raise LookupError("answered already")

    async def items() -> Any:
        try:
            yield b"first"
            yield b"never"
        finally:
            closed.append("closed")

    async def run() -> None:
        connection = RSGIConnection(SimpleNamespace(), Refusing())
        begun = items()
        await anext(begun)
        with pytest.raises(LookupError):
            await connection.send_all(200, [], begun, as_bytes)

    asyncio.run(run())
    assert closed == ["closed"]


# -- HEAD ------------------------------------------------------------------------------------------------------------------


def head_app() -> VelociPy:
    app = VelociPy(plugins=False)

    @app.get("/text")
    async def text() -> str:
        return "hello"

    @app.post("/{first}")
    async def post(first: str) -> None: ...

    @app.get("/{rest*}")
    async def rest(rest: str) -> bytes:
        return rest.encode()

    async def foreign(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await send({"type": "http.response.body", "body": b"bc"})

    app.mount("/foreign", foreign)
    return app


def answered(
    app: VelociPy, path: bytes, method: str, version: str, *pairs: tuple[bytes, bytes], body: bytes = b""
) -> list[Any]:
    """What the server is told, as (call, status, length of the body that is declared, body)."""
    protocol = Protocol(body)

    async def run() -> None:
        asked = RawRequest(method, path, ((b"host", b"a"), *pairs), http_version=version)
        await asyncio.wait_for(app.__rsgi__(RSGIScope(asked, "http"), protocol), 3)

    asyncio.run(run())
    return [
        (name, status, dict(pairs).get("content-length"), *rest)
        for name, status, pairs, *rest in protocol.calls
    ]


@pytest.mark.case(8)
def test_over_http2_where_the_server_would_send_it_head_has_no_body_but_its_length() -> None:
    app = head_app()
    for path, length in ((b"/text", "5"), (b"/a/b", "3"), (b"//", "22")):
        (call,) = answered(app, path, "HEAD", "2")
        assert (call[0], call[2:]) == ("response_bytes", (length, b"")), path
        assert answered(app, path, "GET", "2")[0][3] != b""
        assert answered(app, path, "HEAD", "1.1") == answered(app, path, "GET", "1.1")
    assert answered(app, b"/foreign/x", "HEAD", "2") == [("response_bytes", 200, "3", b"")]


def test_the_handler_for_head_is_made_once_however_often_another_place_comes_first() -> None:
    app = head_app()
    kept = []
    for _ in range(3):
        assert answered(app, b"/x", "HEAD", "2") == [("response_bytes", 200, "1", b"")]
        kept.append([leaf.handlers["rsgi"].get("HEAD") for leaf in app._dispatcher._leaves])
    assert kept[0] == kept[1] == kept[2]


@pytest.mark.case(8)
@pytest.mark.parametrize("length", [None, b"5"])
def test_a_handler_of_head_may_read_a_body_over_http2(length: bytes | None) -> None:
    app = VelociPy(plugins=False)

    @app.head("/")
    async def size(request: Request) -> Response:
        return Response(None, 200, {"x-size": str(len(await request.body())), "content-length": "7"})

    @app.head("/none")
    async def none(request: Request) -> Response:
        return Response(None, 204 if await request.body() else 400)

    pairs = [] if length is None else [(b"content-length", length)]
    assert answered(app, b"/none", "HEAD", "2", *pairs, body=b"hello") == [("response_empty", 204, None)]
    assert answered(app, b"/", "HEAD", "2", *pairs, body=b"hello") == [("response_bytes", 200, "7", b"")]


@pytest.mark.case(8)
@pytest.mark.parametrize("length", [None, "3"])
@pytest.mark.parametrize("how", ["stream", "bulk", "file"])
def test_a_response_of_ones_own_that_sends_a_body_on_head_sends_its_head(
    how: str, length: str | None, tmp_path: Path
) -> None:
    """Over HTTP/2 too, at once, and with the length that it declares."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    pairs = [] if length is None else [("content-length", length)]

    class Own(Response):
        async def send(self, connection: HTTPConnection) -> None:
            if how == "file":
                return await connection.send_file(200, pairs, path, 0, 3)
            stream = await connection.start_stream(200, pairs, bulk=how == "bulk")
            await stream.write(b"abc")
            await stream.close()

    app = VelociPy(plugins=False)
    app.get("/")(lambda: Own(None))
    rest = [] if length is None else [b""]
    call = "response_empty" if length is None else "response_bytes"
    assert answered(app, b"/", "HEAD", "2") == [(call, 200, length, *rest)]
