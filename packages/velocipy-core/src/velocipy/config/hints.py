"""The fields of a class by their annotations, also of one that is defined in a function. Knows typing; knows no settings."""

from __future__ import annotations

import sys
import typing
from types import FrameType
from typing import Any, ClassVar, get_origin

from velocipy.exceptions import ConfigurationError


def hints_of(cls: type, base: type) -> dict[str, Any]:
    """The annotated fields of a class and of those that it extends, but for ClassVars.

    Raises ConfigurationError for an annotation that cannot be evaluated, and for a name that is private or one of `base`.
    """
    try:
        try:
            hints = typing.get_type_hints(cls, include_extras=True)
        except NameError:
            hints = typing.get_type_hints(cls, localns=_local_names(cls.__module__), include_extras=True)
    except Exception as exc:
        raise ConfigurationError(
            f"the settings of {cls.__module__}.{cls.__qualname__} cannot be read: {exc}; import or define the name in the module of the class, and not only under TYPE_CHECKING"
        ) from None
    fields = {name: hint for name, hint in hints.items() if ClassVar not in (hint, get_origin(hint))}
    for name in fields:
        if name.startswith("_") or hasattr(base, name):
            raise ConfigurationError(
                f"{cls.__qualname__}.{name} cannot be a setting: names that begin with _, and those of Config itself, are taken: give it another"
            )
    return fields


def _local_names(module: str) -> dict[str, Any]:
    """What stands in the functions of a module that run now: a class in one of them may name its neighbours in text."""
    names: dict[str, Any] = {}
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]  # documented, whatever its name says
    while frame is not None:
        if frame.f_globals.get("__name__") == module:
            names = {**frame.f_locals, **names}
        frame = frame.f_back
    return names
