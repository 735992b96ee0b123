"""The contract's paragraphs on dependencies and on sync functions, a test a clause. Knows what is seen from outside alone.

Its annotations are text, as `from __future__ import annotations` makes them.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, assert_type

import pytest

from velocipy import (
    APIRouter,
    Depends,
    HTTPException,
    JSONResponse,
    Query,
    Request,
    Response,
    StreamingResponse,
    VelociPy,
    WebSocket,
)
from velocipy.exceptions import WebSocketDisconnect
from velocipy.testing import AsyncTestClient, TestClient, WebSocketDenied
from velocipy.threads import MAX_THREADS

Events = list[str]
current: contextvars.ContextVar[str] = contextvars.ContextVar("current", default="nobody")


@pytest.fixture(params=["asgi", "rsgi"])
def interface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def events() -> Events:
    """What happened, in order."""
    return []


def client_of(app: VelociPy, interface: str) -> TestClient:
    return TestClient(app, interface=interface, raise_server_exceptions=False)


# -- kinds -------------------------------------------------------------------------------------------------------------


async def an_async_function(page: int = 1) -> int:
    return page


def a_sync_function(page: int = 1) -> int:
    return page


async def an_async_generator(page: int = 1) -> AsyncIterator[int]:
    yield page


def a_generator(page: int = 1) -> Iterator[int]:
    yield page


@asynccontextmanager
async def an_async_context_manager(page: int = 1) -> AsyncIterator[int]:
    yield page


@contextmanager
def a_context_manager(page: int = 1) -> Iterator[int]:
    yield page


class Called:
    """Objects that are called, in every way."""

    async def __call__(self, page: int = 1) -> int:
        return page

    def sync(self, page: int = 1) -> int:
        return page

    async def generator(self, page: int = 1) -> AsyncIterator[int]:
        yield page


class CalledGenerator:
    """An object whose call yields."""

    def __call__(self, page: int = 1) -> Iterator[int]:
        yield page


@dataclass
class Page:
    page: int = 1

    def __eq__(self, other: object) -> bool:
        return self.page == other


KINDS = [
    an_async_function,
    a_sync_function,
    an_async_generator,
    a_generator,
    an_async_context_manager,
    a_context_manager,
    Called(),
    Called().sync,
    Called().generator,
    CalledGenerator(),
]
of_every_kind = pytest.mark.parametrize(
    "dependency", KINDS, ids=lambda kind: getattr(kind, "__qualname__", "object")
)


@of_every_kind
def test_a_dependency_may_be_of_every_kind(interface: str, dependency: Callable[..., Any]) -> None:
    app = VelociPy()

    @app.get("/")
    async def endpoint(value: Annotated[int, Depends(dependency)]) -> int:
        return value

    client = client_of(app, interface)
    assert (client.get("/?page=3").json(), client.get("/?page=x").status_code) == (3, 422)


@pytest.mark.parametrize("written", ["named", "by annotation"])
def test_a_dependency_may_be_a_class(interface: str, written: str) -> None:
    app = VelociPy()

    if written == "named":

        @app.get("/")
        async def named(value: Annotated[Any, Depends(Page)]) -> int:
            return int(value.page)
    else:

        @app.get("/")
        async def annotated(value: Annotated[Page, Depends()]) -> int:
            return value.page

    assert client_of(app, interface).get("/?page=3").json() == 3


def test_a_dependency_may_be_the_default_of_a_parameter(interface: str) -> None:
    app = VelociPy()

    @app.get("/")
    async def endpoint(value: int = Depends(an_async_generator)) -> int:
        return value

    assert client_of(app, interface).get("/?page=3").json() == 3


def test_dependencies_depend_on_dependencies_to_any_depth(interface: str) -> None:
    app = VelociPy()
    dependency: Any = a_generator
    for _ in range(30):

        async def deeper(below: Any) -> int:
            return int(below) + 1

        deeper.__annotations__["below"] = Annotated[int, Depends(dependency)]
        dependency = deeper

    @app.get("/")
    async def endpoint(value: Annotated[int, Depends(dependency)]) -> int:
        return value

    assert client_of(app, interface).get("/?page=3").json() == 33


# -- caching -----------------------------------------------------------------------------------------------------------


@of_every_kind
def test_a_dependency_is_called_once_a_request_by_callable(
    interface: str, dependency: Callable[..., Any]
) -> None:
    app = VelociPy()
    calls = []

    async def count(page: int = 1) -> AsyncIterator[object]:
        calls.append(page)
        yield object()

    async def through(
        value: Annotated[object, Depends(count)], same: Annotated[int, Depends(dependency)]
    ) -> object:
        return value

    @app.get("/", dependencies=[Depends(count), Depends(dependency)])
    async def endpoint(
        one: Annotated[object, Depends(count)],
        other: Annotated[object, Depends(through)],
        same: Annotated[int, Depends(dependency)],
    ) -> bool:
        return one is other

    client = client_of(app, interface)
    assert [client.get("/").json(), client.get("/").json()] == [True, True]
    assert len(calls) == 2


def test_one_function_through_two_objects_is_two_dependencies(interface: str) -> None:
    """By callable: bound methods of one object are one, of two objects two."""
    app = VelociPy()

    class Counter:
        def __init__(self) -> None:
            self.calls = 0

        async def call(self) -> int:
            self.calls += 1
            return self.calls

    first, second = Counter(), Counter()

    @app.get("/")
    async def endpoint(
        a: Annotated[int, Depends(first.call)],
        b: Annotated[int, Depends(first.call)],
        c: Annotated[int, Depends(second.call)],
    ) -> list[int]:
        return [a, b, c]

    assert client_of(app, interface).get("/").json() == [1, 1, 1]
    assert (first.calls, second.calls) == (1, 1)


def test_use_cache_false_opts_out(interface: str) -> None:
    app = VelociPy()
    calls: list[int] = []

    async def count() -> int:
        calls.append(1)
        return len(calls)

    @app.get("/")
    async def endpoint(
        a: Annotated[int, Depends(count)],
        b: Annotated[int, Depends(count, use_cache=False)],
        c: Annotated[int, Depends(count)],
        d: Annotated[int, Depends(count, use_cache=False)],
    ) -> bool:
        return a == c and len({a, b, d}) == 3

    assert client_of(app, interface).get("/").json() is True
    assert len(calls) == 3


# -- teardown ----------------------------------------------------------------------------------------------------------


def noting(events: Events, name: str, kind: str = "async") -> Callable[..., Any]:
    """A dependency that notes when it is entered and how it is left."""

    def note_exit(exc: BaseException | None) -> None:
        events.append(f"{name} left" if exc is None else f"{name} {type(exc).__name__}")

    async def async_generator() -> AsyncIterator[str]:
        events.append(f"{name} entered")
        try:
            yield name
        except BaseException as exc:
            note_exit(exc)
            raise
        note_exit(None)

    def generator() -> Iterator[str]:
        events.append(f"{name} entered")
        try:
            yield name
        except BaseException as exc:
            note_exit(exc)
            raise
        note_exit(None)

    kinds: dict[str, Callable[..., Any]] = {
        "async": async_generator,
        "sync": generator,
        "async manager": asynccontextmanager(async_generator),
        "manager": contextmanager(generator),
    }
    return kinds[kind]


class Noted(Response):
    """A response that notes when it is sent."""

    events: Events = []

    async def send(self, connection: Any) -> None:
        self.events.append("sent")
        await super().send(connection)


every_entered_kind = pytest.mark.parametrize("kind", ["async", "sync", "async manager", "manager"])


@every_entered_kind
def test_by_default_teardown_runs_before_a_buffered_answer_is_sent(
    interface: str, events: Events, kind: str
) -> None:
    app, Noted.events = VelociPy(), events
    db = noting(events, "db", kind)

    @app.get("/")
    async def endpoint(db: Annotated[str, Depends(db)]) -> Response:
        return Noted(db)

    assert client_of(app, interface).get("/").text == "db"
    assert events == ["db entered", "db left", "sent"]


COMMITS: list[tuple[Any, Any]] = [
    ("text", str),
    ({"a": 1}, dict[str, int]),
    (None, None),
    (b"octets", bytes),
    (JSONResponse([1]), Response),
    (Page(1), Page),
]


@every_entered_kind
@pytest.mark.parametrize(("result", "returns"), COMMITS, ids=lambda value: type(value).__name__)
def test_a_commit_that_fails_is_a_500_and_never_a_200(
    interface: str, kind: str, result: Any, returns: Any
) -> None:
    app = VelociPy()

    async def failing() -> AsyncIterator[None]:
        yield
        raise RuntimeError("the commit failed")

    def failing_sync() -> Iterator[None]:
        yield
        raise RuntimeError("the commit failed")

    kinds = {
        "async": failing,
        "sync": failing_sync,
        "async manager": asynccontextmanager(failing),
        "manager": contextmanager(failing_sync),
    }
    commit: Any = kinds[kind]

    async def endpoint(_: Annotated[None, Depends(commit)]) -> Any:
        return result

    endpoint.__annotations__ = {"_": Annotated[None, Depends(commit)], "return": returns}
    app.get("/")(endpoint)
    answer = client_of(app, interface).get("/")
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"})


@every_entered_kind
@pytest.mark.parametrize("given", ["iterator", "response"])
def test_by_default_teardown_runs_after_the_last_byte_of_a_stream_which_may_use_the_dependency(
    interface: str, events: Events, kind: str, given: str
) -> None:
    app = VelociPy()
    db = noting(events, "db", kind)

    @app.get("/")
    async def endpoint(db: Annotated[str, Depends(db)]) -> Any:
        async def rows() -> AsyncIterator[str]:
            for number in range(3):
                events.append(f"row {number}")
                yield f"{db}{number} "

        return rows() if given == "iterator" else StreamingResponse(rows())

    assert client_of(app, interface).get("/").text == "db0 db1 db2 "
    assert events == ["db entered", "row 0", "row 1", "row 2", "db left"]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("scope", "order"), [("request", ["sent", "db left"]), ("function", ["db left", "sent"])]
)
def test_scope_request_is_always_after_and_scope_function_always_before(
    interface: str, events: Events, streamed: bool, scope: Any, order: list[str]
) -> None:
    app, Noted.events = VelociPy(), events
    db = noting(events, "db")

    @app.get("/")
    async def endpoint(_: Annotated[str, Depends(db, scope=scope)]) -> Response:
        async def rows() -> AsyncIterator[str]:
            yield "x"
            events.append("sent")

        return StreamingResponse(rows()) if streamed else Noted("x")

    assert client_of(app, interface).get("/").text == "x"
    assert events == ["db entered", *order]


@every_entered_kind
def test_scope_app_is_once_per_lifespan(interface: str, events: Events, kind: str) -> None:
    app = VelociPy()
    pool = noting(events, "pool", kind)

    @app.get("/")
    async def endpoint(pool: Annotated[str, Depends(pool, scope="app")]) -> str:
        events.append("endpoint")
        return pool

    client = client_of(app, interface)
    for _ in range(2):
        with client:
            assert events == ["pool entered"]
            assert [client.get("/").text, client.get("/").text] == ["pool", "pool"]
        assert events == ["pool entered", "endpoint", "endpoint", "pool left"]
        events.clear()


def test_scope_app_is_once_per_loop(interface: str) -> None:
    """An app that serves two loops has two pools, since what belongs to a loop cannot be shared."""
    app = VelociPy()
    made: list[asyncio.AbstractEventLoop] = []

    async def pool() -> AsyncIterator[asyncio.AbstractEventLoop]:
        made.append(asyncio.get_running_loop())
        yield made[-1]

    @app.get("/")
    async def endpoint(pool: Annotated[asyncio.AbstractEventLoop, Depends(pool, scope="app")]) -> bool:
        return pool is asyncio.get_running_loop()

    with client_of(app, interface) as first, client_of(app, interface) as second:
        assert [client.get("/").json() for client in (first, second, first)] == [True, True, True]
    assert len(made) == len(set(made)) == 2


@pytest.mark.parametrize("fails", [False, True])
def test_teardown_is_last_in_first_out(interface: str, events: Events, fails: bool) -> None:
    """Whatever the kinds and whoever asks for them."""
    app = VelociPy()
    a, b, c, d = (
        noting(events, name, kind)
        for name, kind in zip("abcd", ("async", "sync", "async manager", "manager"), strict=True)
    )

    async def through(b: Annotated[str, Depends(b)], c: Annotated[str, Depends(c)]) -> str:
        return b + c

    @app.get("/", dependencies=[Depends(a)])
    async def endpoint(bc: Annotated[str, Depends(through)], d: Annotated[str, Depends(d)]) -> str:
        if fails:
            raise LookupError
        return bc + d

    client_of(app, interface).get("/")
    assert [event[0] for event in events] == list("abcddcba")


@every_entered_kind
@pytest.mark.parametrize(
    ("exc", "status"),
    [(LookupError("x"), 500), (HTTPException(409), 409), (HTTPException(503), 503)],
    ids=repr,
)
def test_exceptions_are_thrown_in(
    interface: str, events: Events, kind: str, exc: Exception, status: int
) -> None:
    app = VelociPy()
    db = noting(events, "db", kind)

    @app.get("/")
    async def endpoint(_: Annotated[str, Depends(db)]) -> None:
        raise exc

    assert client_of(app, interface).get("/").status_code == status
    assert events == ["db entered", f"db {type(exc).__name__}"]


def test_exceptions_are_thrown_in_before_an_exception_handler_answers(interface: str, events: Events) -> None:
    app = VelociPy()
    db = noting(events, "db")

    @app.exception_handler(LookupError)
    async def handler(request: Request, exc: Exception) -> Response:
        events.append("handler")
        return Response("handled", 410)

    @app.get("/")
    async def endpoint(_: Annotated[str, Depends(db)]) -> None:
        raise LookupError

    assert client_of(app, interface).get("/").status_code == 410
    assert events == ["db entered", "db LookupError", "handler"]


def test_exceptions_of_a_later_dependency_are_thrown_into_the_earlier_ones(
    interface: str, events: Events
) -> None:
    app = VelociPy()
    db = noting(events, "db")

    async def failing() -> None:
        raise LookupError

    @app.get("/")
    async def endpoint(_: Annotated[str, Depends(db)], f: Annotated[None, Depends(failing)]) -> None: ...

    assert client_of(app, interface).get("/").status_code == 500
    assert events == ["db entered", "db LookupError"]


# -- exactly once ------------------------------------------------------------------------------------------------------


def ending_app(events: Events) -> VelociPy:
    """An app whose routes end in every way; each has two dependencies of each scope that ends with a request."""
    app = VelociPy()
    router = APIRouter(
        dependencies=[
            Depends(noting(events, "r", "manager"), scope="request"),
            Depends(noting(events, "n")),
            Depends(noting(events, "f", "sync"), scope="function"),
        ]
    )

    @router.get("/success")
    async def success() -> str:
        return "x"

    @router.get("/error")
    async def error() -> None:
        raise LookupError

    @router.get("/refused")
    async def refused(page: int) -> None: ...

    @router.get("/hang")
    async def hang() -> None:
        events.append("reached")
        await asyncio.sleep(30)

    @router.get("/stream")
    async def stream() -> AsyncIterator[bytes]:
        async def rows() -> AsyncIterator[bytes]:
            events.append("reached")
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.001)

        return rows()

    @router.get("/broken")
    async def broken() -> AsyncIterator[bytes]:
        async def rows() -> AsyncIterator[bytes]:
            yield b"x"
            raise LookupError

        return rows()

    @router.post("/upload")
    async def upload(request: Request) -> None:
        events.append("reached")
        await request.body()

    @router.websocket("/ws/{end}")
    async def socket(websocket: WebSocket, end: str) -> None:
        events.append("reached")
        if end == "refused":
            raise HTTPException(401)
        await websocket.accept()
        if end == "error":
            raise LookupError
        if end == "success":
            return
        async for _ in websocket:
            pass
        await websocket.send_text("too late")

    app.include_router(router)
    return app


def exits(events: Events) -> list[str]:
    """Which dependencies were left, sorted."""
    return sorted(event[0] for event in events if event[1:2] == " " and not event.endswith("entered"))


@pytest.mark.parametrize("path", ["/success", "/error", "/refused", "/nowhere", "/broken"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT"])
def test_teardown_runs_exactly_once_on_success_and_error(
    interface: str, events: Events, path: str, method: str
) -> None:
    app = ending_app(events)
    with client_of(app, interface) as client, client.exchange(method, path) as exchange:
        exchange.head()
    assert exits(events) == sorted(event[0] for event in events if event.endswith("entered"))
    if method == "GET" and path != "/nowhere":
        assert exits(events) == ["f", "n", "r"]


async def reached(events: Events) -> None:
    """Waits until the endpoint runs."""
    async with asyncio.timeout(5):
        while "reached" not in events:
            await asyncio.sleep(0.001)


async def over(task: asyncio.Task[None] | None) -> None:
    """Waits until the app is done with an exchange."""
    assert task is not None
    await asyncio.wait([task], timeout=5)
    assert task.done()


@pytest.mark.parametrize("path", ["/hang", "/stream"])
def test_teardown_runs_exactly_once_on_cancel(interface: str, events: Events, path: str) -> None:
    async def scenario() -> None:
        async with AsyncTestClient(ending_app(events), interface=interface) as client:
            exchange = client.exchange("GET", path)
            await reached(events)
            assert exchange.task is not None
            exchange.task.cancel()
            await over(exchange.task)

    asyncio.run(scenario())
    assert exits(events) == ["f", "n", "r"]
    assert "n CancelledError" in events and "r CancelledError" in events


def test_teardown_runs_exactly_once_on_disconnect_from_a_stream(interface: str, events: Events) -> None:
    async def scenario() -> None:
        async with AsyncTestClient(ending_app(events), interface=interface) as client:
            exchange = client.exchange("GET", "/stream")
            await exchange.chunk()
            exchange.leave()
            await over(exchange.task)

    asyncio.run(scenario())
    assert exits(events) == ["f", "n", "r"]
    assert "n ClientDisconnected" in events and "r ClientDisconnected" in events


def test_teardown_runs_exactly_once_on_disconnect_in_the_body(interface: str, events: Events) -> None:
    async def scenario() -> None:
        async with AsyncTestClient(ending_app(events), interface=interface) as client:
            headers = [("host", "testserver"), ("content-length", "100")]
            exchange = client.exchange("POST", "/upload", headers=headers, body=None)
            exchange.feed(b"half")
            await reached(events)
            exchange.cut()
            await over(exchange.task)

    asyncio.run(scenario())
    assert exits(events) == ["f", "n", "r"]
    assert {event for event in events if "Client" in event} == {
        f"{name} ClientDisconnected" for name in "fnr"
    }


@pytest.mark.parametrize(
    ("end", "left"),
    [
        ("success", "left"),
        ("error", "LookupError"),
        ("refused", "HTTPException"),
        ("closed", "WebSocketDisconnect"),
        ("lost", "WebSocketDisconnect"),
    ],
)
def test_teardown_runs_exactly_once_for_websockets(
    interface: str, events: Events, end: str, left: str
) -> None:
    async def scenario() -> None:
        async with AsyncTestClient(
            ending_app(events), interface=interface, raise_server_exceptions=False
        ) as client:
            try:
                async with client.websocket_connect(f"/ws/{end}") as socket:
                    if end == "closed":
                        await socket.close(1000)
                    elif end == "lost":
                        await socket.exchange.close()
                    else:
                        await socket.receive()
            except (WebSocketDisconnect, WebSocketDenied):
                pass

    asyncio.run(scenario())
    assert exits(events) == ["f", "n", "r"]
    assert {event for event in events if event[1:2] == " " and not event.endswith("entered")} == {
        f"{name} {left}" for name in "fnr"
    }


def test_teardown_runs_exactly_once_when_a_websocket_is_cancelled(interface: str, events: Events) -> None:
    async def scenario() -> None:
        async with AsyncTestClient(ending_app(events), interface=interface) as client:
            with pytest.raises(asyncio.CancelledError):
                async with client.websocket_connect("/ws/open"):
                    await client.server.cancel()

    asyncio.run(scenario())
    assert exits(events) == ["f", "n", "r"]


@of_every_kind
def test_dependencies_of_every_kind_work_for_websockets(
    interface: str, dependency: Callable[..., Any]
) -> None:
    app = VelociPy()

    @app.websocket("/")
    async def endpoint(websocket: WebSocket, value: Annotated[int, Depends(dependency)]) -> None:
        await websocket.accept()
        await websocket.send_json(value)

    client = client_of(app, interface)
    with client.websocket_connect("/?page=3") as socket:
        assert socket.receive_json() == 3


def test_scope_app_is_shared_with_websockets(interface: str, events: Events) -> None:
    app = VelociPy()
    pool = noting(events, "pool")

    @app.get("/")
    async def endpoint(pool: Annotated[str, Depends(pool, scope="app")]) -> str:
        return pool

    @app.websocket("/ws")
    async def socket(websocket: WebSocket, pool: Annotated[str, Depends(pool, scope="app")]) -> None:
        await websocket.accept()
        await websocket.send_text(pool)

    with client_of(app, interface) as client, client.websocket_connect("/ws") as session:
        assert (client.get("/").text, session.receive_text()) == ("pool", "pool")
    assert events == ["pool entered", "pool left"]


# -- types -------------------------------------------------------------------------------------------------------------


async def an_awaitable() -> Page:
    return Page()


async def a_session() -> AsyncIterator[Page]:
    yield Page()


def a_sync_session() -> Iterator[Page]:
    yield Page()


def a_page() -> Page:
    return Page()


def a_coroutine_maker() -> Awaitable[Page]:
    return an_awaitable()


def test_depends_is_typed_as_the_dependency_s_return_value() -> None:
    """What `assert_type` says is checked by the type checker, which reads this file; at run time it says nothing."""
    assert_type(Depends(an_awaitable), Page)
    assert_type(Depends(a_session), Page)
    assert_type(Depends(a_sync_session), Page)
    assert_type(Depends(a_page), Page)
    assert_type(Depends(a_coroutine_maker), Page)
    assert_type(Depends(asynccontextmanager(a_session)), Page)
    assert_type(Depends(contextmanager(a_sync_session)), Page)
    assert_type(Depends(Page), Page)
    assert_type(Depends(a_page, use_cache=False, scope="app"), Page)


def test_a_default_of_depends_fits_the_annotation_of_its_parameter(interface: str) -> None:
    """Without a cast or a comment for the type checker."""
    app = VelociPy()

    @app.get("/")
    async def endpoint(page: Page = Depends(a_session), size: int = Query(2)) -> int:
        return page.page + size

    assert client_of(app, interface).get("/").json() == 3


# -- sync functions ----------------------------------------------------------------------------------------------------


def thread_of_the_loop(app: VelociPy) -> list[int]:
    """Where the thread of the loop is noted, by a dependency of the app."""
    noted: list[int] = []

    async def note() -> None:
        noted[:] = [threading.get_ident()]

    app.layer.dependencies.append(Depends(note))
    return noted


@pytest.mark.parametrize("kind", ["function", "generator", "context manager", "callable object"])
def test_sync_handlers_and_dependencies_run_in_threads(interface: str, kind: str, events: Events) -> None:
    app = VelociPy()
    loop = thread_of_the_loop(app)
    threads: list[int] = []

    def function() -> None:
        threads.append(threading.get_ident())

    def generator() -> Iterator[None]:
        threads.append(threading.get_ident())
        yield
        threads.append(threading.get_ident())

    class Callable_:
        def __call__(self) -> None:
            threads.append(threading.get_ident())

    kinds = {
        "function": function,
        "generator": generator,
        "context manager": contextmanager(generator),
        "callable object": Callable_(),
    }
    dependency: Any = kinds[kind]

    @app.get("/")
    def endpoint(_: Annotated[None, Depends(dependency)]) -> None:
        threads.append(threading.get_ident())

    assert client_of(app, interface).get("/").status_code == 204
    assert len(threads) == (3 if kind in ("generator", "context manager") else 2)
    assert loop and loop[0] not in threads


def test_sync_iterators_of_streams_run_in_threads(interface: str) -> None:
    app = VelociPy()
    loop = thread_of_the_loop(app)
    threads = []

    @app.get("/")
    async def endpoint() -> Iterator[str]:
        def rows() -> Iterator[str]:
            threads.append(threading.get_ident())
            yield "x"
            threads.append(threading.get_ident())

        return rows()

    assert client_of(app, interface).get("/").text == "x"
    assert len(threads) == 2 and loop[0] not in threads


def test_sync_functions_have_the_request_s_context(interface: str) -> None:
    app = VelociPy()

    async def log_in(user: str) -> AsyncIterator[None]:
        token = current.set(user)
        yield
        current.reset(token)

    def read() -> str:
        return current.get()

    def read_twice() -> Iterator[str]:
        before = current.get()
        yield before
        assert current.get() == before

    @app.get("/{user}", dependencies=[Depends(log_in)])
    def endpoint(
        user: str, read: Annotated[str, Depends(read)], twice: Annotated[str, Depends(read_twice)]
    ) -> list[str]:
        return [current.get(), read, twice]

    client = client_of(app, interface)
    assert client.get("/ada").json() == ["ada"] * 3
    assert client.get("/bob").json() == ["bob"] * 3


def test_what_a_sync_dependency_sets_in_its_context_is_there_at_its_teardown(interface: str) -> None:
    app = VelociPy()
    seen = []

    def transaction() -> Iterator[None]:
        token = current.set("transaction")
        yield
        seen.append(current.get())
        current.reset(token)

    @app.get("/")
    async def endpoint(_: Annotated[None, Depends(transaction)]) -> None: ...

    assert client_of(app, interface).get("/").status_code == 204
    assert seen == ["transaction"]


@pytest.mark.parametrize("place", ["endpoint", "dependency", "teardown", "stream", "exception handler"])
def test_the_loop_is_never_blocked(interface: str, place: str) -> None:
    """While sync code waits for an async endpoint to be called, that endpoint is."""
    app = VelociPy()
    called = threading.Event()

    def wait_for_the_other() -> bool:
        assert called.wait(5), "the loop is blocked"
        return True

    def wait_at_the_end() -> Iterator[None]:
        yield
        wait_for_the_other()

    @app.get("/endpoint")
    def endpoint() -> bool:
        return wait_for_the_other()

    @app.get("/dependency")
    async def dependency(value: Annotated[bool, Depends(wait_for_the_other)]) -> bool:
        return value

    @app.get("/teardown")
    async def teardown(_: Annotated[None, Depends(wait_at_the_end)]) -> bool:
        return True

    @app.get("/stream")
    async def stream() -> Iterator[str]:
        return (str(wait_for_the_other()).lower() for _ in range(1))

    @app.get("/exception handler")
    async def failing() -> None:
        raise LookupError

    @app.exception_handler(LookupError)
    def handler(request: Request, exc: Exception) -> Response:
        return JSONResponse(wait_for_the_other())

    @app.get("/other")
    async def other() -> None:
        called.set()

    async def scenario() -> list[int]:
        async with AsyncTestClient(app, interface=interface) as client:
            answers = await asyncio.gather(client.get(f"/{place}"), client.get("/other"))
            assert answers[0].text == "true"
            return [answer.status_code for answer in answers]

    assert asyncio.run(scenario()) == [200, 204]


def test_the_thread_pool_is_bounded(interface: str) -> None:
    """More calls than threads wait for their turn, and all are answered."""
    app = VelociPy()
    lock = threading.Lock()
    running: set[int] = set()
    most = 0

    @app.get("/{number}")
    def endpoint(number: int) -> int:
        nonlocal most
        with lock:
            running.add(number)
            most = max(most, len(running))
        time.sleep(0.01)
        with lock:
            running.remove(number)
        return number

    async def scenario() -> list[int]:
        async with AsyncTestClient(app, interface=interface) as client:
            answers = await asyncio.gather(*(client.get(f"/{number}") for number in range(3 * MAX_THREADS)))
            return [answer.json() for answer in answers]

    assert asyncio.run(scenario()) == list(range(3 * MAX_THREADS))
    assert 1 < most <= MAX_THREADS


def test_an_exception_in_a_thread_is_the_request_s(interface: str) -> None:
    app = VelociPy()

    @app.get("/")
    def endpoint() -> None:
        raise HTTPException(409)

    assert client_of(app, interface).get("/").status_code == 409
