"""The grammar of path templates, one for matching and for building URLs. Knows text; knows neither routes nor requests.

    /users/me                 literal text, written decoded
    /users/{id}               a hole: one segment that is not empty
    /items/{id:int}           a typed hole; the types stand in `velocipy.routing.converters`
    /files/{name}.{ext}       parts of a segment; two holes need text between them
    /static/{rest*}           the rest of the path, slashes included; also written {rest:path}

Where a literal could stand in several places of a segment it stands as far right as it can: `{name}.{ext}` reads `a.tar.gz`
as `a.tar` and `gz`. So no regular expression is made of a template, nothing backtracks, and reading a segment is linear.

Some paths match no template, whatever it is: see `never_matches`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain

from velocipy.exceptions import ConfigurationError, PathError
from velocipy.routing.converters import Converter, did_you_mean, find_converter

# RFC 3986 section 3.3: pchar = unreserved / pct-encoded / sub-delims / ":" / "@"
_PCHAR = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@")
_ENCODED = tuple(chr(byte) if byte in _PCHAR else f"%{byte:02X}" for byte in range(256))

_HOLE = re.compile(r"\{([^{}]*)\}")
_DOT_SEGMENT = re.compile(r"/\.\.?(?:/|\Z)")
_UNDECODABLE = re.compile("[\ufffd\ud800-\udfff]")

# What no template may contain, and what to do about it. The first that is found is told.
_REFUSED = re.compile(
    r"(?P<query>[?#])"
    r"|(?P<encoded>%[0-9A-Fa-f]{2})"
    r"|(?P<control>[\x00-\x1f\x7f-\x9f])"
    r"|(?P<undecodable>[\ufffd\ud800-\udfff])"
    r"|(?P<empty>//)"
    r"|(?P<dots>(?<=/)\.\.?(?=/|\Z))"
    r"|(?P<angle>[<>])"
)
_ORDINARY = re.compile(r"(?:/[\w{}:*-][\w{}:*.-]*)+/?", re.ASCII)
"""What nearly every template is, and nothing that is refused: seen in 0.3 us, where a search for all of that takes 3.8."""
_FIXES = {
    "query": "a path ends before its query and fragment: leave out everything from here; a query is read by parameters",
    "encoded": "paths match decoded text: write the character itself instead of its %XX",
    "control": "a control character cannot stand in a path: remove it",
    "undecodable": "this character stands for bytes that could not be decoded, and never matches: remove it",
    "empty": 'an empty segment: write one "/"',
    "dots": 'clients resolve "." and ".." before they send a path, so this never matches: write the path that is meant',
    "angle": "a hole is written in braces: {name}, or {name:int}",
}


@dataclass(frozen=True, slots=True)
class Hole:
    """A named place of a template that takes text of the path."""

    name: str
    converter: Converter
    catch_all: bool = False


@dataclass(frozen=True, slots=True)
class Segment:
    """What stands between two slashes: literals and holes by turns, always one literal more than holes.

    `me` is (("me",), ()), `{id}` is (("", ""), (id,)), `v{major}.{minor}` is (("v", ".", ""), (major, minor)). A template
    that ends in "/" ends in the segment ((("",), ())).
    """

    literals: tuple[str, ...]
    holes: tuple[Hole, ...]

    def split(self, text: str) -> list[str] | None:
        """The texts of the holes, or None if `text` does not fit. Every hole takes at least one character."""
        first, last = self.literals[0], self.literals[-1]
        start, end = len(first), len(text) - len(last)
        if start >= end or not (text.startswith(first) and text.endswith(last)):
            return None
        found: list[str] = []
        for literal in self.literals[-2:0:-1]:
            at = text.rfind(literal, start + 1, end - 1)
            if at < 0:
                return None
            found.append(text[at + len(literal) : end])
            end = at
        found.append(text[start:end])
        found.reverse()
        return found

    def parse(self, text: str) -> tuple[object, ...]:
        """The values of the holes; ValueError if `text` does not fit or a converter does not take its part."""
        texts = self.split(text)
        if texts is None:
            raise ValueError("does not fit")
        return tuple([hole.converter.parse(part) for hole, part in zip(self.holes, texts, strict=True)])

    def fill(self, params: Mapping[str, object]) -> str:
        """The decoded text of this segment with its holes filled; ValueError for a value that would not match back."""
        if not self.holes:
            return self.literals[0]
        texts = [_hole_text(hole, params[hole.name]) for hole in self.holes]
        text = self.literals[0] + "".join(map("".join, zip(texts, self.literals[1:], strict=True)))
        if not self.holes[0].catch_all and self.split(text) != texts:
            names = ", ".join(f"{hole.name}={part!r}" for hole, part in zip(self.holes, texts, strict=True))
            raise ValueError(f"{names} cannot be told apart in {text!r}")
        return text


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A path with holes, as a route declares it."""

    text: str
    segments: tuple[Segment, ...]
    holes: tuple[Hole, ...]

    @property
    def is_static(self) -> bool:
        """True if there is no hole: the template is the one path that it matches."""
        return not self.holes

    @classmethod
    def parse(cls, text: str) -> PathTemplate:
        """Reads a template. PathError, with a caret under the place and the fix, if it cannot be read."""
        _refuse_text(text)
        segments = tuple(_parse_segments(text))
        having = [segment.holes for segment in segments if segment.holes]
        holes = having[0] if len(having) == 1 else tuple(chain.from_iterable(having))
        if len(holes) > 1:
            _refuse_repeated_names(text, holes)
        return cls(text, segments, holes)

    def url(self, params: Mapping[str, object]) -> str:
        """The path for these values, percent-encoded: `{"id": "a b"}` in `/items/{id}` gives `/items/a%20b`.

        The result is ASCII and matches this template with the same values. Raises ValueError for a name that is missing or
        that the template does not have, and for a value that could not match back: one that its converter refuses, that is
        empty, holds a "/" (servers decode `%2F` before we see it), makes a segment `.` or `..`, or is not valid Unicode.
        """
        names = {hole.name for hole in self.holes}
        if params.keys() != names:  # pyright: ignore[reportUnnecessaryComparison]  # views of keys are equal to sets
            raise ValueError(f"no URL for {self.text!r}: {_name_mismatch(names, params)}")
        try:
            path = "".join(["/" + segment.fill(params) for segment in self.segments])
        except ValueError as reason:
            raise ValueError(f"no URL for {self.text!r}: {reason}") from None
        if never_matches(path):
            raise ValueError(
                f'no URL for {self.text!r}: {path!r} has a segment "." or "..", or is not valid Unicode'
            )
        return encode_path(path)

    def __str__(self) -> str:
        return self.text


def never_matches(path: str) -> bool:
    """True for a decoded path that no template takes, so that every server answers 404.

    That is a path with bytes that were not UTF-8 (servers put U+FFFD, or a lone surrogate, so that different URLs collapse
    into one), or with a segment `.` or `..`, which RFC 3986 section 6.2.2.3 has clients remove and which only attacks keep.
    """
    return ("/." in path and _DOT_SEGMENT.search(path) is not None) or (
        not path.isascii() and _UNDECODABLE.search(path) is not None
    )


def encode_path(path: str) -> str:
    """A decoded path as it stands in a URL: everything but pchar and "/" as %XX of its UTF-8 (RFC 3986 section 3.3)."""
    return "/".join(["".join([_ENCODED[byte] for byte in part.encode()]) for part in path.split("/")])


def check_place(setting: str, path: str | None) -> str | None:
    """The path where something of its own is served, as it was given. Raises ConfigurationError for one with holes, and for "/"."""
    if path is not None and (
        not path.startswith("/") or path == "/" or not PathTemplate.parse(path).is_static
    ):
        raise ConfigurationError(
            f"{setting} is a path without holes, such as '/v1/docs', or None for nowhere, not {path!r}"
        )
    return path


def join_paths(prefix: str, path: str) -> str:
    """A router's prefix before a path: ("/api", "/items") and ("/api/", "/items") give "/api/items".

    An empty `path` is the prefix itself, an empty `prefix` adds nothing, and both empty are "/". PathError if one is
    neither empty nor begins with "/".
    """
    for text in (prefix, path):
        if text and not text.startswith("/"):
            raise _error(text, 0, f'a path begins with "/": write {"/" + text!r}')
    if not path:
        return prefix or "/"
    return prefix.removesuffix("/") + path


def _hole_text(hole: Hole, value: object) -> str:
    if value is None:  # str would take it, and the link would read /items/None
        raise ValueError(f"{hole.name} is None")
    text = hole.converter.format(value)
    try:
        if not hole.catch_all and (not text or "/" in text):
            raise ValueError('empty, or holds a "/"')
        hole.converter.parse(text)
    except ValueError as reason:
        raise ValueError(f"{hole.name}={value!r} does not fit {hole.converter.name}: {reason}") from None
    return text


def _name_mismatch(names: set[str], params: Mapping[str, object]) -> str:
    missing = sorted(names - params.keys())
    told = [f"{name!r} is missing" for name in missing]
    told += [
        f"it has no {name!r}{did_you_mean(name, missing or names)}" for name in sorted(params.keys() - names)
    ]
    return ", ".join(told)


def _error(text: str, at: int, reason: str) -> PathError:
    """`reason`, then the template with a caret under place `at`. What cannot be printed is shown as `?`."""
    shown = "".join([char if char.isprintable() else "?" for char in text])
    return PathError(f"{reason}\n    {shown}\n    {' ' * at}^")


def _refuse_text(text: str) -> None:
    if not isinstance(text, str):
        raise PathError(f"a path is a text such as '/items', not {text!r}")
    if not text.startswith("/"):
        raise _error(text, 0, f'a path begins with "/": write {"/" + text!r}')
    found = None if _ORDINARY.fullmatch(text) else _REFUSED.search(text)
    if found is not None:
        raise _error(text, found.start(), _FIXES[str(found.lastgroup)])


def _parse_segments(text: str) -> Iterator[Segment]:
    at = 1
    for part in text[1:].split("/"):
        if part[:1] == "{" and part[-1] == "}" and part[1:-1].isidentifier():
            yield _lone_hole(part[1:-1])
        elif "{" in part or "}" in part:
            yield _parse_segment(text, at, part)
        else:
            yield _literal(part)
        at += len(part) + 1


@lru_cache(maxsize=1024)
def _literal(text: str) -> Segment:
    """`items`: one object for every template that has it."""
    return Segment((text,), ())


@lru_cache(maxsize=1024)
def _lone_hole(name: str) -> Segment:
    """`{name}`, as most segments with holes are: one object for every template that has it."""
    return Segment(("", ""), (Hole(name, find_converter("str")),))


def _parse_segment(text: str, at: int, part: str) -> Segment:
    """The segment `part`, which has a brace and stands at place `at` of the template `text`."""
    pieces = _HOLE.split(part)  # literal, hole, literal, hole, ..., literal
    literals: list[str] = []
    holes: list[Hole] = []
    end = at + len(part)
    for index, piece in enumerate(pieces):
        if index % 2:
            holes.append(_parse_hole(text, at + 1, piece))
            at += len(piece) + 2
        else:
            _refuse_literal(text, at, piece, between=0 < index < len(pieces) - 1)
            literals.append(piece)
            at += len(piece)
    if any(hole.catch_all for hole in holes):
        _refuse_catch_all(text, part, end, holes)
    return Segment(tuple(literals), tuple(holes))


def _parse_hole(text: str, at: int, inner: str) -> Hole:
    """The hole `{inner}`, whose inner text stands at place `at` of the template."""
    name, colon, kind = inner.partition(":")
    starred = name.endswith("*") and not colon
    name = name.removesuffix("*") if starred else name
    if not name.isidentifier():
        raise _error(
            text,
            at,
            f"a hole is named like an argument, {name!r} is not: write {{name}}, {{name:int}} or {{name*}}",
        )
    try:
        converter = find_converter("path" if starred else kind if colon else "str")
    except PathError as reason:
        raise _error(text, at + len(name) + 1, reason.message) from None
    return Hole(name, converter, converter.name == "path")


def _refuse_literal(text: str, at: int, literal: str, *, between: bool) -> None:
    if between and not literal:
        raise _error(text, at, "two holes need text between them: write {a}-{b} or {a}/{b}")
    for place, char in enumerate(literal):
        if char == "{":
            raise _error(text, at + place, 'this "{" is never closed: write {name}, and no "/" inside')
        if char == "}":
            raise _error(text, at + place, 'this "}" closes nothing: write {name}, braces are never literal')


def _refuse_catch_all(text: str, part: str, end: int, holes: list[Hole]) -> None:
    at = end - len(part)
    if not (len(holes) == 1 and _HOLE.fullmatch(part)):
        raise _error(
            text, at, "a hole that takes the rest of the path is a segment of its own: write /{name*}"
        )
    if end < len(text):
        raise _error(text, at, "a hole that takes the rest of the path stands last: end the path after it")


def _refuse_repeated_names(text: str, holes: tuple[Hole, ...]) -> None:
    seen: set[str] = set()
    for hole, found in zip(holes, _HOLE.finditer(text), strict=True):
        if hole.name in seen:
            raise _error(
                text, found.start() + 1, f"two holes are called {hole.name!r}: give each its own name"
            )
        seen.add(hole.name)
