"""Two ways to run the contract app: the in-process server and the real Granian. Knows how to ask both the same things."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import wire
from contract_app import ContractApp
from servers import RunningServer
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from velocipy.exceptions import WebSocketDisconnect
from velocipy.testing import ServerCrashed, ServerFault, TestClient, WebSocketDenied

# Granian adds the first two by itself; the third is the wire's, not the answer's.
SERVERS_OWN = frozenset((b"server", b"date", b"transfer-encoding"))

UPGRADE = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)


@dataclass(frozen=True)
class Answer:
    """`fault` is the name of a ServerFault, or what the wire shows where a real server commits it."""

    status: int = 0
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""
    fault: str | None = None

    def header(self, name: bytes) -> list[bytes]:
        return [value for key, value in self.headers if key == name]


@dataclass(frozen=True)
class Socket:
    """What a WebSocket client saw: the status of a refusal or 101, a subprotocol, messages, a close code."""

    status: int
    subprotocol: str | None = None
    messages: tuple[str | bytes, ...] = ()
    close: int | None = None


class Driver(ABC):
    """Runs experiments of a ContractApp."""

    @abstractmethod
    def ask(
        self, target: str, method: str = "GET", headers: Any = (), body: bytes | None = None
    ) -> Answer: ...

    @abstractmethod
    def cut(self, target: str, headers: Any, *pieces: bytes, whole: bool = False) -> None:
        """Sends a part of a request body, or the `whole` of it, and leaves."""

    @abstractmethod
    def socket(self, target: str, *send: str | bytes, end: str = "read", code: int = 1000) -> Socket:
        """Sends messages, reads as many answers, then reads on until the app closes, closes or loses the connection."""

    @abstractmethod
    def crashes(self, target: str, websocket: bool) -> bool:
        """Whether a request ends the server."""

    def notes(self, name: str, timeout: float = 5.0) -> Any:
        """What the experiment wrote down, once it ended."""
        deadline = time.monotonic() + timeout
        while (found := json.loads(self.ask(f"/notes/{name}").body)) is None:
            assert time.monotonic() < deadline, f"the experiment {name} did not end within {timeout} s"
            time.sleep(0.02)
        return found


class InProcess(Driver):
    """The in-process RSGI server."""

    def __init__(self) -> None:
        self.client = TestClient(
            ContractApp(), interface="rsgi", raise_server_exceptions=False, app_timeout=1.0
        )

    def ask(self, target: str, method: str = "GET", headers: Any = (), body: bytes | None = None) -> Answer:
        pairs = [
            ("host", "test"),
            *headers,
            *([("content-length", str(len(body)))] if body is not None else ()),
        ]
        with self.client.exchange(method, target, headers=pairs, body=body or b"") as exchange:
            head, body, fault_name = None, b"", None
            try:
                head = exchange.head()
                for chunk in exchange:
                    body += chunk
            except ServerFault as fault:
                fault_name = type(fault).__name__
            except ConnectionError:
                fault_name = "ServerClosed"
        if head is None:
            return Answer(fault=fault_name)
        return Answer(head.status, head.headers, body, fault_name)

    def cut(self, target: str, headers: Any, *pieces: bytes, whole: bool = False) -> None:
        method = "POST" if pieces else "GET"
        with self.client.exchange(
            method, target, headers=[("host", "test"), *headers], body=None
        ) as exchange:
            for piece in pieces:
                exchange.feed(piece)
            if pieces and not whole:
                exchange.cut()
            else:
                exchange.end()
                time.sleep(0.1)
                exchange.leave()

    def socket(self, target: str, *send: str | bytes, end: str = "read", code: int = 1000) -> Socket:
        try:
            with self.client.websocket_connect(target, ["a", "b"], timeout=5) as session:
                messages = []
                for data in send:
                    session.send_text(data) if isinstance(data, str) else session.send_bytes(data)
                    messages.append(session.receive())
                close = self.end(session, messages, end, code)
                return Socket(101, session.accepted_subprotocol, tuple(messages), close)
        except WebSocketDenied as denied:
            return Socket(denied.status_code)

    def end(self, session: Any, messages: list[str | bytes], end: str, code: int) -> int | None:
        if end == "lose":
            session.leave()
        elif end == "close":
            session.close(code, "bye")
        else:
            try:
                while True:
                    messages.append(session.receive())
                    session.send_text("went")
            except WebSocketDisconnect as closed:
                return closed.code
        return None

    def crashes(self, target: str, websocket: bool) -> bool:
        try:
            self.socket(target) if websocket else self.client.get(target)
        except ServerCrashed:
            return True
        return False


class Granian(Driver):
    """The real server."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.port = server.port

    def ask(self, target: str, method: str = "GET", headers: Any = (), body: bytes | None = None) -> Answer:
        raw = wire.request(method, target, headers, body)
        try:
            talk = wire.exchange(self.port, raw, timeout=1.0)
        except wire.Desync:
            return Answer(fault="WireDesync")
        if not talk.responses:
            return Answer(fault="ServerClosed" if talk.closed and not talk.surplus else "ResponseNeverEnds")
        response = talk.responses[0]
        headers = tuple(pair for pair in response.headers if pair[0] not in SERVERS_OWN)
        fault = "WireDesync" if talk.surplus else None if response.whole else "ServerClosed"
        return Answer(response.status, headers, response.body, fault)

    def cut(self, target: str, headers: Any, *pieces: bytes, whole: bool = False) -> None:
        method = "POST" if pieces else "GET"
        chunked = any(name == "transfer-encoding" for name, _ in headers)
        framed = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces] if chunked else list(pieces)
        wire.leave(self.port, wire.request(method, target, headers), *framed)

    def socket(self, target: str, *send: str | bytes, end: str = "read", code: int = 1000) -> Socket:
        url = f"ws://127.0.0.1:{self.port}{target}"
        offered = [Subprotocol("a"), Subprotocol("b")]
        messages: list[str | bytes] = []
        close = None
        try:
            with connect(
                url, subprotocols=offered, compression=None, proxy=None, close_timeout=1
            ) as connection:
                for data in send:
                    connection.send(data)
                    messages.append(connection.recv(timeout=5))
                if end == "lose":
                    connection.socket.close()
                elif end == "close":
                    connection.close(code, "bye")
                else:
                    close = self.read_on(connection, messages)
                return Socket(101, connection.subprotocol, tuple(messages), close)
        except InvalidStatus as refused:
            return Socket(refused.response.status_code)

    def read_on(self, connection: ClientConnection, messages: list[str | bytes]) -> int | None:
        try:
            while True:
                messages.append(connection.recv(timeout=1))
                connection.send("went")
        except (ConnectionClosed, TimeoutError):
            # Granian does not end the TCP connection after an app's close; the frame is what counts.
            frame = connection.protocol.close_rcvd
            return 1006 if frame is None else frame.code

    def crashes(self, target: str, websocket: bool) -> bool:
        headers = UPGRADE if websocket else ()
        wire.leave(self.port, wire.request("GET", target, headers), after=0.3)
        deadline = time.monotonic() + 3
        while self.server.alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        return not self.server.alive()
