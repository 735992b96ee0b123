"""Tells the client how long its answer took to make, and what of it. Knows the clock; does not know what was done.

with span("db"):                      # in handlers, dependencies and whatever they call
    rows = await fetch()
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import ContextVar
from inspect import Parameter, Signature
from time import perf_counter
from typing import Any

from velocipy.exceptions import ConfigurationError
from velocipy.handlers.markers import Depends
from velocipy.middleware.base import Middleware
from velocipy.routing.route import Route

MAX_SPANS = 20
"""Names of spans in one answer; what comes beyond is not noted, so that no loop over names makes a header of any length."""

_FRACTIONS = tuple(f".{number:03}" for number in range(1000))
"""Formatting a float by `.3f` takes 200 ns more than two look-ups of what it can end in."""

_METRIC = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")

_current: ContextVar[Timing | None] = ContextVar("velocipy.timing", default=None)


class Timing(dict[str, float]):
    """The seconds that the spans of one request have taken, by name, and when it began: a dict, since that is made in 60 ns."""

    __slots__ = ("started",)

    started: float
    """On the clock of `time.perf_counter`."""

    def span(self, name: str) -> Span:
        """`with timing.span("db"):` adds the time of the block to that name. ValueError for a name that is no token, or `total`."""
        return Span(self, check_name(name))

    def add(self, name: str, seconds: float) -> None:
        """Add seconds to a name."""
        if name in self:
            self[name] += seconds
        elif len(self) < MAX_SPANS:
            self[name] = seconds


class Span:
    """A block whose time counts; entered once."""

    __slots__ = ("_name", "_started", "_timing")

    def __init__(self, timing: Timing | None, name: str) -> None:
        self._timing = timing
        self._name = name

    def __enter__(self) -> None:
        self._started = perf_counter()

    def __exit__(self, *exc: object) -> None:
        if self._timing is not None:
            self._timing.add(self._name, perf_counter() - self._started)


def span(name: str) -> Span:
    """`with span("db"):` adds the time of the block to the answer's Server-Timing; without TimingMiddleware it does nothing.

    Spans of one name add up, those of tasks that run at once too. Raises ValueError for a name that is no token of at most 64
    characters (RFC 9110 section 5.6.2), and for `total`, which is the whole.
    """
    return Span(_current.get(), check_name(name))


def check_name(name: str) -> str:
    """A metric's name, if it may be one."""
    if not isinstance(name, str) or name == "total" or _METRIC.fullmatch(name) is None:
        raise ValueError(
            f"a span is named by a token of at most 64 letters, digits and !#$%&'*+.^_`|~- that is not 'total', not {name!r}"
        )
    return name


class TimingMiddleware(Middleware):
    """`server-timing: total;dur=1.234, db;dur=0.8`: milliseconds from matching to sending, and of spans (W3C Server Timing section 2).

    How long something takes can tell what it found, so spans may be for some alone: with `debug_only` nothing is sent unless the
    app has `debug=True`; `audience` is a dependency, and nothing is sent where it returns something false. Spans stand in
    `request.state.timing` too. Raises ConfigurationError for an audience that is not callable.
    """

    header_name: str | None = "server-timing"
    state_key: str | None = "timing"

    def __init__(self, *, debug_only: bool = False, audience: Callable[..., Any] | None = None) -> None:
        if audience is not None and not callable(audience):
            raise ConfigurationError(
                f"audience is a dependency, a function that says who sees timings, not {audience!r}"
            )
        limited = debug_only or audience is not None
        self.header_is_safe: bool = not limited
        self.before: Callable[..., Timing] = _limited(debug_only, audience) if limited else _begin
        self.header: Callable[[Timing], str | None] = _text_for_some if limited else _text


def _begin() -> Timing:
    timing = Timing()
    timing.started = perf_counter()
    _current.set(timing)
    return timing


def _text(token: Timing) -> str:
    """The time since the beginning, and that of the spans until now."""
    milliseconds, microseconds = divmod(int((perf_counter() - token.started) * 1e6), 1000)
    total = f"total;dur={milliseconds}{_FRACTIONS[microseconds]}"
    if not token:
        return total
    return ", ".join([total, *(f"{name};dur={seconds * 1000:.3f}" for name, seconds in token.items())])


class _Hidden(Timing):
    """The timing of a request whose client is not to see it."""

    __slots__ = ()


def _text_for_some(token: Timing) -> str | None:
    return None if isinstance(token, _Hidden) else _text(token)


def _limited(debug_only: bool, audience: Callable[..., Any] | None) -> Callable[..., Timing]:
    """A `before` that asks the audience first, as its signature says."""

    def before(route: Route, allowed: object = True) -> Timing:
        shown = bool(allowed) and (route.app.debug or not debug_only)
        timing = Timing() if shown else _Hidden()
        timing.started = perf_counter()
        _current.set(timing)
        return timing

    parameters = [Parameter("route", Parameter.POSITIONAL_OR_KEYWORD, annotation=Route)]
    if audience is not None:
        parameters.append(
            Parameter(
                "allowed", Parameter.POSITIONAL_OR_KEYWORD, default=Depends(audience), annotation=object
            )
        )
    before.__signature__ = Signature(parameters, return_annotation=Timing)  # type: ignore[attr-defined]  # ty: ignore[missing-attribute]
    return before
