"""One HTTP request and its answer, a client at one end and an app at the other. Knows no ASGI and no RSGI.

    client                      exchange                         in-process server
    feed end cut leave   ->     upload, left              ->     upload_chunk
    head chunk take      <-     head, download            <-     begin push complete abort

Both ends run in one event loop. What the app does wrong on the wire is kept here, so that it reaches the test even
when the app catches the exception.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from velocipy.testing.errors import AppStillRunning, ServerClosed, ServerFault, WireDesync
from velocipy.testing.wake import Signal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import TracebackType

Pairs = tuple[tuple[bytes, bytes], ...]

# What uvicorn's flow control holds before `send` waits, and the size of one read from a socket.
HIGH_WATER = 64 * 1024
# How long a client that left waits for the app to notice, so that a test sees its teardown.
LEAVE_GRACE = 2.0
BODYLESS = frozenset((204, 304))


@dataclass(frozen=True, slots=True)
class RawRequest:
    """What stands on the wire: nothing is normalised, lower-cased or checked.

    `target` is the path, still percent-encoded, and the query: `b"/a%2Fb?x=1"`. `authority` is the pseudo-header
    of HTTP/2.
    """

    method: str = "GET"
    target: bytes = b"/"
    headers: Pairs = ()
    scheme: str = "http"
    http_version: str = "1.1"
    authority: str | None = None
    server: tuple[str, int] = ("127.0.0.1", 80)
    client: tuple[str, int] = ("127.0.0.1", 50000)

    @property
    def raw_path(self) -> bytes:
        return self.target.partition(b"?")[0]

    @property
    def query(self) -> bytes:
        return self.target.partition(b"?")[2]


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """Status and header pairs, names in lower case, as they leave the server."""

    status: int
    headers: Pairs


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: status, header pairs and body."""

    status: int
    headers: Pairs
    body: bytes

    def header(self, name: bytes) -> list[bytes]:
        """Every value of one header, in order."""
        return [value for key, value in self.headers if key == name]


class HTTPExchange:
    """`propagate` says whether the app's own exceptions are raised at the client's end; faults always are."""

    def __init__(self, request: RawRequest, *, propagate: bool = True, app_timeout: float = 30.0) -> None:
        self.request = request
        self.propagate = propagate
        self.app_timeout = app_timeout
        self.signal: Signal = Signal()
        self.upload: deque[bytes] = deque()
        self.upload_ended: bool = False
        self.upload_cut: bool = False
        self.left: bool = False
        self.response: ResponseHead | None = None
        self.download: deque[bytes] = deque()
        self.unread: int = 0
        self.completed: bool = False
        self.aborted: bool = False
        self.error: BaseException | None = None
        self.fault: ServerFault | None = None
        self.fault_raised: bool = False
        self.task: asyncio.Task[None] | None = None

    # The client's end.

    def feed(self, chunk: bytes) -> None:
        """Sends a piece of the request body; pieces longer than a socket read are split."""
        for start in range(0, len(chunk), HIGH_WATER):
            self.upload.append(chunk[start : start + HIGH_WATER])
        self.signal.notify()

    def end(self) -> None:
        """The request body is complete."""
        self.upload_ended = True
        self.signal.notify()

    def cut(self) -> None:
        """The connection is lost while the body is on its way."""
        self.upload_cut = True
        self.leave()

    def break_off(self) -> None:
        """The connection is lost, wherever it is."""
        if self.upload_ended:
            self.leave()
        else:
            self.cut()

    def leave(self) -> None:
        """The client goes away: the app is told, unread bytes are dropped."""
        self.left = True
        self.download.clear()
        self.unread = 0
        self.signal.notify()

    async def drained(self) -> None:
        """Waits until what lies unread fits a socket's buffer, or the app will not take more."""
        await self.signal.until(lambda: sum(map(len, self.upload)) < HIGH_WATER or self.over or self.stopped)

    async def head(self) -> ResponseHead:
        """Waits for status and headers. Raises the app's exception, a ServerFault, or ServerClosed."""
        await self.signal.until(lambda: self.response is not None or self.aborted or self.fault is not None)
        self.raise_failure()
        if self.response is None:
            raise ServerClosed("the server closed the connection without an answer")
        return self.response

    async def take(self) -> list[bytes]:
        """Every body chunk that is there, after waiting for one; an empty list is the end of the answer."""
        await self.signal.until(lambda: bool(self.download) or self.over)
        if not self.download:
            await self.finish()
        chunks = list(self.download)
        self.download.clear()
        self.unread = 0
        self.signal.notify()
        return chunks

    async def chunk(self) -> bytes | None:
        """The next body chunk, or None at the end of a whole answer."""
        await self.signal.until(lambda: bool(self.download) or self.over)
        if not self.download:
            await self.finish()
            return None
        chunk = self.download.popleft()
        self.unread -= len(chunk)
        self.signal.notify()
        return chunk

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await self.chunk()) is not None:
            yield chunk

    async def reply(self) -> Reply:
        """The whole answer, once the app is done as well."""
        head = await self.head()
        return Reply(head.status, head.headers, b"".join([chunk async for chunk in self]))

    async def finish(self) -> None:
        """Waits until the app returned, background work included, and raises what it raised."""
        await self.wait_app(self.app_timeout)
        self.raise_failure()
        if self.aborted and not self.left:
            raise ServerClosed("the server closed the connection before the answer was complete")
        if not self.stopped and not self.left:
            raise AppStillRunning(
                f"{self.name} was answered, but the app still runs after {self.app_timeout} s: it waits for "
                "something that does not come, or needs a longer app_timeout"
            )

    async def close(self) -> None:
        """Leaves if the answer is not complete, and gives the app a moment to notice."""
        if not (self.completed or self.aborted):
            self.leave()
        await self.wait_app(LEAVE_GRACE)
        if not self.fault_raised:
            self.raise_fault()

    async def wait_app(self, timeout: float) -> None:
        if self.task is not None and not self.task.done():
            await asyncio.wait((self.task,), timeout=timeout)

    def raise_failure(self) -> None:
        self.raise_fault()
        if self.error is not None and self.propagate:
            raise self.error

    def raise_fault(self) -> None:
        if self.fault is not None:
            self.fault_raised = True
            raise self.fault

    @property
    def name(self) -> str:
        return f"{self.request.method} {self.request.target.decode('latin-1')}"

    @property
    def over(self) -> bool:
        return self.completed or self.aborted or self.left or self.fault is not None

    @property
    def stopped(self) -> bool:
        return self.task is not None and self.task.done()

    # The server's end.

    async def upload_chunk(self) -> bytes | None:
        """The next piece of the request body; None at its end, whole or cut (see `upload_cut`)."""
        await self.signal.until(lambda: bool(self.upload) or self.upload_ended or self.left)
        if not self.upload:
            return None
        chunk = self.upload.popleft()
        self.signal.notify()
        return chunk

    def begin(self, status: int, headers: Pairs) -> None:
        self.response = ResponseHead(status, headers)
        self.signal.notify()

    def push(self, data: bytes) -> None:
        """Takes body bytes for the client.

        HEAD loses them; 204 and 304 must have none (RFC 9112 section 6.3).
        """
        if not data or self.left or self.request.method == "HEAD":
            return
        if self.response is not None and self.response.status in BODYLESS:
            self.fail(
                WireDesync(
                    f"{self.name} answered {self.response.status} with a body of at least {len(data)} bytes: a "
                    "client reads none, so they would start the next response. Send no body"
                )
            )
        self.download.append(data)
        self.unread += len(data)
        self.signal.notify()

    async def writable(self) -> None:
        """Waits as a full socket does, except while the client is still busy sending its own body."""
        await self.signal.until(lambda: self.unread <= HIGH_WATER or self.left or not self.upload_ended)

    def complete(self) -> None:
        self.completed = True
        self.signal.notify()

    def abort(self) -> None:
        """The server closes the connection in the middle of things."""
        self.aborted = True
        self.signal.notify()

    def fail(self, fault: ServerFault) -> None:
        """Keeps the first fault for the client, and raises it into the app."""
        if self.fault is None:
            self.fault = fault
        self.signal.notify()
        raise fault
