"""Markers: what stands in them, and what they refuse where they are written."""

import re
from typing import Any

import pytest

from velocipy import Body, Cookie, Depends, File, Form, Header, Path, Query
from velocipy.constraints import Constraints
from velocipy.exceptions import ConfigurationError
from velocipy.handlers.markers import MARKER_FUNCTIONS, MISSING, Dependency, Marker, guard, is_guard

MARKERS: dict[str, Any] = {function.__name__.lower(): function for function in MARKER_FUNCTIONS}
BOUNDED = {name: marker for name, marker in MARKERS.items() if name != "file"}


@pytest.mark.parametrize("source", BOUNDED)
def test_a_marker_knows_its_source_and_what_was_said(source: str) -> None:
    marker = BOUNDED[source](
        3, alias="n", title="t", description="d", examples=[4], deprecated=True, ge=1, lt=9
    )
    assert marker == Marker(source, 3, "n", "t", "d", (4,), True, True, Constraints(ge=1, lt=9))  # type: ignore[arg-type]


def test_every_source_has_a_marker_function() -> None:
    assert set(MARKERS) == {"path", "query", "header", "cookie", "form", "file", "body"}
    assert {Path, Query, Header, Cookie, Form, File, Body} == set(MARKER_FUNCTIONS)


@pytest.mark.parametrize(
    ("name", "keywords", "message"),
    [
        ("query", {"minlength": 3}, "Query() ({here}) takes no 'minlength'; did you mean 'min_length'?"),
        ("file", {"ge": 3}, "File() ({here}) takes no 'ge'"),
        ("header", {"style": "form"}, "Header() ({here}) takes no 'style'"),
        ("query", {"style": "comma"}, "style ({here}) is one of 'form', 'spaceDelimited', 'pipeDelimited'"),
        ("form", {"extra": "allow"}, "extra ({here}) is one of 'ignore', 'forbid', not 'allow'"),
    ],
)
def test_a_keyword_that_nothing_takes_is_told_with_its_line(
    name: str, keywords: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        MARKERS[name](**keywords)
    line = test_a_keyword_that_nothing_takes_is_told_with_its_line.__code__.co_firstlineno
    found = re.search(r"\(([^()]+):(\d+)\)", str(caught.value))
    assert found is not None and found[1] == __file__ and line < int(found[2]) < line + 20
    assert str(caught.value).startswith(message.format(here=f"{found[1]}:{found[2]}"))


@pytest.mark.parametrize(
    ("keywords", "separator"),
    [
        ({}, None),
        ({"explode": False}, ","),
        ({"style": "spaceDelimited"}, " "),
        ({"style": "pipeDelimited"}, "|"),
        ({"style": "pipeDelimited", "explode": True}, None),
        ({"style": "deepObject"}, None),
    ],
)
def test_styles_say_what_parts_the_items_of_one_parameter(
    keywords: dict[str, Any], separator: str | None
) -> None:
    marker: Any = Query(**keywords)
    assert marker.separator == separator


@pytest.mark.parametrize("required", [Query(), Query(...)])
def test_without_a_default_a_parameter_is_required(required: Any) -> None:
    assert required.default is MISSING
    assert repr(MISSING) == "MISSING"


def test_none_is_a_default() -> None:
    marker: Any = Query(None)
    assert marker.default is None


@pytest.mark.parametrize("name", MARKERS)
def test_a_marker_is_documented(name: str) -> None:
    assert (MARKERS[name].__doc__ or "").startswith("The parameter ")


def test_a_pattern_that_is_none_is_refused_where_it_is_written() -> None:
    with pytest.raises(ConfigurationError, match=r"the pattern '\[' is not a regular expression"):
        Query(pattern="[")


@pytest.mark.parametrize("of", [0, -1, float("nan")])
def test_multiple_of_is_greater_than_zero(of: float) -> None:
    with pytest.raises(ConfigurationError, match="multiple_of is a number greater than 0"):
        Query(multiple_of=of)


def test_depends_is_a_record_of_its_call() -> None:
    found: Any = Depends(int, use_cache=False, scope="request")
    assert found == Dependency(int, False, "request")


@pytest.mark.parametrize("wrong", ["open_db", 3])
def test_depends_needs_something_to_call(wrong: Any) -> None:
    with pytest.raises(
        ConfigurationError, match=r"Depends \(.*test_handlers_markers.py:\d+\) needs a function or class"
    ):
        Depends(wrong)


def test_depends_refuses_an_unknown_scope() -> None:
    with pytest.raises(ConfigurationError, match="'function', 'request', 'app', not 'session'"):
        Depends(int, scope="session")  # type: ignore[call-overload]


def test_guard_marks_functions_classes_and_their_instances() -> None:
    @guard
    def function() -> None: ...

    @guard
    class Callable:
        def __call__(self) -> None: ...

    assert is_guard(function) and is_guard(Callable) and is_guard(Callable())
    assert not is_guard(print)
