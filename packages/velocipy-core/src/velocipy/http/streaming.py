"""Answers whose body is made while it is sent. Knows iterators, lengths and rates; does not know servers."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from types import AsyncGeneratorType
from typing import TYPE_CHECKING, Any, ClassVar, Final

from velocipy.http.gate import BODYLESS, check_status
from velocipy.http.headers import typed_headers
from velocipy.http.response import TEXT_TYPE, Response, as_bytes
from velocipy.http.writing import Counted, Paced, Writer, begun
from velocipy.json.base import JSONEncoder, best_encoder
from velocipy.threads import in_thread, iterate

if TYPE_CHECKING:
    from velocipy.background import BackgroundTask, BackgroundTasks
    from velocipy.http.headers import HeaderSource, ResponseHeaders
    from velocipy.protocols import HTTPConnection

Content = AsyncIterable[bytes | str] | Iterable[bytes | str]

BULK: Final = 1024 * 1024
"""Bytes of a declared length from which a stream counts as bulk."""


class StreamingResponse(Response):
    """A body from an iterator, sync or async, of bytes or str (sent as UTF-8): `StreamingResponse(rows())`.

    The iterator is closed when the stream ends, for whatever reason, and is never started for HEAD. When the client leaves, an
    async iterator that waits for something is cancelled there and then; a sync one ends its step first. With a `content-length`
    header the stream must give exactly that many bytes, else the answer is broken off; nothing of it is sent before its first chunk
    is there, so that a failure until then is a 500.

    `bulk` says that much is sent, fast: under RSGI, which has no back-pressure, it then goes through a pipe, so that a slow client
    holds the iterator back and not the memory of the worker. Where it is not given, a declared length of 1 MiB or more says so.
    `max_rate` is the most bytes a second.
    """

    __slots__ = ("bulk", "content", "max_rate")
    media_type: ClassVar[str | None] = TEXT_TYPE
    streams = True
    takes_values: ClassVar[bool] = False
    """Whether items are whatever JSON can say, and not text or bytes alone."""
    own_items: ClassVar[tuple[type, ...]] = ()
    """Items that say by themselves what is sent."""

    def __init__(
        self,
        content: Content,
        status_code: int = 200,
        headers: HeaderSource = None,
        media_type: str | None = None,
        *,
        bulk: bool | None = None,
        max_rate: float | None = None,
    ) -> None:
        if type(content) is not AsyncGeneratorType:  # as nearly all are
            _check_content(content)
        if max_rate is not None and not max_rate > 0:
            raise ValueError(f"max_rate is a number of bytes a second, not {max_rate!r}")
        # Without super().__init__, which would be three calls more for each stream.
        self._status_code = check_status(status_code)
        if status_code in BODYLESS:
            raise ValueError(f"status {status_code} has no body, so nothing can be streamed with it")
        self._headers: ResponseHeaders = typed_headers(headers, media_type or self.media_type)
        self._body = b""
        self.background: BackgroundTask | BackgroundTasks | None = None
        self.content: Any = content
        self.bulk: bool | None = bulk
        self.max_rate: float | None = max_rate

    async def discard(self) -> None:
        """Close the iterator."""
        await _close(self.content)

    def send(self, connection: HTTPConnection) -> Coroutine[Any, Any, None]:  # pyright: ignore[reportIncompatibleMethodOverride]  # ty: ignore[incompatible-method-override]
        """Send chunk by chunk. An error of the iterator breaks the answer off and is raised; so is ClientDisconnected.

        Raises ValueError, with nothing sent, where the status has become one without a body.
        """
        pairs, status, content = self._headers._pairs, self._status_code, self.content  # pyright: ignore[reportPrivateUsage]
        for name, _ in pairs:
            if name == "content-length":
                return self._send(connection)
        if (
            type(content) is not AsyncGeneratorType
            or self.bulk
            or self.max_rate is not None
            or status in BODYLESS
            or connection.method == "HEAD"
        ):
            return self._send(connection)
        to_bytes = self._encode() if self.takes_values else as_bytes
        return connection.send_all(status, pairs, content, to_bytes)  # pyright: ignore[reportUnknownArgumentType]

    async def _send(self, connection: HTTPConnection) -> None:
        """Send what is not sent as it comes: a sync iterator, bulk, what has a length or a rate, or nothing."""
        if self._status_code in BODYLESS:
            await self.discard()
            raise ValueError(f"status {self._status_code} has no body, but the response is a stream")
        if connection.method == "HEAD":
            await self._send_head(connection)
            return
        opened, declared = _chunks(self.content), self._declared_length()
        bulk = self.bulk if self.bulk is not None else declared is not None and declared >= BULK
        try:
            chunks = opened if declared is None else await begun(opened, self._encode(), declared)
            await connection.stream(
                self._status_code,
                self._headers.raw,
                lambda stream: self._copy(chunks, stream, declared),
                bulk,
            )
        finally:
            await _close(opened)

    async def _send_head(self, connection: HTTPConnection) -> None:
        try:
            await connection.send_empty(self._status_code, self._headers.raw)
        finally:
            await _close(self.content)

    def _copy(self, chunks: AsyncIterator[Any], stream: Writer, declared: int | None) -> Awaitable[None]:
        if self.max_rate is not None:
            stream = Paced(stream, self.max_rate)
        if declared is not None:
            stream = Counted(stream, declared)
        return stream.write_all(chunks, self._encode())

    def _encode(self) -> Callable[[Any], bytes]:
        """What makes bytes of a chunk."""
        return as_bytes

    def _declared_length(self) -> int | None:
        declared = self._headers.get("content-length")
        return None if declared is None else int(declared)


class NDJSONResponse(StreamingResponse):
    """A line of JSON for each item of an iterator: `NDJSONResponse(user async for user in users())`.

    Items are whatever JSON can say, models included, written by `encoder`, else by the app's.
    """

    __slots__ = ("_encoder",)
    media_type: ClassVar[str | None] = "application/x-ndjson"
    takes_values = True

    def __init__(
        self,
        content: AsyncIterable[Any] | Iterable[Any],
        status_code: int = 200,
        headers: HeaderSource = None,
        media_type: str | None = None,
        *,
        encoder: JSONEncoder | None = None,
        bulk: bool | None = None,
        max_rate: float | None = None,
    ) -> None:
        self._encoder = encoder
        super().__init__(content, status_code, headers, media_type, bulk=bulk, max_rate=max_rate)

    def bind(self, encoder: JSONEncoder) -> None:
        """Take the app's encoder unless the response came with its own."""
        self._encoder = self._encoder or encoder

    def _encode(self) -> Callable[[Any], bytes]:
        encode = (self._encoder or best_encoder()).encode
        return lambda item: encode(item) + b"\n"


def _check_content(content: object) -> None:
    iterable = hasattr(content, "__aiter__") or hasattr(content, "__iter__")
    if isinstance(content, (bytes, str)) or not iterable:
        raise ValueError(f"a stream needs an iterator of bytes or str, not {type(content).__qualname__}")


def _chunks(content: AsyncIterable[Any] | Iterable[Any]) -> AsyncIterator[Any]:
    if content.__class__ is AsyncGeneratorType:  # which `isinstance` takes 0.3 us to find out
        return content  # pyright: ignore[reportReturnType]
    return aiter(content) if isinstance(content, AsyncIterable) else iterate(iter(content))


async def _close(iterator: object) -> None:
    """Close a generator, async or not, so that its `finally` runs now."""
    aclose, close = getattr(iterator, "aclose", None), getattr(iterator, "close", None)
    if aclose is not None:
        await aclose()
    elif close is not None:
        await in_thread(close)
