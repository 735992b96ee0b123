"""Types whose values hold no others, and bounds, as JSON Schema. Knows tables; knows no models."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import MISSING as NO_DEFAULT
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from types import NoneType
from typing import Any, Final
from uuid import UUID

from velocipy.constraints import Constraints
from velocipy.http.uploads import UploadFile
from velocipy.models.base import Direction
from velocipy.openapi.naming import Schema
from velocipy.scalars import NUMBER

_DECIMAL: Final[dict[Direction, Schema]] = {
    "input": {"type": ["number", "string"], "format": "decimal", "pattern": f"^{NUMBER.pattern}$"},
    "output": {"type": "string", "format": "decimal"},
}

_LEAVES: Final[dict[Any, Schema]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    None: {"type": "null"},
    NoneType: {"type": "null"},
    UUID: {"type": "string", "format": "uuid"},
    datetime: {"type": "string", "format": "date-time"},
    date: {"type": "string", "format": "date"},
    time: {"type": "string", "format": "time"},
    timedelta: {"type": "string", "format": "duration", "pattern": "^[^YM]*(?:T.*)?$"},  # no years or months
    bytes: {"type": "string", "contentEncoding": "base64"},
    bytearray: {"type": "string", "contentEncoding": "base64"},
    UploadFile: {"type": "string", "format": "binary"},
}


def leaf(cls: Any, direction: Direction) -> Schema | None:
    """The schema of a scalar class; None for what is none. May be changed."""
    if cls is Decimal:
        return dict(_DECIMAL[direction])
    found = _LEAVES.get(cls)
    return None if found is None else dict(found)


def bounds(limits: Constraints, schema: Schema) -> Schema:
    """Bounds as keywords; those that JSON Schema has no word for, such as an earliest date, are left out.

    A length counts characters, items or keys, as the schema's type says.
    """
    found: Schema = {}
    kind = schema.get("type")
    for name in limits.names:
        keyword = _LENGTHS.get((name, str(kind))) or _KEYWORDS.get(name)
        value = _VALUES.get(name, _as_it_is)(getattr(limits, name))
        if keyword is not None and value is not None:
            found[keyword] = value
    return found


def _number(bound: Any) -> Any:
    if isinstance(bound, bool) or not isinstance(bound, (int, float, Decimal)) or not isfinite(bound):
        return None
    if isinstance(bound, Decimal):
        return int(bound) if bound == bound.to_integral_value() else float(bound)
    return bound


def _as_it_is(bound: Any) -> Any:
    return bound


def ecma_pattern(pattern: str) -> str:
    """A regular expression of Python's in the words of ECMA-262, which JSON Schema means; what both have stays as it is.

    Groups lose their names, which the two write differently.
    """
    return _PYTHON.sub(lambda found: _ECMA.get(found[0], "("), pattern)


_PYTHON: Final = re.compile(r"\\[\\AZ]|\(\?P<\w+>")  # an escaped backslash, so that \\A is not taken for \A
_ECMA: Final = {"\\A": "^", "\\Z": "$", "\\\\": "\\\\"}

_KEYWORDS: Final = {
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "lt": "exclusiveMaximum",
    "le": "maximum",
    "multiple_of": "multipleOf",
    "min_length": "minLength",
    "max_length": "maxLength",
    "pattern": "pattern",
    "search": "pattern",
}
_LENGTHS: Final = {
    ("min_length", "array"): "minItems",
    ("max_length", "array"): "maxItems",
    ("min_length", "object"): "minProperties",
    ("max_length", "object"): "maxProperties",
}
_VALUES: Final[dict[str, Callable[[Any], Any]]] = {
    **dict.fromkeys(("gt", "ge", "lt", "le", "multiple_of"), _number),
    "pattern": lambda pattern: f"^(?:{ecma_pattern(pattern)})$",
    "search": ecma_pattern,
}


def json_value(value: Any) -> Any:
    """A default or an example as JSON has it; dataclasses.MISSING for what JSON cannot say."""
    if value is None or type(value) in (str, int, bool):
        return value
    if isinstance(value, float) and not isfinite(value):
        return NO_DEFAULT
    from velocipy.json.stdlib import StdlibJSON

    try:
        return json.loads(StdlibJSON().encode(value))
    except (TypeError, ValueError, RecursionError):
        return NO_DEFAULT
