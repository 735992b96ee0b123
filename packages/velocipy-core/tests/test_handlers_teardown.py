"""When dependencies are left, seen from outside: before or after the answer, once, in order, with the exception."""

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

import pytest

from velocipy import Depends, HTTPException, Request, Response, StreamingResponse, VelociPy, WebSocket
from velocipy.exceptions import ClientDisconnected
from velocipy.testing import AsyncTestClient, TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


class Wrapping:
    """The least middleware that wraps."""

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        answer: Response = await call_next(request)
        return answer


with_and_without_wrapping = pytest.mark.parametrize("wrapped", [False, True])


def make_app(wrapped: bool) -> VelociPy:
    app = VelociPy()
    if wrapped:
        app.add_middleware(Wrapping())
        app.add_middleware(Wrapping())
    return app


@both
@with_and_without_wrapping
@pytest.mark.case(143)
def test_a_commit_that_fails_is_a_500_and_never_a_200(interface: str, wrapped: bool) -> None:
    app = make_app(wrapped)

    async def transaction() -> AsyncIterator[str]:
        yield "tx"
        raise RuntimeError("the commit failed")

    @app.get("/dict")
    async def of_dict(tx: Annotated[str, Depends(transaction)]) -> dict[str, str]:
        return {"tx": tx}

    @app.get("/response")
    async def of_response(tx: Annotated[str, Depends(transaction)]) -> Response:
        return Response(tx)

    @app.get("/none")
    async def of_none(tx: Annotated[str, Depends(transaction)]) -> None:
        return None

    with TestClient(app, interface=interface) as client:
        answers = [client.get(path) for path in ("/dict", "/response", "/none")]
    assert [(answer.status_code, answer.json()) for answer in answers] == [
        (500, {"detail": "Internal Server Error"})
    ] * 3


@both
@with_and_without_wrapping
@pytest.mark.case(143)
def test_dependencies_are_left_last_in_first_out_exactly_once(interface: str, wrapped: bool) -> None:
    app = make_app(wrapped)
    events: list[str] = []

    async def outer() -> AsyncIterator[str]:
        events.append("enter outer")
        yield "outer"
        events.append("leave outer")

    def inner(outer: Annotated[str, Depends(outer)]) -> Iterator[str]:
        events.append("enter inner")
        yield f"{outer} inner"
        events.append("leave inner")

    @app.get("/")
    async def endpoint(inner: Annotated[str, Depends(inner)]) -> str:
        events.append("endpoint")
        return inner

    with TestClient(app, interface=interface) as client:
        assert client.get("/").text == "outer inner"
    assert events == ["enter outer", "enter inner", "endpoint", "leave inner", "leave outer"]


@both
@with_and_without_wrapping
def test_a_buffered_answer_waits_for_teardown_and_a_stream_goes_before_it(
    interface: str, wrapped: bool
) -> None:
    app = make_app(wrapped)
    events: list[str] = []

    async def db() -> AsyncIterator[str]:
        yield "db"
        events.append("left")

    @app.get("/stream")
    async def stream(db: Annotated[str, Depends(db)]) -> StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            for number in range(3):
                events.append(f"row {number}")
                yield f"{db}{number} "

        return StreamingResponse(rows())

    with TestClient(app, interface=interface) as client:
        assert client.get("/stream").text == "db0 db1 db2 "
    assert events == ["row 0", "row 1", "row 2", "left"]


@both
@with_and_without_wrapping
def test_scopes_say_when_a_dependency_is_left(interface: str, wrapped: bool) -> None:
    """`function` before any answer, `request` after any; None before a buffered one and after a stream."""
    app = make_app(wrapped)
    events: list[str] = []

    def named(name: str) -> Any:
        async def dependency() -> AsyncIterator[None]:
            yield
            events.append(name)

        return dependency

    class Noted(Response):
        async def send(self, connection: Any) -> None:
            events.append("sent")
            await super().send(connection)

    early, usual, late = named("early"), named("usual"), named("late")

    @app.get("/buffered")
    async def buffered(
        late: Annotated[None, Depends(late, scope="request")],
        usual: Annotated[None, Depends(usual)],
        early: Annotated[None, Depends(early, scope="function")],
    ) -> Response:
        return Noted(b"x")

    @app.get("/stream")
    async def stream(
        late: Annotated[None, Depends(late, scope="request")],
        usual: Annotated[None, Depends(usual)],
        early: Annotated[None, Depends(early, scope="function")],
    ) -> StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            yield "x"
            events.append("sent")

        return StreamingResponse(rows())

    with TestClient(app, interface=interface) as client:
        client.get("/buffered")
        assert events == ["early", "usual", "sent", "late"]
        events.clear()
        client.get("/stream")
        assert events == ["early", "sent", "usual", "late"]


@both
@with_and_without_wrapping
@pytest.mark.case(143)
def test_an_exception_is_thrown_into_what_was_entered_and_may_be_replaced(
    interface: str, wrapped: bool
) -> None:
    app = make_app(wrapped)
    seen: list[str] = []

    async def translating() -> AsyncIterator[None]:
        try:
            yield
        except LookupError as exc:
            seen.append(repr(exc))
            raise HTTPException(409, "taken") from exc

    @app.get("/")
    async def endpoint(_: Annotated[None, Depends(translating)]) -> None:
        raise LookupError("x")

    with TestClient(app, interface=interface) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.json()) == (409, {"detail": "taken"})
    assert seen == ["LookupError('x')"]


@both
@with_and_without_wrapping
def test_an_exception_cannot_be_swallowed_by_a_dependency(interface: str, wrapped: bool) -> None:
    app = make_app(wrapped)

    async def silent() -> AsyncIterator[None]:
        try:
            yield
        except LookupError:
            pass

    def silent_thread() -> Iterator[None]:
        try:
            yield
        except LookupError:
            pass

    @app.get("/")
    async def endpoint(
        a: Annotated[None, Depends(silent)], b: Annotated[None, Depends(silent_thread)]
    ) -> dict[str, str]:
        raise LookupError("x")

    @app.exception_handler(LookupError)
    async def handled(request: Request, exc: LookupError) -> Response:
        return Response("handled", 410)

    with TestClient(app, interface=interface) as client:
        assert client.get("/").status_code == 410


@both
@with_and_without_wrapping
def test_what_was_entered_before_a_dependency_that_fails_is_left(interface: str, wrapped: bool) -> None:
    app = make_app(wrapped)
    events: list[str] = []

    async def first() -> AsyncIterator[None]:
        try:
            yield
        finally:
            events.append("first left")

    async def failing(first: Annotated[None, Depends(first)]) -> AsyncIterator[None]:
        raise HTTPException(503)
        yield

    @app.get("/")
    async def endpoint(x: Annotated[None, Depends(failing)]) -> None:
        events.append("endpoint")

    with TestClient(app, interface=interface) as client:
        assert client.get("/").status_code == 503
    assert events == ["first left"]


@both
@with_and_without_wrapping
@pytest.mark.case(143)
def test_cancelling_a_request_leaves_everything_once_and_in_order(interface: str, wrapped: bool) -> None:
    app = make_app(wrapped)
    events: list[str] = []

    async def outer() -> AsyncIterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            events.append("outer cancelled")
            raise
        finally:
            events.append("outer left")

    def inner(_: Annotated[None, Depends(outer)]) -> Iterator[None]:
        try:
            yield
        finally:
            time.sleep(0.02)
            events.append("inner left")

    reached = asyncio.Event()

    @app.get("/")
    async def endpoint(_: Annotated[None, Depends(inner)]) -> None:
        reached.set()
        await asyncio.sleep(30)

    async def scenario() -> None:
        async with AsyncTestClient(app, interface=interface) as client:
            exchange = client.exchange("GET", "/")
            await asyncio.wait_for(reached.wait(), 30)
            assert exchange.task is not None
            exchange.task.cancel()
            await asyncio.wait([exchange.task], timeout=30)
            assert exchange.task.done()

    asyncio.run(scenario())
    assert events == ["inner left", "outer cancelled", "outer left"]


@both
@with_and_without_wrapping
@pytest.mark.case(143)
def test_a_dependency_that_ends_the_request_while_it_is_thrown_an_error_is_obeyed(
    interface: str, wrapped: bool
) -> None:
    """It is cancelled then, not answered; what stands around the dependency is left with that."""
    app = make_app(wrapped)
    events: list[str] = []

    async def outer() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as exc:
            events.append(f"outer {type(exc).__name__}")
            raise

    async def inner(_: Annotated[None, Depends(outer)]) -> AsyncIterator[None]:
        try:
            yield
        except LookupError:
            events.append("inner LookupError")
            raise asyncio.CancelledError from None

    @app.get("/")
    async def endpoint(_: Annotated[None, Depends(inner)]) -> None:
        raise LookupError

    async def scenario() -> None:
        async with AsyncTestClient(app, interface=interface) as client:
            with pytest.raises(asyncio.CancelledError):
                await client.get("/")

    asyncio.run(scenario())
    assert events == ["inner LookupError", "outer CancelledError"]


@both
@pytest.mark.case(143)
def test_cancelling_while_a_thread_enters_still_leaves_it(interface: str) -> None:
    """A thread cannot be stopped: what it enters after the cancellation is left all the same."""
    app = VelociPy()
    events: list[str] = []
    entering = threading.Event()

    def slow() -> Iterator[None]:
        entering.set()
        time.sleep(0.05)
        events.append("entered")
        try:
            yield
        finally:
            events.append("left")

    @app.get("/")
    async def endpoint(_: Annotated[None, Depends(slow)]) -> None:
        events.append("endpoint")

    async def scenario() -> None:
        async with AsyncTestClient(app, interface=interface) as client:
            exchange = client.exchange("GET", "/")
            await asyncio.to_thread(entering.wait, 5)
            assert exchange.task is not None
            exchange.task.cancel()
            await asyncio.wait([exchange.task], timeout=30)

    asyncio.run(scenario())
    assert events == ["entered", "left"]


@both
@with_and_without_wrapping
@pytest.mark.case(143)
def test_a_client_that_leaves_a_stream_has_its_dependencies_left_once(interface: str, wrapped: bool) -> None:
    app = make_app(wrapped)
    events: list[str] = []

    async def db() -> AsyncIterator[None]:
        try:
            yield
        except ClientDisconnected:
            events.append("told")
            raise
        finally:
            events.append("left")

    @app.get("/")
    async def stream(_: Annotated[None, Depends(db)]) -> StreamingResponse:
        async def rows() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0.001)

        return StreamingResponse(rows())

    async def scenario() -> None:
        async with AsyncTestClient(app, interface=interface) as client:
            exchange = client.exchange("GET", "/")
            await exchange.chunk()
            exchange.leave()
            assert exchange.task is not None
            await asyncio.wait([exchange.task], timeout=30)
            assert exchange.task.done()

    asyncio.run(scenario())
    assert events == ["told", "left"]


@both
@with_and_without_wrapping
@pytest.mark.case(143)
def test_a_stream_that_breaks_off_is_no_success_to_its_dependencies(
    interface: str, wrapped: bool, caplog: pytest.LogCaptureFixture
) -> None:
    app = make_app(wrapped)
    events: list[str] = []

    async def transaction() -> AsyncIterator[None]:
        try:
            yield
        except ValueError as exc:
            events.append(f"rolled back: {exc}")
            raise
        else:
            events.append("committed")

    @app.get("/")
    async def stream(_: Annotated[None, Depends(transaction)]) -> StreamingResponse:
        async def rows() -> AsyncIterator[str]:
            yield "x"
            raise ValueError("row 2")

        return StreamingResponse(rows())

    async def scenario() -> None:
        async with AsyncTestClient(app, interface=interface) as client:
            exchange = client.exchange("GET", "/")
            assert exchange.task is not None
            await asyncio.wait([exchange.task], timeout=30)

    with caplog.at_level(logging.ERROR, "velocipy"):
        asyncio.run(scenario())
    assert events == ["rolled back: row 2"]
    assert len(caplog.records) == 1


@both
def test_teardown_that_fails_after_the_answer_is_logged(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = VelociPy()
    events: list[str] = []

    async def first() -> AsyncIterator[None]:
        yield
        events.append("first")

    async def late() -> AsyncIterator[None]:
        yield
        raise RuntimeError("too late")

    @app.get("/")
    async def endpoint(
        first: Annotated[None, Depends(first, scope="request")],
        late: Annotated[None, Depends(late, scope="request")],
    ) -> str:
        return "sent"

    with caplog.at_level(logging.ERROR, "velocipy"), TestClient(app, interface=interface) as client:
        assert client.get("/").text == "sent"
    assert [record.message for record in caplog.records] == [
        "teardown failed after the answer to GET / ('/') was sent"
    ]
    assert events == []  # `first` was told of it


@both
def test_context_managers_are_entered_as_generators_are(interface: str) -> None:
    app = VelociPy()
    events: list[str] = []

    @asynccontextmanager
    async def opened() -> AsyncIterator[str]:
        yield "a"
        events.append("left a")

    @contextmanager
    def opened_in_thread() -> Iterator[str]:
        assert threading.current_thread() is not threading.main_thread()
        yield "b"
        events.append("left b")

    @app.get("/")
    async def endpoint(
        a: Annotated[str, Depends(opened)], b: Annotated[str, Depends(opened_in_thread)]
    ) -> str:
        return a + b

    with TestClient(app, interface=interface) as client:
        assert client.get("/").text == "ab"
    assert events == ["left b", "left a"]


current: contextvars.ContextVar[str] = contextvars.ContextVar("current", default="none")


@both
def test_a_blocking_context_manager_is_entered_and_left_in_one_context(interface: str) -> None:
    app = VelociPy()
    events: list[str] = []

    def dependency() -> Iterator[None]:
        token = current.set("entered")
        yield
        events.append(current.get())
        current.reset(token)  # ValueError in any other context
        events.append(current.get())

    @app.get("/")
    async def endpoint(_: Annotated[None, Depends(dependency)]) -> str:
        return current.get()

    with TestClient(app, interface=interface) as client:
        assert client.get("/").text == "none"
    assert events == ["entered", "none"]


@both
def test_sync_functions_run_in_threads_with_the_context_of_the_request(interface: str) -> None:
    app = VelociPy()
    threads: list[bool] = []

    async def set_current() -> None:
        current.set("from the request")

    def dependency(_: Annotated[None, Depends(set_current)]) -> str:
        threads.append(threading.current_thread().name.startswith("velocipy"))
        return current.get()

    @app.get("/")
    def endpoint(seen: Annotated[str, Depends(dependency)]) -> list[str]:
        threads.append(threading.current_thread().name.startswith("velocipy"))
        return [seen, current.get()]

    with TestClient(app, interface=interface) as client:
        assert client.get("/").json() == ["from the request", "from the request"]
    assert threads == [True, True]


@both
def test_a_sync_function_that_raises_stop_iteration_ends(interface: str) -> None:
    """`next(...)` that finds nothing: a future cannot hold StopIteration, so on 3.11 the request would wait for ever."""
    app = VelociPy()

    @app.get("/")
    def endpoint() -> str:
        return next(name for name in ["a"] if name == "b")

    with TestClient(app, interface=interface, app_timeout=5, timeout=5) as client:
        assert client.get("/").status_code == 500


@both
@with_and_without_wrapping
def test_what_a_hook_depends_on_is_left_before_its_refusal_is_sent(interface: str, wrapped: bool) -> None:
    events: list[str] = []

    async def db() -> AsyncIterator[str]:
        yield "db"
        events.append("left")

    class Noted(Response):
        async def send(self, connection: Any) -> None:
            events.append("sent")
            await super().send(connection)

    class Refusing:
        async def before(self, db: Annotated[str, Depends(db)]) -> Response | None:
            return Noted(db, 403)

    app = make_app(wrapped)
    app.add_middleware(Refusing())
    if wrapped:
        app.add_middleware(Wrapping())

    @app.get("/")
    async def endpoint(db: Annotated[str, Depends(db)]) -> str:
        return db

    with TestClient(app, interface=interface) as client:
        assert client.get("/").status_code == 403
    assert events == ["left", "sent"]


@both
def test_a_wrapping_middleware_that_answers_by_itself_waits_for_teardown_too(interface: str) -> None:
    events: list[str] = []

    async def db() -> AsyncIterator[str]:
        yield "db"
        events.append("left")

    class Noted(Response):
        async def send(self, connection: Any) -> None:
            events.append("sent")
            await super().send(connection)

    class Opening:
        async def before(self, db: Annotated[str, Depends(db)]) -> str:
            return db

    async def answering(request: Request, call_next: Any) -> Response:
        return Noted("cached")

    app = VelociPy()
    app.add_middleware(Opening())
    app.add_middleware(answering)

    @app.get("/")
    async def endpoint() -> str:
        return "never"

    with TestClient(app, interface=interface) as client:
        assert client.get("/").text == "cached"
    assert events == ["left", "sent"]


@both
def test_what_a_wrapping_middleware_raises_is_thrown_into_what_hooks_have_entered(interface: str) -> None:
    async def translating() -> AsyncIterator[None]:
        try:
            yield
        except LookupError as exc:
            raise HTTPException(409) from exc

    class Opening:
        def before(self, _: Annotated[None, Depends(translating)]) -> None: ...

    async def failing(request: Request, call_next: Any) -> Response:
        raise LookupError

    app = VelociPy(middleware=[Opening(), failing])

    @app.get("/")
    async def endpoint() -> str:
        return "never"

    with TestClient(app, interface=interface) as client:
        assert client.get("/").status_code == 409


@both
def test_dependencies_of_a_websocket_are_left_when_it_ends(interface: str) -> None:
    app = VelociPy()
    events: list[str] = []

    async def db() -> AsyncIterator[str]:
        try:
            yield "db"
        except RuntimeError as exc:
            events.append(str(exc))
            raise
        finally:
            events.append("left")

    @app.websocket("/fine")
    async def fine(websocket: WebSocket, db: Annotated[str, Depends(db)]) -> None:
        await websocket.accept()
        await websocket.send_text(db)

    @app.websocket("/fails")
    async def fails(websocket: WebSocket, db: Annotated[str, Depends(db)]) -> None:
        await websocket.accept()
        raise RuntimeError("broken")

    with TestClient(app, interface=interface) as client:
        with client.websocket_connect("/fine") as session:
            assert session.receive_text() == "db"
        assert events == ["left"]
        events.clear()
        with client.websocket_connect("/fails"):
            pass
    assert events == ["broken", "left"]
