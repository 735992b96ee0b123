"""Runs blocking calls beside the event loop. Knows threads and contexts; does not know handlers or requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")

MAX_THREADS = 40
"""Blocking calls that run at once in a process; further ones wait their turn."""

_END = object()
_pool: ThreadPoolExecutor | None = None


def pool() -> ThreadPoolExecutor:
    """The process's one thread pool, made at its first use and again after `shut_down`."""
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="velocipy")
    return _pool


def shut_down() -> None:
    """Let running calls end and release the threads."""
    global _pool
    if _pool is not None:
        _pool.shutdown(wait=True)
        _pool = None


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `function` in the pool with a copy of the caller's context; what it sets in context variables stays there."""
    return await in_context(copy_context(), function, *args, **kwargs)


async def in_context(context: Context, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `function` in the pool in this very context, so that several calls see each other's context variables."""
    call = partial(context.run, function, *args, **kwargs)
    return await asyncio.get_running_loop().run_in_executor(pool(), call)


async def iterate(iterator: Iterator[T]) -> AsyncIterator[T]:
    """A blocking iterator as an async one: each step is a call in the pool, all in one context; closed at the end."""
    context = copy_context()
    try:
        while (item := await in_context(context, next, iterator, _END)) is not _END:  # type: ignore[call-overload]
            yield item
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            await in_context(context, close)
