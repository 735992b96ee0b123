"""The endpoints behind `/openapi.json` and `/docs`. Knows requests; how a document is built and what a page says is another's.

The document is built at its first use, in a thread, and again after a route, a layer or an override has changed. Endpoints are
functions, and find what they serve by the app: what is remembered of a function's signature must not keep an app alive.
"""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterable
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple
from weakref import WeakKeyDictionary

from velocipy.exceptions import NotFound
from velocipy.http.conditional import Validators, failed_precondition
from velocipy.http.negotiation import preferred_codings
from velocipy.http.request import Request
from velocipy.http.response import HTML_TYPE, JSON_TYPE, Response
from velocipy.json.stdlib import StdlibJSON
from velocipy.threads import in_thread

if TYPE_CHECKING:
    from velocipy.app import VelociPy
    from velocipy.openapi.config import OpenAPI
    from velocipy.openapi.ui.base import UI
    from velocipy.openapi.ui.page import Page

_KEPT: Final = "public, max-age=31536000, immutable"
_CODINGS: Final = ("gzip",)


_MESSAGES: Final = "(messages)"
"""What the AsyncAPI document is kept under: no version has such a name."""


class Ready(NamedTuple):
    """A document as it is sent: its JSON, the same compressed, what tells it from another, and origins that it names."""

    content: bytes
    compressed: bytes
    tag: str
    origins: frozenset[str]


class Served:
    """What one app serves. May be used by several loops and threads at once."""

    def __init__(self, config: OpenAPI, pages: Iterable[Page]) -> None:
        self.config = config
        self.pages: dict[str, Page] = {path: page for page in pages for path in (page.path, page.redirect)}
        self.kinds: set[type[UI]] = {type(page.ui) for page in self.pages.values()}
        self._lock = threading.Lock()
        self._ready: dict[str | None, Ready] = {}  # by version, of which an app has few, and of messages
        self._changes = 0

    def forget(self) -> None:
        """Something has changed: build the document again when it is next asked for."""
        self._changes += 1
        self._ready = {}

    async def messages(self, app: VelociPy) -> Ready:
        """The AsyncAPI document as it is now."""
        ready = self._ready.get(_MESSAGES)
        return await in_thread(self._build, app, _MESSAGES) if ready is None else ready

    async def document(self, app: VelociPy, version: str | None = None) -> Ready:
        """The document, or that of one version, as it is now. Raises NotFound for a version that there is not."""
        if version is not None and (app.versioning is None or version not in app.versioning.allowed):
            raise NotFound("no such version")
        ready = self._ready.get(version)
        return await in_thread(self._build, app, version) if ready is None else ready

    def _build(self, app: VelociPy, version: str | None) -> Ready:
        from velocipy.openapi import asyncapi
        from velocipy.openapi.document import build
        from velocipy.openapi.ui.page import origins_in

        with self._lock:
            if version in self._ready:
                return self._ready[version]
            changes = self._changes
            is_messages = version == _MESSAGES
            document = asyncapi.build(app, self.config) if is_messages else build(app, self.config, version)
            content = StdlibJSON().encode(document)
            tag = sha256(content).hexdigest()[:32]
            origins = frozenset(() if is_messages else origins_in(document))
            made = Ready(content, gzip.compress(content, 6, mtime=0), tag, origins)
            if changes == self._changes:  # else it is out of date already, and serves this request alone
                self._ready[version] = made
            return made


_served: WeakKeyDictionary[VelociPy, Served] = WeakKeyDictionary()


def serve(app: VelociPy, config: OpenAPI, pages: Iterable[Page]) -> None:
    """Have the endpoints below answer for this app."""
    served = _served[app] = Served(config, pages)
    app.watch(served.forget)


async def serve_openapi(request: Request, version: str | None = None) -> Response:
    """The document, with an ETag and compressed for who takes it; `?version=1` is that of one version."""
    return _sent(request, await _served[request.app].document(request.app, version))


async def serve_asyncapi(request: Request) -> Response:
    """The AsyncAPI document, in the same way."""
    return _sent(request, await _served[request.app].messages(request.app))


def _sent(request: Request, ready: Ready) -> Response:
    coded = _takes_gzip(request)
    tag = f"{ready.tag}-gzip" if coded else ready.tag
    headers = {
        "etag": f'"{tag}"',
        "cache-control": "no-cache",
        "vary": "Accept-Encoding",
        "x-content-type-options": "nosniff",
    }
    failed = failed_precondition(
        request.method, request.connection.headers, Validators(headers["etag"], None)
    )
    if failed is not None:
        return Response(None, failed, headers)
    if coded:
        headers["content-encoding"] = "gzip"
    return Response(ready.compressed if coded else ready.content, 200, headers, JSON_TYPE)


async def serve_docs(request: Request) -> Response:
    """A page that shows the document."""
    from velocipy.openapi.ui.page import docs_page, policy

    page = _page(request)
    ready = await _served[request.app].document(request.app)
    text = await in_thread(docs_page, page, _path(request), f"{request.app.title} - docs")
    own = {"content-security-policy": policy(ready.origins, page.ui)}
    return Response(text, 200, {**_PAGE, **own}, HTML_TYPE)


async def serve_docs_redirect(request: Request) -> Response:
    """The page to which OAuth2 servers send the browser back."""
    from velocipy.openapi.ui.page import REDIRECT_POLICY, redirect_page

    text = await in_thread(redirect_page, _page(request), _path(request))
    own = {"cross-origin-opener-policy": "unsafe-none", "content-security-policy": REDIRECT_POLICY}
    return Response(text, 200, {**_PAGE, **own}, HTML_TYPE)


async def serve_docs_asset(name: str, request: Request) -> Response:
    """A script or style sheet, whose name changes with its content."""
    from velocipy.openapi.ui.assets import find_asset

    asset = await in_thread(find_asset, _served[request.app].kinds, name)
    if asset is None:
        raise NotFound()
    headers = {"cache-control": _KEPT, "vary": "Accept-Encoding", "x-content-type-options": "nosniff"}
    if _takes_gzip(request):
        return Response(asset.compressed, 200, {**headers, "content-encoding": "gzip"}, asset.media_type)
    return Response(await in_thread(asset.content), 200, headers, asset.media_type)


def _takes_gzip(request: Request) -> bool:
    return bool(preferred_codings(request.connection.headers.get("accept-encoding"), _CODINGS))


def _page(request: Request) -> Page:
    """The page whose route, or whose redirect's, has matched."""
    route = request.route
    return _served[request.app].pages[route.path.removeprefix(route.mounted_at)]


def _path(request: Request) -> str:
    """The path below the prefix at which the app may be mounted in another one."""
    return request.path.removeprefix(request.route.mounted_at)


_PAGE: Final = {
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin-allow-popups",
}
