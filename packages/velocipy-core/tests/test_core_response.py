"""Answers: their parts, what they refuse when they are made and when they are sent, and their copies."""

import asyncio
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, ClassVar

import pytest

from velocipy import (
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Request,
    Response,
    StreamingResponse,
    VelociPy,
)
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
BARE = b'{"detail":"Internal Server Error"}'


def answering(make: Any) -> VelociPy:
    """An app whose `/` answers with what `make` returns."""
    app = VelociPy()

    @app.route("/", ["GET", "POST"])
    async def answer() -> Any:
        return make()

    @app.get("/ok")
    async def ok() -> str:
        return "ok"

    return app


def quiet(app: VelociPy, interface: str) -> TestClient:
    return TestClient(app, interface=interface, raise_server_exceptions=False)


# -- kinds -----------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.parametrize(
    ("make", "status", "content_type", "body"),
    [
        (lambda: Response(b"\x00\xff"), 200, None, b"\x00\xff"),
        (lambda: Response("ü"), 200, None, "ü".encode()),
        (lambda: Response(), 200, None, b""),
        (lambda: Response(bytearray(b"a"), 201, media_type="image/png"), 201, "image/png", b"a"),
        (lambda: Response(memoryview(b"a")), 200, None, b"a"),
        (lambda: PlainTextResponse("ü"), 200, "text/plain; charset=utf-8", "ü".encode()),
        (lambda: HTMLResponse("<p>"), 200, "text/html; charset=utf-8", b"<p>"),
        (lambda: JSONResponse({"ü": [1, None]}), 200, "application/json", '{"ü":[1,null]}'.encode()),
        (lambda: JSONResponse(None), 200, "application/json", b"null"),
        (lambda: JSONResponse({}, media_type="application/x+json"), 200, "application/x+json", b"{}"),
        (lambda: Response("a", headers={"content-type": "x/y"}), 200, "x/y", b"a"),
        (lambda: PlainTextResponse("a", headers={"Content-Type": "x/y"}), 200, "x/y", b"a"),
        (lambda: Response("a", HTTPStatus.ACCEPTED), 202, None, b"a"),
        (lambda: RedirectResponse("/x"), 307, None, b""),
        (lambda: "text", 200, "text/plain; charset=utf-8", b"text"),
        (lambda: b"bytes", 200, "application/octet-stream", b"bytes"),
        (lambda: {"a": 1}, 200, "application/json", b'{"a":1}'),
        (lambda: [1, 2], 200, "application/json", b"[1,2]"),
        (lambda: 3, 200, "application/json", b"3"),
        (lambda: True, 200, "application/json", b"true"),
        (lambda: None, 204, None, b""),
        (lambda: iter(["a", "b"]), 200, "text/plain; charset=utf-8", b"ab"),
    ],
)
def test_a_result_is_sent_as_its_kind(
    interface: str, make: Any, status: int, content_type: str | None, body: bytes
) -> None:
    with TestClient(answering(make), interface=interface) as client:
        answer = client.get("/")
        assert answer.status_code == status
        assert answer.headers.get("content-type") == content_type
        assert answer.content == body


@both
def test_headers_keep_their_order_and_duplicates(interface: str) -> None:
    def make() -> Response:
        response = Response("x", headers=[("X-A", "1"), ("x-b", "2"), ("x-a", "3")])
        response.headers.add("x-c", "4")
        return response

    with TestClient(answering(make), interface=interface) as client:
        reply = client.exchange("GET", "/").reply()
    own = [pair for pair in reply.headers if pair[0].startswith(b"x-")]
    assert own == [(b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3"), (b"x-c", b"4")]


@both
def test_response_cookies_are_lines_of_their_own(interface: str) -> None:
    def make() -> Response:
        response = Response("x")
        response.set_cookie("a", "1", secure=True, max_age=60)
        response.set_cookie("b", "2", path="/p", httponly=False, samesite=None)
        response.set_cookie("c", "3", expires=datetime(2030, 1, 1, tzinfo=UTC))
        response.delete_cookie("d")
        return response

    with TestClient(answering(make), interface=interface) as client:
        lines = [line.decode() for line in client.exchange("GET", "/").reply().header(b"set-cookie")]
    assert len(lines) == 4
    assert lines[0].startswith("a=1;")
    assert {"Max-Age=60", "Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(lines[0].split("; "))
    assert lines[1] == "b=2; Path=/p"
    assert "Expires=Tue, 01 Jan 2030 00:00:00 GMT" in lines[2].title().replace("Gmt", "GMT")
    assert "Max-Age=0" in lines[3]


@pytest.mark.case(12)
@pytest.mark.parametrize(
    ("key", "value"), [("a b", "1"), ("a", "1;2"), ("a", "1\r\n"), ("", "x"), ("a=", "1")]
)
def test_a_cookie_that_a_browser_would_read_otherwise_is_refused(key: str, value: str) -> None:
    response = Response()
    with pytest.raises(ValueError, match="cookie"):
        response.set_cookie(key, value)
    assert response.headers.get_all("set-cookie") == []


# -- redirects -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("/a b", "/a%20b"),
        ("/ü?q=ü", "/%C3%BC?q=%C3%BC"),
        ("https://x.test/a", "https://x.test/a"),
        ("/a%20b", "/a%20b"),
    ],
)
def test_a_redirect_is_percent_encoded(url: str, location: str) -> None:
    assert RedirectResponse(url).headers["location"] == location


@pytest.mark.case(5)
@pytest.mark.parametrize("url", ["//evil.test", "/\\evil.test", "\\\\evil.test", "/a\r\nx: y", "/a\x00"])
def test_a_redirect_to_another_host_by_accident_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="redirect"):
        RedirectResponse(url)


@pytest.mark.parametrize("status", [200, 299, 400, 99, "307", None])
def test_a_redirect_has_a_redirecting_status(status: Any) -> None:
    with pytest.raises(ValueError, match="status"):
        RedirectResponse("/", status)


# -- statuses --------------------------------------------------------------------------------------------------------------

HOSTILE_STATUSES = [0, 99, 100, 101, 199, 600, 999, 1000, 65536, -1, "200", 200.0, None, True, b"200"]


@pytest.mark.case(13)
@pytest.mark.parametrize("status", HOSTILE_STATUSES)
@pytest.mark.parametrize("kind", [Response, PlainTextResponse, HTMLResponse, JSONResponse, StreamingResponse])
def test_a_status_that_must_not_be_sent_is_refused_when_a_response_is_made(kind: Any, status: Any) -> None:
    with pytest.raises(ValueError, match="200 to 599"):
        kind([], status) if kind in (JSONResponse, StreamingResponse) else kind("x", status)
    response = Response("x")
    with pytest.raises(ValueError, match="200 to 599"):
        response.status_code = status
    assert response.status_code == 200


@both
@pytest.mark.case(13)
@pytest.mark.parametrize("status", HOSTILE_STATUSES)
def test_a_hostile_status_is_a_logged_500_and_the_server_lives(
    interface: str, status: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with quiet(answering(lambda: Response("x", status)), interface) as client:
        answer = client.get("/")
        assert (answer.status_code, answer.content) == (500, BARE)
        assert client.get("/ok").text == "ok"
    assert len(caplog.records) == 1


@both
@pytest.mark.case(13)
@pytest.mark.parametrize("status", [0, 1000, "200", True])
def test_a_status_set_past_the_setter_stops_at_no_server(interface: str, status: Any) -> None:
    """A subclass may do anything; what it answers must at least not be sent as it stands."""

    class Rogue(Response):
        @property  # type: ignore[misc]
        def status_code(self) -> int:
            return int(status)

    def make() -> Response:
        return Rogue("x")

    with quiet(answering(make), interface) as client:
        assert client.get("/").status_code == 200


# -- headers ---------------------------------------------------------------------------------------------------------------

HOSTILE_HEADERS = [
    ("", "x"),
    ("a b", "x"),
    ("a\r\nb", "x"),
    ("a\0", "x"),
    ("a:", "x"),
    ("ü", "x"),
    ("x", "a\r\nset-cookie: b=1"),
    ("x", "a\nb"),
    ("x", "a\rb"),
    ("x", "a\0b"),
    ("x", "ü"),
    ("x", "\u2028"),
    ("x", 1),
    ("x", None),
    (b"x", "y"),
    ("connection", "close"),
    ("Transfer-Encoding", "chunked"),
    ("upgrade", "h2c"),
    ("keep-alive", "timeout=5"),
    ("TE", "trailers"),
    ("trailer", "x"),
    ("proxy-connection", "close"),
    ("content-length", "abc"),
    ("content-length", "-1"),
    ("content-length", "+5"),
    ("content-length", "1_0"),
    ("content-length", ""),
    ("content-length", "٣"),
    ("content-length", 5),
]


@pytest.mark.case(11)
@pytest.mark.case(12)
@pytest.mark.parametrize("pair", HOSTILE_HEADERS, ids=repr)
def test_a_header_that_must_not_be_sent_is_refused_wherever_it_is_set(pair: Any) -> None:
    name, value = pair
    response = Response("x", headers={"x-kept": "1"})
    with pytest.raises(ValueError, match="header"):
        Response("x", headers={name: value})
    with pytest.raises(ValueError, match="header"):
        Response("x", headers=[pair])
    with pytest.raises(ValueError, match="header"):
        response.headers[name] = value
    with pytest.raises(ValueError, match="header"):
        response.headers.add(name, value)
    with pytest.raises(ValueError, match="header"):
        response.headers.setdefault(name, value)
    with pytest.raises(ValueError, match="header"):
        response.headers.extend([pair])
    assert response.headers.raw == [("x-kept", "1")]


@pytest.mark.case(12)
@pytest.mark.parametrize("media_type", ["a/b\r\nx: y", "ü", " a/b"])
def test_a_media_type_is_a_header_value(media_type: str) -> None:
    with pytest.raises(ValueError, match="content-type"):
        Response("x", media_type=media_type)


@both
@pytest.mark.case(12)
@pytest.mark.parametrize(
    "pair", [("x\r\n", "y"), ("x", "a\r\nb"), ("connection", "close"), ("content-length", "abc")]
)
def test_a_hostile_header_is_a_logged_500_and_the_server_lives(interface: str, pair: Any) -> None:
    with quiet(answering(lambda: Response("x", headers=[pair])), interface) as client:
        assert client.get("/").content == BARE
        assert client.get("/ok").text == "ok"


# -- lengths ---------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(10)
@pytest.mark.parametrize("declared", ["0", "2", "4", "9999999999"])
def test_a_declared_length_that_is_not_the_body_s_is_a_500(
    interface: str, declared: str, caplog: pytest.LogCaptureFixture
) -> None:
    with quiet(answering(lambda: Response("abc", headers={"content-length": declared})), interface) as client:
        reply = client.exchange("GET", "/").reply()
    assert (reply.status, reply.body) == (500, BARE)
    assert reply.header(b"content-length") == [b"34"]
    assert len(caplog.records) == 1


@both
@pytest.mark.case(10)
def test_a_right_declared_length_is_sent_once(interface: str) -> None:
    with TestClient(
        answering(lambda: Response("abc", headers={"content-length": "3"})), interface=interface
    ) as client:
        assert client.exchange("GET", "/").reply().header(b"content-length") == [b"3"]


@pytest.mark.case(10)
def test_a_second_length_is_refused() -> None:
    with pytest.raises(ValueError, match="content-length"):
        Response("abc", headers=[("content-length", "3"), ("Content-Length", "3")])
    response = Response("abc", headers={"content-length": "3"})
    with pytest.raises(ValueError, match="content-length"):
        response.headers.add("content-length", "3")


@both
@pytest.mark.case(9)
@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_without_a_body_is_sent_without_one(interface: str, status: int) -> None:
    with TestClient(
        answering(lambda: Response(None, status, media_type="a/b")), interface=interface
    ) as client:
        reply = client.exchange("GET", "/").reply()
    assert (reply.status, reply.body) == (status, b"")
    assert reply.header(b"content-type") == []
    if status == 204:
        assert reply.header(b"content-length") == []


@both
@pytest.mark.case(9)
@pytest.mark.parametrize("status", [204, 205, 304])
@pytest.mark.parametrize("way", ["response", "assigned", "route", "json"])
def test_a_body_where_none_may_be_is_a_500(interface: str, status: int, way: str) -> None:
    app = VelociPy()

    @app.get("/", status_code=status if way == "route" else None)
    async def answer() -> Any:
        if way == "route":
            return "text"
        if way == "response":
            return Response("x", status)
        response = JSONResponse([1]) if way == "json" else Response("x")
        response.status_code = status
        return response

    with quiet(app, interface) as client:
        reply = client.exchange("GET", "/").reply()
        assert (reply.status, reply.body) in ((500, BARE), (status, b""))
        assert way == "json" or reply.status == 500


@both
def test_a_304_may_say_the_length_of_what_it_stands_for(interface: str) -> None:
    with TestClient(
        answering(lambda: Response(None, 304, {"content-length": "77"})), interface=interface
    ) as client:
        reply = client.exchange("GET", "/").reply()
        assert (reply.status, reply.body) == (304, b"")


@pytest.mark.parametrize("content", [3, 1.5, {}, [], object(), True])
def test_a_body_is_text_or_bytes(content: Any) -> None:
    with pytest.raises(ValueError, match="JSONResponse"):
        Response(content)


@both
@pytest.mark.case(40)
@pytest.mark.parametrize("value", [object(), {1, object()}, {"a": {(1, 2): 3}}])
def test_a_result_that_json_cannot_say_is_a_500(
    interface: str, value: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for make in (lambda: JSONResponse(value), lambda: [value]):
        caplog.clear()
        with quiet(answering(make), interface) as client:
            assert client.get("/").content == BARE
        assert len(caplog.records) == 1


@both
@pytest.mark.case(40)
def test_a_result_that_goes_in_a_circle_is_a_500(interface: str) -> None:
    circle: list[Any] = []
    circle.append(circle)
    with quiet(answering(lambda: circle), interface) as client:
        assert client.get("/").content == BARE


# -- copies ----------------------------------------------------------------------------------------------------------------


class Slotted(Response):
    __slots__ = ("__private", "extra")

    def __init__(self, extra: str) -> None:
        super().__init__("x")
        self.extra = extra
        self.__private = f"private {extra}"

    @property
    def private(self) -> str:
        return self.__private


class OneSlot(Response):
    __slots__ = "text"  # one str is one slot, not four

    def __init__(self, text: str) -> None:
        super().__init__("x")
        self.text = text


class WithDict(Slotted):
    def __init__(self, extra: str) -> None:
        super().__init__(extra)
        self.free = [extra]


class SlottedDict(Response):
    __slots__ = ("__dict__", "__weakref__")

    def __init__(self) -> None:
        super().__init__("x")
        self.free = 1


class Unset(Response):
    __slots__ = ("never_set",)


def test_a_fresh_response_has_headers_of_its_own_and_the_same_content() -> None:
    for response in (
        Response("x"),
        Slotted("a"),
        OneSlot("a"),
        WithDict("a"),
        SlottedDict(),
        Unset("x"),
        JSONResponse([1]),
    ):
        response.headers["x-own"] = "1"
        twin = response.fresh()
        assert type(twin) is type(response)
        assert twin.headers == response.headers
        twin.headers["x-new"] = "2"
        twin.status_code = 201
        assert "x-new" not in response.headers
        assert response.status_code == 200
        assert twin.body == response.body


def test_a_fresh_response_keeps_what_subclasses_added() -> None:
    slotted = Slotted("a").fresh()
    assert isinstance(slotted, Slotted)
    assert (slotted.extra, slotted.private) == ("a", "private a")
    one = OneSlot("t").fresh()
    assert isinstance(one, OneSlot)
    assert one.text == "t"
    mixed = WithDict("m").fresh()
    assert isinstance(mixed, WithDict)
    assert (mixed.extra, mixed.private, mixed.free) == ("m", "private m", ["m"])


def test_a_fresh_response_has_a_dict_of_its_own() -> None:
    original = SlottedDict()
    twin = original.fresh()
    assert isinstance(twin, SlottedDict)
    twin.free = 2
    assert original.free == 1


@both
def test_a_response_kept_in_a_module_does_not_collect_headers(interface: str) -> None:
    kept = PlainTextResponse("same", headers={"x-own": "1"})

    class Mark:
        response_headers: ClassVar[tuple[tuple[str, str], ...]] = (("x-mark", "1"), ("vary", "accept"))

    async def wrap(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        return response

    app = VelociPy(middleware=[Mark(), wrap, Mark()])

    @app.get("/")
    async def same(response: Response) -> Response:
        response.headers["x-given"] = "1"
        response.set_cookie("a", "1")
        return kept

    with TestClient(app, interface=interface) as client:
        first, second = (client.exchange("GET", "/").reply() for _ in range(2))
    assert first == second
    assert kept.headers.raw == [("x-own", "1"), ("content-type", "text/plain; charset=utf-8")]


@both
def test_an_own_header_beats_the_one_of_middleware_and_vary_adds_up(interface: str) -> None:
    class Mark:
        response_headers = (("x-mark", "middleware"), ("vary", "accept"))

    app = VelociPy(middleware=[Mark()])

    @app.get("/")
    async def own() -> Response:
        return Response("x", headers={"x-mark": "own", "vary": "origin"})

    with TestClient(app, interface=interface) as client:
        answer = client.get("/")
        assert answer.headers["x-mark"] == "own"
        assert answer.headers["vary"] == "origin, accept"


def test_a_json_response_is_encoded_by_its_own_encoder() -> None:
    class Loud:
        name = "loud"

        def encode(self, value: Any) -> bytes:
            return b'"LOUD"'

        def decode(self, data: bytes) -> Any: ...

    assert JSONResponse([1], encoder=Loud()).body == b'"LOUD"'
    assert JSONResponse([1]).body == b"[1]"


def test_a_response_says_what_it_is() -> None:
    assert repr(JSONResponse([], 201)) == "<JSONResponse 201>"


@both
def test_many_requests_at_once_each_get_their_own_answer(interface: str) -> None:
    from velocipy.testing import AsyncTestClient

    app = VelociPy()

    @app.get("/{number:int}")
    async def number(number: int) -> int:
        await asyncio.sleep(0.001 * (number % 5))
        return number

    async def run() -> list[int]:
        async with AsyncTestClient(app, interface=interface) as client:
            answers = await asyncio.gather(*(client.get(f"/{number}") for number in range(100)))
            return [answer.json() for answer in answers]

    assert asyncio.run(run()) == list(range(100))
