"""Routes by their names, and the way from a name to a path. Knows templates; matches and serves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from velocipy.exceptions import RouteConflictError

if TYPE_CHECKING:
    from velocipy.routing.route import Route


class RouteNames:
    """The names of one app's routes. One that was given, and not taken from the endpoint, belongs to one route."""

    def __init__(self) -> None:
        self._routes: dict[str, list[Route]] = {}

    def check(self, route: Route) -> None:
        """Raise RouteConflictError for a route whose name was given to another one."""
        named = self._routes.get(route.name, []) if route.options.name else []
        clash = next(
            (other for other in named if other.options.name and not other.is_version_beside(route)), None
        )
        if clash is not None:
            raise RouteConflictError(
                f"the name {route.name!r} of {route.title} ({route.location}) belongs to {clash.title} ({clash.location}): give one another name"
            )

    def add(self, route: Route) -> None:
        """Take a route in."""
        self._routes.setdefault(route.name, []).append(route)

    def url_for(self, name: str, params: dict[str, object]) -> str:
        """The path of a named route, percent-encoded; parameters that are not in its template become the query.

        Raises KeyError for a name that no route has, ValueError for a name that several have and for values that do not fit.
        """
        from urllib.parse import urlencode

        routes = self._routes.get(name, [])
        if not routes:
            raise KeyError(
                f"no route is named {name!r}; there are {', '.join(sorted(self._routes)) or 'none'}"
            )
        if len({route.path for route in routes}) > 1:
            places = ", ".join(f"{route.title} ({route.location})" for route in routes)
            raise ValueError(f"several routes are named {name!r}: {places}; give one name=")
        template = routes[0].template
        holes = {hole.name for hole in template.holes}
        path = template.url({key: value for key, value in params.items() if key in holes})
        query = urlencode({key: value for key, value in params.items() if key not in holes}, doseq=True)
        return f"{path}?{query}" if query else path
