"""A WebSocket as its handler sees it: what may be done when. Knows the states; does not know any protocol's messages.

    await websocket.accept()
    async for message in websocket:          # str or bytes, until the peer closes
        await websocket.send(message)

What every server has alike: pings are answered by the server, and fragments are joined by it (RFC 6455 sections 5.4 and 5.5).
What a server cannot do stands in `websocket.capabilities`; over RSGI that is a subprotocol, headers with `accept`, and the code
and reason of a close, so that whatever `close` is given there, the peer sees 1005, "no code". Who needs the reason over there
sends it as a last message.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self, TypeVar

from velocipy.exceptions import (
    BadRequest,
    ErrorItem,
    HTTPException,
    InvalidMessage,
    SendTimeout,
    UnsupportedByServer,
    WebSocketDisconnect,
)
from velocipy.http.gate import check_status
from velocipy.http.headers import header_pairs
from velocipy.http.request import Exchange
from velocipy.json.base import JSONEncoder, best_encoder
from velocipy.socket_headers import OF_A_BODY, SocketHeaders
from velocipy.socket_models import Codecs, codecs_of
from velocipy.socket_options import DEFAULT_OPTIONS, SocketOptions
from velocipy.status import PHRASES, is_ws_code_sendable
from velocipy.validation import moved

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence

    from velocipy.http.headers import HeaderSource
    from velocipy.protocols import Capabilities, WebSocketConnection
    from velocipy.routing.route import Route

M = TypeVar("M")

MAX_REASON: Final = 123
"""Bytes of a close reason: a control frame has 125, two of which are the code (RFC 6455 section 5.5)."""

CLOSE_TIMEOUT: Final = 10.0
"""Seconds that a close may wait behind what a slow peer has not read; then the end of the handler drops the connection."""

ABANDON_TIMEOUT: Final = 1.0
"""The same for a peer that was given up because it does not read."""


class SocketState(Enum):
    """Where a WebSocket is in its life."""

    CONNECTING = "not accepted yet"
    ACCEPTING = "being accepted"
    OPEN = "open"
    CLOSED = "closed"


OPEN: Final = SocketState.OPEN
"""Every message asks for it, and CPython 3.11 takes 40 ns to find a member in its class."""


class WebSocket(Exchange):
    """One WebSocket: `await websocket.accept()`, then receive and send until one side closes.

    One task at a time may receive; any number may send, and every message arrives whole. Over once the peer has left: then
    receiving and sending raise WebSocketDisconnect, and closing does nothing. What comes too early, or a second time, is a
    mistake of the app's and raises RuntimeError.
    """

    def __init__(
        self,
        connection: WebSocketConnection,
        values: Sequence[object],
        route: Route,
        state: dict[str, Any] | None = None,
        options: SocketOptions = DEFAULT_OPTIONS,
    ) -> None:
        super().__init__(connection, values, route, state)
        self.connection = connection
        self.options = options
        self.connection_state: SocketState = SocketState.CONNECTING
        self.defaults: SocketHeaders | None = None
        """What middleware puts on the answer to the handshake."""
        self.wakes_receiver: bool = options.send_timeout is not None
        """Whether a receive must note its task, so that `abandon` can end it: 310 ns a message."""
        self._receiver: asyncio.Task[Any] | None = None
        self._woken = False

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
        return self.connection_state is OPEN

    @property
    def closed(self) -> bool:
        """Whether it is over, from whichever side."""
        return self.connection_state is SocketState.CLOSED

    # -- the handshake -----------------------------------------------------------------------------------------

    async def accept(self, subprotocol: str | None = None, headers: HeaderSource = None) -> None:
        """Complete the handshake.

        Raises ValueError for a subprotocol that the client did not offer (RFC 6455 section 4.2.2), UnsupportedByServer for one,
        or for headers, that this server would drop, and WebSocketDisconnect when the client has left already.
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
                "this server cannot send headers with accept(): serve the app by Uvicorn or Hypercorn for that"
            )
        # Set before anything is awaited: a second accept, from whichever task, would end a Granian worker.
        self.connection_state = SocketState.ACCEPTING
        try:
            await self.connection.accept(
                subprotocol, self._answered(pairs) if self.capabilities.accept_headers else pairs
            )
        except WebSocketDisconnect:
            self.connection_state = SocketState.CLOSED
            raise
        self.connection_state = OPEN

    async def deny(
        self, status: int = 403, detail: Any = None, headers: HeaderSource = None, *, body: bytes = b""
    ) -> None:
        """Refuse the handshake with an HTTP status, headers and `detail` as the app words its errors, or with `body` as it is.

        Where `capabilities.denial_body` is False, headers and body are left out: no browser shows them to a page. Without
        `capabilities.denial_status` every refusal is a 403. A status that is not registered goes out as the x00 of its class, which
        is what clients take it for (RFC 9110 section 15): one server knows no other phrase, and would hang up.
        """
        self._expect(SocketState.CONNECTING, "deny")
        checked = check_status(status)
        if checked < 400:
            raise ValueError(f"a handshake is refused with a status from 400 to 599, not {status!r}")
        if detail is not None:
            await self.refuse(HTTPException(checked, detail, header_pairs(headers)))
            return
        own = ("content-length",) if body else OF_A_BODY
        await self._deny(checked, [pair for pair in header_pairs(headers) if pair[0] not in own], body)

    async def refuse(self, exc: HTTPException) -> None:
        """Refuse the handshake as `deny` does, with what an exception is answered on an HTTP route."""
        self._expect(SocketState.CONNECTING, "refuse")
        wording = self.route.wording
        body = self._encoder.encode(wording.content(exc, self.path))
        pairs = [pair for pair in header_pairs(exc.headers) if pair[0] not in OF_A_BODY]
        await self._deny(check_status(exc.status_code), [*pairs, ("content-type", wording.media_type)], body)

    async def _deny(self, checked: int, pairs: list[tuple[str, str]], body: bytes) -> None:
        self.connection_state = SocketState.CLOSED
        status = checked if checked in PHRASES else checked // 100 * 100
        await self.connection.deny(status, self._answered(pairs), body)

    def _answered(self, pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
        defaults, self.defaults = self.defaults, None
        return pairs if defaults is None else defaults.with_own(pairs)

    # -- the end -----------------------------------------------------------------------------------------------

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close; before `accept` this refuses the handshake with 403. A second close does nothing.

        Where `capabilities.close_codes` is False (RSGI) the peer sees 1005, whatever the code. Raises ValueError for a code that
        must not be sent (RFC 6455 section 7.4) and a reason of over 123 bytes.
        """
        check_close(code, reason)
        if self.connection_state is SocketState.CONNECTING:
            await self.deny(403)
        elif self.connection_state is OPEN:
            self.connection_state = SocketState.CLOSED
            await self._close_within(CLOSE_TIMEOUT, code, reason)

    async def abandon(self, code: int = 1008, reason: str = "") -> None:
        """Give up a peer that does not read: a close is tried for a second, and whoever receives gets WebSocketDisconnect.

        The receiver is woken only where `wakes_receiver` was set before it began to wait, as a `send_timeout` does.
        """
        check_close(code, reason)
        if self.connection_state is OPEN:
            self.connection_state = SocketState.CLOSED
            if self._receiver is not None:
                self._woken = self._receiver.cancel()
            await self._close_within(ABANDON_TIMEOUT, code, reason)

    async def _close_within(self, seconds: float, code: int, reason: str) -> None:
        """A close frame stands behind all messages, so that a peer that reads none would keep the handler for ever."""
        closing = asyncio.ensure_future(self.connection.close(code, reason))
        try:
            await asyncio.wait((closing,), timeout=seconds)
        finally:
            if not closing.done():
                closing.cancel()
        if closing.done():
            closing.result()

    # -- receiving ---------------------------------------------------------------------------------------------

    def receive(self) -> Coroutine[Any, Any, str | bytes]:
        """The next message, as str or bytes. Raises WebSocketDisconnect once the peer has closed or left.

        A message of more than `max_message_size` bytes closes with 1009, and raises WebSocketDisconnect too. A receive that is
        cancelled loses no message.
        """
        return self._next()

    def __aiter__(self) -> Self:
        """Messages until the peer closes: `async for message in websocket`."""
        return self

    def __anext__(self) -> Coroutine[Any, Any, str | bytes]:
        """The next message; where `receive` raises WebSocketDisconnect, the iteration ends."""
        return self._next(iterates=True)

    async def _next(self, iterates: bool = False) -> str | bytes:
        """One coroutine for both: each that a message passes through is 2,000 instructions."""
        connection = self.connection
        try:
            if self.connection_state is not OPEN:
                self._expect(OPEN, "receive")
            if connection.receiving:
                raise RuntimeError(
                    "two tasks receive from one WebSocket: have one of them hand the messages on"
                )
            connection.receiving = True
            try:
                message = await (self._receive_or_wake() if self.wakes_receiver else connection.receive())
            finally:
                connection.receiving = False
            content, most = connection.read(message), self.options.max_message_size
            if len(content) * 4 > most and self._is_too_long(content):  # a character is at most 4 bytes
                await self._refuse(1009, f"over {most} bytes")
        except Exception as exc:
            left = self._left_by(exc)
            if left is None:
                raise
            raise (StopAsyncIteration if iterates else left) from None
        return content

    async def receive_text(self) -> str:
        """The next message, which must be text; closes with 1003 and raises WebSocketDisconnect when it is bytes."""
        message = await self.receive()
        return message if isinstance(message, str) else await self._refuse(1003, "expected text")

    async def receive_bytes(self) -> bytes:
        """The next message, which must be bytes; closes with 1003 and raises WebSocketDisconnect when it is text."""
        message = await self.receive()
        return message if isinstance(message, bytes) else await self._refuse(1003, "expected bytes")

    async def receive_json(self) -> Any:
        """The next message, text or bytes, as JSON; closes with 1007 and raises WebSocketDisconnect when it is none."""
        message = await self.receive()
        try:
            return self._encoder.decode(message.encode() if isinstance(message, str) else message)
        except (ValueError, RecursionError):
            await self._refuse(1007, "not JSON")

    async def receive_model(self, model: type[M]) -> M:
        """The next message, text or bytes, as a model: `await websocket.receive_model(Move)`.

        What is not JSON closes with 1007, as `receive_json` does. JSON that does not fit raises InvalidMessage and leaves the
        WebSocket open: the endpoint may send its `errors` and go on; uncaught, it closes with 1007.
        """
        decode = self._codecs.decoder(model)
        message = await self.receive()
        errors: list[ErrorItem] = []
        try:
            value = decode(message.encode() if isinstance(message, str) else message, errors)
        except BadRequest:
            await self._refuse(1007, "not JSON")
        if errors:
            raise InvalidMessage([moved(error, ("message", *error["loc"][1:])) for error in errors])
        return value  # type: ignore[no-any-return]

    def iter_text(self) -> AsyncIterator[str]:
        """`receive_text` until the WebSocket is over: `async for text in websocket.iter_text()`."""
        return _until_closed(self.receive_text)

    def iter_bytes(self) -> AsyncIterator[bytes]:
        """`receive_bytes` until the WebSocket is over."""
        return _until_closed(self.receive_bytes)

    def iter_json(self) -> AsyncIterator[Any]:
        """`receive_json` until the WebSocket is over."""
        return _until_closed(self.receive_json)

    # -- sending -----------------------------------------------------------------------------------------------

    def send(self, message: str | bytes) -> Coroutine[Any, Any, None]:
        """Send str as text and bytes as a binary message; waits and raises as `send_text` does."""
        return self.send_text(message) if isinstance(message, str) else self.send_bytes(message)

    async def send_text(self, text: str) -> None:
        """Send a text message; waits while the peer does not read.

        Raises WebSocketDisconnect once the peer has left, and SendTimeout, which is one too, after the route's `send_timeout`.
        """
        if self.connection_state is not OPEN:
            self._expect(OPEN, "send")
        if not isinstance(text, str):
            raise TypeError(f"send_text sends str, not {type(text).__qualname__}")
        try:
            send = self.connection.send_text
            await (send(text) if self.options.send_timeout is None else self._send_in_time(send, text))
        except Exception as exc:
            if left := self._left_by(exc):
                raise left from None
            raise

    async def send_bytes(self, data: bytes) -> None:
        """Send a binary message; waits and raises as `send_text` does."""
        if self.connection_state is not OPEN:
            self._expect(OPEN, "send")
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise TypeError(f"send_bytes sends bytes, not {type(data).__qualname__}")
        try:
            send, data = self.connection.send_bytes, bytes(data)
            await (send(data) if self.options.send_timeout is None else self._send_in_time(send, data))
        except Exception as exc:
            if left := self._left_by(exc):
                raise left from None
            raise

    async def send_json(self, value: Any) -> None:
        """Send a value, or a model as it is, as JSON text."""
        await self.send_text(self._encoder.encode(value).decode())

    async def send_model(self, value: object, model: Any = None) -> None:
        """Send a value as JSON text, checked and filtered by `model` as a response model does; None is the value's own class.

        Raises ResultError for what does not fit, before anything is sent.
        """
        wanted = type(value) if model is None else model
        encode = self._codecs.dumper(wanted).encode_of(type(value))
        await self.send_text(encode(value).decode())

    async def _send_in_time(self, send: Callable[[M], Awaitable[None]], message: M) -> None:
        """In a task of its own, which alone holds the server's awaitable: Granian over RSGI gives up no send that is held elsewhere.

        A timeout that cancels this task never fires under its `--task-impl rust`.
        """
        task = asyncio.ensure_future(_sent(send, message))
        try:
            await asyncio.wait((task,), timeout=self.options.send_timeout)
        finally:
            if not task.done():
                task.cancel()
        if not task.done():
            await self.abandon(1008, "reads too slowly")
            raise SendTimeout(f"the peer did not take a message within {self.options.send_timeout} s")
        task.result()

    # -- the rest ----------------------------------------------------------------------------------------------

    @property
    def _encoder(self) -> JSONEncoder:
        return getattr(self.app, "json_encoder", None) or best_encoder()

    @property
    def _codecs(self) -> Codecs:
        return codecs_of(self.app, self._encoder)

    def _is_too_long(self, content: str | bytes) -> bool:
        limit = self.options.max_message_size
        if isinstance(content, bytes) or len(content) > limit or content.isascii():
            return len(content) > limit
        return len(content.encode()) > limit

    def _left_by(self, exc: Exception) -> WebSocketDisconnect | None:
        """What a receive or a send has raised; with a peer that has left, this is over."""
        left = self.connection.left_by(exc)
        if left is not None:
            self.connection_state = SocketState.CLOSED
        return left

    async def _receive_or_wake(self) -> Any:
        self._receiver = asyncio.current_task()
        try:
            return await self.connection.receive()
        except asyncio.CancelledError:
            if self._receiver is None or not self._woken or self._receiver.uncancel():
                raise
            raise WebSocketDisconnect(1006, "given up: the peer does not read") from None
        finally:
            self._receiver = None

    async def _refuse(self, code: int, reason: str) -> NoReturn:
        await self.close(code, reason)
        raise WebSocketDisconnect(code, reason)

    def _expect(self, state: SocketState, action: str) -> None:
        if self.connection_state is state:
            return
        if self.connection_state is SocketState.CLOSED and state is OPEN:
            raise WebSocketDisconnect(1006, f"cannot {action}: this WebSocket is closed")
        raise RuntimeError(f"cannot {action}: this WebSocket is {self.connection_state.value}")

    def __repr__(self) -> str:
        return f"<WebSocket {self.path!r} {self.connection_state.value}>"


async def _sent(send: Callable[[M], Awaitable[None]], message: M) -> None:
    await send(message)


async def _until_closed(receive: Callable[[], Awaitable[M]]) -> AsyncIterator[M]:
    try:
        while True:
            yield await receive()
    except WebSocketDisconnect:
        return


def check_close(code: int, reason: str) -> None:
    """Raise ValueError for a code that no endpoint may send or a reason that does not fit its frame."""
    if not is_ws_code_sendable(code):
        raise ValueError(
            f"close code {code!r} must not be sent: 1000-1003, 1007-1014 or 3000-4999 (RFC 6455 7.4)"
        )
    if len(reason.encode()) > MAX_REASON:
        raise ValueError(f"a close reason has at most {MAX_REASON} bytes, this one {len(reason.encode())}")
