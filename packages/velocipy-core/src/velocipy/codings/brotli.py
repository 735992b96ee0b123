"""Brotli (RFC 7932) by the library `brotli`, which only this module imports."""

from __future__ import annotations

from typing import Final

import brotli  # type: ignore[import-untyped]

from velocipy.codings.base import Coding

WINDOW: Final = 18
"""Bits of the window of a stream: 256 KiB, and 0.6 MB of memory a stream."""


class BrotliCoder:
    """A brotli stream."""

    __slots__ = ("_stream", "compress", "finish", "flush")

    def __init__(self, level: int) -> None:
        self._stream = brotli.Compressor(quality=level, lgwin=WINDOW)
        self.compress = self._stream.process
        self.flush = self._stream.flush
        self.finish = self._stream.finish


def make(level: int, on_loop: int) -> Coding:
    """Brotli at a quality from 0 to 9."""
    return Coding(
        "br", lambda body: brotli.compress(body, quality=level), lambda: BrotliCoder(level), on_loop
    )
