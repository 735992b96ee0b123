"""How long a body may keep its reader waiting. Knows tasks and a clock; knows no server and nothing of what a body is.

    task = begin(30.0)                                      this task waits for a body from now on
    try:
        body = await ...
    except CancelledError:
        check_over(task)                                    RequestTimeout, if that is why
        raise
    finally:
        WAITING.pop(task, None)

A client that sends a byte now and then holds a handler, and what its guards have opened, for as long as it likes. So a reader has
some seconds of waiting, and each RATE bytes give one of them back: who sends at that rate is never cut off, and who stops is in that
time. One timer looks at all who wait: a timer for each would be 3 us, and an entry in a
dict is 0.4 (on CPython 3.11, half of it to ask for the loop).
"""

from __future__ import annotations

import asyncio
from asyncio import current_task, get_running_loop
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from threading import get_ident
from typing import Any, Final, TypeVar

from velocipy.exceptions import RequestTimeout

T = TypeVar("T")

RATE: Final = 2 * 1024
"""Bytes that give back a second: slower than any network that people still use."""

TICK: Final = 0.25
"""Seconds between two looks at those who wait."""

IDLE: Final = 40
"""Looks in a row that found nobody, after which the timer rests."""

WAITING: Final[dict[asyncio.Task[Any] | None, float]] = {}
"""Who waits, on whatever loop, and until when on its loop's clock; below 0 is how long, where no look has seen it yet.

None stands for whoever is no task, under `granian --task-impl rust`, and cannot be cut off.
"""

_OVER: Final = 0.0
"""In WAITING: it was cut off."""

_ticking: asyncio.AbstractEventLoop | None = None
"""The loop whose timer was last seen to run."""
_thread = 0
"""The thread that it runs in. Another loop may run there later: then this one has no current task."""
_loops: set[asyncio.AbstractEventLoop] = set()
"""All whose timer runs."""


def begin(seconds: float) -> asyncio.Task[Any] | None:
    """Have the current task cancelled when it still waits after so many seconds; they count from the next look on."""
    # To ask which loop runs is a system call before CPython 3.12, 0.17 us.
    task = current_task(_ticking) if _ticking is not None and get_ident() == _thread else None
    if task is None:
        loop = get_running_loop()
        if loop is not _ticking:
            _start(loop)
        task = current_task(loop)
    WAITING[task] = -seconds
    return task


def check_over(task: asyncio.Task[Any] | None) -> None:
    """RequestTimeout if the CancelledError at hand came from here, and nobody else has cancelled the task too."""
    if task is not None and WAITING.get(task) == _OVER and not task.uncancel():
        raise RequestTimeout from None


async def in_time(reading: Awaitable[T], seconds: float | None) -> T:
    """What reads a body -> what it returns. Raises RequestTimeout; None waits for ever."""
    if seconds is None:
        return await reading
    with Watched(seconds):
        return await reading


class Watched:
    """A block in which the current task waits for a body. Raises RequestTimeout."""

    __slots__ = ("_seconds", "_task")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._task = begin(self._seconds)

    def __exit__(self, kind: type[BaseException] | None, exc: object, traceback: object) -> None:
        try:
            if kind is asyncio.CancelledError:
                check_over(self._task)
        finally:
            WAITING.pop(self._task, None)


async def joined(chunks: AsyncIterator[bytes], seconds: float | None = None) -> bytes:
    """All chunks as one; of who waits for them for `seconds`, each is progress."""
    parts: list[bytes] = []
    task = current_task()
    async for chunk in chunks:
        parts.append(chunk)
        if seconds is not None and (until := WAITING.get(task, _OVER)) > _OVER:
            WAITING[task] = min(until + len(chunk) / RATE, _now() + seconds)
    return b"".join(parts)


async def paced(chunks: AsyncIterator[bytes], seconds: float) -> AsyncGenerator[bytes, None]:
    """The same chunks; what their reader does with them in between is no waiting. Raises RequestTimeout."""
    left = seconds
    while True:
        task = begin(left)
        until = WAITING[task] = _now() + left
        try:
            chunk = await anext(chunks, None)
        except asyncio.CancelledError:
            check_over(task)
            raise
        finally:
            WAITING.pop(task, None)
        if chunk is None:
            return
        left = min(max(until - _now(), 0.0) + len(chunk) / RATE, seconds)
        yield chunk


def _start(loop: asyncio.AbstractEventLoop) -> None:
    global _ticking, _thread
    _ticking, _thread = loop, get_ident()
    if loop not in _loops:
        _loops.difference_update([other for other in _loops if other.is_closed()])
        _loops.add(loop)
        loop.call_later(TICK, _look, loop, 0)


def _look(loop: asyncio.AbstractEventLoop, idle: int) -> None:
    """Cut off who has waited long enough on this loop, and look again later."""
    global _ticking
    now = _now()
    mine = [(task, until) for task, until in WAITING.items() if task is not None and task.get_loop() is loop]
    for task, until in mine:
        if until < _OVER:
            WAITING[task] = now - until
        elif _OVER < until <= now:
            WAITING[task] = _OVER
            task.cancel()
    if not mine and idle >= IDLE:
        _loops.discard(loop)
        if _ticking is loop:
            _ticking = None
        return
    if _ticking is loop and _thread != get_ident():  # it was stopped, and goes on in another thread
        _ticking = None
    loop.call_later(TICK, _look, loop, 0 if mine else idle + 1)


def _now() -> float:
    return get_running_loop().time()
