"""One command to Redis: from settings that were checked, over what belongs to the loop that runs. Knows no keys and no values."""

from __future__ import annotations

import asyncio
import importlib
from asyncio import AbstractEventLoop, get_running_loop
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, cast
from weakref import WeakKeyDictionary

from velocipy.exceptions import ConfigurationError
from velocipy.redis.breaker import Breaker
from velocipy.redis.exceptions import UnknownScript, text_of

if TYPE_CHECKING:
    from velocipy.redis.cluster import Cluster
    from velocipy.redis.scripts import Script

CLUSTER_SCHEMES: Final = ("redis+cluster", "rediss+cluster")
SCHEMES: Final = ("redis", "rediss", "unix", *CLUSTER_SCHEMES)


@dataclass(frozen=True, slots=True)
class Health:
    """What `health()` saw just now."""

    usable: bool
    seconds: float
    """How long the answer took, or the failure."""
    error: str | None = None


class Ends(Protocol):
    """What belongs to one event loop: connections cannot be shared between two."""

    async def call(self, command: tuple[Any, ...], until: float) -> Any:
        """The reply, or RedisUnavailable when the loop's clock shows `until`."""
        ...

    async def ping(self) -> None:
        """Raises what goes wrong, whatever a breaker says."""
        ...

    async def close(self) -> None:
        """Close connections, stop trying."""
        ...


class Link:
    """`await link.call("GET", key)`. Connects when it is first asked; raises RedisUnavailable at most `deadline` seconds later."""

    def __init__(
        self, url: str, client: Any, *, max_connections: int, deadline: float, probe_key: str
    ) -> None:
        if type(max_connections) is not int or max_connections < 1:
            raise ConfigurationError(
                f"max_connections of a RedisStorage is a number, 1 or more, not {max_connections!r}"
            )
        if not (isinstance(deadline, (int, float)) and 0 < deadline <= 60):
            raise ConfigurationError(
                f"deadline of a RedisStorage is a number of seconds, above 0 and up to 60, not {deadline!r}"
            )
        # Now, and not where this module is imported: redis-py takes a while.
        library = importlib.import_module("velocipy.redis.client")
        self._url = url
        self._given = None if client is None else library.check_client(client)
        self.where: Any | str = library.without_secrets(str(url)) if client is None else type(client).__name__
        self._clustered = client is None and _check_url(url, self.where) in CLUSTER_SCHEMES
        if client is None:
            # Which raises what is wrong with it, and connects nothing.
            (library.Members if self._clustered else library.connect)(url, max_connections)
        self._max_connections = max_connections
        self._deadline = deadline
        self._probe_key = probe_key
        self._loops: WeakKeyDictionary[AbstractEventLoop, Ends] = WeakKeyDictionary()
        self.breaker: Breaker = Breaker(self.where)

    async def call(self, *command: Any) -> Any:
        """The reply. Raises RedisUnavailable, or the client's own exception where Redis works and refuses this very command."""
        loop = get_running_loop()
        ends = self._loops.get(loop) or self._open(loop)
        return await ends.call(command, loop.time() + self._deadline)

    async def run(self, script: Script, *arguments: Any) -> Any:
        """The reply of a script, whose source is sent only where Redis does not know it: after a restart, or SCRIPT FLUSH."""
        loop = get_running_loop()
        ends = self._loops.get(loop) or self._open(loop)
        until = loop.time() + self._deadline
        try:
            return await ends.call(("EVALSHA", script.sha, *arguments), until)
        except UnknownScript:
            return await ends.call(("EVAL", script.source, *arguments), until)

    async def health(self) -> Health:
        """Ask for a PONG of every server that keys are on, whatever the breaker says; never raises."""
        loop = get_running_loop()
        ends = self._loops.get(loop) or self._open(loop)
        began = loop.time()
        error = self.breaker.reason or None
        try:
            async with asyncio.timeout(self._deadline):
                await ends.ping()
        except Exception as exc:
            error = text_of(exc)
        return Health(error is None, loop.time() - began, error)

    @property
    def clustered(self) -> bool:
        """Whether the URL is that of a cluster."""
        return self._clustered

    def cluster(self) -> Cluster:
        """The cluster as the loop that runs asks it."""
        loop = get_running_loop()
        return cast("Cluster", self._loops.get(loop) or self._open(loop))

    async def close(self) -> None:
        """Close the connections of the loop that runs; those of a loop that is gone went with it."""
        ends = self._loops.pop(get_running_loop(), None)
        if ends is not None:
            await ends.close()

    def _open(self, loop: AbstractEventLoop) -> Ends:
        ends = self._loops[loop] = self._cluster() if self._clustered else self._one()
        return ends

    def _one(self) -> Ends:
        from velocipy.redis.client import connect
        from velocipy.redis.lane import OneServer

        client = connect(self._url, self._max_connections) if self._given is None else self._given
        return OneServer(client, self.breaker, self._deadline, self._probe_key, ours=self._given is None)

    def _cluster(self) -> Ends:
        from velocipy.redis.client import Members
        from velocipy.redis.cluster import Cluster

        members = Members(self._url, self._max_connections)
        return Cluster(members, self.breaker, self._deadline, self._probe_key)


def _check_url(url: str, shown: str) -> str:
    """Its scheme."""
    scheme = url.partition("://")[0] if isinstance(url, str) else ""
    if "sentinel" in scheme:
        raise ConfigurationError(
            f"{shown!r}: a Sentinel's master is passed as a client: RedisStorage(client=sentinel.master_for(...))"
        )
    if scheme not in SCHEMES:
        raise ConfigurationError(
            f"{shown!r} is no URL of a Redis: write redis://host:6379/0, or redis+cluster://host:6379,another:6379"
        )
    return scheme
