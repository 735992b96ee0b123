"""The JSON encoder, chosen by name or written by yourself. Without a choice the fastest that is installed is taken.

granian json_encoder:app --interface rsgi
curl http://127.0.0.1:8000/
curl http://127.0.0.1:8000/sorted
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from velocipy import JSONResponse, VelociPy

app = VelociPy(title="JSON", json_encoder="stdlib")  # or "msgspec", "orjson", a class, an object


@app.get("/")
async def values() -> dict[str, Any]:
    """What JSON lacks is written alike by every encoder: ISO 8601 times, decimals as text, NaN as null."""
    return {
        "encoder": app.json_encoder.name,
        "time": datetime(2026, 1, 31, 12, 30, tzinfo=UTC),
        "price": Decimal("1.10"),
        "nan": float("nan"),
    }


class SortedJSON:
    """An encoder of your own: two methods and a name."""

    name = "sorted"

    def encode(self, value: Any) -> bytes:
        """Value -> JSON, with its keys in order."""
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

    def decode(self, data: bytes) -> Any:
        """JSON -> value; ValueError for what is none."""
        return json.loads(str(data, "utf-8"))


@app.get("/sorted")
async def in_order() -> JSONResponse:
    """A single answer may have an encoder of its own."""
    return JSONResponse({"b": 1, "a": 2}, encoder=SortedJSON())
