"""The standard library's JSON as an encoder: always there, exact, and the slowest. Knows no other encoder."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from velocipy.json.base import encode_extra
from velocipy.untyped import ITEMS, MAPPING


class StdlibJSON:
    """`json` with compact output, UTF-8 only, and neither NaN nor Infinity (RFC 8259 section 6)."""

    name = "stdlib"

    def __init__(self) -> None:
        self._encode = json.JSONEncoder(
            ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=encode_extra
        ).encode
        self._decode = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse_constant).decode

    def encode(self, value: Any) -> bytes:
        """Value -> compact UTF-8 JSON."""
        try:
            text = self._encode(value)
        except (TypeError, ValueError):
            text = self._encode(_plain(value))
        return text.encode()

    def decode(self, data: bytes) -> Any:
        """UTF-8 JSON -> value; ValueError for another encoding, a byte order mark, or nesting beyond Python's stack."""
        try:
            value = self._decode(str(data, "utf-8"))
        except RecursionError:
            raise ValueError("nested too deeply") from None
        if b"\\ud" in data or b"\\uD" in data:
            self._encode(value).encode()  # UnicodeEncodeError, a ValueError, for half a surrogate pair
        return value


def _plain(value: Any) -> Any:
    """What the others write and `json` does not: NaN and infinities as null, keys that are Enum, UUID, date and the like."""
    if isinstance(value, MAPPING):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, ITEMS):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, (str, int, float)):
        return value
    return _plain(encode_extra(value))


def _key(key: object) -> Any:
    return key if key is None or isinstance(key, (str, int, float)) else encode_extra(key)


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:40]} is beyond what a float holds")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
