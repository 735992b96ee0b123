"""Types that hold themselves by name: aliases of `type` and TypeAliasType, and text in a plain alias; as bodies and results."""

import dataclasses
import json
import sys
from typing import Annotated, Any, TypeVar, Union

import msgspec
import pydantic
import pytest
from typing_extensions import TypeAliasType

from velocipy import Body, Query, VelociPy
from velocipy.exceptions import BindingError
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
T = TypeVar("T")

# What a type checker knows of these forms differs from one to the next; what counts here is that they run.
Tree: Any = TypeAliasType("Tree", "dict[str, Tree] | int")  # type: ignore[misc, type-arg, unused-ignore]
Inner: Any = TypeAliasType("Inner", dict[str, "Inner"] | int)  # type: ignore[misc, type-arg, unused-ignore]
Left: Any = TypeAliasType("Left", "list[Right]")  # type: ignore[misc, type-arg, unused-ignore]
Right: Any = TypeAliasType("Right", "Left | int")  # type: ignore[misc, type-arg, unused-ignore]
Old: Any = Union[dict[str, "Old"], int]  # type: ignore[misc]  # noqa: UP007  # the form of before
Nested: Any = TypeAliasType("Nested", list["Nested[T]"] | T, type_params=(T,))  # type: ignore[misc, type-arg, arg-type, unused-ignore]
Growing: Any = TypeAliasType("Growing", list["Growing[list[T]]"] | T, type_params=(T,))  # type: ignore[misc, type-arg, arg-type, unused-ignore]
Loop: Any = TypeAliasType("Loop", "Ring | int")  # type: ignore[misc, type-arg, unused-ignore]
Ring: Any = TypeAliasType("Ring", "Annotated[Loop, 1] | None")  # type: ignore[misc, type-arg, unused-ignore]
Lost: Any = TypeAliasType("Lost", "list[Nowhere]")  # type: ignore[misc, type-arg, unused-ignore]  # noqa: F821


@dataclasses.dataclass
class Node:
    tree: Tree
    old: Old = 0


@dataclasses.dataclass
class Named(Node):
    secret: str = "x"


class Model(pydantic.BaseModel):
    tree: Tree


class Struct(msgspec.Struct):
    tree: Tree


Forest: Any = TypeAliasType("Forest", "list[Forest] | Node")  # type: ignore[misc, type-arg, unused-ignore]
Wood: Any = TypeAliasType("Wood", "list[Wood] | Model")  # type: ignore[misc, type-arg, unused-ignore]


def app_with(annotation: Any) -> VelociPy:
    """An app that sends a body back, read and written as this type."""
    app = VelociPy(plugins=False)

    def endpoint(body: Any) -> Any:
        return body

    endpoint.__annotations__ = {"body": Annotated[annotation, Body()], "return": annotation}
    app.post("/")(endpoint)
    return app


GOOD = [
    (Tree, {"a": {"b": 1, "c": {}}}),
    (Inner, {"a": {"b": 1}}),
    (Old, {"a": {"b": 1}}),
    (Left, [1, [2, [3], []]]),
    (list[Tree], [1, {"a": 2}]),
    (Tree | None, {"a": 1}),
    (Nested[int], [[1, [2]], 3]),
    (Node, {"tree": {"a": {"b": 1}}, "old": {"c": {"d": 2}}}),
    (Forest, [[{"tree": 1, "old": 0}], {"tree": {"a": 2}, "old": 3}]),
    (Model, {"tree": {"a": {"b": 1}}}),
    (Wood, [[{"tree": 1}], {"tree": {"a": 2}}]),
]


@both
@pytest.mark.parametrize(("annotation", "value"), GOOD, ids=str)
def test_a_type_in_itself_is_read_and_written_to_any_depth(
    annotation: Any, value: Any, interface: Any
) -> None:
    answer = TestClient(app_with(annotation), interface=interface).post("/", json=value)
    assert (answer.status_code, answer.json()) == (200, value)


@pytest.mark.parametrize(
    ("annotation", "value", "wanted"),
    [
        (Tree, {"a": {"b": "x"}, "c": []}, [
            (["a", "b"], "Invalid field 'b': expected an object or an integer, got a string"),
            (["c"], "Invalid field 'c': expected an object or an integer, got an array"),
        ]),
        (Old, {"a": {"b": "x"}}, [
            (["a", "b"], "Invalid field 'b': expected an object or an integer, got a string"),
        ]),
        (Left, [1, [2, ["x"]]], [
            ([1, 1, 0], "Invalid item 0: expected an array or an integer, got a string"),
        ]),
        (Nested[int], [[True]], [
            ([0, 0], "Invalid item 0: expected an array or an integer, got a boolean"),
        ]),
        (Node, {"tree": {"a": "x"}, "old": {"c": {"d": "y"}}}, [
            (["tree", "a"], "Invalid field 'a': expected an object or an integer, got a string"),
            (["old", "c", "d"], "Invalid field 'd': expected an object or an integer, got a string"),
        ]),
        (Forest, [[{"tree": "x"}, 7]], [
            ([0, 0, "tree"], "Invalid field 'tree': expected an object or an integer, got a string"),
            ([0, 1], "Invalid item 1: expected an array or an object, got an integer"),
        ]),
        (Wood, [[{"tree": "x"}]], [
            ([0, 0, "tree"], "Invalid field 'tree': expected an object or an integer, got a string"),
        ]),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_wrong_in_it_is_told_at_every_depth(annotation: Any, value: Any, wanted: Any) -> None:
    answer = TestClient(app_with(annotation)).post("/", json=value)
    assert answer.status_code == 422
    assert [(error["loc"][1:], error["msg"]) for error in answer.json()["detail"]] == wanted


@pytest.mark.parametrize("annotation", [Tree, Old, Node, Model, Forest], ids=str)
def test_what_is_nested_too_deeply_is_refused(annotation: Any) -> None:
    deep = '{"a":' * 50_000 + "1" + "}" * 50_000
    body = deep if annotation in (Tree, Old) else f'{{"tree":{deep}}}'
    client = TestClient(app_with(annotation))
    answer = client.post("/", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400


def test_an_instance_of_a_subclass_is_filtered_at_every_depth() -> None:
    app = VelociPy(plugins=False)

    @app.get("/", response_model=Forest)
    def trees() -> Any:
        return [[Named(1)], Named({"a": 2})]

    assert TestClient(app).get("/").json() == [[{"tree": 1, "old": 0}], {"tree": {"a": 2}, "old": 0}]


@dataclasses.dataclass
class Leaf:
    size: int


@dataclasses.dataclass
class Large(Leaf):
    secret: str = "x"


def test_a_union_in_an_array_beside_another_array_filters_its_models() -> None:
    app = VelociPy(plugins=False)

    @app.get("/", response_model=list[Leaf | int] | list[Node | str])
    def leaves() -> Any:
        return [Large(1)]

    assert TestClient(app).get("/").json() == [{"size": 1}]


REFUSED = [
    (Loop, "parameter 'body' of endpoint .* the type alias Loop is made of itself alone"),
    (Ring, "parameter 'body' of endpoint .* the type alias Ring is made of itself alone"),
    (
        Growing[int],
        "parameter 'body' of endpoint .* has no end: an alias in it holds itself with ever other parameters",
    ),
    (
        Lost,
        "parameter 'body' of endpoint .* the type alias Lost cannot be read: name 'Nowhere' is not defined",
    ),
    (
        Struct,
        "msgspec cannot decode .*; it reads no alias that holds itself: make the alias a Struct, or the Struct",
    ),
]


@pytest.mark.parametrize(("annotation", "message"), REFUSED, ids=lambda case: str(case)[:20])
def test_a_type_that_nothing_can_read_is_refused_at_registration(annotation: Any, message: str) -> None:
    with pytest.raises(BindingError, match=message):
        app_with(annotation)


def test_a_result_of_such_a_type_is_refused_at_registration() -> None:
    app = VelociPy(plugins=False)
    with pytest.raises(BindingError, match=r"response model of GET / .* Loop is made of itself alone"):
        app.get("/", response_model=Loop)(lambda: 1)


def test_a_query_gives_no_type_in_itself() -> None:
    app = VelociPy(plugins=False)

    def endpoint(tree: Any) -> None: ...

    endpoint.__annotations__["tree"] = Annotated[Tree, Query()]
    with pytest.raises(BindingError, match=r"dict\[str, Tree\] \| int cannot be read from the query"):
        app.get("/")(endpoint)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type` came with Python 3.12")
def test_the_type_statement_makes_such_a_type_too() -> None:
    names: dict[str, Any] = {}
    source = "type Json = dict[str, Json] | list[Json] | str | int | None\ntype Pile[T] = list[Pile[T]] | T"
    exec(source, names)
    for annotation, value in (
        (names["Json"], {"a": [1, {"b": None}]}),
        (names["Pile"][bool], [[True], False]),
    ):
        client = TestClient(app_with(annotation))
        assert client.post("/", json=value).json() == value
        wrong = client.post("/", content=json.dumps(value).replace("1", "1.5").replace("true", "3"), headers={
            "content-type": "application/json"})  # fmt: skip
        assert wrong.status_code == 422
