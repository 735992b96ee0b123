"""The query of a URL as names and values. Knows `application/x-www-form-urlencoded`; knows no types.

Written for one call a request: a query without escapes, which is nearly every one, becomes one dict by partitions alone. On CPython
3.11 three fields take 480 ns, and 1,900 with `urllib.parse.parse_qsl`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from velocipy.exceptions import BadRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_FIELDS: Final = 1_000
"""Fields, empty ones included, that a query may have."""

MAX_LENGTH: Final = 32_768
"""Characters that a query may have: 1,000 fields of 32. Servers let far more through."""

_ESCAPES: Final = re.compile(r"(?:%[0-9A-Fa-f]{2})+")


class Query(dict[str, str]):
    """The fields of a query by name: `query.get("page")` is the last value of `page`, or None.

    A plain dict underneath, so that `get` is the interpreter's own (30 ns).
    """

    __slots__ = ()

    def getlist(self, name: str) -> list[str]:
        """Every value of `name` in order; [] when there is none."""
        return [self[name]] if name in self else []


class RepeatedQuery(Query):
    """A query in which a name comes more than once: look-up gives its last value, `items()` every pair."""

    __slots__ = ("_pairs",)

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self._pairs = list(pairs)
        super().__init__(self._pairs)

    def getlist(self, name: str) -> list[str]:
        """Every value of `name` in order; [] when there is none."""
        return [value for known, value in self._pairs if known == name]

    def items(self) -> list[tuple[str, str]]:  # type: ignore[override]  # a view cannot hold a name twice  # ty: ignore[incompatible-method-override]
        """Every (name, value) in the order of the text."""
        return self._pairs.copy()


def parse_query(text: str) -> Query:
    """ "a=1&b=x+y&a=2" -> a Query with a: "2" (list "1", "2") and b: "x y" (WHATWG URL, section 5.1).

    Fields end at `&` alone, `;` is text; `a` is `a=`, `=a` has the name "", an empty field is none; `+` is a
    space; escapes are UTF-8, of which broken bytes become U+FFFD, and a `%` that starts no escape is itself.
    Raises BadRequest for more than MAX_FIELDS fields or MAX_LENGTH characters.
    """
    values = last_values(text)
    if values.__class__ is Query:
        return values  # pyright: ignore[reportReturnType]  # `isinstance` costs more
    if len(values) <= text.count("&") or "" in values:  # a name came twice, or a field was empty
        return _parse_any(text)
    return Query(values)


def last_values(text: str) -> dict[str, str]:
    """The last value of every name, read as `parse_query` does: all that a compiled handler needs which asks for single values.

    150 ns less than a Query. What stands under "" means nothing: empty fields may be there. Raises BadRequest as `parse_query` does.
    """
    if len(text) >= MAX_FIELDS:  # a shorter text cannot have too many
        _check_size(text)
    if "%" in text:
        return _parse_any(text)
    if "+" in text:
        text = text.replace("+", " ")
    values: dict[str, str] = {}
    for field in text.split("&"):
        name, _, value = field.partition("=")
        values[name] = value
    return values


def _check_size(text: str) -> None:
    if len(text) > MAX_LENGTH:
        raise BadRequest(f"The query has more than {MAX_LENGTH} characters")
    if text.count("&") >= MAX_FIELDS:
        raise BadRequest(f"The query has more than {MAX_FIELDS} fields")


def _parse_any(text: str) -> Query:
    pairs: list[tuple[str, str]] = []
    for field in text.replace("+", " ").split("&"):
        if field:
            name, _, value = field.partition("=")
            pairs.append((decode_escapes(name), decode_escapes(value)) if "%" in field else (name, value))
    query = Query(pairs)
    return query if len(query) == len(pairs) else RepeatedQuery(pairs)


def decode_escapes(text: str) -> str:
    """ "caf%C3%A9" -> "café"; broken UTF-8 becomes U+FFFD, a `%` that starts no escape stays."""
    return _ESCAPES.sub(_decode_run, text)


def decode_escapes_strictly(text: str) -> str:
    """As `decode_escapes`, but UnicodeDecodeError for broken UTF-8."""
    return _ESCAPES.sub(lambda run: _bytes_of_run(run).decode("utf-8"), text)


def _decode_run(run: re.Match[str]) -> str:
    return _bytes_of_run(run).decode("utf-8", "replace")


def _bytes_of_run(run: re.Match[str]) -> bytes:
    # A run holds all the escapes of a character, since what stands between two runs is a character by itself.
    return bytes.fromhex(run[0].replace("%", ""))
