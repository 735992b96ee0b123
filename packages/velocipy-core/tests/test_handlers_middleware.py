"""The three levels of middleware: their order, what they may do, and that every answer passes them."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from typing import Annotated, Any

import pytest

from velocipy import (
    APIRouter,
    Depends,
    Header,
    HTTPException,
    Request,
    Response,
    StreamingResponse,
    VelociPy,
    WebSocket,
)
from velocipy.exceptions import ConfigurationError
from velocipy.handlers import hooks
from velocipy.middleware import (
    CompressionMiddleware,
    Middleware,
    RequestIDMiddleware,
    SecurityHeadersMiddleware,
    TimingMiddleware,
    the_token,
)
from velocipy.protocols import RequestHeaders
from velocipy.routing.route import AllowedMethods, Route
from velocipy.testing import TestClient, WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


class Wrap:
    """Notes when it is entered and left, and puts its name before those of inner ones."""

    def __init__(self, name: str, events: list[str]) -> None:
        self.name = name
        self.events = events

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        self.events.append(f"> {self.name}")
        try:
            response: Response = await call_next(request)
        except Exception as exc:
            self.events.append(f"{self.name} saw {type(exc).__name__}")
            raise
        self.events.append(f"< {self.name}")
        return response


class Hook:
    """A before and a header."""

    def __init__(self, name: str, events: list[str], refuse: bool = False) -> None:
        self.name = name
        self.events = events
        self.refuse = refuse
        self.header_name = f"x-{name}"

    def before(self, refuse: str = "") -> Response | str:
        self.events.append(self.name)
        return Response(f"refused by {self.name}", 403) if refuse == self.name else self.name

    def header(self, token: str) -> str:
        return token.upper()


class Constant:
    """Headers only."""

    def __init__(self, *headers: tuple[str, str]) -> None:
        self.response_headers = headers


async def plain() -> dict[str, str]:
    return {"a": "b"}


@both
@pytest.mark.case(97)
def test_the_first_added_is_the_outermost_whatever_its_level(interface: str) -> None:
    events: list[str] = []
    app = VelociPy()
    for item in (
        Hook("a", events),
        Wrap("b", events),
        Hook("c", events),
        Wrap("d", events),
        Hook("e", events),
    ):
        app.add_middleware(item)
    app.get("/")(plain)
    with TestClient(app, interface=interface) as client:
        answer = client.get("/")
    assert events == ["a", "> b", "c", "> d", "e", "< d", "< b"]
    assert [answer.headers[f"x-{name}"] for name in "ace"] == ["A", "C", "E"]


@both
@pytest.mark.case(97)
def test_middleware_of_an_app_is_outside_a_router_s_and_a_route_s(interface: str) -> None:
    events: list[str] = []
    app = VelociPy(middleware=[Wrap("app", events)])
    router = APIRouter(middleware=[Hook("router", events)])
    router.get("/", middleware=[Wrap("route", events)])(plain)
    app.include_router(router, "/r")
    with TestClient(app, interface=interface) as client:
        assert client.get("/r/").status_code == 200
    assert events == ["> app", "router", "> route", "< route", "< app"]


@both
def test_a_before_that_refuses_keeps_everything_inside_from_running(interface: str) -> None:
    events: list[str] = []
    app = VelociPy()
    for item in (Wrap("w", events), Hook("a", events), Hook("b", events), Hook("c", events)):
        app.add_middleware(item)

    @app.get("/")
    async def endpoint() -> None:
        events.append("endpoint")

    with TestClient(app, interface=interface) as client:
        answer = client.get("/?refuse=b")
        assert events == ["> w", "a", "b", "< w"]
        assert (answer.status_code, answer.text) == (403, "refused by b")
        assert answer.headers["x-a"] == "A"
        assert "x-b" not in answer.headers and "x-c" not in answer.headers


@both
def test_a_before_that_raises_is_answered_with_the_headers_of_those_outside(interface: str) -> None:
    class Failing:
        def before(self) -> None:
            raise HTTPException(429)

    app = VelociPy(middleware=[Hook("a", []), Constant(("x-constant", "1")), Failing(), Hook("b", [])])
    app.get("/")(plain)
    with TestClient(app, interface=interface) as client:
        answer = client.get("/")
    assert answer.status_code == 429
    assert (answer.headers["x-a"], answer.headers["x-constant"]) == ("A", "1")
    assert "x-b" not in answer.headers


@both
@pytest.mark.case(96)
def test_calling_next_twice_is_a_500(interface: str, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[int] = []

    async def twice(request: Request, call_next: Any) -> Response:
        await call_next(request)
        again: Response = await call_next(request)
        return again

    app = VelociPy(middleware=[twice, Wrap("inner", [])])

    @app.get("/")
    async def endpoint() -> None:
        calls.append(1)

    with caplog.at_level(logging.ERROR, "velocipy"), TestClient(app, interface=interface) as client:
        assert client.get("/").status_code == 500
    assert calls == [1]
    assert len(caplog.records) == 1
    assert "call_next was called twice" in str(caplog.records[0].exc_info)


@both
@pytest.mark.case(96)
@pytest.mark.parametrize("outer", [False, True])
def test_middleware_that_returns_no_response_is_a_logged_500(
    interface: str, outer: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def forgetful(request: Request, call_next: Any) -> None:
        await call_next(request)

    app = VelociPy(middleware=[Wrap("outer", []), forgetful] if outer else [forgetful])
    app.get("/")(plain)
    with caplog.at_level(logging.ERROR, "velocipy"), TestClient(app, interface=interface) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"})
    assert len(caplog.records) == 1
    assert "forgetful returned NoneType" in str(caplog.records[0].exc_info)


@both
@pytest.mark.case(96)
def test_unhandled_exceptions_pass_wrappers_as_exceptions_and_are_logged_once(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[str] = []
    app = VelociPy(middleware=[Wrap("a", events), Hook("h", events), Wrap("b", events)])

    @app.get("/")
    async def endpoint() -> None:
        raise LookupError("x")

    with caplog.at_level(logging.ERROR, "velocipy"), TestClient(app, interface=interface) as client:
        assert client.get("/").status_code == 500
    assert events == ["> a", "h", "> b", "b saw LookupError", "a saw LookupError"]
    assert len(caplog.records) == 1


@both
def test_handled_exceptions_are_responses_before_any_middleware_sees_them(interface: str) -> None:
    events: list[str] = []
    app = VelociPy(middleware=[Wrap("a", events), Hook("h", events), Wrap("b", events)])

    @app.get("/")
    async def endpoint(page: int) -> None:
        raise LookupError("x")

    @app.exception_handler(LookupError)
    async def handle(request: Request, exc: LookupError) -> Response:
        return Response("gone", 410)

    with TestClient(app, interface=interface) as client:
        answers = [client.get("/?page=1"), client.get("/?page=x")]
    assert [answer.status_code for answer in answers] == [410, 422]
    assert all(answer.headers["x-h"] == "H" for answer in answers)
    assert events == ["> a", "h", "> b", "< b", "< a"] * 2


@both
@pytest.mark.case(96)
def test_middleware_that_answers_for_an_exception_ends_it(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def catching(request: Request, call_next: Any) -> Response:
        try:
            answer: Response = await call_next(request)
        except LookupError:
            return Response("caught", 418)
        return answer

    app = VelociPy(middleware=[Hook("a", []), catching])

    @app.get("/")
    async def endpoint() -> None:
        raise LookupError

    with caplog.at_level(logging.ERROR, "velocipy"), TestClient(app, interface=interface) as client:
        answer = client.get("/")
    assert (answer.status_code, answer.text, answer.headers["x-a"]) == (418, "caught", "A")
    assert caplog.records == []


FAMILIAR = (
    "x-request-id",
    "server-timing",
    "x-content-type-options",
    "x-frame-options",
    "content-security-policy",
)


@both
@pytest.mark.case(92)
@pytest.mark.parametrize("wrapped", [False, True])
def test_every_answer_has_the_headers_of_the_built_ins(interface: str, wrapped: bool) -> None:
    app = VelociPy(trailing_slash="redirect")
    if wrapped:
        app.add_middleware(Wrap("outer", []))
    app.add_middleware(RequestIDMiddleware)
    app.add_middleware(TimingMiddleware)
    app.add_middleware(SecurityHeadersMiddleware)
    if wrapped:
        app.add_middleware(Wrap("inner", []))
    app.get("/dict")(plain)

    @app.get("/none")
    async def none() -> None:
        return None

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(iter(["a", "b"]))

    @app.get("/fails")
    async def fails(response: Response) -> None:
        raise RuntimeError

    @app.post("/items/{id:int}")
    async def item(id: int, data: dict[str, Any]) -> Response:
        return Response("x", 201)

    with TestClient(app, interface=interface) as client:
        answers = {
            200: client.get("/dict"),
            204: client.get("/none"),
            404: client.get("/nowhere"),
            405: client.put("/dict"),
            500: client.get("/fails"),
            308: client.get("/dict/"),
            400: client.post("/items/1", content=b"{", headers={"content-type": "application/json"}),
            415: client.post("/items/1", content=b"{"),
            201: client.post("/items/1", json={}),
        }
        others = [
            client.head("/dict"),
            client.options("/dict"),
            client.get("/stream"),
            client.head("/nowhere"),
        ]
    assert [answer.status_code for answer in answers.values()] == list(answers)
    assert [answer.status_code for answer in others] == [200, 204, 200, 404]
    for answer in (*answers.values(), *others):
        for name in FAMILIAR:
            assert len(answer.headers.get_list(name)) == 1, (answer, name)


@both
def test_the_headers_of_middleware_stand_on_a_400_for_a_bad_host(interface: str) -> None:
    app = VelociPy(middleware=[RequestIDMiddleware(), Constant(("x-constant", "1"))])
    app.get("/")(plain)
    with TestClient(app, interface=interface) as client:
        reply = client.exchange("GET", "/", headers=[("host", "a@b")]).reply()
    assert reply.status == 400
    assert len(reply.header(b"x-request-id")) == 1
    assert reply.header(b"x-constant") == [b"1"]


SHARED = Response(b"shared", headers={"x-own": "1"})


@both
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_shared_response_never_grows(interface: str, wrapped: bool) -> None:
    async def tagging(response: Response) -> None:
        response.headers["x-given"] = "1"

    app = VelociPy(dependencies=[Depends(tagging)])
    app.add_middleware(RequestIDMiddleware)
    if wrapped:
        app.add_middleware(Wrap("w", []))
    app.add_middleware(SecurityHeadersMiddleware)

    @app.get("/")
    async def endpoint() -> Response:
        return SHARED

    before = SHARED.headers.raw
    with TestClient(app, interface=interface) as client:
        sizes = {len(client.get("/").headers) for _ in range(3)}
    assert len(sizes) == 1
    assert SHARED.headers.raw == before


@both
def test_a_response_s_own_header_beats_a_constant_and_lists_join(interface: str) -> None:
    app = VelociPy(
        middleware=[
            Constant(("x-kind", "outer"), ("vary", "Accept"), ("link", "<a>")),
            Constant(("x-kind", "inner"), ("vary", "Origin, Accept"), ("link", "<b>")),
        ]
    )
    app.get("/dict")(plain)

    @app.get("/own")
    async def own() -> Response:
        return Response("x", headers={"x-kind": "own", "vary": "Cookie"})

    with TestClient(app, interface=interface) as client:
        of_dict, of_own = client.get("/dict"), client.get("/own")
    assert of_dict.headers.get_list("x-kind") == ["inner"]
    assert of_own.headers.get_list("x-kind") == ["own"]
    assert of_dict.headers["vary"] == "Accept, Origin"
    assert of_own.headers["vary"] == "Cookie, Accept, Origin"
    assert of_dict.headers.get_list("link") == of_own.headers.get_list("link") == ["<a>", "<b>"]


@both
@pytest.mark.parametrize("wrapped", [False, True])
def test_of_a_constant_and_a_hook_with_one_header_the_inner_wins(interface: str, wrapped: bool) -> None:
    between = [Wrap("w", [])] if wrapped else []
    inner_hook = VelociPy(middleware=[Constant(("x-a", "constant")), *between, Hook("a", [])])
    inner_constant = VelociPy(middleware=[Hook("a", []), *between, Constant(("x-a", "constant"))])

    async def own() -> Response:
        return Response("x")

    for app, expected in ((inner_hook, "A"), (inner_constant, "constant")):
        app.get("/")(plain)
        app.get("/own")(own)
        with TestClient(app, interface=interface) as client:
            assert client.get("/").headers.get_list("x-a") == [expected]
            assert client.get("/own").headers.get_list("x-a") == [expected]


@both
@pytest.mark.parametrize(
    ("name", "value"), [("x-failing", "1\r\nx-injected: 1"), ("vary", "not a token"), ("vary", "Origin, ")]
)
def test_a_header_that_cannot_be_made_is_left_out_and_logged_on_every_way(
    interface: str, name: str, value: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing:
        header_name = name

        def before(self) -> str:
            return value

        def header(self, token: str) -> str:
            return token

    app = VelociPy(middleware=[Failing(), Hook("a", [])])
    app.get("/dict")(plain)

    @app.get("/own")
    async def own() -> Response:
        return Response("x")

    @app.get("/none")
    async def none() -> None:
        return None

    with caplog.at_level(logging.ERROR, "velocipy"), TestClient(app, interface=interface) as client:
        answers = [client.get(path) for path in ("/dict", "/own", "/none")]
    assert [answer.status_code for answer in answers] == [200, 200, 204]
    assert all(name not in answer.headers and answer.headers["x-a"] == "A" for answer in answers)
    assert [record.message for record in caplog.records] == [f"the hook for header {name!r} failed"] * 3


@both
def test_middleware_does_not_say_what_type_a_body_has(interface: str) -> None:
    class Typed:
        response_headers = {"content-type": "text/constant"}
        header_name = "content-type"

        def header(self) -> str:
            return "text/hook"

    app = VelociPy(middleware=[Typed()])
    app.get("/dict")(plain)

    @app.get("/given")
    async def given(response: Response) -> dict[str, Any]:
        return {}

    with TestClient(app, interface=interface) as client:
        answers = [client.get(path) for path in ("/dict", "/given")]
    assert [answer.headers.get_list("content-type") for answer in answers] == [["application/json"]] * 2


@both
@pytest.mark.case(94)
@pytest.mark.parametrize("sent", [None, "abc-1", "a b", "x" * 129, "é", "a\tb"])
def test_the_request_id_is_in_the_answer_and_in_the_state(interface: str, sent: str | None) -> None:
    app = VelociPy(middleware=[RequestIDMiddleware()])

    @app.get("/")
    async def endpoint(request: Request) -> str:
        return str(request.state.request_id)

    headers = [("host", "a")] + ([] if sent is None else [("x-request-id", sent)])
    with TestClient(app, interface=interface) as client:
        reply = client.exchange("GET", "/", headers=[(k.encode(), v.encode()) for k, v in headers]).reply()
    answered = reply.body.decode()
    assert reply.header(b"x-request-id") == [reply.body]
    if sent == "abc-1":
        assert answered == sent
    else:
        assert re.fullmatch("[0-9a-f]{32}", answered)


@both
@pytest.mark.parametrize("wrapped", [False, True])
def test_the_request_id_is_in_the_state_of_whoever_asks_for_it(
    interface: str, wrapped: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Wrapping middleware inside, dependencies, endpoints, exception handlers and the log of a 500."""
    seen: list[str] = []

    async def looking(request: Request, call_next: Any) -> Response:
        seen.append(request.state.request_id)
        answer: Response = await call_next(request)
        return answer

    app = VelociPy(middleware=[RequestIDMiddleware()])
    if wrapped:
        app.add_middleware(looking)

    @app.get("/")
    async def endpoint() -> None:
        raise LookupError

    @app.get("/fails")
    async def fails() -> None:
        raise RuntimeError

    @app.exception_handler(LookupError)
    async def handle(request: Request, exc: LookupError) -> Response:
        return Response(request.state.request_id)

    with caplog.at_level(logging.ERROR, "velocipy"), TestClient(app, interface=interface) as client:
        answer = client.get("/", headers={"x-request-id": "abc"})
        client.get("/fails", headers={"x-request-id": "def"})
    assert answer.text == "abc"
    assert seen == (["abc", "def"] if wrapped else [])
    assert "request id def" in caplog.records[0].message


@both
def test_hooks_share_dependencies_with_the_endpoint_through_wrapping_middleware(interface: str) -> None:
    calls: list[str] = []

    async def user(authorization: Annotated[str, Header()] = "nobody") -> str:
        calls.append(authorization)
        return authorization

    class Auditing:
        header_name = "x-user"

        async def before(self, user: Annotated[str, Depends(user)]) -> str:
            return user

        def header(self, token: str) -> str:
            return token

    app = VelociPy(middleware=[Auditing(), Wrap("a", []), Wrap("b", [])])

    @app.get("/")
    async def endpoint(user: Annotated[str, Depends(user)]) -> str:
        return user

    with TestClient(app, interface=interface) as client:
        answer = client.get("/", headers={"authorization": "me"})
    assert (answer.text, answer.headers["x-user"]) == ("me", "me")
    assert calls == ["me"]


@both
def test_hooks_and_endpoints_on_both_sides_of_a_wrapper_may_ask_for_the_exchange(interface: str) -> None:
    class Asking:
        state_key = "asked"

        def before(self, request: Request, response: Response) -> str:
            response.headers["x-path"] = request.path
            return request.path

    app = VelociPy(middleware=[Asking(), Wrap("w", [])])

    @app.get("/{name}")
    async def endpoint(name: str, request: Request, response: Response) -> list[str]:
        response.headers["x-inner"] = name
        return [name, request.state.asked]

    with TestClient(app, interface=interface) as client:
        answer = client.get("/n")
    assert answer.json() == ["n", "/n"]
    assert (answer.headers["x-path"], answer.headers["x-inner"]) == ("/n", "n")


@both
def test_hooks_apply_to_websockets_and_may_refuse_them(interface: str) -> None:
    app = VelociPy(
        middleware=[RequestIDMiddleware(), Hook("h", []), Wrap("never", []), Constant(("x-a", "1"))]
    )

    @app.websocket("/ws")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(websocket.state.request_id)

    with TestClient(app, interface=interface) as client:
        with client.websocket_connect("/ws", headers={"x-request-id": "abc"}) as session:
            assert session.receive_text() == "abc"
        with pytest.raises(WebSocketDenied) as refused, client.websocket_connect("/ws?refuse=h"):
            pass
    assert refused.value.status_code == 403


@both
def test_middleware_sees_the_matched_route(interface: str) -> None:
    seen: list[str] = []

    async def looking(request: Request, call_next: Any) -> Response:
        seen.append(request.route.path)
        answer: Response = await call_next(request)
        return answer

    app = VelociPy(middleware=[looking])
    app.get("/items/{id}")(echo)
    with TestClient(app, interface=interface) as client:
        client.get("/items/1")
    assert seen == ["/items/{id}"]


async def echo(id: str) -> str:
    return id


@both
def test_a_subclass_of_response_in_an_annotation_refuses_too(interface: str) -> None:
    class Teapot(Response):
        pass

    class Refusing(Middleware):
        def before(self) -> Teapot:
            return Teapot("tea", 418)

    app = VelociPy(middleware=[Refusing()])
    app.get("/")(plain)
    with TestClient(app, interface=interface) as client:
        assert client.get("/").status_code == 418


class WithoutName:
    def header(self) -> str:
        return "x"


class Unlisted:
    def headers(self) -> list[tuple[str, str]]:
        return []


class ContentType(Unlisted):
    header_names = ("x-a", "content-type")


class Asking(Constant):
    def __init__(self) -> None:
        super().__init__(("x-a", "1"))

    def finishes(self, size: int) -> bool:
        return True


class ShortFinish:
    def finish(self, token: str, response: Response) -> Response:
        return response


class Awaited(Asking):
    async def finishes(self, size: int) -> bool:  # type: ignore[override]
        return True

    def finish(self, response: Response) -> Response:
        return response


class WithoutToken:
    header_name = "x-a"

    def before(self) -> str:
        return "x"

    def header(self) -> str:
        return "x"


class Both(Hook):
    async def dispatch(self, request: Request, call_next: Any) -> Response:
        return Response()


class Small(ShortFinish):
    finishes_from = -1


class ThreeArguments:
    async def dispatch(self, request: Request, call_next: Any, more: int) -> Response:
        return Response()


def not_async(request: Request, call_next: Any) -> Response:
    return Response()


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (object(), "is no middleware: it needs async dispatch"),
        (Middleware(), "is no middleware"),
        (TimingMiddleware, r"TimingMiddleware is a class: write TimingMiddleware\(...\)"),
        (dict, r"dict is a class: write dict\(\.\.\.\)(?!;)"),  # of which Python knows no signature
        (Both("x", []), "has dispatch and hooks"),
        (
            ThreeArguments(),
            r"dispatch \(.*test_handlers_middleware.py:\d+\) must take \(request, call_next\)",
        ),
        (not_async, r"not_async \(.*test_handlers_middleware.py:\d+\) must be async"),
        (WithoutName(), "header_name"),
        (ContentType(), "Content-Type is none of them"),
        (Unlisted(), "header_names must list them"),
        (Asking(), r"has finishes, but no finish\(token, response\)"),
        (ShortFinish(), r"finish \(.*:\d+\) must take \(response\): there is no token without before"),
        (Awaited(), r"finishes \(.*:\d+\) must not be async: only before, finish and dispatch are awaited"),
        (Small(), "finishes_from of .* is a number of bytes of at least 0, not -1"),
        (WithoutToken(), r"header \(.*:\d+\) must take \(token\)"),
        (Constant(("x y", "1")), "header name 'x y' is not a token"),
        (Constant(("x-a", "a\nb")), "control character"),
    ],
)
def test_what_is_no_middleware_is_refused_when_it_is_added(item: Any, message: str) -> None:
    app = VelociPy(middleware=[item])
    with pytest.raises(ConfigurationError, match=message):
        app.get("/")(plain)


@both
def test_middleware_added_after_the_first_request_counts(interface: str) -> None:
    app = VelociPy()
    app.get("/")(plain)
    with TestClient(app, interface=interface) as client:
        assert "x-a" not in client.get("/").headers
        app.add_middleware(Constant(("x-a", "1")))
        assert client.get("/").headers["x-a"] == "1"
        assert client.get("/nowhere").headers["x-a"] == "1"


class Stamp:
    """Finishes answers with a body longer than `over` bytes: puts its mark behind them."""

    def __init__(self, mark: str = "!", over: int = 10, seen: list[str] | None = None) -> None:
        self.mark = mark
        self.over = over
        self.seen = [] if seen is None else seen

    def before(self, headers: RequestHeaders) -> str | None:
        return headers.get("x-mark")

    def finishes(self, token: str | None, size: int) -> bool:
        return token is not None and size > self.over

    async def finish(self, token: str | None, response: Response) -> Response:
        self.seen.append(type(response).__name__)
        if token is None or not response.body:
            return response
        if token == "fail":
            raise ValueError("no")
        return Response(
            response.body + self.mark.encode(), response.status_code, {**response.headers, "x-mark": token}
        )


def finished_app(*middleware: Any) -> VelociPy:
    app = VelociPy(middleware=middleware)
    app.get("/long")(lambda: "a long answer")
    app.get("/short")(plain)
    app.get("/own")(lambda: Response(b"own", media_type="text/plain"))
    app.delete("/gone")(lambda: None)

    @app.get("/fails")
    async def fails() -> None:
        raise HTTPException(409, "taken")

    return app


@both
def test_a_hook_finishes_answers_that_need_it_and_the_others_need_no_response(interface: str) -> None:
    seen: list[str] = []
    app = finished_app(Stamp(seen=seen))
    with TestClient(app, interface=interface) as client:
        marked = client.get("/long", headers={"x-mark": "m"})
        assert (marked.text, marked.headers["x-mark"]) == ("a long answer!", "m")
        assert marked.headers["content-type"] == "text/plain; charset=utf-8"
        assert client.get("/long").text == "a long answer"
        assert client.get("/short", headers={"x-mark": "m"}).json() == {"a": "b"}
        assert client.delete("/gone", headers={"x-mark": "m"}).status_code == 204
    assert seen == [
        "Response",
        "Response",
    ]  # the last is of an endpoint that says nowhere that it returns None


@both
def test_a_response_an_error_and_a_404_are_finished_too(interface: str) -> None:
    app = finished_app(Stamp())
    with TestClient(app, interface=interface) as client:
        mark = {"x-mark": "m"}
        assert client.get("/own", headers=mark).text == "own!"
        taken = client.get("/fails", headers=mark)
        assert (taken.status_code, taken.text) == (409, '{"detail":"taken"}!')
        missing = client.get("/nowhere", headers=mark)
        assert (missing.status_code, missing.text) == (404, '{"detail":"Not Found"}!')


@both
@pytest.mark.parametrize("around", [False, True])
def test_the_inner_hook_finishes_first_through_wrapping_middleware_too(interface: str, around: bool) -> None:
    between = [Wrap("w", [])] if around else []
    app = finished_app(Stamp("1"), *between, Stamp("2"))
    with TestClient(app, interface=interface) as client:
        assert client.get("/long", headers={"x-mark": "m"}).text == "a long answer21"


@both
def test_a_hook_that_was_not_entered_finishes_nothing(interface: str) -> None:
    app = finished_app(Stamp("1", over=0), Hook("a", [], refuse=True), Stamp("2", over=0))
    with TestClient(app, interface=interface) as client:
        assert client.get("/long?refuse=a", headers={"x-mark": "m"}).text == "refused by a1"


@both
def test_a_hook_that_cannot_finish_leaves_a_logged_500_with_the_headers_of_the_others(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = finished_app(Constant(("x-constant", "1")), Stamp())
    with TestClient(app, interface=interface) as client:
        answer = client.get("/long", headers={"x-mark": "fail"})
    assert (answer.status_code, answer.text) == (500, '{"detail":"Internal Server Error"}')
    assert answer.headers["x-constant"] == "1"
    assert "the middleware Stamp could not finish the answer" in caplog.text


class Several:
    """Two headers of one token; the second is not always there."""

    header_names = ("X-First", "x-second", "vary")

    def before(self, second: str | None = None) -> str | None:
        return second

    def headers(self, token: str | None) -> tuple[tuple[str, str], ...]:
        first = (("x-first", "1"), ("Vary", "Origin"))
        return first if token is None else (*first, (token, "2"))


@both
@pytest.mark.parametrize("path", ["/long", "/own", "/gone", "/nowhere"])
def test_a_hook_makes_several_headers_of_those_that_it_lists(
    interface: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = finished_app(Constant(("x-second", "0")), Several())
    method = "DELETE" if path == "/gone" else "GET"
    with TestClient(app, interface=interface) as client:
        answer = client.request(method, path)
        assert (answer.headers["x-first"], answer.headers["vary"]) == ("1", "Origin")
        assert "x-second" not in answer.headers  # the inner one's, who makes it or not
        assert client.request(method, f"{path}?second=x-second").headers["x-second"] == "2"
        assert caplog.text == ""
        assert "x-first" not in client.request(method, f"{path}?second=x-third").headers
    assert "header 'x-third' is not among its header_names" in caplog.text


@both
@pytest.mark.parametrize("path", ["/long", "/own", "/nowhere"])
def test_a_token_may_be_the_headers_themselves(
    interface: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Itself:
        header_names = ("x-first", "x-second")
        headers = staticmethod(the_token)

        def before(self, name: str | None = None, value: str = "1") -> tuple[tuple[str, str], ...]:
            return () if name is None else ((name, value),)

    class One:
        header_name = "x-one"
        header = staticmethod(the_token)

        def before(self, one: str = "1") -> str:
            return one

    app = finished_app(Itself(), One())
    with TestClient(app, interface=interface) as client:
        for _ in range(2):  # the second finds the native form that was kept
            answer = client.get(f"{path}?name=x-first&value=a&one=b")
            assert (answer.headers["x-first"], answer.headers["x-one"]) == ("a", "b")
        assert "x-first" not in client.get(path).headers
        assert caplog.text == ""
        answer = client.get(f"{path}?name=x-third&one=%0A")
        assert not {"x-third", "x-one"} & set(answer.headers)
    assert "header 'x-third' is not among its header_names" in caplog.text


@both
def test_a_hook_is_not_asked_about_shorter_bodies_than_it_finishes(interface: str) -> None:
    asked: list[int] = []

    class Long(Stamp):
        finishes_from = 10

        def finishes(self, token: str | None, size: int) -> bool:
            asked.append(size)
            return True

    app = finished_app(Long())
    app.get("/nine")(lambda: "x" * 9)
    app.get("/ten")(lambda: "x" * 10)
    with TestClient(app, interface=interface) as client:
        client.headers["x-mark"] = "here"
        assert client.get("/nine").text == "x" * 9
        assert client.get("/ten").text == "x" * 10 + "!"
        assert client.delete("/gone").status_code == 204
    assert asked == [10]


@both
def test_a_header_that_is_none_is_left_out(interface: str) -> None:
    class Maybe:
        header_name = "x-maybe"

        def before(self, maybe: str | None = None) -> str | None:
            return maybe

        def header(self, token: str | None) -> str | None:
            return token

    app = finished_app(Maybe())
    with TestClient(app, interface=interface) as client:
        for path in ("/long", "/own", "/nowhere"):
            assert "x-maybe" not in client.get(path).headers
            assert client.get(f"{path}?maybe=1").headers["x-maybe"] == "1"


@both
def test_a_hook_may_ask_for_headers_route_and_methods(interface: str) -> None:
    seen: list[tuple[str, str, str | None]] = []

    class Asking:
        def before(self, allowed: AllowedMethods, route: Route, headers: RequestHeaders) -> None:
            seen.append((allowed, route.name, headers.get("x-sent")))

    app = finished_app(Asking())
    app.post("/short")(lambda: 1)
    with TestClient(app, interface=interface, headers={"x-sent": "1"}) as client:
        client.get("/long")
        client.options("/short")
        client.put("/short")
        client.get("/nowhere")
    assert seen == [
        ("GET, HEAD", "<lambda>", "1"),
        ("GET, HEAD, OPTIONS, POST", "options", "1"),
        ("GET, HEAD, OPTIONS, POST", "method", "1"),
        ("", "404", "1"),
    ]
    assert "POST" in AllowedMethods("GET, POST") and "POS" not in AllowedMethods("GET, POST")
    assert "ANYTHING" in AllowedMethods("*") and "GET" not in AllowedMethods("")


class Rows:
    """An iterator that holds something, such as a cursor, from the beginning."""

    def __init__(self) -> None:
        self.closed = 0

    def __aiter__(self) -> "Rows":
        return self

    async def __anext__(self) -> bytes:
        return b"row"

    async def aclose(self) -> None:
        self.closed += 1


class Unfinished:
    def finish(self, response: Response) -> Response:
        raise LookupError("no more")


class Forgetful:
    async def finish(self, response: Response) -> Response:
        return None  # type: ignore[return-value]


@both
@pytest.mark.case(96)
@pytest.mark.parametrize("hook", [Unfinished(), Forgetful()], ids=["raises", "returns nothing"])
@pytest.mark.parametrize("inner", [[], [CompressionMiddleware()]], ids=["plain", "compressed"])
def test_a_stream_that_a_hook_cannot_finish_is_closed(interface: str, hook: Any, inner: list[Any]) -> None:
    rows = Rows()
    app = VelociPy(middleware=[hook, *inner])

    @app.get("/rows")
    async def stream() -> StreamingResponse:
        return StreamingResponse(rows)

    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        assert client.get("/rows").status_code == 500
    assert rows.closed == 1


@both
def test_a_stream_whose_request_is_given_up_while_a_hook_finishes_it_is_closed(interface: str) -> None:
    class GivenUp:
        async def finish(self, response: Response) -> Response:
            raise asyncio.CancelledError

    rows = Rows()
    app = VelociPy(middleware=[GivenUp()])

    @app.get("/rows")
    async def stream() -> StreamingResponse:
        return StreamingResponse(rows)

    with TestClient(app, interface=interface) as client, pytest.raises(CancelledError):
        client.get("/rows", timeout=5)
    assert rows.closed == 1


@both
def test_a_stream_is_closed_whose_dependency_fails_before_it_begins(interface: str) -> None:
    rows = Rows()
    app = VelociPy()

    async def commits() -> AsyncIterator[None]:
        yield
        raise LookupError("no commit")

    @app.get("/rows", dependencies=[Depends(commits, scope="function")])
    async def stream() -> StreamingResponse:
        return StreamingResponse(rows)

    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        assert client.get("/rows").status_code == 500
    assert rows.closed == 1


@both
@pytest.mark.case(96)
@pytest.mark.parametrize("places", [(0,), (1,), (2,), (0, 1, 2)])
def test_a_500_is_finished_by_hooks_that_its_exception_has_passed_on_its_way_through_wrapping_middleware(
    interface: str, places: tuple[int, ...]
) -> None:
    hooks: list[Any] = [Stamp("1"), Stamp("2"), Constant(("x-constant", "1"))]
    for place in reversed(places):
        hooks.insert(place, Wrap("w", []))
    app = VelociPy(middleware=hooks)

    @app.get("/fails")
    async def fails() -> None:
        raise LookupError

    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        answer = client.get("/fails", headers={"x-mark": "yes"})
    assert (answer.status_code, answer.text) == (500, '{"detail":"Internal Server Error"}21')
    assert (answer.headers["x-mark"], answer.headers["x-constant"]) == ("yes", "1")


@both
def test_a_before_that_is_said_to_give_an_annotated_token_cannot_refuse(interface: str) -> None:
    class Giving:
        header_name = "x-given"

        def before(self) -> Annotated[str, "a token"]:
            return "given"

        def header(self, token: str) -> str:
            return token

    app = VelociPy(plugins=False, middleware=[Giving()])
    app.get("/")(lambda: "x")
    with TestClient(app, interface=interface) as client:
        answer = client.get("/")
        assert (answer.text, answer.headers["x-given"]) == ("x", "given")


@both
def test_headers_of_a_hook_that_fails_are_left_out_and_logged(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing:
        header_names = ("x-first", "x-second")

        def before(self) -> str:
            return "token"

        def headers(self, token: str) -> tuple[tuple[str, str], ...]:
            raise LookupError("no headers today")

    app = VelociPy(plugins=False, middleware=[Failing()])
    app.get("/")(lambda: "x")
    with TestClient(app, interface=interface) as client:
        answer = client.get("/")
        assert (answer.status_code, "x-first" in answer.headers) == (200, False)
    assert "the hook for header 'x-first', 'x-second' failed" in caplog.text


@both
def test_headers_that_differ_at_every_answer_are_remembered_in_bounds(
    interface: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "MAX_KNOWN", 2)
    numbers = iter(range(10))

    class Counting:
        header_names = ("x-number", "x-same")

        def before(self) -> str:
            return str(next(numbers))

        def headers(self, token: str) -> tuple[tuple[str, str], ...]:
            return (("x-number", token), ("x-same", "1"))

    app = VelociPy(plugins=False, middleware=[Counting()])
    app.get("/")(lambda: "x")
    with TestClient(app, interface=interface) as client:
        assert [client.get("/").headers["x-number"] for _ in range(6)] == list("012345")


@both
def test_a_body_that_cannot_be_closed_when_a_hook_fails_is_logged_and_the_answer_a_500(
    interface: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Stuck(Response):
        async def discard(self) -> None:
            raise OSError("the body is stuck")

    class Failing:
        def before(self) -> str:
            return ""

        def finish(self, token: str, response: Response) -> Response:
            raise LookupError("no finish today")

    app = VelociPy(plugins=False, middleware=[Failing()])
    app.get("/")(lambda: Stuck("x"))
    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        assert client.get("/").status_code == 500
    assert "no finish today" in caplog.text and "the body is stuck" in caplog.text


@both
def test_a_hook_s_answer_that_is_no_refusal_refuses_a_websocket_with_403(interface: str) -> None:
    class Answering:
        def before(self) -> Response | None:
            return Response("all is well")

    app = VelociPy(plugins=False, middleware=[Answering()])

    @app.websocket("/ws")
    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()

    with (
        TestClient(app, interface=interface) as client,
        pytest.raises(WebSocketDenied) as caught,
        client.websocket_connect("/ws"),
    ):
        pass
    assert caught.value.status_code == 403
