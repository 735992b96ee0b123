"""Hostile text in pages and settings: what users write is text, and neither files nor secrets show. Cases 86 and 100 of the list."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from velocipy import Config, Request, Response, TemplateResponse, Templates, VelociPy
from velocipy.config import ConfigError, Secret

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "{{ 7 * 7 }}{% include 'secret.html' %}",
    "</title></style></textarea><b>",
    "\u2028\u2029\0\x7f\ufeff",
    "&lt;script&gt;",
]
PAGE = (
    "<p title='{{ text }}'>{{ text }}</p><a href=\"{{ url_for('page', q=text) }}\">{{ csp_nonce }}{{ csrf_token }}"
    "{% for flash in flashes() %}{{ flash }}{% endfor %}{{ shown }}{{ request.path }}"
)


@pytest.mark.case(100)
@pytest.mark.parametrize("name", ["page.html", "page.txt", "page.xml", "page.js", "page", "page.HTML.j2"])
def test_what_users_write_is_text_in_every_template(name: str, client_of: Any, tmp_path: Path) -> None:
    """The context's values, and those that the framework adds to it, whatever the template is called."""
    (tmp_path / name).write_text(PAGE)
    pages = Templates(tmp_path, context_processors=[lambda request: {"shown": request.query_params["text"]}])

    class Session:
        def flashes(self) -> list[str]:
            return HOSTILE

    async def page(request: Request, text: str, stream: bool = False, block: bool = False) -> Response:
        request.state |= {"csp_nonce": text, "csrf_token": text, "session": Session()}
        if stream:
            return pages.stream(name, {"text": text}, request=request)
        return await pages.respond_in_thread(name, {"text": text}, request=request)

    app = VelociPy(plugins=False)
    app.add_route("/", page, name="page")
    client = client_of(app)
    for text in HOSTILE:
        for stream in (False, True):
            answer = client.get("/", params={"text": text, "stream": stream})
            assert answer.status_code == 200
            tags = answer.text.replace("<p title='", "").replace("</p>", "").replace('<a href="', "")
            assert tags.count("<") == 0 and tags.count("'") == 1 and tags.count('"') == 1
            assert "49" not in answer.text and answer.text.count(">") == 3


@pytest.mark.case(100)
def test_a_template_that_is_not_there_is_a_500_that_tells_nothing(
    client_of: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture, records: Any
) -> None:
    """The log has the place; a name of the client's leads nowhere outside of the directory."""
    root = tmp_path / "templates"
    root.mkdir()
    (root / "there.html").write_text("there")
    (root / "broken.html").write_text("{% if %}")
    (root / "undefined.html").write_text("{{ nothing }}")
    (tmp_path / "secret.html").write_text("SECRET")
    (root / "link.html").symlink_to(tmp_path / "secret.html")
    pages = Templates(root)

    async def page(name: str) -> TemplateResponse:
        return pages.TemplateResponse(name)

    app = VelociPy(plugins=False)
    app.add_route("/", page)
    client = client_of(app)
    assert client.get("/", params={"name": "there.html"}).text == "there"
    names = [
        "nowhere.html",
        "broken.html",
        "undefined.html",
        "link.html",
        "../secret.html",
        "..\\secret.html",
    ]
    names += [
        str(tmp_path / "secret.html"),
        "//secret.html",
        "a\0",
        "x" * 5_000,
        "",
        ".",
        "%2e%2e/secret.html",
    ]
    for name in names:
        caplog.clear()
        answer = client.get("/", params={"name": name})
        assert (answer.status_code, answer.json()) == (500, {"detail": "Internal Server Error"}), name
        assert "SECRET" not in caplog.text
        assert len(records()) == 1 and str(root) in caplog.text


@pytest.mark.case(86)
def test_a_secret_of_the_settings_shows_in_no_answer_and_no_log(
    client_of: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Settings(Config, prefix="APP_"):
        key: Secret
        port: int = 1

    monkeypatch.setenv("APP_KEY", "hunter2")
    settings = Settings()
    log = logging.getLogger("app")

    async def show(kind: str) -> Any:
        log.warning("settings are %s %s %r", settings, settings.key, vars(settings))
        if kind == "raise":
            raise RuntimeError(f"with {settings.key} of {settings!r}")
        return {"key": str(settings.key), "all": f"{settings}"} if kind == "text" else {"key": settings.key}

    app = VelociPy(plugins=False)
    app.add_route("/", show)
    client = client_of(app)
    for kind, status in (("text", 200), ("raise", 500), ("json", 500)):
        answer = client.get("/", params={"kind": kind})
        assert answer.status_code == status and "hunter2" not in answer.text
    monkeypatch.setenv("APP_PORT", "hunter2")
    with pytest.raises(ConfigError) as caught:
        Settings()
    log.exception("wrong settings", exc_info=caught.value)
    assert "hunter2" not in caplog.text
