"""WebSocket frames by hand, well and badly made (RFC 6455 section 5). Knows the wire; knows no server.

with RawSocket(port, "/echo") as ws:
    ws.send(frame(TEXT, b"a", fin=False), frame(PING, b"p"), frame(CONTINUATION, b"b"))
    ws.read_all() -> [(PONG, b"p"), (TEXT, b"ab"), ...] until the connection ends
"""

from __future__ import annotations

import contextlib
import socket
from types import TracebackType
from typing import Final, Self

from contract_drivers import UPGRADE
from wire import request

CONTINUATION: Final = 0
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10

Frame = tuple[int, bytes]


def frame(
    opcode: int,
    data: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    mask: bytes | None = b"\x5a\x00\xff\x81",
) -> bytes:
    """One frame; `reserved` are the three bits behind the first, and `mask=None` is a frame that a server would send."""
    size = len(data)
    lengths = (
        bytes([size])
        if size < 126
        else b"\x7e" + size.to_bytes(2)
        if size < 65_536
        else b"\x7f" + size.to_bytes(8)
    )
    first = bytes([fin << 7 | reserved << 4 | opcode])
    if mask is None:
        return first + lengths + data
    masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(data))
    return first + bytes([lengths[0] | 0x80]) + lengths[1:] + mask + masked


def announced(size: bytes, data: bytes = b"") -> bytes:
    """A binary frame that gives its size in so many bytes, whatever follows."""
    return bytes([0x82, 0xFE if len(size) == 2 else 0xFF]) + size + bytes(4) + data


def close(code: int, reason: bytes = b"") -> bytes:
    """A close frame."""
    return frame(CLOSE, code.to_bytes(2) + reason)


class RawSocket:
    """A connection that has shaken hands. Raises AssertionError where it was refused."""

    def __init__(self, port: int, path: str, timeout: float = 20.0) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._socket.sendall(request("GET", path, UPGRADE))
        self._read = b""
        while b"\r\n\r\n" not in self._read:
            self._fill()
        self.head, _, self._read = self._read.partition(b"\r\n\r\n")
        assert self.head.startswith(b"HTTP/1.1 101 "), self.head

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, *frames: bytes) -> None:
        """Each in a packet of its own; what a server does not read any more is no fault."""
        with contextlib.suppress(ConnectionError):
            for each in frames:
                self._socket.sendall(each)

    def read(self) -> Frame | None:
        """The next frame as (opcode, data); None where the connection has ended, in order or not. Raises TimeoutError."""
        try:
            first, size = self._take(2)
            assert first & 0xF0 == 0x80 and size < 0x80, (
                "a server sends whole frames, without a mask and without extensions"
            )
            if size > 125:
                size = int.from_bytes(self._take(2 if size == 126 else 8))
            return first & 0x0F, self._take(size)
        except (EOFError, ConnectionError):
            return None

    def read_all(self) -> list[Frame]:
        """Every frame until the connection ends."""
        return list(iter(self.read, None))

    def _take(self, size: int) -> bytes:
        while len(self._read) < size:
            self._fill()
        taken, self._read = self._read[:size], self._read[size:]
        return taken

    def _fill(self) -> None:
        more = self._socket.recv(65_536)
        if not more:
            raise EOFError
        self._read += more
