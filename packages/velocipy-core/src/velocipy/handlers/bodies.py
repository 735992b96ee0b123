"""What a body must be before it is read, and how its bytes become a value. Knows media types, JSON and model backends."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, get_args, get_origin

from velocipy.exceptions import ErrorItem, UnsupportedMediaType
from velocipy.handlers.signature import UNANNOTATED
from velocipy.http.request import Request, decode_json
from velocipy.json.base import JSONEncoder
from velocipy.models.base import FIRST_PARTY, Decode, ModelBackend, find_backends

_WORDS = {dict: "an object", list: "an array"}
_ANYTHING = (UNANNOTATED, Any, object)


def check_json_type(content_type: str | None, encoding: str | None) -> None:
    """Raise UnsupportedMediaType unless the body is JSON by its type, `application/json` or `application/*+json`.

    A missing type is refused too: a page of another origin can send such a request without asking first (a CSRF). A compressed
    body is refused, not inflated.
    """
    if content_type != "application/json" and (content_type is None or not _is_json(content_type)):
        raise UnsupportedMediaType("the body must be application/json")
    if encoding is not None and encoding != "identity":
        raise UnsupportedMediaType("the body must not be compressed")


def check_optional_json_type(content_type: str | None, encoding: str | None) -> None:
    """As `check_json_type`, for a body that may be missing and then has no type either."""
    if content_type is not None:
        check_json_type(content_type, encoding)


@functools.lru_cache(maxsize=256)
def _is_json(content_type: str) -> bool:
    kind, _, parameters = content_type.partition(";")
    kind = kind.strip().lower()
    charset = parameters.replace(" ", "").replace('"', "").lower()
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    return is_json and ("charset" not in charset or "charset=utf-8" in charset.split(";"))


def find_backend(annotation: Any) -> ModelBackend | None:
    """The model backend whose library the annotation comes from."""
    if is_raw(annotation):
        return None
    imported = frozenset(name for name in FIRST_PARTY if name in sys.modules)
    return next((backend for backend in _backends(imported) if backend.matches(annotation)), None)


@functools.lru_cache(maxsize=8)
def _backends(imported: frozenset[str]) -> tuple[ModelBackend, ...]:
    """All backends; looked up again once a library was imported that was not there before."""
    return tuple(find_backends())


def is_raw(annotation: Any) -> bool:
    """Whether a body annotated so is JSON as it comes: `dict`, `list`, `dict[str, Any]`, `list[Any]`."""
    if annotation is dict or annotation is list:
        return True
    args = get_args(annotation)
    return get_origin(annotation) in (dict, list) and args[-1] in _ANYTHING and args[:-1] in ((), (str,))


def is_anything(annotation: Any) -> bool:
    """Whether a body annotated so, or not at all, may be any JSON value."""
    return annotation in _ANYTHING


def raw_decoder(annotation: Any, optional: bool, find_encoder: Callable[[], JSONEncoder]) -> Decode:
    """Bytes -> the JSON value in them, which must be of the annotation's kind, or null where it is optional."""
    wanted = get_origin(annotation) or annotation
    word = _WORDS.get(wanted)
    # The encoder is loaded at the first request, not at import of the user's module.
    encoder = functools.cache(find_encoder)

    def decode(body: bytes, errors: list[ErrorItem]) -> Any:
        value = decode_json(body, encoder())
        if word is not None and not isinstance(value, wanted) and not (optional and value is None):
            errors.append({"loc": ["body"], "msg": f"Expected {word}", "type": "type_error"})
        return value

    return decode


def or_default(decode: Decode, default: Any) -> Decode:
    """The same, with a value for requests that have no body."""

    def decode_or_default(body: bytes, errors: list[ErrorItem]) -> Any:
        return decode(body, errors) if body else default

    return decode_or_default


def with_body(request: Request, received: bytes | None) -> Request:
    """A Request made for exception handlers after the body was read past it: a server gives the body once."""
    if received is not None:
        request.keep_body(received)
    return request
