"""What a mutant is: a dialect with one fault, and the cases that find it. Knows no case's inside and runs nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from velocipy.asgi.dialect import dialect as ASGI
from velocipy.protocols import Dialect
from velocipy.rsgi.dialect import dialect as RSGI


@dataclass(frozen=True)
class Mutant:
    """A broken adapter; `gates` are what it has somehow slipped past in core, by "module:name" or "module:Class.name"."""

    name: str
    fault: str
    dialect: Dialect
    caught_by: tuple[str, ...]
    gates: Mapping[str, object] = field(default_factory=dict)


MUTANTS: list[Mutant] = []


def mutant(
    *caught_by: str, gates: Mapping[str, object] | None = None
) -> Callable[[Callable[[], Dialect]], None]:
    """Register what a function returns, under its name; its docstring says what is broken."""

    def register(make: Callable[[], Dialect]) -> None:
        MUTANTS.append(Mutant(make.__name__, make.__doc__ or "", make(), caught_by, gates or {}))

    return register


def asgi(**entries: Any) -> Dialect:
    """The ASGI dialect with other entries."""
    return replace(ASGI, **entries)


def rsgi(**entries: Any) -> Dialect:
    """The RSGI dialect with other entries."""
    return replace(RSGI, **entries)


def asgi_with(**names: object) -> Dialect:
    """The ASGI dialect whose source finds other objects under these names."""
    return replace(ASGI, env={**ASGI.env, **names})


def rsgi_with(**names: object) -> Dialect:
    """The RSGI dialect whose source finds other objects under these names."""
    return replace(RSGI, env={**RSGI.env, **names})
