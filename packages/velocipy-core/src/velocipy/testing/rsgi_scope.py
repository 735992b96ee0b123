"""Scope and headers as an RSGI app sees them on Granian 2.8.7. Knows the request; answers nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar, overload
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from velocipy.testing.exchange import RawRequest

T = TypeVar("T")
# What hyper lets through as text: visible ASCII, blank and tab.
TEXT = frozenset(range(0x20, 0x7F)) | {0x09}


class RSGIHeaders:
    """The header mapping: case-blind, duplicates kept in `items` and `get_all`.

    A value that is not visible ASCII is left out of `items`, `values` and `get_all`, is the default for `get` and
    the empty string for `[]`; its name is there for `keys`, `in` and `len` (all measured).
    """

    __slots__ = ("_pairs",)

    def __init__(self, pairs: dict[str, list[str | None]]) -> None:
        self._pairs = pairs

    def keys(self) -> list[str]:
        return list(self._pairs)

    def values(self) -> list[str]:
        return [value for _, value in self.items()]

    def items(self) -> list[tuple[str, str]]:
        return [(name, value) for name in self._pairs for value in self.get_all(name)]

    @overload
    def get(self, key: str) -> str | None: ...
    @overload
    def get(self, key: str, default: T) -> str | T: ...
    def get(self, key: str, default: T | None = None) -> str | T | None:
        if not isinstance(key, str):
            raise TypeError(f"{type(key).__name__!r} object is not an instance of 'str'")
        values = self._pairs.get(key.lower())
        return default if values is None or values[0] is None else values[0]

    def get_all(self, key: str) -> list[str]:
        return [value for value in self._pairs.get(key.lower(), ()) if value is not None]

    def __getitem__(self, key: str) -> str:
        try:
            return self._pairs[key.lower()][0] or ""
        except KeyError:
            raise KeyError(key) from None

    def __contains__(self, key: str) -> bool:
        return key.lower() in self._pairs

    def __len__(self) -> int:
        return len(self._pairs)

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())


class RSGIScope:
    """The frozen scope: plain attributes, and a new header mapping at each access."""

    __slots__ = (
        "_headers",
        "authority",
        "client",
        "http_version",
        "method",
        "path",
        "proto",
        "query_string",
        "rsgi_version",
        "scheme",
        "server",
    )

    proto: str
    rsgi_version: str
    http_version: str
    server: str
    client: str
    scheme: str
    method: str
    path: str
    query_string: str
    authority: str | None
    _headers: dict[str, list[str | None]]

    def __init__(self, request: RawRequest, proto: str) -> None:
        put = object.__setattr__
        put(self, "proto", proto)
        put(self, "rsgi_version", "1.6")
        put(self, "http_version", request.http_version)
        put(self, "server", "{}:{}".format(*request.server))
        put(self, "client", "{}:{}".format(*request.client))
        put(self, "scheme", {"ws": "http", "wss": "https"}.get(request.scheme, request.scheme))
        put(self, "method", request.method)
        put(self, "path", unquote(request.raw_path.decode("utf-8", "replace")))
        put(self, "query_string", request.query.decode("utf-8", "replace"))
        put(self, "authority", request.authority)
        put(self, "_headers", group(request))

    @property
    def headers(self) -> RSGIHeaders:
        return RSGIHeaders(self._headers)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"attribute {name!r} of 'RSGIScope' objects is not writable")


def group(request: RawRequest) -> dict[str, list[str | None]]:
    """Name -> values in order; None stands for a value that is not visible ASCII."""
    grouped: dict[str, list[str | None]] = {}
    for name, value in request.headers:
        text = value.decode("ascii") if TEXT.issuperset(value) else None
        grouped.setdefault(name.decode("latin-1").lower(), []).append(text)
    return grouped
