"""An ASGI server in this process, that behaves as uvicorn 0.54 with httptools. Knows ASGI messages; opens no socket."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from velocipy.testing.asgi_websocket import serve_websocket
from velocipy.testing.server import Server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from velocipy.testing.exchange import HTTPExchange, RawRequest
    from velocipy.testing.websocket import WebSocketExchange

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]

# uvicorn's own tests on what an app sends (RFC 9110 sections 5.1 and 5.5, with obs-text let through).
BAD_NAME = re.compile(rb'[\x00-\x1f\x7f()<>@,;:\[\]={} \t\\"]')
BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
SERVER_ERROR = b"Internal Server Error"


class ASGIApp(Protocol):
    """An ASGI 3.0 application."""

    def __call__(self, scope: Message, receive: Receive, send: Send, /) -> Awaitable[None]: ...


class ASGIServer(Server):
    """Serves an ASGI app: spec_version 2.3 for HTTP, 2.4 for WebSocket, state copied for each exchange."""

    def __init__(
        self, app: ASGIApp, *, propagate: bool = True, app_timeout: float = 30.0, root_path: str = ""
    ) -> None:
        super().__init__(propagate=propagate, app_timeout=app_timeout)
        self.app = app
        self.root_path = root_path
        self.state: dict[str, Any] = {}
        self._lifespan: Lifespan | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(self.start_here())

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.run_until_complete(self.stop_here())

    async def start_here(self) -> None:
        self.state = {}
        self._lifespan = Lifespan(self.app, self.state)
        await self._lifespan.startup()

    async def stop_here(self) -> None:
        lifespan, self._lifespan = self._lifespan, None
        if lifespan is not None:
            await lifespan.shutdown()

    async def _serve_http(self, exchange: HTTPExchange) -> None:
        cycle = Cycle(exchange)
        try:
            await self.app(http_scope(exchange.request, self.root_path, self.state), cycle.receive, cycle.send)
        except BaseException as exc:
            exchange.error = exc
        await cycle.settle()

    async def _serve_websocket(self, exchange: WebSocketExchange) -> None:
        scope = websocket_scope(exchange.request, self.root_path, self.state)
        await serve_websocket(self.app, scope, exchange)


class Cycle:
    """The `receive` and `send` of one request."""

    def __init__(self, exchange: HTTPExchange) -> None:
        self.exchange = exchange
        self.started = False
        self.expected: int | None = None

    async def receive(self) -> Message:
        exchange = self.exchange
        if exchange.completed:
            return {"type": "http.disconnect"}
        if exchange.upload or not self._body_delivered:
            chunk = await exchange.upload_chunk()
            if chunk is not None or not exchange.left:
                more = bool(exchange.upload) or not exchange.upload_ended
                self._body_delivered = not more
                return {"type": "http.request", "body": chunk or b"", "more_body": more}
        await exchange.signal.until(lambda: exchange.left or exchange.completed)
        return {"type": "http.disconnect"}

    _body_delivered = False

    async def send(self, message: Message) -> None:
        exchange = self.exchange
        await exchange.writable()
        if exchange.left:
            return
        if not self.started:
            self._start(message)
        elif not exchange.completed:
            self._body(message)
        else:
            raise RuntimeError(f"Unexpected ASGI message '{message['type']}' sent, after response already completed.")

    def _start(self, message: Message) -> None:
        if message["type"] != "http.response.start":
            raise RuntimeError(f"Expected ASGI message 'http.response.start', but got '{message['type']}'.")
        self.started = True
        status = message["status"]
        if status not in range(100, 600):
            raise KeyError(status)
        headers = tuple(checked_header(name, value) for name, value in message.get("headers", ()))
        for name, value in headers:
            if name == b"content-length" and self.expected is None:
                self.expected = int(value)
        if self.expected is None and (status in (204, 304)):
            self.expected = 0
        self.exchange.begin(status, headers)

    def _body(self, message: Message) -> None:
        if message["type"] != "http.response.body":
            raise RuntimeError(f"Expected ASGI message 'http.response.body', but got '{message['type']}'.")
        data = bytes(message.get("body", b""))
        if self.exchange.request.method == "HEAD":
            self.expected = None
        self.exchange.push(data)
        if self.expected is not None:
            if len(data) > self.expected:
                self._take_back(data)
                raise RuntimeError("Response content longer than Content-Length")
            self.expected -= len(data)
        if not message.get("more_body", False):
            if self.expected:
                raise RuntimeError("Response content shorter than Content-Length")
            self.exchange.complete()

    def _take_back(self, data: bytes) -> None:
        if data and self.exchange.download:
            self.exchange.unread -= len(self.exchange.download.pop())

    async def settle(self) -> None:
        """Ends the answer of an app that returned or raised: 500 if nothing was started, else a closed connection."""
        exchange = self.exchange
        if exchange.completed or exchange.left:
            return
        if self.started:
            exchange.abort()
            return
        await self.send(
            {
                "type": "http.response.start",
                "status": 500,
                "headers": [
                    (b"content-type", b"text/plain; charset=utf-8"),
                    (b"content-length", b"%d" % len(SERVER_ERROR)),
                    (b"connection", b"close"),
                ],
            }
        )
        await self.send({"type": "http.response.body", "body": SERVER_ERROR})


class Lifespan:
    """The lifespan task of one app, kept alive between `startup` and `shutdown`. Exceptions of the app are raised here."""

    def __init__(self, app: ASGIApp, state: dict[str, Any]) -> None:
        self._app = app
        self._state = state
        self._inbox: asyncio.Queue[Message] = asyncio.Queue(maxsize=2)
        self._answer: asyncio.Queue[Message] = asyncio.Queue(maxsize=4)
        self._task: asyncio.Task[None] | None = None

    async def startup(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run())
        await self._ask("startup")

    async def shutdown(self) -> None:
        assert self._task is not None
        if not self._task.done():
            await self._ask("shutdown")
        await self._task

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self._state}
        await self._app(scope, self._inbox.get, self._answer.put)

    async def _ask(self, phase: str) -> None:
        """Sends one lifespan event and waits for its answer; the app's exception beats the message about it."""
        assert self._task is not None
        await self._inbox.put({"type": f"lifespan.{phase}"})
        answer = asyncio.ensure_future(self._answer.get())
        await asyncio.wait((answer, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            await self._task
            return
        message = answer.result()
        if message["type"] == f"lifespan.{phase}.complete":
            return
        if message["type"] == f"lifespan.{phase}.failed":
            await asyncio.wait((self._task,), timeout=1.0)
            if self._task.done():
                await self._task
            self._task.cancel()
            raise RuntimeError(f"the app's {phase} failed: {message.get('message', '')}")
        raise RuntimeError(f"the app answered lifespan.{phase} with {message['type']!r}")


def checked_header(name: bytes, value: bytes) -> tuple[bytes, bytes]:
    if BAD_NAME.search(name):
        raise RuntimeError("Invalid HTTP header name.")
    if BAD_VALUE.search(value):
        raise RuntimeError("Invalid HTTP header value.")
    return bytes(name).lower(), bytes(value)


def http_scope(request: RawRequest, root_path: str, state: dict[str, Any]) -> Message:
    """uvicorn's HTTP scope: there is no `extensions` key."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": request.http_version,
        "server": request.server,
        "client": request.client,
        "scheme": request.scheme,
        "method": request.method,
        "root_path": root_path,
        "path": root_path + unquote(request.raw_path.decode("latin-1")),
        "raw_path": root_path.encode("ascii") + request.raw_path,
        "query_string": request.query,
        "headers": scope_headers(request),
        "state": state.copy(),
    }


def websocket_scope(request: RawRequest, root_path: str, state: dict[str, Any]) -> Message:
    scope = http_scope(request, root_path, state)
    del scope["method"]
    offered = b",".join(value for name, value in scope["headers"] if name == b"sec-websocket-protocol")
    scope.update(
        type="websocket",
        asgi={"version": "3.0", "spec_version": "2.4"},
        scheme="wss" if request.scheme in ("https", "wss") else "ws",
        subprotocols=[item.strip() for item in offered.decode("latin-1").split(",") if item.strip()],
        extensions={"websocket.http.response": {}},
    )
    return scope


def scope_headers(request: RawRequest) -> list[tuple[bytes, bytes]]:
    """Names in lower case, order and duplicates kept; HTTP/2's authority becomes the host header (ASGI 3.0, scope)."""
    headers = [(name.lower(), value) for name, value in request.headers]
    if request.authority is not None and not any(name == b"host" for name, _ in headers):
        headers.insert(0, (b"host", request.authority.encode("latin-1")))
    return headers
