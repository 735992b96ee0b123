"""TestClient: an httpx2 client on an app in this process. Knows httpx2; opens no socket."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Self

import httpx2

from velocipy.testing.cookies import PlainCookies, plain_jar
from velocipy.testing.event_sessions import EventSession
from velocipy.testing.interface import make_server
from velocipy.testing.portal import Portal
from velocipy.testing.requests import bare_request, handshake_request
from velocipy.testing.sessions import AsyncWebSocketSession, WebSocketSession
from velocipy.testing.sync_exchange import SyncExchange
from velocipy.testing.transports import SyncTransport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from velocipy.testing.cookies import CookieTypes
    from velocipy.testing.exchange import HTTPExchange, RawRequest
    from velocipy.testing.interface import App
    from velocipy.testing.requests import Text
    from velocipy.testing.server import Server
    from velocipy.testing.websocket import Handshake

# Who the app sees, on both protocols.
PEER = ("127.0.0.1", 50000)


class TestClient(httpx2.Client):
    """Calls an app as a server would: `TestClient(app).get("/items").json()`.

    Everything of httpx2.Client is here: get, post, put, patch, delete, head, options, query, request, stream.
    `with TestClient(app) as client:` also runs the app's lifespan; the same client may be entered again, and
    without `with` there is none. `interface` is "asgi" or "rsgi"; by default whichever the app speaks, and if both
    what is installed, rsgi first. Exceptions that leave the app are raised here, unless `raise_server_exceptions`
    is false: then the answer is what the server makes of them. A ServerFault (the app would crash a server or
    garble a connection) is always raised. After an answer the client waits up to `app_timeout` seconds for the
    app's background work. Secure cookies are kept and sent over http://. Redirects are followed when asked for.
    A `root_path`, as Uvicorn's `--root-path`, stands before every path, over ASGI. `timeout` bounds the wait for an answer, and for every piece of a streamed one, in seconds, and raises httpx2.ReadTimeout.
    """

    __test__ = False
    cookies = PlainCookies()  # type: ignore[override]

    def __init__(
        self,
        app: App,
        base_url: str = "http://testserver",
        *,
        interface: str | None = None,
        headers: Mapping[str, str] | None = None,
        cookies: CookieTypes | None = None,
        params: Mapping[str, Any] | None = None,
        auth: Any = None,
        follow_redirects: bool = False,
        raise_server_exceptions: bool = True,
        client: tuple[str, int] = PEER,
        root_path: str = "",
        timeout: float | None = None,
        app_timeout: float = 30.0,
    ) -> None:
        self.app = app
        self.server: Server = make_server(
            app, interface, propagate=raise_server_exceptions, app_timeout=app_timeout, root_path=root_path
        )
        self._peer = client
        self._portal = Portal()
        self._started = False
        weakref.finalize(self, self._portal.release)
        super().__init__(
            base_url=base_url,
            headers={"user-agent": "velocipy-testclient", **(headers or {})},
            cookies=plain_jar(cookies),
            params=params,
            auth=auth,
            follow_redirects=follow_redirects,
            timeout=timeout,
            trust_env=False,
            transport=SyncTransport(self.server, self._portal, client),
        )

    def __enter__(self) -> Self:
        """Starts the app's lifespan; what it raises is raised here."""
        if self._started:
            raise RuntimeError("this TestClient's lifespan runs already: do not nest `with client`")
        try:
            self._portal.call_offline(self.server.start)
        except BaseException:
            self._portal.close()
            raise
        self._started = True
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Ends the lifespan; the client stays usable, without lifespan or in another `with`."""
        self._stop()

    def close(self) -> None:
        """Ends the lifespan if it runs, and the client's thread and loop."""
        self._stop()
        super().close()

    def _stop(self) -> None:
        try:
            if self._started:
                self._started = False
                self._portal.call(self.server.cancel)
                self._portal.call_offline(self.server.stop)
        finally:
            self._portal.close()

    def websocket_connect(
        self,
        url: str,
        subprotocols: Sequence[str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        cookies: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> WebSocketSession:
        """A WebSocket, opened by `with`. Raises WebSocketDenied there when the app refuses."""
        request = self.build_request("GET", url, headers=headers, params=params, cookies=dict(cookies or {}))

        def opened(handshake: Handshake) -> None:
            answer = httpx2.Response(101, headers=list(handshake.headers), request=request)
            self.cookies.extract_cookies(answer)

        raw = handshake_request(request, subprotocols, self._peer)
        return WebSocketSession(self._portal, AsyncWebSocketSession(self.server, raw, timeout, opened))

    def sse_connect(
        self,
        url: str,
        *,
        method: str = "GET",
        last_event_id: str | None = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        cookies: Mapping[str, str] | None = None,
        json: Any = None,
        timeout: float | None = None,
    ) -> EventSession:
        """Server-sent events, opened by `with`; `timeout` bounds the wait for each, in seconds (None: the client's own)."""
        asked = {"accept": "text/event-stream", "cache-control": "no-store", **(headers or {})}
        if last_event_id:
            asked["last-event-id"] = last_event_id
        request = self.build_request(
            method,
            url,
            headers=asked,
            params=params,
            cookies=dict(cookies or {}),
            json=json,
            timeout=httpx2.USE_CLIENT_DEFAULT if timeout is None else timeout,
        )
        return EventSession(self, request)

    def exchange(
        self,
        method: str,
        target: Text,
        *,
        headers: Iterable[tuple[Text, Text]] = (("host", "testserver"),),
        body: bytes | None = b"",
        http_version: str = "1.1",
        scheme: str = "http",
        authority: str | None = None,
    ) -> SyncExchange:
        """A hand-made request, sent as it is; `body=None` leaves it open for `feed`, `end` and `cut`."""
        raw = bare_request(
            method,
            target,
            headers,
            http_version=http_version,
            scheme=scheme,
            authority=authority,
            client=self._peer,
        )
        return SyncExchange(self._portal, self._portal.call(self._begin, raw, body))

    async def _begin(self, raw: RawRequest, body: bytes | None) -> HTTPExchange:
        exchange = self.server.open(raw)
        if body is not None:
            exchange.feed(body)
            exchange.end()
        return exchange
