"""VelociPy: typed handlers, honest HTTP, and the speed of the bare server. Names what core makes public, no more."""

import pkgutil

# velocipy-asgi, velocipy-limiter and the other dists put their sub-packages beside core's. Installed as wheels they
# share one directory; from source each has its own, and without this line only core's would be found.
__path__ = pkgutil.extend_path(__path__, __name__)

from velocipy.__about__ import __version__
from velocipy.app import VelociPy
from velocipy.exceptions import HTTPException, PayloadTooLargeException, RouteConflictError, WebSocketException
from velocipy.handlers.markers import Body, Cookie, Depends, Header, Path, Query, guard
from velocipy.http.files import FileResponse
from velocipy.http.request import Request
from velocipy.http.response import HTMLResponse, JSONResponse, PlainTextResponse, RedirectResponse, Response
from velocipy.http.streaming import StreamingResponse
from velocipy.middleware.base import Middleware
from velocipy.routing.route import Route
from velocipy.routing.router import APIRouter
from velocipy.state import State
from velocipy.websocket import WebSocket

__all__ = [
    "APIRouter",
    "Body",
    "Cookie",
    "Depends",
    "FileResponse",
    "HTMLResponse",
    "HTTPException",
    "Header",
    "JSONResponse",
    "Middleware",
    "Path",
    "PayloadTooLargeException",
    "PlainTextResponse",
    "Query",
    "RedirectResponse",
    "Request",
    "Response",
    "Route",
    "RouteConflictError",
    "State",
    "StreamingResponse",
    "VelociPy",
    "WebSocket",
    "WebSocketException",
    "__version__",
    "guard",
]
