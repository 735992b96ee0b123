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
from velocipy.untyped import DICT, LIST

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
    before it, and where two still would, characters that no name may have are spelled out; so a name depends on what else
    there is, never on the order in which it came. Numbers are for classes that have even their module and place in common.
    """
    differing = _differing(models)
    keys = {ref: _variant(ref, models, differing) for ref in models}
    names: dict[Any, str] = {}
    used = set(taken)
    waiting: list[Any] = list(dict.fromkeys(model for model, _ in keys.values()))
    for candidate in (plain_name, full_name, spelled_name):
        by_name: defaultdict[str, list[Any]] = defaultdict(list)
        for model in waiting:
            by_name[candidate(model)].append(model)
        waiting = []
        for name, owners in sorted(by_name.items()):
            if len(owners) == 1 and used.isdisjoint(_forms(name)):
                names[owners[0]] = name
                used.update(_forms(name))
            else:
                waiting += owners
    for model in waiting:
        names[model] = _unused(full_name(model), used)
        used.update(_forms(names[model]))
    return {ref: f"{names[model]}{suffix}" for ref, (model, suffix) in keys.items()}


def _forms(name: str) -> tuple[str, str, str]:
    """All that a model of this name may be called."""
    return name, f"{name}-Input", f"{name}-Output"


def _unused(name: str, used: set[str]) -> str:
    number, candidate = 1, name
    while not used.isdisjoint(_forms(candidate)):
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _variant(ref: Ref, models: Mapping[Ref, Schema], differing: set[Any]) -> tuple[Any, str]:
    return ref.model, f"-{ref.direction.capitalize()}" if ref.model in differing else ""


def _differing(models: Mapping[Ref, Schema]) -> set[Any]:
    """Models that are read otherwise than written, or hold one that is."""
    both = {ref.model for ref in models if ref.direction == "input" and Ref(ref.model, "output") in models}
    holders: defaultdict[Any, set[Any]] = defaultdict(set)
    waiting: list[Any] = []
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
    if isinstance(schema, DICT):
        return {key: _without_direction(value) for key, value in schema.items()}
    return [_without_direction(item) for item in schema] if isinstance(schema, LIST) else schema


def refs_in(schema: Any) -> Iterator[Ref]:
    """Every Ref in a schema, at any depth."""
    if isinstance(schema, Ref):
        yield schema
    elif isinstance(schema, DICT):
        for value in schema.values():
            yield from refs_in(value)
    elif isinstance(schema, LIST):
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
    """The same with modules before it: "shop_models_Item", "shop_pages_Page_shop_models_Item"."""
    return legal(_with_modules(model))


def spelled_name(model: Any) -> str:
    """The same with characters that no name may have as their code points: "shop_models_Gr_xF6_xDF_e"."""
    return legal(_ILLEGAL.sub(_spelled, _with_modules(model)))


def _with_modules(model: Any) -> str:
    model, _ = split_annotated(model)
    cls = get_origin(model) or model
    arguments = [argument for argument in get_args(model) if argument is not Ellipsis]
    name = getattr(cls, "__name__", None) or type_name(cls)
    module = getattr(cls, "__module__", "")
    place = ""
    if module not in _PLACELESS:
        outer = getattr(cls, "__qualname__", "").removesuffix(name)
        place = f"{module}.{outer}".replace("<locals>", "").strip(".").replace(".", "_")
    return "_".join(filter(None, [place, name, *map(_with_modules, arguments)]))


def _spelled(found: re.Match[str]) -> str:
    return "".join(f"_x{ord(character):X}" for character in found[0]) + "_"


_PLACELESS: Final = frozenset({"builtins", "types", "typing"})


def legal(name: str) -> str:
    """A name of a component, or an operationId, for any text."""
    return re.sub("_{3,}", "__", _ILLEGAL.sub("_", name)).strip("_") or "model"
