"""A cookie jar for tests. Knows that a test client has no TLS; does not know requests."""

from __future__ import annotations

from http.cookiejar import Cookie, CookieJar
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    CookieTypes = httpx2.Cookies | CookieJar | dict[str, str] | list[tuple[str, str]]


class PlainJar(CookieJar):
    """Keeps a Secure cookie as one that may go over http://, so that sessions work in tests; see it in Set-Cookie."""

    def set_cookie(self, cookie: Cookie) -> None:
        cookie.secure = False
        super().set_cookie(cookie)


def plain_cookies(cookies: CookieTypes | None) -> httpx2.Cookies:
    jar = httpx2.Cookies(PlainJar())
    jar.update(cookies)
    return jar
