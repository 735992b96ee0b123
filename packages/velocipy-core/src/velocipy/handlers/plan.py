"""What a route does for each request, as frozen data: ordered steps, readable without the compiler that lays them out.

    reads and calls of guards -> all other reads, and the body -> Check -> dependencies -> the endpoint

`Plan.explain()` is its text form. Knows names of locals; knows no protocol and emits no source.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Literal

from velocipy.handlers.convert import Reader
from velocipy.handlers.markers import MISSING, Scope
from velocipy.handlers.signature import ENTERED, How, Parameter
from velocipy.routing.route import Route, callable_name

Source = Literal["path", "query", "header", "cookie"]
Given = Literal["request", "websocket", "response", "state"]


@dataclass(frozen=True, slots=True)
class Take:
    """A value that the route tree has converted already."""

    target: str
    index: int
    parameter: Parameter


@dataclass(frozen=True, slots=True)
class Read:
    """Text from the path, query, headers or cookies through a reader; without one, text or default as they are."""

    target: str
    source: Source
    key: str
    reader: Reader | None
    parameter: Parameter
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """The request body, checked for its media type, counted, and decoded."""

    target: str
    check_type: Callable[[str | None, str | None], None]
    decode: Callable[[bytes, list[Any]], Any]
    limit: int
    parameter: Parameter


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
class Call:
    """Call a function with locals; `how` says whether to await, to use a thread, or to enter what comes back."""

    target: str | None
    function: Callable[..., Any]
    how: How
    args: tuple[str, ...] = ()
    keywords: tuple[tuple[str, str], ...] = ()
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class Refuse:
    """If the local is a Response, it is the answer."""

    target: str


@dataclass(frozen=True, slots=True)
class Next:
    """Call a wrapping middleware, and through it the next segment."""

    dispatch: Callable[..., Any]
    inner: int


Step = Take | Read | Body | Check | Give | Call | Refuse | Next


@dataclass(frozen=True, slots=True)
class Hook:
    """A middleware of level 2: steps before, and headers made from the token that they left."""

    label: str
    steps: tuple[Step, ...]
    token: str | None
    headers: tuple[tuple[str, Callable[..., str]], ...]
    state_key: str | None


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
        """All steps in order, hooks' included."""
        return (*(step for hook in self.hooks for step in hook.steps), *self.core)

    @property
    def targets(self) -> frozenset[str]:
        """The locals that its steps set."""
        return frozenset(
            step.target
            for step in self.steps
            if isinstance(step, (Take, Read, Body, Give, Call)) and step.target
        )

    @property
    def arguments(self) -> tuple[str, ...]:
        """The locals that its calls take, each once."""
        calls = [step for step in self.steps if isinstance(step, Call)]
        return tuple(
            dict.fromkeys(
                local for call in calls for local in (*call.args, *(local for _, local in call.keywords))
            )
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """A route's whole way, the outermost segment first. `dependencies` are all callables that it names, for overrides."""

    route: Route
    segments: tuple[Segment, ...]
    status: int
    result: Literal["any", "empty"]
    dependencies: frozenset[Hashable]

    @property
    def enters(self) -> bool:
        """Whether something must be left after the request."""
        return any(
            isinstance(step, Call) and step.how in ENTERED
            for segment in self.segments
            for step in segment.steps
        )

    def explain(self) -> str:
        """The plan as text, a step a line."""
        lines = [f"{self.route.title} -> {callable_name(self.route.endpoint)} ({self.route.location})"]
        for number, segment in enumerate(self.segments):
            indent = "  " * (number + 1)
            lines += [f"{indent}header   {name}: {value}" for name, value in segment.constants]
            for hook in segment.hooks:
                lines.append(f"{indent}hook     {hook.label}")
                lines += [f"{indent}  {describe(step)}" for step in hook.steps]
                lines += [f"{indent}  header   {name}" for name, _ in hook.headers]
            lines += [f"{indent}{describe(step)}" for step in segment.core]
        return "\n".join(lines)


def describe(step: Step) -> str:
    """One step as one line."""
    return _TEXTS[type(step)](step)


def _describe_call(step: Call) -> str:
    args = ", ".join([*step.args, *(f"{name}={local}" for name, local in step.keywords)])
    target = f"{step.target} = " if step.target else ""
    return f"call     {target}{callable_name(step.function)}({args})  [{step.how.value}]"


_TEXTS: dict[type, Callable[[Any], str]] = {
    Take: lambda step: f"take     {step.target} = value {step.index} of the path",
    Read: lambda step: (
        f"read     {step.target} = {step.source} {step.key!r}" + _describe_default(step.parameter)
    ),
    Body: lambda step: f"body     {step.target} (at most {step.limit} bytes)",
    Check: lambda step: "check    422 with every error so far",
    Give: lambda step: f"give     {step.target} = the {step.what}",
    Call: _describe_call,
    Refuse: lambda step: f"refuse   with {step.target} if it is a Response",
    Next: lambda step: f"next     {callable_name(step.dispatch)}, wrapping:",
}


def _describe_default(parameter: Parameter) -> str:
    return ", required" if parameter.default is MISSING else f", default {parameter.default!r}"
