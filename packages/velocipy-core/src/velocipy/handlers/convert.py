"""Text -> value for parameters: which reader a type and its constraints get. Knows types; does not know sources of text.

A reader is `read(text, errors) -> value`; for a collection `read(texts, errors)`, one text an item. It takes the text and not the
mapping it came from, so one serves path, query, header, cookie and form; what is wrong goes into `errors`, so that a client hears
of everything at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache, partial
from types import NoneType
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin
from uuid import UUID

from velocipy import scalars
from velocipy.annotations import is_hashable, split_annotated, strip_optional, union_members
from velocipy.constraints import (
    NO_LIMITS,
    Check,
    Constraints,
    foreign_constraints,
    make_checks,
    make_item_checks,
)
from velocipy.exceptions import ErrorItem
from velocipy.handlers.markers import MISSING, Marker
from velocipy.untyped import MUTABLE
from velocipy.validation import MAX_ERRORS, Place, invalid, missing

T = TypeVar("T")
Reader = Callable[[Any, list[ErrorItem]], Any]
"""(text or None, errors) -> value; of a collection (texts, errors), where [] means that there is none."""
Parse = Callable[[str], Any]

MAX_CHOICES = 20
"""Members of an Enum or Literal that a 422 lists."""

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


class Scalar(NamedTuple):
    """A type whose values are one text: how it is read, the name in `<name>_parsing`, what its values are bounded by."""

    annotation: Any
    parse: Parse
    kind: str
    limits: Constraints = NO_LIMITS


class Collection(NamedTuple):
    """A type whose values are several texts. `items` has one entry for items of one type, and one a place for a fixed tuple."""

    annotation: Any
    make: Callable[[list[Any]], Any]
    items: tuple[Scalar, ...]
    fixed: bool


_SCALARS = {annotation: Scalar(annotation, *parser) for annotation, parser in PARSERS.items()}
_MAKERS: dict[Any, Callable[[list[Any]], Any]] = {
    list: list,
    set: set,
    frozenset: frozenset,
    tuple: tuple,
    Sequence: list,
}


def find_scalar(annotation: Any) -> Scalar | None:
    """How the text of a scalar type is read; None for a type that is none. A union is read as the first member that fits."""
    if annotation.__class__ is type and annotation in _SCALARS:
        return _SCALARS[annotation]
    annotation, extras = split_annotated(annotation)
    limits = foreign_constraints(extras)
    for extra in extras:
        if isinstance(extra, (Marker, Constraints)):  # list[Annotated[int, Query(ge=1)]]
            own = extra.constraints if isinstance(extra, Marker) else extra
            limits = own.with_defaults(limits)
    if is_hashable(annotation) and annotation in PARSERS:
        return Scalar(annotation, *PARSERS[annotation], limits)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return Scalar(
            annotation, _choice({_text_of(member.value): member for member in annotation}), "enum", limits
        )
    if get_origin(annotation) is Literal:
        return Scalar(
            annotation, _choice({_text_of(value): value for value in get_args(annotation)}), "literal", limits
        )
    return _find_union(annotation, limits)


def find_collection(annotation: Any) -> Collection | None:
    """How several texts become a list, set or tuple of scalars; None for what is no such type."""
    annotation, _ = split_annotated(annotation)
    origin = get_origin(annotation) or annotation
    make = _MAKERS.get(origin) if is_hashable(origin) else None
    if make is None:
        return None
    args = get_args(annotation)
    fixed = origin is tuple and bool(args) and args[-1] is not Ellipsis
    wanted = args if fixed else args[:1] or (str,)
    items = tuple(item for item in map(find_scalar, wanted) if item is not None)
    return Collection(annotation, make, items, fixed) if len(items) == len(wanted) else None


def make_reader(place: Place, scalar: Scalar, default: Any, limits: Constraints = NO_LIMITS) -> Reader | None:
    """The reader of one parameter; None where text or default can be taken as they are."""
    if scalar.limits is not NO_LIMITS:
        limits = limits.with_defaults(scalar.limits)
    known = scalar.annotation.__class__ is type and _SCALARS.get(scalar.annotation) is scalar
    if known and limits is NO_LIMITS and default.__class__ in _EXACT:
        return _plain_reader(place, scalar.annotation, default)
    return _make_reader(place, scalar, default, limits)


_EXACT = frozenset({type(MISSING), NoneType, bool, int, str})
"""Classes of defaults that tell all of a default, so that equal ones need one reader; 0.0 equals -0.0."""


@lru_cache(maxsize=1024, typed=True)
def _plain_reader(place: Place, annotation: type, default: Any) -> Reader | None:
    """`page: int = 1` is the same in every route that has it, and is most of what routes read."""
    return _make_reader(place, _SCALARS[annotation], default, NO_LIMITS)


def _make_reader(place: Place, scalar: Scalar, default: Any, limits: Constraints) -> Reader | None:
    if scalar.parse is str and not make_checks(limits) and default is not MISSING:
        return None
    return always_reader(place, scalar, default, limits)


def always_reader(place: Place, scalar: Scalar, default: Any, limits: Constraints) -> Reader:
    """The same where something has to be read; `limits` are all that there are."""
    checks = make_checks(limits)
    read = _reader(place, scalar, checks, default)
    if scalar.annotation is int:
        read = _int_reader(read, limits, default) or read
    read.__name__ = read.__qualname__ = f"read_{scalar.kind}"  # ty: ignore[missing-attribute]
    return read


def make_collection_reader(
    place: Place,
    collection: Collection,
    default: Any,
    limits: Constraints = NO_LIMITS,
    separator: str | None = None,
) -> Reader:
    """The reader of a parameter that may come several times; with a separator each text holds several items."""
    read_items = _fixed_reader(place, collection) if collection.fixed else _items_reader(place, collection)
    checks = make_item_checks(limits)
    make_default = default_maker(default)

    def read_collection(texts: list[str], errors: list[ErrorItem]) -> Any:
        if not texts:
            if default is MISSING:
                errors.append(missing(place))
            return None if default is MISSING else make_default()
        if separator is not None:
            texts = [item for text in texts if text for item in text.split(separator)]
        known = len(errors)
        values = read_items(texts, errors)
        if len(errors) > known:
            return None
        value = collection.make(values)
        return held(value, checks, place, errors)

    return read_collection


def _items_reader(place: Place, collection: Collection) -> Callable[[list[str], list[ErrorItem]], list[Any]]:
    (scalar,) = collection.items
    parse, checks = scalar.parse, make_checks(scalar.limits)

    def read_items(texts: list[str], errors: list[ErrorItem]) -> list[Any]:
        values: list[Any] = []
        for index, text in enumerate(texts):
            try:
                value = parse(text)
            except ValueError as reason:
                if len(errors) < MAX_ERRORS:
                    errors.append(invalid((*place, index), str(reason), f"{scalar.kind}_parsing"))
                continue
            if not checks or held(value, checks, (*place, index), errors) is not None:
                values.append(value)
        return values

    return read_items


def _fixed_reader(place: Place, collection: Collection) -> Callable[[list[str], list[ErrorItem]], list[Any]]:
    readers = [
        always_reader((*place, index), scalar, MISSING, scalar.limits)
        for index, scalar in enumerate(collection.items)
    ]
    wanted = len(readers)

    def read_items(texts: list[str], errors: list[ErrorItem]) -> list[Any]:
        if len(texts) != wanted:
            errors.append(invalid(place, f"must have exactly {wanted} items", "wrong_length"))
            return []
        return [read(text, errors) for read, text in zip(readers, texts, strict=True)]

    return read_items


def _reader(place: Place, scalar: Scalar, checks: tuple[Check, ...], default: Any) -> Reader:
    """Text -> value in one frame: as a chain of functions for default, conversion and bounds it takes 250 ns more."""
    parse, kind = scalar.parse, f"{scalar.kind}_parsing"
    make_default = default_maker(default)

    def read(text: Any, errors: list[ErrorItem]) -> Any:
        if text is None:
            if default is not MISSING:
                return make_default()
            errors.append(missing(place))
            return None
        try:
            value = parse(text)
        except ValueError as reason:
            errors.append(invalid(place, str(reason), kind))
            return None
        try:
            for passes, _, _ in checks:
                if not passes(value):
                    break
            else:
                return value
        except (TypeError, ArithmeticError):  # as in _passes
            pass
        return held(value, checks, place, errors)

    return read


_RANGE = frozenset({"gt", "ge", "lt", "le"})
_MORE_THAN_ANY = 10**scalars.MAX_LENGTH


def _int_reader(read: Reader, limits: Constraints, default: Any) -> Reader | None:
    """The same for plain digits between bounds that are whole numbers, which is nearly every int: 330 ns in place of 600.

    All else, and whatever is wrong, goes to `read`. None where other constraints need that for every value.
    """
    bounds = [getattr(limits, name) for name in limits.names]
    if not _RANGE.issuperset(limits.names) or any(type(bound) is not int for bound in bounds):
        return None
    low = max(0, limits.ge or 0, -1 if limits.gt is None else limits.gt + 1)
    high = min(bound for bound in (_MORE_THAN_ANY, limits.le, _before(limits.lt)) if bound is not None)
    is_given = default is not MISSING and not isinstance(default, MUTABLE)

    def read_int(text: Any, errors: list[ErrorItem]) -> Any:
        if text is None:
            return default if is_given else read(None, errors)
        if text.isdigit() and len(text) <= scalars.MAX_LENGTH and text.isascii():
            value = int(text)
            if low <= value <= high:
                return value
        return read(text, errors)

    return read_int


def _before(bound: int | None) -> int | None:
    return None if bound is None else bound - 1


def default_maker(default: Any) -> Callable[[], Any]:
    """A function that gives a default: a copy of what an endpoint could change, so that no request finds another's changes."""
    if isinstance(default, MUTABLE):
        return partial(deepcopy, default) if default else default.__class__
    return lambda: default


def held(value: Any, checks: tuple[Check, ...], place: Place, errors: list[ErrorItem]) -> Any:
    """The value, if it passes every check; else None, and the first that it does not pass is noted."""
    for passes, reason, kind in checks:
        if not _passes(passes, value):
            if len(errors) < MAX_ERRORS:
                errors.append(invalid(place, reason, kind))
            return None
    return value


def _passes(test: Callable[[Any], bool], value: Any) -> bool:
    try:
        return test(value)
    except (TypeError, ArithmeticError):  # a time with a zone against one without, a NaN among decimals
        return False


def _find_union(annotation: Any, limits: Constraints) -> Scalar | None:
    stripped, _ = strip_optional(annotation)
    members = [find_scalar(member) for member in union_members(stripped) if member is not NoneType]
    known = [member for member in members if member is not None]
    if not known or len(known) < len(members):
        return None if members or stripped is annotation else find_scalar(stripped)
    kinds = [member.kind for member in known]
    return Scalar(annotation, _first_that_fits(known), "_or_".join(kinds), limits)


def _first_that_fits(members: list[Scalar]) -> Parse:
    # Any text is a str: it is what the others leave.
    ordered = sorted(members, key=lambda member: member.parse is str)
    ways = [(member.parse, make_checks(member.limits)) for member in ordered]
    words = " or ".join(member.kind for member in ordered)

    def parse_union(text: str) -> Any:
        for parse, checks in ways:
            try:
                value = parse(text)
            except ValueError:
                continue
            if all(_passes(test, value) for test, _, _ in checks):
                return value
        raise ValueError(f"not a valid {words}")

    return parse_union


def _choice(choices: dict[str, T]) -> Callable[[str], T]:
    allowed = ", ".join(map(repr, list(choices)[:MAX_CHOICES])) + (
        ", ..." if len(choices) > MAX_CHOICES else ""
    )

    def parse_choice(text: str) -> T:
        try:
            return choices[text]
        except KeyError:
            raise ValueError(f"not one of {allowed}") from None

    return parse_choice


def _text_of(value: object) -> str:
    """What a client writes for a member of a Literal or Enum: its value, and `true` and not `True`, as JSON has it."""
    value = value.value if isinstance(value, Enum) else value
    return str(value).lower() if isinstance(value, bool) else str(value)
