"""What chunks of a body are written to, and what stands before it: a length, a rate. Knows bytes; knows no iterators' makers, no server."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from asyncio import sleep
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

AHEAD: Final = 0.02
"""Seconds by which a stream with a rate may be ahead of it."""


class Writer(ABC):
    """Takes a body chunk by chunk."""

    @abstractmethod
    async def write(self, chunk: bytes) -> None:
        """Send a chunk. Raises ClientDisconnected once the client has left."""

    async def write_all(self, items: AsyncIterator[Any], to_bytes: Callable[[Any], bytes]) -> None:
        """Write what `to_bytes` makes of each item, empty chunks left out; raises what `write` and the items raise."""
        async for item in items:
            if chunk := to_bytes(item):
                await self.write(chunk)


class Counted(Writer):
    """A body whose length was declared, and that never gets more."""

    def __init__(self, writer: Writer, declared: int) -> None:
        self._writer = writer
        self._declared = declared
        self._sent = 0

    async def write(self, chunk: bytes) -> None:
        """Send a chunk. Raises ValueError, with nothing of it sent, where it goes beyond the length."""
        self._sent += len(chunk)
        if self._sent > self._declared:
            raise ValueError(f"the stream declares content-length {self._declared} and gives more")
        await self._writer.write(chunk)

    async def write_all(self, items: AsyncIterator[Any], to_bytes: Callable[[Any], bytes]) -> None:
        """Write every item. Raises ValueError, too, where something is missing at the end."""
        await super().write_all(items, to_bytes)
        if self._sent != self._declared:
            raise ValueError(f"the stream declares content-length {self._declared} and gives {self._sent}")


class Paced(Writer):
    """A body that is not written faster than at a rate, in bytes a second."""

    def __init__(self, writer: Writer, rate: float) -> None:
        self._writer = writer
        self._rate = rate
        self._due = time.monotonic()

    async def write(self, chunk: bytes) -> None:
        """Send a chunk, and wait until the next one may follow."""
        await self._writer.write(chunk)
        now = time.monotonic()
        self._due = max(self._due, now - AHEAD) + len(chunk) / self._rate
        if self._due - now > AHEAD:
            await sleep(self._due - now)
