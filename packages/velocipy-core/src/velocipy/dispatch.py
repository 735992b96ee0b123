"""THE loop: match -> compiled handler. HEAD, OPTIONS, 404, 405 and trailing slashes are decided here, once.

A protocol's entry function is generated from its dialect and does the usual case alone: the first leaf that matches has a compiled
handler for the method. Everything else goes through `_find`, which also compiles handlers at their first use. 404, 405 and
OPTIONS are routes of our own through the same compiler, so that middleware sees them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from velocipy.error_handlers import Failure, fail_socket, find_handler, finish_socket, merge_handlers
from velocipy.exceptions import HTTPException, MethodNotAllowed, NotFound, RouteConflictError
from velocipy.handlers.binding import Binder
from velocipy.handlers.compiler import Tools, compile_plan
from velocipy.handlers.plan import Plan
from velocipy.handlers.results import response_maker
from velocipy.handlers.signature import return_annotation
from velocipy.handlers.source import Source
from velocipy.http.request import Request
from velocipy.http.response import RedirectResponse, Response
from velocipy.http.url import quote_path
from velocipy.middleware.base import check_middleware, segments
from velocipy.protocols import Dialect
from velocipy.routing.path import PathTemplate
from velocipy.routing.route import WEBSOCKET, Layer, Route, RouteOptions
from velocipy.routing.tree import RouteTree

if TYPE_CHECKING:
    from velocipy.app import VelociPy

Handler = Callable[..., Any]
Found = tuple[Handler, Sequence[object]]


class Leaf:
    """What stands at one place of the tree: routes by method, and their compiled handlers by dialect and method."""

    __slots__ = ("handlers", "own", "routes")

    def __init__(self, template: PathTemplate, dialects: Iterable[str]) -> None:
        self.routes: dict[str, Route] = {}
        self.handlers: dict[str, dict[str, Handler]] = {name: {} for name in dialects}
        self.own: dict[tuple[str, str], Handler] = {}

    def forget(self) -> None:
        """Drop every compiled handler; requests in flight finish with the one they have."""
        for table in self.handlers.values():
            table.clear()
        self.own.clear()


class Dispatcher:
    """The routes of one app, and the way from a path to a handler."""

    def __init__(self, app: VelociPy, trailing_slash: str, serial: int) -> None:
        self._app = app
        self._serial = serial
        self._redirects = trailing_slash == "redirect"
        self._dialects: dict[str, Dialect] = {}
        self._leaves: list[Leaf] = []
        self._nowhere: dict[tuple[str, str], Handler] = {}
        self._tree: RouteTree[Leaf] = RouteTree(self._make_leaf, ignore_slash=trailing_slash == "ignore")

    def add(self, route: Route) -> None:
        """Take a route in. Raises RouteConflictError for a place that is taken, BindingError for what cannot be bound."""
        leaf = self._tree.leaf(route.template)
        methods = [method for method in route.methods if not _yields_head(method, route, leaf)]
        for method in methods:
            known = leaf.routes.get(method)
            if known is not None and not _yields_head(method, known, leaf, new=route):
                raise RouteConflictError(
                    f"{route.title} ({route.location}) is served already by {known.name} ({known.location}): "
                    f"change the path or the method of one"
                )
        self.plan(route)
        for method in methods:
            leaf.routes[method] = route
        leaf.forget()

    def forget(self) -> None:
        """Compile anew at the next request of each route: a layer or an override has changed."""
        self._nowhere.clear()
        for leaf in self._leaves:
            leaf.forget()

    def entry(self, dialect: Dialect) -> Handler:
        """The function that a server calls for every exchange of this protocol."""
        self._dialects[dialect.name] = dialect
        for leaf in self._leaves:
            leaf.handlers.setdefault(dialect.name, {})
        source = Source(f"<velocipy entry {dialect.name} #{self._serial}>", dialect.env, frozenset())
        match = source.bind("match", self._tree.match)
        find = source.bind("find", self._finder(dialect))
        define, give = dialect.enter
        args = ", ".join(dialect.args)
        with source.block(f"{define}({args}):"):
            for line in dialect.prelude:
                source.line(line)
            source.line(f"path = {dialect.path}")
            source.line(f"method = {WEBSOCKET!r} if {dialect.is_socket} else {dialect.method}")
            source.line(f"found = {match}(path)")
            with source.block("if found is not None:"):
                source.line("leaf, values = found")
                source.line(f"handle = leaf.handlers[{dialect.name!r}].get(method)")
                with source.block("if handle is not None:"):
                    source.line(f"return {give}handle({args}, values)")
            source.line(f"handle, values = {find}(method, path, found is None)")
            source.line(f"return {give}handle({args}, values)")
        source.env["serve_lifespan"] = dialect.env.get("serve_lifespan")
        source.env["app"] = self._app
        return source.compile("enter")

    def explain(self, route: Route, dialect: Dialect) -> str:
        """The source of a route's handler as it would be compiled now."""
        return self._compile(route, dialect)[1]

    def plan(self, route: Route) -> Plan:
        """What a route does, with the layers and overrides of this moment."""
        binder = Binder(route, lambda: self._app.json_encoder, self._app.dependency_overrides)
        middleware = [item for layer in route.layers for item in layer.middleware]
        for item in middleware:
            check_middleware(item)
        listed = [dependency for layer in route.layers for dependency in layer.dependencies]
        laid = segments(
            binder, middleware, lambda: (*binder.guards(listed), *binder.endpoint()), socket=route.is_socket
        )
        empty = return_annotation(route.endpoint) in (None, type(None)) and not route.is_socket
        status = route.options.status_code or (204 if empty else 200)
        return Plan(route, laid, status, "empty" if empty else "any", frozenset(binder.dependencies))

    def check_middleware(self, item: Any) -> None:
        """Raise ConfigurationError for what is no middleware, where it is added."""
        check_middleware(item)

    def _make_leaf(self, template: PathTemplate) -> Leaf:
        leaf = Leaf(template, self._dialects)
        self._leaves.append(leaf)
        return leaf

    def _finder(self, dialect: Dialect) -> Callable[[str, str, bool], Found]:
        def find(method: str, path: str, nowhere: bool) -> Found:
            if nowhere and method != WEBSOCKET and not self._redirects:
                return self._not_found(dialect), (path[1:],)
            return self._find(dialect, method, path)

        return find

    def _find(self, dialect: Dialect, method: str, path: str) -> Found:
        """The handler for any method and path, compiled if need be."""
        matched = list(self._tree.matches(path))
        for leaf, values in matched:
            route = leaf.routes.get(method)
            if route is not None:
                return self._handler(leaf, route, method, dialect), values
        if method == WEBSOCKET:
            return self._own_handler(self._nowhere, "socket", _refuse_socket, dialect, (), (WEBSOCKET,)), (path[1:],)
        allowed = sorted({known for leaf, _ in matched for known in leaf.routes} - {WEBSOCKET})
        if allowed:
            return self._answer_allow(dialect, matched[0][0], method, [*allowed, "OPTIONS"])
        if self._redirects and (target := self._slash_target(path, method)):
            return self._own_handler(self._nowhere, "slash", _redirect, dialect, ()), (target,)
        return self._not_found(dialect), (path[1:],)

    def _handler(self, leaf: Leaf, route: Route, method: str, dialect: Dialect) -> Handler:
        table = leaf.handlers[dialect.name]
        handler = table.get(method)
        if handler is None:
            handler = table[method] = self._compile(route, dialect)[0]
            for other in route.methods:
                if leaf.routes.get(other) is route:
                    table[other] = handler
        return handler

    def _compile(self, route: Route, dialect: Dialect) -> tuple[Handler, str]:
        encoder = self._app.json_encoder
        table = merge_handlers(route.layers)
        failure = Failure(table, response_maker(encoder, None), encoder)
        tools = Tools(encoder, failure.fail, failure.answer, finish_socket, fail_socket, self._serial)
        return compile_plan(self.plan(route), dialect, tools)

    # -- routes of our own ---------------------------------------------------------------------------------------

    def _answer_allow(self, dialect: Dialect, leaf: Leaf, method: str, allowed: list[str]) -> Found:
        """405, or the answer to OPTIONS, inside the layers of the router whose route the path leads to."""
        layers = next(iter(leaf.routes.values())).layers[:-1]
        endpoint = _options if method == "OPTIONS" else _method_not_allowed
        key = "options" if method == "OPTIONS" else "method"
        return self._own_handler(leaf.own, key, endpoint, dialect, layers), (", ".join(dict.fromkeys(allowed)),)

    def _not_found(self, dialect: Dialect) -> Handler:
        """A constant, unless an exception handler wants to word it."""
        known = self._nowhere.get((dialect.name, "404"))
        if known is not None:
            return known
        handled = find_handler(merge_handlers((self._app.layer,)), NotFound()) is not None
        if handled:
            return self._own_handler(self._nowhere, "404", _raise_not_found, dialect, (self._app.layer,))
        return self._own_handler(self._nowhere, "404", _not_found, dialect, (self._app.layer,), status=404)

    def _own_handler(
        self,
        table: dict[Any, Handler],
        key: str,
        endpoint: Callable[..., Any],
        dialect: Dialect,
        layers: Sequence[Layer],
        methods: tuple[str, ...] = ("*",),
        status: int | None = None,
    ) -> Handler:
        handler = table.get((dialect.name, key))
        if handler is None:
            route = Route(
                methods,
                PathTemplate.parse("/{rest*}"),
                endpoint,
                RouteOptions(name=key, status_code=status),
                (*(layers or (self._app.layer,)), Layer()),
                self._app,
            )
            handler = table[dialect.name, key] = self._compile(route, dialect)[0]
        return handler

    def _slash_target(self, path: str, method: str) -> str | None:
        """The path with one slash more or less, if that is served."""
        other = path[:-1] if path.endswith("/") else f"{path}/"
        served = any(method in leaf.routes for leaf, _ in self._tree.matches(other))
        return other if served else None


def _yields_head(method: str, known: Route, leaf: Leaf, new: Route | None = None) -> bool:
    """HEAD that came with GET gives way to HEAD declared by itself, whichever was declared first."""
    if method != "HEAD" or "GET" not in known.methods:
        return False
    other = leaf.routes.get("HEAD") if new is None else new
    return other is not None and other is not known and "GET" not in other.methods


async def _not_found(rest: str) -> dict[str, str]:
    return {"detail": "Not Found"}


async def _raise_not_found(rest: str) -> None:
    raise NotFound()


async def _method_not_allowed(rest: str) -> None:
    raise MethodNotAllowed(rest.split(", "))


async def _options(rest: str) -> Response:
    return Response(None, 204, {"allow": rest})


async def _redirect(rest: str, request: Request) -> Response:
    query = f"?{request.query_string}" if request.query_string else ""
    return RedirectResponse(quote_path(rest) + query, 308)


async def _refuse_socket(rest: str) -> None:
    raise HTTPException(403)
