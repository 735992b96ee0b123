"""Chunks of a generator that come without a wait go out together. Knows generators and bytes; knows no server and no status.

    rest = await gather(items, to_bytes, write)    write all but what came last: the caller ends the body with it

A call into a server takes longer than most generators need for a chunk, and what is written before the loop gets a turn leaves the
process together anyway. So chunks are kept until the generator waits, and written while it does: none is later for that than the
loop would have been. A hundred chunks of 1 KiB are a hundred calls by hand and two here.

What is written while the generator waits has a task of its own. Were it awaited between the generator and what it waits for, then a
timeout of the generator's would break the writing off for a slow client, a cancellation would not reach what it waits for, and
nobody else could wait for the same future.
"""

from __future__ import annotations

import asyncio
from types import coroutine
from typing import TYPE_CHECKING, Any, Final

from velocipy.exceptions import ClientDisconnected
from velocipy.http.leaving import SHARED_TASK
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
    cancelled there; to close it is the caller's. Calls of `write` come one after another, some of them in a task of their own.
    """
    outlet = _Outlet(write)
    taking = _take(items, to_bytes, outlet)
    try:
        # By hand, since an `await` would not tell that it waits.
        waiting = taking.send(None)
        while True:
            outlet.begin(waiting)
            try:
                yield waiting
            except GeneratorExit:
                outlet.drop()
                _drop(taking)
                raise
            except BaseException as exc:
                outlet.must_cancel = False
                waiting = taking.throw(exc)
            else:
                if outlet.must_cancel:
                    outlet.must_cancel = False
                    waiting = taking.throw(asyncio.CancelledError())
                else:
                    waiting = taking.send(None)
    except StopIteration:
        if outlet.task is not None:
            yield from outlet.written().__await__()
        return outlet.taken()
    except Exception as exc:
        yield from outlet.end_before(exc).__await__()
        raise
    except asyncio.CancelledError:
        yield from outlet.end_cancelled().__await__()
        raise


async def _take(items: AsyncGenerator[Any, None], to_bytes: Callable[[Any], bytes], outlet: _Outlet) -> None:
    """Keep what comes, and write it where that becomes much."""
    # The class of what is bytes already: no call is 300 instructions less.
    ready = bytes if to_bytes is as_bytes else None
    keep, room = outlet.kept.append, BATCH
    async for item in items:
        if chunk := item if type(item) is ready else to_bytes(item):
            keep(chunk)
            room -= len(chunk) + A_CHUNK
            if room <= 0:
                room = BATCH
                await outlet.flush()
                await asyncio.sleep(0)


class _Outlet:
    """What is kept, and the task that writes it while the generator waits."""

    # Of the class, since most streams never wait: a third of the time to make one.
    task: asyncio.Task[None] | None = None
    """Writes, or has written, or could not; it raises nothing."""
    error: BaseException | None = None
    """Why nothing can be written any more."""
    must_cancel: bool = False
    """Whether the generator is cancelled when it goes on, since what it waited for could not be."""
    _waiting: Any = None
    _has_gone_on: bool = False
    _in_shared_task: bool = False

    def __init__(self, write: Write) -> None:
        self.kept: list[bytes] = []
        self._write = write

    def begin(self, waiting: Any) -> None:
        """The generator is about to wait: write, where that is not going on already."""
        self._waiting = waiting
        if self.kept and (self.task is None or self.task.done()):
            if self.error is None:
                self._in_shared_task = type(asyncio.current_task()).__name__ == SHARED_TASK
                self.task = asyncio.get_running_loop().create_task(self._pump())
            else:
                self._refuse()

    async def written(self) -> None:
        """Wait for who writes; raises why it could not."""
        if self.task is not None:
            await self.task
        if self.error is not None:
            raise self.error

    async def flush(self) -> None:
        """Write all there is."""
        await self.written()
        if self.kept:
            await self._write(self.taken())

    async def end_before(self, exc: Exception) -> None:
        """Write what came before an error, which is told whether the client has left or not."""
        if self.error is None:
            try:
                await self.flush()
            except ClientDisconnected:
                pass
        elif self.error is not exc and exc.__cause__ is None:
            exc.__cause__ = self.error

    async def end_cancelled(self) -> None:
        """Stop writing; raises what has made it fail, where that is why the generator was cancelled."""
        if self.error is not None:
            raise self.error from None
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])

    def drop(self) -> None:
        """Stop writing, and wait for nothing, as where the loop is closed already."""
        if self.task is not None and not self.task.get_loop().is_closed():
            self.task.cancel()

    async def _pump(self) -> None:
        """Write what is kept. Where that fails the generator is cancelled, as with a task, and may take its time to end."""
        try:
            while self.kept:
                await self._write(self.taken())
        except BaseException as exc:
            self.error = exc
            if self._waiting is not self.task:  # which waits for this, and sees it
                self._cancel()

    def _cancel(self) -> None:
        # Granian's shared task is dropped where it waits for what is cancelled: there the generator ends at its own pace.
        self.must_cancel = self._waiting is None or self._in_shared_task or not self._waiting.cancel()

    def _refuse(self) -> None:
        """Nothing can be written, and there is more. One chunk may be a last word; one that goes on is cancelled where it waits."""
        self.kept.clear()
        if self._has_gone_on:
            self._cancel()
        self._has_gone_on = True

    def taken(self) -> bytes:
        """What is kept, which then is not kept any more."""
        data = b"".join(self.kept)
        self.kept.clear()
        return data


def _drop(taking: Coroutine[Any, Any, None]) -> None:
    """End what nobody waits for any more. Before CPython 3.13 to close it would not reach the generator."""
    try:
        taking.throw(asyncio.CancelledError())
    except (StopIteration, asyncio.CancelledError):
        return
    taking.close()
