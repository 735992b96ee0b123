"""What hooks leave undone where nobody needs it: answers at once, tokens that nobody sees, headers that are read late, routes known early."""

from typing import Annotated, Any

import pytest

from velocipy import (
    APIRouter,
    Header,
    HTTPException,
    Request,
    Response,
    Session,
    SessionMiddleware,
    VelociPy,
    WebSocket,
)
from velocipy.exceptions import ConfigurationError
from velocipy.middleware import CompressionMiddleware, CORSMiddleware
from velocipy.protocols import RequestHeaders, RequestPath, RequestQuery
from velocipy.routing.route import Route
from velocipy.testing import TestClient, WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


async def plain() -> dict[str, str]:
    return {"a": "b"}


async def passing(request: Request, call_next: Any) -> Response:
    answer: Response = await call_next(request)
    return answer


# -- answers at once ---------------------------------------------------------------------------------------------------


class Closed:
    """Refuses what comes with `x-closed`, and notes what was called."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def refuses(self, x_closed: Annotated[str | None, Header()] = None) -> bool:
        self.called.append("refuses")
        return x_closed is not None

    async def refusal(self, path: RequestPath, query: RequestQuery, headers: RequestHeaders) -> Response:
        self.called.append("refusal")
        if query == "raise":
            raise HTTPException(410)
        return Response(f"{path} is closed: {headers.get('x-closed')}", 503)

    def before(self, path: RequestPath) -> str:
        self.called.append("before")
        return path

    header_name = "x-path"

    def header(self, token: str) -> str:
        return token


@both
@pytest.mark.parametrize("around", [[], [passing]], ids=["outermost", "wrapped"])
def test_a_hook_that_refuses_answers_and_nothing_inside_is_called(interface: str, around: list[Any]) -> None:
    hook = Closed()
    app = VelociPy(middleware=[*around, hook])
    app.get("/a")(plain)
    with TestClient(app, interface=interface) as client:
        open_ = client.get("/a")
        assert (open_.json(), open_.headers["x-path"]) == ({"a": "b"}, "/a")
        assert hook.called == ["refuses", "before"]
        hook.called.clear()
        closed = client.get("/a", headers={"x-closed": "till noon"})
        assert (closed.status_code, closed.text) == (503, "/a is closed: till noon")
        assert "x-path" not in closed.headers
        assert hook.called == ["refuses", "refusal"]
        assert client.get("/a?raise", headers={"x-closed": "1"}).status_code == 410
        assert client.get("/nowhere", headers={"x-closed": "1"}).status_code == 503


@both
def test_what_only_a_refusal_reads_is_there_for_who_comes_after_it(interface: str) -> None:
    app = VelociPy(middleware=[Closed()])

    @app.get("/a")
    async def endpoint(query: RequestQuery, headers: RequestHeaders) -> list[str | None]:
        return [query, headers.get("x-a")]

    with TestClient(app, interface=interface) as client:
        assert client.get("/a?b=c", headers={"x-a": "d"}).json() == ["b=c", "d"]


@both
def test_a_refusal_that_is_no_response_is_a_logged_500(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Wrong:
        def refuses(self) -> bool:
            return True

        def refusal(self) -> str:
            return "no"

    app = VelociPy(middleware=[Wrong()])
    app.get("/a")(plain)
    with TestClient(app, interface=interface) as client:
        assert client.get("/a").status_code == 500
    assert "middleware Wrong returned str" in caplog.text


@both
def test_a_refusal_refuses_websockets_too(interface: str) -> None:
    app = VelociPy(middleware=[Closed()])

    @app.websocket("/ws")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")

    with TestClient(app, interface=interface) as client:
        with client.websocket_connect("/ws") as websocket:
            assert websocket.receive_text() == "hello"
        with (
            pytest.raises(WebSocketDenied) as denied,
            client.websocket_connect("/ws", headers={"x-closed": "1"}),
        ):
            pass
        assert denied.value.status_code == 503


class OnlyAsks:
    def refuses(self) -> bool:
        return False


class OnlyAnswers:
    def refusal(self) -> Response:
        return Response()


@pytest.mark.parametrize("item", [OnlyAsks(), OnlyAnswers()])
def test_refuses_and_refusal_stand_together(item: Any) -> None:
    app = VelociPy(middleware=[item])
    with pytest.raises(ConfigurationError, match="has one of refuses"):
        app.get("/a")(plain)


# -- headers that are read late ----------------------------------------------------------------------------------------


class Shouting:
    """Finishes answers to who says so, by headers that it asks for with its token or without."""

    def finishes(self, size: int, headers: RequestHeaders) -> bool:
        return headers.get("x-loud") is not None

    def finish(self, response: Response, headers: RequestHeaders) -> Response:
        if headers.get("x-loud") == "fail":
            raise ValueError("no")
        loud = headers.get("x-loud") is not None
        return Response(response.body.upper(), response.status_code) if loud else response


class ShoutingAt(Shouting):
    def before(self, path: RequestPath) -> str:
        return path

    def finishes(self, token: str, size: int) -> bool:  # type: ignore[override]
        return True

    def finish(self, token: str, response: Response, headers: RequestHeaders) -> Response:  # type: ignore[override]
        made = super().finish(response, headers)
        return Response(made.body + token.encode(), made.status_code)


@both
@pytest.mark.parametrize("around", [[], [passing]], ids=["outermost", "wrapped"])
def test_finish_and_finishes_may_ask_for_the_headers(
    interface: str, around: list[Any], caplog: pytest.LogCaptureFixture
) -> None:
    app = VelociPy(middleware=[*around, ShoutingAt(), Shouting()])
    app.get("/a")(plain)

    @app.get("/fails")
    async def fails() -> None:
        raise HTTPException(409, "taken")

    @app.get("/breaks")
    async def breaks() -> None:
        raise ValueError("out of cheese")

    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        assert client.get("/a").text == '{"a":"b"}/a'
        assert client.get("/a", headers={"x-loud": "yes"}).text == '{"A":"B"}/a'
        assert client.get("/fails", headers={"x-loud": "yes"}).text == '{"DETAIL":"TAKEN"}/fails'
        assert (
            client.get("/breaks", headers={"x-loud": "yes"}).text
            == '{"DETAIL":"INTERNAL SERVER ERROR"}/breaks'
        )
        caplog.clear()
        assert client.get("/a", headers={"x-loud": "fail"}).status_code == 500
    assert "the middleware Shouting could not finish the answer" in caplog.text


# -- tokens that nobody sees -------------------------------------------------------------------------------------------


class Visit:
    """What the middleware below gives."""


class Visits:
    """Counts visits to those who look at them."""

    on_demand = True
    state_key = "visit"

    def __init__(self) -> None:
        self.called: list[str] = []

    def before(self, headers: RequestHeaders, route: Route) -> Visit:
        self.called.append(f"before {route.path} {headers.get('x-a')}")
        return Visit()

    def finishes(self, token: Visit, size: int) -> bool:
        self.called.append("finishes")
        return False

    def finish(self, token: Visit, response: Response) -> Response:
        self.called.append("finish")
        return response


@both
def test_a_token_on_demand_is_not_made_where_nobody_sees_it(interface: str) -> None:
    visits = Visits()
    app = VelociPy(middleware=[visits])
    app.get("/a")(plain)
    app.get("/own")(lambda: Response(b"own"))
    with TestClient(app, interface=interface) as client:
        assert client.get("/a").json() == {"a": "b"}
        assert client.get("/own").text == "own"
    assert visits.called == []


@both
def test_a_request_shows_it_and_so_does_wrapping_middleware(interface: str) -> None:
    for around in ([], [passing]):
        visits = Visits()
        app = VelociPy(middleware=[visits, *around])

        @app.get("/a")
        async def endpoint(request: Request) -> bool:
            return isinstance(request.state.visit, Visit)

        app.get("/plain")(plain)
        with TestClient(app, interface=interface) as client:
            assert client.get("/a", headers={"x-a": "1"}).json() is True
            assert visits.called[0] == "before /a 1"
            visits.called.clear()
            client.get("/plain")
            assert bool(visits.called) == bool(around)


@both
@pytest.mark.parametrize("takes_refusals", [False, True])
def test_the_handler_of_an_exception_sees_it_and_the_answer_is_finished(
    interface: str, takes_refusals: bool
) -> None:
    visits = Visits()
    app = VelociPy(middleware=[visits])
    seen: list[bool] = []

    @app.get("/fails")
    async def fails() -> None:
        raise KeyError("x")

    @app.exception_handler(KeyError)
    async def answer(request: Request, exc: KeyError) -> Response:
        seen.append(isinstance(request.state.visit, Visit))
        return Response(b"answered", 409)

    if takes_refusals:
        app.exception_handler(412)(answer)
    with TestClient(app, interface=interface) as client:
        assert client.get("/fails", headers={"x-a": "2"}).text == "answered"
    assert seen == [True]
    assert visits.called == ["before /fails 2", "finish"]


@both
def test_an_exception_before_it_was_reached_shows_nothing(interface: str) -> None:
    class Failing:
        def before(self) -> None:
            raise HTTPException(409)

    visits = Visits()
    app = VelociPy(middleware=[Failing(), visits])
    app.get("/a")(plain)
    with TestClient(app, interface=interface) as client:
        assert client.get("/a").status_code == 409
    assert visits.called == []


@both
def test_what_it_would_have_read_is_there_for_who_comes_after_it(interface: str) -> None:
    app = VelociPy(middleware=[Visits()])

    class Naming:
        header_name = "x-route"

        def before(self, route: Route, headers: RequestHeaders) -> str:
            return f"{route.path} {headers.get('x-a')}"

        def header(self, token: str) -> str:
            return token

    app.add_middleware(Naming())
    app.get("/a")(plain)
    with TestClient(app, interface=interface) as client:
        assert client.get("/a", headers={"x-a": "1"}).headers["x-route"] == "/a 1"


@both
def test_a_before_that_waits_or_refuses_is_called_for_everybody(interface: str) -> None:
    class Waiting(Visits):
        async def before(self, headers: RequestHeaders, route: Route) -> Visit:  # type: ignore[override]
            return super().before(headers, route)

    class Refusing(Visits):
        def before(self, headers: RequestHeaders, route: Route) -> Response:  # type: ignore[override]
            return Response(b"refused", 403)

    waiting = Waiting()
    app = VelociPy(middleware=[waiting])
    app.get("/a")(plain)
    app.get("/b", middleware=[Refusing()])(plain)
    with TestClient(app, interface=interface) as client:
        assert client.get("/a").json() == {"a": "b"}
        assert client.get("/b").status_code == 403
    assert waiting.called[:2] == ["before /a None", "finishes"]


@both
def test_an_exception_handler_may_write_into_a_session_that_the_endpoint_does_not_take(
    interface: str,
) -> None:
    app = VelociPy(middleware=[SessionMiddleware("kV0cKx3Qm7sWb9tY2uHd5nRf8pLj1aZe")])

    @app.get("/fails")
    async def fails() -> None:
        raise KeyError("x")

    @app.exception_handler(KeyError)
    async def answer(request: Request, exc: KeyError) -> Response:
        request.session.flash("try again")
        return Response(b"sorry", 409)

    @app.get("/next")
    async def shown(session: Session) -> list[str]:
        return [message for message, _ in session.flashes()]

    with TestClient(app, interface=interface, base_url="https://testserver") as client:
        failed = client.get("/fails")
        assert failed.headers["set-cookie"].startswith("__Host-session=")
        assert client.get("/next").json() == ["try again"]


# -- routes that are known early ---------------------------------------------------------------------------------------


class ForRoutes:
    """Names the route, of one that is not called "/plain"."""

    def for_route(self, route: Route) -> Any:
        return Constant(route.path) if route.path != "/plain" else self

    def before(self) -> None: ...


class Constant:
    def __init__(self, path: str) -> None:
        self.response_headers = {"x-path": path}


@both
def test_a_middleware_may_be_another_around_each_route(interface: str) -> None:
    app = VelociPy(middleware=[ForRoutes()])
    router = APIRouter(prefix="/in")
    router.get("/{id}")(lambda id: id)
    app.get("/plain")(plain)
    app.include_router(router)
    with TestClient(app, interface=interface) as client:
        assert "x-path" not in client.get("/plain").headers
        assert client.get("/in/3").headers["x-path"] == "/in/{id}"


def test_what_stands_in_its_place_must_be_middleware_too() -> None:
    class Nothing(ForRoutes):
        def for_route(self, route: Route) -> Any:
            return object()

    app = VelociPy(middleware=[Nothing()])
    with pytest.raises(ConfigurationError, match="is no middleware"):
        app.get("/a")(plain)


def test_where_no_preflight_can_come_a_policy_for_everybody_is_a_constant() -> None:
    app = VelociPy(middleware=[CORSMiddleware(), CompressionMiddleware()])
    app.get("/a")(plain)
    source = app.routes[0].explain("asgi")
    assert "before" not in source
    assert "finish_CompressionMiddleware" in source


# -- joined headers ----------------------------------------------------------------------------------------------------


@both
def test_all_lines_of_a_joined_header_are_one_text(interface: str) -> None:
    app = VelociPy()

    @app.get("/a")
    async def endpoint(
        x_tag: Annotated[str | None, Header(joined=True)] = None,
        x_count: Annotated[int, Header(joined=True)] = 0,
    ) -> list[Any]:
        return [x_tag, x_count]

    with TestClient(app, interface=interface) as client:
        assert client.get("/a").json() == [None, 0]
        assert client.get("/a", headers={"x-tag": "1", "x-count": "2"}).json() == ["1", 2]
        assert client.get("/a", headers=[("x-tag", "1"), ("x-tag", "2")]).json() == ["1, 2", 0]
        assert client.get("/a", headers=[("x-other", "1"), ("x-other", "2")]).json() == [None, 0]
        assert client.get("/a", headers=[("x-count", "1"), ("x-count", "2")]).status_code == 422
