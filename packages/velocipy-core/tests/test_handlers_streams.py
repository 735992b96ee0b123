"""Endpoints that yield: what is sent, what is checked and filtered, what stays open how long, and what is refused when declared."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
import pydantic
import pytest

from velocipy import (
    Depends,
    EventSourceResponse,
    HTMLResponse,
    HTTPException,
    NDJSONResponse,
    ServerSentEvent,
    StreamingResponse,
    VelociPy,
    WebSocket,
)
from velocipy.exceptions import BindingError
from velocipy.testing import TestClient


@pytest.fixture(params=["asgi", "rsgi"])
def interface(request: pytest.FixtureRequest) -> Any:
    return request.param


@dataclass
class User:
    name: str


@dataclass
class StoredUser(User):
    password: str


class StructUser(msgspec.Struct):
    name: str


class StoredStruct(StructUser):
    password: str


class ModelUser(pydantic.BaseModel):
    name: str


class StoredModel(ModelUser):
    password: str


def make_app(endpoint: Callable[..., Any], **options: Any) -> VelociPy:
    app = VelociPy(plugins=False)
    app.get("/", **options)(endpoint)
    return app


def sync_lines(count: int = 2) -> Iterator[str]:
    for number in range(count):
        yield f"{number}\n"


async def async_lines(count: int = 2) -> AsyncIterator[bytes]:
    for number in range(count):
        yield b"%d\n" % number


def unsaid(count: int = 2):  # type: ignore[no-untyped-def]
    yield from sync_lines(count)


def from_a_generator(count: int = 2) -> Generator[str | bytes, None, None]:
    yield from sync_lines(count)


@pytest.mark.parametrize("endpoint", [sync_lines, async_lines, unsaid, from_a_generator])
def test_what_an_endpoint_yields_is_streamed(interface: Any, endpoint: Callable[..., Any]) -> None:
    answer = TestClient(make_app(endpoint), interface=interface).get("/?count=3")
    assert (answer.status_code, answer.text) == (200, "0\n1\n2\n")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "content-length" not in answer.headers


def test_its_parameters_are_checked_before_it_begins(interface: Any) -> None:
    answer = TestClient(make_app(async_lines), interface=interface).get("/?count=many")
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["query", "count"])


def test_head_does_not_begin_it(interface: Any) -> None:
    began: list[int] = []

    async def endpoint() -> AsyncIterator[str]:
        began.append(1)
        yield "x"

    answer = TestClient(make_app(endpoint), interface=interface).head("/")
    assert (answer.status_code, answer.content, began) == (200, b"", [])


MODELS: list[tuple[type[Any], type[Any]]] = [
    (User, StoredUser),
    (StructUser, StoredStruct),
    (ModelUser, StoredModel),
]


@pytest.mark.parametrize(("model", "stored"), MODELS)
@pytest.mark.parametrize("explicit", [False, True])
def test_items_of_a_declared_type_are_filtered(
    interface: Any, model: Any, stored: Any, explicit: bool
) -> None:
    async def rows() -> AsyncIterator[Any]:
        yield stored(name="ada", password="secret")
        yield {"name": "alan", "password": "secret"}
        yield model(name="grace")

    declared = {"response_model": Iterable[model]} if explicit else {}
    rows.__annotations__["return"] = Any if explicit else AsyncIterator[model]
    app = make_app(rows, response_class=NDJSONResponse, **declared)
    answer = TestClient(app, interface=interface).get("/")
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.text == '{"name":"ada"}\n{"name":"alan"}\n{"name":"grace"}\n'


def test_items_of_a_returned_iterator_are_filtered_too(interface: Any) -> None:
    def rows() -> Iterator[User]:
        return iter([StoredUser("ada", "secret")])

    app = make_app(rows, response_class=NDJSONResponse)
    assert TestClient(app, interface=interface).get("/").text == '{"name":"ada"}\n'


def test_items_of_no_declared_type_are_written_as_they_are(interface: Any) -> None:
    async def rows():  # type: ignore[no-untyped-def]
        yield User("ada")
        yield [1, None]

    app = make_app(rows, response_class=NDJSONResponse)
    assert TestClient(app, interface=interface).get("/").text == '{"name":"ada"}\n[1,null]\n'


def test_items_of_a_class_that_no_backend_knows_are_the_encoder_s(interface: Any) -> None:
    class Money:
        def __init__(self, cents: int) -> None:
            self.cents = cents

    class Telling:
        name = "telling"

        def encode(self, value: Any) -> bytes:
            return b"%d cents" % value.cents if isinstance(value, Money) else json.dumps(value).encode()

        def decode(self, data: bytes) -> Any:
            return json.loads(data)

    async def prices() -> AsyncIterator[Any]:
        yield Money(5)
        yield ["no", "money"]

    prices.__annotations__["return"] = AsyncIterator[Money]
    app = VelociPy(plugins=False, json_encoder=Telling())
    app.get("/", response_class=NDJSONResponse)(prices)
    assert TestClient(app, interface=interface).get("/").text == '5 cents\n["no", "money"]\n'


def test_how_a_response_model_is_written_holds_for_items(interface: Any) -> None:
    def rows() -> Iterator[StoredUser]:
        yield StoredUser("ada", "secret")

    app = make_app(rows, response_class=NDJSONResponse, response_model_exclude={"password"})
    assert TestClient(app, interface=interface).get("/").text == '{"name":"ada"}\n'


def test_events_are_filtered_by_their_data(interface: Any) -> None:
    async def events() -> AsyncIterator[User | ServerSentEvent]:
        yield StoredUser("ada", "secret")
        yield ServerSentEvent(StoredUser("alan", "secret"), id="7")

    answer = TestClient(make_app(events, response_class=EventSourceResponse), interface=interface).get("/")
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.text == 'data: {"name":"ada"}\n\nid: 7\ndata: {"name":"alan"}\n\n'


def test_an_item_that_does_not_fit_breaks_the_stream_off(
    interface: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def rows() -> AsyncIterator[User]:
        yield User("ada")
        yield {"nam": "secret"}  # type: ignore[misc]

    client = TestClient(
        make_app(rows, response_class=NDJSONResponse), interface=interface, raise_server_exceptions=False
    )
    with caplog.at_level(logging.ERROR), client.exchange("GET", "/") as exchange:
        assert exchange.chunk() == b'{"name":"ada"}\n'
        with pytest.raises(Exception):  # noqa: B017  # how a broken answer shows is the server's matter
            while exchange.chunk():
                pass
            raise EOFError  # RSGI has no way to break off what has no length
    assert "secret" not in "".join(record.getMessage() for record in caplog.records)
    assert any("does not fit" in str(record.exc_info) for record in caplog.records)


def test_a_dependency_stays_open_until_the_last_byte(interface: Any) -> None:
    seen: list[str] = []

    async def session() -> AsyncIterator[str]:
        seen.append("open")
        yield "session"
        seen.append("closed")

    async def rows(session: Annotated[str, Depends(session)]) -> AsyncIterator[str]:
        yield session
        seen.append("last")

    assert TestClient(make_app(rows), interface=interface).get("/").text == "session"
    assert seen == ["open", "last", "closed"]


def test_a_dependency_refuses_before_it_begins(interface: Any) -> None:
    def check() -> None:
        raise HTTPException(404)

    app = make_app(async_lines, dependencies=[Depends(check)])
    assert TestClient(app, interface=interface).get("/").status_code == 404


def test_its_finally_runs_when_the_client_leaves(interface: Any) -> None:
    left = threading.Event()

    async def rows() -> AsyncIterator[str]:
        try:
            yield "first"
            await asyncio.sleep(30)
        finally:
            left.set()

    client = TestClient(make_app(rows, on_disconnect="cancel"), interface=interface)
    with client.exchange("GET", "/") as exchange:
        assert exchange.chunk() == b"first"
    assert left.wait(5)


def test_the_plan_says_what_is_sent() -> None:
    async def rows() -> AsyncIterator[User]:
        yield User("ada")

    app = make_app(rows, response_class=NDJSONResponse)
    (route,) = [route for route in app.routes if route.path == "/"]
    assert app.plan(route).explain().splitlines()[1:] == [
        "  call     result = rows()  [plain]",
        "  send     200: as NDJSONResponse of User",
    ]


class Page(StreamingResponse):
    media_type = "text/html; charset=utf-8"


def test_a_response_class_gives_the_media_type(interface: Any) -> None:
    answer = TestClient(make_app(sync_lines, response_class=Page, status_code=203), interface=interface).get(
        "/"
    )
    assert (answer.status_code, answer.headers["content-type"]) == (203, "text/html; charset=utf-8")


async def users() -> AsyncIterator[User]:
    yield User("ada")


REFUSED: list[tuple[Callable[..., Any], dict[str, Any], str]] = [
    (users, {}, "yields User, and a stream is of text or bytes: give response_class=NDJSONResponse"),
    (
        users,
        {"response_class": HTMLResponse},
        "yields, which HTMLResponse cannot send: give a StreamingResponse",
    ),
    (
        users,
        {"response_class": NDJSONResponse, "response_model": User},
        r"that of an iterator, Iterator\[User\]",
    ),
    (async_lines, {"status_code": 204}, "yields, but its status 204 has no body"),
    (sync_lines, {"on_disconnect": "cancel"}, "is sync, which nothing can cancel"),
]


@pytest.mark.parametrize(("endpoint", "options", "message"), REFUSED)
def test_what_cannot_be_streamed_is_refused_at_registration(
    endpoint: Callable[..., Any], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(BindingError, match=rf"the endpoint {endpoint.__name__} \(.*:\d+\) .*{message}"):
        make_app(endpoint, **options)


def test_a_websocket_endpoint_must_not_yield() -> None:
    app = VelociPy(plugins=False)

    async def talk(websocket: WebSocket) -> AsyncIterator[str]:
        yield "x"

    with pytest.raises(BindingError, match="the endpoint talk .* yields on a WebSocket"):
        app.websocket("/")(talk)


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_a_response_class_of_ones_own_reads_with_the_encoder_of_items_as_with_the_app_s(
    interface: str,
) -> None:
    read: list[Any] = []

    class Reading(NDJSONResponse):
        def bind(self, encoder: Any) -> None:
            read.append(encoder.decode(b'{"a": [1]}'))
            super().bind(encoder)

    app = VelociPy(plugins=False)

    @app.get("/", response_class=Reading)
    async def rows() -> AsyncIterator[dict[str, int]]:
        yield {"a": 1}

    with TestClient(app, interface=interface) as client:
        assert client.get("/").text == '{"a":1}\n'
    assert read[-1] == {"a": [1]}
