"""What a security scheme shows of itself, and the scopes that are asked for around a dependency. Checks no credentials.

A scheme is a guard that also has a name and an OpenAPI Security Scheme Object. Whoever documents routes reads both here; those
of the dist velocipy-security are made so, and so may be any callable object of a user's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class SecurityScheme(Protocol):
    """A dependency that documentation shows as a security scheme (OpenAPI 3.1 section 4.8.27)."""

    scheme_name: str
    """Its key in `components.securitySchemes`: letters, digits, `.`, `-` and `_`."""
    scheme: Mapping[str, Any]
    """The Security Scheme Object itself, such as `{"type": "http", "scheme": "basic"}`."""
    auto_error: bool
    """Whether it refuses who does not fit. Without, it is one way in among others, or none is needed."""


@dataclass(frozen=True, slots=True)
class SecurityScopes:
    """The scopes that `Security(..., scopes=[...])` asks for, from the route inwards to whoever has this as a parameter."""

    scopes: tuple[str, ...] = ()

    @property
    def scope_str(self) -> str:
        """ "items:read items:write", as OAuth2 writes a list of scopes (RFC 6749 section 3.3)."""
        return " ".join(self.scopes)

    def missing(self, granted: Iterable[str]) -> tuple[str, ...]:
        """The scopes that are asked for and not among `granted`; () when nothing is missing."""
        has = frozenset(granted)
        return tuple(scope for scope in self.scopes if scope not in has)


def joined_scopes(outer: tuple[str, ...], inner: Iterable[str]) -> tuple[str, ...]:
    """Both in order, each scope once."""
    return tuple(dict.fromkeys((*outer, *inner)))
