"""Which routes stand in an AsyncAPI document. Knows routes and annotations; asked when an app is first served, so it builds nothing."""

from __future__ import annotations

from typing import Any, Final

from velocipy.annotations import split_annotated, union_members
from velocipy.handlers.signature import return_annotation
from velocipy.routing.route import Route

EVENT_STREAM: Final = "text/event-stream"
"""As velocipy.http.sse has it, which is loaded by apps with such streams alone."""


def is_channel(route: Route) -> bool:
    """Whether a route is documented as a channel: a WebSocket, or what says that it answers with server-sent events."""
    return route.options.include_in_schema and (route.is_socket or is_event_stream(route))


def is_event_stream(route: Route) -> bool:
    """Whether a route's `response_class`, or its endpoint's return annotation, sends events."""
    declared: Any = route.options.response_class
    if declared is None:
        declared = split_annotated(return_annotation(route.endpoint))[0]
    members = union_members(declared) or (declared,)
    return any(getattr(member, "media_type", None) == EVENT_STREAM for member in members)
