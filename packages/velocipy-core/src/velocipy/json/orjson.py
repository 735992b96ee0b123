"""orjson as an encoder. The one module that imports orjson."""

from __future__ import annotations

from typing import Any

import orjson

from velocipy.json.base import encode_extra

_OPTIONS = orjson.OPT_NON_STR_KEYS | orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
"""By itself it takes text keys only, leaves out fields like `_x`, and knows no time with a zone."""


class OrjsonJSON:
    """orjson, writing what the other encoders write. Numbers are its own: an int has 64 bits, and a longer one reads as float."""

    name = "orjson"

    def encode(self, value: Any) -> bytes:
        """Value -> compact UTF-8 JSON."""
        return orjson.dumps(value, encode_extra, _OPTIONS)

    def decode(self, data: bytes) -> Any:
        """UTF-8 JSON -> value; raises orjson.JSONDecodeError, a ValueError."""
        return orjson.loads(data)
