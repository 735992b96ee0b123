"""Sends who comes over http to https. Knows schemes and URLs; knows no certificates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from velocipy.exceptions import BadRequest, ConfigurationError, HTTPException
from velocipy.http.response import RedirectResponse, Response
from velocipy.http.url import URL
from velocipy.middleware.base import Middleware
from velocipy.middleware.trusted_host import read_host
from velocipy.protocols import RequestHosts, RequestPath, RequestQuery, RequestRootPath, RequestScheme
from velocipy.routing.route import Route

_SAFE: Final = frozenset({"https", "wss"})


class HTTPSRedirectMiddleware(Middleware):
    """Redirects http to https, with method and body: 308, or 307 where it is not `permanent`.

    `exclude` are paths that are served over http too: "/health", or "/.well-known/acme-challenge/*" for all below. `port` is the one of
    https where that is not 443. The scheme is the one that the server sees, or that a proxy of `proxy_headers` tells; the host is
    the client's own, so put TrustedHostMiddleware before this. A WebSocket over ws is refused with 403, since clients follow no
    redirect there. Raises ConfigurationError for a path that is none, and for a port.
    """

    def __init__(
        self, permanent: bool = True, *, exclude: Iterable[str] = (), port: int | None = None
    ) -> None:
        if port is not None and (type(port) is not int or not 0 < port < 65536):
            raise ConfigurationError(f"port of HTTPSRedirectMiddleware is 1 to 65535, not {port!r}")
        self._status = 308 if permanent else 307
        self._port = port
        self._exact, self._prefixes = _excluded(exclude)

    def refuses(self, scheme: RequestScheme, path: RequestPath) -> bool:
        """Whether it came over http, for a path that is not served so."""
        return scheme not in _SAFE and path not in self._exact and not path.startswith(self._prefixes)

    def refusal(
        self, hosts: RequestHosts, path: RequestPath, root: RequestRootPath, query: RequestQuery, route: Route
    ) -> Response:
        """The redirect. Raises BadRequest for a host or target that is none, and HTTPException(403) for a WebSocket."""
        if route.is_socket:
            raise HTTPException(403, "WebSockets are served over wss alone")
        if path[:1] != "/":
            raise BadRequest("Invalid request target")
        host, _ = read_host(hosts)
        return RedirectResponse(str(URL("https", host, self._port, root + path, query)), self._status)


def _excluded(paths: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """(exact paths, prefixes)."""
    if isinstance(paths, str):
        raise ConfigurationError(f"exclude of HTTPSRedirectMiddleware is a list: write [{paths!r}]")
    exact, prefixes = set[str](), list[str]()
    for path in paths:
        if (
            not isinstance(path, str)
            or path[:1] != "/"
            or "*" in path[:-1]
            or (path[-1] == "*" and path[-2:] != "/*")
        ):
            raise ConfigurationError(
                f"{path!r} in exclude of HTTPSRedirectMiddleware is no path: write '/health', or '/below/*'"
            )
        if path == "/*":
            raise ConfigurationError(
                "exclude of HTTPSRedirectMiddleware has '/*', which is everything: leave the middleware out"
            )
        if path.endswith("/*"):
            prefixes.append(path[:-1])
        else:
            exact.add(path)
    return frozenset(exact), tuple(prefixes)
