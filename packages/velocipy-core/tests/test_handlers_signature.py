"""Signatures of everything that can be called, read into Parameter records."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import pytest

from velocipy import Depends, Query, VelociPy
from velocipy.exceptions import BindingError
from velocipy.handlers.markers import MISSING, Dependency, Marker
from velocipy.handlers.signature import (
    ENTERED,
    UNANNOTATED,
    How,
    Parameter,
    forget_signatures,
    how_called,
    identity,
    read_signature,
    return_annotation,
)

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForTypes

Page = Annotated[int, Query(ge=1)]
Described = Annotated[Page, "more"]


T = TypeVar("T")


def by_name(function: Callable[..., Any]) -> dict[str, Parameter]:
    return {parameter.name: parameter for parameter in read_signature(function)}


def test_annotations_as_text_are_evaluated() -> None:
    def function(page: int, names: list[str], either: int | None = None) -> str:
        return ""

    found = by_name(function)
    assert [parameter.annotation for parameter in found.values()] == [int, list[str], int | None]
    assert return_annotation(function) is str


def test_markers_are_found_in_aliases_and_as_defaults() -> None:
    def function(a: Page, b: Described, c: int = Query(3), d: Annotated[int, Query()] = 5) -> None: ...

    found = by_name(function)
    assert [parameter.annotation for parameter in found.values()] == [int] * 4
    assert all(isinstance(parameter.marker, Marker) for parameter in found.values())
    assert [parameter.default for parameter in found.values()] == [MISSING, MISSING, 3, 5]
    assert found["b"].extras == ("more",)


def test_a_dependency_has_no_default_but_its_call() -> None:
    def function(a: Annotated[str, Depends(str)], b: str = Depends(str)) -> None: ...

    found = by_name(function)
    assert all(isinstance(parameter.marker, Dependency) for parameter in found.values())
    assert [parameter.default for parameter in found.values()] == [MISSING, MISSING]


def test_two_markers_are_one_too_many() -> None:
    def function(page: Annotated[int, Query()] = Query(1)) -> None: ...

    with pytest.raises(
        BindingError, match=r"'page' of function \(.*test_handlers_signature.py:\d+\) has 2 markers: keep one"
    ):
        read_signature(function)


def test_keyword_only_parameters_are_told_apart_and_starred_ones_left_out() -> None:
    def function(a: int, /, b: int, *rest: int, c: int, d: int = 4, **more: int) -> None: ...

    assert [(p.name, p.keyword_only, p.default) for p in read_signature(function)] == [
        ("a", False, MISSING),
        ("b", False, MISSING),
        ("c", True, MISSING),
        ("d", True, 4),
    ]


def test_a_parameter_without_annotation_says_so() -> None:
    def function(a, b=1):  # type: ignore[no-untyped-def]  # that is what the test is about
        ...

    assert all(parameter.annotation is UNANNOTATED for parameter in read_signature(function))
    assert return_annotation(function) is UNANNOTATED


def test_partials_have_what_is_left_to_fill() -> None:
    def function(a: int, b: Page, c: str = "c") -> str:
        return ""

    found = by_name(functools.partial(functools.partial(function, 1), c="d"))
    assert list(found) == ["b"]  # what the partial fills no client may choose
    assert found["b"].annotation is int


class Methods:
    """Every kind of method."""

    def method(self, page: Page) -> int:
        return page

    @classmethod
    def of_class(cls, page: Page) -> int:
        return page

    @staticmethod
    def static(page: Page) -> int:
        return page

    def __call__(self, page: Page) -> int:
        return page


@pytest.mark.parametrize("function", [Methods().method, Methods.of_class, Methods.static, Methods()])
def test_methods_and_callable_objects_have_no_self(function: Callable[..., Any]) -> None:
    (parameter,) = read_signature(function)
    assert (parameter.name, parameter.annotation) == ("page", int)
    assert return_annotation(function) is int


class ByInit:
    """Made by __init__."""

    def __init__(self, page: Page) -> None: ...


class ByNew:
    """Made by __new__."""

    def __new__(cls, page: Page) -> ByNew:
        return object.__new__(cls)


@dataclass
class ByDataclass:
    """Made by what dataclass writes."""

    page: Page


@pytest.mark.parametrize("function", [ByInit, ByNew, ByDataclass])
def test_classes_have_the_parameters_of_what_makes_them(function: type) -> None:
    (parameter,) = read_signature(function)
    assert (parameter.name, parameter.annotation) == ("page", int)


def test_a_class_without_parameters_has_none() -> None:
    class Empty: ...

    assert read_signature(Empty) == ()


@dataclass
class Unhashable:
    """Equal by value and therefore without a hash."""

    limit: int

    def __call__(self, page: Page) -> int:
        return self.limit + page


def test_a_callable_object_without_a_hash_is_read_like_any_other() -> None:
    rule = Unhashable(3)
    assert list(by_name(rule)) == ["page"]
    assert identity(rule) == id(rule)
    assert identity(print) is print


def test_wrapped_functions_have_the_signature_of_what_they_wrap() -> None:
    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def wrapper(*args: Any, **keywords: Any) -> Any: ...

        return wrapper

    @decorated
    def function(page: Page) -> int:
        return page

    assert by_name(function)["page"].annotation is int


def test_names_local_to_the_declaring_function_are_found_and_remembered() -> None:
    """As in an app factory; plans are made anew when it has long returned."""

    def create_app() -> VelociPy:
        class target: ...  # also the name of a local in the reader itself

        app = VelociPy()

        def dependency() -> target:
            return target()

        @app.get("/")
        async def endpoint(
            value: Annotated[target, Depends(dependency)], page: Annotated[int, Query()]
        ) -> None: ...

        return app

    app = create_app()
    endpoint = app.routes[0].endpoint
    for _ in range(2):
        forget_signatures()
        assert by_name(endpoint)["value"].annotation.__qualname__.endswith("create_app.<locals>.target")


def test_a_name_that_is_imported_only_for_types_is_an_error_with_the_place_and_the_fix() -> None:
    def function(value: OnlyForTypes) -> None: ...

    with pytest.raises(BindingError) as caught:
        read_signature(function)
    assert "function (" in str(caught.value) and "test_handlers_signature.py:" in str(caught.value)
    assert "name 'OnlyForTypes' is not defined" in str(caught.value)
    assert "not only under TYPE_CHECKING" in str(caught.value)


def test_an_annotation_that_fails_is_an_error_with_the_place() -> None:
    def function(value: int[3]) -> None: ...  # type: ignore[type-arg, valid-type]

    with pytest.raises(BindingError, match=r"function \(.*:\d+\) has an annotation that cannot be evaluated"):
        read_signature(function)


def test_what_has_no_signature_is_an_error() -> None:
    with pytest.raises(BindingError, match="the signature of dict .* cannot be read"):
        read_signature(dict)


def test_a_parameter_says_where_it_is() -> None:
    def function(page: int) -> None: ...

    (parameter,) = read_signature(function)
    line = function.__code__.co_firstlineno
    assert parameter.where == f"parameter 'page' of function ({__file__}:{line})"


class Shelf(Generic[T]):
    def __init__(self, first: T, rest: list[T], label: str) -> None: ...


async def awaited() -> None: ...
def blocking() -> None: ...
def generator() -> Iterator[None]:
    yield


async def async_generator() -> AsyncIterator[None]:
    yield


class AsyncCall:
    async def __call__(self) -> None: ...


class YieldingCall:
    def __call__(self) -> Iterator[None]:
        yield


@pytest.mark.parametrize(
    ("function", "how"),
    [
        (awaited, How.AWAIT),
        (functools.partial(awaited), How.AWAIT),
        (AsyncCall(), How.AWAIT),
        (AsyncCall().__call__, How.AWAIT),
        (blocking, How.THREAD),
        (Methods().method, How.THREAD),
        (Methods(), How.THREAD),
        (lambda: 1, How.THREAD),
        (ByInit, How.PLAIN),
        (functools.partial(ByInit, 1), How.PLAIN),
        (generator, How.GENERATOR),
        (YieldingCall(), How.GENERATOR),
        (async_generator, How.ASYNC_GENERATOR),
        (contextmanager(generator), How.CONTEXT),
        (asynccontextmanager(async_generator), How.ASYNC_CONTEXT),
    ],
)
def test_how_a_callable_is_called(function: Callable[..., Any], how: How) -> None:
    assert how_called(function) is how


def test_generators_and_context_managers_are_entered() -> None:
    assert {How.GENERATOR, How.ASYNC_GENERATOR, How.CONTEXT, How.ASYNC_CONTEXT} == ENTERED


def test_a_generic_class_has_parameters_of_what_its_variables_stand_for() -> None:
    parameters = by_name(Shelf[int])
    assert parameters["first"].annotation is int
    assert parameters["rest"].annotation == list[int]
    assert parameters["label"].annotation is str


def test_a_plain_wrapper_of_a_coroutine_function_is_awaited() -> None:
    @functools.wraps(awaited)
    def handing_on() -> Any:
        return awaited()

    assert how_called(handing_on) is How.AWAIT
