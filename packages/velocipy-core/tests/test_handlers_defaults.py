"""Defaults of parameters: one each, and one that the parameter's own bounds let pass."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path as FilePath
from typing import Annotated, Any

import annotated_types
import msgspec
import pydantic
import pytest

from velocipy import Body, Cookie, Depends, File, Form, Header, Path, Query, UploadFile, VelociPy
from velocipy.exceptions import BindingError

HERE = FilePath(__file__).name


def refusal(annotation: Any, default: Any, path: str = "/") -> str | None:
    """Why a route whose endpoint has this parameter is refused; None where it is not."""

    async def endpoint(value: Any = default) -> None: ...

    endpoint.__annotations__["value"] = annotation
    try:
        VelociPy(plugins=False).post(path)(endpoint)
    except BindingError as exc:
        where = "parameter 'value' of endpoint ("
        assert exc.message.startswith(where) and HERE in exc.message
        return exc.message.partition(f"{HERE}:")[2].partition(")")[2].removeprefix(": ").strip()
    return None


@pytest.mark.parametrize(
    ("annotation", "default", "words"),
    [
        (Annotated[int, Query(default=1)], 2, "1 in Query() and 2"),
        (Annotated[int, Query(1)], 1, "1 in Query() and 1"),
        (Annotated[str | None, Header("a")], None, "'a' in Header() and None"),
        (Annotated[int, Body(default=1)], 2, "1 in Body() and 2"),
        (Annotated[UploadFile | None, File(None)], None, "None in File() and None"),
        (Annotated[int, Query(1)] | None, None, "1 in Query() and None"),
    ],
)
def test_two_defaults_are_one_too_many(annotation: Any, default: Any, words: str) -> None:
    assert refusal(annotation, default) == f"has two defaults, {words} in the signature: keep one"


def test_a_marker_that_says_required_leaves_the_default_to_the_signature() -> None:
    assert refusal(Annotated[int, Query(...)], 2) is None


def test_the_two_defaults_of_a_dependency_are_found_where_it_is_used() -> None:
    def paging(page: Annotated[int, Query(1)] = 2) -> int:
        return page

    async def endpoint(page: Annotated[int, Depends(paging)]) -> None: ...

    with pytest.raises(
        BindingError, match=r"parameter 'page' of .*paging \(.*two defaults, 1 in Query\(\) and 2"
    ):
        VelociPy(plugins=False).get("/")(endpoint)


@pytest.mark.parametrize(
    ("annotation", "default", "reason"),
    [
        (Annotated[int, Query(ge=1)], 0, "must be at least 1"),
        (Annotated[int | None, Query(ge=1)], 0, "must be at least 1"),
        (int, Query(0, ge=1), "must be at least 1"),
        (Annotated[float, Query(gt=0)], 0, "must be greater than 0"),
        (Annotated[date, Query(lt=date(2026, 1, 1))], date(2026, 1, 1), "must be less than 2026-01-01"),
        (Annotated[str, Header(min_length=1)], "", "must have at least 1 character"),
        (Annotated[str, Cookie(pattern="a+")], "b", "must match 'a+'"),
        (Annotated[float, Form(multiple_of=0.1)], 0.25, "must be a multiple of 0.1"),
        (Annotated[list[str], Query(min_length=1)], [], "must have at least 1 item"),
        (Annotated[Sequence[str], Query(min_length=1)], (), "must have at least 1 item"),
        (Annotated[list[Annotated[int, Query(ge=1)]], Query()], [3, 0], "item 1 must be at least 1"),
        (Annotated[tuple[int, Annotated[int, Query(ge=1)]], Query()], (0, 0), "item 1 must be at least 1"),
        (Annotated[int, Body(ge=1)], 0, "must be at least 1"),
        (Annotated[int, Body(embed=True, ge=1)], 0, "must be at least 1"),
        (Annotated[list[int], Body(max_length=1)], [1, 2], "must have at most 1 item"),
        (Annotated[dict[str, int], Body(min_length=1)], {}, "must have at least 1 item"),
        (Annotated[int, msgspec.Meta(ge=1)], 0, "must be at least 1"),
        (Annotated[int, msgspec.Meta(ge=1), Body()], 0, "must be at least 1"),
        (Annotated[int, pydantic.Field(ge=1)], 0, "must be at least 1"),
        (Annotated[int, annotated_types.Interval(ge=1, le=9)], 10, "must be at most 9"),
    ],
)
def test_a_default_that_no_client_could_send_is_refused(annotation: Any, default: Any, reason: str) -> None:
    shown = default.default if hasattr(default, "source") else default
    assert refusal(annotation, default) == (
        f"the default {shown!r} is outside of its own bounds ({reason}): give one that is within, or None"
    )


def test_the_default_of_a_hole_is_held_against_its_bounds_too() -> None:
    said = refusal(Annotated[int, Path(ge=1)], 0, "/{value}")
    assert said is not None and said.startswith("the default 0 is outside of its own bounds")


UNSET = object()


@pytest.mark.parametrize(
    ("annotation", "default"),
    [
        (Annotated[int, Query(ge=1, le=9)], 1),
        (Annotated[int, Query(ge=1)], None),
        (Annotated[int | None, Query(ge=1)], None),
        (Annotated[str | None, Body(min_length=1)], None),
        (Annotated[int, Query(ge=1)], UNSET),
        (Annotated[str, Query(min_length=1, pattern="a")], UNSET),
        (Annotated[float, Query(multiple_of=0.5)], UNSET),
        (Annotated[list[Annotated[int, Query(ge=1)]], Query(min_length=1)], UNSET),
        (Annotated[list[Annotated[int, Query(ge=1)]], Query(max_length=3)], []),
        (Annotated[list[int], Query(max_length=3)], [0]),
        (Annotated[str, annotated_types.Predicate(str.islower), Query(max_length=3)], "ABC"),
        (Annotated[list[str], annotated_types.Predicate(bool), Query()], []),
    ],
)
def test_none_and_what_bounds_say_nothing_about_may_be_the_default(annotation: Any, default: Any) -> None:
    assert refusal(annotation, default) is None
