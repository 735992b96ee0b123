"""Tools for testing apps in one process. Knows ASGI, RSGI and httpx2; knows nothing of VelociPy's app.

    client = TestClient(app)                        one thread, one loop; `with client:` runs the lifespan
    async with AsyncTestClient(app) as client:      in the test's own loop

The names are loaded when they are asked for: pytest loads the plugin in here in every run, and httpx2 costs only those who test
an app.
"""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.testing.async_client import AsyncTestClient
    from velocipy.testing.client import TestClient
    from velocipy.testing.clock import Clock
    from velocipy.testing.errors import (
        AppStillRunning,
        EventStreamDenied,
        EventStreamEnded,
        ResponseNeverEnds,
        ServerCrashed,
        ServerFault,
        UnreadOverflow,
        WebSocketDenied,
        WireDesync,
    )
    from velocipy.testing.event_sessions import AsyncEventSession, EventSession
    from velocipy.testing.events import ReceivedEvent
    from velocipy.testing.exchange import HTTPExchange, RawRequest, Reply, ResponseHead
    from velocipy.testing.fixtures import Override
    from velocipy.testing.sessions import AsyncWebSocketSession, WebSocketSession

__all__ = [
    "AppStillRunning",
    "AsyncEventSession",
    "AsyncTestClient",
    "AsyncWebSocketSession",
    "Clock",
    "EventSession",
    "EventStreamDenied",
    "EventStreamEnded",
    "HTTPExchange",
    "Override",
    "RawRequest",
    "ReceivedEvent",
    "Reply",
    "ResponseHead",
    "ResponseNeverEnds",
    "ServerCrashed",
    "ServerFault",
    "TestClient",
    "UnreadOverflow",
    "WebSocketDenied",
    "WebSocketSession",
    "WireDesync",
]

_HOMES = {
    "async_client": ("AsyncTestClient",),
    "client": ("TestClient",),
    "clock": ("Clock",),
    "errors": (
        *("AppStillRunning", "EventStreamDenied", "EventStreamEnded", "ResponseNeverEnds", "ServerCrashed"),
        *("ServerFault", "UnreadOverflow", "WebSocketDenied", "WireDesync"),
    ),
    "event_sessions": ("AsyncEventSession", "EventSession"),
    "events": ("ReceivedEvent",),
    "exchange": ("HTTPExchange", "RawRequest", "Reply", "ResponseHead"),
    "fixtures": ("Override",),
    "sessions": ("AsyncWebSocketSession", "WebSocketSession"),
}
"""Sub-module -> the public names that it defines."""

if not TYPE_CHECKING:  # with it, a type checker would take any name for one of ours
    __getattr__, __dir__ = lazy(__name__, _HOMES)
