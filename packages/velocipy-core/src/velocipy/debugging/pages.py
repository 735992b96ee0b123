"""The answers of an app in debug: an exception or a missing path as HTML, text or JSON by Accept. Never raises; shows nothing to strangers."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from velocipy.debugging.closest import closest, reasons
from velocipy.debugging.data import as_data
from velocipy.debugging.markup import as_html, policy
from velocipy.debugging.peers import is_local
from velocipy.debugging.report import Report, Rows, of_exception, of_loading, of_nowhere
from velocipy.debugging.text import as_text
from velocipy.http.negotiation import preferred
from velocipy.http.response import Response

if TYPE_CHECKING:
    from velocipy.http.request import Request
    from velocipy.routing.route import Route

logger: logging.Logger = logging.getLogger("velocipy")

OFFERS: Final = (("text/plain",), ("text/html",), ("application/json", "application/problem+json"))
"""Text where a client takes anything, as curl does."""

MAX_ROUTES: Final = 100
"""Routes that are listed on a page of their own."""

HEADERS: Final = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
}


class Pages:
    """What one app in debug answers; `routes` gives those that are declared now."""

    def __init__(self, routes: Callable[[], Sequence[Route]]) -> None:
        self._routes = routes

    def unhandled(self, request: Request, exc: BaseException, bare: Response) -> Response:
        """The page of an exception that nobody handled; `bare` is for who may not see it, and where it cannot be made."""
        return _guarded(request, bare, lambda: of_exception(request, exc))

    def missing(self, request: Request, bare: Response) -> Response:
        """The page of a path that no route takes."""
        return _guarded(request, bare, lambda: self._nowhere(request))

    def _nowhere(self, request: Request) -> Report:
        routes = [route for route in self._routes() if not route.leads_nowhere]
        near = closest(request.path, routes)
        listed = [route for route in routes if route.options.include_in_schema]
        return of_nowhere(
            request,
            _rows(near),
            reasons(request.path, near),
            _rows(listed[:MAX_ROUTES]),
            max(0, len(listed) - MAX_ROUTES),
        )


def loading_failed(request: Request, problem: str, exc: BaseException | None, bare: Response) -> Response:
    """The page of an app that cannot be loaded, in the place of every other."""
    return _guarded(request, bare, lambda: of_loading(problem, exc))


def _guarded(request: Request, bare: Response, report: Callable[[], Report]) -> Response:
    try:
        return _rendered(request, report(), bare) if is_local(request) else bare
    except Exception:
        logger.exception("the page of debug could not be made")
        return bare


def _rendered(request: Request, report: Report, bare: Response) -> Response:
    kind = OFFERS[preferred(request.headers.get("accept"), OFFERS)][0]
    headers = {**HEADERS, "vary": "accept"}
    if kind == "text/html":
        headers["content-security-policy"] = policy()
        return Response(_bytes(as_html(report)), report.status, headers, "text/html; charset=utf-8")
    if kind == "text/plain":
        return Response(_bytes(as_text(report)), report.status, headers, "text/plain; charset=utf-8")
    # What the app would have answered stays as it is, for who reads that.
    content = {**json.loads(bare.body), "debug": as_data(report)}
    return Response(json.dumps(content).encode(), report.status, headers, bare.headers["content-type"])


def _rows(routes: Sequence[Route]) -> Rows:
    return tuple((route.title, route.location) for route in routes)


def _bytes(text: str) -> bytes:
    # Paths and source may hold halves of surrogate pairs.
    return text.encode("utf-8", "backslashreplace")
