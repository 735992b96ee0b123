"""Chunks of a generator that come without a wait go out together. Knows generators and bytes; knows no server and no status.

    rest = await gather(items, to_bytes, write)    write all but what came last: the caller ends the body with it

A call into a server takes longer than most generators need for a chunk, and what is written before the loop gets a turn leaves the
process together anyway. So chunks are kept until the generator waits, and written before it does: none is later for that than the
loop would have been. A hundred chunks of 1 KiB are a hundred calls by hand and two here.
"""

from __future__ import annotations

import asyncio
from types import coroutine
from typing import TYPE_CHECKING, Any, Final

from velocipy.exceptions import ClientDisconnected
from velocipy.http.leaving import rest_of
from velocipy.http.response import as_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator

    Write = Callable[[bytes], Awaitable[None]]

BATCH: Final = 64 * 1024
"""Bytes that are written at once; then the loop gets a turn. It is what servers keep for a slow client before they make us wait."""

A_CHUNK: Final = 512
"""Bytes as which a chunk counts beside those it has, so that crumbs give way too: after 128 of them, a tenth of a millisecond."""


@coroutine
def gather(
    items: AsyncGenerator[Any, None], to_bytes: Callable[[Any], bytes], write: Write
) -> Generator[Any, Any, bytes]:
    """Write what `to_bytes` makes of each item -> what came last, b"" where that is written already.

    Whatever is raised, by the generator too, what came before it is written. A generator that waits while nothing can be written is
    cancelled there; to close it is the caller's.
    """
    kept: list[bytes] = []
    taking = _take(items, to_bytes, write, kept)
    try:
        # By hand, since an `await` would not tell that it waits.
        waiting = taking.send(None)
        while True:
            if kept:
                yield from _write_before(taking, write(_all_of(kept)))
            try:
                yield waiting
            except GeneratorExit:
                _drop(taking)
                raise
            except BaseException as exc:
                waiting = taking.throw(exc)
            else:
                waiting = taking.send(None)
    except StopIteration:
        return _all_of(kept)
    except Exception:
        yield from _write_anyway(write, _all_of(kept))
        raise


async def _take(
    items: AsyncGenerator[Any, None], to_bytes: Callable[[Any], bytes], write: Write, kept: list[bytes]
) -> None:
    """Keep what comes, and write it where that becomes much."""
    # The class of what is bytes already: no call is 300 instructions less.
    ready = bytes if to_bytes is as_bytes else None
    keep, room = kept.append, BATCH
    async for item in items:
        if chunk := item if type(item) is ready else to_bytes(item):
            keep(chunk)
            room -= len(chunk) + A_CHUNK
            if room <= 0:
                room = BATCH
                await write(_all_of(kept))
                await asyncio.sleep(0)


def _all_of(kept: list[bytes]) -> bytes:
    """What is kept, which then is not kept any more."""
    data = b"".join(kept)
    kept.clear()
    return data


def _write_before(taking: Coroutine[Any, Any, None], writing: Awaitable[None]) -> Generator[Any, Any, None]:
    """Write while the generator waits; where that fails it is cancelled, and what it does then is waited for."""
    try:
        yield from writing.__await__()
    except BaseException as exc:
        cancelled = exc
        if not isinstance(exc, asyncio.CancelledError):
            cancelled = asyncio.CancelledError()
            cancelled.__context__ = exc
        try:
            yield from rest_of(taking, taking.throw(cancelled))
        except (StopIteration, ClientDisconnected, asyncio.CancelledError):
            pass
        raise


def _write_anyway(write: Write, data: bytes) -> Generator[Any, Any, None]:
    """Write what came before an error, which is told whether the client has left or not."""
    if data:
        try:
            yield from write(data).__await__()
        except ClientDisconnected:
            pass


def _drop(taking: Coroutine[Any, Any, None]) -> None:
    """End what nobody waits for any more. Before CPython 3.13 to close it would not reach the generator."""
    try:
        taking.throw(asyncio.CancelledError())
    except (StopIteration, asyncio.CancelledError):
        return
    taking.close()
