"""Who may see the pages of an app in debug: who sits at this machine. Knows a connection; trusts nothing that it says of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from velocipy.http.forwarded import parse_address
from velocipy.http.url import parse_host

if TYPE_CHECKING:
    from velocipy.http.request import Request

FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
"""Fields that a proxy adds: through one, everybody comes from this machine."""

LOCAL_NAMES: Final = (".localhost", ".test")
"""Ends of names that nobody can register (RFC 6761)."""


def is_local(request: Request) -> bool:
    """Whether a request comes from this machine, by no proxy, to a name that is this machine's, and not from another site's script.

    A public name that leads here is how a foreign page reads local servers (DNS rebinding); a name without a dot, such as
    `localhost`, is none. Links on other sites may lead here: what they open, they cannot read.
    """
    headers = request.headers
    client = request.connection.client
    if client is None or not _is_loopback(client[0]) or any(name in headers for name in FORWARDED):
        return False
    if headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate":
        return False
    named = headers.get("host") or request.connection.authority
    try:
        host = parse_host(named)[0] if named else "localhost"
    except ValueError:
        return False
    return "." not in host and ":" not in host or host.endswith(LOCAL_NAMES) or _is_loopback(host.strip("[]"))


def _is_loopback(text: str) -> bool:
    address = parse_address(text)
    return address is not None and address.is_loopback
