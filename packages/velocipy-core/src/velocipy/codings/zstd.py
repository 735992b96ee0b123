"""Zstandard (RFC 8878) by `compression.zstd` of Python 3.14, or its backport; only this module imports them."""

from __future__ import annotations

import sys
import threading
from typing import Any, Final

from velocipy.codings.base import Coding

if sys.version_info >= (3, 14):
    from compression import zstd  # pragma: no cover - on Python 3.14 alone
else:
    try:
        import backports.zstd as zstd
    except ModuleNotFoundError:
        raise ModuleNotFoundError("No module named 'backports.zstd'", name="backports.zstd") from None

_parameter = zstd.CompressionParameter

STREAM: Final[dict[int, int]] = {_parameter.window_log: 17, _parameter.hash_log: 15, _parameter.chain_log: 15}
"""The memory of a stream: 128 KiB of window and small tables are 0.4 MB, the library's own 0.9. All windows are below the 8 MiB
that a client must be able to hold (RFC 9659)."""


class ZstdCoder:
    """A zstd stream."""

    __slots__ = ("_stream",)

    def __init__(self, level: int) -> None:
        self._stream = zstd.ZstdCompressor(options={_parameter.compression_level: level, **STREAM})

    def compress(self, data: bytes, /) -> bytes:
        """What is ready."""
        return self._stream.compress(data)

    def flush(self) -> bytes:
        """Everything so far."""
        return self._stream.flush(self._stream.FLUSH_BLOCK)

    def finish(self) -> bytes:
        """The end."""
        return self._stream.flush(self._stream.FLUSH_FRAME)


def make(level: int, on_loop: int) -> Coding:
    """zstd at a level from 1 to 12."""
    kept = threading.local()

    def compress(body: bytes) -> bytes:
        if len(body) > on_loop:
            return zstd.compress(body, level)
        # One compressor a thread, since a new one is 10 us: 6 in place of 15 for 2 KB. Long bodies would have it grow.
        known: Any = getattr(kept, "compressor", None)
        if known is None:
            known = kept.compressor = zstd.ZstdCompressor(level)
        return known.compress(body, known.FLUSH_FRAME)  # type: ignore[no-any-return]

    return Coding("zstd", compress, lambda: ZstdCoder(level), on_loop)
