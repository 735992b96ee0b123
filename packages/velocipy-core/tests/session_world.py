"""An app with a session, and time as a number, for tests of sessions wherever they are kept. Knows neither cookies nor storages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from velocipy import Session, SessionMiddleware, VelociPy
from velocipy.testing import TestClient

SECRET = "kV0cKx3Qm7sWb9tY2uHd5nRf8pLj1aZe"
OTHER = "Zp4rT8vN1qXc6bMw3yLk9dHs5gFj2uAe"
NOW = 1_790_000_000
HOUR = 3600
NAME = "__Host-session"

Work = Callable[[Session], Any]


class Clock:
    """Seconds since 1970 that go on when they are told to."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


class SessionWorld:
    """An app whose one endpoint does with the session what a test wants, and a client without a cookie jar."""

    def __init__(
        self, interface: str, secret: Any = SECRET, *, clock: Clock | None = None, **options: Any
    ) -> None:
        self.clock = clock or Clock()
        self.app = VelociPy()
        self.app.add_middleware(SessionMiddleware(secret, clock=self.clock, **options))
        self.work: Work = dict
        self.cookie: str | None = None
        self.app.get("/")(self._endpoint)
        self.client = TestClient(self.app, interface=interface)

    async def _endpoint(self, session: Session) -> Any:
        return self.work(session)

    @property
    def headers(self) -> dict[str, str]:
        """The cookie of the last answer."""
        return {"cookie": f"{NAME}={self.cookie}"} if self.cookie else {}

    def ask(self, work: Work | None = None, path: str = "/", cookie: str | None = None) -> Any:
        """One request with the cookie of the last answer, or another Cookie header."""
        self.work = work or dict
        self.client.cookies.clear()
        headers = self.headers if cookie is None else {"cookie": cookie} if cookie else {}
        answer = self.client.get(path, headers=headers)
        for line in answer.headers.get_list("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            if name == NAME:
                self.cookie = value or None
        return answer

    def holds(self, cookie: str | None = None) -> Any:
        """What a request with that cookie finds in the session."""
        kept, self.cookie = self.cookie, self.cookie if cookie is None else cookie
        answer = self.ask(dict)
        self.cookie = kept
        assert answer.status_code == 200
        return answer.json()


def put(**values: Any) -> Work:
    def work(session: Session) -> None:
        session.update(values)

    return work
