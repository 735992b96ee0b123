"""How long a call takes, for tests of what grows with hostile input, or of what must not be waited for. Knows clocks, not what is timed."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

TRIES = 5
BEAT = 0.01


def within(seconds: float, call: Callable[[], object]) -> bool:
    """Whether one of five calls takes less CPU time of this thread than that.

    One is enough: what is too slow is so each time, and a busy machine makes any call look up to three times as long. Collections of
    garbage do not count: how long they take depends on the tests before.
    """
    for _ in range(TRIES):
        gc.disable()
        try:
            started = time.thread_time()
            call()
            if time.thread_time() - started < seconds:
                return True
        finally:
            gc.enable()
    return False


@asynccontextmanager
async def loop_seconds() -> AsyncIterator[Callable[[], float]]:
    """`async with loop_seconds() as seconds: await it` -> `seconds()` is how long the loop was there for it, in beats of 10 ms.

    Never more than a clock shows. While the process is stopped, or others have its core, there is one beat however long that lasts:
    what waits for a deadline takes hardly longer then, and what waits for something later than that does.
    """
    beats = 0

    async def beat() -> None:
        nonlocal beats
        while True:
            await asyncio.sleep(BEAT)
            beats += 1

    heart = asyncio.create_task(beat())
    try:
        yield lambda: beats * BEAT
    finally:
        heart.cancel()
