"""Text -> value for parameters: which reader a type and its constraints get. Knows types; does not know sources of text.

A reader is `read(text, errors) -> value`. It takes the text and not the mapping it came from, so one serves path, query, header
and cookie; what is wrong goes into `errors`, so that a client hears of everything at once.
"""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypeVar, get_args, get_origin
from uuid import UUID

from velocipy import scalars
from velocipy.exceptions import ErrorItem
from velocipy.handlers.markers import MISSING, Constraints

T = TypeVar("T")
Reader = Callable[[str | None, list[ErrorItem]], Any]
Parse = Callable[[str], Any]
Check = tuple[Callable[[Any], bool], str, str]
"""Whether a value passes, what to say if not, and the rule's name."""

PARSERS: dict[Any, tuple[Parse, str]] = {
    str: (str, "string"),
    int: (scalars.parse_int, "int"),
    float: (scalars.parse_float, "float"),
    bool: (scalars.parse_bool, "bool"),
    Decimal: (scalars.parse_decimal, "decimal"),
    UUID: (scalars.parse_uuid, "uuid"),
    datetime: (scalars.parse_datetime, "datetime"),
    date: (scalars.parse_date, "date"),
    time: (scalars.parse_time, "time"),
    timedelta: (scalars.parse_timedelta, "timedelta"),
}
"""Annotation -> how its text is read, and the name in `<name>_parsing` of a 422."""

WORDS = {
    "path": "path parameter",
    "query": "query parameter",
    "header": "header",
    "cookie": "cookie",
}
"""What a client calls a parameter of each source."""


def strip_optional(annotation: Any) -> tuple[Any, bool]:
    """`int | None` -> (int, True); `int` -> (int, False)."""
    if annotation.__class__ is not type and get_origin(annotation) in (typing.Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not types.NoneType]
        if len(members) == 1 and len(get_args(annotation)) == 2:
            return members[0], True
    return annotation, False


def find_parser(annotation: Any) -> tuple[Parse, str] | None:
    """How the text of a scalar type is read; None for a type that is none."""
    known = PARSERS.get(annotation) if _hashable(annotation) else None
    if known is not None:
        return known
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return _choice({_text_of(member.value): member for member in annotation}), "enum"
    if get_origin(annotation) is Literal:
        return _choice({_text_of(value): value for value in get_args(annotation)}), "literal"
    return None


def make_reader(
    source: str, key: str, parse: Parse, kind: str, default: Any, constraints: Constraints
) -> Reader | None:
    """The reader of one parameter; None where text or default can be taken as they are."""
    checks = make_checks(constraints)
    if parse is str and not checks and default is not MISSING:
        return None
    convert = _as_it_is if parse is str else _converter(source, key, parse, kind)
    read = _with_default(source, key, convert, default)
    if checks:
        read = _with_checks(source, key, read, checks)
    read.__name__ = read.__qualname__ = f"read_{kind}"
    return read


def misplaced(constraints: Constraints, annotation: Any) -> str | None:
    """The first constraint that values of this type cannot be held against, which would fail at the first request."""
    allowed = _BOUNDABLE.get(annotation, frozenset()) if _hashable(annotation) else frozenset()
    return next(
        (name for name in _CHECKS if getattr(constraints, name) is not None and name not in allowed),
        None,
    )


def error(source: str, key: str, message: str, kind: str) -> ErrorItem:
    """One entry of a 422 about one parameter."""
    return {"loc": [source, key], "msg": message, "type": kind}


def _with_default(source: str, key: str, convert: Reader, default: Any) -> Reader:
    if default is MISSING:

        def read(text: str | None, errors: list[ErrorItem]) -> Any:
            if text is None:
                errors.append(error(source, key, f"Missing {WORDS[source]} {key!r}", "missing"))
                return None
            return convert(text, errors)

    else:

        def read(text: str | None, errors: list[ErrorItem]) -> Any:
            return default if text is None else convert(text, errors)

    return read


def _as_it_is(text: str | None, errors: list[ErrorItem]) -> Any:
    return text


def _converter(source: str, key: str, parse: Parse, kind: str) -> Reader:
    def convert(text: Any, errors: list[ErrorItem]) -> Any:
        try:
            return parse(text)
        except ValueError as reason:
            errors.append(error(source, key, f"Invalid {WORDS[source]} {key!r}: {reason}", f"{kind}_parsing"))
            return None

    return convert


def _with_checks(source: str, key: str, read: Reader, checks: tuple[Check, ...]) -> Reader:
    def read_checked(text: str | None, errors: list[ErrorItem]) -> Any:
        value = read(text, errors)
        if value is None or text is None:
            return value
        for passes, message, kind in checks:
            if not passes(value):
                errors.append(error(source, key, f"Invalid {WORDS[source]} {key!r}: {message}", kind))
                return None
        return value

    return read_checked


def make_checks(limits: Constraints) -> tuple[Check, ...]:
    """The constraints that are set, as predicates."""
    return tuple(
        make(bound) for name, make in _CHECKS.items() if (bound := getattr(limits, name)) is not None
    )


def _is_multiple(of: float) -> Callable[[Any], bool]:
    from fractions import Fraction  # 9 ms of start-up, for the few that ask

    exact = Fraction(str(of))

    def is_multiple(value: Any) -> bool:
        if isinstance(of, int) and not isinstance(value, Decimal):
            return bool(value % of == 0)
        # Binary floats: 0.3 % 0.1 is 0.09999999999999998. Decimals: 1e300 % 3 raises, its quotient has too many digits. As
        # fractions of what was written, the remainder is what was meant.
        return Fraction(str(value)) % exact == 0

    return is_multiple


_CHECKS: dict[str, Callable[[Any], Check]] = {
    "gt": lambda n: (lambda value: value > n, f"must be greater than {n}", "greater_than"),
    "ge": lambda n: (lambda value: value >= n, f"must be at least {n}", "greater_than_equal"),
    "lt": lambda n: (lambda value: value < n, f"must be less than {n}", "less_than"),
    "le": lambda n: (lambda value: value <= n, f"must be at most {n}", "less_than_equal"),
    "multiple_of": lambda n: (_is_multiple(n), f"must be a multiple of {n}", "multiple_of"),
    "min_length": lambda n: (
        lambda value: len(value) >= n,
        f"must have at least {n} characters",
        "string_too_short",
    ),
    "max_length": lambda n: (
        lambda value: len(value) <= n,
        f"must have at most {n} characters",
        "string_too_long",
    ),
    "pattern": lambda p: (_matcher(p), f"must match {p!r}", "string_pattern_mismatch"),
}


_NUMBERS = frozenset({"gt", "ge", "lt", "le", "multiple_of"})
_TEXTS = frozenset({"min_length", "max_length", "pattern"})
_BOUNDABLE: dict[Any, frozenset[str]] = {int: _NUMBERS, float: _NUMBERS, Decimal: _NUMBERS, str: _TEXTS}


def _matcher(pattern: str) -> Callable[[str], bool]:
    match = re.compile(pattern).fullmatch
    return lambda value: match(value) is not None


def _choice(choices: dict[str, T]) -> Callable[[str], T]:
    allowed = ", ".join(map(repr, choices))

    def parse_choice(text: str) -> T:
        try:
            return choices[text]
        except KeyError:
            raise ValueError(f"not one of {allowed}") from None

    return parse_choice


def _text_of(value: object) -> str:
    """What a client writes for a member of a Literal or Enum: `true` and not `True`, as JSON has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True
