"""Odd but legal names: unicode, dots, generics of generics, one name in two modules, unions that hold themselves."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, make_dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar, Union

import msgspec
import pydantic
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from velocipy import APIRouter, Header, Query, VelociPy

T = TypeVar("T")
U = TypeVar("U")


@dataclass
class Größe:
    x: int


@dataclass
class Grüße:
    y: str


@dataclass
class 商品:
    name: str


@dataclass
class 客户:
    age: int


@dataclass
class Page(Generic[T]):
    items: list[T]


@dataclass
class Pair(Generic[T, U]):
    left: T
    right: U


class Envelope(pydantic.BaseModel, Generic[T]):
    data: list[T] = []


class Batch(msgspec.Struct, Generic[T]):
    items: list[T] = []


@dataclass
class Leaf:
    value: int


@dataclass
class Branch:
    left: Node
    right: Node | None = None


Node = Union[Leaf, Branch]  # noqa: UP007


class And(msgspec.Struct, tag="and"):
    all: list[And | Or | Not]


class Or(msgspec.Struct, tag="or"):
    any: list[And | Or | Not]


class Not(msgspec.Struct, tag="not"):
    it: And | Or | Not | None = None


class Key(pydantic.BaseModel):
    kind: Literal["key"]
    next: Annotated[Key | Door, pydantic.Field(discriminator="kind")] | None = None


class Door(pydantic.BaseModel):
    kind: Literal["door"]
    others: list[Annotated[Key | Door, pydantic.Field(discriminator="kind")]] = []


class Outer:
    @dataclass
    class Inner:
        z: int


class Other:
    @dataclass
    class Inner:
        w: int


def in_module(name: str, kind: type) -> Any:
    cls = make_dataclass("Item", [("value", kind)])
    cls.__module__ = name
    return cls


HERE: Any = in_module("shop.here", int)
THERE: Any = in_module("shop.there", str)
DOTTED, SLASHED = make_dataclass("My.Dotted-Name", [("v", int)]), make_dataclass("a/b~c%20 {x}", [("v", int)])
LIKE_A_DIRECTION = make_dataclass("Thing-Input", [("v", int)])
THING = make_dataclass("Thing", [("v", int, 1)])

TYPES: list[Any] = [
    *(
        Größe,
        Grüße,
        商品,
        客户,
        DOTTED,
        SLASHED,
        LIKE_A_DIRECTION,
        THING,
        HERE,
        THERE,
        Outer.Inner,
        Other.Inner,
    ),
    *(Page[Page[Größe]], Page[Page[HERE]], Page[Page[THERE]], Pair[Page[int], Page[list[Pair[str, int]]]]),
    *(Envelope[Envelope[Key]], Batch[Batch[Not]], Page[Node], Page[And | Or | None]),
    *(Pair[Literal["a", "b"], dict[str, Branch]], Branch, And, Key, Door, HERE | THERE),
]


def document_of(types: list[tuple[int, Any]]) -> Any:
    app = VelociPy("ü · <x>", "1/ü")
    for number, annotation in types:

        async def endpoint(body: Any) -> Any: ...

        endpoint.__annotations__ = {"body": annotation, "return": annotation}
        app.post(f"/{number}", operation_id=f"id{number}")(endpoint)
    document = json.loads(json.dumps(app.openapi()))
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    return document


def test_every_type_has_a_component_of_its_own_with_a_legal_name() -> None:
    document = document_of(list(enumerate(TYPES)))
    components = document["components"]["schemas"]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in components)  # OpenAPI 3.1 section 4.8.7
    used = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert used == set(components)
    bodies = [item["post"]["requestBody"]["content"] for item in document["paths"].values()]
    schemas = [json.dumps(body["application/json"]["schema"]) for body in bodies]
    assert len(set(schemas)) == len(TYPES)
    module = __name__.replace(".", "_")
    assert {f"{module}_Gr_xF6_xDF_e", f"{module}_Gr_xFC_xDF_e", "My.Dotted-Name", "a_b_c_20_x"} < set(
        components
    )
    assert {"shop_here_Item", "shop_there_Item", f"{module}_Page_shop_here_Item"} < set(components)
    assert {f"{module}_Outer_Inner", f"{module}_Other_Inner", "Thing-Output"} < set(components)
    assert (
        components["Thing-Input"]["properties"]["v"] != components[thing_input(document)]["properties"]["v"]
    )


def thing_input(document: Any) -> str:
    body = document["paths"][f"/{TYPES.index(LIKE_A_DIRECTION)}"]["post"]["requestBody"]
    reference: str = body["content"]["application/json"]["schema"]["$ref"]
    return reference.rpartition("/")[2]


@pytest.mark.parametrize("seed", range(3))
def test_the_names_are_the_same_in_any_order_of_routes(seed: int) -> None:
    types = list(enumerate(TYPES))
    random.Random(seed).shuffle(types)
    first, second = document_of(list(enumerate(TYPES))), document_of(types)
    assert first["components"] == second["components"] and first["paths"] == second["paths"]


def test_paths_parameters_and_functions_may_have_any_letters() -> None:
    app = VelociPy()
    router = APIRouter("/räuter", name="räuter.x", tags=["ü/#"])

    @app.get("/straße/{größe}/日本/~%/c d")
    async def größe(
        größe: int,
        odd: Annotated[str, Query(alias="a[b].c d/é~%")] = "",
        header: Annotated[str, Header(alias="x-odd.one")] = "",
    ) -> dict[str, Größe]:
        return {}

    @router.get("/größe")
    async def grüße() -> None: ...

    app.include_router(router)
    document = json.loads(json.dumps(app.openapi()))
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    street = document["paths"]["/stra%C3%9Fe/{größe}/%E6%97%A5%E6%9C%AC/~%25/c%20d"]["get"]
    assert [one["name"] for one in street["parameters"]] == ["größe", "a[b].c d/é~%", "x-odd.one"]
    there = document["paths"]["/r%C3%A4uter/gr%C3%B6%C3%9Fe"]["get"]
    ids = {street["operationId"], there["operationId"]}
    assert len(ids) == 2 and all(re.fullmatch(r"[A-Za-z0-9._-]+", one) for one in ids)
