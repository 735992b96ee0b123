"""A strict HTTP/1.1 client on a bare socket. Knows RFC 9112 framing; repairs and guesses nothing.

    talk = exchange(port, request("GET", "/a"), request("GET", "/b"))      both are sent at once
    talk.responses[0].status, talk.surplus, talk.in_step

What a lenient client hides is what it is for: bytes after a body, bodies where none may be, a length that does not fit.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass

STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([0-9]{3}) ?([^\r\n]*)")
FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\r\n\0]*?)[ \t]*")
# How long to listen for bytes that nobody asked for, in seconds.
QUIET = 0.15


class Desync(Exception):
    """These bytes are no HTTP/1.1 response: the stream is out of step."""


class Incomplete(Exception):
    """The response is not whole yet."""


@dataclass(frozen=True, slots=True)
class WireResponse:
    """One response; names in lower case. `whole` is false when the connection ended inside it."""

    status: int
    reason: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    whole: bool = True

    def header(self, name: str) -> list[bytes]:
        """Every value of one header, in order."""
        return [value for key, value in self.headers if key == name.encode()]


@dataclass(frozen=True, slots=True)
class Talk:
    """What came back on one connection: responses, bytes after the last of them, and how it ended."""

    asked: int
    responses: list[WireResponse]
    surplus: bytes
    closed: bool

    @property
    def in_step(self) -> bool:
        """Whether every request got one whole response and nothing else came."""
        answered = len(self.responses) == self.asked and not self.surplus
        return answered and all(response.whole for response in self.responses)


def request(
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes | None = None,
    host: str = "test",
) -> bytes:
    """A request as bytes.

    Host is added, and Content-Length where there is a body; latin-1, nothing is checked.
    """
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def exchange(port: int, *requests: bytes, timeout: float = 5.0) -> Talk:
    """Sends all requests at once on one connection and reads as many responses; a silent server ends the wait."""
    methods = [raw.partition(b" ")[0] for raw in requests]
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        connection.sendall(b"".join(requests))
        return read_talk(connection, methods, timeout)


def leave(port: int, *pieces: bytes, after: float = 0.1) -> None:
    """Sends pieces, each in a packet of its own, and closes the connection without reading."""
    with socket.create_connection(("127.0.0.1", port), timeout=5.0) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(after)


def read_talk(connection: socket.socket, methods: list[bytes], timeout: float) -> Talk:
    """Reads one response a method, then listens for QUIET seconds for what should not come."""
    deadline = time.monotonic() + timeout
    data, closed, responses = b"", False, list[WireResponse]()
    while True:
        if (
            len(responses) < len(methods)
            and (parsed := parse(data, methods[len(responses)], closed)) is not None
        ):
            response, data = parsed
            responses.append(response)
            continue
        if closed or (wait := deadline - time.monotonic()) <= 0:
            break
        connection.settimeout(wait if len(responses) < len(methods) else min(wait, QUIET))
        try:
            more = connection.recv(65536)
        except TimeoutError:
            break
        except ConnectionResetError:
            more = b""
        closed = not more
        data += more
    return Talk(len(methods), responses, data, closed)


def parse(data: bytes, method: bytes, closed: bool) -> tuple[WireResponse, bytes] | None:
    """The first final response in `data` and what follows it; None while there is not enough.

    Raises Desync.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    if not end:
        if data and not b"HTTP/1.".startswith(data[:7]):
            raise Desync(f"expected a status line, got {data[:60]!r}")
        return None
    status, reason, headers = parse_head(head)
    if 100 <= status < 200 and status != 101:
        return parse(rest, method, closed)
    try:
        body, rest = read_body(rest, status, method, headers, closed)
    except Incomplete:
        return (WireResponse(status, reason, headers, rest, whole=False), b"") if closed else None
    return WireResponse(status, reason, headers, body), rest


def parse_head(head: bytes) -> tuple[int, bytes, tuple[tuple[bytes, bytes], ...]]:
    line, *fields = head.split(b"\r\n")
    start = STATUS_LINE.fullmatch(line)
    if start is None:
        raise Desync(f"expected a status line, got {line[:60]!r}")
    headers = []
    for text in fields:
        field = FIELD.fullmatch(text)
        if field is None:
            raise Desync(f"expected a header field, got {text[:60]!r}")
        headers.append((field[1].lower(), field[2]))
    return int(start[1]), start[2], tuple(headers)


def read_body(
    data: bytes, status: int, method: bytes, headers: tuple[tuple[bytes, bytes], ...], closed: bool
) -> tuple[bytes, bytes]:
    """The body by the rules of RFC 9112 section 6.3, and what follows it. Raises Incomplete, Desync."""
    if method == b"HEAD" or status in (101, 204, 304):
        return b"", data
    values = {value for name, value in headers if name == b"content-length"}
    if any(name == b"transfer-encoding" for name, _ in headers):
        return read_chunked(data)
    if not values:
        if not closed:
            raise Incomplete
        return data, b""
    length = values.pop()
    if values or not length.isdigit():
        raise Desync(f"Content-Length is not one number: {[length, *values]}")
    if len(data) < int(length):
        raise Incomplete
    return data[: int(length)], data[int(length) :]


def read_chunked(data: bytes) -> tuple[bytes, bytes]:
    """RFC 9112 section 7.1; trailers are read and dropped."""
    body = b""
    while True:
        line, end, data = data.partition(b"\r\n")
        if not end:
            raise Incomplete
        size = int(line.partition(b";")[0], 16)
        if not size:
            return body, skip_trailers(data)
        if len(data) < size + 2:
            raise Incomplete
        if data[size : size + 2] != b"\r\n":
            raise Desync(f"a chunk of {size} bytes does not end with CRLF")
        body, data = body + data[:size], data[size + 2 :]


def skip_trailers(data: bytes) -> bytes:
    while True:
        line, end, data = data.partition(b"\r\n")
        if not end:
            raise Incomplete
        if not line:
            return data
