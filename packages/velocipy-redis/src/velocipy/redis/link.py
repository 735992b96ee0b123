"""One command to Redis: within a deadline, past the breaker, over the client of the loop that runs. Knows no keys and no values."""

from __future__ import annotations

import asyncio
import importlib
from asyncio import AbstractEventLoop, Task, get_running_loop
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from velocipy.exceptions import ConfigurationError
from velocipy.redis.breaker import Breaker
from velocipy.redis.exceptions import RedisUnavailable

if TYPE_CHECKING:
    from velocipy.redis.client import RedisClient
    from velocipy.redis.scripts import Script

Command = tuple[Any, ...]

PROBE_EVERY: Final = 1.0
"""Seconds between two tries of a Redis that is out of order."""

SCHEMES: Final = ("redis", "rediss", "unix")


@dataclass(frozen=True, slots=True)
class Health:
    """What `health()` saw just now."""

    usable: bool
    seconds: float
    """How long the answer took, or the failure."""
    error: str | None = None


class _Ends:
    """What belongs to one event loop: connections cannot be shared between two."""

    __slots__ = ("client", "probe")

    def __init__(self, client: RedisClient) -> None:
        self.client = client
        self.probe: Task[None] | None = None


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
        self._connect, self._meaning = library.connect, library.meaning_of
        self._meanings, self._drop_connections = library.Meaning, library.drop_connections
        self._url = url
        self._given = None if client is None else library.check_client(client)
        self.where = library.without_secrets(str(url)) if client is None else type(client).__name__
        if client is None:
            _check_url(url, self.where)
            library.connect(url, max_connections)  # which raises what is wrong with it, and connects nothing
        self._max_connections = max_connections
        self._deadline = deadline
        self._probe_key = probe_key
        self._loops: WeakKeyDictionary[AbstractEventLoop, _Ends] = WeakKeyDictionary()
        self.breaker = Breaker(self.where)

    async def call(self, *command: Any) -> Any:
        """The reply. Raises RedisUnavailable, or the client's own exception where Redis works and refuses this very command."""
        return await self._call(command, None)

    async def run(self, script: Script, *arguments: Any) -> Any:
        """The reply of a script, whose source is sent only where Redis does not know it: after a restart, or SCRIPT FLUSH."""
        return await self._call(("EVALSHA", script.sha, *arguments), ("EVAL", script.source, *arguments))

    async def _call(self, command: Command, otherwise: Command | None) -> Any:
        loop = get_running_loop()
        ends = self._loops.get(loop) or self._open(loop)
        if self.breaker.reason:
            self._keep_probing(loop, ends)
            raise RedisUnavailable(self.breaker.reason)
        return await self._send(ends.client, command, otherwise)

    async def health(self) -> Health:
        """Ask for a PONG, whatever the breaker says; never raises."""
        loop = get_running_loop()
        ends = self._loops.get(loop) or self._open(loop)
        began = loop.time()
        error = self.breaker.reason or None
        try:
            async with asyncio.timeout(self._deadline):
                await ends.client.execute_command("PING")
        except Exception as exc:
            error = _text(exc)
        return Health(error is None, loop.time() - began, error)

    async def close(self) -> None:
        """Close the connections of the loop that runs; those of a loop that is gone went with it."""
        ends = self._loops.pop(get_running_loop(), None)
        if ends is None:
            return
        if ends.probe is not None:
            ends.probe.cancel()
        if self._given is None:
            await ends.client.aclose()

    async def _send(self, client: RedisClient, command: Command, otherwise: Command | None = None) -> Any:
        try:
            async with asyncio.timeout(self._deadline):
                try:
                    reply = await client.execute_command(*command)
                except Exception as exc:
                    if otherwise is None or self._meaning(exc) is not self._meanings.NO_SCRIPT:
                        raise
                    reply = await client.execute_command(*otherwise)
        except Exception as exc:
            await self._failed(client, exc)
            raise RedisUnavailable(_text(exc)) from exc
        self.breaker.succeeded()
        return reply

    async def _failed(self, client: RedisClient, exc: Exception) -> None:
        """Tell the breaker; raise what says nothing about the state of Redis."""
        what = self._meaning(exc)
        if what is self._meanings.ANSWER:
            raise exc
        if what is self._meanings.CLUSTER:
            self.breaker.failed("it is a node of a Redis Cluster, which is not supported yet", final=True)
            return
        self.breaker.failed(_text(exc))
        if what is self._meanings.DEMOTED:
            await self._drop_connections(client)

    def _open(self, loop: AbstractEventLoop) -> _Ends:
        client = self._connect(self._url, self._max_connections) if self._given is None else self._given
        ends = self._loops[loop] = _Ends(client)
        return ends

    def _keep_probing(self, loop: AbstractEventLoop, ends: _Ends) -> None:
        if self.breaker.final or (ends.probe is not None and not ends.probe.done()):
            return
        ends.probe = loop.create_task(self._probe(ends.client), name="velocipy.redis probe")

    async def _probe(self, client: RedisClient) -> None:
        """Write a key every second until that works: a replica, or a Redis without memory, would answer a PING all the same."""
        while self.breaker.open:
            await asyncio.sleep(PROBE_EVERY)
            try:
                await self._send(client, ("SET", self._probe_key, "1", "PX", "1000"))
            except Exception:
                continue  # the breaker knows


def _check_url(url: str, shown: str) -> None:
    scheme = url.partition("://")[0] if isinstance(url, str) else ""
    if "cluster" in scheme or "sentinel" in scheme:
        raise ConfigurationError(
            f"{shown!r}: Redis Cluster is not supported yet, and a Sentinel's master is passed as a client: "
            f"RedisStorage(client=sentinel.master_for(...))"
        )
    if scheme not in SCHEMES:
        raise ConfigurationError(f"{shown!r} is no URL of a Redis: write redis://host:6379/0")


def _text(exc: Exception) -> str:
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    return f"{type(exc).__name__}: {str(exc) or 'no reason given'}"[:300]
