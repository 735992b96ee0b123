"""A WebSocket on a stream, the client's side of RFC 6455. Knows frames; knows neither handshakes nor apps."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from velocipy.testing.websocket import Closing, Handshake

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter

    from velocipy.testing.exchange import ResponseHead

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
"""Opcodes of RFC 6455 section 5.2."""


class FrameSocket:
    """A WebSocket that is open; fragments are joined and pings answered."""

    def __init__(self, reader: StreamReader, writer: StreamWriter, head: ResponseHead) -> None:
        chosen = next((value for name, value in head.headers if name == b"sec-websocket-protocol"), None)
        self.handshake: Handshake = Handshake(
            head.status, head.headers, None if chosen is None else chosen.decode("latin-1")
        )
        self._reader = reader
        self._writer = writer
        self._closing: Closing | None = None

    async def send(self, message: str | bytes) -> None:
        """Send a message in one frame."""
        if isinstance(message, str):
            await self._write(TEXT, message.encode())
        else:
            await self._write(BINARY, message)

    async def receive(self) -> str | bytes | Closing:
        """The next message, then the close, which stays the answer from then on."""
        if self._closing is None:
            try:
                return await self._receive()
            except (EOFError, ConnectionError):
                self._closing = Closing(1006)
        return self._closing

    async def close(self, code: int = 1000) -> None:
        """Send a close frame, and read on until the server's."""
        await self._write(CLOSE, code.to_bytes(2, "big"))
        while not isinstance(await self.receive(), Closing):
            pass
        await self.leave()

    async def leave(self) -> None:
        """Lose the connection."""
        self._writer.transport.abort()

    async def _receive(self) -> str | bytes | Closing:
        """A whole message. Raises EOFError where the connection ends."""
        kind = TEXT
        parts: list[bytes] = []
        while True:
            final, opcode, payload = await self._read_frame()
            if opcode == CLOSE:
                return await self._closed(payload)
            if opcode == PING:
                await self._write(PONG, payload)
            elif opcode != PONG:
                kind = opcode or kind
                parts.append(payload)
                if final:
                    data = b"".join(parts)
                    return data.decode() if kind == TEXT else data

    async def _closed(self, payload: bytes) -> Closing:
        code = int.from_bytes(payload[:2], "big") if payload else 1005
        self._closing = Closing(code, payload[2:].decode())
        await self._write(CLOSE, payload[:2])
        return self._closing

    async def _read_frame(self) -> tuple[bool, int, bytes]:
        first, second = await self._reader.readexactly(2)
        length = second & 0x7F
        if length > 125:
            length = int.from_bytes(await self._reader.readexactly(2 if length == 126 else 8), "big")
        return bool(first & 0x80), first & 0x0F, await self._reader.readexactly(length)

    async def _write(self, opcode: int, payload: bytes) -> None:
        self._writer.write(frame(opcode, payload, os.urandom(4)))
        try:
            await self._writer.drain()
        except ConnectionError:
            pass  # `receive` tells


def frame(opcode: int, payload: bytes, mask: bytes) -> bytes:
    """One final frame, masked as a client's must be (RFC 6455 section 5.3)."""
    length = len(payload)
    if length < 126:
        size = bytes([0x80 | length])
    elif length < 65_536:
        size = bytes([0x80 | 126]) + length.to_bytes(2, "big")
    else:
        size = bytes([0x80 | 127]) + length.to_bytes(8, "big")
    key = int.from_bytes((mask * (length // 4 + 1))[:length], "big")
    masked = (int.from_bytes(payload, "big") ^ key).to_bytes(length, "big")
    return bytes([0x80 | opcode]) + size + mask + masked
