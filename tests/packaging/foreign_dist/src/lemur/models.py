"""A model of this dist's own, and the backend that reads it from request bodies. Knows one class."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from velocipy.exceptions import BadRequest, ErrorItem
from velocipy.models.base import Decode


class Point(NamedTuple):
    """Written `[x, y]` in JSON."""

    x: int
    y: int


class PointBackend:
    """Bodies of endpoints that ask for a Point."""

    name = "lemur"

    def matches(self, annotation: Any) -> bool:
        return annotation is Point

    def decoder(self, annotation: Any) -> Decode:
        return decode_point


def decode_point(body: bytes, errors: list[ErrorItem]) -> Any:
    try:
        found = json.loads(body)
    except ValueError:
        raise BadRequest("Invalid JSON body") from None
    if isinstance(found, list) and len(found) == 2 and all(isinstance(part, int) for part in found):
        return Point(*found)
    errors.append({"loc": ["body"], "msg": "Expected [x, y]", "type": "point"})
    return None
