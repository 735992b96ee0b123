"""Runs blocking calls beside the event loop. Knows threads and contexts; does not know handlers or requests."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from functools import partial
from typing import ParamSpec, TypeVar, cast

T = TypeVar("T")
P = ParamSpec("P")

MAX_THREADS = 40
"""Blocking calls that run at once in a process; further ones wait their turn."""

_END = object()
_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None
_users = 0


def pool() -> ThreadPoolExecutor:
    """The process's one thread pool, made at its first use and again after it was released."""
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="velocipy")
    return _pool


def retain() -> None:
    """An app has started: keep the pool until it, and every other app of the process, has released it."""
    global _users
    with _lock:
        _users += 1


def release() -> None:
    """An app has stopped. After the last one the threads end, each once its running call has ended."""
    global _pool, _users
    with _lock:
        _users -= 1
        if _users == 0 and _pool is not None:
            _pool.shutdown(wait=False)
            _pool = None


def _forget_threads() -> None:
    """In a process that was forked none of the threads is there, and nobody gives the lock back."""
    global _pool, _lock, _users
    _pool, _lock, _users = None, threading.Lock(), 0


if hasattr(os, "register_at_fork"):  # pragma: no branch - Windows has no fork
    os.register_at_fork(after_in_child=_forget_threads)


async def in_thread(function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `function` in the pool with a copy of the caller's context; what it sets in context variables stays there."""
    return await in_context(copy_context(), function, *args, **kwargs)


async def in_context(context: Context, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `function` in the pool in this very context, so that several calls see each other's context variables."""
    return await begin(context, function, *args, **kwargs)


def begin(
    context: Context, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
) -> asyncio.Future[T]:
    """The same call, begun: what `whole` waits for without a task of its own."""
    call = partial(_call, partial(context.run, function, *args, **kwargs))
    with _lock:  # another loop's last app may release the pool between finding and using it
        return asyncio.get_running_loop().run_in_executor(pool(), call)  # pyright: ignore[reportReturnType]  # it loses T in the partial of a generic method


def _call(function: Callable[[], T]) -> T:
    try:
        return function()
    except StopIteration as exc:
        # A future takes no StopIteration: on CPython 3.11 its waiter is never woken. A coroutine words it the same way.
        raise RuntimeError("a call in a thread raised StopIteration") from exc


async def iterate(iterator: Iterator[T]) -> AsyncGenerator[T, None]:
    """A blocking iterator as an async one: each step is a call in the pool, all in one context; closed at the end."""
    context = copy_context()
    try:
        while (item := await whole(begin(context, next, iterator, cast("T", _END)))) is not _END:
            yield item  # ty: ignore[invalid-yield]
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            await in_context(context, close)


async def whole(call: Awaitable[T]) -> T:
    """Wait for a call's end even when cancelled: what a thread still works on cannot be closed."""
    running = asyncio.ensure_future(call)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
