"""A request as its handler sees it. Knows HTTP; reads everything from the connection when it is first asked for."""

from __future__ import annotations

from contextlib import aclosing
from functools import cached_property
from typing import TYPE_CHECKING, Any

from velocipy.exceptions import BadRequest, ClientDisconnected, HTTPException
from velocipy.http.cookies import parse_cookies
from velocipy.http.headers import Headers
from velocipy.http.pace import paced
from velocipy.http.query import Query, parse_query
from velocipy.http.url import URL, join_host, parse_host, quote_path
from velocipy.json.base import JSONEncoder, best_encoder, decode_body
from velocipy.state import State

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from velocipy.background import BackgroundTasks
    from velocipy.http.forms import FormData, FormLimits
    from velocipy.http.multipart import MultipartReader
    from velocipy.http.proxy import Source
    from velocipy.protocols import HTTPConnection, RequestHeaders, WebSocketConnection
    from velocipy.routing.route import Route
    from velocipy.sessions import Session


def cookie_text(headers: RequestHeaders) -> str:
    """All Cookie lines as one: HTTP/2 clients send a line a cookie (RFC 9113 section 8.2.3)."""
    lines = headers.get_all("cookie")
    return lines[0] if len(lines) == 1 else "; ".join(lines)


class Exchange:
    """What a Request and a WebSocket have in common: where they came from and what they were asked with."""

    def __init__(
        self,
        connection: HTTPConnection | WebSocketConnection,
        values: Sequence[object],
        route: Route,
        state: dict[str, Any] | None = None,
    ) -> None:
        self.values = values
        self.route = route
        self._connection = connection
        self._initial_state = state

    @property
    def app(self) -> Any:
        """The VelociPy app that serves this."""
        return self.route.app

    @cached_property
    def state(self) -> State:
        """What middleware and handlers leave for each other: a dict whose keys are attributes too."""
        return State(self._initial_state or {})

    @property
    def session(self) -> Session:
        """What belongs to this visitor. Raises RuntimeError where no SessionMiddleware stands around the route."""
        session = self.state.get("session")
        if session is None:
            raise RuntimeError(
                f"no SessionMiddleware stands around {self.route.title}: "
                f"app.add_middleware(SessionMiddleware(os.environ['SESSION_SECRET']))"
            )
        return session  # type: ignore[no-any-return]

    @cached_property
    def path(self) -> str:
        """The path that was routed, percent-decoded; below `root_path`."""
        return self._connection.path

    @cached_property
    def root_path(self) -> str:
        """What stands before `path` in the client's URL, as "/api": where a proxy or a foreign app has the app. "" over RSGI."""
        return self._connection.root_path

    @cached_property
    def path_params(self) -> dict[str, Any]:
        """The values of the template's holes by name, converted as the template says; none where no route was found."""
        if self.route.is_ours:
            return {}
        return dict(zip((hole.name for hole in self.route.template.holes), self.values, strict=False))

    @cached_property
    def query_string(self) -> str:
        """The query as sent, without `?`."""
        return self._connection.query_string

    @cached_property
    def query_params(self) -> Query:
        """The query by name. Raises BadRequest for more fields than `velocipy.http.query.MAX_FIELDS`."""
        return parse_query(self.query_string)

    @cached_property
    def headers(self) -> Headers:
        """All request headers in order; values that are not visible ASCII are left out."""
        return Headers(self._connection.headers.items())

    def header(self, name: str, default: str | None = None) -> str | None:
        """The first value of one header."""
        return self.headers.get(name, default)

    @cached_property
    def cookies(self) -> dict[str, str]:
        """Cookies by name; of two with one name the first counts, which is the one with the more exact path."""
        return parse_cookies(cookie_text(self._connection.headers))

    @property
    def last_event_id(self) -> str | None:
        """The id of the last event that an EventSource has seen before it connected again (WHATWG HTML section 9.2.3)."""
        return self.header("last-event-id") or None

    @cached_property
    def client(self) -> tuple[str, int | None] | None:
        """Address and port of the peer, None where the server does not know them (a Unix socket).

        Behind a proxy of the app's `proxy_headers`, of whom it speaks for; the port is None where it does not tell.
        """
        return self._connection.client if self.route.proxies is None else self._source.client

    @cached_property
    def scheme(self) -> str:
        """`http`, `https`, `ws` or `wss`, as the server sees it, or as a proxy of the app's `proxy_headers` says."""
        return self._connection.scheme if self.route.proxies is None else self._source.scheme

    def url_for(self, name: str, /, **params: object) -> str:
        """The path of the route `name` of this app, as `app.url_for` makes it, below the prefix where it is mounted and `root_path`."""
        root = quote_path(self.root_path) if self.root_path else ""
        return root + self.route.mounted_at + str(self.app.url_for(name, **params))

    @cached_property
    def _source(self) -> Source:
        """What is believed of what the peer says; only where the app has proxies."""
        connection = self._connection
        return self.route.proxies.resolve(  # type: ignore[union-attr]  # ty: ignore[missing-union-attribute]
            connection.headers, connection.client, connection.scheme
        )

    @cached_property
    def host(self) -> str:
        """The host without its port, lower-case, as the client named it; the server's own address where it named none.

        Raises BadRequest for one that is no host, which a proxy of the app's `proxy_headers` may have passed on.
        """
        return self._host[0]

    @cached_property
    def _host(self) -> tuple[str, int | None]:
        connection = self._connection
        # Where a client sends both, which must be equal (RFC 9113 section 8.3.1), it is the one that was checked: see `Dialect.hosts`.
        named, port = self.headers.get("host") or connection.authority, None
        if self.route.proxies is not None:
            named, port = self._source.host or named, self._source.port
        if named:
            try:
                host, own_port = parse_host(named)
            except ValueError:
                raise BadRequest("Invalid host header") from None
            return host, port if own_port is None else own_port
        return connection.server or ("localhost", None)

    def forwarded_hosts(self, hosts: Sequence[str | bytes]) -> Sequence[str | bytes]:
        """All Host lines, or the one that a trusted proxy was sent in their place; only where the app has proxies.

        Raises BadRequest for one that is no host. A port alone makes no host.
        """
        source = self._source
        if source.host is None and (source.port is None or not any(hosts)):
            return hosts
        return (join_host(*self._host),)

    @cached_property
    def url(self) -> URL:
        """The whole URL; its path is the one that was routed, below `root_path`, whatever the Host header says.

        Raises BadRequest for a request target that is no path, and as `host` does.
        """
        if self.path[:1] != "/" and self.path != "*":
            raise BadRequest("Invalid request target")
        host, port = self._host
        path = self.path if self.path == "*" else self.root_path + self.path
        return URL(self.scheme, host, port, path, self.query_string)


class Request(Exchange):
    """One HTTP request. Made only for handlers, dependencies and middleware that ask for it."""

    # Set by handlers that have wrapping middleware: how far in the request has come, and what is still to be torn down.
    depth: int = 0
    teardown: Any = None
    unfinished: bool = False
    """Whether something is left to be done after the answer: waits to be ended, files to be closed, background tasks to be run."""
    missed: tuple[Any, ...] = ()
    """Headers of middleware that an exception has passed on its way out, inner first."""

    def __init__(
        self,
        connection: HTTPConnection,
        values: Sequence[object],
        route: Route,
        state: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(connection, values, route, state)
        self.connection = connection
        self._body: bytes | None = None
        self._lost: Exception | None = None
        self._form: FormData | None = None

    def enter(self, depth: int) -> None:
        """Note that `call_next` of a wrapping middleware was called; RuntimeError when it is called twice."""
        if self.depth >= depth:
            raise RuntimeError(
                "call_next was called twice for one request: call it once and keep its response"
            )
        self.depth = depth

    @cached_property
    def method(self) -> str:
        """GET, POST, ..., as sent; methods are case-sensitive (RFC 9110 section 9.1)."""
        return self.connection.method

    @cached_property
    def http_version(self) -> str:
        """ "1.0", "1.1" or "2"."""
        return self.connection.http_version

    async def body(self) -> bytes:
        """The whole body; safe to call twice.

        Raises PayloadTooLargeException beyond the route's `max_content_length`, RequestTimeout when it comes too slowly,
        ClientDisconnected when it was cut off, and
        RuntimeError after `stream()` took it.
        """
        if self._body is None:
            self._take("keep what it gave, or call body() first")
            try:
                self.connection.body_timeout = self._body_timeout
                self._body = await self.connection.read_body(self.route.max_content_length)
            except Exception as exc:
                self.lose_body(exc)
                raise
        return self._body

    async def stream(self) -> AsyncGenerator[bytes, None]:
        """The body as it arrives, in chunks of the server's choice; raises as `body()` does."""
        if self._body is not None:
            if self._body:
                yield self._body
            return
        self._take("it can be streamed once")
        chunks = self.connection.read_chunks(self.route.max_content_length)
        if self._body_timeout is not None:
            chunks = paced(chunks, self._body_timeout)
        try:
            async for chunk in chunks:
                yield chunk
        except (HTTPException, ClientDisconnected) as exc:
            self.lose_body(exc)
            raise

    @cached_property
    def carried(self) -> dict[str, Any]:
        """What a handler carries from one side of a wrapping middleware to the other."""
        return {}

    @property
    def _body_timeout(self) -> float | None:
        return getattr(self.app, "body_timeout", None)

    def keep_body(self, body: bytes) -> None:
        """Note the body, where it was read past this request: a server gives it once."""
        self._body = body

    def lose_body(self, exc: Exception) -> None:
        """Note that reading the body has failed, so that whoever asks for it again is told the same at once."""
        self._lost = exc

    def _take(self, advice: str) -> None:
        """The body may be read from its connection, once."""
        if self._lost is not None:
            raise self._lost
        self._lost = RuntimeError(
            f"the body was read as it arrived, by request.stream(), form() or multipart(): {advice}"
        )

    async def text(self) -> str:
        """The body as UTF-8 text; BadRequest when it is none."""
        try:
            return str(await self.body(), "utf-8")
        except UnicodeDecodeError:
            raise BadRequest("the body is not UTF-8 text") from None

    async def json(self) -> Any:
        """The body as JSON, whatever its content type says; BadRequest when it is none."""
        encoder: JSONEncoder = getattr(self.app, "json_encoder", None) or best_encoder()
        return decode_body(await self.body(), encoder)

    async def form(self, limits: FormLimits | None = None) -> FormData:
        """The body as a form, urlencoded or multipart; safe to call twice. Its files are closed when the request is over.

        Raises UnsupportedMediaType for what is no form, BadRequest for a broken one, PayloadTooLargeException beyond `limits`
        (the route's where none are given), and as `stream()` does.
        """
        if self._form is None:
            from velocipy.http.forms import receive_form

            async with aclosing(self.stream()) as chunks:
                try:
                    self._form = await receive_form(
                        self.header("content-type"),
                        chunks,
                        limits or self._form_limits(),
                        self.header("content-encoding"),
                    )
                except (HTTPException, ClientDisconnected) as exc:
                    if self._lost is not None:  # the body was begun, and not just refused for its type
                        self.lose_body(exc)
                    raise
            self.unfinished = True
        return self._form

    def multipart(self, limits: FormLimits | None = None) -> MultipartReader:
        """The parts of a multipart form as they arrive: `async for part in request.multipart():`; nothing is kept.

        Raises as `form()` does: here for the headers, and in the iteration for the body.
        """
        from velocipy.http.multipart import multipart_parts

        return multipart_parts(
            self.header("content-type"),
            self.stream(),
            limits or self._form_limits(),
            self.header("content-encoding"),
        )

    def _form_limits(self) -> FormLimits:
        from velocipy.http.forms import DEFAULT_LIMITS

        return self.route.form_limits or DEFAULT_LIMITS

    async def close_form(self) -> None:
        """Close the files of a form that was read; safe to call twice, and without one."""
        if self._form is not None:
            await self._form.close()

    @cached_property
    def background(self) -> BackgroundTasks:
        """What runs after the answer, if that is no error; `BackgroundTasks` in a signature is this."""
        from velocipy.background import BackgroundTasks

        self.unfinished = True
        return BackgroundTasks()

    def drop_background(self) -> None:
        """The request has failed: what was to follow its success does not run."""
        if "background" in self.__dict__:
            self.background.tasks.clear()

    async def abandon(self) -> None:
        """Let go of what the request holds; no background tasks follow."""
        self.connection.complete()
        await self.close_form()

    async def finish(self) -> None:
        """Do what is left after the answer: end waits for the client's leaving, close the form, then run background tasks."""
        await self.abandon()
        if "background" in self.__dict__ and self.background.tasks:
            await self.app.jobs.run(self.background)

    async def disconnected(self) -> None:
        """Return once the client has left: await it in a task beside the work, or in `asyncio.wait`.

        Cancelled when the answer is complete. The body can still be read, meanwhile or afterwards.
        """
        self.unfinished = True
        await self.connection.leaving.wait()

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path!r}>"
