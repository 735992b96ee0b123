"""How deep JSON may be nested: counted right, in time that grows with the text alone."""

import json
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from durations import within

from velocipy.json.depth import MAX_DEPTH, is_too_deep
from velocipy.models.msgspec import describe_struct
from velocipy.models.shapes import holds_itself


def nested(depth: int, inner: str = "1", kind: str = "[") -> bytes:
    opening, closing = {"[": ("[", "]"), "{": ('{"k":', "}"), "[{": ('[{"k":', "}]")}[kind]
    levels = depth // len(kind.replace('"k":', ""))
    return (opening * levels + inner + closing * levels).encode()


@pytest.mark.case(31)
@pytest.mark.parametrize("kind", ["[", "{", "[{"])
@pytest.mark.parametrize(
    "inner", ["1", '"]"', '"]]]\\"]]]"', '"\\\\"', '"[[["', '"\\\\\\"]"', '["}", "{"][0:0]'[:10]]
)
def test_levels_are_counted_and_brackets_in_text_are_not(kind: str, inner: str) -> None:
    extra = 1 if inner.startswith("[") else 0
    assert not is_too_deep(nested(MAX_DEPTH - 2 * extra, inner, kind))
    assert is_too_deep(nested(MAX_DEPTH + 2, inner, kind))


def test_what_is_wide_is_not_deep() -> None:
    wide: Any = [{"a": [1, {"b": '"[{'}], "c": []}] * 10_000
    assert not is_too_deep(json.dumps(wide).encode())
    for _ in range(MAX_DEPTH):
        wide = [wide]
    assert is_too_deep(json.dumps(wide).encode())


def test_text_cannot_hide_depth() -> None:
    assert is_too_deep(b'["]",' * 300 + b"1" + b"]" * 300)
    assert not is_too_deep(b'["[[[[",1],' * 300)


@pytest.mark.case(31)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 2_000_000,
        b"]" * 2_000_000,
        b"[" * 1_000_000 + b"]" * 1_000_000,
        b'["' * 1_000_000,
        b"[{}" * 600_000,
    ],
    ids=["open", "closed", "deep", "text", "wide"],
)
def test_hostile_texts_take_no_longer_than_others(body: bytes) -> None:
    assert within(0.5, lambda: is_too_deep(body))


@dataclass
class Leaf:
    x: int
    tags: list[str]


@dataclass
class Tree:
    leaves: "list[Tree]"


class Node(msgspec.Struct):
    next: "Node | None" = None


@pytest.mark.parametrize("deep", [Tree, Node, list[Tree], dict[str, Node | None], tuple[Leaf, Tree]])
def test_types_that_hold_themselves(deep: Any) -> None:
    assert holds_itself(deep, describe_struct)


@pytest.mark.parametrize(
    "flat", [int, Any, Leaf, list[Leaf], dict[str, list[Leaf]], tuple[Leaf, Leaf], Leaf | None]
)
def test_types_that_do_not(flat: Any) -> None:
    assert not holds_itself(flat, describe_struct)
