"""What carries messages to the channels of a process, and the one that carries them within it. Knows names; knows no subscribers."""

from __future__ import annotations

import secrets
from collections import OrderedDict, deque
from collections.abc import Sequence
from itertools import count
from typing import Final, NamedTuple, Protocol

Message = str | bytes

MAX_HISTORIES: Final = 1_000
"""Names whose last messages are kept; the one that was used the longest ago is forgotten."""


class Published(NamedTuple):
    """A message and the name that it was published to."""

    name: str
    message: Message


class Stored(NamedTuple):
    """A message that a backend keeps, and the id by which a subscriber may ask for what came after it."""

    message: Message
    id: str | None = None


class Deliver(Protocol):
    """Hand a message to every subscriber of a name in this process; called in the loop that started the backend."""

    def __call__(self, name: str, message: Message, id: str | None = None) -> None:
        """`id` is that of a message that is kept."""
        ...


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

    async def recent(self, name: str, limit: int, after: str | None = None) -> Sequence[Stored]:
        """At most so many of the last messages of a name, the oldest first: of those after an id, or of all that are kept.

        An id that is not known, which a client may have made up, is as none.
        """
        ...


class MemoryBackend:
    """Delivers within this process, at once, and keeps the last `history` messages of a name, of 1,000 names."""

    def __init__(self, history: int = 0) -> None:
        self._deliver: Deliver = _to_nobody
        self._length = history
        self._histories: OrderedDict[str, deque[Stored]] = OrderedDict()
        self._run = secrets.token_hex(8)
        """In front of ids: those of another process, or of another start, are not known."""
        self._numbers = count(1)

    async def start(self, deliver: Deliver) -> None:
        """Nothing is to be connected."""
        self._deliver = deliver

    async def stop(self) -> None:
        """Forget everything."""
        self._histories.clear()

    async def publish(self, name: str, message: Message) -> None:
        """Keep and deliver it."""
        id = None
        if self._length:
            id = f"{self._run}-{next(self._numbers)}"
            self._history(name).append(Stored(message, id))
        self._deliver(name, message, id)

    async def subscribe(self, name: str) -> None:
        """Nothing is to be asked for."""

    async def unsubscribe(self, name: str) -> None:
        """Nothing is to be given up."""

    async def recent(self, name: str, limit: int, after: str | None = None) -> Sequence[Stored]:
        """The last messages; none of a name that was never published to."""
        kept = list(self._histories.get(name, ()))
        ids = [stored.id for stored in kept]
        if after in ids:
            kept = kept[ids.index(after) + 1 :]
        return kept[max(len(kept) - limit, 0) :]

    def _history(self, name: str) -> deque[Stored]:
        history = self._histories.setdefault(name, deque(maxlen=self._length))
        self._histories.move_to_end(name)
        if len(self._histories) > MAX_HISTORIES:
            self._histories.popitem(last=False)
        return history


def _to_nobody(name: str, message: Message, id: str | None = None) -> None:
    """Before it is started."""
