"""The page in a real Chromium, on Granian over RSGI and on Uvicorn: it renders, sends, authorises and asks no other host.

Left out where no Chromium is installed, or no playwright to drive it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
sync_api = pytest.importorskip("playwright.sync_api")

pytestmark = [
    pytest.mark.servers,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]

APP = """
from typing import Annotated

from velocipy import Depends, Form, HTTPException, Request, UploadFile, VelociPy, guard


class Key:
    scheme_name = "ApiKey"
    scheme = {"type": "apiKey", "in": "header", "name": "x-key"}
    auto_error = True

    async def __call__(self, request: Request) -> None:
        if request.header("x-key") != "sesame":
            raise HTTPException(401)


class Password:
    scheme_name = "OAuth2"
    scheme = {"type": "oauth2", "flows": {"password": {"tokenUrl": "token", "scopes": {}}}}
    auto_error = True

    async def __call__(self, request: Request) -> None:
        if request.header("authorization") != "Bearer t0k3n":
            raise HTTPException(401)


app = VelociPy("Try <b>me</b>")


@app.get("/items/{id}")
async def read(id: int, q: str = "x") -> dict[str, str]:
    return {"id": str(id), "q": q}


@app.post("/upload")
async def upload(file: UploadFile) -> int:
    return file.size


@app.get("/key", dependencies=[Depends(guard(Key()))])
async def key() -> str:
    return "in"


@app.get("/me", dependencies=[Depends(guard(Password()))])
async def me() -> str:
    return "me"


@app.post("/token")
async def token(username: Annotated[str, Form()], password: Annotated[str, Form()]) -> dict[str, str]:
    return {"access_token": "t0k3n" if password == "secret" else "", "token_type": "bearer"}
"""

COMMANDS = {
    "rsgi": ("granian", "--interface", "rsgi", "--host", "127.0.0.1", "--port", "{port}", "docs_app:app"),
    "asgi": ("uvicorn", "--host", "127.0.0.1", "--port", "{port}", "docs_app:app"),
}


@pytest.fixture(scope="module", params=list(COMMANDS))
def served(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("docs")
    (folder / "docs_app.py").write_text(APP)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [part.format(port=port) for part in COMMANDS[request.param]]
    command[0] = str(Path(sys.executable).with_name(command[0]))
    log = (folder / "log").open("wb")
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    server = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log)
    try:
        until = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/docs", timeout=2).close()
                break
            except OSError:
                assert time.monotonic() < until, (folder / "log").read_text()
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)
        log.close()


class Seen:
    """What a page asked for and said."""

    def __init__(self, page: Any) -> None:
        self.urls: list[str] = []
        self.said: list[str] = []
        page.on("request", lambda request: self.urls.append(request.url))
        page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.said.append(f"error: {error}"))

    def errors(self) -> list[str]:
        return [line for line in self.said if line.startswith("error")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield browser
        browser.close()


def execute(page: Any, operation: str, fill: dict[str, str] | None = None) -> str:
    """Try an operation out; the status that the page shows."""
    block = page.locator(f"#operations-default-{operation}")
    block.locator("button.opblock-summary-control").click()
    block.locator("button.try-out__btn").click()
    for name, value in (fill or {}).items():
        block.locator(f"tr[data-param-name={name}] input").fill(value)
    block.locator("button.execute").click()
    status = block.locator(".live-responses-table tbody .response-col_status")
    status.wait_for(timeout=15_000)
    return str(status.inner_text()).split()[0]


def test_the_page_renders_sends_and_authorises_and_leaves_no_host_but_its_own(
    browser: Any, served: str
) -> None:
    page = browser.new_page()
    seen = Seen(page)
    page.goto(f"{served}/docs/")
    page.wait_for_selector(".opblock", timeout=30_000)
    assert page.locator(".title").first.inner_text().startswith("Try <b>me</b>")
    assert page.locator("#message").count() == 0
    assert execute(page, "read", {"id": "7"}) == "200"
    assert execute(page, "key") == execute(page, "me") == "401"
    page.locator("button.authorize").first.click()
    modal = page.locator(".modal-ux")
    modal.locator("#api_key_value").fill("sesame")
    modal.locator("button.authorize").first.click()
    modal.locator("#oauth_username").fill("me")
    modal.locator("#oauth_password").fill("secret")
    modal.locator("button.authorize").click()  # the first one says "Logout" now, and has another class
    modal.locator("button", has_text="Logout").nth(1).wait_for()
    page.locator(".modal-ux button.btn-done").first.click()
    for operation in ("key", "me"):
        block = page.locator(f"#operations-default-{operation}")
        block.locator("button.execute").click()
        block.locator(".live-responses-table tbody .response-col_status", has_text="200").wait_for()
    page.locator("#operations-default-upload button.opblock-summary-control").click()
    page.locator("#operations-default-upload button.try-out__btn").click()
    assert page.locator("#operations-default-upload input[type=file]").count() == 1
    outside = [url for url in seen.urls if not url.startswith((served, "data:", "blob:"))]
    assert outside == []
    assert [line for line in seen.errors() if "401" not in line] == []
    page.close()


def test_the_page_follows_the_dark_mode_of_the_system(browser: Any, served: str) -> None:
    page = browser.new_page(color_scheme="dark")
    page.goto(f"{served}/docs")
    page.wait_for_selector(".opblock", timeout=30_000)
    assert "dark-mode" in page.locator("html").get_attribute("class")
    page.emulate_media(color_scheme="light")
    page.wait_for_selector("html:not(.dark-mode)", state="attached")
    page.close()


@pytest.mark.parametrize(
    ("blocked", "words"),
    [
        ("swagger-ui-bundle", "Swagger UI could not be loaded"),
        ("openapi.json", "The document /openapi.json could not be loaded"),
        ("docs.", "The documentation is loading"),
    ],
)
def test_the_page_says_so_where_a_file_cannot_be_loaded(
    browser: Any, served: str, blocked: str, words: str
) -> None:
    page = browser.new_page()
    page.route(lambda url: blocked in url.rpartition("/")[2], lambda route: route.abort())
    page.goto(f"{served}/docs")
    page.get_by_text(words).wait_for(timeout=10_000)
    page.close()


def test_the_page_works_behind_a_prefix_that_the_app_does_not_know_of(browser: Any, served: str) -> None:
    page = browser.new_page()

    def behind(route: Any) -> None:
        """A proxy that serves the app below /shop and takes that away."""
        url = route.request.url
        if not url.startswith(f"{served}/shop/"):
            route.abort()
            return
        route.fulfill(response=route.fetch(url=url.replace("/shop/", "/", 1)))

    page.route(f"{served}/**", behind)
    page.goto(f"{served}/shop/docs")
    page.wait_for_selector(".opblock", timeout=30_000)
    assert execute(page, "read", {"id": "7"}) == "200"
    page.close()
