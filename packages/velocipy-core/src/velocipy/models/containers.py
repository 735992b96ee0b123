"""Checks of arrays and of objects without fixed keys. Knows nodes of their items; knows no types and no models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from velocipy import scalars
from velocipy.constraints import counted
from velocipy.models.findings import FAILED, At, Findings
from velocipy.models.leaves import EXACT, Node, Score, takes
from velocipy.untyped import ARRAY, ITEMS, MAPPING
from velocipy.validation import about_key

ARRAYS: Final = ITEMS
"""Classes of Python values that are an array; JSON itself makes lists alone."""


def array_node(item: Node, make: Callable[[list[Any]], Any]) -> Node:
    """`list[int]`, `set[str]`, `tuple[int, ...]`."""
    check_item = item.check

    def check(value: Any, at: At, findings: Findings) -> Any:
        if not isinstance(value, ARRAYS):
            return findings.mistyped(at, "an array", value)
        known = len(findings.errors)
        made = [check_item(entry, (at, index), findings) for index, entry in enumerate(value)]
        return make(made) if len(findings.errors) == known else FAILED

    def score(value: Any) -> Score:
        return sum(not takes(item, entry) for entry in value), 0

    return Node(check, frozenset({list}), ("an array",), EXACT, score=score)


def fixed_node(items: list[Node]) -> Node:
    """`tuple[int, str]`: as many items as there are types."""
    checks = [item.check for item in items]
    reason = f"must have exactly {counted(len(items), 'item')}"

    def check(value: Any, at: At, findings: Findings) -> Any:
        if not isinstance(value, ARRAY):
            return findings.mistyped(at, "an array", value)
        if len(value) != len(checks):
            return findings.invalid(at, reason, "wrong_length")
        known = len(findings.errors)
        made = [
            check_item(entry, (at, index), findings)
            for index, (check_item, entry) in enumerate(zip(checks, value, strict=True))
        ]
        return tuple(made) if len(findings.errors) == known else FAILED

    def score(value: Any) -> Score:
        misfits = sum(not takes(item, entry) for item, entry in zip(items, value, strict=False))
        fits = isinstance(value, ARRAY) and len(value) == len(items)  # nothing in a set has a place
        return misfits + 100 * (not fits), 0

    return Node(check, frozenset({list}), ("an array",), EXACT, score=score)


def mapping_node(key: Node | None, item: Node) -> Node:
    """`dict[str, int]`; without a node of its keys these are any text."""
    check_item = item.check

    def check(value: Any, at: At, findings: Findings) -> Any:
        if not isinstance(value, MAPPING):
            return findings.mistyped(at, "an object", value)
        about_keys = KeyFindings(findings.errors, findings.place)
        known = len(findings.errors)
        made: dict[Any, Any] = {}
        for name, entry in value.items():
            inside = (at, name)
            if key is not None or type(name) is not str:
                name = _read_key(name, key, inside, about_keys)
            made[name] = check_item(entry, inside, findings)
        return made if len(findings.errors) == known else FAILED

    def score(value: Any) -> Score:
        return sum(not takes(item, entry) for entry in value.values()), 0

    return Node(check, frozenset({dict}), ("an object",), EXACT, score=score)


class KeyFindings(Findings):
    """Findings about the keys of an object: they stand where the value stands, and say that the key is meant."""

    __slots__ = ()

    def invalid(self, at: At, reason: str, kind: str) -> Any:
        """A key breaks a rule."""
        return super().invalid(at, about_key(reason), kind)

    def mistyped(self, at: At, wanted: str, value: Any) -> Any:
        """A key is not the text of what it must be."""
        return self.invalid(at, f"not {wanted}", "type_error")


_FROM_TEXT: Final = ((int, scalars.parse_int), (float, scalars.parse_float), (bool, scalars.parse_bool))
"""JSON's types that a key can only be the text of."""


def _read_key(name: Any, key: Node | None, at: At, findings: KeyFindings) -> Any:
    if key is None:
        return name if isinstance(name, str) else findings.mistyped(at, "a string", name)
    if isinstance(name, str):
        name = _as_wanted(name, key)
    return key.check(name, at, findings)


def _as_wanted(name: str, key: Node) -> Any:
    if str in key.kinds and (key.fits is None or key.fits(name)):
        return name
    for kind, parse in _FROM_TEXT:
        if kind in key.kinds:
            try:
                return parse(name)
            except ValueError:
                continue
    return name
