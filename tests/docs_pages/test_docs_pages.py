"""The pages in a real Chromium that reaches no other host: they render, send, authorise, and do nothing that the document bids them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from authority import Authority

pytestmark = pytest.mark.servers

SHOWS = {  # page -> what it shows of an operation
    "/docs": "#operations-shelf-read .opblock-summary",
    "/help/redoc": 'text="/items/{id}" >> visible=true',
    "/scalar": "text=One item >> visible=true",
}
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "device_scale_factor": 1}


def execute(page: Any, operation: str, fill: dict[str, str] | None = None) -> tuple[str, str]:
    """Try an operation out in Swagger UI; the status and the body that the page shows."""
    block = page.locator(f"#operations-default-{operation}, #operations-shelf-{operation}")
    if block.locator("button.execute").count() == 0:
        block.locator("button.opblock-summary-control").click()
        block.locator("button.try-out__btn").click()
        for name, value in (fill or {}).items():
            block.locator(f"tr[data-param-name={name}] input").fill(value)
    else:
        block.locator("button.btn-clear").click()
    block.locator("button.execute").click()
    answer = block.locator(".live-responses-table tbody tr.response").first
    answer.wait_for()
    status, body = answer.locator(".response-col_status"), answer.locator(".highlight-code pre")
    return str(status.inner_text()).split()[0], str(body.first.inner_text()).strip()


def scheme(page: Any, name: str) -> Any:
    """What Swagger UI asks for one security scheme, in the dialog that it opens."""
    if page.locator(".modal-ux").count() == 0:
        page.locator(".scheme-container button.authorize").click()
    return page.locator(".auth-container").filter(
        has=page.locator("h4", has_text=re.compile(rf"^\s*{name}\b"))
    )


def test_swagger_ui_renders_sends_and_authorises(visit: Callable[..., Any], site: str) -> None:
    """A key and OAuth2 by a password; what the server answers is shown, with and without them."""
    seen = visit()
    page = seen.page
    page.goto(f"{site}/docs/")
    page.wait_for_selector(SHOWS["/docs"])
    assert page.locator(".title").first.inner_text().startswith("Try <b>me</b>")
    assert page.locator("#message").count() == 0
    status, body = execute(page, "read", {"id": "7", "q": "ä&b"})
    assert (status, json.loads(body)) == ("200", {"id": "7", "q": "ä&b"})
    assert execute(page, "key")[0] == execute(page, "me")[0] == "401"
    key = scheme(page, "ApiKey")
    key.locator("input").fill("sesame")
    key.locator("button.authorize").click()
    password = scheme(page, "Password")
    password.locator("#oauth_username").fill("me")
    password.locator("#oauth_password").fill("secret")
    password.locator("button.authorize").click()
    password.locator("button", has_text="Logout").wait_for()
    page.locator(".modal-ux button.btn-done").first.click()
    assert execute(page, "key") == ("200", "in") and execute(page, "me") == ("200", "me")
    page.locator("#operations-default-upload button.opblock-summary-control").click()
    page.locator("#operations-default-upload button.try-out__btn").click()
    assert page.locator("#operations-default-upload input[type=file]").count() == 1
    assert [line for line in seen.errors if "401" not in line] == []


def test_swagger_ui_takes_a_code_with_pkce_from_an_authorisation_server(
    visit: Callable[..., Any], site: str, authority: Authority
) -> None:
    """The server of another origin refuses what is no code flow with PKCE; the window comes back by /docs/oauth2-redirect and closes."""
    authority.said.clear()
    seen = visit()
    page = seen.page
    page.goto(f"{site}/docs")
    page.wait_for_selector(SHOWS["/docs"])
    assert execute(page, "orders")[0] == "401"
    code = scheme(page, "Code")
    assert code.locator("#client_id_authorizationCode").input_value() == "docs"
    with page.expect_popup() as opened:
        code.locator("button.authorize").click()
    with opened.value.expect_event("close"):
        opened.value.get_by_text("Allow").click()
    code.locator("button", has_text="Logout").wait_for()
    page.locator(".modal-ux button.btn-done").first.click()
    assert execute(page, "orders") == ("200", "orders")
    assert authority.said == ["token"]
    assert [line for line in seen.errors if "401" not in line] == []


def test_swagger_ui_says_what_an_authorisation_server_refuses(
    visit: Callable[..., Any], one_site: str, authority: Authority
) -> None:
    authority.said.clear()
    page = visit().page
    page.goto(f"{one_site}/docs")
    page.wait_for_selector(SHOWS["/docs"])
    code = scheme(page, "Code")
    with page.expect_popup() as opened:
        code.locator("button.authorize").click()
    with opened.value.expect_event("close"):
        opened.value.get_by_text("Refuse").click()
    code.locator(".errors", has_text="access_denied").wait_for()
    assert authority.said == []


def test_scalar_takes_a_code_with_pkce_sends_and_shows_the_answer(
    visit: Callable[..., Any], one_site: str, authority: Authority
) -> None:
    authority.said.clear()
    seen = visit(viewport={"width": 1280, "height": 900})
    page = seen.page
    page.goto(f"{one_site}/scalar")
    with page.expect_popup() as opened:
        page.locator("button", has_text="Authorize").first.click()
    with opened.value.expect_event("close"):
        opened.value.get_by_text("Allow").click()
    page.locator("a", has_text="/orders").first.click()
    page.locator("button", has_text="(get /orders)").click()
    client = page.locator("[role=dialog]")
    client.locator("button", has_text="Send").last.click()
    client.get_by_text("200 OK").wait_for()
    client.locator(".cm-content", has_text="orders").wait_for()
    assert authority.said == ["token"] and seen.errors == []


@pytest.mark.parametrize("path", list(SHOWS))
def test_a_page_obeys_its_own_policy_in_light_and_dark_on_a_desk_and_on_a_phone(
    visit: Callable[..., Any], one_site: str, path: str
) -> None:
    """Nothing that it does is refused, so nothing of it is missing; and it is as light or dark as the system is."""
    for light, options in ((True, {}), (False, PHONE)):
        seen = visit(color_scheme="light" if light else "dark", **options)
        seen.page.goto(one_site + path)
        seen.page.wait_for_selector(SHOWS[path] if light else "text=What we sell")
        assert is_light(seen.page) is light
        assert seen.errors == []
        width = seen.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert width <= 0, f"{width} pixels are beyond the edge"


def is_light(page: Any) -> bool:
    """Whether text is darker than what is behind it, where there is text."""
    color = page.get_by_text("What we sell").first.evaluate("element => getComputedStyle(element).color")
    channels = page.evaluate(
        """color => {
            const context = document.createElement("canvas").getContext("2d");
            context.fillStyle = color;
            context.fillRect(0, 0, 1, 1);
            return [...context.getImageData(0, 0, 1, 1).data];
        }""",
        color,
    )
    return bool(sum(channels[:3]) < 3 * 128)


def test_swagger_ui_follows_the_system_when_it_changes(visit: Callable[..., Any], one_site: str) -> None:
    page = visit(color_scheme="dark").page
    page.goto(f"{one_site}/docs")
    page.wait_for_selector("html.dark-mode", state="attached")
    page.emulate_media(color_scheme="light")
    page.wait_for_selector("html:not(.dark-mode)", state="attached")


@pytest.mark.parametrize(
    ("path", "blocked", "words"),
    [
        ("/docs", "swagger-ui-bundle", "Swagger UI could not be loaded"),
        ("/docs", "openapi.json", "The document /openapi.json could not be loaded"),
        ("/docs", "docs.", "The documentation is loading"),
        ("/docs", "start-swagger", "The page could not be started"),
        ("/help/redoc", "redoc.standalone", "ReDoc could not be loaded"),
        ("/scalar", "scalar.standalone", "Scalar could not be loaded"),
    ],
)
def test_a_page_says_so_where_a_file_cannot_be_loaded(
    visit: Callable[..., Any], one_site: str, path: str, blocked: str, words: str
) -> None:
    page = visit().page
    page.route(f"**/{blocked}*", lambda route: route.abort())
    page.goto(one_site + path)
    message = page.get_by_text(words)
    message.wait_for()
    assert message.is_visible()


@pytest.mark.parametrize("path", list(SHOWS))
def test_a_page_works_behind_a_proxy_that_nobody_told_the_app_of(
    visit: Callable[..., Any], one_site: str, path: str
) -> None:
    def behind(route: Any) -> None:
        """A proxy that serves the app below /shop and takes that away."""
        url = route.request.url
        if url.startswith(f"{one_site}/shop/"):
            route.fulfill(response=route.fetch(url=url.replace("/shop/", "/", 1)))
        else:
            route.abort()

    page = visit().page
    page.route(f"{one_site}/**", behind)
    page.goto(f"{one_site}/shop{path}")
    page.wait_for_selector(SHOWS[path])
    if path == "/docs":
        assert execute(page, "read", {"id": "7"})[0] == "200"


HOSTILE = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
SENTENCE = f"What we sell. {HOSTILE} [no](javascript:alert(3)) <svg onload=alert(4)> <iframe srcdoc='{HOSTILE}'></iframe>"


@pytest.mark.case(99)
@pytest.mark.parametrize("path", list(SHOWS))
def test_text_of_a_hostile_document_is_text(visit: Callable[..., Any], one_site: str, path: str) -> None:
    """Titles, descriptions and names that are HTML; URLs that are scripts. Nothing is run, and what is well-meant is shown."""

    def hostile(route: Any) -> None:
        document = route.fetch().json()
        document["info"] |= {
            "title": HOSTILE,
            "description": SENTENCE,
            "termsOfService": "javascript:alert(5)",
        }
        document["info"]["contact"] = {"name": HOSTILE, "url": "javascript:alert(6)"}
        document["externalDocs"] = {"url": "javascript:alert(7)", "description": HOSTILE}
        document["paths"]["/items/{id}"]["get"] |= {"description": SENTENCE, "tags": [HOSTILE]}
        document["components"]["securitySchemes"][HOSTILE] = {"type": "http", "scheme": HOSTILE}
        route.fulfill(json=document)

    seen = visit()
    seen.page.route("**/openapi.json", hostile)
    seen.page.goto(one_site + path)
    seen.page.get_by_text("What we sell").first.wait_for()
    seen.page.get_by_text("<script>alert(1)</script>").first.wait_for()
    links = seen.page.locator("a[href^='javascript:' i]")
    for number in range(links.count()):
        links.nth(number).dispatch_event("click")
    assert not seen.page.evaluate("[...document.scripts].some(script => script.text.includes('alert'))")
