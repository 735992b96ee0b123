"""What the two in-process servers share: tasks, contexts, life. Knows exchanges; does not know a protocol."""

from __future__ import annotations

import asyncio
import contextvars
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from velocipy.testing.exchange import HTTPExchange

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from velocipy.testing.exchange import RawRequest
    from velocipy.testing.websocket import WebSocketExchange


class Server(ABC):
    """Serves one app.

    Every exchange is a task in the running loop, in a copy of one context, as in a worker.
    """

    def __init__(self, *, propagate: bool = True, app_timeout: float = 30.0) -> None:
        self.propagate = propagate
        self.app_timeout = app_timeout
        self._context = contextvars.Context()
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, request: RawRequest) -> HTTPExchange:
        """Starts the app on a request, whose body is still to be fed."""
        exchange = HTTPExchange(request, propagate=self.propagate, app_timeout=self.app_timeout)
        exchange.task = self._spawn(self._serve_http(exchange))
        return exchange

    def open_websocket(self, request: RawRequest) -> WebSocketExchange:
        """Starts the app on a WebSocket handshake."""
        from velocipy.testing.websocket import WebSocketExchange

        exchange = WebSocketExchange(request, propagate=self.propagate)
        exchange.task = self._spawn(self._serve_websocket(exchange))
        return exchange

    def keep_context(self) -> None:
        """What was set synchronously at start-up is visible to every request (measured on Granian)."""
        self._context = contextvars.copy_context()

    @abstractmethod
    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Starts the app's lifespan; the loop is not running, as in a Granian worker."""

    @abstractmethod
    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ends the lifespan; the loop is not running."""

    @abstractmethod
    async def start_here(self) -> None:
        """Starts the lifespan from inside the running loop, as an embedded server does."""

    @abstractmethod
    async def stop_here(self) -> None:
        """Ends the lifespan from inside the running loop."""

    @abstractmethod
    async def _serve_http(self, exchange: HTTPExchange) -> None: ...

    @abstractmethod
    async def _serve_websocket(self, exchange: WebSocketExchange) -> None: ...

    async def cancel(self) -> None:
        """Cancels whatever still runs, and waits for it."""
        tasks = [task for task in self._tasks if not task.done()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=5.0)

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
