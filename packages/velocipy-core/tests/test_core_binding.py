"""What fills each parameter, and in which order: plans of signatures, and what requests make of them."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest

from velocipy import (
    APIRouter,
    Body,
    Cookie,
    Depends,
    Header,
    Path,
    Query,
    Request,
    Response,
    VelociPy,
    WebSocket,
)
from velocipy.handlers.plan import Body as BodyStep
from velocipy.handlers.plan import Call, Check, Give, Read, Step, Take
from velocipy.state import State
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


def steps_of(endpoint: Any, path: str = "/", **keywords: Any) -> tuple[Step, ...]:
    """What one route does."""
    app = VelociPy()
    app.add_route(path, endpoint, **keywords)
    (segment,) = app._dispatcher.plan(app.routes[0]).segments
    return segment.core


def kinds_of(steps: tuple[Step, ...]) -> list[type]:
    return [type(step) for step in steps]


class Color(Enum):
    RED = "red"


class Item(msgspec.Struct):
    """A model."""

    name: str
    price: float = 1.0


def test_a_name_in_the_path_comes_from_there_and_any_other_from_the_query() -> None:
    async def endpoint(page: int, name: str, id: int) -> None: ...

    take_page, take_name, take_id, *_ = steps_of(endpoint, "/{name}/{id:int}")
    assert isinstance(take_page, Read) and (take_page.source, take_page.key) == ("query", "page")
    assert isinstance(take_name, Take) and take_name.index == 0
    assert isinstance(take_id, Take) and take_id.index == 1


def test_markers_name_source_and_key() -> None:
    async def endpoint(
        a: Annotated[int, Query(alias="q")],
        x_request_id: Annotated[str, Header()],
        own: Annotated[str, Header(alias="X_Own")],
        session: Annotated[str, Cookie()],
        number: Annotated[int, Path(alias="id", ge=1)],
    ) -> None: ...

    reads = [step for step in steps_of(endpoint, "/{id}") if isinstance(step, Read)]
    assert [(read.source, read.key) for read in reads] == [
        ("query", "q"),
        ("header", "x-request-id"),
        ("header", "x_own"),
        ("cookie", "session"),
        ("path", "id"),
    ]


@pytest.mark.parametrize(
    "annotation", [dict, list, dict[str, Any], list[Any], dict | None, Item, list[Item], Item | None]
)
def test_models_dicts_and_lists_are_the_body(annotation: Any) -> None:
    async def endpoint(item: Any) -> None: ...

    endpoint.__annotations__["item"] = annotation
    assert kinds_of(steps_of(endpoint, methods=["POST"])) == [BodyStep, Check, Call]


def test_a_bare_body_marker_takes_any_json() -> None:
    async def endpoint(item: Any = Body()) -> None: ...

    assert kinds_of(steps_of(endpoint, methods=["POST"])) == [BodyStep, Check, Call]


def test_objects_of_the_exchange_are_given_once_each() -> None:
    async def dependency(request: Request, response: Response) -> None: ...

    async def endpoint(
        request: Request, response: Response, state: State, _: Annotated[None, Depends(dependency)]
    ) -> None: ...

    steps = steps_of(endpoint)
    assert [step.what for step in steps if isinstance(step, Give)] == ["request", "response", "state"]
    dependency_call, endpoint_call = (step for step in steps if isinstance(step, Call))
    assert dependency_call.args == ("a_request", "a_response")
    assert endpoint_call.args[:3] == ("a_request", "a_response", "a_state")


def test_request_and_websocket_need_no_annotation() -> None:
    async def endpoint(request):  # type: ignore[no-untyped-def]  # that is what the test is about
        ...

    assert kinds_of(steps_of(endpoint)) == [Give, Call]


def test_a_hole_called_request_is_a_hole() -> None:
    async def endpoint(request):  # type: ignore[no-untyped-def]
        ...

    assert kinds_of(steps_of(endpoint, "/{request}")) == [Take, Call]


def test_there_is_a_check_only_where_something_can_be_wrong() -> None:
    async def nothing(request: Request, q: str = "x", h: str | None = Header(None)) -> None: ...

    async def something(q: str) -> None: ...

    assert Check not in kinds_of(steps_of(nothing))
    assert Check in kinds_of(steps_of(something))


def test_reads_and_body_come_before_the_check_and_calls_after_it() -> None:
    async def inner(a: int) -> int:
        return a

    async def outer(inner: Annotated[int, Depends(inner)], b: int) -> int:
        return inner

    async def endpoint(outer: Annotated[int, Depends(outer)], item: Item, c: int) -> None: ...

    steps = steps_of(endpoint, methods=["POST"])
    assert kinds_of(steps) == [Read, Read, BodyStep, Read, Check, Call, Call, Call]
    names = [step.function.__name__ for step in steps if isinstance(step, Call)]
    assert names == ["inner", "outer", "endpoint"]


@dataclass
class Limit:
    """A callable object that cannot be hashed."""

    most: int

    def __call__(self, n: int = 1) -> int:
        return min(n, self.most)


@both
def test_callable_objects_are_dependencies_of_their_own(interface: str) -> None:
    app = VelociPy()
    three = Limit(3)

    @app.get("/")
    async def endpoint(
        a: Annotated[int, Depends(three)],
        b: Annotated[int, Depends(Limit(5))],
        c: Annotated[int, Depends(three)],
    ) -> list[int]:
        return [a, b, c]

    with TestClient(app, interface=interface) as client:
        assert client.get("/?n=9").json() == [3, 5, 3]


@both
def test_classes_methods_and_lambdas_are_dependencies(interface: str) -> None:
    class Pager:
        def __init__(self, page: int = 1) -> None:
            self.page = page

        async def double(self) -> int:
            return self.page * 2

    pager = Pager(4)
    app = VelociPy()

    @app.get("/")
    async def endpoint(
        made: Annotated[Pager, Depends(Pager)],
        method: Annotated[int, Depends(pager.double)],
        again: Annotated[int, Depends(pager.double)],
        short: Annotated[str, Depends(lambda: "λ")],
    ) -> list[Any]:
        return [made.page, method, again, short]

    with TestClient(app, interface=interface) as client:
        assert client.get("/?page=7").json() == [7, 8, 8, "λ"]


@both
def test_every_error_of_every_parameter_is_told_at_once_in_order(interface: str) -> None:
    app = VelociPy()

    async def dependency(size: Annotated[int, Query(le=10)]) -> int:
        return size

    @app.post("/{color}")
    async def endpoint(
        color: Color,
        size: Annotated[int, Depends(dependency)],
        item: Item,
        x_id: Annotated[UUID, Header()],
        session: Annotated[str, Cookie(min_length=3)],
    ) -> None: ...

    with TestClient(app, interface=interface) as client:
        answer = client.post(
            "/green?size=11", json={"name": 1}, headers={"x-id": "x", "cookie": "session=ab"}
        )
    assert answer.status_code == 422
    assert [(error["loc"], error["type"]) for error in answer.json()["detail"]] == [
        (["path", "color"], "enum_parsing"),
        (["query", "size"], "less_than_equal"),
        (["body", "name"], "type_error"),
        (["header", "x-id"], "uuid_parsing"),
        (["cookie", "session"], "string_too_short"),
    ]


@both
@pytest.mark.case(21)
def test_a_parameter_is_read_from_its_own_source_only(interface: str) -> None:
    app = VelociPy()

    @app.get("/{a}")
    async def endpoint(
        a: str,
        q: Annotated[str, Query(alias="a")] = "none",
        h: Annotated[str, Header(alias="a")] = "none",
        c: Annotated[str, Cookie(alias="a")] = "none",
    ) -> list[str]:
        return [a, q, h, c]

    with TestClient(app, interface=interface) as client:
        assert client.get("/path").json() == ["path", "none", "none", "none"]
        assert client.get("/path?a=1&a=2", headers={"a": "h", "cookie": "a=c"}).json() == [
            "path",
            "2",
            "h",
            "c",
        ]


@both
@pytest.mark.case(24)
def test_underscores_stand_for_hyphens_in_header_names_and_nowhere_else(interface: str) -> None:
    app = VelociPy()

    @app.get("/")
    async def endpoint(x_request_id: Annotated[str | None, Header()] = None) -> str | None:
        return x_request_id or "missing"

    with TestClient(app, interface=interface) as client:
        assert client.get("/", headers={"x-request-id": "a"}).text == "a"
        assert client.get("/", headers={"x_request_id": "a"}).text == "missing"
        reply = client.exchange("GET", "/", headers=[(b"host", b"a"), (b"x-request-id", b"\xe9")]).reply()
    assert reply.body == b"missing"


@both
@pytest.mark.case(28)
def test_defaults_and_none_in_every_place(interface: str) -> None:
    app = VelociPy()

    @app.get("/")
    async def endpoint(
        in_marker: Annotated[int, Query(1)],
        in_python: Annotated[int, Query()] = 2,
        as_default: int = Query(3),
        optional: int | None = None,
        *,
        literal: Literal["a", "b"] = "a",
        price: Decimal | None = None,
    ) -> list[Any]:
        return [in_marker, in_python, as_default, optional, literal, price]

    with TestClient(app, interface=interface) as client:
        assert client.get("/").json() == [1, 2, 3, None, "a", None]
        answer = client.get("/?in_marker=4&in_python=5&as_default=6&optional=7&literal=b&price=1.10")
        assert answer.json() == [4, 5, 6, 7, "b", "1.10"]
        assert client.get("/?optional=&literal=c").status_code == 422


@both
def test_an_optional_parameter_without_default_is_still_required(interface: str) -> None:
    app = VelociPy()

    @app.get("/")
    async def endpoint(page: int | None) -> int | None:
        return page

    with TestClient(app, interface=interface) as client:
        assert client.get("/").status_code == 422
        assert client.get("/?page=1").json() == 1


@both
@pytest.mark.case(39)
def test_a_body_that_may_be_missing(interface: str) -> None:
    app = VelociPy()

    @app.post("/struct")
    async def struct(item: Item | None = None) -> Any:
        return item or "none"

    @app.post("/dict")
    async def of_dict(item: dict[str, Any] | None = None) -> Any:
        return item or "none"

    @app.post("/null")
    async def null(item: dict[str, Any] | None) -> Any:
        return "none" if item is None else item

    with TestClient(app, interface=interface) as client:
        for path in ("/struct", "/dict"):
            assert client.post(path).text == "none"
            assert (
                client.post(path, content=b"null", headers={"content-type": "application/json"}).text
                == "none"
            )
            assert client.post(path, json={"name": "n"}).json()["name"] == "n"
            assert client.post(path, content=b"x", headers={"content-type": "text/plain"}).status_code == 415
            assert client.post(path, json=[1]).status_code == 422
        assert (
            client.post("/null", content=b"null", headers={"content-type": "application/json"}).text == "none"
        )
        assert client.post("/null").status_code == 415


@both
@pytest.mark.case(37)
@pytest.mark.case(38)
@pytest.mark.parametrize(
    ("content_type", "encoding", "status"),
    [
        ("application/json", None, 200),
        ("application/json; charset=utf-8", None, 200),
        ('Application/JSON;charset="UTF-8"', None, 200),
        ("application/problem+json", None, 200),
        ("application/json;charset=latin1", None, 415),
        ("text/plain", None, 415),
        ("text/json", None, 415),
        ("application/x-www-form-urlencoded", None, 415),
        ("", None, 415),
        (None, None, 415),
        ("application/json", "identity", 200),
        ("application/json", "gzip", 415),
    ],
)
def test_a_body_is_read_if_it_says_that_it_is_json(
    interface: str, content_type: str | None, encoding: str | None, status: int
) -> None:
    app = VelociPy()

    @app.post("/")
    async def endpoint(item: dict[str, Any]) -> int:
        return len(item)

    headers = [("host", "a"), ("content-length", "2")]
    headers += [("content-type", content_type)] if content_type is not None else []
    headers += [("content-encoding", encoding)] if encoding is not None else []
    with TestClient(app, interface=interface) as client:
        for _ in range(2):  # the second time the type is known already
            assert client.exchange("POST", "/", headers=headers, body=b"{}").reply().status == status


@both
@pytest.mark.parametrize("annotation", [dict[str, Any], list[Any]])
def test_raw_json_of_another_kind_is_a_422(interface: str, annotation: Any) -> None:
    app = VelociPy()

    async def endpoint(item: Any) -> str:
        return "fine"

    endpoint.__annotations__["item"] = annotation
    app.add_route("/", endpoint, ["POST"])
    kinds: list[tuple[str, Any]] = [("an object", {}), ("an array", [])]
    (word, good), (other, bad) = kinds if annotation == dict[str, Any] else reversed(kinds)
    with TestClient(app, interface=interface) as client:
        assert client.post("/", json=good).text == "fine"
        answer = client.post("/", json=bad)
    said = f"Invalid body: expected {word}, got {other}"
    assert answer.json() == {"detail": [{"loc": ["body"], "msg": said, "type": "type_error"}]}


@both
@pytest.mark.parametrize("order", ["body first", "request first", "by an exception handler", "by middleware"])
def test_a_body_that_is_bound_can_be_read_from_the_request_too(interface: str, order: str) -> None:
    """A server gives it once: whoever reads second must not wait for more."""
    app = VelociPy()
    seen: list[bytes] = []

    async def reading(request: Request, call_next: Any) -> Response:
        seen.append(await request.body())
        response: Response = await call_next(request)
        return response

    async def body_first(item: dict[str, Any], request: Request) -> None:
        seen.append(await request.body())

    async def request_first(request: Request, item: dict[str, Any]) -> None:
        seen.append(await request.body())

    async def raising(item: dict[str, Any], page: int = 1) -> None:
        raise LookupError

    @app.exception_handler(LookupError)
    async def handle(request: Request, exc: LookupError) -> None | Response:
        seen.append(await request.body())
        return Response(None, 204)

    if order == "by middleware":
        app.add_middleware(reading)
    by_order = {"body first": body_first, "request first": request_first, "by middleware": request_first}
    endpoint: Any = by_order.get(order, raising)
    app.add_route("/", endpoint, ["POST"])
    with TestClient(app, interface=interface, app_timeout=5) as client:
        assert client.post("/", json={"a": 1}).status_code == 204
    assert seen == [b'{"a":1}'] * (2 if order == "by middleware" else 1)


@both
def test_a_route_s_own_limit_counts_for_its_body(interface: str) -> None:
    app = VelociPy(max_content_length=10)

    @app.post("/small")
    async def small(item: list[Any]) -> int:
        return len(item)

    @app.post("/large", max_content_length=100)
    async def large(item: list[Any]) -> int:
        return len(item)

    with TestClient(app, interface=interface) as client:
        assert client.post("/small", json=[1] * 20).status_code == 413
        assert client.post("/large", json=[1] * 20).json() == 20


@both
def test_a_prefix_that_has_a_hole_gives_it_to_endpoint_and_dependencies(interface: str) -> None:
    async def tenant(tenant_id: int) -> int:
        return tenant_id

    router = APIRouter("/tenants/{tenant_id}", dependencies=[Depends(tenant)])

    @router.get("/items/{id:int}")
    async def endpoint(id: int) -> int:
        return id

    app = VelociPy()
    app.include_router(router)
    with TestClient(app, interface=interface) as client:
        assert client.get("/tenants/1/items/2").json() == 2
        assert client.get("/tenants/x/items/2").json()["detail"][0]["loc"] == ["path", "tenant_id"]


@both
def test_a_websocket_s_parameters_are_read_from_its_handshake(interface: str) -> None:
    app = VelociPy()

    @app.websocket("/{room}")
    async def endpoint(
        room: str, websocket: WebSocket, state: State, q: int = 1, x_id: Annotated[str, Header()] = "none"
    ) -> None:
        state.seen = q
        await websocket.accept()
        await websocket.send_json([room, websocket.state.seen, x_id])

    with (
        TestClient(app, interface=interface) as client,
        client.websocket_connect("/lobby?q=3", headers={"x-id": "a"}) as session,
    ):
        assert session.receive_json() == ["lobby", 3, "a"]


@both
def test_a_result_annotated_none_is_sent_if_it_is_something_all_the_same(interface: str) -> None:
    """An annotation that is wrong must not lose an answer, whatever middleware there is."""
    app = VelociPy()

    @app.get("/")
    async def endpoint() -> None:
        return Response("moved", 202)  # type: ignore[return-value]

    @app.get("/created", status_code=201)
    async def created() -> None:
        return None

    with TestClient(app, interface=interface) as client:
        assert (client.get("/").status_code, client.get("/").text) == (202, "moved")
        answer = client.get("/created")
    assert (answer.status_code, answer.headers["content-length"]) == (201, "0")
