"""A connection that hears channels of Redis, and is made anew whenever it ends. Knows channels as bytes; knows no messages."""

from __future__ import annotations

import asyncio
import logging
import random
from asyncio import Event, Task
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

from velocipy.untyped import LIST

logger: logging.Logger = logging.getLogger("velocipy.redis")

FIRST_DELAY: Final = 0.05
MAX_DELAY: Final = 2.0
"""Seconds between two tries to connect: twice as long each time, and less by chance, so that a thousand workers do not come at once."""

TURN: Final = 16
"""Messages after which others get a turn of the loop: what has come already is read without a wait, and would fill fast queues."""

BATCH: Final = 100
"""Channels of one command after a connection was lost."""


class Words(NamedTuple):
    """The commands of one kind of channels."""

    subscribe: str
    unsubscribe: str


SHARDED: Final = Words("SSUBSCRIBE", "SUNSUBSCRIBE")
PLAIN: Final = Words("SUBSCRIBE", "UNSUBSCRIBE")

Hear = Callable[[bytes, bytes], None]
Step = Callable[[bytes], Awaitable[None]]


class Listener:
    """`await listener.add(b"news")`: from then on `hear(b"news", data)` is called for all that is published there.

    `connect` makes a connection that is not connected yet; `probe` is a channel of its own. `prepare(channel)` is awaited before a channel is first listened to,
    `catch_up(channel)` once it is listened to again on a new connection, before anything that came meanwhile. Without a probe the
    channels are sharded ones. `waiting` is shared by listeners that hand channels on to each other.
    """

    batch = BATCH

    def __init__(
        self,
        where: str,
        connect: Callable[[], Any],
        hear: Hear,
        *,
        prepare: Step,
        catch_up: Step,
        deadline: float,
        heartbeat: float,
        probe: bytes | None,
        keeps: bool,
        waiting: dict[bytes, Event] | None = None,
    ) -> None:
        self._where = where
        self._connect = connect
        self._hear = hear
        self._prepare = prepare
        self._catch_up = catch_up
        self._deadline = deadline
        self._heartbeat = heartbeat
        self._probe = probe
        self._lost = "" if keeps else "; what was published meanwhile is lost"
        self._wanted: dict[bytes, None] = {}
        self._missed: set[bytes] = set()
        self._waiting = {} if waiting is None else waiting
        self._dropped: Counter[bytes] = Counter()
        """Channel -> how often the server was told to leave it out and has not said that it does."""
        self._awaited: set[bytes] = set()
        self._needed = Event()
        self._connection: Any = None
        self._words = PLAIN
        self._pinged = False
        self._delay = FIRST_DELAY
        self._failing = False
        self._task: Task[None]
        """From when it is started."""
        self._kinds: dict[bytes, Callable[[list[Any]], Awaitable[None]]] = {
            b"subscribe": self._on_confirmation,
            b"ssubscribe": self._on_confirmation,
            b"unsubscribe": self._on_unsubscribed,
            b"sunsubscribe": self._on_unsubscribed,
            b"message": self._on_message,
            b"smessage": self._on_message,
        }

    @property
    def failing(self) -> bool:
        """Whether nothing is heard just now."""
        return self._failing

    def start(self) -> None:
        """Listen, once there is something to listen to."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="velocipy.redis channels")

    async def stop(self) -> None:
        """Listen to nothing any more."""
        await asyncio.wait((self.cease(),))

    def cease(self) -> Task[None]:
        """The same as a task that is soon done."""
        self._wanted.clear()
        self._task.cancel()
        return self._task

    async def add(self, channel: bytes) -> None:
        """Listen to a channel from when this returns; where Redis cannot be reached, as soon as it can."""
        self._wanted[channel] = None
        self._needed.set()
        connection = self._connection
        if connection is None and self._failing:
            return
        confirmed = self._waiting[channel] = Event()
        try:
            if connection is not None:
                await self._ask_for(connection, channel)
            async with asyncio.timeout(self._deadline):
                await confirmed.wait()
        except TimeoutError:  # a connection that answers nothing is found out by its heartbeat
            if channel in self._wanted:
                self._missed.add(channel)
        finally:
            self._waiting.pop(channel, None)

    async def _ask_for(self, connection: Any, channel: bytes) -> None:
        try:
            await self._prepare(channel)
            await self._send(self._words.subscribe, channel)
        except Exception:  # the next one will listen to all that is wanted
            await connection.disconnect(nowait=True)

    def forget(self, channel: bytes) -> None:
        """Do not ask for it on a new connection."""
        self._wanted.pop(channel, None)
        self._missed.discard(channel)
        self._awaited.discard(channel)
        if self._connection is not None:
            self._look_whether_all_are_heard()

    async def drop(self, channel: bytes) -> None:
        """Listen to it no longer."""
        self.forget(channel)
        if self._connection is not None:
            self._dropped[channel] += 1
        try:
            await self._send(self._words.unsubscribe, channel)
        except Exception:
            return  # the connection is broken, and its successor does not listen to it

    async def _send(self, *command: Any) -> None:
        """Over the connection as it is: redis-py would connect anew, and nobody would listen to the other channels.

        One that takes no bytes any more is closed by redis-py when that has lasted for the deadline.
        """
        connection = self._connection
        if connection is not None and connection.is_connected:
            async with asyncio.timeout(self._deadline):
                await connection.send_command(*command, check_health=False)

    # -- connecting ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            if not self._wanted:
                self._needed.clear()
            await self._needed.wait()
            try:
                await self._listen()
            except Exception as exc:
                self._say_down(exc)
            self._ended()
            self._missed.update(self._wanted)
            await asyncio.sleep(self._delay * random.uniform(0.5, 1))
            self._delay = min(self._delay * 2, MAX_DELAY)

    async def _listen(self) -> None:
        """One connection until it ends, which raises."""
        connection = self._connect()
        try:
            async with asyncio.timeout(max(self._deadline, 1.0)):
                await connection.connect()
                self._words = await _words_of(connection, self._probe)
            for channel in list(self._wanted):
                await self._prepare(channel)
            self._pinged = False
            self._dropped.clear()
            self._awaited = set(self._wanted)
            self._connection = connection
            for batch in _batches(list(self._wanted), self.batch):
                await self._send(self._words.subscribe, *batch)
            self._look_whether_all_are_heard()
            while True:
                for _ in range(TURN):
                    await self._read(connection)
                await asyncio.sleep(0)
        finally:
            self._connection = None
            await connection.disconnect(nowait=True)

    async def _read(self, connection: Any) -> None:
        try:
            reply = await connection.read_response(
                disable_decoding=True, timeout=self._heartbeat, push_request=True
            )
        except Exception as exc:
            if not self._refused(exc):
                raise
            return
        if reply is None:
            await self._check_life(connection)
            return
        self._pinged = False
        if isinstance(reply, LIST) and reply[0] in self._kinds:
            await self._kinds[reply[0]](reply)

    async def _check_life(self, connection: Any) -> None:
        """Nothing was heard for a while: a connection that a firewall has forgotten looks the same as a quiet one."""
        if self._pinged:
            raise ConnectionError("no answer to a PING")
        self._pinged = True
        await connection.send_command("PING", check_health=False)

    async def _on_confirmation(self, reply: list[Any]) -> None:
        channel = bytes(reply[1])
        if channel in self._missed:
            self._missed.discard(channel)
            await self._catch_up(channel)
        if channel in self._waiting:
            self._waiting[channel].set()
        self._awaited.discard(channel)
        self._look_whether_all_are_heard()
        if channel not in self._wanted and not self._dropped[channel]:
            await self.drop(channel)  # of whoever was cancelled while it waited for this

    def _look_whether_all_are_heard(self) -> None:
        if not self._awaited:
            self._delay = FIRST_DELAY
            self._say_up()

    async def _on_unsubscribed(self, reply: list[Any]) -> None:
        channel = bytes(reply[1])
        if self._dropped[channel]:
            self._dropped[channel] -= 1
        elif channel in self._wanted:
            self._gone(channel)
        if not self._dropped[channel]:
            del self._dropped[channel]

    async def _on_message(self, reply: list[Any]) -> None:
        self._hear(bytes(reply[1]), bytes(reply[2]))

    # -- what a master of a cluster does besides -------------------------------------------------------------------

    def _gone(self, channel: bytes) -> None:
        """The server leaves out a channel that is wanted: its slot is elsewhere."""

    def _refused(self, exc: Exception) -> bool:
        """Whether an error leaves the connection as it is."""
        return False

    def _ended(self) -> None:
        """A connection was lost, or could not be made."""

    # -- changes of state, each said once --------------------------------------------------------------------------

    def _say_up(self) -> None:
        if self._failing:
            self._failing = False
            logger.warning("channels hear Redis at %s again%s", self._where, self._lost)

    def _say_down(self, exc: Exception) -> None:
        for channel in self._wanted.keys() & self._waiting.keys():
            self._waiting[channel].set()
        if not self._failing:
            self._failing = True
            reason = str(exc) or type(exc).__name__
            logger.warning(
                "channels hear nothing from Redis at %s, which is tried again: %s", self._where, reason[:300]
            )


async def _words_of(connection: Any, probe: bytes | None) -> Words:
    if probe is None or await _has_sharded(connection, probe):
        return SHARDED
    return PLAIN


async def _has_sharded(connection: Any, probe: bytes) -> bool:
    """Whether sharded channels can be listened to, as since Redis 7 and in every Valkey, by a user who may: by trying."""
    await connection.send_command(SHARDED.subscribe, probe)
    try:
        await connection.read_response(disable_decoding=True, push_request=True)
    except Exception:
        if not connection.is_connected:
            raise
        return False
    await connection.send_command(SHARDED.unsubscribe, probe)
    return True


def _batches(channels: list[bytes], size: int) -> Iterator[Iterable[bytes]]:
    for start in range(0, len(channels), size):
        yield channels[start : start + size]
