"""What carries messages to the channels of a process, and the one that carries them within it. Knows names; knows no subscribers."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

Message = str | bytes

MAX_HISTORIES: Final = 1_000
"""Names whose last messages are kept; the one that was used the longest ago is forgotten."""


class Published(NamedTuple):
    """A message and the name that it was published to."""

    name: str
    message: Message


Deliver = Callable[[str, Message], None]
"""Hand a message to every subscriber of a name in this process; called in the loop that started the backend."""


class ChannelsBackend(Protocol):
    """What carries messages to the `Channels` of all processes, this one included.

    It is asked for a name once, however many subscribers that has here. `recent` may overlap with what is delivered meanwhile.
    """

    async def start(self, deliver: Deliver) -> None:
        """Connect; called once, before everything else."""
        ...

    async def stop(self) -> None:
        """Disconnect, and deliver nothing any more."""
        ...

    async def publish(self, name: str, message: Message) -> None:
        """Deliver a message wherever the name is subscribed to."""
        ...

    async def subscribe(self, name: str) -> None:
        """Deliver messages of that name here, from when this returns."""
        ...

    async def unsubscribe(self, name: str) -> None:
        """Deliver none of them any more."""
        ...

    async def recent(self, name: str, limit: int) -> Sequence[Message]:
        """At most so many of the last messages of a name, the oldest first."""
        ...


class MemoryBackend:
    """Delivers within this process, at once, and keeps the last `history` messages of a name, of 1,000 names."""

    def __init__(self, history: int = 0) -> None:
        self._deliver: Deliver = lambda name, message: None
        self._length = history
        self._histories: OrderedDict[str, deque[Message]] = OrderedDict()

    async def start(self, deliver: Deliver) -> None:
        """Nothing is to be connected."""
        self._deliver = deliver

    async def stop(self) -> None:
        """Forget everything."""
        self._histories.clear()

    async def publish(self, name: str, message: Message) -> None:
        """Keep and deliver it."""
        if self._length:
            self._history(name).append(message)
        self._deliver(name, message)

    async def subscribe(self, name: str) -> None:
        """Nothing is to be asked for."""

    async def unsubscribe(self, name: str) -> None:
        """Nothing is to be given up."""

    async def recent(self, name: str, limit: int) -> Sequence[Message]:
        """The last messages; none of a name that was never published to."""
        kept = list(self._histories.get(name, ()))
        return kept[max(len(kept) - limit, 0) :]

    def _history(self, name: str) -> deque[Message]:
        history = self._histories.setdefault(name, deque(maxlen=self._length))
        self._histories.move_to_end(name)
        if len(self._histories) > MAX_HISTORIES:
            self._histories.popitem(last=False)
        return history
