"""Decides what fills each parameter, and in which order: signatures -> the steps of a plan. Runs at registration only."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from difflib import get_close_matches
from typing import Any, NamedTuple, cast

from velocipy.exceptions import BindingError
from velocipy.handlers.bodies import (
    check_json_type,
    check_optional_json_type,
    find_backend,
    is_anything,
    is_raw,
    or_default,
    raw_decoder,
)
from velocipy.handlers.convert import find_parser, make_reader, misplaced, strip_optional
from velocipy.handlers.markers import MISSING, NO_LIMITS, Dependency, Marker, Scope, is_guard
from velocipy.handlers.names import Names
from velocipy.handlers.plan import Body, Call, Check, Give, Given, Read, Source, Step, Take
from velocipy.handlers.signature import (
    ENTERED,
    UNANNOTATED,
    How,
    Parameter,
    how_called,
    identity,
    read_signature,
)
from velocipy.http.request import Exchange, Request
from velocipy.http.response import Response
from velocipy.json.base import JSONEncoder
from velocipy.models.base import Decode
from velocipy.routing.route import Route, callable_name, location_of
from velocipy.state import State
from velocipy.websocket import WebSocket

GIVEN: dict[type, Given] = {
    Request: "request",
    WebSocket: "websocket",
    Response: "response",
    State: "state",
}
"""Annotations that are filled with an object of the exchange."""

Overrides = Mapping[Callable[..., Any], Callable[..., Any]]

_ORDER: dict[Scope | None, int] = {"function": 0, None: 1, "request": 2}
"""Which scope ends before which."""


class _Ending(NamedTuple):
    """The first thing to be left of all that a local depends on."""

    function: Callable[..., Any]
    scope: Scope | None


class _Needs(NamedTuple):
    """What a callable needs: the reads and calls before it, and the locals that are its arguments."""

    reads: list[Step]
    calls: list[Step]
    positional: tuple[str, ...]
    keywords: tuple[tuple[str, str], ...]

    @property
    def locals(self) -> tuple[str, ...]:
        return (*self.positional, *(local for _, local in self.keywords))


class Binder:
    """Lays out one route. Every callable is bound once: who shares a dependency shares its local."""

    def __init__(self, route: Route, encoder: Callable[[], JSONEncoder], overrides: Overrides) -> None:
        self.route = route
        self.names = Names()
        self.dependencies: set[Hashable] = set()
        self._encoder = encoder
        self._overrides = overrides
        self._holes = {hole.name: index for index, hole in enumerate(route.template.holes)}
        self._taken: set[str] = set()
        self._shared: dict[Hashable, str] = {}
        self._early: list[tuple[Dependency, str]] = []
        self._endings: dict[str, _Ending] = {}
        self._given: dict[Given, str] = {}
        self._body: Parameter | None = None
        self._calling: list[Callable[..., Any]] = []

    def next_segment(self) -> None:
        """What follows is laid out in a function of its own, which is given the exchange anew."""
        self._given = {}

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
        needs = self._needs(function)
        how = how_called(function)
        if how in ENTERED:
            raise BindingError(f"{_shown(function)} is a before-hook and must return, not yield")
        how = How.PLAIN if how is How.THREAD else how  # hooks are short and run in the event loop
        call = Call(token, function, how, needs.positional, needs.keywords)
        return [*needs.reads, *_check(needs.reads), *needs.calls, call]

    def endpoint(self) -> list[Step]:
        """Everything between the guards and the result. Raises BindingError for holes that no parameter takes."""
        endpoint = self.route.endpoint
        guards = [step for dependency in self._hidden_guards(endpoint) for step in self._guard(dependency)]
        needs = self._needs(endpoint)
        how = how_called(endpoint)
        if how in ENTERED:
            raise BindingError(
                f"the endpoint {_shown(endpoint)} yields: return StreamingResponse(rows()) instead"
            )
        self._refuse_open_holes()
        call = Call("result", endpoint, how, needs.positional, needs.keywords)
        return [*guards, *needs.reads, *_check(needs.reads), *needs.calls, call]

    # -- guards ------------------------------------------------------------------------------------------------

    def _guard(self, dependency: Dependency) -> list[Step]:
        reads, calls, local = self._call(dependency)
        if not dependency.use_cache:
            self._early.append((dependency, local))
        return [*reads, *_check(reads), *calls]

    def _hidden_guards(self, function: Callable[..., Any], above: tuple[int, ...] = ()) -> list[Dependency]:
        """The guards in the tree of a signature, and what needs one and no body: they come first."""
        found: list[Dependency] = []
        for dependency in _dependencies_of(function):
            replaced = self._resolve(dependency)
            if id(replaced) in above:
                continue  # a circle, which _call finds and names
            if self._is_guard(dependency):
                found.append(dependency)
            elif self._reaches(dependency, self._is_guard):
                if self._reaches(dependency, self._needs_body):
                    found += self._hidden_guards(replaced, (*above, id(replaced)))
                else:
                    found.append(dependency)
        return found

    def _reaches(
        self, dependency: Dependency, passes: Callable[[Dependency], bool], seen: set[int] | None = None
    ) -> bool:
        """Whether a dependency, or one of those that it depends on, passes."""
        seen = set() if seen is None else seen
        function = self._resolve(dependency)
        if id(function) in seen:
            return False
        seen.add(id(function))
        return passes(dependency) or any(
            self._reaches(needed, passes, seen) for needed in _dependencies_of(function)
        )

    def _is_guard(self, dependency: Dependency) -> bool:
        return is_guard(dependency.call) or is_guard(self._resolve(dependency))

    def _needs_body(self, dependency: Dependency) -> bool:
        return any(self._is_body(parameter) for parameter in read_signature(self._resolve(dependency)))

    # -- calls -------------------------------------------------------------------------------------------------

    def _resolve(self, dependency: Dependency) -> Callable[..., Any]:
        """What is called: the dependency, or what overrides it."""
        key = identity(dependency.call)
        return (
            self._overrides.get(dependency.call, dependency.call)
            if key is dependency.call
            else dependency.call
        )

    def _call(self, dependency: Dependency) -> tuple[list[Step], list[Step], str]:
        """A dependency's reads, its calls (those it depends on first), and the local that holds its value."""
        self.dependencies.add(identity(dependency.call))
        function = self._resolve(dependency)
        known = self._known(dependency, function)
        if known is not None:
            return [], [], known
        if any(function is caller for caller in self._calling):
            circle = " -> ".join(callable_name(caller) for caller in (*self._calling, function))
            raise BindingError(
                f"dependencies of {self.route.title} ({self.route.location}) go in a circle: {circle}; "
                f"{_shown(function)} must not need itself"
            )
        self._calling.append(function)
        needs = self._needs(function)
        self._calling.pop()
        local = self.names.take_local(callable_name(function))
        if dependency.use_cache:
            self._shared[identity(function)] = local
        how = how_called(function)
        self._note_ending(local, function, how, dependency.scope, needs)
        call = Call(local, _entered(function, how), how, needs.positional, needs.keywords, dependency.scope)
        return needs.reads, [*needs.calls, call], local

    def _known(self, dependency: Dependency, function: Callable[..., Any]) -> str | None:
        """The local of a call that is made already: a shared one, or this very one as a guard."""
        if dependency.use_cache:
            return self._shared.get(identity(function))
        for index, (early, local) in enumerate(self._early):
            if early is dependency:
                del self._early[index]
                return local
        return None

    def _note_ending(
        self, local: str, function: Callable[..., Any], how: How, scope: Scope | None, needs: _Needs
    ) -> None:
        """Remember when a value ends. Raises BindingError for one that would outlive what it is made from."""
        endings = [self._endings[used] for used in needs.locals if used in self._endings]
        first = min(endings, key=lambda ending: _ORDER[ending.scope], default=None)
        if how in ENTERED:
            if first is not None and _ORDER[first.scope] < _ORDER[scope]:
                raise BindingError(
                    f"{_shown(function)} has scope={scope!r} and would outlive {_shown(first.function)}, which it "
                    f"uses and which has scope={first.scope!r}: give both the same scope in Depends(...)"
                )
            first = _Ending(function, scope)
        if first is not None:
            self._endings[local] = first

    def _needs(self, function: Callable[..., Any]) -> _Needs:
        """The reads, calls and arguments of a callable, in the order of its signature."""
        needs = _Needs([], [], (), ())
        positional: list[str] = []
        keywords: list[tuple[str, str]] = []
        for parameter in read_signature(function):
            if isinstance(parameter.marker, Dependency):
                reads, calls, local = self._call(parameter.marker)
                needs.calls.extend(calls)
            else:
                reads, local = self._read(parameter)
            needs.reads.extend(reads)
            if parameter.keyword_only:
                keywords.append((parameter.name, local))
            else:
                positional.append(local)
        return needs._replace(positional=tuple(positional), keywords=tuple(keywords))

    # -- reads -------------------------------------------------------------------------------------------------

    def _read(self, parameter: Parameter) -> tuple[list[Step], str]:
        """The step that fills one parameter, and its local."""
        marker = parameter.marker if isinstance(parameter.marker, Marker) else None
        key = (marker.alias if marker else None) or parameter.name
        in_path = key in self._holes and (marker is None or marker.source == "path")
        what = _given_by(parameter)
        if what is not None and not in_path:
            return self._give(parameter, what)
        local = self.names.take_local(parameter.name)
        if in_path:
            return [self._hole(parameter, key, local, marker)], local
        if marker is not None and marker.source == "path":
            raise BindingError(
                f"{parameter.where}: {self.route.path!r} has no hole {{{key}}}{_near(key, self._holes)}; write one, "
                f"or read it from elsewhere with Query()"
            )
        if self._is_body(parameter):
            return [self._read_body(parameter, local)], local
        return [self._text(parameter, key, local, marker)], local

    def _give(self, parameter: Parameter, what: Given) -> tuple[list[Step], str]:
        wrong = _SOCKET_LACKS.get(what) if self.route.is_socket else _HTTP_LACKS.get(what)
        if wrong is not None:
            raise BindingError(f"{parameter.where}: {wrong.format(title=self.route.title)}")
        if what in self._given:
            return [], self._given[what]
        local = self._given[what] = self.names.take_local(what)
        return [Give(local, what, parameter)], local

    def _hole(self, parameter: Parameter, key: str, local: str, marker: Marker | None) -> Step:
        hole = self.route.template.holes[self._holes[key]]
        self._taken.add(key)
        annotation, _ = strip_optional(parameter.annotation)
        converted = hole.converter.type
        limits = marker.constraints if marker else NO_LIMITS
        if converted is not str:
            if annotation not in (UNANNOTATED, converted, Any, object) or limits != NO_LIMITS:
                raise BindingError(
                    f"{parameter.where} gets {converted.__name__} from {{{key}:{hole.converter.name}}}: annotate it so, "
                    f"or write {{{key}}} in the path and keep the annotation and its constraints"
                )
            return Take(local, self._holes[key], parameter)
        if annotation in (UNANNOTATED, str) and limits == NO_LIMITS:
            return Take(local, self._holes[key], parameter)
        return self._text(parameter, key, local, marker, self._holes[key])

    def _text(
        self, parameter: Parameter, key: str, local: str, marker: Marker | None, index: int | None = None
    ) -> Step:
        source: Source = "query"
        if index is not None:
            source = "path"
        elif marker is not None:
            source = cast("Source", marker.source)
        annotation, _ = strip_optional(parameter.annotation)
        found = find_parser(annotation)
        if found is None:
            raise BindingError(self._unbindable(parameter, key))
        limits = marker.constraints if marker else NO_LIMITS
        wrong = misplaced(limits, annotation)
        if wrong is not None:
            raise BindingError(
                f"{parameter.where}: {wrong} says nothing about {_type_name(annotation)}: leave it out"
            )
        if source == "header":
            key = (key if marker and marker.alias else key.replace("_", "-")).lower()
        parse, kind = found
        reader = make_reader(source, key, parse, kind, parameter.default, limits)
        return Read(local, source, key, reader, parameter, index)

    # -- bodies ------------------------------------------------------------------------------------------------

    def _is_body(self, parameter: Parameter) -> bool:
        if parameter.marker is not None:
            return isinstance(parameter.marker, Marker) and parameter.marker.source == "body"
        annotation, _ = strip_optional(parameter.annotation)
        if parameter.name in self._holes or is_anything(annotation) or find_parser(annotation) is not None:
            return False
        if isinstance(annotation, type) and issubclass(annotation, (Exchange, Response, State)):
            return False
        return is_raw(annotation) or find_backend(annotation) is not None

    def _read_body(self, parameter: Parameter, local: str) -> Step:
        if self.route.is_socket:
            raise BindingError(
                f"{parameter.where}: a WebSocket's handshake has no body; receive() a first message"
            )
        if self._body is not None:
            raise BindingError(
                f"{parameter.where} and {self._body.where} both take the body: keep one, or make them fields of one model"
            )
        if isinstance(parameter.marker, Marker) and parameter.marker.constraints != NO_LIMITS:
            raise BindingError(
                f"{parameter.where}: Body() takes no constraints: they belong to the model's fields"
            )
        self._body = parameter
        decode = self._decoder(parameter)
        has_default = parameter.default is not MISSING
        if has_default:
            decode = or_default(decode, parameter.default)
        check = check_optional_json_type if has_default else check_json_type
        return Body(local, check, decode, self.route.max_content_length, parameter)

    def _decoder(self, parameter: Parameter) -> Decode:
        annotation, optional = strip_optional(parameter.annotation)
        if is_raw(annotation) or is_anything(annotation):
            return raw_decoder(annotation, optional, self._encoder)
        backend = find_backend(annotation)
        if backend is None:
            raise BindingError(self._unbindable(parameter, parameter.name))
        return backend.decoder(parameter.annotation)

    # -- what is wrong -----------------------------------------------------------------------------------------

    def _unbindable(self, parameter: Parameter, key: str) -> str:
        near = _near(key, set(self._holes) - self._taken)
        if parameter.annotation is UNANNOTATED:
            return f"{parameter.where} has no annotation: write {parameter.name}: str, or Request, or Depends(...){near}"
        return (
            f"{parameter.where}: nothing fills {_type_name(parameter.annotation)}. A scalar is read from the query, a "
            f"msgspec Struct, dict or list from the body; for anything else write Depends(...){near}"
        )

    def _refuse_open_holes(self) -> None:
        """Whoever asks for the Request or WebSocket may read `path_params` there; otherwise every hole has its parameter."""
        open_holes = [name for name in self._holes if name not in self._taken]
        endpoint = Dependency(self.route.endpoint)
        if open_holes and not self._reaches(endpoint, self._takes_exchange):
            names = [parameter.name for parameter in read_signature(self.route.endpoint)]
            raise BindingError(
                f"{self.route.title}: no parameter of {_shown(self.route.endpoint)} takes "
                f"{{{open_holes[0]}}}{_near(open_holes[0], names)}; add {open_holes[0]}: str"
            )

    def _takes_exchange(self, dependency: Dependency) -> bool:
        parameters = read_signature(self._resolve(dependency))
        return any(_given_by(parameter) in ("request", "websocket") for parameter in parameters)


_SOCKET_LACKS: dict[Given, str] = {
    "request": "{title} has no Request: ask for a WebSocket",
    "response": "{title} is a WebSocket route and has no Response to set headers on: leave it out",
}
_HTTP_LACKS: dict[Given, str] = {"websocket": "{title} is not a WebSocket route: ask for a Request"}


def _given_by(parameter: Parameter) -> Given | None:
    """The object of the exchange that a parameter asks for, by its annotation or, without one, by its name."""
    if parameter.annotation is UNANNOTATED and parameter.marker is None:
        by_name: dict[str, Given] = {"request": "request", "websocket": "websocket"}
        return by_name.get(parameter.name)
    return GIVEN.get(parameter.annotation) if isinstance(parameter.annotation, type) else None


def _check(reads: Sequence[Step]) -> list[Step]:
    """A Check, if one of the reads can find an error."""
    can_fail = any(
        isinstance(step, Body) or (isinstance(step, Read) and step.reader is not None) for step in reads
    )
    return [Check()] if can_fail else []


def _dependencies_of(function: Callable[..., Any]) -> list[Dependency]:
    return [
        parameter.marker for parameter in read_signature(function) if isinstance(parameter.marker, Dependency)
    ]


def _entered(function: Callable[..., Any], how: How) -> Callable[..., Any]:
    """Generator functions as makers of context managers, so that entering and leaving is contextlib's business."""
    if how is How.ASYNC_GENERATOR:
        return asynccontextmanager(function)
    if how is How.GENERATOR:
        return contextmanager(function)
    return function


def _shown(function: Callable[..., Any]) -> str:
    return f"{callable_name(function)} ({location_of(function)})"


def _type_name(annotation: Any) -> str:
    return annotation.__qualname__ if isinstance(annotation, type) else str(annotation)


def _near(name: str, known: Iterable[str]) -> str:
    near = get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""
