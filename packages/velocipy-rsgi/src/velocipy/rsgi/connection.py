"""One HTTP exchange over RSGI as core's HTTPConnection. Knows scope and protocol objects; knows no app and no server's classes."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, NoReturn

from velocipy.exceptions import ClientDisconnected, PayloadTooLargeException
from velocipy.http.fields import LENGTHS, declared_length
from velocipy.http.gathering import gather
from velocipy.http.pace import WAITING, begin, check_over, in_time, joined
from velocipy.protocols import HTTPConnection, RequestHeaders, ResponseStream
from velocipy.rsgi.pipe import PIPES, RSGIPipe
from velocipy.rsgi.root import root_path

if TYPE_CHECKING:
    from os import PathLike

    from velocipy.protocols import HeaderPairs

HIGH_WATER: Final = 256 * 1024
"""What a stream hands over before the loop gets a turn: a server takes chunks without limit and never makes who sends wait."""

A_WRITE: Final = 1024
"""Bytes as which a write counts beside those it brings, so that streams of crumbs give way too: after 256 of them, a millisecond."""

MAX_KEPT: Final = 64 * 1024
"""Bytes of a body, and one chunk more, that are kept for its reader while somebody waits for the client to leave."""


def is_protocol_closed(exc: BaseException) -> bool:
    """Whether a server says that its client has left. By name: each RSGI server has classes of its own."""
    return type(exc).__name__ == "RSGIProtocolClosed"


async def read_body(
    length: str | None, scope: Any, proto: Any, limit: int, seconds: float | None = None
) -> bytes:
    """The whole body. PayloadTooLargeException before a byte is read when its declared length says so, else at the byte.

    In one call into the server, which tells of no progress; a long one chunk by chunk, so that a slow client is told from a dead one.
    """
    if length is None or (declared := LENGTHS.get(length) or declared_length(length)) > MAX_KEPT:
        return await in_time(joined(read_chunks(length, scope, proto, limit), seconds), seconds)
    if declared > limit:
        raise PayloadTooLargeException
    task = None if seconds is None else begin(seconds)
    try:
        body: bytes = await proto()
    except asyncio.CancelledError:
        check_over(task)
        raise
    except Exception as exc:
        if is_protocol_closed(exc):
            raise ClientDisconnected("the client left before its body was complete") from None
        raise
    finally:
        WAITING.pop(task, None)
    if len(body) > limit:  # a server that does not hold a body to its declared length
        raise PayloadTooLargeException
    return body


async def read_chunks(length: str | None, scope: Any, proto: Any, limit: int) -> AsyncIterator[bytes]:
    """The body as it arrives; `Ending` has how it is told from a cut one."""
    ending = Ending(length, scope)
    if ending.expected is not None and ending.expected > limit:
        raise PayloadTooLargeException
    async for chunk in proto:
        if ending.take(chunk):
            break
        if ending.total > limit:
            raise PayloadTooLargeException
        if chunk:
            yield bytes(chunk)
    ending.check()


class Ending:
    """How a body ends: `take` each chunk, then `check` whether it was whole. A server says nothing of it but by empty chunks:

    one behind a whole body; two behind one with trailers, and over HTTP/1.1 behind one that was cut; without end where a stream of
    HTTP/2 was reset. A chunked body of HTTP/1.1, which has no length, cannot be told from one with trailers: both count as cut.
    """

    __slots__ = ("_ends", "_scope", "expected", "total")

    def __init__(self, length: str | None, scope: Any) -> None:
        self.expected: int | None = None if length is None else declared_length(length)
        self._scope: Any = scope
        self.total: int = 0
        self._ends = 0

    def take(self, chunk: bytes) -> bool:
        """Count a chunk -> whether nothing else will come, though the server goes on."""
        self.total += len(chunk)
        self._ends += not chunk
        return self._ends > 2

    def check(self) -> None:
        """Raise ClientDisconnected where the body was cut."""
        if self.expected is None:
            is_cut = self._ends > 2 or self._ends == 2 and self._scope.http_version != "2"
        else:
            is_cut = self._ends > 2 or self.total != self.expected
        if is_cut:
            raise ClientDisconnected("the client left before its body was complete")


def address(text: str | None) -> tuple[str, int | None] | None:
    """ "127.0.0.1:80" or "[::1]:80" -> (host, port); None for Unix sockets, which have neither."""
    if not text or text.startswith("unix:"):
        return None
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port) if port.isdigit() else None


class Upload:
    """One request's body for two at once: who reads it, and who waits for the client to leave.

    A server notices that a client has left only when nothing of the body is still to be read. So who waits takes it in, as far as
    MAX_KEPT, and it is kept for who reads; what is on its way when waiting is cancelled goes to the next who takes.
    """

    def __init__(self, scope: Any, proto: Any) -> None:
        self._ending = Ending(scope.headers.get("content-length"), scope)
        self._chunks: Any = aiter(proto)
        self._turn = asyncio.Lock()
        self._coming: asyncio.Future[bytes] | None = None
        self._kept: deque[bytes] = deque()
        self._size = 0
        self._room = asyncio.Event()
        self._room.set()

    async def read(self, limit: int) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        if self._ending.expected is not None and self._ending.expected > limit:
            raise PayloadTooLargeException
        total = 0
        while chunk := await self._next():
            total += len(chunk)
            if total > limit:
                raise PayloadTooLargeException
            yield chunk

    async def drain(self) -> None:
        """Return when the server has the whole body; raises ClientDisconnected when it was cut off."""
        while True:
            await self._room.wait()
            async with self._turn:
                chunk = await self._take(self._arriving)
            if not chunk:
                return
            self._kept.append(chunk)
            self._size += len(chunk)
            if self._size >= MAX_KEPT:
                self._room.clear()

    def end(self) -> None:
        """Nobody wants the rest."""
        if self._coming is not None:
            self._coming.cancel()

    async def _next(self) -> bytes:
        """A chunk, or nothing at the end."""
        while True:
            if self._kept:
                chunk = self._kept.popleft()
                self._size -= len(chunk)
                self._room.set()
                return chunk
            async with self._turn:
                if not self._kept:
                    return await self._take(self._arriving if self._coming else self._chunks.__anext__)

    async def _take(self, arriving: Callable[[], Awaitable[bytes | None]]) -> bytes:
        """The server's next chunk; nothing at the end of a whole body, ClientDisconnected at that of a cut one."""
        while True:
            try:
                chunk = await arriving()
            except StopAsyncIteration:
                break
            if chunk is None or self._ending.take(chunk):
                break
            if chunk:
                return bytes(chunk)
        self._ending.check()
        return b""

    async def _arriving(self) -> bytes | None:
        """A chunk, which is not lost when this is cancelled; None when there are no more."""
        coming = self._coming
        if coming is None:
            try:
                coming = self._coming = asyncio.ensure_future(self._chunks.__anext__())
            except StopAsyncIteration:  # which no coroutine can raise
                return None
        await asyncio.wait([coming])
        self._coming = None
        return coming.result()


class RSGIConnection(HTTPConnection):
    """Reads from a scope, each attribute of which costs a call into the server, and answers through the protocol."""

    _taken = False
    """Whether the body was begun, by `read_body` at once or as an Upload."""

    def __init__(self, scope: Any, proto: Any) -> None:
        self.scope = scope
        self.proto = proto
        self._upload: Upload | None = None

    @property
    def method(self) -> str:  # type: ignore[override]
        """The request method."""
        method: str = self.scope.method
        return method

    @property
    def path(self) -> str:  # type: ignore[override]
        """The percent-decoded path."""
        return str(self.scope.path)

    @property
    def root_path(self) -> str:  # type: ignore[override]
        """What stands before it, where the app was told."""
        return root_path(self.scope)

    @property
    def query_string(self) -> str:  # type: ignore[override]
        """The raw query."""
        return str(self.scope.query_string)

    @property
    def http_version(self) -> str:  # type: ignore[override]
        """ "1", "1.1" or "2" as the server says it."""
        version = str(self.scope.http_version)
        return "1.0" if version == "1" else version

    @property
    def scheme(self) -> str:  # type: ignore[override]
        """http or https."""
        return str(self.scope.scheme)

    @property
    def headers(self) -> RequestHeaders:  # type: ignore[override]
        """The request headers: a new copy of the whole map each time, so keep it."""
        return self.scope.headers  # type: ignore[no-any-return]

    @property
    def authority(self) -> str | None:  # type: ignore[override]
        """HTTP/2's `:authority`, which stands there in place of a Host header."""
        return self.scope.authority  # type: ignore[no-any-return]

    @property
    def client(self) -> tuple[str, int | None] | None:  # type: ignore[override]
        """The peer's address."""
        return address(self.scope.client)

    @property
    def server(self) -> tuple[str, int | None] | None:  # type: ignore[override]
        """The server's own address."""
        return address(self.scope.server)

    def _uploading(self) -> Upload:
        if self._upload is None:
            self._taken = True
            self._upload = Upload(self.scope, self.proto)
        return self._upload

    async def read_body(self, limit: int) -> bytes:
        """The whole body, at most `limit` bytes; in one call into the server where nobody has begun to read it."""
        try:
            if self._upload is None:
                self._taken = True
                length = self.headers.get("content-length")
                return await read_body(length, self.scope, self.proto, limit, self.body_timeout)
            return await in_time(joined(self._upload.read(limit), self.body_timeout), self.body_timeout)
        except ClientDisconnected:
            self.leaving.notice()
            raise

    async def read_chunks(self, limit: int) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        try:
            async for chunk in self._uploading().read(limit):
                yield chunk
        except ClientDisconnected:
            self.leaving.notice()
            raise

    async def disconnected(self) -> None:
        """Wait for the client to leave; the body can still be read, meanwhile or afterwards."""
        if self._upload is not None or not self._taken:
            try:
                await self._uploading().drain()
            except Exception as exc:
                if is_protocol_closed(exc):
                    return
                raise
        await self.proto.client_disconnect()

    def complete(self) -> None:
        """The answer is complete, and nobody wants what is left of the body."""
        super().complete()
        if self._upload is not None:
            self._upload.end()

    async def send(self, status: int, headers: HeaderPairs, body: bytes) -> None:
        """Answer with a body; the server counts it."""
        self.started: bool = True
        self.complete()
        self.proto.response_bytes(status, headers, body)

    async def send_empty(self, status: int, headers: HeaderPairs) -> None:
        """Answer without one; a declared length stands as it is, which `response_empty` does not promise."""
        self.started = True
        self.complete()
        if any(name == "content-length" for name, _ in headers):
            self.proto.response_bytes(status, headers, b"")
        else:
            self.proto.response_empty(status, headers)

    async def send_file(
        self, status: int, headers: HeaderPairs, path: str | PathLike[str], start: int, stop: int
    ) -> None:
        """Have the server send a part of a file. An empty part is no range to it."""
        self.started = True
        self.complete()
        if start >= stop:
            self.proto.response_bytes(status, [pair for pair in headers if pair[0] != "content-length"], b"")
        else:
            self.proto.response_file_range(status, headers, os.fspath(path), start, stop)

    async def start_stream(self, status: int, headers: HeaderPairs, bulk: bool = False) -> ResponseStream:
        """Answer piece by piece; in bulk through a pipe, since a stream of the server's takes whatever it is given."""
        self.started = True
        if bulk and PIPES and self.method != "HEAD":  # there nobody would read the pipe
            return RSGIPipe(self, status, headers)
        return RSGIStream(self, self.proto.response_stream(status, headers))

    async def send_all(
        self,
        status: int,
        headers: HeaderPairs,
        items: AsyncGenerator[Any, None],
        to_bytes: Callable[[Any], bytes],
    ) -> None:
        """In as few writes as there are waits."""
        self.started = True
        stream: RSGIStream | None = None
        try:
            stream = RSGIStream(self, self.proto.response_stream(status, headers))
            if rest := await gather(items, to_bytes, stream.write):
                await stream.write(rest)
        except BaseException:
            if stream is not None:
                stream.abort()  # the traceback keeps this frame, and the server would wait for the rest of the body
            await items.aclose()
            raise
        self.complete()

    def _raise_left(self, exc: Exception) -> NoReturn:
        """Raise what a transport raised, ClientDisconnected where it says that the client has left."""
        if is_protocol_closed(exc):
            self.leaving.notice()
            raise ClientDisconnected("the client left during the stream") from None
        raise exc


class RSGIStream(ResponseStream):
    """A server's transport. It takes chunks without limit, so now and then a write lets the loop do other work."""

    def __init__(self, connection: RSGIConnection, transport: Any) -> None:
        self._connection = connection
        self._transport: Any = transport
        self._room = HIGH_WATER

    async def write(self, chunk: bytes) -> None:
        """Send a chunk; ClientDisconnected once the client has left."""
        try:
            await self._transport.send_bytes(chunk)
        except Exception as exc:
            self._connection._raise_left(exc)  # pyright: ignore[reportPrivateUsage]
        self._room -= len(chunk) + A_WRITE
        if self._room <= 0:
            self._room = HIGH_WATER
            await asyncio.sleep(0)

    async def close(self) -> None:
        """The server ends the body when nobody holds the transport any more."""
        self._connection.complete()
        self._transport = None

    def abort(self) -> None:
        """The same: RSGI has no way to break a body off, which only shows where a Content-Length was declared."""
        self._connection.complete()
        self._transport = None
