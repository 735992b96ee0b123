"""Leaves what dependencies entered: once, last in first out, whatever happened. Knows context managers; no protocol.

A dependency's scope says when: "function" before the answer is sent, "request" after it, and by default before a buffered answer
(so that a commit that fails is a 500 and never a 200) and after the last byte of a stream, which may use the dependency.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar, overload

from velocipy.threads import in_context

if TYPE_CHECKING:
    from velocipy.handlers.markers import Scope
    from velocipy.http.response import Response

T = TypeVar("T")
Exit = Callable[..., Awaitable[object]]
Scopes = frozenset[str | None]

logger: logging.Logger = logging.getLogger("velocipy")

_ALL: Scopes = frozenset({None, "function", "request"})
_BEFORE_BUFFERED: Scopes = frozenset({None, "function"})
_BEFORE_STREAM: Scopes = frozenset({"function"})


class Teardown:
    """What one request has entered and not left yet."""

    __slots__ = ("_entered",)

    def __init__(self) -> None:
        self._entered: list[tuple[Exit, Scope | None]] = []

    @property
    def is_open(self) -> bool:
        """Whether something was entered and is not left yet."""
        return bool(self._entered)

    async def enter(self, manager: AbstractAsyncContextManager[T], scope: Scope | None) -> T:
        """Enter an async context manager (or generator dependency) and remember to leave it."""
        value = await manager.__aenter__()
        self._entered.append((manager.__aexit__, scope))
        return value

    async def enter_in_thread(self, manager: AbstractContextManager[T], scope: Scope | None) -> T:
        """Enter a blocking one; it is entered and left in threads, in one context, so that its context variables last."""
        context = copy_context()

        def enter() -> T:
            value = manager.__enter__()
            self._entered.append((leave, scope))
            return value

        async def leave(*exc_info: Any) -> None:
            await _to_its_end(in_context(context, manager.__exit__, *exc_info))

        return await _to_its_end(in_context(context, enter))

    async def before_send(self, response: Response | None) -> None:
        """The answer stands: leave what must be left before it is sent. What teardown raises is raised, and answered."""
        exc = await self._leave(
            _BEFORE_STREAM if response is not None and response.streams else _BEFORE_BUFFERED, None
        )
        if exc is not None:
            if response is not None:
                await response.discard()
            raise exc

    async def throw(self, exc: Exception) -> Exception:
        """Throw an exception into everything entered -> the exception to answer: a dependency may replace, not swallow."""
        raised = await self._leave(_ALL, exc)
        if not isinstance(raised, Exception):
            raise raised
        return raised

    async def after_send(self, broken: Exception | None = None, about: str = "a request") -> None:
        """The answer is sent: leave the rest, with what broke it off if something did. What that raises can only be logged."""
        if self._entered:
            exc = await self._leave(_ALL, broken)
            if exc is broken:
                return
            if exc is not None and not isinstance(exc, Exception):
                raise exc
            logger.error("teardown failed after the answer to %s was sent", about, exc_info=exc)

    async def abandon(self, exc: BaseException) -> None:
        """The request ends by cancellation or because its answer could not be sent: leave everything with that."""
        if self._entered:
            raised = await self._leave(_ALL, exc)
            if raised is not exc:
                logger.error("teardown failed after the request was given up", exc_info=raised)

    @overload
    async def _leave(self, scopes: Scopes, exc: BaseException) -> BaseException: ...
    @overload
    async def _leave(self, scopes: Scopes, exc: BaseException | None) -> BaseException | None: ...
    async def _leave(self, scopes: Scopes, exc: BaseException | None) -> BaseException | None:
        """Leave what is of these scopes, last first -> what `exc` has become on the way."""
        for index in reversed(range(len(self._entered))):
            leave, scope = self._entered[index]
            if scope not in scopes:
                continue
            del self._entered[index]  # before leaving it: whatever happens then, it is not left again
            try:
                await (leave(None, None, None) if exc is None else leave(type(exc), exc, exc.__traceback__))
            except BaseException as raised:
                exc = raised
        return exc


async def _to_its_end(call: Coroutine[Any, Any, T]) -> T:
    """Await what runs in a thread; cancelled meanwhile, wait for the thread all the same: it cannot be stopped half-way."""
    task = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled() and (exc := task.exception()) is not None:
            logger.error("a dependency failed in its thread after its request was cancelled", exc_info=exc)
        raise
