"""Finds what stands at a path. Knows templates and paths; knows nothing of methods, routes or requests.

    tree = RouteTree(make_leaf)
    tree.leaf(PathTemplate.parse("/items/{id:int}")) -> the leaf of that shape, made by make_leaf at the first call
    tree.match("/items/42") -> (that leaf, (42,))        paths come percent-decoded

Two stores, and a short cut. Templates without holes are keys of one dict. Where a hole stands last behind literals alone, as in
`/items/{id}`, another dict leads from the literals to its node. The templates with holes make a radix tree over segments: a run of literal
segments is one edge, and at each node the ways on stand in order of preference:

    static, then parts of a segment (more literal text first), then typed by rank, then untyped, then the rest of the path

A walk takes the first way, and comes back for the next one if that fails further down, so `/users/me` never hides
`/users/{id}/posts`. This cannot explode: a node has one parent and stands at one depth, so a walk enters it at most once, by
the one segment that belongs there. A match costs at most the number of nodes, each reading one segment in linear time,
whatever the path is; segments beyond the depth of the tree are not even split.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile
from typing import Any, Generic, TypeAlias, TypeVar

from velocipy.routing.converters import parse_path
from velocipy.routing.path import PathTemplate, Segment, never_matches

Leaf = TypeVar("Leaf")

_STATIC = -1  # the way that stands before ways[0]


class RouteTree(Generic[Leaf]):
    """Paths to leaves. With `ignore_slash`, one trailing slash more or less is the same path.

    A path matches if each of its segments does. A hole takes no empty segment, so `//a` is not `/a`; a typed hole whose
    converter refuses the text does not match; the rest of a path keeps its trailing slash, and may be empty after a slash
    (`/files/` for `/files/{rest*}`; with `ignore_slash` also `/files`). Nothing takes a path that `never_matches`.

    `make_leaf` gets the template that the leaf is first asked for, and must not return None.
    """

    def __init__(self, make_leaf: Callable[[PathTemplate], Leaf], *, ignore_slash: bool = True) -> None:
        self._make_leaf = make_leaf
        self._ignore_slash = ignore_slash
        self.static: dict[str, tuple[Leaf, Sequence[object]]] = {}
        """What `match` gives for every path that is a template without holes."""
        self.nowhere: tuple[Leaf, Sequence[object]] | None = None
        """What it gives for a path that no template takes; for what is no path, as `*`, it gives None."""
        self._last: dict[
            str, _Node[Leaf]
        ] = {}  # the literals before a last segment with holes -> the node before it
        self._root: _Node[Leaf] = _Node([])
        self._start: _Place[Leaf] = (self._root, 1, (), _STATIC)
        self._splits = 1  # as many as the deepest template has segments, and one for a slash behind them

    def leaf(self, template: PathTemplate) -> Leaf:
        """The leaf for templates of this shape: equal literals and equal converters, whatever the holes are called."""
        return self._static_leaf(template) if template.is_static else self._hole_leaf(template)

    def match(self, path: str) -> tuple[Leaf, Sequence[object]] | None:
        """The most preferred leaf that takes `path`, with the converted values in the order of its template's holes."""
        return self.static.get(path) or self.match_holes(path)

    def match_holes(self, path: str) -> tuple[Leaf, Sequence[object]] | None:
        """The same for a path that is not in `static`."""
        head, _, last = path.rpartition("/")
        node = self._last.get(head)
        if node is not None:
            # What a walk would try first, for half its price: of the statics that stand before, none was there.
            parse, several, child = node.first
            if child.leaf is not None:
                try:
                    value = parse(last)
                except ValueError:
                    pass
                else:
                    return child.leaf, value if several else (value,)
        segments = path.split("/", self._splits)
        if segments[0] or not path:
            return None
        root = self._root
        if not root.choices and segments[1] not in root.statics:  # as nearly every path that leads nowhere
            return self.nowhere
        return self._walk(path, segments, self._start, []) or self.nowhere

    def matches(self, path: str) -> Iterator[tuple[Leaf, Sequence[object]]]:
        """Every leaf that takes `path`, each once, the most preferred first."""
        found = self.static.get(path)
        if found is not None:
            yield found
        places = [self._start] if path[:1] == "/" else []
        while places:
            found = self._walk(path, path.split("/", self._splits), places.pop(), places)
            if found is not None:
                yield found

    def _walk(
        self, path: str, segments: list[str], place: _Place[Leaf], places: list[_Place[Leaf]]
    ) -> tuple[Leaf, Sequence[object]] | None:
        """The first match from `place` on; the segments of "/a/b" are ["", "a", "b"], as many as are told apart at all.

        Alternatives are put on `places` as they are passed, and taken from there when a way fails; those that are left
        after a match lead to the less preferred ones. Long because it is the loop, and each call in it costs 60 ns.
        """
        if ("/." in path or not path.isascii()) and never_matches(path):
            return None
        if self._ignore_slash and not segments[-1]:
            segments.pop()
        end = len(segments)
        node, at, values, way = place
        while True:
            if at == end:
                if way == _STATIC and node.leaf is not None:
                    if node.rest is not None:
                        places.append((node, at, values, len(node.ways)))
                    return node.leaf, values
            else:
                segment = segments[at]
                if way == _STATIC:
                    child = node.statics.get(segment)
                    if child is not None and (
                        not child.run or segments[at + 1 : at + child.span] == child.run
                    ):
                        if node.choices:
                            places.append((node, at, values, 0))
                        node, at = child, at + child.span
                        continue
                    way = 0
                if segment and way < len(node.ways):
                    parse, several, child = node.ways[way]
                    way += 1
                    try:
                        value = parse(segment)
                    except ValueError:
                        continue
                    if way < node.choices:
                        places.append((node, at, values, way))
                    values += value if several else (value,)
                    node, at, way = child, at + 1, _STATIC
                    continue
            if node.rest is not None and (at < end or self._ignore_slash):
                rest = _rest(path, segments, at)
                if rest is not None:
                    return node.rest, (*values, rest)
            if not places:
                return None
            node, at, values, way = places.pop()

    def _static_leaf(self, template: PathTemplate) -> Leaf:
        path = template.text
        slash = self._ignore_slash and path != "/"
        path = path.removesuffix("/") if slash else path
        found = self.static.get(path)
        if found is None:
            found = self.static[path] = (self._make_leaf(template), ())
            if slash:
                self.static[path + "/"] = found
        return found[0]

    def _hole_leaf(self, template: PathTemplate) -> Leaf:
        node, segments, path = self._root, template.segments, template.text
        if self._ignore_slash and path[-1] == "/":
            segments, path = segments[:-1], path[:-1]
        self._splits = max(self._splits, len(segments) + 1)
        run: list[str] = []
        for segment in segments:
            if not segment.holes:
                run.append(segment.literals[0])
            elif segment.holes[0].catch_all:
                return self._rest_leaf(node.grow(run), template)
            else:
                before = node.grow(run)
                if node is self._root and run and segment is segments[-1]:
                    # Nothing but literals leads there, and at least one: "a" is not "/a".
                    self._last[path.rpartition("/")[0]] = before
                node, run = before.way(segment), []
        node = node.grow(run)
        if node.leaf is None:
            node.leaf = self._make_leaf(template)
        return node.leaf

    def _rest_leaf(self, node: _Node[Leaf], template: PathTemplate) -> Leaf:
        if node.rest is None:
            node.rest = self._make_leaf(template)
            node.choices += 1
        return node.rest


_NO_RUN: list[str] = []  # never changed


class _Node(Generic[Leaf]):
    """A place in the tree: what ends here, and the ways on."""

    __slots__ = ("choices", "first", "leaf", "orders", "rest", "run", "span", "statics", "ways")

    def __init__(self, run: list[str]) -> None:
        self.run = (
            run or _NO_RUN
        )  # the literals that lead here, after the one that is the key in the parent's statics
        self.span = 1 + len(run)
        self.leaf: Leaf | None = None
        # Of 10,000 routes nearly every node has at most one of these: empty ones are objects that nobody pays for.
        self.statics: dict[str, _Node[Leaf]] = {}
        self.ways: tuple[_Way[Leaf], ...] = ()
        self.first: _Way[Leaf]  # ways[0], where there is one, with a reader that refuses what never matches
        self.orders: tuple[tuple[object, ...], ...] = ()  # of the ways, which they are sorted by
        self.rest: Leaf | None = None  # what takes everything from here on
        self.choices = 0  # the ways, and the rest

    def grow(self, run: list[str]) -> _Node[Leaf]:
        """The node behind these literal segments, made if it is not there; edges that share a beginning are cut."""
        node = self
        while run:
            child = node.statics.get(run[0])
            if child is None:
                child = node.statics[run[0]] = _Node(run[1:])
            shared = 1 + sum(1 for _ in takewhile(bool, map(str.__eq__, child.run, run[1:])))
            if shared < child.span:
                child = node.statics[run[0]] = child.cut(shared)
            node, run = child, run[shared:]
        return node

    def cut(self, span: int) -> _Node[Leaf]:
        """A new node in the middle of the edge that leads here, `span` segments from its start, with this one below."""
        middle: _Node[Leaf] = _Node(self.run[: span - 1])
        middle.statics[self.run[span - 1]] = self
        self.run = self.run[span:]
        self.span -= span
        return middle

    def way(self, segment: Segment) -> _Node[Leaf]:
        """The node behind a segment with holes, made if it is not there."""
        order = _order(segment)
        index = bisect_left(self.orders, order)
        if index == len(self.orders) or self.orders[index] != order:
            whole = segment.literals == ("", "")
            parse = segment.holes[0].converter.parse if whole else segment.parse
            self.orders = (*self.orders[:index], order, *self.orders[index:])
            self.ways = (*self.ways[:index], (parse, not whole, _Node(_NO_RUN)), *self.ways[index:])
            self.choices += 1
            if index == 0:
                self.first = (_guarded(segment, parse), *self.ways[0][1:])
        return self.ways[index][2]


def _guarded(segment: Segment, parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """A reader of the text between two slashes that leaves to a walk, by ValueError, what might be in a path that never matches."""
    converter = segment.holes[0].converter
    if segment.literals == ("", "") and converter.is_plain:
        return parse
    if parse is str:
        return _plain_text

    def guarded(text: str) -> Any:
        return parse(_plain_text(text))

    return guarded


def _plain_text(text: str) -> str:
    if not text or text[0] == "." or not text.isascii():
        raise ValueError("not plain")
    return text


# A segment with holes: its reader, whether that gives a tuple of values (one for each part) or one value, the node behind it.
_Way: TypeAlias = tuple[Callable[[str], Any], bool, _Node[Leaf]]
# Where a walk goes on: a node, the index of the segment to read, the values so far, and the way to try: _STATIC, an index of
# the node's ways, or the number of its ways for the rest.
_Place: TypeAlias = tuple[_Node[Leaf], int, tuple[object, ...], int]


def _order(segment: Segment) -> tuple[object, ...]:
    """The preference among the ways of one node, lowest first; equal for segments of one shape and for no others."""
    ranks = tuple([hole.converter.rank for hole in segment.holes])
    if segment.literals == ("", ""):
        return 1, ranks
    return 0, -sum(map(len, segment.literals)), ranks, segment.literals


def _rest(path: str, segments: list[str], at: int) -> str | None:
    """What is left of `path` from segment `at` on, as the client sent it; None if a catch-all refuses it."""
    try:
        return parse_path(path[sum(map(len, segments[:at])) + at :])
    except ValueError:
        return None
