"""Text that only who has the secret can make: HMAC-SHA256 with a purpose and a time. Knows bytes; knows no cookies and no sessions.

    signer = Signer(secrets.token_urlsafe(32), "mail confirmation")
    text = signer.sign(b"zoe@example.com")                     # "em9l….1790000000.Yk3…", safe in URLs and cookies
    signer.verify(text, max_age=3600)                          # Signed(payload=b"zoe@example.com", issued=1790000000), or None

Signed is not secret: anybody can read the payload. The MAC (RFC 2104) covers the text as it is written, so that a payload has
one spelling, and nothing is decoded before it has passed.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, Protocol

from velocipy.clock import wall
from velocipy.exceptions import ConfigurationError


class Hidden(Protocol):
    """A text that shows itself to nobody else: a `velocipy.config.Secret`."""

    def reveal(self) -> str:
        """The text."""
        ...


AnySecret = str | bytes | Hidden
Secrets = AnySecret | Iterable[AnySecret]
"""One secret, or several: the first signs, all of them verify."""

MIN_SECRET: Final = 32
"""Bytes of a secret: as many as SHA-256 gives (RFC 2104 section 3)."""

MIN_DISTINCT: Final = 8
"""Different bytes in a secret; 32 random hexadecimal digits have fewer once in ten million times."""

MAX_SECRETS: Final = 8
"""Secrets of one signer: each costs a MAC where nothing fits."""

LEEWAY: Final = 60
"""Seconds by which the clock that signed may be ahead of the one that verifies."""

MAX_SIZE: Final = 4096
"""Characters of a signed text where nobody says otherwise; longer ones are refused before their MAC is made."""

_ADVICE: Final = (
    "make one with python -c 'import secrets; print(secrets.token_urlsafe(32))' and keep it out of the code"
)
_PLACEHOLDER: Final = re.compile(
    r"change[-_ .]?(?:me|this)|placeholder|insecure|your[-_ ]?(?:own[-_ ]?)?secret|secret[-_ ]key", re.I
)
_LABEL: Final = b"velocipy.signing 1\0"


class Signed(NamedTuple):
    """What was signed, and when, in whole seconds since 1970."""

    payload: bytes
    issued: int


class Signer:
    """Signs and verifies for one purpose: what was signed for another, or with another secret, is not valid here.

    `secrets` is one secret, or several to change them without a break: the first signs, all verify. Raises ConfigurationError
    for a secret that can be guessed, and for a purpose that is no text. `clock` gives seconds since 1970.
    """

    __slots__ = ("_clock", "_keys", "max_size", "purpose")

    def __init__(
        self,
        secrets: Secrets,
        purpose: str,
        *,
        max_size: int = MAX_SIZE,
        clock: Callable[[], float] = wall,
    ) -> None:
        if not isinstance(purpose, str) or not purpose:
            raise ConfigurationError(f"a signer's purpose is a text such as 'session', not {purpose!r}")
        self._keys = tuple(
            hmac.digest(secret, _LABEL + purpose.encode(), "sha256") for secret in check_secrets(secrets)
        )
        self._clock = clock
        self.purpose: str = purpose
        self.max_size: int = max_size

    def sign(self, payload: bytes) -> str:
        """Bytes -> `payload.issued.mac`, letters, digits and `-_.` only. Raises ValueError for more than `max_size` characters."""
        text = f"{encode(payload)}.{int(self._clock())}"
        signed = f"{text}.{encode(_mac(self._keys[0], text))}"
        if len(signed) > self.max_size:
            raise ValueError(
                f"signed for {self.purpose!r} this takes {len(signed)} characters of {self.max_size}"
            )
        return signed

    def verify(self, text: str, max_age: float | None = None) -> Signed | None:
        """What was signed, or None for everything else: forged, spoilt, too long, from the future, or older than `max_age` seconds."""
        if len(text) > self.max_size or not text.isascii():
            return None
        signed, _, mac = text.rpartition(".")
        if not self._is_ours(signed, mac.encode()):
            return None
        payload, _, issued = signed.partition(".")
        age = self._clock() - int(issued)
        if age < -LEEWAY or (max_age is not None and age > max_age):
            return None
        return Signed(decode(payload), int(issued))

    def _is_ours(self, text: str, mac: bytes) -> bool:
        return any(hmac.compare_digest(encode(_mac(key, text)).encode(), mac) for key in self._keys)

    def __repr__(self) -> str:
        return f"<Signer for {self.purpose!r}>"


def check_secrets(secrets: Secrets) -> tuple[bytes, ...]:
    """The secrets as bytes. Raises ConfigurationError, which quotes none of them, for one that can be guessed."""
    listed = (
        tuple(secrets)
        if isinstance(secrets, Iterable) and not isinstance(secrets, (str, bytes))
        else (secrets,)
    )
    if not 1 <= len(listed) <= MAX_SECRETS:
        raise ConfigurationError(f"from 1 to {MAX_SECRETS} secrets are needed, not {len(listed)}: {_ADVICE}")
    return tuple(_check_secret(secret, number) for number, secret in enumerate(listed, 1))


def secret_bytes(secret: AnySecret) -> bytes | None:
    """A secret in any form -> its bytes; None for what is none."""
    text = secret if isinstance(secret, (str, bytes)) else getattr(secret, "reveal", lambda: None)()
    # An environment may hold bytes that are no UTF-8; Python keeps them as halves of surrogate pairs.
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text


def _check_secret(secret: AnySecret, number: int) -> bytes:
    data = secret_bytes(secret)
    if data is None:
        raise ConfigurationError(f"secret {number} is str or bytes, not {type(secret).__name__}: {_ADVICE}")
    if len(data) < MIN_SECRET:
        raise ConfigurationError(
            f"secret {number} has {len(data)} bytes and needs {MIN_SECRET} or more: {_ADVICE}"
        )
    if len(set(data)) < MIN_DISTINCT or _PLACEHOLDER.search(data.decode("latin-1")):
        raise ConfigurationError(f"secret {number} looks like a placeholder: {_ADVICE}")
    return data


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def encode(data: bytes) -> str:
    """Bytes as base64url without padding (RFC 4648 section 5)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """base64url without padding -> bytes. For text whose MAC has passed: other letters are skipped, and a wrong length raises."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
