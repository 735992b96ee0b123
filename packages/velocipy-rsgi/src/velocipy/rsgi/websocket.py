"""One WebSocket over RSGI as core's WebSocketConnection. RSGI has no subprotocols, handshake headers or close codes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from velocipy.exceptions import WebSocketDisconnect
from velocipy.protocols import Capabilities, RequestHeaders, SocketMessage, WebSocketConnection
from velocipy.rsgi.connection import address
from velocipy.rsgi.root import root_path

if TYPE_CHECKING:
    from velocipy.protocols import HeaderPairs

CLOSED, BYTES, TEXT = range(3)
"""Kinds of messages, as RSGI counts them."""


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
            raise self._lose(exc) from None

    async def deny(self, status: int, headers: HeaderPairs = (), body: bytes = b"") -> None:
        """Refuse it with a bare status, which has been checked: one outside 100-999 would abort the server's process."""
        self.proto.close(status)

    async def receive(self) -> SocketMessage:
        """The next message; a lost connection and a close look alike, and neither has a code."""
        try:
            message = await self._transport.receive()
        except Exception as exc:
            raise self._lose(exc) from None
        if message.kind == CLOSED:
            self._transport = None
            return SocketMessage(close=(1005, ""))
        return (
            SocketMessage(text=message.data)
            if message.kind == TEXT
            else SocketMessage(data=bytes(message.data))
        )

    async def send_text(self, text: str) -> None:
        """Send text, waiting for the socket."""
        try:
            await self._transport.send_str(text)
        except Exception as exc:
            raise self._lose(exc) from None

    async def send_bytes(self, data: bytes) -> None:
        """Send bytes, waiting for the socket."""
        try:
            await self._transport.send_bytes(data)
        except Exception as exc:
            raise self._lose(exc) from None

    async def close(self, code: int, reason: str) -> None:
        """Close; the peer sees 1005, since no code can be sent."""
        self.proto.close()
        self._transport = None

    def _lose(self, exc: Exception) -> Exception:
        """A server's own exception -> WebSocketDisconnect, and the end; any other stays itself."""
        if type(exc).__name__ not in ("RSGIProtocolClosed", "RSGIProtocolError"):
            return exc
        self._transport = None
        return WebSocketDisconnect(1006, "the peer has left")
