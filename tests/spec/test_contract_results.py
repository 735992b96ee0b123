"""The contract's paragraph on results, a test a clause. Knows what endpoints return and what arrives; knows no encoder."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, TypedDict, TypeVar
from uuid import UUID

import msgspec
import pydantic
import pytest

from velocipy import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
    VelociPy,
)
from velocipy.exceptions import BindingError
from velocipy.testing import AsyncTestClient, TestClient

BARE = b'{"detail":"Internal Server Error"}'
UNSAID: Any = object()
T = TypeVar("T")


@pytest.fixture(params=["asgi", "rsgi"])
def interface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["msgspec", "orjson", "stdlib"])
def encoder(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def serve(
    interface: str, result: Any, returns: Any = UNSAID, *, json_encoder: Any = None, **keywords: Any
) -> TestClient:
    """A client of an app whose one endpoint, annotated `-> returns`, gives `result`, or what it returns when called."""
    app = VelociPy(json_encoder=json_encoder)

    async def endpoint() -> Any:
        return result() if callable(result) else result

    endpoint.__annotations__ = {} if returns is UNSAID else {"return": returns}
    app.add_route("/", endpoint, ["GET", "POST"], **keywords)
    return TestClient(app, interface=interface, raise_server_exceptions=False)


def kind_of(value: object) -> str:
    return type(value).__name__


# -- what is sent ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "kind", "body"),
    [
        (lambda: Response(b"\x00", 202, {"x-a": "1"}, "image/png"), "image/png", b"\x00"),
        (lambda: Response("ü", 202, {"x-a": "1"}), None, "ü".encode()),
        (lambda: JSONResponse([1], 202, {"x-a": "1"}), "application/json", b"[1]"),
        (lambda: PlainTextResponse("a", 202, {"x-a": "1"}), "text/plain; charset=utf-8", b"a"),
        (lambda: HTMLResponse("<p>", 202, {"x-a": "1"}), "text/html; charset=utf-8", b"<p>"),
        (lambda: StreamingResponse(iter([b"a", b"b"]), 202, {"x-a": "1"}, "text/csv"), "text/csv", b"ab"),
    ],
)
@pytest.mark.parametrize("returns", [UNSAID, Response, dict[str, int]], ids=["unsaid", "Response", "model"])
def test_a_response_is_sent_as_is(
    interface: str, make: Callable[[], Response], kind: str | None, body: bytes, returns: Any
) -> None:
    answer = serve(interface, make, returns, status_code=201).get("/")
    assert (answer.status_code, answer.headers.get("content-type"), answer.content) == (202, kind, body)
    assert answer.headers["x-a"] == "1"


def test_a_response_class_of_one_s_own_is_sent_as_is(interface: str) -> None:
    class Teapot(Response):
        media_type = "text/teapot"

    answer = serve(interface, lambda: Teapot("short", 418)).get("/")
    assert (answer.status_code, answer.headers["content-type"], answer.text) == (418, "text/teapot", "short")


class StructItem(msgspec.Struct):
    name: str


class PydanticItem(pydantic.BaseModel):
    name: str


@dataclass
class DataItem:
    name: str


class DictItem(TypedDict):
    name: str


class Color(Enum):
    RED = "red"


@pytest.mark.parametrize(
    "item", [StructItem("mug"), PydanticItem(name="mug"), DataItem("mug"), DictItem(name="mug")]
)
@pytest.mark.parametrize("annotation", ["unsaid", "said"])
@pytest.mark.parametrize("shape", ["alone", "in a list", "in a dict"])
def test_a_model_becomes_json(interface: str, encoder: str, item: Any, annotation: str, shape: str) -> None:
    kind = DictItem if isinstance(item, dict) else type(item)
    result, returns, expected = {
        "alone": (item, kind, {"name": "mug"}),
        "in a list": ([item], list[kind], [{"name": "mug"}]),  # type: ignore[valid-type]
        "in a dict": ({"a": item}, dict[str, kind], {"a": {"name": "mug"}}),  # type: ignore[valid-type]
    }[shape]
    answer = serve(interface, result, returns if annotation == "said" else UNSAID, json_encoder=encoder).get(
        "/"
    )
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == expected


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({"a": [1, None, {"b": "ü"}]}, '{"a":[1,null,{"b":"ü"}]}'),
        ([1, "2"], '[1,"2"]'),
        ((1, 2), "[1,2]"),
        ({3}, "[3]"),
        ({}, "{}"),
        ([], "[]"),
        (7, "7"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (Decimal("0.10"), '"0.10"'),
        (UUID(int=5), '"00000000-0000-0000-0000-000000000005"'),
        (date(2026, 1, 31), '"2026-01-31"'),
        (datetime(2026, 1, 31, 12, 30, tzinfo=UTC), '"2026-01-31T12:30:00Z"'),
        (time(12, 30), '"12:30:00"'),
        (timedelta(hours=1), '"PT3600S"'),
        (Color.RED, '"red"'),
        ({"at": date(2026, 1, 31), "of": Color.RED}, '{"at":"2026-01-31","of":"red"}'),
    ],
    ids=str,
)
def test_a_dict_list_or_scalar_becomes_json(interface: str, encoder: str, result: Any, text: str) -> None:
    answer = serve(interface, result, json_encoder=encoder).get("/")
    assert (answer.headers["content-type"], answer.text) == ("application/json", text)


@pytest.mark.parametrize("returns", [UNSAID, str], ids=["unsaid", "str"])
def test_str_is_text_plain(interface: str, returns: Any) -> None:
    answer = serve(interface, "ü", returns).get("/")
    assert (answer.headers["content-type"], answer.content) == ("text/plain; charset=utf-8", "ü".encode())


@pytest.mark.parametrize(
    "result", [b"\x00\xff", bytearray(b"\x00\xff"), memoryview(b"\x00\xff")], ids=kind_of
)
def test_bytes_are_octet_stream(interface: str, result: Any) -> None:
    answer = serve(interface, result).get("/")
    assert (answer.headers["content-type"], answer.content) == ("application/octet-stream", b"\x00\xff")


@pytest.mark.parametrize("returns", [UNSAID, None], ids=["unsaid", "None"])
def test_none_is_204(interface: str, returns: Any) -> None:
    answer = serve(interface, None, returns).get("/")
    assert (answer.status_code, answer.content) == (204, b"")
    assert not {"content-type", "content-length"} & set(answer.headers)


@pytest.mark.parametrize("returns", [StructItem | None, DataItem | None, int | None], ids=str)
def test_none_where_a_model_could_be_is_null(interface: str, returns: Any) -> None:
    answer = serve(interface, None, returns).get("/")
    assert (answer.status_code, answer.text) == (200, "null")


@pytest.mark.parametrize("result", [{"a": 1}, [1], "text", b"octets", 7, StructItem("a")], ids=repr)
def test_the_status_of_a_route_is_that_of_its_results(interface: str, result: Any) -> None:
    assert serve(interface, result, status_code=201).post("/").status_code == 201


def numbers() -> Iterator[str]:
    yield from ("1", "2", "3")


def octets() -> Iterator[bytes]:
    yield from (b"1", b"2", b"3")


async def later() -> AsyncIterator[str]:
    for number in numbers():
        yield number


class Steps:
    """An async iterator that is no generator."""

    def __init__(self) -> None:
        self.left = numbers()

    def __aiter__(self) -> "Steps":
        return self

    async def __anext__(self) -> str:
        try:
            return next(self.left)
        except StopIteration:
            raise StopAsyncIteration from None


@pytest.mark.parametrize("make", [numbers, octets, later, Steps, lambda: map(str, (1, 2, 3))])
@pytest.mark.parametrize("returns", [UNSAID, AsyncIterator[str]], ids=["unsaid", "said"])
def test_an_iterator_streams(interface: str, make: Callable[[], Any], returns: Any) -> None:
    answer = serve(interface, make, returns).get("/")
    assert (answer.status_code, answer.text) == (200, "123")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "content-length" not in answer.headers


def test_a_stream_leaves_as_it_is_made(interface: str) -> None:
    """The client has the first piece before the second is made."""
    app = VelociPy()

    async def scenario() -> list[bytes | None]:
        arrived = asyncio.Event()

        @app.get("/")
        async def endpoint() -> AsyncIterator[str]:
            async def rows() -> AsyncIterator[str]:
                yield "first"
                await arrived.wait()
                yield "second"

            return rows()

        async with AsyncTestClient(app, interface=interface) as client:
            async with client.exchange("GET", "/") as exchange:
                first = await asyncio.wait_for(exchange.chunk(), 5)
                arrived.set()
                return [first, await exchange.chunk(), await exchange.chunk()]

    assert asyncio.run(scenario()) == [b"first", b"second", None]


# -- response models ---------------------------------------------------------------------------------------------------


class StructUser(msgspec.Struct):
    name: str
    age: int = 3


class PydanticUser(pydantic.BaseModel):
    name: str
    age: int = 3


@dataclass
class DataUser:
    name: str
    age: int = 3


class DictUser(TypedDict):
    name: str
    age: int


USERS = [StructUser, PydanticUser, DataUser, DictUser]
of_every_model = pytest.mark.parametrize("model", USERS)


class Row:
    """What an ORM gives: an object with attributes."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)


STORED = {"name": "ada", "age": 36, "password": "hunter2"}


@of_every_model
def test_the_return_annotation_is_the_response_model(interface: str, model: Any) -> None:
    answer = serve(interface, dict(STORED), model).get("/")
    assert (answer.status_code, answer.json()) == (200, {"name": "ada", "age": 36})


@of_every_model
def test_the_return_annotation_counts_for_sync_endpoints_and_methods_too(interface: str, model: Any) -> None:
    class Users:
        def get(self) -> Any:
            return dict(STORED)

    Users.get.__annotations__["return"] = model
    app = VelociPy()
    app.get("/")(Users().get)
    assert TestClient(app, interface=interface).get("/").json() == {"name": "ada", "age": 36}


@of_every_model
def test_unless_response_model_is_given(interface: str, model: Any) -> None:
    answer = serve(interface, dict(STORED), dict[str, Any], response_model=model).get("/")
    assert answer.json() == {"name": "ada", "age": 36}


@of_every_model
def test_unless_response_model_is_none(interface: str, model: Any) -> None:
    assert serve(interface, dict(STORED), model, response_model=None).get("/").json() == STORED


def test_a_response_model_that_nobody_knows_is_an_error_at_registration() -> None:
    with pytest.raises(BindingError, match="Row"):
        VelociPy().get("/", response_model=Row)(lambda: None)


@of_every_model
@pytest.mark.parametrize("shape", ["alone", "list", "dict", "optional", "union", "tuple"])
def test_response_models_filter(interface: str, encoder: str, model: Any, shape: str) -> None:
    returns, result, expected = {
        "alone": (model, STORED, {"name": "ada", "age": 36}),
        "list": (list[model], [STORED], [{"name": "ada", "age": 36}]),
        "dict": (dict[str, model], {"a": STORED}, {"a": {"name": "ada", "age": 36}}),
        "optional": (model | None, STORED, {"name": "ada", "age": 36}),
        "union": (model | int, STORED, {"name": "ada", "age": 36}),
        "tuple": (tuple[model, int], (STORED, 1), [{"name": "ada", "age": 36}, 1]),
    }[shape]
    assert serve(interface, result, returns, json_encoder=encoder).get("/").json() == expected


@pytest.mark.parametrize("model", [StructUser, PydanticUser, DataUser])
def test_response_models_filter_instances_of_subclasses(interface: str, encoder: str, model: Any) -> None:
    stored = type("Stored", (model,), {"__annotations__": {"password": str}, "password": ""})
    if model is DataUser:
        stored = dataclass(stored)
    result = stored(**STORED)
    assert serve(interface, result, model, json_encoder=encoder).get("/").json() == {"name": "ada", "age": 36}
    assert serve(interface, [result], list[model], json_encoder=encoder).get("/").json() == [
        {"name": "ada", "age": 36}
    ]


@pytest.mark.parametrize("model", [StructUser, PydanticUser, DataUser])
@pytest.mark.parametrize("other", [StructUser, PydanticUser, DataUser, Row])
def test_response_models_filter_objects_with_their_attributes(interface: str, model: Any, other: Any) -> None:
    result = other(name="ada", age=36)
    assert serve(interface, result, model).get("/").json() == {"name": "ada", "age": 36}


@dataclass
class Page(Generic[T]):
    items: list[T]


def test_generic_response_models_filter(interface: str) -> None:
    assert serve(interface, {"items": [STORED], "x": 1}, Page[DataUser]).get("/").json() == {
        "items": [{"name": "ada", "age": 36}]
    }


@of_every_model
@pytest.mark.parametrize(
    "result",
    [
        {"name": ["hunter2"], "age": 1},
        {"age": 1},
        {"name": "hunter2", "age": "x"},
        ["hunter2"],
        "hunter2",
        7,
        None,
    ],
    ids=str,
)
def test_a_result_that_does_not_fit_is_a_500_that_leaks_nothing(
    interface: str, model: Any, result: Any, caplog: pytest.LogCaptureFixture
) -> None:
    answer = serve(interface, result, model).get("/")
    assert (answer.status_code, answer.content) == (500, BARE)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


@pytest.mark.parametrize(
    ("returns", "result"),
    [
        (int, "hunter2"),
        (list[int], ["hunter2"]),
        (dict[str, int], {"a": "hunter2"}),
        (date, "hunter2"),
        (int | None, "hunter2"),
        (StructUser, PlainTextResponse),
    ],
    ids=str,
)
def test_a_result_of_another_type_is_a_500_that_leaks_nothing(
    interface: str, returns: Any, result: Any
) -> None:
    answer = serve(interface, lambda: result, returns).get("/")
    assert (answer.status_code, answer.content) == (500, BARE)


@pytest.mark.parametrize("result", [object(), {"a": object()}, [Row()], {1j: 2}, len], ids=kind_of)
def test_a_result_that_json_cannot_say_is_a_500_that_leaks_nothing(
    interface: str, encoder: str, result: Any
) -> None:
    answer = serve(interface, lambda: result, json_encoder=encoder).get("/")
    assert (answer.status_code, answer.content) == (500, BARE)


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_result_where_the_status_has_no_body_is_a_500_that_leaks_nothing(
    interface: str, status: int
) -> None:
    answer = serve(interface, {"a": "hunter2"}, status_code=status).get("/")
    assert (answer.status_code, answer.content) == (500, BARE)


# -- memory ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [lambda n: n, lambda n: {"n": n}, str, lambda n: str(n).encode(), lambda n: StructItem(str(n)), Response]
    + [lambda n: JSONResponse(n), lambda n: iter([str(n)]), lambda n: DataItem(str(n))],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_nothing_is_memoised_every_request_runs_its_handler(
    interface: str, make: Callable[[Any], Any], method: str
) -> None:
    calls: list[int] = []

    def result() -> Any:
        calls.append(len(calls))
        return make(str(len(calls)) if make is Response else len(calls))

    client = serve(interface, result)
    bodies = [client.request(method, "/").content for _ in range(3)]
    assert len(calls) == 3
    assert method == "HEAD" or len(set(bodies)) == 3


def test_nothing_of_an_error_is_memoised(interface: str) -> None:
    results: list[Any] = [object(), {"fine": 1}, "text", None]
    client = serve(interface, lambda: results.pop(0))
    assert [client.get("/").status_code for _ in range(4)] == [500, 200, 200, 204]


def test_a_response_that_is_sent_twice_is_the_same_twice(interface: str) -> None:
    kept = RedirectResponse("/elsewhere")
    client = serve(interface, lambda: kept)
    first, second = client.get("/"), client.get("/")
    assert (first.status_code, first.headers) == (second.status_code, second.headers)
