"""Models as what a JSON encoder can write: declared fields alone, under their wire names. Checks nothing; knows no encoder.

    Writing(PYTHON, Serialization(exclude_none=True)).of(list[Item])([SubItem(...), ...]) -> [{"name": "a"}, ...]

What holds no model is written as it is: encoders know scalars and containers themselves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple, get_args, get_origin

from velocipy.annotations import is_hashable, split_annotated, union_members
from velocipy.models.base import AS_IT_IS, Serialization
from velocipy.models.containers import ARRAYS
from velocipy.models.shapes import Field, Shape, holds
from velocipy.models.walk import PYTHON, Language, is_array, is_mapping
from velocipy.untyped import MAPPING

Write = Callable[[Any], Any]

EVERY_ITEM: Final = "__all__"
"""In `include` and `exclude`, what holds for each item of an array or object; names of fields may stand there directly."""


def as_it_is(value: Any) -> Any:
    """The writer of what encoders know themselves."""
    return value


class Filter(NamedTuple):
    """The fields that are written of one model: `include` and `exclude` as the user gave them, at its depth."""

    include: Any = None
    exclude: Any = None

    def lets_pass(self, name: str) -> bool:
        """Whether a field is written, wholly or in part."""
        wanted = self.include is None or (name in self.include and _under(self.include, name) is not False)
        unwanted = (
            self.exclude is not None
            and name in self.exclude
            and _under(self.exclude, name) in (True, Ellipsis)
        )
        return wanted and not unwanted

    def below(self, name: str) -> Filter:
        """The filter of what stands in a field."""
        return Filter(_deeper(self.include, name), _deeper(self.exclude, name))

    def of_items(self) -> Filter:
        """The filter of the items of an array or object."""
        return Filter(_for_items(self.include), _for_items(self.exclude))


def _under(names: Any, name: str) -> Any:
    return names[name] if isinstance(names, MAPPING) else True


def _deeper(names: Any, name: str) -> Any:
    found = names.get(name) if isinstance(names, MAPPING) else None
    return None if found is None or found is Ellipsis or isinstance(found, bool) else found


def _for_items(names: Any) -> Any:
    return _deeper(names, EVERY_ITEM) if isinstance(names, MAPPING) and EVERY_ITEM in names else names


class Writing:
    """Types -> writers, for one backend's types and one way to write them. `absent` is the value of fields that are left out."""

    def __init__(
        self, language: Language = PYTHON, how: Serialization = AS_IT_IS, absent: object = dataclasses.MISSING
    ) -> None:
        self._language = language
        self._how = how
        self._absent = absent
        self._known: dict[Any, ModelWriter] = {}
        self._open: list[tuple[Any, Filter, list[Write]]] = []

    def of(self, annotation: Any) -> Write:
        """The writer of a type."""
        return self._of(annotation, Filter(self._how.include, self._how.exclude))

    def _of(self, annotation: Any, which: Filter) -> Write:
        bare, _ = split_annotated(annotation)
        if not holds(bare, lambda member: self._shape(member) is not None, self._language.describe):
            return as_it_is
        shape = self._shape(bare)
        if shape is not None:
            return self._model(bare, shape, which)
        for other, filter, found in self._open:
            if other == bare and filter == which:  # an alias inside itself
                return lambda value: found[0](value)
        made: list[Write] = []
        self._open.append((bare, which, made))
        made.append(self._container(bare, which))
        self._open.pop()
        return made[0]

    def _container(self, bare: Any, which: Filter) -> Write:
        members = union_members(bare)
        if members:
            return self._union(members, which)
        args = get_args(bare)
        if is_mapping(bare):
            return _mapping(self._of(args[1], which.of_items()))
        if get_origin(bare) is tuple and args[-1:] != (Ellipsis,):
            return _fixed([self._of(arg, which.of_items()) for arg in args])
        return _array(self._of(args[0], which.of_items())) if is_array(bare) else as_it_is

    def _shape(self, annotation: Any) -> Shape | None:
        bare, _ = split_annotated(annotation)
        return self._language.describe(bare)

    def _model(self, annotation: Any, shape: Shape, which: Filter) -> ModelWriter:
        if which == Filter() and annotation in self._known:
            return self._known[annotation]
        writer = ModelWriter(shape, self._how, self._absent)
        if which == Filter():  # only what is not filtered is the same at every depth
            self._known[annotation] = writer
        for field in shape.fields:
            if shape.in_array or which.lets_pass(field.name):
                writer.add(field, self._of(field.annotation, which.below(field.name)))
        return writer

    def _union(self, members: Sequence[Any], which: Filter) -> Write:
        bare = [*_flat(members)]
        shapes = {member: self._shape(member) for member in bare if is_hashable(member)}
        models = {member: shape for member, shape in shapes.items() if shape is not None}
        by_class = {
            shape.cls: self._model(member, shape, which)
            for member, shape in models.items()
            if not shape.is_dict
        }
        dicts = [self._model(member, shape, which) for member, shape in models.items() if shape.is_dict]
        arrays = [member for member in bare if is_array(member)]
        mappings = [member for member in bare if is_mapping(member)]
        return _choosing(
            by_class,
            [*dicts, *(self._of(member, which) for member in mappings)],
            self._of(arrays[0], which) if len(arrays) == 1 else _array(self._items(arrays, which)),
        )

    def _items(self, arrays: Sequence[Any], which: Filter) -> Write:
        items = [arg for array in arrays for arg in get_args(array) if arg is not Ellipsis]
        return self._union(items, which.of_items()) if items else as_it_is


def _flat(members: Sequence[Any]) -> Iterator[Any]:
    """The members of a union and of the unions in it, without their Annotated."""
    for member in members:
        bare, _ = split_annotated(member)
        inner = union_members(bare)
        if inner:
            yield from _flat(inner)
        else:
            yield bare


class ModelWriter:
    """The writer of one model. Its fields are added after its making, since a model may hold itself."""

    def __init__(self, shape: Shape, how: Serialization, absent: object) -> None:
        self._shape = shape
        self._how = how
        self._absent = absent
        self._parts: list[tuple[Field, Write]] = []
        self._drops_defaults = how.exclude_defaults or shape.omits_defaults

    def add(self, field: Field, write: Write) -> None:
        """Write this field too."""
        self._parts.append((field, write))

    def suits(self, value: Mapping[str, Any]) -> int:
        """How many of a dict's keys are fields of this TypedDict; -1 if a required one is not there."""
        fields = self._shape.fields
        lacks = any(field.required and field.name not in value for field in fields)
        return -1 if lacks else sum(field.name in value for field in fields)

    def __call__(self, value: Any) -> Any:
        if self._shape.in_array:
            written = [write(getattr(value, field.name)) for field, write in self._parts]
            return [self._shape.tag[1], *written] if self._shape.tag else written
        found: dict[str, Any] = dict((self._shape.tag,)) if self._shape.tag else {}
        for field, write in self._parts:
            item = value.get(field.name, self._absent) if self._shape.is_dict else getattr(value, field.name)
            if item is self._absent or (item is None and self._how.exclude_none):
                continue
            if self._drops_defaults and _is_default(item, field):
                continue
            found[field.key] = None if item is None else write(item)  # `items: list[Item] = None`
        return found


def _is_default(value: Any, field: Field) -> bool:
    default = field.factory() if field.factory else field.default
    return value is default or (type(value) is type(default) and bool(value == default))


def _choosing(by_class: Mapping[type, Write], dicts: Sequence[Write], array: Write) -> Write:
    def write(value: Any) -> Any:
        result: object = value
        found = by_class.get(type(result))
        if found is None:
            found = next((writer for cls, writer in by_class.items() if isinstance(value, cls)), None)
        if found is not None:
            return found(value)
        if isinstance(value, MAPPING):
            return _dict_writer(dicts, value)(value)
        return array(value) if isinstance(value, ARRAYS) else value

    return write


def _dict_writer(dicts: Sequence[Write], value: Mapping[str, Any]) -> Write:
    """Of several TypedDicts the one with most of the keys; a dict without fixed keys is what is left."""
    suiting = [writer for writer in dicts if not isinstance(writer, ModelWriter) or writer.suits(value) >= 0]
    if not suiting:
        return dicts[0] if dicts else as_it_is
    return max(suiting, key=lambda writer: writer.suits(value) if isinstance(writer, ModelWriter) else -1)


def _mapping(item: Write) -> Write:
    return lambda value: {key: item(entry) for key, entry in value.items()}


def _array(item: Write) -> Write:
    return lambda value: [item(entry) for entry in value]


def _fixed(items: Sequence[Write]) -> Write:
    return lambda value: [item(entry) for item, entry in zip(items, value, strict=True)]
