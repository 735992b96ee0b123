"""Apps below a prefix: VelociPy's and foreign ones, on both protocols, with what stands around them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx2
import pytest
from a2wsgi import WSGIMiddleware

from velocipy import Depends, Header, HTTPException, PlainTextResponse, Request, Response, VelociPy, WebSocket
from velocipy.exceptions import ConfigurationError
from velocipy.middleware import RequestIDMiddleware, SecurityHeadersMiddleware, TimingMiddleware
from velocipy.testing import AsyncTestClient, TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


def shop(events: list[str]) -> VelociPy:
    """An app of its own, with everything that an app can have."""

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[dict[str, str]]:
        events.append("shop starts")
        yield {"stock": "mugs"}
        events.append("shop stops")

    app = VelociPy(title="shop", lifespan=lifespan, plugins=False, max_content_length=10)

    @app.get("/items/{id:int}", name="item")
    async def item(request: Request, id: int) -> dict[str, Any]:
        return {
            "id": id,
            "title": request.app.title,
            "stock": request.app.state.get("stock"),
            "next": request.url_for("item", id=id + 1),
        }

    @app.post("/items")
    async def add(item: dict[str, Any]) -> int:
        return len(item)

    @app.websocket("/ws/{room}")
    async def chat(room: str, websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text(f"{room} at {websocket.path}")

    @app.exception_handler(404)
    async def missing(request: Request, exc: HTTPException) -> Response:
        return PlainTextResponse("not in this shop", 404)

    return app


@both
def test_an_app_below_a_prefix_keeps_what_is_its_own(interface: Any) -> None:
    events: list[str] = []
    app = VelociPy(plugins=False)
    app.mount("/shop", shop(events), name="shop")

    @app.get("/shop/open")
    async def opened() -> str:
        return "yes"

    with TestClient(app, interface=interface) as client:
        assert events == ["shop starts"]
        assert client.get("/shop/items/3").json() == {
            "id": 3,
            "title": "shop",
            "stock": "mugs",
            "next": "/shop/items/4",
        }
        assert client.get("/shop/open").text == "yes"
        assert app.url_for("shop.item", id=7) == "/shop/items/7"
        assert (client.get("/shop/nothing").status_code, client.get("/shop/nothing").text) == (
            404,
            "not in this shop",
        )
        assert client.get("/elsewhere").json() == {"detail": "Not Found"}
        refused = client.delete("/shop/items/3")
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
        assert client.post("/shop/items", json={"a": "more than ten"}).status_code == 413
        with client.websocket_connect("/shop/ws/blue") as websocket:
            assert websocket.receive_text() == "blue at /shop/ws/blue"
    assert events == ["shop starts", "shop stops"]


@both
def test_what_is_added_to_a_mounted_app_later_and_overridden_counts(interface: Any) -> None:
    inner, app = VelociPy(plugins=False), VelociPy(plugins=False)
    app.mount("/in", inner)

    async def who() -> str:
        return "ada"

    @inner.get("/who")
    async def read(name: Annotated[str, Depends(who)]) -> str:
        return name

    client = TestClient(app, interface=interface)
    assert client.get("/in/who").text == "ada"
    with inner.override({who: lambda: "grace"}):
        assert client.get("/in/who").text == "grace"
    assert client.get("/in/who").text == "ada"
    inner.add_middleware(RequestIDMiddleware())
    assert "x-request-id" in client.get("/in/who").headers
    assert "x-request-id" in client.get("/in/nothing").headers
    assert "x-request-id" not in client.get("/nothing").headers


@both
def test_an_app_in_a_mounted_app_keeps_its_own_settings_whenever_it_was_mounted(interface: str) -> None:
    outer, inner = VelociPy("outer", plugins=False), VelociPy("inner", plugins=False)
    early, late = VelociPy("early", plugins=False), VelociPy("late", plugins=False)

    async def where(request: Request) -> list[str]:
        return [request.app.title, request.route.mounted_at]

    inner.mount("/early", early)
    outer.mount("/in", inner)
    inner.mount("/late", late)
    for app in (outer, inner, early, late):
        app.add_route("/x", where)
    client = TestClient(outer, interface=interface)
    assert client.get("/x").json() == ["outer", ""]
    assert client.get("/in/x").json() == ["inner", "/in"]
    assert client.get("/in/early/x").json() == ["early", "/in/early"]
    assert client.get("/in/late/x").json() == ["late", "/in/late"]


def test_an_app_is_not_mounted_in_itself() -> None:
    inner, app = VelociPy(), VelociPy()
    app.mount("/in", inner)
    with pytest.raises(ConfigurationError, match="cannot be mounted in itself"):
        inner.mount("/out", app)
    with pytest.raises(ConfigurationError, match="cannot be mounted in itself"):
        app.mount("/x", app)


@pytest.mark.parametrize("target", [object(), 3, VelociPy, lambda environ, start_response: []])
def test_what_cannot_be_mounted_is_told_what_can(target: Any) -> None:
    with pytest.raises(ConfigurationError, match="a WSGI app as a2wsgi"):
        VelociPy().mount("/x", target)


@both
def test_a_wsgi_app_is_mounted_through_a2wsgi(interface: str) -> None:
    def wsgi(environ: Any, start_response: Any) -> list[bytes]:
        name = f"{environ['SCRIPT_NAME']} {environ['PATH_INFO']} {environ['QUERY_STRING']}"
        start_response("201 Created", [("content-type", "text/plain"), ("x-wsgi", "1")])
        return [name.encode(), b" ", environ["wsgi.input"].read()]

    app = VelociPy(plugins=False)
    app.mount("/old", WSGIMiddleware(wsgi))
    with TestClient(app, interface=interface) as client:
        answer = client.post("/old/a/b?c=d", content=b"body")
        assert (answer.status_code, answer.headers["x-wsgi"]) == (201, "1")
        assert answer.text == "/old /a/b c=d body"
        assert client.get("/elsewhere").status_code == 404


def test_a_mount_has_a_path_without_holes() -> None:
    with pytest.raises(ConfigurationError, match="a path without holes, not '/{id}'"):
        VelociPy().mount("/{id}", VelociPy())


async def foreign(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI app written by hand, whose path says what it shall do."""
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    path = scope["path"].removeprefix(scope["root_path"])
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": f"{path}: {message.get('text')}"})
        return
    if path == "/raise":
        raise ValueError("before the answer")
    if path == "/silent":
        return
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    status, headers = STARTS.get(
        path, (200, [(b"x-own", b"1"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")])
    )
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if path == "/stream":
        for number in range(5):
            await send({"type": "http.response.body", "body": b"%d;" % number, "more_body": True})
        await send({"type": "http.response.body", "body": b"end"})
    elif path == "/breaks":
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("in the middle")
    else:
        text = (
            f"{scope['method']} {scope['root_path']}|{path}?{scope['query_string'].decode()} {body.decode()}"
        )
        await send(
            {"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else text.encode()}
        )


STARTS: dict[str, tuple[Any, Any]] = {
    "/status99": (99, []),
    "/statusNone": (None, []),
    "/crlf": (200, [(b"x-a", b"1\r\nx-b: 2")]),
    "/name": (200, [(b"x a", b"1")]),
    "/length": (200, [(b"content-length", b"3")]),
    "/204": (204, []),
    "/hop": (200, [(b"connection", b"close"), (b"transfer-encoding", b"chunked"), (b"x-own", b"1")]),
}


def around(target: Any) -> VelociPy:
    """An app with middleware and a guard around a mount."""

    async def check(authorization: Annotated[str | None, Header()] = None) -> None:
        if authorization == "no":
            raise HTTPException(401)

    middleware = [RequestIDMiddleware(), TimingMiddleware(), SecurityHeadersMiddleware()]
    app = VelociPy(plugins=False, middleware=middleware, dependencies=[Depends(check)], max_content_length=50)
    app.mount("/f", target)
    return app


@both
def test_a_foreign_app_answers_inside_of_middleware_and_guards(interface: Any) -> None:
    client = TestClient(around(foreign), interface=interface)
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "FOO", "HEAD"):
        answer = client.request(method, "/f/a b/c?x=1", content=b"body" if method == "POST" else None)
        assert answer.status_code == 200
        assert {"x-request-id", "server-timing", "x-content-type-options", "x-own"} <= set(answer.headers)
        assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
        if method != "HEAD":
            assert answer.text == f"{method} /f|/a b/c?x=1 {'body' if method == 'POST' else ''}"
    assert client.get("/f").text == "GET /f|? "
    assert client.get("/f/x", headers={"authorization": "no"}).status_code == 401
    assert client.post("/f/x", content=b"x" * 51).status_code == 413
    assert client.get("/fx").status_code == 404


@both
@pytest.mark.case(10)
@pytest.mark.case(11)
@pytest.mark.case(12)
@pytest.mark.case(13)
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/raise", 500),
        ("/silent", 500),
        ("/status99", 500),
        ("/statusNone", 500),
        ("/crlf", 500),
        ("/name", 500),
        ("/length", 500),
        ("/hop", 200),
        ("/stream", 200),
    ],
)
def test_nothing_that_a_foreign_app_does_reaches_the_wire_unchecked(
    path: str, status: int, interface: Any
) -> None:
    client = TestClient(around(foreign), interface=interface, raise_server_exceptions=False)
    answer = client.get(f"/f{path}")
    assert answer.status_code == status
    assert "x-request-id" in answer.headers and "connection" not in answer.headers
    if path == "/stream":
        assert answer.text == "0;1;2;3;4;end"
    assert client.get("/f/next").status_code == 200


def test_a_foreign_app_that_breaks_off_breaks_the_answer_off(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        TestClient(around(foreign), interface="asgi").get("/f/breaks")
    # RSGI has no way to show it where no length was declared.
    assert TestClient(around(foreign), interface="rsgi").get("/f/breaks").text == "half"
    assert caplog.text.count("could not be sent") == 2 and "in the middle" in caplog.text


@both
def test_a_foreign_app_has_its_websockets(interface: Any) -> None:
    client = TestClient(around(foreign), interface=interface)
    with client.websocket_connect("/f/chat") as websocket:
        websocket.send_text("hello")
        assert websocket.receive_text() == "/chat: hello"


@both
def test_the_lifespan_and_state_of_a_foreign_app(interface: Any) -> None:
    events: list[str] = []

    async def app_with_lifespan(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["db"] = "open"
            events.append("starts")
            await send({"type": "lifespan.startup.complete"})
            await receive()
            events.append("stops")
            await send({"type": "lifespan.shutdown.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["state"]["db"].encode()})

    app = VelociPy(plugins=False)
    app.mount("/f", app_with_lifespan)
    with TestClient(app, interface=interface) as client:
        assert (events, client.get("/f").text) == (["starts"], "open")
    assert events == ["starts", "stops"]


@both
def test_a_foreign_app_that_does_not_start_keeps_the_app_from_starting(interface: Any) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    app = VelociPy(plugins=False)
    app.mount("/f", broken)
    with pytest.raises(Exception, match="no database"), TestClient(app, interface=interface):
        pass


@both
def test_a_client_that_leaves_ends_the_stream_of_a_foreign_app(interface: Any) -> None:
    ended = asyncio.Event()

    async def endless(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"tick", "more_body": True})
                await asyncio.sleep(0)
        finally:
            ended.set()

    app = VelociPy(plugins=False)
    app.mount("/f", endless)

    async def go() -> None:
        async with (
            AsyncTestClient(app, interface=interface) as client,
            client.stream("GET", "/f") as answer,
        ):
            async for _ in answer.aiter_bytes():
                break
        await asyncio.wait_for(ended.wait(), 5)

    asyncio.run(go())


@both
def test_static_files_and_whatever_responds_is_mounted(interface: Any) -> None:
    class Files:
        async def respond(self, path: str, method: str, headers: Any) -> Response:
            return PlainTextResponse(f"{method} {path!r} {headers.get('x-a')}")

    app = VelociPy(plugins=False)
    app.mount("/files/", Files())
    app.mount("/", Files())

    @app.get("/api")
    async def api() -> str:
        return "api"

    client = TestClient(app, interface=interface)
    assert client.get("/files/a/b.css", headers={"x-a": "1"}).text == "GET '/a/b.css' 1"
    assert client.get("/files").text == "GET '' None"
    assert client.get("/files/").text == "GET '/' None"
    assert client.get("/filesx").text == "GET '/filesx' None"
    assert client.get("/api").text == "api"
    assert client.get("/").text == "GET '/' None"


# -- where a prefix ends ---------------------------------------------------------------------------------------------------

EDGES = [
    # what is asked for, what a VelociPy app sees of it (None: the outer app answers), root and path of an ASGI app
    ("/static", "/", "/static|"),
    ("/static/", "/", "/static|/"),
    ("/static/x", "/x", "/static|/x"),
    ("/staticx", None, None),
    ("/static.", None, None),
    ("/static//x", None, None),
    ("/static//", None, None),
    ("/%73tatic/x", "/x", "/static|/x"),
    ("/static%2Fx", "/x", "/static|/x"),
    ("/static/%2Fx", None, None),
    ("/STATIC/x", None, None),
    ("//static/x", None, None),
    ("/x/static/x", None, None),
    ("/static/x%20y", "/x y", "/static|/x y"),
    ("/static/../static/x", None, None),
]
"""A path that goes on with a slash, or has dots, is no path of either app: what is served below a prefix cannot be told another."""


def edge_apps() -> tuple[VelociPy, VelociPy, list[str]]:
    """A VelociPy app and an ASGI app, each at /static of an outer one, and the scopes that the ASGI app saw."""
    inner, ours, theirs, scopes = (
        VelociPy(plugins=False),
        VelociPy(plugins=False),
        VelociPy(plugins=False),
        [],
    )

    @inner.get("/")
    async def top(request: Request) -> str:
        return "/"

    @inner.get("/{name}")
    async def named(request: Request, name: str) -> str:
        return f"/{name}"

    @inner.exception_handler(404)
    async def missing(request: Request, exc: HTTPException) -> Response:
        return PlainTextResponse("none", 404)

    async def foreign(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            scopes.append(f"{scope['root_path']}|{scope['path'].removeprefix(scope['root_path'])}")
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    ours.mount("/static", inner)
    theirs.mount("/static", foreign)
    return ours, theirs, scopes


@pytest.mark.case(66)
@pytest.mark.parametrize(("interface", "root"), [("asgi", ""), ("rsgi", ""), ("asgi", "/api")])
@pytest.mark.parametrize(("target", "seen", "scope"), EDGES)
def test_a_mount_s_prefix_ends_at_a_slash(
    interface: Any, root: str, target: str, seen: str | None, scope: str | None
) -> None:
    ours, theirs, scopes = edge_apps()
    with TestClient(ours, interface=interface, root_path=root) as client:
        answer = client.exchange("GET", target, headers=[("host", "testserver")]).reply()
        assert (answer.body.decode() if answer.body[:1] != b"{" else None) == seen
    with TestClient(theirs, interface=interface, root_path=root) as client:
        status = client.exchange("GET", target, headers=[("host", "testserver")]).reply().status
        assert (status, scopes) == ((404, []) if scope is None else (200, [root + scope]))
