"""A route: methods, template and endpoint, and the layers around it. Knows what was declared; does not know how it runs."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal

from velocipy.exceptions import ConfigurationError
from velocipy.formats import JSON, Format
from velocipy.routing.path import PathTemplate, join_paths

if TYPE_CHECKING:
    from velocipy.http.forms import FormLimits
    from velocipy.http.proxy import TrustedProxies
    from velocipy.http.response import Response
    from velocipy.http.wording import Wording
    from velocipy.models.base import Serialization
    from velocipy.routing.deprecation import Deprecation
    from velocipy.routing.versions import APIVersion
    from velocipy.socket_options import SocketOptions

Endpoint = Callable[..., Any]
OnDisconnect = Literal["cancel", "continue"]

WEBSOCKET = "(websocket)"
"""The method under which WebSocket routes stand beside the HTTP ones of their path.

No HTTP request can have it: a method is a token, without parentheses (RFC 9110 section 9.1), and the server that does not check
that makes it upper-case.
"""

ANY = "(any)"
"""The method under which a mount stands: whatever is asked, it answers."""

FALLBACK = "(fallback)"
"""The method under which an app that is mounted stands for paths below it that none of its routes takes."""

NOT_METHODS = frozenset({WEBSOCKET, ANY, FALLBACK})

ALLOW_NAMES = frozenset({"options", "method"})
"""What our own routes are called that answer OPTIONS and 405, and are told the methods that the path serves."""

DEFAULT_MAX_CONTENT_LENGTH = 10 * 1024 * 1024
"""Bytes of a request body that a route takes where nobody says otherwise: 10 MiB."""

BODY_TIMEOUT: Final = 30.0
"""Seconds that a body may keep its reader waiting where nobody says otherwise; see `velocipy.http.pace`."""


class _FromAnnotation:
    """The one value of FROM_ANNOTATION."""

    def __repr__(self) -> str:
        return "FROM_ANNOTATION"


FROM_ANNOTATION: Final = _FromAnnotation()
"""Where a route names no response model: what its endpoint is annotated to return."""


class Layer:
    """What an app, a router or a single route puts around endpoints. It may grow until, and after, requests are served."""

    __slots__ = ("dependencies", "deprecated", "exception_handlers", "middleware", "responses", "versions")

    def __init__(
        self,
        dependencies: Iterable[Any] = (),
        middleware: Iterable[Any] = (),
        exception_handlers: Mapping[int | type[BaseException], Callable[..., Any]] | None = None,
        responses: Mapping[int | str, Any] | None = None,
        deprecated: bool | Deprecation | None = None,
        versions: tuple[str, ...] = (),
    ) -> None:
        self.deprecated: bool | Deprecation | None = deprecated
        self.versions: tuple[str, ...] = versions
        self.responses: dict[int | str, Any] = dict(responses or {})
        self.dependencies: list[Any] = list(dependencies)
        self.middleware: list[Any] = list(middleware)
        self.exception_handlers: dict[int | type[BaseException], Callable[..., Any]] = dict(
            exception_handlers or {}
        )


@dataclass(frozen=True, slots=True, eq=False)
class RouteOptions:
    """What a route's declaration says besides methods, path and endpoint."""

    name: str | None = None
    status_code: int | None = None
    tags: tuple[str, ...] = ()
    summary: str | None = None
    description: str | None = None
    deprecated: bool | Deprecation | None = None
    include_in_schema: bool = True
    max_content_length: int | None = None
    form_limits: FormLimits | None = None
    formats: tuple[Format, ...] | None = None
    response_model: Any = FROM_ANNOTATION
    serialization: Serialization | None = None
    response_class: type[Response] | None = None
    responses: Mapping[int | str, Any] = field(default_factory=dict[int | str, Any])
    operation_id: str | None = None
    openapi_extra: Mapping[str, Any] = field(default_factory=dict[str, Any])
    callbacks: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Runtime expression of a URL -> the router of the requests that are sent there. For the document."""
    on_disconnect: OnDisconnect = "continue"
    sends: Any = None
    """What each item of a stream, or each message to a WebSocket's peer, is. For documents."""
    receives: Any = None
    """What each message from a WebSocket's peer is."""
    versions: tuple[str, ...] = ()
    version: str | None = None
    """Which of `versions` this route of an app is: what is declared with several is as many routes there."""
    socket: SocketOptions | None = None
    """Of a WebSocket route alone."""


class AllowedMethods(str):
    """The methods that are served where a request went, as an Allow field has them: `"GET, HEAD, OPTIONS"`.

    "*" is any method, "" is none, which is a 404. To a declared route these are its own.
    """

    __slots__ = ()

    def __contains__(self, method: object) -> bool:
        return self == "*" or method in self.split(", ")


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """Methods + template + endpoint, with the layers from the outermost inwards; the route's own layer is the last."""

    methods: tuple[str, ...]
    template: PathTemplate
    endpoint: Endpoint
    options: RouteOptions
    layers: tuple[Layer, ...]
    app: Any = None
    max_content_length: int = DEFAULT_MAX_CONTENT_LENGTH
    form_limits: FormLimits | None = None
    formats: tuple[Format, ...] = (JSON,)
    explainer: Callable[[Route, str], str] | None = field(default=None, repr=False)
    mounted_at: str = ""
    """The prefix below which the route's app is mounted in another one."""
    is_ours: bool = False
    """Whether nobody declared it: the routes that answer 404, 405 and OPTIONS."""
    constant: bytes | None = None
    """The error that it always answers, as the app words it, without its endpoint being called."""
    proxies: TrustedProxies | None = None
    """Those of the app that is served, wherever the route's own app is mounted: who connects is a matter of the server."""

    @property
    def path(self) -> str:
        """The whole template as text."""
        return self.template.text

    @property
    def name(self) -> str:
        """The declared name, else the endpoint's own."""
        return self.options.name or callable_name(self.endpoint)

    @property
    def versioning(self) -> APIVersion | None:
        """What chooses between this route and other versions of it by a field; None where nothing need be chosen."""
        found: APIVersion | None = getattr(self.app, "versioning", None)
        return found if found is not None and found.field and self.options.version is not None else None

    def is_version_beside(self, other: Route) -> bool:
        """Whether the two are one place in two versions, and so may have one name."""
        mine, theirs = self.options.version, other.options.version
        return self.path == other.path and None not in (mine, theirs) and mine != theirs

    @property
    def wording(self) -> Wording:
        """What the bodies of its errors say: its app's, also where that is mounted in another."""
        from velocipy.http.wording import DETAILS

        return getattr(self.app, "wording", DETAILS)

    @property
    def is_socket(self) -> bool:
        """Whether this is a WebSocket route."""
        return self.methods == (WEBSOCKET,)

    @property
    def leads_nowhere(self) -> bool:
        """Whether it answers for what no declared route takes, of a mounted app's too."""
        return self.is_ours or self.methods == (FALLBACK,)

    @property
    def allowed(self) -> AllowedMethods | None:
        """What an Allow field would say; None where it stands in the first value: our own 405 and answer to OPTIONS."""
        if self.is_ours:
            return None if self.options.name in ALLOW_NAMES else AllowedMethods("")
        return AllowedMethods("*" if ANY in self.methods else ", ".join(self.methods))

    @property
    def title(self) -> str:
        """ "GET /items/{id}", as logs and tracebacks name it; HEAD goes unsaid where GET is served."""
        if self.is_socket:
            return f"WEBSOCKET {self.path}"
        if self.methods[0] in NOT_METHODS:
            return f"MOUNT {self.path}"
        return f"{','.join(m for m in self.methods if m != 'HEAD' or 'GET' not in self.methods)} {self.path}"

    @property
    def location(self) -> str:
        """file:line of the endpoint."""
        return location_of(self.endpoint)

    def under(self, prefix: str, layer: Layer, tags: Sequence[str], name_prefix: str | None) -> Route:
        """This route as it stands inside a router."""
        template = PathTemplate.parse(join_paths(prefix, self.path)) if prefix else self.template
        said: dict[str, Any] = {}
        own = self.options
        if tags:
            said["tags"] = (*tags, *own.tags)
        if layer.responses:
            said["responses"] = {**layer.responses, **own.responses}
        if layer.deprecated is not None and own.deprecated is None:
            said["deprecated"] = layer.deprecated
        if layer.versions and not own.versions:
            said["versions"] = layer.versions
        if name_prefix:
            said["name"] = f"{name_prefix}.{self.name}"
        options = replace(own, **said) if said else own
        return Route(self.methods, template, self.endpoint, options, (layer, *self.layers))

    def in_version(self, version: str, prefix: str, formats: tuple[Format, ...] | None) -> Route:
        """This route as it stands in one version of an app."""
        options = replace(self.options, version=version, formats=formats or self.options.formats)
        if prefix:
            options = replace(options, name=f"{prefix.strip('/').replace('/', '.')}.{self.name}")
        template = PathTemplate.parse(join_paths(prefix, self.path)) if prefix else self.template
        return replace(self, template=template, options=options)

    def mounted(
        self,
        app: Any,
        max_content_length: int,
        form_limits: FormLimits | None,
        formats: tuple[Format, ...],
        explainer: Callable[[Route, str], str],
        mounted_at: str = "",
        proxies: TrustedProxies | None = None,
    ) -> Route:
        """This route as an app serves it; the limits and formats are the app's, which a route's own override."""
        own = self.options.max_content_length
        return Route(
            self.methods,
            self.template,
            self.endpoint,
            self.options,
            self.layers,
            app,
            max_content_length if own is None else own,
            self.options.form_limits or form_limits,
            self.options.formats or formats,
            explainer,
            mounted_at,
            proxies=proxies,
        )

    def explain(self, dialect: str) -> str:
        """The source that was compiled for this route and protocol: `print(route.explain("rsgi"))`."""
        if self.explainer is None:
            raise ConfigurationError(f"{self.title} is not part of an app yet: include its router first")
        return self.explainer(self, dialect)


def check_limit(limit: object) -> int:
    """A `max_content_length`; ConfigurationError for what is not a number of bytes."""
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        raise ConfigurationError(f"max_content_length is a number of bytes, not {limit!r}")
    return limit


def check_body_timeout(seconds: object) -> float | None:
    """A `body_timeout`. Raises ConfigurationError for what is neither a number of seconds above 0 nor None."""
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < 1e6:
        raise ConfigurationError(
            f"body_timeout is a number of seconds above 0, or None to wait for ever, not {seconds!r}"
        )
    return float(seconds)


def callable_name(function: Callable[..., Any]) -> str:
    """A short name for functions, partials, bound methods, callable objects and classes."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__name__", None) or type(function).__name__


def location_of(function: Callable[..., Any]) -> str:
    """Where a callable is written, "file.py:12"; its module where no source line is known."""
    while isinstance(function, functools.partial):
        function = function.func
    if not hasattr(function, "__code__") and not isinstance(function, type):
        function = getattr(function, "__func__", None) or type(function).__call__
    function = inspect.unwrap(function)
    code = getattr(function, "__code__", None)
    if code is not None:
        return f"{code.co_filename}:{code.co_firstlineno}"
    try:
        return f"{inspect.getsourcefile(function)}:{inspect.getsourcelines(function)[1]}"
    except (OSError, TypeError):
        return f"module {getattr(function, '__module__', '?')}"


def shown(function: Callable[..., Any]) -> str:
    """A callable for messages: "list_items (app.py:12)"."""
    return f"{callable_name(function)} ({location_of(function)})"
