"""One WebSocket over ASGI as core's WebSocketConnection. Knows messages; what is legal when is core's business."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from velocipy.asgi.connection import TURN, HeaderView, Message, Receive, Send, address
from velocipy.asgi.root import root_path, routed_path
from velocipy.exceptions import WebSocketDisconnect
from velocipy.protocols import Capabilities, WebSocketConnection

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from velocipy.protocols import HeaderPairs


BELOW = "velocipy.websocket"
"""The extension by which core's bridge says what the server below it can do, where that does not speak ASGI itself."""

PATHSEND: Final = "http.response.pathsend"
"""Only Granian offers this to WebSockets too; it takes the headers of an accept, and sends none of them (2.8.7)."""


class ASGIWebSocket(WebSocketConnection):
    """Reads from a scope and exchanges messages."""

    def __init__(self, scope: Message, receive: Receive, send: Send) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._connected = False
        self._lost: WebSocketDisconnect | None = None
        self._ahead: asyncio.Future[Message] | None = None
        self._sent = 0
        extensions: dict[str, Any] = scope.get("extensions") or {}
        self._can_deny = "websocket.http.response" in extensions
        below = extensions.get(BELOW)
        self.capabilities: Capabilities = (
            Capabilities(True, PATHSEND not in extensions, True, self._can_deny, self._can_deny)
            if below is None
            else Capabilities(**below)
        )

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
    def scheme(self) -> str:  # type: ignore[override]
        """ws or wss."""
        return str(self.scope.get("scheme", "ws"))

    @property
    def headers(self) -> HeaderView:  # type: ignore[override]
        """The handshake's headers."""
        return HeaderView(self.scope["headers"])

    @property
    def client(self) -> tuple[str, int | None] | None:  # type: ignore[override]
        """The peer's address."""
        return address(self.scope.get("client"))

    @property
    def server(self) -> tuple[str, int | None] | None:  # type: ignore[override]
        """The server's own address."""
        return address(self.scope.get("server"))

    @property
    def subprotocols(self) -> list[str]:  # type: ignore[override]
        """What the client offered."""
        return list(self.scope.get("subprotocols") or ())

    async def accept(self, subprotocol: str | None, headers: HeaderPairs) -> None:
        """Complete the handshake."""
        await self._connect()
        message = {"type": "websocket.accept", "subprotocol": subprotocol, "headers": _encoded(headers)}
        try:
            await self._send(message)
        except OSError:
            self._lost = WebSocketDisconnect(1006)
            raise self._lost from None

    async def deny(self, status: int, headers: HeaderPairs = (), body: bytes = b"") -> None:
        """Refuse it; without the denial extension a server can only say 403. A client that has left needs no answer."""
        await self._connect()
        with suppress(OSError):
            await self._refuse(status, headers, body)

    async def _refuse(self, status: int, headers: HeaderPairs, body: bytes) -> None:
        if not self._can_deny or (status == 403 and not headers and not body):
            await self._send({"type": "websocket.close", "code": 1000})
            return
        pairs = [*_encoded(headers), (b"content-length", b"%d" % len(body))]
        await self._send({"type": "websocket.http.response.start", "status": status, "headers": pairs})
        await self._send({"type": "websocket.http.response.body", "body": body})

    def receive(self) -> Awaitable[Message]:
        """The next message."""
        self._sent = 0
        return self._receive() if self._ahead is None else self._received_ahead(self._ahead)

    def read(self, message: Message) -> str | bytes:
        """What it brings. Some servers set both keys, one of them to None."""
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(*self._lose(message))
        text: str | None = message.get("text")
        return (message.get("bytes") or b"") if text is None else text

    def send_text(self, text: str) -> Awaitable[None]:
        """Send text."""
        return self._send_message({"type": "websocket.send", "text": text})

    def send_bytes(self, data: bytes) -> Awaitable[None]:
        """Send bytes."""
        return self._send_message({"type": "websocket.send", "bytes": data})

    def left_by(self, exc: Exception) -> WebSocketDisconnect | None:
        """ASGI 2.4: an OSError is how a server says that the peer has left."""
        if not isinstance(exc, OSError):
            return super().left_by(exc)
        self._lost = WebSocketDisconnect(1006)
        return self._lost

    async def close(self, code: int, reason: str) -> None:
        """Close with a code; a peer that has left needs none."""
        if self._ahead is not None:
            self._ahead.cancel()
        try:
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except OSError:
            self._lost = WebSocketDisconnect(1006)

    async def _received_ahead(self, ahead: asyncio.Future[Message]) -> Message:
        """Not awaited itself: a receive that is cancelled must not lose the message, nor one that waits be cancelled by `close`."""
        await asyncio.wait((ahead,))
        self._ahead = None
        return {"type": "websocket.disconnect", "code": 1006} if ahead.cancelled() else ahead.result()

    async def _connect(self) -> None:
        if not self._connected:
            self._connected = True
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(*self._lose(message))

    def _send_message(self, message: dict[str, Any]) -> Awaitable[None]:
        """The first answer to what was received needs no look at the peer, who was there then, and no turn of the loop."""
        if self._sent or self._ahead is not None or self._lost is not None:
            return self._send_watching(message)
        self._sent = 1
        return self._send(message)

    async def _send_watching(self, message: dict[str, Any]) -> None:
        self._look_ahead()
        self._sent += 1
        if self._lost is not None:
            raise self._lost
        await self._send(message)
        if not self._sent % TURN:
            await asyncio.sleep(0)

    def _look_ahead(self) -> None:
        """Notice a peer that has left: most servers take what is sent to it in silence.

        Who sends twice without receiving in between may never receive, so one message, and no more, is received beforehand;
        unless another task receives, since servers allow one at a time.
        """
        if self._ahead is None:
            if self._sent and not self.receiving:
                self._ahead = asyncio.ensure_future(self._receive())
        elif self._ahead.done() and not self._ahead.cancelled():
            message = self._ahead.result()
            if message["type"] == "websocket.disconnect":
                self._lose(message)

    def _lose(self, message: Message) -> tuple[int, str]:
        code, reason = int(message.get("code") or 1005), str(message.get("reason") or "")
        self._lost = WebSocketDisconnect(code, reason)
        return code, reason


def _encoded(headers: HeaderPairs) -> list[tuple[bytes, bytes]]:
    return [(name.encode("ascii"), value.encode("ascii")) for name, value in headers]
