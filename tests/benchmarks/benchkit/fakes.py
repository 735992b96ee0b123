"""The least that a server is to an app, per protocol. Knows what raw and compiled handlers touch; does not know HTTP or sockets.

A call through these costs what the app's own code costs: attributes are slots, answers are kept and not sent. The real objects
of a server are slower to touch (0.03-0.2 us each on Granian), so ratios here are harsher than on a socket.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Generator
from types import coroutine
from typing import Any, Final, NamedTuple

from benchkit.workloads import Ask

HOST: Final = "127.0.0.1:8000"
Call = Callable[[], Awaitable[None]]


class FakeHeaders:
    """Granian's header object: the methods that an app may use, over one dict."""

    __slots__ = ("_lists", "_pairs", "get")

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs
        self._lists: dict[str, list[str]] = {}
        for key, value in pairs:
            self._lists.setdefault(key, []).append(value)
        self.get = dict(pairs).get

    def get_all(self, name: str) -> list[str]:
        """Granian's own takes 130 ns, a third more than its `get`."""
        return self._lists.get(name, [])[:]

    def items(self) -> list[tuple[str, str]]:
        return list(self._pairs)

    def keys(self) -> list[str]:
        return [key for key, _ in self._pairs]

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self._pairs)

    def __getitem__(self, name: str) -> str:
        return dict(self._pairs)[name]


class FakeScope:
    """An RSGI scope."""

    __slots__ = (
        "authority", "client", "headers", "http_version", "method", "path", "proto", "query_string", "rsgi_version", "scheme",
        "server",
    )  # fmt: skip

    def __init__(self, ask: Ask) -> None:
        self.proto, self.rsgi_version, self.http_version, self.scheme = "http", "1.6", "1.1", "http"
        self.server, self.client, self.authority = HOST, "127.0.0.1:50000", None
        self.method = ask.method
        self.path, _, self.query_string = ask.target.partition("?")
        self.headers = FakeHeaders(pairs_of(ask))


class FakeProtocol:
    """An RSGI protocol that keeps the last answer as (status, headers, body)."""

    __slots__ = ("answer", "body")

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.answer: tuple[int, Any, bytes | str] = (0, (), b"")

    async def __call__(self) -> bytes:
        return self.body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.body
        yield b""

    def response_empty(self, status: int, headers: Any) -> None:
        self.answer = (status, headers, b"")

    def response_str(self, status: int, headers: Any, body: str) -> None:
        self.answer = (status, headers, body)

    def response_bytes(self, status: int, headers: Any, body: bytes) -> None:
        self.answer = (status, headers, body)

    def response_file(self, status: int, headers: Any, file: str) -> None:
        self.answer = (status, headers, file)

    def response_file_range(self, status: int, headers: Any, file: str, start: int, end: int) -> None:
        self.answer = (status, headers, file)

    def response_stream(self, status: int, headers: Any) -> FakeProtocol:
        self.answer = (status, headers, b"")
        return self

    async def send_bytes(self, chunk: bytes) -> None:
        status, headers, sent = self.answer
        self.answer = (status, headers, sent + chunk)  # type: ignore[operator]


def pairs_of(ask: Ask) -> list[tuple[str, str]]:
    """The header lines that the load generators send, names in lower case."""
    length = [("content-length", str(len(ask.body)))] if ask.body else []
    return [("host", HOST), *ask.headers, *length]


def rsgi_call(app: Any, ask: Ask) -> tuple[Call, FakeProtocol]:
    """A function that has `app` answer the request once, and the protocol that keeps the answer."""
    entry = getattr(app, "__rsgi__", app)
    scope, protocol = FakeScope(ask), FakeProtocol(ask.body)
    return (lambda: entry(scope, protocol)), protocol


def asgi_scope(ask: Ask) -> dict[str, Any]:
    path, _, query = ask.target.partition("?")
    return {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": ask.method,
        "scheme": "http", "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in pairs_of(ask)],
        "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 8000),
    }  # fmt: skip


def asgi_call(app: Any, ask: Ask) -> tuple[Call, list[dict[str, Any]]]:
    """As `rsgi_call`; the list holds the messages of the last answer."""
    sent: list[dict[str, Any]] = []
    request = {"type": "http.request", "body": ask.body, "more_body": False}
    scope = asgi_scope(ask)

    async def receive() -> dict[str, Any]:
        return request

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            sent.clear()
        sent.append(message)

    return (lambda: app(dict(scope), receive, send)), sent


class TextMessage(NamedTuple):
    """What comes over a WebSocket of RSGI: 2 is text."""

    data: str
    kind: int = 2


@coroutine
def _no_message_yet() -> Generator[None, None, None]:
    yield


class Talk:
    """A conversation over a WebSocket that is driven by hand: `await talk()` brings one message and runs the app until it waits again.

    No event loop stands in between, so a call costs what the app does for a message. It is opened by the first call.
    """

    def __init__(self, open_: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._open = open_
        self._conversation: Coroutine[Any, Any, None] | None = None

    async def __call__(self) -> None:
        if self._conversation is None:
            self._conversation = self._open()
            self._conversation.send(None)
        self._conversation.send(None)


class FakeTransport:
    """An RSGI WebSocket over which one text comes again and again; it keeps what was sent last."""

    __slots__ = ("_message", "sent")

    def __init__(self, text: str) -> None:
        self._message = TextMessage(text)
        self.sent: str | bytes = b""

    async def accept(self) -> FakeTransport:
        return self

    async def receive(self) -> TextMessage:
        await _no_message_yet()
        return self._message

    async def send_str(self, text: str) -> None:
        self.sent = text

    async def send_bytes(self, data: bytes) -> None:
        self.sent = data

    @property
    def answer(self) -> tuple[int, Any, bytes | str]:
        """As FakeProtocol has it."""
        return 101, (), self.sent

    def close(self, status: int | None = None) -> None:
        raise AssertionError(f"the app closed with {status}")


def rsgi_talk(app: Any, ask: Ask, message: bytes) -> tuple[Call, FakeTransport]:
    """A function that has `app` answer one message more, and the transport that keeps the answer."""
    entry = getattr(app, "__rsgi__", app)
    scope, transport = FakeScope(ask), FakeTransport(message.decode())
    scope.proto = "ws"
    return Talk(lambda: entry(scope, transport)), transport


def asgi_talk(app: Any, ask: Ask, message: bytes) -> tuple[Call, list[dict[str, Any]]]:
    """As `rsgi_talk`; the list holds the message that was sent last."""
    sent: list[dict[str, Any]] = []
    scope = asgi_scope(ask) | {"type": "websocket", "scheme": "ws", "subprotocols": []}
    coming = {"type": "websocket.receive", "text": message.decode()}

    async def receive() -> dict[str, Any]:
        if not sent:
            return {"type": "websocket.connect"}
        await _no_message_yet()
        return coming

    async def send(message: dict[str, Any]) -> None:
        sent[:] = (message,)

    return Talk(lambda: app(dict(scope), receive, send)), sent
