"""What differs between two schemas of one value, and for whom it breaks something. Knows JSON Schema; knows no operations.

A schema that takes less breaks who sends, one that gives more breaks who receives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from velocipy.untyped import DICT, MAPPING

Direction = Literal["input", "output"]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: `place` is an operation and what of it, `text` says what is different there."""

    place: str
    text: str
    breaking: bool
    """Whether a client that was written for the old document may fail."""

    def __str__(self) -> str:
        return f"{'breaking' if self.breaking else 'fine'}: {self.place}: {self.text}"


class SchemaDiff:
    """Compares schemas of an old and a new document, whose references it follows."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._old = old
        self._new = new

    def changes(self, place: str, old: Any, new: Any, direction: Direction) -> list[Change]:
        """Every difference, in the order of the old schema. References that lead back to themselves are followed once."""
        return list(dict.fromkeys(self._changes(place, old, new, direction, set())))

    def _changes(
        self, place: str, old: Any, new: Any, direction: Direction, seen: set[tuple[str, str]]
    ) -> Iterator[Change]:
        if _is_reference(old) or _is_reference(new):
            pair = (_text(old), _text(new))
            if pair in seen:
                return
            seen.add(pair)
        written, old, new = (old, new), resolved(self._old, old), resolved(self._new, new)
        if members_of(old) or members_of(new):
            before, after = members_of(old) or written[:1], members_of(new) or written[1:]
            yield from self._members(place, before, after, direction, seen)
            return
        if old.get("allOf") != new.get("allOf"):
            yield Change(place, "allOf is different", True)
        for text, tighter, looser in (*_types(old, new), *_values(old, new), *_bounds(old, new)):
            yield Change(place, text, tighter if direction == "input" else looser)
        yield from self._properties(place, old, new, direction, seen)
        yield from self._parts(place, old, new, direction, seen)

    def _properties(
        self, place: str, old: Any, new: Any, direction: Direction, seen: set[tuple[str, str]]
    ) -> Iterator[Change]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed, wanted = set(old.get("required", ())), set(new.get("required", ()))
        for name, schema in before.items():
            where = f"{place}.{name}"
            if name not in after:
                yield Change(where, "is gone", True)
                continue
            if (name in needed) != (name in wanted):
                yield Change(
                    where,
                    "is required now" if name in wanted else "may be missing now",
                    (name in wanted) == (direction == "input"),
                )
            yield from self._changes(where, schema, after[name], direction, seen)
        for name in after:
            if name not in before:
                required = name in wanted
                yield Change(
                    f"{place}.{name}",
                    f"is new{' and required' if required and direction == 'input' else ''}",
                    required and direction == "input",
                )

    def _parts(
        self, place: str, old: Any, new: Any, direction: Direction, seen: set[tuple[str, str]]
    ) -> Iterator[Change]:
        """What is below an array, and the values of an object under any other name."""
        if "items" in old or "items" in new:
            yield from self._changes(
                f"{place}[]", old.get("items", {}), new.get("items", {}), direction, seen
            )
        first, second = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if (first is False) != (second is False):
            text = "takes no other properties now" if second is False else "may have other properties now"
            yield Change(place, text, (second is False) == (direction == "input"))
        elif first is not False and (isinstance(first, DICT) or isinstance(second, DICT)):
            one, other = (part if isinstance(part, DICT) else dict[str, Any]() for part in (first, second))
            yield from self._changes(f"{place}.*", one, other, direction, seen)
        before, after = old.get("prefixItems", []), new.get("prefixItems", [])
        if len(before) != len(after):
            yield Change(place, f"has {len(after)} fixed items, not {len(before)}", True)
        for index, (one, other) in enumerate(zip(before, after, strict=False)):
            yield from self._changes(f"{place}[{index}]", one, other, direction, seen)

    def _members(
        self,
        place: str,
        before: Sequence[Any],
        after: Sequence[Any],
        direction: Direction,
        seen: set[tuple[str, str]],
    ) -> Iterator[Change]:
        """Members of unions: those of one reference, or the only ones left, are compared; others have come or gone."""
        first, second = list(before), list(after)
        for one in list(first):
            other = next((other for other in second if _same(one, other)), None)
            if other is not None:
                first.remove(one)
                second.remove(other)
                yield from self._changes(place, one, other, direction, seen)
        if len(first) == len(second) == 1:
            yield from self._changes(place, first[0], second[0], direction, seen)
            return
        for gone in first:
            yield Change(place, f"is no longer {_name(gone)}", direction == "input")
        for come in second:
            yield Change(place, f"may be {_name(come)} now", direction == "output")


def resolved(document: Mapping[str, Any], schema: Any) -> Mapping[str, Any]:
    """A schema behind its references to the document itself; {} for True and for a reference to nothing."""
    followed: set[str] = set()
    while isinstance(schema, MAPPING) and isinstance(schema.get("$ref"), str):
        ref = schema["$ref"]
        if ref in followed or not ref.startswith("#/"):
            return {}
        followed.add(ref)
        schema = document
        for key in ref[2:].split("/"):
            key = key.replace("~1", "/").replace("~0", "~")
            schema = schema.get(key, {}) if isinstance(schema, MAPPING) else {}
    return schema if isinstance(schema, MAPPING) else {}


def members_of(schema: Mapping[str, Any]) -> Sequence[Any] | None:
    """The members of a union, or None where the schema is none."""
    found: Sequence[Any] | None = schema.get("anyOf") or schema.get("oneOf")
    return found


_Found = tuple[str, bool, bool]
"""What is different, whether less is taken now, and whether more is."""


def _types(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_Found]:
    before, after = _type_names(old), _type_names(new)
    if before != after:
        tighter, looser = not _within(before, after), not _within(after, before)
        yield f"{_listed(before)} became {_listed(after)}", tighter, looser


def _type_names(schema: Mapping[str, Any]) -> frozenset[str]:
    kind = schema.get("type", ())
    return frozenset((kind,) if isinstance(kind, str) else kind)


def _within(inner: frozenset[str], outer: frozenset[str]) -> bool:
    """Whether every value of the inner types is of the outer ones; no type at all is any."""
    if not outer:
        return True
    return bool(inner) and inner <= (outer | {"integer"} if "number" in outer else outer)


def _values(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_Found]:
    before, after = _choices(old), _choices(new)
    if before == after:
        return
    if before is None or after is None:
        known = before or after or {}
        text = (
            f"is any value now, not only {_listed(known)}"
            if after is None
            else f"is only {_listed(known)} now"
        )
        yield text, after is not None, after is None
        return
    if gone := [value for value in before if value not in after]:
        yield f"is no longer {_listed(gone)}", True, False
    if come := [value for value in after if value not in before]:
        yield f"may be {_listed(come)} now", False, True


def _choices(schema: Mapping[str, Any]) -> dict[str, None] | None:
    if "const" in schema:
        return {_text(schema["const"]): None}
    return dict.fromkeys(map(_text, schema["enum"])) if "enum" in schema else None


_LEAST: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_MOST: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EXACT: Final = ("pattern", "format", "multipleOf", "uniqueItems", "contentEncoding")


def _bounds(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[_Found]:
    for names, sign in ((_LEAST, 1), (_MOST, -1), (_EXACT, 0)):
        for name in names:
            before, after = old.get(name), new.get(name)
            if before == after:
                continue
            if before is None:
                yield f"{name} is {after!r} now", True, False
            elif after is None:
                yield f"{name} is no longer {before!r}", False, True
            else:
                rises = bool(sign) and (after - before) * sign > 0
                yield f"{name} {before!r} became {after!r}", not sign or rises, not sign or not rises


def _same(one: Any, other: Any) -> bool:
    return one == other or (_is_reference(one) and _is_reference(other) and one["$ref"] == other["$ref"])


def _is_reference(schema: Any) -> bool:
    return isinstance(schema, Mapping) and "$ref" in schema


def _name(schema: Any) -> str:
    return str(schema["$ref"]).rpartition("/")[2] if _is_reference(schema) else _listed(_type_names(schema))


def _listed(values: Any) -> str:
    return " or ".join(sorted(map(str, values))) or "anything"


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
