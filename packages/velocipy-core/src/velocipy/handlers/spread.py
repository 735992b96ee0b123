"""A model whose fields are parameters of their own: read one by one, then validated as a whole. Knows fields; no requests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from velocipy.annotations import split_annotated, strip_optional, type_name
from velocipy.constraints import foreign_constraints
from velocipy.exceptions import BindingError, ErrorItem
from velocipy.handlers.convert import (
    Reader,
    default_maker,
    find_collection,
    find_scalar,
    make_collection_reader,
    make_reader,
)
from velocipy.handlers.markers import MISSING, Marker
from velocipy.handlers.signature import Parameter
from velocipy.models.base import ModelField, Validate
from velocipy.untyped import CLASS
from velocipy.validation import Place, missing, moved

Get = Callable[[str], Any]
GetList = Callable[[str], Sequence[str]]
ReadSpread = Callable[[Get, GetList, list[ErrorItem]], Any]


class _Field(NamedTuple):
    """How one field is read: its key in the source, its key in the model, and whether it takes several values."""

    key: str
    wire: str
    read: Reader
    many: bool
    required: bool


def make_spread(
    parameter: Parameter, marker: Marker, validate: Validate, declared: Sequence[ModelField]
) -> tuple[ReadSpread, tuple[str, ...]]:
    """(a function that reads the model whose fields are `declared`, the keys that it reads).

    Raises BindingError for a model with a field that is neither a scalar nor a collection of scalars.
    """
    fields = [_field(parameter, marker, field) for field in declared]
    place: Place = (marker.source,)
    default = parameter.default
    make_default = default_maker(default)
    keys = {field.wire: field.key for field in fields}

    def read_spread(get: Get, getlist: GetList, errors: list[ErrorItem]) -> Any:
        values: dict[str, Any] = {}
        absent: list[ErrorItem] = []
        known = len(errors)
        for key, wire, read, many, required in fields:
            found = getlist(key) if many else get(key)
            if found or found is not None and not many:
                values[wire] = read(found, errors)
            elif required:
                absent.append(missing((*place, key)))
        if not values and default is not MISSING:
            return make_default()
        errors += absent
        if len(errors) > known:
            return None
        value = validate(values, errors, place)
        for index in range(known, len(errors)):
            errors[index] = _as_sent(errors[index], keys)
        return value

    return read_spread, tuple(field.key for field in fields)


def _as_sent(error: ErrorItem, keys: dict[str, str]) -> ErrorItem:
    """An entry whose place is in the model's names, in the names of the source."""
    source, *rest = error["loc"]
    if not rest or keys.get(str(rest[0]), rest[0]) == rest[0]:
        return error
    return moved(error, (source, keys[str(rest[0])], *rest[1:]))


def _field(parameter: Parameter, marker: Marker, field: ModelField) -> _Field:
    annotation, extras = split_annotated(field.annotation)
    stripped, _ = strip_optional(annotation)
    key = wire_key(marker, parameter, field)
    place: Place = (marker.source, key)
    limits = foreign_constraints(extras)
    scalar = find_scalar(stripped)
    if scalar is not None:
        reader = make_reader(place, scalar, None, limits) or _as_it_is
        return _Field(key, field.key, reader, False, field.required)
    if _is_opaque(stripped):  # the model's own library reads its text: a URL, a secret
        return _Field(key, field.key, _as_it_is, False, field.required)
    collection = find_collection(stripped)
    if collection is None or marker.source == "cookie":
        raise BindingError(
            f"{parameter.where}: field {field.name!r} of {type_name(parameter.annotation)} is {type_name(annotation)}, which "
            f"cannot be read from the {marker.source}: only scalars{'' if marker.source == 'cookie' else ' and lists of scalars'} can: make it flat, or take the model as the body"
        )
    reader = make_collection_reader(place, collection, None, limits, marker.separator)
    return _Field(key, field.key, reader, True, field.required)


_CONTAINERS: Final[tuple[type[Any], ...]] = (dict, list, set, frozenset, tuple, bytes)


def _is_opaque(annotation: Any) -> bool:
    """Whether a type is a class of which nothing is known: neither a model nor a container."""
    return (
        isinstance(annotation, CLASS)
        and not issubclass(annotation, _CONTAINERS)
        and not any(hasattr(annotation, mark) for mark in _MODELS)
    )


_MODELS = ("__dataclass_fields__", "__struct_fields__", "__attrs_attrs__", "model_fields")


def wire_key(marker: Marker, parameter: Parameter, field: ModelField) -> str:
    """The name of a field in its source: `page`, `x-page` as a header, `filter[page]` as a deepObject."""
    if marker.source == "header":
        return (field.key.replace("_", "-") if field.key == field.name else field.key).lower()
    if marker.style == "deepObject":
        return f"{marker.alias or parameter.name}[{field.key}]"
    return field.key


def _as_it_is(text: Any, errors: list[ErrorItem]) -> Any:
    return text
