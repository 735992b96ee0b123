"""Checks of models: objects with fixed keys, or arrays with a value a field. Knows shapes; knows no library."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from velocipy.constraints import counted, length_reason
from velocipy.models.findings import FAILED, At, Findings
from velocipy.models.leaves import EXACT, Check, Node, Score, json_text, takes
from velocipy.models.shapes import Shape
from velocipy.untyped import ARRAY, DICT, MAPPING
from velocipy.validation import not_one_of

ABSENT: Final = object()

_JSON: Final = (str, int, float, bool, type(None), list, tuple, set, frozenset)
"""Values of these very classes have no attributes that could be fields."""


class Part(NamedTuple):
    """A field with its compiled type."""

    key: str
    name: str
    required: bool
    node: Node


class Model:
    """The check of one model. `parts` come after its making, since a model may hold itself."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.parts: tuple[Part, ...] = ()
        self._fast: tuple[tuple[str, str, bool, Check], ...] = ()
        self._keys: frozenset[str] = frozenset()

    def fill(self, nodes: list[Node]) -> None:
        """Give each field its node."""
        fields = self.shape.fields
        self.parts = tuple(
            Part(field.key, field.name, field.required, node)
            for field, node in zip(fields, nodes, strict=True)
        )
        self._fast = tuple((part.key, part.name, part.required, part.node.check) for part in self.parts)
        self._keys = frozenset(part.key for part in self.parts) | (
            {self.shape.tag[0]} if self.shape.tag else set()
        )

    def node(self) -> Node:
        """The node of a model that is an object or, with `in_array`, an array."""
        classes = () if self.shape.is_dict else (self.shape.cls,)
        if self.shape.in_array:
            return Node(
                self.check_array, frozenset({list}), ("an array",), EXACT, classes, score=self.score_array
            )
        return Node(
            self.check_object, frozenset({dict}), ("an object",), EXACT, classes, score=self.score_object
        )

    def check_object(self, value: Any, at: At, findings: Findings) -> Any:
        """A dict, an object with the fields as attributes, or an instance, which is taken as it is."""
        shape = self.shape
        if type(value) is not DICT:
            if not shape.is_dict and isinstance(value, shape.cls):  # a TypedDict takes no isinstance
                return value
            found = self._as_dict(value)
            if found is None:
                return findings.mistyped(at, "an object", value)
            value = found
        known = len(findings.errors)
        if shape.tag is not None:
            self._check_tag(value.get(shape.tag[0], ABSENT), (at, shape.tag[0]), findings)
        values: dict[str, Any] = {}
        for key, name, required, check in self._fast:
            item = value.get(key, ABSENT)
            if item is not ABSENT:
                values[name] = check(item, (at, key), findings)
            elif required:
                findings.missing((at, key))
        if shape.closed:
            for key in value:
                if key not in self._keys:
                    findings.unknown((at, key))
        return self._made(values, at, findings) if len(findings.errors) == known else FAILED

    def check_array(self, value: Any, at: At, findings: Findings) -> Any:
        """A list with the fields in their order, whose last ones may be missing; a dict by names, as a query gives it."""
        if isinstance(value, self.shape.cls):
            return value
        if isinstance(value, MAPPING):
            return self.check_object(dict(value), at, findings)
        if not isinstance(value, ARRAY):
            found = self._as_dict(value)
            return (
                findings.mistyped(at, "an array", value)
                if found is None
                else self.check_object(found, at, findings)
            )
        offset = 0 if self.shape.tag is None else 1
        reason = self._wrong_length(len(value), offset)
        if reason is not None:
            return findings.invalid(at, *reason)
        known = len(findings.errors)
        if offset:
            self._check_tag(value[0], (at, 0), findings)
        values = {
            part.name: part.node.check(item, (at, index), findings)
            for index, (part, item) in enumerate(zip(self.parts, value[offset:], strict=False), offset)
        }
        return self._made(values, at, findings) if len(findings.errors) == known else FAILED

    def score_object(self, value: Any) -> Score:
        """Fields that are missing or of another kind, then how many there are; a wrong Literal tells more than a wrong kind."""
        value = value if isinstance(value, DICT) else self._as_dict(value) or {}
        misfits = known = 0
        for part in self.parts:
            item = value.get(part.key, ABSENT)
            if item is ABSENT:
                misfits += part.required
                continue
            known += 1
            if part.node.fits is not None and not part.node.fits(item):
                misfits += 100
            elif part.node.fits is None and not takes(part.node, item):
                misfits += 1
        return misfits + (self.shape.closed and sum(key not in self._keys for key in value)), -known

    def score_array(self, value: Any) -> Score:
        """The same, by position, which nothing in a set has."""
        misfits = sum(not takes(part.node, item) for part, item in zip(self.parts, value, strict=False))
        fits = isinstance(value, ARRAY) and self._wrong_length(len(value), 0) is None
        return misfits + 100 * (not fits), 0

    def _made(self, values: dict[str, Any], at: At, findings: Findings) -> Any:
        try:
            return self.shape.make(values)
        except (ValueError, TypeError) as exc:  # a __post_init__ that refuses what every field accepted
            return findings.invalid(at, str(exc) or "not valid", "value_error")

    def _as_dict(self, value: Any) -> dict[str, Any] | None:
        if isinstance(value, MAPPING):
            return dict(value)
        if type(value) in _JSON:
            return None
        found = {part.key: getattr(value, part.name, ABSENT) for part in self.parts}
        found = {key: item for key, item in found.items() if item is not ABSENT}
        return found or (None if self.parts else {})

    def _check_tag(self, found: Any, at: At, findings: Findings) -> None:
        """A tag may be left out of an object where no union needs it."""
        own = self.shape.tag[1] if self.shape.tag else None
        if found is not ABSENT and not (found == own and type(found) is type(own)):
            findings.invalid(at, not_one_of([json_text(own)]), "literal_parsing")

    def _wrong_length(self, length: int, offset: int) -> tuple[str, str] | None:
        least = offset + max((place for place, part in enumerate(self.parts, 1) if part.required), default=0)
        most = offset + len(self.parts)
        if least <= length and (length <= most or not self.shape.closed):
            return None
        if least == most and self.shape.closed:
            return f"must have exactly {counted(most, 'item')}", "wrong_length"
        if length < least:
            return length_reason("min_length", least, "item"), "too_short"
        return length_reason("max_length", most, "item"), "too_long"
