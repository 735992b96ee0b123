"""Bodies made while they are sent: what is sent, what breaks them off, and that their iterators are always closed."""

import asyncio
import os
import sys
import threading
import time
import types
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import pytest

from velocipy import Depends, Request, Response, StreamingResponse, VelociPy
from velocipy.exceptions import ClientDisconnected
from velocipy.http.delivery import deliver
from velocipy.http.leaving import (
    WATCH_AFTER,
    Interruption,
    Leaving,
    Presence,
    cancel_on_disconnect,
    while_it_waits,
)
from velocipy.http.streaming import NDJSONResponse
from velocipy.middleware import CompressionMiddleware
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
@pytest.mark.parametrize("chunks", [("ab",), ("ab", "cd"), ("", "a")])
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
@pytest.mark.parametrize("chunks", [(), ("",), ("abcd",), ("", "abcd", "e"), (3,)])
@pytest.mark.parametrize("bulk", [None, True])
def test_a_stream_whose_first_chunk_cannot_be_of_its_length_is_a_500(
    interface: str, bulk: bool | None, chunks: tuple[Any, ...], caplog: pytest.LogCaptureFixture
) -> None:
    """A server that was promised bytes and got none may send a whole answer without any: Granian does, over RSGI."""
    closed = []

    async def rows() -> AsyncIterator[Any]:
        try:
            for chunk in chunks:
                yield chunk
        finally:
            closed.append(True)

    make = lambda: StreamingResponse(rows(), headers={"content-length": "3"}, bulk=bulk)  # noqa: E731
    with quiet(streaming(make), interface) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"})
    assert closed == [True]
    assert len(caplog.records) == 1


@both
@pytest.mark.parametrize("content", [[], [""], ["", ""]])
def test_a_declared_length_of_nothing_is_an_empty_answer(interface: str, content: list[str]) -> None:
    make = lambda: StreamingResponse(content, headers={"content-length": "0"})  # noqa: E731
    with TestClient(streaming(make), interface=interface) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


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
        except (GeneratorExit, asyncio.CancelledError):  # where it yields, and where it waits
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


# -- the client leaves while the iterator waits ------------------------------------------------------------------------------


@both
@pytest.mark.case(17)
def test_a_generator_that_waits_is_cancelled_where_it_waits(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    """And may await what it has to in its `finally`."""
    seen: list[str] = []

    async def sleeping() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            await asyncio.sleep(0.01)
            seen.append("closed")

    with TestClient(streaming(lambda: StreamingResponse(sleeping())), interface=interface) as client:
        exchange = client.exchange("GET", "/")
        assert exchange.chunk() == b"first"
        time.sleep(0.05)
        exchange.leave()
        assert exchange.inner.stopped
    assert seen == ["cancelled", "closed"]
    assert caplog.records == []


@both
@pytest.mark.case(17)
@pytest.mark.parametrize("end", ["more", "return"])
def test_a_generator_that_will_not_be_cancelled_is_closed_all_the_same(interface: str, end: str) -> None:
    """What it gives then goes nowhere, and the task is not left cancelled."""
    seen: list[str] = []

    async def stubborn() -> AsyncIterator[bytes]:
        try:
            yield b"first"
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                if end == "return":
                    return
            while True:
                yield b"more"
        finally:
            await asyncio.sleep(0.01)
            seen.append("closed")

    with TestClient(streaming(lambda: StreamingResponse(stubborn())), interface=interface) as client:
        exchange = client.exchange("GET", "/")
        assert exchange.chunk() == b"first"
        time.sleep(0.05)
        exchange.leave()
        assert exchange.inner.stopped
    assert seen == ["closed"]


# -- whoever else wants to know ------------------------------------------------------------------------------------------------


class Door:
    """A client that leaves when told, and a count of who asked about it."""

    method = "GET"

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.asked = self.waiting = 0
        self.leaving = Leaving(self.disconnected, lambda: None)

    async def disconnected(self) -> None:
        self.asked += 1
        self.waiting += 1
        try:
            await self.open.wait()
        finally:
            self.waiting -= 1


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_a_server_is_asked_once_however_many_want_to_know() -> None:
    async def run() -> None:
        door, told = Door(), []
        waiters = [asyncio.ensure_future(door.leaving.wait()) for _ in range(3)]
        door.leaving.tell(lambda: told.append("told"))
        await settle()
        assert (door.asked, door.waiting) == (1, 1)
        door.open.set()
        await asyncio.wait_for(asyncio.gather(*waiters), 30)
        assert (told, door.waiting, door.leaving.left) == (["told"], 0, True)
        await door.leaving.wait()
        door.leaving.tell(lambda: told.append("late"))
        await settle()
        assert told == ["told", "late"]
        assert door.asked == 1

    asyncio.run(run())


def test_a_server_is_asked_no_longer_when_nobody_wants_to_know() -> None:
    async def run() -> None:
        door = Door()
        waiter = asyncio.ensure_future(door.leaving.wait())
        await settle()
        waiter.cancel()
        await settle()
        assert (door.asked, door.waiting) == (1, 0)
        again = asyncio.ensure_future(door.leaving.wait())
        await settle()
        assert (door.asked, door.waiting) == (2, 1)
        door.open.set()
        await asyncio.wait_for(again, 30)

    asyncio.run(run())


def test_what_is_over_soon_asks_nobody() -> None:
    async def run() -> None:
        door = Door()
        with Presence(door.leaving):
            await asyncio.sleep(0)
        await asyncio.sleep(WATCH_AFTER * 2)
        assert door.asked == 0

    asyncio.run(run())


def test_a_complete_answer_cancels_who_still_waits() -> None:
    async def run() -> None:
        door, told = Door(), []
        waiter = asyncio.ensure_future(door.leaving.wait())
        door.leaving.tell(lambda: told.append("told"))
        await settle()
        door.leaving.end()
        await settle()
        assert waiter.cancelled()
        assert (door.waiting, told) == (0, [])
        await door.leaving.wait()

    asyncio.run(run())


def test_who_gives_up_in_the_moment_the_client_leaves_has_given_up() -> None:
    async def run() -> None:
        door = Door()
        stays, gives_up = (asyncio.ensure_future(door.leaving.wait()) for _ in range(2))
        await settle()
        gives_up.cancel()
        door.leaving.notice()
        door.leaving.notice()  # whoever writes may find it out too
        await settle()
        assert gives_up.cancelled()
        assert stays.done() and not stays.cancelled()

    asyncio.run(run())


def test_work_that_is_dropped_where_it_waits_is_closed() -> None:
    """As the tasks of a loop that is closed are."""

    async def run() -> None:
        seen: list[str] = []

        async def work() -> None:
            try:
                await asyncio.sleep(60)
            except GeneratorExit:
                seen.append("closed")
                raise

        waiting = begun(work(), [])
        waiting.send(None)
        waiting.close()
        assert seen == ["closed"]

    asyncio.run(run())


def test_a_server_that_fails_to_tell_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("no such call")

    async def run() -> bool:
        leaving = Leaving(fail, lambda: None)
        waiter = asyncio.ensure_future(leaving.wait())
        await settle()
        waiter.cancel()
        return leaving.left

    assert asyncio.run(run()) is False
    assert len(caplog.records) == 1


def test_work_is_cancelled_for_a_client_that_leaves() -> None:
    """Once, and what it awaits in its `finally` is awaited; the task itself is not cancelled."""

    async def run() -> None:
        door, seen = Door(), []

        async def work() -> None:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
            finally:
                await asyncio.sleep(0.01)
                seen.append("cleaned up")

        asyncio.get_running_loop().call_later(0.05, door.open.set)
        with pytest.raises(ClientDisconnected):
            await cancel_on_disconnect(door, work())  # type: ignore[arg-type]
        assert seen == ["cancelled", "cleaned up"]
        task = asyncio.current_task()
        assert task is not None and task.cancelling() == 0
        await asyncio.sleep(0)

    asyncio.run(run())


def test_work_that_ends_first_gives_its_result_or_its_error() -> None:
    async def run() -> None:
        door = Door()

        async def give() -> int:
            await asyncio.sleep(WATCH_AFTER * 3)
            return 7

        async def fail() -> int:
            raise LookupError

        assert await cancel_on_disconnect(door, give()) == 7  # type: ignore[arg-type]
        with pytest.raises(LookupError):
            await cancel_on_disconnect(door, fail())  # type: ignore[arg-type]
        await settle()
        assert door.waiting == 0

    asyncio.run(run())


@pytest.mark.parametrize("both_at_once", [False, True])
def test_a_cancellation_from_elsewhere_goes_on(both_at_once: bool) -> None:
    async def run() -> None:
        door = Door()
        task = asyncio.ensure_future(cancel_on_disconnect(door, asyncio.sleep(60)))  # type: ignore[arg-type]
        await asyncio.sleep(WATCH_AFTER * 3)
        if both_at_once:
            door.leaving.notice()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_interruptions_stand_in_each_other() -> None:
    """Both were fired: the inner one leaves the end to the outer one, and neither is lost."""

    async def run() -> None:
        outer, inner = Interruption(), Interruption()
        loop = asyncio.get_running_loop()
        loop.call_later(0.01, outer.fire)
        loop.call_later(0.01, inner.fire)
        with outer:
            with inner:
                await asyncio.sleep(60)
            raise AssertionError("the outer block was broken off too")
        assert outer.fired and inner.fired
        await asyncio.sleep(0)

    asyncio.run(run())


def test_who_is_in_the_block_is_not_cancelled_by_itself() -> None:
    async def run() -> None:
        with Interruption() as block:
            block.fire()
            await asyncio.sleep(0)
        assert not block.fired

    asyncio.run(run())


# -- what waits, and what does not -----------------------------------------------------------------------------------------------


@contextmanager
def noting(events: list[str]) -> Iterator[None]:
    events.append("entered")
    try:
        yield
    except ValueError:
        events.append("left with an error")
        raise
    events.append("left")


@types.coroutine
def begun(work: Any, events: list[str]) -> Generator[Any, Any, Any]:
    return (yield from while_it_waits(work.send(None), work, noting, events))


def test_work_that_waits_goes_on_within_the_context() -> None:
    async def run() -> None:
        events: list[str] = []

        async def work(error: bool) -> int:
            assert events == []
            for _ in range(3):
                await asyncio.sleep(0.001)
            assert events == ["entered"]
            if error:
                raise ValueError
            return 7

        assert await begun(work(False), events) == 7
        assert events == ["entered", "left"]
        events.clear()
        with pytest.raises(ValueError):
            await begun(work(True), events)
        assert events == ["entered", "left with an error"]

    asyncio.run(run())


@pytest.mark.parametrize("waits_again", [True, False])
@pytest.mark.parametrize("times", [1, 3])
def test_a_cancellation_reaches_work_where_it_waits_and_may_be_refused(times: int, waits_again: bool) -> None:
    """The first wait stands outside of the work, and must not be told from the later ones."""

    async def run() -> None:
        refused: list[int] = []

        async def stubborn() -> int:
            for number in range(times):
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    refused.append(number)
            if waits_again:
                await asyncio.sleep(0)
            return 7

        task = asyncio.ensure_future(begun(stubborn(), []))
        for _ in range(times):
            await asyncio.sleep(0.001)
            task.cancel()
        assert await task == 7
        assert refused == list(range(times))

    asyncio.run(run())


@both
def test_a_stream_that_never_waits_has_nobody_look_out(interface: Any) -> None:
    """A look-out costs as much as three chunks; the client of such a stream cannot leave within it."""
    app, seen = VelociPy(plugins=False), []

    async def chunks(request: Request, *, wait: bool) -> AsyncIterator[str]:
        yield "first"
        if wait:
            await asyncio.sleep(0)
        yield "last"
        seen.append(request.connection._leaving is not None)

    @app.get("/{wait}")
    async def endpoint(wait: bool, request: Request) -> StreamingResponse:
        return StreamingResponse(chunks(request, wait=wait))

    with TestClient(app, interface=interface) as client:
        assert [client.get(f"/{wait}").text for wait in ("no", "yes")] == ["firstlast"] * 2
    assert seen == [False, True]


# -- lines of JSON -------------------------------------------------------------------------------------------------------------


@dataclass
class Row:
    number: int
    text: str


@both
def test_items_are_lines_of_json(interface: str) -> None:
    make = lambda: NDJSONResponse(parts(Row(1, "a\nb"), {"n": None}, "text", 3))  # noqa: E731
    with TestClient(streaming(make), interface=interface) as client:
        answer = client.get("/")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text == '{"number":1,"text":"a\\nb"}\n{"n":null}\n"text"\n3\n'


@both
@pytest.mark.case(15)
def test_an_item_that_json_cannot_say_breaks_the_answer_off(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    make = lambda: NDJSONResponse(iter([1, object()]))  # noqa: E731
    with quiet(streaming(make), interface) as client:
        exchange = client.exchange("GET", "/")
        assert exchange.chunk() == b"1\n"
        if interface == "rsgi":
            assert exchange.chunk() is None
        else:
            with pytest.raises(ServerClosed):
                exchange.chunk()
    assert len(caplog.records) == 1


# -- rates and bulk ------------------------------------------------------------------------------------------------------------


@both
def test_a_rate_is_kept(interface: str) -> None:
    make = lambda: StreamingResponse(parts(*[b"x" * 10_000] * 20), max_rate=500_000)  # noqa: E731
    with TestClient(streaming(make), interface=interface) as client:
        began = time.monotonic()
        assert len(client.get("/").content) == 200_000
        assert time.monotonic() - began > 0.3


@pytest.mark.parametrize("rate", [0, -1.0])
def test_a_rate_is_above_nothing(rate: float) -> None:
    with pytest.raises(ValueError, match="max_rate"):
        StreamingResponse(parts(), max_rate=rate)


MUCH = 3 * 1024 * 1024


@both
@pytest.mark.parametrize("chunk", [1_000, 65_536, 1_500_000])
@pytest.mark.parametrize("declared", [True, False])
def test_bulk_arrives_whole(interface: str, chunk: int, declared: bool) -> None:
    body = bytes(range(256)) * (MUCH // 256)
    pieces = [body[at : at + chunk] for at in range(0, MUCH, chunk)]
    options: dict[str, Any] = {"headers": {"content-length": str(MUCH)}} if declared else {"bulk": True}
    make = lambda: StreamingResponse(parts(*pieces), **options)  # noqa: E731
    with TestClient(streaming(make), interface=interface) as client:
        assert client.get("/").content == body


@both
def test_bulk_may_be_little_or_nothing(interface: str) -> None:
    for pieces, body in (((), b""), (("a",), b"a"), (("", "a", "", "b"), b"ab")):
        make: Any = lambda pieces=pieces: StreamingResponse(parts(*pieces), bulk=True)  # noqa: E731
        with TestClient(streaming(make), interface=interface) as client:
            answer = client.get("/")
            assert (answer.status_code, answer.content) == (200, body)


@both
@pytest.mark.process
def test_bulk_waits_for_a_slow_client_and_ends_with_it(interface: str) -> None:
    """What is under way stays small, and no descriptor is left open."""
    given, closed = 0, False

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given, closed
        try:
            while True:
                given += 10_000
                yield bytes(10_000)
        finally:
            closed = True

    before = len(os.listdir("/proc/self/fd")) if os.path.exists("/proc/self/fd") else 0
    with TestClient(
        streaming(lambda: StreamingResponse(endless(), bulk=True)), interface=interface
    ) as client:
        exchange = client.exchange("GET", "/")
        exchange.chunk()
        time.sleep(0.1)
        if interface == "asgi" or sys.platform == "linux":
            assert given < 1_000_000
        exchange.leave()
        assert exchange.inner.stopped
        time.sleep(0.1)
    assert closed
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before


@both
@pytest.mark.case(15)
@pytest.mark.parametrize("after", [1, 30])
def test_bulk_that_fails_is_logged_once_and_lacks_bytes(
    interface: str, after: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        for _ in range(after):
            yield bytes(50_000)
        raise ValueError("half-way")

    make = lambda: StreamingResponse(breaking(), headers={"content-length": str(MUCH)})  # noqa: E731
    with quiet(streaming(make), interface) as client, pytest.raises(ServerClosed):
        client.exchange("GET", "/").reply()
    assert len(caplog.records) == 1


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
    assert isinstance(asyncio.run(deliver(connection, Left(), "/")), ClientDisconnected)
    assert isinstance(asyncio.run(deliver(connection, Rogue(False), "/")), RuntimeError)


@both
@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("middleware", [[], [CompressionMiddleware()]], ids=["plain", "compressed"])
def test_a_stream_whose_status_has_become_one_without_a_body_is_a_500(
    interface: str, status: int, middleware: list[Any]
) -> None:
    class Rows:
        closed = 0

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> bytes:
            return b"row"

        async def aclose(self) -> None:
            self.closed += 1

    rows = Rows()
    app = VelociPy(middleware=middleware)

    def changes(response: Response) -> None:
        response.status_code = status

    @app.get("/rows", dependencies=[Depends(changes)])
    async def stream() -> StreamingResponse:
        return StreamingResponse(rows)

    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        assert client.get("/rows").status_code == 500
    assert rows.closed == 1
