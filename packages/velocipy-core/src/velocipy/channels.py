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
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Self

from velocipy.channel_backends import (
    MAX_HISTORIES,
    ChannelsBackend,
    Deliver,
    MemoryBackend,
    Message,
    Published,
    Stored,
)
from velocipy.exceptions import ConfigurationError
from velocipy.json.base import EncoderChoice, find_encoder
from velocipy.subscriptions import (
    EVERYBODY,
    Entry,
    Overflow,
    Subscription,
    check_count,
    check_name,
    check_overflow,
)

if TYPE_CHECKING:
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
    "Stored",
    "Subscription",
]

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
        self._max_queue = check_count(max_queue, "max_queue", 1)
        self._overflow: Overflow = check_overflow(overflow)
        self._backend = backend or MemoryBackend(check_count(history, "history", 0))
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
        after: str | None = None,
    ) -> Subscription:
        """A subscription to all of these names, while an `async with` holds it; `to` is a WebSocket that every message is sent to.

        First come the last `history` messages of each name, then what is published. `after` is the id of the last message that
        the subscriber has, such as a Last-Event-ID: then come those after it, as far as they are kept and fit the queue, or all
        of these where it is not known. It is for one name.
        """
        if after and len(names) != 1:
            raise ValueError(
                "after is the id of a message of one name: subscribe to one, and join the others"
            )
        return Subscription(
            self,
            [check_name(name) for name in names],
            to,
            self._max_queue if max_queue is None else check_count(max_queue, "max_queue", 1),
            self._overflow if overflow is None else check_overflow(overflow),
            check_count(history, "history", 0),
            after or None,
        )

    async def publish(self, name: str, message: Message) -> None:
        """Give a message to everybody who subscribes to that name. Waits for nobody: a slow subscriber loses by its own policy."""
        check_name(name)
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
            self._told = set()
            await self._backend.stop()

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    # -- what subscriptions call ---------------------------------------------------------------------------------

    async def join(
        self, subscription: Subscription, name: str, history: int, after: str | None = None
    ) -> None:
        """Deliver messages of that name to a subscription, the last `history` of them first, or those after an id."""
        await self._start()
        if history:
            subscription.hold(name)
        self._subscribers.setdefault(name, {})[subscription] = None
        try:
            await self._tell_backend(name)
            if history:
                subscription.put_held(name, await self._backend.recent(name, history, after))
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
            told = self._told  # until it is closed: its next start knows of none of them
            if name in self._subscribers and name not in told:
                if self._started:
                    await self._backend.subscribe(name)
                    told.add(name)
            elif name not in self._subscribers and name in told:
                told.discard(name)
                await self._backend.unsubscribe(name)

    def _deliver(self, name: str, message: Message, id: str | None = None) -> None:
        entry = Entry(name, message, id)
        for subscription in self._subscribers.get(name, ()):
            if subscription.put(entry):
                self._crowded = True

    async def _start(self) -> None:
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._bind(loop)
        if not self._started:
            async with self._lock:
                await self._start_backend()

    async def _start_backend(self) -> None:
        """The lock is held, which another may have waited for too."""
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
