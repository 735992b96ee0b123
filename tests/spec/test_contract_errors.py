"""The contract's paragraph on errors, a test a clause. Knows requests and answers; does not know who words an error where."""

import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pydantic
import pytest

from velocipy import (
    APIRouter,
    Body,
    Cookie,
    Depends,
    Form,
    Header,
    HTTPException,
    JSONResponse,
    Query,
    Request,
    Response,
    StreamingResponse,
    VelociPy,
    WebSocket,
)
from velocipy.exceptions import ValidationError, WebSocketDisconnect
from velocipy.middleware import RequestIDMiddleware
from velocipy.testing import TestClient, WebSocketDenied

JSON = {"content-type": "application/json"}
BARE = b'{"detail":"Internal Server Error"}'


@pytest.fixture(params=["asgi", "rsgi"])
def interface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def client_of(app: VelociPy, interface: str) -> TestClient:
    """A client that gets what a server makes of what breaks off, as a real one does."""
    return TestClient(app, interface=interface, raise_server_exceptions=False)


def raising(exc: Exception) -> VelociPy:
    """An app whose one route raises."""
    app = VelociPy()

    @app.get("/x")
    async def x() -> None:
        raise exc

    return app


# -- validation --------------------------------------------------------------------------------------------------------


class Tag(msgspec.Struct):
    name: str


class StructItem(msgspec.Struct):
    name: Annotated[str, msgspec.Meta(min_length=2)]
    price: Annotated[float, msgspec.Meta(ge=0)]
    kind: Literal["a", "b"] = "a"
    tags: list[Tag] = []
    counts: dict[str, int] = {}
    either: int | str | None = None


class PydanticTag(pydantic.BaseModel):
    name: str


class PydanticItem(pydantic.BaseModel):
    model_config = {"strict": True}

    name: Annotated[str, pydantic.Field(min_length=2)]
    price: Annotated[float, pydantic.Field(ge=0)]
    kind: Literal["a", "b"] = "a"
    tags: list[PydanticTag] = []
    counts: dict[str, int] = {}
    either: int | str | None = None


@dataclass
class DataTag:
    name: str


@dataclass
class DataItem:
    name: Annotated[str, msgspec.Meta(min_length=2)]
    price: Annotated[float, msgspec.Meta(ge=0)]
    kind: Literal["a", "b"] = "a"
    tags: list[DataTag] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    either: int | str | None = None


class DictItem(TypedDict):
    name: int


MODELS = [StructItem, PydanticItem, DataItem]


def taking(model: Any) -> VelociPy:
    """An app whose one route takes a model as its body."""
    app = VelociPy()

    async def create(item: Any) -> None: ...

    create.__annotations__["item"] = model
    app.post("/")(create)
    return app


@pytest.mark.parametrize("model", MODELS)
def test_validation_collects_every_error_of_every_parameter(interface: str, model: Any) -> None:
    app = VelociPy()

    async def checked(limit: Annotated[int, Query(le=10)]) -> int:
        return limit

    async def create(
        id: int,
        page: int,
        tags: list[int],
        x_size: Annotated[int, Header()],
        session: Annotated[int, Cookie()],
        limit: Annotated[int, Depends(checked)],
        item: Any,
        missing: bool,
    ) -> None: ...

    create.__annotations__["item"] = model
    app.post("/{id}")(create)
    answer = client_of(app, interface).post(
        "/x?page=x&tags=1&tags=x&tags=y&limit=11",
        headers={"x-size": "x", "cookie": "session=x"},
        json={"name": "", "price": -1, "tags": [{"name": 1}, {}]},
    )
    assert answer.status_code == 422
    assert [error["loc"] for error in answer.json()["detail"]] == [
        ["path", "id"],
        ["query", "page"],
        ["query", "tags", 1],
        ["query", "tags", 2],
        ["header", "x-size"],
        ["cookie", "session"],
        ["query", "limit"],
        ["body", "name"],
        ["body", "price"],
        ["body", "tags", 0, "name"],
        ["body", "tags", 1, "name"],
        ["query", "missing"],
    ]


def test_validation_collects_every_error_of_a_form(interface: str) -> None:
    app = VelociPy()

    @app.post("/")
    async def create(a: Annotated[int, Form()], b: Annotated[int, Form()], page: int) -> None: ...

    answer = client_of(app, interface).post("/?page=x", data={"a": "x"})
    assert [error["loc"] for error in answer.json()["detail"]] == [
        ["form", "a"],
        ["form", "b"],
        ["query", "page"],
    ]


def test_a_422_is_a_list_of_places_messages_and_types(interface: str) -> None:
    app = VelociPy()

    @app.get("/")
    async def show(page: int) -> None: ...

    answer = client_of(app, interface).get("/?page=x")
    (error,) = answer.json().pop("detail")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/json")
    assert (error["loc"], type(error["msg"]), type(error["type"])) == (["query", "page"], str, str)
    assert answer.json().keys() == {"detail"} and error.keys() == {"loc", "msg", "type"}


WRONG_BODIES: list[Any] = [
    [],
    "text",
    7,
    None,
    True,
    {},
    {"name": "mug"},
    {"name": None, "price": None},
    {"name": "m", "price": -1},
    {"name": "mug", "price": "9"},
    {"name": "mug", "price": True},
    {"name": "mug", "price": 1, "kind": "c"},
    {"name": "mug", "price": 1, "kind": 3},
    {"name": "mug", "price": 1, "tags": "x"},
    {"name": "mug", "price": 1, "tags": {}},
    {"name": "mug", "price": 1, "tags": [1, {}, {"name": 2}]},
    {"name": "mug", "price": 1, "counts": {"a": "x", "b": 1.5}},
    {"name": "mug", "price": 1, "counts": []},
    {"name": "mug", "price": 1, "either": []},
    {"name": "mug", "price": 1, "either": 1.5},
]


@pytest.mark.parametrize("body", WRONG_BODIES, ids=str)
def test_one_wording_for_all_backends(interface: str, body: Any) -> None:
    text = json.dumps(body)
    answers = [client_of(taking(model), interface).post("/", content=text, headers=JSON) for model in MODELS]
    assert {answer.status_code for answer in answers} == {422}
    assert answers[1].json() == answers[0].json()
    assert answers[2].json() == answers[0].json()


@pytest.mark.parametrize("model", [*MODELS, DictItem, dict, dict[str, int], DataItem | None])
@pytest.mark.parametrize("body", ["text", "[]", "7", "true"])
def test_a_body_of_the_wrong_json_type_is_an_error_of_the_body(interface: str, model: Any, body: str) -> None:
    content = '"text"' if body == "text" else body
    answer = client_of(taking(model), interface).post("/", content=content, headers=JSON)
    assert (answer.status_code, [error["loc"] for error in answer.json()["detail"]]) == (422, [["body"]])


SECRET = "hunter2"


@pytest.mark.parametrize("model", [*MODELS, DictItem, dict[str, int], list[int], int])
@pytest.mark.parametrize(
    "sent",
    [
        SECRET,
        [SECRET],
        {"name": [SECRET], "price": SECRET},
        {
            "name": "mug",
            "price": 1,
            "kind": SECRET,
            "tags": [SECRET],
            "counts": {"a": SECRET},
            "either": [SECRET],
        },
        {"name": {"a": SECRET}, "a": {"b": SECRET}},
    ],
    ids=["text", "list", "fields", "nested", "objects"],
)
def test_input_of_a_body_is_not_echoed(interface: str, model: Any, sent: Any) -> None:
    hint = Annotated[model, Body()] if model is int else model
    answer = client_of(taking(hint), interface).post("/", json=sent)
    assert (answer.status_code, SECRET in answer.text) == (422, False)


def test_input_of_parameters_is_not_echoed(interface: str) -> None:
    app = VelociPy()

    async def show(
        id: int,
        number: float,
        many: list[int],
        either: int | bool,
        kind: Literal["a"],
        short: Annotated[str, Query(max_length=2)],
        shaped: Annotated[str, Query(pattern="[0-9]+")],
        x_token: Annotated[int, Header()],
        session: Annotated[int, Cookie()],
        secret: Annotated[int, Form()],
    ) -> None: ...

    app.post("/{id}")(show)
    query = "&".join(f"{name}={SECRET}" for name in ("number", "many", "either", "kind", "short", "shaped"))
    answer = client_of(app, interface).post(
        f"/{SECRET}?{query}",
        headers={"x-token": SECRET, "cookie": f"session={SECRET}"},
        data={"secret": SECRET},
    )
    assert (answer.status_code, len(answer.json()["detail"]), SECRET in answer.text) == (422, 10, False)


# -- other errors ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "phrase"),
    [
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (405, "Method Not Allowed"),
        (406, "Not Acceptable"),
        (409, "Conflict"),
        (413, "Payload Too Large"),
        (414, "URI Too Long"),
        (415, "Unsupported Media Type"),
        (416, "Range Not Satisfiable"),
        (418, "I'm a Teapot"),
        (422, "Unprocessable Entity"),
        (429, "Too Many Requests"),
        (500, "Internal Server Error"),
        (503, "Service Unavailable"),
    ],
)
def test_others_are_a_detail_with_the_phrase_of_our_own_table(
    interface: str, status: int, phrase: str
) -> None:
    answer = client_of(raising(HTTPException(status)), interface).get("/x")
    assert (answer.status_code, answer.json()) == (status, {"detail": phrase})


@pytest.mark.parametrize("detail", ["no such item", {"code": 7}, ["a"], 0, False, ""])
def test_others_may_say_their_own_detail(interface: str, detail: Any) -> None:
    exc = HTTPException(409, detail, {"retry-after": "3"})
    answer = client_of(raising(exc), interface).get("/x")
    assert (answer.json(), answer.headers["retry-after"]) == ({"detail": detail}, "3")


bodies = pytest.mark.parametrize(
    "model", [*MODELS, DictItem, dict, list, dict[str, int], Annotated[int, Body()]]
)


@bodies
@pytest.mark.parametrize("broken", [b"", b"{", b'{"a":1,}', b"{} {}", b"\xff", b"NaN", b"{'a': 1}"])
def test_broken_json_is_400(interface: str, model: Any, broken: bytes) -> None:
    answer = client_of(taking(model), interface).post("/", content=broken, headers=JSON)
    assert answer.status_code == 400
    assert answer.json().keys() == {"detail"}


@bodies
@pytest.mark.parametrize(
    "kind", [None, "text/plain", "application/xml", "application/x-www-form-urlencoded", "application/jsonp"]
)
def test_a_wrong_content_type_is_415(interface: str, model: Any, kind: str | None) -> None:
    headers = {} if kind is None else {"content-type": kind}
    assert client_of(taking(model), interface).post("/", content=b"{}", headers=headers).status_code == 415


@bodies
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_413(interface: str, model: Any, chunked: bool) -> None:
    app = taking(model)
    app.post("/small", max_content_length=9)(app.routes[0].endpoint)
    content = iter([b"[1,2,", b"3,4,5]"]) if chunked else b"[1,2,3,4,5]"
    answer = client_of(app, interface).post("/small", content=content, headers=JSON)
    assert (answer.status_code, answer.json()) == (413, {"detail": "Payload Too Large"})


# -- exception handlers ------------------------------------------------------------------------------------------------


class Base(Exception): ...


class Leaf(Base, LookupError): ...


def named(name: object) -> Callable[..., Any]:
    async def handler(request: Request, exc: Exception) -> Response:
        return Response(str(name), 499)

    return handler


@pytest.mark.parametrize(
    ("handled", "raised", "taken_by"),
    [
        ([Base, LookupError], Leaf(), Base),
        ([LookupError, Base], Leaf(), Base),
        ([LookupError], Leaf(), LookupError),
        ([Leaf, Base], Leaf(), Leaf),
        ([HTTPException], HTTPException(418), HTTPException),
        ([HTTPException], ValidationError([]), HTTPException),
        ([ValidationError, HTTPException], ValidationError([]), ValidationError),
    ],
)
def test_exception_handlers_are_found_by_class_along_the_mro(
    interface: str, handled: list[Any], raised: Exception, taken_by: Any
) -> None:
    app = raising(raised)
    for key in handled:
        app.add_exception_handler(key, named(key))
    answer = client_of(app, interface).get("/x")
    assert (answer.status_code, answer.text) == (499, str(taken_by))


@pytest.mark.parametrize("status", [400, 401, 404, 418, 429, 503])
def test_exception_handlers_are_found_by_status(interface: str, status: int) -> None:
    app = raising(HTTPException(status))
    app.add_exception_handler(status, named(status))
    app.add_exception_handler(HTTPException, named("class"))
    assert client_of(app, interface).get("/x").text == str(status)


def handled_app(where: str, key: Any) -> VelociPy:
    """An app with a handler for `key` on the app, on a router, on a router in a router, or on the route."""
    handlers = {key: named(where)}
    app = VelociPy(exception_handlers=handlers if where == "app" else None)
    outer = APIRouter("/outer", exception_handlers=handlers if where == "outer" else None)
    inner = APIRouter("/inner", exception_handlers=handlers if where == "inner" else None)

    @inner.post("/{page}", max_content_length=9, exception_handlers=handlers if where == "route" else None)
    async def endpoint(page: int, item: dict[str, Any], fail: str = "") -> None:
        if fail:
            raise Leaf(fail) if fail == "leaf" else HTTPException(int(fail))

    outer.include_router(inner)
    app.include_router(outer)
    return app


everywhere = pytest.mark.parametrize("where", ["app", "outer", "inner", "route"])


@everywhere
@pytest.mark.parametrize(
    ("key", "request_"),
    [
        (Base, {"url": "/outer/inner/1?fail=leaf", "json": {}}),
        (404, {"url": "/outer/inner/1?fail=404", "json": {}}),
        (HTTPException, {"url": "/outer/inner/1?fail=503", "json": {}}),
        (422, {"url": "/outer/inner/x", "json": {}}),
        (400, {"url": "/outer/inner/1", "content": b"{", "headers": JSON}),
        (415, {"url": "/outer/inner/1", "content": b"{}"}),
        (413, {"url": "/outer/inner/1", "json": {"long": "longer"}}),
    ],
)
def test_exception_handlers_stand_on_app_router_and_route(
    interface: str, where: str, key: Any, request_: dict[str, Any]
) -> None:
    answer = client_of(handled_app(where, key), interface).post(**request_)
    assert (answer.status_code, answer.text) == (499, where)


def test_the_handler_of_the_inner_router_counts_before_the_app_s(interface: str) -> None:
    app = handled_app("inner", Base)
    app.add_exception_handler(Base, named("app"))
    assert client_of(app, interface).post("/outer/inner/1?fail=leaf", json={}).text == "inner"


def test_a_handler_that_is_added_after_inclusion_and_the_first_request_counts(interface: str) -> None:
    router = APIRouter("/r")
    app = VelociPy()
    app.include_router(router)

    @router.get("/x")
    async def x() -> None:
        raise Base

    client = client_of(app, interface)
    assert client.get("/r/x").status_code == 500
    router.add_exception_handler(Base, named("late"))
    assert client.get("/r/x").text == "late"


@pytest.mark.parametrize("key", [404, HTTPException])
def test_404_is_included(interface: str, key: Any) -> None:
    answer = client_of(handled_app("app", key), interface).get("/nowhere")
    assert (answer.status_code, answer.text) == (499, "app")


@pytest.mark.parametrize("where", ["app", "outer", "inner"])
@pytest.mark.parametrize("key", [405, HTTPException])
def test_405_is_included(interface: str, where: str, key: Any) -> None:
    answer = client_of(handled_app(where, key), interface).get("/outer/inner/1")
    assert (answer.status_code, answer.text) == (499, where)


@pytest.mark.parametrize("kind", ["sync", "async", "object", "method"])
def test_an_exception_handler_may_be_sync_async_or_an_object(interface: str, kind: str) -> None:
    class Handler:
        async def __call__(self, request: Request, exc: Exception) -> Response:
            return JSONResponse([request.path, str(exc)], 418)

        method = __call__

        def sync(self, request: Request, exc: Exception) -> Response:
            return JSONResponse([request.path, str(exc)], 418)

    async def function(request: Request, exc: Exception) -> Response:
        return JSONResponse([request.path, str(exc)], 418)

    handler = Handler()
    kinds: dict[str, Callable[..., Any]] = {
        "sync": handler.sync,
        "async": function,
        "object": handler,
        "method": handler.method,
    }
    app = raising(Base("why"))
    app.add_exception_handler(Base, kinds[kind])
    answer = client_of(app, interface).get("/x")
    assert (answer.status_code, answer.json()) == (418, ["/x", "why"])


# -- unhandled exceptions ----------------------------------------------------------------------------------------------


async def in_an_endpoint() -> None:
    raise ValueError(SECRET)


def in_a_sync_endpoint() -> None:
    raise ValueError(SECRET)


async def in_a_dependency(x: Annotated[None, Depends(in_an_endpoint)]) -> None: ...


async def commit() -> AsyncIterator[None]:
    yield
    raise ValueError(SECRET)


async def in_a_teardown(x: Annotated[None, Depends(commit)]) -> str:
    return "sent"


async def in_a_result_that_json_cannot_say() -> Any:
    return {"a": object(), "b": SECRET}


async def in_a_result_that_does_not_fit() -> int:
    return SECRET  # type: ignore[return-value]  # that is what fails


async def in_a_response_of_another_length() -> Response:
    return Response(SECRET, headers={"content-length": "1"})


async def in_a_stream_that_cannot_begin() -> Response:
    class Broken:
        def __iter__(self) -> Iterator[bytes]:
            raise ValueError(SECRET)

    return StreamingResponse(Broken())


async def in_a_group() -> None:
    raise ExceptionGroup(SECRET, [OSError()])


async def in_a_recursion() -> None:
    await in_a_recursion()


PLACES = [
    in_an_endpoint,
    in_a_sync_endpoint,
    in_a_dependency,
    in_a_teardown,
    in_a_result_that_json_cannot_say,
    in_a_result_that_does_not_fit,
    in_a_response_of_another_length,
    in_a_stream_that_cannot_begin,
    in_a_group,
    in_a_recursion,
]
of_every_place = pytest.mark.parametrize("place", PLACES, ids=[place.__name__ for place in PLACES])


async def take_key(key: str) -> None: ...


def failing_app(place: Callable[..., Any], **options: Any) -> VelociPy:
    """An app that fails at `/{key}/fail`, and gives every request an id."""
    router = APIRouter("/{key}", dependencies=[Depends(take_key)])
    router.add_route("/fail", place, ["GET", "POST"])
    app = VelociPy(middleware=[RequestIDMiddleware()], **options)
    app.include_router(router)
    return app


def logged_once(caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    """The one record of an error, with its traceback."""
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert record.name == "velocipy" and record.exc_info is not None and record.exc_info[1] is not None
    return record


@of_every_place
@pytest.mark.parametrize("debug", [False, True])
def test_unhandled_exceptions_answer_a_bare_500(
    interface: str, place: Callable[..., Any], debug: bool
) -> None:
    """In debug too, but for who sits at the machine."""
    headers = {"x-forwarded-for": "192.0.2.1"}
    answer = client_of(failing_app(place, debug=debug), interface).get("/a/fail", headers=headers)
    assert (answer.status_code, answer.content) == (500, BARE)
    assert answer.headers["content-type"] == "application/json"


@of_every_place
def test_unhandled_exceptions_are_always_logged(
    interface: str, place: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    client_of(failing_app(place), interface).get("/a/fail")
    logged_once(caplog)


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_unhandled_exceptions_are_logged_with_their_method(
    interface: str, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The one that was asked for, of the several that the route serves."""
    client_of(failing_app(in_an_endpoint), interface).request(method, "/a/fail")
    words = re.findall("GET|POST|HEAD", logged_once(caplog).getMessage())
    assert set(words) == {method}


@of_every_place
def test_unhandled_exceptions_are_logged_with_their_route(
    interface: str, place: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    client_of(failing_app(place), interface).get("/a/fail")
    assert "/{key}/fail" in logged_once(caplog).getMessage()


@of_every_place
def test_unhandled_exceptions_are_logged_with_their_request_id(
    interface: str, place: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    client_of(failing_app(place), interface).get("/a/fail", headers={"x-request-id": "r-42"})
    assert "r-42" in logged_once(caplog).getMessage()


def told(record: logging.LogRecord, method: str) -> bool:
    """Whether a record says of which request it is."""
    return all(word in record.getMessage() for word in (method, "/{key}/fail", "r-42"))


ID = {"x-request-id": "r-42"}


def test_what_breaks_a_stream_off_is_logged_with_method_route_and_request_id(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def rows() -> AsyncIterator[str]:
        yield "first"
        raise ValueError

    async def endpoint() -> StreamingResponse:
        return StreamingResponse(rows())

    headers = [*ID.items(), ("host", "testserver")]
    with client_of(failing_app(endpoint), interface) as client:
        with client.exchange("GET", "/a/fail", headers=headers) as exchange:
            assert exchange.chunk() == b"first"
    assert told(logged_once(caplog), "GET")


def test_a_teardown_that_fails_after_the_answer_is_logged_with_method_route_and_request_id(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def endpoint(x: Annotated[None, Depends(commit, scope="request")]) -> str:
        return "sent"

    assert client_of(failing_app(endpoint), interface).get("/a/fail", headers=ID).text == "sent"
    assert told(logged_once(caplog), "GET")


def test_an_exception_handler_that_fails_is_logged_with_method_route_and_request_id_and_is_a_bare_500(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(request: Request, exc: Exception) -> Response:
        raise LookupError(SECRET)

    app = failing_app(in_an_endpoint, exception_handlers={ValueError: handler})
    answer = client_of(app, interface).get("/a/fail", headers=ID)
    assert (answer.status_code, answer.content) == (500, BARE)
    assert told(logged_once(caplog), "GET")


@pytest.mark.parametrize("path", ["/a/fail", "/nowhere"], ids=["on a route", "on a 404"])
@pytest.mark.parametrize("kind", ["wrapping", "before"])
def test_middleware_that_fails_is_logged_once_and_is_a_bare_500(
    interface: str, kind: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def wrapping(request: Request, call_next: Any) -> Response:
        raise ValueError(SECRET)

    class Before:
        async def before(self) -> None:
            raise ValueError(SECRET)

    app = failing_app(take_nothing)
    app.add_middleware(wrapping if kind == "wrapping" else Before())
    answer = client_of(app, interface).get(path, headers=ID)
    assert (answer.status_code, answer.content) == (500, BARE)
    message = logged_once(caplog).getMessage()
    assert "GET" in message and "r-42" in message


async def take_nothing() -> None: ...


@pytest.mark.parametrize("accepted", [False, True])
def test_an_unhandled_exception_of_a_websocket_is_logged_with_route_and_request_id(
    interface: str, accepted: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app = VelociPy(middleware=[RequestIDMiddleware()])

    @app.websocket("/{key}/fail")
    async def endpoint(websocket: WebSocket, key: str) -> None:
        if accepted:
            await websocket.accept()
        raise ValueError

    client = client_of(app, interface)
    with pytest.raises((WebSocketDisconnect, WebSocketDenied)):
        with client.websocket_connect("/a/fail", headers=ID) as websocket:
            websocket.receive()
    assert told(logged_once(caplog), "WEBSOCKET")


def test_a_handler_for_exception_words_the_500_and_the_log_is_written_all_the_same(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = failing_app(in_an_endpoint, exception_handlers={Exception: named("sorry")})
    assert client_of(app, interface).get("/a/fail", headers=ID).text == "sorry"
    assert told(logged_once(caplog), "GET")
