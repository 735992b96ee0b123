"""Checks of values that hold no others: scalars, Enums and Literals. Knows JSON's types; knows no containers and no models.

A check takes what JSON says, and what it would become: a datetime may be its text or a datetime already, since results of
endpoints are held against the same types.
"""

from __future__ import annotations

import datetime
from base64 import b64decode
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import Enum
from types import MappingProxyType, NoneType
from typing import Any, Final, NamedTuple, get_args
from uuid import UUID

from velocipy import scalars
from velocipy.models.findings import FAILED, At, Findings
from velocipy.validation import not_one_of

Check = Callable[[Any, At, Findings], Any]
"""(value, where it stands, what is wrong so far) -> the value as the type has it, or FAILED."""

Score = tuple[int, int]

EVERY_KIND: Final[frozenset[type]] = frozenset({str, int, float, bool, NoneType, list, dict})
"""The Python classes of JSON's types."""


class Node(NamedTuple):
    """A type, compiled: its check, and what a union must know to choose between its members."""

    check: Check
    kinds: frozenset[type]
    """JSON's types that it takes."""
    words: tuple[str, ...]
    """What it wants, for "expected an integer"."""
    width: int = 1  # EXACT
    """Of two members of a union that take a value, the narrower is asked first."""
    classes: tuple[type, ...] = ()
    """Values of these are taken as they are."""
    fits: Callable[[Any], bool] | None = None
    """Whether a value of the right kind is one of a fixed few; None where every value may be."""
    score: Callable[[Any], Score] | None = None
    """How badly an object or array fits, looking at its keys and items but not into them. Less is better."""


def takes(node: Node, value: Any) -> bool:
    """Whether a value is of a kind that a node takes, without a look into it."""
    return type(value) in node.kinds or isinstance(value, node.classes)


CHOICE, EXACT, FLOAT, DECIMAL, TEXT, ANYTHING = range(6)
"""Widths: Enums and Literals; types with one form; then numbers, text and Any, which take what others take too."""


class Text(NamedTuple):
    """A class whose values JSON writes as text."""

    parse: Callable[[str], Any]
    """Raises ValueError with a reason for the client."""
    kind: str


def parse_base64(text: str) -> bytes:
    """Base64 with its padding (RFC 4648 section 4), as encoders write bytes."""
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise ValueError("not valid base64") from None


TEXTS: Final[Mapping[type, Text]] = MappingProxyType(
    {
        UUID: Text(scalars.parse_uuid, "uuid"),
        datetime.datetime: Text(scalars.parse_datetime, "datetime"),
        datetime.date: Text(scalars.parse_date, "date"),
        datetime.time: Text(scalars.parse_time, "time"),
        datetime.timedelta: Text(scalars.parse_timedelta, "timedelta"),
        Decimal: Text(scalars.parse_decimal, "decimal"),
        bytes: Text(parse_base64, "bytes"),
    }
)


def reason_of(text: Text) -> str:
    """What a client hears of a text that is no such value, where a library read it and not we."""
    reason = "not valid"
    try:
        text.parse("-")
    except ValueError as exc:
        reason = str(exc)
    return reason


def check_anything(value: Any, at: At, findings: Findings) -> Any:
    """Any, and what a library checks by itself."""
    return value


def _check_str(value: Any, at: At, findings: Findings) -> Any:
    return value if isinstance(value, str) else findings.mistyped(at, "a string", value)


def _check_bool(value: Any, at: At, findings: Findings) -> Any:
    return value if value is True or value is False else findings.mistyped(at, "a boolean", value)


def _check_none(value: Any, at: At, findings: Findings) -> Any:
    return None if value is None else findings.mistyped(at, "null", value)


def _check_int(value: Any, at: At, findings: Findings) -> Any:
    """`1`, not `1.0`, `"1"` or `true`."""
    if type(value) is int or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    return findings.mistyped(at, "an integer", value)


def _check_float(value: Any, at: At, findings: Findings) -> Any:
    """`1.5` or `1`, which becomes 1.0; not an integer beyond what a float holds."""
    if isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            return findings.invalid(at, "not a finite number", "finite_number")
    return findings.mistyped(at, "a number", value)


def _check_decimal(parse: Callable[[str], Any]) -> Check:
    """Text keeps every digit. A number with a fraction was a float on its way, which keeps 15 to 17 digits and no zeros at the end."""

    def check(value: Any, at: At, findings: Findings) -> Any:
        if isinstance(value, Decimal):
            return value
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            return findings.mistyped(at, "a number", value)
        try:
            return parse(value) if isinstance(value, str) else Decimal(repr(value))
        except ValueError as reason:
            return findings.invalid(at, str(reason), "decimal_parsing")

    return check


def _check_text(cls: type, text: Text) -> Check:
    kind = f"{text.kind}_parsing"
    other = datetime.datetime if cls is datetime.date else ()  # a datetime is a date by inheritance alone

    def check(value: Any, at: At, findings: Findings) -> Any:
        if isinstance(value, cls) and not isinstance(value, other):
            return value
        if not isinstance(value, str):
            return findings.mistyped(at, "a string", value)
        try:
            return text.parse(value)
        except ValueError as reason:
            return findings.invalid(at, str(reason), kind)

    return check


_FLOATS: Final[frozenset[type]] = frozenset({float, int})

_NODES: Final[dict[Any, Node]] = {
    str: Node(_check_str, frozenset({str}), ("a string",), TEXT),
    bool: Node(_check_bool, frozenset({bool}), ("a boolean",)),
    int: Node(_check_int, frozenset({int}), ("an integer",)),
    float: Node(_check_float, _FLOATS, ("a number",), FLOAT),
    NoneType: Node(_check_none, frozenset({NoneType}), ()),
}

ANY_NODE: Final = Node(check_anything, EVERY_KIND, ("a value",), ANYTHING)


def scalar_node(cls: Any, texts: Mapping[type, Text]) -> Node | None:
    """The node of a scalar class, or None for what is none."""
    if cls in _NODES:
        return _NODES[cls]
    if cls is Decimal:
        check = _check_decimal(texts[Decimal].parse)
        return Node(check, frozenset({str, int, float}), ("a number",), DECIMAL, (Decimal,))
    text = texts.get(cls)
    return Node(_check_text(cls, text), frozenset({str}), ("a string",), EXACT, (cls,)) if text else None


def enum_node(enum: type[Enum]) -> Node:
    """A member by its value; a class's own `_missing_` is asked for values that no member has."""
    node = _choice_node([(member.value, member) for member in enum], "enum_parsing", _finder(enum))
    return node._replace(classes=(enum,))


def literal_node(annotation: Any) -> Node:
    """One of the values, which must be of its very type: `true` is not 1. A member of an Enum is known by its value."""
    choices = [(value.value if isinstance(value, Enum) else value, value) for value in get_args(annotation)]
    return _choice_node(choices, "literal_parsing", lambda value: FAILED)


def _finder(enum: type[Enum]) -> Callable[[Any], Any]:
    own = next(vars(base)["_missing_"] for base in enum.__mro__ if "_missing_" in vars(base))
    if own is vars(Enum)["_missing_"]:
        return lambda value: FAILED

    def find(value: Any) -> Any:
        try:
            found = enum._missing_(value)
        except ValueError:
            return FAILED
        return found if isinstance(found, enum) else FAILED

    return find


def _choice_node(choices: list[tuple[Any, Any]], rule: str, otherwise: Callable[[Any], Any]) -> Node:
    """A node for pairs of a value as JSON says it and as Python has it."""
    known = [(plain, made) for plain, made in choices if type(plain) in _KIND_WORDS]
    table: dict[tuple[type, Any], Any] = {(type(plain), plain): made for plain, made in known}
    for plain, made in known:
        if isinstance(plain, float) and plain.is_integer():  # JavaScript writes 1.0 as 1
            table.setdefault((int, plain), made)
    members = [made for _, made in choices if isinstance(made, Enum)]
    reason = not_one_of(json_text(plain) for plain, _ in choices)

    def find(value: object) -> Any:
        if isinstance(value, Enum):
            return value if value in members else FAILED
        if type(value) not in _KIND_WORDS:
            return FAILED
        made = table.get((type(value), value), FAILED)
        return otherwise(value) if made is FAILED else made

    def check(value: Any, at: At, findings: Findings) -> Any:
        made = find(value)
        return findings.invalid(at, reason, rule) if made is FAILED else made

    kinds: frozenset[type] = frozenset(kind for kind, _ in table)
    words = tuple(dict.fromkeys(_KIND_WORDS[kind] for kind, _ in table))

    def fits(value: Any) -> bool:
        return find(value) is not FAILED

    return Node(check, kinds, words, CHOICE, fits=fits)


_KIND_WORDS: Final[dict[type, str]] = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "a boolean",
    NoneType: "null",
}


def json_text(value: Any) -> str:
    """A value of a Literal or Enum as a client writes it: 'a', 1, true."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    return repr(value)
