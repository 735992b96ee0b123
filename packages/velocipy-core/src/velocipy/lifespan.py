"""What an app sets up before its first request and takes down after its last. Knows the order; no server's events."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from velocipy.exceptions import ConfigurationError

logger: logging.Logger = logging.getLogger("velocipy")

LifespanFactory = Callable[[Any], AbstractAsyncContextManager[Any]]


class Startable(Protocol):
    """What starts and stops on the running loop."""

    async def start(self) -> object:
        """Begin; what it raises keeps the app from starting."""
        ...

    async def stop(self) -> None:
        """End; without effect where it has not begun."""
        ...


Hold = Callable[["asyncio.Task[None]"], None]
"""Has requests wait until this start-up is over."""


class Served(ABC):
    """What a server starts before its first request and stops after its last, on a loop that is still or runs already."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold
        self._tasks: set[asyncio.Task[None]] = set()
        self._guards: dict[asyncio.Future[None], asyncio.Task[None]] = {}

    @abstractmethod
    async def start(self) -> None:
        """Begin on the running loop; what it raises ends the server."""

    @abstractmethod
    async def stop(self) -> None:
        """End on the running loop; without effect where it has not begun."""

    def start_soon(self, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
        """Start on a loop that runs already, as embedded servers have it: requests wait until that is done.

        A start-up that fails is logged, and every request is refused: there is no server to end.
        """
        task = self._keep(loop.create_task(self.start()))
        task.add_done_callback(_report)
        self._hold(task)
        over: asyncio.Future[None] = loop.create_future()
        self._guards[over] = loop.create_task(self._guard(task, over))
        return task

    async def _guard(self, started: asyncio.Task[None], over: asyncio.Future[None]) -> None:
        """Stop where everything is cancelled and nobody is told, as `asyncio.run` does at a Ctrl-C that it alone handles."""
        try:
            await asyncio.wait([started])
            await over
        except asyncio.CancelledError:
            await self.stop()
            raise
        finally:
            self._guards.pop(over, None)

    def stop_soon(self, loop: asyncio.AbstractEventLoop) -> asyncio.Task[None]:
        """Stop on a loop that goes on running, or is about to be closed by `asyncio.run`, which waits for the task then."""
        return self._keep(_Last(self.stop(), loop=loop))

    async def _settle(self) -> None:
        """Wait for a start-up that is still going on; whoever stops needs no guard any more."""
        for over in [over for over in self._guards if over.get_loop() is asyncio.get_running_loop()]:
            if not over.done():
                over.set_result(None)
        starting = [task for task in self._tasks if task is not asyncio.current_task()]
        if starting:
            await asyncio.wait(starting)

    def _keep(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        self._tasks.add(task)  # a loop alone does not keep its tasks alive
        task.add_done_callback(self._tasks.discard)
        return task


class Lifespan(Served):
    """Runs `lifespan(app)`, an async context manager, once per event loop around all requests.

    A mapping that it yields joins `app.state`.
    """

    def __init__(self, app: Any, factory: LifespanFactory | None, hold: Hold) -> None:
        super().__init__(hold)
        self._app = app
        self._factory = factory
        # By the loop itself and not by its id, which the next loop may have again. None: no factory, nothing to leave.
        self._entered: dict[asyncio.AbstractEventLoop, AbstractAsyncContextManager[Any] | None] = {}
        self._mounted: list[Startable] = []
        self._deaf: dict[asyncio.AbstractEventLoop, Callable[[], None]] = {}
        """What ends the listening for the signals that stop a server."""
        self._started: dict[asyncio.AbstractEventLoop, list[Startable]] = {}

    def include(self, mounted: Startable) -> None:
        """Have the lifespan of a mounted app run inside this one, from the next start on."""
        self._mounted.append(mounted)

    async def start(self) -> None:
        """Enter it on the running loop. What it raises ends the server, so that no half-made app answers."""
        loop = asyncio.get_running_loop()
        if loop in self._entered:
            return
        manager = None if self._factory is None else self._make(self._factory)
        if manager is not None:
            yielded = await manager.__aenter__()
            if isinstance(yielded, Mapping):
                self._app.state.update(yielded)
        self._entered[loop] = manager
        _threads().retain()
        try:
            await self._start_parts(loop)
        except BaseException as exc:
            await self._leave(loop, exc)
            raise

    async def stop(self) -> None:
        """Leave it on the running loop; without effect where it was never entered."""
        loop = asyncio.get_running_loop()
        await self._settle()
        if loop not in self._entered:
            return
        await self._leave(loop, None)

    async def _start_parts(self, loop: asyncio.AbstractEventLoop) -> None:
        """Mounted apps, app-scoped values and lasting tasks, in this order, inside the app's own lifespan."""
        started = self._started[loop] = []
        for mounted in self._mounted:
            await mounted.start()
            started.append(mounted)
        await self._app.app_values.start()
        self._app.jobs.start()
        from velocipy.stopping import listen  # signals, which only a server has

        self._deaf[loop] = listen(self._app.shutdown_grace)

    async def _leave(self, loop: asyncio.AbstractEventLoop, exc: BaseException | None) -> None:
        """What was started last is stopped first; each is, whatever the others raise, and the first thing raised is raised."""
        self._deaf.pop(loop, _nothing)()
        parts = [mounted.stop for mounted in self._started.pop(loop, [])]
        manager = self._entered.pop(loop)
        first = exc
        for stop in reversed([*parts, self._app.app_values.stop, self._stop_jobs]):
            try:
                await stop()
            except BaseException as raised:
                first = first or raised
        try:
            if manager is not None:
                info = (None, None, None) if first is None else (type(first), first, first.__traceback__)
                await manager.__aexit__(*info)
        finally:
            _threads().release()
        if first is not None and first is not exc:
            raise first

    async def _stop_jobs(self) -> None:
        await self._app.jobs.stop(self._app.shutdown_grace)

    def _make(self, factory: LifespanFactory) -> AbstractAsyncContextManager[Any]:
        manager = factory(self._app)
        if not hasattr(manager, "__aenter__"):
            from velocipy.routing.route import shown

            if asyncio.iscoroutine(manager):
                manager.close()
            raise ConfigurationError(
                f"lifespan {shown(factory)} is no async context manager: "
                "decorate it with contextlib.asynccontextmanager"
            )
        return manager


class _Last(asyncio.Task[None]):
    """A task that ends before its loop is closed. `asyncio.run` cancels whatever it finds when its main function has returned,
    which an embedded server lets it do as soon as it has called for the stop. Timeouts and groups cancel from within the loop, and may.
    """

    def cancel(self, msg: Any = None) -> bool:
        """Only from a loop that runs."""
        return asyncio._get_running_loop() is not None and super().cancel(msg)


def _nothing() -> None:
    """A start-up that failed had nothing to end."""


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.critical("the app did not start: every request is refused", exc_info=task.exception())


def _threads() -> Any:
    # Loaded with the first app that starts and not with the first that is imported.
    from velocipy import threads

    return threads
