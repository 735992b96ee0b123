"""Problem details (RFC 9457): every error of an app that asks for them, its kinds of problem, and what is never told."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from velocipy import (
    APIRouter,
    FileResponse,
    HTTPException,
    JSONResponse,
    ProblemException,
    Request,
    Response,
    StaticFiles,
    StreamingResponse,
    VelociPy,
    WebSocket,
    raises,
)
from velocipy.exceptions import ConfigurationError, NotFound
from velocipy.http.wording import PROBLEMS, instance_of
from velocipy.middleware import (
    CompressionMiddleware,
    CORSMiddleware,
    HTTPSRedirectMiddleware,
    RequestIDMiddleware,
    TrustedHostMiddleware,
)
from velocipy.testing import TestClient, WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
TYPE = "application/problem+json"
BARE = b'{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"Internal Server Error"}'


def quiet(app: VelociPy, interface: str) -> TestClient:
    return TestClient(app, interface=interface, raise_server_exceptions=False)


def problem(answer: Any) -> Any:
    """The members of an answer that has to be a problem of its own status."""
    assert answer.headers["content-type"] == TYPE
    found = answer.json()
    assert found["status"] == answer.status_code
    return found


def blank(status: int, title: str, detail: str | None = None, instance: str | None = "/x") -> dict[str, Any]:
    found = {"type": "about:blank", "title": title, "status": status, "detail": detail or title}
    return found if instance is None else {**found, "instance": instance}


class OutOfStock(ProblemException):
    """Less is left than was asked for."""

    problem_type = "https://example.com/problems/out-of-stock"
    problem_title = "Out of stock"
    problem_status = 409
    problem_fields = {"sku": str, "left": int}


class Coded(HTTPException):
    """With a dash in a member, and a status in another."""

    @property
    def problem_members(self) -> dict[str, Any]:
        return {"error-code": 7, "status": 200, "type": "about:nothing"}


def raising(exc: Exception, **settings: Any) -> VelociPy:
    app = VelociPy(problem_details=True, plugins=False, **settings)

    @app.get("/x")
    async def x() -> None:
        raise exc

    return app


@both
@pytest.mark.parametrize(
    ("exc", "members"),
    [
        (HTTPException(401), blank(401, "Unauthorized")),
        (HTTPException(404, "no such item"), blank(404, "Not Found", "no such item")),
        (HTTPException(418, {"code": 1}), {**blank(418, "I'm a Teapot"), "details": {"code": 1}}),
        (HTTPException(400, [1]), {**blank(400, "Bad Request"), "details": [1]}),
        (HTTPException(499), blank(499, "Client Error")),
        (HTTPException(503), blank(503, "Service Unavailable")),
        (Coded(400), {**blank(400, "Bad Request"), "error-code": 7}),
        (
            OutOfStock("two are left", sku="mug", left=2),
            {
                "type": "https://example.com/problems/out-of-stock",
                "title": "Out of stock",
                "status": 409,
                "detail": "two are left",
                "instance": "/x",
                "sku": "mug",
                "left": 2,
            },
        ),
    ],
)
def test_an_http_exception_is_a_problem(interface: str, exc: Any, members: dict[str, Any]) -> None:
    with quiet(raising(exc), interface) as client:
        assert problem(client.get("/x")) == members


@both
def test_without_the_setting_a_kind_of_problem_is_its_detail(interface: str) -> None:
    app = VelociPy(plugins=False)

    @app.get("/x")
    async def x() -> None:
        raise OutOfStock("two are left", sku="mug", left=2)

    with quiet(app, interface) as client:
        answer = client.get("/x")
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/json")
    assert answer.json() == {"detail": "two are left"}


@both
def test_headers_of_an_exception_join_the_problem(interface: str) -> None:
    app = raising(
        HTTPException(401, headers={"www-authenticate": "Bearer"}), middleware=[RequestIDMiddleware()]
    )
    with quiet(app, interface) as client:
        answer = client.get("/x")
    assert problem(answer) and answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["x-request-id"]


@both
def test_what_the_framework_refuses_is_a_problem(interface: str) -> None:
    app = VelociPy(problem_details=True, plugins=False, max_content_length=20)

    @app.post("/x")
    async def x(body: dict[str, Any], n: int, m: float = 0.0) -> None: ...

    json_type = {"content-type": "application/json"}
    with quiet(app, interface) as client:
        wrong = problem(client.post("/x?n=a&m=b", content=b"{}", headers=json_type))
        errors = wrong.pop("errors")
        assert wrong == blank(422, "Unprocessable Entity")
        assert [error["loc"] for error in errors] == [["query", "n"], ["query", "m"]]
        assert all(error.keys() == {"loc", "msg", "type"} for error in errors)
        broken = problem(client.post("/x?n=1", content=b"{", headers=json_type))
        assert broken == blank(400, "Bad Request", "Invalid JSON body")
        large = problem(client.post("/x?n=1", content=b"{" * 21, headers=json_type))
        assert large == blank(413, "Payload Too Large")
        other = problem(client.post("/x?n=1", content=b"{}", headers={"content-type": "text/csv"}))
        assert other["status"] == 415 and other["instance"] == "/x"
        answer = client.put("/x")
        assert problem(answer) == blank(405, "Method Not Allowed")
        assert answer.headers["allow"] == "OPTIONS, POST"


@both
def test_the_404_of_no_route_is_the_same_bytes_for_every_path(interface: str) -> None:
    with quiet(raising(ValueError()), interface) as client:
        answers = [client.get("/nowhere"), client.post("/a/b?secret=1"), client.get("/%3Cb%3E")]
        assert problem(answers[0]) == blank(404, "Not Found", instance=None)
        assert len({answer.content for answer in answers}) == 1
        head = client.head("/nowhere")
    assert (head.status_code, head.headers["content-type"], head.content) == (404, TYPE, b"")


class Stamping:
    def finish(self, response: Response) -> Response:
        response = response.fresh()
        response.headers["x-type"] = response.headers["content-type"]
        return response


@both
def test_the_404_of_no_route_has_what_wrapping_middleware_and_finishing_hooks_add(interface: str) -> None:
    async def wrapping(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["x-wrapped"] = "1"
        return response

    app = raising(ValueError(), middleware=[wrapping, Stamping()])
    with quiet(app, interface) as client:
        answer = client.get("/nowhere")
    assert problem(answer) == blank(404, "Not Found", instance=None)
    assert (answer.headers["x-wrapped"], answer.headers["x-type"]) == ("1", TYPE)


@both
@pytest.mark.parametrize("exc", [ValueError("secret"), HTTPException(500, object()), OSError("/etc/secret")])
def test_a_500_tells_nothing(interface: str, exc: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with quiet(raising(exc), interface) as client:
        answer = client.get("/x?token=secret")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (500, TYPE, BARE)
    assert len(caplog.records) == 1


class Finishing:
    def finish(self, response: Response) -> Response:
        raise ValueError("secret")


@both
def test_an_answer_that_cannot_be_sent_or_finished_is_a_bare_problem(interface: str) -> None:
    app = VelociPy(problem_details=True, plugins=False)

    @app.get("/length")
    async def length() -> Response:
        return Response("abc", headers={"content-length": "7"})

    @app.get("/handler")
    async def handler() -> None:
        raise LookupError("secret")

    @app.exception_handler(LookupError)
    async def broken(request: Request, exc: LookupError) -> Response:
        raise exc

    @app.get("/finish", middleware=[Finishing()])
    async def finish() -> None: ...

    with quiet(app, interface) as client:
        for path in ("/length", "/handler", "/finish"):
            answer = client.get(path)
            assert (answer.status_code, answer.headers["content-type"], answer.content) == (500, TYPE, BARE)


@both
def test_a_handler_for_an_exception_words_it_as_ever(interface: str) -> None:
    app = raising(OutOfStock(sku="mug", left=0))

    @app.exception_handler(409)
    async def worded(request: Request, exc: OutOfStock) -> JSONResponse:
        return JSONResponse({"left": exc.problem_members["left"]}, 409)

    @app.exception_handler(NotFound)
    async def missing(request: Request, exc: NotFound) -> dict[str, str]:
        return {"at": request.path}

    with quiet(app, interface) as client:
        assert client.get("/x").json() == {"left": 0}
        assert client.get("/nowhere").json() == {"at": "/nowhere"}


@both
def test_refusals_of_middleware_are_problems(interface: str) -> None:
    app = raising(
        ValueError(),
        middleware=[
            TrustedHostMiddleware(["testserver"]),
            CORSMiddleware(allow_origins=["https://a.example"]),
        ],
    )
    with quiet(app, interface) as client:
        wrong = problem(client.get("/x", headers={"host": "evil.example"}))
        assert wrong == blank(400, "Bad Request", "Invalid host header")
        preflight = {"origin": "https://evil.example", "access-control-request-method": "GET"}
        refused = client.options("/x", headers=preflight)
        assert problem(refused)["detail"].startswith("CORS: ")
        assert "Origin" in refused.headers["vary"]


@both
def test_files_refuse_with_problems(interface: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("0123456789" * 100)
    app = VelociPy(problem_details=True, plugins=False)
    app.mount("/files", StaticFiles(tmp_path))
    kept = FileResponse(tmp_path / "a.txt")

    @app.get("/kept")
    async def shared() -> FileResponse:
        return kept

    @app.get("/packed", middleware=[CompressionMiddleware(minimum_size=1)])
    async def packed() -> FileResponse:
        return FileResponse(tmp_path / "a.txt")

    plain = VelociPy(plugins=False)
    plain.add_route("/kept", shared)
    with quiet(app, interface) as client, quiet(plain, interface) as other:
        for path in ("/files/a.txt", "/kept", "/packed"):
            answer = client.get(path, headers={"range": "bytes=5000-"})
            assert problem(answer) == blank(416, "Range Not Satisfiable", instance=None)
            assert answer.headers["content-range"] == "bytes */1000"
            changed = client.get(path, headers={"if-match": '"other"', "accept-encoding": "gzip"})
            assert problem(changed) == blank(412, "Precondition Failed", instance=None)
        assert other.get("/kept", headers={"range": "bytes=5000-"}).json() == {
            "detail": "Range Not Satisfiable"
        }
        assert problem(client.get("/files/none.txt"))["instance"] == "/files/none.txt"
        assert problem(client.post("/files/a.txt"))["status"] == 405


@both
def test_a_stream_has_nothing_to_word(interface: str) -> None:
    app = VelociPy(problem_details=True, plugins=False)

    async def lines() -> AsyncIterator[str]:
        yield "one\n"
        yield "two\n"

    app.get("/")(lambda: StreamingResponse(lines()))
    app.get("/packed", middleware=[CompressionMiddleware(minimum_size=1)])(
        lambda: StreamingResponse(lines(), media_type="text/plain")
    )
    with TestClient(app, interface=interface) as client:
        assert [client.get(path).text for path in ("/", "/packed")] == ["one\ntwo\n"] * 2


@both
def test_an_app_that_is_mounted_keeps_its_own_setting(interface: str) -> None:
    outer, inner = VelociPy(plugins=False), VelociPy(problem_details=True, plugins=False)
    third = VelociPy(plugins=False)
    inner.mount("/third", third)
    outer.mount("/in", inner)

    async def x(n: int) -> None: ...

    for app in (outer, inner, third):
        app.add_route("/x", x)
    with quiet(outer, interface) as client:
        for prefix, worded in (("", False), ("/in", True), ("/in/third", False)):
            missing, method = client.get(f"{prefix}/nowhere"), client.post(f"{prefix}/x")
            wrong = client.get(f"{prefix}/x?n=a")
            for answer in (missing, method, wrong):
                kind = TYPE if worded else "application/json"
                assert answer.headers["content-type"] == kind, (prefix, answer.json())
            assert [answer.status_code for answer in (missing, method, wrong)] == [404, 405, 422]
    inside = problem(TestClient(outer, interface=interface).get("/in/nowhere"))
    assert inside["instance"] == "/in/nowhere"


@both
@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        ("/raised", 409, {"sku": "mug", "left": 0, "instance": "/raised", "title": "Out of stock"}),
        ("/denied", 402, {"detail": "pay first", "instance": "/denied", "title": "Payment Required"}),
        ("/nowhere", 403, {"detail": "Forbidden", "instance": "/nowhere"}),
        ("/typed/a", 422, {"instance": "/typed/a"}),
    ],
)
def test_a_refused_handshake_has_a_problem_where_a_body_is_possible(
    interface: str, path: str, status: int, expected: dict[str, Any]
) -> None:
    app = VelociPy(problem_details=True, plugins=False)

    @app.websocket("/raised")
    async def raised(websocket: WebSocket) -> None:
        raise OutOfStock(sku="mug", left=0)

    @app.websocket("/denied")
    async def denied(websocket: WebSocket) -> None:
        await websocket.deny(402, "pay first", {"x-a": "1"})

    @app.websocket("/typed/{text}")
    async def typed(websocket: WebSocket, text: str, n: int) -> None: ...

    with (
        quiet(app, interface) as client,
        pytest.raises(WebSocketDenied) as caught,
        client.websocket_connect(path),
    ):
        pass
    refusal = caught.value
    assert refusal.status_code == status
    if interface == "asgi":
        assert dict(refusal.headers)["content-type"] == TYPE
        found = json.loads(refusal.body)
        assert found["status"] == status
        assert {name: found[name] for name in expected} == expected
        assert path != "/typed/a" or [error["loc"] for error in found["errors"]] == [["query", "n"]]


@pytest.mark.parametrize(
    ("path", "instance"),
    [
        ("/a b/ü%", "/a%20b/%C3%BC%25"),
        ("//evil.example/x", "/.//evil.example/x"),
        ("*", None),
        ("http://evil.example/", None),
        ("", None),
    ],
)
def test_an_instance_is_a_reference_that_leads_to_no_other_host(path: str, instance: str | None) -> None:
    assert instance_of(path) == instance


@both
def test_an_instance_is_the_path_without_its_query(interface: str) -> None:
    app = VelociPy(problem_details=True, plugins=False)

    @app.get("/{name}/{rest*}")
    async def x(name: str, rest: str) -> None:
        raise HTTPException(403)

    with quiet(app, interface) as client:
        answer = client.get("/", extensions={"target": b"/a%20%3Cb%3E/%0d%0ax?token=secret"})
    assert problem(answer)["instance"] == "/a%20%3Cb%3E/%0D%0Ax"
    assert "secret" not in answer.text


@both
def test_a_target_that_is_no_path_is_a_problem_without_an_instance(interface: str) -> None:
    with quiet(raising(ValueError()), interface) as client:
        answer = client.get("/", extensions={"target": b"nothing"})
    if answer.status_code == 400:  # the servers that let it through
        assert "instance" not in problem(answer)


def kind(**attributes: Any) -> type[ProblemException]:
    return type("Kind", (ProblemException,), attributes)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({}, "problem_status of Kind is a status from 400 to 599, not None"),
        ({"problem_status": 200}, "not 200"),
        ({"problem_status": True}, "not True"),
        ({"problem_status": 400, "problem_type": ""}, "problem_type of Kind is a URI"),
        ({"problem_status": 400, "problem_type": "out of stock"}, "not 'out of stock'"),
        ({"problem_status": 400, "problem_type": "https://exämple.com"}, "problem_type"),
        ({"problem_status": 400, "problem_fields": {"headers": str}}, r"\['headers'\], which"),
        ({"problem_status": 400, "problem_fields": {"title": str}}, r"\['title'\], which every problem has"),
    ],
)
def test_a_kind_of_problem_that_cannot_be_is_an_error_where_it_is_written(
    attributes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        kind(**attributes)


def test_a_kind_of_problem_is_raised_with_exactly_its_members() -> None:
    with pytest.raises(TypeError, match=r"OutOfStock takes the members \['left', 'sku'\], not \['sku'\]"):
        OutOfStock(sku="mug")
    with pytest.raises(TypeError, match="not "):
        OutOfStock(sku="mug", left=1, more=2)
    with pytest.raises(TypeError, match="as a subclass"):
        ProblemException()
    assert str(OutOfStock("gone", sku="mug", left=0)) == "409: gone"


def test_the_setting_is_true_or_false() -> None:
    with pytest.raises(ConfigurationError, match="problem_details is True or False, not 'yes'"):
        VelociPy(problem_details="yes")  # type: ignore[arg-type]


def test_raises_takes_statuses_and_kinds_of_problem() -> None:
    @raises(404, OutOfStock, NotFound)
    async def x() -> None: ...

    for wrong in (HTTPException, ValueError, 200):
        with pytest.raises(
            ConfigurationError, match="statuses from 400 to 599 and exceptions with a problem"
        ):
            raises(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("status", range(400, 600))
def test_a_bare_problem_is_json_for_every_status(status: int) -> None:
    found = json.loads(PROBLEMS.bare(status))
    assert list(found) == ["type", "title", "status", "detail"] and found["status"] == status


@both
def test_routers_and_https_redirects_are_worded_by_their_app(interface: str) -> None:
    router = APIRouter("/in")

    @router.get("/x")
    async def x() -> None:
        raise HTTPException(410)

    app = VelociPy(problem_details=True, plugins=False)
    app.include_router(router)

    @app.websocket("/ws", middleware=[HTTPSRedirectMiddleware()])
    async def ws(websocket: WebSocket) -> None: ...

    with quiet(app, interface) as client:
        assert problem(client.get("/in/x")) == blank(410, "Gone", instance="/in/x")
        assert problem(client.post("/in/x")) == blank(405, "Method Not Allowed", instance="/in/x")
        with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/ws"):
            pass
    assert caught.value.status_code == 403
    if interface == "asgi":
        assert json.loads(caught.value.body)["detail"] == "WebSockets are served over wss alone"


class Failing:
    """ASGI middleware that fails."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            raise HTTPException(402) if scope["path"] == "/pay" else ValueError("secret")
        await self.app(scope, receive, send)


def test_what_asgi_middleware_raises_behind_the_bridge_is_a_problem() -> None:
    app = raising(ValueError())
    app.add_asgi_middleware(Failing)
    with quiet(app, "rsgi") as client:
        answer = client.get("/x")
        assert (answer.status_code, answer.headers["content-type"], answer.content) == (500, TYPE, BARE)
        assert problem(client.get("/pay"))["title"] == "Payment Required"
