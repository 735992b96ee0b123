"""Work that goes on after the answer, and beside all requests. Knows functions and when to wait for them; knows no handlers."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

logger: logging.Logger = logging.getLogger("velocipy")

MAX_TASKS: Final = 1_000
"""Background tasks of one request."""

MAX_PAUSE: Final = 60.0
"""Seconds before a task that failed again and again is started once more, at most."""


class BackgroundTask:
    """A call that is made later: `BackgroundTask(send_mail, to, subject="hello")`. A sync function runs in a thread."""

    __slots__ = ("args", "function", "kwargs")

    def __init__(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        if not callable(function):
            raise TypeError(f"a background task is a function and its arguments, not {function!r}")
        self.function: Callable[..., Any] = function
        self.args: tuple[Any, ...] = args
        self.kwargs: dict[str, Any] = kwargs

    async def run(self) -> None:
        """Make the call; what it raises is raised."""
        if _is_async(self.function):
            await self.function(*self.args, **self.kwargs)
            return
        from velocipy.threads import in_thread  # with the first task that blocks

        await in_thread(self.function, *self.args, **self.kwargs)

    def __repr__(self) -> str:
        return f"<BackgroundTask {getattr(self.function, '__qualname__', self.function)}>"


class BackgroundTasks:
    """Tasks that run after the answer, in order, each whether or not those before it failed.

    Asked for in a signature they are those of the request, wherever in it that is: they run if the answer is no error.
    """

    __slots__ = ("tasks",)

    def __init__(self, *tasks: BackgroundTask) -> None:
        self.tasks: list[BackgroundTask] = list(tasks)

    def add_task(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        """Have `function(*args, **kwargs)` called after the answer. RuntimeError beyond MAX_TASKS."""
        if len(self.tasks) >= MAX_TASKS:
            raise RuntimeError(
                f"one request has at most {MAX_TASKS} background tasks: hand the work to a queue"
            )
        self.tasks.append(BackgroundTask(function, *args, **kwargs))

    async def run(self) -> None:
        """Run them all; what one raises is logged."""
        for task in self.tasks:
            try:
                await task.run()
            except Exception:
                logger.exception("%r failed", task)


def tasks_of(background: BackgroundTask | BackgroundTasks | None) -> list[BackgroundTask]:
    """What a response's `background` comes to: one task, several or none."""
    if background is None:
        return []
    return [background] if isinstance(background, BackgroundTask) else background.tasks


class Jobs:
    """What an app has going on beside requests: background tasks that were begun, and tasks that run as long as the app."""

    def __init__(self) -> None:
        self._declared: list[tuple[Callable[[], Awaitable[Any]], str, bool]] = []
        self._lasting: dict[asyncio.AbstractEventLoop, set[asyncio.Task[None]]] = {}
        self._begun: dict[asyncio.AbstractEventLoop, set[asyncio.Task[Any]]] = {}

    def declare(self, function: Callable[[], Awaitable[Any]], name: str, restart: bool) -> None:
        """Run a function as long as the app does: from the next start on, and at once where the app has started."""
        self._declared.append((function, name, restart))
        for loop in self._lasting:
            loop.call_soon_threadsafe(self._spawn, loop, function, name, restart)

    def start(self) -> None:
        """Begin what was declared, on the running loop."""
        loop = asyncio.get_running_loop()
        self._lasting[loop] = set()
        for function, name, restart in self._declared:
            self._spawn(loop, function, name, restart)

    async def run(self, tasks: BackgroundTasks) -> None:
        """Run background tasks in the task of their request, which a stop of the app then waits for."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        begun = self._begun.setdefault(loop, set())
        begun.add(task)
        try:
            await tasks.run()
        finally:
            begun.discard(task)

    async def stop(self, grace: float) -> None:
        """End what runs as long as the app; wait up to `grace` seconds for background tasks, then cancel and name them."""
        loop = asyncio.get_running_loop()
        lasting = self._lasting.pop(loop, set())
        for task in lasting:
            task.cancel()
        begun = self._begun.pop(loop, set()) - {asyncio.current_task()}
        if begun:
            _, late = await asyncio.wait(begun, timeout=grace)
            for task in late:
                logger.error(
                    "a background task was still running %s s after the app was told to stop: %r", grace, task
                )
                task.cancel()
        if lasting:
            await asyncio.wait(lasting, timeout=max(grace, 1.0))

    def _spawn(
        self,
        loop: asyncio.AbstractEventLoop,
        function: Callable[[], Awaitable[Any]],
        name: str,
        restart: bool,
    ) -> None:
        running = self._lasting.get(loop)
        if running is not None:
            task = loop.create_task(_last(function, name, restart), name=name)
            running.add(task)
            task.add_done_callback(running.discard)


async def _last(function: Callable[[], Awaitable[Any]], name: str, restart: bool) -> None:
    """Run a function to its end, again after a pause that doubles where it failed and is to be restarted."""
    pause = 1.0
    loop = asyncio.get_running_loop()
    while True:
        begun = loop.time()
        try:
            await function()
            return
        except Exception:
            logger.exception(
                "the task %r of the app failed%s", name, f", again in {pause:.0f} s" if restart else ""
            )
        if not restart:
            return
        await asyncio.sleep(pause)
        pause = 1.0 if loop.time() - begun > MAX_PAUSE else min(pause * 2, MAX_PAUSE)


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # the method of its class is what is looked for
    )
