"""The seam to servers: what a protocol adapter supplies, and nothing about any one protocol.

A `Dialect` is a table of expressions that the handler compiler lays into generated source, for the way of nearly every
request. `HTTPConnection` and `WebSocketConnection` are the objects behind `Request` and `WebSocket`, made only where
something asks for one. Everything that is true of HTTP whatever the server is decided before it gets here: statuses,
headers and lengths that reach a connection have passed the gate.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, cast

from velocipy import plugins
from velocipy.exceptions import ConfigurationError, WebSocketDisconnect
from velocipy.http.gathering import gather
from velocipy.http.leaving import Leaving
from velocipy.http.writing import Writer

if TYPE_CHECKING:
    import asyncio
    from os import PathLike

    from velocipy.lifespan import Served

    LifespanCall = Callable[[Served, asyncio.AbstractEventLoop], asyncio.Task[None] | None]
    """Start or stop; on a loop that runs already this is only begun, and the task is what goes on."""

GROUP = "velocipy.protocols"

HeaderPairs = Sequence[tuple[str, str]]
"""Lower-case names and checked values, in order, duplicates kept."""


class RequestHeaders(Protocol):
    """What compiled handlers read headers from; names are asked for in lower case.

    A value that is not visible ASCII counts as missing on every protocol, since RSGI servers do not pass it on.
    """

    def get(self, name: str, default: str | None = None, /) -> str | None:
        """The first value of that name."""
        ...

    def get_all(self, name: str, /) -> list[str]:
        """Every value of that name, in order."""
        ...

    def items(self) -> Any:
        """All (name, value) pairs, in order, duplicates kept."""
        ...


class RequestMethod(str):
    """Annotation of what is filled with the method: "GET"; a plain str at run time, as the four after it. A WebSocket's is GET."""


class RequestScheme(str):
    """Annotation of what is filled with the scheme: `request.scheme`, or that of a WebSocket, without a Request."""


class RequestPath(str):
    """Annotation of what is filled with the decoded path that was routed."""


class RequestRootPath(str):
    """Annotation of what is filled with what stands before the path in the client's URL: `request.root_path`, mostly ""."""


class RequestQuery(str):
    """Annotation of what is filled with the query as sent, without `?`."""


class RequestHosts(Sequence["str | bytes"]):
    """Annotation of what is filled with all Host lines, or the authority, or what a trusted proxy was sent in their place.

    Of an HTTP request they are unchecked: `velocipy.http.url.check_host` knows what they must be.
    """


class ResponseStream(Writer):
    """A body on its way out, chunk by chunk."""

    @abstractmethod
    async def close(self) -> None:
        """End the body as complete."""

    @abstractmethod
    def abort(self) -> None:
        """End the body as broken, wherever the server has a way to show that to the client."""


class HTTPConnection(ABC):
    """One HTTP exchange as its server shows it. Attributes are read once each by `Request`, which keeps them."""

    method: str
    path: str
    root_path: str = ""
    """What stands before `path` in the client's URL, as "/api", where the protocol has something of the kind."""
    query_string: str
    http_version: str
    scheme: str
    headers: RequestHeaders
    client: tuple[str, int | None] | None
    server: tuple[str, int | None] | None
    authority: str | None
    started: bool = False
    """Whether an answer has begun; every method that sends sets it first."""
    completed: bool = False
    """Whether the answer is complete."""
    is_left: bool = False
    """Whether the client is known to have left, which nobody knows where nobody waits for it."""
    body_timeout: float | None = None
    """How many seconds `read_body` may wait without progress, as `velocipy.http.pace` counts them; it raises RequestTimeout then."""
    _leaving: Leaving | None = None

    @abstractmethod
    async def read_body(self, limit: int) -> bytes:
        """The whole body. Raises PayloadTooLargeException beyond `limit` bytes, ClientDisconnected when it is cut off."""

    @abstractmethod
    def read_chunks(self, limit: int) -> AsyncIterator[bytes]:
        """The body as it arrives, no empty chunks; raises as `read_body` does."""

    @abstractmethod
    async def disconnected(self) -> None:
        """Return once the client has left, never while it is there. For `leaving` alone, which awaits it once at a time."""

    @property
    def leaving(self) -> Leaving:
        """Where everybody waits for the client to leave, or is told."""
        if self._leaving is None:
            self._leaving = Leaving(self.disconnected, self._note_left)
            self._leaving.ended = self.completed
        return self._leaving

    def _note_left(self) -> None:
        self.is_left = True

    def complete(self) -> None:
        """The answer is complete: who still waits for the client to leave is cancelled. Every method that sends calls it."""
        self.completed = True
        if self._leaving is not None:
            self._leaving.end()

    @abstractmethod
    async def send(self, status: int, headers: HeaderPairs, body: bytes) -> None:
        """Answer with a body and its Content-Length."""

    @abstractmethod
    async def send_empty(self, status: int, headers: HeaderPairs) -> None:
        """Answer without a body; a Content-Length in `headers` is what a GET would have had (HEAD, 304)."""

    @abstractmethod
    async def send_file(
        self, status: int, headers: HeaderPairs, path: str | PathLike[str], start: int, stop: int
    ) -> None:
        """Answer with bytes `start` to `stop` (exclusive) of a file; `headers` hold their Content-Length."""

    @abstractmethod
    async def start_stream(self, status: int, headers: HeaderPairs, bulk: bool = False) -> ResponseStream:
        """Answer with a body that is written piece by piece.

        `bulk` says that it is long and comes fast: where writing does not wait for slow clients, it is sent another way that does.
        """

    async def stream(
        self,
        status: int,
        headers: HeaderPairs,
        copy: Callable[[ResponseStream], Awaitable[None]],
        bulk: bool = False,
    ) -> None:
        """Answer with what `copy` writes; what it raises breaks the body off."""
        stream = await self.start_stream(status, headers, bulk)
        try:
            await copy(stream)
            await stream.close()
        except BaseException:
            stream.abort()
            raise

    async def send_all(
        self,
        status: int,
        headers: HeaderPairs,
        items: AsyncGenerator[Any, None],
        to_bytes: Callable[[Any], bytes],
    ) -> None:
        """Answer with what `to_bytes` makes of each item; what is raised breaks the body off and closes the generator.

        What comes without a wait goes out together (`velocipy.http.gathering`). An adapter writes its own where that takes fewer calls.
        """

        async def copy(stream: ResponseStream) -> None:
            if rest := await gather(items, to_bytes, stream.write):
                await stream.write(rest)

        try:
            await self.stream(status, headers, copy)
        except BaseException:
            await items.aclose()
            raise


class Capabilities(NamedTuple):
    """What this server lets a WebSocket do; asking for what is False raises before anything is sent."""

    subprotocols: bool
    accept_headers: bool
    close_codes: bool
    """Without it the peer sees 1005, no code, whatever `close` is given."""
    denial_status: bool
    denial_body: bool = False
    """Whether a refusal may have headers and a body; without it they are left out, and nothing raises."""


class WebSocketConnection(ABC):
    """One WebSocket as its server shows it; states and legality are `WebSocket`'s business, not this one's."""

    path: str
    root_path: str = ""
    query_string: str
    scheme: str
    headers: RequestHeaders
    client: tuple[str, int | None] | None
    server: tuple[str, int | None] | None = None
    authority: str | None = None
    subprotocols: Sequence[str]
    capabilities: Capabilities
    receiving: bool = False
    """Whether a task waits for a message; `WebSocket` sees to it that only one does."""

    @abstractmethod
    async def accept(self, subprotocol: str | None, headers: HeaderPairs) -> None:
        """Complete the handshake."""

    @abstractmethod
    async def deny(self, status: int, headers: HeaderPairs = (), body: bytes = b"") -> None:
        """Refuse the handshake with an HTTP status from 400 to 599, and what else the server can send with it."""

    @abstractmethod
    def receive(self) -> Awaitable[Any]:
        """What comes next, as `read` takes it. An awaitable, which may be the server's own: no coroutine need stand in between.

        What is raised at the call or at the await is shown to `left_by`; so it is with sends.
        """

    @abstractmethod
    def read(self, message: Any) -> str | bytes:
        """The text or the bytes of it. Raises WebSocketDisconnect, with the peer's code and reason, where it is the end."""

    @abstractmethod
    def send_text(self, text: str) -> Awaitable[None]:
        """Send a text message."""

    @abstractmethod
    def send_bytes(self, data: bytes) -> Awaitable[None]:
        """Send a binary message."""

    def left_by(self, exc: Exception) -> WebSocketDisconnect | None:
        """What a receive or a send has raised -> the WebSocketDisconnect that it stands for, None where the peer has not left.

        An adapter whose server has exceptions of its own for that knows them here.
        """
        return exc if isinstance(exc, WebSocketDisconnect) else None

    @abstractmethod
    async def close(self, code: int, reason: str) -> None:
        """Close an accepted WebSocket."""


@dataclass(frozen=True)
class Dialect:
    """How generated code reads and sends over one protocol.

    Every str is Python source, laid in as it stands; `{}` fields are filled with names or integers of the compiler's own, never
    with anything of the user's. Functions that the source names stand in `env`.
    """

    name: str
    args: tuple[str, ...]
    """Parameters of an entry and of a handler that sends; handlers take `values` after them."""
    is_socket: str
    """Truth of this: the exchange is a WebSocket."""
    method: str
    path: str
    """The request method, and the percent-decoded path, of an HTTP exchange."""
    headers: str
    """A RequestHeaders; bound to the local `headers` once."""
    query_text: str
    """The raw query as text, without `?`."""
    connect: str
    """A new HTTPConnection."""
    connect_socket: str
    """A new WebSocketConnection."""
    unpack: tuple[str, ...]
    """Statements that set every name of `args` again from the local `connection`."""
    read_body: str
    """An awaitable of the body; `{limit}` is the most bytes, `{seconds}` what `velocipy.http.pace` calls so, or None, and `{length}`
    the Content-Length as `field` has it. `args` are bound.
    """
    send_body: tuple[str, ...]
    """Statements that answer `{status}` with `{headers}` (native) and the local `body` of bytes."""
    send_empty: tuple[str, ...]
    """Statements that answer `{status}` with `{headers}` (native) and no body."""
    enter: tuple[str, str]
    """The head of the entry function, and what stands before the call of a handler: `("async def enter", "await ")`."""
    prelude: tuple[str, ...]
    """Statements at the head of the entry, for exchanges of the protocol that are neither HTTP nor WebSocket; may use `app`."""
    native: Callable[[HeaderPairs], Sequence[Any]]
    """Checked pairs -> the form that send_body takes."""
    send_counted: tuple[str, ...] = ()
    """The same where `{headers}` hold the Content-Length already, as those of a constant body do; none where a server counts it."""
    root_path: str = "''"
    """What stands before the path in the client's URL, as "/api"."""
    scheme: str | None = None
    """The scheme of an HTTP exchange as the server sees it; where it is not given, a connection is asked."""
    hosts: tuple[str, ...] = ("hosts = headers.get_all('host')",)
    """Lines that leave in `hosts` every Host line, or the authority that a protocol has in its place; `headers` is bound where the
    first one takes them from there. They may use `name` and `value`."""
    fields: tuple[str, ...] = ()
    """Statements that leave in `first` a mapping of each name to its first line, for handlers that look a few up; none where
    `headers` is as cheap."""
    headers_of_fields: str | None = None
    """A RequestHeaders made of `first`, and of what else these statements leave."""
    hosts_of_fields: str | None = None
    """What `hosts` are, as an expression of the same."""
    hosts_in_place: str | None = None
    """The same in an expression that calls nothing where there is one Host line."""
    knows_host: str | None = None
    """Truth of this: there is one Host line, which is in `known_hosts`."""
    field: Callable[[str, str], str] = "{0}.get({1!r})".format
    """(the local of a mapping, a lower-case name) -> what stands there, in the server's form: `first.get(b"host")`."""
    field_text: Callable[[str, str, str], str] = "{0}.get({1!r}, {2})".format
    """(that, the name, a default as source) -> the same as text, or the default; may use `value`."""
    field_joined: Callable[[str, str, str], str] = (
        "(value[0] if len(value := {0}.get_all({1!r})) == 1 else ', '.join(value) or {2})".format
    )
    """The same of all its lines, with a comma and a space between."""
    field_value: Callable[[str], str] = repr
    """An ASCII value -> its literal in that form."""
    env: Mapping[str, object] = dataclass_field(default_factory=dict[str, object])
    below: Callable[[Callable[..., Any], str], Callable[..., Any]] | None = None
    """(entry, root) -> the entry of an app that clients find below the root, "/api" say, of which the server knows nothing."""
    at_path: Callable[[Any, str], Any] | None = None
    """(scope, path) -> the first of `args` as it would be for a request of that path."""
    head: Callable[[Callable[..., Any]], Callable[..., Any]] | None = None
    """A handler -> the same for HEAD, where a server of the protocol does not leave the body out by itself."""
    start: LifespanCall | None = None
    stop: LifespanCall | None = None
    """Lifespan by calls of the server's, with its loop, where the protocol has no messages for it."""

    def for_method(self, method: str, handler: Callable[..., Any]) -> Callable[..., Any]:
        """The handler as it serves that method: HEAD may have one of its own."""
        return handler if self.head is None or method != "HEAD" else self.head(handler)

    def served_below(self, root: str, enter: Callable[..., Any]) -> Callable[..., Any]:
        """The entry of an app that clients find below a root. Raises ConfigurationError where the protocol cannot say so."""
        if self.below is None:
            raise ConfigurationError(
                f"{self.name} knows no root_path: mount the app at {root!r} in another one"
            )
        return self.below(enter, root)


def find_dialect(name: str) -> Dialect:
    """ "rsgi" -> its Dialect. Raises MissingAdapterError with the command that installs it."""
    return cast("Dialect", plugins.load(GROUP, name))
