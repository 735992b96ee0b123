"""What users write in signatures to say where a value comes from. Knows sources and constraints; reads nothing itself.

The public names are functions, so that `page: int = Query(1)` and `db: Session = Depends(open_db)` are right for type checkers
too; what they return are the records below.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar, overload

from velocipy.exceptions import ConfigurationError

T = TypeVar("T")
Scope = Literal["function", "request"]


class _Missing:
    """The one value of MISSING."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()
"""No default: the parameter is required. `...` in a marker means the same."""


@dataclass(frozen=True, slots=True)
class Constraints:
    """Bounds of a value; None means none. Lengths count characters, `pattern` must match the whole text."""

    gt: float | None = None
    ge: float | None = None
    lt: float | None = None
    le: float | None = None
    multiple_of: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    pattern: str | None = None

    def __post_init__(self) -> None:
        if self.multiple_of is not None and not self.multiple_of > 0:
            raise ConfigurationError(f"multiple_of is a number greater than 0, not {self.multiple_of!r}")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as exc:
                raise ConfigurationError(
                    f"the pattern {self.pattern!r} is not a regular expression: {exc}"
                ) from None


NO_LIMITS: Final = Constraints()
"""What a parameter without constraints has."""


@dataclass(frozen=True, slots=True)
class Marker:
    """Where a parameter comes from, under which name, and what it may be."""

    source: Literal["path", "query", "header", "cookie", "body"]
    default: Any = MISSING
    alias: str | None = None
    title: str | None = None
    description: str | None = None
    deprecated: bool = False
    constraints: Constraints = NO_LIMITS


@dataclass(frozen=True, slots=True)
class Dependency:
    """A call whose result is the parameter."""

    call: Callable[..., Any]
    use_cache: bool = True
    scope: Scope | None = None


def _marker(source: Any) -> Callable[..., Any]:
    def make(
        default: Any = MISSING,
        *,
        alias: str | None = None,
        title: str | None = None,
        description: str | None = None,
        deprecated: bool = False,
        gt: float | None = None,
        ge: float | None = None,
        lt: float | None = None,
        le: float | None = None,
        multiple_of: float | None = None,
        min_length: int | None = None,
        max_length: int | None = None,
        pattern: str | None = None,
    ) -> Any:
        constraints = Constraints(gt, ge, lt, le, multiple_of, min_length, max_length, pattern)
        required = MISSING if default is ... else default
        return Marker(source, required, alias, title, description, deprecated, constraints)

    make.__name__ = make.__qualname__ = source.capitalize()
    make.__doc__ = (
        f"The parameter comes from the {source}: as default, or in Annotated. `default` may stand here or in Python; `alias` is "
        "its name on the wire; the constraints refuse a value with 422."
    )
    return make


Path = _marker("path")
Query = _marker("query")
Header = _marker("header")
Cookie = _marker("cookie")
Body = _marker("body")


@overload
def Depends(
    dependency: Callable[..., AbstractAsyncContextManager[T]],
    *,
    use_cache: bool = ...,
    scope: Scope | None = ...,
) -> T: ...
@overload
def Depends(
    dependency: Callable[..., AbstractContextManager[T]], *, use_cache: bool = ..., scope: Scope | None = ...
) -> T: ...
@overload
def Depends(
    dependency: Callable[..., AsyncIterator[T]], *, use_cache: bool = ..., scope: Scope | None = ...
) -> T: ...
@overload
def Depends(
    dependency: Callable[..., Iterator[T]], *, use_cache: bool = ..., scope: Scope | None = ...
) -> T: ...
@overload
def Depends(
    dependency: Callable[..., Awaitable[T]], *, use_cache: bool = ..., scope: Scope | None = ...
) -> T: ...
@overload
def Depends(dependency: Callable[..., T], *, use_cache: bool = ..., scope: Scope | None = ...) -> T: ...
def Depends(dependency: Callable[..., Any], *, use_cache: bool = True, scope: Scope | None = None) -> Any:
    """The parameter is what `dependency` returns, yields or enters; typed as that.

    It is called once a request however many ask for it, unless `use_cache=False`. What it yields is torn down before a buffered
    answer is sent and after the last byte of a stream; `scope="request"` tears down after sending always, `"function"` before.
    """
    if not callable(dependency):
        raise ConfigurationError(
            f"Depends needs a function or class, not {dependency!r}: write Depends(open_db)"
        )
    if scope not in (None, "function", "request"):
        raise ConfigurationError(f"the scope of a dependency is 'function' or 'request', not {scope!r}")
    return Dependency(dependency, use_cache, scope)


def guard(function: T) -> T:
    """Mark a dependency as a guard: it runs, and may refuse, before anything else of the request is read or checked."""
    function.__velocipy_guard__ = True  # type: ignore[attr-defined]
    return function


def is_guard(function: object) -> bool:
    """Whether `guard` marked this callable, or its class."""
    return bool(getattr(function, "__velocipy_guard__", False))
