"""A body through a pipe, for servers that take a stream without limit. Knows pipes and how a server sends a file; knows no requests."""

from __future__ import annotations

import asyncio
import fcntl
import os
import struct
import sys
from typing import TYPE_CHECKING, Final

from velocipy.exceptions import ClientDisconnected
from velocipy.protocols import ResponseStream

if TYPE_CHECKING:
    from velocipy.protocols import HeaderPairs
    from velocipy.rsgi.connection import RSGIConnection

OPENING: Final = 5.0
"""Seconds that a server may take to open the pipe of an answer that is complete."""

PIPES: Final = sys.platform == "linux"
"""Whether a pipe has a path that can be opened while it is ours."""


class RSGIPipe(ResponseStream):
    """A pipe whose other end a server sends as a file: it holds 64 KiB, and who writes waits until the client has taken some.

    The server opens the path by itself, in its own time. Our reading end must be there until then; it is closed when something was
    read, so that a server that stops reading breaks the pipe. Made with the first chunk: an empty one could not be seen to be read.
    """

    def __init__(self, connection: RSGIConnection, status: int, headers: HeaderPairs) -> None:
        self._connection = connection
        self._head = status, headers
        self._loop = asyncio.get_running_loop()
        self._left: asyncio.Future[None] = self._loop.create_future()
        self._reader = self._writer = -1
        self._written = 0
        connection.leaving.tell(self._leave)

    async def write(self, chunk: bytes) -> None:
        """Send a chunk; ClientDisconnected once the client has left."""
        if self._writer < 0:
            self._open()
        view = memoryview(chunk)
        while view:
            if self._left.done():
                raise ClientDisconnected("the client left during the stream")
            view = view[await self._put(view) :]
        if self._reader >= 0:
            self._was_read()
        await asyncio.sleep(0)

    async def close(self) -> None:
        """End the body, once the server has the pipe open."""
        deadline = self._loop.time() + OPENING
        try:
            while not self._was_read() and not self._left.done() and self._loop.time() < deadline:
                await asyncio.sleep(0.001)
        finally:
            self.abort()

    def abort(self) -> None:
        """The same: a server takes the end of a pipe for that of a file, which only shows where a length was declared."""
        self._connection.complete()
        if self._writer < 0:
            self._connection.proto.response_stream(*self._head)
        else:
            self._close_reader()
            os.close(self._writer)

    def _leave(self) -> None:
        _done(self._left)

    def _open(self) -> None:
        self._reader, self._writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        path = f"/proc/{os.getpid()}/fd/{self._reader}"
        self._connection.proto.response_file(*self._head, path)

    async def _put(self, data: memoryview) -> int:
        """Write what there is room for, waiting for some -> how many bytes that was."""
        try:
            count = os.write(self._writer, data)
        except BlockingIOError:
            await self._writable()
            return 0
        except BrokenPipeError:
            self._connection.leaving.notice()
            raise ClientDisconnected("the client left during the stream") from None
        self._written += count
        return count

    async def _writable(self) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_writer(self._writer, _done, ready)
        try:
            await asyncio.wait([ready, self._left], return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._loop.remove_writer(self._writer)

    def _was_read(self) -> bool:
        """Whether the server has read something, or there was nothing to read."""
        if self._reader >= 0 and self._written > _unread(self._writer):
            self._close_reader()
        return self._reader < 0

    def _close_reader(self) -> None:
        if self._reader >= 0:
            os.close(self._reader)
            self._reader = -1


def _unread(pipe: int) -> int:
    """Bytes that lie in a pipe."""
    import termios

    return int(struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))[0])


def _done(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
