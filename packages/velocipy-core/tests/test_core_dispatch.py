"""From a path and a method to a handler, or to 404, 405, OPTIONS and redirects: the same on both protocols."""

from typing import Any

import pytest

from velocipy import APIRouter, Request, Response, VelociPy, WebSocket
from velocipy.testing import TestClient, WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])
slashes = pytest.mark.parametrize("trailing_slash", ["ignore", "strict", "redirect"])


async def hello() -> str:
    return "hello"


async def explicit() -> Response:
    return Response(None, headers={"x-head": "own"})


def call(app: VelociPy, interface: str, method: str, target: str, *headers: tuple[str, str]) -> Any:
    """One hand-made request, target and headers as they stand."""
    with TestClient(app, interface=interface) as client:
        return client.exchange(method, target, headers=headers or (("host", "testserver"),)).reply()


# -- HEAD --------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(8)
def test_head_follows_get_without_its_body(interface: str) -> None:
    app = VelociPy()
    app.get("/x")(hello)
    with TestClient(app, interface=interface) as client:
        got, head = client.get("/x"), client.head("/x")
        assert head.status_code == 200
        assert head.content == b""
        assert head.headers == got.headers


@both
@pytest.mark.parametrize("first", ["GET", "HEAD"])
def test_a_head_declared_by_itself_beats_the_one_that_came_with_get(interface: str, first: str) -> None:
    app = VelociPy()
    if first == "GET":
        app.get("/x")(hello)
    app.head("/x")(explicit)
    if first == "HEAD":
        app.get("/x")(hello)
    with TestClient(app, interface=interface) as client:
        assert client.head("/x").headers["x-head"] == "own"
        assert client.get("/x").text == "hello"


@both
@pytest.mark.case(8)
def test_head_of_what_is_not_there_has_no_body(interface: str) -> None:
    answer = call(VelociPy(), interface, "HEAD", "/nowhere")
    assert answer.status == 404
    assert answer.body == b""
    assert answer.header(b"content-length") == [b"22"]


@both
def test_a_head_handler_may_say_the_length_of_get(interface: str) -> None:
    """RFC 9110 section 8.6: the Content-Length of a HEAD is the one that GET would have."""
    app = VelociPy()

    @app.head("/x")
    async def x() -> Response:
        return Response(None, headers={"content-length": "12345"})

    answer = call(app, interface, "HEAD", "/x")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.header(b"content-length") == [b"12345"]


# -- OPTIONS and 405 ---------------------------------------------------------------------------------------------------


def make_methods() -> VelociPy:
    app = VelociPy()
    app.get("/x")(hello)
    app.delete("/x")(hello)
    app.post("/{any}")(_echo)
    app.websocket("/x")(_socket)
    app.websocket("/ws")(_socket)
    return app


async def _echo(any: str) -> str:
    return any


async def at_a_loss(request: Request, exc: Exception) -> dict[str, bool]:
    return {"lost": True}


async def _socket(websocket: WebSocket) -> None:
    await websocket.accept()


@both
def test_options_answers_204_with_every_method_of_the_path(interface: str) -> None:
    answer = call(make_methods(), interface, "OPTIONS", "/x")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header(b"allow") == [b"DELETE, GET, HEAD, OPTIONS, POST"]
    assert answer.header(b"content-length") == []


@both
@pytest.mark.case(7)
@pytest.mark.parametrize(
    "method", ["PUT", "TRACE", "CONNECT", "__class__", "get", "Get", "FOO", "WEBSOCKET", "*"]
)
def test_a_method_that_no_route_has_is_405_with_allow(interface: str, method: str) -> None:
    """Methods are case-sensitive (RFC 9110 section 9.1), and their text reaches no attribute."""
    answer = call(make_methods(), interface, method, "/x")
    assert answer.status == 405
    assert answer.body == b'{"detail":"Method Not Allowed"}'
    assert answer.header(b"allow") == [b"DELETE, GET, HEAD, OPTIONS, POST"]


@both
def test_a_less_preferred_route_serves_the_methods_that_the_preferred_one_lacks(interface: str) -> None:
    assert call(make_methods(), interface, "POST", "/x").body == b"x"


@both
def test_options_may_be_served_by_a_route(interface: str) -> None:
    app = VelociPy()
    app.options("/x")(hello)
    assert call(app, interface, "OPTIONS", "/x").body == b"hello"
    assert call(app, interface, "GET", "/x").header(b"allow") == [b"OPTIONS"]


@both
@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "GET"])
def test_the_layers_of_a_router_surround_its_405_and_options(interface: str, method: str) -> None:
    async def mark(request: Request, call_next: Any) -> Response:
        response: Response = await call_next(request)
        response.headers["x-router"] = "yes"
        return response

    router = APIRouter("/in", middleware=[mark])
    router.post("/x")(hello)
    app = VelociPy()
    app.include_router(router)
    answer = call(app, interface, method, "/in/x")
    assert answer.status == (204 if method == "OPTIONS" else 405)
    assert answer.header(b"x-router") == [b"yes"]
    assert call(app, interface, method, "/in/nowhere").header(b"x-router") == []


@both
def test_a_refused_route_of_the_same_path_does_not_break_405(interface: str) -> None:
    """Its place in the tree stays, without routes."""
    app = VelociPy()
    with pytest.raises(ValueError, match="hole|takes"):
        app.get("/{number:int}")(hello)
    app.post("/{text}")(_text)
    assert call(app, interface, "GET", "/1").header(b"allow") == [b"OPTIONS, POST"]
    assert call(app, interface, "GET", "/1").status == 405


async def _text(text: str) -> str:
    return text


@both
@pytest.mark.case(109)
def test_http_to_a_websocket_route_is_404_and_the_other_way_round_403(interface: str) -> None:
    app = make_methods()
    assert call(app, interface, "GET", "/ws").status == 405  # POST /{any} is there
    lonely = VelociPy()
    lonely.websocket("/only")(_socket)
    lonely.get("/page")(hello)
    assert call(lonely, interface, "GET", "/only").status == 404
    assert call(lonely, interface, "WEBSOCKET", "/only").status == 404
    with TestClient(lonely, interface=interface) as client:
        for path in ("/page", "/nowhere"):
            with pytest.raises(WebSocketDenied) as caught, client.websocket_connect(path):
                pass
            assert caught.value.status_code == 403


# -- targets -----------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(4)
def test_options_of_the_server_itself_names_every_method(interface: str) -> None:
    answer = call(make_methods(), interface, "OPTIONS", "*")
    assert (answer.status, answer.header(b"allow")) == (204, [b"DELETE, GET, HEAD, OPTIONS, POST"])


@both
@slashes
@pytest.mark.case(4)
@pytest.mark.parametrize("target", ["*", "@google.com", "x", ""])
def test_a_target_that_is_no_path_is_400(interface: str, trailing_slash: Any, target: str) -> None:
    app = VelociPy(trailing_slash=trailing_slash)
    app.get("/{rest*}")(_rest)
    answer = call(app, interface, "GET", target)
    assert (answer.status, answer.body) == (400, b'{"detail":"Invalid request target"}')


async def _rest(rest: str) -> str:
    return rest


@both
@slashes
@pytest.mark.case(4)
@pytest.mark.parametrize(
    ("target", "answer"),
    [
        ("http://evil.test/a/b?x=1", (200, b"a/b")),
        ("HTTPS://evil.test:8443/a%0Ab", (200, b"a\nb")),
        ("http://[::1]/a", (200, b"a")),
        ("http://evil.test", (200, b"home")),
        ("http://evil.test?x=1", (200, b"home")),
        ("http://evil.test//a", None),
        ("http://user@evil.test/a", (400, b'{"detail":"Invalid request target"}')),
        ("http:///a", (400, b'{"detail":"Invalid request target"}')),
        ("http:a", (400, b'{"detail":"Invalid request target"}')),
        ("ftp://evil.test/a", (400, b'{"detail":"Invalid request target"}')),
    ],
)
def test_a_whole_url_as_target_is_routed_by_its_path(
    interface: str, trailing_slash: Any, target: str, answer: tuple[int, bytes] | None
) -> None:
    """RFC 9112 section 3.2.2; h11 hands it on as it came, other servers take it apart. Two slashes are not one there, either."""
    app = VelociPy(trailing_slash=trailing_slash)
    app.get("/{rest*}")(_rest)
    app.get("/")(_home)
    found = call(app, interface, "GET", target)
    assert (found.status, found.body) == (answer or (404, b'{"detail":"Not Found"}'))


async def _home(request: Request) -> str:
    assert request.path == "/"
    assert request.url.host == "testserver"
    return "home"


@both
def test_a_whole_url_below_a_root_is_routed_as_its_path_is(interface: str) -> None:
    app = VelociPy(root_path="/api")
    app.get("/x")(hello)
    for target in ("http://a.test/x", "http://a.test/api/x"):
        assert call(app, interface, "GET", target).body == b"hello"


@both
@pytest.mark.case(4)
def test_middleware_that_asks_for_the_url_of_a_target_that_is_no_path_is_answered_400(interface: str) -> None:
    app = VelociPy()

    @app.middleware("http")
    async def look(request: Request, call_next: Any) -> Response:
        str(request.url)
        response: Response = await call_next(request)
        return response

    assert call(app, interface, "GET", "@google.com").status == 400
    assert call(app, interface, "OPTIONS", "*").status == 204


@both
@slashes
def test_two_slashes_are_not_one(interface: str, trailing_slash: Any) -> None:
    app = VelociPy(trailing_slash=trailing_slash)
    app.get("/a")(hello)
    app.get("/")(hello)
    for target in ("//a", "/a//", "//", "//a/"):
        assert call(app, interface, "GET", target).status == 404


@both
@slashes
@pytest.mark.case(6)
@pytest.mark.parametrize("target", ["/a%FF", "/%C3", "/%80/x", "/a%ED%A0%80"])
def test_undecodable_bytes_are_404(interface: str, trailing_slash: Any, target: str) -> None:
    app = VelociPy(trailing_slash=trailing_slash)
    app.get("/{rest*}")(_rest)
    assert call(app, interface, "GET", target).status == 404


@both
@pytest.mark.case(6)
@pytest.mark.parametrize(
    ("target", "value"),
    [
        ("/one/a%2Fb", None),
        ("/rest/a%2Fb", "a/b"),
        ("/one/a%zz", "a%zz"),
        ("/one/a%0d%0aX:1", "a\r\nX:1"),
        ("/one/x%00y", "x\0y"),
        ("/one/%41", "A"),
        ("/one/%C3%BC", "ü"),
    ],
)
def test_paths_match_percent_decoded(interface: str, target: str, value: str | None) -> None:
    app = VelociPy()

    @app.get("/one/{name}")
    async def one(name: str) -> dict[str, str]:
        return {"value": name}

    @app.get("/rest/{name*}")
    async def rest(name: str) -> dict[str, str]:
        return {"value": name}

    with TestClient(app, interface=interface) as client:
        answer = client.get("/", extensions={"target": target.encode()})
        assert answer.json() == ({"detail": "Not Found"} if value is None else {"value": value})


@both
def test_static_beats_typed_beats_untyped_beats_the_rest(interface: str) -> None:
    app = VelociPy()
    app.get("/u/{rest*}")(_rest)

    @app.get("/u/{name}")
    async def untyped(name: str) -> str:
        return f"untyped {name}"

    @app.get("/u/{id:int}")
    async def typed(id: int) -> str:
        return f"typed {id}"

    @app.get("/u/me")
    async def static() -> str:
        return "static"

    with TestClient(app, interface=interface) as client:
        paths = ("/u/me", "/u/7", "/u/x", "/u/me/z")
        assert [client.get(path).text for path in paths] == ["static", "typed 7", "untyped x", "me/z"]


@both
def test_a_typed_segment_that_does_not_convert_is_404(interface: str) -> None:
    app = VelociPy()

    @app.get("/u/{id:int}")
    async def typed(id: int) -> int:
        return id

    for segment in ("x", "1.0", "+1", "1_0", "%D9%A1"):
        assert call(app, interface, "GET", f"/u/{segment}").status == 404


# -- trailing slashes --------------------------------------------------------------------------------------------------


def make_slashes(trailing_slash: Any) -> VelociPy:
    app = VelociPy(trailing_slash=trailing_slash)
    app.get("/bare")(hello)
    app.get("/slashed/")(hello)
    app.get("/hole/{text}")(_text)
    return app


@both
@pytest.mark.parametrize("path", ["/bare", "/bare/", "/slashed", "/slashed/", "/hole/a", "/hole/a/"])
def test_ignoring_slashes_serves_one_more_or_less(interface: str, path: str) -> None:
    assert call(make_slashes("ignore"), interface, "GET", path).status == 200


@both
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/bare", 200),
        ("/bare/", 404),
        ("/slashed", 404),
        ("/slashed/", 200),
        ("/hole/a", 200),
        ("/hole/a/", 404),
    ],
)
def test_strict_slashes_serve_what_is_written(interface: str, path: str, status: int) -> None:
    assert call(make_slashes("strict"), interface, "GET", path).status == status


@both
@pytest.mark.case(5)
@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/bare/", "/bare"),
        ("/slashed", "/slashed/"),
        ("/bare/?q=1&r=a%20b", "/bare?q=1&r=a%20b"),
        ("/hole/a%20b/", "/hole/a%20b"),
        ("/hole/%5Ca/", "/hole/%5Ca"),
        ("/hole/%0d%0aX:1/", "/hole/%0D%0AX:1"),
    ],
)
def test_redirecting_slashes_keep_the_query_and_encode_the_path(
    interface: str, target: str, location: str
) -> None:
    answer = call(make_slashes("redirect"), interface, "GET", target)
    assert answer.status == 308
    assert answer.header(b"location") == [location.encode()]


@both
def test_redirecting_slashes_needs_a_route_of_that_method(interface: str) -> None:
    app = make_slashes("redirect")
    assert call(app, interface, "POST", "/bare/").status == 404
    assert call(app, interface, "HEAD", "/bare/").status == 308
    assert call(app, interface, "GET", "/nowhere/").status == 404


@both
@slashes
@pytest.mark.case(5)
@pytest.mark.parametrize(
    "target", ["//evil.test/x", "//evil.test/x/", "/%5Cevil.test/x/", "/%2Fevil.test/", "//evil.test"]
)
def test_no_location_leads_to_another_host(interface: str, trailing_slash: Any, target: str) -> None:
    app = VelociPy(trailing_slash=trailing_slash)
    app.get("/{rest*}")(_rest)
    app.get("/{a}/{b}/")(_two)
    app.get("/{a}/")(_one)
    answer = call(app, interface, "GET", target)
    assert answer.status in (200, 308, 404)
    for location in answer.header(b"location"):
        assert location[:2] not in (b"//", b"/\\")


async def _one(a: str) -> str:
    return a


async def _two(a: str, b: str) -> str:
    return a + b


# -- hosts -------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(2)
def test_two_host_lines_are_400(interface: str) -> None:
    app = VelociPy()
    app.get("/")(hello)
    answer = call(app, interface, "GET", "/", ("host", "a"), ("host", "a"))
    assert (answer.status, answer.body) == (400, b'{"detail":"Invalid host header"}')


@both
@pytest.mark.case(3)
@pytest.mark.parametrize("path", ["/", "/nowhere"])
@pytest.mark.parametrize(
    "host", ["example.com/abc?bar=", "a@evil", "a b", "[", "a:99999", "a" * 300, "a\\b", "a%2fb"]
)
def test_a_host_that_two_readers_could_read_differently_is_400(interface: str, host: str, path: str) -> None:
    app = VelociPy()
    app.get("/")(hello)
    answer = call(app, interface, "GET", path, ("host", host))
    assert (answer.status, answer.body) == (400, b'{"detail":"Invalid host header"}')


@both
@pytest.mark.case(1)
@pytest.mark.parametrize("headers", [(("x", "y"),), (("host", ""),)])
def test_without_a_host_the_url_has_the_address_of_the_server(interface: str, headers: Any) -> None:
    app = VelociPy()

    @app.get("/")
    async def url(request: Request) -> str:
        return str(request.url)

    assert call(app, interface, "GET", "/", *headers).body == b"http://127.0.0.1/"


@both
@pytest.mark.case(3)
@pytest.mark.parametrize(
    ("authority", "status"), [("good.example:443", 200), ("a@evil", 400), ("a/b?", 400), ("a b", 400)]
)
def test_the_authority_of_http2_is_a_host_too(interface: str, authority: str, status: int) -> None:
    app = VelociPy()
    app.get("/")(hello)
    with TestClient(app, interface=interface) as client:
        exchange = client.exchange("GET", "/", headers=[], http_version="2", authority=authority)
        assert exchange.reply().status == status


@both
def test_the_authority_of_http2_is_the_host_of_the_url(interface: str) -> None:
    app = VelociPy()

    @app.get("/")
    async def url(request: Request) -> str:
        return str(request.url)

    with TestClient(app, interface=interface) as client:
        exchange = client.exchange("GET", "/", headers=[], http_version="2", authority="Good.Example:8443")
        assert exchange.reply().body == b"http://good.example:8443/"


# -- handlers are compiled once, and again when something changes -------------------------------------------------------


@both
def test_a_handler_is_compiled_at_first_use_and_kept(interface: str) -> None:
    app = VelociPy()
    app.get("/x")(hello)
    with TestClient(app, interface=interface) as client:
        client.get("/x")
        _, leaf, *_ = app._dispatcher._leaves
        kept = dict(leaf.handlers[interface])
        assert kept.keys() == {"GET", "HEAD"}
        client.get("/x")
        client.head("/x")
        assert leaf.handlers[interface] == kept


@both
@pytest.mark.case(147)
def test_routes_of_our_own_are_bounded(interface: str) -> None:
    """However many paths, methods and targets clients invent, nothing is kept for them."""
    app = make_methods()
    with TestClient(app, interface=interface) as client:
        for number in range(50):
            client.exchange("GET", f"/a/b/{number}").reply()
            client.exchange(f"M{number}", "/x").reply()
            client.exchange(f"M{number}", "/a/b").reply()
            client.exchange("GET", f"t{number}").reply()
    nowhere, *leaves = app._dispatcher._leaves
    assert len(nowhere.own) <= 5
    assert nowhere.handlers[interface].keys() == {"GET"}
    assert all(len(leaf.own) <= 2 for leaf in leaves)
    assert all(handlers.keys() <= {"GET", "HEAD", "DELETE"} for handlers in leaves[0].handlers.values())


@both
def test_a_404_of_each_method_is_compiled_once(interface: str) -> None:
    app = make_methods()
    with TestClient(app, interface=interface) as client:
        client.get("/a/b")
        client.head("/a/b")
        nowhere = app._dispatcher._leaves[0]
        kept = dict(nowhere.handlers[interface])
        assert kept.keys() == {"GET", "HEAD"}
        assert client.get("/b/c").status_code == 404
        assert nowhere.handlers[interface] == kept
        assert len(nowhere.own) == 1


@both
def test_what_words_a_404_may_be_added_after_the_first_one(interface: str) -> None:
    app = make_methods()
    with TestClient(app, interface=interface) as client:
        assert client.get("/a/b").json() == {"detail": "Not Found"}
        app.exception_handler(404)(at_a_loss)
        assert client.get("/a/b").json() == {"lost": True}
