"""What an annotation is made of, seen through `Annotated`, aliases, `NewType` and unions. Knows typing; knows no parameters."""

from __future__ import annotations

import functools
import sys
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ForwardRef, get_args, get_origin

from velocipy.exceptions import ConfigurationError


def split_annotated(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """`Annotated[int, a, b]` -> (int, (a, b)), through aliases and nesting; what stands further inside comes first.

    Raises ConfigurationError for an alias that stands for nothing but itself.
    """
    extras: tuple[Any, ...] = ()
    while hint.__class__ is not type:  # what is a class has nothing around it; asking costs a microsecond
        origin = get_origin(hint)
        if origin is Annotated:
            hint, *more = get_args(hint)
            extras = (*more, *extras)
        elif hasattr(
            origin, "__value__"
        ):  # `type Page[T] = Annotated[T, ...]` of Python 3.12, with its parameters
            hint = alias_value(origin)[get_args(hint)]
        elif hasattr(hint, "__value__"):
            hint = alias_value(hint)
        elif hasattr(hint, "__supertype__"):  # NewType: a name for type checkers, nothing at run time
            hint = hint.__supertype__
        else:
            break
    return hint, extras


def is_alias(annotation: Any) -> bool:
    """Whether a type is an alias with a name of its own, which may hold itself: `type Tree = list[Tree]`, with parameters or not."""
    return hasattr(get_origin(annotation) or annotation, "__value__")


@functools.lru_cache(maxsize=1024)
def alias_value(alias: Any) -> Any:
    """What an alias stands for. Raises ConfigurationError for names that are not found, and where no value could ever be of it."""
    waiting, seen = [_read_alias(alias)], [alias]
    while waiting:
        hint = waiting.pop()
        while get_origin(hint) is Annotated:
            hint = get_args(hint)[0]
        other = get_origin(hint) if hasattr(get_origin(hint), "__value__") else hint
        if other is alias:
            raise ConfigurationError(
                f"the type alias {alias.__name__} is made of itself alone: it may stand in a list, a dict or a model of itself"
            )
        if hasattr(other, "__value__") and other not in seen:
            seen.append(other)
            waiting.append(_read_alias(other))
        waiting += union_members(hint)
    return _read_alias(alias)


@functools.lru_cache(maxsize=1024)
def _read_alias(alias: Any) -> Any:
    """The value of an alias, with text in it looked up where the alias was made."""
    value = alias.__value__
    if next(_text_in(value), None) is None:
        return value
    variables = {variable.__name__: variable for variable in alias.__type_params__}
    names = {alias.__name__: alias, **variables}
    home = vars(sys.modules[alias.__module__]) if alias.__module__ in sys.modules else {}
    holder = type("Alias", (), {"__annotations__": {"value": value}})
    try:
        return typing.get_type_hints(holder, {**home, **names}, names, include_extras=True)["value"]
    except (NameError, TypeError, SyntaxError) as exc:
        raise ConfigurationError(
            f"the type alias {alias.__name__} cannot be read: {exc}; what it names must be found in {alias.__module__}"
        ) from None


class NamedType:
    """A type that is known by its name in a module, as an alias: what stands in `Tree = list["Tree"]` for the Tree inside."""

    __type_params__: tuple[()] = ()

    def __init__(self, name: str, value: Any, module: str) -> None:
        self.__name__ = name
        self.__value__ = value
        self.__module__ = module

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NamedType) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.__name__, self.__module__))

    def __repr__(self) -> str:
        return self.__name__


def read_hints(target: Any, names: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The types of what a class or function annotates, text evaluated, with these local names; a type in itself is a NamedType.

    Raises what the evaluation raises: NameError, TypeError, SyntaxError, AttributeError.
    """
    hints = typing.get_type_hints(target, localns=names, include_extras=True)
    left = {text for hint in hints.values() for text in _text_in(hint)}
    if not left:
        return hints
    module = getattr(target, "__module__", None) or "builtins"
    home = getattr(target, "__globals__", None) or vars(sys.modules[module])
    known = {text: NamedType(text, eval(text, dict(home), names), module) for text in left}  # as typing does
    return typing.get_type_hints(target, localns={**(names or {}), **known}, include_extras=True)


def _text_in(hint: Any) -> Iterator[str]:
    """What in a type is text that is still to be evaluated."""
    if isinstance(hint, str):
        yield hint
    elif isinstance(hint, ForwardRef):
        yield hint.__forward_arg__
    elif hint.__class__ is not type and get_origin(hint) is not typing.Literal:
        inner = get_args(hint)
        for member in inner[:1] if get_origin(hint) is Annotated else inner:
            yield from _text_in(member)


def union_members(annotation: Any) -> tuple[Any, ...]:
    """`int | str | None` -> (int, str, NoneType); () for what is no union."""
    if annotation.__class__ is not type and get_origin(annotation) in (typing.Union, types.UnionType):
        return get_args(annotation)
    return ()


def strip_optional(annotation: Any) -> tuple[Any, bool]:
    """`int | None` -> (int, True); `int | str | None` -> (int | str, True); `int` -> (int, False)."""
    members = () if annotation.__class__ is type else union_members(annotation)
    if types.NoneType not in members:
        return annotation, False
    rest = [member for member in members if member is not types.NoneType]
    return union_of(rest) if rest else annotation, True


def union_of(members: Iterable[Any]) -> Any:
    """(int, str) -> `int | str`; (int,) -> int."""
    union: Any = typing.Union
    given = tuple(members)
    return given[0] if len(given) == 1 else union[given]  # which wants a hash of each


def is_hashable(value: Any) -> bool:
    """Whether a value may be a key: an annotation may hold anything."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def type_name(annotation: Any) -> str:
    """An annotation for messages: `Item`, `list[Item]`, `int | None`."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return annotation.__qualname__
    return str(annotation).replace("typing.", "")
