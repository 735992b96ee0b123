"""Python types -> JSON Schema (2020-12), with models as components. Knows types and model backends; knows no routes.

    schemas.of(list[Item], "output") -> {"type": "array", "items": {"$ref": Ref(Item, "output")}}

A `Ref` stands where the name of a component will be: names are given once every type is known, by `components`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import dataclass
from enum import Enum
from types import NoneType
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

from velocipy.annotations import alias_value, is_hashable, split_annotated, union_members
from velocipy.constraints import foreign_documentation
from velocipy.exceptions import ConfigurationError
from velocipy.handlers.markers import Marker
from velocipy.handlers.signature import UNANNOTATED
from velocipy.models.base import Backends, Direction, ModelBackend, ModelField, Wanted
from velocipy.models.shapes import Field, Shape
from velocipy.models.walk import is_array, is_mapping, limits_of
from velocipy.openapi.naming import Ref, Schema
from velocipy.openapi.scalars import bounds, json_value, leaf
from velocipy.untyped import MAPPING

_ANYTHING: Final = (Any, object, UNANNOTATED)
_NULL: Final[Schema] = {"type": "null"}
_TYPES: Final = {str: "string", bool: "boolean", int: "integer", float: "number", NoneType: "null"}


@dataclass(frozen=True, slots=True, eq=False)
class Foreign:
    """A type whose schema its library makes later, together with all others; `schema` is filled then."""

    backend: ModelBackend
    wanted: Wanted
    schema: Deferred


class Deferred(dict[str, Any]):
    """A schema that is filled later. It stands alone in an `allOf`, beside which bounds and words may be written meanwhile."""


class Schemas:
    """The schemas of one document. `find_backend` knows the models of the app whose routes are described.

    `is_recent` says whether the document is of OpenAPI 3.2, which has words for the items of a stream and for QUERY.
    """

    is_sent = False
    """Whether what is described goes out from the app to others: they answer, and not this framework."""

    def __init__(self, *, is_recent: bool = False) -> None:
        self.is_recent = is_recent
        self.models: dict[Ref, Schema] = {}
        self.foreign: list[Foreign] = []
        self.errors: dict[tuple[int, str, tuple[Any, ...]], Schema] = {}
        """Answers to errors by status, media type and models: few, and each stands before many routes."""
        self._known: dict[tuple[Any, Direction], Deferred] = {}
        self._open_aliases: list[Any] = []
        self._backends = Backends()
        self._found: dict[tuple[Backends, Any], ModelBackend | None] = {}
        self._makers: dict[ModelBackend, bool] = {}

    def use(self, backends: Backends) -> None:
        """Ask these backends from now on; apps that are mounted have their own."""
        self._backends = backends

    def find_backend(self, annotation: Any) -> ModelBackend | None:
        """The backend of a type. Remembered, since a type of many parts stands in many routes."""
        key = (self._backends, annotation)
        if not is_hashable(annotation) or union_members(annotation):  # int | str equals str | int
            return self._backends.find(annotation)
        if key not in self._found:
            self._found[key] = self._backends.find(annotation)
        return self._found[key]

    def of(self, annotation: Any, direction: Direction) -> Schema:
        """The schema of a type, with the bounds and words of its Annotated. May be changed: it is the caller's."""
        if self._open_aliases and annotation in self._open_aliases:
            return {}
        if hasattr(annotation, "__value__"):  # `type Tree = list[Tree]` of Python 3.12 may hold itself
            return self._alias(annotation, direction)
        bare, extras = split_annotated(annotation)
        if not extras:
            return self._bare(bare, direction)
        if self._is_foreign_union(bare):  # what stands beside it, such as a discriminator, is its library's
            return described(self._foreign(self.find_backend(bare), annotation, direction), extras)
        return described(self._bare(bare, direction), extras)

    def _alias(self, annotation: Any, direction: Direction) -> Schema:
        self._open_aliases.append(annotation)
        try:
            return self.of(alias_value(annotation), direction)
        finally:
            self._open_aliases.pop()

    def field(self, field: ModelField | Field, direction: Direction) -> Schema:
        """The schema of a model's field, with its default."""
        schema = self.of(field.annotation, direction)
        default = getattr(field, "default", None)
        if not field.required and default is not NO_DEFAULT and _is_shown(default, schema):
            add_default(schema, default)
        return schema

    # -- what a type is ----------------------------------------------------------------------------------------

    def _bare(self, bare: Any, direction: Direction) -> Schema:
        found = leaf(bare, direction) if is_hashable(bare) else None
        if found is not None:
            return found
        if isinstance(bare, TypeVar):
            return self.of(bare.__bound__ or Any, direction)
        if not is_hashable(bare) or bare in _ANYTHING:
            return {}
        if get_origin(bare) is Literal:
            return choices(get_args(bare))
        if union_members(bare):
            return self._union(bare, direction)
        return self._container(bare, direction) or self._model(bare, direction)

    def _container(self, bare: Any, direction: Direction) -> Schema | None:
        args = get_args(bare)
        if is_mapping(bare):
            key, value = args if len(args) == 2 else (Any, Any)
            return self._mapping(key, value, direction)
        if not is_array(bare):
            return None
        if (get_origin(bare) or bare) is tuple and args and args[-1] is not Ellipsis:
            items = [self.of(item, direction) for item in args if item != ()]
            return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}
        return {"type": "array", "items": self.of(args[0], direction) if args else {}}

    def _mapping(self, key: Any, value: Any, direction: Direction) -> Schema:
        schema: Schema = {"type": "object"}
        items = self.of(value, direction)
        if items:
            schema["additionalProperties"] = items
        names = self.of(key, direction)
        if "enum" in names or "$ref" in names or "pattern" in names or "format" in names:
            schema["propertyNames"] = names
        return schema

    def _union(self, bare: Any, direction: Direction) -> Schema:
        backend = self.find_backend(bare)
        if self._makes_schemas(backend):
            return self._foreign(backend, bare, direction)
        members = [member for member in union_members(bare) if not _is_unset(member)]
        schemas = [self.of(member, direction) for member in members]
        if len(schemas) == 1:
            return schemas[0]
        union: Schema = {"anyOf": schemas}
        tags = self._tags(members, direction)
        if tags is not None:
            union["discriminator"] = tags
        return union

    def _tags(self, members: Iterable[Any], direction: Direction) -> Schema | None:
        """OpenAPI's discriminator, where every member but None is a model with a tag under one key."""
        mapping: dict[str, Ref] = {}
        keys: set[str | int] = set()
        for member in members:
            bare, _ = split_annotated(member)
            if bare is NoneType:
                return None
            shape = self._shape(bare)
            if shape is None or shape.tag is None or shape.in_array:
                return None
            keys.add(shape.tag[0])
            mapping[str(shape.tag[1])] = Ref(bare, direction)
        return {"propertyName": keys.pop(), "mapping": mapping} if len(keys) == 1 else None

    # -- models ------------------------------------------------------------------------------------------------

    def _model(self, bare: Any, direction: Direction) -> Schema:
        if isinstance(bare, type) and issubclass(bare, Enum):
            return self._component(Ref(bare, "input"), lambda: _enum(bare))
        backend = self.find_backend(bare)
        if self._makes_schemas(backend):
            return self._foreign(backend, bare, direction)
        ref, shape = Ref(bare, direction), self._shape(bare)
        if shape is not None:
            return self._component(ref, lambda: self._object(shape, direction))
        fields = None if backend is None else backend.fields(bare)
        if fields is None:
            return {}
        return self._component(ref, lambda: self._fields(bare, fields, direction))

    def _component(self, ref: Ref, make: Callable[[], Schema]) -> Schema:
        if ref not in self.models:
            self.models[ref] = {}  # so that a model that holds itself finds itself
            self.models[ref] = make()
        return {"$ref": ref}

    def _shape(self, bare: Any) -> Shape | None:
        backend = self.find_backend(bare)
        if backend is None:
            return None
        try:
            return backend.describe(bare)
        except ConfigurationError:
            return None

    def _object(self, shape: Shape, direction: Direction) -> Schema:
        if shape.in_array:
            return self._row(shape, direction)
        properties: Schema = {}
        required: list[str] = []
        if shape.tag is not None:
            name, value = shape.tag
            properties[name] = choices((value,))
            required.append(name)
        for field in shape.fields:
            properties[field.key] = self.field(field, direction)
            if _is_always_there(field, shape, direction):
                required.append(field.key)
        schema: Schema = {"type": "object", **_words(shape.cls), "properties": properties}
        if required:
            schema["required"] = required
        if shape.closed:
            schema["additionalProperties"] = False
        return schema

    def _row(self, shape: Shape, direction: Direction) -> Schema:
        """A model that the wire has as an array, in the order of its fields."""
        items = [self.field(field, direction) for field in shape.fields]
        least = sum(field.required or direction == "output" for field in shape.fields)
        if shape.tag is not None:
            items.insert(0, choices((shape.tag[1],)))
            least += 1
        return {"type": "array", **_words(shape.cls), "prefixItems": items, "minItems": least}

    def _fields(self, cls: Any, fields: Iterable[ModelField], direction: Direction) -> Schema:
        """A model of a backend that tells no more of it than its fields."""
        fields = tuple(fields)
        schema: Schema = {"type": "object", **_words(cls)}
        schema["properties"] = {field.key: self.field(field, direction) for field in fields}
        required = [field.key for field in fields if field.required or direction == "output"]
        return {**schema, "required": required} if required else schema

    # -- models of libraries that make schemas ---------------------------------------------------------------------

    def _makes_schemas(self, backend: ModelBackend | None) -> bool:
        if backend is None:
            return False
        if backend not in self._makers:
            self._makers[backend] = backend.schemas(()) is not None
        return self._makers[backend]

    def _is_foreign_union(self, bare: Any) -> bool:
        return bool(union_members(bare)) and self._makes_schemas(self.find_backend(bare))

    def _foreign(self, backend: ModelBackend | None, annotation: Any, direction: Direction) -> Schema:
        assert backend is not None
        key = (annotation, direction)
        if is_hashable(annotation) and key in self._known:
            return {"allOf": [self._known[key]]}
        schema = Deferred()
        self.foreign.append(Foreign(backend, Wanted(annotation, direction), schema))
        if is_hashable(annotation):
            self._known[key] = schema
        return {"allOf": [schema]}


def described(schema: Schema, extras: tuple[Any, ...]) -> Schema:
    """A schema with the bounds and words that stand beside its type: ours, those of our markers, and other libraries'."""
    bounded = {**schema, **bounds(limits_of(extras), schema)}
    for extra in extras:
        if isinstance(extra, Marker):
            bounded.update(words(extra.title, extra.description, extra.examples, extra.deprecated))
        more = getattr(extra, "extra_json_schema", ())
        if isinstance(more, MAPPING):
            bounded.update(more)
    return {**bounded, **words(*foreign_documentation(extras))}


def words(
    title: str | None = None,
    description: str | None = None,
    examples: Iterable[Any] = (),
    deprecated: bool = False,
) -> Schema:
    """What a marker or another library's metadata says about a value, as keywords of JSON Schema."""
    found: Schema = {}
    if title:
        found["title"] = title
    if description:
        found["description"] = inspect.cleandoc(description)
    shown = [value for value in map(json_value, examples) if value is not NO_DEFAULT]
    if shown:
        found["examples"] = shown
    if deprecated:
        found["deprecated"] = True
    return found


def add_default(schema: Schema, default: Any) -> None:
    """Note a default, where JSON can say it."""
    value = json_value(default)
    if value is not NO_DEFAULT:
        schema["default"] = value


def choices(values: Iterable[Any]) -> Schema:
    """One of a few values, as a Literal or an Enum has them; those of several types are one `enum` a type.

    Generators of clients make a type of each `enum`, and most of them of an `enum` of one type only.
    """
    plain = [value.value if isinstance(value, Enum) else value for value in values]
    shown = [value for value in map(json_value, plain) if value is not NO_DEFAULT]
    if not all(type(value) in _TYPES for value in shown):
        return {"enum": shown}
    by_type: dict[str, list[Any]] = {}
    for value in shown:
        by_type.setdefault(_TYPES[type(value)], []).append(value)
    schemas: list[Schema] = [
        dict(_NULL) if kind == "null" else {"type": kind, "enum": found} for kind, found in by_type.items()
    ]
    return schemas[0] if len(schemas) == 1 else {"anyOf": schemas} if schemas else {"enum": []}


def _enum(cls: Any) -> Schema:
    return {**choices(cls), **_words(cls)}


def _words(cls: Any) -> Schema:
    """The docstring that somebody wrote for a class; `dataclass` writes a signature where there is none."""
    cls = get_origin(cls) or cls
    text = vars(cls).get("__doc__") if isinstance(cls, type) else None
    if not text or text.startswith(f"{cls.__name__}(") or text == _NO_WORDS:
        return {}
    return {"description": inspect.cleandoc(text)}


_NO_WORDS: Final = "An enumeration."


def _is_always_there(field: Field, shape: Shape, direction: Direction) -> bool:
    if field.required or direction == "input" or shape.is_dict or shape.omits_defaults:
        return field.required
    return not any(map(_is_unset, union_members(split_annotated(field.annotation)[0])))


def _is_unset(annotation: Any) -> bool:
    """msgspec's type of a field that is not there."""
    return getattr(annotation, "__name__", "") == "UnsetType" and annotation.__module__ == "msgspec"


def _is_shown(default: Any, schema: Schema) -> bool:
    """Whether a default says something: None does where null may be sent."""
    return default is not None or _NULL in schema.get("anyOf", ())
