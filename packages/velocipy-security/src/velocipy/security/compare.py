"""Comparing secrets in a time that says nothing of them. Knows bytes; knows no request, and stores nothing."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Final

from velocipy.config import Secret
from velocipy.exceptions import ConfigurationError
from velocipy.places import caller_location

MIN_KEY: Final = 16
"""Characters of the shortest key that may be accepted; `secrets.token_urlsafe(32)` gives 43 (ASVS 11.5.1: 128 bits)."""


def same_secret(given: str | bytes, expected: str | bytes) -> bool:
    """Whether both are equal, in a time that depends on the length of `given` alone; an empty `expected` equals nothing.

    Text is compared as UTF-8, so that any character is allowed, in a password for one.
    """
    return same_text(given, expected) and bool(expected)


def same_text(given: str | bytes, expected: str | bytes) -> bool:
    """The same for what may be empty, such as the name beside a password."""
    return hmac.compare_digest(_bytes(given), _bytes(expected))


class AcceptedKeys:
    """Keys that open a door. Each is held against what was given, whether or not one before it was equal."""

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[str | Secret], what: str) -> None:
        if isinstance(keys, (str, bytes, Secret)):
            raise ConfigurationError(f"keys of {what} is a list of keys ({caller_location()}): write [key]")
        self._keys = tuple(_check_key(key, what) for key in keys)
        if not self._keys:
            raise ConfigurationError(
                f"keys of {what} is empty ({caller_location()}): nobody could come in; leave it out to check the key yourself"
            )

    def __contains__(self, given: str) -> bool:
        text = _bytes(given)
        found = False
        for key in self._keys:
            found |= hmac.compare_digest(text, key)
        return found


def _check_key(key: object, what: str) -> bytes:
    """A key as bytes. Raises ConfigurationError for one that is easily guessed, or that no client could send."""
    key = key.reveal() if isinstance(key, Secret) else key
    if not isinstance(key, str) or not key.isascii() or not key.isprintable() or key != key.strip():
        raise ConfigurationError(
            f"a key of {what} ({caller_location()}) is no text of visible ASCII, which is all that a header can carry: "
            "make one with secrets.token_urlsafe(32)"
        )
    if len(key) < MIN_KEY:
        raise ConfigurationError(
            f"a key of {what} ({caller_location()}) has {len(key)} characters and is too easily guessed: make one of at least "
            f"{MIN_KEY} with secrets.token_urlsafe(32)"
        )
    return key.encode()


def _bytes(text: str | bytes) -> bytes:
    # compare_digest takes no str beyond ASCII; a lone surrogate, which some parser may let through, must not be a 500.
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
