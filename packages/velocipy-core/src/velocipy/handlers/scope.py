"""Leaves what dependencies entered: once, last in first out, whatever happened. Knows context managers; no protocol.

A dependency's scope says when: "function" before the answer is sent, "request" after it, and by default before a buffered answer
(so that a commit that fails is a 500 and never a 200) and after the last byte of a stream, which may use the dependency.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from velocipy.threads import in_context

if TYPE_CHECKING:
    from velocipy.handlers.markers import Scope
    from velocipy.http.response import Response

T = TypeVar("T")
Exit = Callable[..., Awaitable[object]]

logger = logging.getLogger("velocipy")

_ALL = frozenset({None, "function", "request"})
_BEFORE_BUFFERED = frozenset({None, "function"})
_BEFORE_STREAM = frozenset({"function"})


class Teardown:
    """What one request has entered and not left yet."""

    __slots__ = ("_entered",)

    def __init__(self) -> None:
        self._entered: list[tuple[Exit, Scope | None]] = []

    async def enter(self, manager: AbstractAsyncContextManager[T], scope: Scope | None) -> T:
        """Enter an async context manager (or generator dependency) and remember to leave it."""
        value = await manager.__aenter__()
        self._entered.append((manager.__aexit__, scope))
        return value

    async def enter_in_thread(self, manager: AbstractContextManager[T], scope: Scope | None) -> T:
        """Enter a blocking one; it is entered and left in threads, in one context, so that its context variables last."""
        context = copy_context()
        entering = asyncio.ensure_future(in_context(context, manager.__enter__))
        try:
            return await asyncio.shield(entering)
        finally:
            # Cancelled here, the thread still enters: wait for it, so that it can be left.
            await asyncio.wait([entering])
            if entering.exception() is None:
                self._entered.append((partial(in_context, context, manager.__exit__), scope))

    async def before_send(self, response: Response | None) -> None:
        """The answer stands: leave what must be left before it is sent. What teardown raises is raised, and answered."""
        exc = await self._leave(_BEFORE_STREAM if response is not None and response.streams else _BEFORE_BUFFERED, None)
        if exc is not None:
            raise exc

    async def throw(self, exc: Exception) -> Exception:
        """Throw an exception into everything entered -> the exception to answer: a dependency may replace, not swallow."""
        raised = await self._leave(_ALL, exc)
        if raised is None or isinstance(raised, Exception):
            return raised or exc
        raise raised

    async def after_send(self) -> None:
        """The answer is sent: leave the rest. What that raises can only be logged."""
        if self._entered:
            exc = await self._leave(_ALL, None)
            if exc is not None:
                if not isinstance(exc, Exception):
                    raise exc
                logger.error("teardown failed after the answer was sent", exc_info=exc)

    async def abandon(self, exc: BaseException) -> None:
        """The request ends by cancellation or because its answer could not be sent: leave everything with that."""
        if self._entered:
            await self._leave(_ALL, exc)

    async def _leave(self, scopes: frozenset[str | None], exc: BaseException | None) -> BaseException | None:
        for entry in reversed(self._entered):
            leave, scope = entry
            if scope not in scopes:
                continue
            self._entered.remove(entry)
            try:
                await leave(type(exc), exc, exc.__traceback__) if exc else await leave(None, None, None)
            except BaseException as raised:
                exc = raised
        return exc
