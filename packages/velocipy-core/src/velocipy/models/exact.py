"""Results that an encoder may write as they are: whose models are of the very classes that were declared. Writes nothing.

A model is trusted to hold what it declares, so that inside of one only classes of models count: an instance of a subclass may
have more fields, which must not be sent. Outside of models every value is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from types import NoneType
from typing import Any, Final, get_args, get_origin

from velocipy.annotations import is_hashable, split_annotated, union_members
from velocipy.constraints import NO_LIMITS
from velocipy.models.base import Encode
from velocipy.models.containers import ARRAYS
from velocipy.models.leaves import TEXTS
from velocipy.models.shapes import Shape, has_gaps, holds
from velocipy.models.walk import CONTAINERS, PYTHON, Language, is_array, is_mapping, limits_of
from velocipy.untyped import DICT, TUPLE

Is = Callable[[Any], bool]

_SCALARS: Final = frozenset({str, int, float, bool, NoneType, *TEXTS})


def _anything(value: Any) -> bool:
    return True


def _never(value: Any) -> bool:
    return False


class OfClass:
    """Whether a value is of a class and nothing else must be looked at."""

    def __init__(self, cls: type) -> None:
        self.cls = cls

    def __call__(self, value: Any) -> bool:
        return type(value) is self.cls


def exact_encoders(
    annotation: Any, encode: Encode, other: Encode, language: Language = PYTHON
) -> dict[type, Encode]:
    """For each class that a result may have, the function that writes it: at once where its class says everything, after a
    look at what it holds otherwise; what does not pass goes to `other`."""
    exactness = Exactness(language)
    tests: dict[type, list[Is]] = {}
    for member in _members(annotation):
        test = exactness.of(member)
        if test is not _never and test is not _anything:
            for cls in _outer_classes(split_annotated(member)[0], language):
                tests.setdefault(cls, []).append(test)
    return {cls: _encoder(found, encode, other) for cls, found in tests.items()}


def _members(annotation: Any) -> Sequence[Any]:
    bare, extras = split_annotated(annotation)
    members = union_members(bare)
    return members if members and limits_of(extras) == NO_LIMITS else (annotation,)


def _outer_classes(bare: Any, language: Language) -> tuple[type, ...]:
    bare = NoneType if bare is None else bare
    if is_mapping(bare):
        return (dict,)
    if is_array(bare):
        return (CONTAINERS[get_origin(bare) or bare],)
    shape = language.describe(bare)
    cls = bare if shape is None else shape.cls
    return (cls,) if isinstance(cls, type) else ()


def _encoder(tests: Sequence[Is], encode: Encode, other: Encode) -> Encode:
    if any(isinstance(test, OfClass) for test in tests):
        return encode

    passes = tests[0] if len(tests) == 1 else _one_of(tests)

    def encode_exact(value: Any) -> bytes:
        return encode(value) if passes(value) else other(value)

    return encode_exact


class Exactness:
    """Types -> tests, each model once, since a model may hold itself."""

    def __init__(self, language: Language = PYTHON) -> None:
        self._language = language
        self._known: dict[Any, Is] = {}
        self._made: dict[tuple[Any, bool], Is] = {}
        self._open: set[tuple[Any, bool]] = set()

    def of(self, annotation: Any, inside: bool = False) -> Is:
        """The test of a type; `inside` a model, whose scalars are trusted."""
        bare, extras = split_annotated(annotation)
        if inside and not holds(bare, self._is_model, self._language.describe):
            return _anything
        if not inside and limits_of(extras) != NO_LIMITS:
            return _never
        if not is_hashable(bare):
            return self._unnamed(bare, inside)
        key = (bare, inside)
        if key in self._open and not isinstance(bare, type):  # an alias inside itself
            return lambda value: self._made[key](value)
        self._open.add(key)
        test = self._made[key] = self._unnamed(bare, inside)
        self._open.discard(key)
        return test

    def _unnamed(self, bare: Any, inside: bool) -> Is:
        members = union_members(bare)
        if members:
            return _one_of([self._member(member, inside) for member in members])
        shape = self._language.describe(bare)
        if shape is not None:
            return self._model(bare, shape)
        if is_array(bare) or is_mapping(bare):
            return self._container(bare, inside)
        return _scalar(bare)

    def _is_model(self, annotation: Any) -> bool:
        bare, _ = split_annotated(annotation)
        return self._language.describe(bare) is not None

    def _member(self, member: Any, inside: bool) -> Is:
        """The test of a member of a union: that a value is trusted says nothing about which member it is of.

        A dict may be one without fixed keys or a TypedDict, of which nothing else is sent: the writer finds out.
        """
        test = self.of(member, inside)
        if not inside or test is not _anything:
            return test
        bare, _ = split_annotated(member)
        if is_mapping(bare):
            return _never
        if is_array(bare):
            return _is_array_of_scalars
        return _is_plain if bare in (Any, object) else _is_scalar

    def _container(self, bare: Any, inside: bool) -> Is:
        args = get_args(bare)
        if is_mapping(bare):
            test = self.of(args[1], inside) if args else _anything
            keys = inside or not args or args[0] in (str, Any)
            return _mapping_of(test) if keys and test is not _never else _never
        if get_origin(bare) is tuple and args[-1:] != (Ellipsis,):
            return _fixed([self.of(arg, inside) for arg in args])
        return _array_of(
            CONTAINERS[get_origin(bare) or bare], self.of(args[0], inside) if args else _anything
        )

    def _model(self, bare: Any, shape: Shape) -> Is:
        if shape.is_dict:  # it may hold keys that were not declared
            return _never
        known = self._known.get(bare)
        if known is not None:
            return known
        test = self._known[bare] = ModelTest(shape.cls)
        if self._language.leaves_gaps and has_gaps(shape.cls):
            names = frozenset(field.name for field in shape.fields)
            test.own.append(_has_all(names))
        for field in shape.fields:
            found = self.of(field.annotation, True)
            if found is not _anything:
                test.fields.append((field.name, found))
        known = self._known[bare] = test if test.fields or test.own else OfClass(shape.cls)
        return known


class ModelTest:
    """Whether a value is of a class, and the models in its fields of theirs."""

    def __init__(self, cls: type) -> None:
        self.cls = cls
        self.own: list[Is] = []
        self.fields: list[tuple[str, Is]] = []

    def __call__(self, value: Any) -> bool:
        return (
            type(value) is self.cls
            and all(test(value) for test in self.own)
            and all(test(getattr(value, name)) for name, test in self.fields)
        )


def _scalar(bare: Any) -> Is:
    if bare is None or (is_hashable(bare) and bare in _SCALARS):
        return OfClass(bare or NoneType)
    if isinstance(bare, type) and issubclass(bare, Enum):
        return OfClass(bare)
    return _anything if bare in (Any, object) else _never


def _has_all(names: frozenset[str]) -> Is:
    def test(value: Any) -> bool:
        has_all: bool = names <= value.__dict__.keys()
        return has_all

    return test


def _is_scalar(value: Any) -> bool:
    return type(value) in _SCALARS or isinstance(value, Enum)


def _is_array_of_scalars(value: Any) -> bool:
    return type(value) in ARRAYS and {*map(type, value)} <= _SCALARS


def _is_plain(value: Any) -> bool:
    """A scalar, or a container of scalars."""
    is_dict = type(value) is DICT and {*map(type, value.values())} <= _SCALARS
    return is_dict or _is_scalar(value) or _is_array_of_scalars(value)


def _one_of(tests: Sequence[Is]) -> Is:
    return lambda value: any(test(value) for test in tests)


def _array_of(cls: Any, item: Is) -> Is:
    if item is _never:
        return _never
    if isinstance(item, OfClass):
        only = {item.cls}
        return lambda value: type(value) is cls and set(map(type, value)) <= only
    return lambda value: type(value) is cls and all(map(item, value))


def _fixed(items: Sequence[Is]) -> Is:
    def test(value: Any) -> bool:
        return (
            type(value) is TUPLE
            and len(value) == len(items)
            and all(item(entry) for item, entry in zip(items, value, strict=True))
        )

    return test


def _mapping_of(item: Is) -> Is:
    if isinstance(item, OfClass):
        return _mapping_of_class(item.cls)

    def test(value: Any) -> bool:
        return type(value) is DICT and {*map(type, value)} <= _TEXT and all(map(item, value.values()))

    return test


def _mapping_of_class(cls: type) -> Is:
    """What most results are: small dicts of one kind of value, for which one loop is the quickest."""

    def test(value: Any) -> bool:
        if type(value) is not DICT:
            return False
        for key, entry in value.items():
            if type(key) is not str or type(entry) is not cls:
                return False
        return True

    return test


_TEXT: Final = {str}
