"""Readers: text to value for every scalar and constraint, and what is refused, word for word."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Literal, Optional, Union
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy import Query
from velocipy.annotations import strip_optional
from velocipy.constraints import Constraints, allowed_for, make_checks
from velocipy.exceptions import ErrorItem
from velocipy.handlers.convert import (
    PARSERS,
    Scalar,
    find_collection,
    find_scalar,
    make_collection_reader,
    make_reader,
)
from velocipy.handlers.markers import MISSING
from velocipy.validation import WORDS


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Switch(Enum):
    ON = True
    OFF = False


def read(
    annotation: Any, text: str | None, default: Any = MISSING, source: str = "query", **limits: Any
) -> Any:
    """(value, error types) of a parameter `p`."""
    found = find_scalar(annotation)
    assert found is not None
    reader = make_reader((source, "p"), found, default, Constraints(**limits))
    assert reader is not None
    errors: list[ErrorItem] = []
    value = reader(text, errors)
    return value if not errors else [error["type"] for error in errors]


UTC = UTC


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (str, "", ""),
        (str, "ü", "ü"),
        (int, "-007", -7),
        (float, "1e3", 1000.0),
        (bool, "oN", True),
        (bool, "0", False),
        (Decimal, "1.10", Decimal("1.10")),
        (UUID, "0" * 32, UUID(int=0)),
        (datetime, "2026-01-31T12:30:00Z", datetime(2026, 1, 31, 12, 30, tzinfo=UTC)),
        (date, "2026-01-31", date(2026, 1, 31)),
        (time, "12:30", time(12, 30)),
        (timedelta, "P1DT2H", timedelta(days=1, hours=2)),
        (Color, "red", Color.RED),
        (Level, "2", Level.HIGH),
        (Switch, "false", Switch.OFF),
        (Literal["a", 1, True], "a", "a"),
        (Literal["a", 1, False], "1", 1),
        (Literal["a", False], "false", False),
    ],
)
def test_every_scalar_is_read(annotation: Any, text: str, value: object) -> None:
    assert read(annotation, text) == value
    assert type(read(annotation, text)) is type(value)


@pytest.mark.case(22)
@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "+1", "1_0", "١", "1.0", "1e3", "0x1", "9" * 5000, "-", "--1", "٣"]
)
def test_an_int_is_ascii_digits_with_an_optional_minus(text: str) -> None:
    assert read(int, text) == ["int_parsing"]


@pytest.mark.case(23)
@pytest.mark.parametrize(
    ("annotation", "kind", "texts"),
    [
        (float, "float", ["nan", "inf", "-inf", "1e999", "1_0", " 1", "", "1.", "0x1p3"]),
        (bool, "bool", ["2", "banana", "", " true", "t", "y", "TRUEE"]),
        (UUID, "uuid", [f"{{{UUID(int=0)}}}", f"urn:uuid:{UUID(int=0)}", "0" * 31, "0" * 33, ""]),
        (datetime, "datetime", ["inf", "9" * 400, "0000-00-00", "2026-02-30T00:00", "20260131T000000", "1"]),
        (date, "date", ["2026-02-30", "0000-01-01", "1", "2026-1-1", "2026-01-01T00:00"]),
        (time, "time", ["24:00", "12:60", "1"]),
        (timedelta, "timedelta", ["P1Y", "1 day", "9" * 30, "P"]),
        (Decimal, "decimal", ["NaN", "Infinity", "1_0", "sNaN"]),
        (Color, "enum", ["RED", "Color.RED", "", "green"]),
        (Literal["a", "b"], "literal", ["A", "c", "", "'a'"]),
    ],
)
def test_what_is_no_value_of_the_type_is_refused(annotation: Any, kind: str, texts: list[str]) -> None:
    assert [read(annotation, text) for text in texts] == [[f"{kind}_parsing"]] * len(texts)


@pytest.mark.case(24)
@pytest.mark.parametrize("source", WORDS)
def test_an_error_names_source_key_and_reason_and_echoes_nothing(source: str) -> None:
    reader = make_reader((source, "page"), Scalar(int, *PARSERS[int]), MISSING)
    assert reader is not None
    errors: list[ErrorItem] = []
    assert reader("<script>", errors) is reader(None, errors) is None
    assert errors == [
        {
            "loc": [source, "page"],
            "msg": f"Invalid {WORDS[source]} 'page': not a valid integer",
            "type": "int_parsing",
        },
        {"loc": [source, "page"], "msg": f"Missing {WORDS[source]} 'page'", "type": "missing"},
    ]


def test_a_default_stands_in_for_a_missing_text_only() -> None:
    assert read(int, None, default=5) == 5
    assert read(int, None, default=None) is None
    assert read(int, "x", default=5) == ["int_parsing"]
    assert read(int, "", default=5) == ["int_parsing"]


def test_a_default_need_not_fit_the_constraints() -> None:
    assert read(int, None, default=0, ge=1) == 0
    assert read(str, None, default=None, min_length=3) is None


def test_text_with_a_default_and_no_constraints_needs_no_reader() -> None:
    text = Scalar(str, *PARSERS[str])
    assert make_reader(("query", "p"), text, None) is None
    assert make_reader(("query", "p"), text, MISSING) is not None


@pytest.mark.parametrize(
    ("annotation", "limits", "good", "bad", "kind"),
    [
        (int, {"gt": 1}, "2", "1", "greater_than"),
        (int, {"ge": 1}, "1", "0", "greater_than_equal"),
        (float, {"lt": 1.5}, "1.4", "1.5", "less_than"),
        (Decimal, {"le": 1}, "1", "1.01", "less_than_equal"),
        (int, {"multiple_of": 3}, "-9", "10", "multiple_of"),
        (float, {"multiple_of": 0.1}, "0.3", "0.35", "multiple_of"),
        (float, {"multiple_of": 2}, "1e300", "3", "multiple_of"),
        (Decimal, {"multiple_of": 3}, "3e300", "1e300", "multiple_of"),
        (Decimal, {"multiple_of": 0.01}, "1e300", "0.001", "multiple_of"),
        (str, {"min_length": 2}, "ab", "a", "string_too_short"),
        (str, {"max_length": 2}, "üü", "abc", "string_too_long"),
        (str, {"pattern": "[a-z]+"}, "ab", "ab1", "string_pattern_mismatch"),
        (str, {"pattern": "a|ab"}, "ab", "ab\n", "string_pattern_mismatch"),
    ],
)
def test_every_constraint_is_held(
    annotation: Any, limits: dict[str, Any], good: str, bad: str, kind: str
) -> None:
    assert read(annotation, good, **limits) == find_scalar(annotation).parse(good)  # type: ignore[union-attr]
    assert read(annotation, bad, **limits) == [kind]


def test_the_first_constraint_that_fails_is_told() -> None:
    assert read(int, "11", ge=12, multiple_of=2) == ["greater_than_equal"]


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"gt": 1}, "must be greater than 1"),
        ({"ge": 1}, "must be at least 1"),
        ({"lt": 1}, "must be less than 1"),
        ({"le": 1}, "must be at most 1"),
        ({"multiple_of": 2}, "must be a multiple of 2"),
        ({"min_length": 1}, "must have at least 1 character"),
        ({"min_length": 2}, "must have at least 2 characters"),
        ({"max_length": 2}, "must have at most 2 characters"),
        ({"pattern": "a"}, "must match 'a'"),
        ({"search": "a"}, "must match 'a'"),
    ],
)
def test_a_check_says_what_must_be(limits: dict[str, Any], message: str) -> None:
    ((_, said, _),) = make_checks(Constraints(**limits))
    assert said == message


@pytest.mark.parametrize(
    ("annotation", "limits", "wrong"),
    [
        (int, {"ge": 1}, set()),
        (str, {"pattern": "a", "max_length": 3}, set()),
        (date, {"lt": date(2026, 1, 1)}, set()),
        (list, {"min_length": 1}, set()),
        (str, {"gt": 1}, {"gt"}),
        (int, {"min_length": 1}, {"min_length"}),
        (bool, {"ge": 1}, {"ge"}),
        (list, {"ge": 1}, {"ge"}),
        (Color, {"pattern": "a"}, {"pattern"}),
        (Literal["a"], {"max_length": 1}, {"max_length"}),
    ],
)
def test_a_constraint_that_a_type_cannot_be_held_against_is_named(
    annotation: Any, limits: dict[str, Any], wrong: set[str]
) -> None:
    assert set(Constraints(**limits).names) - allowed_for(annotation) == wrong


@pytest.mark.parametrize(
    ("annotation", "stripped"),
    [
        (int, (int, False)),
        (int | None, (int, True)),
        (Optional[int], (int, True)),  # noqa: UP045  # both spellings are what the test is about
        (Union[None, str], (str, True)),  # noqa: UP007
        (int | str, (int | str, False)),
        (int | str | None, (int | str, True)),
        (None, (None, False)),
    ],
)
def test_optional_is_taken_off(annotation: Any, stripped: tuple[Any, bool]) -> None:
    assert strip_optional(annotation) == stripped


@pytest.mark.parametrize(
    "annotation", [dict, list, list[int], object, Any, int | bytes, [int], lambda: 1, bytes, complex]
)
def test_what_is_no_scalar_has_no_parser(annotation: Any) -> None:
    assert find_scalar(annotation) is None


@pytest.mark.parametrize(
    ("annotation", "texts", "value"),
    [
        (list[int], ["1", "2", "1"], [1, 2, 1]),
        (list, ["a"], ["a"]),
        (set[int], ["1", "2", "1"], {1, 2}),
        (frozenset[str], ["a"], frozenset("a")),
        (tuple[int, ...], ["1", "2"], (1, 2)),
        (tuple[int, str], ["1", "2"], (1, "2")),
        (Sequence[Color], ["red"], [Color.RED]),
        (list[int | str], ["1", "x"], [1, "x"]),
        (list[Annotated[int, Query(ge=2)]], ["2"], [2]),
    ],
)
def test_several_texts_become_a_collection(annotation: Any, texts: list[str], value: Any) -> None:
    assert read_many(annotation, texts) == value
    assert type(read_many(annotation, texts)) is type(value)


@pytest.mark.parametrize(
    ("annotation", "texts", "limits", "found"),
    [
        (list[int], [], {}, [(["query", "p"], "missing")]),
        (
            list[int],
            ["1", "x", "y"],
            {},
            [(["query", "p", 1], "int_parsing"), (["query", "p", 2], "int_parsing")],
        ),
        (
            list[Annotated[int, Query(ge=2)]],
            ["1", "2"],
            {},
            [(["query", "p", 0], "greater_than_equal")],
        ),
        (tuple[int, str], ["1"], {}, [(["query", "p"], "wrong_length")]),
        (tuple[int, int], ["1", "x"], {}, [(["query", "p", 1], "int_parsing")]),
        (list[str], ["a"], {"min_length": 2}, [(["query", "p"], "too_short")]),
        (set[str], ["a", "b", "a"], {"max_length": 1}, [(["query", "p"], "too_long")]),
    ],
)
def test_what_is_wrong_with_a_collection_is_told_item_by_item(
    annotation: Any, texts: list[str], limits: dict[str, Any], found: Any
) -> None:
    assert read_many(annotation, texts, **limits) == found


def test_a_thousand_wrong_items_are_told_a_hundred_times_at_most() -> None:
    assert len(read_many(list[int], ["x"] * 1000)) == 100


def test_a_thousand_items_beyond_their_bounds_are_told_a_hundred_times_at_most() -> None:
    assert read_many(list[Annotated[int, Query(le=3)]], ["4"] * 1000) == [
        (["query", "p", index], "less_than_equal") for index in range(100)
    ]


@pytest.mark.parametrize(
    ("texts", "value"),
    [(["1,2", "3"], [1, 2, 3]), ([""], []), (["1,"], [(["query", "p", 1], "int_parsing")])],
)
def test_with_a_separator_each_text_holds_several_items(texts: list[str], value: Any) -> None:
    assert read_many(list[int], texts, separator=",") == value


def test_a_default_stands_in_for_a_missing_collection() -> None:
    assert read_many(list[int], [], default=None) is None
    assert read_many(list[int], ["1"], default=None) == [1]


@pytest.mark.parametrize(
    "annotation", [dict, dict[str, int], list[dict[str, int]], tuple[int, bytes], str, int]
)
def test_what_is_no_collection_of_scalars_has_no_reader(annotation: Any) -> None:
    assert find_collection(annotation) is None


def read_many(
    annotation: Any, texts: list[str], default: Any = MISSING, separator: Any = None, **limits: Any
) -> Any:
    """The value of a parameter `p`, or [(place, error type), ...]."""
    found = find_collection(annotation)
    assert found is not None
    errors: list[ErrorItem] = []
    read = make_collection_reader(("query", "p"), found, default, Constraints(**limits), separator)
    value = read(texts, errors)
    return [(error["loc"], error["type"]) for error in errors] if errors else value


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (int | str, "1", 1),
        (str | int, "1", 1),
        (int | str, "x", "x"),
        (bool | int, "1", True),
        (int | bool, "1", 1),
        (UUID | int, "0" * 32, UUID(int=0)),
        (date | datetime, "2026-01-31T00:00", datetime(2026, 1, 31)),
        (Literal["all"] | int, "all", "all"),
        (Annotated[int, Query(ge=5)] | str, "4", "4"),
    ],
)
def test_a_union_is_the_first_member_that_fits_and_text_last(annotation: Any, text: str, value: Any) -> None:
    assert read(annotation, text) == value
    assert type(read(annotation, text)) is type(value)


def test_a_text_that_fits_no_member_of_a_union_names_them() -> None:
    assert read(int | date, "x") == ["int_or_date_parsing"]


ANY_TEXT = st.text() | st.sampled_from(
    ["\0", "\ud800", "9" * 10_000, "<b>", "-0", "1e308", "0001-01-01T00:00+14:00"]
)


@pytest.mark.case(27)
@pytest.mark.case(28)
@pytest.mark.parametrize("annotation", [*PARSERS, Color, Literal["a", "b"]], ids=str)
def test_a_reader_gives_the_type_or_an_error_that_is_json(annotation: Any) -> None:
    found = find_scalar(annotation)
    assert found is not None
    reader = make_reader(("query", "p"), found, MISSING)
    assert reader is not None
    check(reader, annotation)


def check(reader: Callable[..., Any], annotation: Any) -> None:
    @given(ANY_TEXT)
    def hold(text: str) -> None:
        errors: list[ErrorItem] = []
        value = reader(text, errors)
        if errors:
            assert value is None
            assert len(json.dumps(errors).encode()) < 300
        else:
            assert value in ("a", "b") if annotation == Literal["a", "b"] else isinstance(value, annotation)

    hold()
