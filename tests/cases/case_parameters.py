"""What texts of parameters mean, as tables, for the cases 20, 22, 23, 25 and 28. Knows values; asks nobody."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

from velocipy import Query

QUERIES: list[tuple[str, list[list[str]]]] = [
    ("a=1;b=2", [["a", "1;b=2"]]),
    ("a", [["a", ""]]),
    ("a=", [["a", ""]]),
    ("=a", [["", "a"]]),
    ("=", [["", ""]]),
    ("", []),
    ("&&", []),
    ("&a=1&&b=2&", [["a", "1"], ["b", "2"]]),
    ("a=1&a=2", [["a", "1"], ["a", "2"]]),
    ("a=b=c", [["a", "b=c"]]),
    ("%zz", [["%zz", ""]]),
    ("a=%", [["a", "%"]]),
    ("a=%4", [["a", "%4"]]),
    ("a=%zz%41", [["a", "%zzA"]]),
    ("a=+", [["a", " "]]),
    ("+a+=+b+", [[" a ", " b "]]),
    ("a=%2B", [["a", "+"]]),
    ("a=%252B", [["a", "%2B"]]),
    ("a%3Db=1%26c", [["a=b", "1&c"]]),
    ("%61=%c3%a9", [["a", "é"]]),
    ("a=%FF", [["a", "\ufffd"]]),
    ("a=%C3", [["a", "\ufffd"]]),
    ("a=%C3%zz", [["a", "\ufffd%zz"]]),
    ("a=%ED%A0%80", [["a", "\ufffd\ufffd\ufffd"]]),
    ("a=%C0%AF", [["a", "\ufffd\ufffd"]]),
    ("a=%00", [["a", "\0"]]),
    ("a=%0D%0A", [["a", "\r\n"]]),
    ("a[]=1&a[b]=2", [["a[]", "1"], ["a[b]", "2"]]),
    ("a?b=c?d", [["a?b", "c?d"]]),
]


COOKIES: list[tuple[str, dict[str, str]]] = [
    ("a=1; b=2", {"a": "1", "b": "2"}),
    ("a=1;b=2", {"a": "1", "b": "2"}),
    ("a=1; a=2", {"a": "1"}),
    ("a", {}),
    ("=1", {}),
    ("a=", {"a": ""}),
    ("a=b=c", {"a": "b=c"}),
    ('a="1"', {"a": "1"}),
    ('a="', {"a": '"'}),
    ('a="1\\"2"', {"a": '1\\"2'}),
    ('a="x; b=y"', {"a": '"x', "b": 'y"'}),
    (" a = 1 ;; ; b=2;", {"a": "1", "b": "2"}),
    ("a=1, b=2", {"a": "1, b=2"}),
    ("$Version=1; a=1", {"$Version": "1", "a": "1"}),
    ("a=%41+%", {"a": "%41+%"}),
    ("a b=1; b=2", {"a b": "1", "b": "2"}),
    ("A=1; a=2", {"A": "1", "a": "2"}),
    ("__proto__=1; a=\\x41", {"__proto__": "1", "a": "\\x41"}),
]


INTS: dict[str, int | None] = {
    "0": 0,
    "-0": 0,
    "007": 7,
    "-12": -12,
    "9" * 20: int("9" * 20),
    "": None,
    "%201": None,
    "1%20": None,
    "1%0A": None,
    "%2B1": None,
    "+1": None,
    "1_0": None,
    "%D9%A1": None,  # ١
    "%C2%B2": None,  # ²
    "1.0": None,
    "1e3": None,
    "0x1": None,
    "--1": None,
    "-": None,
    "1,000": None,
    "true": None,
    "9" * 5_000: None,
    "-" + "9" * 5_000: None,
}


class Colour(Enum):
    RED = "red"
    GREEN = "green"


SCALARS: list[tuple[Any, list[str], list[str], str]] = [
    (
        float,
        ["1", "-1.5", ".5", "1e3", "1E-3", "0" * 50],
        [
            "nan",
            "NaN",
            "inf",
            "-Infinity",
            "1e999",
            "-1e999",
            "1_0",
            "%2B1",
            "1.",
            "",
            "%201",
            "0x1p3",
            "9" * 400,
            "1e" + "9" * 400,
        ],
        "float_parsing",
    ),
    (
        Decimal,
        ["1", "-1.50", "1e30"],
        ["nan", "sNaN", "Infinity", "1e9999", "1_0", "", "9" * 400, "1e" + "9" * 400],
        "decimal_parsing",
    ),
    (
        bool,
        ["true", "FALSE", "1", "0", "yes", "No", "oN", "off"],
        [
            "2",
            "banana",
            "",
            "tru",
            "t",
            "y",
            "n",
            "-1",
            "01",
            "true%20",
            "null",
            "%EF%BD%94rue",
            "o\u212aff".encode().hex("%"),
            "9" * 400,
        ],
        "bool_parsing",
    ),
    (
        UUID,
        [
            "12345678-1234-5678-1234-567812345678",
            "12345678123456781234567812345678",
            "ABCDEFab-1234-5678-1234-567812345678",
        ],
        [
            "%7B12345678-1234-5678-1234-567812345678%7D",
            "urn:uuid:12345678-1234-5678-1234-567812345678",
            "1" * 31,
            "1" * 33,
            "1234567812345678-12345678-12345678",
            "g" * 32,
            "",
            "1" * 400,
        ],
        "uuid_parsing",
    ),
    (
        datetime,
        ["2026-01-31T12:30:00Z", "2026-01-31T12:30", "2026-01-31%2012:30:00.123456789%2B02:00"],
        [
            "inf",
            "nan",
            "0",
            "1700000000",
            "9" * 400,
            "0000-00-00",
            "0000-00-00T00:00",
            "2026-02-30T00:00",
            "2026-01-31",
            "2026-01-31T24:00",
            "2026-01-31T23:59:60Z",
            "",
        ],
        "datetime_parsing",
    ),
    (Colour, ["red", "green"], ["RED", "Red", "Colour.RED", "", "red%20", "r" * 400], "enum_parsing"),
    (Literal["a", 1, True], ["a", "1", "true"], ["A", "True", "2", "", "a" * 400], "literal_parsing"),
]


TYPES: dict[str, tuple[Any, tuple[type, ...]]] = {
    "int": (int, (int,)),
    "float": (float, (float,)),
    "bool": (bool, (bool,)),
    "str": (str, (str,)),
    "UUID": (UUID, (UUID,)),
    "Colour": (Colour, (Colour,)),
    "int or str": (int | str, (int, str)),
    "list of int": (list[int], (list,)),
    "set of str": (set[str], (set,)),
    "pair": (tuple[int, str], (tuple,)),
}


def combinations() -> list[tuple[str, Any, tuple[type, ...], Any]]:
    """(name, annotation, what may arrive, default) for every way to write a parameter down."""
    found: list[tuple[str, Any, tuple[type, ...], Any]] = []
    for name, (kind, classes) in TYPES.items():
        found.append((f"{name}", kind, classes, ...))
        found.append((f"{name} = None", kind | None, (*classes, type(None)), None))
        found.append((f"{name} required or null", kind | None, (*classes, type(None)), ...))
        found.append((f"marked {name}", Annotated[kind, Query()], classes, ...))
        found.append((f"marked {name} = None", Annotated[kind | None, Query()], (*classes, type(None)), None))
        found.append(
            (f"marked with None {name}", Annotated[kind | None, Query(None)], (*classes, type(None)), ...)
        )
        found.append(
            (f"optional marked {name}", Annotated[kind, Query()] | None, (*classes, type(None)), None)
        )
    return found
