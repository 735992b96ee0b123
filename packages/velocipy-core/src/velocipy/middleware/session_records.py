"""How a session is written and read: its own form, and the cookie of VelociPy 0.3.0. Knows JSON and MACs; knows no requests."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Any, Final

from velocipy.exceptions import ConfigurationError
from velocipy.http.cookies import MAX_SET_COOKIE
from velocipy.json.depth import is_too_deep
from velocipy.json.stdlib import StdlibJSON
from velocipy.sessions import Flash, Record, check_value
from velocipy.signing import LEEWAY, AnySecret, decode, encode, secret_bytes
from velocipy.untyped import DICT, LIST

_JSON: Final = StdlibJSON()
"""Of all encoders the one that is always there: what one process has written, every other can read."""

_LAST_SECOND: Final = 2**53
"""Later than any clock says, and as many seconds as a float still tells apart."""


def dump_record(record: Record) -> bytes:
    """The content as JSON. Raises TypeError or ValueError, naming the place, for what JSON would not give back as it was."""
    for key, value in record.data.items():
        check_value(value, f"session[{key!r}]")
    return _JSON.encode([record.id, record.created, record.data, record.flashes])


def load_record(payload: bytes) -> Record | None:
    """What `dump_record` has made -> the record; None for anything else."""
    match _read(payload):
        case [str(id), int(created), data, flashes] if (
            isinstance(data, DICT)
            and isinstance(flashes, LIST)
            and 0 <= created < _LAST_SECOND
            and all(map(_is_flash, flashes))
        ):
            return Record(data, [Flash(*pair) for pair in flashes], id, created, kept=id, was=payload)
        case _:
            return None


def sizes(record: Record) -> str:
    """Which keys take most, for a message: `cart 3,900, user 20`."""
    taken = {key: len(_JSON.encode(value)) for key, value in record.data.items()}
    largest = sorted(taken, key=taken.__getitem__, reverse=True)[:3]
    return ", ".join(f"{key!r:.40} {taken[key]:,}" for key in largest) or "flashes"


def _read(payload: bytes) -> Any:
    try:
        return None if is_too_deep(payload) else _JSON.decode(payload)
    except (ValueError, RecursionError):
        return None


def _is_flash(pair: Any) -> bool:
    return isinstance(pair, LIST) and len(pair) == 2 and all(isinstance(text, str) for text in pair)


@dataclass(frozen=True, slots=True)
class OldCookie:
    """The session cookie that VelociPy 0.3.0 wrote, to be read until all of them have expired; it is never written.

    `secret` is the one that the old app had, as short as it may be; `max_age` is in seconds, as the old app had it.
    """

    secret: AnySecret = field(repr=False)
    name: str = "session"
    max_age: int = 3600
    path: str = "/"
    domain: str | None = None

    def __post_init__(self) -> None:
        if not secret_bytes(self.secret):
            raise ConfigurationError("OldCookie needs the secret of the old app, as str or bytes")

    def read(self, text: str, now: float) -> Record | None:
        """`b64url({"d": data, "t": seconds}).b64url(HMAC-SHA256(secret, first part))` -> a record that is kept nowhere yet."""
        if len(text) > MAX_SET_COOKIE or not text.isascii():
            return None
        body, _, mac = text.partition(".")
        made = encode(hmac.digest(secret_bytes(self.secret) or b"", body.encode(), "sha256"))
        if not hmac.compare_digest(made.encode(), mac.encode()):
            return None
        match _read(decode(body)):
            case {"d": data, "t": int(since) | float(since)} if (
                isinstance(data, DICT) and -LEEWAY <= now - since <= self.max_age
            ):
                return Record(data, was=b"")
            case _:
                return None
