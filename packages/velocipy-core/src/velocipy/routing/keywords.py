"""What routes and mounts take besides their path, as keywords that type checkers know. Knows names and types; declares nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from velocipy.routing.route import OnDisconnect

if TYPE_CHECKING:
    from velocipy.http.forms import FormLimits
    from velocipy.http.response import Response
    from velocipy.origins import AllowedOrigins
    from velocipy.routing.deprecation import Deprecated
    from velocipy.routing.router import APIRouter

ExceptionKey = int | type[BaseException]
"""What an exception handler is for: a status, or a class with its subclasses."""


class RouteKeywords(TypedDict, total=False):
    """What every verb takes besides the path.

    `response_model` is what results are checked against, filtered to and documented as, in place of the return annotation; None
    leaves them as they are. `formats`, such as ("json", "msgpack"), are those that a client may choose from by Accept. The `response_model_...` ones say which of its fields are written, and how. `response_class` makes
    the Response of every result that is none, and is called with (result, status). `on_disconnect="cancel"` cancels the endpoint when
    the client leaves before the answer. `deprecated` is True, which documents it, or a date or a `velocipy.Deprecation`, which every answer
    says too. `versions`, such as ("1", "2"), are those of the app's `versioning` in which the route is served.
    `sends` is the type of each item of a stream, for the documents. `callbacks` are routers of requests that the app sends in turn, by the
    expressions of their URLs, for the document. `openapi_extra` is merged over what the OpenAPI document says of the route.
    """

    name: str | None
    status_code: int | None
    tags: Sequence[str]
    summary: str | None
    description: str | None
    deprecated: Deprecated
    versions: str | Iterable[str]
    sends: Any
    include_in_schema: bool
    max_content_length: int | None
    form_limits: FormLimits | None
    formats: Iterable[str]
    response_model: Any
    response_model_include: Any
    response_model_exclude: Any
    response_model_exclude_none: bool
    response_model_exclude_unset: bool
    response_model_exclude_defaults: bool
    response_model_by_alias: bool
    response_class: type[Response] | None
    responses: Mapping[int | str, Any]
    operation_id: str | None
    openapi_extra: Mapping[str, Any]
    callbacks: Mapping[str, APIRouter]
    on_disconnect: OnDisconnect
    dependencies: Iterable[Any]
    middleware: Iterable[Any]
    exception_handlers: Mapping[ExceptionKey, Callable[..., Any]] | None


class SocketKeywords(RouteKeywords, total=False):
    """What a WebSocket route takes besides: `velocipy.socket_options.socket_options` says what each means.

    `receives` is the type of messages from the peer, as `sends` is of those to it, for the AsyncAPI document.
    """

    receives: Any
    allowed_origins: AllowedOrigins
    require_origin: bool
    allow_credentials: bool
    max_message_size: int
    send_timeout: float | None


KNOWN = frozenset(RouteKeywords.__annotations__)
SOCKET_ONLY = frozenset(SocketKeywords.__annotations__) - KNOWN


class MountKeywords(TypedDict, total=False):
    """What a mount of an ASGI app or of static files takes besides."""

    max_content_length: int | None
    dependencies: Iterable[Any]
    middleware: Iterable[Any]
    exception_handlers: Mapping[ExceptionKey, Callable[..., Any]] | None
