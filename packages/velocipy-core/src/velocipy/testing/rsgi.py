"""An RSGI server in this process that behaves as Granian 2.8.7. Knows entry points; opens no socket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from velocipy.testing.errors import ResponseNeverEnds
from velocipy.testing.rsgi_protocol import HTTPProtocol
from velocipy.testing.rsgi_scope import RSGIScope
from velocipy.testing.rsgi_websocket import WebSocketProtocol
from velocipy.testing.server import Server

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from velocipy.testing.exchange import HTTPExchange
    from velocipy.testing.websocket import WebSocketExchange


AnyProtocol = HTTPProtocol | WebSocketProtocol


class RSGICall(Protocol):
    """The entry point: a coroutine function, or a function that returns a coroutine."""

    def __call__(self, scope: RSGIScope, protocol: AnyProtocol, /) -> Awaitable[None]:
        """Serves one exchange."""
        ...


class RSGIApp(Protocol):
    """An object with the entry point; `__rsgi_init__(loop)` and `__rsgi_del__(loop)` are used where they exist."""

    def __rsgi__(self, scope: RSGIScope, protocol: AnyProtocol, /) -> Awaitable[None]:
        """Serves one exchange."""
        ...


class RSGIServer(Server):
    """Serves an RSGI app; `__rsgi__` is preferred to calling the object, as Granian does."""

    def __init__(self, app: RSGIApp | RSGICall, *, propagate: bool = True, app_timeout: float = 30.0) -> None:
        super().__init__(propagate=propagate, app_timeout=app_timeout)
        self.app = app
        self._call: RSGICall = entry_point(app)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._hook("__rsgi_init__", loop)
        self.keep_context()

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        self._hook("__rsgi_del__", loop)

    async def start_here(self) -> None:
        await settled(self._hook("__rsgi_init__", asyncio.get_running_loop()))
        self.keep_context()

    async def stop_here(self) -> None:
        await settled(self._hook("__rsgi_del__", asyncio.get_running_loop()))

    def _hook(self, name: str, loop: asyncio.AbstractEventLoop) -> object:
        hook = getattr(self.app, name, None)
        return None if hook is None else hook(loop)

    async def _serve_http(self, exchange: HTTPExchange) -> None:
        protocol = HTTPProtocol(exchange)
        try:
            await self._call(RSGIScope(exchange.request, "http"), protocol)
        except BaseException as exc:
            exchange.error = exc
        if exchange.left or exchange.completed or exchange.aborted or exchange.fault is not None:
            return
        if not protocol.answered:
            exchange.begin(500, ((b"content-length", b"0"),))
            exchange.complete()
        elif exchange.error is not None and protocol.sink is not None:
            protocol.sink.end()
        else:
            asyncio.get_running_loop().call_later(self.app_timeout, never_ends, exchange)

    async def _serve_websocket(self, exchange: WebSocketExchange) -> None:
        try:
            await self._call(RSGIScope(exchange.request, "ws"), WebSocketProtocol(exchange))
        except BaseException as exc:
            exchange.error = exc
        if exchange.handshake is None:
            exchange.refuse(403, ((b"content-length", b"0"),))
        exchange.shut(1005)


def entry_point(app: RSGIApp | RSGICall) -> RSGICall:
    """What a server calls: the `__rsgi__` of an app, or the function that it is."""
    call: RSGICall = getattr(app, "__rsgi__", app)  # type: ignore[arg-type]  # ty: ignore[invalid-assignment]
    return call


async def settled(result: Any) -> None:
    """With a running loop a hook may return an awaitable, which is done when the app is up or down."""
    if hasattr(result, "__await__"):
        await result


def never_ends(exchange: HTTPExchange) -> None:
    """Note that an answer has begun and nobody ends it, where that is so."""
    if not exchange.over:
        exchange.fault = ResponseNeverEnds(
            f"{exchange.name}: the app returned, but something still holds the stream transport, and the "
            "answer ends only when that is dropped. `del` it in a finally"
        )
        exchange.signal.notify()
