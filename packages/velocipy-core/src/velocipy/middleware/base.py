"""What a middleware is, and which of the three levels it needs. Knows their shapes; does not know any built-in.

1. `response_headers`: constants, merged when the handler is compiled; a response's own header of that name wins.
2. `before(...)` and `header(token)`: hooks. `before` is bound by its signature as a dependency is; a Response that it returns is
   the answer, anything else is the token from which `header` makes the value of `header_name`.
3. `async dispatch(request, call_next)`: wraps everything inside.

The first added is the outermost. All levels apply to 404, 405, 500, HEAD and short-circuits alike.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from velocipy.exceptions import ConfigurationError
from velocipy.handlers.binding import Binder
from velocipy.handlers.plan import Hook, Next, Refuse, Segment, Step
from velocipy.handlers.signature import UNANNOTATED, read_signature, return_annotation
from velocipy.http.headers import check_header
from velocipy.http.request import Request
from velocipy.http.response import Response
from velocipy.routing.route import callable_name, location_of

CallNext = Callable[[Request], Awaitable[Response]]


class Middleware:
    """A base class to start from; any object with one of these members will do.

    `state_key`: the name under which the token stands in `request.state`, for those who ask for a request.
    """

    response_headers: tuple[tuple[str, str], ...] = ()
    header_name: str | None = None
    state_key: str | None = None


def segments(
    binder: Binder, middleware: Iterable[Any], core: Callable[[], tuple[Step, ...]], *, socket: bool = False
) -> tuple[Segment, ...]:
    """The list cut at its wrapping members; the last segment holds the core. On a WebSocket only `before` applies.

    Hooks are bound before the core, since they run before it and share what they read.
    """
    pieces: list[list[Any]] = [[]]
    wrappers: list[Callable[..., Any]] = []
    for item in middleware:
        dispatch = wrapping(item)
        if dispatch is None:
            pieces[-1].append(item)
        elif not socket:
            wrappers.append(dispatch)
            pieces.append([])
    done = []
    for number, piece in enumerate(pieces):
        hooks = tuple(_hook(binder, item) for item in piece if _is_hook(item))
        last = number == len(wrappers)
        steps = core() if last else (Next(wrappers[number], number + 1),)
        done.append(Segment(_constants(piece), hooks, steps))
    return tuple(done)


def check_middleware(item: Any) -> None:
    """Raise ConfigurationError for an object that is of none of the three levels, or of two that exclude each other."""
    dispatch = wrapping(item)
    if dispatch is None and not _is_hook(item) and not getattr(item, "response_headers", ()):
        raise ConfigurationError(
            f"{item!r} is no middleware: it needs async dispatch(request, call_next), before(...), header(token) or "
            f"response_headers, or be a function async f(request, call_next)"
        )
    if dispatch is not None and _is_hook(item):
        raise ConfigurationError(f"{item!r} has dispatch and hooks: do everything in dispatch, or split it in two")
    if dispatch is not None and len(read_signature(dispatch)) != 2:
        raise ConfigurationError(
            f"{callable_name(dispatch)} ({location_of(dispatch)}) must take (request, call_next), nothing else"
        )
    for name, value in getattr(item, "response_headers", ()):
        check_header(name, value)


def wrapping(item: Any) -> Callable[..., Any] | None:
    """`async (request, call_next)` of a middleware of level 3; None for the other levels."""
    dispatch = getattr(item, "dispatch", None)
    if dispatch is not None:
        return dispatch  # type: ignore[no-any-return]
    return item if callable(item) and not _is_hook(item) and not getattr(item, "response_headers", ()) else None


def _is_hook(item: Any) -> bool:
    return hasattr(item, "before") or hasattr(item, "header")


def _constants(piece: list[Any]) -> tuple[tuple[str, str], ...]:
    """Level 1 of a segment; of two that set one header the inner wins, as a response's own would."""
    merged: dict[str, str] = {}
    for item in piece:
        merged.update(check_header(name, value) for name, value in getattr(item, "response_headers", ()))
    return tuple(merged.items())


def _hook(binder: Binder, item: Any) -> Hook:
    label = callable_name(type(item))
    before, header = getattr(item, "before", None), getattr(item, "header", None)
    token = binder.names.take(f"a_{label}") if before is not None else None
    steps: list[Step] = binder.hook(before, token) if before is not None else []
    if token is not None and _may_refuse(before):
        steps.append(Refuse(token))
    headers = ((check_header(item.header_name, "")[0], header),) if header is not None else ()
    return Hook(label, tuple(steps), token, headers, getattr(item, "state_key", None))


def _may_refuse(before: Any) -> bool:
    """A `before` whose annotation leaves no room for a Response cannot refuse, and needs no check for one."""
    annotation = return_annotation(before)
    return annotation is UNANNOTATED or "Response" in str(annotation)
