"""pydantic's models: what it refuses in the words of all backends, what is no JSON refused, and results as it writes them."""

import datetime
import enum
import json
import sys
from decimal import Decimal
from typing import Annotated, Any, Generic, Literal, TypeVar
from typing import TypedDict as OlderTypedDict
from uuid import UUID

import pydantic
import pydantic.dataclasses
import pytest
from durations import within
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from velocipy import Query, VelociPy
from velocipy.constraints import foreign_constraints
from velocipy.exceptions import BadRequest, ConfigurationError, ErrorItem, ResultError
from velocipy.json import find_encoder
from velocipy.models.base import Serialization
from velocipy.models.pydantic import PydanticBackend
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])

T = TypeVar("T")
BACKEND = PydanticBackend()


class Point(pydantic.BaseModel):
    x: int
    y: int = 0


class Secretive(Point):
    secret: int = 1


class Colour(enum.Enum):
    RED = "red"
    ONE = 1


class Cat(pydantic.BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(pydantic.BaseModel):
    kind: Literal["dog"]
    name: str


Pet = Annotated[Cat | Dog, pydantic.Field(discriminator="kind")]


class Page(pydantic.BaseModel, Generic[T]):
    items: list[T]


class Numbers(pydantic.RootModel[list[int]]):
    pass


@pydantic.dataclasses.dataclass
class Holder:
    point: Point


class Movie(TypedDict):
    where: Point


class Tree(pydantic.BaseModel):
    kids: "list[Tree]" = []


class Strict(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid")
    when: datetime.date
    n: int = 0


class Checked(pydantic.BaseModel):
    a: int = 0
    b: int = 0

    @pydantic.field_validator("a")
    @classmethod
    def _check(cls, value: int) -> int:
        if value == 1:
            raise ValueError("a must not be 1")
        if value == 2:
            raise AssertionError("nor 2")
        if value == 3:
            raise ValueError
        return value

    @pydantic.model_validator(mode="after")
    def _check_all(self) -> "Checked":
        if self.a < self.b:
            raise ValueError("a must not be less than b")
        return self


def _refuse_by_name(value: str) -> str:
    raise PydanticCustomError("no_such_thing", "there is no {name}", {"name": value})


class Thing(pydantic.BaseModel):
    name: Annotated[str, pydantic.AfterValidator(_refuse_by_name)]


def _depth(value: Any) -> int:
    return 1 + max([_depth(item) for item in value], default=0) if isinstance(value, list) else 0


class Folder(pydantic.BaseModel):
    tree: Any

    @pydantic.field_validator("tree")
    @classmethod
    def _check(cls, value: Any) -> Any:
        assert _depth(value) < 1_000_000
        return value


class Named(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(populate_by_name=True)
    some_name: int = pydantic.Field(alias="someName", ge=1)
    choice: int = pydantic.Field(1, validation_alias=pydantic.AliasChoices("a", "b"))
    deep: int = pydantic.Field(1, validation_alias=pydantic.AliasPath("deep", 0))
    made: list[int] = pydantic.Field(default_factory=list)

    @pydantic.computed_field  # type: ignore[prop-decorator]  # mypy does not know the pair
    @property
    def double(self) -> int:
        return self.some_name * 2


class Everything(pydantic.BaseModel):
    i: Annotated[int, pydantic.Field(gt=0, multiple_of=2)] = 2
    f: Annotated[float, pydantic.Field(lt=10)] = 1
    b: bool = True
    s: Annotated[str, pydantic.Field(min_length=2, max_length=3, pattern="^a")] = "ab"
    d: Decimal = Decimal(1)
    u: UUID | None = None
    dt: datetime.datetime | None = None
    da: datetime.date | None = None
    t: datetime.time | None = None
    td: datetime.timedelta | None = None
    items: Annotated[list[int], pydantic.Field(min_length=1)] = [1]
    keyed: dict[int, int] = {}
    colour: Colour = Colour.RED
    choice: Literal["a", 1] = "a"
    pet: Pet | None = None
    either: int | Point | None = None
    wrapped: Annotated[int, pydantic.WrapValidator(lambda value, handler: handler(value))] = 1
    url: pydantic.AnyUrl | None = None
    tup: tuple[int, str] = (1, "a")


def decode(annotation: Any, body: bytes | str, encoder: str = "msgspec") -> tuple[Any, list[ErrorItem]]:
    errors: list[ErrorItem] = []
    body = body.encode() if isinstance(body, str) else body
    return BACKEND.decoder(annotation, lambda: find_encoder(encoder))(body, errors), errors


@pytest.mark.parametrize(
    ("annotation", "theirs"),
    [
        (Point, True),
        (list[Point], True),
        (dict[str, Point], True),
        (Point | None, True),
        (Pet, True),
        (list[Pet], True),
        (Page[int], True),
        (Numbers, True),
        (Holder, True),
        (Movie, True),
        (int, False),
        (list[int], False),
        (dict, False),
        (Any, False),
    ],
    ids=str,
)
def test_a_model_and_what_holds_one_is_pydantic_s(annotation: Any, theirs: bool) -> None:
    assert BACKEND.matches(annotation) is theirs


@pytest.mark.parametrize(
    ("annotation", "body", "value"),
    [
        (Point, '{"x":"1","more":2}', Point(x=1)),
        (list[Point], '[{"x":1}]', [Point(x=1)]),
        (Pet, '{"kind":"dog","name":"a"}', Dog(kind="dog", name="a")),
        (Page[int], '{"items":[1]}', Page[int](items=[1])),
        (Numbers, "[1]", Numbers([1])),
        (Holder, '{"point":{"x":1}}', Holder(Point(x=1))),
        (Movie, '{"where":{"x":1}}', {"where": Point(x=1)}),
        (Tree, '{"kids":[{}]}', Tree(kids=[Tree()])),
        (Strict, '{"when":"2020-01-02"}', Strict(when=datetime.date(2020, 1, 2))),
        (
            Named,
            '{"someName":1,"b":2,"deep":[3]}',
            Named.model_validate({"someName": 1, "a": 2, "deep": [3]}),
        ),
    ],
    ids=str,
)
def test_bytes_become_a_model(annotation: Any, body: str, value: Any) -> None:
    assert decode(annotation, body) == (value, [])


REFUSED: list[tuple[Any, str, list[tuple[Any, str, str]]]] = [
    (Point, "3", [([], "Invalid body: expected an object, got an integer", "type_error")]),
    (Point, '{"x":1.5,"y":"secret"}', [
        (["x"], "Invalid field 'x': expected an integer, got a number", "type_error"),
        (["y"], "Invalid field 'y': expected an integer, got a string", "type_error"),
    ]),
    (list[Point], '[{"x":1},{"x":null},{}]', [
        ([1, "x"], "Invalid field 'x': expected an integer, got null", "type_error"),
        ([2, "x"], "Missing field 'x'", "missing"),
    ]),
    (Strict, '{"when":"2020-13-01","n":"1","more":1}', [
        (["when"], "Invalid field 'when': not a valid date: use the form 2026-01-31", "date_parsing"),
        (["n"], "Invalid field 'n': expected an integer, got a string", "type_error"),
        (["more"], "Unknown field 'more'", "extra_forbidden"),
    ]),
    (Everything, '{"i":0,"f":10,"b":"maybe","s":"a","d":"x","u":"z","dt":"x","da":"x","t":"x","td":"x","items":[]}', [
        (["i"], "Invalid field 'i': must be greater than 0", "greater_than"),
        (["f"], "Invalid field 'f': must be less than 10", "less_than"),
        (["b"], "Invalid field 'b': expected a boolean, got a string", "type_error"),
        (["s"], "Invalid field 's': must have at least 2 characters", "string_too_short"),
        (["d"], "Invalid field 'd': not a valid decimal number", "decimal_parsing"),
        (["u"], "Invalid field 'u': not a valid UUID", "uuid_parsing"),
        (["dt"], "Invalid field 'dt': not a valid date and time: use the form 2026-01-31T12:30:00Z", "datetime_parsing"),
        (["da"], "Invalid field 'da': not a valid date: use the form 2026-01-31", "date_parsing"),
        (["t"], "Invalid field 't': not a valid time: use the form 12:30:00", "time_parsing"),
        (["td"], "Invalid field 'td': not a valid duration: use the form P1DT2H30M, or seconds", "timedelta_parsing"),
        (["items"], "Invalid field 'items': must have at least 1 item", "too_short"),
    ]),
    (Everything, '{"i":3,"s":"abcd","keyed":{"a":"b"},"colour":"blue","choice":2,"either":"a","wrapped":"a","url":"secret"}', [
        (["i"], "Invalid field 'i': must be a multiple of 2", "multiple_of"),
        (["s"], "Invalid field 's': must have at most 3 characters", "string_too_long"),
        (["keyed", "a"], "Invalid field 'a': the key is not an integer", "type_error"),
        (["keyed", "a"], "Invalid field 'a': expected an integer, got a string", "type_error"),
        (["colour"], "Invalid field 'colour': not one of 'red', 1", "enum_parsing"),
        (["choice"], "Invalid field 'choice': not one of 'a', 1", "literal_parsing"),
        (["either"], "Invalid field 'either': expected an integer or an object, got a string", "type_error"),
        (["wrapped"], "Invalid field 'wrapped': expected an integer, got a string", "type_error"),
        (["url"], "Invalid field 'url': must be a valid URL, relative URL without a base", "url_parsing"),
    ]),
    (Everything, '{"s":"bbb","pet":{"kind":"cow"},"either":{"x":"a"},"d":"NaN","tup":[1]}', [
        (["s"], "Invalid field 's': must match '^a'", "string_pattern_mismatch"),
        (["d"], "Invalid field 'd': not a finite number", "finite_number"),
        (["pet", "kind"], "Invalid field 'kind': not one of 'cat', 'dog'", "literal_parsing"),
        (["either", "x"], "Invalid field 'x': expected an integer, got a string", "type_error"),
        (["tup", 1], "Missing item 1", "missing"),
    ]),
    (Pet, "{}", [(["kind"], "Missing field 'kind'", "missing")]),
    (list[Pet], '[{"kind":"cat","lives":"a"},{"kind":"dog"},3]', [
        ([0, "lives"], "Invalid field 'lives': expected an integer, got a string", "type_error"),
        ([1, "name"], "Missing field 'name'", "missing"),
        ([2], "Invalid item 2: expected an object, got an integer", "type_error"),
    ]),
    (Page[int], '{"items":["a"]}', [(["items", 0], "Invalid item 0: expected an integer, got a string", "type_error")]),
    (Numbers, '[1,"a"]', [([1], "Invalid item 1: expected an integer, got a string", "type_error")]),
    (Numbers, '{}', [([], "Invalid body: expected an array, got an object", "type_error")]),
    (Holder, '{"point":{}}', [(["point", "x"], "Missing field 'x'", "missing")]),
    (Movie, '{"where":3}', [(["where"], "Invalid field 'where': expected an object, got an integer", "type_error")]),
    (list[Checked], '[{"a":1},{"a":2},{"a":3},{"b":5}]', [
        ([0, "a"], "Invalid field 'a': a must not be 1", "value_error"),
        ([1, "a"], "Invalid field 'a': nor 2", "assertion_error"),
        ([2, "a"], "Invalid field 'a': not valid", "value_error"),
        ([3], "Invalid item 3: a must not be less than b", "value_error"),
    ]),
    (Named, '{"someName":0,"a":"x","deep":["y"]}', [
        (["someName"], "Invalid field 'someName': must be at least 1", "greater_than_equal"),
        (["a"], "Invalid field 'a': expected an integer, got a string", "type_error"),
        (["deep", 0], "Invalid item 0: expected an integer, got a string", "type_error"),
    ]),
    (Thing, '{"name":"secret"}', [(["name"], "Invalid field 'name': not valid", "no_such_thing")]),
    (Point | Page[int], "{}", [
        (["x"], "Missing field 'x'", "missing"),
        (["items"], "Missing field 'items'", "missing"),
    ]),
    (Page[int] | Page[str], "{}", [(["items"], "Missing field 'items'", "missing")]),
    (Point | Cat, '{"lives":"a","kind":"cat"}', [
        (["x"], "Missing field 'x'", "missing"),
        (["lives"], "Invalid field 'lives': expected an integer, got a string", "type_error"),
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("annotation", "body", "wanted"), REFUSED, ids=str)
@pytest.mark.parametrize("encoder", ["msgspec", "stdlib"])
def test_errors_are_told_in_the_words_of_all_backends(
    encoder: str, annotation: Any, body: str, wanted: list[tuple[Any, str, str]]
) -> None:
    value, errors = decode(annotation, body, encoder)
    assert value is None
    assert [(error["loc"], error["msg"], error["type"]) for error in errors] == [
        (["body", *loc], message, kind) for loc, message, kind in wanted
    ]


def test_a_mistake_in_a_validator_is_a_mistake_of_the_app() -> None:
    class Wrong(pydantic.BaseModel):
        a: int

        @pydantic.field_validator("a")
        @classmethod
        def _check(cls, value: int) -> int:
            raise KeyError(value)

    with pytest.raises(KeyError):
        decode(Wrong, '{"a":1}')


def test_of_very_many_errors_only_their_number_is_told() -> None:
    value, errors = decode(list[Point], "[" + ",".join(["{}"] * 20_000) + "]")
    assert value is None
    assert errors == [{"loc": ["body"], "msg": "Invalid body: 20000 errors", "type": "too_many_errors"}]


class Order(pydantic.BaseModel):
    lines: list[Point]
    when: list["datetime.date"] = pydantic.Field(default=[], strict=True)
    parts: "list[Order]" = []


LONG = "x" * 70_000


def test_a_long_body_is_told_every_error_too() -> None:
    lines = [{"x": "a"} if index % 1_000 == 0 else {"x": index} for index in range(6_000)]
    order = {"lines": lines, "when": ["2020-01-02", 3], "parts": [{"lines": 1}, {"parts": [{"lines": [7]}]}]}
    body = json.dumps(order)
    assert len(body) > 64 * 1024
    value, errors = decode(Order, body)
    assert value is None
    assert [error["loc"][1:] for error in errors] == [
        *(["lines", index, "x"] for index in range(0, 6_000, 1_000)),
        ["when", 1],
        ["parts", 0, "lines"],
        ["parts", 1, "lines"],
        ["parts", 1, "parts", 0, "lines", 0],
    ]


def test_a_long_item_of_a_list_is_told_every_error_too() -> None:
    tree = {"lines": [], "parts": [{"lines": [{"x": LONG}, {}, {"x": 1}, {"y": "b"}]}, {}]}
    _, errors = decode(list[Order], json.dumps([tree]))
    assert [error["loc"][1:] for error in errors] == [
        [0, "parts", 0, "lines", 0, "x"],
        [0, "parts", 0, "lines", 1, "x"],
        [0, "parts", 0, "lines", 3, "x"],
        [0, "parts", 0, "lines", 3, "y"],
        [0, "parts", 1, "lines"],
    ]


@pytest.mark.parametrize(
    ("annotation", "item", "at"),
    [
        (list[int], "a", [99]),
        (set[int], "a", [99]),
        (tuple[int, ...], "a", [99]),
        (list[int] | list[bool], "a", [99]),
        (Numbers, "a", [99]),
        (dict[str, list[Point]], {}, ["k", 99, "x"]),
    ],
    ids=str,
)
def test_of_a_long_body_of_errors_the_first_hundred_are_told(
    annotation: Any, item: Any, at: list[Any]
) -> None:
    items = [item] * 100_000
    value, errors = decode(
        annotation, json.dumps({"k": items} if annotation == dict[str, list[Point]] else items)
    )
    assert value is None
    assert len(errors) == 100
    assert errors[-1]["loc"][1:] == at


def test_a_validator_that_looks_around_itself_is_not_asked_about_single_items() -> None:
    def above(value: int, info: pydantic.ValidationInfo) -> int:
        assert value > info.data["least"]
        return value

    class Bounded(pydantic.BaseModel):
        least: int
        values: list[Annotated[int, pydantic.AfterValidator(above)]]

    body = {"least": 3, "values": [4] * 40_000}
    value, errors = decode(Bounded, json.dumps(body))
    assert (value, errors) == (Bounded.model_validate(body), [])
    _, errors = decode(Bounded, json.dumps({"least": 3, "values": [4, 1, 2] * 40_000}))
    assert [error["loc"] for error in errors] == [["body", "values", 1]]


def test_a_list_of_anything_in_a_long_body_is_left_as_it_is() -> None:
    class Mixed(pydantic.BaseModel):
        anything: list  # type: ignore[type-arg]  # of whatever there is
        values: list[int]

    anything = [LONG, {"a": [1]}]
    assert decode(Mixed, json.dumps({"anything": anything, "values": [1]})) == (
        Mixed(anything=anything, values=[1]),
        [],
    )
    _, errors = decode(Mixed, json.dumps({"anything": anything, "values": [1, "a", "b"]}))
    assert [error["loc"][1:] for error in errors] == [["values", 1], ["values", 2]]


def test_a_validator_that_recurses_further_than_python_does_is_told_of_what_was_sent() -> None:
    body = '{"tree":' + "[" * 150 + "]" * 150 + "}"

    def further_down(calls: int) -> Any:
        return further_down(calls - 1) if calls else decode(Folder, body)

    assert further_down(0)[1] == []
    with pytest.raises(BadRequest, match="Invalid JSON body"):
        further_down(sys.getrecursionlimit() - 140)
    tree: list[Any] = []
    for _ in range(sys.getrecursionlimit()):
        tree = [tree]
    errors: list[ErrorItem] = []
    assert BACKEND.validator(Folder)({"tree": tree}, errors, ("query",)) is None
    assert [(error["loc"], error["type"]) for error in errors] == [(["query"], "recursion_error")]


def test_items_of_a_set_are_told_by_their_number() -> None:
    class Tags(pydantic.BaseModel):
        tags: set[int]

    errors: list[ErrorItem] = []
    assert BACKEND.validator(Tags)({"tags": {"a"}}, errors, ("result",)) is None
    assert [(error["loc"], error["type"]) for error in errors] == [(["result", "tags", 0], "type_error")]


def test_values_of_python_become_models() -> None:
    validate = BACKEND.validator(list[Point])
    errors: list[ErrorItem] = []
    point = Point(x=1)
    row = type("Row", (), {"x": 2, "y": 3})()
    made = validate([point, row, {"x": 4}], errors, ("result",))
    assert made == [point, Point(x=2, y=3), Point(x=4)]
    assert made[0] is point
    assert validate([{"x": "a"}, {}, object()], errors, ("result",)) is None
    assert [(error["loc"], error["type"]) for error in errors] == [
        (["result", 0, "x"], "type_error"),
        (["result", 1, "x"], "missing"),
        (["result", 2], "type_error"),
    ]


def test_a_strict_model_takes_values_of_json_and_of_python() -> None:
    errors: list[ErrorItem] = []
    validate = BACKEND.validator(Strict)
    day = datetime.date(2020, 1, 2)
    assert validate({"when": "2020-01-02"}, errors, ("body",)) == Strict(when=day)
    assert validate({"when": day}, errors, ("body",)) == Strict(when=day)
    assert errors == []


@pytest.mark.parametrize(
    ("annotation", "value", "text"),
    [
        (Point, Secretive(x=1), '{"x":1,"y":0}'),
        (Point, {"x": 1, "secret": 2}, '{"x":1,"y":0}'),
        (list[Point], [Secretive(x=1), {"x": 2}], '[{"x":1,"y":0},{"x":2,"y":0}]'),
        (dict[str, Point], {"a": Secretive(x=1)}, '{"a":{"x":1,"y":0}}'),
        (Point | None, None, "null"),
        (Pet, Dog(kind="dog", name="a"), '{"kind":"dog","name":"a"}'),
        (Page[Point], Page[Point](items=[Secretive(x=1)]), '{"items":[{"x":1,"y":0}]}'),
        (Numbers, [1, 2], "[1,2]"),
        (Numbers, Numbers([1]), "[1]"),
        (Holder, Holder(Secretive(x=1)), '{"point":{"x":1,"y":0}}'),
        (Movie, {"where": Secretive(x=1)}, '{"where":{"x":1,"y":0}}'),
        (
            Named,
            Named.model_validate({"someName": 1}),
            '{"someName":1,"choice":1,"deep":1,"made":[],"double":2}',
        ),
        (tuple[Point, ...], (Point(x=1),), '[{"x":1,"y":0}]'),
    ],
    ids=str,
)
def test_results_are_written_with_what_was_declared(annotation: Any, value: Any, text: str) -> None:
    dumper = BACKEND.dumper(annotation, lambda: find_encoder("stdlib"))
    assert dumper.exact.get(type(value), dumper.other)(value) == text.encode()
    assert dumper.other(value) == text.encode()


def test_a_result_that_does_not_fit_is_a_result_error() -> None:
    broken = Point(x=1)
    broken.x = "a"  # type: ignore[assignment]  # pydantic does not look
    dumper = BACKEND.dumper(Point, lambda: find_encoder("stdlib"))
    for value in ({"x": "a"}, 3, None, object()):
        with pytest.raises(ResultError, match="does not fit the response model"):
            dumper.exact.get(type(value), dumper.other)(value)
    many = BACKEND.dumper(list[Point], lambda: find_encoder("stdlib"))
    for values in ([broken], [{"x": "a"}], [None]):
        with pytest.raises(ResultError):
            many.exact[list](values)
    page = Page[Point].model_construct(items=[object()])
    pages = BACKEND.dumper(Page[Point], lambda: find_encoder("stdlib"))
    with pytest.raises(ResultError):
        pages.exact[Page[Point]](page)


class Basket(pydantic.BaseModel):
    fruits: list[str] = []

    def __len__(self) -> int:
        return len(self.fruits)


def test_a_model_that_is_false_is_no_none() -> None:
    many = BACKEND.dumper(list[Basket], lambda: find_encoder("stdlib"))
    named = BACKEND.dumper(dict[str, Basket], lambda: find_encoder("stdlib"))
    assert many.exact[list]([Basket(), Basket(fruits=["fig"])]) == b'[{"fruits":[]},{"fruits":["fig"]}]'
    assert named.exact[dict]({"a": Basket()}) == b'{"a":{"fruits":[]}}'
    with pytest.raises(ResultError):
        many.exact[list]([Basket(), None])
    with pytest.raises(ResultError):
        named.exact[dict]({"a": None})


def test_a_model_of_scalars_is_trusted_and_pydantic_warns() -> None:
    broken = Point(x=1)
    broken.x = "a"  # type: ignore[assignment]  # pydantic does not look
    dumper = BACKEND.dumper(Point, lambda: find_encoder("stdlib"))
    with pytest.warns(UserWarning, match="Expected `int`"):
        assert dumper.exact[Point](broken) == b'{"x":"a","y":0}'


def test_aliases_and_what_was_set_are_pydantic_s_own_matter() -> None:
    named = Named.model_validate({"someName": 1})
    for how, text in [
        (Serialization(by_alias=False), '{"some_name":1,"choice":1,"deep":1,"made":[],"double":2}'),
        (Serialization(exclude_unset=True), '{"someName":1,"double":2}'),
        (Serialization(include={"some_name"}), '{"someName":1}'),
        (Serialization(exclude=["double", "made"]), '{"someName":1,"choice":1,"deep":1}'),
    ]:
        dumper = BACKEND.dumper(Named, lambda: find_encoder("stdlib"), how)
        assert dumper.exact[Named](named) == text.encode()
        assert find_encoder("stdlib").encode(BACKEND.plain(Named, how)(named)) == text.encode()
        many = BACKEND.dumper(dict[str, list[Named]], lambda: find_encoder("stdlib"), how)
        assert many.exact[dict]({"a": [named]}) == f'{{"a":[{text}]}}'.encode()


def test_the_fields_have_the_names_that_are_validated() -> None:
    fields = BACKEND.fields(Named) or ()
    assert [(field.name, field.key, field.required, field.default) for field in fields] == [
        ("some_name", "someName", True, None),
        ("choice", "a", False, 1),
        ("deep", "deep", False, 1),
        ("made", "made", False, None),
    ]
    assert foreign_constraints(fields[0].annotation.__metadata__).ge == 1
    assert [field.name for field in BACKEND.fields(Holder) or ()] == ["point"]
    assert BACKEND.fields(Numbers) is None
    assert BACKEND.fields(list[Point]) is None


class OlderMovie(OlderTypedDict):
    where: Point


class Own:
    pass


@pytest.mark.parametrize("annotation", [OlderMovie, Point | Own, list[tuple[Own, Point]]])
def test_what_pydantic_cannot_check_is_an_error_at_registration(annotation: Any) -> None:
    for make in (
        BACKEND.validator,
        lambda annotation: BACKEND.decoder(annotation, lambda: find_encoder("stdlib")),
    ):
        if annotation is OlderMovie and sys.version_info >= (3, 12):
            make(annotation)
        else:
            with pytest.raises(ConfigurationError, match="pydantic cannot"):
                make(annotation)


class Later(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(defer_build=True)
    a: "Afterwards"


class Afterwards(pydantic.BaseModel):
    x: int


def test_a_model_whose_names_come_later_is_built_at_first_use() -> None:
    assert BACKEND.matches(list[Later])
    assert decode(list[Later], '[{"a":{"x":1}}]') == ([Later(a=Afterwards(x=1))], [])


def test_a_schema_is_made_when_it_is_needed() -> None:
    def make_a_hundred() -> None:
        for _ in range(100):
            BACKEND.decoder(list[Everything], lambda: find_encoder("stdlib"))
            BACKEND.dumper(dict[str, Everything], lambda: find_encoder("stdlib"))

    assert within(0.5, make_a_hundred)  # schemas made at once take several seconds


@both
def test_a_model_of_the_query_reads_types_of_pydantic_and_says_what_is_wrong_of_the_whole(
    interface: str,
) -> None:
    class Search(pydantic.BaseModel):
        page: pydantic.HttpUrl
        least: int = pydantic.Field(alias="min")
        most: int = pydantic.Field(alias="max")

        @pydantic.model_validator(mode="after")
        def in_order(self) -> "Search":
            if self.least > self.most:
                raise ValueError("min is above max")
            return self

    app = VelociPy(plugins=False)

    @app.get("/")
    async def find(search: Annotated[Search, Query()]) -> str:
        return f"{search.page} {search.least}-{search.most}"

    with TestClient(app, interface=interface) as client:
        assert client.get("/?page=http://a.example&min=1&max=2").text == "http://a.example/ 1-2"
        (error,) = client.get("/?page=http://a.example&min=3&max=2").json()["detail"]
        assert error["loc"] == ["query"] and "min is above max" in error["msg"]
        (error,) = client.get("/?page=nowhere&min=1&max=2").json()["detail"]
        assert error["loc"] == ["query", "page"]
