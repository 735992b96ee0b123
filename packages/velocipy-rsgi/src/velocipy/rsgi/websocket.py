"""One WebSocket over RSGI as core's WebSocketConnection. RSGI has no subprotocols, handshake headers or close codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from velocipy.exceptions import WebSocketDisconnect
from velocipy.protocols import Capabilities, RequestHeaders, WebSocketConnection
from velocipy.rsgi.connection import address
from velocipy.rsgi.root import root_path

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from velocipy.protocols import HeaderPairs

BYTES, TEXT = 1, 2
"""Kinds of messages, as RSGI counts them; 0 is that the peer has closed."""


class RSGIWebSocket(WebSocketConnection):
    """Reads from a scope; the transport is there from `accept` to the end.

    It is dropped at the end, since the server holds the TCP connection while anybody holds the transport, and an endpoint's
    exception or task may keep this object until the garbage collector comes.
    """

    capabilities: Capabilities = Capabilities(
        subprotocols=False, accept_headers=False, close_codes=False, denial_status=True
    )

    def __init__(self, scope: Any, proto: Any) -> None:
        self.scope = scope
        self.proto = proto
        self._transport: Any = None

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
    def scheme(self) -> str:  # type: ignore[override]
        """ws or wss; the server says http or https for both."""
        return "wss" if self.scope.scheme in ("https", "wss") else "ws"

    @property
    def headers(self) -> RequestHeaders:  # type: ignore[override]
        """The handshake's headers."""
        return self.scope.headers  # type: ignore[no-any-return]

    @property
    def client(self) -> tuple[str, int | None] | None:  # type: ignore[override]
        """The peer's address."""
        return address(self.scope.client)

    @property
    def server(self) -> tuple[str, int | None] | None:  # type: ignore[override]
        """The server's own address."""
        return address(self.scope.server)

    @property
    def authority(self) -> str | None:  # type: ignore[override]
        """HTTP/2's `:authority`, which stands there in place of a Host header."""
        return self.scope.authority  # type: ignore[no-any-return]

    @property
    def subprotocols(self) -> list[str]:  # type: ignore[override]
        """What the client offered; none of it can be chosen."""
        lines = self.scope.headers.get_all("sec-websocket-protocol")
        return [name.strip() for line in lines for name in line.split(",") if name.strip()]

    async def accept(self, subprotocol: str | None, headers: HeaderPairs) -> None:
        """Complete the handshake; a second call would abort the server's process, and core makes none."""
        try:
            self._transport = await self.proto.accept()
        except Exception as exc:
            if left := self.left_by(exc):
                raise left from None
            raise

    async def deny(self, status: int, headers: HeaderPairs = (), body: bytes = b"") -> None:
        """Refuse it with a bare status, which has been checked: one outside 100-999 would abort the server's process."""
        self.proto.close(status)

    def receive(self) -> Awaitable[Any]:
        """The next message."""
        return self._transport.receive()  # type: ignore[no-any-return]

    def read(self, message: Any) -> str | bytes:
        """What it brings; a lost connection and a close look alike, and neither has a code."""
        kind = message.kind
        if kind == TEXT:
            return message.data  # type: ignore[no-any-return]
        if kind == BYTES:
            return bytes(message.data)
        self._transport = None
        raise WebSocketDisconnect(1005)

    def send_text(self, text: str) -> Awaitable[None]:
        """Send text, waiting for the socket."""
        return self._transport.send_str(text)  # type: ignore[no-any-return]

    def send_bytes(self, data: bytes) -> Awaitable[None]:
        """Send bytes, waiting for the socket."""
        return self._transport.send_bytes(data)  # type: ignore[no-any-return]

    async def close(self, code: int, reason: str) -> None:
        """Close; the peer sees 1005, since no code can be sent."""
        self.proto.close()
        self._transport = None

    def left_by(self, exc: Exception) -> WebSocketDisconnect | None:
        """A server's own exception is the end."""
        if type(exc).__name__ not in ("RSGIProtocolClosed", "RSGIProtocolError"):
            return super().left_by(exc)
        self._transport = None
        return WebSocketDisconnect(1006, "the peer has left")
