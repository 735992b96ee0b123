"""Sessions: a dict for each visitor, in a signed cookie or in a storage. Knows settings and headers; `session_keepers` knows the rest.

app.add_middleware(SessionMiddleware(os.environ["SESSION_SECRET"]))

@app.post("/login")
async def login(session: Session) -> None:
    session.regenerate()
    session["user"] = 7
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from velocipy.clock import wall
from velocipy.encoded import Encoded
from velocipy.exceptions import ConfigurationError
from velocipy.http.cookies import SameSite, format_cookie
from velocipy.http.delivery import Unread
from velocipy.http.response import Response
from velocipy.http.streaming import StreamingResponse
from velocipy.middleware.base import Middleware
from velocipy.middleware.session_keepers import (
    AFTERWARDS,
    CookieKeeper,
    StorageKeeper,
    Times,
    too_large,
)
from velocipy.middleware.session_records import OldCookie
from velocipy.protocols import RequestHeaders
from velocipy.routing.route import Route
from velocipy.sessions import Record, Session
from velocipy.signing import Secrets
from velocipy.storage import Storage, find_storage

__all__ = ["OldCookie", "SessionMiddleware"]

IDLE_TIMEOUT: Final = 12 * 3600
"""Seconds without a request that asks for the session, after which it ends: 12 hours."""

MAX_AGE: Final = 7 * 24 * 3600
"""Seconds after which it ends however busy it is: 7 days."""


class SessionMiddleware(Middleware):
    """Gives every request a `Session`, as `request.session` and to parameters `session: Session`.

    `secret_key` is a secret of 32 bytes or more, or several to change them without a break: the first signs, all verify. Without
    `storage` the cookie holds the session itself, at most some 3,000 bytes that the visitor can read; with one (a Storage, or the
    name of an adapter) the storage holds it. `idle_timeout` and `max_age` are in seconds.

    The cookie is Secure, HttpOnly and SameSite=Lax, and its name has the prefix `__Host-`, or `__Secure-` with a `domain` or
    `path`, so that no other host can set it (RFC 6265bis section 4.1.3). `https_only=False` leaves Secure and the prefix out, for
    development without TLS. `old_cookie` also reads what 0.3.0 wrote. Raises ConfigurationError for settings that are unsafe.
    """

    state_key: str | None = "session"
    gives: type | None = Session
    on_demand = True

    def __init__(
        self,
        secret_key: Secrets,
        *,
        storage: str | Storage | type[Storage] | None = None,
        session_cookie: str = "session",
        max_age: int = MAX_AGE,
        idle_timeout: int | None = None,
        path: str = "/",
        domain: str | None = None,
        same_site: SameSite = "lax",
        https_only: bool = True,
        old_cookie: OldCookie | None = None,
        clock: Callable[[], float] = wall,
    ) -> None:
        self._path = path
        self._domain = domain
        self.same_site: SameSite = same_site
        self.https_only = https_only
        self.cookie_name: str = _prefixed(session_cookie, https_only, path, domain)
        self.alone_with: str | None = f"the cookie {self.cookie_name!r}"
        self._times = _check_times(idle_timeout, max_age, clock)
        self._old = old_cookie
        self._check_cookie()
        if storage is None:
            self._use_cookie(CookieKeeper(secret_key, self.cookie_name, self._times, old_cookie))
        else:
            found = find_storage(storage)
            self._use_storage(StorageKeeper(secret_key, self.cookie_name, self._times, old_cookie, found))

    # Which of the two it is, is decided here: hooks that are not async cost less where nothing has to be awaited.

    def _use_cookie(self, keeper: CookieKeeper) -> None:
        def before(headers: RequestHeaders, route: Route) -> Session:
            return Session(keeper, headers, route)

        def finish(session: Session, response: Response) -> Response:
            record = session.record
            if record is None:
                return _unread(session, response)
            value = keeper.carry(record) if _keeps(response) else None
            return self._finished(session, record, response, value)

        self.before: Callable[..., Any] = before
        self.finish: Callable[..., Any] = finish

    def _use_storage(self, keeper: StorageKeeper) -> None:
        async def before(headers: RequestHeaders, route: Route) -> Session:
            if headers.get("cookie") is None:
                return Session(keeper, headers, route)
            return Session(keeper, await keeper.fetch(headers) or headers, route)

        async def finish(session: Session, response: Response) -> Response:
            record = session.record
            if record is None:
                return _unread(session, response)
            value = await keeper.carry(record) if _keeps(response) else None
            return self._finished(session, record, response, value)

        self.before = before
        self.finish = finish

    @staticmethod
    def finishes(session: Session, size: int) -> bool:
        """Whether anybody has asked for the session."""
        if session.record is not None:
            return True
        session.unread_seal = AFTERWARDS
        return False

    def _finished(self, session: Session, record: Record, response: Response, value: str | None) -> Response:
        """The answer with the cookie, and with what keeps caches from giving it to somebody else."""
        response = _kept_apart(response, "private" if value is None else "no-store")
        headers = response.headers
        if value is not None:
            headers.add("set-cookie", self._set_cookie(record, value))
            if record.outdated and self._old is not None and self._old.name != self.cookie_name:
                old = self._old
                headers.add(
                    "set-cookie", format_cookie(old.name, max_age=0, path=old.path, domain=old.domain)
                )
        session.seal(AFTERWARDS)
        return response

    def _set_cookie(self, record: Record, value: str) -> str:
        try:
            return self._line(value, self._times.left(record) if value else 0)
        except ValueError:
            raise too_large(record, len(value)) from None

    def _line(self, value: str, max_age: int) -> str:
        return format_cookie(
            self.cookie_name,
            value,
            max_age=max_age,
            path=self._path,
            domain=self._domain,
            secure=self.https_only,
            samesite=self.same_site,
        )

    def _check_cookie(self) -> None:
        try:
            self._line("", 0)
        except ValueError as exc:
            raise ConfigurationError(f"SessionMiddleware: {exc}") from None
        if self.same_site is None:  # pyright: ignore[reportUnnecessaryComparison]  # whatever was promised
            raise ConfigurationError("SessionMiddleware: same_site is 'lax', 'strict' or 'none', not None")

    def __repr__(self) -> str:
        return f"<SessionMiddleware {self.cookie_name}>"


def _unread(session: Session, response: Response) -> Response:
    """An answer for which nobody has asked the session; what makes the body of a stream still can."""
    session.seal(AFTERWARDS)
    content = response.response if isinstance(response, Encoded) else response
    return _kept_apart(response, "private") if isinstance(content, StreamingResponse) else response


def _kept_apart(response: Response, cache_control: str) -> Response:
    """The answer with what keeps caches from giving it to somebody else (RFC 9111 section 7.3)."""
    response = response.fresh()
    response.headers.add_vary("cookie")
    response.headers.setdefault("cache-control", cache_control)
    return response


def _keeps(response: Response) -> bool:
    """A request that failed saves nothing, nor does one whose client left while it was at work."""
    return response.status_code < 500 and not isinstance(response, Unread)


def _prefixed(name: str, https_only: bool, path: str, domain: str | None) -> str:
    if (
        not https_only
        or not name
        or not isinstance(name, str)
        or name.lower().startswith(("__host-", "__secure-"))
    ):
        return name
    return f"__Host-{name}" if path == "/" and domain is None else f"__Secure-{name}"


def _check_times(idle_timeout: int | None, max_age: int, clock: Callable[[], float]) -> Times:
    for name, value in (("max_age", max_age), ("idle_timeout", idle_timeout)):
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise ConfigurationError(
                f"SessionMiddleware: {name} is a whole number of seconds above 0, not {value!r}"
            )
    if idle_timeout is not None and idle_timeout > max_age:
        raise ConfigurationError(
            f"SessionMiddleware: idle_timeout={idle_timeout} never comes, since a session ends after max_age={max_age}: use a larger one"
        )
    return Times(min(IDLE_TIMEOUT, max_age) if idle_timeout is None else idle_timeout, max_age, clock)
