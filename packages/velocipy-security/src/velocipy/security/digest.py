"""HTTP Digest authentication with SHA-256 (RFC 7616). Knows challenge and response; knows no users and keeps no nonces.

The password does not travel, but nearly everything else that TLS gives is missing: take Basic or a token over TLS where you can.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final
from urllib.parse import unquote, urlsplit

from velocipy.clock import wall
from velocipy.exceptions import ConfigurationError, HTTPException
from velocipy.http.request import Exchange, Request
from velocipy.places import caller_location
from velocipy.security.base import MISSING, WRONG, SecurityBase, authorization, check_quotable
from velocipy.security.compare import same_secret
from velocipy.signing import LEEWAY, Secrets, Signer

_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER: Final = re.compile(
    rf'[ \t,]*({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))[ \t]*(?:,|$)'
)
_COUNT: Final = re.compile(r"[0-9a-f]{8}")
_EXTENDED: Final = "utf-8''"
_NEEDED: Final = frozenset({"realm", "nonce", "uri", "response", "qop", "nc", "cnonce"})

MAX_PARAMETERS: Final = 20
"""Parameters of one Authorization that are read; the RFC knows 13."""


@dataclass(frozen=True, slots=True)
class HTTPDigestCredentials:
    """A client's answer to a challenge: right for this realm, this request and a fresh nonce; `matches` says whether it is true."""

    username: str
    realm: str
    method: str
    uri: str
    nonce: str
    nc: str
    cnonce: str
    response: str = field(repr=False)

    def matches(self, password: str) -> bool:
        """Whether the client knows this password."""
        return self.matches_ha1(digest_ha1(self.username, self.realm, password))

    def matches_ha1(self, ha1: str) -> bool:
        """The same for what `digest_ha1` made of the password, which is what a server can keep in its place."""
        what = _hash(f"{self.method}:{self.uri}")
        expected = _hash(f"{ha1}:{self.nonce}:{self.nc}:{self.cnonce}:auth:{what}")
        return same_secret(self.response, expected) and bool(ha1)


def digest_ha1(username: str, realm: str, password: str) -> str:
    """SHA-256 of name, realm and password (RFC 7616 section 3.4.2). Who has it can log in: keep it as a password."""
    return _hash(f"{username}:{realm}:{password}")


class HTTPDigest(SecurityBase):
    """Name and a hash of password and request: `given: Annotated[HTTPDigestCredentials, Depends(digest)]`.

    Checking it is yours: `if not given.matches(password): raise digest.refusal()`. A nonce is good for `nonce_age` seconds on every
    worker that has the same `secret_key`; within them a request that somebody overheard can be sent again. MD5 is not offered.
    None only with `auto_error=False`.
    """

    auth_scheme = "Digest"

    def __init__(
        self,
        secret_key: Secrets,
        *,
        realm: str = "Restricted",
        nonce_age: int = 300,
        scheme_name: str | None = None,
        description: str | None = None,
        auto_error: bool = True,
    ) -> None:
        scheme = {"type": "http", "scheme": "digest", "description": description}
        super().__init__(scheme_name, scheme, auto_error=auto_error)
        self._signer = Signer(secret_key, "digest", max_size=128)
        self.realm: str = check_quotable("realm", realm)
        if not isinstance(nonce_age, int) or not 1 <= nonce_age <= 3600:
            raise ConfigurationError(
                f"nonce_age {nonce_age!r} ({caller_location()}) is 1 to 3600 seconds: as long a request can be repeated by others"
            )
        self.nonce_age = nonce_age

    def challenge(self, *, stale: bool = False) -> str:
        """A challenge with a new nonce; `stale` tells the client to try again without asking its user (RFC 7616 section 3.3)."""
        nonce = self._signer.sign(secrets.token_bytes(9))
        end = ", stale=true" if stale else ""
        return (
            f'Digest realm="{self.realm}", qop="auth", algorithm=SHA-256, nonce="{nonce}", charset=UTF-8{end}'
        )

    async def __call__(self, exchange: Exchange) -> HTTPDigestCredentials | None:
        """The answer of the client. Raises HTTPException(401)."""
        given = authorization(exchange.headers)
        if given is None or given[0] != "digest":
            self.refuse(MISSING if given is None else WRONG)
            return None
        credentials = self._read(given[1], exchange)
        if credentials is not None and self._is_fresh(credentials.nonce):
            return credentials
        if self.auto_error:
            stale = credentials is not None
            raise HTTPException(401, WRONG, {"www-authenticate": self.challenge(stale=stale)})
        return None

    def _read(self, text: str, exchange: Exchange) -> HTTPDigestCredentials | None:
        """What was sent, if it answers a challenge of ours and is about this very request."""
        sent = _parameters(text)
        if sent is None or not sent.keys() >= _NEEDED:
            return None
        username = _username(sent)
        fits = (
            username is not None
            and sent["realm"] == self.realm
            and sent["qop"] == "auth"
            and sent.get("algorithm", "").upper() == "SHA-256"
            and sent.get("userhash", "false") == "false"
            and _COUNT.fullmatch(sent["nc"]) is not None
            and self._is_ours(sent["nonce"])
            and _is_target(sent["uri"], exchange)
        )
        if not fits or username is None:
            return None
        method = exchange.method if isinstance(exchange, Request) else "GET"
        answer = sent["response"].lower()
        return HTTPDigestCredentials(
            username, self.realm, method, sent["uri"], sent["nonce"], sent["nc"], sent["cnonce"], answer
        )

    def _is_ours(self, nonce: str) -> bool:
        return self._signer.verify(nonce) is not None

    def _is_fresh(self, nonce: str) -> bool:
        return -LEEWAY <= wall() - int(nonce.split(".")[1]) <= self.nonce_age


def _parameters(text: str) -> dict[str, str] | None:
    """`a="x", b=y` -> {"a": "x", "b": "y"}; None where anything else stands, or one name twice (RFC 9110 section 11.2)."""
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PARAMETER.match(text, position)
        if match is None or len(found) == MAX_PARAMETERS or match[1].lower() in found:
            return None
        quoted, token = match[2], match[3]
        found[match[1].lower()] = token if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        position = match.end()
    return found


def _username(sent: dict[str, str]) -> str | None:
    """The name, plain or as `username*=UTF-8''J%C3%A4s%C3%B8n` (RFC 7616 section 3.4), never both."""
    plain, extended = sent.get("username"), sent.get("username*")
    if extended is None or plain is not None:
        return plain if extended is None else None
    if not extended.lower().startswith(_EXTENDED):
        return None
    try:
        return unquote(extended[len(_EXTENDED) :], errors="strict")
    except UnicodeDecodeError:
        return None


def _is_target(uri: str, exchange: Exchange) -> bool:
    """Whether the answer was made for what is asked (RFC 7616 section 3.4.6): the same path and query, however escaped."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return False
    return unquote(parts.path) == exchange.root_path + exchange.path and parts.query == exchange.query_string


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
