"""One way to ask the app of the cases, in this process or over a socket of a server. Knows requests and answers; no case.

    answer = target.ask("GET", "/plain", ("x-a", "b"))      a WireResponse, or None where the server hung up without one
    with target.open("POST", "/item", JSON) as sending:     a body in pieces: chunks on a socket, unless a length is declared
        sending.feed(b"..."), sending.end(), sending.cut(), sending.answer()

Nothing is repaired: names, values and targets go out as they are given, as latin-1.
"""

from __future__ import annotations

import json
import logging
import socket
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from servers import RunningServer
from wire import WireResponse, read_talk

from velocipy.testing import TestClient
from velocipy.testing.errors import ServerClosed

Text = str | bytes
Pair = tuple[Text, Text]
TIMEOUT = 10.0
# A loaded machine may take this many times as long as the list allows.
PATIENCE = 10.0


def raw(text: Text) -> bytes:
    """Text as it goes over the wire."""
    return text.encode("latin-1") if isinstance(text, str) else text


@dataclass(frozen=True, slots=True)
class State:
    """What the serving process holds: who it is, how many files are open, how many tasks run."""

    pid: int
    files: int
    tasks: int


class Sending(ABC):
    """One request whose body is sent by hand."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.cut()

    @abstractmethod
    def feed(self, piece: bytes) -> bool:
        """Sends a piece of the body; False says that nobody takes it."""

    @abstractmethod
    def end(self) -> None:
        """The body is complete."""

    @abstractmethod
    def cut(self) -> None:
        """The client leaves, wherever it is."""

    @abstractmethod
    def begun(self) -> bytes:
        """Waits for the first bytes of the answer's body."""

    @abstractmethod
    def answer(self) -> WireResponse | None:
        """The answer, as far as it came."""


class Target(ABC):
    """The app of the cases, somewhere. `asked` counts requests since the case began."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked = 0

    @property
    def on_wire(self) -> bool:
        """Whether a server and a socket are between us and the app."""
        return isinstance(self, WireTarget)

    @abstractmethod
    def open(self, method: str, target: Text, *headers: Pair, host: Text | None = "a.test") -> Sending:
        """Begins a request with a body; on a socket it comes in chunks unless a Content-Length is among the headers."""

    @abstractmethod
    def ask(
        self,
        method: str,
        target: Text,
        *headers: Pair,
        host: Text | None = "a.test",
        body: bytes | None = None,
    ) -> WireResponse | None:
        """One request and its answer; a body has its Content-Length. None stands for no Host line, and for no answer."""

    @abstractmethod
    def log(self) -> str:
        """What was logged since the case began; on a server, all that it wrote."""

    def told(self, method: str, target: Text, *headers: Pair, **more: Any) -> WireResponse:
        """The same as `ask`, of a server that answers."""
        answer = self.ask(method, target, *headers, **more)
        assert answer is not None, f"{self.name} did not answer {method} {target!r}"
        return answer

    def json(self, target: str) -> Any:
        """What a GET of that gives."""
        answer = self.told("GET", target)
        assert answer.status == 200, answer
        return json.loads(answer.body)

    def state(self) -> State:
        """What the serving process holds now."""
        return State(**self.json("/state"))

    def count(self, name: str) -> int:
        """How often an endpoint of that name ran to its end; the app counts by `tally`."""
        return int(self.json("/tally").get(name, 0))

    def counted(self, name: str, expected: int) -> bool:
        """Whether that number is reached, within a while."""
        return soon(lambda: self.count(name) == expected)


def soon(holds: Any, seconds: float = 20.0) -> bool:
    """Whether something comes to hold within so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


# -- in this process ---------------------------------------------------------------------------------------------------


class Lines(logging.Handler):
    """Keeps what is logged, as a server's log would show it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class ProcessTarget(Target):
    """The app by a test client, over one protocol."""

    def __init__(self, name: str, client: TestClient) -> None:
        super().__init__(name)
        self.client = client
        self._lines = Lines()

    def listen(self) -> Lines:
        """The handler that keeps the log of a case."""
        self._lines = Lines()
        return self._lines

    def log(self) -> str:
        return "\n".join(self._lines.lines)

    def ask(
        self,
        method: str,
        target: Text,
        *headers: Pair,
        host: Text | None = "a.test",
        body: bytes | None = None,
    ) -> WireResponse | None:
        length: tuple[Pair, ...] = () if body is None else (("content-length", str(len(body))),)
        with self.open(method, target, *headers, *length, host=host) as sending:
            sending.feed(body or b"")
            sending.end()
            return sending.answer()

    def open(self, method: str, target: Text, *headers: Pair, host: Text | None = "a.test") -> Sending:
        self.asked += 1
        own: tuple[Pair, ...] = () if host is None else (("host", host),)
        return _InProcess(self.client.exchange(method, target, headers=[*own, *headers], body=None))


class _InProcess(Sending):
    def __init__(self, exchange: Any) -> None:
        self._exchange = exchange
        self._done = False
        self._ended = False
        self._first = b""

    def feed(self, piece: bytes) -> bool:
        return bool(self._exchange.feed(piece))

    def end(self) -> None:
        self._ended = True
        self._exchange.end()

    def cut(self) -> None:
        if not self._done:
            self._done = True
            (self._exchange.leave if self._ended else self._exchange.cut)()

    def begun(self) -> bytes:
        self._exchange.head()
        self._first = self._exchange.chunk() or b""
        return self._first

    def answer(self) -> WireResponse | None:
        try:
            head = self._exchange.head()
        except ServerClosed:
            return None
        body, whole = self._first, True
        try:
            for chunk in self._exchange:
                body += chunk
        except ServerClosed:
            whole = False
        self._done = True
        return told_nothing(WireResponse(head.status, b"", head.headers, body, whole))


# -- on a socket -------------------------------------------------------------------------------------------------------


class WireTarget(Target):
    """The app on a server. Each request has a connection of its own, which the server is asked to close."""

    def __init__(self, name: str, server: RunningServer) -> None:
        super().__init__(name)
        self.server = server
        self._seen = len(server.log())

    @property
    def port(self) -> int:
        return self.server.port

    def listen(self) -> None:
        """The log of a case begins here."""
        self._seen = len(self.server.log())

    def log(self) -> str:
        return self.server.log()[self._seen :]

    def head(self, method: str, target: Text, *headers: Pair, host: Text | None = "a.test") -> bytes:
        """Request line and headers."""
        own: tuple[Pair, ...] = () if host is None else (("Host", host),)
        fields = [raw(name) + b": " + raw(value) for name, value in (*own, *headers)]
        return b"\r\n".join([raw(method) + b" " + raw(target) + b" HTTP/1.1", *fields, b"", b""])

    def ask(
        self,
        method: str,
        target: Text,
        *headers: Pair,
        host: Text | None = "a.test",
        body: bytes | None = None,
    ) -> WireResponse | None:
        self.asked += 1
        length: tuple[Pair, ...] = () if body is None else (("Content-Length", str(len(body))),)
        head = self.head(method, target, *headers, *length, ("Connection", "close"), host=host)
        with self.connect() as connection:
            with suppress(OSError):  # it may hang up before it has read all
                connection.sendall(head + (body or b""))
            return read_answer(connection, method)

    def connect(self) -> socket.socket:
        """A new connection to the server."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT)

    def open(self, method: str, target: Text, *headers: Pair, host: Text | None = "a.test") -> Sending:
        self.asked += 1
        declared = any(raw(name).lower() == b"content-length" for name, _ in headers)
        framing: tuple[Pair, ...] = () if declared else (("Transfer-Encoding", "chunked"),)
        connection = self.connect()
        connection.sendall(self.head(method, target, *headers, *framing, ("Connection", "close"), host=host))
        return _OnSocket(connection, method, chunked=not declared)


class _OnSocket(Sending):
    def __init__(self, connection: socket.socket, method: str, *, chunked: bool) -> None:
        self._connection = connection
        self._method = method
        self._chunked = chunked

    def feed(self, piece: bytes) -> bool:
        if not piece:
            return True
        framed = b"%x\r\n%s\r\n" % (len(piece), piece) if self._chunked else piece
        return self._send(framed)

    def end(self) -> None:
        if self._chunked:
            self._send(b"0\r\n\r\n")

    def _send(self, data: bytes) -> bool:
        try:
            self._connection.sendall(data)
        except OSError:
            return False
        return True

    def cut(self) -> None:
        self._connection.close()

    def begun(self) -> bytes:
        self._connection.settimeout(TIMEOUT)
        data = b""
        while not data.partition(b"\r\n\r\n")[2]:
            piece = self._connection.recv(65_536)
            assert piece, data
            data += piece
        return data.partition(b"\r\n\r\n")[2]

    def answer(self) -> WireResponse | None:
        return read_answer(self._connection, self._method)


def read_answer(connection: socket.socket, method: str) -> WireResponse | None:
    """The one answer of a connection; None where it was closed without one. Nothing may follow it."""
    talk = read_talk(connection, [raw(method)], TIMEOUT)
    assert not talk.surplus or not talk.responses, talk
    return told_nothing(talk.responses[0]) if talk.responses else None


def told_nothing(answer: WireResponse) -> WireResponse:
    """The answer, which tells no traceback unless it is the page of an app in debug."""
    assert b"Traceback (most recent call last)" not in answer.body or answer.body.startswith(
        b"<!doctype html>"
    )
    return answer
