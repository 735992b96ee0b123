"""Cases 96 to 100: middleware and exception handlers that fail, their order, and hostile text in docs pages and templates."""

from __future__ import annotations

import re
import sys
from collections.abc import AsyncIterator
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from case_clients import Clients

from velocipy import (
    APIRouter,
    Depends,
    Request,
    Response,
    TemplateResponse,
    Templates,
    VelociPy,
)
from velocipy.cli.main import main
from velocipy.exceptions import ConfigurationError
from velocipy.openapi import OpenAPI

BARE = b'{"detail":"Internal Server Error"}'


def errors_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What an app has logged since the last clear()."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("velocipy")]


def opened(left: list[str]) -> Any:
    async def dependency() -> AsyncIterator[None]:
        try:
            yield
        finally:
            left.append("dependency")

    return dependency


async def endpoint(called: list[str]) -> str:
    called.append("endpoint")
    return "ok"


class Wrap:
    """Middleware that does one thing with call_next, and notes when it is left."""

    def __init__(self, name: str, left: list[str]) -> None:
        self.name, self.left = name, left

    async def dispatch(self, request: Request, call_next: Any) -> Any:
        try:
            if self.name == "raises":
                raise LookupError("of the middleware")
            if self.name == "twice":
                await call_next(request)
            if self.name == "alone":
                return Response("alone", 503)
            answer = await call_next(request)
            return None if self.name == "forgets" else answer
        finally:
            self.left.append(self.name)


@pytest.mark.case(96)
def test_middleware_that_fails_is_one_logged_500_and_all_is_left_in_reverse(
    caplog: pytest.LogCaptureFixture, client_for: Clients
) -> None:
    for name, status, calls in (
        ("raises", 500, 0),
        ("forgets", 500, 1),
        ("twice", 500, 1),
        ("alone", 503, 0),
        ("passes", 200, 1),
    ):
        left: list[str] = []
        app = VelociPy(plugins=False, middleware=[Wrap("outer", left), Wrap(name, left)])
        called: list[str] = []
        app.add_route("/", partial(endpoint, called), dependencies=[Depends(opened(left))])
        caplog.clear()
        answer = client_for(app, broken=status >= 500).get("/")
        assert (answer.status_code, len(called)) == (status, calls), name
        assert status != 500 or answer.content == BARE
        assert len(errors_of(caplog)) == (1 if status == 500 else 0)
        assert left == [*(["dependency"] if calls else []), name, "outer"]


class Note:
    """A hook that notes that it is passed, and puts a header on the answer."""

    def __init__(self, name: str, events: list[str]) -> None:
        self.name, self.events = name, events
        self.header_name = f"x-{name}"

    def before(self) -> str:
        self.events.append(self.name)
        return self.name

    def header(self, token: str) -> str:
        return token


class Around:
    """Wrapping middleware that notes when it is entered and left."""

    def __init__(self, name: str, events: list[str]) -> None:
        self.name, self.events = name, events

    async def dispatch(self, request: Request, call_next: Any) -> Response:
        self.events.append(f"> {self.name}")
        response: Response = await call_next(request)
        self.events.append(f"< {self.name}")
        return response


UNWISE = """
from velocipy import VelociPy
from velocipy.middleware import CompressionMiddleware, SessionMiddleware, TrustedHostMiddleware

secret = "kV0cKx3Qm7sWb9tY2uHd5nRf8pLj1aZe"
unwise = [SessionMiddleware(secret), CompressionMiddleware(), TrustedHostMiddleware(["a.example"])]
app = VelociPy(middleware=unwise, plugins=False)


@app.get("/")
async def hello(): ...
"""


@pytest.mark.case(97)
def test_the_first_added_is_outermost_at_all_levels_and_check_names_an_unwise_place(
    interface: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    client_for: Clients,
) -> None:
    events: list[str] = []
    app = VelociPy(plugins=False, middleware=[Note("a", events), Around("b", events)])
    app.add_middleware(Note("c", events))
    router = APIRouter(middleware=[Around("d", events), Note("e", events)])
    router.add_route("/", partial(endpoint, events), middleware=[Note("f", events), Around("g", events)])
    app.include_router(router, "/r")
    answer = client_for(app).get("/r/")
    assert events == ["a", "> b", "c", "> d", "e", "f", "> g", "endpoint", "< g", "< d", "< b"]
    assert [answer.headers[f"x-{name}"] for name in "acef"] == list("acef")

    (tmp_path / f"unwise_{interface}.py").write_text(dedent(UNWISE))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert main(["check", "--strict", f"unwise_{interface}:app"]) == 1
    del sys.modules[f"unwise_{interface}"]
    said = capsys.readouterr().out
    for outer in ("CompressionMiddleware", "TrustedHostMiddleware"):
        assert f"warning[middleware-order]: SessionMiddleware is added before {outer}" in said


class Base(Exception):
    pass


class Leaf(Base):
    pass


@pytest.mark.case(98)
def test_a_handler_is_reached_by_base_class_and_status_and_one_that_raises_is_a_bare_500(
    caplog: pytest.LogCaptureFixture, client_for: Clients
) -> None:
    app = VelociPy(plugins=False, max_content_length=10)

    async def base(request: Request, exc: Base) -> Response:
        if request.query_params.get("broken"):
            raise LookupError("in the handler")
        return Response("base", 499)

    async def never(request: Request, exc: LookupError) -> Response:
        return Response("an exception of a handler is not handled again", 498)

    app.add_exception_handler(Base, base)
    app.add_exception_handler(LookupError, never)
    for status in (400, 404, 405, 413, 422):

        async def named(request: Request, exc: Exception, status: int = status) -> Response:
            return Response(f"own {status}", status)

        app.add_exception_handler(status, named)

    @app.post("/x")
    async def take(body: dict[str, Any], n: int = 1) -> None:
        raise Leaf

    client = client_for(app)

    def post(content: bytes, query: str = "") -> Any:
        return client.post(f"/x{query}", content=content, headers={"content-type": "application/json"})

    for answer, status, text in (
        (post(b"{}"), 499, "base"),
        (post(b"{"), 400, "own 400"),
        (client.get("/nowhere"), 404, "own 404"),
        (client.get("/x"), 405, "own 405"),
        (post(b"{" * 11), 413, "own 413"),
        (post(b"{}", "?n=a"), 422, "own 422"),
    ):
        assert (answer.status_code, answer.text) == (status, text)
    assert errors_of(caplog) == []
    answer = post(b"{}", "?broken=1")
    assert (answer.status_code, answer.content) == (500, BARE)
    assert len(errors_of(caplog)) == 1 and "exception handler itself failed" in errors_of(caplog)[0]


class Tags(HTMLParser):
    """The elements of a page, as a browser reads them, and the text of its title."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []
        self.title = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, sorted(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        if self.found and self.found[-1][0] == "title":
            self.title += data


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "</title></head><base href=//evil.example>",
    "' onload=alert(1) '",
    "{{ 7 * 7 }}",
    "\u2028\x7f\ufeff",
]


@pytest.mark.case(99)
def test_hostile_settings_add_nothing_to_a_docs_page_whose_policy_stays_strict(client_for: Clients) -> None:
    plain = client_for(VelociPy("Shop")).get("/docs")
    elements = Tags(plain.text).found
    for text in HOSTILE:
        app = VelociPy(text, openapi=OpenAPI(description=text, servers=[{"url": "/" + text}]))
        root = "/" + text if text.isascii() else ""  # servers take no other prefix
        answer = client_for(app, root_path=root).get("/docs")
        page = Tags(answer.text)
        assert (answer.status_code, page.found) == (200, elements)
        assert page.title.rstrip("\n") == f"{text} - docs"
        policy = answer.headers["content-security-policy"]
        assert policy == plain.headers["content-security-policy"]
        assert (
            "script-src 'self';" in policy
            and "unsafe" not in policy.partition("script-src")[2].partition(";")[0]
        )
    for place in ("/<script>", "/a\r\nb", "//evil.example", "/a\0"):
        with pytest.raises(ConfigurationError):
            VelociPy(docs_url=place)
    off = client_for(VelociPy(docs_url=None))
    assert [off.get(path).status_code for path in ("/docs", "/docs/", "/docs/oauth2-redirect")] == [404] * 3


@pytest.mark.case(100)
def test_every_value_of_a_template_is_escaped_and_a_missing_template_tells_no_path(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, client_for: Clients
) -> None:
    page = "<p title='{{ text }}'>{{ text }}{{ csp_nonce }}{{ url_for('show', name='a', text=text) }}</p>"
    names = ["page.html", "page.txt", "page.js", "page"]
    for name in names:
        (tmp_path / name).write_text(page)
    pages = Templates(tmp_path)
    app = VelociPy(plugins=False)

    async def show(request: Request, name: str, text: str = "") -> TemplateResponse:
        request.state["csp_nonce"] = text
        return pages.TemplateResponse(name, {"text": text}, request=request)

    app.add_route("/", show, name="show")
    client = client_for(app)
    for name in names:
        for text in HOSTILE:
            answer = client.get("/", params={"name": name, "text": text})
            assert answer.status_code == 200
            inside = answer.text.removeprefix("<p title='").removesuffix("</p>")
            assert not re.search('[<"]', inside) and inside.count("'") == inside.count(">") == 1
            assert "49" not in inside
    for name in ("none.html", "../secret.html", "a\0", "", str(tmp_path), "x" * 5_000):
        caplog.clear()
        answer = client.get("/", params={"name": name})
        assert (answer.status_code, answer.content) == (500, BARE)
        assert len(errors_of(caplog)) == 1
