"""Decides what fills each parameter, and in which order: signatures -> the steps of a plan. Runs at registration only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from difflib import get_close_matches
from typing import Any, get_origin

from velocipy.exceptions import BindingError, ErrorItem, UnsupportedMediaType
from velocipy.handlers.convert import find_parser, make_reader, strip_optional
from velocipy.handlers.markers import MISSING, Constraints, Dependency, Marker, is_guard
from velocipy.handlers.names import Names
from velocipy.handlers.plan import Body, Call, Check, Give, Read, Step, Take
from velocipy.handlers.signature import ENTERED, UNANNOTATED, How, Parameter, how_called, read_signature
from velocipy.http.request import Exchange, Request, decode_json
from velocipy.http.response import Response
from velocipy.json.base import JSONEncoder
from velocipy.models.base import Decode, ModelBackend, find_backends
from velocipy.routing.route import Endpoint, Route, callable_name
from velocipy.state import State
from velocipy.websocket import WebSocket

GIVEN = {Request: "request", WebSocket: "websocket", Response: "response", State: "state"}
"""Annotations that are filled with an object of the exchange."""

Overrides = Mapping[Callable[..., Any], Callable[..., Any]]


class Binder:
    """Lays out one route. Every callable is bound once: who shares a dependency shares its local."""

    def __init__(self, route: Route, encoder: Callable[[], JSONEncoder], overrides: Overrides) -> None:
        self.route = route
        self.names = Names(RESERVED)
        self.dependencies: set[Callable[..., Any]] = set()
        self._encoder = encoder
        self._overrides = overrides
        self._holes = {hole.name: index for index, hole in enumerate(route.template.holes)}
        self._taken: set[str] = set()
        self._shared: dict[Callable[..., Any], str] = {}
        self._given: dict[str, str] = {}
        self._body: Parameter | None = None
        self._calling: list[Callable[..., Any]] = []

    def guards(self, dependencies: Iterable[Any]) -> list[Step]:
        """Dependencies listed on app, routers and route: each reads, checks and is called before the next one."""
        steps: list[Step] = []
        for listed in dependencies:
            if not isinstance(listed, Dependency):
                raise BindingError(
                    f"dependencies of {self.route.title} ({self.route.location}) holds {listed!r}: write Depends(...)"
                )
            steps += self._guard(listed)
        return steps

    def hook(self, function: Callable[..., Any], token: str | None) -> list[Step]:
        """A middleware's `before`, bound as a dependency is; its result goes to the local `token`."""
        reads, calls, args = self._arguments(function)
        how = how_called(function)
        if how in ENTERED:
            raise BindingError(f"{callable_name(function)} is a before-hook and must return, not yield")
        how = How.PLAIN if how is How.THREAD else how  # hooks are short and run in the event loop
        return [*reads, *_check(reads), *calls, Call(token, function, how, *args)]

    def endpoint(self) -> list[Step]:
        """Everything between the guards and the result. Raises BindingError for holes that no parameter takes."""
        endpoint = self.route.endpoint
        steps = [step for dependency in self._hidden_guards(endpoint) for step in self._guard(dependency)]
        reads, calls, args = self._arguments(endpoint)
        how = how_called(endpoint)
        if how in ENTERED:
            raise BindingError(
                f"the endpoint {callable_name(endpoint)} ({self.route.location}) yields: return StreamingResponse(rows()) instead"
            )
        self._refuse_open_holes()
        return [*steps, *reads, *_check(reads), *calls, Call("result", endpoint, how, *args)]

    def _guard(self, dependency: Dependency) -> list[Step]:
        reads, calls, _ = self._call(dependency)
        return [*reads, *_check(reads), *calls]

    def _hidden_guards(self, function: Callable[..., Any]) -> list[Dependency]:
        """The dependencies of a signature that are guards, or need one: they come first, unless they need the body."""
        found = [p.marker for p in read_signature(function) if isinstance(p.marker, Dependency)]
        return [d for d in found if self._needs_guard(d.call) and not self._needs_body(d.call)]

    def _needs_guard(self, function: Callable[..., Any]) -> bool:
        return is_guard(function) or any(self._needs_guard(call) for call in _dependencies_of(function))

    def _needs_body(self, function: Callable[..., Any]) -> bool:
        own = any(self._is_body(parameter) for parameter in read_signature(function))
        return own or any(self._needs_body(call) for call in _dependencies_of(function))

    def _call(self, dependency: Dependency) -> tuple[list[Step], list[Step], str]:
        """A dependency's reads, its calls (those it depends on first), and the local that holds its value."""
        self.dependencies.add(dependency.call)
        function = self._overrides.get(dependency.call, dependency.call)
        known = self._shared.get(function) if dependency.use_cache else None
        if known is not None:
            return [], [], known
        if function in self._calling:
            circle = " -> ".join(map(callable_name, (*self._calling, function)))
            raise BindingError(f"dependencies of {self.route.title} ({self.route.location}) go in a circle: {circle}")
        self._calling.append(function)
        reads, calls, args = self._arguments(function)
        self._calling.pop()
        local = self.names.take(f"a_{callable_name(function)}")
        if dependency.use_cache:
            self._shared[function] = local
        how = how_called(function)
        call = Call(local, _entered(function, how), how, *args, scope=dependency.scope)
        return reads, [*calls, call], local

    def _arguments(
        self, function: Callable[..., Any]
    ) -> tuple[list[Step], list[Step], tuple[tuple[str, ...], tuple[tuple[str, str], ...]]]:
        """What a callable needs: reads, calls, and the locals that are its positional and keyword arguments."""
        reads: list[Step] = []
        calls: list[Step] = []
        positional: list[str] = []
        keywords: list[tuple[str, str]] = []
        for parameter in read_signature(function):
            if isinstance(parameter.marker, Dependency):
                more, called, local = self._call(parameter.marker)
                reads += more
                calls += called
            else:
                more, local = self._read(parameter)
                reads += more
            if parameter.keyword_only:
                keywords.append((parameter.name, local))
            else:
                positional.append(local)
        return reads, calls, (tuple(positional), tuple(keywords))

    def _read(self, parameter: Parameter) -> tuple[list[Step], str]:
        """The step that fills one parameter, and its local."""
        what = GIVEN.get(parameter.annotation) if isinstance(parameter.annotation, type) else None
        if what is None and parameter.annotation is UNANNOTATED and parameter.name in ("request", "websocket"):
            what = parameter.name
        if what is not None:
            return self._give(parameter, what)
        local = self.names.take(f"a_{parameter.name}")
        marker = parameter.marker if isinstance(parameter.marker, Marker) else None
        key = (marker.alias if marker else None) or parameter.name
        if key in self._holes and (marker is None or marker.source == "path"):
            return [self._hole(parameter, key, local, marker)], local
        if marker is not None and marker.source == "path":
            raise BindingError(f"{parameter.where}: {self.route.path!r} has no hole {{{key}}}{_near(key, self._holes)}")
        if self._is_body(parameter):
            return [self._read_body(parameter, local)], local
        return [self._text(parameter, key, local, marker)], local

    def _give(self, parameter: Parameter, what: Any) -> tuple[list[Step], str]:
        if what == "request" and self.route.is_socket:
            raise BindingError(f"{parameter.where}: {self.route.title} has no Request: ask for a WebSocket")
        if what == "websocket" and not self.route.is_socket:
            raise BindingError(f"{parameter.where}: {self.route.title} is not a WebSocket route: ask for a Request")
        if what == "response" and self.route.is_socket:
            raise BindingError(f"{parameter.where}: a WebSocket has no Response to set headers on")
        if what in self._given:
            return [], self._given[what]
        local = self._given[what] = self.names.take(f"a_{what}")
        return [Give(local, what, parameter)], local

    def _hole(self, parameter: Parameter, key: str, local: str, marker: Marker | None) -> Step:
        hole = self.route.template.holes[self._holes[key]]
        self._taken.add(key)
        annotation, _ = strip_optional(parameter.annotation)
        converted = hole.converter.type
        limits = marker.constraints if marker else Constraints()
        if converted is not str:
            if annotation not in (UNANNOTATED, converted, Any, object) or limits != Constraints():
                raise BindingError(
                    f"{parameter.where} gets {converted.__name__} from {{{key}:{hole.converter.name}}}: annotate it so, "
                    f"or write {{{key}}} in the path and keep the annotation and its constraints"
                )
            return Take(local, self._holes[key], parameter)
        if annotation in (UNANNOTATED, str) and limits == Constraints():
            return Take(local, self._holes[key], parameter)
        return self._text(parameter, key, local, marker, self._holes[key])

    def _text(
        self, parameter: Parameter, key: str, local: str, marker: Marker | None, index: int | None = None
    ) -> Step:
        source: Any = "path" if index is not None else marker.source if marker else "query"
        annotation, _ = strip_optional(parameter.annotation)
        found = find_parser(annotation)
        if found is None:
            raise BindingError(self._unbindable(parameter, key))
        parse, kind = found
        if source == "header" and (marker is None or marker.alias is None):
            key = key.replace("_", "-")
        if source == "header":
            key = key.lower()
        limits = marker.constraints if marker else Constraints()
        reader = make_reader(source, key, parse, kind, parameter.default, limits)
        return Read(local, source, key, reader, parameter, index)

    def _is_body(self, parameter: Parameter) -> bool:
        if isinstance(parameter.marker, Marker):
            return parameter.marker.source == "body"
        annotation, _ = strip_optional(parameter.annotation)
        if annotation in (UNANNOTATED, Any, object) or find_parser(annotation) is not None:
            return False
        if isinstance(parameter.annotation, type) and issubclass(parameter.annotation, (Exchange, Response, State)):
            return False
        return parameter.marker is None and (annotation in (dict, list) or self._backend(annotation) is not None)

    def _read_body(self, parameter: Parameter, local: str) -> Step:
        if self.route.is_socket:
            raise BindingError(f"{parameter.where}: a WebSocket's handshake has no body")
        if self._body is not None:
            raise BindingError(
                f"{parameter.where} and {self._body.where} both take the body: keep one, or make them fields of one model"
            )
        self._body = parameter
        annotation, optional = strip_optional(parameter.annotation)
        backend = self._backend(annotation)
        if backend is not None:
            decode = backend.decoder(annotation)
        elif (get_origin(annotation) or annotation) in _RAW or annotation in (UNANNOTATED, Any, object):
            decode = self._raw_decoder(annotation)
        else:
            raise BindingError(self._unbindable(parameter, parameter.name))
        has_default = parameter.default is not MISSING
        if has_default:
            decode = _or_default(decode, parameter.default)
        check = check_optional_json_type if has_default or optional else check_json_type
        return Body(local, check, decode, self.route.max_content_length, parameter)

    def _raw_decoder(self, annotation: Any) -> Decode:
        wanted = get_origin(annotation) or annotation
        encoder: list[JSONEncoder] = []

        def decode(body: bytes, errors: list[ErrorItem]) -> Any:
            if not encoder:
                encoder.append(self._encoder())  # loaded at the first request, not at import of the user's module
            value = decode_json(body, encoder[0])
            if wanted in _RAW and not isinstance(value, wanted):
                errors.append({"loc": ["body"], "msg": f"Expected {_RAW[wanted]}", "type": "type_error"})
            return value

        return decode

    def _backend(self, annotation: Any) -> ModelBackend | None:
        if annotation in (dict, list):
            return None
        return next((backend for backend in _backends() if backend.matches(annotation)), None)

    def _unbindable(self, parameter: Parameter, key: str) -> str:
        if parameter.annotation is UNANNOTATED:
            return (
                f"{parameter.where} has no annotation: write {parameter.name}: str, or Request, or Depends(...)"
                f"{_near(key, self._holes)}"
            )
        shown = getattr(parameter.annotation, "__qualname__", None) or str(parameter.annotation)
        return (
            f"{parameter.where}: nothing fills {shown}. A scalar is read from the query, a msgspec Struct, dict or list from the "
            f"body; for anything else write Depends(...)"
        )

    def _refuse_open_holes(self) -> None:
        open_holes = [name for name in self._holes if name not in self._taken]
        if open_holes and not self._takes_exchange():
            names = [parameter.name for parameter in read_signature(self.route.endpoint)]
            raise BindingError(
                f"{self.route.title}: no parameter of {callable_name(self.route.endpoint)} ({self.route.location}) takes "
                f"{{{open_holes[0]}}}{_near(open_holes[0], names)}"
            )

    def _takes_exchange(self) -> bool:
        """Whoever asks for the Request or WebSocket may read `path_params` there."""
        return "request" in self._given or "websocket" in self._given


def check_endpoint(endpoint: Endpoint) -> None:
    """What is wrong with a signature wherever its route ends up: raised at decoration."""
    read_signature(endpoint)


_JSON_TYPES: set[str] = {"application/json"}
_MAX_JSON_TYPES = 256


def check_json_type(content_type: str | None, encoding: str | None) -> None:
    """Raise UnsupportedMediaType unless the body is JSON by its type, `application/json` or `application/*+json`.

    A missing type is refused too: a page of another origin can send such a request without asking first (a CSRF). A compressed
    body is refused, not inflated.
    """
    if content_type not in _JSON_TYPES:
        _check_new_type(content_type)
    if encoding is not None and encoding != "identity":
        raise UnsupportedMediaType("the body must not be compressed")


def check_optional_json_type(content_type: str | None, encoding: str | None) -> None:
    """As `check_json_type`, for a body that may be missing and then has no type either."""
    if content_type is not None:
        check_json_type(content_type, encoding)


def _check_new_type(content_type: str | None) -> None:
    kind, _, parameters = (content_type or "").partition(";")
    kind = kind.strip().lower()
    charset = parameters.replace(" ", "").lower()
    is_json = kind == "application/json" or kind.startswith("application/") and kind.endswith("+json")
    if content_type is None or not is_json or "charset" in charset and 'charset=utf-8' not in charset.replace('"', ""):
        raise UnsupportedMediaType("the body must be application/json")
    if len(_JSON_TYPES) >= _MAX_JSON_TYPES:
        _JSON_TYPES.clear()
    _JSON_TYPES.add(content_type)


_RAW = {dict: "an object", list: "an array"}

RESERVED = frozenset(
    "scope proto receive send values headers query cookies errors body result response request websocket connection "
    "teardown ready encode head exc entered handle enter".split()
)
"""Locals of generated code that no parameter may be called."""


def _or_default(decode: Decode, default: Any) -> Decode:
    def decode_or_default(body: bytes, errors: list[ErrorItem]) -> Any:
        return decode(body, errors) if body else default

    return decode_or_default


def _check(reads: Sequence[Step]) -> list[Step]:
    """A Check, if one of the reads can find an error."""
    can_fail = any(isinstance(step, Body) or isinstance(step, Read) and step.reader is not None for step in reads)
    return [Check()] if can_fail else []


def _dependencies_of(function: Callable[..., Any]) -> list[Callable[..., Any]]:
    return [p.marker.call for p in read_signature(function) if isinstance(p.marker, Dependency)]


def _entered(function: Callable[..., Any], how: How) -> Callable[..., Any]:
    """Generator functions as makers of context managers, so that entering and leaving is contextlib's business."""
    if how is How.ASYNC_GENERATOR:
        return asynccontextmanager(function)
    if how is How.GENERATOR:
        return contextmanager(function)
    return function


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


_found: list[ModelBackend] = []
_found_with: set[str] = set()


def _backends() -> Sequence[ModelBackend]:
    """The model backends; looked up again once a library was imported that was not there before."""
    import sys

    present = {name for name in ("msgspec",) if name in sys.modules}
    if not _found or present != _found_with:
        _found[:] = find_backends()
        _found_with.update(present)
    return _found
