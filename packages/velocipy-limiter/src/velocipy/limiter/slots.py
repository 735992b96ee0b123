"""One slot from when it is taken until it is given up, once, whatever happens. Knows storages of slots; knows no requests."""

from __future__ import annotations

import asyncio
from asyncio import Task, TimerHandle
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Final, Protocol, Self
from uuid import uuid4

from velocipy.limiter.at_once import ConcurrencyRule, MemorySlots, SlotStorage
from velocipy.limiter.exceptions import LimiterUnavailable, concurrency_error
from velocipy.limiter.headers import concurrency_policy_of, concurrency_standing_of

_tasks: Final[set[Task[None]]] = set()
"""Tasks that give up or renew a slot: a loop holds its tasks weakly, and they end within a storage's deadline."""


class Notes(Protocol):
    """Whom a slot tells how the storage does: the Limiter, which says each change once."""

    def note_failure(self, exc: Exception) -> None:
        """It did not answer."""
        ...

    def note_success(self) -> None:
        """It did."""
        ...


class Slot:
    """`async with limiter.slot("ip:192.0.2.7", rule) as slot:` holds one of the rule's; ConcurrencyExceeded where none is free."""

    __slots__ = (
        *("_held_by", "_identity", "_name", "_notes", "_rule", "_spare", "_storage"),
        *("_timer", "remaining"),
    )

    def __init__(
        self, notes: Notes, storage: SlotStorage, spare: MemorySlots, rule: ConcurrencyRule, identity: str
    ) -> None:
        self._notes = notes
        self._storage = storage
        self._spare = spare
        self._rule = rule
        self._identity = identity
        self._name = ""
        self._held_by: SlotStorage | None = None
        self._timer: TimerHandle | None = None
        self.remaining: int = rule.limit
        """How many were left when this one was taken."""

    @property
    def policy(self) -> str:
        """Its item of RateLimit-Policy."""
        return concurrency_policy_of(self._rule)

    @property
    def standing(self) -> str:
        """Its item of RateLimit."""
        return concurrency_standing_of(self._rule, self.remaining)

    async def take(self) -> bool:
        """Whether there was one. Raises LimiterUnavailable where the storage is out of order and the rule denies then.

        Cancelled, or failed, while a storage is being asked, it may have been taken all the same: it is given up then.
        """
        storage, rule = self._storage, self._rule
        if not storage.is_local:
            self._name = uuid4().hex
        try:
            left = await storage.take(rule, self._identity, self._name)
        except Exception as exc:
            self._notes.note_failure(exc)
            self._in_background(storage.give_up)
            return await self._take_without_storage()
        except asyncio.CancelledError:
            self._in_background(storage.give_up)
            raise
        self._notes.note_success()
        return self._took(storage, left)

    async def _take_without_storage(self) -> bool:
        if self._rule.on_error == "deny":
            raise LimiterUnavailable()
        if self._rule.on_error == "allow":
            return True
        return self._took(self._spare, await self._spare.take(self._rule, self._identity, ""))

    def _took(self, storage: SlotStorage, left: int | None) -> bool:
        self.remaining = 0 if left is None else left
        if left is None:
            return False
        self._held_by = storage
        self._wait_to_renew()
        return True

    async def give_up(self) -> None:
        """Free it, the first time that this is called. Whoever is cancelled here has freed it as well."""
        storage, self._held_by = self._held_by, None
        if self._timer is not None:
            self._timer.cancel()
        if storage is None:
            return
        if storage.is_local:
            await storage.give_up(self._rule, self._identity, self._name)
        else:
            await asyncio.shield(self._in_background(storage.give_up))

    def _wait_to_renew(self) -> None:
        if self._held_by is not None and not self._held_by.is_local:
            self._timer = asyncio.get_running_loop().call_later(self._rule.lease / 3, self._renew)

    def _renew(self) -> None:
        self._in_background(self._renewed)
        self._wait_to_renew()

    async def _renewed(self, rule: ConcurrencyRule, identity: str, name: str) -> None:
        storage = self._held_by
        if storage is not None:
            await storage.renew(rule, identity, name)
            if self._held_by is None:  # given up meanwhile, and perhaps before that was renewed
                await storage.give_up(rule, identity, name)

    def _in_background(self, method: Callable[[ConcurrencyRule, str, str], Awaitable[None]]) -> Task[None]:
        task = asyncio.get_running_loop().create_task(self._quietly(method))
        _tasks.add(task)
        task.add_done_callback(_tasks.discard)
        return task

    async def _quietly(self, method: Callable[[ConcurrencyRule, str, str], Awaitable[None]]) -> None:
        """A storage that fails here is told of; the lease ends by itself."""
        try:
            await method(self._rule, self._identity, self._name)
        except Exception as exc:
            self._notes.note_failure(exc)

    async def __aenter__(self) -> Self:
        if not await self.take():
            raise concurrency_error(self._rule, [])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.give_up()

    def __repr__(self) -> str:
        return f"<Slot of {self._rule.name!r}, {'held' if self._held_by is not None else 'not held'}>"
