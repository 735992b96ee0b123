"""A client for HTTP/2 on one socket, by the h2 library. Knows streams and what came on each; knows no app.

with Multiplexed(port) as client:                       prior knowledge; over TLS with tls=context
    first, second = client.ask("GET", "/a"), client.ask("POST", "/b", body=b"x")
    client.answer(second).status, client.answer(first).body
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import h2.connection
import h2.errors
import h2.events
from h2.config import H2Configuration

Pairs = list[tuple[str, str]]


@dataclass(slots=True)
class Answer:
    """What came on one stream so far; `reset` is the code of a RST_STREAM, if one came."""

    status: int = 0
    headers: Pairs = field(default_factory=list)
    body: bytes = b""
    ended: bool = False
    reset: int | None = None

    def header(self, name: str) -> list[str]:
        """Every value of one header, in order."""
        return [value for known, value in self.headers if known == name]


class Multiplexed:
    """One connection. Every wait ends after `timeout` seconds, in TimeoutError."""

    def __init__(self, port: int, *, tls: ssl.SSLContext | None = None, timeout: float = 20.0) -> None:
        plain = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._socket = plain if tls is None else tls.wrap_socket(plain, server_hostname="localhost")
        self.protocol = (
            self._socket.selected_alpn_protocol() if isinstance(self._socket, ssl.SSLSocket) else None
        )
        self.scheme = "http" if tls is None else "https"
        # Checks of what is sent are off: some of it is what no client should send.
        self._h2 = h2.connection.H2Connection(
            H2Configuration(
                header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False
            )
        )
        self._answers: dict[int, Answer] = {}
        self.gone: int | None = None
        """The code of a GOAWAY, and -1 where the connection ended without one."""
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(2**24)
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(
        self,
        method: str,
        path: str,
        headers: Iterable[tuple[str, str]] = (),
        body: bytes | None = None,
        *,
        authority: str | None = "test",
        trailers: Pairs | None = None,
        end: bool = True,
    ) -> int:
        """Send a request -> its stream. `end=False` leaves it open for more of the body."""
        stream = self._h2.get_next_available_stream_id()
        own = [(":method", method), (":path", path), (":scheme", self.scheme)]
        own += [] if authority is None else [(":authority", authority)]
        self._answers[stream] = Answer()
        self._h2.send_headers(stream, [*own, *headers], end_stream=end and body is None and trailers is None)
        if body is not None:
            self.more(stream, body, end=end and trailers is None)
        if trailers is not None:
            self._h2.send_headers(stream, trailers, end_stream=True)
        self._flush()
        return stream

    def more(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """More of a body, as flow control lets it pass."""
        while len(data) > (
            room := min(self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size)
        ):
            self._h2.send_data(stream, data[:room])
            data = data[room:]
            self._flush()
            while not self._h2.local_flow_control_window(stream):
                self._receive()
                if self.gone is not None or self._answers[stream].reset is not None:
                    return  # who has been told enough, and wants no more of it
        self._h2.send_data(stream, data, end_stream=end)
        self._flush()

    def reset(self, stream: int) -> None:
        """Break one stream off (RFC 9113 section 6.4)."""
        self._h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)
        self._flush()

    def answer(self, stream: int) -> Answer:
        """The whole answer, or as much as came before the stream or the connection broke."""
        found = self._answers[stream]
        while not found.ended and found.reset is None and self.gone is None:
            self._receive()
        return found

    def some(self, stream: int, size: int) -> Answer:
        """The answer once so many bytes of its body have come."""
        found = self._answers[stream]
        while len(found.body) < size and not found.ended and self.gone is None:
            self._receive()
        return found

    def _receive(self) -> None:
        try:
            data = self._socket.recv(65_536)
        except ConnectionError:
            data = b""
        if not data:
            self.gone = -1 if self.gone is None else self.gone
        for event in self._h2.receive_data(data):
            self._take(event)
        self._flush()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.ConnectionTerminated):
            self.gone = int(event.error_code or 0)
            return
        found = self._answers.get(getattr(event, "stream_id", None) or 0, Answer())
        if isinstance(event, h2.events.ResponseReceived):
            headers = [(str(name), str(value)) for name, value in event.headers or ()]
            found.status = int(dict(headers)[":status"])
            found.headers = [pair for pair in headers if pair[0] != ":status"]
        elif isinstance(event, h2.events.DataReceived):
            found.body += event.data or b""
            self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
        elif isinstance(event, h2.events.StreamEnded):
            found.ended = True
        elif isinstance(event, h2.events.StreamReset):
            found.reset = int(event.error_code or 0)

    def _flush(self) -> None:
        with contextlib.suppress(
            ConnectionError
        ):  # what a server says before it hangs up is still to be read
            self._socket.sendall(self._h2.data_to_send())
