"""Brotli (RFC 7932) by the library `brotli`, which only this module imports."""

from __future__ import annotations

from typing import Any, Final

import brotli as _brotli  # type: ignore[import-untyped]

from velocipy.codings.base import Coding

brotli: Final[Any] = _brotli  # without types of its own

WINDOW: Final = 18
"""Bits of the window of a stream: 256 KiB, and 0.6 MB of memory a stream."""


class BrotliCoder:
    """A brotli stream."""

    __slots__ = ("_stream",)

    def __init__(self, level: int) -> None:
        self._stream: Any = brotli.Compressor(quality=level, lgwin=WINDOW)

    def compress(self, data: bytes, /) -> bytes:
        """What is ready."""
        ready: bytes = self._stream.process(data)
        return ready

    def flush(self) -> bytes:
        """Everything so far."""
        rest: bytes = self._stream.flush()
        return rest

    def finish(self) -> bytes:
        """The end."""
        rest: bytes = self._stream.finish()
        return rest


def make(level: int, on_loop: int) -> Coding:
    """Brotli at a quality from 0 to 9."""
    return Coding(
        "br", lambda body: brotli.compress(body, quality=level), lambda: BrotliCoder(level), on_loop
    )
