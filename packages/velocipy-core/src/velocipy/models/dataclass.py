"""Dataclasses, TypedDicts, NamedTuples and what is made of Python's own types. The backend that is asked last; imports no library.

Where bodies are decoded by msgspec anyway, it makes the models of types that it reads as this backend does; every other body,
and every one with an error, is decoded to plain values and walked.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from velocipy.annotations import split_annotated
from velocipy.exceptions import BadRequest, ConfigurationError, ErrorItem
from velocipy.json.base import decode_body
from velocipy.json.depth import is_too_deep
from velocipy.models.base import (
    AS_IT_IS,
    BODY,
    Decode,
    Dumper,
    Encode,
    FindEncoder,
    ModelBackend,
    ModelField,
    Serialization,
    Validate,
    fitting,
)
from velocipy.models.exact import exact_encoders
from velocipy.models.shapes import Shape, describe, fields_of, holds, holds_itself, named_fields_of
from velocipy.models.walk import Compiler, is_known, validator_of, walker_of
from velocipy.models.write import Writing

_RAW = (dict, list, Any, object)
_OCTETS = (bytes, bytearray, memoryview)


class DataclassBackend(ModelBackend):
    """Python's own types, strictly as JSON has them: no text becomes a number.

    A NamedTuple is an array. A Decimal is read from text, which keeps all digits, and from numbers, which have passed through a
    float if they have a fraction.
    """

    name = "dataclass"

    def matches(self, annotation: Any) -> bool:
        """Scalars, containers, dataclasses, TypedDicts, NamedTuples, and nothing that holds a type of another library.

        Bare `dict` and `list`, `Any` and `object` are not: such a body is JSON as it comes. Nor are bytes alone, which as a body
        or result are octets; inside of a model they are base64.
        """
        bare, _ = split_annotated(annotation)
        if bare in _RAW or bare in _OCTETS:
            return False
        return not holds(bare, lambda member: not is_known(member))

    def validator(self, annotation: Any) -> Validate:
        """Values of JSON, or of the types themselves, or objects with a dataclass's fields as attributes."""
        return validator_of(Compiler().node(annotation))

    def plain(self, annotation: Any, how: Serialization) -> Callable[[Any], Any]:
        """Models as dicts with their declared fields; a NamedTuple as a list."""
        refuse_unset(self, how)
        return Writing(how=how).of(annotation)

    def decoder(self, annotation: Any, find_encoder: FindEncoder) -> Decode:
        """Plain values by the app's encoder, walked; or straight from bytes by msgspec."""
        walk = walker_of(Compiler().node(annotation))
        encoder = functools.cache(find_encoder)
        deep = holds_itself(annotation)

        def decode_slowly(body: bytes, errors: list[ErrorItem]) -> Any:
            if deep and is_too_deep(body):
                raise BadRequest("Invalid JSON body")
            try:
                return walk(decode_body(body, encoder()), errors, BODY)
            except RecursionError:
                raise BadRequest("Invalid JSON body") from None

        @functools.cache
        def find_decoder() -> Decode:
            if encoder().name != "msgspec":
                return decode_slowly
            from velocipy.models.msgspec import quick_decoder

            return quick_decoder(annotation, decode_slowly)

        def decode(body: bytes, errors: list[ErrorItem]) -> Any:
            return find_decoder()(body, errors)

        return decode

    def dumper(self, annotation: Any, find_encoder: FindEncoder, how: Serialization = AS_IT_IS) -> Dumper:
        """Instances of the very classes straight to the encoder, which knows dataclasses; the rest is validated and filtered."""
        validate, plain = self.validator(annotation), self.plain(annotation, how)
        encoder = functools.cache(find_encoder)

        def filter_and_encode(result: Any) -> bytes:
            return encoder().encode(plain(result))

        def exact(other: Encode) -> dict[type, Encode]:
            straight = encoder().encode if how == AS_IT_IS else filter_and_encode
            return exact_encoders(annotation, straight, other)

        valid = functools.cache(lambda: exact(filter_and_encode))

        def dump(result: Any) -> bytes:
            value: object = fitting(result, validate, annotation)
            return valid().get(type(value), filter_and_encode)(value)

        return Dumper(dump, lambda: exact(dump))

    def fields(self, annotation: Any) -> Sequence[ModelField] | None:
        """The fields of a dataclass, TypedDict or NamedTuple."""
        return fields_of(self.describe(annotation))

    def named_fields(self, annotation: Any) -> Mapping[str, Any] | None:
        """The declared fields; None for what has no shape."""
        return named_fields_of(self.describe(annotation))

    def describe(self, annotation: Any) -> Shape | None:
        """The shape of a dataclass, TypedDict or NamedTuple."""
        return describe(split_annotated(annotation)[0])


def refuse_unset(backend: ModelBackend, how: Serialization) -> None:
    """Only pydantic's models know which of their fields were set."""
    if how.exclude_unset:
        raise ConfigurationError(
            f"exclude_unset: the models of the {backend.name} backend do not know which fields were set; "
            f"use exclude_defaults or exclude_none"
        )
