"""A WebSocket in the hands of a test. Knows text, bytes and JSON; leaves the exchange to the server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Literal, Self

import httpx2

from velocipy.exceptions import WebSocketDisconnect
from velocipy.testing.websocket import Closing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from types import TracebackType

    from velocipy.testing.exchange import RawRequest
    from velocipy.testing.portal import Portal
    from velocipy.testing.server import Server
    from velocipy.testing.websocket import Handshake, WebSocketExchange

Mode = Literal["text", "binary"]


class AsyncWebSocketSession:
    """`async with client.websocket_connect("/ws") as ws`: raises WebSocketDenied when the app refuses.

    `timeout` bounds every receive, in seconds; None waits for ever. Receiving after the app closed raises
    WebSocketDisconnect with its code and reason.
    """

    def __init__(
        self,
        server: Server,
        request: RawRequest,
        timeout: float | None,
        opened: Callable[[Handshake], None],
    ) -> None:
        self._server = server
        self._request = request
        self._timeout = timeout
        self._opened = opened
        self._exchange: WebSocketExchange | None = None

    @property
    def exchange(self) -> WebSocketExchange:
        if self._exchange is None:
            raise RuntimeError("the WebSocket is not open yet: use it in a `with` block")
        return self._exchange

    @property
    def handshake(self) -> Handshake:
        assert self.exchange.handshake is not None
        return self.exchange.handshake

    @property
    def accepted_subprotocol(self) -> str | None:
        return self.handshake.subprotocol

    @property
    def headers(self) -> httpx2.Headers:
        """The headers of the handshake's answer."""
        return httpx2.Headers(list(self.handshake.headers))

    async def __aenter__(self) -> Self:
        self._exchange = self._server.open_websocket(self._request)
        self._opened(await self._exchange.opened())
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        try:
            await self.exchange.close()
        except BaseException:
            if exc is None:
                raise

    async def send_text(self, data: str) -> None:
        await self.exchange.send(data)

    async def send_bytes(self, data: bytes) -> None:
        await self.exchange.send(data)

    async def send_json(self, data: Any, mode: Mode = "text") -> None:
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
        await self.exchange.send(text if mode == "text" else text.encode())

    async def receive(self) -> str | bytes:
        """The next message, of either kind."""
        message = await asyncio.wait_for(self.exchange.receive(), self._timeout)
        if isinstance(message, Closing):
            raise WebSocketDisconnect(message.code, message.reason)
        return message

    async def receive_text(self) -> str:
        message = await self.receive()
        if not isinstance(message, str):
            raise TypeError(f"the app sent bytes where text was expected: {message[:60]!r}")
        return message

    async def receive_bytes(self) -> bytes:
        message = await self.receive()
        if not isinstance(message, bytes):
            raise TypeError(f"the app sent text where bytes were expected: {message[:60]!r}")
        return message

    async def receive_json(self, mode: Mode = "text") -> Any:
        return json.loads(await (self.receive_text() if mode == "text" else self.receive_bytes()))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes, and waits for the app to end."""
        await self.exchange.close(code, reason)

    async def leave(self) -> None:
        """Loses the connection without a close frame, as a client whose network is gone."""
        self.exchange.leave()
        await self.exchange.close()

    async def __aiter__(self) -> AsyncIterator[str | bytes]:
        """Messages until the app closes."""
        while True:
            try:
                message = await self.receive()
            except WebSocketDisconnect:
                return
            yield message


class WebSocketSession:
    """`with client.websocket_connect("/ws") as ws`: the synchronous twin of AsyncWebSocketSession."""

    def __init__(self, portal: Portal, session: AsyncWebSocketSession) -> None:
        self._portal = portal
        self._session = session

    @property
    def accepted_subprotocol(self) -> str | None:
        return self._session.accepted_subprotocol

    @property
    def headers(self) -> httpx2.Headers:
        """The headers of the handshake's answer."""
        return self._session.headers

    def __enter__(self) -> Self:
        self._portal.call(self._session.__aenter__)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._portal.call(self._session.__aexit__, exc_type, exc, tb)

    def send_text(self, data: str) -> None:
        self._portal.call(self._session.send_text, data)

    def send_bytes(self, data: bytes) -> None:
        self._portal.call(self._session.send_bytes, data)

    def send_json(self, data: Any, mode: Mode = "text") -> None:
        self._portal.call(self._session.send_json, data, mode)

    def receive(self) -> str | bytes:
        """The next message, of either kind."""
        return self._portal.call(self._session.receive)

    def receive_text(self) -> str:
        return self._portal.call(self._session.receive_text)

    def receive_bytes(self) -> bytes:
        return self._portal.call(self._session.receive_bytes)

    def receive_json(self, mode: Mode = "text") -> Any:
        return self._portal.call(self._session.receive_json, mode)

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Closes, and waits for the app to end."""
        self._portal.call(self._session.close, code, reason)

    def leave(self) -> None:
        """Loses the connection without a close frame, as a client whose network is gone."""
        self._portal.call(self._session.leave)

    def __iter__(self) -> Iterator[str | bytes]:
        """Messages until the app closes."""
        while True:
            try:
                message = self.receive()
            except WebSocketDisconnect:
                return
            yield message
