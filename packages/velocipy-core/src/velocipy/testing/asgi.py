"""An ASGI server in this process that behaves as uvicorn 0.54. Knows scopes and state; opens no socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote

from velocipy.testing.asgi_http import Cycle
from velocipy.testing.asgi_lifespan import Lifespan
from velocipy.testing.asgi_websocket import serve_websocket
from velocipy.testing.server import Server

if TYPE_CHECKING:
    from velocipy.testing.exchange import HTTPExchange, RawRequest
    from velocipy.testing.websocket import WebSocketExchange

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ASGIApp(Protocol):
    """An ASGI 3.0 application."""

    def __call__(self, scope: Message, receive: Receive, send: Send, /) -> Awaitable[None]:
        """Serves one scope: lifespan, http or websocket."""
        ...


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
        assert lifespan is not None, "a server is started before it is stopped"
        await lifespan.shutdown()

    async def _serve_http(self, exchange: HTTPExchange) -> None:
        cycle = Cycle(exchange)
        try:
            await self.app(
                http_scope(exchange.request, self.root_path, self.state), cycle.receive, cycle.send
            )
        except BaseException as exc:
            exchange.error = exc
        cycle.settle()

    async def _serve_websocket(self, exchange: WebSocketExchange) -> None:
        scope = websocket_scope(exchange.request, self.root_path, self.state)
        await serve_websocket(self.app, scope, exchange)


def http_scope(request: RawRequest, root_path: str, state: dict[str, Any]) -> Message:
    """uvicorn's HTTP scope: there is no `extensions` key, and `root_path` stands in front of `path` too."""
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
    """uvicorn's WebSocket scope, with the one extension it has."""
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
    """Names in lower case, order and duplicates kept; HTTP/2's authority becomes the host header."""
    headers = [(name.lower(), value) for name, value in request.headers]
    if request.authority is not None and not any(name == b"host" for name, _ in headers):
        headers.insert(0, (b"host", request.authority.encode("latin-1")))
    return headers
