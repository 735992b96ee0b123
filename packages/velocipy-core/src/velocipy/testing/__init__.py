"""Tools for testing apps in one process. Knows ASGI, RSGI and httpx2; knows nothing of VelociPy's app.

    client = TestClient(app)                        one thread, one loop; `with client:` runs the lifespan
    async with AsyncTestClient(app) as client:      in the test's own loop

Importing this package imports httpx2; `import velocipy` does not import this package.
"""

from velocipy.testing.async_client import AsyncTestClient
from velocipy.testing.client import TestClient
from velocipy.testing.errors import (
    AppStillRunning,
    ResponseNeverEnds,
    ServerCrashed,
    ServerFault,
    UnreadOverflow,
    WebSocketDenied,
    WireDesync,
)
from velocipy.testing.exchange import HTTPExchange, RawRequest, Reply, ResponseHead
from velocipy.testing.sessions import AsyncWebSocketSession, WebSocketSession

__all__ = [
    "AppStillRunning",
    "AsyncTestClient",
    "AsyncWebSocketSession",
    "HTTPExchange",
    "RawRequest",
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
