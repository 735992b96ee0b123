"""What every security scheme is: a guard with a name, its OpenAPI object, and its refusal. Knows no kind of credentials."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from velocipy.exceptions import ConfigurationError, HTTPException
from velocipy.places import caller_location

if TYPE_CHECKING:
    from velocipy.origins import Lookup

MISSING: Final = "Not authenticated"
WRONG: Final = "Invalid authentication credentials"

MAX_CREDENTIALS: Final = 16_384
"""Characters of a key or token that are looked at; servers differ in the longest header that they pass on."""

_NAME: Final = re.compile(r"[A-Za-z0-9._-]+")  # OpenAPI 3.1 section 4.8.7: keys of components
_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_QUOTABLE: Final = re.compile(r"[ !#-\[\]-~]*")  # RFC 9110 section 5.6.4, without quotes and backslashes


class SecurityBase:
    """A guard that OpenAPI shows as a security scheme; a subclass reads and checks in `async __call__`.

    `scheme_name` is its key in the document (the class's name where it is None) and `scheme` the Security Scheme Object. With
    `auto_error` it refuses with 401 and a WWW-Authenticate header; without, it gives None, and who asked for it decides.
    """

    __velocipy_guard__ = True

    auth_scheme = "ApiKey"
    """What a challenge begins with (RFC 9110 section 11.1)."""

    def __init__(
        self, scheme_name: str | None, scheme: Mapping[str, Any], *, auto_error: bool = True
    ) -> None:
        self.scheme_name: str = type(self).__name__ if scheme_name is None else scheme_name
        if not isinstance(self.scheme_name, str) or _NAME.fullmatch(self.scheme_name) is None:
            raise ConfigurationError(
                f"scheme_name {scheme_name!r} of {type(self).__name__} ({caller_location()}) is no key of an OpenAPI document: "
                "use letters, digits, '.', '-' and '_' only"
            )
        self.scheme: Mapping[str, Any] = MappingProxyType(
            {key: value for key, value in scheme.items() if value is not None}
        )
        self.auto_error = auto_error

    def challenge(self) -> str:
        """The value of WWW-Authenticate (RFC 9110 section 11.6.1)."""
        return self.auth_scheme

    def refusal(self, detail: str = WRONG) -> HTTPException:
        """A 401 to raise for credentials that are wrong: `raise scheme.refusal()`."""
        return HTTPException(401, detail, {"www-authenticate": self.challenge()})

    def refuse(self, detail: str = MISSING) -> None:
        """Raise the 401 with `auto_error`; without it, return None."""
        if self.auto_error:
            raise self.refusal(detail)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(scheme_name={self.scheme_name!r})"


def challenge_of(scheme: str, **parameters: str | None) -> str:
    """("Basic", realm="api") -> 'Basic realm="api"'; parameters that are None are left out."""
    pairs = ", ".join(f'{name}="{value}"' for name, value in parameters.items() if value is not None)
    return f"{scheme} {pairs}" if pairs else scheme


def check_quotable(name: str, value: object) -> str:
    """A text that can stand between quotes in a header as it is. Raises ConfigurationError for any other."""
    if not isinstance(value, str) or not value or _QUOTABLE.fullmatch(value) is None:
        raise ConfigurationError(
            f"{name} {value!r} ({caller_location()}) cannot stand in a header: use visible ASCII without quotes and backslashes"
        )
    return value


def check_token(name: str, value: object) -> str:
    """A name of a header or cookie. Raises ConfigurationError for what is none (RFC 9110 section 5.6.2)."""
    if not isinstance(value, str) or _TOKEN.fullmatch(value) is None:
        raise ConfigurationError(
            f"{name} {value!r} ({caller_location()}) is no name: letters, digits and !#$%&'*+-.^_`|~ only"
        )
    return value


def check_url(name: str, url: object) -> str:
    """A URL of an authorization server: a path of this host, or https. Raises ConfigurationError for one that is sent openly.

    Passwords and tokens go there (RFC 6749 sections 3.1 and 3.2); plain http is for this machine alone.
    """
    text = check_quotable(name, url)
    parts = urlsplit(text)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if (
        " " in text
        or (parts.scheme or parts.netloc)
        and not (parts.netloc and (parts.scheme == "https" or parts.scheme == "http" and local))
    ):
        raise ConfigurationError(
            f"{name} {url!r} ({caller_location()}) takes passwords or tokens and is neither a path nor https: write one of them"
        )
    return text


def authorization(headers: Lookup) -> tuple[str, str] | None:
    """`Authorization: Bearer abc` -> ("bearer", "abc"); None where there is no such line (RFC 9110 section 11.6.2).

    ("", "") stands for what has no meaning: two lines, of which two readers might believe different ones, or one that is longer
    than MAX_CREDENTIALS.
    """
    lines = headers.get_all("authorization")
    if len(lines) != 1:
        return ("", "") if lines else None
    if len(lines[0]) > MAX_CREDENTIALS:
        return "", ""
    scheme, _, credentials = lines[0].strip(" ").partition(" ")
    return scheme.lower(), credentials.lstrip(" ")
