"""Structs: every error that msgspec stops before, in the words of all backends, and results straight to bytes."""

import dataclasses
import datetime
import enum
import inspect
import sys
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, Optional, TypedDict, TypeVar
from uuid import UUID

import attrs
import msgspec
import pytest

from velocipy.exceptions import BadRequest, ConfigurationError, ErrorItem, ResultError
from velocipy.json import find_encoder
from velocipy.models.base import Serialization
from velocipy.models.msgspec import MsgspecBackend

T = TypeVar("T")
BACKEND = MsgspecBackend()


class Point(msgspec.Struct):
    x: int
    y: int = 0


class Secretive(Point):
    secret: int = 1


class Shape(msgspec.Struct, rename="camel"):
    outer_points: list[Point]
    by_name: dict[str, Point] = {}
    label: str | None = None


class Closed(msgspec.Struct, forbid_unknown_fields=True):
    a: int = 0


class Cat(msgspec.Struct, tag=True):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    name: str


class Row(msgspec.Struct, array_like=True, tag=7):
    a: int
    b: str = "x"


class Line(msgspec.Struct, array_like=True, tag=8, forbid_unknown_fields=True):
    a: int


class Long(msgspec.Struct, array_like=True, tag=9, forbid_unknown_fields=True):
    a: int
    b: int = 0


class Mail(msgspec.Struct):
    envelope: msgspec.Raw
    size: int = 0


class Page(msgspec.Struct, Generic[T]):
    items: list[T]


class Even(msgspec.Struct):
    n: int

    def __post_init__(self) -> None:
        if self.n % 2:
            raise ValueError("n must be even")


class Bounded(msgspec.Struct, kw_only=True):
    a: Annotated[int, msgspec.Meta(ge=1)] = 1
    b: Annotated[str, msgspec.Meta(min_length=2, pattern="^a")] = "ab"
    c: Annotated[list[int], msgspec.Meta(max_length=1)] = []
    d: Annotated[datetime.datetime, msgspec.Meta(tz=True)] | None = None
    e: Decimal
    f: int | msgspec.UnsetType = msgspec.UNSET


class Colour(enum.Enum):
    RED = "red"


class Everything(msgspec.Struct):
    colour: Colour = Colour.RED
    choice: Literal["a", 1] = "a"
    when: datetime.datetime | None = None
    id: UUID | None = None
    pair: tuple[int, str] = (1, "a")
    numbers: dict[int, set[int]] = {}


class Movie(TypedDict):
    name: str
    where: Point


class Note(TypedDict):
    text: str


class Film(msgspec.Struct):
    note: Note | None = None
    marks: list[int] | Point | None = None


@dataclasses.dataclass
class Holder:
    point: Point


@dataclasses.dataclass
class Made:
    a: int
    b: int = dataclasses.field(init=False, default=1)


class Unread(msgspec.Struct):
    made: Made


@attrs.define
class Box:
    size: int


class Crate(msgspec.Struct):
    box: Box


class Bush(msgspec.Struct):
    kids: "list[Bush | None]" = []


class Tree(msgspec.Struct):
    kids: "list[Tree]" = []


def decode(annotation: Any, body: bytes | str) -> tuple[Any, list[ErrorItem]]:
    errors: list[ErrorItem] = []
    body = body.encode() if isinstance(body, str) else body
    return BACKEND.decoder(annotation, lambda: find_encoder("stdlib"))(body, errors), errors


@pytest.mark.parametrize(
    ("annotation", "theirs"),
    [
        (Point, True),
        (Page[int], True),
        (list[Point], True),
        (dict[str, Point], True),
        (Point | None, True),
        (Optional[Point], True),  # noqa: UP045  # the old spelling is meant
        (tuple[Point, ...], True),
        (Annotated[Point, "x"], True),
        (Movie, True),
        (Holder, True),
        (list[Holder | None], True),
        (int, False),
        (list[int], False),
        (dict, False),
        (str | None, False),
        (Any, False),
        (object, False),
    ],
)
def test_a_struct_and_what_holds_one_is_msgspec_s(annotation: Any, theirs: bool) -> None:
    assert BACKEND.matches(annotation) is theirs


@pytest.mark.parametrize(
    ("annotation", "body", "value"),
    [
        (Point, '{"x":1,"more":2}', Point(1)),
        (list[Point], '[{"x":1,"y":2}]', [Point(1, 2)]),
        (Shape, '{"outerPoints":[]}', Shape([])),
        (Cat | Dog, '{"type":"dog","name":"a"}', Dog("a")),
        (Row | Line, "[8,1]", Line(1)),
        (Page[Page[int]], '{"items":[{"items":[1]}]}', Page([Page([1])])),
        (Movie, '{"name":"a","where":{"x":1}}', {"name": "a", "where": Point(1)}),
        (Holder, '{"point":{"x":1}}', Holder(Point(1))),
        (Bounded, '{"e":1.10}', Bounded(e=Decimal("1.10"))),
        (Point, '{"x":"a","x":1}', Point(1)),
        (dict[int, Point] | None, '{"1":{"x":1}}', {1: Point(1)}),
    ],
    ids=str,
)
def test_bytes_become_a_model(annotation: Any, body: str, value: Any) -> None:
    assert decode(annotation, body) == (value, [])


REFUSED: list[tuple[Any, str, list[tuple[Any, str, str]]]] = [
    (Point, "3", [([], "Invalid body: expected an object, got an integer", "type_error")]),
    (list[Point], '[{"x":1},{"x":null},{}]', [
        ([1, "x"], "Invalid field 'x': expected an integer, got null", "type_error"),
        ([2, "x"], "Missing field 'x'", "missing"),
    ]),
    (Shape, '{"outerPoints":[{"x":1},{}],"byName":{"a.b[0]":{"x":"y"}},"label":3}', [
        (["outerPoints", 1, "x"], "Missing field 'x'", "missing"),
        (["byName", "a.b[0]", "x"], "Invalid field 'x': expected an integer, got a string", "type_error"),
        (["label"], "Invalid field 'label': expected a string, got an integer", "type_error"),
    ]),
    (Closed, '{"a":"b","c":1}', [
        (["a"], "Invalid field 'a': expected an integer, got a string", "type_error"),
        (["c"], "Unknown field 'c'", "extra_forbidden"),
    ]),
    (Cat, '{"type":"dog","lives":1}', [(["type"], "Invalid field 'type': not one of 'Cat'", "literal_parsing")]),
    (Cat | Dog, '{"type":"cow"}', [(["type"], "Invalid field 'type': not one of 'Cat', 'dog'", "literal_parsing")]),
    (Cat | Dog | None, '{"type":3}', [(["type"], "Invalid field 'type': not one of 'Cat', 'dog'", "literal_parsing")]),
    (Cat | Dog, "{}", [(["type"], "Missing field 'type'", "missing")]),
    (list[Cat | Dog], '[{"type":"dog"},3]', [
        ([0, "name"], "Missing field 'name'", "missing"),
        ([1], "Invalid item 1: expected an object, got an integer", "type_error"),
    ]),
    (Row, "[7]", [([], "Invalid body: must have at least 2 items", "too_short")]),
    (Row, '[7,"a",1]', [
        ([1], "Invalid item 1: expected an integer, got a string", "type_error"),
        ([2], "Invalid item 2: expected a string, got an integer", "type_error"),
    ]),
    (Row, "[8,1]", [([0], "Invalid item 0: not one of 7", "literal_parsing")]),
    (Row | Line, "[9,1]", [([0], "Invalid item 0: not one of 7, 8", "literal_parsing")]),
    (Line, "[8,1,2]", [([], "Invalid body: must have exactly 2 items", "wrong_length")]),
    (Long, "[9,1,2,3]", [([], "Invalid body: must have at most 3 items", "too_long")]),
    (Mail, '{"envelope":{"to":1},"size":"a"}', [
        (["size"], "Invalid field 'size': expected an integer, got a string", "type_error"),
    ]),
    (Row | dict[str, int], '"a"', [([], "Invalid body: expected an array or an object, got a string", "type_error")]),
    (Page[int], '{"items":[1,"a"]}', [(["items", 1], "Invalid item 1: expected an integer, got a string", "type_error")]),
    (list[Even], '[{"n":1},{"n":2},{"n":3}]', [
        ([0], "Invalid item 0: n must be even", "value_error"),
        ([2], "Invalid item 2: n must be even", "value_error"),
    ]),
    (Bounded, '{"a":0,"b":"b","c":[1,2],"e":"x","f":null}', [
        (["a"], "Invalid field 'a': must be at least 1", "greater_than_equal"),
        (["b"], "Invalid field 'b': must have at least 2 characters", "string_too_short"),
        (["c"], "Invalid field 'c': must have at most 1 item", "too_long"),
        (["e"], "Invalid field 'e': not a valid decimal number", "decimal_parsing"),
        (["f"], "Invalid field 'f': expected an integer, got null", "type_error"),
    ]),
    (Everything, '{"colour":"x","choice":2,"when":"2020","id":"z","pair":[1],"numbers":{"a":["b"]}}', [
        (["colour"], "Invalid field 'colour': not one of 'red'", "enum_parsing"),
        (["choice"], "Invalid field 'choice': not one of 'a', 1", "literal_parsing"),
        (["when"], "Invalid field 'when': not a valid date and time: use the form 2026-01-31T12:30:00Z", "datetime_parsing"),
        (["id"], "Invalid field 'id': not a valid UUID", "uuid_parsing"),
        (["pair"], "Invalid field 'pair': must have exactly 2 items", "wrong_length"),
        (["numbers", "a"], "Invalid field 'a': the key is not an integer", "type_error"),
        (["numbers", "a", 0], "Invalid item 0: expected an integer, got a string", "type_error"),
    ]),
    (Movie, '{"where":{}}', [
        (["name"], "Missing field 'name'", "missing"),
        (["where", "x"], "Missing field 'x'", "missing"),
    ]),
    (Holder, '{"point":1}', [(["point"], "Invalid field 'point': expected an object, got an integer", "type_error")]),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "body", "wanted"), REFUSED, ids=str)
def test_every_error_of_a_body_is_told(
    annotation: Any, body: str, wanted: list[tuple[Any, str, str]]
) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=annotation)
    value, errors = decode(annotation, body)
    assert value is None
    assert [(error["loc"], error["msg"], error["type"]) for error in errors] == [
        (["body", *loc], message, kind) for loc, message, kind in wanted
    ]


@pytest.mark.parametrize(
    ("annotation", "body", "loc", "kind"),
    [
        (Bounded, '{"e":1,"d":"2020-01-01T00:00:00"}', ["d"], "type_error"),
        (dict[str, dict[int, Point]], '{"a":{"01":{"x":1}}}', ["...", "[key]"], "type_error"),
        (list[Everything], '[{"when":"2020-01-01T00:00"}]', [0, "when"], "datetime_parsing"),
        (Crate, '{"box":{}}', ["box", "size"], "missing"),
    ],
)
def test_where_msgspec_alone_says_no_its_message_is_told(
    annotation: Any, body: str, loc: Any, kind: str
) -> None:
    value, errors = decode(annotation, body)
    assert value is None
    (error,) = errors
    assert (error["loc"], error["type"]) == (["body", *loc], kind)
    assert "`" not in error["msg"]
    assert "$" not in error["msg"]


@pytest.mark.parametrize(
    "annotation", [Point | Shape, list[Cat | Point], dict[str, complex | Row | Line | list[Point]]]
)
def test_what_msgspec_cannot_decode_is_an_error_at_registration(annotation: Any) -> None:
    with pytest.raises(ConfigurationError, match="msgspec cannot decode"):
        BACKEND.decoder(annotation, lambda: find_encoder("stdlib"))


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (Unread, "Made.b has init=False"),
        (list[Unread], "Made.b has init=False"),
        (Page[Annotated[int, ["a note"]]], "write a tuple for a list"),
    ],
)
def test_what_could_not_be_explained_to_a_client_is_an_error_at_registration(
    annotation: Any, words: str
) -> None:
    for make in (BACKEND.decoder, BACKEND.dumper):
        with pytest.raises(ConfigurationError, match=words):
            make(annotation, lambda: find_encoder("stdlib"))


def test_a_body_that_python_s_stack_cannot_hold_is_400() -> None:
    """msgspec stops at its first error; all others are looked for in Python, far down in calls of the reader's own."""
    body = b'{"kids":[' * 80 + b"3" + b"]}" * 80

    def further_down(calls: int) -> Any:
        return further_down(calls - 1) if calls else decode(Bush, body)

    with pytest.raises(BadRequest, match="Invalid JSON body"):
        # 200 calls more are enough to parse it, and too few to validate it.
        further_down(sys.getrecursionlimit() - len(inspect.stack(0)) - 200)


def test_text_that_is_no_utf_8_is_refused_also_where_nobody_reads_it() -> None:
    with pytest.raises(BadRequest, match="Invalid JSON body"):
        decode(Point, b'{"x":1,"more":"\xff"}')


@pytest.mark.parametrize(
    ("annotation", "value", "made"),
    [
        (Point, Point(1), Point(1)),
        (list[Point], ({"x": 1},), [Point(1)]),
        (Point, Holder(Point(1)).point, Point(1)),
        (Holder, type("Row", (), {"point": {"x": 1}})(), Holder(Point(1))),
        (dict[int, Point], {"1": {"x": 1}}, {1: Point(1)}),
        (dict[int, Point], {1: {"x": 1}}, {1: Point(1)}),
        (Everything, {"id": UUID(int=1), "colour": Colour.RED}, Everything(id=UUID(int=1))),
    ],
)
def test_values_of_python_become_models(annotation: Any, value: Any, made: Any) -> None:
    errors: list[ErrorItem] = []
    assert BACKEND.validator(annotation)(value, errors, ("result",)) == made
    assert errors == []


def test_every_error_of_a_value_is_told() -> None:
    errors: list[ErrorItem] = []
    assert BACKEND.validator(list[Point])([{"x": "a"}, {}, Point(1), object()], errors, ("result",)) is None
    assert [(error["loc"], error["type"]) for error in errors] == [
        (["result", 0, "x"], "type_error"),
        (["result", 1, "x"], "missing"),
        (["result", 3], "type_error"),
    ]
    errors.clear()
    naive = {"e": Decimal(1), "d": datetime.datetime(2020, 1, 1)}
    assert BACKEND.validator(Bounded)(naive, errors, ("result",)) is None
    assert [(error["loc"], error["type"]) for error in errors] == [(["result", "d"], "type_error")]


@pytest.mark.parametrize(
    ("annotation", "value", "text"),
    [
        (Point, Point(1), '{"x":1,"y":0}'),
        (Point, Secretive(1), '{"x":1,"y":0}'),
        (Point, {"x": 1, "secret": 2}, '{"x":1,"y":0}'),
        (list[Point], [Secretive(1), Point(2)], '[{"x":1,"y":0},{"x":2,"y":0}]'),
        (dict[str, Point], {"a": Secretive(1)}, '{"a":{"x":1,"y":0}}'),
        (Point | None, None, "null"),
        (Point | None, Secretive(1), '{"x":1,"y":0}'),
        (
            Shape,
            Shape([Secretive(1)], {"a": Secretive(2)}),
            '{"outerPoints":[{"x":1,"y":0}],"byName":{"a":{"x":2,"y":0}},"label":null}',
        ),
        (Cat | Dog, Dog("a"), '{"type":"dog","name":"a"}'),
        (Row | Line, Line(1), "[8,1]"),
        (Page[Point], Page([Secretive(1)]), '{"items":[{"x":1,"y":0}]}'),
        (Tree, Tree([Tree()]), '{"kids":[{"kids":[]}]}'),
        (Movie, {"name": "a", "where": Secretive(1), "secret": 1}, '{"name":"a","where":{"x":1,"y":0}}'),
        (Holder, Holder(Secretive(1)), '{"point":{"x":1,"y":0}}'),
        (
            Film,
            Film({"text": "a", "secret": 1}, [1]),  # type: ignore[arg-type]
            '{"note":{"text":"a"},"marks":[1]}',
        ),
        (Bounded, Bounded(e=Decimal("1.0")), '{"a":1,"b":"ab","c":[],"d":null,"e":"1.0"}'),
        (tuple[Point, ...], (Secretive(1),), '[{"x":1,"y":0}]'),
        (list[Point] | Point, [Secretive(1)], '[{"x":1,"y":0}]'),
        (list[Annotated[Point, ["a note without a hash"]]], [Secretive(1)], '[{"x":1,"y":0}]'),
    ],
    ids=str,
)
def test_results_are_written_with_what_was_declared(annotation: Any, value: Any, text: str) -> None:
    dumper = BACKEND.dumper(annotation, lambda: find_encoder("stdlib"))
    assert dumper.exact.get(type(value), dumper.other)(value) == text.encode()
    assert dumper.other(value) == text.encode()
    plain = BACKEND.plain(annotation, Serialization())
    if not isinstance(value, dict):
        assert find_encoder("stdlib").encode(plain(value)) == text.encode()


@pytest.mark.parametrize("value", [{"x": "a"}, 3, None, [], object()])
def test_a_result_that_does_not_fit_is_a_result_error(value: Any) -> None:
    dumper = BACKEND.dumper(Point, lambda: find_encoder("stdlib"))
    with pytest.raises(ResultError) as caught:
        dumper.exact.get(type(value), dumper.other)(value)
    assert caught.value.errors[0]["loc"][0] == "result"


@dataclasses.dataclass
class WithDefault:
    a: int = 3


def test_defaults_that_msgspec_leaves_to_a_dataclass_are_written_all_the_same() -> None:
    value, errors = decode(tuple[Point, WithDefault], '[{"x":1},{}]')
    assert errors == []
    assert msgspec.json.encode(value[1]) == b"{}"
    dumper = BACKEND.dumper(tuple[Point, WithDefault], lambda: find_encoder("stdlib"))
    assert dumper.exact[tuple](value) == b'[{"x":1,"y":0},{"a":3}]'


def test_models_of_the_very_class_reach_the_encoder_as_they_are() -> None:
    assert Point in BACKEND.dumper(Point | None, lambda: find_encoder("stdlib")).exact
    assert set(BACKEND.dumper(list[Point] | Point | None, lambda: find_encoder("stdlib")).exact) == {
        list,
        Point,
        type(None),
    }
    assert BACKEND.dumper(Point, lambda: find_encoder("stdlib")).exact[Point].__name__ == "encode"


def test_names_of_the_wire_belong_to_a_struct() -> None:
    with pytest.raises(ConfigurationError, match="msgspec"):
        BACKEND.plain(Shape, Serialization(by_alias=False))


def test_the_fields_have_the_names_of_the_wire() -> None:
    fields = BACKEND.fields(Shape) or ()
    assert [(field.name, field.key, field.required) for field in fields] == [
        ("outer_points", "outerPoints", True),
        ("by_name", "byName", False),
        ("label", "label", False),
    ]
    assert (BACKEND.fields(Bounded) or ())[0].annotation == Annotated[int, msgspec.Meta(ge=1)]
    assert [(field.name, field.annotation) for field in BACKEND.fields(Page[int]) or ()] == [
        ("items", list[int])
    ]
