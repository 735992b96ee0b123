"""A target behind a TCP port: any server, over HTTP/1.1 (RFC 9112). Knows framing and is strict about it; knows no app."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from velocipy.testing.conformance.case import Nonconforming
from velocipy.testing.conformance.frames import FrameSocket
from velocipy.testing.conformance.target import RawRequest, Reply, ResponseHead
from velocipy.testing.errors import ServerClosed, WebSocketDenied
from velocipy.testing.exchange import BODYLESS
from velocipy.testing.websocket import text_pairs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from velocipy.testing.exchange import Pairs

PIECE = 64 * 1024


class SocketTarget:
    """The server at an address; `stop`, where the target may be stopped, ends it and reads its journal."""

    def __init__(
        self,
        host: str,
        port: int,
        capabilities: frozenset[str] = frozenset(),
        stop: Callable[[], Awaitable[Sequence[str]]] | None = None,
    ) -> None:
        self.capabilities = capabilities
        self._host = host
        self._port = port
        self._stop = stop

    async def open(self, request: RawRequest) -> NetworkExchange:
        """A new connection and the request's head on it."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        writer.write(request_head(request))
        await writer.drain()
        return NetworkExchange(request, reader, writer)

    async def pipeline(self, asked: Sequence[tuple[RawRequest, bytes]]) -> list[Reply]:
        """All requests in one write; the last asks for the connection's end, so that bytes too many show."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        last = len(asked) - 1
        for number, (request, body) in enumerate(asked):
            writer.write(
                request_head(request, (b"connection", b"close")) if number == last else request_head(request)
            )
            writer.write(body)
        try:
            return await read_replies(reader, [request for request, _ in asked])
        finally:
            writer.transport.abort()

    async def open_socket(self, request: RawRequest) -> FrameSocket:
        """A new connection and a WebSocket on it."""
        exchange = await self.open(request)
        try:
            head = await exchange.head()
            if head.status == 101:
                return FrameSocket(exchange.reader, exchange.writer, head)
            body = b"".join([chunk async for chunk in exchange.answer])
        except BaseException:
            await exchange.close()  # of one who waited no longer, or what came was no answer
            raise
        await exchange.close()
        raise WebSocketDenied(head.status, text_pairs(head.headers), body)

    async def stop(self) -> Sequence[str]:
        """Stop the server, if this target was given a way to."""
        if self._stop is None:
            raise Nonconforming("this target cannot be stopped: it claims a capability that it does not have")
        return await self._stop()


def request_head(request: RawRequest, *more: tuple[bytes, bytes]) -> bytes:
    """The request line and the fields, as given."""
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("latin-1"), request.target)]
    lines += [b"%s: %s" % pair for pair in (*request.headers, *more)]
    return b"\r\n".join([*lines, b"", b""])


async def read_replies(reader: asyncio.StreamReader, requests: Sequence[RawRequest]) -> list[Reply]:
    """The replies to pipelined requests, to the end of the connection."""
    replies: list[Reply] = []
    for request in requests:
        answer = Answer(reader, request.method)
        try:
            head = await answer.head()
        except ServerClosed:
            if replies and reader.at_eof():
                return replies
            raise
        replies.append(Reply(head.status, head.headers, b"".join([chunk async for chunk in answer])))
    surplus = await reader.read(PIECE)
    if surplus:
        raise Nonconforming(f"bytes that belong to no answer follow the last one: {surplus[:200]!r}")
    return replies


class NetworkExchange:
    """The client's end of an exchange on a connection of its own."""

    def __init__(
        self, request: RawRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.answer: Answer = Answer(reader, request.method)
        self._chunked = any(name == b"transfer-encoding" for name, _ in request.headers)

    async def send(self, chunk: bytes) -> None:
        """Send a piece, framed as the request says."""
        await self._write(b"%x\r\n%s\r\n" % (len(chunk), chunk) if self._chunked else chunk)

    async def end(self) -> None:
        """The body is complete."""
        if self._chunked:
            await self._write(b"0\r\n\r\n")

    async def leave(self) -> None:
        """Lose the connection."""
        self.writer.transport.abort()

    async def head(self) -> ResponseHead:
        """Status and headers."""
        return await self.answer.head()

    async def chunk(self) -> bytes | None:
        """A piece of the answer."""
        return await self.answer.chunk()

    async def close(self) -> None:
        """Done with it."""
        self.writer.transport.abort()

    async def _write(self, data: bytes) -> None:
        self.writer.write(data)
        try:
            await self.writer.drain()
        except ConnectionError:
            pass  # a server that refuses a body need not read it; its answer is still there


class Answer:
    """Reads one answer: head, then body by the rules of RFC 9112 section 6.3."""

    def __init__(self, reader: asyncio.StreamReader, method: str) -> None:
        self._reader = reader
        self._method = method
        self._head: ResponseHead | None = None
        self._chunked = False
        self._left: int | None = 0
        """Bytes to come of a body with a length; None for one that the connection's end ends."""

    async def head(self) -> ResponseHead:
        """Status and headers, after whatever interim answers there are; kept for who asks again."""
        while self._head is None:
            status, pairs = await self._read_head()
            if status == 101 or status >= 200:
                self._head = ResponseHead(status, pairs)
                self._frame(status, pairs)
        return self._head

    async def chunk(self) -> bytes | None:
        """The next piece; ServerClosed where the body breaks off."""
        try:
            return await (self._read_chunk() if self._chunked else self._read_piece())
        except (asyncio.IncompleteReadError, ConnectionError) as exc:
            raise ServerClosed("the connection ended within the answer's body") from exc

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await self.chunk()) is not None:
            yield chunk

    async def _read_head(self) -> tuple[int, Pairs]:
        try:
            line, *fields = (await self._reader.readuntil(b"\r\n\r\n"))[:-4].split(b"\r\n")
        except (asyncio.IncompleteReadError, ConnectionError) as exc:
            raise ServerClosed("the connection ended before the answer's head") from exc
        version, _, rest = line.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise Nonconforming(f"a status line should stand here, and not {line[:200]!r}")
        return int(rest[:3]), tuple(parse_field(field) for field in fields)

    def _frame(self, status: int, pairs: Pairs) -> None:
        lengths = {value for name, value in pairs if name == b"content-length"}
        if len(lengths) > 1 or not all(value.isdigit() for value in lengths):
            raise Nonconforming(f"Content-Length is not one number: {sorted(lengths)}")
        if self._method == "HEAD" or status in BODYLESS or status == 101:
            return
        self._chunked = (b"transfer-encoding", b"chunked") in pairs
        if self._chunked and lengths:
            raise Nonconforming(
                "an answer has both a Content-Length and a chunked body (RFC 9112 section 6.1)"
            )
        self._left = int(lengths.pop()) if lengths else None

    async def _read_piece(self) -> bytes | None:
        if self._left == 0:
            return None
        piece = await self._reader.read(PIECE if self._left is None else min(PIECE, self._left))
        if self._left is None:
            return piece or None
        if not piece:
            raise asyncio.IncompleteReadError(b"", self._left)
        self._left -= len(piece)
        return piece

    async def _read_chunk(self) -> bytes | None:
        size = int((await self._reader.readuntil(b"\r\n")).partition(b";")[0], 16)
        if size:
            data = await self._reader.readexactly(size + 2)
            return data[:-2]
        while await self._reader.readuntil(b"\r\n") != b"\r\n":
            pass  # trailers
        self._chunked, self._left = False, 0
        return None


def parse_field(line: bytes) -> tuple[bytes, bytes]:
    """b"Name: value" -> (b"name", b"value")."""
    name, colon, value = line.partition(b":")
    if not colon or not name or name != name.strip():
        raise Nonconforming(f"a header field should stand here, and not {line[:200]!r}")
    return name.lower(), value.strip(b" \t")
