"""One thread with one event loop, for synchronous code that calls coroutines. Knows no protocol, no client."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

P = ParamSpec("P")
T = TypeVar("T")
# How long tasks get to end after they were cancelled, in seconds.
CANCEL_GRACE = 5.0


class Portal:
    """Started by its first use, again after `close`; at most one thread at a time, and it is a daemon."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: LoopThread | None = None

    def call(self, work: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a coroutine function in the loop and waits for its result."""

        async def run() -> T:
            return await work(*args, **kwargs)

        future = asyncio.run_coroutine_threadsafe(run(), self._running().loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def call_offline(self, work: Callable[[asyncio.AbstractEventLoop], T]) -> T:
        """Runs a function in the loop's thread while the loop stands still: `run_until_complete` is free."""
        return self._running().offline(work)

    def close(self) -> None:
        """Cancels what runs, closes the loop and waits for the thread."""
        thread = self.release()
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def release(self) -> LoopThread | None:
        """Asks the thread to end, without waiting: safe in a finalizer, in any thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.request_end()
        return thread

    def _running(self) -> LoopThread:
        with self._lock:
            if self._thread is None:
                self._thread = LoopThread()
                self._thread.start()
            return self._thread


class LoopThread(threading.Thread):
    """Runs the loop, stops it for jobs that want it still, and cleans up at the end."""

    def __init__(self) -> None:
        super().__init__(name="velocipy-testing", daemon=True)
        self.loop: asyncio.AbstractEventLoop = asyncio.new_event_loop()
        self._job: Callable[[], None] | None = None
        self._job_lock = threading.Lock()
        self._ending = False

    def run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._ending:
            self.loop.run_forever()
            job, self._job = self._job, None
            if job is not None:
                job()
        self._clean()

    def offline(self, work: Callable[[asyncio.AbstractEventLoop], T]) -> T:
        future: Future[T] = Future()

        def job() -> None:
            try:
                future.set_result(work(self.loop))
            except BaseException as exc:
                future.set_exception(exc)

        with self._job_lock:
            self._job = job
            self.loop.call_soon_threadsafe(self.loop.stop)
            return future.result()

    def request_end(self) -> None:
        self._ending = True
        with contextlib.suppress(RuntimeError):  # closed already
            self.loop.call_soon_threadsafe(self.loop.stop)

    def _clean(self) -> None:
        loop = self.loop
        try:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            if tasks:
                loop.run_until_complete(asyncio.wait(tasks, timeout=CANCEL_GRACE))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            asyncio.set_event_loop(None)
            loop.close()
