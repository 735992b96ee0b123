"""CORSMiddleware: who may read, what may be asked for, and where it stands; every table of it, on both protocols."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy import (
    APIRouter,
    Depends,
    HTTPException,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
    VelociPy,
    WebSocket,
)
from velocipy.exceptions import ConfigurationError
from velocipy.middleware import CallNext, CORSMiddleware, Middleware, TimingMiddleware, cors
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])

GOOD = "https://good.example"
VARY = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"

HOSTILE = [
    "https://goodXexample",
    "https://good.example.evil",
    "https://evil-good.example",
    "https://good.example:8080",
    "http://good.example",
    "HTTPS://GOOD.EXAMPLE",
    "https://good.example/",
    "https://user@good.example",
    "null",
    "",
    "*",
    "https://good.example " + "a" * 100_000,
]


def serve(*middleware: Any, **settings: Any) -> VelociPy:
    app = VelociPy(middleware=middleware, **settings)

    @app.get("/items")
    async def read() -> dict[str, int]:
        return {"a": 1}

    @app.put("/items")
    async def write() -> dict[str, int]:
        return {"a": 2}

    return app


def ask(client: Any, path: str = "/items", method: str = "PUT", **headers: str) -> Any:
    """A preflight; `_` in names is `-`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.options(path, headers={"origin": GOOD, "access-control-request-method": method, **named})


def cors_of(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


# -- answers -----------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(87)
def test_a_listed_origin_reads_answers_and_no_other_does(interface: str) -> None:
    app = serve(CORSMiddleware([GOOD], allow_credentials=True, expose_headers=["X-Count", "ETag"]))
    with TestClient(app, interface=interface) as client:
        answer = client.get("/items", headers={"origin": GOOD})
        assert cors_of(answer) == {
            "access-control-allow-origin": GOOD,
            "access-control-allow-credentials": "true",
            "access-control-expose-headers": "x-count, etag",
        }
        assert answer.headers["vary"] == "Origin"
        for origin in HOSTILE:
            answer = client.get("/items", headers={"origin": origin})
            assert (answer.status_code, cors_of(answer)) == (200, {}), origin
            assert answer.headers["vary"] == "Origin"
        answer = client.get("/items", headers=[("origin", GOOD), ("origin", "https://evil.example")])
        assert cors_of(answer) == {}
        answer = client.get("/items")
        assert (cors_of(answer), answer.headers["vary"]) == ({}, "Origin")


@both
@pytest.mark.case(87)
def test_every_origin_is_one_constant_answer_for_all(interface: str) -> None:
    for middleware in (CORSMiddleware(), CORSMiddleware(["*"])):
        app = serve(middleware)
        with TestClient(app, interface=interface) as client:
            for headers in ({}, {"origin": GOOD}, {"origin": "null"}):
                answer = client.get("/items", headers=headers)
                assert cors_of(answer) == {"access-control-allow-origin": "*"}
                assert "vary" not in answer.headers


@both
def test_what_is_nowhere_is_for_every_origin_too(interface: str) -> None:
    with TestClient(serve(CORSMiddleware()), interface=interface) as client:
        for method, path, status in (("GET", "/nowhere", 404), ("DELETE", "/items", 405)):
            answer = client.request(method, path, headers={"origin": GOOD})
            assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, "*")
            assert "vary" not in answer.headers


@both
@pytest.mark.case(87)
def test_a_regular_expression_has_to_match_all_of_an_origin(interface: str) -> None:
    app = serve(CORSMiddleware([GOOD], allow_origin_regex=r"https://[a-z0-9-]+\.app\.example(:\d+)?"))
    table = {
        GOOD: True,
        "https://a.app.example": True,
        "https://a-b.app.example:8443": True,
        "https://app.example": False,
        "https://a.b.app.example": False,
        "https://a.app.example.evil": False,
        "https://evil.example/https://a.app.example": False,
        "https://aXapp.example": False,
        "http://a.app.example": False,
        "https://a.app.example\t": False,
        "null": False,
        f"https://{'a' * 400}.app.example": False,
    }
    with TestClient(app, interface=interface) as client:
        for origin, allowed in table.items():
            answer = client.get("/items", headers={"origin": origin.strip()} if "\t" not in origin else {})
            assert ("access-control-allow-origin" in answer.headers) is allowed, origin
            assert answer.headers["vary"] == "Origin"


@both
@pytest.mark.case(87)
def test_null_is_an_origin_only_where_it_is_listed(interface: str) -> None:
    for middleware, allowed in ((CORSMiddleware([GOOD, "null"]), True), (CORSMiddleware([GOOD]), False)):
        with TestClient(serve(middleware), interface=interface) as client:
            answer = client.get("/items", headers={"origin": "null"})
            assert cors_of(answer) == ({"access-control-allow-origin": "null"} if allowed else {})
    lax = re.compile(r".*")
    with TestClient(serve(CORSMiddleware(allow_origin_regex=lax)), interface=interface) as client:
        assert cors_of(client.get("/items", headers={"origin": "null"})) == {}
        assert cors_of(client.get("/items", headers={"origin": GOOD})) == {
            "access-control-allow-origin": GOOD
        }


@both
def test_default_ports_and_case_of_entries_are_as_browsers_write_them(interface: str) -> None:
    app = serve(CORSMiddleware(["HTTPS://Good.Example:443", "http://[::1]:80", "app://thing"]))
    with TestClient(app, interface=interface) as client:
        for origin in (GOOD, "http://[::1]", "app://thing"):
            answer = client.get("/items", headers={"origin": origin})
            assert answer.headers["access-control-allow-origin"] == origin


@both
@pytest.mark.case(89)
def test_every_kind_of_answer_tells_whom_it_is_for_once(interface: str) -> None:
    app = serve(CORSMiddleware([GOOD], allow_credentials=True), max_content_length=10)

    async def rows() -> AsyncIterator[str]:
        yield "row"

    async def answer(kind: str) -> Any:
        if kind == "fail":
            raise RuntimeError("unhandled")
        if kind in ("429", "503"):
            raise HTTPException(int(kind))
        return {
            "304": Response(None, 304, {"etag": '"a"', "vary": "Accept"}),
            "moved": RedirectResponse("/items"),
            "stream": StreamingResponse(rows()),
            "own": Response("own", headers={"access-control-allow-origin": "https://own.example"}),
        }[kind]

    async def take(body: dict[str, str]) -> None:
        """Nothing."""

    app.get("/answers/{kind}")(answer)
    app.post("/take")(take)
    with TestClient(app, interface=interface, raise_server_exceptions=False) as client:
        client.follow_redirects = False
        paths = {
            f"/answers/{kind}": status
            for kind, status in {"fail": 500, "429": 429, "503": 503, "304": 304, "moved": 307}.items()
        } | {"/answers/stream": 200, "/nowhere": 404, "/items/": 200}
        for path, status in paths.items():
            answered = client.get(path, headers={"origin": GOOD})
            assert answered.status_code == status
            assert answered.headers.get_list("access-control-allow-origin") == [GOOD], path
            assert answered.headers["access-control-allow-credentials"] == "true"
            assert "Origin" in answered.headers["vary"], path
        answered = client.get("/answers/304", headers={"origin": GOOD})
        assert answered.headers["vary"] == "Accept, Origin"
        for sent, status in ((b'{"a": "too long"}', 413), (b"{", 400), (b"[1]", 422)):
            headers = {"origin": GOOD, "content-type": "application/json"}
            answered = client.post("/take", content=sent, headers=headers)
            assert answered.status_code == status
            assert answered.headers.get_list("access-control-allow-origin") == [GOOD]
        answered = client.delete("/items", headers={"origin": GOOD})
        assert (answered.status_code, answered.headers["access-control-allow-origin"]) == (405, GOOD)
        answered = client.get("/answers/own", headers={"origin": GOOD})
        assert answered.headers.get_list("access-control-allow-origin") == ["https://own.example"]


# -- preflights --------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(88)
def test_a_preflight_is_answered_with_what_the_path_serves_and_the_policy_allows(interface: str) -> None:
    policy = CORSMiddleware([GOOD], ["PUT", "get", "DELETE"], ["X-Token"], True, max_age=60)
    with TestClient(serve(policy), interface=interface) as client:
        answer = ask(client, access_control_request_headers="content-type,x-token")
        assert (answer.status_code, answer.content) == (204, b"")
        assert cors_of(answer) == {
            "access-control-allow-origin": GOOD,
            "access-control-allow-credentials": "true",
            "access-control-allow-methods": "GET, PUT",
            "access-control-allow-headers": "content-type, x-token",
            "access-control-max-age": "60",
        }
        assert answer.headers["vary"] == VARY
        assert "content-length" not in answer.headers


@both
@pytest.mark.case(88)
def test_a_preflight_that_is_refused_says_why_and_allows_nothing(interface: str) -> None:
    policy = CORSMiddleware([GOOD], ["PUT", "DELETE"], ["X-Token"])
    table: list[tuple[dict[str, str], str]] = [
        ({"origin": "https://evil.example"}, "the origin is not allowed"),
        ({"method": "DELETE"}, "the method is not served here"),
        ({"method": "GET"}, "the method is not allowed"),
        ({"method": "put"}, "the method is not allowed"),
        ({"method": "PUT, DELETE"}, "the method is not allowed"),
        ({"access_control_request_headers": "x-token, x-other"}, "a header is not allowed"),
        ({"access_control_request_headers": "x-token" + "," * 5_000}, "too many headers"),
        ({"access_control_request_private_network": "true"}, "access from another network is not allowed"),
    ]
    with TestClient(serve(policy), interface=interface) as client:
        for changed, why in table:
            answer = ask(client, **changed)
            assert (answer.status_code, answer.json()) == (403, {"detail": f"CORS: {why}"})
            assert (cors_of(answer), answer.headers["vary"]) == ({}, VARY)


@both
@pytest.mark.case(88)
def test_any_method_and_header_are_those_that_are_asked_for(interface: str) -> None:
    policy = CORSMiddleware(allow_methods=["*"], max_age=None, allow_private_network=True)
    app = serve(policy)
    with TestClient(app, interface=interface) as client:
        answer = ask(
            client,
            access_control_request_headers="x-b, X-A,x-b",
            access_control_request_private_network="true",
        )
        assert cors_of(answer) == {
            "access-control-allow-origin": "*",
            "access-control-allow-methods": "GET, HEAD, OPTIONS, PUT",
            "access-control-allow-headers": "x-b, x-a",
            "access-control-allow-private-network": "true",
        }
        for names in ("x a", "x-a; x-b", "x-a,é", '"x"', "x-a: b"):
            named = names.encode("latin-1", "replace").decode("latin-1")
            if named.isascii():
                answer = ask(client, access_control_request_headers=named)
                assert (answer.status_code, cors_of(answer)) == (403, {"access-control-allow-origin": "*"})


@both
@pytest.mark.case(88)
def test_preflights_to_guarded_routes_are_answered_before_the_guard(interface: str) -> None:
    called: list[str] = []

    async def login() -> None:
        called.append("login")
        raise HTTPException(401)

    app = serve(CORSMiddleware([GOOD]), dependencies=[Depends(login)])
    with TestClient(app, interface=interface) as client:
        assert ask(client).status_code == 204
        assert called == []
        answer = client.put("/items", headers={"origin": GOOD})
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (401, GOOD)


@both
@pytest.mark.case(88)
def test_a_page_may_ask_what_is_nowhere_and_read_the_404(interface: str) -> None:
    with TestClient(serve(CORSMiddleware([GOOD], ["PUT"])), interface=interface) as client:
        answer = ask(client, "/nowhere")
        assert (answer.status_code, answer.headers["access-control-allow-methods"]) == (204, "PUT")
        answer = client.put("/nowhere", headers={"origin": GOOD})
        assert (answer.status_code, cors_of(answer)) == (404, {"access-control-allow-origin": GOOD})
        assert ask(client, "/nowhere", "DELETE").status_code == 403
        assert ask(client, "/nowhere", origin="https://evil.example").status_code == 403
        assert client.options("/nowhere").status_code == 404


@both
@pytest.mark.case(88)
def test_options_that_are_no_preflight_are_what_they_always_were(interface: str) -> None:
    app = serve(CORSMiddleware([GOOD]))

    async def describe() -> dict[str, str]:
        return {"own": "options"}

    app.options("/own")(describe)
    app.get("/own")(describe)
    with TestClient(app, interface=interface) as client:
        for headers in ({}, {"origin": GOOD}, {"access-control-request-method": "PUT"}):
            answer = client.options("/items", headers=headers)
            assert (answer.status_code, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS, PUT")
        assert client.options("/own", headers={"origin": GOOD}).json() == {"own": "options"}
        # what only looks like one is no preflight either
        answer = client.get("/items", headers={"origin": GOOD, "access-control-request-method": "PUT"})
        assert (answer.status_code, answer.json()) == (200, {"a": 1})
        answer = ask(client, "/own", "GET")
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (204, GOOD)


@both
def test_mounted_apps_have_their_preflights_answered(interface: str) -> None:
    async def foreign(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["method"].encode()})

    app = serve(CORSMiddleware([GOOD]))
    app.mount("/foreign", foreign)
    with TestClient(app, interface=interface) as client:
        answer = ask(client, "/foreign/x", "PATCH")
        assert answer.status_code == 204
        assert "PATCH" in answer.headers["access-control-allow-methods"]
        answer = client.get("/foreign/x", headers={"origin": GOOD, "access-control-request-method": "PUT"})
        assert (answer.text, answer.headers["access-control-allow-origin"]) == ("GET", GOOD)


@both
def test_a_websocket_is_not_a_matter_of_cors(interface: str) -> None:
    app = serve(CORSMiddleware([GOOD]))

    @app.websocket("/ws")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")

    headers = {"origin": "https://evil.example", "access-control-request-method": "PUT"}
    with (
        TestClient(app, interface=interface) as client,
        client.websocket_connect("/ws", headers=headers) as socket,
    ):
        assert socket.receive_text() == "hello"


# -- on routes and routers ---------------------------------------------------------------------------------------------


@both
def test_a_policy_on_one_route_answers_its_preflight_and_no_other_route_s(interface: str) -> None:
    app = VelociPy(middleware=[TimingMiddleware()])

    async def endpoint() -> dict[str, int]:
        return {"a": 1}

    app.get("/items", middleware=[CORSMiddleware([GOOD], allow_headers=["x-token"])])(endpoint)
    app.delete("/items")(endpoint)
    app.get("/plain")(endpoint)
    with TestClient(app, interface=interface) as client:
        answer = ask(client, method="GET", access_control_request_headers="x-token")
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-methods"] == "GET, HEAD"
        assert "server-timing" in answer.headers
        assert ask(client, method="GET", access_control_request_headers="x-other").status_code == 403
        answer = ask(client, method="DELETE")
        assert (answer.status_code, cors_of(answer)) == (204, {})
        assert (ask(client, "/plain", "GET").status_code, cors_of(ask(client, "/plain", "GET"))) == (204, {})
        assert client.get("/items", headers={"origin": GOOD}).headers["access-control-allow-origin"] == GOOD
        assert cors_of(client.get("/plain", headers={"origin": GOOD})) == {}


@both
def test_of_several_policies_the_innermost_decides_about_preflights_as_about_answers(interface: str) -> None:
    app = VelociPy(middleware=[CORSMiddleware(["https://app.example"])])
    router = APIRouter(middleware=[CORSMiddleware(["https://router.example"])])

    async def endpoint() -> dict[str, int]:
        return {"a": 1}

    app.get("/app")(endpoint)
    router.get("/own", middleware=[CORSMiddleware(["https://route.example"])])(endpoint)
    router.put("/own")(endpoint)
    router.get("/router")(endpoint)
    app.include_router(router, "/r")
    table = [
        ("/app", "GET", "https://app.example"),
        ("/r/router", "GET", "https://router.example"),
        ("/r/own", "PUT", "https://router.example"),
        ("/r/own", "GET", "https://route.example"),
    ]
    origins = ["https://app.example", "https://router.example", "https://route.example"]
    with TestClient(app, interface=interface) as client:
        for path, method, allowed in table:
            for origin in origins:
                answer = ask(client, path, method, origin=origin)
                assert answer.status_code == (204 if origin == allowed else 403), (path, method, origin)
                answer = client.request(method, path, headers={"origin": origin})
                wanted = [origin] if origin == allowed else []
                assert answer.headers.get_list("access-control-allow-origin") == wanted
        # a method that no route serves: the router's policy, as about the 405 that would follow
        answer = ask(client, "/r/own", "DELETE", origin="https://router.example")
        assert (answer.status_code, answer.json()["detail"]) == (403, "CORS: the method is not served here")


@both
def test_paths_that_several_routes_match_have_the_policies_of_all_of_them(interface: str) -> None:
    app = VelociPy()

    async def endpoint() -> dict[str, int]:
        return {"a": 1}

    app.get("/{kind}/5", middleware=[CORSMiddleware(["https://five.example"])])(endpoint_of("kind"))
    app.put("/x/{number:int}", middleware=[CORSMiddleware([GOOD])])(endpoint_of("number"))
    with TestClient(app, interface=interface) as client:
        assert ask(client, "/x/5", "PUT").headers["access-control-allow-origin"] == GOOD
        answer = ask(client, "/x/5", "GET", origin="https://five.example")
        assert answer.headers["access-control-allow-origin"] == "https://five.example"
        assert cors_of(ask(client, "/x/6", "GET", origin="https://five.example")) == {}
        assert ask(client, "/x/6", "PUT").headers["access-control-allow-origin"] == GOOD


def endpoint_of(name: str) -> Any:
    """An endpoint that takes one hole of the path."""
    if name == "kind":

        async def by_kind(kind: str) -> str:
            return kind

        return by_kind

    async def by_number(number: int) -> int:
        return number

    return by_number


@both
@pytest.mark.case(87)
@pytest.mark.parametrize(
    "wrapped", [False, True], ids=["side by side", "with wrapping middleware between them"]
)
@pytest.mark.parametrize(
    ("outer", "inner", "wanted"),
    [
        (CORSMiddleware(["*"]), CORSMiddleware(["https://other.example"]), {}),
        (CORSMiddleware([GOOD]), CORSMiddleware(["https://other.example"]), {}),
        (
            CORSMiddleware([GOOD], allow_credentials=True, expose_headers=["x-a"]),
            CORSMiddleware([GOOD]),
            {"access-control-allow-origin": GOOD},
        ),
        (
            CORSMiddleware([GOOD], allow_credentials=True),
            CORSMiddleware(["*"]),
            {"access-control-allow-origin": "*"},
        ),
    ],
)
def test_nothing_that_an_outer_policy_allows_is_added_to_an_inner_one(
    interface: str, wrapped: bool, outer: Any, inner: Any, wanted: dict[str, str]
) -> None:
    async def passing(request: Request, call_next: CallNext) -> Response:
        return await call_next(request)

    app = VelociPy(middleware=[outer, passing] if wrapped else [outer])

    @app.get("/items", middleware=[inner])
    async def read() -> dict[str, int]:
        return {"a": 1}

    @app.get("/fails", middleware=[inner])
    async def fails() -> None:
        raise HTTPException(404)

    with TestClient(app, interface=interface) as client:
        for path in ("/items", "/fails"):
            assert cors_of(client.get(path, headers={"origin": GOOD})) == wanted


@both
def test_a_policy_that_is_added_later_counts_from_then_on(interface: str) -> None:
    app = serve()
    with TestClient(app, interface=interface) as client:
        assert cors_of(ask(client)) == {}
        app.add_middleware(CORSMiddleware([GOOD]))
        assert ask(client).headers["access-control-allow-origin"] == GOOD


@both
def test_other_middleware_may_have_a_say_in_options_too(interface: str) -> None:
    class Counted(Middleware):
        def __init__(self) -> None:
            self.asked: list[tuple[str, ...]] = []

        def before(self) -> None:
            """Nothing."""

        def for_preflight(self, methods: tuple[str, ...]) -> Any:
            self.asked.append(methods)
            return self

    counted = Counted()
    app = VelociPy()
    app.get("/items", middleware=[counted])(endpoint_of_nothing)
    with TestClient(app, interface=interface) as client:
        assert client.options("/items").status_code == 204
        assert client.options("/items").status_code == 204
    assert counted.asked == [("GET", "HEAD")]


async def endpoint_of_nothing() -> None:
    """Nothing."""


# -- what is refused at construction -----------------------------------------------------------------------------------


@pytest.mark.case(87)
@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"allow_origins": []}, "is empty"),
        ({"allow_methods": []}, "is empty"),
        ({"allow_origins": "https://a.example"}, r"write \['https://a.example'\]"),
        ({"allow_headers": "x-a"}, "is a list"),
        ({"allow_origins": ["*"], "allow_credentials": True}, "any page act as its visitor"),
        ({"allow_credentials": True}, "any page act as its visitor"),
        ({"allow_origins": ["null"], "allow_credentials": True}, "any site can send"),
        ({"allow_origins": ["*", GOOD]}, "leave out the others"),
        ({"allow_origins": ["*"], "allow_origin_regex": r"https://a\.b"}, "leave out the others"),
        ({"allow_origins": ["https://*.example.com"]}, "allow_origin_regex"),
        ({"allow_origins": ["https://a.example/"]}, "is no origin"),
        ({"allow_origins": ["a.example"]}, "is no origin"),
        ({"allow_origins": ["ws://a.example"]}, "is no origin"),
        ({"allow_origins": [None]}, "is no origin"),
        ({"allow_origin_regex": "https://("}, "cannot be read"),
        ({"allow_origin_regex": "https://app.example"}, "the dot at index 11"),
        ({"allow_origin_regex": r".*", "allow_credentials": True}, "matches every origin"),
        ({"allow_origin_regex": r"https?://.*", "allow_credentials": True}, "matches every origin"),
        ({"allow_methods": ["GET POST"]}, "is no method"),
        ({"allow_headers": ["x a"]}, "is not a token"),
        ({"allow_origins": [GOOD], "expose_headers": ["*"], "allow_credentials": True}, "no wildcard"),
        ({"max_age": -1}, "max_age"),
        ({"max_age": 86_401}, "max_age"),
        ({"max_age": True}, "max_age"),
    ],
)
def test_settings_that_are_unsafe_or_senseless_are_refused(settings: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        CORSMiddleware(**settings)


@given(st.text("https:/.ab*-x1@?#\\ ", max_size=30))
def test_an_exact_list_allows_nothing_but_itself(origin: str) -> None:
    policy = CORSMiddleware(["https://a.b", "https://x1.a"], allow_credentials=True)
    lines = dict(policy._grant(origin))
    assert lines.get("access-control-allow-origin") == (
        origin if origin in ("https://a.b", "https://x1.a") else None
    )


@both
def test_origins_that_are_remembered_are_bounded(interface: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cors, "MAX_KNOWN", 2)
    app = VelociPy(plugins=False, middleware=[CORSMiddleware(allow_origin_regex=r"https://[a-z]\.example")])
    app.get("/")(lambda: "x")
    with TestClient(app, interface=interface) as client:
        for letter in "abcab":
            origin = f"https://{letter}.example"
            answer = client.get("/", headers={"origin": origin})
            assert answer.headers["access-control-allow-origin"] == origin


@both
def test_an_options_that_is_no_preflight_is_answered_as_if_there_were_no_cors(interface: str) -> None:
    app = VelociPy(plugins=False)
    app.get("/", middleware=[CORSMiddleware(allow_origins=["https://a.example"])])(lambda: "x")
    asks = {"origin": "https://a.example", "access-control-request-method": "GET"}
    with TestClient(app, interface=interface) as client:
        assert client.options("/", headers=asks).headers["access-control-allow-methods"] == "GET, HEAD"
        for left_out in asks:
            headers = {name: value for name, value in asks.items() if name != left_out}
            answer = client.options("/", headers=headers)
            assert (answer.status_code, "access-control-allow-methods" in answer.headers) == (204, False)
