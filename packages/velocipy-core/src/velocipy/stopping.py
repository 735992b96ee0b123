"""What ends when the server is told to stop: WebSockets and event streams at once, other streams after a grace. Knows loops and
signals; knows no app.

Servers wait for open answers before they stop an app, some of them for ever, and tell nobody meanwhile. So the signal is heard here
too: the handler that a server has installed runs as before, and the loop learns of it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final, Protocol
from weakref import WeakKeyDictionary

from velocipy.exceptions import ClientDisconnected

logger: logging.Logger = logging.getLogger("velocipy")

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

GOING_AWAY: Final = 1001
"""The close code of a server that goes down (RFC 6455 section 7.4.1)."""


class Closable(Protocol):
    """A WebSocket, as far as it matters here."""

    async def close(self, code: int = ..., reason: str = ...) -> None:
        """End it."""
        ...


class Stopping:
    """What is open on one loop, and whether it is to end."""

    def __init__(self) -> None:
        self.event: asyncio.Event = asyncio.Event()
        """Set as soon as the server is told to stop; event streams end with it."""
        self._streams: set[asyncio.Task[Any]] = set()
        self._cut: set[asyncio.Task[Any]] = set()
        self._sockets: set[Closable] = set()
        self._closing: set[asyncio.Task[None]] = set()

    @contextmanager
    def stream(self) -> Generator[None, None, None]:
        """While this is open, the current task sends a stream, which is cancelled at the end of the grace.

        That becomes a ClientDisconnected: the client gets no more of this answer, and whoever made it is torn down as usual.
        """
        task = asyncio.current_task()
        if task is None:
            yield
            return
        self._streams.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if task not in self._cut:
                raise
            task.uncancel()
            raise ClientDisconnected("the server stops, and the stream had its time") from None
        finally:
            self._streams.discard(task)
            self._cut.discard(task)

    @contextmanager
    def socket(self, websocket: Closable) -> Generator[None, None, None]:
        """While this is open, a stop closes the WebSocket, and its endpoint sees that as any other close."""
        self._sockets.add(websocket)
        try:
            yield
        finally:
            self._sockets.discard(websocket)

    def begin(self, grace: float) -> None:
        """End what ends at once, and the rest `grace` seconds later; without effect the second time."""
        if self.event.is_set():
            return
        self.event.set()
        for websocket in list(self._sockets):
            task = asyncio.ensure_future(websocket.close(GOING_AWAY, "the server stops"))
            self._closing.add(task)
            task.add_done_callback(self._closed)
        asyncio.get_running_loop().call_later(grace, self._cancel_streams, grace)

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._closing.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.debug("a WebSocket could not be closed", exc_info=task.exception())

    def _cancel_streams(self, grace: float) -> None:
        for task in self._streams:
            logger.warning(
                "a stream was still open %s s after the server was told to stop, and is broken off", grace
            )
            self._cut.add(task)
            task.cancel()


_known: WeakKeyDictionary[asyncio.AbstractEventLoop, Stopping] = WeakKeyDictionary()


def of_loop() -> Stopping:
    """The one of the running loop, made when it is first asked for."""
    loop = asyncio.get_running_loop()
    found = _known.get(loop)
    if found is None:
        found = _known[loop] = Stopping()
    return found


def listen(grace: float) -> Callable[[], None]:
    """Hear the signals that stop the server, before its own handlers do -> a function that ends that.

    Only on the main thread, which alone has signal handlers, and only where somebody handles the signal already: whoever runs an
    app without a server decides by himself.
    """
    if threading.current_thread() is not threading.main_thread():
        return _nothing
    loop, stopping = asyncio.get_running_loop(), of_loop()
    installed: dict[signal.Signals, tuple[Any, Any]] = {}
    for number in SIGNALS:
        before = signal.getsignal(number)
        if callable(before) and before is not signal.default_int_handler:
            ours = _handler(loop, stopping, grace, before)
            signal.signal(number, ours)
            installed[number] = (ours, before)

    def end() -> None:
        for number, (ours, before) in installed.items():
            if signal.getsignal(number) is ours:
                signal.signal(number, before)

    return end


def _handler(
    loop: asyncio.AbstractEventLoop, stopping: Stopping, grace: float, before: Callable[..., Any]
) -> Callable[[int, Any], None]:
    def hear(number: int, frame: Any) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(stopping.begin, grace)
        before(number, frame)

    return hear


def _nothing() -> None:
    """There is nothing to end."""
