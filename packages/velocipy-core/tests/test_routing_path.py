"""One grammar of path templates: what it reads, what it refuses and how it says so, and the URLs it builds."""

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy.exceptions import PathError
from velocipy.routing import path
from velocipy.routing.path import PathTemplate, Segment, encode_path, join_paths, never_matches

parse = PathTemplate.parse


def segment(text: str) -> Segment:
    return parse("/" + text).segments[0]


def test_a_path_without_holes_is_static() -> None:
    template = parse("/users/me")
    assert template.is_static
    assert template.holes == ()
    assert [part.literals for part in template.segments] == [("users",), ("me",)]
    assert str(template) == template.text == "/users/me"


@pytest.mark.parametrize(("text", "count"), [("/", 1), ("/a", 1), ("/a/", 2), ("/a/{b}/", 3)])
def test_a_trailing_slash_is_an_empty_last_segment(text: str, count: int) -> None:
    assert len(parse(text).segments) == count


@pytest.mark.parametrize(
    ("text", "holes"),
    [
        ("/{id}", [("id", "str", False)]),
        ("/items/{id:int}/{day:date}", [("id", "int", False), ("day", "date", False)]),
        ("/files/{rest*}", [("rest", "path", True)]),
        ("/files/{rest:path}", [("rest", "path", True)]),
        ("/{name}.{ext}", [("name", "str", False), ("ext", "str", False)]),
        ("/v{major:int}.{minor:int}/x", [("major", "int", False), ("minor", "int", False)]),
        ("/{größe}", [("größe", "str", False)]),
    ],
)
def test_holes_are_read_in_order(text: str, holes: list[tuple[str, str, bool]]) -> None:
    template = parse(text)
    assert not template.is_static
    assert [(hole.name, hole.converter.name, hole.catch_all) for hole in template.holes] == holes


@pytest.mark.parametrize(
    "text",
    ["/straße/日本", "/a b", "/100%", "/50% off", "/:id", "/a:b", "/~me", "/.well-known/x", "/a..b", "/x*"],
)
def test_literal_text_is_any_decoded_text(text: str) -> None:
    assert parse(text).is_static


@pytest.mark.parametrize(
    ("text", "at", "fix"),
    [
        ("", 0, "write '/'"),
        ("users", 0, "write '/users'"),
        ("{id}", 0, 'begins with "/"'),
        ("/a//b", 2, 'write one "/"'),
        ("//", 0, 'write one "/"'),
        ("/a?b=1", 2, "leave out"),
        ("/a#b", 2, "leave out"),
        ("/a%20b", 2, "write the character itself"),
        ("/a\nb", 2, "remove it"),
        ("/a\x00", 2, "remove it"),
        ("/a\x7f", 2, "remove it"),
        ("/a\ufffd", 2, "remove it"),
        ("/a\ud800", 2, "remove it"),
        ("/a/../b", 3, "write the path that is meant"),
        ("/.", 1, "write the path that is meant"),
        ("/users/<id>", 7, "write|braces"),
        ("/users/{id", 7, "never closed"),
        ("/users/id}", 9, "closes nothing"),
        ("/{{id}}", 1, "never closed"),
        ("/{a/b}", 1, "never closed"),
        ("/{}", 2, "write {name}"),
        ("/{ id }", 2, "write {name}"),
        ("/{user-id}", 2, "write {name}"),
        ("/{1a}", 2, "write {name}"),
        ("/{:int}", 2, "write {name}"),
        ("/{rest*:path}", 2, "write {name}"),
        ("/{a}{b}", 4, "write {a}-{b}"),
        ("/{id}/x/{id}", 9, "own name"),
        ("/{id:integer}", 5, "did you mean 'int'"),
        ("/{id:}", 5, "there is bool"),
        ("/x/{id:[0-9]+}", 7, "no converter"),
        ("/{rest*}/x", 1, "stands last"),
        ("/{rest*}/", 1, "stands last"),
        ("/{rest:path}/x", 1, "stands last"),
        ("/a-{rest*}", 1, "segment of its own"),
        ("/{a}.{rest:path}", 1, "segment of its own"),
    ],
)
def test_a_template_that_cannot_be_read_shows_where_and_the_fix(text: str, at: int, fix: str) -> None:
    """The message is the reason, then the template, then a caret under the place."""
    with pytest.raises(PathError) as caught:
        parse(text)
    reason, shown, caret = caught.value.message.split("\n")
    assert fix in reason or re.search(fix, reason)
    assert len(shown) == len("    " + text)
    assert caret == "    " + " " * at + "^"
    assert shown.isprintable()


@pytest.mark.parametrize("text", [None, 3, b"/a"])
def test_a_template_is_text(text: object) -> None:
    with pytest.raises(PathError, match="a path is a text"):
        parse(text)  # type: ignore[arg-type]


@given(st.text("/{}:*ab.%?int", max_size=14).map(lambda text: "/" + text))
def test_every_text_is_read_or_refused_with_a_path_error(text: str) -> None:
    try:
        template = parse(text)
    except PathError:
        return
    assert template.text == text
    assert all(len(part.literals) == len(part.holes) + 1 for part in template.segments)


@pytest.mark.parametrize(
    ("template", "text", "texts"),
    [
        ("{name}.{ext}", "a.tar.gz", ["a.tar", "gz"]),
        ("{name}.{ext}", "a.", None),
        ("{name}.{ext}", ".a", None),
        ("{name}.{ext}", "..a", [".", "a"]),
        ("{name}.{ext}", "a..", ["a", "."]),
        ("{name}.{ext}", "a", None),
        ("{a}.{b}.{c}", "a..b", None),
        ("{a}.{b}.{c}", "a...b", ["a", ".", "b"]),
        ("{a}.{b}.{c}", "1.2.3.4", ["1.2", "3", "4"]),
        ("v{major}", "v1", ["1"]),
        ("v{major}", "v", None),
        ("v{major}", "w1", None),
        ("{a}x", "xx", ["x"]),
        ("ab{x}ba", "aba", None),
        ("ab{x}ba", "abcba", ["c"]),
        ("{a}--{b}", "x---y", ["x-", "y"]),
        ("@{a}@{b}@", "@@@@@", ["@", "@"]),
    ],
)
def test_literals_of_a_segment_stand_as_far_right_as_they_can(
    template: str, text: str, texts: list[str] | None
) -> None:
    assert segment(template).split(text) == texts


@given(
    st.sampled_from(["{a}.{b}", "{a}.{b}.{c}", "x{a}", "{a}x", "x{a}.{b}x", "{a}.x{b}", "{a}xx{b}", "x.{a}"]),
    st.text("x.y\n", max_size=9),
)
def test_a_segment_is_split_as_greedy_groups_would(template: str, text: str) -> None:
    """Against a regular expression, which may backtrack: every hole a greedy group, every literal itself."""
    pattern = re.sub(r"\\\{\w+\\\}", "(.+)", re.escape(template))
    found = re.fullmatch(pattern, text, re.DOTALL)
    assert segment(template).split(text) == (list(found.groups()) if found else None)


def test_a_segment_converts_its_parts() -> None:
    assert segment("v{major:int}.{minor}").parse("v1.2") == (1, "2")
    with pytest.raises(ValueError):
        segment("v{major:int}").parse("vx")


@pytest.mark.parametrize(
    ("template", "params", "url"),
    [
        ("/", {}, "/"),
        ("/items/{id:int}", {"id": 42}, "/items/42"),
        ("/items/{id:int}", {"id": "42"}, "/items/42"),
        ("/items/{id}/", {"id": "a b"}, "/items/a%20b/"),
        ("/{a}", {"a": "c?d#é%/".replace("/", "")}, "/c%3Fd%23%C3%A9%25"),
        ("/{a}", {"a": "-._~!$&'()*+,;=:@"}, "/-._~!$&'()*+,;=:@"),
        ("/{a}", {"a": '<"\\^`{|}>\r\n\x00'}, "/%3C%22%5C%5E%60%7B%7C%7D%3E%0D%0A%00"),
        ("/straße/{a}", {"a": "日"}, "/stra%C3%9Fe/%E6%97%A5"),
        ("/50% off/{a}", {"a": "x"}, "/50%25%20off/x"),
        ("/{name}.{ext}", {"name": "a.tar", "ext": "gz"}, "/a.tar.gz"),
        ("/static/{rest*}", {"rest": "css/a b.css"}, "/static/css/a%20b.css"),
        ("/static/{rest*}", {"rest": "docs/"}, "/static/docs/"),
        ("/static/{rest*}", {"rest": ""}, "/static/"),
        ("/{on:bool}", {"on": True}, "/true"),
        ("/{x:float}", {"x": 1e22}, "/1e+22"),
    ],
)
def test_a_url_is_percent_encoded(template: str, params: dict[str, object], url: str) -> None:
    assert parse(template).url(params) == url


@pytest.mark.parametrize(
    ("template", "params", "reason"),
    [
        ("/{id}", {}, "'id' is missing"),
        ("/{user_id}", {"userid": 1}, "'user_id' is missing, it has no 'userid'; did you mean 'user_id'"),
        ("/{id}", {"id": 1, "page": 2}, "it has no 'page'"),
        ("/static", {"id": 1}, "it has no 'id'"),
        ("/{id}", {"id": None}, "id is None"),
        ("/{id}", {"id": ""}, "empty"),
        ("/{id}", {"id": "a/b"}, 'holds a "/"'),
        ("/{id}", {"id": ".."}, 'segment "." or ".."'),
        ("/{id}", {"id": "."}, 'segment "." or ".."'),
        ("/{id}", {"id": "\ud800"}, "not valid Unicode"),
        ("/{id}", {"id": "\ufffd"}, "not valid Unicode"),
        ("/{id:int}", {"id": "x"}, "not a valid integer"),
        ("/{id:int}", {"id": 1.0}, "not a valid integer"),
        ("/{id:int}", {"id": True}, "not a valid integer"),
        ("/{id:int}", {"id": 10**100}, "not a valid integer"),
        ("/{x:float}", {"x": float("nan")}, "not a valid number"),
        ("/{name}.{ext}", {"name": "a", "ext": "tar.gz"}, "cannot be told apart"),
        ("/.{name}", {"name": "."}, 'segment "." or ".."'),
        ("/s/{rest*}", {"rest": "/etc/passwd"}, "empty segment"),
        ("/s/{rest*}", {"rest": "a//b"}, "empty segment"),
        ("/s/{rest*}", {"rest": "a/../b"}, 'segment "." or ".."'),
    ],
)
def test_a_url_that_would_not_match_back_is_an_error_that_names_the_template(
    template: str, params: dict[str, object], reason: str
) -> None:
    with pytest.raises(ValueError) as caught:
        parse(template).url(params)
    assert str(caught.value).startswith(f"no URL for {template!r}: ")
    assert reason in str(caught.value)


@given(st.text(), st.text(), st.text("ab/. \u00e9", max_size=9))
def test_a_url_decodes_to_a_path_that_gives_the_values_back(name: str, ext: str, rest: str) -> None:
    template = parse("/{name}.{ext}/{rest*}")
    try:
        url = template.url({"name": name, "ext": ext, "rest": rest})
    except ValueError:
        return
    assert re.fullmatch(r"(?:[A-Za-z0-9/._~!$&'()*+,;=:@-]|%[0-9A-F]{2})+", url)
    _, first, tail = unquote(url).split("/", 2)
    assert template.segments[0].split(first) == [name, ext]
    assert tail == rest
    assert not never_matches(unquote(url))


@pytest.mark.case(26)
@pytest.mark.parametrize(
    ("path", "never"),
    [
        ("/a/../b", True),
        ("/..", True),
        ("/.", True),
        ("/a/./", True),
        ("/a\ufffd", True),
        ("/a\udcff", True),
        ("/...", False),
        ("/..a/.b/c.", False),
        ("/a\x00b", False),
        ("/é", False),
        ("/", False),
    ],
)
def test_dot_segments_and_undecodable_bytes_match_nothing(path: str, never: bool) -> None:
    assert never_matches(path) is never


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_encoded_path_decodes_to_itself(path: str) -> None:
    assert unquote(encode_path(path)) == path


@pytest.mark.parametrize(
    ("prefix", "path", "joined"),
    [
        ("", "", "/"),
        ("", "/", "/"),
        ("", "/a", "/a"),
        ("/", "", "/"),
        ("/", "/", "/"),
        ("/", "/a", "/a"),
        ("/api", "", "/api"),
        ("/api", "/", "/api/"),
        ("/api", "/a", "/api/a"),
        ("/api/", "", "/api/"),
        ("/api/", "/a", "/api/a"),
    ],
)
def test_a_prefix_joins_a_path_with_one_slash(prefix: str, path: str, joined: str) -> None:
    assert join_paths(prefix, path) == joined


@pytest.mark.parametrize(("prefix", "path"), [("api", "/a"), ("/api", "a"), ("", "a")])
def test_a_prefix_and_a_path_begin_with_a_slash(prefix: str, path: str) -> None:
    with pytest.raises(PathError, match="begins with"):
        join_paths(prefix, path)


@given(st.text("/.{}:*-a1_%?#<\x7f\n\u00e9\ufffd", max_size=8).map(lambda text: "/" + text))
def test_a_template_that_looks_ordinary_holds_nothing_that_is_refused(text: str) -> None:
    assert not (path._ORDINARY.fullmatch(text) and path._REFUSED.search(text))


def test_templates_share_their_equal_segments() -> None:
    first, second = PathTemplate.parse("/items/{item_id}"), PathTemplate.parse("/users/items/{item_id}")
    assert first.segments[0] is second.segments[1]
    assert first.segments[1] is second.segments[2]
