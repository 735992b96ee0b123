"""The body of a streamed answer over RSGI, as Granian 2.8.7 behaves. Knows one exchange; checks no header."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING

from velocipy.testing.errors import UnreadOverflow
from velocipy.testing.later import Later
from velocipy.testing.rsgi_errors import protocol_closed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Generator

    from velocipy.testing.exchange import HTTPExchange, Pairs

    Buffer = bytes | bytearray | memoryview

# Granian's stream has no bound at all; a test's memory has.
MAX_UNREAD = 256 * 1024 * 1024
PIPE_READ = 128 * 1024
PIPE_WAIT = 0.05


class Ready:
    """An awaitable that is done: awaiting it does not go through the loop, as Granian's."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, None]:
        yield from ()


READY = Ready()


class StreamSink:
    """Where a streamed body goes: trusts a declared length, cutting what is over and closing on what is under."""

    def __init__(self, exchange: HTTPExchange, pairs: Pairs) -> None:
        self.exchange = exchange
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.thread: int = threading.get_ident()
        declared = next((value for name, value in pairs if name == b"content-length"), None)
        self.malformed: bool = declared is not None and not declared.isdigit()
        self.left_over = None if declared is None or self.malformed else int(declared)
        self.ended: bool = False
        self.refused: bool = False

    @property
    def closed(self) -> bool:
        """Nobody reads: the client left, or the answer has no body (HEAD: measured, also 1xx, 204, 304)."""
        return self.refused or self.malformed or self.exchange.left or self.exchange.request.method == "HEAD"

    def refuse(self) -> None:
        """The answer was replaced by one without a body."""
        self.refused = True
        self.left_over = None

    def write(self, data: bytes) -> None:
        if self.left_over is not None:
            data = data[: self.left_over]
            self.left_over -= len(data)
        self.exchange.push(data)
        if self.exchange.unread > MAX_UNREAD:
            self.exchange.fail(
                UnreadOverflow(
                    f"{self.exchange.unread} bytes were streamed while nobody read: Granian's stream never makes "
                    "an app wait, so a producer must give way to the loop by itself"
                )
            )

    def end(self) -> None:
        if self.ended:
            return
        self.ended = True
        short = bool(self.left_over) and self.exchange.request.method != "HEAD"
        if short or self.malformed:
            self.exchange.abort()
        else:
            self.exchange.complete()

    def dropped(self) -> None:
        """The transport was collected, in whatever thread the collector ran."""
        if threading.get_ident() == self.thread:
            self.end()
        elif not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.end)


class StreamTransport:
    """The body of a streamed answer; it ends when this object is dropped, there is no other way."""

    __slots__ = ("__weakref__", "_sink")

    def __init__(self, sink: StreamSink) -> None:
        self._sink = sink

    def send_bytes(self, data: Buffer) -> Awaitable[None]:
        return self._send(to_bytes(data))

    def send_str(self, data: str) -> Awaitable[None]:
        if not isinstance(data, str):
            raise TypeError(f"{type(data).__name__!r} object is not an instance of 'str'")
        return self._send(data.encode())

    def _send(self, data: bytes) -> Awaitable[None]:
        if self._sink.closed:
            return Later(raising_closed)
        self._sink.write(data)
        return READY

    def __del__(self) -> None:
        self._sink.dropped()


async def raising_closed() -> None:
    """What a write is awaited as after the client has left."""
    raise protocol_closed()


async def copy_pipe(path: str, sink: StreamSink) -> None:
    """The rest of a pipe, as far as the client takes it; Granian sends a pipe as any other file, and holds its writer back."""
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        while not sink.closed:
            await sink.exchange.writable()
            try:
                data = os.read(pipe, PIPE_READ)
            except BlockingIOError:
                await readable(pipe)
                continue
            if not data:
                break
            sink.write(data)
    finally:
        os.close(pipe)
        sink.end()


async def readable(pipe: int) -> None:
    """Wait until there is something to read, but not long: the client may leave meanwhile."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(pipe, ready.set)
    try:
        await asyncio.wait_for(ready.wait(), PIPE_WAIT)
    except TimeoutError:
        return
    finally:
        loop.remove_reader(pipe)


def to_bytes(body: Buffer) -> bytes:
    """A body as Granian takes it; TypeError, in its words, for what is none."""
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise TypeError(f"Can't extract `{type(body).__name__}` to `Vec`")
    return bytes(body)
