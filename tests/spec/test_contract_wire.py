"""The contract's paragraph on the wire, a test a clause. Knows what an app may set and what arrives; knows no server.

The transports under test fail a test by themselves where an app would crash or desynchronise a server.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any
from uuid import UUID

import httpx2
import pytest

from velocipy import (
    Cookie,
    Depends,
    Form,
    Header,
    HTTPException,
    JSONResponse,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
    UploadFile,
    VelociPy,
    WebSocket,
    WebSocketException,
)
from velocipy.exceptions import ClientDisconnected, WebSocketDisconnect
from velocipy.testing import AsyncTestClient, TestClient, WebSocketDenied

BARE = b'{"detail":"Internal Server Error"}'
KIB = 1024
MIB = 1024 * KIB


@pytest.fixture(params=["asgi", "rsgi"])
def interface(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def serve(interface: str, make: Callable[[], Any], **keywords: Any) -> TestClient:
    """A client of an app whose one endpoint returns what `make` makes."""
    app = VelociPy()

    async def endpoint() -> Any:
        return make()

    app.add_route("/", endpoint, ["GET", "POST"], **keywords)
    return TestClient(app, interface=interface, raise_server_exceptions=False)


# -- statuses ----------------------------------------------------------------------------------------------------------

BAD_STATUSES: list[Any] = [0, 99, 100, 101, 199, 600, 999, 1000, -200, 70000, "200", 200.0, True, None]


@pytest.mark.parametrize("status", BAD_STATUSES, ids=repr)
def test_a_status_is_200_to_599_wherever_it_is_set(interface: str, status: Any) -> None:
    def assign() -> Response:
        response = Response()
        response.status_code = status
        return response

    ways: list[Callable[[], Any]] = [
        lambda: Response(b"", status),
        lambda: JSONResponse([], status),
        lambda: StreamingResponse(iter([b""]), status),
        lambda: RedirectResponse("/", status),
        assign,
    ]
    for way in ways:
        with pytest.raises((ValueError, TypeError)):
            way()
        answer = serve(interface, way).get("/")
        assert (answer.status_code, answer.content) == (500, BARE)


@pytest.mark.parametrize("status", BAD_STATUSES, ids=repr)
def test_a_status_of_an_exception_is_400_to_599(status: Any) -> None:
    with pytest.raises(ValueError):
        HTTPException(status)


@pytest.mark.parametrize("status", [status for status in BAD_STATUSES if status is not None], ids=repr)
def test_a_status_of_a_route_is_checked_at_registration(status: Any) -> None:
    with pytest.raises(ValueError):
        VelociPy().get("/", status_code=status)(lambda: None)


@pytest.mark.parametrize("status", [599, 200, 299, 451, 226])
def test_every_status_from_200_to_599_is_sent(interface: str, status: int) -> None:
    assert serve(interface, lambda: Response(b"x", status)).get("/").status_code == status


# -- headers -----------------------------------------------------------------------------------------------------------

BAD_HEADERS: list[Any] = [
    ("x-a", "a\r\nset-cookie: b=c"),
    ("x-a", "a\nb"),
    ("x-a", "a\rb"),
    ("x-a", "a\x00b"),
    ("x-a", "a\x7f"),
    ("x-a", "ü"),
    ("x-a", " a"),
    ("x-a", "a "),
    ("x-a", 1),
    ("x-a", None),
    ("x-a", b"a"),
    ("x a", "a"),
    ("x:a", "a"),
    ("", "a"),
    ("x-ü", "a"),
    ("x-a\r\n", "a"),
    (b"x-a", "a"),
]
HOP_BY_HOP: list[Any] = [
    (name, "x")
    for name in (
        "connection",
        "Keep-Alive",
        "proxy-connection",
        "te",
        "trailer",
        "Transfer-Encoding",
        "upgrade",
    )
]


def set_item(name: Any, value: Any) -> Response:
    response = Response(b"x")
    response.headers[name] = value
    return response


def add(name: Any, value: Any) -> Response:
    response = Response(b"x")
    response.headers.add(name, value)
    return response


def raise_with(name: Any, value: Any) -> Response:
    raise HTTPException(401, headers={name: value})


WAYS: dict[str, Callable[[Any, Any], Any]] = {
    "mapping": lambda name, value: Response(b"x", headers={name: value}),
    "pairs": lambda name, value: JSONResponse(1, headers=[(name, value)]),
    "stream": lambda name, value: StreamingResponse(iter([b"x"]), headers={name: value}),
    "redirect": lambda name, value: RedirectResponse("/", headers={name: value}),
    "item": set_item,
    "add": add,
    "exception": raise_with,
}


@pytest.mark.parametrize(("name", "value"), [*BAD_HEADERS, *HOP_BY_HOP], ids=repr)
def test_header_grammar_is_checked_and_no_hop_by_hop_header_is_sent_wherever_it_is_set(
    interface: str, name: Any, value: Any
) -> None:
    app = VelociPy()

    @app.get("/{way}")
    async def endpoint(way: str) -> Any:
        return WAYS[way](name, value)

    client = TestClient(app, interface=interface, raise_server_exceptions=False)
    for way in WAYS:
        answer = client.get(f"/{way}")
        assert (answer.status_code, answer.content) == (500, BARE), way
        assert set(answer.headers) <= {"content-type", "content-length"}, way


@pytest.mark.parametrize(("name", "value"), [*BAD_HEADERS, *HOP_BY_HOP], ids=repr)
def test_headers_of_the_response_that_a_dependency_asks_for_are_checked(
    interface: str, name: Any, value: Any
) -> None:
    app = VelociPy()

    async def spoil(response: Response) -> None:
        response.headers[name] = value

    @app.get("/", dependencies=[Depends(spoil)])
    async def endpoint() -> str:
        return "x"

    answer = TestClient(app, interface=interface, raise_server_exceptions=False).get("/")
    assert (answer.status_code, answer.content) == (500, BARE)


@pytest.mark.parametrize(("name", "value"), [*BAD_HEADERS, *HOP_BY_HOP], ids=repr)
def test_headers_of_middleware_are_checked_when_it_is_added(name: Any, value: Any) -> None:
    class Constant:
        response_headers = [(name, value)]

    with pytest.raises(ValueError):
        VelociPy().add_middleware(Constant())


@pytest.mark.parametrize(("name", "value"), [*BAD_HEADERS, *HOP_BY_HOP], ids=repr)
def test_headers_of_a_websocket_s_handshake_are_checked(interface: str, name: Any, value: Any) -> None:
    app, seen = VelociPy(), []

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        try:
            await websocket.accept(headers=[(name, value)])
        except ValueError as exc:
            seen.append(exc)
            raise

    client = TestClient(app, interface=interface, raise_server_exceptions=False)
    with pytest.raises(WebSocketDenied) as refused, client.websocket_connect("/"):
        pass
    assert refused.value.status_code in (403, 500) and len(seen) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"key": "a b"},
        {"key": "a", "value": "b\r\nx: y"},
        {"key": "a", "value": "b;c"},
        {"key": "a", "path": "/;x"},
        {"key": "a", "domain": "a\n"},
    ],
    ids=str,
)
def test_cookies_are_checked(interface: str, options: dict[str, Any]) -> None:
    def make() -> Response:
        response = Response(b"x")
        response.set_cookie(**options)
        return response

    answer = serve(interface, make).get("/")
    assert (answer.status_code, "set-cookie" in answer.headers) == (500, False)


# -- lengths and bodies ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("declared", ["0", "2", "99999", "-1", "+3", "0x3", "3 ", "three", "٣", "9" * 30])
def test_a_content_length_that_is_not_what_is_sent_is_a_500(
    interface: str, method: str, declared: str
) -> None:
    answer = serve(interface, lambda: Response(b"abc", headers={"content-length": declared})).request(
        method, "/"
    )
    assert (answer.status_code, answer.content) == (500, BARE)


@pytest.mark.parametrize(
    "make",
    [lambda: Response("ü€"), lambda: "ü€", lambda: {"a": "ü"}, lambda: b"abc", lambda: Response(b"")],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_content_length_equals_what_is_sent(interface: str, make: Callable[[], Any], method: str) -> None:
    client = serve(interface, make)
    answer = client.request(method, "/")
    assert int(answer.headers["content-length"]) == len(client.get("/").content)
    assert method == "GET" or answer.content == b""


def test_a_content_length_that_is_right_is_sent_once(interface: str) -> None:
    answer = serve(interface, lambda: Response(b"abc", headers={"content-length": "3"})).get("/")
    assert answer.headers.get_list("content-length") == ["3"]


def streamed(declared: int) -> StreamingResponse:
    return StreamingResponse(iter([b"ab"]), headers={"content-length": str(declared)})


def test_a_stream_that_is_shorter_than_it_declares_is_broken_off(interface: str) -> None:
    with serve(interface, lambda: streamed(3)) as client, pytest.raises(httpx2.RemoteProtocolError):
        client.get("/")


def test_a_stream_whose_first_chunk_is_longer_than_it_declares_is_a_500(interface: str) -> None:
    answer = serve(interface, lambda: streamed(1)).get("/")
    assert (answer.status_code, answer.content) == (500, BARE)


@pytest.mark.parametrize("status", [204, 205, 304])
def test_no_body_on_204_205_and_304(interface: str, status: int) -> None:
    for make in (lambda: Response(None, status), lambda: JSONResponse(None, status)):
        answer = serve(interface, make).get("/")
        assert (answer.status_code, answer.content) == (status, b"")
        assert answer.headers.get("content-length", "0") == "0" and "content-type" not in answer.headers


@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("content", [b"x", "x"])
def test_a_body_on_204_205_and_304_is_a_500_and_none_is_sent(
    interface: str, status: int, content: Any
) -> None:
    answer = serve(interface, lambda: Response(content, status)).get("/")
    assert (answer.status_code, answer.content) == (500, BARE)


@pytest.mark.parametrize("status", [204, 205, 304])
def test_204_205_and_304_cannot_be_streamed(interface: str, status: int) -> None:
    answer = serve(interface, lambda: StreamingResponse(iter([b"x"]), status)).get("/")
    assert (answer.status_code, answer.content) == (500, BARE)


@pytest.mark.parametrize(
    "make",
    [
        lambda: "text",
        lambda: {"a": 1},
        lambda: Response(b"x"),
        lambda: StreamingResponse(iter([b"x"])),
        lambda: iter("ab"),
    ],
)
def test_no_body_on_head(interface: str, make: Callable[[], Any]) -> None:
    client = serve(interface, make)
    head, got = client.head("/"), client.get("/")
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers.get("content-type") == got.headers.get("content-type")


@pytest.mark.parametrize("path", ["/nowhere", "/fail", "/typed?page=x"])
def test_no_body_on_head_of_an_error(interface: str, path: str) -> None:
    app = VelociPy()

    @app.get("/fail")
    async def fail() -> None:
        raise ValueError

    @app.get("/typed")
    async def typed(page: int) -> None: ...

    client = TestClient(app, interface=interface, raise_server_exceptions=False)
    head, got = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert got.status_code in (404, 500, 422)


# -- websockets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 100_000])
@pytest.mark.parametrize("accepted", [False, True])
def test_a_close_code_that_must_not_be_sent_is_refused(interface: str, code: int, accepted: bool) -> None:
    app, seen = VelociPy(), []

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        if accepted:
            await websocket.accept()
        try:
            await websocket.close(code)
        except ValueError as exc:
            seen.append(exc)

    client = TestClient(app, interface=interface)
    with pytest.raises((WebSocketDenied, WebSocketDisconnect)), client.websocket_connect("/") as socket:
        socket.receive()
    assert len(seen) == 1


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 3000, 4999])
def test_a_close_code_has_its_meaning_where_the_server_can_say_it(interface: str, code: int) -> None:
    app = VelociPy()

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close(code)

    client = TestClient(app, interface=interface)
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect("/") as socket:
        socket.receive()
    assert closed.value.code == (code if interface == "asgi" else 1005)


@pytest.mark.parametrize(
    ("exc", "code"),
    [
        (ValueError(), 1011),
        (HTTPException(401), 1008),
        (WebSocketException(4001, "why"), 4001),
        (WebSocketException(1005), 1011),
    ],
    ids=repr,
)
def test_exceptions_are_mapped_to_close_codes(interface: str, exc: Exception, code: int) -> None:
    app = VelociPy()

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        raise exc

    client = TestClient(app, interface=interface, raise_server_exceptions=False)
    with pytest.raises(WebSocketDisconnect) as closed, client.websocket_connect("/") as socket:
        socket.receive()
    assert closed.value.code == (code if interface == "asgi" else 1005)


@pytest.mark.parametrize(
    ("exc", "status"),
    [(ValueError(), 500), (HTTPException(401), 401), (WebSocketException(4001), 403), (None, 403)],
    ids=repr,
)
def test_before_accept_exceptions_and_closes_are_an_http_status(
    interface: str, exc: Exception | None, status: int
) -> None:
    app = VelociPy()

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        if exc is not None:
            raise exc
        await websocket.close(1000)

    client = TestClient(app, interface=interface, raise_server_exceptions=False)
    with pytest.raises(WebSocketDenied) as refused, client.websocket_connect("/"):
        pass
    assert refused.value.status_code == status


# -- request bodies ----------------------------------------------------------------------------------------------------


def body_app(**options: Any) -> VelociPy:
    """An app that reads bodies in every way."""
    app = VelociPy(**options)

    @app.post("/body")
    async def body(request: Request) -> int:
        return len(await request.body())

    @app.post("/stream")
    async def stream(request: Request) -> int:
        return sum([len(chunk) async for chunk in request.stream()])

    @app.post("/json")
    async def json(items: list[Any]) -> int:
        return len(items)

    @app.post("/form")
    async def form(a: Annotated[str, Form()]) -> int:
        return len(a)

    @app.post("/file")
    async def file(a: UploadFile) -> int:
        return a.size or 0

    @app.post("/larger", max_content_length=2000)
    async def larger(request: Request) -> int:
        return len(await request.body())

    @app.post("/smaller", max_content_length=10)
    async def smaller(request: Request) -> int:
        return len(await request.body())

    @app.post("/none", max_content_length=0)
    async def none(request: Request) -> int:
        return len(await request.body())

    return app


TYPES = {
    "/json": (b"[%s]", "application/json"),
    "/form": (b"a=%s", "application/x-www-form-urlencoded"),
    "/file": (
        b'--b\r\ncontent-disposition: form-data; name="a"; filename="f"\r\n\r\n%s\r\n--b--\r\n',
        "multipart/form-data; boundary=b",
    ),
}


def body_of(path: str, size: int) -> tuple[bytes, str]:
    """A body of exactly `size` bytes that the route would take, and its type."""
    frame, kind = TYPES.get(path, (b"%s", "application/octet-stream"))
    return frame % (b"1" * (size - len(frame) + 2)), kind


every_way = pytest.mark.parametrize("path", ["/body", "/stream", "/json", "/form", "/file"])


@every_way
@pytest.mark.parametrize("chunked", [False, True], ids=["declared", "chunked"])
def test_a_request_body_is_counted_as_it_arrives(interface: str, path: str, chunked: bool) -> None:
    client = TestClient(body_app(max_content_length=1000), interface=interface)

    def send(size: int) -> int:
        body, kind = body_of(path, size)
        content = iter([body[:500], body[500:]]) if chunked else body
        return client.post(path, content=content, headers={"content-type": kind}).status_code

    assert (send(1000), send(1001)) == (200, 413)


@every_way
def test_a_body_without_end_is_refused_at_the_byte_that_is_too_much(interface: str, path: str) -> None:
    """Nobody waits for the rest of it."""
    _, kind = body_of(path, 1000)
    headers = [("host", "testserver"), ("content-type", kind), ("transfer-encoding", "chunked")]
    with TestClient(body_app(max_content_length=1000), interface=interface) as client:
        with client.exchange("POST", path, headers=headers, body=None) as exchange:
            start = body_of(path, 900)[0][:800]
            exchange.feed(start)
            exchange.feed(b"1" * 300)
            assert exchange.head().status == 413


def test_max_content_length_is_10_mib_by_default(interface: str) -> None:
    client = TestClient(body_app(), interface=interface)
    assert client.post("/body", content=b"x" * 10 * MIB).json() == 10 * MIB
    assert client.post("/body", content=b"x" * (10 * MIB + 1)).status_code == 413


@pytest.mark.parametrize(("path", "limit"), [("/larger", 2000), ("/smaller", 10), ("/none", 0)])
def test_a_route_may_override_max_content_length(interface: str, path: str, limit: int) -> None:
    client = TestClient(body_app(max_content_length=1000), interface=interface)
    assert client.post(path, content=b"x" * limit).json() == limit
    assert client.post(path, content=b"x" * (limit + 1)).status_code == 413


@every_way
@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
def test_a_cut_off_body_is_client_disconnected_and_never_a_short_body(
    interface: str, path: str, declared: bool
) -> None:
    app = body_app()
    seen: list[type[BaseException] | None] = []

    async def watch() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as exc:
            seen.append(type(exc))
            raise
        seen.append(None)

    app.layer.dependencies.append(Depends(watch))
    body, kind = body_of(path, 100)
    length = [("content-length", "100")] if declared else [("transfer-encoding", "chunked")]
    headers = [("host", "testserver"), ("content-type", kind), *length]

    async def scenario() -> None:
        async with AsyncTestClient(app, interface=interface) as client:
            exchange = client.exchange("POST", path, headers=headers, body=None)
            exchange.feed(body[:60])
            await asyncio.sleep(0.01)
            exchange.cut()
            assert exchange.task is not None
            await asyncio.wait([exchange.task], timeout=5)
            assert exchange.task.done()

    asyncio.run(scenario())
    assert seen == [ClientDisconnected]


# -- clients that leave ------------------------------------------------------------------------------------------------


def test_request_disconnected_returns_once_the_client_has_left(interface: str) -> None:
    app, events = VelociPy(), []

    @app.get("/")
    async def endpoint(request: Request) -> None:
        events.append("waiting")
        await request.disconnected()
        events.append("gone")

    async def scenario() -> None:
        async with AsyncTestClient(app, interface=interface) as client:
            exchange = client.exchange("GET", "/")
            await asyncio.sleep(0.02)
            assert events == ["waiting"]
            exchange.leave()
            assert exchange.task is not None
            await asyncio.wait([exchange.task], timeout=5)

    asyncio.run(scenario())
    assert events == ["waiting", "gone"]


def test_sends_into_a_stream_after_the_client_left_always_raise(interface: str) -> None:
    """Nobody streams to nobody for ever: the iterator is closed, and the dependency is told."""
    app, events = VelociPy(), []

    async def db() -> AsyncIterator[None]:
        try:
            yield
        except ClientDisconnected:
            events.append("told")
            raise

    @app.get("/")
    async def endpoint(_: Annotated[None, Depends(db)]) -> StreamingResponse:
        async def rows() -> AsyncIterator[bytes]:
            try:
                while True:
                    yield b"x"
                    await asyncio.sleep(0.001)
            finally:
                events.append("closed")

        return StreamingResponse(rows())

    async def scenario() -> None:
        async with AsyncTestClient(app, interface=interface) as client:
            exchange = client.exchange("GET", "/")
            await exchange.chunk()
            exchange.leave()
            assert exchange.task is not None
            await asyncio.wait([exchange.task], timeout=5)
            assert exchange.task.done()

    asyncio.run(scenario())
    assert events == ["closed", "told"]


@pytest.mark.parametrize("leaving", ["close", "loss"])
@pytest.mark.parametrize("kind", ["text", "bytes", "json"])
def test_sends_into_a_websocket_after_the_client_left_always_raise(
    interface: str, leaving: str, kind: str
) -> None:
    """Also for who never receives."""
    app, raised = VelociPy(), []

    @app.websocket("/")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        send: dict[str, Any] = {
            "text": lambda: websocket.send_text("x"),
            "bytes": lambda: websocket.send_bytes(b"x"),
            "json": lambda: websocket.send_json(1),
        }
        for _ in range(2):
            try:
                async with asyncio.timeout(5):
                    while True:
                        await send[kind]()
                        await asyncio.sleep(0.001)
            except WebSocketDisconnect as exc:
                raised.append(exc)

    async def scenario() -> None:
        async with AsyncTestClient(app, interface=interface) as client:
            async with client.websocket_connect("/") as socket:
                await socket.receive()
                if leaving == "loss":
                    socket.exchange.leave()
                else:
                    await socket.close()
                task = socket.exchange.task
                assert task is not None
                await asyncio.wait([task], timeout=5)

    asyncio.run(scenario())
    assert len(raised) == 2


# -- texts -------------------------------------------------------------------------------------------------------------


def reading(interface: str, kind: type) -> Callable[[str], list[Any]]:
    """A function from a text to what path, query, header, cookie and form make of it; a status where it is refused."""
    app = VelociPy()

    async def path(x: Any) -> Any:
        return x

    async def others(q: Any = None, h: Any = None, c: Any = None, f: Any = None) -> Any:
        return next(value for value in (q, h, c, f) if value is not None)

    path.__annotations__["x"] = kind
    others.__annotations__ |= {
        "q": kind | None,
        "h": Annotated[kind | None, Header()],
        "c": Annotated[kind | None, Cookie()],
        "f": Annotated[kind | None, Form()],
    }
    app.get("/path/{x}")(path)
    app.post("/")(others)
    client = TestClient(app, interface=interface)

    def read(text: str) -> list[Any]:
        empty = {"content-type": "application/x-www-form-urlencoded"}
        answers = [
            client.get(f"/path/{text}"),
            client.post("/", params={"q": text}, headers=empty),
            client.post("/", headers={"h": text, **empty}),
            client.post("/", headers={"cookie": f"c={text}", **empty}),
            client.post("/", data={"f": text}),
        ]
        return [answer.json() if answer.status_code == 200 else answer.status_code for answer in answers]

    return read


@pytest.mark.parametrize("text", ["true", "1", "yes", "on", "True", "YES", "oN"])
def test_bool_text_that_is_true(interface: str, text: str) -> None:
    assert reading(interface, bool)(text) == [True] * 5


@pytest.mark.parametrize("text", ["false", "0", "no", "off", "False", "NO", "oFF"])
def test_bool_text_that_is_false(interface: str, text: str) -> None:
    assert reading(interface, bool)(text) == [False] * 5


@pytest.mark.parametrize("text", ["2", "t", "f", "y", "n", "enabled", "None", "01", "1.0", "-1"])
def test_bool_text_is_nothing_else(interface: str, text: str) -> None:
    assert reading(interface, bool)(text) == [422] * 5


ID = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")


@pytest.mark.parametrize("text", [str(ID), ID.hex, str(ID).upper()])
def test_a_uuid_is_hyphenated_or_32_hex_digits(interface: str, text: str) -> None:
    assert reading(interface, UUID)(text) == [str(ID)] * 5


@pytest.mark.parametrize(
    "text",
    [f"{{{ID}}}", f"urn:uuid:{ID}", ID.hex[:-1], f"{ID.hex}0", str(ID).replace("-", "_"), f"0{ID.hex[:-2]}-"],
)
def test_a_uuid_is_nothing_else(interface: str, text: str) -> None:
    assert reading(interface, UUID)(text) == [422] * 5


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("/a b", "/a%20b"),
        ("/ü?q=ü#ü", "/%C3%BC?q=%C3%BC#%C3%BC"),
        ("/a%20b", "/a%20b"),
        ("/100%", "/100%25"),
        ('/"<>', "/%22%3C%3E"),
        ("https://example.org/ü", "https://example.org/%C3%BC"),
        ("/a?b=c&d=e", "/a?b=c&d=e"),
        ("../x", "../x"),
    ],
)
def test_a_redirect_percent_encodes_its_url(interface: str, url: str, location: str) -> None:
    answer = serve(interface, lambda: RedirectResponse(url)).get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, location)


@pytest.mark.parametrize("url", ["/a\r\nset-cookie: b=c", "/a\x00", "/a\tb"])
def test_a_redirect_never_splits_its_header(interface: str, url: str) -> None:
    answer = serve(interface, lambda: RedirectResponse(url)).get("/")
    assert "set-cookie" not in answer.headers
    assert answer.headers.get("location", "").isascii() and answer.headers.get("location", "").isprintable()
