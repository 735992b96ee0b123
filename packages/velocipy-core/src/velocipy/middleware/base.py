"""What a middleware is, and which of the three levels it needs. Knows their shapes; does not know any built-in.

1. `response_headers`: constants, merged when the handler is compiled; a response's own header of that name wins.
2. `before(...)` and `header(token)`: hooks. `before` is bound by its signature as a dependency is; a Response that it returns is
   the answer, anything else is the token from which `header` makes the value of `header_name`.
3. `async dispatch(request, call_next)`: wraps everything inside.

The first added is the outermost. All levels apply to 404, 405, 500, HEAD and short-circuits alike.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from velocipy.exceptions import ConfigurationError
from velocipy.handlers.binding import Binder
from velocipy.handlers.plan import Hook, Next, Refuse, Segment, Step
from velocipy.handlers.signature import UNANNOTATED, How, how_called, read_signature, return_annotation
from velocipy.http.headers import ResponseHeaders, check_header, header_pairs, items_of
from velocipy.http.request import Request
from velocipy.http.response import APPENDED, Response
from velocipy.routing.route import callable_name, shown

if TYPE_CHECKING:
    from velocipy.http.headers import HeaderSource

CallNext = Callable[[Request], Awaitable[Response]]


class Middleware:
    """A base class to start from; any object with one of these members will do.

    `state_key`: the name under which the token stands in `request.state`, for those who ask for a request.
    """

    response_headers: HeaderSource = ()
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
    done: list[Segment] = []
    for number, piece in enumerate(pieces):
        binder.next_segment()
        winners = _winners(piece)
        hooks = tuple(_hook(binder, item, winners) for item in piece if _is_hook(item))
        last = number == len(wrappers)
        steps = core() if last else (Next(wrappers[number], number + 1),)
        laid = Segment(_constants(piece, winners), hooks, steps)
        carried = _carried(laid, done)
        done.append(replace(laid, carried=carried) if carried else laid)
    return tuple(done)


def _carried(segment: Segment, outside: list[Segment]) -> tuple[str, ...]:
    """The locals of outer segments that this one uses."""
    if not outside:
        return ()
    outer = {target for other in outside for target in other.targets}
    return tuple(local for local in segment.arguments if local in outer and local not in segment.targets)


def check_middleware(item: Any) -> None:
    """Raise ConfigurationError for an object that is of none of the three levels, or of two that exclude each other."""
    if isinstance(item, type):
        raise ConfigurationError(f"{item.__qualname__} is a class: write {item.__qualname__}(...)")
    dispatch = wrapping(item)
    if dispatch is None:
        _check_hook(item)
    else:
        _check_dispatch(item, dispatch)


def _check_dispatch(item: Any, dispatch: Callable[..., Any]) -> None:
    where = shown(dispatch)
    if _is_hook(item) or _headers_of(item):
        raise ConfigurationError(
            f"{item!r} has dispatch and hooks or response_headers: do everything in dispatch, or split it in two"
        )
    if len(read_signature(dispatch)) != 2:
        raise ConfigurationError(f"{where} must take (request, call_next), nothing else")
    if how_called(dispatch) is not How.AWAIT and not inspect.iscoroutinefunction(inspect.unwrap(dispatch)):
        raise ConfigurationError(f"{where} must be async: it awaits call_next(request)")


def _check_hook(item: Any) -> None:
    if not _is_hook(item) and not _headers_of(item):
        raise ConfigurationError(
            f"{item!r} is no middleware: it needs async dispatch(request, call_next), before(...), header(token) or "
            f"response_headers, or be a function async f(request, call_next)"
        )
    header = _method(item, "header")
    try:
        for name, value in _headers_of(item):
            check_header(name, value)
        if header is not None:
            check_header(item.header_name, "")
    except (ValueError, AttributeError) as exc:
        raise ConfigurationError(f"the headers of {item!r} cannot be sent: {exc}") from None
    wanted = 0 if _method(item, "before") is None else 1
    if header is not None and len(read_signature(header)) != wanted:
        takes = "(token), what before returned" if wanted else "nothing, since there is no before"
        raise ConfigurationError(f"{shown(header)} must take {takes}")


def wrapping(item: Any) -> Callable[..., Any] | None:
    """`async (request, call_next)` of a middleware of level 3; None for the other levels."""
    dispatch = _method(item, "dispatch")
    if dispatch is not None:
        return dispatch
    return item if callable(item) and not _is_hook(item) and not _headers_of(item) else None


def _method(item: Any, name: str) -> Callable[..., Any] | None:
    found = getattr(item, name, None)
    return found if callable(found) else None


def _headers_of(item: Any) -> Iterable[tuple[str, str]]:
    return items_of(getattr(item, "response_headers", None) or ())


def _is_hook(item: Any) -> bool:
    return _method(item, "before") is not None or _method(item, "header") is not None


def _winners(piece: list[Any]) -> dict[str, Any]:
    """Header name -> who sets it: of two in one segment the inner, as a response's own would win over both."""
    winners: dict[str, Any] = {}
    for item in piece:
        winners.update((check_header(name, value)[0], item) for name, value in _headers_of(item))
        if _method(item, "header") is not None:
            winners[check_header(item.header_name, "")[0]] = item
    return winners


def _constants(piece: list[Any], winners: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Level 1 of a segment. Fields that join do so; of every other the inner's stays."""
    if not piece:
        return ()
    headers = ResponseHeaders()
    for item in piece:
        for name, value in header_pairs(_headers_of(item)):
            if name == "vary":
                headers.add_vary(*value.split(", "))
            elif name in APPENDED:
                headers.add(name, value)
            elif winners[name] is item:
                headers[name] = value
    return tuple(headers.raw)


def _hook(binder: Binder, item: Any, winners: dict[str, Any]) -> Hook:
    label = callable_name(type(item))
    before, header = _method(item, "before"), _method(item, "header")
    token, steps = None, list[Step]()
    if before is not None:
        token = binder.names.take_local(label)
        steps = binder.hook(before, token)
        if _may_refuse(before):
            steps.append(Refuse(token))
    headers: tuple[tuple[str, Callable[..., str]], ...] = ()
    if header is not None:
        name, _ = check_header(item.header_name, "")
        headers = ((name, header),) if name in APPENDED or winners[name] is item else ()
    return Hook(label, tuple(steps), token, headers, getattr(item, "state_key", None))


def _may_refuse(before: Callable[..., Any]) -> bool:
    """A `before` whose annotation leaves no room for a Response cannot refuse, and needs no check for one."""
    return _has_room(return_annotation(before))


def _has_room(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return _has_room(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return any(_has_room(member) for member in get_args(annotation))
    if annotation in (UNANNOTATED, Any, object):
        return True
    if isinstance(annotation, type):
        return issubclass(annotation, Response)
    # Of the rest little is known, such as what a TypeVar stands for; a check that finds nothing costs 20 ns.
    return get_origin(annotation) is None
