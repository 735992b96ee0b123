"""msgspec's Structs: from bytes and to bytes in one step, and every error of a body at once. The one module of models/ with msgspec.

msgspec stops at the first error. A body that it refuses is decoded to plain values and walked by the types of its Structs; only
what the walk lets pass is told in msgspec's own words.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING
from datetime import date
from enum import Enum
from types import MappingProxyType, NoneType
from typing import Any, Final, Literal, get_args, get_origin
from uuid import UUID

import msgspec

from velocipy.annotations import is_alias, is_hashable, split_annotated, type_name, union_members
from velocipy.constraints import NO_LIMITS, Constraints, foreign_constraints
from velocipy.exceptions import BadRequest, ConfigurationError, ErrorItem
from velocipy.json.base import decode_body, encode_extra
from velocipy.json.depth import is_too_deep
from velocipy.json.msgspec import MsgspecJSON
from velocipy.models.base import (
    AS_IT_IS,
    BODY,
    Decode,
    Dumper,
    FindEncoder,
    ModelBackend,
    ModelField,
    Serialization,
    Validate,
    fitting,
)
from velocipy.models.bodies import is_utf8, may_be_read_otherwise
from velocipy.models.dataclass import refuse_unset
from velocipy.models.exact import exact_encoders
from velocipy.models.leaves import TEXTS, Text, reason_of
from velocipy.models.shapes import (
    Field,
    Shape,
    describe,
    fields_of,
    has_gaps,
    holds,
    holds_itself,
    known_again,
    named_fields_of,
)
from velocipy.models.walk import Compiler, Language, is_array, is_mapping, limits_of, walker_of
from velocipy.models.write import Writing
from velocipy.validation import MAX_ERRORS, Place, invalid, missing, unknown


def describe_struct(annotation: Any) -> Shape | None:
    """The shape of a Struct, or of what else has one."""
    cls = get_origin(annotation) or annotation
    if not (isinstance(cls, type) and issubclass(cls, msgspec.Struct)):
        return describe(annotation)
    config = cls.__struct_config__
    shape = Shape(
        cls,
        tuple(map(_field, _fields(annotation))),
        lambda values: cls(**values),
        in_array=config.array_like,
        closed=config.forbid_unknown_fields,
        tag=None if config.tag_field is None or config.tag is None else (config.tag_field, config.tag),
        omits_defaults=config.omit_defaults,
    )
    return known_again(annotation, shape)


def _fields(annotation: Any) -> tuple[msgspec.structs.FieldInfo, ...]:
    try:
        return msgspec.structs.fields(annotation)
    except (NameError, TypeError) as exc:
        raise ConfigurationError(
            f"the fields of {type_name(annotation)} cannot be read: {exc}; the types of a Struct must be importable names of its module"
        ) from None


def _field(info: msgspec.structs.FieldInfo) -> Field:
    default = MISSING if info.default is msgspec.NODEFAULT else info.default
    factory = None if info.default_factory is msgspec.NODEFAULT else info.default_factory
    return Field(info.name, info.encode_name, info.type, info.required, default, factory)


def _text(cls: type[Any]) -> Text:
    """A class that JSON writes as text, read as msgspec reads it, with our reason where it refuses."""
    ours = TEXTS[cls]
    reason = reason_of(ours)

    def parse(text: str) -> Any:
        try:
            return msgspec.convert(text, cls)
        except msgspec.ValidationError:
            raise ValueError(reason) from None

    return Text(parse, ours.kind)


def _meta_limits(extras: tuple[Any, ...]) -> Constraints:
    return foreign_constraints(extra for extra in extras if isinstance(extra, msgspec.Meta))


def _refuse_other_bounds(annotation: Any) -> bool:
    """msgspec holds values against its own Meta alone, so that a bound of another library is a mistake and not a wish."""
    _, extras = split_annotated(annotation)
    others = foreign_constraints(extra for extra in extras if not isinstance(extra, msgspec.Meta))
    if others != NO_LIMITS:
        bounds = ", ".join(f"{name}={getattr(others, name)!r}" for name in others.names)
        raise ConfigurationError(
            f"msgspec does not hold a Struct's field to {bounds}: write Annotated[..., msgspec.Meta({bounds})]"
        )
    return False


STRUCTS: Final = Language(
    describe_struct,
    MappingProxyType({cls: _text(cls) for cls in TEXTS}),
    lenient=True,
    leaves_gaps=True,
    left_out=frozenset({msgspec.UnsetType}),
    limits_of=_meta_limits,
)
"""msgspec's types; what is not known here, msgspec checks alone."""

_PLAIN: Final = MsgspecJSON()


class MsgspecBackend(ModelBackend):
    """msgspec.Struct, and what holds one."""

    name = "msgspec"

    def matches(self, annotation: Any) -> bool:
        """A Struct class, parametrised or not, and any type that is made of one."""
        return holds(annotation, _is_struct, describe_struct)

    def validator(self, annotation: Any) -> Validate:
        """Values of JSON or of the types themselves, Structs, or objects with a Struct's fields as attributes."""
        _decoder(annotation)  # a type that msgspec cannot decode is an error now, not at the first request
        explain = _explainer(annotation)

        def validate(value: Any, errors: list[ErrorItem], place: Place) -> Any:
            try:
                return msgspec.convert(value, annotation, from_attributes=True, str_keys=True)
            except msgspec.ValidationError as exc:
                return explain(exc, value, errors, place)
            except RecursionError:
                errors.append(invalid(place, "nested too deeply", "recursion_error"))
                return None

        return validate

    def decoder(self, annotation: Any, find_encoder: FindEncoder) -> Decode:
        """A decoder bound to the type, which msgspec decodes into faster than into plain dicts."""
        decode_struct = _decoder(annotation)
        explain = _explainer(annotation)
        deep = holds_itself(annotation, describe_struct)

        def decode(body: bytes, errors: list[ErrorItem]) -> Any:
            if deep and is_too_deep(body):
                raise BadRequest("Invalid JSON body")
            try:
                value = decode_struct(body)
            except msgspec.ValidationError as exc:
                return decode_again(body, exc, errors)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                raise BadRequest("Invalid JSON body") from None
            if not (body.isascii() or is_utf8(body)):  # 45 ns less than to call
                raise BadRequest("Invalid JSON body")
            return value

        def decode_again(body: bytes, exc: msgspec.ValidationError, errors: list[ErrorItem]) -> Any:
            known = len(errors)
            plain = decode_body(body, _PLAIN)  # ty: ignore[invalid-argument-type]
            try:
                explain(exc, plain, errors, BODY, only_all=True)
                if len(errors) > known:
                    return None
                return msgspec.convert(
                    plain, annotation, str_keys=True
                )  # of two equal keys the last one counts
            except msgspec.ValidationError as again:
                errors.append(_entry(again, BODY))
                return None
            except RecursionError:
                raise BadRequest("Invalid JSON body") from None

        return decode

    def plain(self, annotation: Any, how: Serialization) -> Callable[[Any], Any]:
        """Structs as dicts, or lists with `array_like`, with their tag and their declared fields."""
        refuse_unset(self, how)
        if how.by_alias is False:
            raise ConfigurationError(
                "by_alias=False: the names on the wire are part of a Struct of the msgspec backend; "
                "leave out `rename`, or answer with another Struct"
            )
        return Writing(STRUCTS, how, msgspec.UNSET).of(annotation)

    def dumper(self, annotation: Any, find_encoder: FindEncoder, how: Serialization = AS_IT_IS) -> Dumper:
        """Instances of the very classes straight to bytes by msgspec; the rest is validated and filtered."""
        validate, plain = self.validator(annotation), self.plain(annotation, how)
        encode = msgspec.json.Encoder(enc_hook=encode_extra).encode

        def filter_and_encode(result: Any) -> bytes:
            return encode(plain(result))

        straight = encode if how == AS_IT_IS else filter_and_encode
        valid = exact_encoders(annotation, straight, filter_and_encode, STRUCTS)

        def dump(result: Any) -> bytes:
            value: object = fitting(result, validate, annotation)
            return valid.get(type(value), filter_and_encode)(value)

        return Dumper(dump, lambda: exact_encoders(annotation, straight, dump, STRUCTS))

    def fields(self, annotation: Any) -> Sequence[ModelField] | None:
        """The fields of a Struct, under the names of the wire."""
        return fields_of(self.describe(annotation))

    def named_fields(self, annotation: Any) -> Mapping[str, Any] | None:
        """The declared fields; None for what has no shape."""
        return named_fields_of(self.describe(annotation))

    def describe(self, annotation: Any) -> Shape | None:
        """The shape of a Struct, or of a dataclass, TypedDict or NamedTuple that holds one."""
        return describe_struct(split_annotated(annotation)[0])

    def forbids_unknown(self, annotation: Any) -> bool:
        """Whether the Struct was declared with `forbid_unknown_fields`."""
        bare, _ = split_annotated(annotation)
        config = getattr(get_origin(bare) or bare, "__struct_config__", None)
        return config is not None and bool(config.forbid_unknown_fields)


def _is_struct(annotation: Any) -> bool:
    bare, _ = split_annotated(annotation)
    cls = get_origin(bare) or bare
    return isinstance(cls, type) and issubclass(cls, msgspec.Struct)


def _decoder(annotation: Any) -> Callable[[bytes], Any]:
    bare, _ = split_annotated(annotation)
    # What is around a list of Structs, the binding holds.
    holds(annotation if _is_struct(bare) else bare, _refuse_other_bounds, describe_struct)
    try:
        return msgspec.json.Decoder(annotation).decode
    except (TypeError, NameError, RecursionError) as exc:
        advice = (
            "; it reads no alias that holds itself: make the alias a Struct, or the Struct a dataclass"
            if holds(annotation, _is_recursive, describe_struct)
            else ""
        )
        raise ConfigurationError(f"msgspec cannot decode {type_name(annotation)}: {exc}{advice}") from None


def _is_recursive(annotation: Any) -> bool:
    return is_alias(annotation) and holds_itself(annotation, describe_struct)


Explain = Callable[..., Any]


def _explainer(annotation: Any) -> Explain:
    """A function that notes everything that is wrong with a value that msgspec refused."""

    @functools.cache
    def find_walk() -> Validate:
        return walker_of(Compiler(STRUCTS).node(annotation))  # compiled once somebody sends nonsense

    def explain(
        exc: msgspec.ValidationError,
        value: Any,
        errors: list[ErrorItem],
        place: Place,
        only_all: bool = False,
    ) -> None:
        known = len(errors)
        find_walk()(value, errors, place)
        if len(errors) == known < MAX_ERRORS and not only_all:
            errors.append(_entry(exc, place))

    return explain


_AT = re.compile(r"(?P<text>.*) - at (?P<key>`key` in )?`\$(?P<path>[^`]*)`$", re.DOTALL)
_STEP = re.compile(r"\.(?P<key>[^.\[]+)|\[(?P<index>\d+)\]|\[(?P<any>\.\.\.)\]")
_FIELD = re.compile(r"Object (?P<what>missing required|contains unknown) field `(?P<name>.*)`", re.DOTALL)
_ECHO = re.compile(r"Invalid (?:enum )?value .*", re.DOTALL)


def _entry(exc: msgspec.ValidationError, place: Place) -> ErrorItem:
    """msgspec's "Expected `int`, got `str` - at `$.items[0].price`" as an entry of a 422.

    Which key of a dict it was is not told: a value stands at "...", a key at "[key]".
    """
    message = str(exc)
    found = _AT.match(message)
    text, path = (found["text"], found["path"]) if found else (message, "")
    for step in _STEP.finditer(path):
        place = (*place, int(step["index"]) if step["index"] else step["key"] or step["any"])
    if found and found["key"]:
        place = (*place, "[key]")
    field = _FIELD.fullmatch(text)
    if field:
        inside = (*place, field["name"])
        return missing(inside) if field["what"].startswith("missing") else unknown(inside)
    reason = (
        "not an allowed value" if _ECHO.fullmatch(text) else text[:1].lower() + text[1:].replace("`", "'")
    )
    return invalid(place, reason, "type_error" if reason.startswith("expected") else "value_error")


def quick_decoder(annotation: Any, otherwise: Decode) -> Decode:
    """A decoder by msgspec for types of Python's own that it reads as `otherwise` does, which gets every body that fails.

    `otherwise` itself for all other types: msgspec rounds fractions of seconds, takes "NaN" as a Decimal, knows no bounds but its
    own, sets the fields of a dataclass without calling it, and leaves out those that have a default.
    """
    if holds(annotation, lambda member: not _is_read_alike(member)):
        return otherwise
    try:
        decode_typed = msgspec.json.Decoder(annotation).decode
    except (TypeError, RecursionError):  # a union that it cannot choose from, an alias that holds itself
        return otherwise

    deep = holds_itself(annotation)

    def decode(body: bytes, errors: list[ErrorItem]) -> Any:
        if may_be_read_otherwise(body) or not is_utf8(body) or (deep and is_too_deep(body)):
            return otherwise(body, errors)
        try:
            return decode_typed(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return otherwise(body, errors)

    return decode


_ALIKE: Final = frozenset({str, int, float, bool, NoneType, UUID, date, Any})


def _is_read_alike(annotation: Any) -> bool:
    bare, extras = split_annotated(annotation)
    if limits_of(extras) != NO_LIMITS or not is_hashable(bare):
        return False
    if bare is None or bare in _ALIKE or union_members(bare) or is_array(bare):
        return True
    if is_mapping(bare):
        return get_args(bare)[:1] in ((), (str,), (Any,))
    origin = get_origin(bare) or bare
    if origin is Literal:
        return all(type(value) in (str, int) for value in get_args(bare))
    if isinstance(origin, type) and issubclass(origin, Enum):
        kinds: set[type] = {type(member.value) for member in origin}
        return kinds in ({str}, {int}) and not any(
            "_missing_" in vars(base) for base in origin.__mro__[:-1] if base is not Enum
        )
    shape = describe(bare)
    return shape is not None and (shape.is_dict or shape.in_array or _is_made_by_its_fields(shape.cls))


def _is_made_by_its_fields(cls: type) -> bool:
    """Whether a dataclass has the `__init__` that `dataclasses` wrote, and nothing that would see its fields being set."""
    own = vars(cls)
    return (
        "__dataclass_params__" in own
        and own["__dataclass_params__"].init
        and not has_gaps(cls)
        and not any("__new__" in vars(base) for base in cls.__mro__[:-1])
        and (
            not any("__setattr__" in vars(base) for base in cls.__mro__[:-1])
            or own["__dataclass_params__"].frozen
        )
        and type(cls) is type
    )
