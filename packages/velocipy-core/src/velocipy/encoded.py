"""Answers in a content coding, encoded while they are sent (RFC 9110 section 8.4). Knows responses and connections; does not decide
who gets what.

    body = await encode(coding, body)                one that is there
    Encoded(response, coding)                        a stream or a file
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from velocipy.http.conditional import parse_etag
from velocipy.http.disk import read_span
from velocipy.http.headers import ResponseHeaders
from velocipy.http.response import Response
from velocipy.http.threaded import send_made
from velocipy.protocols import HTTPConnection, ResponseStream
from velocipy.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from os import PathLike

    from velocipy.background import BackgroundTask, BackgroundTasks
    from velocipy.codings.base import Coding
    from velocipy.http.leaving import Leaving
    from velocipy.http.wording import Refuse, Wording
    from velocipy.protocols import HeaderPairs

WHOLE: Final = 1024 * 1024
"""Bytes of a file up to which it is compressed as one, so that its answer has a length."""


async def encode(coding: Coding, body: bytes) -> bytes:
    """A body in a coding; a long one is compressed in a thread."""
    if len(body) <= coding.on_loop:
        return coding.compress(body)
    return await in_thread(coding.compress, body)


_UNTRUE: Final = frozenset({"accept-ranges", "content-length"})
"""What headers say of content as it is: its length, and that parts of it can be had."""


def replaced(response: Response, body: bytes, coding: Coding) -> Response:
    """The response with its body encoded."""
    made = Response(body, response.status_code)
    made._headers = described(response.headers, coding)  # pyright: ignore[reportPrivateUsage]  # checked once is enough
    made.background = response.background
    return made


def described(headers: ResponseHeaders, coding: Coding) -> ResponseHeaders:
    """Headers that speak of the encoded content: no length yet, no ranges, and a weak ETag.

    A strong one would promise the bytes that another coding of the same has (RFC 9110 section 8.8.3).
    """
    made = headers.without(_UNTRUE)
    made.add("content-encoding", coding.name)
    weaken(made)
    return made


def weaken(headers: ResponseHeaders) -> None:
    """Make an ETag weak."""
    etag = headers.get("etag")
    tag = parse_etag(etag)
    if tag is not None and not tag.is_weak:
        headers["etag"] = f"W/{etag}"


class Encoded(Response):
    """A response of any class that is encoded while it sends itself; for what it sends with another status, only the ETag changes.

    That is a file's 206, 304, 412 or 416 in place of its 200.
    """

    __slots__ = ("coding", "response")
    streams = True

    def __init__(self, response: Response, coding: Coding) -> None:
        super().__init__(None, response.status_code)
        self._headers = response.headers.copy()
        self.background: BackgroundTask | BackgroundTasks | None = response.background
        self.response: Response = response
        self.coding: Coding = coding

    async def discard(self) -> None:
        """Have the response let go of its content."""
        await self.response.discard()

    def worded(self, wording: Wording, refuse: Refuse | None = None) -> Encoded:
        """What is encoded words its own errors."""
        response = self.response.worded(wording, refuse)
        if response is self.response:
            return self
        twin = self.fresh()
        assert isinstance(twin, Encoded)
        twin.response = response
        return twin

    async def send(self, connection: HTTPConnection) -> None:
        """Send the response with the headers that were added meanwhile, through the coding. Raises what it raises."""
        twin = self.response.fresh()
        twin.status_code = self._status_code
        twin._headers = self._headers
        await twin.send(_EncodingConnection(connection, self._status_code, self.coding))


class _EncodingConnection(HTTPConnection):
    """A connection that answers of one status go through encoded; everything else is the inner connection's."""

    def __init__(self, inner: HTTPConnection, status: int, coding: Coding) -> None:
        self._inner = inner
        self._status = status
        self._coding = coding

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @property
    def started(self) -> bool:  # type: ignore[override]
        """Whether an answer has begun."""
        return self._inner.started

    @property
    def leaving(self) -> Leaving:
        """The client's leaving."""
        return self._inner.leaving

    def complete(self) -> None:
        """The answer is complete."""
        self._inner.complete()

    async def read_body(self, limit: int) -> bytes:
        """The request's body."""
        self._inner.body_timeout = self.body_timeout
        return await self._inner.read_body(limit)

    def read_chunks(self, limit: int) -> AsyncIterator[bytes]:
        """The request's body in chunks."""
        return self._inner.read_chunks(limit)

    async def disconnected(self) -> None:
        """Return once the client has left."""
        await self._inner.disconnected()

    def _encodes(self, status: int, headers: HeaderPairs) -> bool:
        return status == self._status and not any(
            name in ("content-encoding", "content-range") for name, _ in headers
        )

    def _described(self, headers: HeaderPairs) -> HeaderPairs:
        return described(ResponseHeaders(headers), self._coding).raw

    async def send(self, status: int, headers: HeaderPairs, body: bytes) -> None:
        """Answer with a body, encoded."""
        if body and self._encodes(status, headers):
            headers, body = self._described(headers), await encode(self._coding, body)
        await self._inner.send(status, headers, body)

    async def send_empty(self, status: int, headers: HeaderPairs) -> None:
        """Answer HEAD as GET would be, and 304 with the ETag that the 200 had."""
        if status == 304:
            headers = _weakened(headers)
        elif self._encodes(status, headers):
            headers = self._described(headers)
        await self._inner.send_empty(status, headers)

    async def send_file(
        self, status: int, headers: HeaderPairs, path: str | PathLike[str], start: int, stop: int
    ) -> None:
        """Answer with a whole file, read and encoded in a thread; a part of one goes as it is."""
        if not self._encodes(status, headers) or start >= stop:
            await self._inner.send_file(status, headers, path, start, stop)
            return
        headers = self._described(headers)
        if stop - start <= WHOLE:
            body = await in_thread(_encode_file, self._coding, path, start, stop)
            await self._inner.send(status, headers, body)
            return
        chunks = _encoded_chunks(self._coding, path, start, stop)
        await send_made(self._inner, status, headers, chunks, bulk=True)

    async def start_stream(self, status: int, headers: HeaderPairs, bulk: bool = False) -> ResponseStream:
        """Answer piece by piece, encoded; what is written arrives at once, unless it is bulk."""
        if not self._encodes(status, headers):
            return await self._inner.start_stream(status, headers, bulk)
        stream = await self._inner.start_stream(status, self._described(headers), bulk)
        return _EncodedStream(stream, self._coding, at_once=not bulk)


class _EncodedStream(ResponseStream):
    def __init__(self, stream: ResponseStream, coding: Coding, at_once: bool) -> None:
        self._stream = stream
        self._coder = coding.coder()
        self._on_loop = coding.on_loop
        self._at_once = at_once

    async def write(self, chunk: bytes) -> None:
        """Encode and send a chunk; a long one is compressed in a thread."""
        if len(chunk) <= self._on_loop:
            data = self._encode(chunk)
        else:
            data = await in_thread(self._encode, chunk)
        if data:
            await self._stream.write(data)

    def _encode(self, chunk: bytes) -> bytes:
        data = self._coder.compress(chunk)
        return data + self._coder.flush() if self._at_once else data

    async def close(self) -> None:
        """Send the end of the coding, and end the body."""
        await self._stream.write(self._coder.finish())
        await self._stream.close()

    def abort(self) -> None:
        """End the body as broken: without the end of its coding, which a client notices on every server."""
        self._stream.abort()


def _weakened(headers: HeaderPairs) -> HeaderPairs:
    changed = ResponseHeaders(headers)
    weaken(changed)
    return changed.raw


def _encode_file(coding: Coding, path: str | PathLike[str], start: int, stop: int) -> bytes:
    return coding.compress(b"".join(read_span(path, start, stop)))


def _encoded_chunks(coding: Coding, path: str | PathLike[str], start: int, stop: int) -> Iterator[bytes]:
    coder = coding.coder()
    for chunk in read_span(path, start, stop):
        if data := coder.compress(chunk):
            yield data
    yield coder.finish()
