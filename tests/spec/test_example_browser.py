"""The login of examples/templates.py in a real Chromium, on Granian over RSGI: session, CSRF token, flash, policy, another site.

Left out where no Chromium is installed, or no playwright to drive it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers import serve

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
sync_api = pytest.importorskip("playwright.sync_api")

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serve("granian-rsgi", "templates:app", cwd=EXAMPLES) as server:
        yield server.port
        assert server.alive(), server.tail()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


def log_in(page: Any, site: str, password: str = "lovelace") -> None:
    page.goto(f"{site}/login")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


@pytest.mark.case(76)
def test_a_visitor_logs_in_is_greeted_once_and_logs_out(browser: Any, port: int) -> None:
    site = f"http://localhost:{port}"
    context = browser.new_context()
    page = context.new_page()
    said: list[str] = []

    def hear(message: Any) -> None:
        if message.type == "error" and "favicon" not in message.location["url"]:
            said.append(message.text)

    page.on("console", hear)
    log_in(page, site, "wrong")
    page.get_by_text("Name and password do not belong together.").wait_for()
    assert said == ["Failed to load resource: the server responded with a status of 401 (Unauthorized)"]
    before = {cookie["name"]: cookie for cookie in context.cookies(site)}
    assert before.keys() == {"__Host-csrf"}

    log_in(page, site)
    page.wait_for_url(f"{site}/")
    assert page.get_by_role("status").inner_text() == "Welcome, ada"
    page.reload()
    assert page.get_by_role("status").count() == 0
    page.get_by_role("button", name="Log out ada").wait_for()
    cookies = {cookie["name"]: cookie for cookie in context.cookies(site)}
    assert cookies.keys() == {"__Host-csrf", "__Host-session"}
    session = cookies["__Host-session"]
    assert (session["httpOnly"], session["secure"], session["sameSite"]) == (True, True, "Lax")
    assert page.evaluate("document.cookie") == ""

    page.get_by_role("button", name="Log out ada").click()
    page.get_by_role("link", name="Log in").wait_for()
    assert page.get_by_role("status").inner_text() == "Good bye"
    assert len(said) == 1, said  # the policy let everything in that the pages hold
    context.close()


def test_another_site_cannot_log_a_visitor_out_nor_in(browser: Any, port: int) -> None:
    """A page of 127.0.0.1 is of another site than one of localhost, and posts what it likes there."""
    site, other = f"http://localhost:{port}", f"http://127.0.0.1:{port}"
    context = browser.new_context()
    page = context.new_page()
    log_in(page, site)
    page.get_by_role("status").wait_for()
    for path in ("logout", "login"):
        page.goto(f"{other}/")
        page.set_content(
            f'<form method="post" action="{site}/{path}"><input name="name" value="ada">'
            '<input name="password" value="lovelace"><input name="csrf_token" value="guessed"><button>Win</button></form>'
        )
        page.get_by_role("button", name="Win").click()
        page.wait_for_url(f"{site}/{path}")
        page.get_by_text("Cross-origin request refused").wait_for()
    page.goto(f"{site}/")
    page.get_by_role("button", name="Log out ada").wait_for()
    context.close()
