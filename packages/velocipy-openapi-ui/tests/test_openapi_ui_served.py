"""Scalar and ReDoc as clients get them, on both protocols: at /docs instead of Swagger UI, beside it, in mounted apps."""

from __future__ import annotations

import html
import json
import re
from typing import Any
from urllib.parse import urljoin

import pytest

from velocipy import Depends, Header, HTTPException, VelociPy, guard
from velocipy.openapi import OpenAPI, SwaggerUI
from velocipy.openapi_ui import ReDoc, Scalar
from velocipy.testing import TestClient

BASE = "http://testserver"


@pytest.fixture(params=["asgi", "rsgi"])
def interface(request: Any) -> Any:
    return request.param


def app_of(**settings: Any) -> VelociPy:
    app = VelociPy("Shop", openapi=OpenAPI(**settings))
    app.add_route("/items", lambda: None)
    return app


def links(text: str) -> list[str]:
    """The URLs of the page's files and of its document, wherever they stand in it."""
    (files,) = re.findall(r'data-files="([^"]+)"', text)
    found = re.findall(r'(?:src|href|data-document|data-redirect)="([^"]+)"', text)
    loaded = json.loads(html.unescape(files)).values()
    return [link for link in {*found, *loaded} if not link.startswith("data:")]


@pytest.mark.parametrize("ui", [Scalar(), ReDoc()], ids=["scalar", "redoc"])
def test_another_page_stands_at_docs_with_all_its_files(ui: Any, interface: Any) -> None:
    client = TestClient(app_of(ui=ui), interface=interface)
    for path in ("/docs", "/docs/"):
        text = client.get(path).text
        assert "<title>Shop - docs</title>" in text and "swagger" not in text
        for link in links(text):
            assert client.get(urljoin(BASE + path, link)).status_code == 200


def test_pages_stand_beside_each_other_each_with_its_own_policy(interface: Any) -> None:
    client = TestClient(app_of(pages={"/redoc": ReDoc(), "/help/scalar/": Scalar()}), interface=interface)
    styles = {}
    for path in ("/docs", "/redoc", "/help/scalar"):
        answer = client.get(path)
        for link in links(answer.text):
            assert client.get(urljoin(BASE + path, link)).status_code == 200
        policy = answer.headers["content-security-policy"]
        rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
        assert (rules["default-src"], rules["script-src"]) == ("'none'", "'self'")
        styles[path] = rules["style-src"]
    assert styles == {
        "/docs": "'self'",
        "/redoc": "'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='",
        "/help/scalar": "'self' 'unsafe-inline'",
    }


def test_pages_may_stand_where_there_is_none_at_docs(interface: Any) -> None:
    app = VelociPy("Shop", docs_url=None, openapi=OpenAPI(pages={"/redoc": ReDoc()}))
    client = TestClient(app, interface=interface)
    assert (client.get("/docs").status_code, client.get("/redoc").status_code) == (404, 200)
    off = VelociPy("Shop", openapi_url=None, openapi=OpenAPI(pages={"/redoc": ReDoc()}))
    assert TestClient(off, interface=interface).get("/redoc").status_code == 404


def test_a_guard_stands_before_every_page(interface: Any) -> None:
    @guard
    async def staff(x_staff: str = Header("")) -> None:
        if x_staff != "yes":
            raise HTTPException(403)

    app = app_of(dependencies=[Depends(staff)], pages={"/redoc": ReDoc()})
    client = TestClient(app, interface=interface)
    for path in ("/redoc", "/redoc/oauth2-redirect"):
        assert client.get(path).status_code == 403
        assert client.get(path, headers={"x-staff": "yes"}).status_code == 200
    assert client.get("/redoc/assets/none.js").status_code == 403


def test_pages_are_kept_where_their_app_is_mounted(interface: Any) -> None:
    inner = app_of(pages={"/scalar": Scalar()})
    TestClient(inner, interface=interface).get("/scalar")
    outer = VelociPy("Outer")
    outer.mount("/inner", inner)
    client = TestClient(outer, interface=interface)
    for link in links(client.get("/inner/scalar").text):
        assert client.get(urljoin(f"{BASE}/inner/scalar", link)).status_code == 200


def test_routes_of_the_app_itself_win(interface: Any) -> None:
    app = app_of(pages={"/items": ReDoc(), "/redoc": ReDoc()})
    client = TestClient(app, interface=interface)
    assert client.get("/items").status_code == 204 and client.get("/redoc").status_code == 200


def test_settings_reach_the_page_as_text(interface: Any) -> None:
    settings = {"theme": "moon", "customCss": "\"'></script><script>alert(1)</script>"}
    text = TestClient(app_of(ui=Scalar(settings)), interface=interface).get("/docs").text
    (said,) = re.findall(r'data-said="([^"]+)"', text)
    assert json.loads(html.unescape(said)) == {"settings": settings}
    assert "alert(1)" not in text.replace(said, "") and "<script>" not in text


def test_the_redirect_page_of_scalar_runs_nothing(interface: Any) -> None:
    """Scalar reads the code from its URL; a page with Swagger UI's script would fail there."""
    client = TestClient(app_of(ui=Scalar()), interface=interface)
    answer = client.get("/docs/oauth2-redirect")
    assert "<script" not in answer.text and answer.headers["cross-origin-opener-policy"] == "unsafe-none"


def test_two_pages_in_one_place_keep_the_app_from_starting(interface: Any) -> None:
    for pages in ({"/docs": ReDoc()}, {"/a": ReDoc(), "/a/": Scalar()}):
        app = app_of(pages=pages)
        with (
            pytest.raises(Exception, match=r"two pages in one place"),
            TestClient(app, interface=interface),
        ):
            pass


def test_settings_and_swagger_uis_go_together_with_swagger_ui_alone() -> None:
    assert OpenAPI(swagger_ui={"a": 1}, oauth2={"b": 2}).page() == SwaggerUI({"a": 1}, {"b": 2})
