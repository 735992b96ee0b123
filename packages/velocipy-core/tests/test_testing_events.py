"""Server-sent events in the test clients: read while the app still runs, left in the middle, refused, ended, and as a browser reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velocipy import EventSourceResponse, ServerSentEvent, StreamingResponse, VelociPy
from velocipy.http.request import Request
from velocipy.http.sse import event_bytes
from velocipy.testing import (
    AsyncTestClient,
    EventStreamDenied,
    EventStreamEnded,
    ReceivedEvent,
    TestClient,
)
from velocipy.testing.events import EventReader

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


class Feed:
    """An app whose stream says a number, then waits until it is told to go on; it notes how each stream ended."""

    def __init__(self) -> None:
        self.app = VelociPy()
        self.go_on = asyncio.Event()
        self.ends: list[str] = []

        @self.app.get("/ticks")
        async def ticks(request: Request, stop: int = 3) -> EventSourceResponse:
            start = int(request.headers.get("last-event-id", "0"))
            return EventSourceResponse(self.numbers(start, stop), heartbeat=None)

        @self.app.post("/go-on")
        async def go_on() -> None:
            self.go_on.set()

        @self.app.get("/text")
        async def text() -> str:
            return "no events here"

        @self.app.get("/lines")
        async def lines() -> StreamingResponse:
            return StreamingResponse(self.lines())

    async def numbers(self, start: int, stop: int) -> AsyncIterator[ServerSentEvent]:
        try:
            for number in range(start + 1, stop + 1):
                yield ServerSentEvent({"n": number}, event="tick", id=str(number), retry=50)
                await self.go_on.wait()
        except BaseException as exc:
            self.ends.append(type(exc).__name__)
            raise
        self.ends.append("done")

    async def lines(self) -> AsyncIterator[bytes]:
        try:
            yield b"first\n"
            await self.go_on.wait()
            yield b"last\n"
        finally:
            self.ends.append("closed")


@both
def test_an_event_is_there_before_the_endpoint_has_ended(interface: str) -> None:
    feed = Feed()
    with TestClient(feed.app, interface=interface) as client, client.sse_connect("/ticks") as events:
        assert events.receive() == ReceivedEvent('{"n":1}', "tick", "1")
        assert feed.ends == []
        client.post("/go-on")
        assert [(event.json(), event.id) for event in events] == [({"n": 2}, "2"), ({"n": 3}, "3")]
        assert feed.ends == ["done"]
        with pytest.raises(EventStreamEnded):
            events.receive()
        assert (events.last_event_id, events.retry) == ("3", 50)
        assert events.response.headers["content-type"].startswith("text/event-stream")


@both
def test_coroutines_read_events_as_they_come(interface: str) -> None:
    async def main() -> None:
        feed = Feed()
        async with AsyncTestClient(feed.app, interface=interface) as client:
            async with client.sse_connect("/ticks") as events:
                assert (await events.receive()).json() == {"n": 1}
                feed.go_on.set()
                assert [event.id async for event in events] == ["2", "3"]
                with pytest.raises(EventStreamEnded):
                    await events.receive()
            async with client.sse_connect(
                "/ticks", last_event_id=events.last_event_id, params={"stop": 4}
            ) as events:
                assert (await events.receive()).id == "4"
            with pytest.raises(EventStreamDenied, match="status 200, text/plain"):
                async with client.sse_connect("/text"):
                    pass

    asyncio.run(main())


@both
def test_leaving_the_block_is_the_client_leaving(interface: str) -> None:
    feed = Feed()
    with TestClient(feed.app, interface=interface) as client:
        with client.sse_connect("/ticks") as events:
            events.receive()
        assert feed.ends == ["CancelledError"]
        with client.sse_connect("/ticks", last_event_id="2") as events:
            assert events.receive().id == "3"


@both
def test_an_answer_without_events_is_told(interface: str) -> None:
    with TestClient(Feed().app, interface=interface) as client:
        with pytest.raises(EventStreamDenied, match=r"status 200, text/plain.*no events here") as denied:
            client.sse_connect("/text").__enter__()
        assert denied.value.body == b"no events here"
        with pytest.raises(EventStreamDenied) as denied, client.sse_connect("/nowhere"):
            pass
        assert denied.value.status_code == 404


@both
def test_waiting_for_an_event_is_bounded_by_the_timeout(interface: str) -> None:
    feed = Feed()
    with TestClient(feed.app, interface=interface) as client:
        with client.sse_connect("/ticks", timeout=0.05) as events:
            events.receive()
            with pytest.raises(httpx2.ReadTimeout):
                events.receive()
        assert feed.ends == ["CancelledError"]

    async def main() -> None:
        feed = Feed()
        async with AsyncTestClient(feed.app, interface=interface, timeout=0.05) as client:
            async with client.sse_connect("/ticks") as events:
                await events.receive()
                with pytest.raises(httpx2.ReadTimeout):
                    await events.receive()
            assert feed.ends == ["CancelledError"]

    asyncio.run(main())


@both
def test_a_stream_is_read_while_it_is_written_and_left_in_the_middle(interface: str) -> None:
    feed = Feed()
    with TestClient(feed.app, interface=interface) as client:
        with client.stream("GET", "/lines") as response:
            lines = response.iter_lines()
            assert next(lines) == "first"
            assert feed.ends == []
        assert feed.ends == ["closed"]
        with client.stream("GET", "/lines") as response:
            lines = response.iter_lines()
            next(lines)
            client.post("/go-on")
            assert list(lines) == ["last"]
        assert feed.ends == ["closed", "closed"]


# -- the format ------------------------------------------------------------------------------------------------------


def read(*chunks: bytes) -> list[ReceivedEvent]:
    reader = EventReader()
    return [event for chunk in chunks for event in reader.feed(chunk)]


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [ReceivedEvent("a")]),
        (b"\xef\xbb\xbfdata: a\r\n\r\n", [ReceivedEvent("a")]),
        (b"data:a\rdata\rdata:  b\r\r", [ReceivedEvent("a\n\n b")]),
        (b"data: a\n", []),
        (b"event: x\nid: 1\n\ndata: a\n\n", [ReceivedEvent("a", "message", "1")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [ReceivedEvent("a", "x"), ReceivedEvent("b")]),
        (b"id: 1\ndata: a\n\nid\ndata: b\n\n", [ReceivedEvent("a", id="1"), ReceivedEvent("b")]),
        (b"id: a\0b\ndata: a\n\n", [ReceivedEvent("a")]),
        (b": data: a\n\nDATA: a\nother: b\n\n", []),
        ("data: a\u2028b\u0085c\n\n".encode(), [ReceivedEvent("a\u2028b\u0085c")]),
        (b"data: \xff\n\n", [ReceivedEvent("\ufffd")]),
    ],
)
def test_a_stream_is_read_as_a_browser_reads_it(stream: bytes, events: list[ReceivedEvent]) -> None:
    assert read(stream) == events
    assert read(*(stream[i : i + 1] for i in range(len(stream)))) == events


def test_only_digits_are_a_retry() -> None:
    reader = EventReader()
    for line in (
        b"retry: 5\n",
        b"retry: 6s\n",
        b"retry: -1\n",
        "retry: \u0663\n".encode(),
        b"retry: %s\n" % (b"9" * 5_000),
    ):
        list(reader.feed(line))
    assert reader.retry == 5


def pieces(text: bytes, cuts: list[int]) -> Iterator[bytes]:
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return (text[start:end] for start, end in zip(edges, edges[1:], strict=False))


WORDS = st.text("ab:\u2028é ", max_size=6)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.text("ab: \n\r\u0085", max_size=8), WORDS, WORDS), max_size=4),
    st.lists(st.integers(0, 1000), max_size=6),
)
def test_what_the_framework_writes_is_read_however_it_is_cut(
    sent: list[tuple[str, str, str]], cuts: list[int]
) -> None:
    events = [ServerSentEvent(data, event=kind, id=id) for data, kind, id in sent]
    stream = b"".join(event_bytes(event, str.encode) for event in events)
    expected = [
        ReceivedEvent(data.replace("\r\n", "\n").replace("\r", "\n"), kind or "message", id)
        for data, kind, id in sent
    ]
    assert read(*pieces(stream, cuts)) == expected
