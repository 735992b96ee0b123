"""The route tree: what it finds and prefers, held against a naive matcher, and that no path makes it slow."""

import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from velocipy.routing import converters
from velocipy.routing.converters import Converter, add_converter
from velocipy.routing.path import PathTemplate, Segment
from velocipy.routing.tree import RouteTree

Match = tuple[str, tuple[object, ...]]


def tree(*templates: str, ignore_slash: bool = True) -> RouteTree[str]:
    """A tree whose leaves are the texts of the templates that made them."""
    made: RouteTree[str] = RouteTree(str, ignore_slash=ignore_slash)
    for template in templates:
        made.leaf(PathTemplate.parse(template))
    return made


def match(made: RouteTree[str], path: str) -> Match | None:
    found = made.match(path)
    return None if found is None else (found[0], tuple(found[1]))


def matches(made: RouteTree[str], path: str) -> list[Match]:
    return [(leaf, tuple(values)) for leaf, values in made.matches(path)]


def fastest(call: Callable[[], object], rounds: int = 15) -> float:
    """Seconds of the fastest of some calls: what the work costs when nobody else wants the processor."""
    best = float("inf")
    for _ in range(rounds):
        before = time.process_time()
        call()
        best = min(best, time.process_time() - before)
    return best


# What is found


@pytest.mark.parametrize("template", ["/items/{id:int}", "/items/{id}/more", "/{id:int}", "/{rest*}"])
def test_what_stands_for_nowhere_is_given_for_paths_alone(template: str) -> None:
    made = tree(template, "/about")
    assert made.match("/items/.." if template == "/{rest*}" else "/nowhere/at/all") is None
    made.nowhere = ("nowhere", ())
    assert made.match("/items/..") == ("nowhere", ())
    assert made.match("/about") == ("/about", ())
    assert made.match("*") is made.match("") is made.match("http://a/items/..") is None
    assert matches(made, "/items/..") == matches(made, "*") == matches(made, "") == []


@pytest.mark.parametrize(
    ("template", "path", "values"),
    [
        ("/", "/", ()),
        ("/users/me", "/users/me", ()),
        ("/straße/日本", "/straße/日本", ()),
        ("/{id}", "/a b", ("a b",)),
        ("/{id}", "/x\x00y", ("x\x00y",)),
        ("/items/{id:int}", "/items/-42", (-42,)),
        ("/items/{id:int}", "/items/007", (7,)),
        ("/{a:int}/x/{b:bool}", "/1/x/on", (1, True)),
        ("/api/v1/{a}/b/c/{d}/e", "/api/v1/A/b/c/D/e", ("A", "D")),
        ("/{name}.{ext}", "/a.tar.gz", ("a.tar", "gz")),
        ("/v{major:int}/x", "/v2/x", (2,)),
        ("/files/{rest*}", "/files/css/site.css", ("css/site.css",)),
        ("/files/{rest*}", "/files/docs/", ("docs/",)),
        ("/{id:int}/{rest:path}", "/1/a/b", (1, "a/b")),
        ("/{rest*}", "/", ("",)),
        ("/{rest*}", "/a/b/c/d/e/", ("a/b/c/d/e/",)),
    ],
)
@pytest.mark.parametrize("ignore_slash", [True, False])
def test_a_path_gives_its_leaf_and_values(
    template: str, path: str, values: tuple[object, ...], ignore_slash: bool
) -> None:
    made = tree(template, ignore_slash=ignore_slash)
    assert match(made, path) == (template, values)
    assert matches(made, path) == [(template, values)]


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/", ""),
        ("/a", "a"),
        ("/a", "/A"),
        ("/a", "//a"),
        ("/a", "/a//"),
        ("/a", "/a/b"),
        ("/a", "/"),
        ("/{id}", "/"),
        ("/{id}", "//"),
        ("/{id}", "//a"),
        ("/{id}", "x"),
        ("/{id}", ""),
        ("/{id}", "a/b"),
        ("/{id}", "/a/b"),
        ("/{a}/{b}", "/a"),
        ("/{a}/{b}", "/a//"),
        ("/{a}/{b}", "//b"),
        ("/users/{id}/posts", "/users//posts"),
        ("/users/{id}/posts", "/users/1/posts/2"),
        ("/items/{id:int}", "/items/x"),
        ("/items/{id:int}", "/items/1.0"),
        ("/items/{id:int}", "/items/+1"),
        ("/items/{id:int}", "/items/١"),
        ("/{name}.{ext}", "/a."),
        ("/v{major:int}", "/v"),
        ("/v{major:int}", "/vx"),
        ("/x{a}/{b}", "/xy"),
        ("/a/b/{c}", "/a/x/c"),
        ("/a/b/{c}", "/a"),
        ("/files/{rest*}", "/file"),
        ("/files/{rest*}", "/files//etc/passwd"),
        ("/files/{rest*}", "/files/a//b"),
        ("/files/{rest*}", "//files/a"),
        ("/{rest*}", "//evil.test"),
        ("/{rest*}", "a"),
        ("/{rest*}", ""),
    ],
)
@pytest.mark.parametrize("ignore_slash", [True, False])
def test_a_path_that_does_not_fit_gives_nothing(template: str, path: str, ignore_slash: bool) -> None:
    made = tree(template, ignore_slash=ignore_slash)
    assert match(made, path) is None
    assert matches(made, path) == []


@pytest.mark.parametrize("path", ["/a\ufffd", "/a\udc80/b", "/..", "/a/../b", "/./a", "/a/.."])
def test_nothing_takes_undecodable_bytes_or_dot_segments(path: str) -> None:
    """Not even a hole for everything: such a path is a 404 on every server."""
    made = tree("/{rest*}", "/{a}", "/{a}/{b}", "/{a}.{b}", "/{a}/{b}/{c}")
    assert match(made, path) is None
    assert matches(made, path) == []


def test_an_empty_tree_matches_nothing() -> None:
    for path in ("", "/", "/a", "//", "a"):
        assert match(tree(), path) is None
        assert matches(tree(), path) == []


# Slashes


@pytest.mark.parametrize("template", ["/a", "/a/", "/a/{b}", "/a/{b}/", "/a/{b:int}/c/", "/x{b:int}"])
def test_one_trailing_slash_more_or_less_is_ignored(template: str) -> None:
    path = template.replace("{b}", "1").replace("{b:int}", "1").rstrip("/")
    made = tree(template)
    assert match(made, path) == match(made, path + "/")
    assert match(made, path) is not None
    assert match(made, path + "//") is None


@pytest.mark.parametrize("template", ["/a", "/a/{b}", "/x{b:int}"])
def test_a_strict_tree_tells_trailing_slashes_apart(template: str) -> None:
    path = template.replace("{b}", "1").replace("{b:int}", "1")
    bare, slash = tree(template, ignore_slash=False), tree(template + "/", ignore_slash=False)
    assert match(bare, path) is not None
    assert match(bare, path + "/") is None
    assert match(slash, path) is None
    assert match(slash, path + "/") is not None


def test_the_rest_of_a_path_may_be_empty_behind_a_slash() -> None:
    ignoring, strict = tree("/files/{rest*}"), tree("/files/{rest*}", ignore_slash=False)
    assert match(ignoring, "/files/") == match(ignoring, "/files") == ("/files/{rest*}", ("",))
    assert match(strict, "/files/") == ("/files/{rest*}", ("",))
    assert match(strict, "/files") is None


# Leaves


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/a", "/a"),
        ("/a", "/a/"),
        ("/{id}", "/{name}"),
        ("/{id}", "/{id:str}/"),
        ("/a/{id:int}/b", "/a/{n:int}/b"),
        ("/{a}.{b}", "/{name}.{ext}"),
        ("/{rest*}", "/{tail:path}"),
    ],
)
def test_templates_of_one_shape_share_a_leaf(one: str, other: str) -> None:
    """So a conflict is seen whatever the holes are called; the first template makes the leaf."""
    routes: RouteTree[list[str]] = RouteTree(lambda template: [template.text])
    leaf = routes.leaf(PathTemplate.parse(one))
    assert routes.leaf(PathTemplate.parse(other)) is leaf
    assert leaf == [one]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/a", "/b"),
        ("/{id}", "/{id:int}"),
        ("/{id:int}", "/{id:float}"),
        ("/{a}.{b}", "/{a}-{b}"),
        ("/{a}x", "/x{a}"),
        ("/{a}.{b:int}", "/{a:int}.{b}"),
        ("/{id}", "/{id*}"),
        ("/{id}", "/{id}/{b}"),
        ("/a/{b}", "/{a}/b"),
    ],
)
def test_templates_of_two_shapes_have_two_leaves(one: str, other: str) -> None:
    made: RouteTree[list[str]] = RouteTree(lambda template: [template.text])
    assert made.leaf(PathTemplate.parse(one)) is not made.leaf(PathTemplate.parse(other))


def test_a_strict_tree_has_a_leaf_for_each_slash() -> None:
    made = tree("/a", "/a/", "/{id}", "/{id}/", ignore_slash=False)
    assert [match(made, path) for path in ("/a", "/a/", "/1", "/1/")] == [
        ("/a", ()),
        ("/a/", ()),
        ("/{id}", ("1",)),
        ("/{id}/", ("1",)),
    ]


# Preference


def test_each_segment_prefers_static_then_parts_then_typed_then_untyped_then_the_rest() -> None:
    ordered = [
        "/x/42",
        "/x/4{a}",
        "/x/{a:bool}",
        "/x/{a:int}",
        "/x/{a:float}",
        "/x/{a}",
        "/x/{rest*}",
        "/{a}/42",
        "/{a}/{b:int}",
        "/{rest*}",
    ]
    made = tree(*reversed(ordered))
    assert [leaf for leaf, _ in matches(made, "/x/42")] == [text for text in ordered if text != "/x/{a:bool}"]
    assert [leaf for leaf, _ in matches(made, "/x/1")][:4] == [
        "/x/{a:bool}",
        "/x/{a:int}",
        "/x/{a:float}",
        "/x/{a}",
    ]


def test_more_literal_text_is_preferred_among_parts() -> None:
    made = tree("/{a}.{b}", "/{a}.gz", "/{a}.tar.gz", "/x{a}")
    assert [leaf for leaf, _ in matches(made, "/x1.tar.gz")] == [
        "/{a}.tar.gz",
        "/{a}.gz",
        "/x{a}",
        "/{a}.{b}",
    ]


def test_a_static_route_never_hides_a_longer_one() -> None:
    made = tree("/users/me", "/users/{id}/posts", "/{rest*}")
    assert match(made, "/users/me") == ("/users/me", ())
    assert match(made, "/users/me/posts") == ("/users/{id}/posts", ("me",))
    assert match(made, "/users/me/friends") == ("/{rest*}", ("users/me/friends",))


@pytest.mark.parametrize("parent", ["/files", "/{id}", "/files/{id}", "/v{id}"])
def test_a_path_that_ends_is_preferred_to_one_with_an_empty_rest(parent: str) -> None:
    path = parent.replace("{id}", "1")
    made = tree(parent + "/{rest*}", parent)
    assert [leaf for leaf, _ in matches(made, path)] == [parent, parent + "/{rest*}"]
    assert [leaf for leaf, _ in matches(made, path + "/")] == [parent, parent + "/{rest*}"]


def test_a_walk_returns_from_a_static_run_that_breaks_off() -> None:
    made = tree("/a/b/c/d/{x}", "/a/b/c/e/{x}", "/a/{y}/c/f", "/{z}/b/c/d")
    assert match(made, "/a/b/c/d/1") == ("/a/b/c/d/{x}", ("1",))
    assert match(made, "/a/b/c/e/1") == ("/a/b/c/e/{x}", ("1",))
    assert match(made, "/a/b/c/f") == ("/a/{y}/c/f", ("b",))
    assert match(made, "/a/b/c/d") == ("/{z}/b/c/d", ("a",))
    assert match(made, "/a/b/c") is None


def test_an_application_converter_stands_between_typed_and_untyped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(converters, "_converters", dict(converters._converters))
    add_converter("even", lambda text: int(text) if int(text) % 2 == 0 else int(""), type=int)
    made = tree("/{a}", "/{a:even}", "/{a:uuid}")
    assert match(made, "/4") == ("/{a:even}", (4,))
    assert match(made, "/5") == ("/{a}", ("5",))


def test_a_converter_that_breaks_is_not_taken_for_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """ValueError means that the text does not fit; anything else is a fault of the application, and is seen."""
    monkeypatch.setattr(converters, "_converters", dict(converters._converters))
    colors: dict[str, int] = {"red": 1}
    add_converter("broken", colors.__getitem__)
    with pytest.raises(KeyError):
        tree("/{a:broken}", "/{a}").match("/x")


# The oracle

SEGMENTS = [
    "a",
    "b",
    "1",
    "{}",
    "{:int}",
    "{:bool}",
    "{:float}",
    "a{}",
    "{}a",
    "{}.{}",
    "{}.{:int}",
    "a-{:int}",
    "{*}",
]
PARTS = [
    "",
    "a",
    "b",
    "1",
    "0",
    "on",
    "-1",
    "a1",
    "aa",
    "1.5",
    "a.b",
    "a.1",
    "a.b.c",
    "a-1",
    ".",
    "..",
    "é",
    "\ufffd",
]


def numbered(segments: list[str]) -> str:
    """`{}` and `{:int}` named by their place, and nothing behind a hole for the rest."""
    last = segments.index("{*}") + 1 if "{*}" in segments else len(segments)
    pieces = re.split(r"(?<=\{)", "/" + "/".join(segments[:last]))
    return "".join(piece + (f"h{index}" if piece.endswith("{") else "") for index, piece in enumerate(pieces))


templates = st.builds(
    lambda segments, slash: (
        numbered(segments) + ("/" if slash and segments[-1] != "{*}" and "{*}" not in segments else "")
    ),
    st.lists(st.sampled_from(SEGMENTS), min_size=1, max_size=4),
    st.booleans(),
)
paths = st.lists(st.sampled_from(PARTS), min_size=1, max_size=5).map(lambda parts: "/" + "/".join(parts))


def naive_values(template: PathTemplate, path: str, ignore_slash: bool) -> tuple[object, ...] | None:
    """Segment by segment, with a regular expression for each; a template is tried alone."""
    parts = path.split("/")[1:]
    if {".", ".."} & set(parts) or "\ufffd" in path:
        return None
    segments = list(template.segments)
    whole = list(parts)
    if ignore_slash:
        parts = parts[:-1] if parts[-1] == "" else parts
        segments = segments[:-1] if segments[-1].literals == ("",) else segments
    values: list[object] = []
    for index, segment in enumerate(segments):
        if segment.holes and segment.holes[0].catch_all:
            return naive_rest(
                values, whole[index:], index < len(whole) or ignore_slash and index <= len(whole)
            )
        if index >= len(parts):
            return None
        pattern = "(.+)".join(re.escape(literal) for literal in segment.literals)
        found = re.fullmatch(pattern, parts[index], re.DOTALL)
        if found is None:
            return None
        try:
            values += [
                hole.converter.parse(text) for hole, text in zip(segment.holes, found.groups(), strict=True)
            ]
        except ValueError:
            return None
    return tuple(values) if len(segments) == len(parts) else None


def naive_rest(values: list[object], rest: list[str], allowed: bool) -> tuple[object, ...] | None:
    return (*values, "/".join(rest)) if allowed and "" not in rest[:-1] and rest != ["", ""] else None


def naive_preference(template: PathTemplate, ignore_slash: bool) -> list[tuple[object, ...]]:
    segments = list(template.segments)
    if ignore_slash and segments[-1].literals == ("",):
        segments.pop()
    return [naive_rank(segment) for segment in segments]


def naive_rank(segment: Segment) -> tuple[object, ...]:
    ranks = [hole.converter.rank for hole in segment.holes]
    if not segment.holes:
        return (0,)
    if any(segment.literals):
        return 1, -len("".join(segment.literals)), ranks, segment.literals
    return 2, ranks


@settings(max_examples=6 * settings().max_examples, deadline=None)
@given(st.lists(templates, max_size=12), st.lists(paths, min_size=1, max_size=12), st.booleans())
def test_the_tree_agrees_with_a_naive_matcher(texts: list[str], tried: list[str], ignore_slash: bool) -> None:
    """The same leaves with the same values in the same order, however the templates were added."""
    made: RouteTree[PathTemplate] = RouteTree(lambda template: template, ignore_slash=ignore_slash)
    leaves = list(dict.fromkeys(made.leaf(PathTemplate.parse(text)) for text in texts))
    leaves.sort(key=lambda leaf: naive_preference(leaf, ignore_slash))
    for path in tried:
        expected = [(leaf, naive_values(leaf, path, ignore_slash)) for leaf in leaves]
        found = [(leaf, tuple(values)) for leaf, values in made.matches(path)]
        assert found == [(leaf, values) for leaf, values in expected if values is not None]
        first = made.match(path)
        assert (first is None) == (not found)
        assert first is None or (first[0], tuple(first[1])) == found[0]


@given(st.lists(templates, min_size=1, max_size=8), st.data())
def test_a_url_that_a_template_builds_leads_back_to_it(texts: list[str], data: st.DataObject) -> None:
    """With the values it was built from, unless a more preferred template takes that path too."""
    made: RouteTree[PathTemplate] = RouteTree(lambda template: template)
    leaves = [made.leaf(PathTemplate.parse(text)) for text in texts]
    leaf = data.draw(st.sampled_from(leaves))
    params = {
        hole.name: data.draw(st.sampled_from(["a", "b", "1", "0", "1.5", "a.b", "."])) for hole in leaf.holes
    }
    try:
        path = leaf.url(params)
    except ValueError:
        return
    expected = tuple(hole.converter.parse(params[hole.name]) for hole in leaf.holes)
    assert (leaf, expected) in [(found, tuple(values)) for found, values in made.matches(path)]


# Bounds


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A converter called `counted` that takes all text, and the texts that it was given."""
    texts: list[str] = []

    def parse(text: str) -> str:
        texts.append(text)
        return text

    monkeypatch.setattr(
        converters,
        "_converters",
        {**converters._converters, "counted": Converter("counted", str, parse, str, 500)},
    )
    yield texts


def nasty(depth: int) -> list[str]:
    """Every mixture of a literal and two holes, `depth` deep, all ending in a literal: the most ways to fail late."""
    holes = ["a", "{{h{0}:counted}}", "x{{h{0}:counted}}"]
    mixtures = product(holes, repeat=depth)
    return [
        "/" + "/".join(part.format(at) for at, part in enumerate(mixture)) + "/end" for mixture in mixtures
    ]


def test_a_match_enters_each_node_at_most_once(counted: list[str]) -> None:
    """Every way fits and none leads to the end, so the walk tries all of them: no node more than once, or the conversions
    would be more than its holes.
    """
    depth = 6
    made = tree(*nasty(depth))
    assert match(made, "/" + "xa/" * depth + "no") is None
    assert (
        len(counted) == 2 * sum(2**level for level in range(depth)) < node_count(made)
    )  # "xa" fits both holes
    counted.clear()
    assert match(made, "/" + "a/" * depth + "no") is None
    assert len(counted) == sum(2**level for level in range(depth))  # "a" fits the literal and one hole


@pytest.mark.case(26)
@pytest.mark.parametrize(
    "path", ["/" + "a/" * 5_000, "/" + "/" * 10_000, "/" + "xa/" * 5_000, "/" + "x" * 10_000]
)
def test_a_long_path_tries_no_more_than_a_short_one(counted: list[str], path: str) -> None:
    depth = 4
    made = tree(*nasty(depth))
    assert match(made, path) is None
    assert len(counted) <= 2 * sum(3**level for level in range(depth))


@pytest.mark.case(26)
@pytest.mark.parametrize(
    "path",
    [
        "/files/" + "a/" * 5_000,
        "/files/" + "a/" * 5_000 + "..",
        "/files/" + "/" * 10_000,
        "/files/" + "/." * 5_000,
        "/" + "a" * 10_000,
        "/" + "." * 10_000,
        "/" + "a." * 5_000,
        "/" + "1" * 10_000,
        "/" + "é" * 10_000,
        "/v" + "1" * 10_000,
    ],
)
def test_ten_times_the_path_is_at_most_ten_times_the_work(path: str) -> None:
    """Linear: a hundredfold for a quadratic reader; the limit leaves room for a busy machine."""
    made = tree(
        "/files/{rest*}", "/{a}.{b}.{c}", "/v{a:int}", "/{a:float}", "/{a:uuid}", "/{a:date}", "/{a}/b"
    )
    short = fastest(lambda: [made.match(path) for _ in range(10)])
    long = fastest(lambda: [made.match(path * 10) for _ in range(10)])
    assert long < 30 * short + 0.001
    assert short < 0.02


def test_a_match_costs_the_same_among_ten_routes_and_ten_thousand() -> None:
    """The budget is 1.5, which the benchmark holds; a search through the routes would show here as hundreds."""

    def build(count: int) -> RouteTree[str]:
        return tree(
            "/items/{id:int}", *[f"/v{number % 7}/res{number}/{{id:int}}/{{name}}" for number in range(count)]
        )

    small, large = build(10), build(10_000)
    for path in ("/items/42", "/v3/res3/7/x", "/v3/res3/x/y", "/nope"):
        few = fastest(partial(repeated, small, path))
        many = fastest(partial(repeated, large, path))
        assert many < 3 * few


def repeated(made: RouteTree[str], path: str) -> None:
    for _ in range(300):
        made.match(path)


def test_a_static_run_is_one_edge_until_a_template_leaves_it() -> None:
    """Radix: the nodes of a tree grow with its holes and forks, not with its segments."""
    made = tree("/api/v1/public/items/{id}")
    assert node_count(made) == 3  # root, the run, the hole
    made.leaf(PathTemplate.parse("/api/v1/private/items/{id}"))
    assert node_count(made) == 6  # the run is cut once
    made.leaf(PathTemplate.parse("/api/v1/private/items/{id}/a/b/c"))
    assert node_count(made) == 7


def node_count(made: RouteTree[str]) -> int:
    waiting, count = [made._root], 0
    while waiting:
        node = waiting.pop()
        count += 1
        waiting += [*node.statics.values(), *[way[2] for way in node.ways]]
    return count


def test_a_preferred_hole_that_only_leads_on_hides_nothing() -> None:
    made = tree("/a/{number:int}/b", "/a/{name}")
    assert match(made, "/a/7") == ("/a/{name}", ("7",))
    assert match(made, "/a/7/b") == ("/a/{number:int}/b", (7,))
