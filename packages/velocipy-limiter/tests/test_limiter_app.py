"""Limits as an app sees them, on both protocols: who is counted, what is answered, and in which order things happen."""

from __future__ import annotations

import logging
import secrets
from typing import Annotated, Any

import pytest

from velocipy import (
    APIRouter,
    Body,
    Depends,
    HTTPException,
    JSONResponse,
    Request,
    VelociPy,
    WebSocket,
    guard,
)
from velocipy.exceptions import WebSocketDisconnect
from velocipy.http.request import Exchange
from velocipy.limiter import (
    Limiter,
    RateLimitExceeded,
    RateLimitMiddleware,
    RateLimitRule,
    by_api_key,
    by_header,
    by_path,
    by_session,
    client_address,
    content_length,
    for_methods,
    for_networks,
    for_paths,
    limited_messages,
    message_bytes,
    rate_limit,
    refund,
    together,
)
from velocipy.limiter.identity import address_identity
from velocipy.middleware import SessionMiddleware
from velocipy.storage import MemoryStorage as KeptInMemory
from velocipy.testing import TestClient, WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
every_way = pytest.mark.parametrize("way", ["dependency", "middleware"])


def rules(count: int = 2, name: str = "r", **more: Any) -> list[RateLimitRule]:
    return [RateLimitRule(name, count, 3600, **more)]


def limited(way: str, limiter: Limiter | None = None, given: Any = None, **options: Any) -> VelociPy:
    """An app with everything limited, one way or the other, and a few routes."""
    limiter = limiter or Limiter()
    given = rules() if given is None else given
    if way == "dependency":
        app = VelociPy(plugins=False, dependencies=[Depends(rate_limit(limiter, given, **options))])
    else:
        app = VelociPy(plugins=False)
        app.add_middleware(RateLimitMiddleware(limiter, given, **options))

    @app.get("/")
    async def home() -> dict[str, int]:
        return {"a": 1}

    @app.get("/text")
    async def text() -> str:
        return "text"

    @app.post("/numbers")
    async def numbers(body: Annotated[list[int], Body()], page: int = 1) -> int:
        return len(body)

    @app.get("/fails")
    async def fails() -> None:
        raise ValueError("broken")

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send("hello")

    return app


def client_of(app: VelociPy, interface: Any, **options: Any) -> TestClient:
    return TestClient(app, interface=interface, raise_server_exceptions=False, **options)


def statuses(client: TestClient, *asked: tuple[str, str]) -> list[int]:
    return [client.request(method, path).status_code for method, path in asked]


@both
@every_way
def test_every_answer_tells_the_policy_and_how_the_client_stands(interface: Any, way: str) -> None:
    client = client_of(limited(way), interface)
    first, second, third = (client.get("/") for _ in range(3))
    assert [first.status_code, second.status_code, third.status_code] == [200, 200, 429]
    for answer, left in ((first, 1), (second, 0), (third, 0)):
        assert answer.headers["ratelimit-policy"] == '"r";q=2;w=3600'
        assert answer.headers["ratelimit"] == f'"r";r={left};t=1800'
        assert "x-ratelimit-limit" not in answer.headers
    assert "retry-after" not in second.headers
    assert third.headers["retry-after"] == "1800"
    assert third.json() == {"detail": "Too Many Requests"}


@pytest.mark.case(115)
@pytest.mark.case(119)
@both
@every_way
def test_the_fields_stand_on_errors_too_and_all_of_them_count(interface: Any, way: str) -> None:
    """404, 405, OPTIONS, a 422 and an endpoint that fails: what it was for does not matter."""
    client = client_of(limited(way, given=rules(9)), interface)
    asked = [
        ("GET", "/nowhere"),
        ("DELETE", "/"),
        ("OPTIONS", "/"),
        ("POST", "/numbers?page=x"),
        ("GET", "/fails"),
    ]
    for left, (method, path) in zip((8, 7, 6, 5, 4), asked, strict=True):
        answer = client.request(method, path)
        assert answer.headers["ratelimit"].startswith(f'"r";r={left};'), (method, path)
    assert client.head("/").headers["ratelimit"].startswith('"r";r=3;')


@both
@every_way
def test_who_is_over_the_limit_is_told_before_anything_is_read(interface: Any, way: str) -> None:
    client = client_of(limited(way, given=rules(1)), interface)
    assert client.post("/numbers?page=x", content=b"{").status_code == 415
    assert client.post("/numbers?page=x", content=b"{").status_code == 429


@pytest.mark.case(119)
@both
@every_way
def test_a_websocket_is_refused_at_its_handshake(interface: Any, way: str) -> None:
    client = client_of(limited(way), interface)
    for _ in range(2):
        with client.websocket_connect("/socket") as ws:
            assert ws.receive_text() == "hello"
    with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/socket"):
        pass
    assert denied.value.status_code == 429
    assert client.get("/").status_code == 429


@pytest.mark.case(119)
@both
@every_way
def test_who_is_exempt_is_not_counted_and_told_nothing(interface: Any, way: str) -> None:
    exempt = [for_paths("/text"), for_methods("options"), for_networks("192.0.2.0/24")]
    client = client_of(limited(way, exempt=exempt), interface)
    for _ in range(3):
        answer = client.get("/text")
        assert answer.status_code == 200 and "ratelimit" not in answer.headers
        assert client.options("/").status_code == 204
    assert statuses(client, *[("GET", "/")] * 3) == [200, 200, 429]
    assert client.get("/texts").status_code == 429

    async def no(exchange: Exchange) -> bool:
        return False

    assert statuses(client_of(limited(way, exempt=no), interface), *[("GET", "/")] * 3) == [200, 200, 429]


@pytest.mark.case(118)
@both
@every_way
def test_two_rules_are_all_or_nothing_and_both_are_told(interface: Any, way: str) -> None:
    limiter = Limiter()
    pair = (RateLimitRule("wide", 10, 3600), RateLimitRule("narrow", 2, 60, algorithm="sliding-window"))
    client = client_of(limited(way, limiter, pair), interface)
    answers = [client.get("/") for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429, 429]
    last = answers[-1].headers
    assert last["ratelimit-policy"] == '"wide";q=10;w=3600, "narrow";q=2;w=60'
    assert last["ratelimit"].startswith('"wide";r=8;t=') and '"narrow";r=0;t=' in last["ratelimit"]


@both
@every_way
def test_a_429_may_be_a_problem_that_names_the_rules(interface: Any, way: str) -> None:
    pair = (RateLimitRule("wide", 10, 3600), RateLimitRule("narrow", 1, 60))
    app = limited(way, None, pair)
    worded = VelociPy(plugins=False, problem_details=True)
    worded.include_router(app)
    client = client_of(worded, interface)
    client.get("/")
    refused = client.get("/")
    assert (refused.status_code, refused.headers["content-type"]) == (429, "application/problem+json")
    assert refused.headers["retry-after"] and "ratelimit" in refused.headers
    assert refused.json() == {
        "type": "https://iana.org/assignments/http-problem-types#quota-exceeded",
        "title": "Request cannot be satisfied as assigned quota has been exceeded",
        "status": 429,
        "detail": "Too Many Requests",
        "instance": "/",
        "violated-policies": ["narrow"],
    }


@both
def test_middleware_and_dependency_of_one_request_are_told_together(interface: Any) -> None:
    limiter = Limiter()
    app = VelociPy(plugins=False)
    app.add_middleware(RateLimitMiddleware(limiter, rules(9, "app")))

    @app.get("/", dependencies=[Depends(rate_limit(limiter, rules(1, "route")))])
    async def home() -> int:
        return 1

    client = client_of(app, interface)
    assert [client.get("/").headers["ratelimit"] for _ in range(2)] == [
        '"app";r=8;t=400, "route";r=0;t=3600',
        '"app";r=7;t=400, "route";r=0;t=3600',
    ]


@both
@every_way
def test_old_fields_come_when_they_are_asked_for(interface: Any, way: str) -> None:
    client = client_of(limited(way, Limiter(legacy_headers=True)), interface)
    headers = client.get("/").headers
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("2", "1")
    assert headers["x-ratelimit-reset"] == "1800"


@both
def test_a_limit_runs_in_its_place_among_guards(interface: Any) -> None:
    """Listed behind a guard that refuses, it does not count."""

    @guard
    async def nobody() -> None:
        raise HTTPException(401)

    app = VelociPy(plugins=False)
    limit = Depends(rate_limit(Limiter(), rules(1)))

    @app.get("/", dependencies=[Depends(nobody), limit])
    async def home() -> int:
        return 1

    assert statuses(client_of(app, interface), *[("GET", "/")] * 3) == [401] * 3


@both
def test_routers_and_routes_have_limits_of_their_own(interface: Any) -> None:
    limiter = Limiter()
    router = APIRouter(prefix="/api", dependencies=[Depends(rate_limit(limiter, rules(2, "api")))])

    @router.get("/a")
    async def a() -> int:
        return 1

    @router.get("/b", dependencies=[Depends(rate_limit(limiter, rules(1, "b")))])
    async def b() -> int:
        return 2

    app = VelociPy(plugins=False)
    app.include_router(router)
    client = client_of(app, interface)
    assert statuses(client, *[("GET", f"/api/{name}") for name in "bbaa"]) == [200, 429, 429, 429]
    assert "ratelimit" not in client.get("/other").headers


@both
def test_a_hole_that_no_parameter_takes_is_still_found(interface: Any) -> None:
    from velocipy.exceptions import BindingError

    app = VelociPy(plugins=False)
    with pytest.raises(BindingError, match="takes {id}"):

        @app.get("/{id}", dependencies=[Depends(rate_limit(Limiter(), rules()))])
        async def item(ident: str = "") -> int:
            return 1


@both
@every_way
def test_an_exception_handler_words_the_429_and_the_fields_stay(interface: Any, way: str) -> None:
    app = limited(way)

    @app.exception_handler(RateLimitExceeded)
    async def worded(request: Request, exc: RateLimitExceeded) -> JSONResponse:
        return JSONResponse({"slow down": exc.violated_policies}, 429, exc.headers)

    client = client_of(app, interface)
    answers = [client.get("/") for _ in range(3)]
    assert answers[2].json() == {"slow down": ["r"]}
    assert answers[2].headers["retry-after"] == "1800"
    assert answers[2].headers.get_list("ratelimit") == ['"r";r=0;t=1800']


# -- whom it counts ----------------------------------------------------------------------------------------------


SPOOFS = ["x-forwarded-for", "x-real-ip", "forwarded", "x_forwarded_for", "client-ip", "true-client-ip"]


@pytest.mark.case(116)
@both
@every_way
def test_a_client_cannot_be_others_by_headers(interface: Any, way: str) -> None:
    client = client_of(limited(way, given=rules(7)), interface)
    admitted = 0
    for number in range(1_000):
        address = f"203.0.{number >> 8}.{number & 255}"
        value = f"for={address}" if number % 6 == 2 else address
        admitted += client.get("/", headers={SPOOFS[number % 6]: value}).status_code == 200
    assert admitted == 7


@pytest.mark.case(116)
@both
def test_behind_a_named_proxy_each_real_client_counts(interface: Any) -> None:
    app = VelociPy(plugins=False, proxy_headers=["*"])
    app.add_middleware(RateLimitMiddleware(Limiter(), rules(1)))
    client = client_of(app, interface)
    for address in ("192.0.2.1", "192.0.2.2", "2001:db8:0:1::1"):
        assert [client.get("/", headers={"x-forwarded-for": address}).status_code for _ in range(2)] == [
            404,
            429,
        ]
    for same in ("2001:db8:0:1::2", "2001:db8:0:1:ffff::", "::ffff:192.0.2.1"):
        assert client.get("/", headers={"x-forwarded-for": same}).status_code == 429
    assert client.get("/", headers={"x-forwarded-for": "2001:db8:0:2::1"}).status_code == 404


@pytest.mark.case(116)
@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("192.0.2.7", "ip:192.0.2.7"),
        ("::ffff:192.0.2.7", "ip:192.0.2.7"),
        ("2001:db8:0:1::7", "ip:2001:db8:0:1::/64"),
        ("2001:DB8:0:1:ffff::%eth0", "ip:2001:db8:0:1::/64"),
        ("testclient", "ip:?testclient"),
        ("", "ip:?"),
    ],
)
def test_an_address_is_itself_or_its_network(text: str, identity: str) -> None:
    assert address_identity(text) == identity


def asked_with(interface: Any, identifier: Any, *headers: dict[str, str]) -> list[int]:
    client = client_of(limited("dependency", given=rules(1), identifier=identifier), interface)
    return [client.get("/", headers=sent).status_code for sent in headers]


@both
@pytest.mark.parametrize(
    "identifier", [by_header("X-Tenant"), together(client_address, by_header("x-tenant"))]
)
def test_a_header_tells_clients_apart_and_leaving_it_out_is_no_way_around(
    interface: Any, identifier: Any
) -> None:
    sent = [{"x-tenant": "a"}, {"x-tenant": "b"}, {"x-tenant": "a"}, {}, {}]
    assert asked_with(interface, identifier, *sent) == [200, 200, 429, 200, 429]


@both
def test_a_key_is_not_kept_as_it_is(interface: Any) -> None:
    seen: list[str] = []
    key = by_api_key()

    def noted(exchange: Exchange) -> Any:
        seen.append(str(key(exchange)))
        return key(exchange)

    sent = [{"x-api-key": "s3cret"}, {"x-api-key": "s3cret"}]
    assert asked_with(interface, noted, *sent) == [200, 429]
    assert seen[0] == seen[1] and "s3cret" not in seen[0]


@both
def test_a_session_tells_users_apart(interface: Any) -> None:
    class Sessions:
        async def dispatch(self, request: Request, call_next: Any) -> Any:
            request.state["session"] = {"user": request.header("x-user")}
            return await call_next(request)

    app = VelociPy(plugins=False, dependencies=[Depends(rate_limit(Limiter(), rules(1), by_session("user")))])
    app.add_middleware(Sessions())
    app.add_route("/", limited_home, ["GET"])
    client = client_of(app, interface)
    sent: list[dict[str, str]] = [{"x-user": "1"}, {"x-user": "2"}, {"x-user": "1"}, {}, {}]
    assert [client.get("/", headers=headers).status_code for headers in sent] == [200, 200, 429, 200, 429]


async def limited_home() -> int:
    return 1


@both
@every_way
def test_any_storage_of_the_core_counts_as_well(interface: Any, way: str) -> None:
    storage = KeptInMemory()
    client = client_of(limited(way, Limiter(storage), rules(algorithm="sliding-window")), interface)
    assert statuses(client, *[("GET", "/")] * 3) == [200, 200, 429]
    assert len(storage) == 1


@both
def test_a_session_of_the_middleware_tells_users_apart(interface: Any) -> None:
    app = VelociPy(plugins=False, middleware=[SessionMiddleware(secrets.token_urlsafe(32))])
    limiter = Limiter()

    @app.post("/login/{user:int}")
    async def login(request: Request, user: int) -> None:
        request.session["user"] = user

    @app.get("/", dependencies=[Depends(rate_limit(limiter, rules(1), by_session("user")))])
    async def home() -> int:
        return 1

    for user, expected in ((1, [200, 429]), (2, [200, 429]), (1, [429, 429])):
        client = client_of(app, interface, base_url="https://testserver")
        client.post(f"/login/{user}")
        assert [client.get("/").status_code for _ in range(2)] == expected


@both
def test_a_path_counts_for_everybody(interface: Any) -> None:
    client = client_of(limited("dependency", given=rules(1), identifier=by_path), interface)
    assert statuses(client, ("GET", "/"), ("GET", "/text"), ("GET", "/")) == [200, 200, 429]


@both
@pytest.mark.parametrize("wrong", [7, b"bytes", ["a"]])
def test_an_identity_that_is_no_text_is_a_500_and_no_way_around(interface: Any, wrong: Any) -> None:
    async def later(exchange: Exchange) -> Any:
        return wrong

    for identifier in (lambda exchange: wrong, later):
        assert asked_with(interface, identifier, {}, {}) == [500, 500]


# -- what it costs -------------------------------------------------------------------------------------------------


@both
def test_a_cost_may_depend_on_the_request(interface: Any) -> None:
    def cost(exchange: Exchange) -> int:
        return int(exchange.query_params.get("n", "1"))

    client = client_of(limited("dependency", given=rules(10), cost=cost), interface)
    assert statuses(client, ("GET", "/?n=6"), ("GET", "/?n=5"), ("GET", "/?n=4"), ("GET", "/?n=0")) == [
        200,
        429,
        200,
        200,
    ]
    too_much = client.get("/?n=11")
    assert too_much.status_code == 429 and "retry-after" not in too_much.headers
    assert statuses(client, ("GET", "/?n=-1")) == [500]


@both
def test_bytes_can_be_what_is_counted(interface: Any) -> None:
    quota = [RateLimitRule("up", 1_000, 3600, unit="content-bytes")]
    client = client_of(limited("dependency", given=quota, cost=content_length), interface)
    json = {"content-type": "application/json"}
    body = b"[" + b" " * 598 + b"]"
    assert [client.post("/numbers", content=body, headers=json).status_code for _ in range(2)] == [200, 429]
    answer = client.get("/")
    assert answer.headers["ratelimit-policy"] == '"up";q=1000;w=3600;qu="content-bytes"'
    assert answer.headers["ratelimit"].startswith('"up";r=400;')
    assert client.post("/numbers", content=iter([body]), headers=json).status_code == 429


@both
@every_way
def test_what_a_request_was_charged_can_be_given_back(interface: Any, way: str) -> None:
    app = limited(way)

    @app.get("/login")
    async def login(request: Request, ok: bool) -> bool:
        if ok:
            await refund(request)
            await refund(request)
        return ok

    client = client_of(app, interface)
    asked = [client.get(f"/login?ok={ok}").status_code for ok in (1, 1, 1, 0, 0, 1)]
    assert asked == [200, 200, 200, 200, 200, 429]


@both
@every_way
def test_a_cost_that_was_guessed_high_is_given_back_in_part(interface: Any, way: str) -> None:
    given = [RateLimitRule("units", 30, 3600), RateLimitRule("bytes", 30, 3600, unit="content-bytes")]
    app = limited(way, given=given, cost=10)

    @app.post("/job")
    async def job(request: Request, used: int) -> None:
        await refund(request, 10 - used)
        await refund(request, 0)

    @app.post("/free")
    async def free(request: Request) -> None:
        await refund(request, 4)
        await refund(request, 5)
        await refund(request, 99)
        await refund(request)

    client = client_of(app, interface)
    assert client.post("/job?used=3").status_code == 204
    assert client.post("/free").status_code == 204
    answer = client.post("/job?used=7")
    assert answer.headers["ratelimit"].startswith('"units";r=17;')
    answer = client.post("/job?used=1")
    assert answer.headers["ratelimit"].startswith('"units";r=10;')
    assert client.post("/job?used=11").status_code == 500


@both
def test_rules_with_costs_of_their_own_get_back_what_each_has_counted(interface: Any) -> None:
    given = [RateLimitRule("one", 10, 3600, cost=1), RateLimitRule("three", 10, 3600, cost=3)]
    app = limited("dependency", given=given)

    @app.get("/part")
    async def part(request: Request) -> None:
        await refund(request, 2)

    client = client_of(app, interface)
    client.get("/part")
    answer = client.get("/")
    assert [one.partition(";t")[0] for one in answer.headers["ratelimit"].split(", ")] == [
        '"one";r=9',
        '"three";r=6',
    ]


# -- messages of WebSockets -----------------------------------------------------------------------------------------


def chat(over: Any, count: int = 2, window: float = 3600, cost: Any = None) -> VelociPy:
    app = VelociPy(plugins=False)
    limiter, given = Limiter(), (RateLimitRule("messages", count, window, algorithm="fixed-window"),)

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        async for message in limited_messages(websocket, limiter, given, cost=cost, over=over):
            await websocket.send(message)

    return app


@pytest.mark.case(119)
@both
def test_too_many_messages_close_the_websocket(interface: Any) -> None:
    with client_of(chat("close"), interface).websocket_connect("/") as ws:
        for text in "abc":
            ws.send_text(text)
        assert [ws.receive_text(), ws.receive_text()] == ["a", "b"]
        with pytest.raises(WebSocketDisconnect):
            ws.receive_text()


@both
def test_who_would_wait_too_long_is_closed(interface: Any) -> None:
    with client_of(chat("wait", count=1), interface).websocket_connect("/") as ws:
        for text in "ab":
            ws.send_text(text)
        assert ws.receive_text() == "a"
        with pytest.raises(WebSocketDisconnect):
            ws.receive_text()


@both
def test_messages_may_wait_or_be_left_out(interface: Any) -> None:
    with client_of(chat("wait", window=0.2), interface).websocket_connect("/") as ws:
        for text in "abcde":
            ws.send_text(text)
        assert [ws.receive_text() for _ in range(5)] == list("abcde")
    with client_of(chat("drop", count=10, cost=len), interface).websocket_connect("/") as ws:
        for text in ("12345", "123456", "789"):
            ws.send_text(text)
        assert [ws.receive_text() for _ in range(2)] == ["12345", "789"]
    with client_of(chat("drop", count=10, cost=message_bytes), interface).websocket_connect("/") as ws:
        for content in ("éééé", b"123", "12"):
            ws.send_text(content) if isinstance(content, str) else ws.send_bytes(content)
        assert [ws.receive_text() for _ in range(2)] == ["éééé", "12"]


def test_what_to_do_with_too_many_messages_is_one_of_three() -> None:
    with pytest.raises(ValueError, match="close"):
        limited_messages(None, Limiter(), rules(), over="shut")  # type: ignore[arg-type]


# -- a storage that is out of order ---------------------------------------------------------------------------------


class Sick:
    """A storage that fails while it is told to."""

    def __init__(self) -> None:
        self.well = Limiter().storage
        self.sick = True

    async def decide(self, *asked: Any) -> Any:
        if self.sick:
            raise ConnectionError("refused")
        return await self.well.decide(*asked)

    async def refund(self, *asked: Any) -> None:
        raise ConnectionError("refused")

    async def reset(self, *asked: Any) -> None:
        raise ConnectionError("refused")

    async def close(self) -> None:
        """Nothing to close."""


@both
@every_way
@pytest.mark.parametrize(
    ("on_error", "expected"), [("memory", [200, 200, 429]), ("allow", [200] * 3), ("deny", [503] * 3)]
)
def test_the_rule_says_what_counts_while_the_storage_is_out_of_order(
    interface: Any, way: str, on_error: Any, expected: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    storage = Sick()
    limiter = Limiter(storage)
    client = client_of(limited(way, limiter, rules(on_error=on_error)), interface)
    caplog.set_level(logging.WARNING, "velocipy.limiter")
    answers = [client.get("/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == expected
    assert limiter.failing
    if on_error == "deny":
        assert answers[0].headers["retry-after"] == "1"
    storage.sick = False
    assert client.get("/").status_code == 200
    assert not limiter.failing
    own = [record.getMessage() for record in caplog.records if record.name == "velocipy.limiter"]
    assert len(own) == 2 and "ConnectionError: refused" in own[0] and "is back" in own[1]


@both
def test_rules_with_different_wishes_are_met_each(interface: Any) -> None:
    mixed = [RateLimitRule("m", 2, 3600), RateLimitRule("a", 1, 3600, on_error="allow")]
    client = client_of(limited("dependency", Limiter(Sick()), mixed), interface)
    answers = [client.get("/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[1].headers["ratelimit"] == '"m";r=0;t=1800, "a";r=1;t=0'
    deny = [*mixed, RateLimitRule("d", 9, 3600, on_error="deny")]
    assert client_of(limited("dependency", Limiter(Sick()), deny), interface).get("/").status_code == 503
