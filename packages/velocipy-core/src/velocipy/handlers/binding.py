"""Decides what fills each parameter, and in which order: signatures -> the steps of a plan. Runs at registration only."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterable, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, NamedTuple

from velocipy.exceptions import BindingError
from velocipy.handlers.app_scope import Resolve, app_call
from velocipy.handlers.markers import Dependency, Scope, is_guard, the_annotation
from velocipy.handlers.names import Names
from velocipy.handlers.plan import (
    Always,
    AppValue,
    Body,
    Call,
    Check,
    Constant,
    Only,
    Read,
    Spread,
    Step,
)
from velocipy.handlers.reading import Reading
from velocipy.handlers.schemes import SecurityScopes, joined_scopes
from velocipy.handlers.signature import (
    ENTERED,
    How,
    Parameter,
    as_context_manager,
    how_called,
    identity,
    read_signature,
    return_annotation,
)
from velocipy.handlers.sources import FindBackend, given_by
from velocipy.handlers.streams import check_stream, yields
from velocipy.models.base import FindEncoder
from velocipy.routing.route import Route, callable_name, shown

Overrides = Mapping[Callable[..., Any], Callable[..., Any]]

_ORDER: dict[Scope | None, int] = {"function": 0, None: 1, "request": 2}
"""Which scope ends before which."""


def resolver(overrides: Overrides) -> Resolve:
    """A function that says what is called for a dependency: itself, or what overrides it."""

    def resolve(dependency: Dependency) -> Callable[..., Any]:
        call = dependency.call
        return overrides.get(call, call) if identity(call) is call else call

    return resolve


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

    def __init__(
        self, route: Route, find_backend: FindBackend, find_encoder: FindEncoder, overrides: Overrides
    ) -> None:
        self.route = route
        self.names: Names = Names()
        self.dependencies: set[Hashable] = set()
        self.app_scoped: list[Dependency] = []
        """The app-scoped dependencies, in the order in which they are needed."""
        self._reading = Reading(route, self.names, find_backend, find_encoder)
        self._resolve = resolver(overrides)
        self._signatures: dict[int, tuple[Parameter, ...]] = {}
        self._shared: dict[Hashable, str] = {}
        self._early: list[tuple[Dependency, str]] = []
        self._endings: dict[str, _Ending] = {}
        self._calling: list[Callable[..., Any]] = []
        self._scopes: tuple[str, ...] = ()
        """What `Security` asks for around the callable that is being bound."""

    def next_segment(self) -> None:
        """What follows is laid out in a function of its own, which is given the exchange anew."""
        self._reading.next_segment()

    def announce(self, listed: Iterable[Any]) -> None:
        """Say beforehand which dependencies app, routers and route list. Raises BindingError for what is none."""
        for dependency in listed:
            if not isinstance(dependency, Dependency) or dependency.call is the_annotation:
                raise BindingError(
                    f"dependencies of {self.route.title} ({self.route.location}) holds {_listed(dependency)}"
                )
        called, seen = [*map(self._resolve, listed), self.route.endpoint], set[int]()
        found: list[Parameter] = []
        for function in called:
            self._collect(function, seen, found)
        self._reading.announce(found)

    def guards(self, dependencies: Iterable[Dependency]) -> list[Step]:
        """Dependencies listed on app, routers and route: each reads, checks and is called before the next one."""
        return [step for dependency in dependencies for step in self._guard(dependency)]

    def hook(self, function: Callable[..., Any], token: str | None) -> list[Step]:
        """A middleware's `before`, bound as a dependency is; its result goes to the local `token`."""
        needs = self._needs(function)
        how = how_called(function)
        if how in ENTERED:
            raise BindingError(
                f"{shown(function)} is a before-hook and must return, not yield: what comes after stands in finish(token, response)"
            )
        how = How.PLAIN if how is How.THREAD else how  # hooks are short and run in the event loop
        call = Call(token, function, how, needs.positional, needs.keywords)
        return [*needs.reads, *_check(needs.reads), *needs.calls, call]

    @contextmanager
    def apart(self) -> Generator[None, None, None]:
        """What is bound inside of this is read and called only at times, so that nothing outside may share it."""
        shared = self._shared.copy()
        with self._reading.apart():
            yield
        self._shared = shared

    def offer(self, kind: type, token: str) -> None:
        """Whoever is bound from here on and asks for a `kind` gets that local."""
        self._reading.offer(kind, token)

    def endpoint(self) -> list[Step]:
        """Everything between the guards and the result. Raises BindingError for holes that no parameter takes."""
        endpoint = self.route.endpoint
        guards = [step for dependency in self._hidden_guards(endpoint) for step in self._guard(dependency)]
        needs = self._needs(endpoint)
        how = how_called(endpoint)
        cancels = self.route.options.on_disconnect == "cancel" and how is not How.ASYNC_GENERATOR
        if yields(endpoint) and not self.route.is_socket:
            check_stream(self.route, return_annotation(endpoint))
            how = How.THREAD if cancels else How.PLAIN  # the call alone runs nothing
        elif how in ENTERED:
            raise BindingError(
                f"the endpoint {shown(endpoint)} is a context manager, or yields on a WebSocket: it must return"
            )
        self._refuse_open_holes()
        if self.route.constant is not None:
            return [*guards, Always(self.route.constant, self.route.wording.media_type)]
        if cancels and how is not How.AWAIT:
            raise BindingError(
                f"the endpoint {shown(endpoint)} is sync, which nothing can cancel: make it async, or leave on_disconnect out"
            )
        call = Call("result", endpoint, how, needs.positional, needs.keywords, while_there=cancels)
        reads = [*needs.reads, *self._reading.only()]
        return [*guards, *reads, *_check(reads), *needs.calls, call]

    # -- guards ------------------------------------------------------------------------------------------------

    def _guard(self, dependency: Dependency) -> list[Step]:
        reads, calls, local = self._call(dependency)
        if not dependency.use_cache:
            self._early.append((dependency, local))
        return [*reads, *_check(reads), *calls]

    def _hidden_guards(self, function: Callable[..., Any], above: tuple[int, ...] = ()) -> list[Dependency]:
        """The guards in the tree of a signature, and what needs one and no body: they come first."""
        found: list[Dependency] = []
        for dependency in self._dependencies_of(function):
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
            self._reaches(needed, passes, seen) for needed in self._dependencies_of(function)
        )

    def _is_guard(self, dependency: Dependency) -> bool:
        marked = dependency.scopes is not None or is_guard(dependency.call)
        return marked or is_guard(self._resolve(dependency))

    def _needs_body(self, dependency: Dependency) -> bool:
        return any(map(self._reading.needs_body, self._signature(self._resolve(dependency))))

    # -- calls -------------------------------------------------------------------------------------------------

    def _call(self, dependency: Dependency) -> tuple[list[Step], list[Step], str]:
        """A dependency's reads, its calls (those it depends on first), and the local that holds its value."""
        outer = self._scopes
        self._scopes = joined_scopes(outer, dependency.scopes) if dependency.scopes else outer
        bound = self._call_in_scopes(dependency)
        self._scopes = outer
        return bound

    def _call_in_scopes(self, dependency: Dependency) -> tuple[list[Step], list[Step], str]:
        self.dependencies.add(identity(dependency.call))
        function = self._resolve(dependency)
        known = self._known(dependency, function)
        if known is not None:
            return [], [], known
        if dependency.scope == "app":
            return self._app_value(dependency, function)
        if any(function is caller for caller in self._calling):
            circle = " -> ".join(callable_name(caller) for caller in (*self._calling, function))
            raise BindingError(
                f"dependencies of {self.route.title} ({self.route.location}) go in a circle: {circle}; "
                f"{shown(function)} must not need itself"
            )
        self._calling.append(function)
        needs = self._needs(function)
        self._calling.pop()
        local = self.names.take_local(callable_name(function))
        if dependency.use_cache:
            self._shared[self._shared_key(dependency, function)] = local
        how = how_called(function)
        self._note_ending(local, function, how, dependency.scope, needs)
        call = Call(
            local, as_context_manager(function, how), how, needs.positional, needs.keywords, dependency.scope
        )
        return needs.reads, [*needs.calls, call], local

    def _app_value(
        self, dependency: Dependency, function: Callable[..., Any]
    ) -> tuple[list[Step], list[Step], str]:
        local = self._shared[self._shared_key(dependency, function)] = self.names.take_local(
            callable_name(function)
        )
        self.app_scoped.append(dependency)
        return [], [AppValue(local, app_call(function, self._resolve))], local

    def _shared_key(self, dependency: Dependency, function: Callable[..., Any]) -> Hashable:
        """Who asks for one callable gets one value; a value of the app and one of the request are two, and so are two that are
        asked for with different scopes, where anybody looks at these."""
        scopes = self._scopes if self._scopes and self._reaches(dependency, self._takes_scopes) else ()
        return identity(function), dependency.scope == "app", scopes

    def _takes_scopes(self, dependency: Dependency) -> bool:
        parameters = self._signature(self._resolve(dependency))
        return any(given_by(parameter) == "scopes" for parameter in parameters)

    def _known(self, dependency: Dependency, function: Callable[..., Any]) -> str | None:
        """The local of a call that is made already: a shared one, or this very one as a guard."""
        if dependency.use_cache:
            known = self._shared.get(self._shared_key(dependency, function))
            if known is not None and dependency.scope != "app":
                self._refuse_other_scope(dependency, function, known)
            return known
        for index, (early, local) in enumerate(self._early):
            if early is dependency:
                del self._early[index]
                return local
        return None

    def _refuse_other_scope(self, dependency: Dependency, function: Callable[..., Any], local: str) -> None:
        """Who shares a value must agree on when it ends."""
        ending = self._endings.get(local)
        if ending is not None and ending.function is function and ending.scope != dependency.scope:
            raise BindingError(
                f"{shown(function)} is needed with scope={ending.scope!r} and with scope={dependency.scope!r} in {self.route.title} "
                f"({self.route.location}): give both the same scope, or one use_cache=False"
            )

    def _note_ending(
        self, local: str, function: Callable[..., Any], how: How, scope: Scope | None, needs: _Needs
    ) -> None:
        """Remember when a value ends. Raises BindingError for one that would outlive what it is made from."""
        endings = [self._endings[used] for used in needs.locals if used in self._endings]
        first = min(endings, key=lambda ending: _ORDER[ending.scope], default=None)
        if how in ENTERED:
            if first is not None and _ORDER[first.scope] < _ORDER[scope]:
                raise BindingError(
                    f"{shown(function)} has scope={scope!r} and would outlive {shown(first.function)}, which it "
                    f"uses and which has scope={first.scope!r}: give both the same scope in Depends(...)"
                )
            first = _Ending(function, scope)
        if first is not None:
            self._endings[local] = first

    def _needs(self, function: Callable[..., Any]) -> _Needs:
        """The reads, calls and arguments of a callable, in the order of its signature."""
        needed_reads: list[Step] = []
        needed_calls: list[Step] = []
        positional: list[str] = []
        keywords: list[tuple[str, str]] = []
        filled: list[tuple[Parameter, Step]] = []
        for parameter in self._signature(function):
            if isinstance(parameter.marker, Dependency):
                reads, calls, local = self._call(parameter.marker)
                needed_calls += calls
            elif given_by(parameter) == "scopes":
                local = self.names.take_local(parameter.name)
                reads = [Constant(local, SecurityScopes(self._scopes), parameter)]
            else:
                reads, local = self._reading.read(parameter)
                filled += [(parameter, step) for step in reads]
            needed_reads += reads
            if parameter.keyword_only:
                keywords.append((parameter.name, local))
            else:
                positional.append(local)
        self._refuse_doubles(function, filled)
        return _Needs(needed_reads, needed_calls, tuple(positional), tuple(keywords))

    def _signature(self, function: Callable[..., Any]) -> tuple[Parameter, ...]:
        """The parameters of a function, the very same objects each time."""
        known = self._signatures.get(id(function))
        if known is None:
            known = self._signatures[id(function)] = read_signature(function)
        return known

    def _dependencies_of(self, function: Callable[..., Any]) -> list[Dependency]:
        return [p.marker for p in self._signature(function) if isinstance(p.marker, Dependency)]

    def _collect(self, function: Callable[..., Any], seen: set[int], found: list[Parameter]) -> None:
        """Add every parameter that is read for a callable, those of its dependencies included, each once."""
        if id(function) in seen:
            return
        seen.add(id(function))
        for parameter in self._signature(function):
            if isinstance(parameter.marker, Dependency):
                self._collect(self._resolve(parameter.marker), seen, found)
            else:
                found.append(parameter)

    # -- what is wrong -----------------------------------------------------------------------------------------

    def _refuse_doubles(self, function: Callable[..., Any], reads: Sequence[tuple[Parameter, Step]]) -> None:
        """Two parameters of one function that read one thing are a mistake; of two functions they are not."""
        seen: dict[tuple[str, str], Parameter] = {}
        for parameter, step in reads:
            if isinstance(step, Read):
                other = seen.setdefault((step.source, step.key), parameter)
                if other is not parameter:
                    raise BindingError(
                        f"{parameter.where} and parameter {other.name!r} both read the {step.source} {step.key!r}: "
                        f"give one another alias, or leave it out"
                    )

    def _refuse_open_holes(self) -> None:
        """Whoever asks for the Request or WebSocket may read `path_params` there; otherwise every hole has its parameter."""
        open_holes = [name for name in self._reading.holes if name not in self._reading.taken]
        if open_holes and not self._reaches(Dependency(self.route.endpoint), self._takes_exchange):
            names = [parameter.name for parameter in self._signature(self.route.endpoint)]
            raise BindingError(
                f"{self.route.title}: no parameter of {shown(self.route.endpoint)} takes "
                f"{{{open_holes[0]}}}{_rename(open_holes[0], names)}"
            )

    def _takes_exchange(self, dependency: Dependency) -> bool:
        function = self._resolve(dependency)
        # A dependency that takes an Exchange is one for every route, and reads no holes of a single one.
        takes = (*_EXCHANGES, "exchange") if function is self.route.endpoint else _EXCHANGES
        return any(given_by(parameter) in takes for parameter in self._signature(function))


_EXCHANGES = ("request", "websocket")


def _check(reads: Sequence[Step]) -> list[Step]:
    """A Check, if one of the reads can find an error."""
    for step in reads:
        if isinstance(step, (Body, Spread, Only)) or (isinstance(step, Read) and step.reader is not None):
            return [Check()]
    return []


def _rename(hole: str, names: Sequence[str]) -> str:
    """What to do about a hole that none of the parameters takes."""
    if hole in names:
        return (
            f": {hole!r} reads something else, as its marker says. Leave that out, or name the hole otherwise"
        )
    near = get_close_matches(hole, names, 1)
    return (
        f"; did you mean {near[0]!r} in the path, or {hole!r} in the function?"
        if near
        else f": add {hole}: str"
    )


def _listed(dependency: object) -> str:
    """What stands in a list of dependencies and is none, and what to write in its place."""
    if not callable(dependency) or isinstance(dependency, Dependency):
        return f"{dependency!r}: write Depends(...) with a function"
    return f"{callable_name(dependency)} itself: write Depends({callable_name(dependency)})"
