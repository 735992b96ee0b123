"""Which hosts an app answers to. Knows Host lines and a list; knows no DNS.

Whatever is made from the Host of a request, such as a link in a mail or an absolute redirect, leads where its sender wanted it to:
a list of the names that are meant ends that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from velocipy.exceptions import BadRequest, ConfigurationError
from velocipy.http.response import RedirectResponse, Response
from velocipy.http.url import URL, parse_host
from velocipy.middleware.base import Middleware
from velocipy.protocols import RequestHosts, RequestPath, RequestQuery, RequestRootPath, RequestScheme
from velocipy.routing.route import Route

MAX_KNOWN: Final = 1_024
"""Host lines that were found allowed and are remembered; 300 KB at the worst."""

WWW: Final = "www."


class _Entry(NamedTuple):
    """A name, or with `below` all names below it; any port where there is none."""

    name: str
    below: bool
    port: int | None

    def matches(self, host: str, port: int | None) -> bool:
        """Whether a host is meant; one without a port has that of its scheme."""
        if self.port is not None and port != self.port and not (port is None and self.port in (80, 443)):
            return False
        return host.endswith(self.name) if self.below else host == self.name


class TrustedHostMiddleware(Middleware):
    """Answers 400 to requests, and to WebSocket handshakes, for other hosts: `TrustedHostMiddleware(["example.com", "*.example.com"])`.

    Entries are names or addresses, compared without regard to case; `*.example.com` is every name below example.com and not that
    itself; `example.com:8443` is that port alone, without a port any. `["*"]` is any host, but one. A name with a dot at its end is
    another. A request without a Host, or with two, is refused. With `www_redirect`, who asks for `example.com` where only
    `www.example.com` is allowed is sent there (308). Behind a proxy of `proxy_headers`, the host is the one that the proxy was sent.

    Raises ConfigurationError for an empty list and for entries that no host can equal.
    """

    def __init__(self, allowed_hosts: Iterable[str], *, www_redirect: bool = False) -> None:
        self._entries = _entries(allowed_hosts)
        self._known: set[str | bytes] = set()
        self.refusal: Callable[..., Response] = self._redirect if www_redirect else _refuse

    def refuses(self, hosts: RequestHosts) -> bool:
        """Whether a host is not allowed."""
        return len(hosts) != 1 or (hosts[0] not in self._known and not self._learn(hosts[0]))

    def _redirect(
        self,
        hosts: RequestHosts,
        scheme: RequestScheme,
        path: RequestPath,
        root: RequestRootPath,
        query: RequestQuery,
        route: Route,
    ) -> Response:
        """A redirect to where www. stands before the name. Raises BadRequest where that is not allowed."""
        if len(hosts) != 1 or route.is_socket or path[:1] != "/":
            raise BadRequest("Invalid host header")
        host, port = read_host(hosts)
        if not self._allows(WWW + host, port):
            raise BadRequest("Invalid host header")
        return RedirectResponse(str(URL(scheme, WWW + host, port, root + path, query)), 308)

    def _learn(self, sent: str | bytes) -> bool:
        """Whether a Host line is allowed, which is then remembered."""
        host, port = read_host((sent,))
        if not self._allows(host, port):
            return False
        if len(self._known) >= MAX_KNOWN:
            self._known.clear()
        self._known.add(sent)
        return True

    def _allows(self, host: str, port: int | None) -> bool:
        return self._entries is None or any(entry.matches(host, port) for entry in self._entries)


def _refuse() -> Response:
    raise BadRequest("Invalid host header")


def read_host(hosts: Iterable[str | bytes]) -> tuple[str, int | None]:
    """The only Host line as (name, port). Raises BadRequest for none, for several, and for what is no host."""
    lines = [host.decode("latin-1") if isinstance(host, bytes) else host for host in hosts]
    try:
        return parse_host(lines[0] if len(lines) == 1 else "")
    except ValueError:
        raise BadRequest("Invalid host header") from None


def _entries(listed: Iterable[str]) -> tuple[_Entry, ...] | None:
    """The entries of a list; None for that of any host."""
    if isinstance(listed, str):
        raise ConfigurationError(f"allowed_hosts of TrustedHostMiddleware is a list: write [{listed!r}]")
    entries = tuple(listed)
    if entries == ("*",):
        return None
    if not entries:
        raise ConfigurationError(
            "allowed_hosts of TrustedHostMiddleware is empty, which allows no host at all: name yours"
        )
    return tuple(map(_entry, entries))


def _entry(text: object) -> _Entry:
    below = isinstance(text, str) and text.startswith("*.")
    try:
        host, port = parse_host(text.removeprefix("*.") if isinstance(text, str) else "")
        if host.endswith(".") or below and ":" in host:
            raise ValueError("no such name")
    except ValueError:
        raise ConfigurationError(
            f"{text!r} in allowed_hosts of TrustedHostMiddleware is no host: write 'example.com', '*.example.com', "
            f"'example.com:8443' or '[::1]', without scheme and path"
        ) from None
    return _Entry(f".{host}" if below else host, below, port)
