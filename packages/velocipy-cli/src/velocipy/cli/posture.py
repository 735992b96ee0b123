"""What `velocipy check` says of an app's safety: hosts, TLS, cookies, origins, what is open. Knows built-in middleware by name.

Each rule is about a setting that is right somewhere, so that it warns and does not refuse; what is right nowhere is refused where
it is written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from velocipy import VelociPy
from velocipy.cli.findings import Finding, Rule, app_place, first_of, middleware_of, places_of
from velocipy.http.headers import items_of
from velocipy.origins import SAFE_METHODS
from velocipy.routing.route import Route

_TRANSPORT = "strict-transport-security"


def sessions_without_hosts(app: VelociPy) -> Iterator[Finding]:
    """A visitor's session is looked up under whatever host a request names, and links are made from that."""
    routes = [
        route for route, around in _with_sessions(app) if first_of("TrustedHostMiddleware", around) is None
    ]
    if routes and not _has_foreign(app, "TrustedHostMiddleware"):
        yield Finding(
            "warning",
            "sessions are opened for whatever host a request names",
            places_of(routes),
            "add TrustedHostMiddleware([...]) before SessionMiddleware, with the hosts that are yours",
        )


def sessions_without_https(app: VelociPy) -> Iterator[Finding]:
    """A Secure cookie is not sent over http: there, every visitor is a stranger, and what they send can be read."""
    routes = [route for route, around in _with_sessions(app) if not _wants_https(around)]
    if routes and not _has_foreign(app, "HTTPSRedirectMiddleware"):
        yield Finding(
            "warning",
            "the session's cookie goes over https alone, and nothing leads visitors there",
            places_of(routes),
            "add HTTPSRedirectMiddleware(), or SecurityHeadersMiddleware(hsts=True); ignore this where a proxy does it",
        )


def insecure_cookies(app: VelociPy) -> Iterator[Finding]:
    """Who listens on the way can take a session whose cookie goes over http."""
    routes = [
        route
        for route, around in _with_sessions(app)
        if not getattr(first_of("SessionMiddleware", around), "https_only", True)
    ]
    if routes:
        yield Finding(
            "warning",
            "the session's cookie goes over http, where others can read it",
            places_of(routes),
            "leave https_only=False out, or take it from a setting that only development has",
        )


def sessions_without_csrf(app: VelociPy) -> Iterator[Finding]:
    """SameSite keeps the cookie from what other sites send; without it, something else has to."""
    routes = [
        route
        for route, around in _open_to_sites(app)
        if set(route.methods) - SAFE_METHODS and not route.is_socket and not _has_csrf(route, around)
    ]
    if routes:
        yield Finding(
            "warning",
            "what other sites send has the session's cookie (same_site='none'), and nothing checks where it comes from",
            places_of(routes),
            "add velocipy.security.CSRF or CrossOriginCheck, or leave same_site='none' out",
        )


def compressed_secrets(app: VelociPy) -> Iterator[Finding]:
    """BREACH: whoever makes a browser ask, again and again, and sees how long answers are, can guess what stands in them."""
    routes = [
        route
        for route, around in _open_to_sites(app)
        if first_of("CompressionMiddleware", around) is not None and not route.is_socket
    ]
    if routes:
        yield Finding(
            "warning",
            "other sites can ask with the session's cookie (same_site='none') and measure how well the answer compresses (BREACH)",
            places_of(routes),
            "answer what holds secrets with Cache-Control: no-transform, or keep CompressionMiddleware off these routes",
        )


def sockets_for_everybody(app: VelociPy) -> Iterator[Finding]:
    """Any page that a visitor looks at can open it in their name."""
    routes = [
        route
        for route in app.routes
        if route.options.socket is not None and route.options.socket.origins.any_with_credentials
    ]
    if routes:
        yield Finding(
            "warning",
            "pages of every origin may open this WebSocket with their visitor's cookies",
            places_of(routes),
            "list the origins: allowed_origins=['https://app.example', 'same-origin']",
        )


def public_docs(app: VelociPy) -> Iterator[Finding]:
    """What the app can do, told to everybody: right for a public API, and nothing to happen unawares."""
    places = (app.openapi_url, app.docs_url)
    routes = [
        route
        for route in app.routes
        if route.path in places
        and route.endpoint.__module__.startswith("velocipy.openapi")
        and all(_is_csrf(each) for each in _listed(route))
    ]
    if routes and not app.debug:
        shown = " and ".join(sorted(route.path for route in routes))
        yield Finding(
            "warning",
            f"everybody can read the app's documentation: {shown}",
            app_place(app),
            "guard it with openapi=OpenAPI(dependencies=[...]), leave it out with openapi_url=None, or ignore this for a public API",
        )


def believes_everybody(app: VelociPy) -> Iterator[Finding]:
    """Where a port can be reached past the proxy, clients choose their own address."""
    if app.proxies is not None and app.proxies.any_peer:
        yield Finding(
            "warning",
            "whoever connects is believed to be a proxy (proxy_headers='*'), and says who the client is",
            app_place(app),
            "name the networks of your proxies; ignore this where nobody else can reach the port",
        )


POSTURE: Mapping[str, Rule] = {
    "sessions-without-hosts": sessions_without_hosts,
    "sessions-without-https": sessions_without_https,
    "insecure-cookies": insecure_cookies,
    "sessions-without-csrf": sessions_without_csrf,
    "compressed-secrets": compressed_secrets,
    "sockets-for-everybody": sockets_for_everybody,
    "public-docs": public_docs,
    "believes-everybody": believes_everybody,
}


def _with_sessions(app: VelociPy) -> Iterator[tuple[Route, list[Any]]]:
    for route in app.routes:
        around = middleware_of(route)
        if first_of("SessionMiddleware", around) is not None:
            yield route, around


def _open_to_sites(app: VelociPy) -> Iterator[tuple[Route, list[Any]]]:
    """Routes to which a browser brings the session's cookie whichever site makes it ask."""
    for route, around in _with_sessions(app):
        if getattr(first_of("SessionMiddleware", around), "same_site", "lax") == "none":
            yield route, around


def _wants_https(around: list[Any]) -> bool:
    if first_of("HTTPSRedirectMiddleware", around) is not None:
        return True
    headers = (pair for item in around for pair in items_of(getattr(item, "response_headers", None) or ()))
    return any(name.lower() == _TRANSPORT for name, _ in headers)


def _has_csrf(route: Route, around: list[Any]) -> bool:
    return any(map(_is_csrf, (*around, *_listed(route))))


def _is_csrf(item: object) -> bool:
    return any(first_of(name, (item,)) is not None for name in ("CSRF", "CrossOriginCheck"))


def _listed(route: Route) -> list[Any]:
    """What app, routers and route list as dependencies, most of which are guards."""
    return [each.call for layer in route.layers for each in layer.dependencies]


def _has_foreign(app: VelociPy, name: str) -> bool:
    """Whether ASGI middleware of another project stands around the app that says by its name that it does the same."""
    return any(getattr(each.factory, "__name__", "") == name for each in app.asgi_middleware)
