"""A cookie jar for tests. Knows that a test client has no TLS; does not know requests."""

from __future__ import annotations

import inspect
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Any

import httpx2

from velocipy.clock import wall

if TYPE_CHECKING:
    CookieTypes = httpx2.Cookies | CookieJar | dict[str, str] | list[tuple[str, str]]

# httpx2's own property, to put a jar in with: Cookies that are assigned to it are copied into a jar of its
# choice.
COOKIES: property = inspect.getattr_static(httpx2.Client, "cookies")


class Now:
    """`_now` of a jar and of its policy, which the standard library sets from `time.time`: here the time that a test may move."""

    def __get__(self, holder: object, owner: type | None = None) -> int:
        return int(wall())

    def __set__(self, holder: object, value: int) -> None:
        pass


class Policy(DefaultCookiePolicy):
    """The usual one, on the clock of the app."""

    _now = Now()


class PlainJar(CookieJar):
    """Keeps a Secure cookie as one that may go over http://; that it is Secure is seen in Set-Cookie."""

    _now = Now()

    def __init__(self) -> None:
        super().__init__(Policy())

    def clear_expired_cookies(self) -> None:
        """Drop what has expired by the clock of the app."""
        now = int(wall())
        for cookie in [cookie for cookie in self if cookie.is_expired(now)]:
            self.clear(cookie.domain, cookie.path, cookie.name)

    def set_cookie(self, cookie: Cookie) -> None:
        cookie.secure = False
        super().set_cookie(cookie)


def plain_jar(cookies: CookieTypes | None) -> PlainJar:
    """A jar that holds these cookies, whatever form they are given in."""
    jar = PlainJar()
    httpx2.Cookies(jar).update(cookies)
    return jar


class PlainCookies:
    """The `cookies` of a test client: whatever is assigned, a PlainJar holds it."""

    def __get__(self, client: Any, owner: type | None = None) -> httpx2.Cookies:
        cookies: httpx2.Cookies = COOKIES.__get__(client, owner)
        return cookies

    def __set__(self, client: Any, cookies: CookieTypes | None) -> None:
        COOKIES.__set__(client, plain_jar(cookies))
