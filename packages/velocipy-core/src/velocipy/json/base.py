"""What an encoder is, how one is chosen, and how values that JSON lacks are written. Imports no encoder library."""

from __future__ import annotations

import dataclasses
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, Protocol, cast
from uuid import UUID

from velocipy import plugins
from velocipy.exceptions import BadRequest, ConfigurationError, MissingAdapterError

GROUP = "velocipy.json"
BEST_FIRST = ("msgspec", "orjson", "stdlib")


class JSONEncoder(Protocol):
    """Python values <-> JSON bytes (RFC 8259), UTF-8, compact separators; NaN and infinities, which JSON lacks, are null."""

    name: str

    def encode(self, value: Any, /) -> bytes:
        """Value -> bytes. Raises TypeError or ValueError for what JSON cannot say."""
        ...

    def decode(self, data: bytes, /) -> Any:
        """Bytes -> value. Raises ValueError, or RecursionError, for anything that is not one JSON text in UTF-8."""
        ...


EncoderChoice = str | JSONEncoder | type[JSONEncoder] | None
"""A name, an encoder, an encoder class, or None for the best that is installed."""


@cache
def best_encoder() -> JSONEncoder:
    """The fastest encoder that is installed: msgspec, else orjson, else the standard library's."""
    for name in BEST_FIRST:
        try:
            return find_encoder(name)
        except MissingAdapterError:
            continue
    raise AssertionError(
        "the stdlib encoder is always installed"
    )  # pragma: no cover - and so the loop returns


def find_encoder(choice: EncoderChoice) -> JSONEncoder:
    """The encoder that is meant.

    Raises MissingAdapterError for a name that nothing provides, ConfigurationError for an object that cannot encode.
    """
    if choice is None:
        return best_encoder()
    found = plugins.load(GROUP, choice) if isinstance(choice, str) else choice
    encoder = found() if isinstance(found, type) else found
    for method in ("encode", "decode"):
        if not callable(getattr(encoder, method, None)):
            raise ConfigurationError(
                f"json_encoder {encoder!r} has no method {method!r}: pass 'msgspec', 'orjson', 'stdlib' "
                f"or an object with encode(value) -> bytes and decode(data) -> value"
            )
    return cast("JSONEncoder", encoder)


def decode_body(body: bytes, encoder: JSONEncoder) -> Any:
    """A body -> the value in it; BadRequest("Invalid JSON body") for anything that is not one JSON text (RFC 8259)."""
    try:
        return encoder.decode(body)
    except (ValueError, RecursionError):
        raise BadRequest(f"Invalid {getattr(encoder, 'format', 'JSON')} body") from None


def encode_extra(value: object) -> Any:
    """The JSON form of what an encoder library does not know itself; the same under every encoder.

    datetime and friends as ISO 8601 (UTC as `Z`), timedelta as ISO 8601 duration, Decimal and UUID as text, Enum as its
    value, bytes as base64, sets, tuples and mappings as list and object, dataclasses and models as objects, subclasses of
    text and numbers as these. Raises TypeError otherwise.
    """
    for kind, form in _FORMS:
        if isinstance(value, kind):
            return form(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    plain = _model_form(cast("Any", type(value)))
    if plain is not None:
        return plain(value)
    raise TypeError(
        f"{type(value).__qualname__} cannot be written as JSON: return a model, dict, list or scalar"
    )


@lru_cache(maxsize=1024)
def _model_form(cls: type) -> Callable[[Any], Any] | None:
    """How instances of a model class are written where no response model says it; None for what no backend knows."""
    from velocipy.models.base import ANY_BACKENDS, AS_IT_IS  # models use json

    backend = ANY_BACKENDS.find(cls)
    return None if backend is None else backend.plain(cls, AS_IT_IS)


def _time_text(value: datetime | time) -> str:
    text = value.isoformat()
    return text[:-6] + "Z" if text.endswith("+00:00") else text


def _duration_text(value: timedelta) -> str:
    """timedelta(days=1, seconds=2.5) -> "P1DT2.5S", none at all -> "P0D" (ISO 8601 section 5.5.2)."""
    sign, span = ("-", -value) if value < timedelta(0) else ("", value)
    fraction = f".{span.microseconds:06d}".rstrip("0") if span.microseconds else ""
    days = f"{span.days}D" if span.days or not span else ""
    rest = f"T{span.seconds}{fraction}S" if span.seconds or fraction else ""
    return f"{sign}P{days}{rest}"


def _base64(value: bytes) -> str:
    return b64encode(value).decode("ascii")


_FORMS: tuple[tuple[type | tuple[type, ...], Any], ...] = (
    (Enum, attrgetter("value")),
    ((datetime, time), _time_text),
    (date, date.isoformat),
    (timedelta, _duration_text),
    ((Decimal, UUID), str),
    ((bytes, bytearray, memoryview), _base64),
    ((set, frozenset, tuple), list),
    (Mapping, dict),
    (str, str.__str__),
    # Only as keys of a dict do these get here.
    (bool, {True: "true", False: "false"}.__getitem__),
    (type(None), {None: "null"}.__getitem__),
    (int, int.__int__),
    (float, float.__float__),
)
