"""Templates: what a page finds of its request, what is refused, what an error says, and where rendering happens."""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import minijinja
import pytest

from velocipy import HTMLResponse, Request, StreamingResponse, TemplateResponse, Templates, VelociPy
from velocipy.exceptions import ConfigurationError, MissingAdapterError
from velocipy.templating import Engine, templates
from velocipy.templating.jinja2 import JinjaEngine
from velocipy.testing import TestClient

FILES = {
    "base.html": "<title>{% block title %}Base{% endblock %}</title>{% block body %}{% endblock %}",
    "page.html": '{% extends "base.html" %}{% block body %}<ul>{% block rows %}{% for row in rows %}<li>{{ row }}</li>{% endfor %}{% endblock %}</ul>{% endblock %}',
    "child.html": '{% extends "page.html" %}{% block rows %}[{{ super() }}]{% endblock %}',
    "hello.html": "<p>{{ name }}</p>",
    "hello.txt": "{{ name }}",
    "hello": "{{ name }}",
    "undefined.html": "one\ntwo\n{{ nmae }}",
    "syntax.html": "one\n{% for %}",
    "includes.html": 'x\n{% include "sub/undefined.html" %}',
    "sub/undefined.html": "\n\n\n{{ oops.x }}",
    "extends_missing.html": '{% extends "nowhere.html" %}',
    "raises.html": "\n{{ fail() }}",
    "urls.html": "{{ url_for('item', id=7, q='a&b') }} {{ url_for('static', rest='a b.css') }}",
    "state.html": "{{ csp_nonce }} {{ csrf_token }}",
    "optional.html": "{% if csrf_token is defined %}{{ csrf_token }}{% else %}none{% endif %}",
    "flashes.html": "{% for flash in flashes() %}{{ flash.category }}: {{ flash.message }};{% endfor %}",
    "user.html": "{{ user }} of {{ shop }}",
    "macros.html": "{% macro link(name) %}{{ url_for(name) }}{% endmacro %}",
    "imports.html": '{% import "macros.html" as m with context %}{{ m.link("page") }}',
}


@pytest.fixture(params=["asgi", "rsgi"])
def interface(request: Any) -> Any:
    return request.param


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "templates"
    for name, text in {**FILES, "../secret.html": "SECRET", "../templates-secret/x.html": "SECRET"}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def answer_of(endpoint: Callable[..., Any], interface: Any, **options: Any) -> Any:
    app = VelociPy(plugins=False)
    app.get("/", name="page")(endpoint)
    return TestClient(app, interface=interface, **options).get("/")


def notes_of(call: Callable[[], Any]) -> list[str]:
    """The notes on what a call raises."""
    with pytest.raises(Exception) as caught:
        call()
    return getattr(caught.value, "__notes__", [])


# -- answers ---------------------------------------------------------------------------------------------------------


def test_a_page_is_an_html_response(root: Path, interface: Any) -> None:
    pages = Templates(root)

    async def endpoint() -> TemplateResponse:
        return pages.TemplateResponse("hello.html", {"name": "ada"}, status_code=201, headers={"x-a": "b"})

    answer = answer_of(endpoint, interface)
    assert (answer.status_code, answer.text) == (201, "<p>ada</p>")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-a"] == "b"


def test_a_response_keeps_its_template_and_context_for_tests(root: Path) -> None:
    response = Templates(root).TemplateResponse("hello.html", {"name": "ada"})
    assert isinstance(response, HTMLResponse)
    assert (response.template, response.context, response.block) == ("hello.html", {"name": "ada"}, None)
    twin = response.fresh()
    assert isinstance(twin, TemplateResponse) and twin.context == {"name": "ada"}


def test_a_page_may_be_of_another_type_and_a_text_of_no_request(root: Path) -> None:
    pages = Templates(root)
    response = pages.TemplateResponse("hello.txt", {"name": "ada"}, media_type="text/plain; charset=utf-8")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert pages.render("hello.txt", {"name": "ada"}) == "ada"


@pytest.mark.parametrize("name", ["hello.html", "hello.txt", "hello"])
def test_every_value_is_escaped_whatever_the_template_is_called(name: str, root: Path) -> None:
    text = Templates(root).render(name, {"name": "<script>'\"&"})
    assert "&lt;script&gt;&#39;&#34;&amp;" in text and "<script>" not in text


def test_an_endpoint_that_is_no_coroutine_renders_in_a_thread(root: Path, interface: Any) -> None:
    pages = Templates(root)
    pages.env.globals["in_pool"] = lambda: threading.current_thread().name.startswith("velocipy_")
    (root / "thread.html").write_text("{{ in_pool() }}")

    def threaded() -> TemplateResponse:
        return pages.TemplateResponse("thread.html")

    async def on_the_loop() -> TemplateResponse:
        return pages.TemplateResponse("thread.html")

    async def in_a_thread() -> TemplateResponse:
        return await pages.respond_in_thread("thread.html", status_code=203)

    assert answer_of(on_the_loop, interface).text == "False"
    assert answer_of(threaded, interface).text == "True"
    answer = answer_of(in_a_thread, interface)
    assert (answer.status_code, answer.text) == (203, "True")


# -- what a template finds -----------------------------------------------------------------------------------------------


def test_url_for_knows_routes_mounts_and_their_prefix(root: Path, interface: Any) -> None:
    from velocipy import StaticFiles

    pages = Templates(root)
    inner = VelociPy(plugins=False)

    @inner.get("/urls")
    async def urls(request: Request) -> TemplateResponse:
        return pages.TemplateResponse("urls.html", {"request": request})

    @inner.get("/items/{id:int}", name="item")
    async def item(id: int) -> None: ...

    inner.mount("/static", StaticFiles(root), name="static")
    outer = VelociPy(plugins=False)
    outer.mount("/shop", inner)
    assert TestClient(inner, interface=interface).get("/urls").text == "/items/7?q=a%26b /static/a%20b.css"
    assert (
        TestClient(outer, interface=interface).get("/shop/urls").text
        == "/shop/items/7?q=a%26b /shop/static/a%20b.css"
    )


def test_nonce_and_token_are_those_of_the_state_and_escaped(root: Path, interface: Any) -> None:
    pages = Templates(root)

    async def endpoint(request: Request) -> TemplateResponse:
        request.state.csp_nonce = "n0nce"
        request.state.csrf_token = '"><script>'
        return pages.TemplateResponse("state.html", request=request)

    assert answer_of(endpoint, interface).text == "n0nce &#34;&gt;&lt;script&gt;"


def test_what_no_middleware_made_is_undefined_and_said(root: Path, interface: Any) -> None:
    pages = Templates(root)

    async def optional(request: Request) -> TemplateResponse:
        return pages.TemplateResponse("optional.html", request=request)

    assert answer_of(optional, interface).text == "none"
    assert notes_of(lambda: pages.render("state.html")) == [
        f"in the template {root}/state.html:1",
        "csp_nonce is there with SecurityHeadersMiddleware and a policy that has a nonce",
    ]
    assert notes_of(lambda: pages.render("state.html", {"csp_nonce": ""}))[1].startswith(
        "csrf_token is there"
    )
    assert notes_of(lambda: pages.render("urls.html"))[1] == (
        "url_for is there for pages of a request: TemplateResponse(name, context, request=request)"
    )


class Session(dict[str, Any]):
    """As SessionMiddleware leaves one in the state, as far as templates know it."""

    def flashes(self, *categories: str) -> list[Any]:
        waiting, self["flashes"] = self["flashes"], []
        return [flash for flash in waiting if not categories or flash["category"] in categories]


def test_flashes_are_those_of_the_session_and_none_without_one(root: Path, interface: Any) -> None:
    pages = Templates(root)

    class Visit(Request):
        session: Any = Session(flashes=[{"category": "info", "message": "<saved>"}])

    class Plain(Request):
        session: Any = {"any": "dict"}

    class Without(Request):
        @property
        def session(self) -> Any:
            raise RuntimeError("no SessionMiddleware")

    async def endpoint(request: Request) -> str:
        found = []
        for kind in (Visit, Visit, Plain, Without, Request):
            request.__class__ = kind
            found.append(pages.render("flashes.html", request=request))
        return "|".join(found)

    assert answer_of(endpoint, interface).text == "info: &lt;saved&gt;;||||"


def test_context_processors_give_names_and_the_context_wins(root: Path, interface: Any) -> None:
    pages = Templates(
        root,
        context_processors=[
            lambda request: {"user": "first", "shop": request.app.title},
            lambda request: {"user": "second"},
        ],
    )

    async def endpoint(request: Request) -> str:
        with_context = pages.render("user.html", {"shop": "own"}, request=request)
        return f"{pages.render('user.html', request=request)} | {with_context}"

    assert answer_of(endpoint, interface).text == "second of VelociPy | second of own"
    assert notes_of(lambda: pages.render("user.html"))  # no request, so no processor


def test_macros_see_the_request_when_they_are_imported_with_context(root: Path, interface: Any) -> None:
    pages = Templates(root)

    async def endpoint(request: Request) -> TemplateResponse:
        return pages.TemplateResponse("imports.html", request=request)

    assert answer_of(endpoint, interface).text == "/"


def test_the_environment_takes_filters_and_globals(root: Path) -> None:
    pages = Templates(root)
    pages.env.filters["shout"] = lambda text: text.upper() + "!"
    (root / "shout.html").write_text("{{ name | shout }}")
    assert pages.render("shout.html", {"name": "<a"}) == "&lt;A!"


# -- fragments ---------------------------------------------------------------------------------------------------------


def test_a_block_is_rendered_alone_with_what_it_overrides(root: Path, interface: Any) -> None:
    pages = Templates(root)
    rows = {"rows": ["a", "<b>"]}
    assert pages.render("page.html", rows, block="rows") == "<li>a</li><li>&lt;b&gt;</li>"
    assert pages.render("child.html", rows, block="rows") == "[<li>a</li><li>&lt;b&gt;</li>]"
    assert pages.render("child.html", rows, block="body") == "<ul>[<li>a</li><li>&lt;b&gt;</li>]</ul>"
    assert pages.render("child.html", rows, block="title") == "Base"

    async def endpoint() -> TemplateResponse:
        return pages.TemplateResponse("page.html", rows, block="rows")

    assert answer_of(endpoint, interface).text == "<li>a</li><li>&lt;b&gt;</li>"


def test_a_parent_that_changed_counts_for_blocks_too(root: Path) -> None:
    pages = Templates(root)
    assert pages.render("child.html", block="title") == "Base"
    time.sleep(0.01)
    (root / "base.html").write_text("{% block title %}New{% endblock %}")
    os.utime(root / "base.html", (1, 1))
    assert pages.render("child.html", block="title") == "New"


def test_a_block_of_nobody_is_said_with_those_that_there_are(root: Path) -> None:
    with pytest.raises(LookupError) as caught:
        Templates(root).render("child.html", block="row")
    assert str(caught.value) == (
        "the template 'child.html' has no block 'row'; did you mean 'rows'?; it has body, rows, title"
    )
    assert notes_of(lambda: Templates(root).render("page.html", block="rows")) == [
        f"in the template {root}/page.html:1"
    ]


# -- streams -----------------------------------------------------------------------------------------------------------


def test_a_page_is_sent_while_it_is_rendered(root: Path, interface: Any) -> None:
    pages = Templates(root)
    threads = set()

    def rows() -> Iterator[int]:
        for number in range(10_000):
            threads.add(threading.current_thread().name)
            yield number

    async def endpoint() -> StreamingResponse:
        return pages.stream("page.html", {"rows": rows()}, status_code=203)

    answer = answer_of(endpoint, interface)
    assert answer.status_code == 203
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text.count("<li>") == 10_000 and answer.text.endswith("</ul>")
    assert threads and all(name.startswith("velocipy_") for name in threads)


def test_pieces_are_joined_to_chunks_and_slow_ones_not_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = list(templates._chunked(iter(["x" * 100] * 1_000)))
    assert [len(chunk) for chunk in chunks[:-1]] == [16_400] * (len(chunks) - 1)
    assert sum(map(len, chunks)) == 100_000
    monkeypatch.setattr(templates, "PAUSE", 0.0)
    assert list(templates._chunked(iter(["a", "b"]))) == ["a", "b"]


def test_a_stream_of_a_template_that_is_wrong_is_refused_before_it_starts(
    root: Path, interface: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pages = Templates(root)

    async def endpoint(name: str) -> StreamingResponse:
        return pages.stream(name)

    app = VelociPy(plugins=False)
    app.get("/{name}")(endpoint)
    client = TestClient(app, interface=interface, raise_server_exceptions=False)
    for name in ("nowhere.html", "syntax.html"):
        assert client.get(f"/{name}").status_code == 500
    stream = pages.stream("undefined.html")
    assert notes_of(lambda: list(stream.content)) == [f"in the template {root}/undefined.html:3"]


# -- errors ------------------------------------------------------------------------------------------------------------


def test_an_error_names_the_line_of_the_template(root: Path) -> None:
    pages = Templates(root)
    assert notes_of(lambda: pages.render("undefined.html")) == [f"in the template {root}/undefined.html:3"]
    assert notes_of(lambda: pages.render("includes.html")) == [f"in the template {root}/sub/undefined.html:4"]
    assert notes_of(lambda: pages.render("syntax.html")) == [f"in the template {root}/syntax.html:2"]

    def fail() -> None:
        raise ValueError("own")

    with pytest.raises(ValueError, match="own") as caught:
        pages.render("raises.html", {"fail": fail})
    assert caught.value.__notes__ == [f"in the template {root}/raises.html:2"]


def test_a_missing_template_is_said_with_where_and_a_near_miss(root: Path) -> None:
    pages = Templates([root, root / "sub"])
    with pytest.raises(jinja2.TemplateNotFound) as caught:
        pages.render("helo.html")
    assert str(caught.value) == f"no template 'helo.html' in {root}, {root}/sub; did you mean 'hello.html'?"
    with pytest.raises(jinja2.TemplateNotFound) as caught:
        pages.render("../\n" + "x" * 5_000)
    with pytest.raises(jinja2.TemplateNotFound, match="no template 'nowhere/x.html' in [^;]*$"):
        pages.render("nowhere/x.html")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1_000
    assert notes_of(lambda: pages.render("extends_missing.html")) == [
        f"in the template {root}/extends_missing.html:1"
    ]
    assert pages.render("undefined.html", {"nmae": "first"}).endswith("first")


def test_the_log_has_the_line_and_the_client_a_bare_500(
    root: Path, interface: Any, caplog: pytest.LogCaptureFixture
) -> None:
    pages = Templates(root)

    async def endpoint() -> TemplateResponse:
        return pages.TemplateResponse("undefined.html")

    caplog.set_level(logging.ERROR)
    answer = answer_of(endpoint, interface, raise_server_exceptions=False)
    assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"})
    assert "undefined.html" in caplog.text and "line 3" in caplog.text


def test_undefined_is_empty_for_who_asks_for_that(root: Path) -> None:
    assert Templates(root, strict=False).render("undefined.html") == "one\ntwo\n"


def test_every_template_can_be_checked_at_start(root: Path) -> None:
    pages = Templates(root)
    (root / "image.png").write_bytes(b"\x89PNG\xff")
    (root / "link.html").symlink_to(root.parent / "secret.html")
    (root / "sub" / "broken.html").write_text("\n{{ x")
    with pytest.raises(ConfigurationError) as caught:
        pages.check()
    assert caught.value.message.splitlines() == [
        "2 templates cannot be read:",
        f"  {root}/sub/broken.html:2: unexpected end of template, expected 'end of print statement'.",
        f"  {root}/syntax.html:2: Expected an expression, got 'end of statement block'",
    ]
    for name in ("sub/broken.html", "syntax.html"):
        (root / name).unlink()
    pages.check()
    Templates(engine=MiniJinja(root)).check()


def test_the_request_does_not_stand_first(root: Path) -> None:
    with pytest.raises(TypeError, match="a template's name comes first, and the request as request="):
        Templates(root).TemplateResponse(object(), {})  # type: ignore[arg-type]


# -- construction ------------------------------------------------------------------------------------------------------


def test_what_makes_no_sense_is_refused_at_construction(root: Path) -> None:
    directories: list[tuple[Any, str]] = [
        (root / "nowhere", "does not exist: create it"),
        (root / "hello.html", "is not a directory"),
        ([root, root / "nowhere"], "does not exist"),
        ([], "was given no directory"),
    ]
    for wrong, message in directories:
        with pytest.raises(ConfigurationError, match=message) as caught:
            Templates(wrong)
        assert Path(__file__).name in str(caught.value)

    async def processor(request: Request) -> dict[str, Any]:
        return {}

    for wrong_processor in (processor, 3):
        with pytest.raises(ConfigurationError, match="is a plain function of the request"):
            Templates(root, context_processors=[wrong_processor])  # type: ignore[list-item]
    for arguments in ((), (root, JinjaEngine([str(root)]))):
        with pytest.raises(ConfigurationError, match="takes a directory, or an engine"):
            Templates(*arguments[:1], engine=(*arguments, None, None)[1])
    with pytest.raises(ConfigurationError, match="give them to the engine"):
        Templates(engine=JinjaEngine([str(root)]), strict=False)


def test_an_environment_of_ones_own_must_escape_and_be_sync() -> None:
    loader = jinja2.DictLoader({"a": "{{ x }}", "b": "\n{{ y }}", "c": "{% block d %}{{ x }}{% endblock %}"})
    pages = Templates(engine=JinjaEngine(env=jinja2.Environment(loader=loader, autoescape=True)))
    assert pages.render("a", {"x": "<"}) == "&lt;" == pages.render("c", {"x": "<"}, block="d")
    with pytest.raises(jinja2.TemplateNotFound, match="the environment's loader has no template 'nowhere'"):
        pages.render("nowhere")
    bare = jinja2.Environment(autoescape=True)
    with pytest.raises(TypeError, match="no loader"):
        Templates(engine=JinjaEngine(env=bare)).render("a")
    for options, message in [
        ({}, "escapes every template"),
        ({"autoescape": jinja2.select_autoescape()}, "escapes every template"),
        ({"autoescape": True, "enable_async": True}, "leave enable_async out"),
    ]:
        with pytest.raises(ConfigurationError, match=message):
            JinjaEngine(env=jinja2.Environment(**options))  # type: ignore[arg-type]


def test_without_jinja2_the_command_that_installs_it_is_said(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(module: str) -> Any:
        raise ModuleNotFoundError("No module named 'jinja2'", name="jinja2")

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(MissingAdapterError, match="jinja2 is not installed: pip install jinja2"):
        Templates(root)


# -- files -------------------------------------------------------------------------------------------------------------


OUTSIDE = [
    "../secret.html",
    "sub/../../secret.html",
    "/etc/passwd",
    "//etc/passwd",
    "..\\secret.html",
    "../templates-secret/x.html",
    "link.html",
    "folder/x.html",
    "a\0b",
    "\udcff",
    "x" * 5_000,
    "",
    ".",
    "sub",
]


@pytest.mark.parametrize("name", OUTSIDE, ids=range(len(OUTSIDE)))
def test_nothing_outside_of_the_directory_is_a_template(name: str, root: Path) -> None:
    (root / "link.html").symlink_to(root.parent / "secret.html")
    (root / "folder").symlink_to(root.parent / "templates-secret")
    with pytest.raises(jinja2.TemplateNotFound) as caught:
        Templates(root).render(name)
    assert "SECRET" not in str(caught.value)


def test_a_link_that_stays_inside_is_followed_and_the_directory_may_be_one(root: Path) -> None:
    (root / "link.html").symlink_to(root / "hello.html")
    (root.parent / "linked").symlink_to(root)
    assert Templates(root.parent / "linked").render("link.html", {"name": "a"}) == "<p>a</p>"


def test_a_changed_file_is_taken_up_unless_told_otherwise(root: Path) -> None:
    reloading, fixed = Templates(root), Templates(root, auto_reload=False)
    for pages in (reloading, fixed):
        assert pages.render("hello.html", {"name": "a"}) == "<p>a</p>"
    (root / "hello.html").write_text("new {{ name }}")
    os.utime(root / "hello.html", (1, 1))
    assert reloading.render("hello.html", {"name": "a"}) == "new a"
    assert fixed.render("hello.html", {"name": "a"}) == "<p>a</p>"


def test_templates_in_memory_are_bounded(root: Path) -> None:
    pages = Templates(root)
    for number in range(600):
        (root / f"{number}.html").write_text("x")
        pages.render(f"{number}.html")
    assert len(pages.env.cache) <= 400


# -- other engines -------------------------------------------------------------------------------------------------------


class MiniJinja(Engine):
    """The example of docs/templates.md."""

    def __init__(self, directory: Path) -> None:
        self.env = minijinja.Environment(
            loader=minijinja.load_from_path(str(directory)),
            auto_escape_callback=lambda name: "html",
            undefined_behavior="strict",
        )

    def render(self, name: str, context: dict[str, Any]) -> str:
        return self.env.render_template(name, **context)


def test_another_engine_renders_in_jinjas_place(root: Path, interface: Any) -> None:
    pages = Templates(engine=MiniJinja(root))

    async def endpoint(request: Request) -> TemplateResponse:
        return pages.TemplateResponse("page.html", {"rows": ["<a>"]}, request=request)

    assert answer_of(endpoint, interface).text == "<title>Base</title><ul><li>&lt;a&gt;</li></ul>"

    async def link(request: Request) -> StreamingResponse:
        (root / "link.html").write_text("{{ url_for('page') }}")
        return pages.stream("link.html", request=request)

    assert answer_of(link, interface).text == "&#x2f;"
    with pytest.raises(NotImplementedError, match="MiniJinja cannot render one block"):
        pages.render("page.html", block="rows")
    assert pages.env is pages.engine.env  # type: ignore[attr-defined]
