"""Where routes are declared: verbs, nesting, and what a router puts around its routes. Does not match or run anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar, Unpack

from velocipy.exceptions import ConfigurationError
from velocipy.formats import check_formats
from velocipy.messages import check_keywords, if_asgi_middleware, missing_attribute
from velocipy.places import caller_location
from velocipy.routing.keywords import KNOWN, SOCKET_ONLY, ExceptionKey, RouteKeywords, SocketKeywords
from velocipy.routing.path import PathTemplate
from velocipy.routing.route import (
    FROM_ANNOTATION,
    WEBSOCKET,
    Endpoint,
    Layer,
    OnDisconnect,
    Route,
    RouteOptions,
    callable_name,
    check_limit,
    location_of,
    shown,
)
from velocipy.socket_options import SocketOptions, socket_options

if TYPE_CHECKING:
    from velocipy.models.base import Serialization
    from velocipy.routing.deprecation import Deprecated, Deprecation

E = TypeVar("E", bound=Callable[..., Any])
H = TypeVar("H", bound=Callable[..., Any])

_ERROR_STATUSES = range(400, 600)
_NO_LAYER = Layer()
_NO_OPTIONS = RouteOptions()
_LAYERED = frozenset(("dependencies", "middleware", "exception_handlers"))
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Z]+")


class APIRouter:
    """A group of routes: `router = APIRouter("/items", tags=["items"])`, then `app.include_router(router)`.

    `dependencies`, `middleware` and `exception_handlers` apply to every route below, those of outer routers first; `deprecated` and `versions`
    to those that do not say it themselves. Routers
    nest to any depth, and what is added to one after it was included still counts.
    """

    def __init__(
        self,
        prefix: str = "",
        *,
        name: str | None = None,
        tags: Sequence[str] = (),
        dependencies: Iterable[Any] = (),
        middleware: Iterable[Any] = (),
        exception_handlers: Mapping[ExceptionKey, Callable[..., Any]] | None = None,
        responses: Mapping[int | str, Any] | None = None,
        deprecated: Deprecated | None = None,
        versions: str | Iterable[str] = (),
    ) -> None:
        if prefix:
            PathTemplate.parse(prefix)
        self.prefix = prefix
        self.name = name
        self.tags: tuple[str, ...] = tuple(tags)
        self.layer: Layer = Layer(
            dependencies,
            middleware,
            exception_handlers,
            responses,
            _check_deprecated(deprecated),
            _check_versions(versions),
        )
        self._routes: list[Route] = []
        self._children: list[APIRouter] = []
        self._listeners: list[Callable[[Route | None], None]] = []

    if not TYPE_CHECKING:  # with it, a type checker would take any name for one of ours

        def __getattr__(self, name: str) -> object:
            return missing_attribute(self, name)

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every route of this router and those included in it, in the order of registration."""
        return tuple(self._routes)

    def add_route(
        self,
        path: str,
        endpoint: Endpoint,
        methods: Iterable[str] | None = None,
        **keywords: Unpack[RouteKeywords],
    ) -> Route:
        """Serve `endpoint` at `path` for `methods` (GET unless said otherwise; GET brings HEAD).

        Raises PathError, BindingError, RouteConflictError or ConfigurationError, as soon as the whole path is known.
        """
        _check_endpoint(endpoint, path)
        return self._declare(path, endpoint, _check_methods(methods or ("GET",), endpoint), keywords)

    def add_websocket_route(self, path: str, endpoint: Endpoint, **keywords: Unpack[SocketKeywords]) -> Route:
        """Serve WebSockets at `path`."""
        return self._declare(path, _check_endpoint(endpoint, path), (WEBSOCKET,), keywords)

    def route(
        self, path: str, methods: Iterable[str] | None = None, **keywords: Unpack[RouteKeywords]
    ) -> Callable[[E], E]:
        """Decorator for any set of methods: `@router.route("/x", {"GET", "POST"})`."""

        _refuse_uncalled(path)

        def declare(endpoint: E) -> E:
            self.add_route(path, endpoint, methods, **keywords)
            return endpoint

        return declare

    def get(self, path: str, **keywords: Unpack[RouteKeywords]) -> Callable[[E], E]:
        """Decorator: serve GET, and HEAD with it."""
        return self.route(path, ("GET",), **keywords)

    def post(self, path: str, **keywords: Unpack[RouteKeywords]) -> Callable[[E], E]:
        """Decorator: serve POST."""
        return self.route(path, ("POST",), **keywords)

    def put(self, path: str, **keywords: Unpack[RouteKeywords]) -> Callable[[E], E]:
        """Decorator: serve PUT."""
        return self.route(path, ("PUT",), **keywords)

    def patch(self, path: str, **keywords: Unpack[RouteKeywords]) -> Callable[[E], E]:
        """Decorator: serve PATCH."""
        return self.route(path, ("PATCH",), **keywords)

    def delete(self, path: str, **keywords: Unpack[RouteKeywords]) -> Callable[[E], E]:
        """Decorator: serve DELETE."""
        return self.route(path, ("DELETE",), **keywords)

    def head(self, path: str, **keywords: Unpack[RouteKeywords]) -> Callable[[E], E]:
        """Decorator: serve HEAD alone, where it should differ from GET's."""
        return self.route(path, ("HEAD",), **keywords)

    def options(self, path: str, **keywords: Unpack[RouteKeywords]) -> Callable[[E], E]:
        """Decorator: serve OPTIONS, which otherwise answers 204 with Allow by itself."""
        return self.route(path, ("OPTIONS",), **keywords)

    def query(self, path: str, **keywords: Unpack[RouteKeywords]) -> Callable[[E], E]:
        """Decorator: serve QUERY, a safe method with a body."""
        return self.route(path, ("QUERY",), **keywords)

    def websocket(self, path: str, **keywords: Unpack[SocketKeywords]) -> Callable[[E], E]:
        """Decorator: serve WebSockets."""
        _refuse_uncalled(path)

        def declare(endpoint: E) -> E:
            self.add_websocket_route(path, endpoint, **keywords)
            return endpoint

        return declare

    def include_router(self, router: APIRouter, prefix: str = "", *, tags: Sequence[str] = ()) -> None:
        """Take in every route of `router`, now and in future, below `prefix`."""
        if router is self or self in router._descendants():
            raise ConfigurationError(
                "a router cannot include itself, directly or through others: leave this one out"
            )
        if prefix:
            PathTemplate.parse(prefix)

        def adopt(route: Route | None) -> None:
            if route is None:
                self._notify(None)
            else:
                self._add(route.under(self.prefix + prefix, self.layer, (*self.tags, *tags), self.name))

        for route in router.routes:
            adopt(route)
        self._children.append(router)
        router._listeners.append(adopt)

    def add_middleware(self, middleware: Any, /, **options: Any) -> None:
        """Put middleware around every route below; the first added is the outermost.

        A class is called with `options`; a function `async f(request, call_next)` and an instance are taken as they are.
        """
        if options and not isinstance(middleware, type):
            raise ConfigurationError(
                f"{middleware!r} is no class, so it takes no options: pass its class, or give it {', '.join(options)} where it is made"
            )
        if isinstance(middleware, type) and (meant := if_asgi_middleware(middleware)):
            raise ConfigurationError(f"{shown(middleware)} takes an app{meant}")
        self.layer.middleware.append(middleware(**options) if isinstance(middleware, type) else middleware)
        try:
            self._notify(None)
        except ConfigurationError:
            self.layer.middleware.pop()
            raise

    def middleware(self, kind: str = "http") -> Callable[[H], H]:
        """Decorator for `async def f(request, call_next)`."""
        if kind != "http":
            raise ConfigurationError(
                f"middleware is of kind 'http', not {kind!r}: write @app.middleware('http')"
            )

        def declare(function: H) -> H:
            self.add_middleware(function)
            return function

        return declare

    def add_exception_handler(self, key: ExceptionKey, handler: Callable[..., Any]) -> None:
        """Answer exceptions of a class, or HTTPExceptions of a status, with `handler(request, exc)`, sync or async."""
        if not (isinstance(key, type) and issubclass(key, Exception) or key in _ERROR_STATUSES):
            raise ConfigurationError(
                f"an exception handler is for an Exception class or a status from 400 to 599, not {key!r}"
            )
        self.layer.exception_handlers[key] = handler
        self._notify(None)

    def exception_handler(self, key: ExceptionKey) -> Callable[[H], H]:
        """Decorator: `@app.exception_handler(404)` or `@app.exception_handler(LookupError)`."""

        def declare(handler: H) -> H:
            self.add_exception_handler(key, handler)
            return handler

        return declare

    def _descendants(self) -> set[APIRouter]:
        found = set(self._children)
        for child in self._children:
            found |= child._descendants()
        return found

    def _declare(
        self,
        path: str,
        endpoint: Endpoint,
        methods: tuple[str, ...],
        keywords: RouteKeywords | SocketKeywords,
    ) -> Route:
        known = KNOWN | SOCKET_ONLY if methods == (WEBSOCKET,) else KNOWN
        if not known.issuperset(keywords):
            check_keywords(f"the route {path!r}", keywords, known, shown(endpoint))
        try:
            # An empty path is the router's prefix itself, without a slash behind it.
            template = PathTemplate.parse(path or self.prefix or "/")
            options = _options(keywords)
            if methods == (WEBSOCKET,):
                options = replace(options, socket=_socket_options(keywords))
        except ValueError as exc:
            raise type(exc)(f"{exc.args[0]} ({callable_name(endpoint)} at {location_of(endpoint)})") from None
        route = Route(methods, template, endpoint, options, (_own_layer(keywords),))
        self._add(route.under(self.prefix if path else "", self.layer, self.tags, self.name))
        return self._routes[-1]

    def _add(self, route: Route) -> None:
        self._routes.append(route)
        try:
            self._notify(route)
        except ConfigurationError:
            self._routes.remove(route)
            raise

    def _notify(self, change: Route | None) -> None:
        """Tell whoever includes this router of a new route, or (None) of a change in a layer."""
        for listener in self._listeners:
            listener(change)


def _refuse_uncalled(path: object) -> None:
    """`@app.get` without its parentheses is called with the endpoint, and would declare nothing."""
    if callable(path):
        name = callable_name(path)
        raise ConfigurationError(
            f"the decorator above {name} ({location_of(path)}) is called with its path: write such as @app.get('/{name}')"
        )


def _check_methods(methods: Iterable[str], endpoint: Endpoint) -> tuple[str, ...]:
    if isinstance(methods, str):
        raise ConfigurationError(
            f"methods of {location_of(endpoint)} is one str: write methods=[{methods!r}]"
        )
    names = dict.fromkeys([method.upper() for method in methods])
    for name in names:
        if _METHOD.fullmatch(name) is None:
            raise ConfigurationError(
                f"{name!r} at {location_of(endpoint)} is not an HTTP method (RFC 9110 section 9.1): write each by itself, as in ['GET', 'POST']"
            )
    if "GET" in names:
        names["HEAD"] = None
    return tuple(names)


def _check_endpoint(endpoint: Endpoint, path: str) -> Endpoint:
    if not callable(endpoint):
        raise ConfigurationError(
            f"the endpoint of {path!r} is {endpoint!r}, which cannot be called: give the function itself, without ()"
        )
    return endpoint


_MODEL = "response_model_"


def _socket_options(keywords: Mapping[str, Any]) -> SocketOptions:
    return socket_options(**{name: keywords[name] for name in SOCKET_ONLY & keywords.keys() - {"receives"}})


def _options(keywords: RouteKeywords) -> RouteOptions:
    if not keywords:
        return _NO_OPTIONS
    from velocipy.http.gate import check_status

    status = keywords.get("status_code")
    limit = keywords.get("max_content_length")
    return RouteOptions(
        name=keywords.get("name"),
        status_code=None if status is None else check_status(status),
        tags=tuple(keywords.get("tags", ())),
        summary=keywords.get("summary"),
        description=keywords.get("description"),
        deprecated=_check_deprecated(keywords.get("deprecated")),
        versions=_check_versions(keywords.get("versions", ())),
        sends=keywords.get("sends"),
        receives=keywords.get("receives"),
        include_in_schema=keywords.get("include_in_schema", True),
        max_content_length=None if limit is None else check_limit(limit),
        form_limits=keywords.get("form_limits"),
        formats=check_formats(keywords["formats"]) if "formats" in keywords else None,
        response_model=keywords.get("response_model", FROM_ANNOTATION),
        serialization=_serialization(keywords),
        response_class=_check_response_class(keywords.get("response_class")),
        responses=dict(keywords.get("responses", {})),
        operation_id=keywords.get("operation_id"),
        openapi_extra=dict(keywords.get("openapi_extra", {})),
        callbacks=_check_callbacks(keywords.get("callbacks", {})),
        on_disconnect=_check_on_disconnect(keywords.get("on_disconnect", "continue")),
    )


def _check_deprecated(said: Deprecated | None) -> bool | Deprecation | None:
    if said is None or isinstance(said, bool):
        return said
    # `datetime` and the fields of headers are loaded by who names a date.
    from velocipy.routing.deprecation import check_deprecated

    return check_deprecated(said)


def _check_callbacks(callbacks: Mapping[str, APIRouter]) -> dict[str, APIRouter]:
    for expression, router in callbacks.items():
        if not isinstance(router, APIRouter) or not isinstance(expression, str) or "$" not in expression:
            raise ConfigurationError(
                f"callbacks are routers by expressions of their URLs, as {{'{{$request.body#/url}}': router}}, "
                f"not {expression!r}: {router!r} ({caller_location()})"
            )
    return dict(callbacks)


def _check_versions(versions: str | Iterable[str]) -> tuple[str, ...]:
    if not versions:  # ty: ignore[truthiness-test-of-iterable]  # what is not empty is looked at below
        return ()
    from velocipy.routing.versions import check_versions

    return check_versions(versions)


def _check_on_disconnect(choice: Any) -> OnDisconnect:
    if choice == "cancel" or choice == "continue":
        chosen: OnDisconnect = choice
        return chosen
    raise ConfigurationError(f"on_disconnect is 'cancel' or 'continue', not {choice!r}")


def _serialization(keywords: RouteKeywords) -> Serialization | None:
    options: dict[str, Any] = {
        name.removeprefix(_MODEL): value for name, value in keywords.items() if name.startswith(_MODEL)
    }
    if not options:
        return None
    from velocipy.models.base import Serialization

    return Serialization(**options)


def _check_response_class(response_class: Any) -> Any:
    if response_class is None:
        return None
    from velocipy.http.response import Response

    if not (isinstance(response_class, type) and issubclass(response_class, Response)):
        raise ConfigurationError(f"response_class is a class of Response, not {response_class!r}")
    return response_class


def _own_layer(keywords: RouteKeywords) -> Layer:
    if not _LAYERED.intersection(keywords):
        return _NO_LAYER
    return Layer(
        keywords.get("dependencies", ()), keywords.get("middleware", ()), keywords.get("exception_handlers")
    )
