"""Differences of two documents: each is found, and breaking for whom it breaks something."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import pytest

from velocipy import Body, Cookie, Depends, Header, ProblemException, Query, VelociPy, raises
from velocipy.openapi import Change, diff


@dataclass
class Item:
    """Sent and received."""

    name: str
    price: float = 0.0
    child: "Item | None" = None


def document() -> Any:
    """A document with a route of each kind."""
    app = VelociPy()

    @app.get("/items/{item}")
    async def read(item: int, page: Annotated[int, Query(ge=1)] = 1) -> Item:
        raise NotImplementedError

    @app.post("/items")
    async def add(item: Item) -> Item:
        raise NotImplementedError

    return app.openapi()


def edited(change: Any) -> list[Change]:
    """What is told after a document was changed in place."""
    new = document()
    change(new)
    changes: list[Change] = diff(document(), new)
    return changes


def told(changes: list[Change]) -> list[tuple[str, str, bool]]:
    return [(change.place, change.text, change.breaking) for change in changes]


def test_a_document_does_not_differ_from_itself() -> None:
    assert diff(document(), document()) == []
    assert diff({}, {}) == []


def test_words_order_and_names_of_holes_are_no_differences() -> None:
    new = document()
    new["info"] = {"title": "Other", "version": "2"}
    new["paths"] = dict(reversed(new["paths"].items()))
    read = new["paths"].pop("/items/{item}")
    read["get"]["parameters"][0]["name"] = "id"
    read["get"]["summary"] = read["get"]["operationId"] = "other"
    new["paths"]["/items/{id}"] = read
    new["components"]["schemas"]["Item-Input"]["description"] = "Other"
    assert diff(document(), new) == []


def test_operations_come_and_go() -> None:
    new = document()
    new["paths"]["/items"]["put"] = new["paths"]["/items"].pop("post")
    changes = diff(document(), new)
    assert told(changes) == [("POST /items", "is gone", True), ("PUT /items", "is new", False)]
    assert [str(change) for change in changes] == [
        "breaking: POST /items: is gone",
        "fine: PUT /items: is new",
    ]


def app_of(endpoint: Any, **keywords: Any) -> Any:
    app = VelociPy()
    app.add_route("/x", endpoint, ["POST"], **keywords)
    return app.openapi()


def endpoints(annotation: Any, other: Any) -> tuple[Any, Any]:
    """Two documents of a route whose endpoint takes one and the other, and its reverse."""

    def route(hint: Any) -> Any:
        async def x(value) -> None: ...

        x.__annotations__["value"] = hint
        return app_of(x)

    return route(annotation), route(other)


@dataclass
class Narrow:
    name: str
    size: int


@dataclass
class Wide:
    name: str
    size: int = 0
    more: str = ""


@pytest.mark.parametrize(
    ("old", "new", "text", "breaking"),
    [
        (int, float, "integer became number", False),
        (float, int, "number became integer", True),
        (int, bool, "integer became boolean", True),
        (Annotated[int, Query(ge=1)], Annotated[int, Query(ge=2)], "minimum 1 became 2", True),
        (Annotated[int, Query(ge=2)], Annotated[int, Query(ge=1)], "minimum 2 became 1", False),
        (Annotated[int, Query(le=2)], Annotated[int, Query(le=1)], "maximum 2 became 1", True),
        (int, Annotated[int, Query(le=1)], "maximum is 1 now", True),
        (Annotated[int, Query(le=1)], int, "maximum is no longer 1", False),
        (
            Annotated[str, Query(pattern="a")],
            Annotated[str, Query(pattern="b")],
            "pattern '^(?:a)$' became '^(?:b)$'",
            True,
        ),
        (Literal["a", "b"], Literal["a"], 'is no longer "b"', True),
        (Literal["a"], Literal["a", "b"], 'may be "b" now', False),
        (str, Literal["a"], 'is only "a" now', True),
        (Literal["a"], str, 'is any value now, not only "a"', False),
    ],
)
def test_a_parameter_that_takes_less_breaks_who_sends_it(
    old: Any, new: Any, text: str, breaking: bool
) -> None:
    assert told(diff(*endpoints(old, new))) == [("POST /x, query value", text, breaking)]


def test_parameters_come_and_go() -> None:
    async def before(a: str, b: str, c: str = "") -> None: ...

    async def after(
        b: str = "", c: str = "", d: str = "", *, e: str, X: Annotated[str, Header()] = ""
    ) -> None: ...

    assert told(diff(app_of(before), app_of(after))) == [
        ("POST /x, query a", "is gone", True),
        ("POST /x, query b", "may be missing now", False),
        ("POST /x, query d", "is new", False),
        ("POST /x, query e", "is new and required", True),
        ("POST /x, header x", "is new", False),
    ]


def test_an_answer_of_another_kind_and_a_member_of_a_union_that_changes_are_told() -> None:
    async def text() -> str:
        raise NotImplementedError

    async def either() -> str | bytes:
        raise NotImplementedError

    place = "POST /x, 200 application/octet-stream"
    assert told(diff(app_of(text), app_of(either))) == [(place, "may be application/octet-stream now", False)]

    assert told(diff(*endpoints(Literal["a"] | int, Literal["b"] | int))) == [
        ("POST /x, query value", 'is no longer "a"', True),
        ("POST /x, query value", 'may be "b" now', False),
    ]


def test_a_constant_is_one_value() -> None:
    def with_constant(value: str) -> Any:
        new = document()
        new["components"]["schemas"]["Item-Input"]["properties"]["name"]["const"] = value
        return new

    assert told(diff(with_constant("a"), with_constant("b"))) == [
        ("POST /items, body.name", 'is no longer "a"', True),
        ("POST /items, body.name", 'may be "b" now', False),
    ]


def test_bodies_break_who_sends_less_than_is_needed() -> None:
    assert told(diff(*endpoints(Narrow, Wide))) == [
        ("POST /x, body.size", "may be missing now", False),
        ("POST /x, body.more", "is new", False),
    ]
    assert told(diff(*endpoints(Wide, Narrow))) == [
        ("POST /x, body.size", "is required now", True),
        ("POST /x, body.more", "is gone", True),
    ]
    none, one = app_of(nothing), endpoints(Narrow, Narrow)[0]
    assert ("POST /x, body", "is new and required", True) in told(diff(none, one))
    assert ("POST /x, body", "is gone", True) in told(diff(one, none))


async def nothing() -> None: ...


def test_answers_break_who_relies_on_more_than_there_is() -> None:
    async def narrow() -> Narrow:
        raise NotImplementedError

    async def wide() -> Wide:
        raise NotImplementedError

    assert told(diff(app_of(narrow), app_of(wide))) == [("POST /x, 200.more", "is new", False)]
    assert told(diff(app_of(wide), app_of(narrow))) == [("POST /x, 200.more", "is gone", True)]

    async def maybe() -> Narrow | None:
        raise NotImplementedError

    assert told(diff(app_of(narrow), app_of(maybe))) == [("POST /x, 200", "may be null now", True)]
    assert told(diff(app_of(maybe), app_of(narrow))) == [("POST /x, 200", "is no longer null", False)]

    async def several() -> list[dict[str, int]]:
        raise NotImplementedError

    async def texts() -> list[dict[str, str]]:
        raise NotImplementedError

    assert told(diff(app_of(several), app_of(texts))) == [("POST /x, 200[].*", "integer became string", True)]


def test_statuses_and_media_types_come_and_go() -> None:
    class Gone(ProblemException):
        problem_status = 410

    @raises(Gone)
    async def fails() -> int:
        raise NotImplementedError

    async def works() -> int:
        raise NotImplementedError

    assert told(diff(app_of(fails), app_of(works))) == [("POST /x, 410", "is gone", False)]
    assert told(diff(app_of(works), app_of(fails))) == [("POST /x, 410", "is new", False)]
    made = app_of(works, status_code=201)
    assert told(diff(app_of(works), made)) == [
        ("POST /x, 200", "is gone", True),
        ("POST /x, 201", "is new", False),
    ]
    both = app_of(works, formats=["json", "msgpack"])
    assert [
        (change.text.partition(" application")[0], change.breaking) for change in diff(both, app_of(works))
    ] == [("is no longer", True)]


class Key:
    scheme_name = "Key"
    scheme = {"type": "apiKey", "in": "header", "name": "x-key"}
    auto_error = True

    async def __call__(self) -> None: ...


def test_a_way_in_that_is_not_enough_any_more_is_breaking() -> None:
    shut = app_of(nothing, dependencies=[Depends(Key())])
    opened = app_of(nothing)
    for one in (shut, opened):
        one["paths"]["/x"]["post"]["responses"] = {}
    assert told(diff(opened, shut)) == [("POST /x", "needs Key, not nothing", True)]
    assert told(diff(shut, opened)) == [("POST /x", "needs nothing, not Key", False)]


def test_deprecation_is_told_and_breaks_nothing() -> None:
    new = document()
    new["paths"]["/items"]["post"]["deprecated"] = True
    assert told(diff(document(), new)) == [("POST /items", "is deprecated now", False)]


def test_models_that_hold_themselves_end_and_a_change_in_them_is_told_once_a_place() -> None:
    def change(new: Any) -> None:
        for name in ("Item-Input", "Item-Output"):
            new["components"]["schemas"][name]["properties"]["name"] = {"type": "integer"}

    assert told(edited(change)) == [
        ("GET /items/{item}, 200.name", "string became integer", True),
        ("POST /items, body.name", "string became integer", True),
        ("POST /items, 200.name", "string became integer", True),
    ]


def test_a_document_written_elsewhere_may_use_references_anywhere() -> None:
    parameter = {"name": "q", "in": "query", "schema": {"type": "string"}}
    old = {
        "paths": {
            "/a~b": {
                "parameters": [{"$ref": "#/components/parameters/a~1q"}, {"$ref": "#/nowhere/at/all"}][:1],
                "get": {"responses": {"200": {"$ref": "#/components/responses/Fine"}}},
            }
        },
        "components": {
            "parameters": {"a/q": parameter},
            "responses": {"Fine": {"content": {"application/json": {"schema": {"$ref": "#/x"}}}}},
        },
        "x": {"$ref": "#/x"},
    }
    new = deepcopy(old)
    assert diff(old, new) == []
    new["components"]["parameters"]["a/q"]["required"] = True  # type: ignore[index]
    new["x"] = {"type": "string"}
    assert told(diff(old, new)) == [
        ("GET /a~b, query q", "is required now", True),
        ("GET /a~b, 200", "anything became string", False),
    ]


def test_closed_objects_and_fixed_items_are_compared() -> None:
    def of(schema: Any, place: str = "body") -> Any:
        media = {"content": {"application/json": {"schema": schema}}}
        body = {"requestBody": media} if place == "body" else {}
        responses = {"200": media} if place != "body" else {}
        return {"paths": {"/x": {"post": {**body, "responses": responses}}}}

    closed, opened = {"additionalProperties": False}, {"additionalProperties": {"type": "string"}}
    assert told(diff(of(opened), of(closed))) == [("POST /x, body", "takes no other properties now", True)]
    assert told(diff(of(closed), of(opened))) == [("POST /x, body", "may have other properties now", False)]
    assert [change.breaking for change in diff(of(closed, "200"), of(opened, "200"))] == [True]
    assert told(diff(of({}), of(opened))) == [("POST /x, body.*", "anything became string", True)]
    row = {"prefixItems": [{"type": "string"}]}
    longer = {"prefixItems": [{"type": "integer"}, {}]}
    assert told(diff(of(row), of(longer))) == [
        ("POST /x, body", "has 2 fixed items, not 1", True),
        ("POST /x, body[0]", "string became integer", True),
    ]
    assert told(diff(of({"allOf": [row]}), of({"allOf": [longer]}))) == [
        ("POST /x, body", "allOf is different", True)
    ]


def test_cookies_and_raw_bodies_have_a_place_too() -> None:
    async def before(crumb: Annotated[str, Cookie()], body: Annotated[dict[str, Any], Body()]) -> None: ...

    async def after(crumb: Annotated[int, Cookie()], body: Annotated[list[Any], Body()]) -> None: ...

    assert told(diff(app_of(before), app_of(after))) == [
        ("POST /x, cookie crumb", "string became integer", True),
        ("POST /x, body", "object became array", True),
    ]
