"""`Security(...)`: a dependency that is asked for with scopes. Knows how scopes are written; checks none of them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Final, TypeVar, overload

from velocipy.exceptions import ConfigurationError
from velocipy.handlers.markers import Dependency, Depends
from velocipy.handlers.schemes import SecurityScopes
from velocipy.places import caller_location

__all__ = ["Security", "SecurityScopes", "check_scopes", "is_scope"]

T = TypeVar("T")

_TOKEN: Final = re.compile(r"[!#-\[\]-~]+")  # RFC 6749 section 3.3: visible ASCII but quote and backslash


@overload
def Security(
    dependency: Callable[..., AbstractAsyncContextManager[T]],
    *,
    scopes: Sequence[str] = ...,
    use_cache: bool = ...,
) -> T: ...
@overload
def Security(
    dependency: Callable[..., AbstractContextManager[T]],
    *,
    scopes: Sequence[str] = ...,
    use_cache: bool = ...,
) -> T: ...
@overload
def Security(
    dependency: Callable[..., AsyncIterator[T]], *, scopes: Sequence[str] = ..., use_cache: bool = ...
) -> T: ...
@overload
def Security(
    dependency: Callable[..., Iterator[T]], *, scopes: Sequence[str] = ..., use_cache: bool = ...
) -> T: ...
@overload
def Security(
    dependency: Callable[..., Awaitable[T]], *, scopes: Sequence[str] = ..., use_cache: bool = ...
) -> T: ...
@overload
def Security(dependency: Callable[..., T], *, scopes: Sequence[str] = ..., use_cache: bool = ...) -> T: ...
def Security(dependency: Any, *, scopes: Sequence[str] = (), use_cache: bool = True) -> Any:
    """`Depends` that is a guard and asks for scopes: `user: Annotated[User, Security(current_user, scopes=["items"])]`.

    Whoever below has a parameter `asked: SecurityScopes` gets these and those of every `Security` around it; it decides whether
    they are granted. Raises ConfigurationError for scopes that OAuth2 cannot write.
    """
    plain: Dependency = Depends(dependency, use_cache=use_cache)
    return Dependency(plain.call, plain.use_cache, scopes=check_scopes(scopes))


def check_scopes(scopes: Iterable[str]) -> tuple[str, ...]:
    """Scopes as a tuple. Raises ConfigurationError for a single text, and for a scope with a space, a quote or the like."""
    if isinstance(scopes, str):
        raise ConfigurationError(f"scopes ({caller_location()}) is a list: write {scopes.split()!r}")
    given = tuple(scopes)
    for scope in given:
        if not is_scope(scope):
            raise ConfigurationError(
                f"{scope!r} ({caller_location()}) is no scope: visible ASCII without spaces, quotes and backslashes (RFC 6749 "
                "section 3.3)"
            )
    return given


def is_scope(text: object) -> bool:
    """Whether a text is one scope."""
    return isinstance(text, str) and _TOKEN.fullmatch(text) is not None
