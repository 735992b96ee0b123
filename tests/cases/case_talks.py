"""One way to talk over a WebSocket with the app of the cases, in this process or over a socket of a server. Knows no case.

with talk(target, "/sockets/echo", ("origin", "https://a.test")) as ws:     or Refused(status)
    ws.send("text"), ws.receive(), ws.code()
"""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from case_targets import TIMEOUT, ProcessTarget, Target, WireTarget
from contract_drivers import UPGRADE
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from velocipy.exceptions import WebSocketDisconnect
from velocipy.testing import WebSocketDenied

Message = str | bytes


class Refused(Exception):
    """The handshake was answered with another status than 101."""

    def __init__(self, status: int) -> None:
        super().__init__(f"refused with {status}")
        self.status = status


class Talk(ABC):
    """An open WebSocket, the client's end."""

    subprotocol: str | None = None

    @abstractmethod
    def send(self, message: Message | Sequence[Message], **options: Any) -> None:
        """One message; a list on a socket is one in as many fragments."""

    @abstractmethod
    def receive(self) -> Message:
        """The next message."""

    @abstractmethod
    def code(self) -> int | None:
        """Waits for the end -> the code of the server's close frame, None where there was no such frame."""


@contextmanager
def talk(
    target: Target, path: str, *headers: tuple[str, str], subprotocols: Sequence[str] = (), **options: Any
) -> Iterator[Talk]:
    """Opens one. On a socket, `options` go to the `websockets` client, which neither compresses nor limits otherwise."""
    target.asked += 1
    if isinstance(target, ProcessTarget):
        try:
            with target.client.websocket_connect(
                path, list(subprotocols), headers=dict(headers), timeout=TIMEOUT
            ) as session:
                yield _InProcess(session)
        except WebSocketDenied as denied:
            raise Refused(denied.status_code) from None
        return
    assert isinstance(target, WireTarget)
    keywords: dict[str, Any] = {"compression": None, "max_size": None, "close_timeout": 1, **options}
    offered = [Subprotocol(name) for name in subprotocols]
    url = f"ws://127.0.0.1:{target.port}{path}"
    try:
        connection = connect(
            url, additional_headers=dict(headers), subprotocols=offered or None, proxy=None, **keywords
        )
    except InvalidStatus as refused:
        raise Refused(refused.response.status_code) from None
    with connection:
        yield _OnSocket(connection)


class _InProcess(Talk):
    def __init__(self, session: Any) -> None:
        self._session = session
        self.subprotocol = session.accepted_subprotocol

    def send(self, message: Message | Sequence[Message], **options: Any) -> None:
        assert isinstance(message, (str, bytes)), "there are no fragments in this process"
        self._session.send_text(message) if isinstance(message, str) else self._session.send_bytes(message)

    def receive(self) -> Message:
        message: Message = self._session.receive()
        return message

    def code(self) -> int | None:
        try:
            while True:
                self.receive()
        except WebSocketDisconnect as exc:
            return exc.code


class _OnSocket(Talk):
    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.subprotocol = connection.subprotocol

    def send(self, message: Message | Sequence[Message], **options: Any) -> None:
        self._connection.send(message, **options)

    def receive(self) -> Message:
        return self._connection.recv(TIMEOUT)

    def code(self) -> int | None:
        try:
            while True:
                self.receive()
        except (ConnectionClosed, TimeoutError):
            frame = self._connection.protocol.close_rcvd
            return None if frame is None else frame.code


@contextmanager
def unread(target: WireTarget, path: str, *lines: bytes) -> Iterator[socket.socket]:
    """A handshake by hand, with these lines as they are, whose client never reads by itself."""
    target.asked += 1
    with target.connect() as connection:
        head = target.head("GET", path, *UPGRADE).removesuffix(b"\r\n")
        connection.sendall(head + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
        yield connection
