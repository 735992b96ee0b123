"""Which web pages may open a WebSocket, or change something. Knows Origin and Sec-Fetch-Site; knows no request and no route.

Browsers let any page open a WebSocket to any host, send that host's cookies with it, and tell the page's origin (RFC 6455
sections 4.1 and 10.2); nothing but the server can refuse it. Who is no browser may send any Origin, or none: this protects
users from other sites, and is no authentication.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from velocipy.exceptions import ConfigurationError, HTTPException
from velocipy.http.url import DEFAULT_PORTS, join_host, parse_host

if TYPE_CHECKING:
    from collections.abc import Sequence

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS", "QUERY"})
"""Methods that change nothing, whoever made the browser send them (RFC 9110 section 9.2.1)."""

SAME_ORIGIN: Final = "same-origin"
"""In an allow-list: the host that the handshake itself is sent to."""

AllowedOrigins = str | Iterable[str] | None

NULL: Final = "null"
"""The Origin of a page that has none to tell, such as a sandboxed frame or a file: any site can make one."""

OTHER_ORIGIN: Final = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#@\\\s]+")
"""What an Origin header may look like, whatever its scheme."""


class Lookup(Protocol):
    """What headers are looked up in: a server's, or `websocket.headers`."""

    def get_all(self, name: str, /) -> Sequence[str]:
        """Every value of a lower-case name."""
        ...


@dataclass(frozen=True, slots=True)
class OriginPolicy:
    """Whose handshakes are taken; made by `origin_policy` when a route is registered.

    Without `listed` every origin may connect, but one that sends credentials has to be the handshake's own host.
    """

    listed: frozenset[str] | None = None
    required: bool = False
    any_with_credentials: bool = False


DEFAULT_POLICY: Final = OriginPolicy()
"""Foreign pages may connect as strangers, and never with their visitor's cookies."""


def origin_policy(
    allowed_origins: AllowedOrigins = None,
    *,
    require_origin: bool = False,
    allow_credentials: bool = False,
    setting: str = "allowed_origins",
) -> OriginPolicy:
    """`["https://app.example", "same-origin"]` -> the policy that takes these origins, exactly, and no other.

    None and "*" take every origin, and one with credentials (cookies, or a password that the browser keeps) only from the
    handshake's own host; "*" with `allow_credentials=True` takes them from everywhere. `require_origin=True` refuses a handshake
    without an Origin, which comes from no browser. Raises ConfigurationError for an entry that no Origin header can equal.
    """
    anyone = allowed_origins is None or allowed_origins == "*"
    if allow_credentials and allowed_origins != "*":
        raise ConfigurationError(
            'allow_credentials goes with allowed_origins="*": origins in a list may always send them'
        )
    if isinstance(allowed_origins, str) and not anyone:
        raise ConfigurationError(f'{setting} is "*" or a list: write [{allowed_origins!r}]')
    listed = (
        None
        if anyone or allowed_origins is None
        else frozenset(_check_entry(entry, setting) for entry in allowed_origins)
    )
    return OriginPolicy(listed, require_origin, allow_credentials)


def check_origin(headers: Lookup, hosts: Sequence[str | bytes], scheme: str, policy: OriginPolicy) -> None:
    """HTTPException(403) for a handshake from a page whose origin `policy` does not take (RFC 6455 section 4.2.2).

    `hosts` are all Host lines, or the authority, and have passed `check_host`; `scheme` is ws or wss as the server knows it.
    """
    origins = headers.get_all("origin")
    if not origins and not policy.required:
        return
    if len(origins) != 1 or not _is_taken(origins[0].lower(), headers, hosts, scheme, policy):
        raise HTTPException(403, "Origin not allowed")


def _is_taken(
    origin: str, headers: Lookup, hosts: Sequence[str | bytes], scheme: str, policy: OriginPolicy
) -> bool:
    if policy.listed is None:
        return (
            policy.any_with_credentials
            or not _has_credentials(headers)
            or is_same_origin(origin, hosts, scheme)
        )
    return origin in policy.listed or (SAME_ORIGIN in policy.listed and is_same_origin(origin, hosts, scheme))


def _has_credentials(headers: Lookup) -> bool:
    """What a browser adds by itself, whichever page asks: cookies, and passwords of HTTP authentication."""
    return bool(headers.get_all("cookie") or headers.get_all("authorization"))


def check_cross_origin(
    method: str, headers: Lookup, hosts: Sequence[str | bytes], trusted: frozenset[str] = frozenset()
) -> None:
    """HTTPException(403) for a request that may change something and that a browser sends for a page of another origin.

    Browsers say so in Sec-Fetch-Site, over TLS and to this machine, and in Origin; a page at a sibling host is another origin.
    Who names neither is no browser, or one of before 2020, and passes. `trusted` are origins in lower case.
    """
    if method in SAFE_METHODS:
        return
    sites = headers.get_all("sec-fetch-site")
    if len(sites) == 1 and sites[0] in ("same-origin", "none"):
        return
    origins = headers.get_all("origin")
    if not sites and not origins:
        return
    if len(origins) == 1:
        origin = origins[0].lower()
        if origin in trusted or (not sites and is_same_origin(origin, hosts, "")):
            return
    raise HTTPException(403, "Cross-origin request refused")


def is_same_origin(origin: str, hosts: Sequence[str | bytes], scheme: str) -> bool:
    """Whether a page of that lower-case origin came from the host that the request or handshake is sent to.

    A Host without a port has that of the page's scheme: behind a proxy that ends TLS, the server believes that it speaks ws
    while the page says https. A page over http is never the same as a wss or https server.
    """
    kind, _, netloc = origin.partition("://")
    if len(hosts) != 1 or kind not in ("http", "https") or (kind == "http" and scheme in ("wss", "https")):
        return False
    host = hosts[0] if isinstance(hosts[0], str) else hosts[0].decode("latin-1")
    try:
        return _with_port(netloc, kind) == _with_port(host, kind)
    except ValueError:
        return False


def _with_port(netloc: str, scheme: str) -> tuple[str, int]:
    host, port = parse_host(netloc)
    return host, DEFAULT_PORTS[scheme] if port is None else port


def _check_entry(entry: object, setting: str) -> str:
    """An entry of an allow-list."""
    if isinstance(entry, str) and entry.lower() in (SAME_ORIGIN, NULL):
        return entry.lower()
    return check_listed(entry, setting, f", or {SAME_ORIGIN!r}")


def check_listed(entry: object, setting: str, hint: str = "") -> str:
    """An origin in an allow-list as browsers write it (RFC 6454 section 6.1): "https://A.example:443" -> "https://a.example".

    Raises ConfigurationError for what no Origin header can equal, naming the `setting` that it stands in.
    """
    text = entry.lower() if isinstance(entry, str) else ""
    kind, _, netloc = text.partition("://")
    try:
        if kind in ("http", "https"):
            host, port = parse_host(netloc)
            return f"{kind}://{join_host(host, None if port == DEFAULT_PORTS[kind] else port)}"
    except ValueError:
        text = ""
    if kind in ("ws", "wss") or not OTHER_ORIGIN.fullmatch(text):
        raise ConfigurationError(
            f"{entry!r} in {setting} is no origin: write 'https://app.example', without path or wildcard{hint}"
        )
    return text
