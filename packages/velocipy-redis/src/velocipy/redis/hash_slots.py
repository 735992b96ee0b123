"""Redis Cluster on paper: which slot a key is in, who has it, and where a redirection points. Sends nothing and knows no client.

slot_of(b"velocipy:limit:{1f}:bucket:a") == slot_of(b"1f")
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Container
from dataclasses import dataclass
from itertools import count
from typing import Any, Final, NamedTuple

SLOTS: Final = 16_384

_KEYS_LATER: Final = frozenset({"EVAL", "EVALSHA"})
"""Commands whose first key stands behind the script and the number of keys."""


class Place(NamedTuple):
    """Where a server listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Range(NamedTuple):
    """Slots from the first to the last, both included, and their master."""

    first: int
    last: int
    place: Place


@dataclass(frozen=True, slots=True)
class Redirection:
    """What MOVED (`asking` is false: for good) and ASK (for this command) say; a host of "" is the one that said it."""

    slot: int
    place: Place
    asking: bool


def slot_of(key: str | bytes) -> int:
    """CRC-16/XMODEM of the key, or of what its first pair of braces holds if that is anything, modulo 16,384."""
    name = key.encode("utf-8", "surrogatepass") if isinstance(key, str) else key
    opens = name.find(b"{")
    if opens >= 0:
        closes = name.find(b"}", opens + 1)
        if closes > opens + 1:
            name = name[opens + 1 : closes]
    return crc_hqx(name, 0) % SLOTS


def key_of(command: tuple[Any, ...]) -> str | bytes:
    """The first key of a command; all keys of ours in one command are in one slot."""
    key: str | bytes = command[3 if command[0] in _KEYS_LATER else 1]
    return key


def key_in(slots: Container[int], prefix: str) -> str:
    """The first of `prefix0`, `prefix1` ... that is in one of the slots, of which there must be some; 16,384 tries for one slot."""
    return next(key for number in count() if slot_of(key := f"{prefix}{number}") in slots)


def ranges_of(reply: Any, asked: Place) -> list[Range]:
    """CLUSTER SLOTS of the server at `asked` -> who has what. A server that does not know its own host tells none: then it is `asked`'s.

    Raises ValueError for a reply of another shape.
    """
    try:
        return [
            Range(int(first), int(last), Place((host or b"").decode() or asked.host, int(port)))
            for first, last, (host, port, *_), *_ in reply
        ]
    except (TypeError, ValueError, AttributeError, UnicodeDecodeError):
        raise ValueError("its reply to CLUSTER SLOTS cannot be read") from None
