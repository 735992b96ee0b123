"""Hostile text in the docs pages: titles, URLs and settings of an app, and prefixes that a server reports. Case 99 of the list.

What a browser makes of a hostile document is in tests/docs_pages/.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest

from velocipy import VelociPy
from velocipy.exceptions import ConfigurationError
from velocipy.openapi import OpenAPI, SwaggerUI
from velocipy.openapi_ui import ReDoc, Scalar
from velocipy.testing import TestClient

TEXTS = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onload=alert(1) '",
    "</title></head><base href=//evil.example>",
    "$document ${title} {0} %s",
    "\u2028\u2029\x00\x7f\ufeff",
]
PLACES = ["/x\"onclick='a'", "/a&amp;b", "/javascript:alert(1)", "/$title", "/ä ö"]
PAGES = {"/docs": SwaggerUI(), "/redoc": ReDoc(), "/scalar": Scalar()}


class Tags(HTMLParser):
    """The elements of a page with their attributes, and its title, as a browser reads them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.title = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "title" and data != "\n":
            self.title += data


def names(tags: Tags) -> list[tuple[str, list[str]]]:
    """What a page is made of, without what is said in it."""
    return [(tag, sorted(attributes)) for tag, attributes in tags.found]


@pytest.mark.case(99)
@pytest.mark.parametrize("path", list(PAGES))
@pytest.mark.parametrize("text", TEXTS)
def test_titles_and_settings_add_nothing_to_a_page(path: str, text: str, client_of: Any) -> None:
    kind = type(PAGES[path])
    plain = Tags(client_of(VelociPy("Shop", openapi=OpenAPI(ui=kind()))).get("/docs").text)
    settings = OpenAPI(description=text, ui=kind({"url": text, text: [text]}), servers=[{"url": "/" + text}])
    answer = client_of(VelociPy(text, openapi=settings)).get("/docs")
    page = Tags(answer.text)
    assert names(page) == names(plain)
    assert page.title == f"{text} - docs"
    assert answer.headers["content-security-policy"].count("script-src 'self';") == 1


@pytest.mark.case(99)
@pytest.mark.parametrize("place", PLACES)
def test_places_of_document_and_page_are_links_to_them_and_nothing_else(place: str, client_of: Any) -> None:
    ui = OpenAPI(pages={f"{place}/page": Scalar()})
    app = VelociPy(openapi_url=f"{place}.json", docs_url=place, openapi=ui)
    client = client_of(app)
    for page in (place, f"{place}/page"):
        at = app_path(page)
        for tag, attributes in Tags(client.get(at).text).found:
            for name in {"src", "href", "data-document", "data-redirect"} & set(attributes):
                if not attributes[name].startswith("data:"):
                    target = urlsplit(urljoin(f"http://testserver{at}", attributes[name]))
                    assert target.netloc == "testserver", (tag, attributes)
                    assert client.get(target.path).status_code == 200


def app_path(place: str) -> str:
    from velocipy.routing.path import encode_path

    return encode_path(place)


@pytest.mark.case(99)
@pytest.mark.parametrize(
    "place", ["/<script>", "/-->", "/a\r\nb", "/a\x00", "//evil.example", "/../docs", "/a?b", "docs"]
)
def test_places_that_no_path_may_have_are_a_mistake_at_construction(place: str) -> None:
    for settings in ({"docs_url": place}, {"openapi_url": place}):
        with pytest.raises(ConfigurationError):
            VelociPy(**settings)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        OpenAPI(pages={place: ReDoc()})


@pytest.mark.case(99)
@pytest.mark.parametrize("root", ['/"><script>', "//evil.example", "/a b&c"])
def test_a_prefix_that_a_server_reports_stands_nowhere_in_a_page(root: str, interface: str) -> None:
    """Links are relative, so that nothing of it is written."""
    app = VelociPy(openapi=OpenAPI(pages={"/redoc": ReDoc(), "/scalar": Scalar()}))
    plain, behind = (TestClient(app, interface=interface, root_path=path) for path in ("", root))
    for path in PAGES:
        assert behind.get(path).text == plain.get(path).text
    assert behind.get("/openapi.json").json() == plain.get("/openapi.json").json()


@pytest.mark.case(99)
def test_a_page_that_is_switched_off_is_a_404_with_all_that_stood_below_it(client_of: Any) -> None:
    below = ["/docs", "/docs/", "/docs/oauth2-redirect"]
    on = client_of(VelociPy())
    below += re.findall(r'(?:src|href)="(docs/[^"]+)"', on.get("/docs").text)
    assert len(below) > 5 and all(on.get(urljoin("/", path)).status_code == 200 for path in below)
    off = client_of(VelociPy(docs_url=None))
    assert {off.get(urljoin("/", path)).status_code for path in below} == {404}
    assert off.get("/openapi.json").status_code == 200
    none = client_of(VelociPy(openapi_url=None))
    assert {none.get(urljoin("/", path)).status_code for path in [*below, "/openapi.json"]} == {404}


@pytest.mark.case(99)
def test_servers_and_token_urls_cannot_widen_the_policy(client_of: Any) -> None:
    urls = [
        "https://b.example; script-src *",
        "https://b.example' 'unsafe-inline",
        "https://*",
        "http://{any}",
        "data:text/html,x",
        "https://a.example:80/v1",
    ]
    settings = OpenAPI(servers=[{"url": url} for url in urls])
    policy = client_of(VelociPy(openapi=settings)).get("/docs").headers["content-security-policy"]
    assert policy.endswith("connect-src 'self' https://a.example:80") and "*" not in policy


@pytest.mark.case(99)
@pytest.mark.parametrize("kind", [SwaggerUI, ReDoc, Scalar])
def test_what_is_no_page_is_a_mistake_at_construction(kind: Any) -> None:
    for settings in ({"f": print}, {"nan": float("nan")}, {(1, 2): 3}):
        with pytest.raises(ConfigurationError, match="written as JSON"):
            kind(settings)
    with pytest.raises(ConfigurationError, match="with parentheses"):
        OpenAPI(ui=kind)
    with pytest.raises(ConfigurationError, match="with parentheses"):
        OpenAPI(pages={"/a": kind})
    with pytest.raises(ConfigurationError, match="ui=SwaggerUI"):
        OpenAPI(ui=kind(), oauth2={"clientId": "docs"})
