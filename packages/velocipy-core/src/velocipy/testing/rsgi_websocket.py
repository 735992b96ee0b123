"""The WebSocket protocol object, as Granian 2.8.7 behaves. Knows one WebSocket; knows no frames."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING

from velocipy.testing.errors import ServerCrashed
from velocipy.testing.later import Later
from velocipy.testing.rsgi_errors import protocol_closed, protocol_error
from velocipy.testing.rsgi_stream import to_bytes
from velocipy.testing.websocket import Closing

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from velocipy.testing.rsgi_stream import Buffer
    from velocipy.testing.websocket import WebSocketExchange


class CloseMessage:
    """The client closed: no code, no reason, no `data`."""

    __slots__ = ()
    kind = 0


class BytesMessage:
    """A binary message."""

    __slots__ = ("data",)
    kind = 1

    def __init__(self, data: bytes) -> None:
        self.data: bytes = data


class TextMessage:
    """A text message."""

    __slots__ = ("data",)
    kind = 2

    def __init__(self, data: str) -> None:
        self.data: str = data


class WebSocketProtocol:
    """What an RSGI app gets beside a scope of `proto` "ws": no subprotocol and no headers can be set."""

    def __init__(self, exchange: WebSocketExchange) -> None:
        self._exchange = exchange
        self._accepted = False

    def accept(self) -> Awaitable[WebSocketTransport]:
        """Raises RSGIProtocolError after a refusal; a second call ends a Granian worker."""
        return Later(self._accept)

    async def _accept(self) -> WebSocketTransport:
        exchange = self._exchange
        if self._accepted:
            exchange.fail(ServerCrashed("a second protocol.accept() ends a Granian worker"))
        if exchange.handshake is not None:
            raise protocol_error()
        if exchange.client_closing is not None:
            raise protocol_closed()
        self._accepted = True
        exchange.accept()
        return WebSocketTransport(exchange)

    def close(self, status: int | None = None) -> None:
        """Before accept: a plain answer of that status, 403 by default.

        After: a close frame without a code.
        """
        exchange = self._exchange
        status = 403 if status is None else index(status)
        if self._accepted:
            exchange.shut(1005)
        elif exchange.handshake is None:
            self._refuse(status)

    def _refuse(self, status: int) -> None:
        if not 100 <= status <= 999:
            self._exchange.fail(
                ServerCrashed(
                    f"protocol.close({status}) before accept ends a Granian worker: it is an HTTP status there"
                )
            )
        if 100 <= status < 200:
            status = 500
        self._exchange.refuse(status, ((b"content-length", b"0"),))


class WebSocketTransport:
    """An accepted WebSocket."""

    def __init__(self, exchange: WebSocketExchange) -> None:
        self._exchange = exchange
        self._receiving = False
        self._client_closed = False

    def receive(self) -> Awaitable[CloseMessage | BytesMessage | TextMessage]:
        """The next message; after the app's own close, the client's reply to it.

        Raises RSGIProtocolClosed once nothing can come, RSGIProtocolError for a second reader.
        """
        return Later(self._receive)

    async def _receive(self) -> CloseMessage | BytesMessage | TextMessage:
        exchange = self._exchange
        if self._receiving:
            raise protocol_error()
        if self._client_closed:
            raise protocol_closed()
        self._receiving = True
        try:
            await exchange.signal.until(
                lambda: bool(exchange.inbox or exchange.client_closing or exchange.server_closing)
            )
        finally:
            self._receiving = False
        message = await exchange.next_message() if exchange.inbox else None
        if message is None or isinstance(message, Closing):
            self._client_closed = True
            if exchange.lost:
                raise protocol_closed()
            return CloseMessage()
        return TextMessage(message) if isinstance(message, str) else BytesMessage(message)

    def send_bytes(self, data: Buffer) -> Awaitable[None]:
        message = to_bytes(data)
        return Later(lambda: self._send(message))

    def send_str(self, data: str) -> Awaitable[None]:
        if not isinstance(data, str):
            raise TypeError(f"{type(data).__name__!r} object is not an instance of 'str'")
        return Later(lambda: self._send(data))

    async def _send(self, data: str | bytes) -> None:
        """Waits for the socket.

        RSGIProtocolError after the app's close, RSGIProtocolClosed after the peer's.
        """
        exchange = self._exchange
        if exchange.server_closing is not None:
            raise protocol_error()
        if exchange.client_closing is not None:
            raise protocol_closed()
        await exchange.push(data)
