"""Exceptions -> answers: whose handler takes one, and what is answered where nobody's does. Knows no protocol."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from velocipy.background import BackgroundTask, BackgroundTasks, tasks_of
from velocipy.exceptions import (
    ClientDisconnected,
    HTTPException,
    NotFound,
    PayloadTooLargeException,
    RequestTimeout,
    WebSocketDisconnect,
    WebSocketException,
)
from velocipy.handlers.results import Results, response_maker
from velocipy.handlers.signature import How, how_called
from velocipy.http.delivery import Unread
from velocipy.http.request import Exchange, Request
from velocipy.http.response import JSONResponse, Response
from velocipy.http.wording import Wording
from velocipy.messages import about_request
from velocipy.routing.route import Layer, shown
from velocipy.threads import in_thread
from velocipy.websocket import MAX_REASON, SocketState, WebSocket, check_close

if TYPE_CHECKING:
    from velocipy.app import VelociPy
    from velocipy.debugging.pages import Pages

logger: logging.Logger = logging.getLogger("velocipy")

ExceptionHandler = Callable[..., Any]
HandlerTable = Mapping[int | type[BaseException], ExceptionHandler]


def merge_handlers(layers: Iterable[Layer]) -> HandlerTable:
    """The exception handlers around a route in one table; of two for one key the inner counts."""
    merged: dict[int | type[BaseException], ExceptionHandler] = {}
    for layer in layers:
        merged.update(layer.exception_handlers)
    return merged


def find_handler(table: HandlerTable, exc: Exception) -> ExceptionHandler | None:
    """The handler for an HTTPException's status, else the one for the nearest class of the exception's MRO.

    Handlers for Exception itself are left out: they word the 500 of what nobody expected, and no other answer.
    """
    if isinstance(exc, HTTPException) and exc.status_code in table:
        return table[exc.status_code]
    return next((table[kind] for kind in type(exc).__mro__ if kind in table and kind is not Exception), None)  # ty: ignore[invalid-argument-type]


def pages_of(app: VelociPy) -> Pages | None:
    """What words errors for who writes the app, where that is in debug: a mounted app's are those of the app that is served."""
    if not app.debug:
        return None
    from velocipy.debugging.pages import Pages

    return Pages(lambda: app.routes)


class Failure:
    """Answers the exceptions of one route; `pages` are those of an app in debug."""

    def __init__(
        self, table: HandlerTable, results: Results, wording: Wording, pages: Pages | None = None
    ) -> None:
        self._table = table
        self._results = results
        self._wording = wording
        self._pages = pages

    async def fail(self, request: Request, exc: Exception) -> Response:
        """The answer to any exception, at the outermost place: what nobody handles is logged and becomes a bare 500."""
        try:
            return await self._answer(request, exc) or await self._unhandled(request, exc)
        except Exception as second:
            log_unhandled(request, second, "the exception handler itself failed")
            return self._bare(request, second)

    async def fail_alone(self, request: Request, exc: Exception) -> Response:
        """The same for a Request that nobody knows but the exception handler: the answer takes along what it leaves to be done."""
        response = await self.fail(request, exc)
        if request.unfinished:
            response = response.fresh()
            response.background = BackgroundTasks(
                BackgroundTask(request.finish), *tasks_of(response.background)
            )
        return response

    async def answer(self, request: Request, exc: Exception) -> Response:
        """The answer to an exception that has one; every other is raised again, through the middleware around."""
        response = await self._answer(request, exc)
        if response is None:
            raise exc
        return response

    def takes(self, *statuses: int) -> bool:
        """Whether an exception handler answers an HTTPException of one of these."""
        return any(find_handler(self._table, HTTPException(status)) is not None for status in statuses)

    async def _answer(self, request: Request, exc: Exception) -> Response | None:
        request.drop_background()
        if isinstance(exc, (PayloadTooLargeException, RequestTimeout, ClientDisconnected)):
            request.lose_body(exc)
        handler = find_handler(self._table, exc)
        if handler is not None:
            return await self._call(handler, request, exc)
        if isinstance(exc, NotFound) and self._pages is not None and request.route.leads_nowhere:
            return self._pages.missing(request, self._wording.response(404))
        if isinstance(exc, HTTPException):
            content = self._wording.content(exc, request.path)
            response = JSONResponse(content, exc.status_code, exc.headers, self._wording.media_type)
            response.bind(self._results.encoder)
            return response
        if isinstance(exc, ClientDisconnected):
            return Unread(None, 400)
        return None

    async def _unhandled(self, request: Request, exc: Exception) -> Response:
        """A handler for Exception or 500 words this answer; it is logged all the same."""
        log_unhandled(request, exc, "unhandled exception")
        handler = self._table.get(Exception) or self._table.get(500)
        return self._bare(request, exc) if handler is None else await self._call(handler, request, exc)

    def _bare(self, request: Request, exc: Exception) -> Response:
        bare = self._wording.response(500)
        return bare if self._pages is None else self._pages.unhandled(request, exc, bare)

    async def _call(self, handler: ExceptionHandler, request: Request, exc: Exception) -> Response:
        """What the handler makes of it; a result that is no Response is sent with the exception's own status, never as a 200."""
        awaits = how_called(handler) is How.AWAIT
        result = await (handler(request, exc) if awaits else in_thread(handler, request, exc))
        if result is None:
            raise TypeError(f"the exception handler {shown(handler)} returned None: return a Response")
        status = exc.status_code if isinstance(exc, HTTPException) else 500
        return response_maker(self._results, status)(result)


def log_unhandled(exchange: Exchange, exc: BaseException, what: str) -> None:
    """One record with route, path (escaped) and request id."""
    method = exchange.method if isinstance(exchange, Request) else "WEBSOCKET"
    about = about_request(method, exchange.route.path, exchange.path, exchange.state.get("request_id"))
    logger.error("%s in %s", what, about, exc_info=exc)


async def finish_socket(websocket: WebSocket) -> None:
    """The endpoint is done: refuse what it never accepted, close what it left open."""
    await _end_socket(websocket, 403, 1000, "")


async def fail_socket(websocket: WebSocket, exc: Exception) -> None:
    """The endpoint raised: refuse the handshake with a status, or close with a code; log what nobody meant."""
    if isinstance(exc, (WebSocketDisconnect, ClientDisconnected)):
        return
    if isinstance(exc, HTTPException):
        try:
            await _end_socket(websocket, exc, 1008, str(exc.detail))
        except (TypeError, ValueError) as wrong:
            log_unhandled(websocket, wrong, f"a {type(exc).__name__} that cannot be sent")
            await _end_socket(websocket, 500, 1011, "")
    elif isinstance(exc, WebSocketException) and _can_close(websocket, exc):
        await _end_socket(websocket, 403, exc.code, exc.reason)
    else:
        if not isinstance(exc, WebSocketException):
            log_unhandled(websocket, exc, "unhandled exception")
        await _end_socket(websocket, 500, 1011, "")


def _can_close(websocket: WebSocket, exc: WebSocketException) -> bool:
    """Whether code and reason may be sent; why not is logged."""
    try:
        check_close(exc.code, exc.reason)
    except ValueError as wrong:
        log_unhandled(websocket, wrong, "a WebSocketException that cannot be sent")
        return False
    return True


async def _end_socket(
    websocket: WebSocket,
    refusal: int | HTTPException,
    code: int,
    reason: str,
) -> None:
    """Refuse with a bare status or as an exception says, or close with code and reason; a peer that has left needs neither."""
    try:
        if websocket.connection_state is SocketState.CONNECTING:
            if isinstance(refusal, HTTPException):
                await websocket.refuse(refusal)
            else:
                await websocket.deny(refusal)
        else:
            await websocket.close(code, reason.encode()[:MAX_REASON].decode(errors="ignore"))
    except (WebSocketDisconnect, ClientDisconnected):
        return
