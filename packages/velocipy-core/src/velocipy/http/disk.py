"""Regular files on disk: opened so that nothing else is ever waited for, and read a chunk at a time. Knows no HTTP.

Everything here blocks: call it in a thread.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from io import FileIO

CHUNK: Final = 256 * 1024
"""Bytes of a file that are read at once, and so all of it that is in memory."""

# Without O_NONBLOCK the opening of a FIFO, which may have taken a file's place, waits for a writer for ever.
_FLAGS: Final = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY", "O_NOINHERIT")
)


def open_regular(path: str | os.PathLike[str]) -> FileIO:
    """Open a regular file, unbuffered, to read. Raises OSError for what is none, without waiting for anything."""
    descriptor = os.open(path, _FLAGS)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{os.fspath(path)!r} is not a regular file")
        return open(descriptor, "rb", buffering=0)
    except BaseException:
        os.close(descriptor)
        raise


def read_span(path: str | os.PathLike[str], start: int, stop: int) -> Generator[bytes, None, None]:
    """Bytes `start` to `stop` (exclusive) of a file, as `chunks_of` gives them; it is open only while they are taken."""
    with open_regular(path) as file:
        yield from chunks_of(file, start, stop)


class SpanReader:
    """The same, call by call, where each is one in a thread: the first call opens the file, and the one that reads its end closes it."""

    __slots__ = ("_chunks", "is_open", "left")

    def __init__(self, path: str | os.PathLike[str], start: int, stop: int) -> None:
        self.left: int = stop - start
        """Bytes that are still to be read."""
        self.is_open: bool = False
        """Whether `close` has something to do."""
        self._chunks = read_span(path, start, stop)

    def read(self) -> bytes:
        """The next chunk, b"" of an empty span. Raises OSError as `open_regular` and `chunks_of` do."""
        self.is_open = True
        chunk = next(self._chunks, b"")
        self.left -= len(chunk)
        if not self.left:
            self.close()
        return chunk

    def close(self) -> None:
        """Close the file before its end."""
        self._chunks.close()
        self.is_open = False


def chunks_of(file: FileIO, start: int, stop: int) -> Iterator[bytes]:
    """The same of an open file, in chunks of at most CHUNK. Raises OSError where it has become too short.

    What is open stays the same file, so bytes of another that takes its name meanwhile are never mixed in.
    """
    file.seek(start)
    left = stop - start
    while left > 0:
        chunk = file.read(min(CHUNK, left))
        if not chunk:
            raise OSError(f"a file has shrunk while it was sent: {left} bytes of it are missing")
        left -= len(chunk)
        yield chunk
