"""gzip (RFC 1952) by the standard library's zlib."""

from __future__ import annotations

import zlib
from typing import Final

from velocipy.codings.base import Coding

GZIP: Final = 16 + zlib.MAX_WBITS
"""Window bits that have zlib write gzip's header and trailer: the time in it is 0, so equal bodies have equal results."""


class GzipCoder:
    """A gzip stream; 150 KB of memory."""

    __slots__ = ("_stream",)

    def __init__(self, level: int) -> None:
        self._stream = zlib.compressobj(level, zlib.DEFLATED, GZIP)

    def compress(self, data: bytes, /) -> bytes:
        """What is ready."""
        return self._stream.compress(data)

    def flush(self) -> bytes:
        """Everything so far."""
        return self._stream.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        """The end."""
        return self._stream.flush(zlib.Z_FINISH)


def make(level: int, on_loop: int) -> Coding:
    """gzip at a level from 1 to 9."""
    return Coding("gzip", lambda body: zlib.compress(body, level, GZIP), lambda: GzipCoder(level), on_loop)
