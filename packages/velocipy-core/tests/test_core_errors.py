"""Exceptions and their answers: which handler takes one, what a bare 500 is, and what is logged."""

import logging
from typing import Any

import pytest

from velocipy import (
    APIRouter,
    HTTPException,
    JSONResponse,
    PayloadTooLargeException,
    Request,
    Response,
    VelociPy,
)
from velocipy.exceptions import BadRequest, NotFound, ValidationError
from velocipy.middleware import RequestIDMiddleware
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
BARE = b'{"detail":"Internal Server Error"}'


def quiet(app: VelociPy, interface: str) -> TestClient:
    """A client that gets what the server makes of errors, as a real one does."""
    return TestClient(app, interface=interface, raise_server_exceptions=False)


def raising(exc: Exception) -> VelociPy:
    app = VelociPy()

    @app.get("/x")
    async def x() -> None:
        raise exc

    return app


class Base(Exception): ...


class Middle(Base): ...


class Leaf(Middle): ...


@both
@pytest.mark.parametrize(
    ("exc", "status", "body"),
    [
        (HTTPException(404), 404, b'{"detail":"Not Found"}'),
        (HTTPException(413), 413, b'{"detail":"Payload Too Large"}'),
        (HTTPException(422), 422, b'{"detail":"Unprocessable Entity"}'),
        (HTTPException(418, "short"), 418, b'{"detail":"short"}'),
        (HTTPException(400, {"code": 1}), 400, b'{"detail":{"code":1}}'),
        (HTTPException(400, ""), 400, b'{"detail":""}'),
        (HTTPException(400, []), 400, b'{"detail":[]}'),
        (BadRequest("why"), 400, b'{"detail":"why"}'),
        (NotFound(), 404, b'{"detail":"Not Found"}'),
        (PayloadTooLargeException(), 413, b'{"detail":"Payload Too Large"}'),
        (
            ValidationError([{"loc": ["query", "q"], "msg": "m", "type": "t"}]),
            422,
            b'{"detail":[{"loc":["query","q"],"msg":"m","type":"t"}]}',
        ),
    ],
    ids=lambda value: value if isinstance(value, int) else None,
)
def test_an_http_exception_is_its_status_and_detail(
    interface: str, exc: Any, status: int, body: bytes
) -> None:
    with quiet(raising(exc), interface) as client:
        answer = client.get("/x")
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/json"
        assert answer.content == body


@both
@pytest.mark.case(14)
@pytest.mark.parametrize(
    "exc", [ValueError("secret <b>"), Leaf("secret"), RecursionError(), ExceptionGroup("g", [OSError()])]
)
def test_an_unhandled_exception_is_a_bare_500_logged_once(
    interface: str, exc: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    with quiet(raising(exc), interface) as client:
        answer = client.get("/x")
    assert (answer.status_code, answer.content) == (500, BARE)
    assert answer.headers["content-type"] == "application/json"
    assert len(caplog.records) == 1
    record = caplog.records[0]
    assert (record.name, record.levelno) == ("velocipy", logging.ERROR)
    assert "GET /x" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[1] is exc


@both
def test_the_log_of_an_unhandled_exception_names_the_request_id(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = raising(ValueError())
    app.add_middleware(RequestIDMiddleware)
    with quiet(app, interface) as client:
        answer = client.get("/x", headers={"x-request-id": "abc-1"})
    assert answer.headers["x-request-id"] == "abc-1"
    assert "abc-1" in caplog.records[0].getMessage()


@both
def test_the_path_of_a_log_record_is_escaped(interface: str, caplog: pytest.LogCaptureFixture) -> None:
    app = VelociPy()

    @app.get("/{name}")
    async def x(name: str) -> None:
        raise ValueError

    with quiet(app, interface) as client:
        client.get("/", extensions={"target": b"/a%0d%0aERROR%20forged"})
    assert "\n" not in caplog.records[0].getMessage()


@both
@pytest.mark.case(98)
@pytest.mark.parametrize(
    ("handled", "raised", "taken_by"),
    [
        ([Base], Leaf(), Base),
        ([Base, Middle], Leaf(), Middle),
        ([Middle, Base], Leaf(), Middle),
        ([Base, Middle, Leaf], Leaf(), Leaf),
        ([Leaf, Base], Middle(), Base),
        ([HTTPException], BadRequest(), HTTPException),
        ([HTTPException, 400], BadRequest(), 400),
        ([HTTPException, 404], BadRequest(), HTTPException),
        ([BadRequest, 400], BadRequest(), 400),
        ([LookupError, Exception], KeyError(), LookupError),
        ([500, Exception], ValueError(), Exception),
        ([500], ValueError(), 500),
        ([HTTPException, Exception], HTTPException(500), HTTPException),
        ([500, Exception], HTTPException(500), 500),
    ],
)
def test_the_nearest_handler_takes_an_exception(
    interface: str, handled: list[Any], raised: Exception, taken_by: Any
) -> None:
    app = raising(raised)
    for key in handled:
        app.add_exception_handler(key, _named(key))
    with quiet(app, interface) as client:
        answer = client.get("/x")
        assert (answer.status_code, answer.text) == (499, str(taken_by))


def _named(key: Any) -> Any:
    async def handler(request: Request, exc: Exception) -> Response:
        return Response(str(key), 499)

    return handler


@both
@pytest.mark.case(98)
def test_one_function_may_handle_an_exception_class_and_everything_else(interface: str) -> None:
    app = raising(HTTPException(404))

    @app.exception_handler(HTTPException)
    @app.exception_handler(Exception)
    async def everything(request: Request, exc: Exception) -> Response:
        return Response(type(exc).__name__, 499)

    with quiet(app, interface) as client:
        assert client.get("/x").text == "HTTPException"


@both
def test_a_handler_for_exception_does_not_take_http_exceptions(interface: str) -> None:
    app = raising(HTTPException(404))
    app.add_exception_handler(Exception, _named(Exception))
    with quiet(app, interface) as client:
        assert client.get("/x").json() == {"detail": "Not Found"}
        assert client.get("/nowhere").json() == {"detail": "Not Found"}


@both
def test_a_handler_for_exception_words_the_500_which_is_logged_all_the_same(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = raising(ValueError("x"))
    app.add_exception_handler(Exception, _named(Exception))
    with quiet(app, interface) as client:
        assert client.get("/x").status_code == 499
    assert len(caplog.records) == 1


@both
def test_a_sync_handler_runs_in_a_thread(interface: str) -> None:
    import threading

    app = raising(Base())
    seen: list[str] = []

    @app.exception_handler(Base)
    def handler(request: Request, exc: Base) -> Response:
        seen.append(threading.current_thread().name)
        return Response("sync", 499)

    with quiet(app, interface) as client:
        assert client.get("/x").text == "sync"
    assert seen[0].startswith("velocipy")


class CallableHandler:
    async def __call__(self, request: Request, exc: Exception) -> Response:
        return Response("object", 499)


@both
def test_an_object_may_be_a_handler(interface: str) -> None:
    app = raising(Base())
    app.add_exception_handler(Base, CallableHandler())
    with quiet(app, interface) as client:
        assert client.get("/x").text == "object"


@both
@pytest.mark.case(98)
@pytest.mark.parametrize("status", [404, 405])
def test_404_and_405_may_be_worded_on_the_app(interface: str, status: int) -> None:
    app = raising(Base())
    app.add_exception_handler(status, _named(status))
    with quiet(app, interface) as client:
        answer = client.get("/nowhere") if status == 404 else client.post("/x")
        assert (answer.status_code, answer.text) == (499, str(status))


@both
def test_404_may_be_worded_after_the_first_one_was_answered(interface: str) -> None:
    app = VelociPy()
    with quiet(app, interface) as client:
        assert client.get("/nowhere").status_code == 404
        app.add_exception_handler(NotFound, _named("late"))
        assert client.get("/nowhere").text == "late"


@both
@pytest.mark.case(98)
def test_422_and_413_and_400_may_be_worded(interface: str) -> None:
    app = VelociPy(max_content_length=10)
    for status in (400, 413, 415, 422):
        app.add_exception_handler(status, _named(status))

    @app.post("/x")
    async def x(body: dict[str, Any], n: int) -> None: ...

    json = {"content-type": "application/json"}
    with quiet(app, interface) as client:
        assert client.post("/x?n=a", content=b"{}", headers=json).text == "422"
        assert client.post("/x?n=1", content=b"{" * 11, headers=json).text == "413"
        assert client.post("/x?n=1", content=b"{", headers=json).text == "400"
        assert client.post("/x?n=1", content=b"{}").text == "415"


@both
def test_a_router_words_its_own_errors_and_405(interface: str) -> None:
    router = APIRouter("/in", exception_handlers={405: _named("router 405"), Base: _named("router")})

    @router.get("/x")
    async def x() -> None:
        raise Leaf

    app = VelociPy(exception_handlers={Base: _named("app"), Leaf: _named("app leaf"), 405: _named("app 405")})
    app.include_router(router)

    @app.get("/out")
    async def out() -> None:
        raise Middle

    with quiet(app, interface) as client:
        assert client.get("/in/x").text == "app leaf"
        assert client.get("/out").text == "app"
        assert client.post("/in/x").text == "router 405"
        assert client.post("/out").text == "app 405"


@both
def test_a_route_may_have_handlers_of_its_own(interface: str) -> None:
    app = VelociPy(exception_handlers={Base: _named("app")})

    @app.get("/x", exception_handlers={Base: _named("route")})
    async def x() -> None:
        raise Base

    with quiet(app, interface) as client:
        assert client.get("/x").text == "route"


@both
@pytest.mark.case(98)
def test_a_handler_that_raises_is_a_bare_500_logged_once(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = raising(Base())

    @app.exception_handler(Base)
    async def broken(request: Request, exc: Base) -> Response:
        raise LookupError("inner")

    @app.exception_handler(LookupError)
    async def never(request: Request, exc: LookupError) -> Response:
        return Response("a handler's exception is not handled again", 499)

    with quiet(app, interface) as client:
        answer = client.get("/x")
    assert (answer.status_code, answer.content) == (500, BARE)
    assert len(caplog.records) == 1
    assert "exception handler itself failed" in caplog.records[0].getMessage()


@both
def test_a_handler_for_exception_that_raises_is_a_bare_500(interface: str) -> None:
    app = raising(ValueError())

    @app.exception_handler(Exception)
    async def broken(request: Request, exc: Exception) -> Response:
        raise exc

    with quiet(app, interface) as client:
        assert client.get("/x").content == BARE


@both
@pytest.mark.parametrize(("exc", "status"), [(NotFound(), 404), (Base(), 500), (HTTPException(418), 418)])
def test_a_handler_that_returns_no_response_keeps_the_status_of_the_exception(
    interface: str, exc: Exception, status: int
) -> None:
    """An error must not turn into a 200 because its handler returned a dict."""
    app = raising(exc)

    @app.exception_handler(type(exc))
    async def handler(request: Request, exc: Exception) -> dict[str, str]:
        return {"error": "yes"}

    with quiet(app, interface) as client:
        answer = client.get("/x")
        assert (answer.status_code, answer.json()) == (status, {"error": "yes"})


@both
def test_a_handler_that_forgets_to_return_is_a_500_that_names_it(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = raising(NotFound())

    @app.exception_handler(404)
    async def forgetful(request: Request, exc: NotFound) -> None: ...

    with quiet(app, interface) as client:
        assert client.get("/x").content == BARE
    assert "forgetful" in str(caplog.records[0].exc_info)
    assert "test_core_errors.py" in str(caplog.records[0].exc_info)


@both
def test_a_handler_sees_the_request(interface: str) -> None:
    app = VelociPy()

    @app.exception_handler(Base)
    async def handler(request: Request, exc: Base) -> JSONResponse:
        return JSONResponse([request.method, request.path, request.path_params, request.route.path], 499)

    @app.post("/{id:int}")
    async def x(id: int) -> None:
        raise Base

    with quiet(app, interface) as client:
        assert client.post("/7").json() == ["POST", "/7", {"id": 7}, "/{id:int}"]


@both
def test_a_handler_may_read_the_body_that_the_endpoint_has_read(interface: str) -> None:
    """A server gives the body once, so it has to be kept for whoever asks later."""
    app = VelociPy()

    @app.exception_handler(ValidationError)
    @app.exception_handler(Base)
    async def handler(request: Request, exc: Exception) -> Response:
        return Response(await request.body(), 499)

    @app.post("/model")
    async def model(item: dict[str, Any], n: int) -> None:
        raise Base

    @app.post("/request")
    async def by_request(request: Request) -> None:
        await request.body()
        raise Base

    @app.post("/unread")
    async def unread() -> None:
        raise Base

    with quiet(app, interface) as client:
        for target in ("/model?n=1", "/model?n=x", "/request", "/unread"):
            assert client.post(target, json={"a": 1}).content == b'{"a":1}'


@both
def test_a_handler_for_413_does_not_read_on(interface: str) -> None:
    app = VelociPy(max_content_length=4)

    @app.exception_handler(413)
    async def handler(request: Request, exc: PayloadTooLargeException) -> Response:
        with pytest.raises(PayloadTooLargeException):
            await request.body()
        return Response("still too large", 413)

    @app.post("/x")
    async def x(item: dict[str, Any]) -> None: ...

    @app.post("/request")
    async def by_request(request: Request) -> None:
        await request.body()

    def chunks() -> Any:
        yield b'{"a'
        yield b'": 1}'

    with quiet(app, interface) as client:
        for path in ("/x", "/request"):
            answer = client.post(path, content=chunks(), headers={"content-type": "application/json"})
            assert answer.text == "still too large"


@both
def test_errors_carry_the_headers_of_middleware(interface: str) -> None:
    class Mark:
        response_headers = (("x-mark", "1"),)

    app = VelociPy(middleware=[Mark()])

    @app.get("/x")
    async def x() -> None:
        raise Base

    @app.get("/gate")
    async def gate() -> Response:
        return Response("abc", headers={"content-length": "7"})

    with quiet(app, interface) as client:
        answers = [
            client.get("/x"),
            client.get("/gate"),
            client.get("/nowhere"),
            client.post("/x"),
            client.options("/x"),
        ]
    assert [answer.status_code for answer in answers] == [500, 500, 404, 405, 204]
    assert all(answer.headers["x-mark"] == "1" for answer in answers)


@pytest.mark.case(14)
def test_the_bytes_of_a_500_are_the_same_on_both_protocols() -> None:
    answers = []
    for interface in ("asgi", "rsgi"):
        with quiet(raising(Base()), interface) as client:
            reply = client.exchange("GET", "/x").reply()
            answers.append((reply.status, sorted(reply.headers), reply.body))
    assert answers[0] == answers[1]


@both
def test_an_exception_passes_wrapping_middleware_as_an_exception(interface: str) -> None:
    """So that a transaction around the endpoint rolls back; what a handler answers passes as a response."""
    seen: list[str] = []
    app = VelociPy(exception_handlers={Base: _named("handled")})

    @app.middleware("http")
    async def watch(request: Request, call_next: Any) -> Response:
        try:
            response: Response = await call_next(request)
        except ValueError:
            seen.append("raised")
            raise
        seen.append(f"answered {response.status_code}")
        return response

    @app.get("/unhandled")
    async def unhandled() -> None:
        raise ValueError

    @app.get("/handled")
    async def handled() -> None:
        raise Base

    with quiet(app, interface) as client:
        assert client.get("/unhandled").status_code == 500
        assert client.get("/handled").status_code == 499
    assert seen == ["raised", "answered 499"]
