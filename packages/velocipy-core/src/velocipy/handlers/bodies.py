"""What a body must be before it is read, and how its bytes become a value. Knows media types, JSON and model backends."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, get_args, get_origin

from velocipy.constraints import Check
from velocipy.exceptions import ErrorItem, UnsupportedMediaType
from velocipy.formats import Format
from velocipy.handlers.convert import Reader, default_maker, held
from velocipy.handlers.markers import MISSING
from velocipy.handlers.signature import UNANNOTATED
from velocipy.http.request import Request
from velocipy.json.base import JSONEncoder, decode_body
from velocipy.models.base import BODY, Decode, Validate
from velocipy.untyped import DICT
from velocipy.validation import Place, missing, mistyped

ChooseDecoder = Callable[[str | None, str | None], Decode]

_WORDS = {dict: "an object", list: "an array"}
_ANYTHING = (UNANNOTATED, Any, object)


def check_json_type(content_type: str | None, encoding: str | None) -> None:
    """Raise UnsupportedMediaType unless the body is JSON by its type, `application/json` or `application/*+json`.

    A missing type is refused too: a page of another origin can send such a request without asking first (a CSRF). A compressed
    body is refused, not inflated.
    """
    if content_type != "application/json" and (content_type is None or not is_json(content_type)):
        raise UnsupportedMediaType("the body must be application/json")
    if encoding is not None:
        _check_encoding(encoding)


def _check_encoding(encoding: str) -> None:
    if encoding.strip().lower() != "identity":
        raise UnsupportedMediaType("the body must not be compressed")


def decoder_chooser(
    formats: Sequence[Format], decoders: Sequence[Decode], absent: Decode | None
) -> ChooseDecoder:
    """A function from a body's media type and encoding to what decodes it; raises UnsupportedMediaType for every other.

    `absent` decodes what has no type: nothing, where the body may be missing. JSON must be UTF-8.
    """
    json = next((decode for format, decode in zip(formats, decoders, strict=True) if format.is_json), None)
    others = {
        kind: decode
        for format, decode in zip(formats, decoders, strict=True)
        if not format.is_json
        for kind in format.media_types
    }
    names = " or ".join(format.media_type for format in formats)

    def choose(content_type: str | None, encoding: str | None) -> Decode:
        if encoding is not None:
            _check_encoding(encoding)
        if content_type is None:
            decode = absent
        elif json is not None and is_json(content_type):
            decode = json
        else:
            decode = others.get(content_type.partition(";")[0].strip().lower())
        if decode is None:
            raise UnsupportedMediaType(f"the body must be {names}")
        return decode

    return choose


def is_json(content_type: str) -> bool:
    """Whether a media type is JSON in UTF-8."""
    # Clients write what they like: long ones are read again each time, and not kept.
    return _is_json(content_type) if len(content_type) <= MAX_KEPT else _is_json.__wrapped__(content_type)


MAX_KEPT = 200
"""Characters of a Content-Type that is remembered."""


@functools.lru_cache(maxsize=256)
def _is_json(content_type: str) -> bool:
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    charset = parameters.replace(" ", "").replace('"', "").lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    return is_json and ("charset" not in charset or "charset=utf-8" in charset.split(";"))


def is_raw(annotation: Any) -> bool:
    """Whether a body annotated so is JSON as it comes: `dict`, `list`, `dict[str, Any]`, `list[Any]`."""
    if annotation is dict or annotation is list:
        return True
    args = get_args(annotation)
    return get_origin(annotation) in (dict, list) and args[-1] in _ANYTHING and args[:-1] in ((), (str,))


def is_anything(annotation: Any) -> bool:
    """Whether a body annotated so, or not at all, may be any JSON value."""
    return annotation in _ANYTHING


def or_default(decode: Decode, default: Any) -> Decode:
    """The same, with a value for requests that have no body."""

    make_default = default_maker(default)

    def decode_or_default(body: bytes, errors: list[ErrorItem]) -> Any:
        return decode(body, errors) if body else make_default()

    return decode_or_default


def untyped(default: Any) -> Decode:
    """What decodes a body without a media type, where it may be missing: it must be, since it does not say that it is JSON."""
    make_default = default_maker(default)

    def decode_untyped(body: bytes, errors: list[ErrorItem]) -> Any:
        if body:
            raise UnsupportedMediaType("the body must say what it is: send a content-type")
        return make_default()

    return decode_untyped


def bounded(validate: Validate, checks: tuple[Check, ...]) -> Validate:
    """The same, with the bounds of its marker held against the value."""

    def validate_bounded(value: Any, errors: list[ErrorItem], place: Place) -> Any:
        known = len(errors)
        value = validate(value, errors, place)
        return value if value is None or len(errors) > known else held(value, checks, place, errors)

    return validate_bounded


def bounded_decoder(decode: Decode, checks: tuple[Check, ...]) -> Decode:
    """The same for a function that decodes."""

    def decode_bounded(body: bytes, errors: list[ErrorItem]) -> Any:
        known = len(errors)
        value = decode(body, errors)
        return value if value is None or len(errors) > known else held(value, checks, BODY, errors)

    return decode_bounded


def object_decoder(find_encoder: Callable[[], JSONEncoder]) -> Decode:
    """Bytes -> the JSON object whose keys are several body parameters; {} where there is no body or no object."""
    encoder = functools.cache(find_encoder)

    def decode_object(body: bytes, errors: list[ErrorItem]) -> Any:
        value: Any = decode_body(body, encoder()) if body else {}
        if not isinstance(value, DICT):
            errors.append(mistyped(BODY, "an object", value))
            return {}
        return value

    return decode_object


def key_reader(key: str, validate: Validate, default: Any) -> Reader:
    """The reader of one key of such an object; MISSING stands for a key that is not there."""
    place = (*BODY, key)
    make_default = default_maker(default)

    def read_key(value: Any, errors: list[ErrorItem]) -> Any:
        if value is not MISSING:
            return validate(value, errors, place)
        if default is MISSING:
            errors.append(missing(place))
            return None
        return make_default()

    return read_key


def raw_validator(annotation: Any, optional: bool) -> Validate:
    """As `raw_decoder`, for a value that is decoded already."""
    wanted = get_origin(annotation) or annotation
    word = _WORDS.get(wanted)

    def validate(value: Any, errors: list[ErrorItem], place: Place) -> Any:
        if word is not None and not isinstance(value, wanted) and not (optional and value is None):
            errors.append(mistyped(place, word, value))
        return value

    return validate


def raw_decoder(annotation: Any, optional: bool, find_encoder: Callable[[], JSONEncoder]) -> Decode:
    """Bytes -> the JSON value in them, which must be of the annotation's kind, or null where it is optional."""
    validate = raw_validator(annotation, optional)
    # The encoder is loaded at the first request, not at import of the user's module.
    encoder = functools.cache(find_encoder)

    def decode(body: bytes, errors: list[ErrorItem]) -> Any:
        return validate(decode_body(body, encoder()), errors, BODY)

    return decode


def with_body(request: Request, received: bytes | None) -> Request:
    """A Request made for exception handlers after the body was read past it: a server gives the body once."""
    if received is not None:
        request.keep_body(received)
    return request
