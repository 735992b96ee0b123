"""`/openapi.json` and `/docs` as clients and browsers get them, on both protocols, wherever the app is mounted."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from velocipy import Depends, Header, HTTPException, VelociPy, guard
from velocipy.exceptions import ConfigurationError
from velocipy.middleware import SecurityHeadersMiddleware
from velocipy.models import ModelBackend, ModelField
from velocipy.openapi import UI, OpenAPI, SwaggerUI
from velocipy.openapi.ui.page import origins_in, relative
from velocipy.testing import AsyncTestClient, TestClient

BASE = "http://testserver"


@pytest.fixture(params=["asgi", "rsgi"])
def interface(request: Any) -> Any:
    return request.param


def app_of(**options: Any) -> VelociPy:
    app = VelociPy("Shop", **options)
    app.add_route("/items", lambda: None)
    return app


def links(html: str) -> list[str]:
    return re.findall(r'(?:src|href|data-document)="([^"]+)"', html)


def test_installed_means_that_the_document_and_the_page_are_there(interface: Any) -> None:
    client = TestClient(app_of(), interface=interface)
    document = client.get("/openapi.json")
    assert document.headers["content-type"] == "application/json"
    assert document.json()["info"]["title"] == "Shop" and list(document.json()["paths"]) == ["/items"]
    page = client.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "<title>Shop - docs</title>" in page.text


def test_the_document_has_an_etag_and_is_compressed_for_who_takes_it(interface: Any) -> None:
    client = TestClient(app_of(), interface=interface)
    plain = client.get("/openapi.json", headers={"accept-encoding": "identity"})
    packed = client.get("/openapi.json", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in plain.headers and packed.headers["content-encoding"] == "gzip"
    assert plain.json() == packed.json()
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != packed.headers["etag"]
    for answer, coding in ((plain, "identity"), (packed, "gzip")):
        headers = {"accept-encoding": coding, "if-none-match": answer.headers["etag"]}
        again = client.get("/openapi.json", headers=headers)
        assert (again.status_code, again.content) == (304, b"")
    assert client.head("/openapi.json").headers["content-length"]


def test_both_can_be_moved_and_switched_off(interface: Any) -> None:
    moved = TestClient(app_of(docs_url="/help/ui", openapi_url="/v1/api.json"), interface=interface)
    assert moved.get("/docs").status_code == moved.get("/openapi.json").status_code == 404
    page = moved.get("/help/ui")
    for link in links(page.text):
        if not link.startswith("data:"):
            assert moved.get(urljoin(f"{BASE}/help/ui", link)).status_code == 200
    no_page = TestClient(app_of(docs_url=None), interface=interface)
    assert (no_page.get("/docs").status_code, no_page.get("/openapi.json").status_code) == (404, 200)
    for off in (app_of(openapi_url=None), app_of(plugins=False), app_of(plugins=["another"])):
        client = TestClient(off, interface=interface)
        assert client.get("/docs").status_code == client.get("/openapi.json").status_code == 404


@pytest.mark.parametrize("url", ["docs", "/", "/{docs}", ""])
def test_a_place_that_is_none_is_a_mistake_at_construction(url: str) -> None:
    with pytest.raises(ConfigurationError, match="docs_url is a path"):
        VelociPy(docs_url=url)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: OpenAPI(specification="2.0"), "is '3.1' or '3.2', not '2.0'"),  # type: ignore[arg-type]
        (lambda: OpenAPI(servers=[{"name": "x"}]), "a server of"),
        (lambda: OpenAPI(tags=[{"title": "x"}]), "a tag of"),
        (lambda: OpenAPI(ui=SwaggerUI(), swagger_ui={"deepLinking": True}), "replaces: give them to it"),
        (lambda: OpenAPI(pages={"/other": SwaggerUI}), "with parentheses"),  # type: ignore[dict-item]
        (lambda: OpenAPI(servers=[{"url": "http://[::1"}]), "'http://\\[::1', which is none"),
        (lambda: OpenAPI(swagger_ui={"level": object()}).page(), "are written as JSON"),
        (lambda: OpenAPI(swagger_ui={"level": float("nan")}).page(), "are written as JSON"),
    ],
)
def test_a_setting_that_cannot_be_written_is_a_mistake_at_construction(make: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        make()


class Slow:
    """A class whose fields are asked for while a document is built."""


class Watched(ModelBackend):
    """Calls `asked` whenever a document with a Slow in it is built."""

    name = "watched"
    asked: Any = None

    def matches(self, annotation: Any) -> bool:
        return annotation is Slow

    def validator(self, annotation: Any) -> Any:
        return lambda value, errors, place: Slow()

    def plain(self, annotation: Any, how: Any) -> Any:
        return vars

    def fields(self, annotation: Any) -> list[ModelField]:
        self.asked()
        return []


def watched_app(monkeypatch: Any, asked: Any) -> VelociPy:
    monkeypatch.setattr(Watched, "asked", staticmethod(asked))
    app = app_of()
    app.register_model_backend(Watched)
    app.add_route("/slow", lambda: None, responses={409: Slow})
    return app


def test_a_document_that_changes_while_it_is_built_is_not_kept(monkeypatch: Any, interface: Any) -> None:
    changes: list[Callable[[], object]] = []
    app = watched_app(monkeypatch, lambda: changes and changes.pop()())
    changes.append(lambda: app.add_route("/later", lambda: None))
    client = TestClient(app, interface=interface)
    assert client.get("/openapi.json").status_code == 200
    assert "/later" in client.get("/openapi.json").json()["paths"]


def test_a_document_that_several_ask_for_is_built_once(monkeypatch: Any, interface: Any) -> None:
    asked: list[None] = []
    go = threading.Event()

    def wait() -> None:
        asked.append(None)
        assert go.wait(30)

    async def main() -> None:
        async with AsyncTestClient(watched_app(monkeypatch, wait), interface=interface) as client:
            both = [asyncio.create_task(client.get("/openapi.json")) for _ in range(2)]
            while not asked:
                await asyncio.sleep(0.01)
            await asyncio.sleep(
                0.1
            )  # the second waits for the first by now; where it does not, it finds what is kept
            go.set()
            first, second = await asyncio.gather(*both)
            assert first.status_code == 200 and first.content == second.content

    asyncio.run(main())
    once = len(asked)
    built = watched_app(monkeypatch, lambda: asked.append(None))
    built.openapi()
    assert len(asked) == 2 * once  # as often as one building asks


def test_settings_of_another_kind_keep_the_app_from_starting(interface: Any) -> None:
    app = app_of(openapi={"title": "no"})
    with (
        pytest.raises(Exception, match=r"takes a velocipy\.openapi\.OpenAPI"),
        TestClient(app, interface=interface),
    ):
        pass
    with pytest.raises(ConfigurationError, match="url"):
        OpenAPI(servers=[{"name": "x"}])
    with pytest.raises(ConfigurationError, match="name"):
        OpenAPI(tags=["items"])  # type: ignore[list-item]


def test_a_guard_stands_before_the_document_the_page_and_its_files(interface: Any) -> None:
    @guard
    async def staff(x_staff: str = Header("")) -> None:
        if x_staff != "yes":
            raise HTTPException(403)

    client = TestClient(app_of(openapi=OpenAPI(dependencies=[Depends(staff)])), interface=interface)
    for path in ("/openapi.json", "/docs", "/docs/oauth2-redirect"):
        assert client.get(path).status_code == 403
        assert client.get(path, headers={"x-staff": "yes"}).status_code == 200
    assert client.get("/items").status_code == 204


def test_routes_of_the_app_itself_win(interface: Any) -> None:
    app = app_of()
    app.add_route("/docs", lambda: "mine")
    client = TestClient(app, interface=interface)
    assert client.get("/docs").text == "mine"
    assert client.get("/openapi.json").status_code == 200
    other = app_of()
    other.add_route("/openapi.json", lambda: "mine")
    client = TestClient(other, interface=interface)
    assert client.get("/openapi.json").text == "mine" and client.get("/docs").status_code == 404


def test_titles_and_settings_are_escaped(interface: Any) -> None:
    title = "\"><script>alert('x')</script>&"
    app = VelociPy(title, openapi=OpenAPI(swagger_ui={"a": "'\"><img src=x onerror=alert(1)>"}))
    client = TestClient(app, interface=interface)
    text = client.get("/docs").text
    assert "<script>alert" not in text and "<img" not in text
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;" in text
    assert client.get("/openapi.json").json()["info"]["title"] == title


def test_the_page_allows_files_of_its_own_alone(interface: Any) -> None:
    servers = [{"url": "https://api.example.com/v1"}, {"url": "/v2"}, {"url": "https://{region}.example.com"}]
    app = app_of(openapi=OpenAPI(servers=servers), middleware=[SecurityHeadersMiddleware()])
    policy = TestClient(app, interface=interface).get("/docs").headers["content-security-policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == "'self'"
    assert rules["connect-src"] == "'self' https://api.example.com"
    assert "unsafe" not in policy


def test_origins_that_would_break_the_policy_are_left_out() -> None:
    urls = [
        "https://a.example/x",
        "https://b.example; script-src *",
        "javascript:alert(1)",
        "//c.example",
        "https://[x",
    ]
    assert origins_in({"servers": [{"url": url} for url in urls]}) == {"https://a.example"}
    flows = {"password": {"tokenUrl": "https://login.example/token"}}
    assert origins_in({"components": {"securitySchemes": {"o": {"flows": flows}}}}) == {
        "https://login.example"
    }


def test_files_may_be_kept_for_ever_and_have_their_types(interface: Any) -> None:
    client = TestClient(app_of(), interface=interface)
    for link in links(client.get("/docs").text):
        if "/assets/" not in link:
            continue
        packed = client.get(urljoin(f"{BASE}/docs", link), headers={"accept-encoding": "gzip"})
        plain = client.get(urljoin(f"{BASE}/docs", link), headers={"accept-encoding": "identity"})
        assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
        assert packed.content == plain.content
        kind = "text/javascript" if link.endswith(".js") else "text/css"
        assert plain.headers["content-type"] == f"{kind}; charset=utf-8"
    assert client.get("/docs/assets/page.html").status_code == 404
    assert client.get("/docs/assets/..%2Fpage.html").status_code == 404
    redirect = client.get("/docs/oauth2-redirect")
    script = re.findall(r'src="([^"]+)"', redirect.text)[0]
    assert "swaggerUIRedirectOauth2" in client.get(urljoin(f"{BASE}/docs/oauth2-redirect", script)).text


@pytest.mark.parametrize(
    ("target", "path", "link"),
    [
        ("/openapi.json", "/docs", "openapi.json"),
        ("/openapi.json", "/docs/", "../openapi.json"),
        ("/docs/assets/a.js", "/docs", "docs/assets/a.js"),
        ("/docs/assets/a.js", "/docs/", "assets/a.js"),
        ("/", "/docs", "./"),
        ("/", "/a/b", ".."),
        ("/a:b.json", "/docs", "./a:b.json"),
        ("/.b.json", "/docs", ".b.json"),
        ("/ä b", "/docs", "%C3%A4%20b"),
    ],
)
def test_links_are_relative_so_that_any_prefix_will_do(target: str, path: str, link: str) -> None:
    assert relative(target, path) == link


@pytest.mark.parametrize("path", ["/docs", "/docs/"])
def test_links_lead_to_files_with_and_without_a_slash_at_the_end(path: str, interface: Any) -> None:
    client = TestClient(app_of(), interface=interface)
    for link in links(client.get(path).text):
        if not link.startswith("data:"):
            assert client.get(urljoin(BASE + path, link)).status_code == 200


def test_the_page_works_behind_a_root_path(interface: Any) -> None:
    """A proxy serves the app below /shop and takes that away before it asks; the app need not know."""
    client = TestClient(app_of(), interface=interface, root_path="/shop")
    for link in links(client.get("/docs").text):
        if not link.startswith("data:"):
            seen = urlsplit(urljoin(f"{BASE}/shop/docs", link)).path
            assert seen.startswith("/shop/")
            assert client.get(seen.removeprefix("/shop")).status_code == 200


def test_an_app_that_was_served_keeps_its_pages_where_it_is_mounted(interface: Any) -> None:
    inner = app_of()
    TestClient(inner, interface=interface).get("/docs")
    outer = VelociPy("Outer")
    outer.mount("/inner", inner)
    client = TestClient(outer, interface=interface)
    assert set(client.get("/openapi.json").json()["paths"]) == {"/inner/items"}
    assert set(client.get("/inner/openapi.json").json()["paths"]) == {"/items"}
    for link in links(client.get("/inner/docs").text):
        if not link.startswith("data:"):
            assert client.get(urljoin(f"{BASE}/inner/docs", link)).status_code == 200


def test_the_page_works_in_an_asgi_app_of_another_framework() -> None:
    """ASGI alone: no other protocol has apps that mount ours."""
    starlette = pytest.importorskip("starlette")
    from starlette.applications import Starlette
    from starlette.routing import Mount

    assert starlette
    client = TestClient(Starlette(routes=[Mount("/shop", app_of())]), interface="asgi")
    for link in links(client.get("/shop/docs").text):
        if not link.startswith("data:"):
            assert client.get(urljoin(f"{BASE}/shop/docs", link)).status_code == 200


def test_a_kind_of_page_of_ones_own_is_served_as_ours_are(interface: Any, tmp_path: Path) -> None:
    (tmp_path / "start.js").write_text("window.velocipyDocs = {name: 'Plain'};")

    @dataclass(frozen=True, slots=True)
    class Plain(UI):
        title = "Plain"
        files = {"start.js": tmp_path / "start.js"}
        scripts = ("start.js",)
        policy = {"img-src": ("https://pictures.example",)}

    client = TestClient(app_of(openapi=OpenAPI(ui=Plain({"a": 1}))), interface=interface)
    page = client.get("/docs")
    (script,) = [link for link in links(page.text) if "start" in link]
    assert client.get(urljoin(f"{BASE}/docs", script)).text.startswith("window.velocipyDocs")
    assert "img-src 'self' data: https://pictures.example;" in page.headers["content-security-policy"]


def test_a_document_that_cannot_be_built_is_a_500_that_is_logged(interface: Any, caplog: Any) -> None:
    app = app_of()
    app.add_route("/x", lambda: None, responses={"nonsense": "?"})
    client = TestClient(app, interface=interface, raise_server_exceptions=False)
    assert client.get("/openapi.json").status_code == 500
    assert "nonsense" in caplog.text
