"""Types as JSON Schema: every backend's models as components with legal, stable names, apart by direction only where needed."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, Literal, NewType, TypeVar, get_origin

import msgspec
import pydantic
import pytest
import typing_extensions
from openapi_spec_validator import OpenAPIV31SpecValidator

from velocipy import Body, VelociPy
from velocipy.exceptions import ConfigurationError
from velocipy.models import ModelBackend, ModelField, Serialization, Validate

T = TypeVar("T")
Whole = TypeVar("Whole", bound=int)
UserId = NewType("UserId", int)


class Level(IntEnum):
    LOW = 1
    HIGH = 2


@dataclass
class Node(Generic[T]):
    value: T
    next: Node[T] | None = None


@dataclass
class Pair(Generic[T, Whole]):
    first: T
    second: Whole


@dataclass
class Plain:
    name: str


@dataclass
class Defaulted:
    name: str = ""


@dataclass
class Holder:
    inner: Defaulted


class Struct(msgspec.Struct):
    plain: Plain
    level: Level
    amount: Decimal = Decimal(0)


class Model(pydantic.BaseModel):
    name: str
    tags: list[str] = []
    other: Model | None = None


class Wide(pydantic.BaseModel):
    name: str


class Box(pydantic.BaseModel, Generic[T]):
    content: T


def document_of(*, reads: Any = None, writes: Any = None) -> Any:
    app = VelociPy()
    if reads is not None:

        async def read(body: Any) -> None: ...

        read.__annotations__["body"] = reads if get_origin(reads) is Annotated else Annotated[reads, Body()]
        app.post("/read")(read)
    if writes is not None:

        async def write() -> Any: ...

        write.__annotations__["return"] = writes
        app.get("/write")(write)
    document = app.openapi()
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    return document


def components(**types: Any) -> Any:
    found = document_of(**types)["components"]["schemas"]
    return {name: schema for name, schema in found.items() if "Error" not in name}


def read_schema(annotation: Any) -> Any:
    document = document_of(reads=annotation)
    return document["paths"]["/read"]["post"]["requestBody"]["content"]["application/json"]["schema"]


def test_a_model_that_is_read_as_it_is_written_is_one_component() -> None:
    assert list(components(reads=Plain, writes=Plain)) == ["Plain"]
    assert list(components(reads=Wide, writes=Wide)) == ["Wide"]


def test_a_default_makes_two_and_only_where_both_are_used() -> None:
    assert list(components(reads=Defaulted)) == list(components(writes=Defaulted)) == ["Defaulted"]
    both = components(reads=Defaulted, writes=Defaulted)
    assert list(both) == ["Defaulted-Input", "Defaulted-Output"]
    assert "required" not in both["Defaulted-Input"] and both["Defaulted-Output"]["required"] == ["name"]
    assert list(components(reads=Model, writes=Model)) == ["Model-Input", "Model-Output"]


def test_who_holds_a_model_of_two_is_two_as_well() -> None:
    both = components(reads=Holder, writes=Holder)
    assert set(both) == {"Holder-Input", "Holder-Output", "Defaulted-Input", "Defaulted-Output"}
    assert both["Holder-Input"]["properties"]["inner"] == {"$ref": "#/components/schemas/Defaulted-Input"}


def test_generics_have_legal_names_and_models_may_hold_themselves() -> None:
    found = components(writes=list[Node[int] | Node[list[Plain]]])
    assert set(found) == {"Node_int", "Node_list_Plain", "Plain"}
    assert found["Node_int"]["properties"]["next"]["anyOf"][0] == {"$ref": "#/components/schemas/Node_int"}
    every = {*found, *components(writes=Box[list[int]]), *components(writes=Model)}
    assert all(re.fullmatch(r"[a-zA-Z0-9._-]+", name) for name in every)


def make_other() -> Any:
    @dataclass
    class Plain:
        other: int

    return Plain


def test_two_models_of_one_name_are_told_apart_whatever_their_order() -> None:
    other = make_other()
    one, two = components(writes=Plain | other), components(writes=other | Plain)
    assert set(one) == set(two) and len(one) == 2
    assert all(name.endswith("_Plain") for name in one)


def test_a_model_named_like_one_of_another_library_is_told_apart() -> None:
    @dataclass
    class Wide_:
        a: int

    Wide_.__name__ = Wide_.__qualname__ = "Wide"
    found = components(reads=Wide, writes=Wide_)
    assert len(found) == 2 and "Wide" in found and list(found["Wide"]["properties"]) == ["name"]


def test_a_model_named_like_our_errors_keeps_them_apart() -> None:
    @dataclass
    class HTTPError:
        code: int

    document = document_of(reads=HTTPError)
    answer = document["paths"]["/read"]["post"]["responses"]["400"]["content"]["application/json"]["schema"]
    body = document["paths"]["/read"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert answer != body
    named = document["components"]["schemas"][answer["$ref"].rpartition("/")[2]]
    assert list(named["properties"]) == ["detail"]


def test_components_have_no_titles_but_those_that_somebody_wrote() -> None:
    class Named(pydantic.BaseModel):
        model_config = pydantic.ConfigDict(title="A name")
        name: str

    found = components(reads=dict[str, Model | Box[Plain]], writes=dict[str, Model | Named])
    titles = {name: schema["title"] for name, schema in found.items() if "title" in schema}
    assert titles == {"Named": "A name"} and {"Model-Input", "Model-Output"} < set(found)


def test_text_of_decimals_and_durations_has_the_grammar_of_the_binder() -> None:
    decimal, span = re.compile(read_schema(Decimal)["pattern"]), re.compile(read_schema(timedelta)["pattern"])
    assert all(map(decimal.search, ["1.50", "-1", ".5", "1e3"]))
    assert not any(map(decimal.search, ["", "+1", "5.", "NaN", "1_0", "x1"]))
    assert all(map(span.search, ["P1DT2H30M", "PT5M", "P2W", "90"]))
    assert not any(map(span.search, ["P1Y", "P1M", "P1Y2DT1H"]))


def test_structs_dataclasses_and_enums_share_components() -> None:
    found = components(writes=Struct)
    assert set(found) == {"Struct", "Plain", "Level"}
    assert found["Level"] == {"type": "integer", "enum": [1, 2]}
    assert found["Struct"]["required"] == ["plain", "level", "amount"]
    assert found["Struct"]["properties"]["amount"] == {"type": "string", "format": "decimal", "default": "0"}


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (dict[str, float], {"type": "object", "additionalProperties": {"type": "number"}}),
        (
            dict[Literal["a", "b"], int],
            {
                "type": "object",
                "additionalProperties": {"type": "integer"},
                "propertyNames": {"type": "string", "enum": ["a", "b"]},
            },
        ),
        (
            tuple[int, str],
            {
                "type": "array",
                "prefixItems": [{"type": "integer"}, {"type": "string"}],
                "minItems": 2,
                "maxItems": 2,
            },
        ),
        (tuple[int, ...], {"type": "array", "items": {"type": "integer"}}),
        (set[str], {"type": "array", "items": {"type": "string"}}),
        (
            Annotated[list[int], Body(min_length=1)],
            {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        ),
        (Annotated[int, Body(), msgspec.Meta(ge=1)], {"type": "integer", "minimum": 1}),
        (Annotated[UserId, Body(title="Who")], {"type": "integer", "title": "Who"}),
        (
            Annotated[Literal[1, "a", None, 2], Body()],
            {
                "anyOf": [
                    {"type": "integer", "enum": [1, 2]},
                    {"type": "string", "enum": ["a"]},
                    {"type": "null"},
                ]
            },
        ),
        (list[int | None], {"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}),
        (list[bytes], {"type": "array", "items": {"type": "string", "contentEncoding": "base64"}}),
    ],
    ids=str,
)
def test_types_are_what_json_schema_calls_them(annotation: Any, schema: Any) -> None:
    assert read_schema(annotation) == schema


def test_a_union_of_tagged_structs_has_a_discriminator() -> None:
    class Cat(msgspec.Struct, tag="cat"):
        lives: int

    class Dog(msgspec.Struct, tag="dog"):
        name: str

    schema = read_schema(Cat | Dog)
    assert schema["discriminator"] == {
        "propertyName": "type",
        "mapping": {"cat": "#/components/schemas/Cat", "dog": "#/components/schemas/Dog"},
    }


def test_a_discriminated_union_of_pydantic_is_left_to_pydantic() -> None:
    class A(pydantic.BaseModel):
        kind: Literal["a"]

    class B(pydantic.BaseModel):
        kind: Literal["b"]

    schema = read_schema(Annotated[A | B, pydantic.Field(discriminator="kind"), Body()])
    assert schema["discriminator"]["mapping"] == {
        "a": "#/components/schemas/A",
        "b": "#/components/schemas/B",
    }


def test_patterns_are_those_of_ecmascript() -> None:
    @dataclass
    class Coded:
        code: Annotated[str, Body(pattern=r"(?P<a>\d+)\Z")] = field(default="1")

    pattern = components(reads=Coded)["Coded"]["properties"]["code"]["pattern"]
    assert pattern == r"^(?:(\d+)$)$"


def test_what_says_nothing_of_itself_may_be_anything() -> None:
    class Unknown:
        """Of no library."""

    app = VelociPy()
    app.add_route("/", lambda: None, responses={409: Unknown})
    conflict = app.openapi()["paths"]["/"]["get"]["responses"]["409"]
    assert conflict["content"]["application/json"] in ({}, {"schema": {}})


def test_a_model_whose_fields_cannot_be_read_is_a_mistake_that_names_it() -> None:
    @dataclass
    class Unread:
        missing: Missing  # type: ignore[name-defined]  # noqa: F821

    app = VelociPy()
    app.add_route("/", lambda: None, responses={409: Unread})
    with pytest.raises(ConfigurationError, match=r"the fields of .*Unread cannot be read"):
        app.openapi()


def test_an_alias_that_holds_itself_ends() -> None:
    tree = typing_extensions.TypeAliasType("tree", "list[tree]")  # type: ignore[misc]
    vars(sys.modules[__name__]).setdefault("tree", tree)
    written = {"type": "array", "items": {"type": "array", "items": {}}}
    assert document_of(writes=tree)["paths"]["/write"]["get"]["responses"]["200"]["content"][
        "application/json"
    ] == {"schema": written}


def test_a_type_variable_is_its_bound_or_anything() -> None:
    app = VelociPy()
    app.add_route("/", lambda: None, responses={409: dict[str, Whole]})  # type: ignore[valid-type]
    [conflict] = app.openapi()["paths"]["/"]["get"]["responses"]["409"]["content"].values()
    assert conflict["schema"] == {"type": "object", "additionalProperties": {"type": "integer"}}
    assert components(writes=Pair)["Pair"]["properties"] == {"first": {}, "second": {"type": "integer"}}


def test_a_tagged_row_begins_with_its_tag() -> None:
    class Move(msgspec.Struct, array_like=True, tag="move"):
        by: int
        times: int = 1

    assert components(reads=Move)["Move"] == {
        "type": "array",
        "prefixItems": [
            {"type": "string", "enum": ["move"]},
            {"type": "integer"},
            {"type": "integer", "default": 1},
        ],
        "minItems": 2,
    }


def test_an_enum_of_other_values_than_scalars_has_them_as_json_says_them() -> None:
    class Corner(Enum):
        ORIGIN = (0, 0)
        FAR = (1, 1)

    assert components(writes=Corner)["Corner"]["enum"] == [[0, 0], [1, 1]]


def test_words_of_json_schema_beside_a_type_are_its_own() -> None:
    assert read_schema(Annotated[int, Body(), msgspec.Meta(extra_json_schema={"x-unit": "cm"})]) == {
        "type": "integer",
        "x-unit": "cm",
    }
    union = Annotated[Model | Wide, pydantic.WithJsonSchema({"type": "object"}), Body()]
    assert read_schema(union) == {"type": "object"}
    shown = read_schema(Annotated[Model | Wide, {"no": "hash"}, Body(examples=[{"name": "mug"}])])
    assert shown["examples"] == [{"name": "mug"}] and len(shown["anyOf"]) == 2


def test_bounds_are_numbers_of_json_or_left_out() -> None:
    @dataclass
    class Limits:
        whole: Annotated[Decimal, Body(ge=Decimal(2))]
        part: Annotated[Decimal, Body(le=Decimal("2.5"))]
        day: Annotated[date, Body(gt=date(2024, 1, 1))]

    properties = components(reads=Limits)["Limits"]["properties"]
    assert properties["whole"]["minimum"] == 2 and properties["part"]["maximum"] == 2.5
    assert properties["day"] == {"type": "string", "format": "date"}


def test_what_json_cannot_say_is_no_default() -> None:
    @dataclass
    class Odd:
        endless: float = float("inf")
        made: list[int] = field(default_factory=lambda: [1])

    properties = components(reads=Odd)["Odd"]["properties"]
    assert "default" not in properties["endless"] and "default" not in properties["made"]


class Own:
    """A class of no library."""

    def __init__(self, size: int) -> None:
        self.size = size


class OwnBackend(ModelBackend):
    name = "own"

    def matches(self, annotation: Any) -> bool:
        return annotation is Own

    def validator(self, annotation: Any) -> Validate:
        return lambda value, errors, place: Own(**value)

    def plain(self, annotation: Any, how: Serialization) -> Any:
        return vars

    def fields(self, annotation: Any) -> list[ModelField]:
        return [ModelField("size", "size", Annotated[int, Body(ge=1)], False, 3)]


def test_a_backend_that_tells_fields_alone_has_a_component_too() -> None:
    app = VelociPy()
    app.register_model_backend(OwnBackend)

    @app.post("/")
    async def read(own: Own) -> None: ...

    assert app.openapi()["components"]["schemas"]["Own"] == {
        "type": "object",
        "description": "A class of no library.",
        "properties": {"size": {"type": "integer", "minimum": 1, "default": 3}},
    }
