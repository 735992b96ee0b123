"""Which member of a union a value is meant to be. Knows nodes; knows no types.

A member is chosen by what JSON calls the value, then by a tag, then by the keys of an object or the kinds of an array's items.
No member is tried before another but scalars: members that hold each other would take exponential time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from velocipy.models.containers import ARRAYS
from velocipy.models.findings import FAILED, At, Findings
from velocipy.models.leaves import EVERY_KIND, Node, json_text
from velocipy.models.objects import ABSENT
from velocipy.models.shapes import Shape
from velocipy.untyped import ARRAY, MAPPING
from velocipy.validation import not_one_of


def union_node(members: Sequence[Node], shapes: Sequence[Shape | None]) -> Node:
    """The node of a union of these; `shapes` are those of members that are models."""
    union = Union(members, shapes)
    kinds = frozenset(kind for member in members for kind in member.kinds)
    words = tuple(dict.fromkeys(word for member in members for word in member.words))
    classes = tuple(cls for member in members for cls in member.classes)
    # As wide as its widest, for a union inside another one.
    return Node(union.check, kinds, words, max(member.width for member in members), classes)


class Union:
    """The check of one union."""

    def __init__(self, members: Sequence[Node], shapes: Sequence[Shape | None]) -> None:
        self._members = members
        self._wanted = (
            " or ".join(dict.fromkeys(word for member in members for word in member.words)) or "null"
        )
        by_width = sorted(members, key=lambda member: member.width)
        self._by_kind = {
            kind: tuple(member for member in by_width if kind in member.kinds) for kind in EVERY_KIND
        }
        kinds: tuple[type, ...] = (dict, list)
        self._tags = {
            kind: _tagged(
                [
                    (member, shape)
                    for member, shape in zip(members, shapes, strict=True)
                    if kind in member.kinds
                ]
            )
            for kind in kinds
        }

    def check(self, value: object, at: At, findings: Findings) -> Any:
        """The value as the member that it is meant to be has it."""
        kind = type(value)
        if kind not in EVERY_KIND:
            owner = self._owner(value)
            if owner is not None:
                return owner.check(value, at, findings)
            kind = _kind_of(value)
        candidates = self._by_kind[kind]
        if len(candidates) == 1:
            return candidates[0].check(value, at, findings)
        if not candidates:
            return findings.mistyped(at, self._wanted, value)
        if kind is dict or kind is list:
            member = self._meant(kind, candidates, value, at, findings)
            return FAILED if member is None else member.check(value, at, findings)
        return _first_that_takes(candidates, value, at, findings)

    def _owner(self, value: Any) -> Node | None:
        """The member whose instance a Python value is: of its very class, or of a subclass."""
        exact = (member for member in self._members if type(value) in member.classes)
        derived = (member for member in self._members if isinstance(value, member.classes))
        return next(exact, None) or next(derived, None)

    def _meant(
        self, kind: type, candidates: tuple[Node, ...], value: Any, at: At, findings: Findings
    ) -> Node | None:
        tags = self._tags[kind]  # ty: ignore[invalid-argument-type]
        if tags is not None:
            key, by_tag = tags
            tag = _tag_in(value, key)
            if tag is ABSENT:
                findings.missing((at, key))
                return None
            member = by_tag.get((type(tag), tag)) if isinstance(tag, (str, int)) else None
            if member is None:
                findings.invalid(
                    (at, key), not_one_of(json_text(tag) for _, tag in by_tag), "literal_parsing"
                )
            return member
        return min(candidates, key=lambda member: member.score(value) if member.score else (0, 1))


def _kind_of(value: Any) -> type:
    """What JSON would make of a Python value."""
    if isinstance(value, ARRAYS):
        return list
    return next((kind for kind in (bool, int, float, str) if isinstance(value, kind)), dict)


def _tag_in(value: Any, key: str | int) -> Any:
    if isinstance(value, MAPPING):
        return value.get(key, ABSENT)
    return value[0] if isinstance(value, ARRAY) and value else ABSENT


Tags = tuple["str | int", dict[tuple[type, Any], Node]]


def _tagged(members: list[tuple[Node, Shape | None]]) -> Tags | None:
    """The key of the tag and the members by their tags, if all of one kind are models with a tag at one place."""
    found: dict[tuple[type, Any], Node] = {}
    keys: set[str | int] = set()
    for member, shape in members:
        if shape is None or shape.tag is None:
            return None
        keys.add(0 if shape.in_array else shape.tag[0])
        found[type(shape.tag[1]), shape.tag[1]] = member
    return (keys.pop(), found) if len(keys) == 1 and len(found) > 1 else None


def _first_that_takes(candidates: tuple[Node, ...], value: Any, at: At, findings: Findings) -> Any:
    for member in candidates:
        made = member.check(value, None, Findings([], ("value",)))
        if made is not FAILED:
            return made
    return findings.invalid(at, "not a value of any type that it may have", "union_error")
