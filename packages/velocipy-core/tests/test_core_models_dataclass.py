"""Python's own types as models: what each takes from JSON, what it says of the rest, and how results of them are written."""

import datetime
import enum
import inspect
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import (
    Annotated,
    Any,
    Generic,
    Literal,
    NamedTuple,
    NewType,
    NotRequired,
    Optional,
    Required,
    TypedDict,
    TypeVar,
    Union,
)
from uuid import UUID

import annotated_types
import msgspec
import pydantic
import pytest
from typing_extensions import TypeAliasType
from typing_extensions import TypedDict as NewerTypedDict

from velocipy.constraints import Constraints
from velocipy.exceptions import BadRequest, ConfigurationError, ErrorItem, ResultError
from velocipy.json import find_encoder
from velocipy.models.base import Serialization
from velocipy.models.dataclass import DataclassBackend

T = TypeVar("T")
BACKEND = DataclassBackend()

# Bodies are decoded by the encoder of the app; msgspec's takes a way of its own, and must find the same.
both = pytest.mark.parametrize("encoder", ["stdlib", "msgspec"])


class Colour(enum.Enum):
    RED = "red"
    ONE = 1


class Size(enum.StrEnum):
    S = "s"
    L = "l"

    @classmethod
    def _missing_(cls, value: object) -> "Size | None":
        return next((member for member in cls if member.value == str(value).lower()), None)


class Grade(enum.Enum):
    A = "a"

    @classmethod
    def _missing_(cls, value: object) -> "Grade":
        raise ValueError(f"{value} is no grade")


class Level(enum.IntEnum):
    LOW = 1


class Weight(enum.Enum):
    HALF = 0.5
    FULL = 1.0


@dataclass
class Point:
    x: int
    y: int = 0


@dataclass
class Page(Generic[T]):
    items: list[T]
    total: int = 0


@dataclass
class Ints(Page[int]):
    extra: str = ""


@dataclass
class More(Ints):
    more: int = 0


@dataclass
class Anything(Page):  # type: ignore[type-arg]  # of what, is left open
    more: int = 0


@dataclass
class Tree:
    name: str
    kids: "list[Tree]" = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    a: int
    b: int = 2


@dataclass
class Even:
    n: int

    def __post_init__(self) -> None:
        if self.n % 2:
            raise ValueError("n must be even")
        if self.n == 4:
            raise TypeError
        if self.n == 6:
            raise KeyError("a mistake")


@dataclass
class Cat:
    kind: Literal["cat"]
    lives: int = 9


@dataclass
class Dog:
    kind: Literal["dog"]
    lives: str = "one"


class Movie(TypedDict):
    name: str
    year: NotRequired[int]


class Partial(NewerTypedDict, total=False):
    id: Required[Annotated[int, annotated_types.Ge(1)]]
    tags: list[str]


class Pair(NamedTuple):
    left: int
    right: str = "x"


class Triple(NamedTuple):
    left: int
    middle: int
    right: int


Age = NewType("Age", int)
Numbers = TypeAliasType("Numbers", list[T], type_params=(T,))


class _Nested:
    """As Python 3.12's `type Nested = list[Nested] | int`."""

    @property
    def __value__(self) -> Any:
        return list[self] | int  # type: ignore[valid-type]


Nested: Any = _Nested()


def decode(annotation: Any, body: str | bytes, encoder: str = "stdlib") -> tuple[Any, list[ErrorItem]]:
    errors: list[ErrorItem] = []
    body = body.encode() if isinstance(body, str) else body
    return BACKEND.decoder(annotation, lambda: find_encoder(encoder))(body, errors), errors


TAKEN: list[tuple[Any, str, Any]] = [
    (int, "1", 1),
    (int, "-0", 0),
    (float, "1", 1.0),
    (float, "1.5e3", 1500.0),
    (bool, "true", True),
    (str, '"1"', "1"),
    (None, "null", None),
    (Age, "3", 3),
    (Decimal, '"1.10"', Decimal("1.10")),
    (Decimal, "1.1", Decimal("1.1")),
    (Decimal, "3", Decimal(3)),
    (UUID, '"00000000-0000-0000-0000-000000000005"', UUID(int=5)),
    (
        datetime.datetime,
        '"2020-01-02T03:04:05Z"',
        datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
    ),
    (datetime.datetime, '"2020-01-02 03:04"', datetime.datetime(2020, 1, 2, 3, 4)),
    (datetime.date, '"2020-01-02"', datetime.date(2020, 1, 2)),
    (datetime.time, '"03:04:05.5"', datetime.time(3, 4, 5, 500000)),
    (datetime.timedelta, '"P1DT2S"', datetime.timedelta(1, 2)),
    (bytes, '"AP8="', b"\x00\xff"),
    (Colour, '"red"', Colour.RED),
    (Colour, "1", Colour.ONE),
    (Size, '"S"', Size.S),
    (Level, "1", Level.LOW),
    (Weight, "0.5", Weight.HALF),
    (Weight, "1", Weight.FULL),
    (Literal["a", 1, None], "1", 1),
    (Literal[Colour.RED], '"red"', Colour.RED),
    (Optional[int], "null", None),  # noqa: UP045  # the old spelling is meant
    (Union[int, str], '"a"', "a"),  # noqa: UP007  # likewise
    (int | float, "1", 1),
    (float | int, "1", 1),
    (int | float, "1.0", 1.0),
    (Decimal | float, "1.5", 1.5),
    (datetime.date | str, '"2020-01-02"', datetime.date(2020, 1, 2)),
    (str | datetime.date, '"2020-01-02"', datetime.date(2020, 1, 2)),
    (datetime.date | str, '"today"', "today"),
    (Level | int, "1", Level.LOW),
    (Level | int, "2", 2),
    (list[int], "[1,2]", [1, 2]),
    (Sequence[int], "[1]", [1]),
    (set[int], "[1,1]", {1}),
    (set[int | str], '[1,"a"]', {1, "a"}),
    (frozenset[str], '["a"]', frozenset("a")),
    (tuple[int, ...], "[1,2]", (1, 2)),
    (tuple[int, str], '[1,"a"]', (1, "a")),
    (tuple[()], "[]", ()),
    (tuple, "[1,null]", (1, None)),
    (dict[str, int], '{"a":1}', {"a": 1}),
    (Mapping[str, float], '{"a":1}', {"a": 1.0}),
    (dict[int, str], '{"-1":"a"}', {-1: "a"}),
    (dict[UUID, int], '{"00000000-0000-0000-0000-000000000005":1}', {UUID(int=5): 1}),
    (dict[Colour, int], '{"red":1,"1":2}', {Colour.RED: 1, Colour.ONE: 2}),
    (dict[Literal["a", 1], int], '{"a":1,"1":2}', {"a": 1, 1: 2}),
    (list[list[int]] | dict[str, int], "[[1]]", [[1]]),
    (list[int] | list[str], '["a"]', ["a"]),
    (dict[str, int] | dict[str, str], '{"a":"b"}', {"a": "b"}),
    (tuple[int, str] | tuple[int], "[1]", (1,)),
    (Nested, "[[1],2]", [[1], 2]),
    (Numbers[int], "[1]", [1]),
    (list[Annotated[int, ["a note without a hash"]]], "[1]", [1]),
    (dict[str, Annotated[int, ["a note without a hash"]]], '{"a":1}', {"a": 1}),
    (Point, '{"x":1,"z":3}', Point(1)),
    (Frozen, '{"a":1}', Frozen(a=1)),
    (Page[int], '{"items":[1]}', Page([1])),
    (Page[Page[str]], '{"items":[{"items":["a"]}]}', Page([Page(["a"])])),
    (Ints, '{"items":[1]}', Ints([1])),
    (Tree, '{"name":"a","kids":[{"name":"b"}]}', Tree("a", [Tree("b")])),
    (Movie, '{"name":"a","more":1}', {"name": "a"}),
    (Partial, '{"id":1}', {"id": 1}),
    (Pair, "[1]", Pair(1)),
    (Pair, '{"left":1}', Pair(1)),
    (Pair | Triple, "[1,2,3]", Triple(1, 2, 3)),
    (Triple | Pair, '[1,"a"]', Pair(1, "a")),
    (More, '{"items":[1],"more":2}', More([1], more=2)),
    (Anything, '{"items":[1,"a"]}', Anything([1, "a"])),
    (Annotated[int | str, "a note"] | None, "1", 1),
    (list[Pair | Point | None], '[[1],{"x":1},null]', [Pair(1), Point(1), None]),
    (Cat | Dog, '{"kind":"dog","lives":"a"}', Dog("dog", "a")),
    (Point | Tree, '{"name":"a"}', Tree("a")),
    (Movie | Partial, '{"id":1}', {"id": 1}),
    (dict[str, Any], '{"a":[1,{"b":null}]}', {"a": [1, {"b": None}]}),
    (Even, '{"n":2}', Even(2)),
    (Annotated[int, annotated_types.Interval(ge=1, lt=3)], "2", 2),
    (Annotated[int | None, annotated_types.Ge(1)], "null", None),
]


@both
@pytest.mark.parametrize(("annotation", "body", "value"), TAKEN)
def test_a_type_takes_what_json_has_for_it(encoder: str, annotation: Any, body: str, value: Any) -> None:
    made, errors = decode(annotation, body, encoder)
    assert errors == []
    assert made == value
    assert type(made) is type(value)


REFUSED: list[tuple[Any, str, list[tuple[Any, str, str]]]] = [
    (int, "1.0", [([], "Invalid body: expected an integer, got a number", "type_error")]),
    (int, '"1"', [([], "Invalid body: expected an integer, got a string", "type_error")]),
    (int, "true", [([], "Invalid body: expected an integer, got a boolean", "type_error")]),
    (int, "null", [([], "Invalid body: expected an integer, got null", "type_error")]),
    (float, "true", [([], "Invalid body: expected a number, got a boolean", "type_error")]),
    (float, "9" * 400, [([], "Invalid body: not a finite number", "finite_number")]),
    (bool, "1", [([], "Invalid body: expected a boolean, got an integer", "type_error")]),
    (str, "1", [([], "Invalid body: expected a string, got an integer", "type_error")]),
    (Decimal, '"NaN"', [([], "Invalid body: not a valid decimal number", "decimal_parsing")]),
    (Decimal, "true", [([], "Invalid body: expected a number, got a boolean", "type_error")]),
    (UUID, '"x"', [([], "Invalid body: not a valid UUID", "uuid_parsing")]),
    (UUID, "1", [([], "Invalid body: expected a string, got an integer", "type_error")]),
    (bytes, '"a"', [([], "Invalid body: not valid base64", "bytes_parsing")]),
    (Colour, '"blue"', [([], "Invalid body: not one of 'red', 1", "enum_parsing")]),
    (Colour, "true", [([], "Invalid body: not one of 'red', 1", "enum_parsing")]),
    (Size, '"m"', [([], "Invalid body: not one of 's', 'l'", "enum_parsing")]),
    (Grade, '"b"', [([], "Invalid body: not one of 'a'", "enum_parsing")]),
    (Grade, "[]", [([], "Invalid body: not one of 'a'", "enum_parsing")]),
    (Literal["a", True, None], "1", [([], "Invalid body: not one of 'a', true, null", "literal_parsing")]),
    (int | str | None, "1.5", [([], "Invalid body: expected an integer or a string, got a number", "type_error")]),
    (
        datetime.date | UUID,
        '"a"',
        [([], "Invalid body: not a value of any type that it may have", "union_error")],
    ),
    (list[int], '["a",1,null]', [
        ([0], "Invalid item 0: expected an integer, got a string", "type_error"),
        ([2], "Invalid item 2: expected an integer, got null", "type_error"),
    ]),
    (list[int], "{}", [([], "Invalid body: expected an array, got an object", "type_error")]),
    (tuple[int, str], "[1]", [([], "Invalid body: must have exactly 2 items", "wrong_length")]),
    (dict[str, int], "[]", [([], "Invalid body: expected an object, got an array", "type_error")]),
    (dict[int, int], '{"a":1,"2":"b"}', [
        (["a"], "Invalid field 'a': the key is not an integer", "type_error"),
        (["2"], "Invalid field '2': expected an integer, got a string", "type_error"),
    ]),
    (dict[UUID, int], '{"a":1}', [(["a"], "Invalid field 'a': the key is not a valid UUID", "uuid_parsing")]),
    (dict[Annotated[str, annotated_types.MinLen(2)], int], '{"a":1}', [
        (["a"], "Invalid field 'a': the key must have at least 2 characters", "string_too_short"),
    ]),
    (Point, "{}", [(["x"], "Missing field 'x'", "missing")]),
    (Point, "[]", [([], "Invalid body: expected an object, got an array", "type_error")]),
    (Page[int], '{"items":["a"],"total":"b"}', [
        (["items", 0], "Invalid item 0: expected an integer, got a string", "type_error"),
        (["total"], "Invalid field 'total': expected an integer, got a string", "type_error"),
    ]),
    (More, '{"items":["a"]}', [(["items", 0], "Invalid item 0: expected an integer, got a string", "type_error")]),
    (Ints, '{"items":["a"]}', [(["items", 0], "Invalid item 0: expected an integer, got a string", "type_error")]),
    (Tree, '{"name":"a","kids":[{}]}', [(["kids", 0, "name"], "Missing field 'name'", "missing")]),
    (Movie, '{"year":null}', [
        (["name"], "Missing field 'name'", "missing"),
        (["year"], "Invalid field 'year': expected an integer, got null", "type_error"),
    ]),
    (Partial, '{"id":0}', [(["id"], "Invalid field 'id': must be at least 1", "greater_than_equal")]),
    (Pair, "3", [([], "Invalid body: expected an array, got an integer", "type_error")]),
    (Pair, "[]", [([], "Invalid body: must have at least 1 item", "too_short")]),
    (Pair, '["a"]', [([0], "Invalid item 0: expected an integer, got a string", "type_error")]),
    (Cat | Dog, '{"kind":"dog","lives":1}', [(["lives"], "Invalid field 'lives': expected a string, got an integer", "type_error")]),
    (list[Even], '[{"n":1},{"n":2},{"n":4}]', [
        ([0], "Invalid item 0: n must be even", "value_error"),
        ([2], "Invalid item 2: not valid", "value_error"),
    ]),
    (Annotated[int, annotated_types.Ge(1)], "0", [([], "Invalid body: must be at least 1", "greater_than_equal")]),
    (Annotated[int, msgspec.Meta(multiple_of=3)], "4", [([], "Invalid body: must be a multiple of 3", "multiple_of")]),
    (Annotated[str, pydantic.Field(max_length=1)], '"ab"', [([], "Invalid body: must have at most 1 character", "string_too_long")]),
    (Annotated[str, Constraints(pattern="a+")], '"ab"', [([], "Invalid body: must match 'a+'", "string_pattern_mismatch")]),
    (Annotated[list[int], annotated_types.MinLen(1)], "[]", [([], "Invalid body: must have at least 1 item", "too_short")]),
    (Annotated[dict[str, int], annotated_types.MaxLen(0)], '{"a":1}', [([], "Invalid body: must have at most 0 items", "too_long")]),
    (Annotated[int | str | None, annotated_types.Ge(1)], "0", [([], "Invalid body: must be at least 1", "greater_than_equal")]),
    (
        Annotated[datetime.datetime, annotated_types.Ge(datetime.datetime(2020, 1, 1))],
        '"2030-01-01T00:00:00Z"',
        [([], "Invalid body: must be at least 2020-01-01 00:00:00", "greater_than_equal")],
    ),
]  # fmt: skip


@both
@pytest.mark.parametrize(("annotation", "body", "wanted"), REFUSED, ids=str)
def test_a_type_says_everything_that_it_does_not_take(
    encoder: str, annotation: Any, body: str, wanted: list[tuple[Any, str, str]]
) -> None:
    value, errors = decode(annotation, body, encoder)
    assert value is None
    assert [(error["loc"], error["msg"], error["type"]) for error in errors] == [
        (["body", *loc], message, kind) for loc, message, kind in wanted
    ]


def test_an_exception_that_is_no_refusal_is_a_mistake_of_the_app() -> None:
    with pytest.raises(KeyError):
        decode(Even, '{"n":6}')


@dataclass
class WithInitVar:
    a: int
    b: InitVar[int]


@dataclass
class WithoutInit:
    a: int
    b: int = field(init=False, default=1)


@dataclass
class Lost:
    a: "NotThere"  # type: ignore[name-defined]  # noqa: F821  # that is the point


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (WithInitVar, "WithInitVar.b is an InitVar"),
        (WithoutInit, "WithoutInit.b has init=False"),
        (Lost, "NotThere"),
        (list[Lost], "NotThere"),
        (set[list[int]], "a list"),
        (set[Point], "no hash"),
        (set[int | list[int]], "no hash"),
        (Annotated[int, annotated_types.MinLen(1)], "cannot be bounded by min_length"),
        (Annotated[int | None, annotated_types.MinLen(1)], "cannot be bounded by min_length"),
        (Page[Annotated[int, ["a note"]]], "write a tuple for a list"),
        (list[Page[Annotated[int, ["a note"]]]], "write a tuple for a list"),
        (complex, "no type of JSON"),
    ],
)
def test_what_no_request_can_fill_is_an_error_at_registration(annotation: Any, words: str) -> None:
    for make in (
        BACKEND.validator,
        lambda annotation: BACKEND.decoder(annotation, lambda: find_encoder("stdlib")),
    ):
        with pytest.raises(ConfigurationError, match=words):
            make(annotation)


@pytest.mark.parametrize(
    ("annotation", "is_own"),
    [
        *((annotation, annotation is not bytes) for annotation, _, _ in TAKEN),
        (WithInitVar, True),
        (Lost, True),
        (dict, False),
        (list, False),
        (Any, False),
        (Annotated[dict, "x"], False),
        (pydantic.BaseModel, False),
        (msgspec.Struct, False),
        (list[msgspec.Struct], False),
        (Page[msgspec.Struct], False),
        (complex, False),
        (type("Own", (), {}), False),
        (lambda: 1, False),
    ],
)
def test_python_s_own_types_are_this_backend_s(annotation: Any, is_own: bool) -> None:
    assert BACKEND.matches(annotation) is is_own


@pytest.mark.parametrize(
    ("annotation", "value", "made"),
    [
        (list[Point], [Point("a")], None),  # type: ignore[arg-type]  # an instance is taken as it is
        (Point, {"x": 1}, Point(1)),
        (Point, type("Row", (), {"x": 1})(), Point(1)),
        (Point, MappingProxyType({"x": 1}), Point(1)),
        (Tree | Point, type("Row", (), {"x": 1})(), Point(1)),
        (Tree | Point, MappingProxyType({"x": 1}), Point(1)),
        (Pair, type("Row", (), {"left": 1})(), Pair(1)),
        (datetime.datetime, datetime.datetime(2020, 1, 1), None),
        (UUID, UUID(int=1), None),
        (Colour, Colour.RED, None),
        (Literal[Colour.RED], Colour.RED, None),
        (list[int], (1, 2), [1, 2]),
        (list[int], {1}, [1]),
        (list[int] | Point, (1, 2), [1, 2]),
        (Pair | list[int], {1, 2}, [1, 2]),
        (tuple[int, int] | set[int], {1, 2}, None),
        (dict[int, int], {1: 2}, None),
        (datetime.date | datetime.datetime, datetime.datetime(2020, 1, 1), None),
        (Movie, {"name": "a", "more": 1}, {"name": "a"}),
        (float, math.inf, None),
        (Level | str, Level.LOW, None),
        (Point | Pair, Pair(1), None),
    ],
)
def test_values_of_python_are_taken_as_results(annotation: Any, value: Any, made: Any) -> None:
    errors: list[ErrorItem] = []
    assert BACKEND.validator(annotation)(value, errors, ("result",)) == (value if made is None else made)
    assert errors == []


@dataclass
class Secretive(Point):
    secret: int = 1


@dataclass
class Holder:
    point: Point
    maybe: Point | int | None = None
    many: dict[str, list[Point]] = field(default_factory=dict)
    movie: Movie | None = None


class PairMore(Pair):
    secret = 1


@both
def test_models_at_any_depth_are_written_as_declared(encoder: str) -> None:
    hidden = Secretive(1)
    shown = '{"x":1,"y":0}'
    dumper = BACKEND.dumper(Holder, lambda: find_encoder(encoder))
    write = dumper.exact[Holder]
    assert write(Holder(hidden)).decode() == f'{{"point":{shown},"maybe":null,"many":{{}},"movie":null}}'
    movie: Any = {"name": "a", "secret": 1}
    value = Holder(Point(1), hidden, {"a": [Point(1), hidden]}, movie)
    assert write(value).decode() == (
        f'{{"point":{shown},"maybe":{shown},"many":{{"a":[{shown},{shown}]}},"movie":{{"name":"a"}}}}'
    )
    assert dumper.other({"point": hidden, "many": {}}).decode() == (
        f'{{"point":{shown},"maybe":null,"many":{{}},"movie":null}}'
    )


@both
@pytest.mark.parametrize(
    ("annotation", "value", "text"),
    [
        (int, 1, "1"),
        (float, 1.5, "1.5"),
        (float, 1, "1.0"),
        (list[int], [1], "[1]"),
        (list[float], [1], "[1.0]"),
        (dict[str, Point | None], {"a": Secretive(1), "b": None}, '{"a":{"x":1,"y":0},"b":null}'),
        (Pair, Pair(1), '[1,"x"]'),
        (Tree, Tree("a", [Tree("b")]), '{"name":"a","kids":[{"name":"b","kids":[]}]}'),
        (tuple[Point, int], (Secretive(1), 2), '[{"x":1,"y":0},2]'),
        (list[Point] | list[Tree], [Tree("a")], '[{"name":"a","kids":[]}]'),
        (Movie | Partial, {"id": 1, "more": 2}, '{"id":1}'),
        (Colour, Colour.ONE, "1"),
        (set[int], {1}, "[1]"),
        (list[Annotated[Point, ["a note without a hash"]]], [Secretive(1)], '[{"x":1,"y":0}]'),
        (dict[str, Annotated[Point, ["a note"]]], {"a": Secretive(1)}, '{"a":{"x":1,"y":0}}'),
        (dict[Colour, Point], {Colour.RED: Point(1)}, '{"red":{"x":1,"y":0}}'),
        (int | None, None, "null"),
        (Decimal, Decimal("1.10"), '"1.10"'),
    ],
    ids=str,
)
def test_results_are_written(encoder: str, annotation: Any, value: Any, text: str) -> None:
    dumper = BACKEND.dumper(annotation, lambda: find_encoder(encoder))
    assert dumper.other(value) == text.encode()
    assert dumper.exact.get(type(value), dumper.other)(value) == text.encode()


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (int, "a"),
        (int, True),
        (Annotated[int, annotated_types.Ge(1)], 0),
        (list[int], ["a"]),
        (list[Annotated[int, annotated_types.Ge(1)]], [0]),
        (dict[str, int], {1: 2}),
        (list[dict[str, int]], [3]),
        (Point, {"x": "a"}),
        (Point, 3),
        (Point, None),
        (Point, object()),
    ],
)
def test_a_result_that_does_not_fit_is_a_result_error(annotation: Any, value: Any) -> None:
    dumper = BACKEND.dumper(annotation, lambda: find_encoder("stdlib"))
    with pytest.raises(ResultError) as caught:
        dumper.exact.get(type(value), dumper.other)(value)
    assert caught.value.errors[0]["loc"][0] == "result"


@dataclass
class Loose:
    clip: Movie | Partial | None = None
    maybe: Point | dict[str, int] | list[int] | None = None
    open: Point | Any = None


@both
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Loose({"name": "a"}, {"a": 1}), '{"clip":{"name":"a"},"maybe":{"a":1},"open":null}'),
        (Loose({"name": "a", "secret": 1}), '{"clip":{"name":"a"},"maybe":null,"open":null}'),  # type: ignore[arg-type]
        (Loose({"year": 1, "secret": 2}), '{"clip":{"year":1},"maybe":null,"open":null}'),  # type: ignore[arg-type]
        (Loose(None, [1], {"a": 1}), '{"clip":null,"maybe":[1],"open":{"a":1}}'),
        (Loose(None, Secretive(1), [1]), '{"clip":null,"maybe":{"x":1,"y":0},"open":[1]}'),
        (Loose(None, None, Secretive(1)), '{"clip":null,"maybe":null,"open":{"x":1,"y":0}}'),
    ],
    ids=str,
)
def test_members_of_a_union_in_a_model_are_written_as_that_which_they_are(
    encoder: str, value: Loose, text: str
) -> None:
    dumper = BACKEND.dumper(Loose, lambda: find_encoder(encoder))
    assert dumper.exact[Loose](value).decode() == text
    assert BACKEND.plain(Loose, Serialization())(value) == json.loads(text)


def test_a_body_that_python_s_stack_cannot_hold_is_400() -> None:
    """What is not too deep by itself, for who reads it far down in calls of his own."""
    body = "[" * 150 + "]" * 150

    def further_down(calls: int) -> Any:
        return further_down(calls - 1) if calls else decode(Nested, body)

    with pytest.raises(BadRequest, match="Invalid JSON body"):
        # 200 calls more are enough to parse it, and too few to validate it.
        further_down(sys.getrecursionlimit() - len(inspect.stack(0)) - 200)


def test_names_for_nested_fields_filter_at_their_depth() -> None:
    how = Serialization(
        include={"point": {"x"}, "many": True}, exclude={"many": {"__all__": {"__all__": {"y"}}}}
    )
    dumper = BACKEND.dumper(Holder, lambda: find_encoder("stdlib"), how)
    assert (
        dumper.other(Holder(Point(1), many={"a": [Point(2)]})) == b'{"point":{"x":1},"many":{"a":[{"x":2}]}}'
    )


def test_the_fields_keep_their_bounds() -> None:
    assert [(field.name, field.required) for field in BACKEND.fields(Partial) or ()] == [
        ("id", True),
        ("tags", False),
    ]
    assert (BACKEND.fields(Partial) or ())[0].annotation == Annotated[int, annotated_types.Ge(1)]
    assert [(field.name, field.annotation) for field in BACKEND.fields(Page[int]) or ()] == [
        ("items", list[int]),
        ("total", int),
    ]
    assert [field.default for field in BACKEND.fields(Pair) or ()] == [None, "x"]
    assert BACKEND.fields(int) is None


def test_members_of_a_union_that_hold_each_other_take_linear_time() -> None:
    @dataclass
    class Left:
        a: "list[Left | Right]"

    @dataclass
    class Right:
        a: "list[Left | Right]"
        b: int = 0

    globals().update(Left=Left, Right=Right)
    body = '{"a":[' * 90 + '{"a":3}' + "]}" * 90
    value, errors = decode(Left, body)
    assert value is None
    assert len(errors) == 1
