"""One server, as one event loop asks it: within a deadline, past the breaker, tried every second while that is open. Knows no keys.

reply = await lane.send(("GET", key), until=loop.time() + 0.25)
"""

from __future__ import annotations

import asyncio
from asyncio import Task, get_running_loop
from collections.abc import Awaitable, Callable
from typing import Any, Final

from velocipy.redis.breaker import Breaker
from velocipy.redis.client import Meaning, RedisClient, drop_connections, meaning_of
from velocipy.redis.exceptions import RedisUnavailable, UnknownScript, text_of

Command = tuple[Any, ...]

PROBE_EVERY: Final = 1.0
"""Seconds between two tries of a server that is out of order."""


class Lane:
    """`until` is a time of the loop; whatever has not been answered by then has failed."""

    def __init__(
        self,
        client: RedisClient,
        breaker: Breaker,
        deadline: float,
        probe: Callable[[], Awaitable[Command | None]],
    ) -> None:
        self.client = client
        self.breaker = breaker
        self._deadline = deadline
        self._probe = probe
        self._probing: Task[None] | None = None

    async def send(self, command: Command, until: float) -> Any:
        """The reply. Raises RedisUnavailable, UnknownScript, or the client's own exception where the server works and refuses this very command."""
        if self.breaker.reason:
            self._keep_probing()
            raise RedisUnavailable(self.breaker.reason)
        return await self.try_(command, until)

    async def try_(self, command: Command, until: float) -> Any:
        """The same, whatever the breaker says."""
        try:
            async with asyncio.timeout_at(until):
                reply = await self.client.execute_command(*command)
        except Exception as exc:
            await self.failed(exc)
            raise RedisUnavailable(text_of(exc)) from exc
        self.breaker.succeeded()
        return reply

    async def failed(self, exc: Exception) -> None:
        """Tell the breaker; raise what says nothing about the state of the server."""
        what = meaning_of(exc)
        if what is Meaning.ANSWER:
            raise exc
        if what is Meaning.NO_SCRIPT:
            raise UnknownScript from exc
        if what is Meaning.CLUSTER:
            self.breaker.failed("it is a node of a Redis Cluster: write redis+cluster://", final=True)
            return
        self.breaker.failed(text_of(exc))
        if what is Meaning.DEMOTED:
            await drop_connections(self.client)

    def rest(self) -> None:
        """Try no more."""
        if self._probing is not None:
            self._probing.cancel()

    def _keep_probing(self) -> None:
        if self.breaker.final or (self._probing is not None and not self._probing.done()):
            return
        self._probing = get_running_loop().create_task(self._keep_trying(), name="velocipy.redis probe")

    async def _keep_trying(self) -> None:
        while self.breaker.open:
            await asyncio.sleep(PROBE_EVERY)
            try:
                command = await self._probe()
                if command is None:
                    return
                await self.try_(command, get_running_loop().time() + self._deadline)
            except Exception:
                continue  # the breaker knows


class OneServer(Lane):
    """A Redis that is alone, or what a client of somebody's own makes of many."""

    def __init__(
        self, client: RedisClient, breaker: Breaker, deadline: float, probe_key: str, *, ours: bool
    ) -> None:
        super().__init__(client, breaker, deadline, self._write)
        # A replica, or a Redis without memory, would answer a PING all the same.
        self._written = ("SET", probe_key, "1", "PX", "1000")
        self._ours = ours

    async def call(self, command: Command, until: float) -> Any:
        """What is sent is the call."""
        return await self.send(command, until)

    async def ping(self) -> None:
        """Raises what goes wrong."""
        await self.client.execute_command("PING")

    async def close(self) -> None:
        """A client of somebody's own stays open."""
        self.rest()
        if self._ours:
            await self.client.aclose()

    async def _write(self) -> Command:
        return self._written
