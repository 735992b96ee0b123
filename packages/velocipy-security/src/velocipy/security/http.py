"""HTTP authentication: Basic (RFC 7617) and Bearer (RFC 6750). Knows the header; knows no users and no tokens."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from velocipy.exceptions import HTTPException
from velocipy.protocols import RequestHeaders
from velocipy.security.base import (
    MAX_CREDENTIALS,
    MISSING,
    WRONG,
    SecurityBase,
    authorization,
    challenge_of,
    check_quotable,
)
from velocipy.security.compare import same_secret, same_text

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")  # RFC 7617 section 2: neither part may have them
_BEARER: Final = re.compile(r" *(?i:bearer) +([A-Za-z0-9._~+/-]+=*) *")  # RFC 6750 section 2.1
_UNQUOTABLE: Final = re.compile(r"[^ !#-\[\]-~]")  # RFC 6750 section 3: what error_description must not have


@dataclass(frozen=True, slots=True)
class HTTPBasicCredentials:
    """What a client calls itself, and its password, which no repr shows."""

    username: str
    password: str = field(repr=False)

    def matches(self, username: str, password: str) -> bool:
        """Whether both are these, in a time that does not tell which of them is wrong."""
        same_name = same_text(self.username, username)
        return same_secret(self.password, password) & same_name


@dataclass(frozen=True, slots=True)
class HTTPAuthorizationCredentials:
    """A scheme as the client wrote it, such as "Bearer", and what follows it, which no repr shows."""

    scheme: str
    credentials: str = field(repr=False)


class HTTPBasic(SecurityBase):
    """User name and password with each request: `given: Annotated[HTTPBasicCredentials, Depends(HTTPBasic())]`.

    Checking them is yours: `given.matches(...)`, or a hash of the password. None only with `auto_error=False`. Serve it over TLS
    alone: it is readable on the way.
    """

    auth_scheme = "Basic"

    def __init__(
        self,
        *,
        realm: str = "Restricted",
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        scheme = {"type": "http", "scheme": "basic", "description": description}
        super().__init__(scheme_name, scheme, auto_error=auto_error)
        self.realm: str = check_quotable("realm", realm)

    def challenge(self) -> str:
        """`Basic realm="...", charset="UTF-8"` (RFC 7617 sections 2 and 2.1)."""
        return challenge_of(self.auth_scheme, realm=self.realm, charset="UTF-8")

    async def __call__(self, headers: RequestHeaders) -> HTTPBasicCredentials | None:
        """The credentials. Raises HTTPException(401) where there are none that can be read."""
        given = authorization(headers)
        credentials = _decode(given[1]) if given is not None and given[0] == "basic" else None
        if credentials is None:
            self.refuse(MISSING if given is None or given == ("basic", "") else WRONG)
        return credentials


def _decode(text: str) -> HTTPBasicCredentials | None:
    """The two parts; None for broken base64, text that is not UTF-8, and what has no colon, a control character or nothing."""
    try:
        decoded = str(b64decode(text, validate=True), "utf-8")
    except ValueError:  # of which binascii.Error and UnicodeDecodeError are kinds
        return None
    username, colon, password = decoded.partition(":")
    if not colon or not (username or password) or _CONTROL.search(decoded) is not None:
        return None
    return HTTPBasicCredentials(username, password)


class BearerBase(SecurityBase):
    """What takes a token from `Authorization: Bearer ...`, and the two refusals of tokens (RFC 6750 section 3.1)."""

    auth_scheme = "Bearer"

    def __init__(
        self, scheme_name: str | None, scheme: dict[str, Any], *, auto_error: bool, realm: str | None = None
    ) -> None:
        super().__init__(scheme_name, scheme, auto_error=auto_error)
        self.realm: str | None = None if realm is None else check_quotable("realm", realm)

    def challenge(self) -> str:
        """`Bearer`, with the realm if there is one: who sent no token is told of no error."""
        return challenge_of(self.auth_scheme, realm=self.realm)

    def refusal(self, detail: str = WRONG) -> HTTPException:
        """A 401 to raise for a token that is wrong; `error="invalid_token"` in its challenge."""
        if detail == MISSING:
            return super().refusal(detail)
        return self.invalid_token(detail=detail)

    def invalid_token(self, description: str | None = None, detail: str = WRONG) -> HTTPException:
        """401 for a token that is broken, expired or revoked: `raise bearer.invalid_token("expired") from None`."""
        return self._error(401, "invalid_token", detail, error_description=description)

    def insufficient_scope(
        self, scopes: Iterable[str], detail: str = "Not enough permissions"
    ) -> HTTPException:
        """403 for a good token without all of these scopes, which the challenge names."""
        return self._error(403, "insufficient_scope", detail, scope=" ".join(scopes))

    def _error(self, status: int, error: str, detail: str, **parameters: str | None) -> HTTPException:
        safe = {
            name: None if text is None else _UNQUOTABLE.sub("?", text) for name, text in parameters.items()
        }
        challenge = challenge_of(self.auth_scheme, realm=self.realm, error=error, **safe)
        return HTTPException(status, detail, {"www-authenticate": challenge})

    def _token(self, headers: RequestHeaders) -> str | None:
        """The token that was sent, if it has the form of one; else the refusal."""
        lines = headers.get_all("authorization")
        if len(lines) == 1 and len(lines[0]) <= MAX_CREDENTIALS:
            found = _BEARER.fullmatch(lines[0])
            if found is not None:
                return found[1]
        given = authorization(headers)
        self.refuse(MISSING if given is None or given == ("bearer", "") else WRONG)
        return None


class HTTPBearer(BearerBase):
    """A token in `Authorization: Bearer ...`, of whatever kind; gives HTTPAuthorizationCredentials.

    None only with `auto_error=False`, where it is missing, malformed or given twice. `bearerFormat` is a word for the document.
    """

    def __init__(
        self,
        *,
        bearerFormat: str | None = None,
        realm: str | None = None,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        scheme = {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": bearerFormat,
            "description": description,
        }
        super().__init__(scheme_name, scheme, auto_error=auto_error, realm=realm)

    async def __call__(self, headers: RequestHeaders) -> HTTPAuthorizationCredentials | None:
        """The token. Raises HTTPException(401)."""
        token = self._token(headers)
        return None if token is None else HTTPAuthorizationCredentials(self.auth_scheme, token)
