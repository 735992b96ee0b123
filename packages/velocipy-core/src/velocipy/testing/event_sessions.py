"""A stream of events in the hands of a test. Knows answers of the two clients; leaves the wire format to the reader."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Self

from velocipy.testing.errors import EventStreamDenied, EventStreamEnded
from velocipy.testing.events import EventReader, ReceivedEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import TracebackType

    import httpx2

EVENT_STREAM = "text/event-stream"


class _Session:
    """What has come and was not asked for yet."""

    def __init__(self) -> None:
        self._reader = EventReader()
        self._waiting: deque[ReceivedEvent] = deque()

    @property
    def last_event_id(self) -> str:
        """What a browser would say when it connects again; give it to the next `sse_connect`."""
        return self._reader.last_event_id

    @property
    def retry(self) -> int | None:
        """Milliseconds until a browser connects again, if the app has told."""
        return self._reader.retry

    def _take(self, chunk: bytes) -> None:
        self._waiting.extend(self._reader.feed(chunk))


def _refusal(response: httpx2.Response) -> EventStreamDenied:
    headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
    return EventStreamDenied(response.status_code, headers, response.content)


def _is_stream(response: httpx2.Response) -> bool:
    kind: str = response.headers.get("content-type", "")
    return response.status_code == 200 and kind.partition(";")[0].strip().lower() == EVENT_STREAM


class EventSession(_Session):
    """`with client.sse_connect("/ticks") as events: events.receive()`. Each event is here as soon as the app has sent it.

    Leaving the block is the client leaving the stream. Raises EventStreamDenied there for an answer that no browser would read
    events from (not 200, or another content type).
    """

    def __init__(self, client: httpx2.Client, request: httpx2.Request) -> None:
        super().__init__()
        self._client = client
        self._request = request

    def __enter__(self) -> Self:
        self.response: httpx2.Response = self._client.send(self._request, stream=True)
        if not _is_stream(self.response):
            self.response.read()
            raise _refusal(self.response)
        self._chunks: Iterator[bytes] = self.response.iter_bytes()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.response.close()

    def receive(self) -> ReceivedEvent:
        """The next event. Raises EventStreamEnded when the app ended the stream, httpx2.ReadTimeout after `timeout`."""
        while not self._waiting:
            chunk = next(self._chunks, None)
            if chunk is None:
                raise EventStreamEnded("the app ended the stream of events")
            self._take(chunk)
        return self._waiting.popleft()

    def __iter__(self) -> Iterator[ReceivedEvent]:
        """Events until the app ends the stream."""
        while True:
            try:
                event = self.receive()
            except EventStreamEnded:
                return
            yield event


class AsyncEventSession(_Session):
    """`async with client.sse_connect("/ticks") as events: await events.receive()`: EventSession for coroutines."""

    def __init__(self, client: httpx2.AsyncClient, request: httpx2.Request) -> None:
        super().__init__()
        self._client = client
        self._request = request

    async def __aenter__(self) -> Self:
        self.response: httpx2.Response = await self._client.send(self._request, stream=True)
        if not _is_stream(self.response):
            await self.response.aread()
            raise _refusal(self.response)
        self._chunks: AsyncIterator[bytes] = self.response.aiter_bytes()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.response.aclose()

    async def receive(self) -> ReceivedEvent:
        """The next event. Raises EventStreamEnded when the app ended the stream, httpx2.ReadTimeout after `timeout`."""
        while not self._waiting:
            chunk = await anext(self._chunks, None)
            if chunk is None:
                raise EventStreamEnded("the app ended the stream of events")
            self._take(chunk)
        return self._waiting.popleft()

    async def __aiter__(self) -> AsyncIterator[ReceivedEvent]:
        """Events until the app ends the stream."""
        while True:
            try:
                event = await self.receive()
            except EventStreamEnded:
                return
            yield event
