"""Whether a client is still there, for all who must stop when it leaves. Knows tasks and futures; knows no server.

    await connection.leaving.wait()                         return when the client leaves
    with Interruption() as gone: ...                        break off what this task awaits, from elsewhere in the loop
    await cancel_on_disconnect(connection, endpoint())      the endpoint's result, or ClientDisconnected
    yield from while_it_waits(waiting, work, enter, subject)
                                                            go on with work that was begun, in a context if it waits

A server is asked once an exchange, however many want to know, and not at all by a stream that is over within `WATCH_AFTER`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from velocipy.exceptions import ClientDisconnected

if TYPE_CHECKING:
    from velocipy.protocols import HTTPConnection

T = TypeVar("T")
S = TypeVar("S")

logger: logging.Logger = logging.getLogger("velocipy")

SHARED_TASK = "_CBSchedulerTask"
"""The class of the one task as which Granian's `--task-impl rust` runs every exchange (before Python 3.12)."""

WATCH_AFTER = 0.01
"""Seconds that a stream runs before a server is asked about its client: asking is 20-40 us, and most streams are over by then."""


class Leaving:
    """One wait for one client's leaving, which begins when somebody asks and is cancelled when nobody wants to know any more.

    `wait` returns once the client has left and need not stand being awaited twice at a time. `note` is called first of all then.
    """

    __slots__ = ("_calls", "_note", "_task", "_timer", "_wait", "_waiters", "ended", "left")

    def __init__(self, wait: Callable[[], Awaitable[None]], note: Callable[[], object]) -> None:
        self.left: bool = False
        """Whether the client is known to have left."""
        self.ended: bool = False
        """Whether the answer is complete."""
        self._wait = wait
        self._note = note
        self._calls: list[Callable[[], object]] = []
        self._waiters: set[asyncio.Future[None]] = set()
        self._timer: asyncio.Handle | None = None
        self._task: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Return once the client has left; cancelled when the answer is complete before that."""
        if self.left or self.ended:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        try:
            self._begin()
            await waiter
        finally:
            self._waiters.discard(waiter)
            self._rest()

    def tell(self, call: Callable[[], object]) -> None:
        """Have `call` called, once, when the client leaves; the server is asked after WATCH_AFTER seconds."""
        if self.ended:
            return
        self._calls.append(call)
        if self.left:
            asyncio.get_running_loop().call_soon(self._tell_all)
        elif self._task is None and self._timer is None:
            # A timer is 3 us and this 0.4: most streams end in the turn that they began in.
            self._timer = asyncio.get_running_loop().call_soon(self._begin_later)

    def forget(self, call: Callable[[], object]) -> None:
        """Nobody waits for `call` any more; safe to say twice."""
        if call in self._calls:
            self._calls.remove(call)
            self._rest()

    def notice(self) -> None:
        """The client was found to have left, by whoever read from it or wrote to it."""
        self.left = True
        self._note()
        self._stop()
        self._tell_all()
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def end(self) -> None:
        """The answer is complete: there is nothing left to leave, and who still waits is cancelled."""
        self.ended = True
        self._calls.clear()
        self._stop()
        for waiter in self._waiters:
            waiter.cancel()

    def _begin_later(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(WATCH_AFTER, self._begin)

    def _begin(self) -> None:
        self._stop_timer()
        if self._task is None and not self.left and not self.ended:
            self._task = asyncio.ensure_future(self._wait())
            self._task.add_done_callback(self._noticed)

    def _noticed(self, task: asyncio.Future[None]) -> None:
        if task.cancelled() or task is not self._task:
            return
        error = task.exception()
        if error is None or isinstance(error, (ClientDisconnected, OSError)):
            self.notice()
        else:
            logger.error("waiting for a client to leave failed: its leaving goes unnoticed", exc_info=error)

    def _tell_all(self) -> None:
        calls, self._calls = self._calls, []
        for call in calls:
            call()

    def _rest(self) -> None:
        if not self._calls and not self._waiters:
            self._stop()

    def _stop(self) -> None:
        self._stop_timer()
        if self._task is not None:
            task, self._task = self._task, None
            task.cancel()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Interruption:
    """A block that others can break off: `fire()` cancels what its task awaits in there, and the block ends quietly.

    `fired` says afterwards whether that was so. Everything in the block sees a CancelledError, as from `asyncio.timeout`; a
    cancellation that came from elsewhere goes on. Costs nothing until it is fired.

    Under `granian --task-impl rust` tasks cannot be cancelled: there the block ends at its own pace.
    """

    __slots__ = ("_before", "_task", "fired")

    def __init__(self) -> None:
        self.fired: bool = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None, "an Interruption is entered in a task"
        self._task = task
        self._before = task.cancelling()
        return self

    def fire(self) -> None:
        """Break the block off; in its own task, which can see for itself, this is only noted."""
        if not self.fired and asyncio.current_task() is not self._task:
            self.fired = True
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if not self.fired:
            return False
        return self._task.uncancel() <= self._before and kind is asyncio.CancelledError


class Presence(Interruption):
    """A block that is broken off with ClientDisconnected when the client leaves."""

    __slots__ = ("_leaving",)

    def __init__(self, leaving: Leaving) -> None:
        super().__init__()
        self._leaving = leaving

    def __enter__(self) -> Self:
        super().__enter__()
        self._leaving.tell(self.fire)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> Literal[False]:
        self._leaving.forget(self.fire)
        if super().__exit__(kind, exc, traceback) or self.fired and kind is None:
            raise ClientDisconnected("the client left before its answer was complete") from None
        return False


async def cancel_on_disconnect(connection: HTTPConnection, work: Coroutine[Any, Any, T]) -> T:
    """Await `work` -> its result; when the client leaves before, cancel it and raise ClientDisconnected.

    What `work` does when it is cancelled is awaited, so its `finally` blocks and the teardown around it run once, and in order.
    """
    with Presence(connection.leaving):
        return await work


def while_it_waits(
    waiting: Any,
    work: Coroutine[Any, Any, T],
    enter: Callable[[S], AbstractContextManager[object]],
    subject: S,
) -> Generator[Any, Any, T]:
    """The rest of `work`, which was begun by hand and now waits for `waiting`, within `enter(subject)` -> its result.

    Until then nothing else runs in the loop, so nobody can leave or stop: what is done without waiting pays for no look-out, which
    is 5 us.
    """
    with enter(subject):
        return (yield from rest_of(work, waiting))


def rest_of(work: Coroutine[Any, Any, T], waiting: Any) -> Generator[Any, Any, T]:
    """What is left of `work`, which was begun by hand and now waits for `waiting` -> its result."""
    while True:
        try:
            yield waiting
        except BaseException as exc:
            try:
                waiting = work.throw(exc)
            except StopIteration as done:
                result: T = done.value
                return result
        else:
            return (yield from work.__await__())
