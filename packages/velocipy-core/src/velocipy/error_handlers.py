"""Exceptions -> answers: whose handler takes one, and what is answered where nobody's does. Knows no protocol."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from velocipy.exceptions import ClientDisconnected, HTTPException, WebSocketDisconnect, WebSocketException
from velocipy.http.delivery import SERVER_ERROR
from velocipy.http.request import Exchange, Request
from velocipy.http.response import JSON_TYPE, JSONResponse, Response
from velocipy.json.base import JSONEncoder
from velocipy.routing.route import Layer
from velocipy.threads import in_thread
from velocipy.websocket import SocketState, WebSocket

logger = logging.getLogger("velocipy")

ExceptionHandler = Callable[..., Any]
HandlerTable = Mapping[int | type[BaseException], ExceptionHandler]


def merge_handlers(layers: Iterable[Layer]) -> HandlerTable:
    """The exception handlers around a route in one table; of two for one key the inner counts."""
    merged: dict[int | type[BaseException], ExceptionHandler] = {}
    for layer in layers:
        merged.update(layer.exception_handlers)
    return merged


def find_handler(table: HandlerTable, exc: Exception) -> ExceptionHandler | None:
    """The handler for an HTTPException's status, else the one for the nearest class of the exception's MRO."""
    if isinstance(exc, HTTPException) and exc.status_code in table:
        return table[exc.status_code]
    return next((table[kind] for kind in type(exc).__mro__ if kind in table), None)


class Failure:
    """Answers the exceptions of one route."""

    def __init__(self, table: HandlerTable, make_response: Callable[[Any], Response], encoder: JSONEncoder) -> None:
        self._table = table
        self._make_response = make_response
        self._encoder = encoder

    async def fail(self, request: Request, exc: Exception) -> Response:
        """The answer to any exception, at the outermost place: what nobody handles is logged and becomes a bare 500."""
        try:
            return await self._answer(request, exc) or await self._unhandled(request, exc)
        except Exception as second:
            log_unhandled(request, second, "the exception handler itself failed")
            return server_error()

    async def answer(self, request: Request, exc: Exception) -> Response:
        """The answer to an exception that has one; every other is raised again, through the middleware around."""
        response = await self._answer(request, exc)
        if response is None:
            raise exc
        return response

    async def _answer(self, request: Request, exc: Exception) -> Response | None:
        handler = find_handler(self._table, exc)
        if handler is not None and handler is not self._table.get(Exception):
            return await self._call(handler, request, exc)
        if isinstance(exc, HTTPException):
            response = JSONResponse({"detail": exc.detail}, exc.status_code, exc.headers)
            response.bind(self._encoder)
            return response
        if isinstance(exc, ClientDisconnected):
            # Nobody reads it, but a server wants every exchange answered.
            return Response(None, 400)
        return None

    async def _unhandled(self, request: Request, exc: Exception) -> Response:
        """A handler for Exception or 500 words this answer; it is logged all the same."""
        log_unhandled(request, exc, "unhandled exception")
        handler = self._table.get(Exception) or self._table.get(500)
        return server_error() if handler is None else await self._call(handler, request, exc)

    async def _call(self, handler: ExceptionHandler, request: Request, exc: Exception) -> Response:
        if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(getattr(handler, "__call__", None)):
            return self._make_response(await handler(request, exc))
        return self._make_response(await in_thread(handler, request, exc))


def server_error() -> Response:
    """A 500 that tells nothing."""
    return Response(SERVER_ERROR, 500, media_type=JSON_TYPE)


def log_unhandled(exchange: Exchange, exc: BaseException, what: str) -> None:
    """One record with route, path (escaped) and request id."""
    request_id = exchange.state.get("request_id")
    logger.error(
        "%s in %s (%r)%s",
        what,
        exchange.route.title,
        exchange.path,
        f", request id {request_id}" if request_id else "",
        exc_info=exc,
    )


async def finish_socket(websocket: WebSocket) -> None:
    """The endpoint is done: refuse what it never accepted, close what it left open."""
    await websocket.close(1000)


async def fail_socket(websocket: WebSocket, exc: Exception) -> None:
    """The endpoint raised: refuse the handshake with a status, or close with a code; log what nobody meant."""
    if isinstance(exc, (WebSocketDisconnect, ClientDisconnected)):
        return
    connecting = websocket.connection_state is SocketState.CONNECTING
    try:
        if isinstance(exc, WebSocketException):
            await websocket.close(exc.code, exc.reason)
        elif isinstance(exc, HTTPException):
            await (websocket.deny(exc.status_code) if connecting else websocket.close(1008, str(exc.detail)[:100]))
        else:
            log_unhandled(websocket, exc, "unhandled exception")
            await (websocket.deny(500) if connecting else websocket.close(1011))
    except (WebSocketDisconnect, ClientDisconnected):
        return
