"""Headers as ordered pairs with duplicates. Knows what a request and an answer hold; knows no server.

A request's `Headers` are read as the server gave them. An answer's `ResponseHeaders` let nothing in that must
not be sent: every way in goes through `check_header`, so `.raw` can go out as it is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar, cast, overload

from velocipy.http.fields import HOP_BY_HOP, SINGLETONS, check_header, check_name, http_date

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping

    HeaderSource: TypeAlias = (
        Mapping[str, str] | Iterable[tuple[str, str]] | "Headers" | "ResponseHeaders" | None
    )
    """What a user may write where headers are asked for."""

__all__ = [
    "APPENDED",
    "HOP_BY_HOP",
    "Headers",
    "ResponseHeaders",
    "check_header",
    "header_pairs",
    "http_date",
]

APPENDED: Final = frozenset({"set-cookie", "vary", "server-timing", "link"})
"""Fields that join the response's own line of that name; of every other field the response's own wins."""

SECRET_NAMES: Final = frozenset({"authorization", "cookie", "proxy-authorization", "set-cookie", "x-api-key"})
"""Fields whose values never stand in a repr, and so in no log and no traceback."""

Default = TypeVar("Default")


def header_pairs(headers: HeaderSource) -> list[tuple[str, str]]:
    """A mapping, pairs or None -> checked pairs in order, names lower-case. Raises as `check_header` does."""
    if headers is None:
        return []
    if isinstance(headers, ResponseHeaders):
        return headers.raw
    pairs = [check_header(name, value) for name, value in items_of(headers)]
    if len(pairs) > 1:
        _refuse_second_lines(pairs)
    return pairs


def items_of(headers: object) -> Iterable[tuple[str, str]]:
    """The pairs of a mapping, of pairs or of other headers, unchecked; ValueError for what is none of these."""
    given: Any = headers
    items = given.items() if hasattr(headers, "items") else given
    if isinstance(items, (str, bytes)) or not hasattr(items, "__iter__"):
        raise ValueError(f"headers are a mapping or (name, value) pairs, not {type(headers).__name__}")
    return cast("Iterable[tuple[str, str]]", items)


def _refuse_second_lines(pairs: list[tuple[str, str]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen and name in SINGLETONS:
            raise ValueError(f"header {name!r} is given twice: an answer has one")
        seen.add(name)


def check_default(name: str, value: str) -> tuple[str, str]:
    """As `check_header`, for what middleware adds: a Vary joins the response's own, so that each of its fields is a name."""
    pair = check_header(name, value)
    if pair[0] == "vary":
        for field in pair[1].split(","):
            if field.strip() != "*":
                check_name(field.strip())
    return pair


class _Pairs:
    """What both kinds of headers can be asked; look-up takes a name in any case."""

    __slots__ = ("_pairs",)

    _pairs: list[tuple[str, str]]

    @property
    def raw(self) -> list[tuple[str, str]]:
        """All (lower-case name, value) pairs in their order, as a list of the caller's own."""
        return self._pairs.copy()

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: Default) -> str | Default: ...
    def get(self, name: str, default: object = None) -> object:
        """The first value of `name`, or `default`."""
        name = name.lower()
        for known, value in self._pairs:
            if known == name:
                return value
        return default

    def get_all(self, name: str) -> list[str]:
        """Every value of `name` in order; [] when there is none."""
        name = name.lower()
        return [value for known, value in self._pairs if known == name]

    getlist = get_all

    def items(self) -> list[tuple[str, str]]:
        """All pairs, duplicates included; `dict(headers)` has the first value of each name."""
        return self._pairs.copy()

    def keys(self) -> list[str]:
        """Each name once, in the order of its first line."""
        return list(dict.fromkeys(name for name, _ in self._pairs))

    def values(self) -> list[str]:
        """The values beside `items()`, duplicates included."""
        return [value for _, value in self._pairs]

    def __getitem__(self, name: str) -> str:
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __eq__(self, other: object) -> bool:
        return self._pairs == other._pairs if isinstance(other, _Pairs) else NotImplemented

    def __repr__(self) -> str:
        shown = [(name, "***" if name in SECRET_NAMES else value) for name, value in self._pairs]
        return f"{type(self).__name__}({shown!r})"


class Headers(_Pairs):
    """A request's headers, immutable: `Headers([("host", "a"), ("accept", "x")])`; names in any case.

    They are what the client sent and are not checked. `X_Real_IP` is not `x-real-ip`: the two are never
    folded.
    """

    __slots__ = ("_first",)

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = [(name.lower(), value) for name, value in pairs]
        # dict() keeps the last of equal names: read from behind, that is the first line.
        self._first = dict(reversed(self._pairs))

    @overload
    def get(self, name: str) -> str | None: ...
    @overload
    def get(self, name: str, default: Default) -> str | Default: ...
    def get(self, name: str, default: object = None) -> object:
        """The first value of `name`, or `default`."""
        value = self._first.get(name)
        return self._first.get(name.lower(), default) if value is None else value


_TYPE: Final = "content-type"

_new = object.__new__


@lru_cache(maxsize=256)
def _type_pair(media_type: str) -> tuple[str, str]:
    return check_header(_TYPE, media_type)


class ResponseHeaders(_Pairs):
    """The headers of an answer: `ResponseHeaders({"x-count": "3"})`. What comes in is checked."""

    __slots__ = ()

    def __init__(self, headers: HeaderSource = None) -> None:
        self._pairs = [] if headers is None else header_pairs(headers)

    def add(self, name: str, value: str) -> None:
        """Append a line beside those that `name` has; ValueError for a second line of one of SINGLETONS."""
        pair = check_header(name, value)
        if pair[0] in SINGLETONS and pair[0] in self:
            raise ValueError(f"header {pair[0]!r} is set already: assign headers[{pair[0]!r}] to replace it")
        self._pairs.append(pair)

    def extend(self, headers: HeaderSource) -> None:
        """Add every line of a mapping, pairs or other headers; none of them when one is refused."""
        pairs = self._pairs + header_pairs(headers)
        _refuse_second_lines(pairs)
        self._pairs = pairs

    def __setitem__(self, name: str, value: str) -> None:
        pair = check_header(name, value)
        self.remove(pair[0])
        self._pairs.append(pair)

    def setdefault(self, name: str, value: str) -> str:
        """The first value of `name`; `value`, which is then added, when there is none."""
        pair = check_header(name, value)
        present = self.get(pair[0])
        if present is not None:
            return present
        self._pairs.append(pair)
        return pair[1]

    def remove(self, name: str) -> None:
        """Drop every line of `name`, if there is any."""
        name = name.lower()
        self._pairs = [pair for pair in self._pairs if pair[0] != name]

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self.remove(name)

    def add_vary(self, *names: str) -> None:
        """Name request fields that the answer depends on, each once; `*` covers all (RFC 9110 12.5.5)."""
        fields = [field.strip() for line in self.get_all("vary") for field in line.split(",")]
        fields += [name for name in names if name == "*" or check_name(name)]
        unique: dict[str, str] = {}
        for field in fields:
            unique.setdefault(field.lower(), field)
        self["vary"] = "*" if "*" in unique else ", ".join(filter(None, unique.values()))

    def add_defaults(self, defaults: Iterable[tuple[str, str]]) -> None:
        """Add lines that middleware wants on every answer; a field that is here already is left alone."""
        own = {name for name, _ in self._pairs}
        for name, value in defaults:
            if name == "vary" and name in own:
                self.add_vary(*value.split(", "))
            elif name not in own or name in APPENDED:
                self.add(name, value)

    def without(self, names: Container[str]) -> ResponseHeaders:
        """Headers of their own without any line of these lower-case names."""
        twin = ResponseHeaders()
        twin._pairs = [pair for pair in self._pairs if pair[0] not in names]
        return twin

    def with_length(self, size: int) -> ResponseHeaders:
        """Headers of their own with this Content-Length, whatever they had."""
        twin = _new(ResponseHeaders)
        twin._pairs = [pair for pair in self._pairs if pair[0] != "content-length"]
        twin._pairs.append(("content-length", str(size)))
        return twin

    def complete(self, made: Iterable[tuple[str, str]]) -> None:
        """Add lines of our own making, which nobody need check, but for fields that are here already."""
        own = {name for name, _ in self._pairs}
        self._pairs += [pair for pair in made if pair[0] not in own]

    def copy(self) -> ResponseHeaders:
        """Headers of their own with the same lines."""
        twin = ResponseHeaders()
        twin._pairs = self._pairs.copy()
        return twin


def typed_headers(headers: HeaderSource, media_type: str | None) -> ResponseHeaders:
    """ResponseHeaders with a Content-Type, unless they have one or it is None.

    As `setdefault("content-type", media_type)`, in a third of its time: types are few, and the same again and again.
    """
    made = _new(ResponseHeaders)
    made._pairs = pairs = [] if headers is None else header_pairs(headers)  # pyright: ignore[reportPrivateUsage]
    if media_type is not None:
        pair = _type_pair(media_type) if type(media_type) is str else check_header(_TYPE, media_type)
        if not pairs or _TYPE not in made:
            pairs.append(pair)
    return made
