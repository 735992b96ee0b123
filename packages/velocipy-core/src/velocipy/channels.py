"""Publish and subscribe between connections. Knows names, queues and subscribers; does not know how messages leave the process.

    channels = Channels()

    async with channels.subscribe("room:1", to=websocket):       # every message is sent to it, by a task that ends with the block
        async for text in websocket.iter_text():
            await channels.publish("room:1", text)

    async with channels.subscribe("news") as subscription:       # or taken one by one, in a stream of server-sent events
        async for message in subscription:
            yield message

Messages are str or bytes, made once and shared by all who get them. Each subscriber has a bounded queue, so that one who is slow
costs neither the others nor memory. A worker has its own `Channels`; a `ChannelsBackend` connects those of several.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, Self, get_args

from velocipy.channel_backends import (
    MAX_HISTORIES,
    ChannelsBackend,
    Deliver,
    MemoryBackend,
    Message,
    Published,
)
from velocipy.exceptions import ConfigurationError, WebSocketDisconnect
from velocipy.json.base import EncoderChoice, find_encoder

if TYPE_CHECKING:
    from types import TracebackType

    from velocipy.websocket import WebSocket

__all__ = [
    "DEFAULT_MAX_QUEUE",
    "EVERYBODY",
    "MAX_HISTORIES",
    "Channels",
    "ChannelsBackend",
    "Deliver",
    "MemoryBackend",
    "Message",
    "Overflow",
    "Published",
    "Subscription",
]

Overflow = Literal["drop_oldest", "drop_newest", "close"]
"""What happens to a subscriber whose queue is full: it loses the oldest message, or the newest, or its subscription ends."""

EVERYBODY: Final = "*"
"""The name that every subscriber has."""

DEFAULT_MAX_QUEUE: Final = 100
"""Messages that wait for one subscriber; they are shared, so that a thousand slow ones in a room hold these once."""


class Channels:
    """A hub: who subscribes to a name gets what is published to it, from then on.

    It belongs to the event loop that uses it, and may go to another once nobody subscribes. `history` is how many messages of
    each name the memory backend keeps for subscribers to come; a backend of your own has its own setting.
    """

    def __init__(
        self,
        backend: ChannelsBackend | None = None,
        *,
        max_queue: int = DEFAULT_MAX_QUEUE,
        overflow: Overflow = "drop_oldest",
        history: int = 0,
        json_encoder: EncoderChoice = None,
    ) -> None:
        if backend is not None and history:
            raise ConfigurationError(
                "history is the memory backend's: set that of the backend which you pass instead"
            )
        self._max_queue = _check_count(max_queue, "max_queue", 1)
        self._overflow = _check_overflow(overflow)
        self._backend = backend or MemoryBackend(_check_count(history, "history", 0))
        self._json_encoder = json_encoder
        self._loop: asyncio.AbstractEventLoop | None = None
        self._subscribers: dict[str, dict[Subscription, None]] = {}
        self._told: set[str] = set()
        self._started = False
        self._crowded = False
        self._lock = asyncio.Lock()

    def subscribe(
        self,
        *names: str,
        to: WebSocket | None = None,
        max_queue: int | None = None,
        overflow: Overflow | None = None,
        history: int = 0,
    ) -> Subscription:
        """A subscription to all of these names, while an `async with` holds it; `to` is a WebSocket that every message is sent to.

        First come the last `history` messages of each name, then what is published.
        """
        return Subscription(
            self,
            [_check_name(name) for name in names],
            to,
            self._max_queue if max_queue is None else _check_count(max_queue, "max_queue", 1),
            self._overflow if overflow is None else _check_overflow(overflow),
            _check_count(history, "history", 0),
        )

    async def publish(self, name: str, message: Message) -> None:
        """Give a message to everybody who subscribes to that name. Waits for nobody: a slow subscriber loses by its own policy."""
        _check_name(name)
        if isinstance(message, str):
            if not message.isascii():
                message.encode()  # half of a surrogate pair cannot be sent: the publisher's mistake, and not its subscribers'
        elif not isinstance(message, bytes):
            raise TypeError(f"str and bytes can be published, not {type(message).__qualname__}")
        await self._start()
        await self._backend.publish(name, message)
        if (
            self._crowded
        ):  # a publisher that never gives way would fill the queues of subscribers that are fast
            self._crowded = False
            await asyncio.sleep(0)

    async def publish_json(self, name: str, value: Any) -> None:
        """Publish a value as JSON text, which is made once for all."""
        await self.publish(name, find_encoder(self._json_encoder).encode(value).decode())

    async def broadcast(self, message: Message) -> None:
        """Give a message to every subscriber of any name, once."""
        await self.publish(EVERYBODY, message)

    def count(self, name: str = EVERYBODY) -> int:
        """How many subscribe to that name in this process, or at all."""
        return len(self._subscribers.get(name, ()))

    async def close(self) -> None:
        """End every subscription and stop the backend: in the lifespan, after `yield`."""
        for subscription in list(self._subscribers.get(EVERYBODY, ())):
            subscription.end()
        if self._started:
            self._started = False
            await self._backend.stop()

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # -- what subscriptions call ---------------------------------------------------------------------------------

    async def join(self, subscription: Subscription, name: str, history: int) -> None:
        """Deliver messages of that name to a subscription, the last `history` of them first."""
        await self._start()
        self._subscribers.setdefault(name, {})[subscription] = None
        try:
            await self._tell_backend(name)
            if history:
                recent = await self._backend.recent(name, history)
                subscription.put_before([Published(name, message) for message in recent])
        except BaseException:
            self._forget(subscription, name)
            raise

    async def leave(self, subscription: Subscription, names: Sequence[str]) -> None:
        """Deliver them no longer: at once, whatever becomes of telling the backend."""
        for name in names:
            self._forget(subscription, name)
        for name in names:
            await self._tell_backend(name)

    def _forget(self, subscription: Subscription, name: str) -> None:
        subscribers = self._subscribers.get(name, {})
        subscribers.pop(subscription, None)
        if not subscribers:
            self._subscribers.pop(name, None)

    async def _tell_backend(self, name: str) -> None:
        """Bring the backend to what is wanted now; one at a time, since the next may want the opposite already."""
        async with self._lock:
            if name in self._subscribers and name not in self._told:
                await self._backend.subscribe(name)
                self._told.add(name)
            elif name not in self._subscribers and name in self._told:
                self._told.discard(name)
                await self._backend.unsubscribe(name)

    def _deliver(self, name: str, message: Message) -> None:
        published = Published(name, message)
        for subscription in self._subscribers.get(name, ()):
            if subscription.put(published):
                self._crowded = True

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._bind(loop)
        if not self._started:
            async with self._lock:
                if not self._started:
                    await self._backend.start(self._deliver)
                    self._started = True

    def _bind(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is not None and not self._loop.is_closed() and self._subscribers:
            raise RuntimeError(
                "these Channels have subscribers in another event loop: make them in the lifespan, one for each loop, or call "
                "asyncio.run_coroutine_threadsafe(channels.publish(...), their_loop)"
            )
        self._loop = loop
        self._subscribers.clear()
        self._told.clear()
        self._started = False
        self._lock = asyncio.Lock()


class Subscription:
    """What one subscriber gets: `async for message in subscription`, in the order of publishing, until `end` or `Channels.close`.

    `dropped` counts messages that were lost because its queue was full; `too_slow` says that the policy "close" has ended it,
    which the iteration shows by its end: a stream ends, and a WebSocket is closed with 1008.
    """

    def __init__(
        self,
        channels: Channels,
        names: Sequence[str],
        to: WebSocket | None,
        max_queue: int,
        overflow: Overflow,
        history: int,
    ) -> None:
        self._channels = channels
        self._names = dict.fromkeys((EVERYBODY, *names))
        self._to = to
        self._max_queue = max_queue
        self._overflow = overflow
        self._history = history
        self._queue: deque[Published] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._forwarding: asyncio.Task[None] | None = None
        self._sending = False
        self._entered = False
        self._ended = False
        self.dropped = 0
        self.too_slow = False

    @property
    def names(self) -> tuple[str, ...]:
        """What it is subscribed to."""
        return tuple(name for name in self._names if name != EVERYBODY)

    async def __aenter__(self) -> Self:
        if self._entered:
            raise RuntimeError("a subscription is entered once: call subscribe() again")
        if self._to is not None and not self._to.accepted:
            raise RuntimeError("accept the WebSocket before subscribing it")
        self._entered = True
        try:
            for name in self._names:
                await self._channels.join(self, name, 0 if name == EVERYBODY else self._history)
        except BaseException:
            await self._leave()
            raise
        if self._to is not None:
            self._to.wakes_receiver = True
            self._forwarding = asyncio.create_task(self._forward(self._to))
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        try:
            await self._leave()
        finally:
            failed = await self._stop_forwarding()
        if exc is None and failed is not None:
            raise failed

    async def join(self, name: str, *, history: int = 0) -> None:
        """Subscribe to one more name; nothing happens once the subscription has ended."""
        self._check_open()
        if self._ended:
            return
        self._names[_check_name(name)] = None
        await self._channels.join(self, name, _check_count(history, "history", 0))

    async def leave(self, name: str) -> None:
        """Give up one name; what was published before may still come."""
        if name != EVERYBODY and name in self._names:
            del self._names[name]
            await self._channels.leave(self, (name,))

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        published = await self._next()
        if published is None:
            raise StopAsyncIteration
        return published.message

    async def named(self) -> AsyncIterator[Published]:
        """The same with the name that each was published to: `async for name, message in subscription.named()`."""
        while (published := await self._next()) is not None:
            yield published

    def end(self) -> None:
        """Take no more messages: the iteration goes on with those that are there, and stops."""
        self._ended = True
        self._wake()

    # -- what the hub calls --------------------------------------------------------------------------------------

    def put(self, published: Published) -> bool:
        """Queue a message, or do what the policy says -> whether half of the queue is full."""
        if self._ended:
            return False
        if len(self._queue) >= self._max_queue:
            self.dropped += 1
            if self._overflow == "drop_newest":
                return True
            if self._overflow == "close":
                self._end_as_too_slow()
                return False
            self._queue.popleft()
        self._queue.append(published)
        self._wake()
        return len(self._queue) * 2 > self._max_queue

    def put_before(self, older: Sequence[Published]) -> None:
        """Queue a name's history, before what has come meanwhile; as much of it as there is room for."""
        room = self._max_queue - len(self._queue)
        self._queue.extendleft(reversed(older[max(len(older) - room, 0) :] if room > 0 else ()))
        self._wake()

    def _end_as_too_slow(self) -> None:
        self.too_slow = True
        self._queue.clear()
        self.end()
        if self._forwarding is not None and self._sending:  # to a peer that does not read
            self._forwarding.cancel()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _next(self) -> Published | None:
        """The next message, None when no more will come. A wait that is cancelled loses none."""
        self._check_open()
        while not self._queue:
            if self._ended:
                return None
            if self._waiter is not None:
                raise RuntimeError("two tasks read one subscription: subscribe twice")
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        return self._queue.popleft()

    async def _forward(self, websocket: WebSocket) -> None:
        """Send every message; that the peer has left is told to whoever receives."""
        try:
            while (published := await self._next()) is not None:
                self._sending = True
                await websocket.send(published.message)
                self._sending = False
        except WebSocketDisconnect:
            return
        except asyncio.CancelledError:
            if not self.too_slow:
                raise
        if self.too_slow:
            await websocket.abandon(1008, "reads too slowly")

    async def _stop_forwarding(self) -> BaseException | None:
        """End the task that forwards -> what went wrong in it."""
        task = self._forwarding
        if task is None:
            return None
        if not self.too_slow:  # else it closes the WebSocket, which takes a second at most
            task.cancel()
        await asyncio.wait((task,))
        self._forwarding = self._to = None  # the task refers to this, and both to the WebSocket
        return None if task.cancelled() else task.exception()

    async def _leave(self) -> None:
        self._ended = True
        names, self._names = list(self._names), {}
        await self._channels.leave(self, names)

    def _check_open(self) -> None:
        if not self._entered:
            raise RuntimeError(
                "enter a subscription first: async with channels.subscribe(...) as subscription"
            )


def _check_name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError(f"a channel's name is a str that is not empty, not {name!r}")
    return name


def _check_count(value: object, what: str, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(f"{what} is a number from {least}, not {value!r}")
    return value


def _check_overflow(value: object) -> Overflow:
    if value not in get_args(Overflow):
        raise ConfigurationError(
            f"overflow is one of {', '.join(map(repr, get_args(Overflow)))}, not {value!r}"
        )
    return value  # type: ignore[return-value]
