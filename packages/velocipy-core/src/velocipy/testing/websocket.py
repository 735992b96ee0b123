"""One WebSocket, a client at one end and an app at the other. Knows messages and closes; knows no frames."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from velocipy.exceptions import WebSocketDisconnect
from velocipy.testing.errors import ServerFault, WebSocketDenied
from velocipy.testing.exchange import HIGH_WATER, LEAVE_GRACE
from velocipy.testing.wake import Signal

if TYPE_CHECKING:
    from velocipy.testing.exchange import Pairs, RawRequest

# What sockets on both sides hold before a client that floods has to wait for the app.
INBOX_LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Handshake:
    """The answer to the handshake: 101 and perhaps a subprotocol, or a refusal's status and body."""

    status: int
    headers: Pairs = ()
    subprotocol: str | None = None
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Closing:
    """A close as its receiver sees it: 1005 is a frame without a code, 1006 a connection that was lost."""

    code: int = 1005
    reason: str = ""


class WebSocketExchange:
    """One WebSocket from handshake to close."""

    def __init__(self, request: RawRequest, *, propagate: bool = True) -> None:
        self.request = request
        self.propagate = propagate
        self.signal: Signal = Signal()
        self.handshake: Handshake | None = None
        self.inbox: deque[str | bytes] = deque()
        self.outbox: deque[str | bytes] = deque()
        self.waiting: int = 0
        self.unread: int = 0
        self.client_closing: Closing | None = None
        self.server_closing: Closing | None = None
        self.error: BaseException | None = None
        self.fault: ServerFault | None = None
        self.task: asyncio.Task[None] | None = None

    # The client's end.

    async def opened(self) -> Handshake:
        """Waits for the handshake. Raises WebSocketDenied, a ServerFault, or the app's exception."""
        await self.signal.until(lambda: self.handshake is not None or self.fault is not None)
        self.raise_failure()
        assert self.handshake is not None
        if self.handshake.status != 101:
            await self.close()
            raise WebSocketDenied(
                self.handshake.status, text_pairs(self.handshake.headers), self.handshake.body
            )
        return self.handshake

    async def send(self, data: str | bytes) -> None:
        """Sends a message; waits while the app lets too many lie. WebSocketDisconnect once the app closed."""
        await self.signal.until(lambda: self.waiting < INBOX_LIMIT or self.over)
        if self.client_closing is not None:
            raise RuntimeError("this WebSocket was closed by the test")
        if self.server_closing is not None:
            self.raise_failure()
            raise WebSocketDisconnect(self.server_closing.code, self.server_closing.reason)
        self.inbox.append(data)
        self.waiting += len(data)
        self.signal.notify()

    async def receive(self) -> str | bytes | Closing:
        """The next message, then the app's close, which stays the answer from then on."""
        await self.signal.until(
            lambda: bool(self.outbox) or self.server_closing is not None or self.fault is not None
        )
        if not self.outbox:
            self.raise_failure()
            assert self.server_closing is not None
            return self.server_closing
        data = self.outbox.popleft()
        self.unread -= len(data)
        self.signal.notify()
        return data

    def hang_up(self, code: int = 1000, reason: str = "") -> None:
        """Sends a close frame, once."""
        if self.client_closing is None:
            self.client_closing = Closing(code, reason)
            self.signal.notify()

    def leave(self) -> None:
        """The connection is lost: no close frame."""
        self.hang_up(1006)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes if nobody did, gives the app a moment to end, and raises what it raised."""
        self.hang_up(code, reason)
        if self.task is not None and not self.task.done():
            await asyncio.wait((self.task,), timeout=LEAVE_GRACE)
        self.raise_failure()

    def raise_failure(self) -> None:
        if self.fault is not None:
            raise self.fault
        if self.error is not None and self.propagate:
            raise self.error

    # The server's end.

    @property
    def over(self) -> bool:
        return self.server_closing is not None or self.client_closing is not None

    @property
    def lost(self) -> bool:
        return self.client_closing is not None and self.client_closing.code == 1006

    @property
    def accepted(self) -> bool:
        return self.handshake is not None and self.handshake.status == 101

    def accept(self, headers: Pairs = (), subprotocol: str | None = None) -> None:
        self.handshake = Handshake(101, headers, subprotocol)
        self.signal.notify()

    def refuse(self, status: int, headers: Pairs = (), body: bytes = b"") -> None:
        self.handshake = Handshake(status, headers, None, body)
        self.signal.notify()

    async def next_message(self) -> str | bytes | Closing:
        """The next message of the client, then its close."""
        await self.signal.until(lambda: bool(self.inbox) or self.client_closing is not None)
        if not self.inbox:
            assert self.client_closing is not None
            return self.client_closing
        data = self.inbox.popleft()
        self.waiting -= len(data)
        self.signal.notify()
        return data

    async def push(self, data: str | bytes) -> None:
        """Sends to the client; waits as a full socket does."""
        self.outbox.append(data)
        self.unread += len(data)
        self.signal.notify()
        await self.signal.until(lambda: self.unread <= HIGH_WATER or self.client_closing is not None)

    def shut(self, code: int, reason: str = "") -> None:
        """The app's close, once; after the client's it is the reply, which repeats the code."""
        if self.server_closing is None:
            self.server_closing = self.client_closing or Closing(code, reason)
            self.signal.notify()

    def fail(self, fault: ServerFault) -> None:
        if self.fault is None:
            self.fault = fault
        self.signal.notify()
        raise fault


def text_pairs(pairs: Pairs) -> tuple[tuple[str, str], ...]:
    """Headers as an ASGI app gives them, as text."""
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs)
