"""Which fields of a response model are written: `include` and `exclude`, held against the models, and in pydantic's words.

    refuse_unknown(list[Item], Serialization(exclude={"pricee"}), backend.named_fields)  -> ConfigurationError; did you mean 'price'?

Names are those of the class, not those of the wire. Knows no routes, and imports no library.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType, NoneType
from typing import Any, Final, get_args

from velocipy.annotations import is_hashable, split_annotated, type_name, union_members
from velocipy.exceptions import ConfigurationError
from velocipy.json.base import encode_extra
from velocipy.messages import did_you_mean
from velocipy.models.base import Serialization
from velocipy.models.leaves import TEXTS
from velocipy.models.walk import is_array, is_mapping
from velocipy.models.write import EVERY_ITEM
from velocipy.untyped import MAPPING, NAMES

NamedFields = Callable[[Any], Mapping[str, Any] | None]
"""A type -> the fields that may be named of it and what stands in each; None where any name may be."""

MAX_TOLD: Final = 20
"""Fields of a model that a message lists."""

_WITHOUT_FIELDS: Final = frozenset({bool, int, float, str, *TEXTS})
_NO_FIELDS: Final[Mapping[str, Any]] = MappingProxyType({})


def refuse_unknown(annotation: Any, how: Serialization, named_fields: NamedFields) -> None:
    """Raise ConfigurationError for a name in `include` or `exclude` that no field has: what was to be left out would be sent.

    Of a union a name must be a field of one member. What no backend describes, such as Any or a dict, may have any fields.
    """
    for option, names in (("include", how.include), ("exclude", how.exclude)):
        if isinstance(names, str):
            raise ConfigurationError(
                f"response_model_{option} is a set of names, not a text: write {{{names!r}}}"
            )
        if names is not None:
            _refuse(f"response_model_{option}", [annotation], names, named_fields, outermost=True)


def _refuse(
    option: str, annotations: list[Any], names: Any, named_fields: NamedFields, *, outermost: bool = False
) -> None:
    models = [
        model for annotation in annotations for model in _models(annotation, outermost=outermost, seen=set())
    ]
    found = [_NO_FIELDS if _is_plain(model) else named_fields(model) for model in models]
    fields = [known for known in found if known is not None]
    if len(fields) < len(found):
        return
    for name in names:
        inner = names[name] if isinstance(names, MAPPING) else None
        if name == EVERY_ITEM:
            _refuse(option, annotations, inner, named_fields, outermost=True)
            continue
        below = [known[name] for known in fields if name in known]
        if isinstance(name, str) and not below:
            known_names = list(dict.fromkeys(name for known in fields for name in known))
            raise ConfigurationError(
                f"{option} names {name!r}, which is no field of {' or '.join(map(type_name, models))}"
                + (did_you_mean(name, known_names) or f"; {_told(known_names)}")
            )
        if isinstance(inner, NAMES) and below:
            _refuse(option, below, inner, named_fields)


def _is_plain(annotation: Any) -> bool:
    return is_hashable(annotation) and annotation in _WITHOUT_FIELDS


def _told(names: list[str]) -> str:
    if not names:
        return "it has none: leave it out"
    return f"write one of {', '.join(map(repr, names[:MAX_TOLD]))}{', ...' if len(names) > MAX_TOLD else ''}"


def _models(annotation: Any, *, outermost: bool, seen: set[Any]) -> Iterator[Any]:
    """What may have fields in a type: itself, members of a union, items of an array, and of an object where that is outermost.

    Further inside the keys of an object may be meant, of which nothing is known.
    """
    if is_hashable(annotation):
        if annotation in seen:  # an alias in itself
            return
        seen.add(annotation)
    bare, _ = split_annotated(annotation)
    members = union_members(bare)
    if not members and (is_array(bare) or (outermost and is_mapping(bare))):
        members = tuple(arg for arg in get_args(bare)[is_mapping(bare) :] if arg is not Ellipsis) or (Any,)
    if not members and bare not in (None, NoneType):
        yield bare
    for member in members:
        yield from _models(member, outermost=outermost, seen=seen)


def pydantic_options(annotation: Any, how: Serialization) -> dict[str, Any]:
    """A Serialization as keywords of pydantic's serializers; names on the wire are aliases unless it says otherwise."""
    options = {
        "include": _for_items(annotation, how.include),
        "exclude": _for_items(annotation, how.exclude),
        "exclude_none": how.exclude_none,
        "exclude_unset": how.exclude_unset,
        "exclude_defaults": how.exclude_defaults,
    }
    # Each costs 0.1 us a call.
    asked = {name: value for name, value in options.items() if value}
    # Models of other libraries may stand in a field that is Any.
    return {"by_alias": how.by_alias is not False, "fallback": encode_extra, **asked}


def _for_items(annotation: Any, names: Any) -> Any:
    """Names of fields, which hold for every item where the annotation is a container."""
    if names is None:
        return None
    bare, _ = split_annotated(annotation)
    containers = [
        member for member in (union_members(bare) or (bare,)) if is_array(member) or is_mapping(member)
    ]
    if containers and not (isinstance(names, MAPPING) and EVERY_ITEM in names):
        return {EVERY_ITEM: _for_items((get_args(containers[0]) or (Any,))[-1], names)}
    return names if isinstance(names, NAMES) else set(names)
