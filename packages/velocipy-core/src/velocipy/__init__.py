"""VelociPy: typed handlers, honest HTTP, and the speed of the bare server. Names what core makes public, no more.

Each name is loaded when it is first asked for (PEP 562), so that `from velocipy import VelociPy` costs what the app needs and a
test client's libraries cost only those who test.
"""

import pkgutil
from typing import TYPE_CHECKING

# velocipy-asgi, velocipy-limiter and the other dists put their sub-packages beside core's. Installed as wheels they
# share one directory; from source each has its own, and without this line only core's would be found.
__path__ = pkgutil.extend_path(__path__, __name__)

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.__about__ import __version__
    from velocipy.app import VelociPy
    from velocipy.background import BackgroundTask, BackgroundTasks
    from velocipy.channels import Channels
    from velocipy.config import Config
    from velocipy.exceptions import (
        HTTPException,
        PayloadTooLargeException,
        ProblemException,
        RouteConflictError,
        WebSocketException,
    )
    from velocipy.handlers.markers import (
        Body,
        Cookie,
        Depends,
        File,
        Form,
        Header,
        Path,
        Query,
        guard,
        raises,
    )
    from velocipy.http.files import FileResponse
    from velocipy.http.forms import FormData, FormLimits
    from velocipy.http.request import Request
    from velocipy.http.response import (
        HTMLResponse,
        JSONResponse,
        PlainTextResponse,
        RedirectResponse,
        Response,
    )
    from velocipy.http.sse import EventSourceResponse, ServerSentEvent
    from velocipy.http.streaming import NDJSONResponse, StreamingResponse
    from velocipy.http.uploads import UploadFile
    from velocipy.middleware.base import Middleware
    from velocipy.middleware.session import SessionMiddleware
    from velocipy.routing.deprecation import Deprecation
    from velocipy.routing.route import Route
    from velocipy.routing.router import APIRouter
    from velocipy.routing.versions import APIVersion
    from velocipy.sessions import Session
    from velocipy.state import State
    from velocipy.static import StaticFiles
    from velocipy.storage import MemoryStorage, Storage
    from velocipy.templating import TemplateResponse, Templates
    from velocipy.testing import AsyncTestClient, TestClient
    from velocipy.websocket import WebSocket

__all__ = [
    "APIRouter",
    "APIVersion",
    "AsyncTestClient",
    "BackgroundTask",
    "BackgroundTasks",
    "Body",
    "Channels",
    "Config",
    "Cookie",
    "Depends",
    "Deprecation",
    "EventSourceResponse",
    "File",
    "FileResponse",
    "Form",
    "FormData",
    "FormLimits",
    "HTMLResponse",
    "HTTPException",
    "Header",
    "JSONResponse",
    "MemoryStorage",
    "Middleware",
    "NDJSONResponse",
    "Path",
    "PayloadTooLargeException",
    "PlainTextResponse",
    "ProblemException",
    "Query",
    "RedirectResponse",
    "Request",
    "Response",
    "Route",
    "RouteConflictError",
    "ServerSentEvent",
    "Session",
    "SessionMiddleware",
    "State",
    "StaticFiles",
    "Storage",
    "StreamingResponse",
    "TemplateResponse",
    "Templates",
    "TestClient",
    "UploadFile",
    "VelociPy",
    "WebSocket",
    "WebSocketException",
    "__version__",
    "guard",
    "raises",
]

_HOMES = {
    "__about__": ("__version__",),
    "app": ("VelociPy",),
    "background": ("BackgroundTask", "BackgroundTasks"),
    "channels": ("Channels",),
    "config": ("Config",),
    "exceptions": (
        *("HTTPException", "PayloadTooLargeException", "ProblemException"),
        *("RouteConflictError", "WebSocketException"),
    ),
    "handlers.markers": (
        *("Body", "Cookie", "Depends", "File", "Form", "Header", "Path", "Query"),
        *("guard", "raises"),
    ),
    "http.files": ("FileResponse",),
    "http.forms": ("FormData", "FormLimits"),
    "http.request": ("Request",),
    "http.response": ("HTMLResponse", "JSONResponse", "PlainTextResponse", "RedirectResponse", "Response"),
    "http.sse": ("EventSourceResponse", "ServerSentEvent"),
    "http.streaming": ("NDJSONResponse", "StreamingResponse"),
    "http.uploads": ("UploadFile",),
    "middleware.base": ("Middleware",),
    "middleware.session": ("SessionMiddleware",),
    "routing.deprecation": ("Deprecation",),
    "routing.route": ("Route",),
    "routing.router": ("APIRouter",),
    "routing.versions": ("APIVersion",),
    "sessions": ("Session",),
    "state": ("State",),
    "static": ("StaticFiles",),
    "storage": ("MemoryStorage", "Storage"),
    "templating": ("TemplateResponse", "Templates"),
    "testing": ("AsyncTestClient", "TestClient"),
    "websocket": ("WebSocket",),
}
"""Sub-module -> the public names that it defines."""

_SIBLINGS = {
    "velocipy.limiter": ("Limiter", "RateLimitAlgorithm", "RateLimitRule", "rate_limit"),
    "velocipy.openapi": ("OpenAPI", "SwaggerUI"),
    "velocipy.openapi_ui": ("ReDoc", "Scalar"),
    "velocipy.redis": ("RedisStorage",),
    "velocipy.security": (
        "APIKeyCookie",
        "APIKeyHeader",
        "APIKeyQuery",
        "CSRF",
        "CSRFToken",
        "CrossOriginCheck",
        "HTTPAuthorizationCredentials",
        "HTTPBasic",
        "HTTPBasicCredentials",
        "HTTPBearer",
        "HTTPDigest",
        "HTTPDigestCredentials",
        "OAuth2AuthorizationCodeBearer",
        "OAuth2PasswordBearer",
        "OAuth2PasswordRequestForm",
        "OAuth2PasswordRequestFormStrict",
        "OpenIdConnect",
        "Security",
        "SecurityBase",
        "SecurityScopes",
    ),
}
"""Names of other dists that are looked for here."""

if not TYPE_CHECKING:  # with it, a type checker would take any name for one of ours
    _load, __dir__ = lazy(__name__, _HOMES)

    def __getattr__(name: str) -> object:
        for module, names in _SIBLINGS.items():
            if name in names:
                dist = module.replace(".", "-").replace("_", "-")
                # Of an AttributeError, `from velocipy import ...` would keep nothing but "cannot import name".
                raise ImportError(
                    f"{name} lives in {module}: from {module} import {name} (pip install {dist})"
                )
        return _load(name)
