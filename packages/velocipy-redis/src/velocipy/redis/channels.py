"""Channels over Redis: the backend that carries messages between the `Channels` of all workers. Knows names and messages; no subscribers.

rooms = Channels(RedisChannels("redis://localhost:6379/0", history=100))
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import re
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import quote

from velocipy.channel_backends import Deliver, Message, Stored
from velocipy.exceptions import ConfigurationError
from velocipy.redis.exceptions import RedisUnavailable
from velocipy.redis.link import Health, Link
from velocipy.redis.listener import Listener
from velocipy.redis.scripts import script
from velocipy.redis.storage import check_prefix

if TYPE_CHECKING:
    from velocipy.redis.cluster_listener import ClusterListener

logger: logging.Logger = logging.getLogger("velocipy.redis")

OnError = Literal["raise", "local"]

MAX_HISTORY: Final = 10_000
"""Messages of one name that a stream may keep."""

MAX_NAME: Final = 200
"""Characters of a name that stand in its key; a longer one stands there as its hash."""

DEFAULT_MAX_MESSAGE: Final = 1_048_576
"""Bytes of a message: as much as a WebSocket takes."""

MAX_MESSAGE: Final = 512 * 1024 * 1024
"""What Redis takes at most."""

PATIENCE: Final = 5.0
"""Seconds that a history may take after a connection was lost; then the connection is made anew."""

_ID: Final = re.compile(r"[0-9]{1,19}-[0-9]{1,19}")
_START: Final = "0-0"
"""Before every message."""

_READERS: Final[dict[bytes, Callable[[bytes], Message]]] = {
    b"t": lambda body: body.decode("utf-8", "replace"),
    b"b": bytes,
}
"""Kind of a message -> what makes one of its bytes; publish.lua has the other half."""


class RedisChannels:
    """`Channels(RedisChannels("redis://localhost:6379/0"))`: a message published in one worker comes to the subscribers of all.

    By sharded channels where the server has them. With `history` the last so many messages of each name are kept in a stream,
    for `keep` seconds after its last: `subscribe(..., history=20)` and `after=` read it, and what was published while the
    connection was lost comes when it is back. Without, that is lost. A connection that is lost is made anew, with one line in the
    log when it is lost and one when it is back; `heartbeat` seconds of silence are followed by a PING, and twice as many end it.

    `publish` fails within `deadline` seconds as RedisUnavailable where Redis is out of order, or, with `on_error="local"`, gives the
    message to the subscribers of this process alone; then a history is as empty. Raises ConfigurationError for what it cannot use.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        *,
        client: Any = None,
        prefix: str = "velocipy:",
        history: int = 0,
        keep: float = 86_400,
        max_message_size: int = DEFAULT_MAX_MESSAGE,
        on_error: OnError = "raise",
        max_connections: int = 32,
        deadline: float = 0.25,
        heartbeat: float = 10.0,
    ) -> None:
        self._prefix = check_prefix(prefix, "RedisChannels")
        _check("history", history, int, 0, MAX_HISTORY)
        _check("max_message_size", max_message_size, int, 1, MAX_MESSAGE)
        _check("keep", keep, (int, float), 1, 10**9)
        _check("heartbeat", heartbeat, (int, float), 0.01, 3600)
        if on_error not in ("raise", "local"):
            raise ConfigurationError(f"on_error of RedisChannels is 'raise' or 'local', not {on_error!r}")
        self._history = history
        self._keep_ms = round(keep * 1000)
        self._max_message_size = max_message_size
        self._is_local = on_error == "local"
        self._link = Link(
            url, client, max_connections=max_connections, deadline=deadline, probe_key=f"{prefix}probe"
        )
        # Now, and not where this module is imported: redis-py takes a while.
        self._library = importlib.import_module("velocipy.redis.client")
        self._url, self._client = url, client
        if client is not None:
            self._library.connection_of(client)  # which raises where it can have none, and connects nothing
        self._deadline = deadline
        self._heartbeat = heartbeat
        self._listener: Listener | ClusterListener | None = None
        self._deliver: Deliver = _to_nobody
        self._names: dict[bytes, str] = {}
        self._last: dict[str, str] = {}
        """Name -> the id of its last message that came here, or that was there before."""
        self._caught_up: dict[str, str] = {}
        """Name -> the id up to which it was caught up: what comes of a new connection may be older, and is known then."""
        self._said_foreign = False

    def __repr__(self) -> str:
        return f"<RedisChannels {self._link.where}>"

    async def start(self, deliver: Deliver) -> None:
        """Connects when somebody subscribes."""
        self._deliver = deliver
        self._forget_all()
        self._listener = self._listener_to_all() if self._link.clustered else self._listener_to_one()
        self._listener.start()

    def _listener_to_one(self) -> Listener:
        client = self._library.connect(self._url, 1) if self._client is None else self._client
        return Listener(
            self._link.where,
            lambda: self._library.connection_of(client),
            self._hear,
            prepare=self._note_last,
            catch_up=self._catch_up,
            deadline=self._deadline,
            heartbeat=self._heartbeat,
            probe=f"{self._prefix}channel:probe".encode(),
            keeps=self._history > 0,
        )

    def _listener_to_all(self) -> ClusterListener:
        from velocipy.redis.cluster_listener import ClusterListener, Manners  # not without redis-py

        manners = Manners(
            self._hear,
            self._note_last,
            self._catch_up,
            deadline=self._deadline,
            heartbeat=self._heartbeat,
            keeps=self._history > 0,
        )
        return ClusterListener(self._link.where, self._link.cluster(), manners)

    async def stop(self) -> None:
        """Close all connections."""
        listener, self._listener, self._deliver = self._listener, None, _to_nobody
        if listener is not None:
            await listener.stop()
        self._forget_all()
        await self._link.close()

    def _forget_all(self) -> None:
        self._names.clear()
        self._last.clear()
        self._caught_up.clear()

    async def publish(self, name: str, message: Message) -> None:
        """One call of one script, or one command. Raises ValueError for a message over `max_message_size`, RedisUnavailable where Redis fails."""
        kind = "t" if isinstance(message, str) else "b"
        body = message.encode() if isinstance(message, str) else message
        if len(body) > self._max_message_size:
            raise ValueError(
                f"a message of {len(body)} bytes is over the max_message_size of {self._max_message_size}"
            )
        channel = self._channel(name)
        try:
            if self._link.clustered and not self._history:
                # While a slot moves, a script would be sent to where it goes to, and those who listen are where it comes from.
                await self._link.call("SPUBLISH", channel, kind.encode() + b"\n" + body)
            else:
                key = self._stream(name) if self._history else channel
                words = (kind, body, self._history, self._keep_ms, channel)
                await self._link.run(script("publish"), 1, key, *words)
        except RedisUnavailable:
            if not self._is_local:
                raise
            self._deliver(name, message)

    async def subscribe(self, name: str) -> None:
        """Waits for Redis's word at most `deadline` seconds, and not at all while it is out of order: then it is heard as soon as it can be."""
        channel = self._channel(name)
        self._names[channel] = name
        if self._listener is None:
            return
        try:
            await self._listener.add(channel)
        except BaseException:
            self._names.pop(channel, None)
            self._listener.forget(channel)
            raise

    async def unsubscribe(self, name: str) -> None:
        """Forget what was known of the name."""
        channel = self._channel(name)
        self._names.pop(channel, None)
        self._last.pop(name, None)
        self._caught_up.pop(name, None)
        if self._listener is not None:
            await self._listener.drop(channel)

    async def recent(self, name: str, limit: int, after: str | None = None) -> Sequence[Stored]:
        """From the stream; none without `history`."""
        if not self._history:
            return ()
        start = f"({after}" if after is not None and _ID.fullmatch(after) else "-"
        try:
            found = await self._link.run(script("recent"), 1, self._stream(name), start, limit)
        except RedisUnavailable:
            if self._is_local:
                return ()
            raise
        return [Stored(*_message_of(entry)) for entry in reversed(found)]

    async def health(self) -> Health:
        """Whether Redis answers, and is heard. Never raises."""
        seen = await self._link.health()
        if seen.usable and self._listener is not None and self._listener.failing:
            return Health(False, seen.seconds, "nothing is heard")
        return seen

    # -- what the listener calls -----------------------------------------------------------------------------------

    def _hear(self, channel: bytes, data: bytes) -> None:
        name = self._names.get(channel)
        if name is None:
            return  # not any more
        head, found, body = data.partition(b"\n")
        read, id = _READERS.get(head[:1]), head[1:].decode("ascii", "replace")
        if read is None or not found or not (id == "" or _ID.fullmatch(id)):
            self._note_foreign(channel)
        elif not id:
            self._deliver(name, read(body))
        elif name not in self._caught_up or _order(id) > _order(self._caught_up[name]):
            self._caught_up.pop(name, None)
            self._last[name] = id
            self._deliver(name, read(body), id)

    def _note_foreign(self, channel: bytes) -> None:
        if not self._said_foreign:
            self._said_foreign = True
            logger.warning("somebody else publishes to %r, which is left out", channel[:100])

    async def _note_last(self, channel: bytes) -> None:
        """Where a name's stream ends before it is listened to, so that nothing is missed should the connection be lost at once."""
        name = self._names.get(channel)
        if not self._history or name is None or name in self._last:
            return
        try:
            found = await self._link.run(script("recent"), 1, self._stream(name), "-", 1)
        except RedisUnavailable:
            return  # the first message that comes says it
        self._last.setdefault(name, found[0][0].decode() if found else _START)

    async def _catch_up(self, channel: bytes) -> None:
        """Give what was published while nobody listened, as far as it is kept."""
        name = self._names.get(channel)
        if not self._history or name is None or name not in self._last:
            return
        since = f"({self._last[name]}"
        for entry in reversed(await self._read_patiently(name, since)):
            message, id = _message_of(entry)
            # Else nobody wants it any more, or its slot has moved meanwhile, and who listens there was quicker.
            if _order(id) > _order(self._last.get(name, id)):
                self._last[name] = self._caught_up[name] = id
                self._deliver(name, message, id)

    async def _read_patiently(self, name: str, since: str) -> Sequence[Any]:
        """Redis is heard again, and what publishes may not know it yet: it tries every second."""
        until = asyncio.get_running_loop().time() + PATIENCE
        while True:
            try:
                found: Sequence[Any] = await self._link.run(
                    script("recent"), 1, self._stream(name), since, self._history
                )
                return found
            except RedisUnavailable:
                if asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(0.05)

    # -- keys ------------------------------------------------------------------------------------------------------

    def _channel(self, name: str) -> bytes:
        return f"{self._prefix}channel:{{{_quoted(name)}}}".encode()

    def _stream(self, name: str) -> bytes:
        return f"{self._prefix}stream:{{{_quoted(name)}}}".encode()


def _quoted(name: str) -> str:
    """A name as it stands in a key: without braces, which are for hash tags, and of a bounded length. No two are alike."""
    quoted = quote(name, safe=":/@+=,", errors="surrogatepass") if len(name) <= MAX_NAME else ""
    if quoted and len(quoted) <= MAX_NAME:
        return quoted
    return "#" + blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _message_of(entry: Any) -> tuple[Message, str]:
    """A message of a stream, and its id."""
    id, fields = entry
    kind, body = fields[:2]  # of somebody else's entry there may be more
    return _READERS.get(kind, bytes)(body), id.decode()


def _to_nobody(name: str, message: Message, id: str | None = None) -> None:
    """Before it is started, and when it was stopped."""


def _order(id: str) -> tuple[int, ...]:
    """`9-1` comes before `10-0`."""
    return tuple(map(int, id.split("-")))


def _check(what: str, value: object, kinds: type | tuple[type, ...], least: float, most: float) -> None:
    if isinstance(value, bool) or not isinstance(value, kinds) or not least <= value <= most:  # type: ignore[operator]  # ty: ignore[unsupported-operator]
        raise ConfigurationError(
            f"{what} of RedisChannels is a number from {least:g} to {most:g}, not {value!r}"
        )
