"""One job of one built-in middleware each, inline and by hand, for RSGI alone: what `middlewares.py` holds the built-in against.

Each does all of its built-in's job that this request asks for: an id is also there for the records of the log, a timing takes spans.
Paths, methods and the grammar of Host are looked at as every app of VelociPy does; the answer is the same JSON.
"""

from __future__ import annotations

import functools
import gzip
import re
import secrets
import time
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from os import urandom
from typing import Any, Final

from raw_common import GUARDS, HARMLESS, LEAST, ORIGINS, detail, encode, is_our_host, takes_gzip
from raw_rsgi import RSGI

JSON: Final = [("content-type", "application/json")]
VARIES: Final = [*JSON, ("vary", "Origin")]
CODED: Final = [*JSON, ("vary", "Accept-Encoding")]
GUARDED: Final = [*JSON, *GUARDS[1:5]]
NONCED: Final = [*JSON, *GUARDS[1:4]]

current_id: ContextVar[str | None] = ContextVar("current_id", default=None)
spans: ContextVar[dict[str, float] | None] = ContextVar("spans", default=None)

Job = Callable[[Any, RSGI], Coroutine[None, None, None]]


@functools.lru_cache(maxsize=256)
def is_host(line: str) -> bool:
    """Whether a Host line may be one (RFC 9110 section 7.2)."""
    return re.fullmatch(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?", line) is not None


def content() -> bytes:
    return encode({"message": "Hello, World!"})


class LazySession:
    """A session that nobody asks for: all of it is still to be read."""

    __slots__ = ("headers", "record")

    def __init__(self, headers: Any) -> None:
        self.headers = headers
        self.record = None


async def nothing(scope: Any, protocol: RSGI) -> None:
    protocol.response_bytes(200, JSON, content())


async def ids(scope: Any, protocol: RSGI) -> None:
    sent = scope.headers.get("x-request-id")
    if sent is None or HARMLESS.fullmatch(sent) is None:
        sent = urandom(16).hex()
    current_id.set(sent)
    protocol.response_bytes(200, [*JSON, ("x-request-id", sent)], content())


async def timing(scope: Any, protocol: RSGI) -> None:
    started = time.perf_counter()
    taken: dict[str, float] = {}
    spans.set(taken)
    body = content()
    text = f"total;dur={(time.perf_counter() - started) * 1000:.3f}"
    if taken:
        text = ", ".join([text, *(f"{name};dur={spent * 1000:.3f}" for name, spent in taken.items())])
    protocol.response_bytes(200, [*JSON, ("server-timing", text)], body)


async def cors(scope: Any, protocol: RSGI) -> None:
    headers = scope.headers
    origin = headers.get("origin")
    head = VARIES
    if origin is not None:
        if scope.method == "OPTIONS" and headers.get("access-control-request-method") is not None:
            return protocol.response_empty(204, VARIES)
        if origin in ORIGINS and len(headers.get_all("origin")) == 1:
            head = [*VARIES, ("access-control-allow-origin", origin)]
    protocol.response_bytes(200, head, content())


async def coded(scope: Any, protocol: RSGI) -> None:
    headers = scope.headers
    body = content()
    head = CODED
    if len(body) >= LEAST and takes_gzip(headers.get("accept-encoding") or ""):
        body, head = gzip.compress(body), [*CODED, ("content-encoding", "gzip")]
    protocol.response_bytes(200, head, body)


async def guards(scope: Any, protocol: RSGI) -> None:
    protocol.response_bytes(200, GUARDED, content())


async def nonce(scope: Any, protocol: RSGI) -> None:
    made = secrets.token_urlsafe(16)
    policy = ("content-security-policy", f"script-src 'nonce-{made}'")
    protocol.response_bytes(200, [*NONCED, policy], content())


async def hosts(scope: Any, protocol: RSGI) -> None:
    lines = scope.headers.get_all("host")
    if len(lines) != 1 or not is_our_host(lines[0]):
        return protocol.response_bytes(400, JSON, detail("Invalid host header"))
    protocol.response_bytes(200, JSON, content())


async def https(scope: Any, protocol: RSGI) -> None:
    if scope.scheme != "https" and scope.path != "/":
        lines = scope.headers.get_all("host")
        return protocol.response_empty(308, [("location", f"https://{lines[0]}{scope.path}")])
    protocol.response_bytes(200, JSON, content())


async def session(scope: Any, protocol: RSGI) -> None:
    kept = LazySession(scope.headers)
    body = content()
    head = JSON if kept.record is None else [*JSON, ("vary", "Cookie")]
    protocol.response_bytes(200, head, body)


def app_of(job: Job) -> Callable[[Any, RSGI], Coroutine[None, None, None]]:
    """An RSGI app that serves `GET /` by it, and nothing else."""

    async def not_found(scope: Any, protocol: RSGI) -> None:
        protocol.response_bytes(404, JSON, detail("Not Found"))

    async def refused(scope: Any, protocol: RSGI) -> None:
        protocol.response_bytes(400, JSON, detail("Invalid host header"))

    async def not_allowed(scope: Any, protocol: RSGI) -> None:
        protocol.response_bytes(405, JSON, detail("Method Not Allowed"))

    routes: dict[str, dict[str, Job]] = {"/": {"GET": job, "HEAD": job}}

    def app(scope: Any, protocol: RSGI) -> Coroutine[None, None, None]:
        handlers = routes.get(scope.path)
        if handlers is None:
            return not_found(scope, protocol)
        lines = scope.headers.get_all("host")
        if len(lines) != 1 or not is_host(lines[0]):
            return refused(scope, protocol)
        handler: Job = handlers.get(scope.method, not_allowed)
        return handler(scope, protocol)

    return app
