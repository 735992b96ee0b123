"""The contract's paragraph on binding, a test a clause. Knows endpoints and answers; does not know plans or sources of text."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, make_dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, Literal, NewType, Optional, TypedDict, TypeVar, Union
from uuid import UUID

import annotated_types
import attrs
import msgspec
import pydantic
import pytest
from typing_extensions import TypeAliasType

from velocipy import (
    APIRouter,
    Body,
    Cookie,
    Depends,
    File,
    Form,
    Header,
    Path,
    Query,
    Request,
    Response,
    State,
    UploadFile,
    VelociPy,
    WebSocket,
)
from velocipy.annotations import type_name
from velocipy.exceptions import BindingError
from velocipy.models import ModelBackend
from velocipy.testing import TestClient
from velocipy.validation import invalid

T = TypeVar("T")


@pytest.fixture(params=["asgi", "rsgi"])
def interface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def serve(interface: str, endpoint: Callable[..., Any], path: str = "/", *methods: str) -> TestClient:
    """A client of an app with this one endpoint."""
    app = VelociPy()
    app.add_route(path, endpoint, methods or ("GET", "POST"))
    return TestClient(app, interface=interface)


def annotated(annotation: Any, result: Callable[[Any], Any] = lambda value: value) -> Callable[..., Any]:
    """An endpoint `x: annotation` that answers with `result(x)`."""

    async def endpoint(x: Any) -> Any:
        return result(x)

    endpoint.__annotations__ = {"x": annotation}
    return endpoint


# -- where a value comes from ------------------------------------------------------------------------------------------


def test_by_name_in_the_path(interface: str) -> None:
    async def endpoint(page: int) -> int:
        return page

    assert serve(interface, endpoint, "/{page}").get("/7?page=8", headers={"page": "9"}).json() == 7


@pytest.mark.parametrize(
    ("marker", "request_"),
    [
        (Query, {"url": "/?q=5"}),
        (Header, {"url": "/", "headers": {"q": "5"}}),
        (Cookie, {"url": "/", "headers": {"cookie": "q=5"}}),
        (Form, {"url": "/", "data": {"q": "5"}}),
        (Body, {"url": "/", "json": 5}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
@pytest.mark.parametrize("way", ["in Annotated", "as the default"])
def test_else_by_marker(interface: str, marker: Any, request_: dict[str, Any], way: str) -> None:
    async def endpoint(q: Any) -> Any:
        return q

    if way == "in Annotated":
        endpoint.__annotations__["q"] = Annotated[int, marker(ge=1)]
    else:
        endpoint.__annotations__["q"] = int
        endpoint.__defaults__ = (marker(ge=1),)
    answer = serve(interface, endpoint).request("POST", **request_)
    assert (answer.status_code, answer.json()) == (200, 5)


def test_else_by_the_marker_of_the_path(interface: str) -> None:
    async def endpoint(number: Annotated[int, Path(alias="id", ge=1)]) -> int:
        return number

    client = serve(interface, endpoint, "/{id}")
    assert client.get("/3").json() == 3
    assert client.get("/0").status_code == 422


def test_else_by_the_marker_of_a_file(interface: str) -> None:
    async def endpoint(photo: Annotated[UploadFile, File(alias="picture")]) -> str:
        return (await photo.read()).decode()

    assert serve(interface, endpoint).post("/", files={"picture": ("p.txt", b"abc")}).text == "abc"


def test_a_default_may_stand_in_the_marker_or_in_python(interface: str) -> None:
    async def endpoint(
        a: Annotated[int, Query(1)],
        b: Annotated[int, Query()] = 2,
        c: int = Query(3),
        d: int = 4,
        e: int = Query(default=5),
    ) -> list[int]:
        return [a, b, c, d, e]

    assert serve(interface, endpoint).get("/").json() == [1, 2, 3, 4, 5]


def test_else_by_type_request_response_and_state(interface: str) -> None:
    app = VelociPy()
    app.state.pool = "pool"

    @app.get("/{rest*}")
    async def endpoint(asked: Request, answer: Response, held: State) -> list[Any]:
        answer.headers["x-seen"] = "1"
        return [asked.path, dict(asked.app.state)["pool"], isinstance(held, State)]

    answer = TestClient(app, interface=interface).get("/a/b")
    assert (answer.json(), answer.headers["x-seen"]) == (["/a/b", "pool", True], "1")


def test_else_by_type_a_websocket(interface: str) -> None:
    app = VelociPy()

    @app.websocket("/{room}")
    async def endpoint(socket: WebSocket, room: str, size: int = 1) -> None:
        await socket.accept()
        await socket.send_json([room, size])

    client = TestClient(app, interface=interface)
    with client.websocket_connect("/tea?size=3") as socket:
        assert socket.receive_json() == ["tea", 3]


@pytest.mark.parametrize("annotation", [UploadFile, UploadFile | None, list[UploadFile]])
def test_else_by_type_an_upload_file(interface: str, annotation: Any) -> None:
    endpoint = annotated(
        annotation, lambda x: [file.filename for file in (x if isinstance(x, list) else [x])]
    )
    assert serve(interface, endpoint).post("/", files={"x": ("p.txt", b"abc")}).json() == ["p.txt"]


class StructItem(msgspec.Struct):
    name: str
    price: float = 1.0


class PydanticItem(pydantic.BaseModel):
    name: str
    price: float = 1.0


@dataclass
class DataItem:
    name: str
    price: float = 1.0


class DictItem(TypedDict, total=False):
    name: str
    price: float


@attrs.define
class AttrsItem:
    name: str
    price: float = 1.0


class AttrsBackend(ModelBackend):
    """The least that a backend for attrs must do."""

    name = "attrs"

    def matches(self, annotation: Any) -> bool:
        return isinstance(annotation, type) and attrs.has(annotation)

    def validator(self, annotation: Any) -> Any:
        def validate(value: Any, errors: list[Any], place: Any) -> Any:
            try:
                return value if isinstance(value, annotation) else annotation(**value)
            except TypeError:
                errors.append(invalid(place, "does not fit", "attrs"))

        return validate

    def plain(self, annotation: Any, how: Any) -> Any:
        return attrs.asdict


MODELS = [StructItem, PydanticItem, DataItem, DictItem]


@pytest.mark.parametrize("model", [*MODELS, StructItem | None, list[DataItem]])
def test_else_by_type_a_model_is_the_json_body(interface: str, model: Any) -> None:
    sent: Any = {"name": "mug", "price": 9.5}
    sent = [sent] if model == list[DataItem] else sent
    assert serve(interface, annotated(model)).post("/?name=tea", json=sent).json() == sent


def test_attrs_classes_are_models_by_a_custom_backend(interface: str) -> None:
    app = VelociPy()
    app.register_model_backend(AttrsBackend)
    app.post("/")(annotated(AttrsItem))
    client = TestClient(app, interface=interface)
    assert client.post("/", json={"name": "mug"}).json() == {"name": "mug", "price": 1.0}
    assert client.post("/", json={"nom": "mug"}).status_code == 422


@pytest.mark.parametrize("annotation", [dict, list, dict[str, Any], list[Any]])
def test_dict_and_list_are_raw_json(interface: str, annotation: Any) -> None:
    sent: Any = (
        {"a": [1, None, {"b": "ü"}]} if annotation in (dict, dict[str, Any]) else [1, "2", {"b": None}]
    )
    assert serve(interface, annotated(annotation)).post("/", json=sent).json() == sent


@pytest.mark.parametrize("kind", [list, set, tuple, frozenset])
def test_scalars_and_lists_of_scalars_are_query(interface: str, kind: Any) -> None:
    shape = tuple[int, ...] if kind is tuple else kind[int]

    async def endpoint(one: int, many: Any) -> Any:
        return [one, type(many).__name__, sorted(many)]

    endpoint.__annotations__["many"] = shape
    answer = serve(interface, endpoint).get("/?one=1&many=3&many=2")
    assert answer.json() == [1, kind.__name__, [2, 3]]


# -- types -------------------------------------------------------------------------------------------------------------


class Color(Enum):
    RED = "red"


class Level(Enum):
    HIGH = 3


UTC_NOON = datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
ID = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")

TYPES = [
    (str, "mug", "mug", None),
    (int, "-42", -42, "1.0"),
    (float, "-1.5", -1.5, "nan"),
    (bool, "yes", True, "2"),
    (Decimal, "0.10", Decimal("0.10"), "NaN"),
    (UUID, str(ID), ID, f"urn:uuid:{ID}"),
    (datetime, "2026-01-31T12:30:00Z", UTC_NOON, "1769862600"),
    (date, "2026-01-31", date(2026, 1, 31), "2026-1-31"),
    (time, "12:30:00", time(12, 30), "24:00:00"),
    (timedelta, "P1DT2H30M", timedelta(days=1, hours=2, minutes=30), "P1Y"),
    (Color, "red", Color.RED, "RED"),
    (Level, "3", Level.HIGH, "HIGH"),
    (Literal["a", 2], "2", 2, "3"),
    (Optional[int], "3", 3, "x"),  # noqa: UP045  # the old spelling is what this row is about
    (int | None, "3", 3, "x"),
    (Union[int, date], "2026-01-31", date(2026, 1, 31), "x"),  # noqa: UP007  # as above
    (int | str, "3", 3, None),
    (int | str, "x", "x", None),
]

of_every_type = pytest.mark.parametrize(
    ("annotation", "text", "value", "wrong"), TYPES, ids=[f"{type_name(row[0])} {row[1]}" for row in TYPES]
)


@of_every_type
def test_every_type_is_read_from_path_query_header_cookie_and_form(
    interface: str, annotation: Any, text: str, value: Any, wrong: str | None
) -> None:
    seen = []

    async def endpoint(a: Any, b: Any, c: Any, d: Any, e: Any) -> None:
        seen.append([a, b, c, d, e])

    markers: Any = (Path, Query, Header, Cookie, Form)
    for name, marker in zip("abcde", markers, strict=True):
        endpoint.__annotations__[name] = Annotated[annotation, marker()]
    client = serve(interface, endpoint, "/{a}", "POST")

    def send(text: str) -> int:
        client.cookies.clear()
        headers = {"c": text, "cookie": f"d={text}"}
        return client.post(f"/{text}", params={"b": text}, headers=headers, data={"e": text}).status_code

    assert send(text) == 204
    assert seen == [[value] * 5]
    assert [type(item) for item in seen[0]] == [type(value)] * 5
    assert wrong is None or send(wrong) == 422


@pytest.mark.parametrize(
    ("annotation", "value"),
    [
        (list[int], [2, 1, 2]),
        (set[int], {1, 2}),
        (tuple[int, ...], (2, 1, 2)),
        (tuple[int, str, int], (2, "1", 2)),
        (list[Color | int], [2, 1, 2]),
        (list, ["2", "1", "2"]),
    ],
    ids=str,
)
def test_list_set_and_tuple_are_read_from_query_header_and_form(
    interface: str, annotation: Any, value: Any
) -> None:
    seen: list[Any] = []

    async def endpoint(a: Any, b: Any, c: Any) -> None:
        seen.extend([a, b, c])

    markers: Any = (Query, Header, Form)
    for name, marker in zip("abc", markers, strict=True):
        endpoint.__annotations__[name] = Annotated[annotation, marker()]
    client = serve(interface, endpoint, "/", "POST")
    answer = client.post("/?a=2&a=1&a=2", headers={"b": "2, 1, 2"}, data={"c": ["2", "1", "2"]})
    assert (answer.status_code, seen) == (204, [value] * 3), answer.text


def model_of(backend: str, annotation: Any) -> Any:
    """A model of one library with one field, `x: annotation`."""
    if backend == "msgspec":
        return msgspec.defstruct("Model", [("x", annotation)])
    if backend == "pydantic":
        return pydantic.create_model("Model", x=(annotation, ...))
    return make_dataclass("Model", [("x", annotation)])


backends = pytest.mark.parametrize("backend", ["msgspec", "pydantic", "dataclass"])


@backends
@of_every_type
def test_every_type_is_a_field_of_a_body(
    interface: str, backend: str, annotation: Any, text: str, value: Any, wrong: str | None
) -> None:
    """As JSON has it: numbers, booleans and null are themselves, everything else is text."""
    sent = value if isinstance(value, (int, float)) else 3 if value is Level.HIGH else text
    seen: list[Any] = []
    client = serve(interface, annotated(model_of(backend, annotation), lambda model: seen.append(model.x)))
    answer = client.post("/", json={"x": sent})
    assert (answer.status_code, seen) == (204, [value]), answer.text
    assert client.post("/", json={"x": {}}).json()["detail"][0]["loc"] == ["body", "x"]


# -- constraints -------------------------------------------------------------------------------------------------------

BOUNDS = [
    (int, {"gt": 1}, annotated_types.Gt(1), "2", "1"),
    (int, {"ge": 1}, annotated_types.Ge(1), "1", "0"),
    (int, {"lt": 1}, annotated_types.Lt(1), "0", "1"),
    (int, {"le": 1}, annotated_types.Le(1), "1", "2"),
    (int, {"multiple_of": 3}, annotated_types.MultipleOf(3), "6", "7"),
    (str, {"min_length": 2}, annotated_types.MinLen(2), "ab", "a"),
    (str, {"max_length": 2}, annotated_types.MaxLen(2), "ab", "abc"),
    (str, {"pattern": "[0-9]"}, None, "1", "12"),
]


@pytest.mark.parametrize(
    ("annotation", "bound", "fits", "too_much"),
    [(row[0], row[1], row[3], row[4]) for row in BOUNDS]
    + [(row[0], row[2], row[3], row[4]) for row in BOUNDS if row[2] is not None],
    ids=str,
)
@pytest.mark.parametrize("marker", [Query, Header, Body])
def test_every_constraint_is_held_annotated_types_included(
    interface: str, annotation: Any, bound: Any, fits: str, too_much: str, marker: Any
) -> None:
    hint = (
        Annotated[annotation, marker(**bound)]
        if isinstance(bound, dict)
        else Annotated[annotation, bound, marker()]
    )
    client = serve(interface, annotated(hint))

    def send(text: str) -> int:
        if marker is Body:
            return client.post("/", json=annotation(text)).status_code
        return client.get("/", params={"x": text}, headers={"x": text}).status_code

    assert (send(fits), send(too_much)) == (200, 422)


@pytest.mark.parametrize("backend", ["dataclass", "pydantic"])
@pytest.mark.parametrize("marker", [Body, Query])
def test_annotated_types_are_held_in_the_fields_of_models(interface: str, backend: str, marker: Any) -> None:
    model = model_of(backend, Annotated[int, annotated_types.Ge(1)])
    client = serve(interface, annotated(Annotated[model, marker()]))
    send = (
        (lambda size: client.post("/", json={"x": size}))
        if marker is Body
        else lambda size: client.get(f"/?x={size}")
    )
    assert [send(size).status_code for size in (1, 0)] == [200, 422]


@pytest.mark.parametrize("marker", [Body, Query])
def test_annotated_types_in_a_struct_are_refused_since_msgspec_does_not_hold_them(
    interface: str, marker: Any
) -> None:
    model = model_of("msgspec", Annotated[int, annotated_types.Ge(1)])
    with pytest.raises(BindingError, match=r"write Annotated\[\.\.\., msgspec\.Meta\(ge=1\)\]"):
        serve(interface, annotated(Annotated[model, marker()])).get("/")


@pytest.mark.parametrize("bound", [annotated_types.MinLen(1), msgspec.Meta(min_length=1)])
def test_bounds_around_a_list_of_structs_are_held(interface: str, bound: Any) -> None:
    model = model_of("msgspec", int)
    client = serve(interface, annotated(Annotated[list[model], bound, Body()]))  # type: ignore[valid-type]
    assert [client.post("/", json=items).status_code for items in ([{"x": 1}], [])] == [200, 422]


# -- models that are spread --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("marker", "request_"),
    [
        (Query, {"method": "GET", "params": {"name": "mug", "price": "2.5"}}),
        (Header, {"method": "GET", "headers": {"name": "mug", "price": "2.5"}}),
        (Cookie, {"method": "GET", "headers": {"cookie": "name=mug; price=2.5"}}),
        (Form, {"method": "POST", "data": {"name": "mug", "price": "2.5"}}),
    ],
    ids=["query", "header", "cookie", "form"],
)
def test_models_may_spread_over_query_headers_cookies_or_form(
    interface: str, model: Any, marker: Any, request_: dict[str, Any]
) -> None:
    client = serve(interface, annotated(Annotated[model, marker()]))
    assert client.request(url="/", **request_).json() == {"name": "mug", "price": 2.5}


@pytest.mark.parametrize("marker", [Query, Header, Cookie, Form])
def test_several_models_may_spread_over_one_source(interface: str, marker: Any) -> None:
    @dataclass
    class Page:
        page: int = 1

    async def endpoint(item: Any, page: Any) -> list[Any]:
        return [item.name, page.page]

    endpoint.__annotations__ |= {"item": Annotated[DataItem, marker()], "page": Annotated[Page, marker()]}
    answer = serve(interface, endpoint).post(
        "/?name=mug&page=3",
        headers={"name": "mug", "page": "3", "cookie": "name=mug; page=3"},
        data={"name": "mug", "page": "3"},
    )
    assert answer.json() == ["mug", 3]


# -- how endpoints and dependencies may be written ---------------------------------------------------------------------

FUTURE = """
from __future__ import annotations
from dataclasses import dataclass
from typing import Annotated
from velocipy import Depends, Query

def declare(app):
    @dataclass
    class Local:
        name: str

    Size = Annotated[int, Query(le=9)]

    async def double(size: Size = 2) -> int:
        return size * 2

    @app.post("/")
    async def endpoint(item: Local, doubled: Annotated[int, Depends(double)]) -> Local:
        return Local(item.name * doubled)
"""


def test_from_future_import_annotations_works(interface: str) -> None:
    """Names that are local to the declaring function included."""
    names: dict[str, Any] = {"__name__": __name__}
    exec(FUTURE, names)
    app = VelociPy()
    names["declare"](app)
    client = TestClient(app, interface=interface)
    assert client.post("/?size=1", json={"name": "a"}).json() == {"name": "aa"}
    assert client.post("/?size=10", json={"name": "a"}).json()["detail"][0]["loc"] == ["query", "size"]


Size = Annotated[int, Query(ge=1)]
SmallSize = Annotated[Size, annotated_types.Le(9)]
LazySize = TypeAliasType("LazySize", Annotated[int, Query(ge=1, le=9)])


async def double(size: Size) -> int:
    return size * 2


Doubled = Annotated[int, Depends(double)]


@pytest.mark.parametrize(
    "alias",
    [SmallSize, SmallSize | None, LazySize, Annotated[Size | None, annotated_types.Le(9)]],
    ids=["nested", "optional", "lazy", "optional inside"],
)
def test_annotated_aliases_work(interface: str, alias: Any) -> None:
    client = serve(interface, annotated(alias))
    assert [client.get(f"/?x={size}").status_code for size in (0, 1, 9, 10)] == [422, 200, 200, 422]


def test_an_annotated_alias_may_be_made_optional(interface: str) -> None:
    client = serve(interface, annotated(Size | None))
    assert [client.get(f"/?x={size}").status_code for size in (0, 1)] == [422, 200]


def test_annotated_aliases_of_dependencies_work(interface: str) -> None:
    async def endpoint(doubled: Doubled) -> int:
        return doubled

    assert serve(interface, endpoint).get("/?size=4").json() == 8


UserId = NewType("UserId", int)


def test_new_types_are_what_they_are_made_of(interface: str) -> None:
    client = serve(interface, annotated(UserId))
    assert (client.get("/?x=3").json(), client.get("/?x=y").status_code) == (3, 422)


@dataclass
class DataPage(Generic[T]):
    items: list[T]
    total: int = 0


class StructPage(msgspec.Struct, Generic[T]):
    items: list[T]
    total: int = 0


class PydanticPage(pydantic.BaseModel, Generic[T]):
    items: list[T]
    total: int = 0


@pytest.mark.parametrize("page", [DataPage, StructPage, PydanticPage])
def test_generic_models_are_bodies(interface: str, page: Any) -> None:
    client = serve(interface, annotated(page[DataItem]))
    sent = {"items": [{"name": "mug", "price": 2.5}], "total": 1}
    assert client.post("/", json=sent).json() == sent
    wrong = client.post("/", json={"items": [{"name": 3}]})
    assert [error["loc"] for error in wrong.json()["detail"]] == [["body", "items", 0, "name"]]


def test_generic_models_may_spread(interface: str) -> None:
    client = serve(interface, annotated(Annotated[DataPage[int], Query()]))
    assert client.get("/?items=1&items=2&total=3").json() == {"items": [1, 2], "total": 3}


class Repository(Generic[T]):
    """A generic class whose instances are made by a dependency."""

    def __init__(self, page: int = 1) -> None:
        self.page = page


@pytest.mark.parametrize(
    "annotation",
    [
        Annotated[Any, Depends(Repository[DataItem])],
        Annotated[Repository[DataItem], Depends()],
        Annotated[Repository[DataItem], Depends(Repository)],
    ],
    ids=["called", "annotated", "bare"],
)
def test_generic_classes_are_dependencies(interface: str, annotation: Any) -> None:
    client = serve(interface, annotated(annotation, lambda x: x.page))
    assert client.get("/?page=3").json() == 3


async def add(a: int, b: int) -> int:
    return a + b


def add_sync(a: int, b: int) -> int:
    return a + b


class Adder:
    """What is called in all the ways that a class has."""

    async def __call__(self, a: int, b: int) -> int:
        return a + b

    async def method(self, a: int, b: int) -> int:
        return a + b

    @classmethod
    async def class_method(cls, a: int, b: int) -> int:
        return a + b

    @staticmethod
    def static_method(a: int, b: int) -> int:
        return a + b


@dataclass
class Sum:
    """A class that is a model of what it makes."""

    a: int
    b: int = 0


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return wrapper


CALLABLES: dict[str, tuple[Callable[..., Any], Any]] = {
    "function": (add, 3),
    "sync function": (add_sync, 3),
    "partial": (functools.partial(add, 5), 7),
    "partial of a sync function": (functools.partial(add_sync, 5), 7),
    "partial of a callable object": (functools.partial(Adder(), 5), 7),
    "partial of a partial": (functools.partial(functools.partial(add, 5), 6), 11),
    "callable object": (Adder(), 3),
    "bound method": (Adder().method, 3),
    "class method": (Adder.class_method, 3),
    "static method": (Adder.static_method, 3),
    "decorated function": (decorated(add), 3),
    "class": (Sum, {"a": 1, "b": 2}),
}


@pytest.mark.parametrize("name", CALLABLES)
def test_every_kind_of_callable_works_as_an_endpoint(interface: str, name: str) -> None:
    endpoint, result = CALLABLES[name]
    assert serve(interface, endpoint).get("/?a=1&b=2").json() == result


@pytest.mark.parametrize("name", CALLABLES)
def test_every_kind_of_callable_works_as_a_dependency(interface: str, name: str) -> None:
    dependency, result = CALLABLES[name]
    client = serve(interface, annotated(Annotated[Any, Depends(dependency)]))
    assert client.get("/?a=1&b=2").json() == result


@pytest.mark.parametrize("name", [name for name in CALLABLES if name != "partial of a partial"])
def test_every_kind_of_callable_is_told_its_errors(interface: str, name: str) -> None:
    client = serve(interface, CALLABLES[name][0])
    assert client.get("/?a=1&b=x").json()["detail"][0]["loc"] == ["query", "b"]


class Pool:
    """What no request can fill."""

    size = 3


async def sized(pool: Pool, times: int = 1) -> int:
    return pool.size * times


def test_a_partial_may_fill_what_no_request_can(interface: str) -> None:
    client = serve(interface, functools.partial(sized, pool=Pool()))
    assert client.get("/?times=2").json() == 6


def test_what_a_partial_has_filled_by_name_is_not_the_client_s_to_change(interface: str) -> None:
    """As what it has filled by position is not."""
    assert serve(interface, functools.partial(add, b=5)).get("/?a=1&b=100").json() == 6


# -- what cannot be bound ----------------------------------------------------------------------------------------------


class Unknown:
    """Nobody's model."""

    def __init__(self, page: int) -> None: ...


@pytest.mark.parametrize(
    "annotation",
    [
        Unknown,
        Unknown | None,
        list[Unknown],
        dict[str, Unknown],
        Annotated[Unknown, "note"],
        Annotated[Unknown, Query()],
        Annotated[DataItem, Path()],
        object,
        Any,
        bytes,
        complex,
        type,
        Callable[[int], int],
        Request | None,
        WebSocket,
        VelociPy,
        T,
        "NotDefined",
        "Annotated[NotDefined, Query()]",
    ],
    ids=str,
)
def test_what_cannot_be_bound_is_an_error_at_registration(annotation: Any) -> None:
    endpoint = annotated(annotation)
    with pytest.raises(BindingError) as refused:
        VelociPy().get("/")(endpoint)
    assert f"{__file__}:{annotated.__code__.co_firstlineno + 3}" in str(refused.value)


@pytest.mark.parametrize("name", ["x", "req", "item", "self"])
def test_what_has_no_annotation_is_never_a_silent_request(name: str) -> None:
    endpoint = eval(f"lambda {name}: None")
    with pytest.raises(BindingError, match=f"parameter '{name}'"):
        VelociPy().get("/")(endpoint)


def test_what_a_dependency_cannot_bind_is_an_error_at_registration() -> None:
    endpoint = annotated(Annotated[Any, Depends(annotated(Unknown))])
    with pytest.raises(BindingError, match="nothing fills Unknown"):
        VelociPy().get("/")(endpoint)


def test_what_a_router_s_route_cannot_bind_is_an_error_at_inclusion_at_the_latest() -> None:
    router = APIRouter()
    with pytest.raises(BindingError):
        router.get("/")(annotated(Unknown))
        VelociPy().include_router(router)


# -- several bodies ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_several_body_parameters_become_one_object_with_keys_by_name(interface: str, model: Any) -> None:
    async def endpoint(
        item: Any,
        raw: dict[str, Any],
        note: Annotated[str, Body()],
        rank: Annotated[int, Body(alias="r")] = 7,
    ) -> list[Any]:
        return [item, raw, note, rank]

    endpoint.__annotations__["item"] = model
    client = serve(interface, endpoint)
    item = {"name": "mug", "price": 2.5}
    assert client.post("/", json={"item": item, "raw": {"a": 1}, "note": "n"}).json() == [
        item,
        {"a": 1},
        "n",
        7,
    ]
    wrong = client.post("/", json={"item": {"name": 3}, "raw": [], "r": "x"}).json()["detail"]
    assert [error["loc"] for error in wrong] == [
        ["body", "item", "name"],
        ["body", "raw"],
        ["body", "note"],
        ["body", "r"],
    ]


def test_body_parameters_of_dependencies_are_keys_too(interface: str) -> None:
    async def needed(extra: DataItem) -> str:
        return extra.name

    async def endpoint(item: DataItem, extra: Annotated[str, Depends(needed)]) -> list[str]:
        return [item.name, extra]

    sent = {"item": {"name": "a"}, "extra": {"name": "b"}}
    assert serve(interface, endpoint).post("/", json=sent).json() == ["a", "b"]
