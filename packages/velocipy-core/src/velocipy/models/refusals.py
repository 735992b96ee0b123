"""pydantic's errors in the words of a 422. Knows their names and shapes; imports no pydantic.

    {"type": "int_parsing", "loc": ("items", 0, "int"), "input": "a"}
        -> {"loc": ["body", "items", 0], "msg": "Invalid item 0: expected an integer, got a string", "type": "type_error"}

pydantic adds to a loc which member of a union or which validator was at work; a client only has its own keys and indexes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple
from uuid import UUID

from velocipy.constraints import Constraints, length_reason, make_checks
from velocipy.exceptions import ErrorItem
from velocipy.models.leaves import TEXTS, reason_of
from velocipy.untyped import ARRAY, MAPPING
from velocipy.validation import Place, about_key, invalid, kind_of, missing, not_one_of, unknown

PydanticError = Mapping[str, Any]
"""One of `ValidationError.errors()`."""


class Refusal(NamedTuple):
    """One error, before those of the members of a union are brought together."""

    place: Place
    is_of_member: bool
    """Whether its loc named a member of a union, or a validator."""
    wanted: str | None
    """What JSON type was wanted, where the type is what is wrong."""
    got: str
    entry: ErrorItem | None


def entries_of(found: Iterable[PydanticError], data: Any, place: Place) -> list[ErrorItem]:
    """pydantic's errors of some data as entries of a 422, in their order."""
    refusals = [_read(error, data, place) for error in found]
    looked_into = {
        refusal.place[:length]
        for refusal in refusals
        if refusal.is_of_member
        for length in range(len(refusal.place))
    }
    # Who sends an object for `int | Item` means the Item: that it is no int is not worth telling.
    meant = [
        refusal
        for refusal in refusals
        if not (refusal.is_of_member and refusal.wanted and refusal.place in looked_into)
    ]
    return _told(meant)


def _told(refusals: Iterable[Refusal]) -> list[ErrorItem]:
    """One entry for all types that a value of a union could have had."""
    told: list[ErrorItem] = []
    wanted: dict[Place, list[str]] = {}
    for refusal in refusals:
        if refusal.entry is not None:
            if refusal.entry not in told[-10:]:  # members of a union say the same one after the other
                told.append(refusal.entry)
        elif refusal.place not in wanted:
            wanted[refusal.place] = [str(refusal.wanted)]
            told.append(invalid(refusal.place, f"expected {refusal.wanted}, got {refusal.got}", "type_error"))
        elif refusal.wanted not in wanted[refusal.place]:
            words = wanted[refusal.place]
            before = invalid(refusal.place, f"expected {' or '.join(words)}, got {refusal.got}", "type_error")
            words.append(str(refusal.wanted))
            after = invalid(refusal.place, f"expected {' or '.join(words)}, got {refusal.got}", "type_error")
            told[told.index(before)] = after
    return told


def _read(error: PydanticError, data: Any, place: Place) -> Refusal:
    kind, got = error["type"], kind_of(error["input"])
    steps, is_of_member = _steps(error["loc"], data, kind in _ABSENT)
    inside = (*place, *steps)
    wanted = _WANTED.get(kind)
    if error["loc"][-1:] == ("[key]",):
        reason = f"not {wanted}" if wanted else _other(error, inside)["msg"].partition(": ")[2]
        return Refusal(
            inside,
            is_of_member,
            None,
            got,
            invalid(inside, about_key(reason), "type_error" if wanted else kind),
        )
    if wanted is not None:
        return Refusal(inside, is_of_member, wanted, got, None)
    return Refusal(inside, is_of_member, None, got, _ENTRIES.get(kind, _other)(error, inside))


def _steps(loc: Iterable[Any], data: Any, is_absent: bool) -> tuple[list[str | int], bool]:
    """The parts of a loc that are keys and indexes of the data, and whether others were left out."""
    steps: list[str | int] = []
    parts = list(loc)
    left_out = False
    for number, part in enumerate(parts, 1):
        found, inner = _step(data, part)
        if found or (is_absent and number == len(parts)):
            steps.append(part)
            data = inner
        elif part != "[key]":
            left_out = True
    return steps, left_out


def _step(data: Any, part: Any) -> tuple[bool, Any]:
    if isinstance(data, MAPPING):
        key = part if part in data else str(part)
        return key in data, data.get(key)
    if isinstance(data, ARRAY):
        is_index = isinstance(part, int) and 0 <= part < len(data)
        return is_index, data[part] if is_index else None
    if isinstance(data, (set, frozenset)):
        return isinstance(part, int), None
    is_object = isinstance(part, str) and kind_of(data) == "a value of another kind" and hasattr(data, part)
    return is_object, getattr(data, part, None) if is_object else None


_WANTED: Final = {
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "an integer"),
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "complex_type"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "a boolean"),
    **dict.fromkeys(
        (
            "string_type",
            "bytes_type",
            "uuid_type",
            "date_type",
            "time_type",
            "datetime_type",
            "time_delta_type",
            "url_type",
        ),
        "a string",
    ),
    **dict.fromkeys(
        (
            "model_type",
            "model_attributes_type",
            "dataclass_type",
            "dict_type",
            "mapping_type",
            "dict_attributes_type",
        ),
        "an object",
    ),
    **dict.fromkeys(("list_type", "tuple_type", "set_type", "frozen_set_type", "iterable_type"), "an array"),
    "none_required": "null",
}
"""pydantic's name of a wrong type -> what was wanted."""

_ABSENT: Final = frozenset({"missing", "missing_argument", "missing_keyword_only_argument"})

Entry = Callable[[PydanticError, Place], ErrorItem]


def _other(error: PydanticError, place: Place) -> ErrorItem:
    """What has no words of ours: pydantic's, without what the client sent."""
    text = str(error["msg"])
    sent = error["input"]
    if isinstance(sent, (str, int, float)) and len(str(sent)) > 2 and str(sent) in text:
        text = "not valid"
    elif text.startswith("Input should be "):
        text = "must be " + text.removeprefix("Input should be ")
    return invalid(place, text[:1].lower() + text[1:], error["type"])


def _raised(error: PydanticError, place: Place) -> ErrorItem:
    """A validator of the user's said no, in the user's words."""
    return invalid(place, str(error.get("ctx", {}).get("error", "")) or "not valid", error["type"])


def _bound(name: str) -> Entry:
    def entry(error: PydanticError, place: Place) -> ErrorItem:
        bound: Any = error["ctx"][name]
        if isinstance(bound, float) and bound.is_integer():  # pydantic makes floats of the bounds of floats
            bound = int(bound)
        limits: dict[str, Any] = {name: bound}
        ((_, reason, kind),) = make_checks(Constraints(**limits))
        return invalid(place, reason, kind)

    return entry


def _length(name: str, word: str) -> Entry:
    return lambda error, place: invalid(place, length_reason(name, error["ctx"][name], word), error["type"])


def _text(cls: type) -> Entry:
    reason, kind = reason_of(TEXTS[cls]), f"{TEXTS[cls].kind}_parsing"
    return lambda error, place: invalid(place, reason, kind)


def _choice(rule: str) -> Entry:
    return lambda error, place: invalid(place, not_one_of(_choices(error["ctx"]["expected"])), rule)


def _choices(text: str) -> list[str]:
    """ "'a', 'b' or 1" -> ["'a'", "'b'", "1"]; a text with quotes inside stays whole."""
    first, _, last = text.rpartition(" or ")
    return [*first.split(", "), last] if first and last.count("'") % 2 == 0 else [text]


def _wrong_tag(error: PydanticError, place: Place) -> ErrorItem:
    key = _discriminator(error)
    inside = place if key is None else (*place, key)
    return invalid(inside, not_one_of(error["ctx"]["expected_tags"].split(", ")), "literal_parsing")


def _no_tag(error: PydanticError, place: Place) -> ErrorItem:
    key = _discriminator(error)
    return (
        invalid(place, "not a value of any type that it may have", "union_error")
        if key is None
        else missing((*place, key))
    )


def _discriminator(error: PydanticError) -> str | None:
    """The key of a tag; None where a function finds it."""
    text = str(error["ctx"]["discriminator"]).partition(" | ")[0]
    return text.strip("'") if text.startswith("'") else None


_ENTRIES: Final[dict[str, Entry]] = {
    **dict.fromkeys(_ABSENT, lambda error, place: missing(place)),
    **dict.fromkeys(("extra_forbidden", "unexpected_keyword_argument"), lambda error, place: unknown(place)),
    **dict.fromkeys(("value_error", "assertion_error"), _raised),
    "greater_than": _bound("gt"),
    "greater_than_equal": _bound("ge"),
    "less_than": _bound("lt"),
    "less_than_equal": _bound("le"),
    "multiple_of": _bound("multiple_of"),
    "string_too_short": _length("min_length", "character"),
    "string_too_long": _length("max_length", "character"),
    "too_short": _length("min_length", "item"),
    "too_long": _length("max_length", "item"),
    "string_pattern_mismatch": lambda error, place: invalid(
        place, f"must match {error['ctx']['pattern']!r}", "string_pattern_mismatch"
    ),
    "finite_number": lambda error, place: invalid(place, "not a finite number", "finite_number"),
    **dict.fromkeys(("uuid_parsing", "uuid_version"), _text(UUID)),
    **dict.fromkeys(
        ("datetime_parsing", "datetime_from_date_parsing", "datetime_object_invalid"), _text(datetime)
    ),
    **dict.fromkeys(
        ("date_parsing", "date_from_datetime_parsing", "date_from_datetime_inexact"), _text(date)
    ),
    "time_parsing": _text(time),
    "time_delta_parsing": _text(timedelta),
    "decimal_parsing": _text(Decimal),
    "enum": _choice("enum_parsing"),
    "literal_error": _choice("literal_parsing"),
    "union_tag_invalid": _wrong_tag,
    "union_tag_not_found": _no_tag,
}
"""pydantic's name of a rule -> the entry for it."""
