"""How long a call takes, for tests of what grows with hostile input. Knows the clock of a thread, not what is timed."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

TRIES = 5


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
