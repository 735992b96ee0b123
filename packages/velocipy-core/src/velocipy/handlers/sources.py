"""Where a parameter's value comes from: by its marker, else by its name, else by its type. Decides; makes no steps."""

from __future__ import annotations

from collections.abc import Callable, Container
from types import FunctionType, MethodType, UnionType
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

from velocipy.annotations import strip_optional, type_name
from velocipy.background import BackgroundTasks
from velocipy.exceptions import BindingError, ConfigurationError
from velocipy.handlers.bodies import is_anything, is_raw
from velocipy.handlers.convert import PARSERS, find_collection, find_scalar
from velocipy.handlers.markers import Dependency, Marker, Source
from velocipy.handlers.plan import Given
from velocipy.handlers.schemes import SecurityScopes
from velocipy.handlers.signature import UNANNOTATED, Parameter
from velocipy.http.forms import FormData
from velocipy.http.request import Exchange, Request
from velocipy.http.response import Response
from velocipy.http.uploads import UploadFile
from velocipy.models.base import ModelBackend
from velocipy.protocols import (
    RequestHeaders,
    RequestHosts,
    RequestMethod,
    RequestPath,
    RequestQuery,
    RequestRootPath,
    RequestScheme,
)
from velocipy.routing.route import AllowedMethods, Route, callable_name
from velocipy.sessions import Session
from velocipy.state import State
from velocipy.websocket import WebSocket

Asked = Given | Literal["exchange", "answer"]
"""What an annotation asks for; which object that is, the kind of route decides for two of them."""

BY_ROUTE: dict[Asked, tuple[Given, Given]] = {
    "exchange": ("request", "websocket"),
    "answer": ("response", "nothing"),
}
"""For dependencies of both kinds of routes: what they get on one that is HTTP, and on one that is a WebSocket."""

GIVEN: dict[Any, Asked] = {
    Exchange: "exchange",
    Request: "request",
    WebSocket: "websocket",
    Response: "response",
    Response | None: "answer",
    State: "state",
    FormData: "form",
    BackgroundTasks: "background",
    RequestHeaders: "headers",
    RequestHosts: "hosts",
    RequestMethod: "method",
    RequestPath: "path",
    RequestQuery: "query",
    RequestRootPath: "root",
    RequestScheme: "scheme",
    Route: "route",
    AllowedMethods: "allowed",
    SecurityScopes: "scopes",
}
"""Annotations that are filled with an object of the exchange; `Exchange` itself is the Request or WebSocket, whichever it is."""

OFFERED: dict[type, str] = {Session: "velocipy.middleware.SessionMiddleware"}
"""Annotations that are filled with the token of a middleware around the route, and which one offers it."""

From = Source | Literal["dependency", "given", "offered"]
FindBackend = Callable[[Any], ModelBackend | None]


def source_of(parameter: Parameter, holes: Container[str], find_backend: FindBackend) -> From | None:
    """What fills a parameter; None where nothing does. `holes` are the names in the path, `find_backend` knows the models."""
    marker = parameter.marker
    if isinstance(marker, Dependency):
        return "dependency"
    if key_of(parameter) in holes and (marker is None or marker.source == "path"):
        return "path"
    if marker is None and parameter.annotation.__class__ is type and parameter.annotation in PARSERS:
        return "query"  # what nearly every parameter is
    if given_by(parameter) is not None:
        return "given"
    if isinstance(parameter.annotation, type) and parameter.annotation in OFFERED:
        return "offered"
    if marker is not None:
        return "file" if marker.source == "form" and upload_shape(parameter.annotation) else marker.source
    return _by_type(parameter.annotation, find_backend)


def _by_type(annotation: Any, find_backend: FindBackend) -> Source | None:
    if upload_shape(annotation) is not None:
        return "file"
    stripped, _ = strip_optional(annotation)
    if is_anything(stripped) or isinstance(stripped, TypeVar):
        return None
    if is_raw(stripped):
        return "body"
    if find_scalar(stripped) is not None or find_collection(stripped) is not None:
        return "query"
    if isinstance(stripped, type) and issubclass(stripped, (Exchange, Response, State)):
        return None
    return None if find_backend(annotation) is None else "body"


def key_of(parameter: Parameter) -> str:
    """The name on the wire, as far as a signature says it."""
    marker = parameter.marker
    return (marker.alias if isinstance(marker, Marker) else None) or parameter.name


def given_by(parameter: Parameter) -> Asked | None:
    """The object of the exchange that a parameter asks for, by its annotation or, without one, by its name."""
    if parameter.annotation is UNANNOTATED and parameter.marker is None:
        by_name: dict[str, Asked] = {"request": "request", "websocket": "websocket"}
        return by_name.get(parameter.name)
    known = isinstance(parameter.annotation, (type, UnionType))
    return GIVEN.get(parameter.annotation) if known else None


def upload_shape(annotation: Any) -> Literal["one", "many"] | None:
    """`UploadFile`, `UploadFile | None` -> "one"; `list[UploadFile]` -> "many"; None for everything else."""
    stripped, _ = strip_optional(annotation)
    if get_origin(stripped) is list:
        return "many" if get_args(stripped) == (UploadFile,) else None
    return "one" if isinstance(stripped, type) and issubclass(stripped, UploadFile) else None


_SOCKET_LACKS: dict[str, str] = {
    "request": "{title} has no Request: ask for a WebSocket",
    "background": "{title} is a WebSocket route and has no answer to run after: use app.add_task, or await the work",
    "response": "{title} is a WebSocket route and has no Response to set headers on: leave it out",
    "body": "a WebSocket's handshake has no body; receive() a first message",
    "form": "a WebSocket's handshake has no form; receive() a first message",
    "file": "a WebSocket's handshake has no files; receive() a first message",
}
_HTTP_LACKS: dict[str, str] = {"websocket": "{title} is not a WebSocket route: ask for a Request"}


def refuse_lacking(parameter: Parameter, wanted: str, route: Route) -> None:
    """Raise BindingError for a source that this kind of route does not have."""
    wrong = (_SOCKET_LACKS if route.is_socket else _HTTP_LACKS).get(wanted)
    if wrong is not None:
        raise BindingError(f"{parameter.where}: {wrong.format(title=route.title)}")


def not_offered(parameter: Parameter, route: Route) -> str:
    """Why a parameter that a middleware fills has nothing, and what to write."""
    middleware = OFFERED[parameter.annotation]
    return (
        f"{parameter.where}: no {middleware} stands around {route.title}: app.add_middleware(...) it before the route is declared, "
        f"on the outside of whatever asks for its {parameter.annotation.__name__}"
    )


def unbindable(parameter: Parameter, near: str) -> str:
    """Why nothing fills a parameter, and what to write."""
    why = _no_type(parameter) or _broken_model(parameter.annotation)
    if why:
        return f"{parameter.where}{why}"
    if parameter.annotation is UNANNOTATED:
        return f"{parameter.where} has no annotation: write {parameter.name}: str, or Request, or Depends(...){near}"
    return (
        f"{parameter.where}: nothing fills {type_name(parameter.annotation)}. A scalar is read from the query, a model, dict or "
        f"list from the body; for anything else write Depends(...){near}"
    )


_VALUES: Final[tuple[type[Any], ...]] = (int, float, complex, str, bytes, list, dict, set, tuple)


def _no_type(parameter: Parameter) -> str:
    """ " is annotated with the value 1, ..." where an object stands in the place of a type, else ""."""
    name = parameter.name
    given: Any = parameter.annotation
    if isinstance(given, (FunctionType, MethodType)):
        made = callable_name(given)
        return f" is annotated with the function {made}: write {name}: Annotated[<its type>, Depends({made})]"
    if isinstance(given, _VALUES):
        return f" is annotated with {given!r}, which is a value and no type: write {name}: {type(parameter.annotation).__name__}"
    return ""


def _broken_model(annotation: Any) -> str:
    """ ": Raptor.cry: complex is no type of JSON, ..." of a dataclass or its like that no backend can read, else ""."""
    from velocipy.models.walk import Compiler

    try:
        Compiler().node(strip_optional(annotation)[0])
    except ConfigurationError as exc:
        return f": {exc.message}" if hasattr(annotation, "__annotations__") and "." in exc.message else ""
    return ""
