"""Bodies made while they are sent: what is sent, what breaks them off, and that their iterators are always closed."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

from velocipy import Depends, Request, Response, StreamingResponse, VelociPy
from velocipy.exceptions import ClientDisconnected
from velocipy.http.delivery import deliver
from velocipy.protocols import HTTPConnection
from velocipy.testing import AsyncTestClient, TestClient
from velocipy.testing.errors import ServerClosed

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


async def parts(*chunks: Any) -> AsyncIterator[Any]:
    for chunk in chunks:
        yield chunk


class Items:
    """Iterable, but no iterator."""

    def __iter__(self) -> Iterator[str]:
        return iter(["a", "b"])


class AsyncItems:
    """An async iterable whose iterator is another object."""

    def __aiter__(self) -> AsyncIterator[str]:
        return parts("a", "b")


def streaming(make: Any) -> VelociPy:
    app = VelociPy()

    @app.get("/")
    async def stream() -> Any:
        return make()

    return app


def quiet(app: VelociPy, interface: str) -> TestClient:
    return TestClient(app, interface=interface, raise_server_exceptions=False)


@both
@pytest.mark.parametrize(
    ("make", "body"),
    [
        (
            lambda: StreamingResponse(parts("a", b"b", bytearray(b"c"), memoryview(b"d"), "ü")),
            "abcdü".encode(),
        ),
        (lambda: StreamingResponse(iter(["a", b"b"])), b"ab"),  # type: ignore[arg-type]
        (lambda: StreamingResponse(["a", "b"]), b"ab"),
        (lambda: StreamingResponse(Items()), b"ab"),
        (lambda: StreamingResponse(AsyncItems()), b"ab"),
        (lambda: StreamingResponse(parts()), b""),
        (lambda: StreamingResponse(parts("", b"", "a", "")), b"a"),
        (lambda: StreamingResponse(x for x in "abc"), b"abc"),
        (lambda: parts("a", "b"), b"ab"),
        (lambda: (x for x in "abc"), b"abc"),
        (
            lambda: StreamingResponse(parts(b"x" * 1_000_000, b"y" * 1_000_000)),
            b"x" * 1_000_000 + b"y" * 1_000_000,
        ),
    ],
)
def test_an_iterator_is_sent_chunk_by_chunk(interface: str, make: Any, body: bytes) -> None:
    with TestClient(streaming(make), interface=interface) as client:
        answer = client.get("/")
        assert answer.status_code == 200
        assert answer.content == body
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert "content-length" not in answer.headers


@both
def test_chunks_leave_as_they_are_made(interface: str) -> None:
    async def run() -> None:
        gate = asyncio.Event()

        async def slow() -> AsyncIterator[str]:
            yield "first"
            await gate.wait()
            yield "second"

        async with AsyncTestClient(
            streaming(lambda: StreamingResponse(slow())), interface=interface
        ) as client:
            async with client.stream("GET", "/") as answer:
                chunks = answer.aiter_bytes()
                assert await anext(chunks) == b"first"
                gate.set()
                assert await anext(chunks) == b"second"

    asyncio.run(run())


@both
def test_status_headers_and_media_type_are_those_of_the_response(interface: str) -> None:
    make = lambda: StreamingResponse(parts("a"), 206, {"x-a": "1"}, "text/csv")  # noqa: E731
    with TestClient(streaming(make), interface=interface) as client:
        answer = client.get("/")
        assert (answer.status_code, answer.headers["x-a"], answer.headers["content-type"]) == (
            206,
            "1",
            "text/csv",
        )


@pytest.mark.parametrize("content", [b"bytes", "text", 3, None, object()])
def test_a_stream_needs_an_iterator(content: Any) -> None:
    with pytest.raises(ValueError, match="iterator"):
        StreamingResponse(content)


@pytest.mark.case(9)
@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_without_a_body_cannot_be_streamed(status: int) -> None:
    with pytest.raises(ValueError, match="no body"):
        StreamingResponse(parts("a"), status)


# -- declared lengths ----------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(10)
def test_a_stream_of_the_declared_length_is_whole(interface: str) -> None:
    make = lambda: StreamingResponse(parts("ab", "c"), headers={"content-length": "3"})  # noqa: E731
    with TestClient(streaming(make), interface=interface) as client:
        answer = client.get("/")
        assert (answer.content, answer.headers["content-length"]) == (b"abc", "3")


@both
@pytest.mark.case(10)
@pytest.mark.parametrize("chunks", [("ab",), (), ("abcd",), ("ab", "cd")])
def test_a_stream_of_another_length_is_broken_off_and_logged_once(
    interface: str, chunks: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    make = lambda: StreamingResponse(parts(*chunks), headers={"content-length": "3"})  # noqa: E731
    with quiet(streaming(make), interface) as client:
        exchange = client.exchange("GET", "/")
        with pytest.raises(ServerClosed):
            exchange.reply()
    assert len(caplog.records) == 1
    assert "content-length 3" in str(caplog.records[0].exc_info)


@both
@pytest.mark.case(10)
def test_what_a_stream_gives_beyond_its_length_never_leaves(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    make = lambda: StreamingResponse(parts("abc", "HTTP/1.1 200 OK"), headers={"content-length": "3"})  # noqa: E731
    with quiet(streaming(make), interface) as client:
        exchange = client.exchange("GET", "/")
        assert exchange.chunk() == b"abc"
        if interface == "rsgi":  # all that was promised is there, so the server has closed nothing
            assert exchange.chunk() is None
        else:
            with pytest.raises(ServerClosed):
                exchange.chunk()
    assert len(caplog.records) == 1


# -- errors in the middle --------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(15)
@pytest.mark.parametrize("kind", ["async", "sync"])
@pytest.mark.parametrize("length", [None, "10"])
def test_an_error_in_the_middle_breaks_the_answer_off_and_is_logged_once(
    interface: str, kind: str, length: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    closed: list[str] = []

    async def breaking() -> AsyncIterator[str]:
        try:
            yield "first"
            raise ValueError("half-way")
        finally:
            closed.append("async")

    def breaking_sync() -> Iterator[str]:
        try:
            yield "first"
            raise ValueError("half-way")
        finally:
            closed.append("sync")

    content = breaking if kind == "async" else breaking_sync
    headers = {"content-length": length} if length else None
    with quiet(streaming(lambda: StreamingResponse(content(), headers=headers)), interface) as client:
        exchange = client.exchange("GET", "/")
        assert exchange.head().status == 200
        if interface == "rsgi" and length is None:
            # RSGI has no way to break a body off: without a length the client cannot know.
            assert b"".join(exchange) == b"first"
        else:
            with pytest.raises(ServerClosed):
                b"".join(exchange)
        assert client.get("/", headers={"x": "again"}, extensions={"target": b"/nowhere"}).status_code == 404
    assert closed == [kind]
    assert len(caplog.records) == 1
    assert "half-way" in str(caplog.records[0].exc_info)


@both
@pytest.mark.case(15)
@pytest.mark.parametrize("chunk", [3, None, ["a"], {"a": 1}])
def test_a_chunk_that_is_neither_text_nor_bytes_breaks_the_answer_off(
    interface: str, chunk: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """None too: it must not pass for an empty chunk."""
    make = lambda: StreamingResponse(parts("a", chunk), headers={"content-length": "9"})  # noqa: E731
    with quiet(streaming(make), interface) as client, pytest.raises(ServerClosed):
        client.exchange("GET", "/").reply()
    assert len(caplog.records) == 1


@both
def test_an_iterable_that_cannot_be_iterated_is_a_500(interface: str) -> None:
    class Broken:
        def __iter__(self) -> Iterator[str]:
            raise ValueError("cannot start")

    with quiet(streaming(lambda: StreamingResponse(Broken())), interface) as client:
        assert client.get("/").status_code == 500


# -- HEAD ------------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(8)
@pytest.mark.parametrize("length", [None, "5"])
def test_head_never_starts_the_iterator_and_has_the_headers_of_get(
    interface: str, length: str | None
) -> None:
    started: list[str] = []

    class Source:
        def __iter__(self) -> Iterator[str]:
            started.append("iter")
            return iter(["abcde"])

        def close(self) -> None:
            started.append("close")

    async def generator() -> AsyncIterator[str]:
        started.append("generator")
        yield "abcde"

    headers = {"content-length": length} if length else None
    for content in (Source, generator):
        make: Any = lambda content=content: StreamingResponse(content(), headers=headers)  # noqa: E731
        with TestClient(streaming(make), interface=interface) as client:
            head = client.exchange("HEAD", "/").reply()
            assert started in ([], ["close"])
            got = client.exchange("GET", "/").reply()
            assert (head.status, head.headers, head.body) == (got.status, got.headers, b"")
        started.clear()


# -- the client leaves -----------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(17)
@pytest.mark.case(152)
def test_a_generator_is_closed_when_the_client_leaves(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    async def endless() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"tick"
                await asyncio.sleep(0.001)
        except GeneratorExit:
            seen.append("told")
            raise
        finally:
            seen.append("closed")

    with TestClient(streaming(lambda: StreamingResponse(endless())), interface=interface) as client:
        exchange = client.exchange("GET", "/")
        assert exchange.chunk() == b"tick"
        exchange.leave()
        assert exchange.inner.stopped
    assert seen == ["told", "closed"]
    assert caplog.records == []


@both
@pytest.mark.case(17)
def test_a_blocking_iterator_is_closed_when_the_client_leaves(interface: str) -> None:
    seen: list[str] = []

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield b"tick"
        finally:
            seen.append("closed")

    with TestClient(streaming(lambda: StreamingResponse(endless())), interface=interface) as client:
        exchange = client.exchange("GET", "/")
        assert exchange.chunk() == b"tick"
        exchange.leave()
        assert exchange.inner.stopped
    assert seen == ["closed"]


@both
@pytest.mark.case(17)
@pytest.mark.case(143)
def test_dependencies_outlive_the_stream_and_end_once(interface: str) -> None:
    order: list[str] = []

    async def session() -> AsyncIterator[list[str]]:
        order.append("open")
        try:
            yield order
        finally:
            order.append("close")

    app = VelociPy()

    @app.get("/")
    async def stream(session: list[str] = Depends(session, scope="request")) -> StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            while True:
                session.append("row")
                yield "row"
                await asyncio.sleep(0.001)

        return StreamingResponse(rows())

    with TestClient(app, interface=interface) as client:
        exchange = client.exchange("GET", "/")
        exchange.chunk()
        exchange.leave()
    assert order[0] == "open"
    assert order[-1] == "close"
    assert order.count("close") == 1


@both
def test_a_body_may_be_streamed_back_while_it_arrives(interface: str) -> None:
    """Who waits for the client to leave must not take the chunks from who reads them."""
    app = VelociPy()

    @app.post("/echo")
    async def echo(request: Request) -> StreamingResponse:
        return StreamingResponse(request.stream(), media_type="application/octet-stream")

    with TestClient(app, interface=interface) as client:
        exchange = client.exchange(
            "POST", "/echo", headers=[("host", "a"), ("transfer-encoding", "chunked")], body=None
        )
        for number in range(20):
            chunk = b"%03d" % number
            exchange.feed(chunk)
            assert exchange.chunk() == chunk
        exchange.end()
        assert exchange.chunk() is None
        body = bytes(range(256)) * 4000
        assert client.post("/echo", content=body).content == body


@both
def test_a_cut_body_ends_the_stream_that_reads_it(interface: str) -> None:
    app = VelociPy()
    seen: list[BaseException] = []

    @app.post("/echo")
    async def echo(request: Request) -> StreamingResponse:
        async def copy() -> AsyncIterator[bytes]:
            try:
                async for chunk in request.stream():
                    yield chunk
            except BaseException as exc:
                seen.append(exc)
                raise

        return StreamingResponse(copy())

    with TestClient(app, interface=interface) as client:
        exchange = client.exchange(
            "POST", "/echo", headers=[("host", "a"), ("content-length", "9")], body=None
        )
        exchange.feed(b"abc")
        assert exchange.chunk() == b"abc"
        exchange.cut()
        assert exchange.inner.stopped
    assert isinstance(seen[0], (ClientDisconnected, GeneratorExit))


# -- sync iterators --------------------------------------------------------------------------------------------------------


@both
def test_a_blocking_iterator_runs_in_threads_and_in_one_context(interface: str) -> None:
    value: ContextVar[int] = ContextVar("value", default=0)
    names: set[str] = set()

    def rows() -> Iterator[str]:
        for number in range(3):
            names.add(threading.current_thread().name)
            value.set(value.get() + number)
            yield str(value.get())

    with TestClient(streaming(lambda: StreamingResponse(rows())), interface=interface) as client:
        assert client.get("/").text == "013"
    assert all(name.startswith("velocipy") for name in names)


@both
def test_the_loop_goes_on_while_an_iterator_blocks(interface: str) -> None:
    gate = threading.Event()
    app = streaming(lambda: StreamingResponse(_waiting(gate)))

    @app.get("/other")
    async def other() -> str:
        gate.set()
        return "served"

    async def run() -> tuple[str, str]:
        async with AsyncTestClient(app, interface=interface) as client:
            blocked = asyncio.ensure_future(client.get("/"))
            await asyncio.sleep(0.01)
            served = await client.get("/other")
            return served.text, (await blocked).text

    assert asyncio.run(run()) == ("served", "done")


def _waiting(gate: threading.Event) -> Iterator[str]:
    assert gate.wait(10)
    yield "done"


# -- delivery --------------------------------------------------------------------------------------------------------------


class Rogue(Response):
    """Fails before, or after, it has begun."""

    def __init__(self, begin: bool) -> None:
        super().__init__("x")
        self.begin = begin

    async def send(self, connection: HTTPConnection) -> None:
        if self.begin:
            await connection.start_stream(200, [("content-length", "5")])
        raise RuntimeError("rogue")


@both
def test_what_fails_before_it_has_begun_is_a_500_and_afterwards_a_broken_answer(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    with quiet(streaming(lambda: Rogue(False)), interface) as client:
        assert client.get("/").json() == {"detail": "Internal Server Error"}
    with quiet(streaming(lambda: Rogue(True)), interface) as client, pytest.raises(ServerClosed):
        client.exchange("GET", "/").reply()
    assert len(caplog.records) == 2


def test_deliver_says_what_kept_an_answer_from_being_sent() -> None:
    class Left(Response):
        async def send(self, connection: HTTPConnection) -> None:
            raise ClientDisconnected

    class Connection:
        method, path, started = "GET", "/", True

    connection: Any = Connection()
    assert isinstance(asyncio.run(deliver(connection, Left())), ClientDisconnected)
    assert isinstance(asyncio.run(deliver(connection, Rogue(False))), RuntimeError)
