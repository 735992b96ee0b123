"""ASGI middleware of other projects around an app, on both protocols: what passes through it, and what is no such middleware."""

from __future__ import annotations

import asyncio
import gzip
import importlib.util
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.middleware.gzip import GZipMiddleware

from velocipy import Request, Response, StreamingResponse, VelociPy, WebSocket
from velocipy.exceptions import ConfigurationError, WebSocketDisconnect
from velocipy.middleware import RequestIDMiddleware
from velocipy.testing import TestClient, WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


def load() -> Any:
    path = Path(__file__).with_name("asgi_middleware_app.py")
    spec = importlib.util.spec_from_file_location("velocipy_asgi_middleware_app", path)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FOREIGN = load()


class Noting:
    """ASGI middleware that notes what passes it, and adds a header."""

    def __init__(self, app: Any, events: list[str], name: str = "noting", **changes: Any) -> None:
        self.app = app
        self.events = events
        self.name = name
        self.changes = changes

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.events.append(f"{self.name} {scope['type']}")
        scope = {**scope, **(self.changes if scope["type"] == "http" else {})}

        async def sending(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"x-passed", self.name.encode()))
            await send(message)

        await self.app(scope, receive, sending)


def with_noting(**changes: Any) -> tuple[VelociPy, list[str]]:
    events: list[str] = []
    app = VelociPy(plugins=False)
    app.add_asgi_middleware(Noting, events=events, **changes)

    @app.get("/{rest*}")
    async def shown(request: Request, rest: str) -> dict[str, Any]:
        return {
            "path": request.path,
            "client": request.client,
            "scheme": request.scheme,
            "q": request.query_string,
        }

    return app, events


# -- those of other projects -------------------------------------------------------------------------------------------


@both
def test_opentelemetry_correlation_ids_and_gzip_of_other_projects_work_as_they_are(interface: str) -> None:
    app, spans = FOREIGN.make_app()
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    headers = {
        "traceparent": f"00-{trace_id}-b7ad6b7169203331-01",
        "x-correlation-id": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    }
    with TestClient(app, interface=interface) as client:
        answer = client.get("/items/7", headers=headers)
        assert answer.status_code == 200
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["x-base"] == "/items/7"
        assert answer.headers["x-correlation-id"] == headers["x-correlation-id"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        content = answer.json()
        assert content["trace"] == trace_id
        assert content["correlation"] == headers["x-correlation-id"]
        assert (content["id"], content["opened"], content["client"]) == (7, "at start", True)
        assert content["url"] == "http://testserver/items/7"
    server = [span for span in spans.get_finished_spans() if span.kind.name == "SERVER"]
    assert len(server) == 1
    assert f"{server[0].context.trace_id:032x}" == trace_id
    assert 200 in server[0].attributes.values()


@both
def test_errors_of_the_app_pass_through_with_their_headers(interface: str) -> None:
    app, spans = FOREIGN.make_app()
    with TestClient(app, interface=interface) as client:
        for path, status, detail in (
            ("/fails", 500, "Internal Server Error"),
            ("/refuses", 409, "taken"),
            ("/nowhere", 404, "Not Found"),
        ):
            answer = client.get(path)
            assert (answer.status_code, answer.json()) == (status, {"detail": detail})
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-base"] == path
        assert client.put("/items").headers["allow"] == "OPTIONS, POST"
        assert client.post("/items", json={"a": "x"}).status_code == 422
        assert client.post("/items", json={"a": 1, "b": 2}).json() == 3
        assert (
            client.post(
                "/items", content=b" " * 100_001, headers={"content-type": "application/json"}
            ).status_code
            == 413
        )
        assert client.post("/upload", content=b"x" * 99_999).json() == 99_999
        assert client.post("/upload", content=b"x" * 100_001).status_code == 413
        assert client.head("/items/1").content == b""
    statuses = [value for span in spans.get_finished_spans() for value in span.attributes.values()]
    assert {500, 409, 404} <= set(statuses)


@both
def test_streams_and_files_pass_through_packed_or_not(interface: str) -> None:
    app, _ = FOREIGN.make_app()
    whole = "".join(f"row {number}\n" for number in range(1_000))
    with TestClient(app, interface=interface) as client:
        with client.stream("GET", "/stream", headers={"accept-encoding": "gzip"}) as packed:
            assert gzip.decompress(b"".join(packed.iter_raw())).decode() == whole
        plain = {"accept-encoding": "identity"}
        assert client.get("/stream", headers=plain).text == whole
        assert client.get("/file", headers=plain).content == FOREIGN.FILE.read_bytes()
        part = client.get("/file", headers={**plain, "range": "bytes=3-9"})
        assert (part.status_code, part.content) == (206, bytes(range(3, 10)))
        assert client.head("/stream", headers=plain).content == b""


@both
def test_websockets_pass_through_and_are_refused_with_their_status(interface: str) -> None:
    app, spans = FOREIGN.make_app()
    with TestClient(app, interface=interface) as client:
        with client.websocket_connect("/echo") as ws:
            for message in ("text", b"bytes"):
                ws.send_text(message) if isinstance(message, str) else ws.send_bytes(message)
                assert ws.receive() == message
        for path, status in (("/refused", 401), ("/raises", 500), ("/nowhere", 403)):
            with pytest.raises(WebSocketDenied) as caught, client.websocket_connect(path):
                pass
            assert caught.value.status_code == status
        assert client.get("/left").json() == []
    assert any("/echo" in span.name or "/echo" in str(span.attributes) for span in spans.get_finished_spans())


def test_a_server_that_cannot_choose_a_subprotocol_says_so_behind_the_bridge_too(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app, _ = FOREIGN.make_app()
    with (
        TestClient(app, interface="rsgi") as client,
        pytest.raises(WebSocketDenied),
        client.websocket_connect("/chooses", subprotocols=["chat"]),
    ):
        pass
    assert "this server cannot answer with a subprotocol" in caplog.text


# -- order, scope, lifespan --------------------------------------------------------------------------------------------


@both
def test_the_first_added_is_the_outermost_and_all_stand_outside_of_the_others(interface: str) -> None:
    events: list[str] = []
    app = VelociPy(plugins=False)
    app.add_asgi_middleware(Noting, events=events, name="first")
    app.add_asgi_middleware(lambda inner: Noting(inner, events, "second"))

    @app.middleware()
    async def ours(request: Request, call_next: Any) -> Response:
        events.append("ours")
        response: Response = await call_next(request)
        return response

    app.get("/")(lambda: "x")
    with TestClient(app, interface=interface) as client:
        assert events == ["first lifespan", "second lifespan"]
        events.clear()
        assert client.get("/").headers.get_list("x-passed") == ["second", "first"]
    assert events == ["first http", "second http", "ours"]


@both
def test_what_a_middleware_changes_in_the_scope_counts(interface: str) -> None:
    app, _ = with_noting(path="/other", client=("10.9.8.7", 1234), scheme="https", query_string=b"a=1")
    with TestClient(app, interface=interface) as client:
        assert client.get("/sent?b=2").json() == {
            "path": "/other",
            "client": ["10.9.8.7", 1234],
            "scheme": "https",
            "q": "a=1",
        }


@both
def test_the_lifespan_goes_through_and_middleware_may_leave_state_there(interface: str) -> None:
    events: list[str] = []

    class Opening:
        def __init__(self, app: Any) -> None:
            self.app = app

        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "lifespan":
                scope["state"]["pool"] = "open"
            elif scope["type"] == "http":
                events.append(scope["state"]["pool"])
            await self.app(scope, receive, send)

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        events.append("starts")
        yield
        events.append("stops")

    app = VelociPy(plugins=False, lifespan=lifespan)
    app.add_asgi_middleware(Opening)
    app.get("/")(lambda: "x")
    for _ in range(2):
        with TestClient(app, interface=interface) as client:
            assert client.get("/").text == "x"
    assert events == ["starts", "open", "stops"] * 2


@both
def test_a_start_up_that_fails_fails_through_middleware_too(interface: str) -> None:
    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        raise ValueError("no database")
        yield

    app = VelociPy(plugins=False, lifespan=lifespan)
    app.add_asgi_middleware(GZipMiddleware)
    with pytest.raises(Exception, match="no database"), TestClient(app, interface=interface):
        pass


def test_under_rsgi_an_app_starts_past_a_middleware_that_knows_no_lifespan(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def strict(app: Any) -> Any:
        async def call(scope: Any, receive: Any, send: Any) -> None:
            assert scope["type"] == "http"
            await app(scope, receive, send)

        return call

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[dict[str, str]]:
        yield {"opened": "yes"}
        app.state.opened = "no more"

    app = VelociPy(plugins=False, lifespan=lifespan)
    app.add_asgi_middleware(strict)
    app.get("/")(lambda: app.state.opened)
    with TestClient(app, interface="rsgi") as client:
        assert client.get("/").text == "yes"
    assert app.state.opened == "no more"
    assert "does not pass the lifespan on" in caplog.text


def test_an_app_without_it_keeps_its_entries_and_imports_no_bridge() -> None:
    plain, wrapped = VelociPy(plugins=False), VelociPy(plugins=False)
    wrapped.add_asgi_middleware(GZipMiddleware)
    assert plain.__rsgi__ is plain._dispatcher._entries["rsgi"].call
    assert plain._asgi is plain._dispatcher._entries["asgi"].call
    assert isinstance(wrapped._asgi, GZipMiddleware)
    script = (
        "import sys\nfrom velocipy import VelociPy\napp = VelociPy(plugins=False)\napp.get('/')(lambda: 1)\n"
        "app.__rsgi__, app._asgi\nassert 'velocipy.asgi_middleware' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def breaking(how: Any) -> VelociPy:
    """An app whose ASGI middleware does `how(app, scope, receive, send)` to every request."""

    def factory(app: Any) -> Any:
        async def call(scope: Any, receive: Any, send: Any) -> None:
            await (app if scope["type"] == "lifespan" else how.__get__(app))(scope, receive, send)

        return call

    app = VelociPy(plugins=False)
    app.add_asgi_middleware(factory)
    app.get("/")(lambda: "x")

    @app.websocket("/ws")
    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()

    return app


@both
def test_what_a_middleware_raises_is_a_logged_500(interface: str, caplog: pytest.LogCaptureFixture) -> None:
    async def raises(app: Any, scope: Any, receive: Any, send: Any) -> None:
        raise ValueError("in the middleware")

    with TestClient(breaking(raises), interface=interface, raise_server_exceptions=False) as client:
        assert client.get("/").status_code == 500
        with pytest.raises(WebSocketDenied) as caught, client.websocket_connect("/ws"):
            pass
        assert caught.value.status_code == (500 if interface == "rsgi" else caught.value.status_code)
    if interface == "rsgi":  # over ASGI the server logs it
        assert "unhandled exception in GET /{rest*} ('/')" in caplog.text
        assert "in the middleware" in caplog.text


@pytest.mark.parametrize(
    "start",
    [
        {"status": 99, "headers": []},
        {"status": 1000, "headers": []},
        {"status": 200, "headers": [(b"x-a", b"a\r\nset-cookie: b=1")]},
        {"status": 200, "headers": [(b"x a", b"1")]},
        {"status": 200, "headers": [(b"content-length", b"3")]},
    ],
)
@pytest.mark.parametrize("parts", [1, 3])
def test_what_must_not_be_sent_stops_at_the_gate_behind_the_bridge(
    start: dict[str, Any], parts: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def sends(app: Any, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", **start})
        for left in reversed(range(parts)):
            await send({"type": "http.response.body", "body": b"body", "more_body": bool(left)})

    with TestClient(breaking(sends), interface="rsgi", raise_server_exceptions=False) as client:
        assert client.get("/").status_code == 500
    assert caplog.text


@pytest.mark.parametrize("sent", [[], ["http.response.start"]])
def test_behind_the_bridge_a_middleware_that_does_not_answer_is_a_500(sent: list[str]) -> None:
    """Over ASGI the server answers for it."""

    async def silent(app: Any, scope: Any, receive: Any, send: Any) -> None:
        for kind in sent:
            await send({"type": kind, "status": 200, "headers": []})

    with TestClient(breaking(silent), interface="rsgi", raise_server_exceptions=False) as client:
        assert client.get("/").status_code == 500


@both
def test_a_refusal_of_a_middleware_in_another_way_than_the_apps_counts(interface: str) -> None:
    async def refuses(app: Any, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"x-why", b"no")]})
            await send({"type": "http.response.body", "body": b"no"})

    with TestClient(breaking(refuses), interface=interface) as client:
        answer = client.get("/")
        assert (answer.status_code, answer.text, answer.headers["x-why"]) == (403, "no", "no")
        with pytest.raises(WebSocketDenied), client.websocket_connect("/ws"):
            pass


@both
def test_a_stream_that_nobody_reads_to_its_end_ends_inside_too(interface: str) -> None:
    ended: list[str] = []
    app = VelociPy(plugins=False)
    app.add_asgi_middleware(Noting, events=[])

    @app.get("/")
    async def endless() -> StreamingResponse:
        async def rows() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x" * 1_000
                    await asyncio.sleep(0.001)
            finally:
                ended.append("ended")

        return StreamingResponse(rows())

    with TestClient(app, interface=interface) as client:
        with client.stream("GET", "/") as answer:
            next(answer.iter_raw())
    assert ended == ["ended"]


async def asynchronous(app: Any) -> Any:
    return app


async def starlette_style(request: Request, call_next: Any) -> Any:
    return await call_next(request)


@pytest.mark.parametrize(
    ("factory", "options", "message"),
    [
        ("gzip", {}, r"'gzip' is no ASGI middleware: give its class"),
        (
            RequestIDMiddleware,
            {},
            r"RequestIDMiddleware is middleware of VelociPy's own.*app.add_middleware",
        ),
        (RequestIDMiddleware(), {}, "VelociPy's own"),
        (
            asynchronous,
            {},
            r"asynchronous \(.*test_core_asgi_middleware.py:\d+\) is async, so it makes no middleware",
        ),
        (starlette_style, {}, "app.add_middleware"),
        (
            GZipMiddleware,
            {"minimum": 5},
            r"cannot be called as GZipMiddleware\(app, minimum=...\).*unexpected keyword",
        ),
        (GZipMiddleware(VelociPy(plugins=False)), {}, r"Give the class itself and its options"),
    ],
)
def test_what_is_no_asgi_middleware_is_refused_with_what_to_do(
    factory: Any, options: Any, message: str
) -> None:
    app = VelociPy(plugins=False)
    with pytest.raises(ConfigurationError, match=message):
        app.add_asgi_middleware(factory, **options)
    assert app.asgi_middleware == []


@both
def test_a_factory_whose_signature_python_does_not_know_is_called_with_app_and_options(
    interface: str,
) -> None:
    class Compiled:
        __signature__ = "hidden"

        def __call__(self, app: Any, **options: Any) -> Any:
            return Noting(app, **options)

    events: list[str] = []
    app = VelociPy(plugins=False)
    app.add_asgi_middleware(Compiled(), events=events)
    app.get("/")(lambda: "x")
    with TestClient(app, interface=interface) as client:
        assert client.get("/").headers["x-passed"] == "noting"
    assert "noting http" in events


def test_a_factory_that_makes_nothing_is_named_at_start() -> None:
    app = VelociPy(plugins=False)
    app.add_asgi_middleware(lambda app: None)
    with pytest.raises(ConfigurationError, match="made None, which is no ASGI app"):
        app._asgi  # noqa: B018


def test_it_is_added_before_the_app_is_served_and_to_the_app_that_is() -> None:
    app, inner = VelociPy(plugins=False), VelociPy(plugins=False)
    inner.add_asgi_middleware(GZipMiddleware)
    with pytest.raises(ConfigurationError, match="mount the wrapped app"):
        app.mount("/inner", inner)
    mounted = VelociPy(plugins=False)
    app.mount("/mounted", mounted)
    with pytest.raises(ConfigurationError, match="add it to the outer app"):
        mounted.add_asgi_middleware(GZipMiddleware)
    app.__rsgi__  # noqa: B018
    with pytest.raises(ConfigurationError, match="served already"):
        app.add_asgi_middleware(GZipMiddleware)


def test_a_class_of_asgi_middleware_given_to_add_middleware_is_told_where_it_goes() -> None:
    app = VelociPy(plugins=False)
    for item in (GZipMiddleware, GZipMiddleware(VelociPy(plugins=False))):
        with pytest.raises(ConfigurationError, match="add_asgi_middleware"):
            app.add_middleware(item)
    with pytest.raises(ConfigurationError, match="add_asgi_middleware"):
        VelociPy(middleware=[GZipMiddleware]).get("/")(lambda: 1)


@both
def test_a_mount_may_be_wrapped_by_hand(interface: str) -> None:
    inner = VelociPy(plugins=False)
    inner.get("/y")(lambda: "y" * 1_000)
    app = VelociPy(plugins=False)
    app.mount("/inner", GZipMiddleware(inner, minimum_size=10))
    with TestClient(app, interface=interface) as client:
        assert client.get("/inner/y").headers["content-encoding"] == "gzip"


@both
def test_a_websocket_whose_peer_leaves_ends_through_middleware(interface: str) -> None:
    ended: list[str] = []
    app = VelociPy(plugins=False)
    app.add_asgi_middleware(Noting, events=[])

    @app.websocket("/")
    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            while True:
                await websocket.receive()
        except WebSocketDisconnect:
            ended.append("left")

    with TestClient(app, interface=interface) as client, client.websocket_connect("/") as ws_client:
        ws_client.send_text("x")
    assert ended == ["left"]
