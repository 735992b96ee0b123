"""What chunks of a body are written to, and what stands before it: a length, a rate. Knows bytes; knows no iterators' makers, no server."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from asyncio import sleep
from collections.abc import AsyncIterator, Callable
from typing import Any, Final, Self

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


class Begun:
    """An iterator that was asked for its first chunk already."""

    def __init__(self, first: Any, rest: AsyncIterator[Any]) -> None:
        self._items = [first]
        self._rest = rest

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return self._items.pop() if self._items else await anext(self._rest)


async def begun(
    items: AsyncIterator[Any], to_bytes: Callable[[Any], bytes], declared: int
) -> AsyncIterator[Any]:
    """The same items, once the first chunk is there: before a body that declares its length begins.

    Raises what the items raise, and ValueError where that chunk is too long or there is none. A server that has been promised bytes
    and gets none may say in the end that none were promised: Granian sends an empty 200 then.
    """
    async for item in items:
        if size := len(to_bytes(item)):
            check_length(declared, size)
            return Begun(item, items)
    check_length(declared, 0, ended=True)
    return items


def check_length(declared: int, sent: int, *, ended: bool = False) -> None:
    """Raise ValueError where that many bytes are too many, or at the end too few, for the length that was declared."""
    if sent > declared:
        raise ValueError(f"the stream declares content-length {declared} and gives more")
    if ended and sent != declared:
        raise ValueError(f"the stream declares content-length {declared} and gives {sent}")


class Counted(Writer):
    """A body whose length was declared, and that never gets more."""

    def __init__(self, writer: Writer, declared: int) -> None:
        self._writer = writer
        self._declared = declared
        self._sent = 0

    async def write(self, chunk: bytes) -> None:
        """Send a chunk. Raises ValueError, with nothing of it sent, where it goes beyond the length."""
        self._sent += len(chunk)
        check_length(self._declared, self._sent)
        await self._writer.write(chunk)

    async def write_all(self, items: AsyncIterator[Any], to_bytes: Callable[[Any], bytes]) -> None:
        """Write every item. Raises ValueError, too, where something is missing at the end."""
        await super().write_all(items, to_bytes)
        check_length(self._declared, self._sent, ended=True)


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
