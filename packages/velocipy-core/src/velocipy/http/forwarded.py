"""What proxies say of whom they speak for. Knows the grammar of Forwarded (RFC 7239) and X-Forwarded-For; trusts nobody.

Every proxy adds to these lists at the right, so that the left is whatever a client cared to send. Hence all is read from the right,
within a line too: a quote that a client never closed does not swallow what a proxy wrote behind it.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_HOPS: Final = 32
"""Elements of a list that are looked at; no chain of proxies in use is as long."""

MAX_LENGTH: Final = 4 * 1024
"""Characters of all lines together that are looked at."""

IPAddress = IPv4Address | IPv6Address

_BLANK: Final = " \t"
_TOKEN: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110 section 5.6.2
_PAIR: Final = re.compile(rf'({_TOKEN})=(?:({_TOKEN})|"((?:[^"\\]|\\.)*)")')
_ESCAPED: Final = re.compile(r"\\(.)")
_NODE: Final = re.compile(
    r"(?:([0-9.]{7,15})|\[([0-9A-Fa-f:.]{2,45})\])(?::(?:([0-9]{1,5})|_[0-9A-Za-z._-]+))?"
)
_BARE_IPV6: Final = re.compile(r"[0-9A-Fa-f:.]{2,45}")


class Node(NamedTuple):
    """Whom a proxy was spoken to by; None for a port that is not told."""

    address: IPAddress
    port: int | None


class Element(NamedTuple):
    """What one proxy says in Forwarded; None for what it does not say, or says as `unknown` or `_hidden`."""

    node: Node | None
    proto: str | None
    host: str | None


def elements(lines: Sequence[str]) -> Iterator[str]:
    """The elements of a list, from the last to the first; several lines are one list (RFC 9110 section 5.3).

    Ends after MAX_HOPS, and before an element of which not all is among the last MAX_LENGTH characters.
    """
    budget, hops = MAX_LENGTH, MAX_HOPS
    for line in reversed(lines):
        start = max(len(line) - budget, 0)
        for piece in _pieces(line, ",", start):
            yield piece
            hops -= 1
            if not hops:
                return
        budget -= len(line)
        if budget <= 0:
            return


def read_node(text: str) -> Node | None:
    """An element of X-Forwarded-For: "192.0.2.1", "192.0.2.1:80", "[2001:db8::1]:80", "2001:db8::1"; None for all else."""
    if _BARE_IPV6.fullmatch(text) and text.count(":") > 1:
        return _node(text, None)
    return _read_bracketed(text)


def read_element(text: str) -> Element | None:
    """An element of Forwarded: `for="[2001:db8::1]:80";proto=https;host=a.example` (RFC 7239 section 4); None for a broken one.

    A parameter that stands there twice is broken: two readers could take one each.
    """
    values: dict[str, str] = {}
    for piece in _pieces(text, ";"):
        pair = _PAIR.fullmatch(piece)
        if pair is None or pair[1].lower() in values:
            return None
        values[pair[1].lower()] = pair[2] or _ESCAPED.sub(r"\1", pair[3] or "")
    return Element(_read_bracketed(values.get("for", "")), values.get("proto"), values.get("host"))


def plain(address: IPAddress) -> IPAddress:
    """::ffff:192.0.2.1 -> 192.0.2.1, which a socket for both families shows so (RFC 4291 section 2.5.5.2)."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _read_bracketed(text: str) -> Node | None:
    """IPv6 only in brackets, as a node of RFC 7239 section 6 has it."""
    match = _NODE.fullmatch(text)
    if match is None:
        return None
    port = int(match[3]) if match[3] else None
    return None if port is not None and port > 65535 else _node(match[1] or match[2], port, bool(match[2]))


def _node(text: str, port: int | None, is_ipv6: bool = True) -> Node | None:
    try:
        return Node(plain(IPv6Address(text) if is_ipv6 else IPv4Address(text)), port)
    except ValueError:
        return None


def parse_address(text: str) -> IPAddress | None:
    """A peer's address as a server shows it; None for what is none."""
    try:
        return plain(ip_address(text))
    except ValueError:
        return None


def _pieces(text: str, separator: str, start: int = 0) -> Iterator[str]:
    """The pieces of a list from the right, without the blanks around them; a separator in a quoted string is none.

    Nothing before `start` is looked at, and a piece that begins there is left out: some of it is missing.
    """
    end = at = len(text)
    while at > start:
        at -= 1
        if text[at] == '"':
            at = _opening_quote(text, at, start)
        elif text[at] == separator:
            yield text[at + 1 : end].strip(_BLANK)
            end = at
    if not start:
        yield text[:end].strip(_BLANK)


def _opening_quote(text: str, closing: int, start: int) -> int:
    """The index of the quote that the one at `closing` ends; `start` if there is none, so that all of the rest is one piece."""
    at = text.rfind('"', start, closing)
    while at > start:
        before = at
        while before > start and text[before - 1] == "\\":
            before -= 1
        if (at - before) % 2 == 0:
            return at
        at = text.rfind('"', start, at)
    return start
