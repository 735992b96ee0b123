"""What requests make of parameters: lists, styles, unions, models that are spread, several bodies, and what is refused."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, NewType, Required, TypedDict
from uuid import UUID

import annotated_types
import msgspec
import pydantic
import pytest

from velocipy import Body, Cookie, Depends, Form, Header, Path, Query, Request, VelociPy
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


class Color(Enum):
    RED = "red"
    BLUE = "blue"


UserId = NewType("UserId", int)
Page = Annotated[int, Query(ge=1)]


def client_of(
    endpoint: Any, interface: Any, path: str = "/", method: str = "GET", **keywords: Any
) -> TestClient:
    """A client of an app with this one route."""
    app = VelociPy(plugins=False)
    app.add_route(path, endpoint, [method], **keywords)
    return TestClient(app, interface=interface)


def refused(answer: Any) -> list[tuple[list[Any], str]]:
    """(place, type) of every entry of a 422."""
    assert answer.status_code == 422, answer.text
    return [(error["loc"], error["type"]) for error in answer.json()["detail"]]


@both
def test_every_kind_of_scalar_is_read_without_a_marker(interface: str) -> None:
    async def endpoint(
        a: str,
        b: int,
        c: float,
        d: bool,
        e: Decimal,
        f: UUID,
        g: date,
        h: Color,
        i: Literal["x", 1],
        j: int | None,
        k: int | str,
        m: UserId,
        n: Page = 3,
    ) -> list[str]:
        return [repr(value) for value in (a, b, c, d, e, f, g, h, i, j, k, m, n)]

    query = f"a=t&b=-1&c=1.5&d=on&e=1.10&f={UUID(int=1)}&g=2026-01-31&h=red&i=1&j=4&k=z&m=7"
    assert client_of(endpoint, interface).get(f"/?{query}").json() == [
        "'t'",
        "-1",
        "1.5",
        "True",
        "Decimal('1.10')",
        "UUID('00000000-0000-0000-0000-000000000001')",
        "datetime.date(2026, 1, 31)",
        "<Color.RED: 'red'>",
        "1",
        "4",
        "'z'",
        "7",
        "3",
    ]


@both
def test_bounds_may_stand_inside_of_an_optional(interface: str) -> None:
    @dataclass
    class Filter:
        size: Annotated[int, annotated_types.Le(9)] | None = None

    async def endpoint(
        spread: Annotated[Filter, Query()], page: Annotated[int, annotated_types.Ge(1)] | None = None
    ) -> Any:
        return [page, spread.size]

    client = client_of(endpoint, interface)
    assert client.get("/?page=1&size=9").json() == [1, 9]
    assert client.get("/").json() == [None, None]
    assert refused(client.get("/?page=0&size=10")) == [
        (["query", "size"], "less_than_equal"),
        (["query", "page"], "greater_than_equal"),
    ]


@both
@pytest.mark.case(21)
def test_a_scalar_that_is_repeated_is_its_last_value_and_a_list_has_them_all(interface: str) -> None:
    async def endpoint(page: int, tags: list[str] = [], ids: set[int] | None = None) -> list[Any]:  # noqa: B006
        return [page, tags, sorted(ids) if ids is not None else None]

    client = client_of(endpoint, interface)
    assert client.get("/?page=1&page=2&tags=a&tags=b&ids=3&ids=3&ids=1").json() == [2, ["a", "b"], [1, 3]]
    assert client.get("/?page=1").json() == [1, [], None]


@both
@pytest.mark.case(21)
def test_a_name_in_several_places_is_read_from_the_place_that_is_documented(interface: str) -> None:
    async def endpoint(
        q: Annotated[str, Path(alias="id")],
        w: Annotated[str, Query(alias="id")],
        e: Annotated[str, Header(alias="id")],
        r: Annotated[str, Cookie(alias="id")],
    ) -> list[str]:
        return [q, w, e, r]

    client = client_of(endpoint, interface, "/{id}")
    assert client.get("/path?id=query", headers={"id": "header", "cookie": "id=cookie"}).json() == [
        "path",
        "query",
        "header",
        "cookie",
    ]


@both
@pytest.mark.parametrize(
    ("marker", "query", "value"),
    [
        (Query(), "v=1&v=2", [1, 2]),
        (Query(explode=False), "v=1,2", [1, 2]),
        (Query(explode=False), "v=", []),
        (Query(style="pipeDelimited"), "v=1%7C2", [1, 2]),
        (Query(style="spaceDelimited"), "v=1%202&v=3", [1, 2, 3]),
    ],
)
def test_a_list_in_the_query_has_the_style_that_its_marker_says(
    marker: Any, query: str, value: list[int], interface: str
) -> None:
    async def endpoint(v: Any) -> Any:
        return v

    endpoint.__annotations__["v"] = Annotated[list[int], marker]
    assert client_of(endpoint, interface).get(f"/?{query}").json() == value


@both
def test_a_list_header_takes_every_line_and_every_item_between_commas(interface: str) -> None:
    async def endpoint(x_tag: Annotated[list[str], Header()]) -> list[str]:
        return x_tag

    answer = client_of(endpoint, interface).get("/", headers=[("x-tag", "a, b"), ("x-tag", "c,,")])
    assert answer.json() == ["a", "b", "c"]


@both
@pytest.mark.parametrize(
    ("extra", "text", "kind"),
    [
        (annotated_types.Ge(2), "1", "greater_than_equal"),
        (annotated_types.Interval(gt=0, lt=10), "10", "less_than"),
        (annotated_types.MultipleOf(2), "3", "multiple_of"),
        (annotated_types.Predicate(lambda n: n != 5), "5", "predicate_failed"),
        (msgspec.Meta(le=3), "4", "less_than_equal"),
        (pydantic.Field(gt=3), "3", "greater_than"),
    ],
)
def test_bounds_of_other_libraries_count(extra: Any, text: str, kind: str, interface: str) -> None:
    async def endpoint(n: Any) -> Any:
        return n

    endpoint.__annotations__["n"] = Annotated[int, extra]
    client = client_of(endpoint, interface)
    assert client.get("/?n=2").status_code == (422 if kind == "greater_than" else 200)
    assert refused(client.get(f"/?n={text}")) == [(["query", "n"], kind)]


@dataclass
class Plain:
    """A dataclass."""

    page: Annotated[int, annotated_types.Ge(1)] = 1
    tags: list[str] = field(default_factory=list)
    color: Color | None = None
    name: str = "none"


class Struct(msgspec.Struct):
    """A Struct."""

    page: Annotated[int, msgspec.Meta(ge=1)] = 1
    tags: list[str] = []
    color: Color | None = None
    name: str = "none"


class Model(pydantic.BaseModel):
    """A pydantic model."""

    page: int = pydantic.Field(1, ge=1)
    tags: list[str] = []
    color: Color | None = None
    name: str = "none"


SPREAD = [Plain, Struct, Model]


@both
@pytest.mark.parametrize("model", SPREAD)
@pytest.mark.parametrize("source", ["query", "header", "form"])
def test_a_model_is_spread_over_a_source(model: Any, source: str, interface: Any) -> None:
    marker = {"query": Query(), "header": Header(), "form": Form()}[source]

    async def endpoint(filters: Any) -> Any:
        return [type(filters).__name__, filters.page, filters.tags, filters.color, filters.name]

    endpoint.__annotations__["filters"] = Annotated[model, marker]
    client = client_of(endpoint, interface, method="POST")

    def send(fields: Any) -> Any:
        if source == "query":
            return client.post("/", params=fields)
        if source == "header":
            return client.post("/", headers=fields)
        return client.post("/", content="&".join("=".join(pair) for pair in fields), headers=FORM)

    sent = [("page", "2"), ("tags", "a"), ("tags", "b"), ("color", "red")]
    assert send(sent).json() == [model.__name__, 2, ["a", "b"], "red", "none"]
    assert send([]).json() == [model.__name__, 1, [], None, "none"]
    assert refused(send([("page", "x"), ("color", "green")])) == [
        ([source, "page"], "int_parsing"),
        ([source, "color"], "enum_parsing"),
    ]
    assert refused(send([("page", "0")])) == [([source, "page"], "greater_than_equal")]


FORM = {"content-type": "application/x-www-form-urlencoded"}


class Needed(TypedDict, total=False):
    """A TypedDict with a key that must be there."""

    page: Required[int]
    size: int


@both
def test_a_typed_dict_is_spread_over_cookies(interface: str) -> None:
    async def endpoint(seen: Annotated[Needed, Cookie()]) -> Any:
        return dict(seen)

    client = client_of(endpoint, interface)
    assert client.get("/", headers={"cookie": "page=3"}).json() == {"page": 3}
    assert refused(client.get("/", headers={"cookie": "size=3"})) == [(["cookie", "page"], "missing")]


@both
@pytest.mark.parametrize("model", SPREAD)
def test_a_deep_object_has_its_fields_in_brackets(model: Any, interface: Any) -> None:
    async def endpoint(filter: Any, other: int = 0) -> Any:
        return [filter.page, filter.tags, filter.name, other]

    endpoint.__annotations__["filter"] = Annotated[model, Query(style="deepObject")]
    client = client_of(endpoint, interface)
    query = "filter[page]=2&filter[tags]=a&filter%5Btags%5D=b&name=outside&other=3"
    assert client.get(f"/?{query}").json() == [2, ["a", "b"], "none", 3]
    assert refused(client.get("/?filter[page]=0")) == [(["query", "filter[page]"], "greater_than_equal")]


@both
def test_a_model_that_may_be_missing_is_its_default_when_none_of_its_fields_is_sent(interface: str) -> None:
    async def endpoint(filters: Annotated[Plain | None, Query()] = None) -> Any:
        return None if filters is None else filters.page

    client = client_of(endpoint, interface, response_model=None)
    assert client.get("/").status_code == 204
    assert client.get("/?name=a").json() == 1


class Aliased(pydantic.BaseModel):
    """A model whose fields have other names on the wire."""

    api_key: str = pydantic.Field(alias="X-Key")
    x_page: int = 1

    @pydantic.field_validator("x_page")
    @classmethod
    def is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError("must be even")
        return value


@both
def test_an_error_of_a_spread_model_has_the_names_of_the_wire(interface: str) -> None:
    async def endpoint(found: Annotated[Aliased, Header()]) -> Any:
        return [found.api_key, found.x_page]

    client = client_of(endpoint, interface)
    assert client.get("/", headers={"x-key": "k", "x-page": "2"}).json() == ["k", 2]
    answer = client.get("/", headers={"x-key": "k", "x-page": "3"})
    assert answer.json()["detail"] == [
        {"loc": ["header", "x-page"], "msg": "Invalid header 'x-page': must be even", "type": "value_error"}
    ]
    assert refused(client.get("/")) == [(["header", "x-key"], "missing")]


class Closed(pydantic.BaseModel, extra="forbid"):
    """A model that takes nothing else."""

    page: int = 1


class ClosedStruct(msgspec.Struct, forbid_unknown_fields=True):
    """The same."""

    page: int = 1


@both
@pytest.mark.parametrize(
    "annotation",
    [Annotated[Plain, Query(extra="forbid")], Annotated[Closed, Query()], Annotated[ClosedStruct, Query()]],
)
def test_unknown_query_parameters_are_refused_on_demand(annotation: Any, interface: Any) -> None:
    async def needed(token: str = "") -> str:
        return token

    async def endpoint(filters: Any, other: int = 0, token: str = Depends(needed)) -> Any:
        return filters.page

    endpoint.__annotations__["filters"] = annotation
    client = client_of(endpoint, interface)
    assert client.get("/?page=2&other=1&token=t").json() == 2
    assert refused(client.get("/?pge=2&other=x&a=1&a=2")) == [
        (["query", "other"], "int_parsing"),
        (["query", "pge"], "extra_forbidden"),
        (["query", "a"], "extra_forbidden"),
    ]


@both
@pytest.mark.case(19)
def test_a_thousand_fields_are_read_and_more_are_refused_at_once(interface: str) -> None:
    async def endpoint(a: list[int]) -> int:
        return len(a)

    client = client_of(endpoint, interface)
    assert client.get("/?" + "&".join(["a=1"] * 1000)).json() == 1000
    assert client.get("/?" + "&".join(["a=1"] * 1001)).status_code == 400


@both
def test_several_body_parameters_are_keys_of_one_object(interface: str) -> None:
    async def endpoint(
        item: Struct, plain: Plain, count: Annotated[int, Body(ge=1)], raw: dict[str, Any] | None = None
    ) -> Any:
        return [item.page, plain.page, count, raw]

    client = client_of(endpoint, interface, method="POST")
    good = {"item": {"page": 2}, "plain": {}, "count": 3, "raw": {"a": 1}}
    assert client.post("/", json=good).json() == [2, 1, 3, {"a": 1}]
    assert refused(client.post("/", json={"item": {"page": "x"}, "raw": 3})) == [
        (["body", "item", "page"], "type_error"),
        (["body", "plain"], "missing"),
        (["body", "count"], "missing"),
        (["body", "raw"], "type_error"),
    ]
    assert refused(client.post("/", json=[]))[0] == (["body"], "type_error")
    assert refused(client.post("/", json={**good, "count": 0})) == [(["body", "count"], "greater_than_equal")]
    assert client.post("/", content="{", headers={"content-type": "application/json"}).status_code == 400


@both
def test_an_embedded_body_is_one_key(interface: str) -> None:
    async def endpoint(item: Annotated[Struct, Body(embed=True)]) -> Any:
        return item.page

    client = client_of(endpoint, interface, method="POST")
    assert client.post("/", json={"item": {"page": 4}}).json() == 4
    assert refused(client.post("/", json={"page": 4})) == [(["body", "item"], "missing")]


@both
def test_two_functions_that_ask_for_one_body_read_it_once_each(interface: str) -> None:
    async def needed(item: Struct) -> int:
        return item.page

    async def endpoint(
        item: Struct,
        page: Annotated[int, Depends(needed)],
        again: Annotated[int, Depends(needed, use_cache=False)],
    ) -> Any:
        return [item.page, page, again]

    assert client_of(endpoint, interface, method="POST").post("/", json={"page": 4}).json() == [4, 4, 4]


@both
@pytest.mark.parametrize("alone", [True, False])
def test_a_hook_may_ask_for_the_body_alone_or_for_the_one_that_the_endpoint_takes(
    interface: str, alone: bool
) -> None:
    seen: list[int] = []

    class Hook:
        def before(self, item: Struct) -> None:
            seen.append(item.page)

    async def without(request: Request) -> Any:
        return await request.json()

    async def taking(item: Struct) -> Any:
        return {"page": item.page}

    client = client_of(without if alone else taking, interface, method="POST", middleware=[Hook()])
    assert client.post("/", json={"page": 4}).json() == {"page": 4}
    assert refused(client.post("/", json={"page": 0})) == [(["body", "page"], "greater_than_equal")]
    assert seen == [4]


@both
@pytest.mark.parametrize(
    ("annotation", "good", "bad", "found"),
    [
        (Annotated[list[int], Body(min_length=1)], [1], [], (["body"], "too_short")),
        (Annotated[int, Body(ge=1)], 1, 0, (["body"], "greater_than_equal")),
        (dict[str, int], {"a": 1}, {"a": "x"}, (["body", "a"], "type_error")),
        (Annotated[list[Color], Body()], ["red"], ["green"], (["body", 0], "enum_parsing")),
        (list[Plain], [{"page": 3}], [{"page": 0}], (["body", 0, "page"], "greater_than_equal")),
    ],
    ids=str,
)
def test_bodies_of_python_s_own_types_are_validated(
    annotation: Any, good: Any, bad: Any, found: Any, interface: Any
) -> None:
    async def endpoint(value: Any) -> Any:
        return "fits"

    endpoint.__annotations__["value"] = annotation
    client = client_of(endpoint, interface, method="POST")
    assert client.post("/", json=good).text == "fits"
    assert refused(client.post("/", json=bad)) == [found]


@both
def test_depends_without_a_function_calls_the_annotation(interface: str) -> None:
    class Paging:
        def __init__(self, page: int = 1) -> None:
            self.page = page

    async def endpoint(paging: Annotated[Paging, Depends()]) -> int:
        return paging.page

    assert client_of(endpoint, interface).get("/?page=5").json() == 5
