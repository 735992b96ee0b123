"""What a model is made of, whichever library it is of: its fields, their types and how it is built. Checks and writes nothing.

    Shape(Item, "Item", (Field("name", "name", str, True), ...), make=Item)

Dataclasses, TypedDicts and NamedTuples are described here; a backend describes those of its library the same way, and then shares
the walk over values (`walk`) and the writing of them (`write`).
"""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import (
    Annotated,
    Any,
    Final,
    Generic,
    NamedTuple,
    NotRequired,
    Required,
    TypeVar,
    get_args,
    get_origin,
)

from velocipy.annotations import (
    is_alias,
    is_hashable,
    read_hints,
    split_annotated,
    type_name,
    union_members,
)
from velocipy.exceptions import ConfigurationError
from velocipy.models.base import ModelField
from velocipy.untyped import DICT, TUPLE


class Field(NamedTuple):
    """One field: what the class calls it, what the wire calls it, and what stands in it."""

    name: str
    key: str
    annotation: Any
    """With its Annotated, and with the arguments of a generic filled in."""
    required: bool
    default: Any = dataclasses.MISSING
    factory: Callable[[], Any] | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Shape:
    """A model as its backend knows it. `make` takes the values by name and fills in defaults."""

    cls: type
    fields: tuple[Field, ...]
    make: Callable[[dict[str, Any]], Any]
    in_array: bool = False
    """On the wire it is an array, in the order of its fields."""
    is_dict: bool = False
    """Its instances are dicts, so no class tells whether a value is one."""
    closed: bool = False
    """Keys that it does not know are errors; otherwise they are ignored."""
    tag: tuple[str, str | int] | None = None
    """The key and value by which a union knows it."""
    omits_defaults: bool = False


MAX_ALIASES: Final = 200
"""Aliases with parameters that one type may be made of: `type L[T] = list[L[list[T]]]` is made of ever more."""

Describe = Callable[[Any], Shape | None]
"""A type without its Annotated -> its shape, or None for what is no model."""

_QUALIFIERS: Final = frozenset({"Required", "NotRequired", "ReadOnly"})


def describe(annotation: Any) -> Shape | None:
    """The shape of a dataclass, TypedDict or NamedTuple, also of a generic one with its arguments.

    Raises ConfigurationError for fields that no request can fill, names that cannot be found, and arguments without a hash.
    """
    cls = get_origin(annotation) or annotation
    if not isinstance(cls, type):
        return None
    return _describe_class(cls) if cls is annotation else known_again(annotation, _describe(cls, annotation))


def known_again(annotation: Any, shape: Shape | None) -> Shape | None:
    """That shape. Raises ConfigurationError for a model without a hash, which would not be known where it holds itself."""
    if shape is not None and not is_hashable(annotation):
        raise ConfigurationError(
            f"{type_name(annotation)} has no hash, since what stands in an Annotated of it has none: write a tuple for a list"
        )
    return shape


@functools.lru_cache(maxsize=4_096)
def _describe_class(cls: type) -> Shape | None:
    """Remembered: to evaluate the annotations of a class takes 40 us, and a route asks a dozen times."""
    return _describe(cls, cls)


def _describe(cls: type[Any], annotation: Any) -> Shape | None:
    if is_typed_dict(cls):
        return _typed_dict(cls, annotation)
    if is_named_tuple(cls):
        return _named_tuple(cls, annotation)
    # A pydantic dataclass is a dataclass too, but checks by itself.
    own = dataclasses.is_dataclass(cls) and not hasattr(cls, "__pydantic_validator__")
    return _dataclass(cls, annotation) if own else None


def is_typed_dict(cls: Any) -> bool:
    """Whether a class is a TypedDict of typing or typing_extensions."""
    return isinstance(cls, type) and issubclass(cls, DICT) and hasattr(cls, "__required_keys__")


def is_named_tuple(cls: Any) -> bool:
    """Whether a class is a NamedTuple, typed or not."""
    return isinstance(cls, type) and issubclass(cls, TUPLE) and hasattr(cls, "_fields")


def members_of(annotation: Any, describe: Describe) -> Iterator[Any]:
    """The types that a type is made of, one level down: `list[Item]` -> Item; a model -> the types of its fields."""
    annotation, _ = split_annotated(annotation)
    shape = describe(annotation)
    if shape is not None:
        yield from (field.annotation for field in shape.fields)
    elif get_origin(annotation) is not typing.Literal:
        members = union_members(annotation) or get_args(annotation)
        yield from (member for member in members if member is not Ellipsis)


def holds(annotation: Any, is_meant: Callable[[Any], bool], describe: Describe = describe) -> bool:
    """Whether a type or one that it is made of, at any depth and with its Annotated, is meant.

    Models that cannot be read are not looked into. Raises ConfigurationError for an alias that grows without end.
    """
    waiting = [annotation]
    seen: set[Any] = set()
    aliases = 0
    while waiting:
        member = waiting.pop()
        if is_hashable(member):  # models are, so what holds itself is seen
            if member in seen:
                continue
            seen.add(member)
        if get_args(member) and is_alias(member):
            aliases += 1
            if aliases > MAX_ALIASES:
                raise ConfigurationError(
                    f"{annotation!r} has no end: an alias in it holds itself with ever other parameters"
                )
        if is_meant(member):
            return True
        try:
            waiting += members_of(member, describe)
        except ConfigurationError:
            continue
    return False


def holds_itself(annotation: Any, describe: Describe = describe) -> bool:
    """Whether a type is made of itself, or of one that is, so that its values can be nested to any depth.

    Raises ConfigurationError for models that cannot be read.
    """
    around: set[Any] = set()
    done: set[Any] = set()

    def visit(member: Any) -> bool:
        bare, _ = split_annotated(member)
        if not is_hashable(bare):
            return any(map(visit, members_of(bare, describe)))
        if bare in around or bare in done:
            return bare in around
        around.add(bare)
        found = any(map(visit, members_of(bare, describe)))
        around.discard(bare)
        done.add(bare)
        return found

    return visit(annotation)


def hints_of(cls: type, annotation: Any) -> dict[str, Any]:
    """The types of a class's fields; those of a generic class with the arguments that `annotation` gives it.

    Raises ConfigurationError for a name that is not found, which `from __future__ import annotations` finds out late.
    """
    try:
        hints = read_hints(cls)
    except (NameError, AttributeError, TypeError, SyntaxError) as exc:
        raise ConfigurationError(
            f"the fields of {cls.__module__}.{cls.__qualname__} cannot be read: {exc}; the types of a model must be "
            f"importable names of its module, not of a function or an `if TYPE_CHECKING`"
        ) from None
    arguments = _arguments(cls, get_args(annotation))
    owners = {
        name: owner for owner in reversed(cls.__mro__) for name in owner.__dict__.get("__annotations__", ())
    }
    return {name: _filled(hint, arguments.get(owners.get(name, cls), {})) for name, hint in hints.items()}


def _arguments(cls: type, given: tuple[Any, ...]) -> dict[type, dict[Any, Any]]:
    """Each class that a generic one is made of -> what its type variables stand for: `class Ints(Page[int])` -> Page: T is int."""
    own = dict(zip(getattr(cls, "__parameters__", ()), given, strict=False))
    found = {cls: own}
    for base in cls.__dict__.get("__orig_bases__", ()):
        origin = get_origin(base)
        if isinstance(origin, type) and origin not in (Generic, typing.Protocol):
            found |= _arguments(origin, tuple(_filled(argument, own) for argument in get_args(base)))
    for base in cls.__bases__:
        if base not in found and hasattr(base, "__parameters__"):
            found |= _arguments(base, ())
    return found


def _filled(hint: Any, arguments: Mapping[Any, Any]) -> Any:
    """A type with its type variables replaced; one that nothing is known of is its bound, or anything."""
    if isinstance(hint, TypeVar):
        return arguments.get(hint, _any_of(hint))
    variables = (
        () if isinstance(hint, type) and get_origin(hint) is None else getattr(hint, "__parameters__", ())
    )
    if not variables:
        return hint
    generic: Any = hint
    return generic[tuple(_filled(variable, arguments) for variable in variables)]


def _any_of(variable: TypeVar) -> Any:
    """What a type variable without an argument may be."""
    among = variable.__constraints__
    return typing.Union[among] if among else variable.__bound__ or Any  # noqa: UP007  # of a tuple


def _dataclass(cls: type, annotation: Any) -> Shape:
    hints = hints_of(cls, annotation)
    for name, hint in hints.items():
        if isinstance(hint, dataclasses.InitVar):
            raise ConfigurationError(
                f"{cls.__qualname__}.{name} is an InitVar, which no result has: make it a field, or take {name} as a "
                f"parameter of its own"
            )
    fields = dataclasses.fields(cls)  # ty: ignore[invalid-argument-type]
    for field in fields:
        if not field.init:
            raise ConfigurationError(
                f"{cls.__qualname__}.{field.name} has init=False, so no request can fill it: make it a property, or "
                f"leave it to a class of its own"
            )
    return Shape(cls, tuple(_dataclass_field(field, hints) for field in fields), lambda values: cls(**values))


def _dataclass_field(field: dataclasses.Field[Any], hints: Mapping[str, Any]) -> Field:
    factory = None if field.default_factory is dataclasses.MISSING else field.default_factory
    required = factory is None and field.default is dataclasses.MISSING
    return Field(field.name, field.name, hints[field.name], required, field.default, factory)


def _typed_dict(cls: type, annotation: Any) -> Shape:
    always: frozenset[str] = cls.__required_keys__  # type: ignore[attr-defined]  # TypedDict has no type of its own  # ty: ignore[missing-attribute]
    fields: list[Field] = []
    for name, hint in hints_of(cls, annotation).items():
        hint, required = _without_qualifiers(hint, name in always)
        fields.append(Field(name, name, hint, required))
    return Shape(cls, tuple(fields), lambda values: values, is_dict=True)


def _without_qualifiers(hint: Any, required: bool) -> tuple[Any, bool]:
    """`Required[Annotated[int, x]]` -> (Annotated[int, x], True). Under `from __future__ import annotations` the class
    itself does not know which keys are required."""
    origin = get_origin(hint)
    if getattr(origin, "_name", None) in _QUALIFIERS:
        required = origin is Required or (required and origin is not NotRequired)
        return _without_qualifiers(get_args(hint)[0], required)
    if origin is Annotated:
        inner, *extras = get_args(hint)
        inner, required = _without_qualifiers(inner, required)
        return Annotated[(inner, *extras)], required
    return hint, required


def _named_tuple(cls: Any, annotation: Any) -> Shape:
    hints, defaults = hints_of(cls, annotation), cls._field_defaults
    fields = tuple(
        Field(name, name, hints.get(name, Any), name not in defaults, defaults.get(name, dataclasses.MISSING))
        for name in cls._fields
    )
    return Shape(cls, fields, lambda values: cls(**values), in_array=True)


def has_gaps(cls: type) -> bool:
    """Whether msgspec leaves attributes of a dataclass unset: those that have a default, since the class has it too.

    msgspec's encoder then leaves them out.
    """
    has_dict = getattr(cls, "__dictoffset__", 0) != 0
    return (
        dataclasses.is_dataclass(cls)
        and has_dict
        and any(field.default is not dataclasses.MISSING for field in dataclasses.fields(cls))
    )


def fields_of(shape: Shape | None) -> tuple[ModelField, ...] | None:
    """The fields of a shape as a backend tells them."""
    if shape is None:
        return None
    return tuple(
        ModelField(
            field.name,
            field.key,
            field.annotation,
            field.required,
            None if field.default is dataclasses.MISSING else field.default,
        )
        for field in shape.fields
    )


def named_fields_of(shape: Shape | None) -> dict[str, Any] | None:
    """The names of a shape's fields, each with its type, for `include` and `exclude`."""
    return None if shape is None else {field.name: field.annotation for field in shape.fields}
