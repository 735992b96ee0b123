"""One HTTP exchange over ASGI: scope and messages as core's HTTPConnection. Knows no app and no routes."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Iterator,
    MutableMapping,
)
from contextvars import copy_context
from functools import cached_property
from types import CoroutineType, coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from velocipy.asgi.root import root_path, routed_path
from velocipy.exceptions import ClientDisconnected, PayloadTooLargeException
from velocipy.http.disk import SpanReader
from velocipy.http.fields import LENGTHS, declared_length
from velocipy.http.gathering import gather
from velocipy.http.leaving import while_it_waits
from velocipy.http.pace import Watched, in_time, joined
from velocipy.protocols import HTTPConnection, ResponseStream
from velocipy.threads import begin, in_thread, whole

if TYPE_CHECKING:
    from os import PathLike

    from velocipy.protocols import HeaderPairs

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Default = TypeVar("Default")

_UNREAD = frozenset({408, 413})
"""Statuses of answers to requests whose body is still coming."""

TURN = 64
"""Sends after which the loop gets a turn (6 us): after a disconnect servers never make who sends wait, and nothing else ran."""

CHUNKS = 128
"""The same for chunks of a stream, which take a millisecond; servers make who sends wait after 64 KiB besides."""

READY = 8
"""The same for chunks of a file, 1 MiB of it, which take half a millisecond where they are in memory."""

MAX_KEPT = 64 * 1024
"""Bytes of a body, and one message more, that are kept for its reader while somebody waits for the client to leave."""


def hosts_of(lines: list[tuple[bytes, bytes]]) -> list[bytes]:
    """Every Host line as it came."""
    return [value for name, value in lines if name == b"host"]


def joined_lines(lines: list[tuple[bytes, bytes]], name: bytes, default: Default) -> str | Default:
    """All lines of a name as one text, with commas between (RFC 9110 section 5.2); those that are not ASCII count as missing."""
    values = [value.decode() for field, value in lines if field == name and value.isascii()]
    return ", ".join(values) if values else default


class HeaderView:
    """A scope's headers, looked up without decoding what is not asked for; values that are not ASCII count as missing.

    `first` is a table of the first line of each name, where there is one already.
    """

    __slots__ = ("_raw", "_repeats", "_table")

    def __init__(self, raw: Iterable[tuple[bytes, bytes]], first: dict[bytes, bytes] | None = None) -> None:
        lines: list[tuple[bytes, bytes]] = raw if raw.__class__ is list else list(raw)  # pyright: ignore[reportAssignmentType]  # `isinstance` costs more  # ty: ignore[invalid-assignment]
        self._raw = lines
        if first is None:
            first = dict(lines)
            if len(first) < len(lines):
                first = dict(reversed(lines))
        self._table = first
        self._repeats = len(first) < len(lines)

    def get(self, name: str, default: str | None = None, /) -> str | None:
        """The first value of a lower-case name."""
        value = self._table.get(name.encode())
        return default if value is None or not value.isascii() else value.decode()

    def get_all(self, name: str, /) -> list[str]:
        """Every value of a lower-case name."""
        key = name.encode()
        value = self._table.get(key)
        if value is None:
            return []
        if self._repeats:
            return [value.decode() for field, value in self._raw if field == key and value.isascii()]
        return [value.decode()] if value.isascii() else []

    def items(self) -> Iterator[tuple[str, str]]:
        """All pairs in order."""
        return ((field.decode("latin-1"), value.decode()) for field, value in self._raw if value.isascii())


def ends_at_length(scope: Message) -> bool:
    """Whether the Content-Length says where the body ends: a Transfer-Encoding overrides it (RFC 9112 section 6.3)."""
    return all(name != b"transfer-encoding" for name, _ in scope["headers"])


@coroutine
def read_body(
    length: str | bytes | None, scope: Message, receive: Receive, limit: int, seconds: float | None = None
) -> Generator[Any, Any, bytes]:
    """The whole body. PayloadTooLargeException before a byte is read when its declared length says so, else at the byte.

    With `seconds`, a RequestTimeout where it comes too slowly (`velocipy.http.pace`). Most bodies have come already with the first
    message, and then nobody need look at a clock (0.6 us): so the message is taken by hand, in a generator, to be one frame. Granian
    and Hypercorn announce more behind every body; one of its declared length is not kept waiting for that (12 us on Granian).
    """
    if length is None:
        declared = None
    elif (declared := LENGTHS.get(length) or declared_length(length)) > limit:
        raise PayloadTooLargeException
    coming = receive()
    message: Message
    if seconds is None:
        message = yield from coming.__await__()
    elif not isinstance(coming, CoroutineType):
        with Watched(seconds):
            message = yield from coming.__await__()
    else:
        try:
            waiting = coming.send(None)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        except StopIteration as done:
            message = done.value
        else:
            message = yield from while_it_waits(waiting, coming, Watched, seconds)  # pyright: ignore[reportUnknownArgumentType]
    if message["type"] == "http.request":
        body: bytes = message.get("body", b"")
        if not message.get("more_body", False) or (len(body) == declared and ends_at_length(scope)):
            if len(body) > limit:
                raise PayloadTooLargeException
            return body
    return (yield from in_time(joined(_chunks(message, receive, limit), seconds), seconds).__await__())


async def _chunks(message: Message, receive: Receive, limit: int) -> AsyncIterator[bytes]:
    total = 0
    while True:
        if message["type"] == "http.disconnect":
            raise ClientDisconnected("the client left before its body was complete")
        chunk = message.get("body", b"")
        total += len(chunk)
        if total > limit:
            raise PayloadTooLargeException
        if chunk:
            yield chunk
        if not message.get("more_body", False):
            return
        message = await receive()


def address(pair: Any) -> tuple[str, int | None] | None:
    """A scope's client or server -> (host, port); some servers give ports as text, Unix sockets have none."""
    if not pair:
        return None
    host, port = pair[0], pair[1] if len(pair) > 1 else None
    return host, None if port is None else int(port)


class Inbox:
    """One request's messages for two who listen at once: who reads the body, and who waits for the client to leave.

    Only one may be in `receive` at a time, and what the second takes out while it waits is kept for the first.
    """

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._turn = asyncio.Lock()
        self._kept: deque[Message] = deque()
        self._size = 0
        self._room = asyncio.Event()
        self._room.set()

    async def next(self) -> Message:
        """The next message."""
        while True:
            if self._kept:
                message = self._kept.popleft()
                self._size -= len(message.get("body", b""))
                self._room.set()
                return message
            async with self._turn:
                if not self._kept:
                    return await self._receive()

    async def disconnected(self) -> None:
        """Return at `http.disconnect`. A body that nobody reads is taken in only as far as MAX_KEPT."""
        while True:
            await self._room.wait()
            async with self._turn:
                message = await self._take()
            self._keep(message)
            if message["type"] == "http.disconnect":
                return

    async def _take(self) -> Message:
        """The server's next message; one that has come is kept when whoever waited for it is cancelled in that moment."""
        coming = asyncio.ensure_future(self._receive())
        try:
            return await coming
        except asyncio.CancelledError:
            if coming.done() and not coming.cancelled() and coming.exception() is None:
                self._keep(coming.result())
            raise
        finally:
            # It may be Granian's own object, which garbage collection cannot look into: in the frame of a traceback it would stay for
            # ever, and the whole request with it.
            del coming

    def _keep(self, message: Message) -> None:
        self._kept.append(message)
        self._size += len(message.get("body", b""))
        if self._size >= MAX_KEPT:
            self._room.clear()


class ASGIConnection(HTTPConnection):
    """Reads from a scope and sends messages; every attribute is computed when it is asked for."""

    authority: str | None = None

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.is_left = (
            False  # here and not of the class: every chunk asks, and finds it in a third of the time
        )
        self.receive = receive
        self.emit = send

    @cached_property
    def _inbox(self) -> Inbox:
        return Inbox(self.receive)

    @property
    def path(self) -> str:  # type: ignore[override]
        """The percent-decoded path, below the root."""
        return routed_path(self.scope)

    @property
    def root_path(self) -> str:  # type: ignore[override]
        """What stands before it."""
        return root_path(self.scope)

    @property
    def query_string(self) -> str:  # type: ignore[override]
        """The raw query."""
        return str(self.scope["query_string"].decode("latin-1"))

    @property
    def http_version(self) -> str:  # type: ignore[override]
        """ "1.0", "1.1" or "2"."""
        return str(self.scope["http_version"])

    @property
    def scheme(self) -> str:  # type: ignore[override]
        """http or https."""
        return str(self.scope.get("scheme", "http"))

    @property
    def headers(self) -> HeaderView:  # type: ignore[override]
        """The request headers."""
        return HeaderView(self.scope["headers"])

    @property
    def client(self) -> tuple[str, int | None] | None:  # type: ignore[override]
        """The peer's address."""
        return address(self.scope.get("client"))

    @property
    def server(self) -> tuple[str, int | None] | None:  # type: ignore[override]
        """The server's own address."""
        return address(self.scope.get("server"))

    async def read_body(self, limit: int) -> bytes:
        """The whole body, at most `limit` bytes."""
        length = self.headers.get("content-length")
        return await read_body(length, self.scope, self._inbox.next, limit, self.body_timeout)

    async def read_chunks(self, limit: int) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        length = self.headers.get("content-length")
        if length is not None and declared_length(length) > limit:
            raise PayloadTooLargeException
        async for chunk in _chunks(await self._inbox.next(), self._inbox.next, limit):
            yield chunk

    async def disconnected(self) -> None:
        """Wait for `http.disconnect`; the body can still be read, meanwhile or afterwards."""
        await self._inbox.disconnected()

    async def send(self, status: int, headers: HeaderPairs, body: bytes) -> None:
        """Answer with a body."""
        await self._start(status, [*headers, ("content-length", str(len(body)))])
        self.complete()
        await self.emit({"type": "http.response.body", "body": body})

    async def send_empty(self, status: int, headers: HeaderPairs) -> None:
        """Answer without one."""
        await self._start(status, headers)
        self.complete()
        await self.emit({"type": "http.response.body", "body": b""})

    async def send_file(
        self, status: int, headers: HeaderPairs, path: str | PathLike[str], start: int, stop: int
    ) -> None:
        """Answer with a part of a file, a chunk at a time: in threads what has to be waited for; or by the server where it offers that."""
        extensions: dict[str, Any] = self.scope.get("extensions") or {}
        if "http.response.pathsend" in extensions and start == 0 and os.stat(path).st_size == stop:
            await self._start(status, headers)
            self.complete()
            await self.emit({"type": "http.response.pathsend", "path": os.fspath(path)})
            return
        reader = SpanReader(path, start, stop)
        try:
            first = await _read(reader)
            await self._start(status, headers)
            await self._copy(first, reader)
        finally:
            if reader.is_open:
                await in_thread(reader.close)

    async def _copy(self, chunk: bytes, reader: SpanReader) -> None:
        """Body messages, the last of which ends the body; for nobody once the client has left."""
        try:
            if reader.left:
                stream, left = ASGIStream(self), READY
                while reader.left:
                    await stream.write(chunk)
                    left -= 1
                    if not left:
                        left = READY
                        await asyncio.sleep(0)
                    chunk = reader.ready() or await _read(reader)
        finally:
            self.complete()
        await self.emit({"type": "http.response.body", "body": chunk, "more_body": False})

    async def start_stream(self, status: int, headers: HeaderPairs, bulk: bool = False) -> ResponseStream:
        """Answer piece by piece; servers make whoever sends wait for a slow client."""
        await self._start(status, headers)
        return ASGIStream(self)

    async def send_all(
        self,
        status: int,
        headers: HeaderPairs,
        items: AsyncGenerator[Any, None],
        to_bytes: Callable[[Any], bytes],
    ) -> None:
        """In as few messages as there are waits, the last of which ends the body."""
        try:
            await self.emit(self._head(status, headers))
            rest = await gather(items, to_bytes, self._write)
            self.complete()
            await self.emit({"type": "http.response.body", "body": rest})
        except BaseException:
            self.complete()
            await items.aclose()
            raise

    def _write(self, chunk: bytes) -> Awaitable[None]:
        """Send a part of the body. Servers accept it in silence after the client has left: it takes whoever waits for that to notice."""
        if self.is_left:
            raise ClientDisconnected("the client left during the stream")
        return self.emit({"type": "http.response.body", "body": chunk, "more_body": True})

    async def _start(self, status: int, headers: HeaderPairs) -> None:
        await self.emit(self._head(status, headers))

    def _head(self, status: int, headers: HeaderPairs) -> Message:
        """The message with which an answer begins."""
        self.started = True
        # The gate has let nothing but ASCII through.
        pairs = [(name.encode(), value.encode()) for name, value in headers]
        if status in _UNREAD and self.http_version.startswith("1"):
            # The rest of the body is unread. uvicorn takes in whatever still comes, 1 GB if it must, unless it is told to hang up
            # (RFC 9110 section 15.5.14 lets it).
            pairs.append((b"connection", b"close"))
        return {"type": "http.response.start", "status": status, "headers": pairs}


async def _read(reader: SpanReader) -> bytes:
    return await whole(begin(copy_context(), reader.read))


class ASGIStream(ResponseStream):
    """Body messages."""

    def __init__(self, connection: ASGIConnection) -> None:
        self._connection = connection
        self._written = 0

    async def write(self, chunk: bytes) -> None:
        """Send a chunk; ClientDisconnected once the client is known to have left."""
        await self._connection._write(chunk)  # pyright: ignore[reportPrivateUsage]
        self._written += 1
        if not self._written % CHUNKS:
            await asyncio.sleep(0)

    async def close(self) -> None:
        """End the body."""
        self._connection.complete()
        await self._connection.emit({"type": "http.response.body", "body": b""})

    def abort(self) -> None:
        """Leave the body without its end: the server then closes the connection."""
        self._connection.complete()
