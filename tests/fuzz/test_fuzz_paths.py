"""Fuzz target: routes against a matcher that tries one after the other with regular expressions. Knows templates as text alone."""

from __future__ import annotations

import datetime
import re
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

from drawing import mutated, unhurried, work
from hypothesis import example, given
from hypothesis import strategies as st

from velocipy.exceptions import PathError
from velocipy.routing.path import PathTemplate
from velocipy.routing.tree import RouteTree

BOOLS = {
    "true": True,
    "1": True,
    "yes": True,
    "on": True,
    "false": False,
    "0": False,
    "no": False,
    "off": False,
}


class Kind(NamedTuple):
    """A converter as its documentation has it: what text it takes, and the value that it makes of it."""

    pattern: str
    value: Callable[[str], Any]


# Most selective first: the order in which a tree prefers them.
KINDS = {
    "bool": Kind("(?i:" + "|".join(BOOLS) + ")", lambda text: BOOLS[text.lower()]),
    "uuid": Kind("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-9a-fA-F]{32}", uuid.UUID),
    "date": Kind("[0-9]{4}-[0-9]{2}-[0-9]{2}", datetime.date.fromisoformat),
    "int": Kind("-?[0-9]+", int),
    "float": Kind(r"-?([0-9]+(\.[0-9]+)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", float),
    "str": Kind(r"[\s\S]+", str),
}
LITERALS = ["a", "b", "users", "1", "true", "v", "a-b", ".x", "é", "%"]
HOLES = ["{}", "{:int}", "{:str}", "{:bool}", "{:uuid}", "{:date}", "{:float}"]
SEGMENTS = [
    *LITERALS,
    *HOLES,
    "v{:int}",
    "{}.{}",
    "a{}",
    "{}-{}",
    "{:int}.{:int}",
    "a{}b{}a",
    "{}a",
    "x{:bool}-{:int}",
]
TEXTS = [
    "",
    "a",
    "b",
    "users",
    "1",
    "-0",
    "01",
    "true",
    "ON",
    "0.5",
    "1e999",
    "2026-01-31",
    "2026-02-30",
    "v1",
    "a.b.c",
    "a-b-c",
    "x1-2",
    "abba",
]
TEXTS += [
    "12345678-1234-1234-1234-123456789abc",
    "1234567812341234123412345678ABCD",
    "é",
    "%",
    "..",
    ".",
    ".x",
    "a\x00",
    "\ufffd",
    "\n",
]
PIECES = ["/", "//", ".", "..", "%2F", "\x00", "\ufffd", "\ud800", "é", "-", "1", "a", "x", "\n"]


def named(segments: list[str]) -> str:
    """`{}` and `{:int}` with names of their own."""
    numbers = iter(range(100))
    return re.sub(r"\{(?=[:*}])", lambda match: f"{{h{next(numbers)}", "/" + "/".join(segments))


TEMPLATES = st.builds(
    lambda segments, end: named([*segments, *end]),
    st.lists(st.sampled_from(SEGMENTS), max_size=4),
    st.sampled_from([[], [], [""], ["{*}"], ["{:path}"]]),
)
PATHS = mutated(
    st.lists(st.sampled_from(TEXTS), min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts)), PIECES
)


def segment_of(text: str) -> tuple[list[str], list[str]]:
    """`v{h0:int}.{h1}` -> (["v", ".", ""], ["int", "str"])."""
    literals = re.split(r"\{[^}]*\}", text)
    return literals, [hole.partition(":")[2] or "str" for hole in re.findall(r"\{([^}]*)\}", text)]


def values_of(template: str, path: str, ignore_slash: bool) -> tuple[Any, ...] | None:
    """The values of one template in a path, or None: by the rules as they are documented, one segment after the other."""
    parts, segments = path.split("/"), template.split("/")
    if parts[0] or len(parts) == 1 or {".", ".."} & {*parts} or re.search("[\ufffd\ud800-\udfff]", path):
        return None
    rest = "*}" in segments[-1] or ":path}" in segments[-1]
    if rest:
        literal, segments = segments[:-1], segments[:-1]
        parts, left = parts[: len(literal)], parts[len(literal) :]
        if (
            len(parts) < len(literal)
            or (not left and not ignore_slash)
            or "" in left[:-1]
            or left == ["", ""]
        ):
            return None
        if ignore_slash and not left and parts[-1] == "" and len(parts) > 1:
            return None
        tail: tuple[Any, ...] = ("/".join(left),)
    else:
        tail = ()
        if ignore_slash:
            parts = parts[:-1] if parts[-1] == "" else parts
            segments = segments[:-1] if segments[-1] == "" else segments
        if len(parts) != len(segments):
            return None
    values: list[Any] = []
    for text, part in zip(segments, parts, strict=True):
        literals, kinds = segment_of(text)
        found = re.fullmatch(r"([\s\S]+)".join(map(re.escape, literals)), part)
        if found is None:
            return None
        for kind, own in zip(kinds, found.groups(), strict=True):
            if len(own) > 100 and kind != "str" or not re.fullmatch(KINDS[kind].pattern, own):
                return None
            try:
                value = KINDS[kind].value(own)
            except ValueError:
                return None
            if value in (float("inf"), float("-inf")):
                return None
            values.append(value)
    return (*values, *tail)


def preference(template: str, ignore_slash: bool) -> list[Any]:
    """What a tree sorts by: static, then parts of a segment, then typed, then untyped, then the rest."""
    segments = template.split("/")
    if ignore_slash and segments[-1] == "":
        segments.pop()
    order: list[Any] = []
    for text in segments:
        literals, kinds = segment_of(text)
        ranks = [list(KINDS).index(kind) for kind in kinds if kind in KINDS]
        if "*}" in text or ":path}" in text:
            order.append((3,))
        elif not kinds:
            order.append((0,))
        elif any(literals):
            order.append((1, -len("".join(literals)), ranks, literals))
        else:
            order.append((2, ranks))
    return order


@unhurried
@given(st.lists(TEMPLATES, min_size=1, max_size=8), st.lists(PATHS, min_size=1, max_size=8), st.booleans())
@example(["/{h0*}"], ["/", "//", "/a/", ""], True)
@example(["/a/{h0*}", "/a"], ["/a", "/a/", "/a//"], True)
@example(["/a/{h0*}"], ["/a", "/a/", "/a//"], False)
@example(["/{h0}/a", "/{h0:int}/b", "/1/{h0}"], ["/1/a", "/1/b", "/1/c"], True)
@example(["/a{h0}b{h1}a"], ["/abba", "/aaba", "/abbba"], True)
def test_a_tree_finds_what_trying_every_template_finds(
    templates: list[str], paths: list[str], ignore_slash: bool
) -> None:
    tree: RouteTree[str] = RouteTree(str, ignore_slash=ignore_slash)
    leaves = list(dict.fromkeys(tree.leaf(PathTemplate.parse(text)) for text in templates))
    leaves.sort(key=lambda leaf: preference(leaf, ignore_slash))
    for path in paths:
        tried = [(leaf, values_of(leaf, path, ignore_slash)) for leaf in leaves]
        expected = [(leaf, values) for leaf, values in tried if values is not None]
        found = [(leaf, tuple(values)) for leaf, values in tree.matches(path)]
        assert repr(found) == repr(expected)  # 1 is True and 1.0 otherwise
        first = tree.match(path)
        assert repr([] if first is None else [(first[0], tuple(first[1]))]) == repr(expected[:1])


@unhurried
@given(st.lists(TEMPLATES, min_size=1, max_size=8), PATHS, st.integers(1, 200))
def test_a_match_costs_at_most_the_nodes_of_its_tree(templates: list[str], path: str, times: int) -> None:
    tree: RouteTree[str] = RouteTree(str)
    segments = sum(tree.leaf(PathTemplate.parse(text)).count("/") for text in templates)
    assert work(tree.match, path * times) <= 60 * (segments + 2)


@unhurried
@given(TEMPLATES, st.data())
def test_a_url_of_a_template_is_ascii_and_leads_back(template: str, data: st.DataObject) -> None:
    parsed = PathTemplate.parse(template)
    params = {hole.name: data.draw(st.sampled_from([*TEXTS, 7, True, None, 1.5])) for hole in parsed.holes}
    try:
        url = parsed.url(params)
    except ValueError:
        return
    assert re.fullmatch(r"/(?:[!$&'()*+,;=:@A-Za-z0-9\-._~/]|%[0-9A-F]{2})*", url)
    path = re.sub("(?:%[0-9A-F]{2})+", lambda run: bytes.fromhex(run[0].replace("%", "")).decode(), url)
    assert values_of(template, path, False) is not None


@unhurried
@given(
    mutated(
        TEMPLATES, ["{", "}", ":", "*", "//", "..", "?", "%41", "<", "\x00", "{a}", "{a:", "é", "{a:intt}"]
    )
)
def test_a_template_is_read_or_refused_with_a_caret_under_the_place(text: str) -> None:
    try:
        parsed = PathTemplate.parse(text)
    except PathError as exc:
        caret = exc.message.splitlines()[-1]
        assert caret.strip(" ") == "^" and len(caret) - 5 <= len(text)
    else:
        assert str(parsed) == text
        assert len({hole.name for hole in parsed.holes}) == len(parsed.holes)
