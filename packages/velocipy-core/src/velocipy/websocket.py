"""A WebSocket as its handler sees it: what may be done when. Knows the states; does not know any protocol's messages."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, NoReturn

from velocipy.exceptions import UnsupportedByServer, WebSocketDisconnect
from velocipy.http.gate import check_status
from velocipy.http.headers import header_pairs
from velocipy.http.request import Exchange
from velocipy.json.base import JSONEncoder, best_encoder
from velocipy.status import is_ws_code_sendable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from velocipy.http.headers import HeaderSource
    from velocipy.protocols import Capabilities, WebSocketConnection
    from velocipy.routing.route import Route

MAX_REASON = 123
"""Bytes of a close reason: a control frame has 125, two of which are the code (RFC 6455 section 5.5)."""


class SocketState(Enum):
    """Where a WebSocket is in its life."""

    CONNECTING = "not accepted yet"
    ACCEPTING = "being accepted"
    OPEN = "open"
    CLOSED = "closed"


class WebSocket(Exchange):
    """One WebSocket: `await websocket.accept()`, then receive and send until one side closes."""

    def __init__(
        self,
        connection: WebSocketConnection,
        values: Sequence[object],
        route: Route,
        state: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(connection, values, route, state)
        self.connection = connection
        self.connection_state = SocketState.CONNECTING
        self._receiving = False

    @property
    def capabilities(self) -> Capabilities:
        """What this server can do; asking for what it cannot raises UnsupportedByServer before anything is sent."""
        return self.connection.capabilities

    @property
    def subprotocols(self) -> Sequence[str]:
        """What the client offered, in its order of preference."""
        return self.connection.subprotocols

    @property
    def accepted(self) -> bool:
        """Whether messages may be sent and received now."""
        return self.connection_state is SocketState.OPEN

    @property
    def closed(self) -> bool:
        """Whether it is over, from whichever side."""
        return self.connection_state is SocketState.CLOSED

    async def accept(self, subprotocol: str | None = None, headers: HeaderSource = None) -> None:
        """Complete the handshake.

        Raises ValueError for a subprotocol that the client did not offer (RFC 6455 section 4.2.2), UnsupportedByServer for one,
        or for headers, that this server would drop.
        """
        self._expect(SocketState.CONNECTING, "accept")
        pairs = header_pairs(headers)
        if subprotocol is not None and subprotocol not in self.subprotocols:
            raise ValueError(
                f"the client did not offer the subprotocol {subprotocol!r} but {list(self.subprotocols)}"
            )
        if subprotocol is not None and not self.capabilities.subprotocols:
            raise UnsupportedByServer(
                "this server cannot answer with a subprotocol: serve the app over ASGI for that"
            )
        if pairs and not self.capabilities.accept_headers:
            raise UnsupportedByServer(
                "this server cannot send headers with accept(): serve the app over ASGI for that"
            )
        # Set before anything is awaited: a second accept, from whichever task, would end a Granian worker.
        self.connection_state = SocketState.ACCEPTING
        try:
            await self.connection.accept(subprotocol, pairs)
        except WebSocketDisconnect:
            self.connection_state = SocketState.CLOSED
            raise
        self.connection_state = SocketState.OPEN

    async def deny(self, status: int = 403) -> None:
        """Refuse the handshake with an HTTP status; 403 where the server cannot send another."""
        self._expect(SocketState.CONNECTING, "deny")
        checked = check_status(status)
        if checked < 400:
            raise ValueError(f"a handshake is refused with a status from 400 to 599, not {status!r}")
        self.connection_state = SocketState.CLOSED
        await self.connection.deny(checked)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; before `accept` this refuses the handshake with 403. A second close does nothing.

        Raises ValueError for a code that must not be sent (RFC 6455 section 7.4) and a reason of over 123 bytes.
        """
        check_close(code, reason)
        if self.connection_state is SocketState.CONNECTING:
            await self.deny(403)
        elif self.connection_state is SocketState.OPEN:
            self.connection_state = SocketState.CLOSED
            await self.connection.close(code, reason)

    async def receive(self) -> str | bytes:
        """The next message, as str or bytes. Raises WebSocketDisconnect once the peer has closed or left."""
        self._expect(SocketState.OPEN, "receive")
        if self._receiving:
            raise RuntimeError("two tasks receive from one WebSocket: have one of them hand the messages on")
        self._receiving = True
        try:
            message = await self.connection.receive()
        except WebSocketDisconnect:
            self.connection_state = SocketState.CLOSED
            raise
        finally:
            self._receiving = False
        if message.close is not None:
            self.connection_state = SocketState.CLOSED
            raise WebSocketDisconnect(*message.close)
        return message.text if message.text is not None else message.data or b""

    async def receive_text(self) -> str:
        """The next message, which must be text; closes with 1003 and raises WebSocketDisconnect when it is bytes."""
        message = await self.receive()
        return message if isinstance(message, str) else await self._refuse_kind("text")

    async def receive_bytes(self) -> bytes:
        """The next message, which must be bytes; closes with 1003 and raises WebSocketDisconnect when it is text."""
        message = await self.receive()
        return message if isinstance(message, bytes) else await self._refuse_kind("bytes")

    async def receive_json(self) -> Any:
        """The next message, text or bytes, as JSON; closes with 1007 and raises WebSocketDisconnect when it is none."""
        message = await self.receive()
        try:
            return self._encoder.decode(message.encode() if isinstance(message, str) else message)
        except (ValueError, RecursionError):
            await self.close(1007, "not JSON")
            raise WebSocketDisconnect(1007, "not JSON") from None

    async def send_text(self, text: str) -> None:
        """Send a text message. Raises WebSocketDisconnect once the peer has left."""
        self._expect(SocketState.OPEN, "send")
        if not isinstance(text, str):
            raise TypeError(f"send_text sends str, not {type(text).__qualname__}")
        try:
            await self.connection.send_text(text)
        except WebSocketDisconnect:
            self.connection_state = SocketState.CLOSED
            raise

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message. Raises WebSocketDisconnect once the peer has left."""
        self._expect(SocketState.OPEN, "send")
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"send_bytes sends bytes, not {type(data).__qualname__}")
        try:
            await self.connection.send_bytes(bytes(data))
        except WebSocketDisconnect:
            self.connection_state = SocketState.CLOSED
            raise

    async def send_json(self, value: Any) -> None:
        """Send a value as JSON text."""
        await self.send_text(self._encoder.encode(value).decode())

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Messages until the peer closes: `async for message in websocket`."""
        try:
            while True:
                yield await self.receive()
        except WebSocketDisconnect:
            return

    @property
    def _encoder(self) -> JSONEncoder:
        return getattr(self.app, "json_encoder", None) or best_encoder()

    async def _refuse_kind(self, wanted: str) -> NoReturn:
        await self.close(1003, f"expected {wanted}")
        raise WebSocketDisconnect(1003, f"expected {wanted}")

    def _expect(self, state: SocketState, action: str) -> None:
        if self.connection_state is state:
            return
        if self.connection_state is SocketState.CLOSED and state is SocketState.OPEN:
            raise WebSocketDisconnect(1006, f"cannot {action}: this WebSocket is closed")
        raise RuntimeError(f"cannot {action}: this WebSocket is {self.connection_state.value}")

    def __repr__(self) -> str:
        return f"<WebSocket {self.path!r} {self.connection_state.value}>"


def check_close(code: int, reason: str) -> None:
    """Raise ValueError for a code that no endpoint may send or a reason that does not fit its frame."""
    if not is_ws_code_sendable(code):
        raise ValueError(
            f"close code {code!r} must not be sent: 1000-1003, 1007-1014 or 3000-4999 (RFC 6455 7.4)"
        )
    if len(reason.encode()) > MAX_REASON:
        raise ValueError(f"a close reason has at most {MAX_REASON} bytes, this one {len(reason.encode())}")
