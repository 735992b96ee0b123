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

CHUNK: Final = 120 * 1024
"""Bytes of a file that are read at once, and so all of it that is in memory. From 128 KiB on glibc maps every chunk anew and unmaps
it again: for 1 MiB from Uvicorn that was 180 page faults and 0.4 of 0.7 ms of the system's time."""

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
    """The same, call by call: `read` is one in a thread, and `ready` one in the loop, for what the system has in memory already.

    The first `read` opens the file; the call that takes its end closes it.
    """

    __slots__ = ("_at", "_file", "_path", "_room", "left")

    def __init__(self, path: str | os.PathLike[str], start: int, stop: int) -> None:
        self.left: int = stop - start
        """Bytes that are still to be read."""
        self._at = start
        self._path = path
        self._file: FileIO | None = None
        self._room: bytearray | None = None

    @property
    def is_open(self) -> bool:
        """Whether the file is to be closed, before its end."""
        return self._file is not None

    def read(self) -> bytes:
        """The next chunk, b"" of an empty span. Raises OSError as `open_regular` and `chunks_of` do."""
        if self._file is None:
            self._file = open_regular(self._path)
        return self._taken(next(chunks_of(self._file, self._at, self._at + self.left), b""))

    def ready(self) -> bytes | None:
        """The next chunk, or less of it, after a first `read`, without waiting for a disk; None where that cannot be known or must
        be waited for, and where reading fails: `read` says how.

        A call in a thread is two switches of threads, which a busy loop waits for; to copy a chunk takes 7 us.
        """
        if self._file is None:
            return None
        if self._room is None:
            self._room = bytearray(min(CHUNK, self.left))
        room = self._room if self.left >= len(self._room) else memoryview(self._room)[: self.left]
        try:
            size = _read_now(self._file.fileno(), [room], self._at)
        except OSError:
            return None
        return self._taken(bytes(memoryview(room)[:size])) if size else None

    def close(self) -> None:
        """Close the file, which is open."""
        assert self._file is not None
        self._file.close()
        self._file = None

    def _taken(self, chunk: bytes) -> bytes:
        self._at += len(chunk)
        self.left -= len(chunk)
        if not self.left:
            self.close()
        return chunk


if hasattr(os, "preadv") and hasattr(os, "RWF_NOWAIT"):

    def _read_now(descriptor: int, rooms: list[bytearray | memoryview], at: int) -> int:
        """Linux: BlockingIOError for what is not in memory, OSError on file systems that do not tell, such as tmpfs."""
        return os.preadv(descriptor, rooms, at, os.RWF_NOWAIT)

else:  # pragma: no cover - only Linux tells

    def _read_now(descriptor: int, rooms: list[bytearray | memoryview], at: int) -> int:
        raise OSError("nothing tells here what is in memory")


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
