"""Bounds, whoever declared them: what is found in an annotation, what is refused, and how two sets of them join."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, NewType, Optional, get_args

import annotated_types
import msgspec
import pydantic
import pytest

from velocipy.annotations import split_annotated, strip_optional, type_name, union_members
from velocipy.constraints import (
    NO_LIMITS,
    Constraints,
    Documentation,
    allowed_for,
    foreign_constraints,
    foreign_documentation,
    make_checks,
    make_item_checks,
)
from velocipy.exceptions import ConfigurationError


def extras(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation)[1:]


@pytest.mark.parametrize(
    ("annotation", "limits"),
    [
        (Annotated[int, annotated_types.Gt(1)], {"gt": 1}),
        (Annotated[int, annotated_types.Interval(ge=1, lt=9)], {"ge": 1, "lt": 9}),
        (Annotated[str, annotated_types.Len(1, 3)], {"min_length": 1, "max_length": 3}),
        (Annotated[int, annotated_types.MultipleOf(2)], {"multiple_of": 2}),
        (
            Annotated[int, msgspec.Meta(ge=1, le=3), msgspec.Meta(description="d")],
            {"ge": 1, "le": 3},
        ),
        (Annotated[str, msgspec.Meta(pattern="a+")], {"search": "a+"}),
        (Annotated[int, pydantic.Field(gt=0, multiple_of=5)], {"gt": 0, "multiple_of": 5}),
        (Annotated[str, pydantic.Field(max_length=3, pattern="^a")], {"max_length": 3, "search": "^a"}),
        (Annotated[str, pydantic.StringConstraints(min_length=2)], {"min_length": 2}),
        (Annotated[int, annotated_types.Ge(1), annotated_types.Ge(5)], {"ge": 5}),
        (Annotated[int, "a comment", 3, object()], {}),
    ],
)
def test_bounds_of_other_libraries_are_found(annotation: Any, limits: dict[str, Any]) -> None:
    assert foreign_constraints(extras(annotation)) == Constraints(**limits)


def test_predicates_are_found_and_a_failing_one_fails_nobody() -> None:
    is_number: Any = int  # a class is called like any other
    limits = foreign_constraints(
        (annotated_types.Predicate(str.isupper), annotated_types.Predicate(is_number))
    )
    number, upper = make_checks(limits)
    assert upper[0]("A") and not upper[0]("a") and upper[1] == "must satisfy isupper"
    assert number[0]("1") and not number[0]("x")


def test_documentation_of_other_libraries_is_found() -> None:
    found = foreign_documentation(
        (msgspec.Meta(title="t", examples=[1]), pydantic.Field(description="d", deprecated=True), "x")
    )
    assert found == Documentation("t", "d", (1,), True)


def test_own_bounds_stand_before_others_and_predicates_add_up() -> None:
    own = Constraints(ge=1, predicates=(str.isupper,))
    joined = own.with_defaults(Constraints(ge=0, le=9, predicates=(str.isalpha,)))
    assert joined == Constraints(ge=1, le=9, predicates=(str.isupper, str.isalpha))
    assert own.with_defaults(NO_LIMITS) is own
    assert NO_LIMITS.with_defaults(own) is own
    assert NO_LIMITS.names == ()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"multiple_of": 0}, "multiple_of is a number greater than 0"),
        ({"min_length": -1}, "min_length is a whole number of at least 0"),
        ({"max_length": 1.5}, "max_length is a whole number of at least 0"),
        ({"pattern": "("}, "is not a regular expression"),
        ({"search": "["}, "is not a regular expression"),
    ],
)
def test_a_bound_that_is_none_is_refused(limits: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Constraints(**limits)


def test_every_bound_has_a_type_that_it_can_be_held_against() -> None:
    every = set(Constraints.__dataclass_fields__)
    kinds = (int, Decimal, str, date, list, object)
    assert set().union(*map(allowed_for, kinds)) == every
    assert allowed_for(object) == {"predicates"}


def test_lengths_of_collections_count_items() -> None:
    at_least, at_most = make_item_checks(Constraints(min_length=1, max_length=2))
    assert at_least[1:] == ("must have at least 1 item", "too_short") and at_most[0]([1, 2])
    assert make_item_checks(NO_LIMITS) == ()


Outer = Annotated[Annotated[int, "inner"], "outer"]
Named = NewType("Named", int)


def test_annotations_are_taken_apart() -> None:
    assert split_annotated(Outer) == (int, ("inner", "outer"))
    assert split_annotated(Annotated[Named, 1]) == (int, (1,))
    assert split_annotated(int) == (int, ())
    assert union_members(int | str | None) == (int, str, type(None))
    assert union_members(int) == ()
    assert strip_optional(Optional[int]) == (int, True)  # noqa: UP045  # the old spelling is meant
    assert strip_optional(None) == (None, False)
    assert [type_name(kind) for kind in (int, list[int], int | None, Constraints)] == [
        "int",
        "list[int]",
        "int | None",
        "Constraints",
    ]
