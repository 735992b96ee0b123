"""Finds what stands at a path. Knows templates and paths; knows nothing of methods, routes or requests.

    tree = RouteTree(make_leaf)
    tree.leaf(PathTemplate.parse("/items/{id:int}")) -> the leaf of that shape, made by make_leaf at the first call
    tree.match("/items/42") -> (that leaf, (42,))        paths come percent-decoded

Two stores. Templates without holes are keys of one dict. The others make a radix tree over segments: a run of literal
segments is one edge, and at each node the ways to go on stand in order of preference:

    static, then parts of a segment (more literal text first), then typed by rank, then untyped, then the rest of the path

The walk takes the first way and comes back for the next one if it fails further down, so `/users/me` never hides
`/users/{id}/posts`. That cannot explode: a node stands at one depth and has one parent, so a walk enters it at most once, and
only nodes whose parents took their segments. One match thus costs at most the number of nodes, each reading one segment in
linear time; there is no path for which it costs more. Segments beyond the depth of the tree are not even split.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from velocipy.routing.path import PathTemplate, Segment, never_matches

Leaf = TypeVar("Leaf")

_NO_VALUES: tuple[object, ...] = ()


class _Node(Generic[Leaf]):
    """A place in the tree: what ends here, and the ways on."""

    __slots__ = ("bare", "leaf", "run", "span", "statics", "ways")

    def __init__(self, run: list[str]) -> None:
        self.run = run  # the literal segments that lead here, after the one that is the key in the parent's statics
        self.span = 1 + len(run)
        self.statics: dict[str, _Node[Leaf]] = {}
        self.ways: list[_Way[Leaf]] = []
        self.leaf: Leaf | None = None
        self.bare: Leaf | None = None  # the leaf of a catch-all below, where the path may end here and leave it nothing


class _Way(NamedTuple, Generic[Leaf]):
    """A segment with holes that leads on to `node`. Ways sort by `order`, which no two ways of a node share."""

    order: tuple[object, ...]
    parse: Callable[[str], object]
    parts: bool  # parse gives a tuple of values, not one
    rest: bool  # parse takes the rest of the path, and node.leaf is the end
    node: _Node[Leaf]


# Where a walk goes on: a node, the index of the next segment, the values so far, and the index of the way to try next,
# where -1 is the static one.
_Place = tuple[_Node[Leaf], int, tuple[object, ...], int]


class RouteTree(Generic[Leaf]):
    """Paths to leaves. `ignore_slash`: one trailing slash more or less is the same path.

    A path matches if each of its segments does. A hole never takes an empty segment, so `//a` is not `/a`; a typed hole whose
    converter refuses the text does not match; the rest of a path keeps its trailing slash, and may be empty after a slash
    (`/files/` for `/files/{rest*}`, and `/files` too with `ignore_slash`). Nothing takes a path that `never_matches`.
    """

    def __init__(self, make_leaf: Callable[[PathTemplate], Leaf], *, ignore_slash: bool = True) -> None:
        self._make_leaf = make_leaf
        self._ignore_slash = ignore_slash
        self._static: dict[str, tuple[Leaf, Sequence[object]]] = {}
        self._root: _Node[Leaf] = _Node([])
        self._start: _Place[Leaf] = (self._root, 1, _NO_VALUES, -1)
        self._splits = 1  # as many as tell the segments of the deepest template, and a trailing slash, from what follows

    def leaf(self, template: PathTemplate) -> Leaf:
        """The leaf for templates of this shape: equal literals and equal converters, whatever the holes are called."""
        return self._static_leaf(template) if template.is_static else self._hole_leaf(template)

    def match(self, path: str) -> tuple[Leaf, Sequence[object]] | None:
        """The most preferred leaf that takes `path`, with the converted values in the order of its template's holes."""
        found = self._static.get(path)
        if found is not None:
            return found
        segments = self._split(path)
        return None if segments is None else self._walk(path, segments, self._start, [])

    def matches(self, path: str) -> Iterator[tuple[Leaf, Sequence[object]]]:
        """Every leaf that takes `path`, each once, the most preferred first."""
        found = self._static.get(path)
        if found is not None:
            yield found
        segments = self._split(path)
        places = [] if segments is None else [self._start]
        while segments is not None and places:
            found = self._walk(path, segments, places.pop(), places)
            if found is not None:
                yield found

    def _split(self, path: str) -> list[str] | None:
        """`/a/b` as ["", "a", "b"]; None if nothing can take the path."""
        if never_matches(path):
            return None
        segments = path.split("/", self._splits)
        if segments[0] or len(segments) == 1:
            return None
        if self._ignore_slash and not segments[-1]:
            segments.pop()
        return segments

    def _walk(
        self, path: str, segments: list[str], place: _Place[Leaf], places: list[_Place[Leaf]]
    ) -> tuple[Leaf, Sequence[object]] | None:
        """The first match from `place` on. Untried alternatives are added to `places`, the most preferred last, and taken
        from there; those that are left after a match lead to the next one.
        """
        end = len(segments)
        node, at, values, way = place
        while True:
            if at == end:
                if way < 0 and node.leaf is not None:
                    if node.bare is not None:
                        places.append((node, at, values, 0))
                    return node.leaf, values
                if node.bare is not None:
                    return node.bare, (*values, "")
            elif way < 0:
                child = node.statics.get(segments[at])
                if child is None or (child.run and segments[at + 1 : at + child.span] != child.run):
                    way = 0
                    continue
                if node.ways:
                    places.append((node, at, values, 0))
                node, at = child, at + child.span
                continue
            elif way < len(node.ways):
                _, parse, parts, rest, child = node.ways[way]
                way += 1
                try:
                    value = parse(_tail(path, segments, at) if rest else segments[at] or _refuse())
                except ValueError:
                    continue
                if way < len(node.ways):
                    places.append((node, at, values, way))
                values = (*values, *value) if parts else (*values, value)
                if rest: ...
                node, at, way = child, at + 1, -1
                continue
            if not places:
                return None
            node, at, values, way = places.pop()
