"""Server-sent events (WHATWG HTML section 9.2): their wire format, the answer that sends them, and a ring that replays them.

    async def ticks() -> AsyncIterator[ServerSentEvent]:
        for number in count():
            yield ServerSentEvent({"tick": number}, event="tick", id=str(number))
            await asyncio.sleep(1)

    return EventSourceResponse(ticks())

Knows events and iterators; knows no server.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, Self
from weakref import WeakSet

from velocipy.exceptions import ClientDisconnected
from velocipy.http.leaving import Interruption
from velocipy.http.streaming import StreamingResponse
from velocipy.http.writing import Writer
from velocipy.json.base import JSONEncoder, best_encoder
from velocipy.stopping import of_loop

if TYPE_CHECKING:
    from velocipy.http.headers import HeaderSource
    from velocipy.protocols import HTTPConnection

EVENT_STREAM: Final = "text/event-stream"

HEARTBEAT: Final = 15.0
"""Seconds without an event after which a comment is sent: proxies close connections that are silent for 30 s or more."""

OPENING: Final = 0.1
"""Seconds after which the first comment is sent: Hypercorn sends no headers before there is a body, so no client would open."""

BEAT: Final = b":\n\n"

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
"""What ends a line, and nothing else does (section 9.2.5); `str.splitlines` knows eight more."""

_NEVER_IN_A_LINE: Final = re.compile("[\r\n\0]")


@dataclass(frozen=True, slots=True)
class ServerSentEvent:
    """One event: `ServerSentEvent({"price": 3}, event="price", id="7")`. Raises ValueError for what would be read otherwise.

    `data` is text, sent as it is, or anything that JSON can say; None sends no data, which is no event to a browser but may carry an
    `id`, a `retry` (milliseconds until a client connects again) or a `comment`, which nobody reads. An id is what the client says
    in `Last-Event-ID` when it connects again.
    """

    data: Any = None
    event: str | None = None
    id: str | None = None
    retry: int | None = None
    comment: str | None = None

    def __post_init__(self) -> None:
        for name, value in (("event", self.event), ("id", self.id)):
            if value is not None and (not isinstance(value, str) or _NEVER_IN_A_LINE.search(value)):
                raise ValueError(
                    f"the {name} of an event is one line of text without line ends and NUL, not {value!r}"
                )
        if self.retry is not None and (type(self.retry) is not int or self.retry < 0):
            raise ValueError(f"the retry of an event is a whole number of milliseconds, not {self.retry!r}")


def event_bytes(event: ServerSentEvent, encode: Callable[[Any], bytes]) -> bytes:
    """An event as it stands on the wire, its empty line included (section 9.2.6); nothing for one that says nothing."""
    lines: list[str] = []
    if event.comment is not None:
        lines += [f": {line}" for line in _LINE_END.split(event.comment)]
    if event.event is not None:
        lines.append(f"event: {event.event}")
    if event.id is not None:
        lines.append(f"id: {event.id}")
    if event.retry is not None:
        lines.append(f"retry: {event.retry}")
    lines += _data_lines(event.data, encode)
    return "\n".join([*lines, "", ""]).encode() if lines else b""


def _data_lines(data: Any, encode: Callable[[Any], bytes]) -> list[str]:
    if data is None:
        return []
    text = data if isinstance(data, str) else str(encode(data), "utf-8")
    return [f"data: {line}" for line in _LINE_END.split(text)]


class EventSourceResponse(StreamingResponse):
    """Events from an iterator, sync or async, for as long as the client stays: `EventSourceResponse(ticks())`.

    Items are `ServerSentEvent`s, or their data alone. A comment is sent when there was no event for `heartbeat` seconds (None: never),
    while the iterator goes on waiting. The stream ends in order when the iterator does or when the server is told to stop (`stop`,
    which is the app's own unless it is given); the client then connects again. When the client leaves, the iterator is cancelled.
    """

    __slots__ = ("_encoder", "heartbeat", "stop")
    media_type: ClassVar[str | None] = EVENT_STREAM
    takes_values = True
    own_items: ClassVar[tuple[type, ...]] = (ServerSentEvent,)

    def __init__(
        self,
        content: AsyncIterable[Any] | Iterable[Any],
        status_code: int = 200,
        headers: HeaderSource = None,
        media_type: str | None = None,
        *,
        heartbeat: float | None = HEARTBEAT,
        encoder: JSONEncoder | None = None,
        stop: asyncio.Event | None = None,
    ) -> None:
        if heartbeat is not None and not heartbeat > 0:
            raise ValueError(f"heartbeat is a number of seconds, or None for no heartbeat, not {heartbeat!r}")
        self.heartbeat: float | None = heartbeat
        self.stop: asyncio.Event | None = stop
        self._encoder = encoder
        super().__init__(content, status_code, headers, media_type)
        self._headers.setdefault("cache-control", "no-store")
        self._headers.setdefault("x-accel-buffering", "no")

    def bind(self, encoder: JSONEncoder) -> None:
        """Take the app's encoder unless the response came with its own."""
        self._encoder = self._encoder or encoder

    def _encode(self) -> Callable[[Any], bytes]:
        encode = (self._encoder or best_encoder()).encode

        def to_bytes(item: Any) -> bytes:
            if isinstance(item, ServerSentEvent):
                return event_bytes(item, encode)
            # Data alone: to make an event of it, and check that it has no id, would be two thirds of the time.
            return "\n".join([*lines, "", ""]).encode() if (lines := _data_lines(item, encode)) else b""

        return to_bytes

    def send(self, connection: HTTPConnection) -> Coroutine[Any, Any, None]:
        """Send event by event, as other streams with something beside them."""
        return self._send(connection)

    async def _copy(self, chunks: AsyncIterator[Any], stream: Writer, declared: int | None) -> None:
        """Send events until there are no more or the server stops; a task beside this one sees to heartbeat and stop."""
        with Interruption() as stopped:
            lively = Lively(stream)
            companion = asyncio.ensure_future(self._accompany(lively, stopped))
            try:
                await super()._copy(chunks, lively, declared)
            finally:
                companion.cancel()
                await asyncio.wait([companion])
        if not companion.cancelled():  # pyright: ignore[reportPossiblyUnboundVariable]  # `stopped` swallows what is raised in its block alone
            companion.result()  # pyright: ignore[reportPossiblyUnboundVariable]

    async def _accompany(self, stream: Lively, stopped: Interruption) -> None:
        stop = self.stop or of_loop().event
        pause = None if self.heartbeat is None else min(OPENING, self.heartbeat)
        try:
            while not await _is_set(stop, pause):
                assert self.heartbeat is not None
                pause = await stream.beat(self.heartbeat)
        except (ClientDisconnected, asyncio.CancelledError):
            return  # the task that sends knows, or is told in its own way
        except Exception:
            stopped.fire()
            raise
        stopped.fire()


class Lively(Writer):
    """A stream that knows how long it has been silent, and that two tasks can write to."""

    def __init__(self, stream: Writer) -> None:
        self._stream = stream
        self._turn = asyncio.Lock()
        self._loop = asyncio.get_running_loop()
        self._spoke = 0.0

    async def write(self, chunk: bytes) -> None:
        """Send an event."""
        async with self._turn:
            await self._stream.write(chunk)
        self._spoke = self._loop.time()

    async def beat(self, silence: float) -> float:
        """Send a comment unless something was sent within the last `silence` seconds -> seconds until the next one is due."""
        rest = self._spoke + silence - self._loop.time()
        if self._spoke and rest > 0:
            return rest
        if not self._turn.locked():
            await self.write(BEAT)
        return silence


async def _is_set(event: asyncio.Event, seconds: float | None) -> bool:
    """Whether an event is set within that time."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    return True


# -- replay --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Replay:
    """Events that a client has not seen, oldest first, and whether these are all of them."""

    events: tuple[ServerSentEvent, ...]
    complete: bool
    """False where the buffer does not know the id any more: something is missing before the first event."""

    def __iter__(self) -> Iterator[ServerSentEvent]:
        return iter(self.events)


class EventBuffer:
    """The last `size` events, handed to everybody who listens, and again to clients that were away.

        prices = EventBuffer(1_000)
        prices.append({"price": 3})
        return EventSourceResponse(prices.subscribe(request.last_event_id))

    Subscribers read from the one ring, so each costs a few hundred bytes. One that is further behind than `behind` events (at most and
    by default `size`) is `"drop"`ped forward to the oldest that it may have, or `"disconnect"`ed: its stream ends, and its client
    connects again with its last id. `gap` is an event that stands wherever something is missing, so that clients can tell.

    Ids begin with a token of this buffer's, so that those of another process or an earlier start are known to be strange. Belongs to
    one loop: from threads, call `loop.call_soon_threadsafe(buffer.append, event)`.
    """

    def __init__(
        self,
        size: int = 1_000,
        *,
        behind: int | None = None,
        slow: Literal["drop", "disconnect"] = "drop",
        gap: ServerSentEvent | None = None,
    ) -> None:
        if size < 1 or behind is not None and not 1 <= behind <= size:
            raise ValueError(
                f"an EventBuffer keeps 1 event or more and lets nobody be further behind, not {size}, {behind}"
            )
        if slow not in ("drop", "disconnect"):
            raise ValueError(f"slow subscribers are 'drop'ped forward or 'disconnect'ed, not {slow!r}")
        self.behind: int = behind or size
        self.slow = slow
        self.gap = gap
        self._ring: list[ServerSentEvent | None] = [None] * size
        self._token = secrets.token_hex(4)
        self._next = 0
        self._subscribers: WeakSet[Subscription] = WeakSet()

    def append(self, event: Any) -> str:
        """Keep an event, or data of one, and hand it on -> its id. ValueError for an event with an id of its own."""
        if not isinstance(event, ServerSentEvent):
            event = ServerSentEvent(event)
        if event.id is not None:
            raise ValueError(f"the buffer gives events their ids: leave out id={event.id!r}")
        identified = replace(event, id=f"{self._token}-{self._next}")
        self._ring[self._next % len(self._ring)] = identified
        self._next += 1
        for subscriber in self._subscribers:
            subscriber.wake()
        return str(identified.id)

    def since(self, last_id: str | None) -> Replay:
        """What came after that id; everything that is kept for None, and, not complete, for an id that is not known."""
        position, complete = self._after(last_id)
        return Replay(tuple(self.at(number) for number in range(position, self._next)), complete)

    def subscribe(self, last_id: str | None = None) -> Subscription:
        """An iterator of all events after that id, then of those to come; without an id, of those alone."""
        position, complete = (self._next, True) if last_id is None else self._after(last_id)
        nearest = max(position, self._next - self.behind)  # no client shall be sent away for where it begins
        subscription = Subscription(self, nearest, complete and nearest == position)
        self._subscribers.add(subscription)
        return subscription

    def at(self, number: int) -> ServerSentEvent:
        """A kept event by its number."""
        event = self._ring[number % len(self._ring)]
        assert event is not None
        return event

    @property
    def end(self) -> int:
        """The number of the event that will come next."""
        return self._next

    @property
    def subscribers(self) -> int:
        """How many listen."""
        return len(self._subscribers)

    def leave(self, subscription: Subscription) -> None:
        """Hand nothing on to it any more."""
        self._subscribers.discard(subscription)

    def _after(self, last_id: str | None) -> tuple[int, bool]:
        """(the number of the first event after that id, whether nothing is missing before it)."""
        oldest = max(0, self._next - len(self._ring))
        if last_id is None:
            return oldest, True
        token, _, text = last_id.partition("-")
        known = token == self._token and text.isascii() and text.isdigit() and len(text) < 20
        position = int(text) + 1 if known else -1
        return (position, True) if oldest <= position <= self._next else (oldest, False)


class Subscription:
    """What one subscriber still has to see: an iterator that waits for more. Ends when it is closed, or too slow."""

    def __init__(self, buffer: EventBuffer, position: int, complete: bool) -> None:
        self.dropped: int = 0
        """Events that it was too slow for."""
        self._buffer = buffer
        self._position = position
        self._owed = not complete
        self._open = True
        self._waiter: asyncio.Future[None] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ServerSentEvent:
        while self._open:
            if (event := self._take()) is not None:
                return event
            if self._open:
                await self._more()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End it; who waits for the next event sees the end."""
        self._open = False
        self._buffer.leave(self)
        self.wake()

    def wake(self) -> None:
        """There is something new."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _take(self) -> ServerSentEvent | None:
        missed = self._buffer.end - self._buffer.behind - self._position
        if missed > 0:
            self._miss(missed)
        if self._owed:
            self._owed = False
            if self._buffer.gap is not None:
                return self._buffer.gap
        if not self._open or self._position == self._buffer.end:
            return None
        self._position += 1
        return self._buffer.at(self._position - 1)

    def _miss(self, count: int) -> None:
        self.dropped += count
        if self._buffer.slow == "disconnect":
            self._open = False
            self._buffer.leave(self)
        else:
            self._position += count
            self._owed = True

    async def _more(self) -> None:
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
