"""Which peers are proxies, and what is believed of what they say. Knows forwarding headers; knows no request and no server.

Anybody can send these headers. What counts is said by a peer that the app names, and of a list only as much as named proxies wrote:
see `velocipy.http.forwarded` for why it is read from the right.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from velocipy.exceptions import ConfigurationError
from velocipy.http.forwarded import elements, parse_address, read_element, read_node

if TYPE_CHECKING:
    from velocipy.http.forwarded import IPAddress, Node
    from velocipy.origins import Lookup

ANY_PEER: Final = "*"
"""In a list of proxies: whoever connects, and nobody else in the chain."""

UNIX_PEER: Final = "unix"
"""In a list of proxies: who connects without an address, which is over a Unix socket."""

IPNetwork = IPv4Network | IPv6Network
ProxyEntry = str | IPv4Network | IPv6Network | IPv4Address | IPv6Address
ProxyEntries = ProxyEntry | Iterable[ProxyEntry]
HeaderFamily = Literal["x-forwarded", "forwarded"]
Address = tuple[str, int | None]

_SCHEMES: Final = {"http": "http", "https": "https"}
_SOCKET_SCHEMES: Final = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}


class Source(NamedTuple):
    """Where an exchange came from. `host` is unchecked, and None with `port` where no proxy told of them."""

    client: Address | None
    scheme: str
    host: str | None = None
    port: int | None = None


class TrustedProxies:
    """The proxies in front of an app: `TrustedProxies(["10.0.0.0/8", "::1", "unix"])`.

    `headers` names the family that they write, "x-forwarded" or "forwarded"; the other one is not looked at then. Raises
    ConfigurationError for another name, for no list, and for what is no network, no address, nor "*" or "unix".
    """

    __slots__ = ("_networks", "_read", "_unix_peer", "any_peer")

    def __init__(self, entries: ProxyEntries, *, headers: HeaderFamily | None = None) -> None:
        listed = _listed(entries)
        readers = {
            None: self._read_either,
            "x-forwarded": self._read_x_forwarded,
            "forwarded": self._read_forwarded,
        }
        if headers not in readers:
            raise ConfigurationError(
                f"headers of TrustedProxies is 'x-forwarded' or 'forwarded', and None for either, not {headers!r}"
            )
        self._read = readers[headers]
        self.any_peer: bool = ANY_PEER in listed
        self._unix_peer = self.any_peer or UNIX_PEER in listed
        self._networks = [_network(entry) for entry in listed if entry not in (ANY_PEER, UNIX_PEER)]

    def resolve(self, headers: Lookup, client: Address | None, scheme: str) -> Source:
        """What a peer, and what it says of whom it speaks for, come to; `scheme` is the one that the server sees.

        Never raises: what is broken or hidden ends the walk, and the last proxy before it is the client.
        """
        seen = Source(client, scheme)
        if not self._trusts(client):
            return seen
        return self._read(headers, seen, _SOCKET_SCHEMES if scheme in ("ws", "wss") else _SCHEMES)

    def _trusts(self, client: Address | None) -> bool:
        """Whether a peer is one of the proxies."""
        if client is None:
            return self._unix_peer
        address = None if self.any_peer else parse_address(client[0])
        return self.any_peer or (address is not None and self._lists(address))

    def _lists(self, address: IPAddress) -> bool:
        return any(address in network for network in self._networks)

    def _read_either(self, headers: Lookup, seen: Source, schemes: dict[str, str]) -> Source:
        """X-Forwarded-* go before Forwarded, of which nothing is looked at then: nearly every proxy writes X-Forwarded-For, and many
        of these pass on a Forwarded that their client made up.
        """
        if headers.get_all("forwarded") and not headers.get_all("x-forwarded-for"):
            return self._read_forwarded(headers, seen, schemes)
        return self._read_x_forwarded(headers, seen, schemes)

    def _read_forwarded(self, headers: Lookup, seen: Source, schemes: dict[str, str]) -> Source:
        """The element that the outermost proxy wrote; what it leaves out, the next one after it may have said."""
        client, scheme, host, _ = seen
        for text in elements(headers.get_all("forwarded")):
            element = read_element(text)
            if element is None:
                break
            scheme = schemes.get((element.proto or "").lower(), scheme)
            host = element.host or host
            if element.node is None:
                break
            client = _address(element.node)
            if not self._lists(element.node.address):
                break
        return Source(client, scheme, host)

    def _read_x_forwarded(self, headers: Lookup, seen: Source, schemes: dict[str, str]) -> Source:
        client = seen.client
        for text in elements(headers.get_all("x-forwarded-for")):
            node = read_node(text)
            if node is None:
                break
            client = _address(node)
            if not self._lists(node.address):
                break
        proto = _last(headers, "x-forwarded-proto").lower()
        return Source(
            client,
            schemes.get(proto, seen.scheme),
            _last(headers, "x-forwarded-host") or None,
            _port(_last(headers, "x-forwarded-port")),
        )


def trusted_proxies(entries: object) -> TrustedProxies | None:
    """The `proxy_headers` of an app; an empty list is nobody. One entry may stand without a list."""
    if isinstance(entries, TrustedProxies):
        return entries
    listed = _listed(entries)
    return TrustedProxies(listed) if listed else None


_ITERABLE: Final[type[Any]] = Iterable


def _listed(entries: Any) -> list[Any]:
    if isinstance(entries, (str, IPv4Network, IPv6Network, IPv4Address, IPv6Address)):
        return [entries]
    if not isinstance(entries, _ITERABLE):
        raise ConfigurationError(
            f"proxy_headers of VelociPy is a list of networks such as ['10.0.0.0/8', '::1'], not {entries!r}: "
            f"name the proxies, or ['*'] where nobody but proxies can connect"
        )
    return list(entries)


def _network(entry: object) -> IPNetwork:
    """10.0.0.0/8, or the network of one address; an IPv4 network that is written as IPv6 is IPv4 again."""
    try:
        if not isinstance(entry, (str, IPv4Network, IPv6Network, IPv4Address, IPv6Address)):
            raise ValueError("neither text nor an object of ipaddress")
        network = ip_network(entry)
    except ValueError as exc:
        raise ConfigurationError(
            f"{entry!r} in proxy_headers of VelociPy is no network ({exc}): write one such as '10.0.0.0/8', an address, "
            f"{ANY_PEER!r} or {UNIX_PEER!r}"
        ) from None
    if isinstance(network, IPv6Network) and network.prefixlen >= 96:
        mapped = network.network_address.ipv4_mapped
        network = network if mapped is None else IPv4Network((mapped, network.prefixlen - 96))
    if not network.prefixlen:
        raise ConfigurationError(
            f"{entry!r} in proxy_headers of VelociPy is every address, so that clients could write their own: name the networks of "
            f"your proxies, or {ANY_PEER!r}, which believes the peer alone and nobody else in the chain"
        )
    return network


def _address(node: Node) -> Address:
    return str(node.address), node.port


def _last(headers: Lookup, name: str) -> str:
    """The last value of a list, which the peer itself wrote: what stands before it may be from anybody."""
    return next(elements(headers.get_all(name)), "")


def _port(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    return number if 0 < number <= 65535 else None
