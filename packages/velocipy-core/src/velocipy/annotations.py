"""What an annotation is made of, seen through `Annotated`, aliases, `NewType` and unions. Knows typing; knows no parameters."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable
from typing import Annotated, Any, get_args, get_origin


def split_annotated(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """`Annotated[int, a, b]` -> (int, (a, b)), through aliases and nesting; what stands further inside comes first."""
    extras: tuple[Any, ...] = ()
    while hint.__class__ is not type:  # what is a class has nothing around it; asking costs a microsecond
        origin = get_origin(hint)
        if origin is Annotated:
            hint, *more = get_args(hint)
            extras = (*more, *extras)
        elif hasattr(
            origin, "__value__"
        ):  # `type Page[T] = Annotated[T, ...]` of Python 3.12, with its parameters
            hint = origin.__value__[get_args(hint)]
        elif hasattr(hint, "__value__"):
            hint = hint.__value__
        elif hasattr(hint, "__supertype__"):  # NewType: a name for type checkers, nothing at run time
            hint = hint.__supertype__
        else:
            break
    return hint, extras


def union_members(annotation: Any) -> tuple[Any, ...]:
    """`int | str | None` -> (int, str, NoneType); () for what is no union."""
    if annotation.__class__ is not type and get_origin(annotation) in (typing.Union, types.UnionType):
        return get_args(annotation)
    return ()


def strip_optional(annotation: Any) -> tuple[Any, bool]:
    """`int | None` -> (int, True); `int | str | None` -> (int | str, True); `int` -> (int, False)."""
    members = union_members(annotation)
    if types.NoneType not in members:
        return annotation, False
    rest = [member for member in members if member is not types.NoneType]
    return union_of(rest) if rest else annotation, True


def union_of(members: Iterable[Any]) -> Any:
    """(int, str) -> `int | str`; (int,) -> int."""
    return typing.Union.__getitem__(tuple(members))


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
