"""Cookies as text. Knows how to read `Cookie` and write `Set-Cookie` (RFC 6265, 6265bis); knows no sessions.

Reading is lenient, since anybody on a sibling domain may add a cookie to the request; writing is strict.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final, Literal, TypeAlias

from velocipy.clock import wall
from velocipy.http.fields import http_date

SameSite: TypeAlias = Literal["lax", "strict", "none"]

MAX_COOKIES: Final = 256
"""Pairs of one request that are looked at; browsers hold at most 180 cookies a site."""

MAX_SET_COOKIE: Final = 4096
"""Bytes of a whole `Set-Cookie` value. Browsers drop longer cookies without a word."""

_NAME: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE: Final = re.compile(r"[!#-+\--:<-\[\]-~]*")  # cookie-octet: visible ASCII without " , ; and backslash
_PATH: Final = re.compile(r"/[!-:<-~]{0,1023}")  # browsers ignore an attribute of more than 1,024 bytes
_DOMAIN: Final = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*")
_SAME_SITE: Final = {"lax": "Lax", "strict": "Strict", "none": "None"}


def parse_cookies(text: str) -> dict[str, str]:
    """`a=1; b="x y"` -> {"a": "1", "b": "x y"}. Never raises; takes time in proportion to the text.

    Of equal names the first wins, which is the one with the most specific path (RFC 6265 section 5.4). A pair
    without a name or without `=` is ignored and the others stay; pairs after the first MAX_COOKIES are not
    read. One pair of quotes around a value is dropped; backslashes and `%` stay as they are, since no two
    programs agree on escapes. Join several header lines with "; " before.
    """
    cookies: dict[str, str] = {}
    for pair in text.split(";", MAX_COOKIES)[:MAX_COOKIES]:
        name, equals, value = pair.partition("=")
        name = name.strip(" \t")
        if equals and name and name not in cookies:
            cookies[name] = _unquote(value.strip(" \t"))
    return cookies


def _unquote(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value


def format_cookie(
    name: str,
    value: str = "",
    *,
    max_age: int | None = None,
    expires: datetime | int | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = False,
    httponly: bool = True,
    samesite: SameSite | None = "lax",
    partitioned: bool = False,
) -> str:
    """The value of a `Set-Cookie` header: ("a", "1") -> "a=1; Path=/; HttpOnly; SameSite=Lax".

    The defaults keep scripts (`httponly`) and cross-site posts (`samesite`) away from the cookie. `secure` is
    off, because a browser may drop such a cookie from a plain-HTTP development server: turn it on in
    production, or let a name that starts with `__Host-` or `__Secure-` insist on it. `max_age` is in seconds
    and 0 deletes; `expires` is an aware datetime or seconds from now. A host name in `domain` adds its
    subdomains; None is this host alone. Raises ValueError for whatever a browser would read otherwise or drop
    without a word.
    """
    _check_pair(name, value)
    _check_promises(name, secure=secure, path=path, domain=domain, samesite=samesite, partitioned=partitioned)
    attributes = [
        f"{name}={value}",
        expires is not None and f"Expires={_expiry(expires)}",
        max_age is not None and f"Max-Age={_seconds(max_age)}",
        domain is not None and f"Domain={_domain(domain)}",
        path is not None and f"Path={_path(path)}",
        secure and "Secure",
        httponly and "HttpOnly",
        samesite is not None and f"SameSite={_same_site(samesite)}",
        partitioned and "Partitioned",
    ]
    line = "; ".join(attribute for attribute in attributes if isinstance(attribute, str))
    if len(line) > MAX_SET_COOKIE:
        raise ValueError(
            f"cookie {name!r} takes {len(line)} bytes and browsers drop those over {MAX_SET_COOKIE}: store "
            "the data on the server and only its key in the cookie"
        )
    return line


def _check_pair(name: str, value: str) -> None:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise ValueError(f"cookie name {name!r} is not a token: letters, digits and !#$%&'*+-.^_`|~ only")
    if not isinstance(value, str) or _VALUE.fullmatch(value) is None:
        raise ValueError(
            f"cookie {name!r} needs a str value of visible ASCII without quote, comma, semicolon and "
            "backslash: encode others, with urllib.parse.quote or base64.urlsafe_b64encode"
        )


def _check_promises(
    name: str, *, secure: bool, path: str | None, domain: str | None, samesite: str | None, partitioned: bool
) -> None:
    """What a browser insists on (RFC 6265bis sections 4.1.2.7 and 4.1.3; Partitioned is of CHIPS)."""
    prefix = name.lower()
    if prefix.startswith("__host-") and not (secure and path == "/" and domain is None):
        raise ValueError(
            f"cookie {name!r} needs secure=True, path='/' and no domain, as its __Host- promises"
        )
    if not secure:
        if prefix.startswith("__secure-"):
            raise ValueError(f"cookie {name!r} needs secure=True, as its __Secure- promises")
        if samesite is not None and str(samesite).lower() == "none":
            raise ValueError(
                f"cookie {name!r} needs secure=True, since browsers drop SameSite=None without it"
            )
        if partitioned:
            raise ValueError(f"cookie {name!r} needs secure=True, since browsers drop Partitioned without it")


def _expiry(expires: datetime | int) -> str:
    if not isinstance(expires, datetime):
        return http_date(wall() + _seconds(expires, "expires"))
    if expires.utcoffset() is None:
        raise ValueError("expires has no time zone: write datetime.now(UTC) + ..., or use max_age")
    return http_date(expires.timestamp())


def _seconds(value: int, what: str = "max_age") -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(
            f"{what} is a whole number of seconds, 0 or more, not {value!r}; 0 deletes the cookie"
        )
    return value


def _path(path: str) -> str:
    if not isinstance(path, str) or _PATH.fullmatch(path) is None:
        raise ValueError(
            f"cookie path {path!r:.100} is not '/' and up to 1,023 visible ASCII characters without ';'"
        )
    return path


def _domain(domain: str) -> str:
    plain = str(domain).lower().removeprefix(".")  # RFC 6265 section 5.2.3: a leading dot means nothing
    if len(plain) > 253 or _DOMAIN.fullmatch(plain) is None:
        raise ValueError(f"cookie domain {domain!r:.100} is not a host name such as 'example.com'")
    return plain


def _same_site(samesite: str) -> str:
    known = _SAME_SITE.get(str(samesite).lower())
    if known is None:
        raise ValueError(f"samesite is 'lax', 'strict', 'none' or None, not {samesite!r}")
    return known
