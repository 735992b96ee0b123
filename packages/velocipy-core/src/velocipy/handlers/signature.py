"""Reads a callable's signature into Parameter records. Pure: knows Python's annotations; knows no route and no request."""

from __future__ import annotations

import functools
import inspect
import sys
import typing
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import FrameType, FunctionType, UnionType
from typing import Annotated, Any, cast, get_args, get_origin
from weakref import WeakKeyDictionary

from velocipy.exceptions import BindingError
from velocipy.handlers.markers import MISSING, Dependency, Marker
from velocipy.routing.route import callable_name, location_of

UNANNOTATED: Any = inspect.Parameter.empty

_SKIPPED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a callable: `annotation` without its Annotated, and what stood there in `marker` and `extras`."""

    name: str
    annotation: Any
    marker: Marker | Dependency | None
    default: Any
    keyword_only: bool
    owner: Callable[..., Any]
    extras: tuple[Any, ...] = ()

    @property
    def where(self) -> str:
        """ "parameter 'page' of list_items (app.py:12)", for messages."""
        return f"parameter {self.name!r} of {callable_name(self.owner)} ({location_of(self.owner)})"


class How(Enum):
    """How a dependency or endpoint is called."""

    AWAIT = "await"
    PLAIN = "plain"  # in the event loop: classes, which hold data
    THREAD = "thread"
    GENERATOR = "generator"
    ASYNC_GENERATOR = "async generator"
    CONTEXT = "context manager"
    ASYNC_CONTEXT = "async context manager"


ENTERED = frozenset({How.GENERATOR, How.ASYNC_GENERATOR, How.CONTEXT, How.ASYNC_CONTEXT})
"""Kinds that are left again after the request."""


def read_signature(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The parameters of a function, method, partial, callable object or class, in order; `*args` and `**kwargs` are left out.

    Raises BindingError for an annotation that cannot be evaluated and for a marker that stands there twice.
    """
    return _read_known(function) if identity(function) is function else _read(function)


def identity(function: Callable[..., Any]) -> Hashable:
    """What stands for a callable in tables: itself, or its id where it cannot be hashed (an instance of a dataclass)."""
    try:
        hash(function)
    except TypeError:
        return id(function)
    return function


def _read(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError) as exc:
        raise BindingError(f"the signature of {_name(function)} cannot be read: {exc}") from None
    hints = _annotations(function)
    return tuple(
        _parameter(function, parameter, hints.get(parameter.name, parameter.annotation))
        for parameter in signature.parameters.values()
        if parameter.kind not in _SKIPPED
    )


# A signature is read for its guards, its body and its arguments, at every plan anew.
_read_known = functools.lru_cache(maxsize=1024)(_read)


def return_annotation(function: Callable[..., Any]) -> Any:
    """What a callable says it returns; UNANNOTATED when it does not."""
    return _annotations(function).get("return", UNANNOTATED)


def how_called(function: Callable[..., Any]) -> How:
    """Which kind of callable this is; a sync function is one for a thread."""
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, type):
        return How.PLAIN
    target = function if inspect.isroutine(function) else type(function).__call__
    wrapped = getattr(target, "__wrapped__", None)
    if inspect.isasyncgenfunction(target):
        return How.ASYNC_GENERATOR
    if inspect.isgeneratorfunction(target):
        return How.GENERATOR
    if inspect.iscoroutinefunction(target):
        return How.AWAIT
    if inspect.isasyncgenfunction(wrapped):  # contextlib.asynccontextmanager
        return How.ASYNC_CONTEXT
    if inspect.isgeneratorfunction(wrapped):  # contextlib.contextmanager
        return How.CONTEXT
    return How.THREAD


def _parameter(function: Callable[..., Any], parameter: inspect.Parameter, hint: Any) -> Parameter:
    annotation, extras = _split(hint)
    markers = [extra for extra in extras if isinstance(extra, (Marker, Dependency))]
    default = parameter.default
    if isinstance(default, (Marker, Dependency)):
        markers.append(default)
        default = parameter.empty
    if len(markers) > 1:
        raise BindingError(
            f"parameter {parameter.name!r} of {callable_name(function)} ({location_of(function)}) has "
            f"{len(markers)} markers: keep one"
        )
    marker = markers[0] if markers else None
    if default is parameter.empty:
        default = marker.default if isinstance(marker, Marker) else MISSING
    return Parameter(
        parameter.name,
        annotation,
        marker,
        default,
        parameter.kind is parameter.KEYWORD_ONLY,
        function,
        tuple(extra for extra in extras if extra is not marker),
    )


def _split(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """`Annotated[int, a, b]` -> (int, (a, b)), through aliases and nesting."""
    extras: tuple[Any, ...] = ()
    while hint.__class__ is not type:  # what is a class has nothing around it; asking costs a microsecond
        if get_origin(hint) is Annotated:
            hint, *more = get_args(hint)
            extras = (*more, *extras)
        elif hasattr(hint, "__value__"):  # `type Page = Annotated[...]` of Python 3.12
            hint = hint.__value__
        else:
            break
    return hint, extras


def _annotations(function: Callable[..., Any]) -> Mapping[str, Any]:
    while isinstance(function, functools.partial):
        function = function.func
    target = _annotated(function)
    known = _LOCAL_HINTS.get(target) if isinstance(target, FunctionType) else None
    if known is not None:
        return known
    try:
        hints = getattr(target, "__annotations__", {})
        if all(map(_is_evaluated, hints.values())):
            return cast("Mapping[str, Any]", hints)
        return typing.get_type_hints(target, include_extras=True)
    except NameError:
        hints = _LOCAL_HINTS[target] = _local_annotations(function, target)
        return hints
    except Exception as exc:
        raise BindingError(f"{_name(function)} has an annotation that cannot be evaluated: {exc}") from exc


def _is_evaluated(hint: Any) -> bool:
    """Whether a hint surely holds no text that is still to be evaluated; saves 10 us for nearly every endpoint."""
    if hint is None or hint.__class__ is type:
        return True
    if isinstance(hint, UnionType):
        return all(map(_is_evaluated, hint.__args__))
    if get_origin(hint) is Annotated:
        return _is_evaluated(hint.__origin__)
    return isinstance(hint, type) and get_origin(hint) is None


_LOCAL_HINTS: WeakKeyDictionary[FunctionType, Mapping[str, Any]] = WeakKeyDictionary()
"""Annotations that could be evaluated only while the function that declares the endpoint ran; plans are made later, too."""


def _annotated(function: Callable[..., Any]) -> Any:
    """The function whose annotations are those of a callable's parameters."""
    if isinstance(function, type):
        made_by = "__new__" if getattr(function, "__init__", None) is object.__init__ else "__init__"
        return inspect.unwrap(getattr(function, made_by))
    target = function if inspect.isroutine(function) else type(function).__call__
    return inspect.unwrap(getattr(target, "__func__", target))


def _local_annotations(function: Callable[..., Any], target: Any) -> Mapping[str, Any]:
    """Annotations as text (PEP 563) that name things local to the function in which the endpoint is declared right now."""
    home = getattr(getattr(target, "__code__", None), "co_filename", None)
    names: dict[str, Any] = {}
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename == home:
            names = {**frame.f_locals, **names}
        frame = frame.f_back
    try:
        return typing.get_type_hints(target, localns=names, include_extras=True)
    except Exception as exc:
        raise BindingError(
            f"{_name(function)} has an annotation that cannot be evaluated: {exc}; import or define the name "
            "where the function is declared (not only under TYPE_CHECKING)"
        ) from None


def _name(function: Callable[..., Any]) -> str:
    return f"{callable_name(function)} ({location_of(function)})"
