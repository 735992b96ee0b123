"""What `velocipy check` finds, and how rules look at routes. Knows layers and names; has no rule of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from velocipy import VelociPy
from velocipy.cli.listing import shortened
from velocipy.routing.route import Route


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong ("error") or unwise ("warning"): what, where, what to do about it, and the rule that says so."""

    level: Literal["error", "warning"]
    what: str
    where: str
    fix: str = ""
    rule: str = ""


Rule = Callable[[VelociPy], Iterator[Finding]]


def middleware_of(route: Route) -> list[Any]:
    """What stands around a route, the outermost first."""
    return [item for layer in route.layers for item in layer.middleware]


def first_of(name: str, items: Iterable[object]) -> Any:
    """The outermost that is of a class of this name, or of one below it. By name: the classes may not be installed."""
    return next((item for item in items if name in {kind.__name__ for kind in type(item).__mro__}), None)


def place_of(route: Route) -> str:
    """A route and its line: "GET /items (main.py:8)"."""
    return f"{route.title} ({shortened(route.location)})"


def places_of(routes: Sequence[Route]) -> str:
    """The first of several routes, and how many more there are."""
    more = f", and {len(routes) - 1} more" if len(routes) > 1 else ""
    return place_of(routes[0]) + more


def app_place(app: VelociPy) -> str:
    """Where a setting of the app itself stands."""
    return f"VelociPy(title={app.title!r})"
