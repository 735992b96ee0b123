"""One HTTP exchange over RSGI as core's HTTPConnection. Knows scope and protocol objects; knows no app and no server's classes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from velocipy.exceptions import BadRequest, ClientDisconnected, PayloadTooLargeException
from velocipy.protocols import HTTPConnection, RequestHeaders, ResponseStream

if TYPE_CHECKING:
    from os import PathLike

    from velocipy.protocols import HeaderPairs


def is_protocol_closed(exc: BaseException) -> bool:
    """Whether a server says that its client has left. By name: each RSGI server has classes of its own."""
    return type(exc).__name__ == "RSGIProtocolClosed"


async def read_body(headers: RequestHeaders, proto: Any, limit: int) -> bytes:
    """The whole body. PayloadTooLargeException before a byte is read when the header says so, else at the byte."""
    length = headers.get("content-length")
    if length is None:
        return b"".join([chunk async for chunk in read_chunks(headers, proto, limit)])
    if declared_length(length) > limit:
        raise PayloadTooLargeException
    try:
        return await proto()  # type: ignore[no-any-return]
    except Exception as exc:
        if is_protocol_closed(exc):
            raise ClientDisconnected("the client left before its body was complete") from None
        raise


async def read_chunks(headers: RequestHeaders, proto: Any, limit: int) -> AsyncIterator[bytes]:
    """The body as it arrives.

    A server ends a whole body with one empty chunk and a cut one with two, and says nothing else; where there is a
    Content-Length, that tells too.
    """
    declared = headers.get("content-length")
    expected = None if declared is None else declared_length(declared)
    if expected is not None and expected > limit:
        raise PayloadTooLargeException
    total = ends = 0
    async for chunk in proto:
        total += len(chunk)
        ends += not chunk
        if total > limit:
            raise PayloadTooLargeException
        if chunk:
            yield bytes(chunk)
    if ends > 1 or expected is not None and total != expected:
        raise ClientDisconnected("the client left before its body was complete")


def declared_length(text: str) -> int:
    """A Content-Length header as a number; BadRequest when it is none (RFC 9110 section 8.6)."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise BadRequest("Invalid content-length header")
    return int(text)


def address(text: str | None) -> tuple[str, int | None] | None:
    """ "127.0.0.1:80" or "[::1]:80" -> (host, port); None for Unix sockets, which have neither."""
    if not text or text.startswith("unix:"):
        return None
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port) if port.isdigit() else None


class RSGIConnection(HTTPConnection):
    """Reads from a scope, each attribute of which costs a call into the server, and answers through the protocol."""

    def __init__(self, scope: Any, proto: Any) -> None:
        self.scope = scope
        self.proto = proto

    @property
    def method(self) -> str:  # type: ignore[override]
        """The request method."""
        return str(self.scope.method)

    @property
    def path(self) -> str:  # type: ignore[override]
        """The percent-decoded path."""
        return str(self.scope.path)

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

    async def read_body(self, limit: int) -> bytes:
        """The whole body, at most `limit` bytes."""
        return await read_body(self.headers, self.proto, limit)

    async def read_chunks(self, limit: int) -> AsyncIterator[bytes]:
        """The body as it arrives."""
        async for chunk in read_chunks(self.headers, self.proto, limit):
            yield chunk

    async def disconnected(self) -> None:
        """Wait for the client to leave."""
        await self.proto.client_disconnect()

    async def send(self, status: int, headers: HeaderPairs, body: bytes) -> None:
        """Answer with a body; the server counts it."""
        self.started = True
        self.proto.response_bytes(status, headers, body)

    async def send_empty(self, status: int, headers: HeaderPairs) -> None:
        """Answer without one; a declared length stands as it is, which `response_empty` does not promise."""
        self.started = True
        if any(name == "content-length" for name, _ in headers):
            self.proto.response_bytes(status, headers, b"")
        else:
            self.proto.response_empty(status, headers)

    async def send_file(
        self, status: int, headers: HeaderPairs, path: str | PathLike[str], start: int, stop: int
    ) -> None:
        """Have the server send a part of a file. An empty part is no range to it."""
        self.started = True
        if start >= stop:
            self.proto.response_bytes(status, [pair for pair in headers if pair[0] != "content-length"], b"")
        else:
            self.proto.response_file_range(status, headers, os.fspath(path), start, stop)

    async def start_stream(self, status: int, headers: HeaderPairs) -> ResponseStream:
        """Answer piece by piece."""
        self.started = True
        return RSGIStream(self.proto.response_stream(status, headers))


class RSGIStream(ResponseStream):
    """A server's transport. It takes chunks without limit, so every write lets the loop do other work."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    async def write(self, chunk: bytes) -> None:
        """Send a chunk; ClientDisconnected once the client has left."""
        try:
            await self._transport.send_bytes(chunk)
        except Exception as exc:
            if is_protocol_closed(exc):
                raise ClientDisconnected("the client left during the stream") from None
            raise
        await asyncio.sleep(0)

    async def close(self) -> None:
        """The server ends the body when nobody holds the transport any more."""
        self._transport = None

    def abort(self) -> None:
        """The same: RSGI has no way to break a body off, which only shows where a Content-Length was declared."""
        self._transport = None
