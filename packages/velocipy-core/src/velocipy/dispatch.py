"""THE loop: match -> compiled handler. HEAD, OPTIONS, 404, 405 and trailing slashes are decided here, once.

A protocol's entry finds the handlers that are compiled already; `_find` knows every other case, and compiles handlers at their
first use. 404, 405 and OPTIONS are routes of our own through the same compiler, so that middleware sees them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from velocipy.entry import Entry, Find, Found, Handler
from velocipy.error_handlers import (
    Failure,
    fail_socket,
    find_handler,
    finish_socket,
    merge_handlers,
    pages_of,
)
from velocipy.exceptions import BadRequest, HTTPException, MethodNotAllowed, NotFound, RouteConflictError
from velocipy.handlers.binding import Binder
from velocipy.handlers.compiler import Tools, compile_plan
from velocipy.handlers.plan import Plan
from velocipy.handlers.results import Results, response_models
from velocipy.handlers.signature import read_signature, return_annotation
from velocipy.handlers.streams import item_dumper
from velocipy.http.request import Request
from velocipy.http.response import RedirectResponse, Response
from velocipy.http.url import quote_path
from velocipy.middleware.base import check_middleware, check_together, segments
from velocipy.middleware.preflight import Policies, deciding, outermost, policies_of, with_policies
from velocipy.middleware.route_headers import with_own_headers
from velocipy.protocols import Dialect
from velocipy.routing.path import PathTemplate
from velocipy.routing.route import ANY, FALLBACK, NOT_METHODS, WEBSOCKET, Layer, Route, RouteOptions
from velocipy.routing.tree import RouteTree

if TYPE_CHECKING:
    from velocipy.app import VelociPy
    from velocipy.routing.versions import APIVersion


class Leaf:
    """What stands at one place of the tree: routes by method, and their compiled handlers by dialect and method."""

    __slots__ = ("handlers", "number", "own", "policies", "routes", "versions")

    def __init__(self, dialects: Iterable[str], number: int) -> None:
        self.number: int = number
        self.routes: dict[str, Route] = {}
        self.versions: dict[str, dict[str, Route]] = {}
        """By method, the routes between which a field of the request chooses; the first stands in `routes` too."""
        self.policies: Policies | None = None
        self.handlers: dict[str, dict[str, Handler]] = {name: {} for name in dialects}
        self.own: dict[tuple[str, str], Handler] = {}

    def known(self, method: str, route: Route) -> Route | None:
        """What has the place of `route` already: another version of it has not."""
        known = self.routes.get(method)
        if known is None or route.versioning is None or known.versioning is not route.versioning:
            return known
        return self.versions[method].get(str(route.options.version))

    def put(self, method: str, route: Route) -> None:
        """Give a route its place."""
        if route.versioning is None:
            self.routes[method] = route
            return
        versions = self.versions.setdefault(method, {})
        versions[str(route.options.version)] = route
        self.routes[method] = next(iter(versions.values()))

    def forget(self) -> None:
        """Drop every compiled handler; requests in flight finish with the one they have."""
        for table in self.handlers.values():
            table.clear()
        self.own.clear()
        self.policies = None


class Dispatcher:
    """The routes of one app, and the way from a path to a handler."""

    def __init__(self, app: VelociPy, trailing_slash: str, serial: int) -> None:
        self._app = app
        self._serial = serial
        self._redirects = trailing_slash == "redirect"
        self._entries: dict[str, Entry] = {}
        self._leaves: list[Leaf] = []
        self._tree: RouteTree[Leaf] = RouteTree(self._make_leaf, ignore_slash=trailing_slash == "ignore")
        self._nowhere: Leaf = self._make_leaf(_ANYWHERE)
        self._tree.nowhere = (self._nowhere, ())

    def add(self, route: Route) -> None:
        """Take a route in. Raises RouteConflictError for a place that is taken, BindingError for what cannot be bound."""
        leaf = self._tree.leaf(route.template)
        methods: list[str] = []
        for method in route.methods:
            known = leaf.known(method, route)
            if _yields_head(method, route, known):
                continue
            methods.append(method)
            if known is not None and not _yields_head(method, known, route):
                raise RouteConflictError(
                    f"{route.title} ({route.location}) is served already by {known.title} ({known.location}): "
                    f"change the path or the method of one"
                )
        route.app.app_values.announce(self.plan(route).app_scoped)
        for method in methods:
            leaf.put(method, route)
        leaf.forget()

    def forget(self) -> None:
        """Compile anew at the next request of each route: a layer or an override has changed."""
        for leaf in self._leaves:
            leaf.forget()

    def check(self, layers: Iterable[Layer], routes: Iterable[Route] = ()) -> None:
        """Raise ConfigurationError for what is no middleware, where it is added, and for two that exclude each other."""
        for layer in layers:
            for item in layer.middleware:
                check_middleware(item)
        for route in routes:
            around = (item for layer in route.layers for item in layer.middleware)
            check_together(around, route)

    def entry(self, dialect: Dialect) -> Handler:
        """The function that a server calls for every exchange of this protocol."""
        for leaf in self._leaves:
            leaf.handlers.setdefault(dialect.name, {})
        entry = Entry(dialect, self._app, self._serial, self._tree, self._finder(dialect))
        self._entries[dialect.name] = entry
        return entry.call

    def hold(self, started: asyncio.Task[None]) -> None:
        """Have requests wait for a start-up that runs beside them."""
        for entry in self._entries.values():
            entry.hold(started)

    def routes_at(self, path: str) -> list[Route]:
        """Every route of the leaves that take a path, each once, the most preferred leaf first."""
        found: dict[Route, None] = {}
        for leaf, _ in self._tree.matches(path):
            for method, route in leaf.routes.items():
                found.update(dict.fromkeys(leaf.versions[method].values() if route.versioning else (route,)))
        return list(found)

    def explain(self, route: Route, dialect: Dialect) -> str:
        """The source of a route's handler as it would be compiled now."""
        return self._compile(route, dialect)[1]

    def plan(self, route: Route) -> Plan:
        """What a route does, with the layers and overrides of this moment."""
        app = route.app
        binder = Binder(route, app.models.find, lambda: app.json_encoder, app.dependency_overrides)
        self.check(route.layers, (route,))
        middleware = deciding([item for layer in route.layers for item in layer.middleware])
        listed = [dependency for layer in route.layers for dependency in layer.dependencies]
        binder.announce(listed)
        laid = segments(
            binder, middleware, lambda: (*binder.guards(listed), *binder.endpoint()), socket=route.is_socket
        )
        laid = (with_own_headers(laid[0], route), *laid[1:])
        returned = None if route.is_socket else return_annotation(route.endpoint)
        empty = returned in (None, type(None)) and not route.is_socket
        return Plan(
            route,
            laid,
            route.options.status_code or (204 if empty else 200),
            "empty" if empty else "any",
            frozenset(binder.dependencies),
            tuple(binder.app_scoped),
            response_models(route, returned, app.models.find, lambda: app.json_encoder),
            item_dumper(route, returned, app.models.find, lambda: app.json_encoder),
        )

    def _make_leaf(self, template: PathTemplate) -> Leaf:
        leaf = Leaf(self._entries, len(self._leaves))
        self._leaves.append(leaf)
        return leaf

    def _finder(self, dialect: Dialect) -> Find:
        def find(method: str, path: str, found: Any) -> Found:
            if found is not self._tree.nowhere or method == WEBSOCKET or self._redirects:
                return self._find(dialect, method, path)
            handler = dialect.for_method(method, self._not_found(dialect))
            if method in _USUAL:
                self._nowhere.handlers[dialect.name][method] = handler
            return handler, ()

        return find

    def _find(self, dialect: Dialect, method: str, path: str) -> Found:
        """The handler for any method and path, compiled if need be."""
        handler, values = self._find_any(dialect, method, path)
        return dialect.for_method(method, handler), values

    def _find_any(self, dialect: Dialect, method: str, path: str) -> Found:
        matched = list(self._tree.matches(path))
        for leaf, values in matched:
            route = leaf.routes.get(method) or (leaf.routes.get(ANY) if method != WEBSOCKET else None)
            if route is not None:
                return self._handler(leaf, route, method, dialect), values
        if method == WEBSOCKET:
            return self._own_handler(
                self._nowhere.own, "socket", _refuse_socket, dialect, methods=(WEBSOCKET,)
            ), (path,)
        if path[:1] != "/":
            return self._absolute(dialect, path) or self._odd_target(dialect, method, path)
        serving = [leaf for leaf, _ in matched if leaf.routes.keys() - NOT_METHODS]
        if serving:
            return self._answer_allow(dialect, serving, method)
        for leaf, values in matched:
            if FALLBACK in leaf.routes:
                return self._handler(leaf, leaf.routes[FALLBACK], FALLBACK, dialect), values
        if self._redirects and (target := self._slash_target(path, method)):
            return self._own_handler(self._nowhere.own, "slash", _redirect, dialect), (target,)
        return self._not_found(dialect), ()

    def _handler(self, leaf: Leaf, route: Route, method: str, dialect: Dialect) -> Handler:
        if route.versioning is not None:
            return self._choosing_handler(leaf, route, route.versioning, method, dialect)
        table = leaf.handlers[dialect.name]
        handler = table.get(ANY if route.methods == (ANY,) else method)
        if handler is None:
            handler = self._compile(route, dialect)[0]
            for other in route.methods:
                if leaf.routes.get(other) is route:
                    table[other] = dialect.for_method(other, handler)
        # A client may send any word as method: not each stays in the table.
        if method not in table and (route.methods != (ANY,) or method in _USUAL):
            table[method] = dialect.for_method(method, handler)
        return handler

    def _choosing_handler(
        self, leaf: Leaf, route: Route, versioning: APIVersion, method: str, dialect: Dialect
    ) -> Handler:
        """The handler of a place that several versions share; the layers of `route`, one of them, stand around what is refused."""
        from velocipy.versioned import Chosen, choosing_handler

        handlers = {version: self._compile(one, dialect)[0] for version, one in leaf.versions[method].items()}
        layers = route.layers[:-1]

        def missing(version: str) -> Chosen:
            methods = {name for name, table in leaf.versions.items() if version in table}
            return Chosen(refused, (", ".join(sorted(methods | {"OPTIONS"})) if methods else "",))

        refused = self._own_handler(leaf.own, "version", _refuse_version, dialect, layers, owner=route.app)
        handler = choosing_handler(
            dialect, route.title, versioning, handlers, missing, Chosen(refused, ("*",))
        )
        leaf.handlers[dialect.name][method] = dialect.for_method(method, handler)
        return handler

    def _compile(self, route: Route, dialect: Dialect) -> tuple[Handler, str]:
        encoder = route.app.json_encoder
        find_backend = route.app.models.find
        failure = Failure(
            merge_handlers(route.layers), Results(encoder, find_backend), route.wording, pages_of(self._app)
        )
        tools = Tools(
            encoder,
            find_backend,
            route.app.app_values,
            failure.fail,
            failure.fail_alone,
            failure.answer,
            failure.takes(412, 416),
            finish_socket,
            fail_socket,
            self._serial,
        )
        return compile_plan(self.plan(route), dialect, tools)

    # -- routes of our own ---------------------------------------------------------------------------------------

    def _answer_allow(self, dialect: Dialect, leaves: Sequence[Leaf], method: str) -> Found:
        """405, or the answer to OPTIONS, inside the layers of the router whose route the path leads to."""
        allowed = sorted({known for leaf in leaves for known in leaf.routes} - NOT_METHODS | {"OPTIONS"})
        leaf = leaves[0]
        route = next(route for route in leaf.routes.values() if not route.is_socket)
        layers = route.layers[:-1]
        if method == "OPTIONS":
            return self._options_handler(dialect, leaves, layers), (", ".join(allowed),)
        handler = self._own_handler(leaf.own, "method", _method_not_allowed, dialect, layers, owner=route.app)
        return handler, (", ".join(allowed),)

    def _options_handler(self, dialect: Dialect, leaves: Sequence[Leaf], layers: Sequence[Layer]) -> Handler:
        """The handler for OPTIONS: one for each set of places whose routes have policies of their own for it."""
        first, policies, key = outermost(layers), list[Any](), "options"
        for leaf in leaves:
            if leaf.policies is None:
                leaf.policies = policies_of(leaf.routes)
            if any(policy is not first for policy, _ in leaf.policies):
                policies += leaf.policies
                key = f"{key} {leaf.number}"
        table = leaves[0].own
        if policies and (dialect.name, key) not in table:
            layers = with_policies(layers, tuple(policies))
        return self._own_handler(table, key, _options, dialect, layers)

    def _absolute(self, dialect: Dialect, path: str) -> Found | None:
        """A whole URL as target, which a server must take (RFC 9112 section 3.2.2) and some hand on as it is: its path is routed.

        The host stays that of the Host line, as where the server takes the URL apart.
        """
        found, at_path = _ABSOLUTE.fullmatch(path), dialect.at_path
        if found is None or at_path is None:
            return None
        call, routed = self._entries[dialect.name].call, found[1] or "/"

        def again(scope: Any, *args: Any) -> Any:
            return call(at_path(scope, routed), *args[:-1])

        return again, ()

    def _odd_target(self, dialect: Dialect, method: str, path: str) -> Found:
        """A target that is no path: `OPTIONS *` asks for the server itself (RFC 9110 section 9.3.7), all else is malformed."""
        if path == "*" and method == "OPTIONS":
            known = {name for leaf in self._leaves for name in leaf.routes} - NOT_METHODS | {"OPTIONS"}
            return self._own_handler(self._nowhere.own, "options", _options, dialect), (
                ", ".join(sorted(known)),
            )
        return self._own_handler(self._nowhere.own, "target", _refuse_target, dialect), (path,)

    def _not_found(self, dialect: Dialect) -> Handler:
        """A constant, unless an exception handler wants to word it."""
        handled = find_handler(merge_handlers((self._app.layer,)), NotFound()) is not None
        if handled or self._app.debug:
            return self._own_handler(self._nowhere.own, "404", _raise_not_found, dialect)
        return self._own_handler(
            self._nowhere.own,
            "404",
            _raise_not_found,
            dialect,
            status=404,
            constant=self._app.wording.bare(404),
        )

    def _own_handler(
        self,
        table: dict[tuple[str, str], Handler],
        key: str,
        endpoint: Callable[..., Any],
        dialect: Dialect,
        layers: Sequence[Layer] = (),
        methods: tuple[str, ...] = ("*",),
        status: int | None = None,
        constant: bytes | None = None,
        owner: VelociPy | None = None,
    ) -> Handler:
        """`owner` is the app that words it and whose settings count, where that is one mounted in this."""
        handler = table.get((dialect.name, key))
        if handler is None:
            options = RouteOptions(name=key.partition(" ")[0], status_code=status)
            around = (*(layers or (self._app.layer,)), Layer())
            template = _ANYWHERE if read_signature(endpoint) else _NOWHERE
            app = owner or self._app
            route = Route(
                methods,
                template,
                endpoint,
                options,
                around,
                app,
                app.max_content_length,
                is_ours=True,
                constant=constant,
                proxies=self._app.proxies,
            )
            handler = table[dialect.name, key] = self._compile(route, dialect)[0]
        return handler

    def _slash_target(self, path: str, method: str) -> str | None:
        """The path with one slash more or less, if that is served; never one that a browser takes for another host."""
        if path.startswith("//") or path.endswith("//"):
            return None
        other = path[:-1] if path.endswith("/") else f"{path}/"
        served = any(method in leaf.routes for leaf, _ in self._tree.matches(other))
        return other if served else None


def _yields_head(method: str, route: Route, other: Route | None) -> bool:
    """HEAD that came with GET gives way to HEAD declared by itself, whichever was declared first."""
    if method != "HEAD" or other is None or other is route:
        return False
    return "GET" in route.methods and "GET" not in other.methods


_USUAL = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY"})
"""Methods under which the handlers of a mount, and of what is nowhere, are kept ready."""

_ABSOLUTE = re.compile(r"https?://[^/?#@]+(/.*)?", re.IGNORECASE | re.DOTALL)
_ANYWHERE = PathTemplate.parse("/{rest*}")
_NOWHERE = PathTemplate.parse("/")


async def _raise_not_found() -> None:
    raise NotFound()


async def _method_not_allowed(rest: str) -> None:
    raise MethodNotAllowed(rest.split(", "))


async def _refuse_version(rest: str, request: Request) -> None:
    """`rest` is "*" where the request wants no version that there is, else the methods of the version that it wants."""
    versioning = request.route.app.versioning
    if rest == "*":
        raise versioning.refused()
    allow = {"allow": rest} if rest else {}
    exc = MethodNotAllowed(()) if rest else NotFound()
    exc.headers = {"vary": versioning.field, **allow}
    raise exc


async def _options(rest: str) -> Response:
    return Response(None, 204, {"allow": rest})


async def _refuse_target(rest: str) -> None:
    raise BadRequest("Invalid request target")


async def _redirect(rest: str, request: Request) -> Response:
    query = f"?{request.query_string}" if request.query_string else ""
    return RedirectResponse(quote_path(request.root_path + rest) + query, 308)


async def _refuse_socket(rest: str) -> None:
    raise HTTPException(403)
