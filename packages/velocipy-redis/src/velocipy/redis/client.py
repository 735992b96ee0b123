"""The one module that imports redis-py: makes clients of a URL, and reads its errors. Knows no breaker and no scripts.

A client may also be one of somebody's own: whatever has `execute_command` and `aclose` (`RedisClient`).
"""

from __future__ import annotations

import re
from asyncio import Semaphore, sleep
from enum import Enum
from typing import Any, Final, Protocol, cast

from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    ClusterCrossSlotError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from velocipy.exceptions import ConfigurationError
from velocipy.redis.hash_slots import Place, Redirection


class RedisClient(Protocol):
    """What is needed of a client; replies are bytes, ints, None and lists of these, errors are raised."""

    async def execute_command(self, *args: Any) -> Any:
        """Send one command and return its reply."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


def connect(url: str, max_connections: int) -> Client:
    """A client that opens at most so many connections, tries nothing twice, and leaves waiting to whoever calls it.

    It is redis-py's pool and its connections without its `Redis`, which makes room for retries and telemetry in every command. RESP2, since under RESP3 redis-py does not look whether a connection has a reply left over. Raises ConfigurationError for a URL
    that it cannot read.
    """
    try:
        pool = ConnectionPool.from_url(  # pyright: ignore[reportUnknownMemberType]  # its keywords have no types
            url,
            max_connections=max_connections,
            retry=Retry(NoBackoff(), 0),
            socket_timeout=None,
            socket_connect_timeout=None,
            protocol=2,
        )
    except (ValueError, TypeError) as exc:
        raise ConfigurationError(
            f"{without_secrets(url)!r} is no URL of a Redis: {exc}; write redis://host:6379/0"
        ) from None
    return Client(pool)


class Client:
    """Commands over the connections of a pool; whoever finds all of them busy waits in line."""

    def __init__(self, pool: Any) -> None:
        self.connection_pool = pool
        self._room = Semaphore(pool.max_connections)

    async def execute_command(self, *args: Any) -> Any:
        """Send one command and return its reply; a connection of which half a reply was read is closed by redis-py."""
        pool = self.connection_pool
        async with self._room:
            connection = await pool.get_connection()
            try:
                # Others who are ready read their replies first, and all of them send in one go: the server is woken once. With 32
                # callers a decision takes 55 us of CPU instead of 70, with one the same as before.
                await sleep(0)
                await connection.send_command(*args)
                return await connection.read_response()
            finally:
                await pool.release(connection)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.connection_pool.disconnect()


ASKING: Final = "ASKING"
"""In front of a command to a Member: its slot is on the way there, and not there yet."""


class Member(Client):
    """A server of a cluster."""

    async def execute_command(self, *args: Any) -> Any:
        """Send one command, behind an ASKING on the same connection if it begins with that, and return its reply."""
        if args[0] != ASKING:
            return await super().execute_command(*args)
        pool = self.connection_pool
        async with self._room:
            connection = await pool.get_connection()
            try:
                for command in (args[:1], args[1:]):
                    await connection.send_command(*command)
                    reply = await connection.read_response()
                return reply
            finally:
                await pool.release(connection)


class Members:
    """The servers of a cluster: those that `redis+cluster://user:password@host:6379,another:6379` names, and all others reached alike.

    Raises ConfigurationError for a URL that it cannot read, or that names a database other than 0, the only one of a cluster.
    """

    def __init__(self, url: str, max_connections: int) -> None:
        scheme, _, rest = url.partition("+cluster://")
        authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
        user, at, hosts = authority.rpartition("@")
        if "@" in user:
            raise ConfigurationError(
                f"{without_secrets(url)!r}: user and password stand once, in front of the first host; write an @ in them as %40"
            )
        behind = rest[len(authority) :]
        pools = [
            connect(f"{scheme}://{user}{at}{host}{behind}", max_connections).connection_pool
            for host in hosts.split(",")
        ]
        self._pool = pools[0]
        if self._pool.connection_kwargs.get("db"):
            raise ConfigurationError(f"{without_secrets(url)!r}: a Redis Cluster has no database but 0")
        self.seeds: tuple[Place, ...] = tuple(
            Place(pool.connection_kwargs.get("host", "localhost"), pool.connection_kwargs.get("port", 6379))
            for pool in pools
        )

    def connect(self, place: Place) -> Member:
        """A client of one server, which has connections of its own."""
        pool = self._pool
        options: dict[str, Any] = {**pool.connection_kwargs, "host": place.host, "port": place.port}
        return Member(ConnectionPool(pool.connection_class, pool.max_connections, **options))


def check_client(client: Any) -> RedisClient:
    """Raise ConfigurationError for an object that cannot be used as a client; return it otherwise."""
    for method in ("execute_command", "aclose"):
        if not callable(getattr(client, method, None)):
            raise ConfigurationError(
                f"{client!r} is no client of Redis, it has no method {method!r}: pass a redis.asyncio.Redis"
            )
    if type(client).__name__ == "RedisCluster":
        raise ConfigurationError(
            "a Redis Cluster is reached by its URL, since a client of one tries again and again: write redis+cluster://host:6379,another:6379"
        )
    pool = getattr(client, "connection_pool", None)
    if getattr(pool, "connection_kwargs", {}).get("decode_responses"):
        raise ConfigurationError("a storage keeps bytes: make the client without decode_responses=True")
    return cast("RedisClient", client)


_SECRETS: Final = re.compile(r"//[^/?#]*@|[?#].*")


def without_secrets(url: str) -> str:
    """`redis://user:secret@host/0?password=x` -> `redis://host/0`."""
    return _SECRETS.sub(lambda found: "//" if found[0].startswith("//") else "", url)


class Meaning(Enum):
    """What an exception of a client says about Redis."""

    ANSWER = "it works, and refuses this command"
    NO_SCRIPT = "it does not know the script, and wants its source"
    DEMOTED = "it was made a replica: connect anew"
    CLUSTER = "it is a node of a cluster"
    FAILURE = "it does not work now"


_CODES: Final = {
    "NOSCRIPT": Meaning.NO_SCRIPT,
    "READONLY": Meaning.DEMOTED,
    "MOVED": Meaning.CLUSTER,
    "ASK": Meaning.CLUSTER,
    "CROSSSLOT": Meaning.CLUSTER,
    "ERR": Meaning.ANSWER,
    "WRONGTYPE": Meaning.ANSWER,
}
"""First word of an error of the server -> what it means; any other word is a failure."""

_CLASSES: Final = (
    (NoScriptError, Meaning.NO_SCRIPT),
    (ReadOnlyError, Meaning.DEMOTED),
    (AskError, Meaning.CLUSTER),  # MovedError is one
    (ClusterCrossSlotError, Meaning.CLUSTER),
)
"""redis-py's own, from whose texts it takes the first word."""


def meaning_of(exc: Exception) -> Meaning:
    """What an exception says; a library other than redis-py is read by the first word of its texts."""
    for kind, meaning in _CLASSES:
        if isinstance(exc, kind):
            return meaning
    word = str(exc).partition(" ")[0]
    if word in _CODES:
        return _CODES[word]
    plain = type(exc) is ResponseError and not word.isupper()
    return Meaning.ANSWER if plain else Meaning.FAILURE


def redirection_of(exc: Exception) -> Redirection | None:
    """Where a server of a cluster sends a command, if it does; MovedError is an AskError."""
    if not isinstance(exc, AskError):
        return None
    place = Place(exc.host, exc.port)  # pyright: ignore[reportUnknownMemberType]  # redis-py has no type for it
    return Redirection(exc.slot_id, place, asking=not isinstance(exc, MovedError))


def is_on_its_way(exc: Exception) -> bool:
    """Whether some keys of a command are on their way to another server, and some are there already."""
    return isinstance(exc, TryAgainError)


async def drop_connections(client: RedisClient) -> None:
    """Have the next command connect anew, as far as the client can do that."""
    disconnect = getattr(getattr(client, "connection_pool", None), "disconnect", None)
    if disconnect is not None:
        try:
            await disconnect(inuse_connections=False)
        except (RedisError, OSError):
            pass  # they are gone then


def connection_of(client: RedisClient) -> Any:
    """A connection as the client's pool makes them, and none of them. Raises ConfigurationError for a client that has no pool."""
    make = getattr(getattr(client, "connection_pool", None), "make_connection", None)
    if make is None:
        raise ConfigurationError(
            f"{client!r} cannot listen to channels, it has no connection_pool: pass a redis.asyncio.Redis, or a URL"
        )
    return make()
