"""Which middleware of single routes has a say in OPTIONS of their path. Knows layers and routes; does not know CORS.

OPTIONS is answered for a path, while a policy may stand on one of its routes: a middleware that has `for_preflight(methods)` gives a hook
that answers there for these methods. Of several around a route the innermost decides, about preflights as about every other answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from velocipy.routing.route import Layer, Route

Policies = tuple[tuple[Any, tuple[str, ...]], ...]
"""Middleware with `for_preflight`, and the methods that it decides about."""


def policies_of(routes: Mapping[str, Route]) -> Policies:
    """The innermost policy of each route of a path, by method, with its methods."""
    found: dict[int, tuple[Any, list[str]]] = {}
    for method, route in routes.items():
        policy = None if route.is_socket else innermost(route.layers)
        if policy is not None:
            found.setdefault(id(policy), (policy, []))[1].append(method)
    return tuple((policy, tuple(methods)) for policy, methods in found.values())


def outermost(layers: Iterable[Layer]) -> Any:
    """The first policy in these layers; None without one."""
    return next((item for layer in layers for item in layer.middleware if _is_policy(item)), None)


def innermost(layers: Sequence[Layer]) -> Any:
    """The last policy in these layers; None without one."""
    every = (item for layer in reversed(layers) for item in reversed(layer.middleware))
    return next((item for item in every if _is_policy(item)), None)


def deciding(middleware: Sequence[Any]) -> list[Any]:
    """Middleware in its order without the policies that another of their kind, further in, stands in place of.

    What one allows and the other does not would else be in one answer: the origins of the inner with the credentials of the outer.
    """
    policies = [item for item in middleware if _is_policy(item)]
    return [
        item
        for item in middleware
        if not _is_policy(item) or not any(_is_same_kind(item, other) for other in _after(item, policies))
    ]


def _after(item: Any, policies: Sequence[Any]) -> Sequence[Any]:
    last = max(at for at, other in enumerate(policies) if other is item)
    return policies[last + 1 :]


def _is_same_kind(item: Any, other: Any) -> bool:
    return isinstance(item, type(other)) or isinstance(other, type(item))


def with_policies(layers: Sequence[Layer], policies: Policies) -> tuple[Layer, ...]:
    """Layers for OPTIONS of a path: its routes' policies are asked before the outermost of the layers, or at the end."""
    hooks = [policy.for_preflight(methods) for policy, methods in policies]
    first = outermost(layers)
    if first is None:
        return (*layers, Layer(middleware=hooks))
    return tuple(_before(first, hooks, layer) for layer in layers)


def _before(first: Any, hooks: list[Any], layer: Layer) -> Layer:
    at = next((at for at, item in enumerate(layer.middleware) if item is first), None)
    if at is None:
        return layer
    middleware = [*layer.middleware[:at], *hooks, *layer.middleware[at:]]
    return Layer(layer.dependencies, middleware, layer.exception_handlers, layer.responses)


def _is_policy(item: Any) -> bool:
    make: Callable[..., Any] | None = getattr(item, "for_preflight", None)
    return callable(make)
