"""Names of components: legal, stable, and one for the two directions of a model where they do not differ. Knows no types.

{Ref(Item, "input"): {...}, Ref(Item, "output"): {...}}  -> "Item", or "Item-Input" and "Item-Output"
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, get_args, get_origin

from velocipy.annotations import split_annotated, type_name
from velocipy.models.base import Direction

Schema = dict[str, Any]
"""JSON, as `json.dumps` takes it, with a Ref where the name of a component will be."""

_ILLEGAL: Final = re.compile(r"[^A-Za-z0-9_.-]+")  # OpenAPI 3.1 section 4.8.7


class Ref(NamedTuple):
    """A model in one direction, in place of the reference to its component."""

    model: Any
    direction: Direction


def component_names(models: Mapping[Ref, Schema], taken: Mapping[str, Schema]) -> dict[Ref, str]:
    """A name for each model; `taken` are components whose names are given already.

    It is the class's own, with the arguments of a generic behind it. Where two would have one name, both have their module
    before it; so a name depends on what else there is, never on the order in which it came.
    """
    differing = _differing(models)
    keys = {ref: _variant(ref, models, differing) for ref in models}
    by_name: defaultdict[str, dict[Any, None]] = defaultdict(dict)
    for model, _ in keys.values():
        by_name[plain_name(model)][model] = None
    names: dict[Any, str] = {}
    for name, owners in sorted(by_name.items()):
        alone = len(owners) == 1 and not any(
            _is_taken(f"{name}{end}", taken) for end in ("", "-Input", "-Output")
        )
        for model in owners:
            names[model] = name if alone else _unused(full_name(model), {*names.values(), *taken})
    return {ref: f"{names[model]}{suffix}" for ref, (model, suffix) in keys.items()}


def _is_taken(name: str, taken: Mapping[str, Schema]) -> bool:
    return name in taken


def _unused(name: str, used: set[str]) -> str:
    number, candidate = 1, name
    while candidate in used:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _variant(ref: Ref, models: Mapping[Ref, Schema], differing: set[Any]) -> tuple[Any, str]:
    return ref.model, f"-{ref.direction.capitalize()}" if ref.model in differing else ""


def _differing(models: Mapping[Ref, Schema]) -> set[Any]:
    """Models that are read otherwise than written, or hold one that is."""
    both = {ref.model for ref in models if ref.direction == "input" and Ref(ref.model, "output") in models}
    holders: defaultdict[Any, set[Any]] = defaultdict(set)
    waiting = []
    for model in both:
        read, written = models[Ref(model, "input")], models[Ref(model, "output")]
        if _without_direction(read) != _without_direction(written):
            waiting.append(model)
        for ref in refs_in(read):
            holders[ref.model].add(model)
    found: set[Any] = set()
    while waiting:
        model = waiting.pop()
        if model not in found:
            found.add(model)
            waiting += holders[model]
    return found


def _without_direction(schema: Any) -> Any:
    if isinstance(schema, Ref):
        return ("ref", schema.model)
    if isinstance(schema, dict):
        return {key: _without_direction(value) for key, value in schema.items()}
    return [_without_direction(item) for item in schema] if isinstance(schema, list) else schema


def refs_in(schema: Any) -> Iterator[Ref]:
    """Every Ref in a schema, at any depth."""
    if isinstance(schema, Ref):
        yield schema
    elif isinstance(schema, dict):
        for value in schema.values():
            yield from refs_in(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from refs_in(item)


def plain_name(model: Any) -> str:
    """`Item` -> "Item", `Page[Item]` -> "Page_Item", `Page[list[int]]` -> "Page_list_int"."""
    model, _ = split_annotated(model)
    cls = get_origin(model) or model
    arguments = [argument for argument in get_args(model) if argument is not Ellipsis]
    name = getattr(cls, "__name__", None) or type_name(cls)
    return legal("_".join([name, *map(plain_name, arguments)]))


def full_name(model: Any) -> str:
    """The same with the module before it: "shop_models_Item"."""
    cls = get_origin(model) or model
    module = getattr(cls, "__module__", "")
    outer = getattr(cls, "__qualname__", "").removesuffix(getattr(cls, "__name__", ""))
    place = f"{module}.{outer}".replace("<locals>", "").strip(".")
    return legal(f"{place.replace('.', '_')}_{plain_name(model)}")


def legal(name: str) -> str:
    """A name of a component, or an operationId, for any text."""
    return re.sub("_{3,}", "__", _ILLEGAL.sub("_", name)).strip("_") or "model"
