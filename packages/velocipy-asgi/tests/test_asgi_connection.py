"""One exchange over ASGI, held against hand-made scopes and messages: what servers differ in and no client can show."""

import asyncio
import gc
import weakref
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest

from velocipy import FileResponse, StreamingResponse, VelociPy
from velocipy.asgi.connection import CHUNKS, MAX_KEPT, ASGIConnection, HeaderView, Inbox, read_body
from velocipy.exceptions import BadRequest, ClientDisconnected, PayloadTooLargeException
from velocipy.http.disk import CHUNK
from velocipy.http.response import as_bytes

Message = MutableMapping[str, Any]


class Wire:
    """`receive` and `send` with a script: what the client sends, and what the app has sent."""

    def __init__(self, *incoming: Message) -> None:
        self.incoming = list(incoming)
        self.sent: list[Message] = []
        self.receiving = 0
        self.arrived = asyncio.Event()

    async def receive(self) -> Message:
        assert self.receiving == 0, "two are in receive at once"
        self.receiving += 1
        try:
            while not self.incoming:
                self.arrived.clear()
                await self.arrived.wait()
            await asyncio.sleep(0)
            return self.incoming.pop(0)
        finally:
            self.receiving -= 1

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    def arrive(self, *messages: Message) -> None:
        self.incoming.extend(messages)
        self.arrived.set()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


def chunk(body: bytes, more: bool = True) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


GONE: Message = {"type": "http.disconnect"}


def scope(**changes: Any) -> Message:
    made: Message = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "headers": [(b"host", b"a")],
        "http_version": "1.1",
    }
    return {**made, **changes}


def connect(wire: Wire, **changes: Any) -> ASGIConnection:
    return ASGIConnection(scope(**changes), wire.receive, wire.send)


# -- the scope -------------------------------------------------------------------------------------------------------------


def test_headers_are_looked_up_by_lower_case_name_in_order() -> None:
    view = HeaderView([(b"a", b"1"), (b"b", b"2"), (b"a", b"3"), (b"c", b"\xff")])
    assert view.get("a") == "1"
    assert view.get("missing") is None
    assert view.get("missing", "x") == "x"
    assert view.get("c", "not ascii") == "not ascii"
    assert view.get_all("a") == ["1", "3"]
    assert view.get_all("c") == []
    assert list(view.items()) == [("a", "1"), ("b", "2"), ("a", "3")]


@pytest.mark.parametrize(
    ("given", "address"),
    [
        (("127.0.0.1", 80), ("127.0.0.1", 80)),
        (["::1", "8080"], ("::1", 8080)),  # granian gives ports as text
        (("/tmp/socket", None), ("/tmp/socket", None)),
        (("host",), ("host", None)),
        (None, None),
        ((), None),
    ],
)
def test_addresses_come_in_many_shapes(given: Any, address: Any) -> None:
    connection = connect(Wire(), client=given, server=given)
    assert connection.client == connection.server == address


def test_keys_that_a_server_may_leave_out_have_defaults() -> None:
    connection = connect(Wire())
    assert connection.scheme == "http"
    assert connection.client is connection.server is None


# -- the body --------------------------------------------------------------------------------------------------------------


async def read(length: bytes | None, *messages: Message) -> bytes:
    return await read_body(length, scope(), Wire(*messages).receive, 10)


def test_a_body_is_counted_as_it_arrives_whatever_its_header_says() -> None:
    async def run(limit: int, *messages: Message) -> bytes:
        return await read_body(b"2", scope(), Wire(*messages).receive, limit)

    assert asyncio.run(run(3, chunk(b"abc", False))) == b"abc"
    assert asyncio.run(run(3, chunk(b"a"), chunk(b""), chunk(b"bc"), chunk(b"", False))) == b"abc"
    for messages in ([chunk(b"abcd", False)], [chunk(b"a"), chunk(b"bcd", False)]):
        with pytest.raises(PayloadTooLargeException):
            asyncio.run(run(3, *messages))


@pytest.mark.parametrize("seconds", [None, 30.0])
def test_a_body_of_its_declared_length_is_whole_though_more_is_announced(seconds: float | None) -> None:
    """Granian and Hypercorn say so of every body, and send an empty message behind it, which stays with the server."""

    async def run(length: bytes | None, *lines: tuple[bytes, bytes]) -> tuple[bytes, int]:
        wire = Wire(chunk(b"abc"), chunk(b"d"), chunk(b"", False))
        body = await read_body(length, scope(headers=list(lines)), wire.receive, 10, seconds)
        return body, len(wire.incoming)

    assert asyncio.run(run(b"3", (b"content-length", b"3"))) == (b"abc", 2)
    assert asyncio.run(run(b"4", (b"content-length", b"4"))) == (b"abcd", 0)
    assert asyncio.run(run(None)) == (b"abcd", 0)
    # It overrides the length (RFC 9112 section 6.3).
    both = (b"content-length", b"3"), (b"transfer-encoding", b"chunked")
    assert asyncio.run(run(b"3", *both)) == (b"abcd", 0)


def test_the_end_of_a_body_that_was_read_hides_no_client_that_leaves() -> None:
    async def run() -> bytes:
        connection = connect(
            Wire(chunk(b"abc"), chunk(b"", False), GONE), headers=[(b"content-length", b"3")]
        )
        body = await connection.read_body(10)
        await connection.disconnected()
        return body

    assert asyncio.run(run()) == b"abc"


@pytest.mark.case(18)
@pytest.mark.parametrize("before", [[], [chunk(b"a")], [chunk(b"")]])
def test_a_disconnect_in_the_body_is_never_a_short_body(before: list[Message]) -> None:
    with pytest.raises(ClientDisconnected):
        asyncio.run(read(None, *before, GONE))


def test_a_content_length_that_is_no_number_is_400() -> None:
    with pytest.raises(BadRequest):
        asyncio.run(read(b"1e3"))


def test_keys_of_messages_may_be_left_out() -> None:
    assert asyncio.run(read(None, {"type": "http.request"})) == b""


# -- two who listen ----------------------------------------------------------------------------------------------------------


def test_a_reader_and_a_watcher_share_one_receive() -> None:
    async def run() -> list[Any]:
        wire = Wire()
        connection = connect(wire)
        watcher = asyncio.ensure_future(connection.disconnected())
        reader = asyncio.ensure_future(connection.read_body(100))
        await asyncio.sleep(0.01)
        wire.arrive(chunk(b"a"), chunk(b"b"))
        await asyncio.sleep(0.01)
        wire.arrive(chunk(b"c", False))
        body = await reader
        assert not watcher.done()
        wire.arrive(GONE)
        await watcher
        return [body]

    assert asyncio.run(run()) == [b"abc"]


def test_a_reader_that_comes_after_the_watcher_gets_everything_and_then_the_disconnect() -> None:
    async def run() -> None:
        inbox = Inbox(Wire(chunk(b"a"), chunk(b"b"), GONE).receive)
        await inbox.disconnected()
        assert [(await inbox.next())["type"] for _ in range(3)] == [
            "http.request",
            "http.request",
            "http.disconnect",
        ]

    asyncio.run(run())


def test_a_watcher_keeps_no_more_of_a_body_than_its_bound() -> None:
    async def run() -> int:
        wire = Wire(*[chunk(b"x" * 10_000) for _ in range(100)], chunk(b"", False))
        connection = connect(wire)
        watcher = asyncio.ensure_future(connection.disconnected())
        await asyncio.sleep(0.05)
        kept = 101 - len(wire.incoming)
        assert kept * 10_000 <= MAX_KEPT + 10_000
        assert len(await connection.read_body(10_000_000)) == 1_000_000
        wire.arrive(GONE)
        await watcher
        return kept

    assert asyncio.run(run()) > 0


def test_a_wait_that_is_cancelled_keeps_nothing_alive() -> None:
    """Granian's `receive` returns a future of its own that garbage collection cannot look into: a cycle with it is for ever."""

    class Unseen:
        """A future that keeps whom it has called, as Granian's does; to be found by a weak reference."""

        _asyncio_future_blocking = False

        def __init__(self) -> None:
            self.calls: list[Any] = []
            self.over = False
            inner = asyncio.get_running_loop().create_future()
            inner.cancel()
            self.result = inner.result

        def get_loop(self) -> asyncio.AbstractEventLoop:
            return asyncio.get_running_loop()

        def add_done_callback(self, call: Any, *, context: Any = None) -> None:
            self.calls.append((call, context))

        def cancel(self, msg: object = None) -> bool:
            self.over = True
            for call, context in self.calls:
                asyncio.get_running_loop().call_soon(call, self, context=context)
            return True

        def done(self) -> bool:
            return self.over

        cancelled = done

        def __await__(self) -> Any:
            self._asyncio_future_blocking = True
            return wait([self])

    def wait(box: list[Unseen]) -> Iterator[Unseen]:
        """Without a frame that has the future, since a server's own code has none."""
        yield box.pop()

    async def run() -> bool:
        coming: list[weakref.ref[Unseen]] = []

        def receive() -> Any:
            future = Unseen()
            coming.append(weakref.ref(future))
            return future

        connection = ASGIConnection(scope(), receive, Wire().send)
        watcher = asyncio.ensure_future(connection.leaving.wait())
        await asyncio.sleep(0.01)
        connection.complete()
        await asyncio.wait([watcher])
        await asyncio.sleep(0.01)
        del connection, watcher
        return [reference() for reference in coming] == [None]

    enabled = gc.isenabled()
    gc.disable()
    try:
        assert asyncio.run(run())
    finally:
        if enabled:
            gc.enable()


# -- answers ---------------------------------------------------------------------------------------------------------------


async def serve(app: VelociPy, wire: Wire, **changes: Any) -> None:
    await app(scope(**changes), wire.receive, wire.send)


def streaming(*chunks: Any) -> VelociPy:
    app = VelociPy()

    async def rows() -> AsyncIterator[Any]:
        for item in chunks:
            await asyncio.sleep(0.005)
            yield item

    @app.get("/")
    async def stream() -> StreamingResponse:
        return StreamingResponse(rows())

    return app


@pytest.mark.case(17)
def test_a_stream_notices_a_client_that_left_on_servers_that_take_everything_in_silence() -> None:
    async def run() -> Wire:
        wire = Wire(chunk(b"", False), GONE)
        await serve(streaming(*["x"] * 1000), wire)
        return wire

    wire = asyncio.run(run())
    assert len(wire.sent) < 10
    assert not any(message.get("more_body") is False for message in wire.sent)


@pytest.mark.case(17)
def test_nothing_is_sent_into_a_stream_once_its_client_is_known_to_have_left() -> None:
    async def items() -> AsyncIterator[bytes]:
        yield b""
        yield b"b"

    async def run() -> None:
        wire = Wire()
        connection = connect(wire)
        stream = await connection.start_stream(200, [])
        await stream.write(b"a")
        connection.leaving.notice()
        with pytest.raises(ClientDisconnected):
            await stream.write(b"b")
        with pytest.raises(ClientDisconnected):
            await stream.write_all(items(), bytes)
        assert wire.body == b"a"

    asyncio.run(run())


async def settle() -> None:
    """Let what was cancelled end."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_whole_stream_ends_with_what_came_last_and_leaves_no_task() -> None:
    async def run() -> Wire:
        wire = Wire(chunk(b"", False))
        await serve(streaming("a", "b"), wire)
        await settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return wire

    wire = asyncio.run(run())
    assert [message.get("body") for message in wire.sent] == [None, b"a", b"b"]
    assert not wire.sent[-1].get("more_body", False)


def test_a_broken_stream_has_no_end_and_leaves_no_task() -> None:
    async def run() -> Wire:
        wire = Wire(chunk(b"", False))
        await serve(streaming("a", 3), wire)
        await settle()
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return wire

    wire = asyncio.run(run())
    assert [message.get("more_body") for message in wire.sent[1:]] == [True]


def test_a_receive_that_fails_while_it_is_watched_ends_the_stream() -> None:
    async def run() -> Wire:
        wire = Wire()

        async def receive() -> Message:
            raise ConnectionResetError

        await streaming(*["x"] * 100)(scope(), receive, wire.send)
        return wire

    assert len(asyncio.run(run()).sent) < 10


# -- files -----------------------------------------------------------------------------------------------------------------


def sending(path: Path) -> VelociPy:
    app = VelociPy()

    @app.get("/")
    async def file() -> FileResponse:
        return FileResponse(path)

    return app


PATHSEND = {"http.response.pathsend": {}}  # type: ignore[var-annotated]


def test_a_server_that_sends_files_by_path_gets_the_path(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("content")

    async def run() -> Wire:
        wire = Wire()
        await serve(sending(path), wire, extensions=PATHSEND)
        return wire

    wire = asyncio.run(run())
    assert wire.sent[1] == {"type": "http.response.pathsend", "path": str(path)}
    assert (b"content-length", b"7") in wire.sent[0]["headers"]


@pytest.mark.parametrize(
    ("start", "stop", "by_path"), [(0, 7, True), (0, 6, False), (1, 7, False), (2, 3, False)]
)
def test_a_part_of_a_file_is_never_sent_by_path(start: int, stop: int, by_path: bool, tmp_path: Path) -> None:
    """`http.response.pathsend` sends all of it, whatever length was declared."""
    path = tmp_path / "a.txt"
    path.write_text("content")

    async def run() -> Wire:
        wire = Wire()
        connection = connect(wire, extensions=PATHSEND)
        await connection.send_file(200, [("content-length", str(stop - start))], path, start, stop)
        return wire

    wire = asyncio.run(run())
    assert (wire.sent[1]["type"] == "http.response.pathsend") is by_path
    if not by_path:
        assert wire.body == b"content"[start:stop]
        assert not wire.sent[-1].get("more_body", False)


def test_a_file_without_extensions_is_sent_in_pieces(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * (2 * CHUNK + 1))

    async def run() -> Wire:
        wire = Wire()
        await serve(sending(path), wire, extensions=None)
        return wire

    wire = asyncio.run(run())
    assert wire.body == path.read_bytes()
    assert [message["more_body"] for message in wire.sent[1:]] == [True, True, False]


@pytest.mark.case(63)
def test_a_file_that_shrinks_ends_without_its_end(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 10)

    async def run() -> Wire:
        wire = Wire()
        with pytest.raises(OSError, match="5 bytes of it are missing"):
            await connect(wire).send_file(200, [("content-length", "15")], path, 0, 15)
        return wire

    assert [message.get("more_body") for message in asyncio.run(run()).sent[1:]] == [True]


@pytest.mark.case(8)
@pytest.mark.parametrize(("path", "length"), [("/text", b"5"), ("/nowhere", b"22")])
def test_over_http2_where_the_server_would_send_it_head_has_no_body_but_its_length(
    path: str, length: bytes
) -> None:
    app = VelociPy(plugins=False)

    @app.get("/text")
    async def text() -> str:
        return "hello"

    def answered(method: str, version: str) -> Wire:
        wire = Wire()
        scope = {"type": "http", "method": method, "path": path, "query_string": b"", "http_version": version}
        asyncio.run(app({**scope, "headers": [(b"host", b"a")]}, wire.receive, wire.send))
        return wire

    for _ in range(2):
        head, get = answered("HEAD", "2"), answered("GET", "2")
        assert (head.sent[0], head.body) == (get.sent[0], b"")
        assert dict(head.sent[0]["headers"])[b"content-length"] == length == b"%d" % len(get.body)
        assert answered("HEAD", "1.1").sent == answered("GET", "1.1").sent


@pytest.mark.parametrize("at_once", [False, True])
def test_a_stream_lets_the_loop_do_other_work_though_no_send_waits(at_once: bool) -> None:
    """As it is after a disconnect: who would notice that the client has left must get a turn."""
    wire = Wire()

    async def chunks() -> AsyncGenerator[bytes, None]:
        while True:
            yield b"."

    async def run() -> None:
        connection = ASGIConnection(scope(), wire.receive, wire.send)
        asyncio.get_running_loop().call_soon(connection.leaving.notice)
        if at_once:
            await connection.send_all(200, [], chunks(), as_bytes)
        stream = await connection.start_stream(200, [])
        async for piece in chunks():
            await stream.write(piece)

    with pytest.raises(ClientDisconnected):
        asyncio.run(run())
    assert len(wire.sent) <= 1 + CHUNKS
