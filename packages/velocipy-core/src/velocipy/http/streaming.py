"""Answers whose body is made while it is sent. Knows iterators and lengths; does not know servers."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable
from typing import TYPE_CHECKING, Any

from velocipy.http.gate import BODYLESS, check_status
from velocipy.http.headers import ResponseHeaders
from velocipy.http.response import TEXT_TYPE, Response, as_bytes
from velocipy.threads import in_thread, iterate

if TYPE_CHECKING:
    from velocipy.http.headers import HeaderSource
    from velocipy.protocols import HTTPConnection, ResponseStream

Content = AsyncIterable[bytes | str] | Iterable[bytes | str]


class StreamingResponse(Response):
    """A body from an iterator, sync or async, of bytes or str (sent as UTF-8): `StreamingResponse(rows())`.

    The iterator is closed when the stream ends, for whatever reason, and is never started for HEAD. With a `content-length`
    header the stream must give exactly that many bytes, else the answer is broken off.
    """

    __slots__ = ("content",)
    media_type = TEXT_TYPE
    streams = True

    def __init__(
        self,
        content: Content,
        status_code: int = 200,
        headers: HeaderSource = None,
        media_type: str | None = None,
    ) -> None:
        if (
            isinstance(content, (bytes, str))
            or not hasattr(content, "__aiter__")
            and not hasattr(content, "__iter__")
        ):
            raise ValueError(f"a stream needs an iterator of bytes or str, not {type(content).__qualname__}")
        if check_status(status_code) in BODYLESS:
            raise ValueError(f"status {status_code} has no body, so nothing can be streamed with it")
        super().__init__(content, status_code, headers, media_type)

    def _set_content(self, content: Any) -> None:
        self.content = content
        self._body = b""

    async def send(self, connection: HTTPConnection) -> None:
        """Send chunk by chunk. An error of the iterator breaks the answer off and is raised; so is ClientDisconnected."""
        if connection.method != "HEAD":
            await self._send_chunks(connection)
            return
        try:
            await connection.send_empty(self._status_code, self._headers.raw)
        finally:
            await _close(self.content)

    async def _send_chunks(self, connection: HTTPConnection) -> None:
        chunks = _chunks(self.content)
        try:
            stream = await connection.start_stream(self._status_code, self._headers.raw)
            try:
                await _copy(chunks, stream, _declared_length(self._headers))
                await stream.close()
            except BaseException:
                stream.abort()
                raise
        finally:
            await _close(chunks)


async def _copy(chunks: AsyncIterator[bytes | str], stream: ResponseStream, declared: int | None) -> None:
    sent = 0
    async for chunk in chunks:
        data = as_bytes(chunk)
        sent += len(data)
        if declared is not None and sent > declared:
            raise ValueError(f"the stream declares content-length {declared} and gives more")
        if data:
            await stream.write(data)
    if declared is not None and sent != declared:
        raise ValueError(f"the stream declares content-length {declared} and gives {sent}")


def _declared_length(headers: ResponseHeaders) -> int | None:
    declared = headers.get("content-length")
    return None if declared is None else int(declared)


def _chunks(content: Content) -> AsyncIterator[bytes | str]:
    return aiter(content) if isinstance(content, AsyncIterable) else iterate(iter(content))


async def _close(iterator: object) -> None:
    """Close a generator, async or not, so that its `finally` runs now."""
    aclose, close = getattr(iterator, "aclose", None), getattr(iterator, "close", None)
    if aclose is not None:
        await aclose()
    elif close is not None:
        await in_thread(close)
