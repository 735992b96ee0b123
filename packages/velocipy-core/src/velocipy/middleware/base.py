"""What a middleware is, and which of the three levels it needs. Knows their shapes; does not know any built-in.

1. `response_headers`: constants, merged when the handler is compiled; a response's own header of that name wins.
2. Hooks. `before(...)` is bound by its signature as a dependency is, and may ask for RequestHeaders and its neighbours in
   velocipy.protocols, for Route and AllowedMethods too. `refuses(...)`, bound in the same way and called before it, says whether
   `refusal(...)` makes the answer, which alone reads what it asks for. Of `before`, a Response that it returns is the answer, anything else is the token of
   the others: `header(token)` makes the value of `header_name`, or None; `headers(token)` makes (name, value) pairs of
   `header_names`, at best a tuple, whose native form is remembered; `finish(token, response)` returns the Response to send.
   `finishes(token, size)` says whether an answer that needs no Response, with a body of that many bytes, is to be finished too; it is
   not asked about bodies of fewer than `finishes_from` bytes. Both may ask for RequestHeaders at their end, which are looked at then
   and not before. Where the token is what `header` or `headers` would return, they are
   `velocipy.middleware.the_token`, which costs no call.
   Where there is no `before` there is no token. With `on_demand` it is made only where somebody can see it. `before_websocket(...)` stands in its place on WebSockets; its dependencies may
   yield, and end with the WebSocket. Headers stand on the answer to its handshake where the server can send them.
3. `async dispatch(request, call_next)`: wraps everything inside.

`for_route(route)` returns what stands around that route in its place: what depends on the route alone is decided there, once.

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
from velocipy.handlers.hooks import the_token as the_token
from velocipy.handlers.plan import Answer, Finish, Hook, HookHeaders, Next, Refuse, Segment, Step
from velocipy.handlers.signature import UNANNOTATED, How, how_called, read_signature, return_annotation
from velocipy.http.headers import APPENDED, ResponseHeaders, check_header, header_pairs, items_of
from velocipy.http.request import Request
from velocipy.http.response import Response
from velocipy.messages import if_asgi_middleware
from velocipy.protocols import RequestHeaders
from velocipy.routing.route import Route, callable_name, shown

if TYPE_CHECKING:
    from velocipy.http.headers import HeaderSource

CallNext = Callable[[Request], Awaitable[Response]]


class Middleware:
    """A base class to start from; any object with one of these members will do.

    `state_key`: the name under which the token stands in `request.state`, for those who ask for a request. `gives`: the class of
    the token, where parameters of that annotation are filled with it; `velocipy.handlers.sources.OFFERED` lists them.
    """

    response_headers: HeaderSource = ()
    header_name: str | None = None
    header_is_safe: bool = False
    """Whether `header` always returns visible ASCII, by construction, and never None, and cannot fail: it is then called in place and
    its value not checked, which saves 0.3 us."""
    header_names: tuple[str, ...] = ()
    finishes_from: int = 0
    state_key: str | None = None
    gives: type | None = None
    on_demand: bool = False
    """Whether `before` need not be called, and the answer not be finished, where nobody can see the token: no parameter takes it, and no
    Request is made. The exception handler of a request that fails sees it."""
    alone_with: str | None = None
    """What no two around one route may have, in words: "the cookie 'session'"."""


def segments(
    binder: Binder, middleware: Iterable[Any], core: Callable[[], tuple[Step, ...]], *, socket: bool = False
) -> tuple[Segment, ...]:
    """The list cut at its wrapping members; the last segment holds the core. A WebSocket has one: nothing wraps or finishes it.

    Hooks are bound before the core, since they run before it and share what they read.
    """
    pieces: list[list[Any]] = [[]]
    wrappers: list[Callable[..., Any]] = []
    for item in (_for_route(item, binder.route) for item in middleware):
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
        hooks = tuple(_hook(binder, item, winners, socket) for item in piece if _is_hook(item))
        last = number == len(wrappers)
        steps = core() if last else (Next(wrappers[number], number + 1),)
        laid = Segment(_constants(piece, winners), hooks, steps)
        carried = _carried(laid, done)
        done.append(replace(laid, carried=carried) if carried else laid)
    return tuple(done)


def _for_route(item: Any, route: Route) -> Any:
    """What a middleware is around this route: itself, unless it says otherwise. Raises ConfigurationError for what is none."""
    decide = _method(item, "for_route")
    if decide is None:
        return item
    decided = decide(route)
    if decided is not item:
        check_middleware(decided)
    return decided


def _carried(segment: Segment, outside: list[Segment]) -> tuple[str, ...]:
    """The locals of outer segments that this one uses."""
    if not outside:
        return ()
    outer = {target for other in outside for target in other.targets}
    return tuple(local for local in segment.arguments if local in outer and local not in segment.targets)


def check_middleware(item: Any) -> None:
    """Raise ConfigurationError for an object that is of none of the three levels, or of two that exclude each other."""
    if isinstance(item, type):
        raise ConfigurationError(
            f"{item.__qualname__} is a class: write {item.__qualname__}(...){if_asgi_middleware(item)}"
        )
    dispatch = wrapping(item)
    if dispatch is None:
        _check_hook(item)
    else:
        _check_dispatch(item, dispatch)


def check_together(items: Iterable[Any], route: Route) -> None:
    """Raise ConfigurationError for two around one route of which each wants the same thing for itself."""
    having: dict[str, Any] = {}
    for item in items:
        thing = getattr(item, "alone_with", None)
        if thing in having:
            raise ConfigurationError(
                f"{having[thing]!r} and {item!r} both stand around {route.title} ({route.location}), and both write {thing}: "
                f"leave one out, or give one of them another"
            )
        if thing is not None:
            having[thing] = item


def _check_dispatch(item: Any, dispatch: Callable[..., Any]) -> None:
    where = shown(dispatch)
    if _is_hook(item) or _has_headers(item):
        raise ConfigurationError(
            f"{item!r} has dispatch and hooks or response_headers: do everything in dispatch, or split it in two"
        )
    if len(read_signature(dispatch)) != 2:
        raise ConfigurationError(
            f"{where} must take (request, call_next), nothing else{if_asgi_middleware(item)}"
        )
    if how_called(dispatch) is not How.AWAIT and not inspect.iscoroutinefunction(inspect.unwrap(dispatch)):
        raise ConfigurationError(f"{where} must be async: it awaits call_next(request)")


def _check_hook(item: Any) -> None:
    if not _is_hook(item) and not _has_headers(item):
        raise ConfigurationError(
            f"{item!r} is no middleware: it needs async dispatch(request, call_next), before(...), refuses(...), header(token), headers(token), "
            f"finish(token, response) or response_headers, or be a function async f(request, call_next)"
        )
    try:
        for name, value in _headers_of(item):
            check_header(name, value)
        names = _made_names(item)
    except (ValueError, AttributeError, TypeError) as exc:
        raise ConfigurationError(f"the headers of {item!r} cannot be sent: {exc}") from None
    if _method(item, "headers") is not None and (not names or "content-type" in names):
        raise ConfigurationError(
            f"{item!r} makes headers: header_names must list them, and Content-Type is none of them"
        )
    if _method(item, "header") is not None and _method(item, "headers") is not None:
        raise ConfigurationError(f"{item!r} has header and headers: make all of them in headers")
    if _method(item, "finishes") is not None and _method(item, "finish") is None:
        raise ConfigurationError(
            f"{item!r} has finishes, but no finish(token, response): add it, or leave finishes out"
        )
    if (_method(item, "refuses") is None) != (_method(item, "refusal") is None):
        raise ConfigurationError(
            f"{item!r} has one of refuses(...), which says whether to answer at once, and refusal(...), which makes the answer: add "
            f"the other"
        )
    least = getattr(item, "finishes_from", 0)
    if type(least) is not int or least < 0:
        raise ConfigurationError(
            f"finishes_from of {item!r} is a number of bytes of at least 0, not {least!r}"
        )
    for name, others in _TAKEN.items():
        _check_takes(item, name, others)


_TAKEN: dict[str, tuple[str, ...]] = {
    "header": (),
    "headers": (),
    "finish": ("response",),
    "finishes": ("size",),
}
"""What the members of a hook take besides the token."""


def _check_takes(item: Any, name: str, others: tuple[str, ...]) -> None:
    member = _method(item, name)
    if member is None:
        return
    wanted = others if _method(item, "before") is None else ("token", *others)
    if len(read_signature(member)) - _reads_headers(member, others) != len(wanted):
        why = "the token is what before returned" if "token" in wanted else "there is no token without before"
        raise ConfigurationError(f"{shown(member)} must take ({', '.join(wanted)}): {why}")
    if name != "finish" and inspect.iscoroutinefunction(inspect.unwrap(member)):
        raise ConfigurationError(
            f"{shown(member)} must not be async: only before, finish and dispatch are awaited"
        )


def _reads_headers(member: Callable[..., Any], others: tuple[str, ...]) -> bool:
    """Whether a member that takes something of the answer asks for the request's headers at its end, too."""
    if not others:
        return False
    parameters = read_signature(member)
    return len(parameters) > len(others) and parameters[-1].annotation is RequestHeaders


def wrapping(item: Any) -> Callable[..., Any] | None:
    """`async (request, call_next)` of a middleware of level 3; None for the other levels."""
    dispatch = _method(item, "dispatch")
    if dispatch is not None:
        return dispatch
    return item if callable(item) and not _is_hook(item) and not _has_headers(item) else None


def _method(item: Any, name: str) -> Callable[..., Any] | None:
    found = getattr(item, name, None)
    return found if callable(found) else None


def _headers_of(item: Any) -> Iterable[tuple[str, str]]:
    return items_of(getattr(item, "response_headers", None) or ())


def _has_headers(item: Any) -> bool:
    return bool(getattr(item, "response_headers", None))


def _is_hook(item: Any) -> bool:
    return any(
        _method(item, name) is not None
        for name in ("before", "refuses", "refusal", "header", "headers", "finish")
    )


def _made_names(item: Any) -> list[str]:
    """The names of the headers that a hook makes, in lower case. Raises ValueError for one that may not be sent."""
    if _method(item, "headers") is not None:
        return [check_header(name, "")[0] for name in getattr(item, "header_names", ())]
    return [check_header(item.header_name, "")[0]] if _method(item, "header") is not None else []


def _winners(piece: list[Any]) -> dict[str, Any]:
    """Header name -> who sets it: of two in one segment the inner, as a response's own would win over both."""
    winners: dict[str, Any] = {}
    for item in piece:
        winners.update((check_header(name, value)[0], item) for name, value in _headers_of(item))
        winners.update((name, item) for name in _made_names(item))
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


def _hook(binder: Binder, item: object, winners: dict[str, Any], socket: bool) -> Hook:
    label = callable_name(type(item))
    before = (_method(item, "before_websocket") if socket else None) or _method(item, "before")
    token, steps = None, _answers(binder, item, label)
    if before is not None:
        token = binder.names.take_local(label)
        steps += binder.hook(before, token)
        if _may_refuse(before):
            steps.append(Refuse(token))
        if (gives := getattr(item, "gives", None)) is not None:
            binder.offer(gives, token)
    return Hook(
        label,
        tuple(steps),
        token,
        _hook_headers(item, winners),
        getattr(item, "state_key", None),
        _finish(item),
        bool(getattr(item, "on_demand", False)),
    )


def _answers(binder: Binder, item: object, label: str) -> list[Step]:
    """The steps of `refuses` and `refusal`, where a hook has them."""
    refuses, refusal = _method(item, "refuses"), _method(item, "refusal")
    if refuses is None or refusal is None:
        return []
    asked, answer = binder.names.take_local("refuses"), binder.names.take_local("refusal")
    asking = binder.hook(refuses, asked)
    with binder.apart():
        return [*asking, Answer(asked, tuple(binder.hook(refusal, answer)), answer, label)]


def _hook_headers(item: Any, winners: dict[str, Any]) -> HookHeaders | None:
    made = _made_names(item)
    names = frozenset(name for name in made if name in APPENDED or winners[name] is item)
    if not names:
        return None
    many = _method(item, "headers")
    if many is None:
        return HookHeaders(names, item.header, is_safe=getattr(item, "header_is_safe", False))
    return HookHeaders(names, many, True, frozenset(made))


def _finish(item: Any) -> Finish | None:
    finish = _method(item, "finish")
    if finish is None:
        return None
    asks = _method(item, "finishes")
    return Finish(
        finish,
        asks,
        how_called(finish) is How.AWAIT,
        getattr(item, "finishes_from", 0),
        _reads_headers(finish, _TAKEN["finish"]),
        asks is not None and _reads_headers(asks, _TAKEN["finishes"]),
    )


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
