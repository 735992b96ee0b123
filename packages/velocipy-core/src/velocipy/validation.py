"""The words of a 422, for every source and every model backend alike. Knows places and reasons; checks nothing itself.

    missing(("query", "page"))                         -> Missing query parameter 'page'
    invalid(("body", "price"), "must be at least 1", "greater_than_equal")
                                                       -> Invalid field 'price': must be at least 1

A place is where a value stands: its source (`path`, `query`, `header`, `cookie`, `form` or `body`), then keys and indexes. What
the client sent is never repeated, but for the names of fields.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from velocipy.exceptions import ErrorItem

Place = tuple[str | int, ...]

MAX_ERRORS: Final = 100
"""Entries of one 422. A list of a million wrong items is one mistake, and its answer must not be longer than the request."""

MAX_KEY: Final = 100
"""Characters of a key or name that a 422 repeats: clients choose the keys of objects."""

WORDS: Final = {
    "path": "path parameter",
    "query": "query parameter",
    "header": "header",
    "cookie": "cookie",
    "form": "form field",
}
"""What a client calls a value of each source; what is inside of such a value, and in a body, is a field."""

KINDS: Final[Mapping[type, str]] = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    dict: "an object",
    list: "an array",
    type(None): "null",
}
"""What JSON calls a value of a Python class."""


def missing(place: Place) -> ErrorItem:
    """A required value is not there."""
    return {"loc": shortened(place), "msg": f"Missing {name_of(place)}", "type": "missing"}


def unknown(place: Place) -> ErrorItem:
    """A value is there that nobody asked for, where that is not allowed."""
    return {"loc": shortened(place), "msg": f"Unknown {name_of(place)}", "type": "extra_forbidden"}


def invalid(place: Place, reason: str, kind: str) -> ErrorItem:
    """A value is not what it must be; `kind` is the stable name of the rule."""
    return {"loc": shortened(place), "msg": f"Invalid {name_of(place)}: {reason}", "type": kind}


def mistyped(place: Place, wanted: str, value: Any) -> ErrorItem:
    """A JSON value is of another kind: `mistyped(("body", "x"), "an integer", "a")` says "expected an integer, got a string"."""
    return invalid(place, f"expected {wanted}, got {kind_of(value)}", "type_error")


def moved(error: ErrorItem, place: Place) -> ErrorItem:
    """The same entry about another place: what a model calls `x_token` a client knows as the header `x-token`."""
    old = name_of(tuple(error["loc"]))
    return {
        "loc": shortened(place),
        "msg": error["msg"].replace(old, name_of(place), 1),
        "type": error["type"],
    }


MAX_CHOICES: Final = 20
"""Members of an Enum, Literal or union that a 422 lists."""


def not_one_of(choices: Iterable[str]) -> str:
    """The reason for a value outside of a fixed set, each as JSON has it: "not one of 'a', 'b'"."""
    listed = list(choices)
    return f"not one of {', '.join(listed[:MAX_CHOICES])}{', ...' if len(listed) > MAX_CHOICES else ''}"


def about_key(reason: str) -> str:
    """A reason that is about the key of an object and not its value: "the key is not a valid integer"."""
    return f"the key {'is ' if reason.startswith('not ') else ''}{reason}"


def kind_of(value: object) -> str:
    """What JSON calls this value: "a string", "an object"."""
    return KINDS.get(type(value), "a value of another kind")


def name_of(place: Place) -> str:
    """("query", "page") -> "query parameter 'page'"; ("body", "tags", 3) -> "item 3"; ("body",) -> "body"."""
    last = place[-1]
    if len(place) == 1:
        return str(last)
    if isinstance(last, int):
        return f"item {last}"
    word = WORDS.get(str(place[0]), "field") if len(place) == 2 else "field"
    return f"{word} {_short(last)!r}"


def shortened(place: Place) -> list[str | int]:
    """A place as an entry's `loc`."""
    return [part if isinstance(part, int) else _short(part) for part in place]


def _short(key: str) -> str:
    text = key if len(key) <= MAX_KEY else key[: MAX_KEY - 3] + "..."
    # Half of a surrogate pair cannot be sent as UTF-8.
    return text if text.isprintable() else text.encode("utf-8", "backslashreplace").decode()
