"""What the dependencies of a route say for its documentation: security schemes with scopes, and the errors that they answer.

Knows dependencies as they are declared; overrides, which are for tests, do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from velocipy.exceptions import ConfigurationError
from velocipy.handlers.markers import Dependency, Error, raised_by
from velocipy.handlers.signature import read_signature
from velocipy.openapi.naming import Schema, legal
from velocipy.routing.route import Route


class Needed(NamedTuple):
    """What stands on the way to an endpoint, and the scopes that are asked for around it."""

    call: Any
    scopes: tuple[str, ...]


def needed_by(route: Route) -> tuple[Needed, ...]:
    """The middleware around a route, then every dependency of it at any depth, those of its layers first, and its endpoint."""
    around = [Needed(middleware, ()) for layer in route.layers for middleware in layer.middleware]
    listed = [dependency for layer in route.layers for dependency in layer.dependencies]
    return (*around, *_walk([*listed, Dependency(route.endpoint)], ()))


def _walk(dependencies: Iterable[Any], scopes: tuple[str, ...]) -> Iterator[Needed]:
    """The route is bound by then: every one is a Dependency, and none leads back to itself."""
    for dependency in dependencies:
        call, inside = dependency.call, (*scopes, *(getattr(dependency, "scopes", None) or ()))
        markers = [parameter.marker for parameter in read_signature(call)]
        yield from _walk([m for m in markers if isinstance(m, Dependency)], inside)
        yield Needed(call, inside)


def errors_of(needed: Iterable[Needed]) -> tuple[Error, ...]:
    """The errors that `raises` declares for any of them, and 401 for a scheme that refuses, 403 where it looks at scopes."""
    found: dict[Error, None] = {}
    for call, scopes in needed:
        errors = raised_by(call)
        if not errors and is_scheme(call) and getattr(call, "auto_error", True):
            errors = (401, 403) if scopes else (401,)
        found.update(dict.fromkeys(errors))
    return tuple(found)


def is_scheme(call: object) -> bool:
    """Whether a dependency shows itself as a security scheme: it has a `scheme_name` and a `scheme`."""
    return isinstance(getattr(call, "scheme_name", None), str) and isinstance(
        getattr(call, "scheme", None), Mapping
    )


class Security:
    """The security schemes of a document, by name."""

    def __init__(self) -> None:
        self.schemes: dict[str, Schema] = {}

    def requirements(self, route: Route, needed: Iterable[Needed]) -> list[Schema]:
        """OpenAPI's Security Requirement Objects of a route; [] where it has no scheme.

        Schemes that refuse are all needed. One that does not (`auto_error=False`) is a way in among others, or may be left out.
        Raises ConfigurationError for two schemes of one name that differ.
        """
        always: dict[str, list[str]] = {}
        other: dict[str, list[str]] = {}
        for call, scopes in needed:
            if is_scheme(call):
                name = self._name(route, call)
                wanted = always if getattr(call, "auto_error", True) else other
                known = wanted.setdefault(name, [])
                known += [scope for scope in scopes if scope not in known]
        if not always and not other:
            return []
        return [*({**always, name: scopes} for name, scopes in other.items()), always]

    def _name(self, route: Route, call: Any) -> str:
        name, scheme = legal(call.scheme_name), dict(call.scheme)
        if self.schemes.setdefault(name, scheme) != scheme:
            raise ConfigurationError(
                f"two security schemes before {route.title} ({route.location}) and other routes are named {name!r} and differ: "
                f"give one of them another scheme_name"
            )
        return name
