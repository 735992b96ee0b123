"""Markers: what stands in them, and what they refuse where they are written."""

from typing import Any

import pytest

from velocipy import Body, Cookie, Depends, Header, Path, Query
from velocipy.exceptions import ConfigurationError
from velocipy.handlers.markers import MISSING, Constraints, Dependency, Marker, guard, is_guard

MARKERS = {"path": Path, "query": Query, "header": Header, "cookie": Cookie, "body": Body}


@pytest.mark.parametrize("source", MARKERS)
def test_a_marker_knows_its_source_and_what_was_said(source: str) -> None:
    marker: Any = MARKERS[source](3, alias="n", title="t", description="d", deprecated=True, ge=1, lt=9)
    assert marker == Marker(source, 3, "n", "t", "d", True, Constraints(ge=1, lt=9))  # type: ignore[arg-type]


@pytest.mark.parametrize("required", [Query(), Query(...)])
def test_without_a_default_a_parameter_is_required(required: Any) -> None:
    assert required.default is MISSING
    assert repr(MISSING) == "MISSING"


def test_none_is_a_default() -> None:
    marker: Any = Query(None)
    assert marker.default is None


@pytest.mark.parametrize("name", MARKERS)
def test_a_marker_is_called_and_documented_by_its_source(name: str) -> None:
    assert MARKERS[name].__name__ == name.capitalize()
    assert f"comes from the {name}" in (MARKERS[name].__doc__ or "")


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


@pytest.mark.parametrize("wrong", [None, "open_db", 3])
def test_depends_needs_something_to_call(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="Depends needs a function or class"):
        Depends(wrong)


def test_depends_refuses_an_unknown_scope() -> None:
    with pytest.raises(ConfigurationError, match="'function' or 'request', not 'session'"):
        Depends(int, scope="session")  # type: ignore[call-overload]


def test_guard_marks_functions_classes_and_their_instances() -> None:
    @guard
    def function() -> None: ...

    @guard
    class Callable:
        def __call__(self) -> None: ...

    assert is_guard(function) and is_guard(Callable) and is_guard(Callable())
    assert not is_guard(print)
