"""Who a limit counts for, as text: functions from a request or WebSocket to an identity. Counts nothing.

Each begins with a word of its own and has its parts with their lengths, so that no two identities share a text. None from one of
these means that the client is told apart by its address: leaving a header out must not be a way around a limit.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv6Address, IPv6Network, ip_network

from velocipy.exceptions import ConfigurationError
from velocipy.http.forwarded import parse_address
from velocipy.http.request import Exchange, Request
from velocipy.places import caller_location

Identify = Callable[..., "str | None | Awaitable[str | None]"]
"""(request or WebSocket) -> who it is; sync functions are called in the event loop and must be short."""

Exempt = Callable[..., "bool | Awaitable[bool]"]
"""(request or WebSocket) -> whether no limit applies."""

IPV6_PREFIX = 64
"""Bits of an IPv6 address that are somebody's own: a customer has at least such a network, and all addresses in it."""


def client_address(exchange: Exchange) -> str:
    """The client's address, behind proxies that the app names, IPv6 by its /64: "ip:192.0.2.7", "ip:2001:db8:0:1::/64".

    Clients whose address the server does not know (a Unix socket without `proxy_headers`) are one.
    """
    client = exchange.client
    return "ip:unknown" if client is None else address_identity(client[0])


@lru_cache(maxsize=4096)  # parsing takes 2 us
def address_identity(text: str) -> str:
    """ "::ffff:192.0.2.7" -> "ip:192.0.2.7", "2001:db8:0:1::7%eth0" -> "ip:2001:db8:0:1::/64"."""
    address = parse_address(text)
    if address is None:
        return f"ip:?{text}"
    if isinstance(address, IPv6Address):
        network = IPv6Network((int(address), IPV6_PREFIX), strict=False)
        return f"ip:{network}"
    return f"ip:{address}"


def by_header(name: str) -> Identify:
    """The value of one header, which a proxy or gateway in front must set: a client can make up as many as it likes."""
    return _by("header", name.lower(), lambda exchange: exchange.header(name.lower()))


def by_api_key(name: str = "x-api-key") -> Identify:
    """The hash of an API key in a header; check the key in a guard before the limit, or keys are free to invent."""
    return _by("key", name.lower(), lambda exchange: exchange.header(name.lower()))


def by_session(key: str) -> Identify:
    """What the session has under a key, such as the user's id; who has none counts by address."""

    def read(exchange: Exchange) -> str | None:
        session = exchange.state.get("session")
        value = None if session is None else session.get(key)
        return None if value is None else str(value)

    return _by("session", key, read)


def by_path(exchange: Exchange) -> str:
    """Everybody together, a path at a time."""
    return _text("path", exchange.path)


def everybody(exchange: Exchange) -> str:
    """All clients together: a limit of the service's own, such as how many reports it makes at once."""
    return "everybody"


def together(*identify: Identify) -> Identify:
    """Several at once: `together(client_address, by_path)` counts each client on each path."""

    async def identity(exchange: Exchange) -> str:
        return _text("all", *[await identity_of(one, exchange) for one in identify])

    return identity


async def identity_of(identify: Identify, exchange: Exchange) -> str:
    """What a function says, or the address where it says None. Raises TypeError for what is no text."""
    found = identify(exchange)
    if not isinstance(found, (str, type(None))):
        if not isinstance(found, Awaitable):
            raise TypeError(
                f"an identity is a str, or None for the client's address, not {type(found).__name__}"
            )
        found = await found
        if not isinstance(found, (str, type(None))):
            raise TypeError(
                f"an identity is a str, or None for the client's address, not {type(found).__name__}"
            )
    return client_address(exchange) if found is None else found


def _by(word: str, key: str, read: Callable[[Exchange], str | None]) -> Identify:
    def identity(exchange: Exchange) -> str | None:
        value = read(exchange)
        # A hash: what is secret does not lie about in memory or in a storage, and what is long is short.
        return None if value is None else _text(word, key, _digest(value))

    return identity


def _digest(value: str) -> str:
    return blake2b(value.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _text(word: str, *parts: str) -> str:
    """Unambiguous: `a:b` and `c` give another text than `a` and `b:c`."""
    return ":".join([word, *(f"{len(part)}:{part}" for part in parts)])


# -- who is exempt -----------------------------------------------------------------------------------------------


def for_paths(*prefixes: str) -> Exempt:
    """Paths that are one of these or lie below one: `exempt=for_paths("/health")`."""
    for prefix in prefixes:
        if not prefix.startswith("/"):
            raise ConfigurationError(
                f"for_paths ({caller_location()}): {prefix!r} does not begin with a slash: write {chr(47) + prefix!r}"
            )
    bare = tuple(prefix.rstrip("/") for prefix in prefixes)

    def exempt(exchange: Exchange) -> bool:
        return any(exchange.path == one or exchange.path.startswith(f"{one}/") for one in bare)

    return exempt


def for_methods(*methods: str) -> Exempt:
    """Methods such as "OPTIONS"; a WebSocket has none."""
    known = frozenset(method.upper() for method in methods)

    def exempt(exchange: Exchange) -> bool:
        return isinstance(exchange, Request) and exchange.method in known

    return exempt


def for_networks(*networks: str) -> Exempt:
    """Clients in these networks: `exempt=for_networks("10.0.0.0/8", "::1")`. Raises ConfigurationError for what is none."""
    try:
        known = [ip_network(network) for network in networks]
    except ValueError as exc:
        raise ConfigurationError(
            f"for_networks ({caller_location()}): {exc}; write such as '10.0.0.0/8'"
        ) from None

    def is_exempt(exchange: Exchange) -> bool:
        address = None if exchange.client is None else parse_address(exchange.client[0])
        return address is not None and any(address in network for network in known)

    return is_exempt


def check_exempt(exempt: Exempt | Iterable[Exempt] | None, what: str) -> tuple[Exempt, ...]:
    """One function, several or none, as a tuple. Raises ConfigurationError for what cannot be called."""
    given: object = exempt
    listed = () if exempt is None else (exempt,) if callable(exempt) else tuple(exempt)
    for one in listed:
        if not callable(one):
            raise ConfigurationError(
                f"{what} ({caller_location()}): exempt is a function of a request, or a list of them, not {given if isinstance(given, str) else one!r}"
            )
    return listed  # ty: ignore[invalid-explicit-return]


async def is_exempt(exempt: tuple[Exempt, ...], exchange: Exchange) -> bool:
    """Whether one of the functions says so."""
    for one in exempt:
        answer = one(exchange)
        if (await answer) if isinstance(answer, Awaitable) else answer:
            return True
    return False
