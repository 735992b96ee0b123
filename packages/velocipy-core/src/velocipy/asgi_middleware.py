"""ASGI middleware of other projects around a whole app. Knows ASGI's callables and the bridge; knows no route and no middleware of ours.

    server -> first added -> ... -> last added -> the app's own ASGI entry

Over ASGI that is all there is. Where the server speaks something else, its exchanges are put as ASGI's before the outermost one
(`velocipy.bridge`), and the answer passes the gate as every answer does. The lifespan goes the same way.
"""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from velocipy.bridge import ASGIApp, ForeignLifespan, Message, Receive, Send, call_http, call_socket, scope_of
from velocipy.error_handlers import Failure, fail_socket, finish_socket, merge_handlers, pages_of
from velocipy.exceptions import ConfigurationError
from velocipy.handlers.results import Results
from velocipy.handlers.source import Source
from velocipy.http.delivery import deliver
from velocipy.http.request import Request
from velocipy.lifespan import Hold, Lifespan, Served
from velocipy.middleware.base import Middleware
from velocipy.routing.path import PathTemplate
from velocipy.routing.route import Layer, Route, RouteOptions, callable_name, shown
from velocipy.socket_options import SocketOptions
from velocipy.untyped import CLASS
from velocipy.websocket import WebSocket

if TYPE_CHECKING:
    from velocipy.protocols import Dialect, HTTPConnection, WebSocketConnection

logger: logging.Logger = logging.getLogger("velocipy")

NO_LIMIT = sys.maxsize
"""Bytes of a body or a message here: the limits are those of the routes inside."""

INSIDE = (
    "ASGI middleware stands around the app that is served, and this one is mounted in another: add it to the outer app, or mount "
    "the wrapped app, app.mount(path, SomeMiddleware(inner))"
)

OUR_MEMBERS = ("before", "header", "headers", "finish")
"""What only middleware of ours has; `dispatch` is a method of Starlette's too."""


@dataclass(frozen=True, slots=True)
class ASGIMiddleware:
    """A factory `factory(app, **options)` of ASGI apps that call the app they are given."""

    factory: Callable[..., Any]
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def around(self, app: ASGIApp) -> ASGIApp:
        """The middleware around an app. Raises ConfigurationError where the factory makes no ASGI app."""
        made = self.factory(app, **self.options)
        if not callable(made):
            raise ConfigurationError(
                f"{shown(self.factory)} made {made!r}, which is no ASGI app: a factory takes the app and returns one"
            )
        return made  # type: ignore[no-any-return]


def asgi_middleware(factory: Any, options: Mapping[str, Any]) -> ASGIMiddleware:
    """A factory and its options, checked as far as can be seen. Raises ConfigurationError that says what it is instead."""
    if _is_ours(factory):
        raise ConfigurationError(
            f"{callable_name(factory)} is middleware of VelociPy's own, not an ASGI one: "
            f"app.add_middleware({callable_name(factory)}, ...)"
        )
    if not callable(factory):
        raise ConfigurationError(
            f"{factory!r} is no ASGI middleware: give its class, or a function that takes the app and returns an ASGI app"
        )
    named = shown(factory)
    if inspect.iscoroutinefunction(factory):
        raise ConfigurationError(
            f"{named} is async, so it makes no middleware: a factory takes the app and returns an ASGI app; "
            f"a function (request, call_next) goes to app.add_middleware"
        )
    try:
        signature = inspect.signature(factory)
    except (ValueError, TypeError):
        return ASGIMiddleware(factory, dict(options))
    try:
        signature.bind(None, **options)
    except TypeError as exc:
        with_options = "".join(f", {name}=..." for name in options)
        raise ConfigurationError(
            f"{named} takes {signature} and cannot be called as {callable_name(factory)}(app{with_options}): {exc}. "
            f"Give the class itself and its options: app.add_asgi_middleware(SomeClass, option=1)"
        ) from None
    return ASGIMiddleware(factory, dict(options))


def _is_ours(factory: Any) -> bool:
    kind: Any = factory if isinstance(factory, CLASS) else factory.__class__
    return issubclass(kind, Middleware) or any(callable(getattr(kind, name, None)) for name in OUR_MEMBERS)


def wrapped(app: ASGIApp, middleware: Sequence[ASGIMiddleware]) -> ASGIApp:
    """An app's entry inside its middleware, the first of which is the outermost."""
    enter = app

    async def innermost(scope: Message, receive: Receive, send: Send) -> None:
        """ASGI 3 as asgiref knows it: an `async def` of three arguments, which an entry need not be."""
        await enter(scope, receive, send)

    app = innermost
    for item in reversed(middleware):
        app = item.around(app)
    return app


class Bridged:
    """A wrapped app behind a server that does not speak ASGI."""

    def __init__(self, app: Any, outermost: ASGIApp, hold: Hold) -> None:
        self._outermost = outermost
        self.lifespan: OuterLifespan = OuterLifespan(app.lifespan, outermost, hold)
        template = PathTemplate.parse("/{rest*}")
        layers = (app.layer, Layer())
        # What fails out here is answered and logged as what fails inside, and the log wants to know where that was.
        self._route = Route(("*",), template, wrapped, RouteOptions(), layers, app, NO_LIMIT, is_ours=True)
        results = Results(app.json_encoder, app.models.find)
        self._failure = Failure(merge_handlers((app.layer,)), results, app.wording, pages_of(app))
        self._socket_options = SocketOptions(max_message_size=NO_LIMIT)

    def entry(self, dialect: Dialect) -> Callable[..., Awaitable[None]]:
        """The function that a server calls for every exchange of this protocol."""
        env = {**dialect.env, "serve_http": self.serve_http, "serve_socket": self.serve_socket}
        source = Source(f"<velocipy bridge {dialect.name}>", env, frozenset())
        define, give = dialect.enter
        with source.block(f"{define}({', '.join(dialect.args)}):"):
            with source.block(f"if {dialect.is_socket}:"):
                source.line(f"return {give}serve_socket({dialect.connect_socket})")
            source.line(f"return {give}serve_http({dialect.connect})")
        return source.compile("enter")

    async def serve_http(self, connection: HTTPConnection) -> None:
        """One request."""
        scope = scope_of(connection, "http", "", connection.path, self.lifespan.state)
        scope["method"] = connection.method
        try:
            response = await call_http(self._outermost, connection, scope, NO_LIMIT)
        except Exception as exc:
            response = await self._failure.fail(Request(connection, (), self._route), exc)
        await deliver(connection, response, self._route.path, wording=self._route.wording)

    async def serve_socket(self, connection: WebSocketConnection) -> None:
        """One WebSocket."""
        websocket = WebSocket(connection, (), self._route, options=self._socket_options)
        scope = scope_of(connection, "websocket", "", connection.path, self.lifespan.state)
        try:
            await call_socket(self._outermost, websocket, scope)
            await finish_socket(websocket)
        except Exception as exc:
            await fail_socket(websocket, exc)


class OuterLifespan(Served):
    """An app's lifespan as its middleware sees it, where the server has no messages for it."""

    def __init__(self, inner: Lifespan, outermost: ASGIApp, hold: Hold) -> None:
        super().__init__(hold)
        self._inner = inner
        self._foreign = ForeignLifespan(outermost, "the app")

    @property
    def state(self) -> dict[str, Any]:
        """What middleware has left there for its requests."""
        return self._foreign.state

    async def start(self) -> None:
        """Start through the middleware; past it, where that does not pass the lifespan on."""
        if not await self._foreign.start():
            logger.warning("an ASGI middleware does not pass the lifespan on: the app is started without it")
            await self._inner.start()

    async def stop(self) -> None:
        """Stop the same way."""
        await self._settle()
        await self._foreign.stop()
        await self._inner.stop()
