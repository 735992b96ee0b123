"""From the schemas of a document to its components: libraries fill in theirs, models get names, references are written out.

Knows schemas; knows no types and no routes.
"""

from __future__ import annotations

import re
from typing import Any, Final

from velocipy.models.base import REFERENCE, ModelBackend
from velocipy.openapi.naming import Ref, Schema, component_names
from velocipy.openapi.schemas import Deferred, Foreign, Schemas
from velocipy.untyped import ARRAY, DICT, LIST, MAPPING


class Components:
    """The components of one document, once every type that it names is known."""

    def __init__(self, schemas: Schemas) -> None:
        self._foreign = _fill(schemas.foreign)
        self._names = component_names(schemas.models, self._foreign)
        own = {self._names[ref]: self.resolve(schema) for ref, schema in schemas.models.items()}
        self.schemas: dict[str, Schema] = dict(sorted({**self._foreign, **own}.items()))

    def resolve(self, part: Any) -> Any:
        """A copy of a part of the document with every Ref written out."""
        if isinstance(part, Ref):
            return REFERENCE + self._names[part]
        if isinstance(part, DICT):
            within = part.get("allOf")
            if type(within) is LIST and len(within) == 1 and isinstance(within[0], Deferred):
                part = {**within[0], **{key: value for key, value in part.items() if key != "allOf"}}
            return {key: self.resolve(value) for key, value in part.items()}
        return [self.resolve(item) for item in part] if isinstance(part, ARRAY) else part

    def written_out(self, schema: Schema) -> Schema:
        """A resolved schema, with the component in its place where it is a reference to one."""
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith(REFERENCE):
            return schema
        return {**self.schemas[reference.removeprefix(REFERENCE)], **_without(schema, "$ref")}


def _fill(foreign: list[Foreign]) -> dict[str, Schema]:
    """Ask each library once for all its schemas; what it makes components of."""
    by_backend: dict[int, tuple[ModelBackend, list[Foreign]]] = {}
    for one in foreign:
        by_backend.setdefault(id(one.backend), (one.backend, []))[1].append(one)
    components: dict[str, Schema] = {}
    for backend, asked in by_backend.values():
        made = backend.schemas([one.wanted for one in asked])
        assert made is not None
        for one, schema in zip(asked, made.schemas, strict=True):
            one.schema.update(schema)
        components.update({name: _untitled(name, one) for name, one in made.components.items()})
    return components


def _untitled(name: str, schema: Schema) -> Schema:
    """A component without the title that its library made of the class's name.

    Generators of clients take a title for the name of their class, and two components, such as `Item-Input` and
    `Item-Output`, have the same one.
    """
    title = _ILLEGAL.sub("_", str(schema.get("title", "")))
    # A pattern of each title's own would be compiled for each component, which is a tenth of the whole document's time.
    own = _ENDING.sub("", name)
    return _without(schema, "title") if own == title or own.endswith(f"__{title}") else schema


_ILLEGAL: Final = re.compile(r"[^A-Za-z0-9_.-]")
_ENDING: Final = re.compile(r"(?:__\d+)?(?:-Input|-Output)?$")


def _without(schema: Schema, key: str) -> Schema:
    return {name: value for name, value in schema.items() if name != key}


def narrowed(components: Components, schema: Schema, how: Any) -> Schema:
    """The schema of a response model of which only some fields are written; `how` is the route's Serialization."""
    if schema.get("type") == "array" and isinstance(schema.get("items"), dict):
        return {**schema, "items": narrowed(components, schema["items"], how)}
    found = components.written_out(schema)
    properties = found.get("properties")
    if properties is None:
        return schema
    kept = {name: value for name, value in properties.items() if _is_kept(name, how)}
    lenient = how.exclude_none or how.exclude_unset or how.exclude_defaults
    required = [
        name
        for name in found.get("required", ())
        if name in kept and not (lenient and _may_miss(kept[name], how))
    ]
    rest = {key: value for key, value in found.items() if key not in ("properties", "required", "title")}
    return {**rest, "properties": kept, **({"required": required} if required else {})}


def _is_kept(name: str, how: Any) -> bool:
    if how.include is not None and name not in how.include:
        return False
    excluded: Any = how.exclude or ()
    whole = not isinstance(excluded, MAPPING) or excluded.get(name) is True
    return not (name in excluded and whole)


def _may_miss(schema: Schema, how: Any) -> bool:
    nullable = _NULL in schema.get("anyOf", ()) or schema.get("type") == "null"
    has_default = "default" in schema
    return (
        how.exclude_none
        and nullable
        or how.exclude_defaults
        and (has_default or nullable)
        or how.exclude_unset
    )


_NULL: Final = {"type": "null"}
