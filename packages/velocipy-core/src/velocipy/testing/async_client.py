"""AsyncTestClient: an httpx2 client on an app in this loop. Knows httpx2; opens no socket, starts no thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import httpx2

from velocipy.testing.client import PEER
from velocipy.testing.cookies import PlainCookies, plain_jar
from velocipy.testing.event_sessions import AsyncEventSession
from velocipy.testing.interface import make_server
from velocipy.testing.requests import bare_request, handshake_request
from velocipy.testing.sessions import AsyncWebSocketSession
from velocipy.testing.transports import AsyncTransport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType

    from velocipy.testing.cookies import CookieTypes
    from velocipy.testing.exchange import HTTPExchange
    from velocipy.testing.interface import App
    from velocipy.testing.requests import Text
    from velocipy.testing.server import Server
    from velocipy.testing.websocket import Handshake


class AsyncTestClient(httpx2.AsyncClient):
    """TestClient for coroutines: `async with AsyncTestClient(app) as client: await client.get("/")`.

    The app runs in the test's own loop, so both may share what belongs to a loop. On RSGI its `__rsgi_init__`
    is therefore called while the loop runs, as by Granian's embedded server; an awaitable that it or
    `__rsgi_del__` returns is awaited. All else is as in TestClient.
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
        self._started = False
        super().__init__(
            base_url=base_url,
            headers={"user-agent": "velocipy-testclient", **(headers or {})},
            cookies=plain_jar(cookies),
            params=params,
            auth=auth,
            follow_redirects=follow_redirects,
            timeout=timeout,
            trust_env=False,
            transport=AsyncTransport(self.server, client),
        )

    async def __aenter__(self) -> Self:
        """Starts the app's lifespan; what it raises is raised here."""
        if self._started:
            raise RuntimeError("this AsyncTestClient's lifespan runs already: do not enter it twice")
        await self.server.start_here()
        self._started = True
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """Ends the lifespan; the client stays usable, without lifespan or in another `async with`."""
        await self._stop()

    async def aclose(self) -> None:
        """Cancels what still runs and ends the lifespan if it runs."""
        await self._stop()
        await super().aclose()

    async def _stop(self) -> None:
        await self.server.cancel()
        if self._started:
            self._started = False
            await self.server.stop_here()

    def websocket_connect(
        self,
        url: str,
        subprotocols: Sequence[str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, Any] | None = None,
        cookies: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> AsyncWebSocketSession:
        """A WebSocket, opened by `async with`. Raises WebSocketDenied there when the app refuses."""
        request = self.build_request("GET", url, headers=headers, params=params, cookies=dict(cookies or {}))

        def opened(handshake: Handshake) -> None:
            answer = httpx2.Response(101, headers=list(handshake.headers), request=request)
            self.cookies.extract_cookies(answer)

        raw = handshake_request(request, subprotocols, self._peer)
        return AsyncWebSocketSession(self.server, raw, timeout, opened)

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
    ) -> AsyncEventSession:
        """Server-sent events, opened by `async with`; `timeout` bounds the wait for each, in seconds (None: the client's own)."""
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
        return AsyncEventSession(self, request)

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
    ) -> HTTPExchange:
        """A hand-made request, sent as it is; `body=None` leaves it open for `feed`, `end` and `cut`."""
        exchange = self.server.open(
            bare_request(
                method,
                target,
                headers,
                http_version=http_version,
                scheme=scheme,
                authority=authority,
                client=self._peer,
            )
        )
        if body is not None:
            exchange.feed(body)
            exchange.end()
        return exchange
