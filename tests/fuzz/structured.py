"""Structured fields read strictly, by the algorithms of RFC 9651 section 4.2. Knows the whole grammar; knows no field by name.

    read_list('"a";q=1, (b c);x') -> [Item("a", {"q": 1}), Item([Item(Token("b"), {}), Item(Token("c"), {})], {"x": True})]

Raises Unreadable, as a recipient would ignore such a field.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unreadable(ValueError):
    """The text is no such field."""


class Token(str):
    """A Token, which is another thing than the String of the same letters."""

    def __repr__(self) -> str:
        return f"Token({str(self)!r})"


class Item(NamedTuple):
    """A bare item, or the list of an inner list, with its parameters."""

    value: Any
    parameters: dict[str, Any]


def read_list(text: str) -> list[Item]:
    """A List (section 4.2.1)."""
    reader = Reader(text)
    found: list[Item] = []
    while reader.rest:
        found.append(reader.member())
        reader.comma()
    return found


def read_dictionary(text: str) -> dict[str, Item]:
    """A Dictionary (section 4.2.2)."""
    reader = Reader(text)
    found: dict[str, Item] = {}
    while reader.rest:
        name = reader.key()
        found[name] = reader.member() if reader.takes("=") else Item(True, reader.parameters())
        reader.comma()
    return found


def read_item(text: str) -> Item:
    """An Item (section 4.2.3)."""
    reader = Reader(text)
    item = Item(reader.bare(), reader.parameters())
    if reader.rest:
        raise Unreadable(reader.rest)
    return item


BARE = re.compile(
    r"""
      (?P<decimal> -?[0-9]{1,12}\.[0-9]{1,3}(?![0-9.]) )
    | (?P<integer> -?[0-9]{1,15}(?![0-9.]) )
    | (?P<string>  "(?:[ !\#-\[\]-~]|\\["\\])*" )
    | (?P<token>   [A-Za-z*][!\#$%&'*+\-.^_`|~0-9A-Za-z:/]* )
    | (?P<octets>  :[A-Za-z0-9+/=]*: )
    | (?P<boolean> \?[01] )
    | (?P<date>    @-?[0-9]{1,15}(?![0-9.]) )
    | (?P<display> %"(?:[ !\#$&-~]|%[0-9a-f]{2})*" )
    """,
    re.VERBOSE,
)


def _octets(text: str) -> bytes:
    try:
        return base64.b64decode(text[1:-1], validate=True)
    except binascii.Error:
        raise Unreadable(text) from None


def _display(text: str) -> str:
    octets = re.sub(rb"%(..)", lambda found: bytes.fromhex(found[1].decode()), text[2:-1].encode())
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise Unreadable(text) from None


VALUES: dict[str, Callable[[str], Any]] = {
    "decimal": Decimal,
    "integer": int,
    "string": lambda text: re.sub(r"\\(.)", r"\1", text[1:-1]),
    "token": Token,
    "octets": _octets,
    "boolean": lambda text: text == "?1",
    "date": lambda text: EPOCH + timedelta(seconds=int(text[1:])),
    "display": _display,
}


class Reader:
    """What is left of a text; each method takes from its start."""

    def __init__(self, text: str) -> None:
        if not text.isascii():
            raise Unreadable(text)
        self.rest = text.strip(" ")

    def takes(self, mark: str) -> bool:
        """Whether it begins so, which is then taken."""
        begins = self.rest.startswith(mark)
        self.rest = self.rest.removeprefix(mark)
        return begins

    def comma(self) -> None:
        """The end, or a comma and something behind it."""
        self.rest = self.rest.lstrip(" \t")
        if self.rest:
            if not self.takes(","):
                raise Unreadable(self.rest)
            self.rest = self.rest.lstrip(" \t")
            if not self.rest:
                raise Unreadable("a comma at the end")

    def member(self) -> Item:
        """An item or an inner list."""
        if not self.takes("("):
            return Item(self.bare(), self.parameters())
        inner: list[Item] = []
        while True:
            self.rest = self.rest.lstrip(" ")
            if self.takes(")"):
                return Item(inner, self.parameters())
            inner.append(Item(self.bare(), self.parameters()))
            if self.rest[:1] not in (" ", ")"):
                raise Unreadable(self.rest)

    def parameters(self) -> dict[str, Any]:
        """Every `;name` and `;name=value`; of equal names the last."""
        found: dict[str, Any] = {}
        while self.takes(";"):
            self.rest = self.rest.lstrip(" ")
            name = self.key()
            found[name] = self.bare() if self.takes("=") else True
        return found

    def key(self) -> str:
        """A key (section 4.2.3.3)."""
        match = re.match(r"[a-z*][a-z0-9_\-.*]*", self.rest)
        if match is None:
            raise Unreadable(self.rest)
        self.rest = self.rest[match.end() :]
        return match[0]

    def bare(self) -> Any:
        """A bare item of any type."""
        match = BARE.match(self.rest)
        if match is None:
            raise Unreadable(self.rest)
        self.rest = self.rest[match.end() :]
        return VALUES[str(match.lastgroup)](match[0])
