"""What a typed hole of a path takes. Knows names, text and values; knows neither templates nor routes.

    find_converter("int").parse("42") -> 42          /items/{id:int}
    find_converter("int").format(42)  -> "42"        url_for("item", id=42)

| name | takes | value |
|---|---|---|
| `bool uuid date int float` | what `velocipy.scalars` says | `bool` `UUID` `date` `int` `float` |
| `str` | one segment that is not empty; the same as no converter | `str` |
| `path` | the rest of the path, slashes included; last segment only | `str` |

Applications add theirs with `add_converter`. Where several could take a segment, the most selective one is tried first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from velocipy.exceptions import ConfigurationError, PathError
from velocipy.scalars import parse_bool, parse_date, parse_float, parse_int, parse_uuid

UNTYPED_RANK = 1_000_000
"""The rank of `str`: after every converter that an application can add, before `path`."""

_OWN_RANK = 100  # the first converter that an application adds; each later one stands behind those before it
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Converter:
    """How the text of a hole becomes a value and back.

    `parse` raises ValueError for text that it does not take: then the route does not match. `rank` orders the converters
    that stand at one place of the tree, lowest first; no two converters share one. `is_plain`: takes ASCII text alone, and neither
    "." nor "..", so that nobody need look for those before.
    """

    name: str
    type: type
    parse: Callable[[str], object]
    format: Callable[[object], str]
    rank: int
    is_plain: bool = False


def parse_path(text: str) -> str:
    """The rest of a path, such as `css/site.css`, `docs/` or nothing.

    An empty segment is refused anywhere but at the end: `/files//etc/passwd` must not become the absolute path
    `/etc/passwd` when somebody joins it to a folder. (`.` and `..` never get here: see `velocipy.routing.path`.)
    """
    if text.startswith("/") or "//" in text:
        raise ValueError("not a valid path: an empty segment")
    return text


def _format_bool(value: object) -> str:
    return str(value).lower()


def _uuid_converter() -> Converter:
    from uuid import UUID

    return Converter("uuid", UUID, parse_uuid, str, 1, is_plain=True)


def _date_converter() -> Converter:
    from datetime import date

    return Converter("date", date, parse_date, str, 2, is_plain=True)


_converters = {
    converter.name: converter
    for converter in (
        Converter("bool", bool, parse_bool, _format_bool, 0, is_plain=True),
        Converter("int", int, parse_int, str, 3, is_plain=True),
        Converter("float", float, parse_float, str, 4, is_plain=True),
        Converter("str", str, str, str, UNTYPED_RANK),
        Converter("path", str, parse_path, str, UNTYPED_RANK + 1),
    )
}
# Made when a template first names them: importing uuid and datetime costs 5 ms, which most apps need not pay at start-up.
_late_converters = {"uuid": _uuid_converter, "date": _date_converter}


def find_converter(name: str) -> Converter:
    """The converter called `name`. PathError with the near misses if there is none."""
    converter = _converters.get(name)
    if converter is None:
        if name not in _late_converters:
            raise PathError(f"there is no converter {name!r}{did_you_mean(name, converter_names())}")
        converter = _converters[name] = _late_converters[name]()
    return converter


def converter_names() -> list[str]:
    """Every name that `find_converter` knows, sorted."""
    return sorted({*_converters, *_late_converters})


def add_converter(
    name: str,
    parse: Callable[[str], object],
    *,
    format: Callable[[object], str] = str,
    type: type = str,
) -> Converter:
    """Makes `{hole:name}` known in every template of the process that is parsed from now on.

        add_converter("slug", parse_slug)                                   /posts/{slug:slug}
        add_converter("color", Color, format=lambda c: c.value, type=Color)

    `parse` gets the decoded text of one hole, never empty and without "/", and raises ValueError for what it does not take.
    Raises ConfigurationError if the name is taken, since routes may hold the old meaning already, or is not like `base64_id`.
    """
    if not _NAME.fullmatch(name):
        raise ConfigurationError(
            f"a converter cannot be called {name!r}: use lower-case ASCII letters, digits and _, a letter first"
        )
    if name in _converters or name in _late_converters:
        raise ConfigurationError(f"there is a converter {name!r} already: choose another name")
    rank = _OWN_RANK + len(_converters)
    converter = _converters[name] = Converter(name, type, parse, format, rank)
    return converter


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error about an unknown name: `; did you mean "int"?`, or all the names when none is near."""
    from difflib import get_close_matches  # 1.5 ms to import, and only errors need it

    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.6)
    near += [other for other in names if other not in near and len(other) > 1 and name.startswith(other)][:1]
    if near:
        return f"; did you mean {' or '.join(repr(other) for other in near)}?"
    return f"; there is {', '.join(names)}" if names else ""
