"""The one module that imports redis-py: makes clients of a URL, and reads its errors. Knows no breaker and no scripts.

A client may also be one of somebody's own: whatever has `execute_command` and `aclose` (`RedisClient`).
"""

from __future__ import annotations

import re
from asyncio import Semaphore
from enum import Enum
from typing import Any, Final, Protocol, cast

from redis.asyncio import ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    ClusterCrossSlotError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
    ResponseError,
)
from velocipy.exceptions import ConfigurationError


class RedisClient(Protocol):
    """What is needed of a client; replies are bytes, ints, None and lists of these, errors are raised."""

    async def execute_command(self, *args: Any) -> Any:
        """Send one command and return its reply."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


def connect(url: str, max_connections: int) -> RedisClient:
    """A client that opens at most so many connections, tries nothing twice, and leaves waiting to whoever calls it.

    It is redis-py's pool and its connections without its `Redis`, which makes room for retries and telemetry in every command. RESP2, since under RESP3 redis-py does not look whether a connection has a reply left over. Raises ConfigurationError for a URL
    that it cannot read.
    """
    try:
        pool = ConnectionPool.from_url(
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
    return _Client(pool)


class _Client:
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
                await connection.send_command(*args)
                return await connection.read_response()
            finally:
                await pool.release(connection)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.connection_pool.disconnect()


def check_client(client: Any) -> RedisClient:
    """Raise ConfigurationError for an object that cannot be used as a client; return it otherwise."""
    for method in ("execute_command", "aclose"):
        if not callable(getattr(client, method, None)):
            raise ConfigurationError(
                f"{client!r} is no client of Redis, it has no method {method!r}: pass a redis.asyncio.Redis"
            )
    if type(client).__name__ == "RedisCluster":
        raise ConfigurationError(
            "Redis Cluster is not supported yet: pass a client of one node or of a Sentinel's master"
        )
    pool = getattr(client, "connection_pool", None)
    if getattr(pool, "connection_kwargs", {}).get("decode_responses"):
        raise ConfigurationError("a storage keeps bytes: make the client without decode_responses=True")
    return cast("RedisClient", client)


_SECRETS: Final = re.compile(r"//[^/@]*@|[?#].*")


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
