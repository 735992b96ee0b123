"""Browsers, and an app on real servers for them to look at. Knows how both are started; what is looked at is the tests' matter.

No request of a page leaves the host: the browser finds no other by name, requests for others are aborted, and each visit ends
with the assertion that there were none.
"""

from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from authority import Authority
from servers import serve

HERE = Path(__file__).parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium; the test is left out where none is installed, or no playwright to drive it."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed")
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", ALONE]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def authority() -> Iterator[Authority]:
    """An authorisation server of another origin than the app's."""
    with Authority() as authority:
        yield authority


@pytest.fixture(scope="module")
def site_on(authority: Authority) -> Iterator[Callable[[str], str]]:
    """A function from a kind of server to the URL of docs_app.py on it, started once."""
    env = {"AUTHORITY": authority.url, "TOKEN": authority.token}
    with ExitStack() as stack:

        @functools.cache
        def start(kind: str) -> str:
            return stack.enter_context(serve(kind, "docs_app:app", cwd=HERE, env=env)).url.rstrip("/")

        yield start


@pytest.fixture(params=["granian-rsgi", "uvicorn-h11"])
def site(request: pytest.FixtureRequest, browser: Any, site_on: Callable[[str], str]) -> str:
    """The URL of the app, on either protocol."""
    return site_on(request.param)


@pytest.fixture
def one_site(browser: Any, site_on: Callable[[str], str]) -> str:
    """The URL of the app, for what is the browser's own matter."""
    return site_on("uvicorn-h11")


class Visit:
    """A page in a profile of its own; what it asked for and said, and what asked people something."""

    def __init__(self, browser: Any, **options: Any) -> None:
        self.context = browser.new_context(**options)
        self.context.set_default_timeout(30_000)
        self.urls: list[str] = []
        self.errors: list[str] = []
        self.dialogs: list[str] = []
        self.context.route("**/*", self._pass)
        self.context.on("request", lambda request: self.urls.append(request.url))
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self.errors.append(str(error.error)))
        self.context.on("dialog", self._dismiss)
        self.page = self.context.new_page()

    def outside(self) -> list[str]:
        """What was asked of another host."""
        return [url for url in self.urls if not _is_here(url)]

    def _pass(self, route: Any) -> None:
        if _is_here(route.request.url):
            route.continue_()
        else:
            route.abort()

    def _hear(self, message: Any) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def _dismiss(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()


def _is_here(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("data", "blob") or parts.hostname == "127.0.0.1"


@pytest.fixture
def visit(browser: Any) -> Iterator[Callable[..., Visit]]:
    """A function that opens a page; options are those of a profile, such as `color_scheme`."""
    visits: list[Visit] = []

    def start(**options: Any) -> Visit:
        visits.append(Visit(browser, **options))
        return visits[-1]

    yield start
    for one in visits:
        one.context.close()
        assert (one.outside(), one.dialogs) == ([], [])
