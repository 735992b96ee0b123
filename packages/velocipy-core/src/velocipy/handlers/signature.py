"""Reads a callable's signature into Parameter records. Pure: knows Python's annotations; knows no route and no request."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from types import FrameType, FunctionType, NoneType, UnionType
from typing import Annotated, Any, NamedTuple, TypeGuard, TypeVar, cast, get_args, get_origin
from weakref import WeakKeyDictionary

from velocipy.annotations import is_hashable, read_hints, split_annotated, union_members, union_of
from velocipy.exceptions import BindingError, ConfigurationError
from velocipy.handlers.markers import MARKER_FUNCTIONS, MISSING, Dependency, Depends, Marker, the_annotation
from velocipy.routing.route import shown

T = TypeVar("T")

UNANNOTATED: Any = inspect.Parameter.empty

_SKIPPED = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """One parameter of a callable: `annotation` without its Annotated, and what stood there in `marker` and `extras`.

    There is one object for each, so that tables may have them as keys.
    """

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
        return _where(self.owner, self.name)

    @property
    def hint(self) -> Any:
        """The annotation with what other libraries wrote into its Annotated: what a model backend is shown."""
        return Annotated[(self.annotation, *self.extras)] if self.extras else self.annotation


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


def identity(function: Callable[..., Any]) -> Hashable:
    """What stands for a callable in tables: itself, or its id where it cannot be hashed (an instance of a dataclass)."""
    try:
        hash(function)
    except TypeError:
        return id(function)
    return function


_REMEMBERED: list[Callable[[], None]] = []


def forget_signatures() -> None:
    """Read every signature anew when it is next asked for: a function's annotations or defaults were changed."""
    for forget in _REMEMBERED:
        forget()


def _known(read: Callable[[Callable[..., Any]], T]) -> Callable[[Callable[..., Any]], T]:
    """Remember what a function says of itself: it is asked at registration, and at every plan that names it."""
    remembered = functools.lru_cache(maxsize=1024)(read)
    _REMEMBERED.append(remembered.cache_clear)

    @functools.wraps(read)
    def known(function: Callable[..., Any]) -> T:
        return remembered(function) if identity(function) is function else read(function)

    return known


def read_signature(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The parameters of a function, method, partial, callable object or class, in order; `*args` and `**kwargs` are left out.

    Raises BindingError for an annotation that cannot be evaluated and for a marker that stands there twice.
    """
    return _read(function)


@_known
def _read(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    generic = get_origin(function)
    if isinstance(generic, type):  # Repo[Item]: its class is what is called
        arguments = dict(zip(getattr(generic, "__parameters__", ()), get_args(function), strict=False))
        return tuple(_filled(parameter, function, arguments) for parameter in read_signature(generic))
    declared = tuple(_of_code(function) if _is_bare(function) else _of_signature(function))
    hints = _annotations(function)
    return tuple(
        _parameter(function, parameter, hints.get(parameter.name, parameter.annotation))
        for parameter in declared
    )


class _Declared(NamedTuple):
    """A parameter as it is written, before its annotation is understood."""

    name: str
    annotation: Any
    default: Any
    keyword_only: bool


def _is_bare(function: Callable[..., Any]) -> TypeGuard[FunctionType]:
    """Whether a callable is a function and nothing more: it wraps none, and nobody gave it another signature."""
    return function.__class__ is FunctionType and not vars(function)


def _of_code(function: FunctionType) -> Iterator[_Declared]:
    """What `inspect.signature` says of a bare function, which takes 29,000 instructions a parameter."""
    code, defaults = function.__code__, function.__defaults__ or ()
    positional, named = code.co_argcount, code.co_argcount + code.co_kwonlyargcount
    for index, name in enumerate(code.co_varnames[:positional], len(defaults) - positional):
        yield _Declared(name, UNANNOTATED, MISSING if index < 0 else defaults[index], False)
    given = function.__kwdefaults__ or {}
    for name in code.co_varnames[positional:named]:
        yield _Declared(name, UNANNOTATED, given.get(name, MISSING), True)


def _of_signature(function: Callable[..., Any]) -> Iterator[_Declared]:
    """The same of any other callable."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError) as exc:
        raise BindingError(
            f"the signature of {shown(function)} cannot be read ({exc}): call it in a function of your own"
        ) from None
    bound = _bound_keywords(function)
    for parameter in signature.parameters.values():
        if parameter.kind not in _SKIPPED and parameter.name not in bound:
            default = MISSING if parameter.default is parameter.empty else parameter.default
            is_named = parameter.kind is parameter.KEYWORD_ONLY
            yield _Declared(parameter.name, parameter.annotation, default, is_named)


def _filled(parameter: Parameter, owner: Callable[..., Any], arguments: Mapping[Any, Any]) -> Parameter:
    """A parameter of a generic class, with what its type variables stand for."""
    annotation: Any = parameter.annotation
    variables = getattr(annotation, "__parameters__", ()) if not isinstance(annotation, type) else ()
    if isinstance(annotation, TypeVar):
        annotation = arguments.get(annotation, annotation)
    elif variables:
        generic: Any = annotation
        annotation = generic[tuple(arguments.get(variable, variable) for variable in variables)]
    return replace(parameter, annotation=annotation, owner=owner)


def _bound_keywords(function: Callable[..., Any]) -> frozenset[str]:
    """Keywords that a partial has filled: what its author fixed no client may choose."""
    bound: set[str] = set()
    while isinstance(function, functools.partial):
        bound |= function.keywords.keys()
        function = function.func
    return frozenset(bound)


@_known
def return_annotation(function: Callable[..., Any]) -> Any:
    """What a callable says it returns; UNANNOTATED when it does not."""
    return _annotations(function).get("return", UNANNOTATED)


@_known
def how_called(function: Callable[..., Any]) -> How:
    """Which kind of callable this is; a sync function is one for a thread."""
    if _is_bare(function) and function.__code__.co_flags & inspect.CO_COROUTINE:
        return How.AWAIT
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, type) or isinstance(get_origin(function), type):
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
    if inspect.iscoroutinefunction(
        wrapped
    ):  # a decorator whose wrapper is a plain function and hands the coroutine on
        return How.AWAIT
    return How.THREAD


def as_context_manager(function: Callable[..., Any], how: How) -> Callable[..., Any]:
    """Generator functions as makers of context managers, so that entering and leaving is contextlib's business."""
    if how is How.ASYNC_GENERATOR:
        return asynccontextmanager(function)
    if how is How.GENERATOR:
        return contextmanager(function)
    return function


def _parameter(function: Callable[..., Any], parameter: _Declared, hint: Any) -> Parameter:
    default = parameter.default
    if (
        hint.__class__ is type and default.__class__ in _PLAIN
    ):  # `page: int = 1`: there is nothing to find in either
        return Parameter(parameter.name, hint, None, default, parameter.keyword_only, function)
    try:
        annotation, extras = split_annotated(hint)
    except ConfigurationError as exc:
        raise BindingError(f"{_where(function, parameter.name)}: {exc}") from None
    annotation, lifted = _lift_markers(annotation)
    extras = (*lifted, *extras)
    written = extras if default is MISSING else (*extras, default)
    markers = [extra for extra in written if isinstance(extra, (Marker, Dependency))]
    for extra in written:
        if is_hashable(extra) and extra in _UNCALLED:
            raise BindingError(
                f"{_where(function, parameter.name)}: write {_UNCALLED[extra]}, with parentheses"
            )
    if len(markers) > 1:
        raise BindingError(f"{_where(function, parameter.name)} has {len(markers)} markers: keep one")
    marker = markers[0] if markers else None
    if default is MISSING or isinstance(default, (Marker, Dependency)):
        default = marker.default if isinstance(marker, Marker) else MISSING
    elif isinstance(marker, Marker) and marker.default is not MISSING:
        raise BindingError(
            f"{_where(function, parameter.name)} has two defaults, {marker.default!r} in {marker.source.capitalize()}() and "
            f"{default!r} in the signature: keep one"
        )
    return Parameter(
        parameter.name,
        annotation,
        _with_call(function, parameter.name, marker, annotation)
        if isinstance(marker, Dependency)
        else marker,
        default,
        parameter.keyword_only,
        function,
        tuple(extra for extra in extras if extra is not marker),
    )


_PLAIN = frozenset({type(MISSING), NoneType, bool, int, float, str})
"""Classes of defaults that are no markers."""


def _lift_markers(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """`Annotated[User, Depends(f)] | None` -> (User | None, (Depends(f),)): a marker says where the parameter comes from, wherever
    in its annotation it stands. Of a union with one member besides None all is lifted, of any other bounds stay with their member.
    """
    members = union_members(annotation)
    if not members:
        return annotation, ()
    alone = len([member for member in members if member is not NoneType]) == 1
    lifted: list[Any] = []
    bare: list[Any] = []
    for member in members:
        inner, extras = split_annotated(member)
        rest = [] if alone else [_bounds_alone(extra) for extra in extras]
        lifted += extras if alone else filter(_is_marker, extras)
        bare.append(Annotated[(inner, *rest)] if rest else inner)  # ty: ignore[invalid-type-form]
    return (union_of(bare), tuple(lifted)) if lifted else (annotation, ())


def _bounds_alone(extra: Any) -> Any:
    return extra.constraints if isinstance(extra, Marker) else extra


def _is_marker(extra: Any) -> bool:
    return isinstance(extra, (Marker, Dependency)) or is_hashable(extra) and extra in _UNCALLED


_UNCALLED: dict[Any, str] = {
    **{make: f"{make.__name__}()" for make in MARKER_FUNCTIONS},
    Depends: "Depends(...)",
}
"""Markers as they stand in a signature when their call was forgotten."""


def _with_call(
    function: Callable[..., Any], name: str, dependency: Dependency, annotation: Any
) -> Dependency:
    """`page: Annotated[Page, Depends()]` calls Page."""
    if dependency.call is not the_annotation:
        return dependency
    if annotation is UNANNOTATED or not callable(annotation) or annotation is Any:
        raise BindingError(f"{_where(function, name)}: Depends() needs a function, or a class as annotation")
    return replace(dependency, call=annotation)


def _where(function: Callable[..., Any], name: str) -> str:
    return f"parameter {name!r} of {shown(function)}"


def _annotations(function: Callable[..., Any]) -> Mapping[str, Any]:
    while isinstance(function, functools.partial):
        function = function.func
    target = function if _is_bare(function) else _annotated(function)
    known = _LOCAL_HINTS.get(target) if isinstance(target, FunctionType) else None
    if known is not None:
        return known
    try:
        hints = getattr(target, "__annotations__", {})
        if all(map(_is_evaluated, hints.values())):
            return cast("Mapping[str, Any]", hints)
        return read_hints(target)
    except NameError:
        hints = _LOCAL_HINTS[target] = _local_annotations(function, target)
        return hints
    except Exception as exc:
        raise BindingError(
            f"{shown(function)} has an annotation that cannot be evaluated: {exc}; write a type"
        ) from exc


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
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # documented, whatever its name says
    while frame is not None:
        if frame.f_code.co_filename == home:
            names = {**frame.f_locals, **names}
        frame = frame.f_back
    try:
        return read_hints(target, names)
    except Exception as exc:
        raise BindingError(
            f"{shown(function)} has an annotation that cannot be evaluated: {exc}; import or define the name "
            "where the function is declared (not only under TYPE_CHECKING)"
        ) from None
