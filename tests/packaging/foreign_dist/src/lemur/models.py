"""A model of this dist's own, and the backend that reads and writes it. Knows one class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from velocipy.exceptions import ErrorItem
from velocipy.models import ModelBackend, Serialization, Validate
from velocipy.validation import Place, invalid


class Point:
    """Written `[x, y]` in JSON."""

    def __init__(self, x: int, y: int) -> None:
        self.x = x
        self.y = y


class PointBackend(ModelBackend):
    """Bodies and results that are a Point."""

    name = "lemur"

    def matches(self, annotation: Any) -> bool:
        return annotation is Point

    def validator(self, annotation: Any) -> Validate:
        return make_point

    def plain(self, annotation: Any, how: Serialization) -> Callable[[Point], list[int]]:
        return lambda point: [point.x, point.y]


def make_point(value: Any, errors: list[ErrorItem], place: Place) -> Point | None:
    if isinstance(value, Point):
        return value
    if isinstance(value, list) and len(value) == 2 and all(isinstance(part, int) for part in value):
        return Point(*value)
    errors.append(invalid(place, "expected [x, y]", "point"))
    return None
