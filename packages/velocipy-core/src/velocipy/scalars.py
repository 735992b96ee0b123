"""Text -> value, one function a type. Knows what a scalar may look like; knows nothing of HTTP, parameters or routes.

    parse_int("-42") -> -42      parse_bool("On") -> True      parse_date("2026-11-23") -> date(2026, 11, 23)

Path converters, parameters and config share these, so that one text means the same everywhere. Each function returns the
value or raises ValueError with a reason that a client may read ("not a valid integer"). All of them

* are exact: ASCII digits only, no white space, no `_`, no leading `+`; Python's own constructors accept all of those;
* are bounded: a text longer than MAX_LENGTH is refused, and what is accepted takes linear time;
* answer alike on every Python: the standard library's ISO 8601 readers differ, so a grammar of ours stands before them.

uuid, datetime and decimal are imported where they are used: together 6 ms of start-up, against about 0.1 us a call.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime
    import decimal
    import uuid

MAX_LENGTH = 100
"""The longest text, in characters, that is read as a scalar: more than any value of these types needs."""

_BOOLS = {
    "true": True, "1": True, "yes": True, "on": True,
    "false": False, "0": False, "no": False, "off": False,
}  # fmt: skip

# HTML's "valid floating-point number" (section 2.3.4.3), which is what a number field of a form submits: `.5` but not `5.`.
# Three digits of exponent hold every float; a Decimal with more would fill the memory as soon as somebody made an int of it.
NUMBER = re.compile(r"-?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}")

# RFC 3339 section 5.6, with two liberties that HTML's date and time fields take: no seconds, no offset. A leap second
# (`:60`) has no value in Python. The hour stops at 23 because newer Pythons read 24:00 as the next day and older ones do not.
_DATE_TEXT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_HOUR_MINUTE = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_TIME_TEXT = rf"{_HOUR_MINUTE}(?::[0-5][0-9](?:\.[0-9]{{1,9}})?)?(?:[Zz]|[+-]{_HOUR_MINUTE})?"
_DATE = re.compile(_DATE_TEXT)
_TIME = re.compile(_TIME_TEXT)
_DATETIME = re.compile(rf"{_DATE_TEXT}[Tt ]{_TIME_TEXT}")

# ISO 8601-1 section 5.5.2 without years and months, whose length in seconds is not fixed; or a plain number of seconds.
_DURATION = re.compile(
    r"(?P<sign>-)?(?:"
    r"P(?=[0-9T])(?:(?P<weeks>[0-9]+)W)?(?:(?P<days>[0-9]+)D)?"
    r"(?:T(?=[0-9])(?:(?P<hours>[0-9]+)H)?(?:(?P<minutes>[0-9]+)M)?(?:(?P<seconds>[0-9]+)(?:\.(?P<part>[0-9]{1,9}))?S)?)?"
    r"|(?P<plain>[0-9]+)(?:\.(?P<plain_part>[0-9]{1,9}))?)"
)
_SECONDS = {"weeks": 604_800, "days": 86_400, "hours": 3_600, "minutes": 60, "seconds": 1, "plain": 1}


def parse_int(text: str) -> int:
    """`[-]digits`, leading zeros allowed. No `1.0`, `1e3`, `+1`, `1_0`, `0x1`."""
    if text.isdigit() and text.isascii() and len(text) <= MAX_LENGTH:
        return int(text)
    if text[:1] == "-" and text[1:].isdigit() and text.isascii() and len(text) <= MAX_LENGTH:
        return int(text)
    raise ValueError("not a valid integer")


def parse_float(text: str) -> float:
    """`[-]digits[.digits][e[+|-]digits]`, finite: no `nan`, no `inf`, no `1e999`."""
    if len(text) <= MAX_LENGTH and NUMBER.fullmatch(text):
        value = float(text)
        if value - value == 0.0:  # inf - inf is nan: the cheapest test of finiteness
            return value
        raise ValueError("not a finite number")
    raise ValueError("not a valid number")


def parse_bool(text: str) -> bool:
    """One of true/false, 1/0, yes/no, on/off, in any case."""
    value = _BOOLS.get(text)
    if value is None and len(text) <= 5:
        value = _BOOLS.get(text.lower())
    if value is None:
        raise ValueError("not a valid boolean: use true or false")
    return value


def parse_decimal(text: str) -> decimal.Decimal:
    """The grammar of `parse_float`, every digit kept: `1.10` stays `Decimal("1.10")`."""
    import decimal

    if len(text) <= MAX_LENGTH and NUMBER.fullmatch(text):
        return decimal.Decimal(text)
    raise ValueError("not a valid decimal number")


def parse_uuid(text: str) -> uuid.UUID:
    """8-4-4-4-12 hexadecimal digits, or 32 without hyphens, in any case. No braces, no `urn:uuid:`."""
    import uuid

    if len(text) <= MAX_LENGTH and _UUID.fullmatch(text):
        return uuid.UUID(int=int(text.replace("-", ""), 16))
    raise ValueError("not a valid UUID")


def parse_datetime(text: str) -> datetime.datetime:
    """`YYYY-MM-DDThh:mm[:ss[.fraction]][Z|+hh:mm]`, with `T` or one space; without an offset the value is naive.

    A fraction has up to nine digits; what is beyond microseconds is cut off.
    """
    import datetime

    if len(text) <= MAX_LENGTH and _DATETIME.fullmatch(text):
        try:
            return datetime.datetime.fromisoformat(text.upper())
        except ValueError:  # the grammar holds, the calendar does not: 30 February, year 0
            pass
    raise ValueError("not a valid date and time: use the form 2026-01-31T12:30:00Z")


def parse_date(text: str) -> datetime.date:
    """`YYYY-MM-DD`."""
    import datetime

    if len(text) <= MAX_LENGTH and _DATE.fullmatch(text):
        try:
            return datetime.date.fromisoformat(text)
        except ValueError:
            pass
    raise ValueError("not a valid date: use the form 2026-01-31")


def parse_time(text: str) -> datetime.time:
    """`hh:mm[:ss[.fraction]][Z|+hh:mm]`; without an offset the value is naive. Fractions as in `parse_datetime`."""
    import datetime

    if len(text) <= MAX_LENGTH and _TIME.fullmatch(text):
        return datetime.time.fromisoformat(text.upper())
    raise ValueError("not a valid time: use the form 12:30:00")


def parse_timedelta(text: str) -> datetime.timedelta:
    """`[-]P[nW][nD][T[nH][nM][n[.fraction]S]]`, or a number of seconds such as `90` or `-1.5`.

    Fractions as in `parse_datetime`; computed in integers, so no digit is lost. No years, no months.
    """
    import datetime

    found = _DURATION.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if found is None:
        raise ValueError("not a valid duration: use the form P1DT2H30M, or seconds")
    sign = -1 if found["sign"] else 1
    seconds = sum(int(found[unit] or 0) * length for unit, length in _SECONDS.items())
    microseconds = int((found["part"] or found["plain_part"] or "")[:6].ljust(6, "0"))
    try:
        return datetime.timedelta(seconds=sign * seconds, microseconds=sign * microseconds)
    except OverflowError:
        raise ValueError("not a valid duration: at most 999999999 days") from None
