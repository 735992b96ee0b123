"""The converters of path holes: what is built in, what an application may add, and in which order they are tried."""

from collections.abc import Iterator
from datetime import date
from uuid import UUID

import pytest

from velocipy.exceptions import ConfigurationError, PathError
from velocipy.routing import converters
from velocipy.routing.converters import (
    UNTYPED_RANK,
    add_converter,
    converter_names,
    find_converter,
    parse_path,
)


@pytest.fixture(autouse=True)
def _own_table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test adds is known in that test alone."""
    monkeypatch.setattr(converters, "_converters", dict(converters._converters))
    yield


@pytest.mark.parametrize(
    ("name", "kind", "text", "value"),
    [
        ("str", str, "a b", "a b"),
        ("int", int, "-42", -42),
        ("float", float, "1.5", 1.5),
        ("bool", bool, "true", True),
        ("date", date, "2026-01-31", date(2026, 1, 31)),
        ("uuid", UUID, "01234567-89ab-cdef-0123-456789abcdef", UUID("0123456789abcdef0123456789abcdef")),
        ("path", str, "a/b/", "a/b/"),
    ],
)
def test_a_built_in_converter_reads_and_writes(name: str, kind: type, text: str, value: object) -> None:
    converter = find_converter(name)
    assert converter.name == name
    assert converter.type is kind
    assert converter.parse(text) == value
    assert converter.format(value) == text


def test_converters_are_found_once() -> None:
    """uuid and date are made when they are first asked for, and are the same object ever after."""
    for name in converter_names():
        assert find_converter(name) is find_converter(name)


def test_the_most_selective_converter_is_tried_first() -> None:
    add_converter("slug", str)
    add_converter("anything", str)  # behind "slug", which was there first
    ranks = {name: find_converter(name).rank for name in converter_names()}
    order = ["bool", "uuid", "date", "int", "float", "slug", "anything", "str", "path"]
    # Converters are of the process: other tests may have added some.
    assert [name for name in sorted(ranks, key=ranks.__getitem__) if name in order] == order
    assert len(set(ranks.values())) == len(ranks)
    assert ranks["slug"] < UNTYPED_RANK


@pytest.mark.parametrize(
    ("name", "meant"),
    [("integer", "int"), ("number", "float, int"), ("Int", "int"), ("string", "str"), ("guid", "uuid")],
)
def test_an_unknown_converter_is_an_error_that_names_the_near_ones(name: str, meant: str) -> None:
    with pytest.raises(PathError, match=rf"no converter '{name}'; .*{meant}"):
        find_converter(name)


def test_an_application_adds_a_converter() -> None:
    added = add_converter("hex", lambda text: int(text, 16), format=lambda value: f"{value:x}", type=int)
    assert find_converter("hex") is added
    assert added.parse("ff") == 255
    assert added.format(255) == "ff"
    assert added.type is int
    assert "hex" in converter_names()


@pytest.mark.parametrize("name", ["int", "str", "path", "uuid", "date", "mine"])
def test_a_converter_is_never_redefined(name: str) -> None:
    add_converter("mine", str)
    with pytest.raises(ConfigurationError, match=f"'{name}' already"):
        add_converter(name, str)


@pytest.mark.parametrize("name", ["", "Int", "a-b", "1a", "_a", "a b", "é", "a}", "a:b", "a*", "a\n"])
def test_a_converter_name_that_no_template_could_hold_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="lower-case ASCII"):
        add_converter(name, str)


@pytest.mark.case(26)
@pytest.mark.parametrize("text", ["/", "/etc/passwd", "a//b", "a//", "//"])
def test_the_rest_of_a_path_has_no_empty_segment_but_the_last(text: str) -> None:
    with pytest.raises(ValueError, match="not a valid path"):
        parse_path(text)


@pytest.mark.parametrize("text", ["", "a", "a/", "a/b.css", ".hidden/x"])
def test_the_rest_of_a_path_is_kept_as_it_is(text: str) -> None:
    assert parse_path(text) == text
