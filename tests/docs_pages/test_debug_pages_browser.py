"""The pages of debug in a real Chromium: what is open and what is folded, the one script that runs, and a phone that need not scroll."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from servers import serve

pytestmark = pytest.mark.servers

HOSTILE = "</textarea><img src=x onerror=alert(1)><script>alert(2)</script>"
PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "device_scale_factor": 1}


@pytest.fixture(scope="module")
def debugged(browser: Any) -> Iterator[str]:
    """The URL of an app in debug; on one protocol, since the pages' bytes are held to be the same on both elsewhere."""
    with serve("granian-rsgi", "debug_app:app", cwd=Path(__file__).parent) as server:
        yield server.url.rstrip("/")


def test_an_exception_is_shown_where_it_was_raised_and_what_a_client_sent_is_text(
    visit: Callable[..., Any], debugged: str
) -> None:
    seen = visit(permissions=["clipboard-read", "clipboard-write"])
    page = seen.page
    answer = page.goto(f"{debugged}/prices?sku={quote(HOSTILE)}")
    assert answer.status == 500
    assert page.locator("h1").inner_text() == "LookupError"
    assert page.locator("pre.message").inner_text() == f"no price of {HOSTILE}"

    innermost, outer = page.locator("details.frame").all()
    assert innermost.locator("summary b").inner_text() == "price_of"
    assert innermost.locator(".now").inner_text().strip().endswith('raise LookupError(f"no price of {sku}")')
    assert innermost.locator("table").is_visible()
    assert not outer.locator(".source").is_visible()
    outer.locator("summary").click()
    assert "return price_of(sku, password)" in outer.locator(".now").inner_text()
    assert not page.locator("details.folded ol").is_visible()
    assert "sesame-opens" not in page.content().replace(
        'password = "sesame-opens"', ""
    )  # the line, not its value

    page.get_by_role("button", name="Copy as text").click()
    page.get_by_role("button", name="Copied").wait_for()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == page.locator("#text").input_value()
    assert f"no price of {HOSTILE}" in copied
    assert page.locator("img").count() == 0
    assert len(seen.errors) == 1, seen.errors  # that the page itself is a 500


def test_a_path_that_no_route_takes_names_the_nearest_routes(
    visit: Callable[..., Any], debugged: str
) -> None:
    page = visit().page
    answer = page.goto(f"{debugged}/baskets/mine")
    assert answer.status == 404
    assert page.locator("h1").inner_text() == "No route takes '/baskets/mine'."
    assert page.locator("pre.message").inner_text().startswith("'mine' does not fit {basket_id:int} of ")
    first = page.locator("section", has_text="Did you mean").locator("tr").first
    assert first.locator("th").inner_text() == "GET /baskets/{basket_id:int}"
    assert "debug_app.py:" in first.locator("td").inner_text()


@pytest.mark.parametrize("path", ["prices?sku=cup", "baskets/mine"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_need_not_be_scrolled_sideways_and_the_text_is_readable(
    visit: Callable[..., Any], debugged: str, path: str, scheme: str
) -> None:
    page = visit(color_scheme=scheme, **PHONE).page
    page.goto(f"{debugged}/{path}")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    ink, paper = page.evaluate(
        """() => [getComputedStyle(document.querySelector("h1")).color,
                  getComputedStyle(document.body).backgroundColor]"""
    )
    assert contrast(ink, paper) >= 4.5  # WCAG 2.2, 1.4.3


def contrast(one: str, other: str) -> float:
    """ "rgb(0, 0, 0)", "rgb(255, 255, 255)" -> 21.0 (WCAG 2.2, contrast ratio)."""
    darker, lighter = sorted(map(luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (int(text) / 255 for text in colour[4:-1].split(","))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
