"""One header field: of an answer, whether it may be sent; of a request, the length that it declares. Knows no server and no response.

Servers drop, rewrite or die of what breaks this grammar, each in its own way, so it is checked before any
sees it.
"""

from __future__ import annotations

import re
import time
from typing import Final

from velocipy.exceptions import BadRequest

HOP_BY_HOP: Final = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Fields of the connection (RFC 9110 section 7.6.1): the server sets them, apps may not."""

LENGTHS: Final[dict[str | bytes, int]] = {}
"""Content-Lengths that `declared_length` has read, as servers have them: a look-up is 30 ns, and to read one is 130."""

MAX_LENGTHS: Final = 1024
"""Of these, at most."""

SINGLETONS: Final = frozenset(
    {
        "access-control-allow-origin",
        "age",
        "content-disposition",
        "content-length",
        "content-location",
        "content-range",
        "content-type",
        "date",
        "etag",
        "expires",
        "last-modified",
        "location",
        "retry-after",
    }
)
"""Fields of which a second line would make two readers disagree (RFC 9110 section 5.3)."""

# Both usual spellings lead to the wire's one: a known name costs one look-up and no regular expression.
# Neither Content-Length, whose value has a grammar of its own, nor a hop-by-hop field may stand here.
_KNOWN: Final = {
    spelling: name.lower()
    for name in (
        "Accept-Ranges",
        "Access-Control-Allow-Credentials",
        "Access-Control-Allow-Headers",
        "Access-Control-Allow-Methods",
        "Access-Control-Allow-Origin",
        "Access-Control-Expose-Headers",
        "Access-Control-Max-Age",
        "Age",
        "Allow",
        "Cache-Control",
        "Content-Disposition",
        "Content-Encoding",
        "Content-Language",
        "Content-Location",
        "Content-Range",
        "Content-Security-Policy",
        "Content-Type",
        "Cross-Origin-Opener-Policy",
        "Cross-Origin-Resource-Policy",
        "Date",
        "ETag",
        "Expires",
        "Last-Modified",
        "Link",
        "Location",
        "Permissions-Policy",
        "RateLimit",
        "RateLimit-Policy",
        "Referrer-Policy",
        "Retry-After",
        "Server-Timing",
        "Set-Cookie",
        "Strict-Transport-Security",
        "Vary",
        "WWW-Authenticate",
        "X-Content-Type-Options",
        "X-Frame-Options",
        "X-Request-ID",
    )
    for spelling in (name, name.lower())
}

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")
_LENGTH: Final = re.compile(r"[0-9]{1,19}")

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_YEAR_1, _YEAR_10000 = -62_135_596_800, 253_402_300_800  # seconds since 1970


def check_header(name: str, value: str) -> tuple[str, str]:
    """("X-Count", "3") -> ("x-count", "3"); ValueError for what must not be sent.

    The name is a token (RFC 9110 section 5.6.2) and not hop-by-hop; the value is visible ASCII with spaces
    and tabs inside. Section 5.5 would let other bytes through, but one server sends `é` as latin-1 and
    another as UTF-8.
    """
    known = _KNOWN.get(name) if name.__class__ is str else None
    if known is None:
        known = check_name(name)
        if known == "content-length":
            return known, _check_length(value)
    # For ASCII text isprintable() means 0x20-0x7e, at a third of the price of the regular expression.
    if value.__class__ is str and value.isascii() and value.isprintable() and value.strip(" ") == value:
        return known, value
    return known, _check_value(known, value)


def check_name(name: str) -> str:
    """The name in lower case; ValueError for what is no token, and for the connection's own."""
    if not isinstance(name, str) or _TOKEN.fullmatch(name) is None:
        raise ValueError(
            f"header name {name!r:.100} is not a token: a str of letters, digits and !#$%&'*+-.^_`|~"
        )
    lower = str.lower(name)
    if lower in HOP_BY_HOP:
        raise ValueError(
            f"header {lower!r} belongs to the connection, which the server manages: leave it out"
        )
    return lower


def _check_value(name: str, value: object) -> str:
    """The value as plain str. The message names the header and never the value, which may be a secret."""
    if isinstance(value, str) and _VALUE.fullmatch(value) and value.strip(" \t") == value:
        return str.__str__(value)
    raise ValueError(f"header {name!r} {_fault(value)}")


def _fault(value: object) -> str:
    if not isinstance(value, str):
        return f"needs a str value, not {type(value).__name__}: convert it with str()"
    for index, char in enumerate(value):
        if _VALUE.fullmatch(char) is None:
            where = f"has {char!r} at index {index} of its value"
            if char.isascii():
                return f"{where}, a control character: leave it out"
            return (
                f"{where}, and only ASCII arrives alike from every server: percent-encode it "
                "(urllib.parse.quote), in a parameter as name*=UTF-8''... (RFC 8187)"
            )
    return "has space around its value: strip it"


def _check_length(value: object) -> str:
    """`int()` alone takes "+5", "5_0" and digits of other scripts, which the next parser reads otherwise."""
    if not isinstance(value, str) or _LENGTH.fullmatch(value) is None:
        raise ValueError(f"header 'content-length' is a number of bytes in ASCII digits, not {value!r:.60}")
    return str.__str__(value)


def http_date(seconds: float) -> str:
    """Seconds since 1970 -> "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7), in every locale.

    Raises ValueError outside the years 1 to 9999, which the format cannot say.
    """
    if not _YEAR_1 <= seconds < _YEAR_10000:
        raise ValueError(f"{seconds!r:.60} seconds since 1970 is not a date that HTTP can write")
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(seconds)
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} {hour:02}:{minute:02}:{second:02} GMT"


def declared_length(text: str | bytes) -> int:
    """The Content-Length of a request as a number. Raises BadRequest where it is none (RFC 9110 section 8.6)."""
    if not (text.isascii() and text.isdigit()) or len(text) > 19:
        raise BadRequest("Invalid content-length header")
    if len(LENGTHS) >= MAX_LENGTHS:
        LENGTHS.clear()
    length = LENGTHS[text] = int(text)
    return length
