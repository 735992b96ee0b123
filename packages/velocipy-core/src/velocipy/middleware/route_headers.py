"""What a route itself has said with every answer, as constants of its outermost segment. Knows options of routes; knows no middleware."""

from __future__ import annotations

from dataclasses import replace

from velocipy.handlers.plan import Segment
from velocipy.http.headers import APPENDED, ResponseHeaders
from velocipy.routing.deprecation import Deprecation
from velocipy.routing.route import Route


def with_own_headers(segment: Segment, route: Route) -> Segment:
    """The segment with the route's own constants; the same one where it has none, or is no HTTP route."""
    own = [] if route.is_socket else _own(route)
    if not own:
        return segment
    headers = ResponseHeaders(segment.constants)
    for name, value in own:
        if name == "vary":
            headers.add_vary(value)
        elif name in APPENDED:
            headers.add(name, value)
        else:
            headers[name] = value
    return replace(segment, constants=tuple(headers.raw))


def _own(route: Route) -> list[tuple[str, str]]:
    own: list[tuple[str, str]] = []
    if len(route.formats) > 1:  # whatever is answered, it depends on what was asked for
        own.append(("vary", "accept"))
    if route.versioning is not None and route.options.version is not None:
        own += route.versioning.answers(route.options.version)
    if isinstance(route.options.deprecated, Deprecation):
        own += route.options.deprecated.headers
    return own
