"""A request in memory and a place for its answer: the connection of the plan interpreter beside this file."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from velocipy.exceptions import PayloadTooLargeException
from velocipy.http.headers import Headers
from velocipy.protocols import HTTPConnection, ResponseStream


@dataclass
class Sent:
    """An answer: status, header pairs without Content-Length, body; `broken` where it does not come to its end."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    broken: bool = False


class Connection(HTTPConnection):
    """A request in memory, and a place for its answer."""

    http_version = "1.1"
    scheme = "http"
    client = ("127.0.0.1", 50000)
    server = ("127.0.0.1", 80)
    authority = None

    def __init__(
        self, method: str, path: str, query: str, headers: list[tuple[str, str]], body: bytes
    ) -> None:
        self.method = method
        self.path = path
        self.query_string = query
        self.headers = Headers(headers)  # type: ignore[assignment]
        self.sent = Sent()
        self._body = body

    async def read_body(self, limit: int) -> bytes:
        if len(self._body) > limit:
            raise PayloadTooLargeException
        return self._body

    async def read_chunks(self, limit: int) -> AsyncIterator[bytes]:
        yield await self.read_body(limit)

    async def disconnected(self) -> None:
        await asyncio.Event().wait()

    async def send(self, status: int, headers: Any, body: bytes) -> None:
        self.started = True
        kept = [pair for pair in headers if pair[0] != "content-length"]
        self.sent = Sent(status, kept, b"" if self.method == "HEAD" else body)

    async def send_empty(self, status: int, headers: Any) -> None:
        await self.send(status, headers, b"")

    async def send_file(self, status: int, headers: Any, path: Any, start: int, stop: int) -> None:
        raise AssertionError("no oracle test sends files")

    async def start_stream(self, status: int, headers: Any, bulk: bool = False) -> ResponseStream:
        await self.send(status, headers, b"")
        return _Stream(self.sent)


class _Stream(ResponseStream):
    def __init__(self, sent: Sent) -> None:
        self._sent = sent

    async def write(self, chunk: bytes) -> None:
        self._sent.body += chunk

    async def close(self) -> None:
        pass

    def abort(self) -> None:
        self._sent.broken = True
