"""Calls ASGI apps through core's connections, whatever the server speaks. Knows ASGI's messages; knows no server and no routes.

What such an app sends becomes a Response, which passes the gate as every answer does: a status, header or length of a foreign app
can harm no server, and middleware around a mount sees and changes the answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any

from velocipy.exceptions import ClientDisconnected, HTTPException, WebSocketDisconnect
from velocipy.http.gate import BODYLESS
from velocipy.http.response import Response
from velocipy.http.streaming import StreamingResponse

if TYPE_CHECKING:
    from velocipy.http.request import Exchange
    from velocipy.protocols import HTTPConnection
    from velocipy.websocket import WebSocket

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Message, Receive, Send], Awaitable[None]]

logger: logging.Logger = logging.getLogger("velocipy")

SPEC = {"version": "3.0", "spec_version": "2.3"}

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection", "te", "trailer"}
)
"""Fields about one connection, which an app must not set and a server sets itself (RFC 9110 section 7.6.1)."""

OPENING = 0.05
"""Seconds that the beginning of an answer waits for its body, which shows whether that is short; then it is sent alone."""

CAPABILITIES = "velocipy.websocket"
"""The extension of a WebSocket's scope that says what the server below the bridge can do: the fields of Capabilities."""


def scope_of(connection: Any, kind: str, prefix: str, path: str, state: dict[str, Any]) -> Message:
    """The ASGI scope of an exchange below `prefix`; `path` is the whole decoded path, as ASGI's `root_path` wants it."""
    headers = [
        (name.lower().encode("latin-1"), value.encode("latin-1"))
        for name, value in connection.headers.items()
    ]
    authority = getattr(connection, "authority", None)
    if authority and not any(name == b"host" for name, _ in headers):
        headers.insert(0, (b"host", authority.encode("latin-1")))
    return {
        "type": kind,
        "asgi": dict(SPEC),
        "http_version": getattr(connection, "http_version", "1.1"),
        "scheme": connection.scheme,
        "path": path,
        "raw_path": None,
        "query_string": connection.query_string.encode("latin-1", "replace"),
        "root_path": prefix,
        "headers": headers,
        "client": connection.client,
        "server": getattr(connection, "server", None),
        "state": dict(state),
        "extensions": {},
    }


def tell_source(scope: Message, exchange: Exchange) -> None:
    """Have an app see the client, scheme and host that a trusted proxy speaks for, without reading its headers again."""
    scope["client"], scope["scheme"] = exchange.client, exchange.scheme
    sent = [value for name, value in scope["headers"] if name == b"host"]
    hosts = exchange.forwarded_hosts(sent)
    if hosts is not sent:
        named = [(b"host", host if isinstance(host, bytes) else host.encode("ascii")) for host in hosts]
        scope["headers"] = [*named, *(pair for pair in scope["headers"] if pair[0] != b"host")]


async def call_http(app: ASGIApp, connection: HTTPConnection, scope: Message, limit: int) -> Response:
    """Call an app for one request -> its answer, as soon as that begins; a body of several parts streams on.

    Raises what the app raised before it answered, RuntimeError if it ended without an answer, and ValueError for a status, a
    header or a length that must not be sent.
    """
    exchange = _Exchange(connection, limit)
    task = asyncio.ensure_future(app(scope, exchange.receive, exchange.send))
    started = asyncio.ensure_future(exchange.answered.wait())
    try:
        await asyncio.wait((task, started), return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait((task,))
        raise
    finally:
        started.cancel()
    if exchange.refused is not None:
        await _end(task)
        raise exchange.refused
    if not exchange.answered.is_set():
        task.result()  # raises what the app raised
        raise RuntimeError(f"the ASGI app {app!r} ended without an answer")
    try:
        return exchange.response(task)
    except ValueError:
        await _end(task)  # it would wait for ever for somebody to take what it sends
        raise


async def _end(task: asyncio.Future[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))
    if not task.cancelled():
        task.exception()  # is known already: it is what was refused


class _Exchange:
    """One request of an app, and what it has answered so far."""

    def __init__(self, connection: HTTPConnection, limit: int) -> None:
        self.answered = asyncio.Event()
        """Set at the first body message: then it is known whether there are more."""
        self.refused: HTTPException | None = None
        """Why the body was not read to its end, which the app need not understand."""
        self._connection = connection
        self._chunks = connection.read_chunks(limit)
        self._is_read = False
        self._status: int = 0
        self._headers: list[tuple[str, str]] = []
        self._first = b""
        self._more = False
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue(maxsize=4)
        self._left = asyncio.Event()
        self._opening: asyncio.Handle | None = None
        self._discards = False
        """Whether nobody takes the rest of the body."""

    async def receive(self) -> Message:
        """The body in parts, and then the client's leaving."""
        if not self._is_read:
            try:
                chunk = await anext(self._chunks, None)
            except HTTPException as exc:
                self.refused = exc
                raise
            except ClientDisconnected:
                self._is_read = True
                return {"type": "http.disconnect"}
            self._is_read = chunk is None
            return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}
        leaving = asyncio.ensure_future(self._connection.leaving.wait())
        stopped = asyncio.ensure_future(self._left.wait())
        try:
            await asyncio.wait((leaving, stopped), return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            stopped.cancel()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take a message of the answer; a stream is taken no faster than it is sent."""
        kind = message["type"]
        if kind == "http.response.start":
            if self._status:
                raise RuntimeError("the app has started its answer already")
            self._status = message["status"]
            self._headers = [_header(pair) for pair in message.get("headers", ())]
            # A timer is 3 us and this 0.4: nearly every body comes in the turn of its beginning.
            self._opening = asyncio.get_running_loop().call_soon(self._wait_for_body)
        elif kind == "http.response.body":
            if not self._status:
                raise RuntimeError("the app sent a body before it started its answer")
            await self._take(bytes(message.get("body", b"")), bool(message.get("more_body", False)))

    def _wait_for_body(self) -> None:
        self._opening = asyncio.get_running_loop().call_later(OPENING, self._open)

    def _open(self) -> None:
        """The answer begins without a body: of an event stream, whose first event is to come, a client sees that it is there."""
        self._more = True
        self.answered.set()

    async def _take(self, body: bytes, more: bool) -> None:
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        if not self.answered.is_set():
            self._first, self._more = body, more
            self.answered.set()
        elif self._left.is_set():
            raise ClientDisconnected("the client left during the answer")
        elif self._more and not self._discards:
            if body:
                await self._queue.put(body)
            if not more:
                await self._queue.put(None)

    def response(self, task: asyncio.Future[None]) -> Response:
        """The answer; an app goes on after it, as far as its own background work needs."""
        headers = [pair for pair in self._headers if pair[0] not in HOP_BY_HOP]
        if not self._more:
            task.add_done_callback(_report)
            return Response(self._first, self._status, headers)
        if self._status in BODYLESS:
            task.add_done_callback(_report)
            self._discards = True
            return Response(None, self._status, headers)
        if self._connection.method == "HEAD":
            task.add_done_callback(_report)
            self._discards = True
            return StreamingResponse((), self._status, headers, _type_of(headers))
        return StreamingResponse(self._parts(task), self._status, headers, _type_of(headers))

    async def _parts(self, task: asyncio.Future[None]) -> AsyncIterator[bytes]:
        try:
            if self._first:
                yield self._first
            while (part := await self._next(task)) is not None:
                yield part
        finally:
            self._left.set()
            if not task.done():
                await asyncio.wait((task,), timeout=1.0)
            await _end(task)

    async def _next(self, task: asyncio.Future[None]) -> bytes | None:
        """The next part; raises what ended the app before its last one."""
        if self._queue.empty() and not task.done():
            waiting = asyncio.ensure_future(self._queue.get())
            await asyncio.wait((waiting, task), return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                return waiting.result()
            waiting.cancel()
        if not self._queue.empty():
            return self._queue.get_nowait()
        task.result()
        raise RuntimeError("the ASGI app ended in the middle of its answer")


def _header(pair: Any) -> tuple[str, str]:
    name, value = pair
    return bytes(name).decode("latin-1").lower(), bytes(value).decode("latin-1")


def _type_of(headers: list[tuple[str, str]]) -> str | None:
    return next((value for name, value in headers if name == "content-type"), "application/octet-stream")


def _report(task: asyncio.Future[None]) -> None:
    """An app that fails after its answer: the client has what it asked for, and the log has the rest."""
    if not task.cancelled() and task.exception() is not None:
        logger.error("an ASGI app failed after its answer", exc_info=task.exception())


class ForeignLifespan:
    """The lifespan of an ASGI app, spoken to it as a server would. An app that knows none is left alone."""

    def __init__(self, app: ASGIApp, what: str = "a mounted app") -> None:
        self._app = app
        self._what = what
        self._running: dict[asyncio.AbstractEventLoop, _Talk] = {}

    @property
    def state(self) -> dict[str, Any]:
        """What the app left for its requests on this loop."""
        talk = self._running.get(asyncio.get_running_loop())
        return {} if talk is None else talk.state

    async def start(self) -> bool:
        """Start it on the running loop -> whether it has a lifespan. RuntimeError with the app's message where it says that it cannot."""
        talk = _Talk(self._app, self._what)
        if await talk.start():
            self._running[asyncio.get_running_loop()] = talk
            return True
        return False

    async def stop(self) -> None:
        """Stop it; without effect where it never started."""
        talk = self._running.pop(asyncio.get_running_loop(), None)
        if talk is not None:
            await talk.stop()


class _Talk:
    """One lifespan conversation."""

    def __init__(self, app: ASGIApp, what: str) -> None:
        self._what = what
        self.state: dict[str, Any] = {}
        self._to_app: asyncio.Queue[Message] = asyncio.Queue()
        self._from_app: asyncio.Queue[Message] = asyncio.Queue()
        scope = {"type": "lifespan", "asgi": dict(SPEC), "state": self.state}
        self._task = asyncio.ensure_future(app(scope, self._to_app.get, self._from_app.put))

    async def start(self) -> bool:
        """Whether the app has started; False for one that has no lifespan, which it shows by raising."""
        answer = await self._say("lifespan.startup")
        if answer is None:
            if not self._task.cancelled() and self._task.exception() is not None:
                logger.debug("%s has no lifespan", self._what, exc_info=self._task.exception())
            return False
        if answer["type"] == "lifespan.startup.failed":
            raise RuntimeError(f"{self._what} did not start: {answer.get('message', '')}")
        return True

    async def stop(self) -> None:
        """Tell it to stop, and wait for its end."""
        answer = await self._say("lifespan.shutdown")
        if answer is not None and answer["type"] == "lifespan.shutdown.failed":
            raise RuntimeError(f"{self._what} did not stop cleanly: {answer.get('message', '')}")
        await _end(self._task)

    async def _say(self, kind: str) -> Message | None:
        """Say something -> what the app answers, None if it ends first."""
        self._to_app.put_nowait({"type": kind})
        answer = asyncio.ensure_future(self._from_app.get())
        await asyncio.wait((answer, self._task), return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return answer.result()
        answer.cancel()
        return None


async def call_socket(app: ASGIApp, websocket: WebSocket, scope: Message) -> None:
    """Call an app for one WebSocket, through core's own, which knows what may be done when."""
    scope["subprotocols"] = list(websocket.subprotocols)
    scope["extensions"][CAPABILITIES] = websocket.capabilities._asdict()
    if websocket.capabilities.denial_status:
        scope["extensions"]["websocket.http.response"] = {}
    conversation = _Conversation(websocket)
    await app(scope, conversation.receive, conversation.send)


class _Conversation:
    """One WebSocket of an app: what it is told, and what it says."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._connected = False
        self._refusal: tuple[int, list[tuple[str, str]], bytes] = (403, [], b"")

    async def receive(self) -> Message:
        """The handshake, then messages, then the end."""
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        try:
            message = await self._websocket.receive()
        except WebSocketDisconnect as exc:
            return {"type": "websocket.disconnect", "code": exc.code, "reason": exc.reason}
        kind = "text" if isinstance(message, str) else "bytes"
        return {"type": "websocket.receive", kind: message}

    async def send(self, message: Message) -> None:
        """Take a message. A peer that has left is an OSError, as ASGI 2.4 has it."""
        try:
            await _SENDERS[message["type"]](self, message)
        except WebSocketDisconnect as exc:
            raise ClientLeft(exc.code) from None

    async def accept(self, message: Message) -> None:
        """Complete the handshake, as far as the server can."""
        capabilities = self._websocket.capabilities
        subprotocol = message.get("subprotocol") if capabilities.subprotocols else None
        headers = [_header(pair) for pair in message.get("headers", ())]
        await self._websocket.accept(subprotocol, headers if capabilities.accept_headers else None)

    async def say(self, message: Message) -> None:
        """Send text or bytes."""
        text = message.get("text")
        if text is not None:
            await self._websocket.send_text(text)
        else:
            await self._websocket.send_bytes(message.get("bytes") or b"")

    async def close(self, message: Message) -> None:
        """Close, or refuse with 403."""
        await self._websocket.close(message.get("code") or 1000, message.get("reason") or "")

    async def begin_refusal(self, message: Message) -> None:
        """What the handshake is refused with, but for the body."""
        self._refusal = message["status"], [_header(pair) for pair in message.get("headers", ())], b""

    async def refuse(self, message: Message) -> None:
        """A part of the body; with the last one the refusal is sent."""
        status, headers, body = self._refusal
        self._refusal = status, headers, body + message.get("body", b"")
        if not message.get("more_body", False):
            await self._websocket.deny(status, headers=headers, body=self._refusal[2])


class ClientLeft(OSError):
    """The peer of a WebSocket has left."""


_SENDERS: dict[str, Callable[[_Conversation, Message], Awaitable[None]]] = {
    "websocket.accept": _Conversation.accept,
    "websocket.send": _Conversation.say,
    "websocket.close": _Conversation.close,
    "websocket.http.response.start": _Conversation.begin_refusal,
    "websocket.http.response.body": _Conversation.refuse,
}
