"""Hosts, URLs and redirect targets. Knows their grammar (RFC 3986, RFC 9110 section 7.2); knows no requests.

A `URL` is made from its parts and never by reading text that was put together from them, so that no Host
header can move the border between host and path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, TypedDict

from velocipy.exceptions import BadRequest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Unpack

DEFAULT_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}

MAX_HOST: Final = 255
"""Characters of a Host field, its port included; a name in the DNS has at most 253."""

MAX_KNOWN_HOSTS: Final = 1_024
"""Hosts that `check_host` remembers at once: 300 KB at the worst."""

_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")
_NAME: Final = r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?"
_HOST: Final = re.compile(rf"(?:({_NAME})|\[([0-9a-f:.]+)\])(?::([0-9]{{0,5}}))?")

_UNSAFE_IN_PATH: Final = re.compile(r"[^A-Za-z0-9\-._~!$&'()*+,;=:@/]+")
_UNSAFE_IN_URI: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?#\[\]%]+")
_UNSAFE_IN_QUERY: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~!$&'()*+,;=:@/?%]+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

known_hosts: set[str | bytes] = set()
"""Host lines that `check_host` has let through, as servers have them; compiled handlers look here first."""


def parse_host(text: str) -> tuple[str, int | None]:
    """ "Example.com:8000" -> ("example.com", 8000); "[::1]" -> ("::1", None). ValueError for everything else.

    A host is labels of letters, digits, `-` and `_` joined by dots, or an IPv6 address in brackets. User
    part, percent escapes and sub-delimiters are refused: no name in use has them, and URL readers disagree on
    what they mean. The port is 0 to 65535; an empty one (`a:`) is none (RFC 3986 section 3.2.3).
    """
    match = _HOST.fullmatch(text.lower()) if text.isascii() and len(text) <= MAX_HOST else None
    if match is None:
        raise ValueError(f"{text[:100]!r} is not a host such as 'example.com', '127.0.0.1:8000' or '[::1]'")
    name, address, digits = match.groups()
    port = int(digits) if digits else None
    if port is not None and port > 65535:
        raise ValueError(f"port {port} of {text!r} is not 0 to 65535")
    return name or _check_ipv6(address), port


def join_host(host: str, port: int | None) -> str:
    """("::1", 8000) -> "[::1]:8000": what `parse_host` takes apart."""
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"


def _check_ipv6(address: str) -> str:
    from ipaddress import IPv6Address  # 3 ms that an app without IPv6 hosts does not pay at start-up

    try:
        IPv6Address(address)
    except ValueError:
        raise ValueError(f"{address!r} in brackets is not an IPv6 address") from None
    return address


def check_host(values: Sequence[str | bytes]) -> None:
    """BadRequest("Invalid host header") for Host fields that two readers could understand differently.

    `values` are all Host lines of the request, or its `:authority`, as the server has them. None, or one empty
    line, passes: the host is missing, and who needs one says so. Hosts that passed are remembered: one look-up,
    35 ns, for all but the first.
    """
    if len(values) == 1:
        if values[0] not in known_hosts:
            _check_new_host(values[0])
    elif values:
        raise BadRequest("Invalid host header")


def _check_new_host(value: str | bytes) -> None:
    if value:
        try:
            parse_host(value.decode("latin-1") if isinstance(value, bytes) else value)
        except ValueError:
            raise BadRequest("Invalid host header") from None
    if len(known_hosts) >= MAX_KNOWN_HOSTS:
        known_hosts.clear()
    known_hosts.add(value)


class URLParts(TypedDict, total=False):
    """What `URL.replace` takes."""

    scheme: str
    host: str
    port: int | None
    path: str
    query: str


@dataclass(frozen=True, slots=True)
class URL:
    """A URL by its parts: `str(URL("http", "a.test", 8000, "/x y", "q=1"))` is http://a.test:8000/x%20y?q=1.

    `host` is a name or an address without brackets, `path` is decoded and is the one that was routed, `query`
    is the text as sent. Raises ValueError for a scheme, host or port that are none, and for a path that does
    not start with
    "/" ("*" is the target of `OPTIONS *`).
    """

    scheme: str
    host: str
    port: int | None = None
    path: str = "/"
    query: str = ""

    def __post_init__(self) -> None:
        if _SCHEME.fullmatch(self.scheme) is None:
            raise ValueError(f"{self.scheme!r} is not a URL scheme such as 'https'")
        parse_host(self.netloc)
        if self.path[:1] != "/" and self.path != "*":
            raise ValueError(f"the path {self.path[:100]!r} of a URL starts with '/'")

    @property
    def hostname(self) -> str:
        """The host without port and brackets."""
        return self.host

    @property
    def netloc(self) -> str:
        """ "a.test:8000" or "[::1]"; the scheme's own port is left out."""
        return join_host(self.host, None if self.port == DEFAULT_PORTS.get(self.scheme) else self.port)

    def replace(self, **parts: Unpack[URLParts]) -> URL:
        """The same URL with other parts: `url.replace(scheme="https", port=None)`."""
        return replace(self, **parts)

    def __str__(self) -> str:
        path = "" if self.path == "*" else quote_path(self.path)  # RFC 9110 section 7.1
        query = _UNSAFE_IN_QUERY.sub(_encode, self.query)
        return f"{self.scheme}://{self.netloc}{path}{'?' if query else ''}{query}"


def quote_path(text: str) -> str:
    """ "/a b/50%" -> "/a%20b/50%25": a decoded path as a URL has it (RFC 3986 section 3.3); "/" stays."""
    return _UNSAFE_IN_PATH.sub(_encode, text)


def encode_location(url: str) -> str:
    """ "/käse?q=a b" -> "/k%C3%A4se?q=a%20b": the target of a redirect as a Location header can carry it.

    Escapes that are there stay. A backslash becomes %5C, because browsers take it for a slash. A host of
    other letters is percent-encoded too (RFC 3986 section 3.2.2); browsers resolve that as its IDNA form.
    Raises ValueError for control characters, which browsers drop from the middle of a URL, and for a target
    that starts with two slashes of either kind: that is another host, and nearly always a path that somebody
    else wrote. A full URL goes wherever the caller says: check the host of one that a user gave.
    """
    if control := _CONTROL.search(url):
        raise ValueError(
            f"a redirect target has the control character {control[0]!r} at index {control.start()}"
        )
    if url[:2].replace("\\", "/") == "//":
        raise ValueError(
            f"a redirect to {url[:100]!r} leaves this host: write the scheme, or a path with one slash"
        )
    return _UNSAFE_IN_URI.sub(_encode, url)


def _encode(run: re.Match[str]) -> str:
    # A lone surrogate, which no server sends, becomes "?": a URL must always be printable.
    return "".join(f"%{byte:02X}" for byte in run[0].encode("utf-8", "replace"))
