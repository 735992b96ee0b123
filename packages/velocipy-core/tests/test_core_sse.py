"""Server-sent events: their bytes, read back by a parser written from the standard, their answer, and the ring that replays."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy import Request, VelociPy
from velocipy.http.sse import (
    EventBuffer,
    EventSourceResponse,
    ServerSentEvent,
    event_bytes,
)
from velocipy.json.base import find_encoder
from velocipy.testing import AsyncTestClient, TestClient
from velocipy.testing.errors import ServerClosed

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
encode = find_encoder("stdlib").encode


@dataclass
class Seen:
    """What a browser hands to its script, or keeps for the next connection."""

    event: str
    data: str
    last_id: str


def parse(stream: bytes) -> tuple[list[Seen], int | None]:
    """Events and the last retry of a stream, by the algorithm of WHATWG HTML section 9.2.6."""
    events: list[Seen] = []
    data, event, last_id, retry = "", "", "", None
    text = stream.decode().replace("\r\n", "\n").replace("\r", "\n")
    for line in text.split("\n")[:-1]:
        if not line:
            if data:
                events.append(Seen(event or "message", data.removesuffix("\n"), last_id))
            data = event = ""
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data += value + "\n"
        elif name == "event":
            event = value
        elif name == "id" and "\0" not in value:
            last_id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            retry = int(value)
    return events, retry


# -- the wire --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "wire"),
    [
        (ServerSentEvent("a"), b"data: a\n\n"),
        (ServerSentEvent(""), b"data: \n\n"),
        (ServerSentEvent("a\nb\rc\r\nd"), b"data: a\ndata: b\ndata: c\ndata: d\n\n"),
        (ServerSentEvent("a\n"), b"data: a\ndata: \n\n"),
        (ServerSentEvent("\n\r"), b"data: \ndata: \ndata: \n\n"),
        (ServerSentEvent(" a"), b"data:  a\n\n"),
        (ServerSentEvent("a\u2028b\x0bc\x85d\x1ce"), "data: a\u2028b\x0bc\x85d\x1ce\n\n".encode()),
        (ServerSentEvent("\ufeffdata: x"), "data: \ufeffdata: x\n\n".encode()),
        (ServerSentEvent("ü☃\U0001f600"), "data: ü☃\U0001f600\n\n".encode()),
        (ServerSentEvent({"a": [1, None]}), b'data: {"a":[1,null]}\n\n'),
        (ServerSentEvent(0), b"data: 0\n\n"),
        (ServerSentEvent(False), b"data: false\n\n"),
        (ServerSentEvent([]), b"data: []\n\n"),
        (ServerSentEvent(Seen("e", "d\n", "i")), b'data: {"event":"e","data":"d\\n","last_id":"i"}\n\n'),
        (ServerSentEvent(), b""),
        (ServerSentEvent(id="7"), b"id: 7\n\n"),
        (ServerSentEvent(id=""), b"id: \n\n"),
        (ServerSentEvent(retry=0), b"retry: 0\n\n"),
        (ServerSentEvent(comment=""), b": \n\n"),
        (ServerSentEvent(comment="a\ndata: b"), b": a\n: data: b\n\n"),
        (
            ServerSentEvent("d", event="e", id="i", retry=3, comment="c"),
            b": c\nevent: e\nid: i\nretry: 3\ndata: d\n\n",
        ),
    ],
)
def test_an_event_stands_on_the_wire_exactly_so(event: ServerSentEvent, wire: bytes) -> None:
    assert event_bytes(event, encode) == wire


@pytest.mark.parametrize("name", ["event", "id"])
@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\r\n", "\n", "a\0", "data: x\n\ndata: y", 7, b"a"])
def test_what_would_end_its_line_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"the {name} of an event"):
        ServerSentEvent("d", **{name: value})


@pytest.mark.parametrize("retry", [-1, 1.5, "3", True])
def test_a_retry_is_a_whole_number(retry: Any) -> None:
    with pytest.raises(ValueError, match="retry"):
        ServerSentEvent("d", retry=retry)


lines = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"))
texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(data=texts, event=st.none() | lines, id=st.none() | lines, comment=st.none() | texts)
def test_a_browser_reads_back_what_was_meant(
    data: str, event: str | None, id: str | None, comment: str | None
) -> None:
    """Whatever the text: no part of it becomes a field or an event of its own."""
    wire = event_bytes(ServerSentEvent(data, event, id, 5, comment), encode) + b"data: next\n\n"
    (first, second), retry = parse(wire)
    unified = data.replace("\r\n", "\n").replace("\r", "\n")
    assert (first.event, first.data, first.last_id) == (event or "message", unified, id or "")
    assert (second.event, second.data, retry) == ("message", "next", 5)


@pytest.mark.parametrize(
    ("headers", "found"),
    [([("last-event-id", "7")], "7"), ([("last-event-id", "")], None), ([], None)],
)
def test_the_last_id_is_what_the_client_says(headers: list[tuple[str, str]], found: str | None) -> None:
    app = VelociPy()

    @app.get("/")
    async def show(request: Request) -> dict[str, str | None]:
        return {"id": request.last_event_id}

    assert TestClient(app).get("/", headers=headers).json() == {"id": found}


# -- the answer ------------------------------------------------------------------------------------------------------------


def streaming(make: Callable[[], Any]) -> VelociPy:
    app = VelociPy()

    @app.get("/")
    async def stream() -> Any:
        return make()

    return app


async def happen(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        yield item


@both
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_events_and_data_of_any_kind_are_sent(interface: str, kind: str) -> None:
    items = [ServerSentEvent("a", id="1"), "text", {"n": 1}, Seen("e", "d", "i"), 7, ServerSentEvent()]
    make = lambda: EventSourceResponse(happen(*items) if kind == "async" else iter(items))  # noqa: E731
    with TestClient(streaming(make), interface=interface) as client:
        answer = client.get("/")
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-accel-buffering"] == "no"
    assert "content-length" not in answer.headers
    told = [event.data for event in parse(answer.content)[0]]
    assert told[:2] == ["a", "text"]
    assert [json.loads(text) for text in told[2:]] == [
        {"n": 1},
        {"event": "e", "data": "d", "last_id": "i"},
        7,
    ]


def test_headers_of_the_apps_own_stand() -> None:
    response = EventSourceResponse(iter([]), headers={"cache-control": "private", "x-a": "1"})
    assert (response.headers["cache-control"], response.headers["x-a"]) == ("private", "1")


@pytest.mark.parametrize("heartbeat", [0, -1])
def test_a_heartbeat_takes_time(heartbeat: float) -> None:
    with pytest.raises(ValueError, match="heartbeat"):
        EventSourceResponse(iter([]), heartbeat=heartbeat)


@both
def test_the_encoder_is_the_apps_or_its_own(interface: str) -> None:
    class Shouting:
        name = "shouting"

        def encode(self, value: Any) -> bytes:
            return b"LINE\nTWO"

        def decode(self, data: bytes) -> Any:
            return None

    make = lambda: EventSourceResponse(happen({}), encoder=Shouting())  # noqa: E731
    with TestClient(streaming(make), interface=interface) as client:
        assert client.get("/").text == "data: LINE\ndata: TWO\n\n"
    app = VelociPy(json_encoder=Shouting())
    app.get("/")(lambda: EventSourceResponse(happen({})))
    with TestClient(app, interface=interface) as client:
        assert client.get("/").text == "data: LINE\ndata: TWO\n\n"


@both
def test_a_silent_stream_beats_and_its_iterator_goes_on_waiting(interface: str) -> None:
    """The first comment comes early, so that the client knows that it is connected; events put the next one off."""
    waited: list[str] = []

    async def slow() -> AsyncIterator[str]:
        try:
            await asyncio.sleep(1.2)
            waited.append("to the end")
            yield "late"
        finally:
            waited.append("closed")

    make = lambda: EventSourceResponse(slow(), heartbeat=0.15)  # noqa: E731
    with TestClient(streaming(make), interface=interface) as client:
        text = client.get("/").text
    assert re.fullmatch(r"(:\n\n){2,9}data: late\n\n", text)  # eight, or fewer where the machine stands still
    assert waited == ["to the end", "closed"]


@both
def test_a_lively_stream_does_not_beat(interface: str) -> None:
    async def lively() -> AsyncIterator[int]:
        for number in range(15):
            await asyncio.sleep(0.1)
            yield number

    make = lambda: EventSourceResponse(lively(), heartbeat=1.2)  # noqa: E731
    with TestClient(streaming(make), interface=interface) as client:
        assert ":\n" not in client.get("/").text.replace("data:", "")


@both
def test_without_a_heartbeat_there_is_silence(interface: str) -> None:
    async def slow() -> AsyncIterator[str]:
        await asyncio.sleep(0.2)
        yield "late"

    make = lambda: EventSourceResponse(slow(), heartbeat=None)  # noqa: E731
    with TestClient(streaming(make), interface=interface) as client:
        assert client.get("/").text == "data: late\n\n"


@both
@pytest.mark.case(17)
def test_the_iterator_ends_with_its_client(interface: str, caplog: pytest.LogCaptureFixture) -> None:
    """At once, where it waits; and no task stays behind."""
    seen: list[str] = []

    async def endless() -> AsyncIterator[str]:
        try:
            yield "first"
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        finally:
            seen.append("closed")

    async def run() -> set[str]:
        app = streaming(lambda: EventSourceResponse(endless()))
        async with AsyncTestClient(app, interface=interface) as client:
            before = asyncio.all_tasks()
            exchange = client.exchange("GET", "/")
            assert await exchange.chunk() == b"data: first\n\n"
            await asyncio.sleep(0.05)
            await exchange.close()
            await asyncio.sleep(0.05)
            return {repr(task) for task in asyncio.all_tasks() - before}

    assert asyncio.run(run()) == set()
    assert seen == ["cancelled", "closed"]
    assert caplog.records == []


@both
def test_a_stop_ends_the_stream_in_order(interface: str) -> None:
    """The body is whole, so that the client connects again; the iterator is cancelled where it waits."""
    seen: list[str] = []

    async def endless() -> AsyncIterator[str]:
        try:
            yield "first"
            await asyncio.sleep(60)
        finally:
            seen.append("closed")

    async def run() -> list[bytes]:
        stop = asyncio.Event()
        app = streaming(lambda: EventSourceResponse(endless(), stop=stop))
        async with AsyncTestClient(app, interface=interface) as client:
            async with client.stream("GET", "/") as answer:
                chunks = answer.aiter_bytes()
                first = await anext(chunks)
                stop.set()
                return [first] + [chunk async for chunk in chunks]

    assert asyncio.run(asyncio.wait_for(run(), 60)) == [b"data: first\n\n"]
    assert seen == ["closed"]


@both
def test_a_stop_of_another_loop_breaks_the_stream_off_and_is_logged(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An event is of the loop that first waited on it; nothing could end this stream."""
    seen: list[str] = []
    stop = asyncio.Event()

    async def wait_a_moment() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.01)

    async def endless() -> AsyncIterator[str]:
        try:
            yield "first"
            await asyncio.sleep(60)
        finally:
            seen.append("closed")

    asyncio.run(wait_a_moment())
    app = streaming(lambda: EventSourceResponse(endless(), stop=stop))
    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        exchange = client.exchange("GET", "/")
        assert exchange.chunk() == b"data: first\n\n"
        if interface == "rsgi":
            assert exchange.chunk() is None
        else:
            with pytest.raises(ServerClosed):
                exchange.chunk()
    assert seen == ["closed"]
    assert [record.exc_info and record.exc_info[0] for record in caplog.records] == [RuntimeError]


def test_a_client_that_does_not_read_is_owed_no_heartbeats() -> None:
    """Over RSGI a server takes whatever is sent, and nothing waits."""

    async def large() -> AsyncIterator[str]:
        for _ in range(3):
            yield "x" * 100_000

    async def run() -> bytes:
        app = streaming(lambda: EventSourceResponse(large(), heartbeat=0.1))
        async with AsyncTestClient(app, interface="asgi") as client:
            exchange = client.exchange("GET", "/")
            await exchange.head()
            await asyncio.sleep(0.35)
            return b"".join([chunk async for chunk in exchange])

    assert asyncio.run(run()) == b"data: %b\n\n" % (b"x" * 100_000) * 3


@both
@pytest.mark.case(15)
def test_an_error_of_the_iterator_is_logged_once(interface: str, caplog: pytest.LogCaptureFixture) -> None:
    async def breaking() -> AsyncIterator[Any]:
        yield "first"
        yield ServerSentEvent(object())

    app = streaming(lambda: EventSourceResponse(breaking()))
    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        exchange = client.exchange("GET", "/")
        assert exchange.chunk() == b"data: first\n\n"
        if interface == "rsgi":
            assert exchange.chunk() is None
        else:
            with pytest.raises(ServerClosed):
                exchange.chunk()
    assert len(caplog.records) == 1


@both
@pytest.mark.case(8)
def test_head_starts_nothing(interface: str) -> None:
    started: list[str] = []

    async def endless() -> AsyncIterator[str]:
        started.append("started")
        yield "first"

    with TestClient(streaming(lambda: EventSourceResponse(endless())), interface=interface) as client:
        assert client.head("/").headers["content-type"] == "text/event-stream"
    assert started == []


# -- replay ----------------------------------------------------------------------------------------------------------------


async def taken(subscription: Any, count: int) -> list[Any]:
    return [(await asyncio.wait_for(anext(subscription), 30)).data for _ in range(count)]


def test_a_ring_keeps_the_last_events_and_tells_what_is_missing() -> None:
    buffer = EventBuffer(3)
    ids = [buffer.append(number) for number in range(5)]
    assert len(set(ids)) == 5
    replay = buffer.since(ids[3])
    assert ([event.data for event in replay], replay.complete) == ([4], True)
    assert buffer.since(ids[4]) == type(replay)((), True)
    assert [event.data for event in buffer.since(ids[1])] == [2, 3, 4]
    assert buffer.since(ids[1]).complete
    lost = buffer.since(ids[0])
    assert ([event.data for event in lost], lost.complete) == ([2, 3, 4], False)
    assert [event.data for event in buffer.since(None)] == [2, 3, 4]
    assert [event.id for event in buffer.since(None)] == ids[2:]


@pytest.mark.parametrize("strange", ["", "7", "x-1", "-", "{}-", "{}--1", "{}-99", "{}-" + "9" * 40, "{}-²"])
def test_ids_of_another_time_are_strange(strange: str) -> None:
    """From the oldest that is kept, and told: never some other event for one of that number."""
    buffer = EventBuffer(3)
    token = buffer.append("a").partition("-")[0]
    buffer.append("b")
    replay = buffer.since(strange.format(token))
    assert ([event.data for event in replay], replay.complete) == (["a", "b"], False)


def test_ids_are_the_buffers() -> None:
    with pytest.raises(ValueError, match="leave out id"):
        EventBuffer(3).append(ServerSentEvent("a", id="1"))


@pytest.mark.parametrize(
    "options", [{"size": 0}, {"size": 3, "behind": 4}, {"size": 3, "behind": 0}, {"slow": "wait"}]
)
def test_a_ring_without_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        EventBuffer(**options)


def test_subscribers_see_what_they_missed_and_then_what_comes() -> None:
    async def run() -> None:
        buffer = EventBuffer(10)
        first = buffer.append("a")
        buffer.append("b")
        again, new = buffer.subscribe(first), buffer.subscribe()
        assert await taken(again, 1) == ["b"]
        waiting = [asyncio.ensure_future(taken(one, 2)) for one in (again, new)]
        await asyncio.sleep(0)
        buffer.append("c")
        buffer.append("d")
        assert await asyncio.gather(*waiting) == [["c", "d"], ["c", "d"]]
        assert buffer.subscribers == 2
        await again.aclose()
        await new.aclose()
        assert buffer.subscribers == 0
        assert [event async for event in again] == []

    asyncio.run(run())


def test_closing_a_subscription_ends_who_waits_on_it() -> None:
    async def run() -> list[Any]:
        subscription = EventBuffer(3).subscribe()

        async def collect() -> list[Any]:
            return [event async for event in subscription]

        waiting = asyncio.ensure_future(collect())
        await asyncio.sleep(0)
        await subscription.aclose()
        return await asyncio.wait_for(waiting, 30)

    assert asyncio.run(run()) == []


def test_a_slow_subscriber_loses_the_oldest_and_is_told() -> None:
    async def run() -> None:
        buffer = EventBuffer(10, behind=2, gap=ServerSentEvent(event="gap", data=""))
        slow = buffer.subscribe()
        for number in range(5):
            buffer.append(number)
        events = [await anext(slow) for _ in range(3)]
        assert [event.event or event.data for event in events] == ["gap", 3, 4]
        assert slow.dropped == 3
        buffer.append("next")
        assert await taken(slow, 1) == ["next"]

    asyncio.run(run())


def test_a_slow_subscriber_may_be_sent_away() -> None:
    """It ends in order; its client connects again, and gets what there still is."""

    async def run() -> None:
        buffer = EventBuffer(10, behind=2, slow="disconnect")
        slow = buffer.subscribe()
        last = buffer.append("seen")
        assert await taken(slow, 1) == ["seen"]
        for number in range(5):
            buffer.append(number)
        assert [event async for event in slow] == []
        assert (slow.dropped, buffer.subscribers) == (3, 0)
        assert await taken(buffer.subscribe(last), 2) == [3, 4]  # and not sent away again for where it begins

    asyncio.run(run())


def test_a_strange_id_is_told_to_the_client() -> None:
    async def run() -> None:
        buffer = EventBuffer(3, gap=ServerSentEvent(event="gap", data=""))
        buffer.append("a")
        events = buffer.subscribe("of-another-process")
        assert (await anext(events)).event == "gap"
        assert await taken(events, 1) == ["a"]

    asyncio.run(run())


def test_a_subscription_that_is_forgotten_is_no_subscriber() -> None:
    buffer = EventBuffer(3)
    buffer.subscribe()
    buffer.append("a")
    assert buffer.subscribers == 0


@both
def test_a_client_that_comes_back_misses_nothing(interface: str) -> None:
    buffer = EventBuffer(100)
    ids = [buffer.append(number) for number in range(3)]
    app = VelociPy()

    @app.get("/")
    async def stream(request: Request) -> EventSourceResponse:
        return EventSourceResponse(buffer.subscribe(request.last_event_id))

    with TestClient(app, interface=interface) as client:
        with client.exchange("GET", "/", headers=[("host", "a"), ("last-event-id", ids[0])]) as exchange:
            for number in (1, 2):
                chunk = exchange.chunk()
                assert chunk == f"id: {ids[number]}\ndata: {number}\n\n".encode()
    assert buffer.subscribers == 0
