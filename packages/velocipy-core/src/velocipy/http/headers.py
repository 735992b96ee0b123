"""Header fields as ordered pairs with duplicates. Knows names, values and what may be sent; knows no server.

A request's `Headers` are read as the server gave them. An answer's `ResponseHeaders` let nothing in that a server
would drop, rewrite or die of: every way in goes through `check_header`, so `.raw` can be sent as it is.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Final, NoReturn, TypeAlias, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    HeaderSource: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]] | None
    """What a user may write where headers are asked for."""

Default = TypeVar("Default")

HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Fields of the connection and not of the answer (RFC 9110 section 7.6.1): the server's, refused from apps."""

SINGLETONS: Final = frozenset(
    "access-control-allow-origin age content-disposition content-length content-location content-range content-type "
    "date etag expires last-modified location retry-after".split()
)
"""Fields of which a second line would make two readers disagree (RFC 9110 section 5.3)."""

SECRET_NAMES: Final = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"})
"""Fields whose values never stand in a repr, and so in no log and no traceback."""

_CAPITALS: Final = (
    "Accept-Ranges Access-Control-Allow-Credentials Access-Control-Allow-Headers Access-Control-Allow-Methods "
    "Access-Control-Allow-Origin Access-Control-Expose-Headers Access-Control-Max-Age Age Allow Cache-Control "
    "Content-Disposition Content-Encoding Content-Language Content-Location Content-Range Content-Type "
    "Content-Security-Policy Cross-Origin-Opener-Policy Cross-Origin-Resource-Policy Date ETag Expires Link "
    "Last-Modified Location Permissions-Policy RateLimit RateLimit-Policy Referrer-Policy Retry-After Server-Timing "
    "Set-Cookie Strict-Transport-Security Vary WWW-Authenticate X-Content-Type-Options X-Frame-Options X-Request-ID"
).split()

# Both usual spellings lead to the wire's one: a known name costs one look-up and no regular expression. Neither
# Content-Length, whose value has a grammar of its own, nor a hop-by-hop field may stand here.
_KNOWN: Final = {spelling: name.lower() for name in _CAPITALS for spelling in (name, name.lower())}

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
_LENGTH: Final = re.compile(r"[0-9]{1,19}")

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def check_header(name: str, value: str) -> tuple[str, str]:
    """("X-Count", "3") -> ("x-count", "3"); ValueError for what must not be sent.

    The name is a token (RFC 9110 section 5.6.2) and not hop-by-hop; the value is visible ASCII with spaces and tabs
    inside. Section 5.5 would let other bytes through, but one server sends `é` as latin-1 and another as UTF-8.
    """
    known = _KNOWN.get(name) if name.__class__ is str else None
    if known is None:
        known = _check_name(name)
        if known == "content-length":
            return known, _check_length(value)
    # For ASCII text isprintable() means 0x20-0x7e, at a third of the price of the regular expression.
    if value.__class__ is str and value.isascii() and value.isprintable() and value.strip(" ") == value:
        return known, value
    return known, _check_value(known, value)


def _check_name(name: object) -> str:
    if not isinstance(name, str):
        raise ValueError(f"a header name is str, not {type(name).__name__}: {name!r}")
    if _TOKEN.fullmatch(name) is None:
        raise ValueError(
            f"header name {name[:100]!r} is not a token: letters, digits and !#$%&'*+-.^_`|~ only"
        )
    name = str.lower(name)
    if name in HOP_BY_HOP:
        raise ValueError(f"header {name!r} belongs to the connection, which the server manages: leave it out")
    return name


def _check_value(name: str, value: object) -> str:
    """The value as plain str. The messages name the header and never the value, which may be a secret."""
    if not isinstance(value, str):
        raise ValueError(
            f"header {name!r} needs a str value, not {type(value).__name__}: convert it with str()"
        )
    if _VALUE.fullmatch(value) is None:
        _refuse_character(name, value)
    if value.strip(" \t") != value:
        raise ValueError(f"header {name!r} has space around its value: strip it")
    return str.__str__(value)


def _check_length(value: object) -> str:
    """`int()` alone takes "+5", "5_0" and digits of other scripts, which the next parser reads otherwise."""
    if not isinstance(value, str) or _LENGTH.fullmatch(value) is None:
        raise ValueError(f"header 'content-length' is a number of bytes in ASCII digits, not {value!r:.60}")
    return str.__str__(value)


def _refuse_character(name: str, value: str) -> NoReturn:
    index, char = next((i, c) for i, c in enumerate(value) if _VALUE.fullmatch(c) is None)
    if char.isascii():
        raise ValueError(f"header {name!r} has the control character {char!r} at index {index} of its value")
    raise ValueError(
        f"header {name!r} has {char!r} at index {index} of its value, and only ASCII arrives alike from every "
        "server: percent-encode it (urllib.parse.quote), in a parameter as name*=UTF-8''... (RFC 8187)"
    )


def header_pairs(headers: HeaderSource) -> list[tuple[str, str]]:
    """A mapping, pairs or None -> checked pairs in order, names lower-case; ValueError for what must not be sent."""
    if headers is None:
        return []
    if isinstance(headers, ResponseHeaders):
        return headers.raw
    if isinstance(headers, (str, bytes)) or not hasattr(headers, "__iter__"):
        raise ValueError(f"headers are a mapping or (name, value) pairs, not {type(headers).__name__}")
    items = headers.items() if hasattr(headers, "items") else headers
    pairs = [check_header(name, value) for name, value in items]
    if len(pairs) > 1:
        _refuse_second_lines(pairs)
    return pairs


def _refuse_second_lines(pairs: list[tuple[str, str]]) -> None:
    seen = set()
    for name, _ in pairs:
        if name in seen and name in SINGLETONS:
            raise ValueError(f"header {name!r} is given twice: an answer has one")
        seen.add(name)


class _Pairs:
    """What both kinds of headers can be asked; look-up takes a name in any case."""

    __slots__ = ("_pairs",)

    _pairs: list[tuple[str, str]]

    @property
    def raw(self) -> list[tuple[str, str]]:
        """All (lower-case name, value) pairs in their order, as a list of the caller's own."""
        return self._pairs.copy()

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: Default) -> str | Default: ...
    def get(self, name: str, default: object = None) -> object:
        """The first value of `name`, or `default`."""
        name = name.lower()
        for known, value in self._pairs:
            if known == name:
                return value
        return default

    def get_all(self, name: str) -> list[str]:
        """Every value of `name` in order; [] when there is none."""
        name = name.lower()
        return [value for known, value in self._pairs if known == name]

    getlist = get_all

    def items(self) -> list[tuple[str, str]]:
        """All pairs, duplicates included; `dict(headers)` has the first value of each name."""
        return self._pairs.copy()

    def keys(self) -> list[str]:
        """Each name once, in the order of its first line."""
        return list(dict.fromkeys(name for name, _ in self._pairs))

    def values(self) -> list[str]:
        """The values beside `items()`, duplicates included."""
        return [value for _, value in self._pairs]

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __eq__(self, other: object) -> bool:
        return self._pairs == other._pairs if isinstance(other, _Pairs) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = [(name, "***" if name in SECRET_NAMES else value) for name, value in self._pairs]
        return f"{type(self).__name__}({shown!r})"


class Headers(_Pairs):
    """A request's headers, immutable: `Headers([("host", "a"), ("accept", "x")])`; names in any case.

    They are what the client sent and are not checked. `X_Real_IP` is not `x-real-ip`: the two are never folded.
    """

    __slots__ = ("_first",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = [(name.lower(), value) for name, value in pairs]
        # dict() keeps the last of equal names: read from behind, that is the first line.
        self._first = dict(reversed(self._pairs))

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: Default) -> str | Default: ...
    def get(self, name: str, default: object = None) -> object:
        """The first value of `name`, or `default`."""
        value = self._first.get(name)
        return self._first.get(name.lower(), default) if value is None else value


class ResponseHeaders(_Pairs):
    """The headers of an answer: `ResponseHeaders({"x-count": "3"})`. What comes in is checked; ValueError otherwise."""

    __slots__ = ()

    def __init__(self, headers: HeaderSource = None) -> None:
        self._pairs = header_pairs(headers)

    def add(self, name: str, value: str) -> None:
        """Append a line beside those that `name` has; ValueError for a second line of a field that has one."""
        pair = check_header(name, value)
        if pair[0] in SINGLETONS and pair[0] in self:
            raise ValueError(f"header {pair[0]!r} is set already: assign headers[{pair[0]!r}] to replace it")
        self._pairs.append(pair)

    def extend(self, headers: HeaderSource) -> None:
        """Add every line of a mapping, pairs or other headers; none of them when one is refused."""
        pairs = self._pairs + header_pairs(headers)
        _refuse_second_lines(pairs)
        self._pairs = pairs

    def __setitem__(self, name: str, value: str) -> None:
        pair = check_header(name, value)
        self.remove(pair[0])
        self._pairs.append(pair)

    def setdefault(self, name: str, value: str) -> str:
        """The first value of `name`; `value`, which is then added, when there is none."""
        pair = check_header(name, value)
        present = self.get(pair[0])
        if present is None:
            self._pairs.append(pair)
            return pair[1]
        return present

    def remove(self, name: str) -> None:
        """Drop every line of `name`, if there is any."""
        name = name.lower()
        self._pairs = [pair for pair in self._pairs if pair[0] != name]

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self.remove(name)

    def add_vary(self, *names: str) -> None:
        """Name request fields that the answer depends on: each once; `*` covers all (RFC 9110 section 12.5.5)."""
        fields = [field.strip() for line in self.get_all("vary") for field in line.split(",")]
        fields += [name for name in names if name == "*" or _check_name(name)]
        unique: dict[str, str] = {}
        for field in fields:
            unique.setdefault(field.lower(), field)
        self["vary"] = "*" if "*" in unique else ", ".join(filter(None, unique.values()))

    def copy(self) -> ResponseHeaders:
        """Headers of their own with the same lines."""
        twin = ResponseHeaders()
        twin._pairs = self._pairs.copy()
        return twin


def http_date(seconds: float) -> str:
    """Seconds since 1970 -> "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7), the same in every locale.

    Raises ValueError outside the years 1 to 9999, which the format cannot say.
    """
    try:
        year, month, day, hour, minute, second, weekday, *_ = time.gmtime(seconds)
    except (OverflowError, OSError):
        year = 0
    if not 1 <= year <= 9999:
        raise ValueError(f"{seconds!r} seconds since 1970 is not a date that HTTP can write")
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"
