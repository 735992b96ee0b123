"""Functions that are functions alone are read from their code; what stands around one, or has attributes, by inspect. Both say the same."""

import functools
import inspect
from operator import attrgetter
from typing import Annotated, Any

import pytest

from velocipy import Query
from velocipy.handlers.signature import How, how_called, read_signature


def all_kinds(
    a: int, b, /, c: "int", d: int | None = None, *rest: str, e, f: Annotated[int, Query()] = 3, **more: int
) -> None: ...


def nothing() -> None: ...


def defaults_alone(a=1, b=Query(2), *, c=None) -> None: ...


def inner_names(a: int, b: str = "") -> int:
    c = a
    return len([c for _ in b])


async def awaited(a: int, *, b: float = 0.5) -> int:
    return a


@pytest.mark.parametrize("function", [all_kinds, nothing, defaults_alone, inner_names, awaited])
def test_a_bare_function_is_read_as_inspect_reads_it(function: Any) -> None:
    @functools.wraps(function)
    def around(*args: Any, **keywords: Any) -> Any:
        return function(*args, **keywords)

    # What stands around a function has attributes, and is so read by inspect.
    fields = attrgetter("name", "annotation", "marker", "default", "keyword_only", "extras")
    assert [*map(fields, read_signature(function))] == [*map(fields, read_signature(around))]
    assert how_called(function) == (How.AWAIT if function is awaited else How.THREAD)


def test_a_signature_that_a_function_was_given_counts() -> None:
    def function(*args: Any, **keywords: Any) -> None: ...

    given = inspect.Parameter("page", inspect.Parameter.KEYWORD_ONLY, default=1, annotation=int)
    function.__signature__ = inspect.Signature([given])  # type: ignore[attr-defined]
    [parameter] = read_signature(function)
    assert (parameter.name, parameter.annotation, parameter.default, parameter.keyword_only) == (
        "page",
        int,
        1,
        True,
    )
