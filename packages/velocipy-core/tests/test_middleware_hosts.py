"""TrustedHostMiddleware and HTTPSRedirectMiddleware: which host and which scheme, for requests and handshakes, on both protocols."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy import Request, VelociPy, WebSocket
from velocipy.exceptions import BadRequest, ConfigurationError
from velocipy.middleware import HTTPSRedirectMiddleware, RequestIDMiddleware, TrustedHostMiddleware
from velocipy.testing import TestClient, WebSocketDenied

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])

REFUSED = {"detail": "Invalid host header"}


def serve(*middleware: Any, **settings: Any) -> VelociPy:
    app = VelociPy(middleware=middleware, **settings)

    @app.get("/")
    async def read() -> str:
        return "read"

    @app.post("/{name}")
    async def write(name: str, body: dict[str, int]) -> dict[str, int]:
        return body

    @app.websocket("/ws")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")

    return app


# -- hosts -------------------------------------------------------------------------------------------------------------

ALLOWED = ["Example.com", "*.sub.example", "only.example:8443", "tls.example:443", "[::1]", "127.0.0.1"]
HOSTS = {
    "example.com": True,
    "EXAMPLE.com": True,
    "example.com:80": True,
    "example.com:9999": True,
    "example.com.": False,
    "www.example.com": False,
    "exampleXcom": False,
    "evil-example.com": False,
    "example.com.evil": False,
    "example.com:80@evil": False,
    "example.com/evil": False,
    "example.com:99999": False,
    "example.com,evil.example": False,
    "a b": False,
    "a.sub.example": True,
    "a.b.sub.example:1": True,
    "sub.example": False,
    "asub.example": False,
    ".sub.example": False,
    "only.example:8443": True,
    "only.example": False,
    "only.example:443": False,
    "tls.example": True,
    "tls.example:443": True,
    "tls.example:80": False,
    "[::1]": True,
    "[::1]:8000": True,
    "[::2]": False,
    "[::1": False,
    "::1": False,
    "127.0.0.1:8000": True,
    "127.0.0.2": False,
    "*": False,
    "*.sub.example": False,
    "a" * 300: False,
}


@both
@pytest.mark.case(90)
def test_a_host_is_one_of_the_list_or_a_400(interface: str) -> None:
    app = serve(RequestIDMiddleware(), TrustedHostMiddleware(ALLOWED))
    with TestClient(app, interface=interface) as client:
        for _ in range(2):  # the second time it is remembered
            for host, allowed in HOSTS.items():
                answer = client.get("/", headers={"host": host})
                assert answer.status_code == (200 if allowed else 400), host
                assert allowed or answer.json() == REFUSED
                assert "x-request-id" in answer.headers
        for path in ("/nowhere", "/"):
            assert client.delete(path, headers={"host": "evil.example"}).status_code == 400


@both
@pytest.mark.case(1)
def test_no_host_and_two_hosts_are_refused_whatever_else_says(interface: str) -> None:
    app = serve(TrustedHostMiddleware(["*"]))
    with TestClient(app, interface=interface) as client:
        forwarded = ("x-forwarded-host", "example.com")
        for headers in ([("host", ""), forwarded], [("host", "a.example"), ("host", "a.example"), forwarded]):
            assert client.get("/", headers=headers).status_code == 400
        assert client.get("/", headers={"host": "any.example"}).text == "read"
        assert client.get("/", headers={"host": "any/example"}).status_code == 400


@both
@pytest.mark.case(90)
def test_the_host_behind_a_proxy_is_the_one_that_it_was_sent(interface: str) -> None:
    for proxies, allowed in ((None, False), (["*"], True), (["192.0.2.1"], False)):
        app = serve(TrustedHostMiddleware(["public.example"]), proxy_headers=proxies)
        with TestClient(app, interface=interface) as client:
            headers = {"host": "backend:8000", "x-forwarded-host": "public.example"}
            assert client.get("/", headers=headers).status_code == (200 if allowed else 400)
            headers = {"host": "public.example", "x-forwarded-host": "evil.example"}
            assert client.get("/", headers=headers).status_code == (400 if allowed else 200)


@both
@pytest.mark.case(90)
def test_a_handshake_to_another_host_is_refused(interface: str) -> None:
    with TestClient(serve(TrustedHostMiddleware(ALLOWED)), interface=interface) as client:
        with client.websocket_connect("/ws", headers={"host": "example.com:1"}) as socket:
            assert socket.receive_text() == "hello"
        with (
            pytest.raises(WebSocketDenied) as denied,
            client.websocket_connect("/ws", headers={"host": "evil.example"}),
        ):
            """Never gets here."""
        assert denied.value.status_code == 400


@both
@pytest.mark.case(90)
def test_a_name_without_www_is_sent_to_the_one_with_it_only_where_that_is_wanted(interface: str) -> None:
    app = serve(TrustedHostMiddleware(["www.example.com"], www_redirect=True))
    with TestClient(app, interface=interface) as client:
        answer = client.post("/a%20b?x=1&y=%2F", headers={"host": "example.com:8000"})
        assert answer.status_code == 308
        assert answer.headers["location"] == "http://www.example.com:8000/a%20b?x=1&y=%2F"
        assert client.get("/", headers={"host": "www.example.com"}).text == "read"
        for host in ("evil.example", "www.www.example.com", "", "example.com/evil", "xample.com"):
            assert client.get("/", headers={"host": host}).status_code == 400
        with pytest.raises(WebSocketDenied), client.websocket_connect("/ws", headers={"host": "example.com"}):
            """Never gets here."""
    with TestClient(serve(TrustedHostMiddleware(["www.example.com"])), interface=interface) as client:
        assert client.get("/", headers={"host": "example.com"}).status_code == 400


@pytest.mark.parametrize(
    ("hosts", "why"),
    [
        ([], "is empty"),
        ("example.com", "is a list"),
        (["*", "example.com"], "is no host"),
        (["https://example.com"], "is no host"),
        (["example.com/"], "is no host"),
        (["*example.com"], "is no host"),
        (["a.*.example"], "is no host"),
        (["*.[::1]"], "is no host"),
        (["example.com."], "is no host"),
        (["::1"], "is no host"),
        ([""], "is no host"),
        ([None], "is no host"),
    ],
)
def test_lists_of_hosts_that_make_no_sense_are_refused(hosts: Any, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        TrustedHostMiddleware(hosts)


@given(st.lists(st.text("ab.:*[]@/ 1", max_size=12), min_size=1, max_size=2))
def test_nothing_but_the_list_ever_passes(hosts: list[str]) -> None:
    middleware: Any = TrustedHostMiddleware(["a.b", "*.b.a"])
    for _ in range(2):
        try:
            if middleware.refuses(hosts):
                continue
        except BadRequest:
            continue
        name = hosts[0].lower().partition(":")[0]
        assert len(hosts) == 1
        assert name == "a.b" or name.endswith(".b.a")


def test_what_is_remembered_of_hosts_is_bounded() -> None:
    middleware: Any = TrustedHostMiddleware(["*.a.example"])
    for number in range(3_000):
        assert not middleware.refuses([f"x{number}.a.example"])
    assert len(middleware._known) <= 1_024


# -- https -------------------------------------------------------------------------------------------------------------


@both
@pytest.mark.case(91)
def test_http_is_sent_to_https_with_path_query_and_method(interface: str) -> None:
    app = serve(HTTPSRedirectMiddleware())
    with TestClient(app, interface=interface) as client:
        table = {
            "/": "https://testserver/",
            "/a%20b/c?x=1&y=%2F": "https://testserver/a%20b/c?x=1&y=%2F",
            "//evil.example/x": "https://testserver//evil.example/x",
            "/%5cevil": "https://testserver/%5Cevil",
            "/a%0d%0aX:1": "https://testserver/a%0D%0AX:1",
        }
        for path, target in table.items():
            answer = client.post(f"http://testserver{path}", json={"a": 1})
            assert (answer.status_code, answer.headers["location"]) == (308, target)
        assert client.get("/nowhere").status_code == 308
    with TestClient(app, base_url="https://testserver", interface=interface) as client:
        assert client.get("/").text == "read"
        assert client.post("/x", json={"a": 1}).json() == {"a": 1}


@both
@pytest.mark.case(91)
def test_the_redirect_leads_to_the_clients_own_host_or_nowhere(interface: str) -> None:
    with TestClient(serve(HTTPSRedirectMiddleware(False)), interface=interface) as client:
        answer = client.get("/", headers={"host": "a.example:8000"})
        assert (answer.status_code, answer.headers["location"]) == (307, "https://a.example/")
        for host in ("a@evil", "evil/x?y=", "a b", "[", "a:99999", "", "a\\b"):
            answer = client.get("/", headers={"host": host})
            assert (answer.status_code, "location" in answer.headers) == (400, False), host
        two = [("host", "a.example"), ("host", "b.example")]
        assert client.get("/", headers=two).status_code == 400
    with TestClient(serve(HTTPSRedirectMiddleware(port=8443)), interface=interface) as client:
        answer = client.get("/", headers={"host": "[::1]:8000"})
        assert answer.headers["location"] == "https://[::1]:8443/"


@both
@pytest.mark.case(91)
@pytest.mark.parametrize("target", [b"*", b"nowhere"])
def test_a_target_that_is_no_path_leads_nowhere(interface: str, target: bytes) -> None:
    with TestClient(serve(HTTPSRedirectMiddleware()), interface=interface) as client:
        reply = client.exchange("OPTIONS", target, headers=[("host", "a.example")]).reply()
        assert (reply.status, reply.header(b"location")) == (400, [])


@both
@pytest.mark.case(91)
def test_the_scheme_is_believed_of_named_proxies_alone(interface: str) -> None:
    for proxies, status in ((None, 308), (["192.0.2.1"], 308), (["*"], 200)):
        app = serve(HTTPSRedirectMiddleware(), proxy_headers=proxies)
        with TestClient(app, interface=interface) as client:
            assert client.get("/", headers={"x-forwarded-proto": "https"}).status_code == status
            answer = client.get("/", headers={"x-forwarded-host": "evil.example"})
            target = "https://evil.example/" if proxies == ["*"] else "https://testserver/"
            assert answer.headers["location"] == target


@both
@pytest.mark.case(91)
def test_a_websocket_over_ws_is_refused(interface: str) -> None:
    app = serve(HTTPSRedirectMiddleware())
    with TestClient(app, interface=interface) as client:
        with pytest.raises(WebSocketDenied) as denied, client.websocket_connect("/ws"):
            """Never gets here."""
        assert denied.value.status_code == 403
    with (
        TestClient(app, base_url="https://testserver", interface=interface) as client,
        client.websocket_connect("/ws") as socket,
    ):
        assert socket.receive_text() == "hello"


@both
@pytest.mark.case(91)
def test_some_paths_may_be_had_over_http(interface: str) -> None:
    app = serve(HTTPSRedirectMiddleware(exclude=["/", "/.well-known/*"]))
    with TestClient(app, interface=interface) as client:
        assert client.get("/").text == "read"
        assert client.get("/.well-known/acme").status_code == 404
        assert client.get("/.well-known").status_code == 308
        assert client.get("/other").status_code == 308


@pytest.mark.parametrize(
    "settings",
    [
        {"exclude": "/health"},
        {"exclude": ["health"]},
        {"exclude": ["/*"]},
        {"exclude": ["/a*"]},
        {"exclude": ["/a*b"]},
        {"exclude": [None]},
        {"port": 0},
        {"port": 65536},
        {"port": "443"},
        {"port": True},
    ],
)
def test_settings_of_the_redirect_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        HTTPSRedirectMiddleware(**settings)


@both
def test_with_a_list_of_hosts_before_it_no_redirect_leads_elsewhere(interface: str) -> None:
    app = serve(TrustedHostMiddleware(["a.example"]), HTTPSRedirectMiddleware())
    with TestClient(app, interface=interface) as client:
        assert client.get("/", headers={"host": "evil.example"}).status_code == 400
        answer = client.get("/", headers={"host": "a.example"})
        assert answer.headers["location"] == "https://a.example/"


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
@pytest.mark.parametrize("version", ["1.1", "2"])
def test_of_a_host_line_and_an_authority_that_differ_the_app_sees_the_one_that_was_checked(
    interface: str, version: str
) -> None:
    """RSGI tells of both: of an absolute target's authority over HTTP/1.1, too. Servers over ASGI show the Host line."""
    app = VelociPy(plugins=False, middleware=[TrustedHostMiddleware(["good.test"])])

    @app.get("/")
    async def seen(request: Request) -> list[str]:
        return [request.host, str(request.url)]

    with TestClient(app, interface=interface) as client:

        def ask(host: str, authority: str) -> tuple[int, bytes]:
            options: Any = {"headers": [("host", host)], "http_version": version, "authority": authority}
            reply = client.exchange("GET", "/", **options).reply()
            return reply.status, reply.body

        assert ask("good.test", "evil.test") == (200, b'["good.test","http://good.test/"]')
        assert ask("evil.test", "good.test")[0] == 400
