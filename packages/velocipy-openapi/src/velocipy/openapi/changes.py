"""What differs between two OpenAPI documents, and what of it breaks clients. Knows operations; schemas are another's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from velocipy.openapi.operations import METHODS
from velocipy.openapi.schema_changes import Change, Direction, SchemaDiff, resolved

_METHODS: Final = frozenset({*METHODS, "query"})
_HOLE: Final = re.compile(r"\{([^{}]*)\}")


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The differences of two documents, in the order of the old one's paths, each breaking or not.

    Breaking is what may make a client fail that was written for the old document: what it may call, send or rely on is gone, what
    it sends is not enough, or what it gets is more than it was told of. Words, examples and names of path parameters are no
    differences, and errors that are no longer documented break nobody.
    """
    return list(_Documents(old, new).changes())


class _Documents:
    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._old = old
        self._new = new
        self._schemas = SchemaDiff(old, new)

    def changes(self) -> Iterator[Change]:
        before, after = _operations(self._old), _operations(self._new)
        for key, (place, old) in before.items():
            if key in after:
                yield from self._operation(place, old, after[key][1])
            else:
                yield Change(place, "is gone", True)
        for key, (place, _) in after.items():
            if key not in before:
                yield Change(place, "is new", False)

    def _operation(self, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
        if new.get("deprecated", False) != old.get("deprecated", False):
            yield Change(
                place, "is deprecated now" if new.get("deprecated") else "is not deprecated any more", False
            )
        yield from self._parameters(place, old, new)
        yield from self._body(place, old, new)
        yield from self._responses(place, old.get("responses", {}), new.get("responses", {}))
        yield from self._security(place, old, new)

    def _parameters(self, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
        before, after = self._by_key(self._old, old), self._by_key(self._new, new)
        for key, one in before.items():
            where = f"{place}, {one['in']} {one['name']}"
            other = after.get(key)
            if other is None:
                yield Change(where, "is gone", True)
                continue
            yield from _required(where, one, other)
            yield from self._schemas.changes(where, one.get("schema", {}), other.get("schema", {}), "input")
        for key, one in after.items():
            if key not in before:
                required = bool(one.get("required"))
                text = "is new and required" if required else "is new"
                yield Change(f"{place}, {one['in']} {one['name']}", text, required)

    @staticmethod
    def _by_key(
        document: Mapping[str, Any], operation: Mapping[str, Any]
    ) -> dict[tuple[str, object], Mapping[str, Any]]:
        """Parameters by place and name; those of the path by their position in it, headers whatever their case."""
        found: dict[tuple[str, object], Mapping[str, Any]] = {}
        for entry in operation.get("parameters", ()):
            one = resolved(document, entry)
            name: object = one["name"]
            if one["in"] == "path" and name in operation["x-holes"]:
                name = operation["x-holes"].index(name)
            elif one["in"] == "header":
                name = one["name"].lower()
            found[one["in"], name] = one
        return found

    def _body(self, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
        where = f"{place}, body"
        if "requestBody" not in old or "requestBody" not in new:
            if "requestBody" in old:
                yield Change(where, "is gone", True)
            elif "requestBody" in new:
                required = bool(resolved(self._new, new["requestBody"]).get("required"))
                yield Change(where, "is new and required" if required else "is new", required)
            return
        one, other = resolved(self._old, old["requestBody"]), resolved(self._new, new["requestBody"])
        yield from _required(where, one, other)
        yield from self._content(where, one, other, "input")

    def _responses(self, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
        for status, response in old.items():
            where = f"{place}, {status}"
            if status in new:
                one, other = resolved(self._old, response), resolved(self._new, new[status])
                yield from self._content(where, one, other, "output")
            else:
                yield Change(where, "is gone", status.startswith("2"))
        for status in new:
            if status not in old:
                yield Change(f"{place}, {status}", "is new", False)

    def _content(
        self, place: str, old: Mapping[str, Any], new: Mapping[str, Any], direction: Direction
    ) -> Iterator[Change]:
        before, after = old.get("content", {}), new.get("content", {})
        several = len({*before, *after}) > 1
        for kind, media in before.items():
            where = f"{place} {kind}" if several else place
            if kind in after:
                other = after[kind]
                schemas = media.get("schema", {}), other.get("schema", {})
                yield from self._schemas.changes(where, *schemas, direction)
                if "itemSchema" in media and "itemSchema" in other:
                    items = media["itemSchema"], other["itemSchema"]
                    yield from self._schemas.changes(f"{where}, each item", *items, direction)
            else:
                yield Change(where, f"is no longer {kind}", True)
        for kind in after:
            if kind not in before:
                yield Change(f"{place} {kind}" if several else place, f"may be {kind} now", False)

    def _security(self, place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
        """Breaking where one of the old ways in is not enough any more."""
        before: list[dict[str, Any]] = old.get("security", self._old.get("security")) or [{}]
        after: list[dict[str, Any]] = new.get("security", self._new.get("security")) or [{}]
        if before == after:
            return
        fails = [way for way in before if not any(_is_enough(way, need) for need in after)]
        yield Change(place, f"needs {_ways(after)}, not {_ways(before)}", bool(fails))


def _operations(document: Mapping[str, Any]) -> dict[tuple[str, str], tuple[str, dict[str, Any]]]:
    """(method, path without names of holes) -> (title, operation with the parameters of its path)."""
    found: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
    for path, item in document.get("paths", {}).items():
        item = resolved(document, item)
        for method in item:
            if method in _METHODS or method.startswith("x-") and "responses" in (item[method] or ()):
                operation = dict(item[method])
                operation["parameters"] = _with_shared(document, item, operation)
                operation["x-holes"] = _HOLE.findall(path)
                name = method.removeprefix("x-")
                title = f"{name.upper()} {path}"
                found[name, _HOLE.sub("{}", path)] = (title, operation)
    return found


def _with_shared(
    document: Mapping[str, Any], item: Mapping[str, Any], operation: Mapping[str, Any]
) -> list[Mapping[str, Any]]:
    """The parameters of a path and of an operation, whose own count where both have one."""
    every = [
        resolved(document, one) for one in (*item.get("parameters", ()), *operation.get("parameters", ()))
    ]
    return list({(one["in"], one["name"]): one for one in every}.values())


def _required(place: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    before, after = bool(old.get("required")), bool(new.get("required"))
    if before != after:
        yield Change(place, "is required now" if after else "may be missing now", after)


def _is_enough(way: Mapping[str, Any], need: Mapping[str, Any]) -> bool:
    """Whether who has the schemes and scopes of `way` has those of `need`."""
    return all(name in way and set(scopes) <= set(way[name]) for name, scopes in need.items())


def _ways(requirements: Any) -> str:
    ways = [
        " and ".join(f"{name}{sorted(scopes) if scopes else ''}" for name, scopes in way.items()) or "nothing"
        for way in requirements
    ]
    return " or ".join(ways)
