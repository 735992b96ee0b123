"""VelociPy: collects routes, middleware, handlers and state. The composition root; decides nothing per request."""

from __future__ import annotations

import itertools
from collections.abc import (
    Awaitable,
    Callable,
    Generator,
    Iterable,
    Mapping,
    MutableMapping,
    Sequence,
)
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack

from velocipy.app_settings import (
    check_grace,
    check_root,
    check_switch,
    check_trailing_slash,
    check_versioning,
    find_json_encoder,
    find_proxies,
)
from velocipy.background import Jobs
from velocipy.exceptions import ConfigurationError, MissingAdapterError
from velocipy.formats import check_formats
from velocipy.lifespan import Lifespan, LifespanFactory, Served
from velocipy.overrides import Overrides
from velocipy.routing.keywords import ExceptionKey, MountKeywords
from velocipy.routing.names import RouteNames
from velocipy.routing.path import PathTemplate, check_place
from velocipy.routing.route import (
    ANY,
    BODY_TIMEOUT,
    DEFAULT_MAX_CONTENT_LENGTH,
    WEBSOCKET,
    Route,
    callable_name,
    check_body_timeout,
    check_limit,
)
from velocipy.routing.router import APIRouter
from velocipy.state import State

if TYPE_CHECKING:
    import asyncio

    from velocipy.asgi_middleware import ASGIMiddleware, Bridged
    from velocipy.dispatch import Dispatcher
    from velocipy.formats import Format
    from velocipy.handlers.app_scope import AppValues
    from velocipy.handlers.plan import Plan
    from velocipy.http.forms import FormLimits
    from velocipy.http.proxy import ProxyEntries, TrustedProxies
    from velocipy.http.wording import Wording
    from velocipy.json.base import EncoderChoice, JSONEncoder
    from velocipy.models.base import Backends, ModelBackend
    from velocipy.protocols import Dialect
    from velocipy.routing.versions import APIVersion

PLUGINS = "velocipy.plugins"
"""The entry-point group of callables `set_up(app)`, which add routes or middleware to every app that is served."""

_serials = itertools.count(1)


class VelociPy(APIRouter):
    """An application: `app = VelociPy()`, then `@app.get("/")`. One object serves RSGI and ASGI.

    `debug` answers errors with pages that show code and values, to who sits at this machine; `lifespan(app)` is an async context manager around all requests; `json_encoder` is "msgspec", "orjson", "stdlib" or an object
    with encode and decode (the best installed one by default); `max_content_length` bounds request bodies in bytes, and a route may
    have its own, as it may have `form_limits`, which bound forms, and `formats` of answers (see RouteKeywords); `body_timeout` is how
    many seconds a body may keep its reader waiting, of which each 2 KiB give one back, then 408; None is for ever; `problem_details`
    words every error as application/problem+json (RFC 9457); `shutdown_grace` is how many seconds background tasks and streams have to end when the app
    stops; `trailing_slash` says whether `/a/` is `/a` ("ignore"), another path ("strict") or a redirect to it; `plugins` says
    which of the installed plugins set the app up when it is first served: all, none, or those named; `proxy_headers` names the
    networks of the proxies whose Forwarded and X-Forwarded-* headers say who the client is, for this app and all mounted in it
    ("*" is whoever connects, "unix" who does so over a Unix socket), or is a `velocipy.http.proxy.TrustedProxies`; `root_path` is the
    prefix, "/api" say, below which a proxy serves the app, where the server does not tell it. `openapi_url` and `docs_url` are where velocipy-openapi, if
    installed, serves the OpenAPI document and Swagger UI, None for nowhere; `openapi` is its OpenAPIConfig. `versioning` is an
    `APIVersion`: which versions of routes there are, and how a request says which it wants.
    """

    def __init__(
        self,
        title: str = "VelociPy",
        version: str = "0.1.0",
        *,
        debug: bool = False,
        lifespan: LifespanFactory | None = None,
        max_content_length: int = DEFAULT_MAX_CONTENT_LENGTH,
        body_timeout: float | None = BODY_TIMEOUT,
        form_limits: FormLimits | None = None,
        formats: Iterable[str] = ("json",),
        json_encoder: EncoderChoice = None,
        problem_details: bool = False,
        shutdown_grace: float = 10.0,
        trailing_slash: Literal["ignore", "strict", "redirect"] = "ignore",
        plugins: bool | Sequence[str] = True,
        proxy_headers: ProxyEntries | TrustedProxies | None = None,
        root_path: str = "",
        docs_url: str | None = "/docs",
        openapi_url: str | None = "/openapi.json",
        openapi: object | None = None,
        tags: Sequence[str] = (),
        dependencies: Iterable[Any] = (),
        middleware: Iterable[Any] = (),
        exception_handlers: Mapping[ExceptionKey, Callable[..., Any]] | None = None,
        responses: Mapping[int | str, Any] | None = None,
        versioning: APIVersion | None = None,
    ) -> None:
        super().__init__(
            tags=tags,
            dependencies=dependencies,
            middleware=middleware,
            exception_handlers=exception_handlers,
            responses=responses,
        )
        self.title = title
        self.version = version
        self.debug: bool = check_switch("debug", debug)
        self.docs_url: str | None = check_place("docs_url", docs_url)
        self.openapi_url: str | None = check_place("openapi_url", openapi_url)
        self.openapi_config = openapi
        self.versioning: APIVersion | None = check_versioning(versioning)
        self.max_content_length: int = check_limit(max_content_length)
        self.body_timeout: float | None = check_body_timeout(body_timeout)
        self.form_limits = form_limits
        self.formats: tuple[Format, ...] = check_formats(formats)
        self.problem_details: bool = check_switch("problem_details", problem_details)
        self.shutdown_grace: float = check_grace(shutdown_grace)
        self.proxies: TrustedProxies | None = None if proxy_headers is None else find_proxies(proxy_headers)
        self.root_path: str = check_root(root_path)
        self.state: State = State()
        self.jobs: Jobs = Jobs()
        self.dependency_overrides: Overrides = Overrides(self._forget)
        self.lifespan: Lifespan = Lifespan(self, lifespan, self._hold)
        self._encoder = None if json_encoder is None else find_json_encoder(json_encoder)
        self._names = RouteNames()
        self._explainer: Callable[[Route, str], str] = self._explain  # bound once: every route holds it
        self._trailing_slash = check_trailing_slash(trailing_slash)
        self._plugins: bool | Sequence[str] = plugins
        self.asgi_middleware: list[ASGIMiddleware] = []
        self._is_mounted = False

    @cached_property
    def _dispatcher(self) -> Dispatcher:
        # What binds and compiles handlers is loaded with the first route and not with `from velocipy import VelociPy`.
        from velocipy.dispatch import Dispatcher

        return Dispatcher(self, self._trailing_slash, next(_serials))

    @cached_property
    def models(self) -> Backends:
        """The model backends: those registered here, those of other dists, and ours for the libraries in use."""
        from velocipy.models.base import Backends

        return Backends()

    def mount(
        self, path: str, target: Any, *, name: str | None = None, **keywords: Unpack[MountKeywords]
    ) -> None:
        """Serve everything below `path` by a VelociPy app, by StaticFiles or by an ASGI app, on every protocol.

        Middleware, guards and exception handlers of this app stand around it, and its lifespan runs with this one's. A VelociPy
        app keeps its own settings; `name` stands before the names of its routes. Routes of this app come first.
        Raises ConfigurationError for a path with holes, and for what cannot be mounted.
        """
        prefix = path.rstrip("/")
        if not PathTemplate.parse(prefix or "/").is_static:
            raise ConfigurationError(f"a mount has a path without holes, not {path!r}")
        if isinstance(target, VelociPy):
            self._mount_app(prefix, target, name)
            return
        from velocipy.mounts import ASGIMount, mount_of

        mount = mount_of(prefix, target)
        below = f"{prefix}/{{rest*}}"
        options: Any = {"name": name, "include_in_schema": False, **keywords}
        self._declare(below, mount.serve, (ANY,), options)
        if isinstance(mount, ASGIMount):
            self._declare(below, mount.connect, (WEBSOCKET,), {"include_in_schema": False})
            self.lifespan.include(mount.lifespan)

    def _mount_app(self, prefix: str, target: VelociPy, name: str | None) -> None:
        if target is self or self in target._descendants():
            raise ConfigurationError(
                "an app cannot be mounted in itself, directly or through others: leave this mount out"
            )
        if target.asgi_middleware:
            from velocipy.asgi_middleware import INSIDE

            raise ConfigurationError(INSIDE)
        if target.root_path:
            raise ConfigurationError(
                f"an app with root_path={target.root_path!r} cannot be mounted: give root_path to the app that is served, and mount "
                f"this one at the prefix that it has there"
            )
        target._is_mounted = True

        from velocipy.mounts import fallback_of

        def adopt(route: Route | None) -> None:
            if route is None:
                self._notify(None)
            else:
                # An app that is mounted in the target keeps its settings here too.
                owner, place = route.app or target, f"{prefix}{route.mounted_at}"
                self._add(route.under(prefix, self.layer, self.tags, name), owner, place)

        for route in target.routes:
            adopt(route)
        adopt(fallback_of(target))
        self._children.append(target)
        target._listeners.append(adopt)
        self.lifespan.include(target.lifespan)

    def add_asgi_middleware(self, factory: Callable[..., Any], /, **options: Any) -> None:
        """Put an ASGI middleware of another project around the app: `app.add_asgi_middleware(GZipMiddleware, minimum_size=500)`.

        `factory(app, **options)` is its class, or a function that returns an ASGI app. The first added is the outermost; all
        stand outside of routing. Over RSGI the app then goes through the bridge, and needs velocipy-asgi too. Raises
        ConfigurationError for what is no such factory, and once the app is served.
        """
        if "_asgi" in self.__dict__ or "__rsgi__" in self.__dict__:
            raise ConfigurationError("the app is served already: add ASGI middleware before that")
        from velocipy.asgi_middleware import INSIDE, asgi_middleware

        if self._is_mounted:
            raise ConfigurationError(INSIDE)
        self.asgi_middleware.append(asgi_middleware(factory, options))

    def add_task(
        self, function: Callable[[], Awaitable[Any]], *, name: str | None = None, restart: bool = False
    ) -> None:
        """Run `async function()` as long as the app does, once an event loop: begun at start, cancelled at stop.

        What it raises is logged; with `restart` it is begun again, after a pause that grows.
        """
        self.jobs.declare(function, name or callable_name(function), restart)

    def register_model_backend(self, backend: ModelBackend | type[ModelBackend]) -> None:
        """Have a backend of your own read and write models, before all others; for routes that are declared after this."""
        self.models.register(backend)

    @cached_property
    def app_values(self) -> AppValues:
        """The values of app-scoped dependencies."""
        from velocipy.handlers.app_scope import AppValues
        from velocipy.handlers.binding import resolver

        return AppValues(resolver(self.dependency_overrides))

    @contextmanager
    def override(
        self, replacements: Mapping[Callable[..., Any], Callable[..., Any]]
    ) -> Generator[Self, None, None]:
        """Have dependencies replaced for the time of a `with`, in tests: `with app.override({open_db: fake_db}): ...`.

        What was overridden before is so again afterwards.
        """
        before = dict(self.dependency_overrides)
        self.dependency_overrides.update(replacements)
        try:
            yield self
        finally:
            self.dependency_overrides.clear()
            self.dependency_overrides.update(before)

    @cached_property
    def wording(self) -> Wording:
        """What the bodies of errors say."""
        from velocipy.http.wording import DETAILS, PROBLEMS

        return PROBLEMS if self.problem_details else DETAILS

    @property
    def json_encoder(self) -> JSONEncoder:
        """What encodes results and decodes raw JSON bodies."""
        if self._encoder is None:
            self._encoder = find_json_encoder(None)
        return self._encoder

    def routes_at(self, path: str) -> list[Route]:
        """The routes that a request for this path, percent-decoded, can reach by some method; the most preferred first."""
        return self._dispatcher.routes_at(path)

    def openapi(self, version: str | None = None) -> dict[str, Any]:
        """The OpenAPI 3.1 document of all routes as they are now: new at each call, so that it may be changed.

        `version` is one of `versioning`; where a field says which, and so one path has several, it is the default, or the last.
        Raises MissingAdapterError, which names the command, where velocipy-openapi is not installed.
        """
        from velocipy.plugins import load

        plugin: Any = load(PLUGINS, "openapi")
        document: dict[str, Any] = plugin.document(self, version)
        return document

    def asyncapi(self) -> dict[str, Any]:
        """The AsyncAPI 3.0 document of the WebSocket routes and event streams, as `openapi` is that of the others."""
        from velocipy.plugins import load

        plugin: Any = load(PLUGINS, "openapi")
        document: dict[str, Any] = plugin.messages(self)
        return document

    def plan(self, route: Route) -> Plan:
        """What one of the app's routes does, with the layers and overrides of this moment, as data."""
        return self._dispatcher.plan(route)

    def watch(self, changed: Callable[[], None]) -> None:
        """Have `changed()` called whenever a route, a layer or an override has changed."""
        self._listeners.append(lambda route: changed())

    def url_for(self, name: str, /, **params: object) -> str:
        """The path of a named route, percent-encoded; parameters that are not in its template become the query.

        Raises KeyError for a name that no route has, ValueError for a name that several have and for values that do not fit.
        """
        return self._names.url_for(name, params)

    def _add(self, route: Route, owner: VelociPy | None = None, mounted_at: str = "") -> None:
        if owner is not None or not route.options.versions:
            self._take(route, owner or self, mounted_at)
            return
        from velocipy.routing.versions import in_versions

        for one in in_versions(route, self.versioning, self.formats):
            self._take(one, self, mounted_at)

    def _take(self, route: Route, app: VelociPy, mounted_at: str) -> None:
        mounted = route.mounted(
            app,
            app.max_content_length,
            app.form_limits,
            app.formats,
            self._explainer,
            mounted_at,
            self.proxies,
        )
        self._names.check(route)
        self._dispatcher.add(mounted)
        self._routes.append(mounted)
        self._names.add(mounted)
        for listener in self._listeners:
            listener(mounted)

    def _notify(self, change: Route | None) -> None:
        layers = {self.layer, *(layer for route in self._routes for layer in route.layers)}
        self._dispatcher.check(layers, self._routes)
        self._forget()

    def _hold(self, started: asyncio.Task[None]) -> None:
        self._dispatcher.hold(started)

    def _forget(self) -> None:
        self._dispatcher.forget()
        for listener in self._listeners:
            listener(None)

    def _explain(self, route: Route, dialect: str) -> str:
        return self._dispatcher.explain(route, _find_dialect(dialect))

    def _serve(self, protocol: str) -> Callable[..., Any]:
        dialect = _find_dialect(protocol)
        self.set_up_plugins()
        enter = self._dispatcher.entry(dialect)
        return enter if self.asgi_middleware else self._below(dialect, enter)

    def _below(self, dialect: Dialect, enter: Callable[..., Any]) -> Callable[..., Any]:
        return dialect.served_below(self.root_path, enter) if self.root_path else enter

    def set_up_plugins(self) -> None:
        """Hand the app to what is installed in the group `velocipy.plugins`: once, when it is first served or looked at."""
        from velocipy.plugins import present

        plugins = self._plugins
        if plugins is False:
            return
        for name, set_up in present(PLUGINS):
            if plugins is True or name in plugins:
                set_up(self)
        self._plugins = False

    # -- protocols -------------------------------------------------------------------------------------------------

    @cached_property
    def _asgi(self) -> Callable[..., Any]:
        enter = self._serve("asgi")
        if not self.asgi_middleware:
            return enter
        from velocipy.asgi_middleware import wrapped

        return self._below(_find_dialect("asgi"), wrapped(enter, self.asgi_middleware))

    @cached_property
    def __rsgi__(self) -> Callable[..., Any]:
        """The RSGI entry. Granian reads it once a worker; MissingAdapterError here reaches its log and ends it."""
        enter = self._serve("rsgi")
        return self._bridged.entry(_find_dialect("rsgi")) if self.asgi_middleware else enter

    @cached_property
    def _bridged(self) -> Bridged:
        from velocipy.asgi_middleware import Bridged

        return Bridged(self, self._asgi, self._hold)

    @property
    def _called_lifespan(self) -> Served:
        return self._bridged.lifespan if self.asgi_middleware else self.lifespan

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
        """Called by RSGI servers before the first request; what start-up raises ends the worker.

        On a loop that runs already, start-up goes on beside it: the task is returned, and requests wait for it.
        """
        start = _find_dialect("rsgi").start
        return None if start is None else start(self._called_lifespan, loop)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None] | None:
        """Called by RSGI servers after the last request; on a loop that goes on running, the task is returned."""
        stop = _find_dialect("rsgi").stop
        return None if stop is None else stop(self._called_lifespan, loop)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """The ASGI entry. Servers look for exactly this: an `async def __call__` of three arguments."""
        try:
            enter = self._asgi
        except (ConfigurationError, MissingAdapterError) as exc:
            if scope["type"] != "lifespan":
                raise
            # Raised here, a server would take it for "no lifespan" and go on; told so, it ends with the message.
            await receive()
            await send({"type": "lifespan.startup.failed", "message": str(exc)})
            return
        await enter(scope, receive, send)


def _find_dialect(name: str) -> Dialect:
    from velocipy.protocols import find_dialect

    return find_dialect(name)
