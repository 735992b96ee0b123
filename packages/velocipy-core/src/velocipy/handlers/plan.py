"""What a route does for each request, as frozen data: ordered steps, readable without the compiler that lays them out.

    reads and calls of guards -> all other reads, and the body -> Check -> dependencies -> the endpoint

`Plan.explain()` is its text form. Knows names of locals; knows no protocol and emits no source.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from velocipy.annotations import type_name
from velocipy.constraints import NO_LIMITS
from velocipy.handlers.app_scope import AppCall
from velocipy.handlers.bodies import ChooseDecoder
from velocipy.handlers.convert import Reader
from velocipy.handlers.markers import MISSING, Dependency, Marker, Scope, Source
from velocipy.handlers.signature import ENTERED, UNANNOTATED, How, Parameter
from velocipy.http.forms import FormLimits
from velocipy.models.base import Dumper
from velocipy.routing.route import Route, callable_name

Given = Literal[
    "request",
    "websocket",
    "response",
    "state",
    "form",
    "background",
    "headers",
    "route",
    "allowed",
    "method",
    "scheme",
    "path",
    "root",
    "query",
    "hosts",
    "scopes",
    "nothing",
]


@dataclass(frozen=True, slots=True)
class Take:
    """A value that the route tree has converted already."""

    target: str
    index: int
    parameter: Parameter


@dataclass(frozen=True, slots=True)
class Read:
    """What a source has under a key, through a reader; without one, text or default as they are.

    The source gives a text or None, or with `many` a list of texts; files give uploads, and the object of several body
    parameters gives JSON values or MISSING.
    """

    target: str
    source: Source
    key: str
    reader: Reader | None
    parameter: Parameter
    index: int | None = None
    many: bool = False
    joined: bool = False
    """Of a header: whether all its lines are one text, with commas between, and not the first alone."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A model that is read field by field from one source; `keys` are the names on the wire."""

    target: str
    source: Source
    keys: tuple[str, ...]
    read: Callable[..., Any]
    parameter: Parameter


@dataclass(frozen=True, slots=True)
class Body:
    """The request body, checked for its media type, counted, and decoded; with `several`, the object of several parameters."""

    target: str
    check_type: Callable[[str | None, str | None], None]
    decode: Callable[[bytes, list[Any]], Any]
    limit: int
    parameter: Parameter
    several: bool = False
    choose: ChooseDecoder | None = None
    """Where the body may stand in several formats: what decodes it, by its media type."""


@dataclass(frozen=True, slots=True)
class Form:
    """The request body as a form, whose files are closed after the request."""

    limits: FormLimits


@dataclass(frozen=True, slots=True)
class Only:
    """What a source has under any other key is an error."""

    source: Source
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Check:
    """Here every error found so far is raised as one 422."""


@dataclass(frozen=True, slots=True)
class Give:
    """An object of the exchange itself: the request, the websocket, the response to be, the state."""

    target: str
    what: Given
    parameter: Parameter


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is known when the route is laid out."""

    target: str
    value: Any
    parameter: Parameter


@dataclass(frozen=True, slots=True)
class Call:
    """Call a function with locals; `how` says whether to await, to use a thread, or to enter what comes back."""

    target: str | None
    function: Callable[..., Any]
    how: How
    args: tuple[str, ...] = ()
    keywords: tuple[tuple[str, str], ...] = ()
    scope: Scope | None = None
    while_there: bool = False
    """Whether the call is cancelled when the client leaves."""

    @property
    def locals(self) -> tuple[str, ...]:
        """Those that it takes."""
        return (*self.args, *(local for _, local in self.keywords))


@dataclass(frozen=True, slots=True)
class AppValue:
    """The value of an app-scoped dependency, which was made when the app started."""

    target: str
    call: AppCall


@dataclass(frozen=True, slots=True)
class Always:
    """The error that is answered to everybody, in place of a call of the endpoint."""

    content: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Refuse:
    """If the local is a Response, it is the answer."""

    target: str


@dataclass(frozen=True, slots=True)
class Answer:
    """If the local `asked` is true, the steps leave in `target` what is answered; what they read is nobody else's."""

    asked: str
    steps: tuple[Step, ...]
    target: str
    label: str


@dataclass(frozen=True, slots=True)
class Next:
    """Call a wrapping middleware, and through it the next segment."""

    dispatch: Callable[..., Any]
    inner: int


Step = (
    Take
    | Read
    | Spread
    | Body
    | Form
    | Only
    | Check
    | Give
    | Constant
    | Call
    | AppValue
    | Always
    | Refuse
    | Answer
    | Next
)


def emits_request(step: Step) -> bool:
    """Whether the step's source uses the Request."""
    if isinstance(step, Call):
        return step.while_there
    return isinstance(step, (Form, Next)) or (
        isinstance(step, Give) and step.what in ("request", "state", "background")
    )


@dataclass(frozen=True, slots=True)
class HookHeaders:
    """Headers that a hook makes: `make` gives the value of the only name or None, or with `many` (name, value) pairs.

    `names` are those that count here: of a field that two hooks set, the inner's does.
    """

    names: frozenset[str]
    make: Callable[..., Any]
    many: bool = False
    listed: frozenset[str] = frozenset()
    """With `many`, all names that may be made; those that are not in `names` are left out."""
    is_safe: bool = False
    """Without `many`: whether every value that is made may be sent, so that none is checked."""


@dataclass(frozen=True, slots=True)
class Finish:
    """What a hook does to the whole answer; `asks` says of a token and a size in bytes whether a ready body needs it.

    It is not asked about bodies of fewer than `least` bytes.
    """

    function: Callable[..., Any]
    asks: Callable[..., bool] | None
    awaits: bool
    least: int = 0
    reads: bool = False
    """Whether `function` is given the headers of the request, at the end."""
    asks_reads: bool = False
    """Whether `asks` is."""


@dataclass(frozen=True, slots=True)
class Hook:
    """A middleware of level 2: steps before, and headers made from the token that they left, or the whole answer finished."""

    label: str
    steps: tuple[Step, ...]
    token: str | None
    headers: HookHeaders | None
    state_key: str | None
    finish: Finish | None = None
    on_demand: bool = False
    """Whether the steps, and `finish`, may be left out where nobody sees the token."""

    @property
    def is_simple(self) -> bool:
        """Whether its steps are one plain call with what lies around the request: nothing to wait for, and nothing to refuse."""
        *given, call = self.steps or (None,)
        is_plain = isinstance(call, Call) and call.how is How.PLAIN
        return is_plain and all(isinstance(step, (Give, Constant)) for step in given)


@dataclass(frozen=True, slots=True)
class Segment:
    """What lies between two wrapping middlewares: constant headers, hooks, and the core that they surround.

    `carried` are locals of outer segments that this one uses: dependencies that both share.
    """

    constants: tuple[tuple[str, str], ...]
    hooks: tuple[Hook, ...]
    core: tuple[Step, ...]
    carried: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order, those of hooks and of their answers included."""
        return (*(step for hook in self.hooks for step in _spelled_out(hook.steps)), *self.core)

    def unseen(self) -> frozenset[str]:
        """The tokens of hooks on demand that nothing here shows to anybody, neither as an argument nor in a Request."""
        if any(map(emits_request, self.steps)):
            return frozenset()
        taken = set(self.arguments)
        hooks = [hook for hook in self.hooks if hook.on_demand and hook.is_simple and not hook.headers]
        return frozenset(hook.token for hook in hooks if hook.token and hook.token not in taken)

    @property
    def targets(self) -> frozenset[str]:
        """The locals that its steps set."""
        return frozenset(
            step.target
            for step in self.steps
            if isinstance(step, (Take, Read, Spread, Body, Give, Constant, Call, AppValue)) and step.target
        )

    @property
    def arguments(self) -> tuple[str, ...]:
        """The locals that its calls take, each once."""
        calls = [step for step in self.steps if isinstance(step, Call)]
        return tuple(dict.fromkeys(local for call in calls for local in call.locals))


def _spelled_out(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        if isinstance(step, Answer):
            yield from step.steps


@dataclass(frozen=True, slots=True)
class Plan:
    """A route's whole way, the outermost segment first. `dependencies` are all callables that it names, for overrides."""

    route: Route
    segments: tuple[Segment, ...]
    status: int
    result: Literal["any", "empty"]
    dependencies: frozenset[Hashable]
    app_scoped: tuple[Dependency, ...] = ()
    models: tuple[Dumper | None, ...] = (None,)
    """What checks and writes results, one for each format of the route."""
    items: Dumper | None = None
    """What checks and writes each item of a stream."""

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps of all segments."""
        return tuple(step for segment in self.segments for step in segment.steps)

    @property
    def enters(self) -> bool:
        """Whether something must be left after the request."""
        return any(
            isinstance(step, Form) or isinstance(step, Call) and step.how in ENTERED for step in self.steps
        )

    def explain(self) -> str:
        """The plan as text, a step a line."""
        lines = [f"{self.route.title} -> {callable_name(self.route.endpoint)} ({self.route.location})"]
        indent = ""
        for number, segment in enumerate(self.segments):
            indent = "  " * (number + 1)
            lines += [f"{indent}header   {name}: {value}" for name, value in segment.constants]
            for hook in segment.hooks:
                lines.append(f"{indent}hook     {hook.label}")
                lines += [f"{indent}  {describe(step)}" for step in hook.steps]
                if hook.on_demand:
                    lines.append(f"{indent}  only where somebody sees it")
                names = hook.headers.names if hook.headers else ()
                lines += [f"{indent}  header   {name}" for name in sorted(names)]
                if hook.finish is not None:
                    lines.append(f"{indent}  finish   {'if asked for' if hook.finish.asks else 'always'}")
            lines += [f"{indent}{describe(step)}" for step in segment.core]
        lines.append(f"{indent}{self._describe_result()}")
        return "\n".join(lines)

    def _describe_result(self) -> str:
        options = self.route.options
        if options.response_class is not None:
            items = "" if self.items is None else f" of {type_name(self.items.annotation)}"
            what = f"as {options.response_class.__name__}{items}"
        elif self.models[0] is not None:
            what = f"JSON of {type_name(self.models[0].annotation)}"
        else:
            what = "nothing" if self.result == "empty" else "by its class"
        others = [format.media_type if format.is_json else format.name for format in self.route.formats[1:]]
        return f"send     {self.status}: {what}{', by Accept also ' + ', '.join(others) if others else ''}"


def describe(step: Step) -> str:
    """One step as one line."""
    return _TEXTS[type(step)](step)


def _describe_call(step: Call) -> str:
    args = ", ".join([*step.args, *(f"{name}={local}" for name, local in step.keywords)])
    target = f"{step.target} = " if step.target else ""
    scope = f", scope {step.scope}" if step.scope else ""
    ends = ", cancelled when the client leaves" if step.while_there else ""
    return f"call     {target}{callable_name(step.function)}({args})  [{step.how.value}{scope}{ends}]"


def _describe_read(step: Read) -> str:
    parameter = step.parameter
    kind = "" if parameter.annotation is UNANNOTATED else f": {type_name(parameter.annotation)}"
    marker = parameter.marker
    bounds = marker.constraints if isinstance(marker, Marker) else NO_LIMITS
    limits = "".join(f", {name} {getattr(bounds, name)!r}" for name in bounds.names if name != "predicates")
    every = "every " if step.many else "joined " if step.joined else ""
    return f"read     {step.target} = {every}{step.source} {step.key!r}{kind}{limits}{_describe_default(parameter)}"


def _describe_body(step: Body) -> str:
    what = "an object of several parameters" if step.several else type_name(step.parameter.annotation)
    return f"body     {step.target} = JSON: {what} (at most {step.limit} bytes){_describe_default(step.parameter)}"


def _describe_default(parameter: Parameter) -> str:
    return ", required" if parameter.default is MISSING else f", default {parameter.default!r}"


_GIVEN = {"allowed": "methods allowed here", "hosts": "Host lines", "query": "raw query"}
"""What `Give` calls by another name than its annotation's."""

_TEXTS: dict[type, Callable[[Any], str]] = {
    Take: lambda step: f"take     {step.target} = value {step.index} of the path",
    Read: _describe_read,
    Spread: lambda step: (
        f"spread   {step.target} = {type_name(step.parameter.annotation)} of {step.source} {', '.join(map(repr, step.keys))}"
    ),
    Body: _describe_body,
    Form: lambda step: (
        f"form     (at most {step.limits.max_fields} fields, {step.limits.max_files} files, "
        f"{step.limits.max_part_size} bytes a text)"
    ),
    Only: lambda step: f"only     {step.source} {', '.join(map(repr, sorted(step.keys)))}, nothing else",
    Check: lambda step: "check    422 with every error so far",
    Give: lambda step: f"give     {step.target} = the {_GIVEN.get(step.what, step.what)}",
    Constant: lambda step: f"constant {step.target} = {step.value!r}",
    Call: _describe_call,
    AppValue: lambda step: f"value    {step.target} = {callable_name(step.call.function)} of the app",
    Always: lambda step: f"always   {step.content.decode()}",
    Refuse: lambda step: f"refuse   with {step.target} if it is a Response",
    Answer: lambda step: f"answer   {'; '.join(map(describe, step.steps))}, if {step.asked}",
    Next: lambda step: f"next     {callable_name(step.dispatch)}, wrapping:",
}
