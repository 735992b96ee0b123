"""orjson as an encoder. The one module that imports orjson."""

from __future__ import annotations

from typing import Any

import orjson

from velocipy.json.base import encode_extra

_OPTIONS = orjson.OPT_UTC_Z


class OrjsonJSON:
    """orjson with UTC written as `Z`, as the other encoders write it."""

    name = "orjson"

    def encode(self, value: Any) -> bytes:
        """Value -> compact UTF-8 JSON."""
        return orjson.dumps(value, encode_extra, _OPTIONS)

    def decode(self, data: bytes) -> Any:
        """UTF-8 JSON -> value; raises orjson.JSONDecodeError, a ValueError."""
        return orjson.loads(data)
