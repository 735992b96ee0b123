"""Apps below a `root_path`: what is routed, and what requests, links, redirects and mounted apps make of it.

ASGI servers tell it; over RSGI, and where a server tells none, it is the app's own setting.
"""

from __future__ import annotations

from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from velocipy import Request, Response, Templates, VelociPy, WebSocket
from velocipy.exceptions import ConfigurationError
from velocipy.middleware import HTTPSRedirectMiddleware, TrustedHostMiddleware
from velocipy.static import StaticFiles
from velocipy.testing import TestClient


def service(**options: Any) -> VelociPy:
    app = VelociPy(plugins=False, **options)

    @app.get("/")
    async def home(request: Request) -> str:
        return request.path

    @app.get("/items/{id:int}", name="item")
    async def item(request: Request, id: int) -> dict[str, Any]:
        return {
            "root": request.root_path,
            "path": request.path,
            "url": str(request.url),
            "next": request.url_for("item", id=id + 1),
            "asked": str(request.connection.path),
        }

    @app.websocket("/ws", name="ws")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(
            [websocket.root_path, websocket.path, str(websocket.url), websocket.url_for("item", id=1)]
        )

    return app


class WithRoot:
    """The app as servers serve it that tell a root path and pass on the path as the proxy has sent it: Hypercorn, Granian."""

    def __init__(self, app: Any, root: Any) -> None:
        self.app, self.root = app, root

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            scope = {**scope, "root_path": self.root}
        await self.app(scope, receive, send)


@pytest.mark.parametrize("root", ["/api", "/api/"])
def test_the_path_below_the_root_is_routed_where_the_server_puts_the_root_before_it(root: str) -> None:
    """As Uvicorn does with `--root-path`."""
    with TestClient(service(), root_path=root) as client:
        found = client.get("/items/3").json()
        assert found == {
            "root": "/api",
            "path": "/items/3",
            "url": "http://testserver/api/items/3",
            "next": "/api/items/4",
            "asked": "/items/3",
        }
        assert client.get("/").text == "/"
        assert client.get("/nothing").status_code == 404
        with client.websocket_connect("/ws") as websocket:
            assert websocket.receive_json() == ["/api", "/ws", "ws://testserver/api/ws", "/api/items/1"]


@pytest.mark.parametrize("sent", ["/items/3", "/api/items/3"])
def test_it_is_routed_too_where_the_server_tells_the_root_alone(sent: str) -> None:
    """Whether the proxy takes the prefix off, or leaves it on."""
    client = TestClient(WithRoot(service(), "/api"), interface="asgi")
    found = client.get(sent).json()
    assert (found["path"], found["url"]) == ("/items/3", "http://testserver/api/items/3")
    assert found["next"] == "/api/items/4"


@pytest.mark.parametrize(
    ("root", "path", "routed"),
    [
        ("/api", "/api", "/"),
        ("/api", "/api/", "/"),
        ("/api", "/apiary", None),
        ("/api", "/api/api", None),
        ("/", "/", "/"),
        ("/", "//", "/"),
        ("", "/", "/"),
        (None, "/", "/"),
        ("//evil.example/", "/", "/"),
    ],
)
def test_a_root_ends_at_a_slash(root: Any, path: str, routed: str | None) -> None:
    answer = TestClient(WithRoot(service(), root), interface="asgi").get(f"http://testserver{path}")
    assert (answer.text if answer.status_code == 200 else None) == routed


@pytest.mark.parametrize(
    ("root", "link"),
    [
        ("//evil.example", "/evil.example/items/4"),
        ("/a b/é%", "/a%20b/%C3%A9%25/items/4"),
        ("api", "/api/items/4"),
        ("/a\r\nx: y", "/a%0D%0Ax:%20y/items/4"),
    ],
)
def test_a_link_below_a_root_is_a_path_whatever_the_root(root: str, link: str) -> None:
    client = TestClient(WithRoot(service(), root), interface="asgi")
    assert client.get("/items/3").json()["next"] == link


def test_redirects_lead_below_the_root(tmp_path: Any) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.html").write_text("docs")
    app = service(trailing_slash="redirect")
    app.mount("/files", StaticFiles(tmp_path, html=True))
    with TestClient(app, root_path="/api") as client:
        assert client.get("/items/3/?a=1").headers["location"] == "/api/items/3?a=1"
        assert client.get("/files/docs").headers["location"] == "./docs/"
        assert client.get("/files/docs/").text == "docs"


def test_redirects_to_https_and_www_lead_below_the_root_and_exceptions_are_of_routes() -> None:
    app = service(middleware=[HTTPSRedirectMiddleware(exclude=["/"])])
    with TestClient(app, root_path="/api") as client:
        assert client.get("/items/3?a=1").headers["location"] == "https://testserver/api/items/3?a=1"
        assert client.get("/").status_code == 200
    app = service(middleware=[TrustedHostMiddleware(["www.testserver"], www_redirect=True)])
    with TestClient(app, root_path="/api") as client:
        assert client.get("/items/3").headers["location"] == "http://www.testserver/api/items/3"


def test_apps_mounted_below_a_root_see_both() -> None:
    async def foreign(scope: Any, receive: Any, send: Any) -> None:
        text = f"{scope['root_path']} {scope['path']}"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text.encode()})

    outer = VelociPy(plugins=False)
    outer.mount("/in", service())
    outer.mount("/foreign", foreign)
    with TestClient(outer, root_path="/api") as client:
        found = client.get("/in/items/3").json()
        assert found["next"] == "/api/in/items/4"
        assert found["url"] == "http://testserver/api/in/items/3"
        assert (found["root"], found["path"]) == ("/api", "/in/items/3")
        assert client.get("/foreign/x").text == "/api/foreign /api/foreign/x"


def test_an_app_can_be_mounted_in_a_starlette_app() -> None:
    """Which tells it by `root_path` where it is."""
    outer = Starlette(
        routes=[Mount("/shop", service()), Mount("/api", Starlette(routes=[Mount("/v1", service())]))]
    )
    with TestClient(outer, interface="asgi") as client:
        found = client.get("/shop/items/3").json()
        assert (found["path"], found["next"]) == ("/items/3", "/shop/items/4")
        assert found["url"] == "http://testserver/shop/items/3"
        assert client.get("/api/v1/items/3").json()["next"] == "/api/v1/items/4"
        assert client.get("/shop/nothing").json() == {"detail": "Not Found"}
        with client.websocket_connect("/api/v1/ws") as websocket:
            assert websocket.receive_json()[3] == "/api/v1/items/1"


@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_without_a_root_everything_is_as_it_is_asked_for(interface: Any) -> None:
    with TestClient(service(), interface=interface) as client:
        found = client.get("/items/3").json()
        assert (found["root"], found["path"], found["next"]) == ("", "/items/3", "/items/4")


def test_a_client_below_a_root_speaks_asgi() -> None:
    assert TestClient(service(), root_path="/api").get("/items/3").json()["root"] == "/api"


def test_links_of_templates_lead_below_the_root(tmp_path: Any) -> None:
    (tmp_path / "page.html").write_text("{{ url_for('item', id=3) }}")
    templates = Templates(tmp_path)
    app = service()

    @app.get("/page")
    async def page(request: Request) -> Response:
        return templates.TemplateResponse("page.html", {}, request=request)

    with TestClient(app, root_path="/api") as client:
        assert client.get("/page").text == "/api/items/3"


# -- VelociPy(root_path=...) --------------------------------------------------------------------------------------------

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


@both
@pytest.mark.parametrize("sent", ["/items/3", "/api/items/3"])
def test_an_app_with_a_root_is_below_it_whether_the_proxy_takes_it_off_or_not(
    interface: Any, sent: str
) -> None:
    with TestClient(service(root_path="/api"), interface=interface) as client:
        found = client.get(sent).json()
        assert (found["root"], found["path"]) == ("/api", "/items/3")
        assert (found["url"], found["next"]) == ("http://testserver/api/items/3", "/api/items/4")


@both
@pytest.mark.parametrize(
    ("path", "routed"),
    [("/api", "/"), ("/api/", "/"), ("/", "/"), ("/apiary", None), ("/api/api", None), ("/api//", None)],
)
def test_the_root_of_an_app_ends_at_a_slash(interface: Any, path: str, routed: str | None) -> None:
    answer = TestClient(service(root_path="/api"), interface=interface).get(path)
    assert (answer.text if answer.status_code == 200 else None) == routed


@both
@pytest.mark.parametrize("sent", ["/ws", "/api/ws"])
def test_websockets_of_an_app_with_a_root_are_below_it(interface: Any, sent: str) -> None:
    with (
        TestClient(service(root_path="/api"), interface=interface) as client,
        client.websocket_connect(sent) as websocket,
    ):
        assert websocket.receive_json() == ["/api", "/ws", "ws://testserver/api/ws", "/api/items/1"]


@both
def test_redirects_and_mounted_apps_of_an_app_with_a_root_are_below_it(interface: Any) -> None:
    async def foreign(scope: Any, receive: Any, send: Any) -> None:
        text = f"{scope['root_path']} {scope['path']}"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text.encode()})

    app = service(
        root_path="/api",
        trailing_slash="redirect",
        middleware=[HTTPSRedirectMiddleware(exclude=["/foreign"])],
    )
    app.mount("/in", service(), name="in")
    app.mount("/foreign", foreign)
    with TestClient(app, interface=interface, base_url="https://testserver") as client:
        assert client.get("/items/3/?a=1").headers["location"] == "/api/items/3?a=1"
        assert client.get("/api/in/items/3").json()["url"] == "https://testserver/api/in/items/3"
        assert client.get("/foreign/x").text == "/api/foreign /api/foreign/x"
        insecure = client.get("http://testserver/api/items/3")
        assert insecure.headers["location"] == "https://testserver/api/items/3"


@both
def test_asgi_middleware_around_an_app_with_a_root_is_told_it(interface: Any) -> None:
    seen: list[str] = []

    def telling(app: Any) -> Any:
        async def call(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http":
                seen.append(f"{scope['root_path']} {scope['path']}")
            await app(scope, receive, send)

        return call

    app = service(root_path="/api")
    app.add_asgi_middleware(telling)
    with TestClient(app, interface=interface) as client:
        assert client.get("/api/items/3").json()["next"] == "/api/items/4"
        assert client.get("/items/3").json()["path"] == "/items/3"
    assert seen == ["/api /api/items/3", "/api /items/3"]


def test_what_a_server_or_an_outer_app_tells_counts_before_the_setting() -> None:
    with TestClient(service(root_path="/own"), root_path="/api") as client:
        assert client.get("/items/3").json()["next"] == "/api/items/4"
    with TestClient(
        Starlette(routes=[Mount("/shop", service(root_path="/own"))]), interface="asgi"
    ) as client:
        assert client.get("/shop/items/3").json()["next"] == "/shop/items/4"


@pytest.mark.parametrize(
    "root", ["api", "/", "/api/", "//evil.example", "/a?b", "/a b", "/{x}", "/a\\b", None, 3]
)
def test_a_root_that_is_no_path_is_refused(root: Any) -> None:
    with pytest.raises(ConfigurationError, match="root_path is a path such as '/api'"):
        VelociPy(root_path=root)


def test_an_app_with_a_root_is_mounted_nowhere() -> None:
    with pytest.raises(
        ConfigurationError, match="root_path='/api' cannot be mounted: give root_path to the app that"
    ):
        VelociPy(plugins=False).mount("/in", service(root_path="/api"))


@both
def test_pages_of_plugins_are_found_below_the_root(interface: Any) -> None:
    app = VelociPy(root_path="/api", plugins=["openapi"])
    with TestClient(app, interface=interface) as client:
        for path in ("/docs", "/api/docs", "/openapi.json", "/api/openapi.json"):
            assert client.get(path).status_code == 200
