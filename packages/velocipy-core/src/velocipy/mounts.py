"""What stands below a prefix and is no route of ours: static files and ASGI apps, as endpoints. Knows targets; serves nothing itself."""

from __future__ import annotations

import inspect
from typing import Any, cast

from velocipy.bridge import ASGIApp, ForeignLifespan, call_http, call_socket, scope_of, tell_source
from velocipy.exceptions import ConfigurationError, NotFound
from velocipy.http.request import Request
from velocipy.http.response import Response
from velocipy.routing.path import PathTemplate
from velocipy.routing.route import FALLBACK, Layer, Route, RouteOptions
from velocipy.websocket import WebSocket


class Mount:
    """A target below a prefix. Middleware and guards of the app that mounts it stand around it as around any route."""

    def __init__(self, prefix: str, target: Any) -> None:
        self.prefix = prefix
        self.target = target

    async def serve(self, request: Request) -> Response:
        """The answer to a request below the prefix."""
        raise NotImplementedError


class FilesMount(Mount):
    """Something with `async respond(path, method, headers)`, such as StaticFiles."""

    async def serve(self, request: Request) -> Response:
        """The file, or 404; the path is what follows the prefix, as the client sent it."""
        path = request.path[len(self.prefix) :]
        response: Response = await self.target.respond(path, request.method, request.connection.headers)
        return response


class ASGIMount(Mount):
    """An ASGI app, called through the bridge on every protocol."""

    def __init__(self, prefix: str, target: ASGIApp) -> None:
        super().__init__(prefix, target)
        self.lifespan: ForeignLifespan = ForeignLifespan(target)

    async def serve(self, request: Request) -> Response:
        """What the app answers."""
        scope = self._scope(request, "http")
        scope["method"] = request.method
        return await call_http(self.target, request.connection, scope, request.route.max_content_length)

    async def connect(self, websocket: WebSocket) -> None:
        """Let the app have the WebSocket."""
        await call_socket(self.target, websocket, self._scope(websocket, "websocket"))

    def _scope(self, exchange: Request | WebSocket, kind: str) -> Any:
        root = exchange.root_path
        scope = scope_of(
            exchange.connection, kind, root + self.prefix, root + exchange.path, self.lifespan.state
        )
        if exchange.route.proxies is not None:
            tell_source(scope, exchange)
        return scope


def mount_of(prefix: str, target: Any) -> Mount:
    """The endpoint for a target. Raises ConfigurationError for what is none."""
    if callable(getattr(target, "respond", None)):
        return FilesMount(prefix, target)
    if _is_asgi(target):
        return ASGIMount(prefix, cast("ASGIApp", target))
    raise ConfigurationError(
        f"{target!r} cannot be mounted at {prefix or '/'!r}: a VelociPy app, StaticFiles or an ASGI app can, and a WSGI app as "
        f"a2wsgi.WSGIMiddleware(app)"
    )


def _is_asgi(target: Any) -> bool:
    """Whether a target takes `(scope, receive, send)` and is async, as far as that can be seen."""
    if not callable(target) or isinstance(target, type):
        return False
    try:
        parameters = [p for p in inspect.signature(target).parameters.values() if p.default is p.empty]
    except (ValueError, TypeError):
        return True
    return len(parameters) == 3 or any(p.kind is p.VAR_POSITIONAL for p in parameters)


def fallback_of(app: Any) -> Route:
    """What answers below a prefix where a VelociPy app is mounted and none of its routes does: its own 404."""
    options = RouteOptions(include_in_schema=False)
    template = PathTemplate.parse("/{rest*}")
    return Route((FALLBACK,), template, raise_not_found, options, (app.layer, Layer()), app, is_ours=True)


async def raise_not_found(request: Request) -> None:
    """The endpoint for paths below a mounted app that none of its routes takes."""
    raise NotFound()
