"""orjson as an encoder. The one module that imports orjson."""

from __future__ import annotations

from typing import Any

import orjson

from velocipy.json.base import encode_extra
from velocipy.json.stdlib import StdlibJSON

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
"""By itself it takes text keys only, leaves out fields like `_x`, and knows no time with a zone."""


_SHAPE = bytes.maketrans(b"123456789", b"000000000")
_DIGITS = b"0"
_LONG = 19  # 2**63 has as many


class OrjsonJSON:
    """orjson, reading and writing what the other encoders do. It has no integers beyond 64 bits, and reads them as floats."""

    name = "orjson"

    def __init__(self) -> None:
        self._exact = StdlibJSON()

    def encode(self, value: Any) -> bytes:
        """Value -> compact UTF-8 JSON."""
        try:
            return orjson.dumps(value, encode_extra, _OPTIONS)
        except TypeError as exc:
            # An integer beyond 64 bits; a value nested more than 254 levels deep.
            if "64-bit" in str(exc) or "Recursion limit" in str(exc):
                return self._exact.encode(value)
            raise

    def decode(self, data: bytes) -> Any:
        """UTF-8 JSON -> value; raises ValueError. What may hold an integer beyond 64 bits is read by the standard library."""
        if len(data) >= _LONG and _DIGITS * _LONG in data.translate(_SHAPE):
            return self._exact.decode(data)
        return orjson.loads(data)
