"""One subscriber of channels: its queue, and what happens where that is full. Knows WebSockets; does not know who else subscribes.

async with channels.subscribe("news") as subscription:
    async for message in subscription: ...
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol, Self, get_args

from velocipy.channel_backends import Message, Published, Stored
from velocipy.exceptions import ConfigurationError, WebSocketDisconnect
from velocipy.messages import did_you_mean

if TYPE_CHECKING:
    from types import TracebackType

    from velocipy.websocket import WebSocket

Overflow = Literal["drop_oldest", "drop_newest", "close"]
"""What happens to a subscriber whose queue is full: it loses the oldest message, or the newest, or its subscription ends."""

EVERYBODY: Final = "*"
"""The name that every subscriber has."""


class Hub(Protocol):
    """What a subscription needs of its `Channels`."""

    async def join(
        self, subscription: Subscription, name: str, history: int, after: str | None = None
    ) -> None:
        """Deliver messages of that name to it, the last `history` of them first, or those after an id."""
        ...

    async def leave(self, subscription: Subscription, names: Sequence[str]) -> None:
        """Deliver them no longer."""
        ...


class Entry(NamedTuple):
    """A message in a queue."""

    name: str
    message: Message
    id: str | None


class Subscription:
    """What one subscriber gets: `async for message in subscription`, in the order of publishing, until `end` or `Channels.close`.

    `dropped` counts messages that were lost because its queue was full; `too_slow` says that the policy "close" has ended it,
    which the iteration shows by its end: a stream ends, and a WebSocket is closed with 1008. `last_id` is the id of the message
    that was taken last, where the backend keeps messages.
    """

    def __init__(
        self,
        channels: Hub,
        names: Sequence[str],
        to: WebSocket | None,
        max_queue: int,
        overflow: Overflow,
        history: int,
        after: str | None,
    ) -> None:
        self._channels = channels
        self._names = dict.fromkeys((EVERYBODY, *names))
        self._to = to
        self._max_queue = max_queue
        self._overflow = overflow
        self._history = history
        self._after = after
        self._queue: deque[Entry] = deque()
        self._held: dict[str, deque[Entry]] = {}
        self._waiter: asyncio.Future[None] | None = None
        self._forwarding: asyncio.Task[None] | None = None
        self._sending = False
        self._entered = False
        self._ended = False
        self.dropped: int = 0
        self.too_slow: bool = False
        self.last_id: str | None = None

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
                if self._ended:  # the hub was closed meanwhile, and would start again
                    break
                if name == EVERYBODY:
                    await self._channels.join(self, name, 0)
                else:
                    await self._join(name, self._history, self._after)
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

    async def join(self, name: str, *, history: int = 0, after: str | None = None) -> None:
        """Subscribe to one more name; nothing happens once the subscription has ended."""
        self._check_open()
        if self._ended:
            return
        self._names[check_name(name)] = None
        await self._join(name, check_count(history, "history", 0), after or None)

    async def _join(self, name: str, history: int, after: str | None) -> None:
        await self._channels.join(self, name, history if after is None else self._max_queue, after)

    async def leave(self, name: str) -> None:
        """Give up one name; what was published before may still come."""
        if name != EVERYBODY and name in self._names:
            del self._names[name]
            await self._channels.leave(self, (name,))

    def __aiter__(self) -> AsyncIterator[Message]:
        return self

    async def __anext__(self) -> Message:
        entry = await self._next()
        if entry is None:
            raise StopAsyncIteration
        return entry.message

    async def named(self) -> AsyncIterator[Published]:
        """The same with the name that each was published to: `async for name, message in subscription.named()`."""
        while (entry := await self._next()) is not None:
            yield Published(entry.name, entry.message)

    def end(self) -> None:
        """Take no more messages: the iteration goes on with those that are there, and stops."""
        self._ended = True
        self._wake()

    # -- what the hub calls --------------------------------------------------------------------------------------

    def put(self, entry: Entry) -> bool:
        """Queue a message, or do what the policy says -> whether half of the queue is full."""
        if self._ended:
            return False
        if entry.name in self._held:
            self._held[entry.name].append(entry)
            return False
        if len(self._queue) >= self._max_queue:
            self.dropped += 1
            if self._overflow == "drop_newest":
                return True
            if self._overflow == "close":
                self._end_as_too_slow()
                return False
            self._queue.popleft()
        self._queue.append(entry)
        self._wake()
        return len(self._queue) * 2 > self._max_queue

    def hold(self, name: str) -> None:
        """Put aside what comes of a name until its history is there."""
        self._held[name] = deque(maxlen=self._max_queue)

    def put_held(self, name: str, older: Sequence[Stored]) -> None:
        """Queue a name's history, as much of it as there is room for, and what has come meanwhile and is not in it."""
        known = {stored.id for stored in older} - {None}
        newer = [entry for entry in self._held.pop(name, ()) if entry.id not in known]
        room = max(self._max_queue - len(self._queue) - len(newer), 0)
        kept = older[max(len(older) - room, 0) :]
        self._queue.extend(Entry(name, stored.message, stored.id) for stored in kept)
        for entry in newer:
            self.put(entry)
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

    async def _next(self) -> Entry | None:
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
        entry = self._queue.popleft()
        self.last_id = entry.id or self.last_id
        return entry

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


def check_name(name: object) -> str:
    """A name that something can be published to. Raises ValueError."""
    if not isinstance(name, str) or not name:
        raise ValueError(f"a channel's name is a str that is not empty, not {name!r}")
    return name


def check_count(value: object, what: str, least: int) -> int:
    """A number that is no less than that. Raises ConfigurationError."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigurationError(f"{what} is a number from {least}, not {value!r}")
    return value


def check_overflow(value: object) -> Overflow:
    """One of the three words. Raises ConfigurationError."""
    if value not in get_args(Overflow):
        raise ConfigurationError(
            f"overflow is one of {', '.join(map(repr, get_args(Overflow)))}, not {value!r}{did_you_mean(str(value), get_args(Overflow))}"
        )
    return value  # type: ignore[return-value]  # ty: ignore[invalid-explicit-return]
