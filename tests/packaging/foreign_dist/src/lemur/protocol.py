"""A protocol whose exchanges are plain objects. Knows core's seam; has no sockets, no bytes on a wire and no WebSockets."""

from __future__ import annotations

from collections.abc import AsyncIterator, ItemsView, Mapping
from os import PathLike
from pathlib import Path

from velocipy.exceptions import PayloadTooLargeException
from velocipy.protocols import Dialect, HeaderPairs, HTTPConnection, ResponseStream


class Headers:
    """Request headers without duplicates, in lower case."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values

    def get(self, name: str, default: str | None = None, /) -> str | None:
        return self._values.get(name, default)

    def get_all(self, name: str, /) -> list[str]:
        return [self._values[name]] if name in self._values else []

    def items(self) -> ItemsView[str, str]:
        return self._values.items()


class Call:
    """One exchange: what is asked, and later what was answered."""

    def __init__(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        query: str = "",
    ) -> None:
        self.method = method
        self.path = path
        self.query = query
        self.headers = Headers({"host": "lemur.test"} | dict(headers or {}))
        self.body = body
        self.status = 0
        self.answered: HeaderPairs = ()
        self.content = b""

    def answer(self, status: int, headers: HeaderPairs, content: bytes) -> None:
        self.status, self.answered, self.content = status, headers, content


class Stream(ResponseStream):
    """Chunks are joined to the answer's content."""

    def __init__(self, call: Call) -> None:
        self.call = call

    async def write(self, chunk: bytes) -> None:
        self.call.content += chunk

    async def close(self) -> None:
        """Nothing is held back, so nothing is left to send."""

    def abort(self) -> None:
        self.call.content = b""


class Connection(HTTPConnection):
    """A call as core sees it, where a handler asks for more than its parameters."""

    http_version = "1.1"
    scheme = "http"
    client = server = authority = None

    def __init__(self, call: Call) -> None:
        self.call = call
        self.method = call.method
        self.path = call.path
        self.query_string = call.query
        self.headers = call.headers

    async def read_body(self, limit: int) -> bytes:
        return await read_body(self.call, limit)

    async def read_chunks(self, limit: int) -> AsyncIterator[bytes]:
        yield await read_body(self.call, limit)

    async def disconnected(self) -> None:
        """A call's client is its caller, who waits; it is gone once the call is."""

    async def send(self, status: int, headers: HeaderPairs, body: bytes) -> None:
        self.started = True
        self.call.answer(status, headers, body)

    async def send_empty(self, status: int, headers: HeaderPairs) -> None:
        await self.send(status, headers, b"")

    async def send_file(
        self, status: int, headers: HeaderPairs, path: str | PathLike[str], start: int, stop: int
    ) -> None:
        await self.send(status, headers, Path(path).read_bytes()[start:stop])

    async def start_stream(self, status: int, headers: HeaderPairs, bulk: bool = False) -> ResponseStream:
        await self.send(status, headers, b"")
        return Stream(self.call)


async def read_body(call: Call, limit: int) -> bytes:
    if len(call.body) > limit:
        raise PayloadTooLargeException
    return call.body


dialect = Dialect(
    name="lemur",
    args=("call",),
    is_socket="False",
    method="call.method",
    path="call.path",
    headers="call.headers",
    query_text="call.query",
    connect="Connection(call)",
    connect_socket="None",
    unpack=("call = connection.call",),
    read_body="read_body(call, {limit})",
    send_body=("call.answer({status}, {headers}, body)",),
    send_empty=("call.answer({status}, {headers}, b'')",),
    enter=("async def enter", "await "),
    prelude=(),
    native=list,
    env={"Connection": Connection, "read_body": read_body},
)
