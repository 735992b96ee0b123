"""What a handler learns of a request, and how its body is read, limited and refused; the same on both protocols."""

import asyncio
from typing import Any

import msgspec
import pytest

from velocipy import Request, Response, VelociPy
from velocipy.exceptions import ClientDisconnected, PayloadTooLargeException
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
JSON = {"content-type": "application/json"}


class Item(msgspec.Struct):
    name: str
    price: float = 0.0
    tags: list[str] = []


class Nested(msgspec.Struct):
    items: list[Item]
    extra: dict[str, Item] = {}


def chunks(*parts: bytes) -> Any:
    """A body of no declared length."""
    yield from parts


# -- what a request shows ------------------------------------------------------------------------------------------------


@both
def test_a_request_shows_where_it_came_from(interface: str) -> None:
    app = VelociPy()

    @app.get("/a/{id:int}/{name}")
    async def show(request: Request) -> list[Any]:
        return [
            request.method,
            request.path,
            request.path_params,
            request.query_string,
            request.query_params.get("q"),
            request.header("X-Custom"),
            request.headers["accept"],
            request.header("missing", "default"),
            request.host,
            request.scheme,
            request.client,
            str(request.url),
            request.route.path,
            request.app is app,
            repr(request),
        ]

    with TestClient(app, interface=interface, client=("10.0.0.7", 1234)) as client:
        answer = client.get("/a/3/b%20c?q=1%202&r=3", headers={"x-custom": "yes", "accept": "a/b"})
    assert answer.json() == [
        "GET",
        "/a/3/b c",
        {"id": 3, "name": "b c"},
        "q=1%202&r=3",
        "1 2",
        "yes",
        "a/b",
        "default",
        "testserver",
        "http",
        ["10.0.0.7", 1234],
        "http://testserver/a/3/b%20c?q=1%202&r=3",
        "/a/{id:int}/{name}",
        True,
        "<Request GET '/a/3/b c'>",
    ]


@both
def test_the_http_version_is_worded_alike(interface: str) -> None:
    app = VelociPy()

    @app.get("/")
    async def version(request: Request) -> str:
        return request.http_version

    with TestClient(app, interface=interface) as client:
        assert client.exchange("GET", "/").reply().body == b"1.1"
        assert client.exchange("GET", "/", http_version="2", headers=[], authority="a").reply().body == b"2"


@both
def test_headers_keep_order_and_duplicates(interface: str) -> None:
    app = VelociPy()

    @app.get("/")
    async def show(request: Request) -> list[Any]:
        return [
            request.headers.get_all("x-a"),
            request.headers.get("x-a"),
            [n for n, _ in request.headers.items()],
        ]

    headers = [("host", "a"), ("x-a", "1"), ("x-a", "2"), ("x-b", "3")]
    with TestClient(app, interface=interface) as client:
        assert client.exchange("GET", "/", headers=headers).reply().body == (
            b'[["1","2"],"1",["host","x-a","x-a","x-b"]]'
        )


@both
@pytest.mark.parametrize("value", [b"caf\xc3\xa9", b"\xff", "ü".encode("latin-1")])
def test_a_header_that_is_not_ascii_counts_as_missing(interface: str, value: bytes) -> None:
    """RSGI servers do not pass such values on, so no protocol does."""
    app = VelociPy()

    @app.get("/")
    async def show(request: Request) -> list[Any]:
        return [request.headers.get("x-a"), request.headers.get_all("x-a"), "x-a" in request.headers]

    with TestClient(app, interface=interface) as client:
        exchange = client.exchange("GET", "/", headers=[("host", "a"), ("x-a", value)])
        assert exchange.reply().body == b"[null,[],false]"


@both
def test_cookies_of_two_lines_are_one_set_and_the_first_of_a_name_counts(interface: str) -> None:
    app = VelociPy()

    @app.get("/")
    async def show(request: Request) -> dict[str, str]:
        return request.cookies

    headers = [("host", "a"), ("cookie", "a=1; b=2"), ("cookie", "c=3; a=9")]
    with TestClient(app, interface=interface) as client:
        assert client.exchange("GET", "/", headers=headers).reply().body == b'{"a":"1","b":"2","c":"3"}'
        assert client.exchange("GET", "/").reply().body == b"{}"


@both
def test_state_is_one_for_middleware_and_endpoint(interface: str) -> None:
    app = VelociPy()

    @app.middleware("http")
    async def leave(request: Request, call_next: Any) -> Response:
        request.state.user = "ann"
        response: Response = await call_next(request)
        response.headers["x-seen"] = request.state["seen"]
        return response

    @app.get("/")
    async def read(request: Request) -> str:
        request.state.seen = "yes"
        return str(request.state.user)

    with TestClient(app, interface=interface) as client:
        answer = client.get("/")
        assert (answer.text, answer.headers["x-seen"]) == ("ann", "yes")


# -- reading the body ------------------------------------------------------------------------------------------------------


def make_reader() -> VelociPy:
    app = VelociPy()

    @app.post("/twice")
    async def twice(request: Request) -> bytes:
        return await request.body() + b"|" + await request.body()

    @app.post("/stream")
    async def stream(request: Request) -> list[str]:
        return [chunk.decode() async for chunk in request.stream()]

    @app.post("/body-then-stream")
    async def body_then_stream(request: Request) -> bytes:
        body = await request.body()
        return body + b"|" + b"".join([chunk async for chunk in request.stream()])

    @app.post("/stream-then-body")
    async def stream_then_body(request: Request) -> str:
        first = [chunk async for chunk in request.stream()]
        assert first
        for again in (request.body(), anext(aiter(request.stream()))):
            with pytest.raises(RuntimeError, match=r"request\.stream"):
                await again
        return "refused"

    @app.post("/json")
    async def json(request: Request) -> Any:
        return {"got": await request.json()}

    @app.post("/text")
    async def text(request: Request) -> str:
        return await request.text()

    @app.post("/both")
    async def both_ways(item: dict[str, Any], request: Request) -> list[Any]:
        return [item, (await request.body()).decode()]

    @app.post("/both-reversed")
    async def both_reversed(request: Request, item: dict[str, Any]) -> list[Any]:
        return [item, (await request.body()).decode()]

    return app


@both
@pytest.mark.parametrize("body", [b"", b"abc", b"x" * 300_000])
def test_the_body_may_be_asked_for_twice(interface: str, body: bytes) -> None:
    with TestClient(make_reader(), interface=interface) as client:
        assert client.post("/twice", content=body).content == body + b"|" + body
        assert client.post("/body-then-stream", content=body).content == body + b"|" + body


@both
@pytest.mark.parametrize("parts", [(), (b"a",), (b"a", b"b", b"c"), (b"x" * 100_000,)])
def test_a_stream_gives_what_arrives_without_empty_chunks(interface: str, parts: tuple[bytes, ...]) -> None:
    with TestClient(make_reader(), interface=interface) as client:
        got = client.post("/stream", content=chunks(*parts)).json()
    assert "".join(got).encode() == b"".join(parts)
    assert "" not in got


@both
def test_a_body_that_was_streamed_is_gone(interface: str) -> None:
    with TestClient(make_reader(), interface=interface) as client:
        assert client.post("/stream-then-body", content=b"abc").text == "refused"


@both
@pytest.mark.parametrize("path", ["/both", "/both-reversed"])
def test_a_model_and_the_raw_body_may_be_asked_for_together(interface: str, path: str) -> None:
    with TestClient(make_reader(), interface=interface) as client:
        assert client.post(path, content=b'{"a": 1}', headers=JSON).json() == [{"a": 1}, '{"a": 1}']


@both
@pytest.mark.parametrize(
    "body", [b"", b"{", b"nul", b"\xff", b'{"a":1}x', b"NaN", "{}".encode("utf-16"), b"[" * 100_000]
)
def test_a_request_whose_json_is_broken_is_400(interface: str, body: bytes) -> None:
    with TestClient(make_reader(), interface=interface) as client:
        answer = client.post("/json", content=body)
        assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid JSON body"})
        assert client.post("/json", content=b"[1]").json() == {"got": [1]}


@both
def test_text_is_utf8(interface: str) -> None:
    with TestClient(make_reader(), interface=interface) as client:
        assert client.post("/text", content="grün".encode()).text == "grün"
        assert client.post("/text", content=b"\xff").status_code == 400


# -- limits --------------------------------------------------------------------------------------------------------------


def make_limited() -> VelociPy:
    app = VelociPy(max_content_length=10)
    ran: list[str] = []
    app.state.ran = ran

    @app.post("/model")
    async def model(item: list[Any]) -> str:
        ran.append("model")
        return "ok"

    @app.post("/body")
    async def body(request: Request) -> str:
        await request.body()
        ran.append("body")
        return "ok"

    @app.post("/stream")
    async def stream(request: Request) -> str:
        seen = 0
        try:
            async for chunk in request.stream():
                seen += len(chunk)
        except PayloadTooLargeException:
            assert seen <= 10
            raise
        ran.append("stream")
        return "ok"

    @app.post("/more", max_content_length=20)
    async def more(item: list[Any]) -> str:
        return "ok"

    @app.post("/none", max_content_length=0)
    async def none(request: Request) -> bytes:
        return await request.body()

    return app


ways = pytest.mark.parametrize("path", ["/model", "/body", "/stream"])


@both
@ways
@pytest.mark.case(29)
def test_a_body_of_exactly_the_limit_is_taken(interface: str, path: str) -> None:
    with TestClient(make_limited(), interface=interface) as client:
        assert client.post(path, content=b"[%8d]" % 1, headers=JSON).text == "ok"
        assert client.post(path, content=chunks(b"[%8d" % 1, b"]"), headers=JSON).text == "ok"


@both
@ways
@pytest.mark.case(29)
def test_a_body_beyond_the_limit_is_413(interface: str, path: str) -> None:
    app = make_limited()
    with TestClient(app, interface=interface) as client:
        declared = client.post(path, content=b"[%9d]" % 1, headers=JSON)
        chunked = client.post(path, content=chunks(b"[%8d" % 1, b"]", b" "), headers=JSON)
        at_once = client.post(path, content=chunks(b"[%9d]" % 1), headers=JSON)
    for answer in (declared, chunked, at_once):
        assert (answer.status_code, answer.json()) == (413, {"detail": "Payload Too Large"})
    assert app.state.ran == []


@both
@ways
@pytest.mark.case(29)
def test_a_declared_length_beyond_the_limit_is_refused_before_the_body_comes(
    interface: str, path: str
) -> None:
    headers = [("host", "a"), ("content-type", "application/json"), ("content-length", "11")]
    with TestClient(make_limited(), interface=interface) as client:
        exchange = client.exchange("POST", path, headers=headers, body=None)
        assert exchange.head().status == 413
        exchange.leave()


@both
@ways
@pytest.mark.case(30)
def test_a_chunked_body_is_refused_at_the_byte_that_is_too_much(interface: str, path: str) -> None:
    headers = [("host", "a"), ("content-type", "application/json"), ("transfer-encoding", "chunked")]
    with TestClient(make_limited(), interface=interface) as client:
        exchange = client.exchange("POST", path, headers=headers, body=None)
        exchange.feed(b"[123456789")
        exchange.feed(b",")
        assert exchange.head().status == 413
        exchange.leave()


@both
@pytest.mark.case(29)
def test_a_route_may_have_a_limit_of_its_own(interface: str) -> None:
    with TestClient(make_limited(), interface=interface) as client:
        assert client.post("/more", content=b"[%18d]" % 1, headers=JSON).status_code == 200
        assert client.post("/more", content=b"[%19d]" % 1, headers=JSON).status_code == 413
        assert client.post("/none", content=b"").status_code == 200
        assert client.post("/none", content=b"x").status_code == 413
        assert client.post("/none", content=chunks(b"x")).status_code == 413


@both
@ways
@pytest.mark.parametrize("length", ["abc", "-1", "1_0", "+5", "9" * 30, "1.0", ""])
def test_a_content_length_that_is_no_number_is_400(interface: str, path: str, length: str) -> None:
    """Servers refuse them before us; if one does not, nothing guesses (RFC 9110 section 8.6)."""
    headers = [("host", "a"), ("content-type", "application/json"), ("content-length", length)]
    with TestClient(make_limited(), interface=interface) as client:
        exchange = client.exchange("POST", path, headers=headers, body=b"[]")
        assert exchange.reply().status == 400


# -- bodies that are cut off -------------------------------------------------------------------------------------------


@both
@ways
@pytest.mark.case(18)
@pytest.mark.parametrize("length", ["10", None])
@pytest.mark.parametrize("sent", [b"", b"[1]"])
def test_a_cut_body_never_reaches_the_handler(
    interface: str, path: str, length: str | None, sent: bytes
) -> None:
    app = make_limited()
    headers = [("host", "a"), ("content-type", "application/json")]
    headers.append(("content-length", length) if length else ("transfer-encoding", "chunked"))
    with TestClient(app, interface=interface) as client:
        exchange = client.exchange("POST", path, headers=headers, body=None)
        if sent:
            exchange.feed(sent)
        exchange.cut()
        assert exchange.inner.stopped
    assert app.state.ran == []


@both
@pytest.mark.case(18)
def test_a_cut_body_is_client_disconnected_for_who_reads_it(interface: str) -> None:
    app = VelociPy()
    caught: list[BaseException] = []

    @app.post("/")
    async def read(request: Request) -> None:
        for _ in range(2):
            try:
                await request.body()
            except ClientDisconnected as exc:
                caught.append(exc)

    with TestClient(app, interface=interface) as client:
        exchange = client.exchange("POST", "/", headers=[("host", "a"), ("content-length", "9")], body=None)
        exchange.feed(b"abc")
        exchange.cut()
    assert len(caught) == 2


@both
@pytest.mark.case(17)
def test_a_client_that_leaves_is_noticed_by_who_waits_for_it(interface: str) -> None:
    app = VelociPy()
    noticed: list[str] = []

    @app.get("/")
    async def wait(request: Request) -> None:
        await request.disconnected()
        noticed.append("left")

    with TestClient(app, interface=interface) as client:
        exchange = client.exchange("GET", "/")
        exchange.leave()
    assert noticed == ["left"]


@both
@pytest.mark.case(17)
def test_waiting_for_the_client_to_leave_takes_nothing_from_the_body(interface: str) -> None:
    app = VelociPy()

    @app.post("/")
    async def read(request: Request) -> bytes:
        waiting = asyncio.ensure_future(request.disconnected())
        await asyncio.sleep(0.01)
        body = await request.body()
        assert not waiting.done()
        waiting.cancel()
        return body

    with TestClient(app, interface=interface) as client:
        for body in (b"", b"abc", b"x" * 500_000):
            assert client.post("/", content=body).content == body
            assert client.post("/", content=chunks(body, body)).content == body * 2


# -- content types and models --------------------------------------------------------------------------------------------


def make_models() -> VelociPy:
    app = VelociPy()

    @app.post("/item")
    async def item(item: Item) -> Item:
        return item

    @app.post("/nested")
    async def nested(nested: Nested) -> Nested:
        return nested

    @app.post("/raw")
    async def raw(data: dict[str, Any]) -> dict[str, Any]:
        return data

    return app


@both
@pytest.mark.case(37)
@pytest.mark.parametrize("path", ["/item", "/raw"])
@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("Application/JSON", 200),
        ("application/json; charset=utf-8", 200),
        ('application/json;charset="UTF-8"', 200),
        ("application/vnd.api+json", 200),
        ("application/json; charset=latin1", 415),
        ("text/plain", 415),
        ("text/json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonx", 415),
        ("application/json, text/plain", 415),
        ("", 415),
        (None, 415),
    ],
)
def test_a_body_is_json_by_its_type(interface: str, path: str, content_type: str | None, status: int) -> None:
    """A missing type is refused too: a page of another origin may send that without asking."""
    headers = {} if content_type is None else {"content-type": content_type}
    with TestClient(make_models(), interface=interface) as client:
        answer = client.post(path, content=b'{"name":"a"}', headers=headers)
        assert answer.status_code == status
        if status == 415:
            assert answer.json() == {"detail": "the body must be application/json"}


@both
@pytest.mark.case(38)
def test_a_compressed_body_is_refused_and_not_inflated(interface: str) -> None:
    with TestClient(make_models(), interface=interface) as client:
        for encoding in ("gzip", "br", "deflate", "gzip, identity"):
            answer = client.post("/item", content=b"{}", headers={**JSON, "content-encoding": encoding})
            assert answer.status_code == 415


@both
@pytest.mark.case(38)
def test_a_compressed_body_that_may_be_missing_is_refused_too(interface: str) -> None:
    app = VelociPy(plugins=False)

    @app.post("/")
    async def endpoint(item: dict[str, Any] | None = None) -> dict[str, Any] | None:
        return item

    with TestClient(app, interface=interface) as client:
        answer = client.post("/", content=b"{}", headers={**JSON, "content-encoding": "gzip"})
        assert (answer.status_code, answer.json()) == (415, {"detail": "the body must not be compressed"})
        answer = client.post("/", content=b"{}", headers={**JSON, "content-encoding": "identity"})
        assert (answer.status_code, answer.json()) == (200, {})


@both
@pytest.mark.parametrize("path", ["/item", "/raw"])
@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"name":}', b"\xff", b'{"x":' * 100_000, b'{"name":"a"} x', b"NaN"]
)
def test_broken_json_is_400(interface: str, path: str, body: bytes) -> None:
    with TestClient(make_models(), interface=interface) as client:
        answer = client.post(path, content=body, headers=JSON)
        assert (answer.status_code, answer.json()) == (400, {"detail": "Invalid JSON body"})


@both
@pytest.mark.parametrize(
    ("path", "body", "loc", "kind"),
    [
        ("/item", b'{"name":3}', ["body", "name"], "type_error"),
        ("/item", b"{}", ["body", "name"], "missing"),
        ("/item", b"[]", ["body"], "type_error"),
        ("/item", b'{"name":"a","tags":["x",1]}', ["body", "tags", 1], "type_error"),
        ("/nested", b'{"items":[{"name":"a"},{}]}', ["body", "items", 1, "name"], "missing"),
        ("/nested", b'{"items":[{"name":"a","price":"x"}]}', ["body", "items", 0, "price"], "type_error"),
        ("/raw", b"[]", ["body"], "type_error"),
    ],
)
def test_json_that_does_not_fit_is_422_with_its_place(
    interface: str, path: str, body: bytes, loc: Any, kind: str
) -> None:
    with TestClient(make_models(), interface=interface) as client:
        answer = client.post(path, content=body, headers=JSON)
        assert answer.status_code == 422
        (error,) = answer.json()["detail"]
        assert (error["loc"], error["type"]) == (loc, kind)
        assert "`" not in error["msg"]


@both
def test_a_body_that_fits_is_a_model(interface: str) -> None:
    with TestClient(make_models(), interface=interface) as client:
        answer = client.post("/nested", content=b'{"items":[{"name":"a"}]}', headers=JSON)
        assert answer.json() == {"items": [{"name": "a", "price": 0.0, "tags": []}], "extra": {}}


@both
@pytest.mark.case(6)
def test_the_path_of_the_url_is_the_one_that_was_routed(interface: str) -> None:
    app = VelociPy()

    @app.get("/{rest*}")
    async def url(request: Request) -> list[str]:
        return [request.path, request.url.path]

    with TestClient(app, interface=interface) as client:
        for target in ("/a%2Fb", "/x%00y", "/a%0d%0ab", "/%C3%BC", "/a;b"):
            path, of_url = client.get("/", extensions={"target": target.encode()}).json()
            assert path == of_url
