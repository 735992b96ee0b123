"""Rows of the hostile cases of middleware and sessions that no built-in's own tests hold: wrapping, leaving, two at once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest

from velocipy import (
    AsyncTestClient,
    Depends,
    Request,
    Response,
    Session,
    SessionMiddleware,
    StreamingResponse,
    VelociPy,
)
from velocipy.middleware import CompressionMiddleware, RequestIDMiddleware
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])

SECRET = "kV0cKx3Qm7sWb9tY2uHd5nRf8pLj1aZe"


def resource(name: str, events: list[str]) -> Any:
    async def opened() -> AsyncIterator[str]:
        events.append(f"> {name}")
        try:
            yield name
        except BaseException as exc:
            events.append(f"{name} saw {type(exc).__name__}")
            raise
        finally:
            events.append(f"< {name}")

    return opened


@both
@pytest.mark.case(96)
def test_middleware_that_never_calls_next_answers_alone(interface: str) -> None:
    events: list[str] = []

    async def maintenance(request: Request, call_next: Any) -> Response:
        return Response("back soon", 503)

    app = VelociPy(middleware=[RequestIDMiddleware(), maintenance])

    @app.get("/", dependencies=[Depends(resource("a", events))])
    async def endpoint() -> None:
        events.append("endpoint")

    with TestClient(app, interface=interface) as client:
        for path in ("/", "/nowhere"):
            answer = client.get(path)
            assert (answer.status_code, answer.text) == (503, "back soon")
            assert "x-request-id" in answer.headers
    assert events == []


@both
@pytest.mark.case(96)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_what_was_entered_is_left_once_and_the_last_first_where_middleware_raises(
    interface: str, moment: str
) -> None:
    events: list[str] = []

    async def failing(request: Request, call_next: Any) -> Response:
        if moment == "before":
            raise LookupError("the middleware's own")
        await call_next(request)
        raise LookupError("the middleware's own")

    app = VelociPy(middleware=[failing])

    @app.get("/")
    async def endpoint(
        a: Annotated[str, Depends(resource("a", events))], b: Annotated[str, Depends(resource("b", events))]
    ) -> None:
        events.append("endpoint")

    with TestClient(app, interface=interface) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"})
    entered = ["> a", "> b", "endpoint"] if moment == "after" else []
    assert events[:3] == entered
    assert [event for event in events if event.startswith("<")] == (["< b", "< a"] if entered else [])


@both
@pytest.mark.case(93)
def test_a_stream_that_is_compressed_is_closed_when_its_client_leaves(interface: str) -> None:
    events: list[str] = []

    async def rows() -> AsyncIterator[str]:
        try:
            while True:
                yield "row " * 1_000
                await asyncio.sleep(0)
        finally:
            events.append("closed")

    app = VelociPy(middleware=[CompressionMiddleware()])

    @app.get("/")
    async def endpoint() -> StreamingResponse:
        return StreamingResponse(rows(), media_type="text/plain")

    with TestClient(app, interface=interface) as client:
        headers = [("host", "a"), ("accept-encoding", "gzip")]
        with client.exchange("GET", "/", headers=headers) as exchange:
            assert ("content-encoding", "gzip") in [
                (name.decode(), value.decode()) for name, value in exchange.head().headers
            ]
            assert exchange.chunk()
            exchange.leave()
    assert events == ["closed"]


@pytest.mark.case(94)
@pytest.mark.parametrize("sent", [b"a\r\nset-cookie: b=1", b"a\nb", b"a\0b", b"x" * 1_024, b"\xff\xfe"])
def test_a_request_id_that_no_server_should_pass_on_is_replaced(sent: bytes) -> None:
    """Over ASGI alone: what an RSGI server shows of headers is text that it has checked."""
    app = VelociPy(middleware=[RequestIDMiddleware()])

    @app.get("/")
    async def endpoint() -> None: ...

    sent_messages: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        sent_messages.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "path": "/",
        "raw_path": b"/",
        "query_string": b"",
        "headers": [(b"host", b"a"), (b"x-request-id", sent)],
    }
    asyncio.run(app(scope, receive, send))
    ids = [value for name, value in sent_messages[0]["headers"] if name == b"x-request-id"]
    assert len(ids) == 1
    assert len(ids[0]) == 32
    assert ids[0] not in sent


@both
@pytest.mark.case(78)
def test_of_two_requests_that_write_one_cookie_the_last_answer_counts(interface: str) -> None:
    app = VelociPy(middleware=[SessionMiddleware(SECRET)])

    async def talk() -> None:
        loaded, go_on = asyncio.Event(), asyncio.Event()

        @app.get("/slow")
        async def slow(session: Session) -> None:
            session["slow"] = 1
            loaded.set()
            await go_on.wait()

        @app.get("/quick")
        async def quick(session: Session) -> None:
            session["quick"] = 1

        @app.get("/")
        async def show(session: Session) -> dict[str, Any]:
            return dict(session)

        async with AsyncTestClient(app, interface=interface, base_url="https://testserver") as client:
            await client.get("/quick")
            late = asyncio.create_task(client.get("/slow"))
            await loaded.wait()
            client.cookies.clear()
            await client.get("/quick")
            assert (await client.get("/")).json() == {"quick": 1}
            go_on.set()
            await late
            assert (await client.get("/")).json() == {"quick": 1, "slow": 1}

    asyncio.run(talk())
