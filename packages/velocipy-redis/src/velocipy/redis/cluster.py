"""A Redis Cluster, as one event loop asks it: the master of each slot, redirections, and who is master now. Knows no values.

Each master has its own breaker, so that one that is lost takes its own keys along and no others. Who has which slot is asked
when the first command comes, after a MOVED, after a failure, and every second while a master is out of order.
"""

from __future__ import annotations

import asyncio
import random
from asyncio import Task, get_running_loop
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Final

from velocipy.redis.breaker import Breaker
from velocipy.redis.client import ASKING, Meaning, Members, is_on_its_way, meaning_of, redirection_of
from velocipy.redis.exceptions import RedisUnavailable, text_of
from velocipy.redis.hash_slots import SLOTS, Place, Range, Redirection, key_in, key_of, ranges_of, slot_of
from velocipy.redis.lane import Command, Lane

HOPS: Final = 4
"""Servers that a command is sent to before it counts as going in a circle."""

PAUSE: Final = 0.01
"""Seconds before a command of several keys, some of which are on their way to another server, is sent again."""

AT_ONCE: Final = 3
"""Servers that are asked who has what; the first answer is taken."""

LEARN_EVERY: Final = 0.1
"""Seconds between two questions of who has what, while replies and failures say that it has changed."""

WHO: Final[Command] = ("CLUSTER", "SLOTS")


class Node(Lane):
    """One server of the cluster."""

    def __init__(self, place: Place, cluster: Cluster) -> None:
        self.place = place
        self._cluster = cluster
        client = cluster.members.connect(place)
        super().__init__(client, Breaker(f"{place}, in the cluster,"), cluster.deadline, self._write)

    async def failed(self, exc: Exception) -> None:
        """Raises what the cluster follows: the server is well, and knows better."""
        if redirection_of(exc) is not None or is_on_its_way(exc):
            raise exc
        if meaning_of(exc) is Meaning.CLUSTER:
            self.breaker.failed(text_of(exc), final=True)
            return
        await super().failed(exc)
        self._cluster.learn_soon()

    async def _write(self) -> Command | None:
        await self._cluster.learn()
        key = self._cluster.key_on(self)
        return None if key is None else ("SET", key, "1", "PX", "1000")


class Finder(Lane):
    """Whichever server first says who has what; its breaker is that of the cluster as a whole."""

    def __init__(self, cluster: Cluster, breaker: Breaker) -> None:
        self._cluster = cluster
        super().__init__(self, breaker, cluster.deadline, self._ask_again)

    async def execute_command(self, *_: Any) -> None:
        """Learn it; as a client does what it is told."""
        await self._cluster.learn()

    async def aclose(self) -> None:
        """It has no connections of its own."""

    async def failed(self, exc: Exception) -> None:
        """An error that is an answer says that these servers are no cluster; raises what says nothing of them."""
        if isinstance(exc, RedisUnavailable):
            raise exc  # all was closed meanwhile
        if meaning_of(exc) is Meaning.ANSWER:
            self.breaker.failed(f"it is no Redis Cluster, write redis://: {text_of(exc)}", final=True)
        else:
            self.breaker.failed(text_of(exc))

    async def _ask_again(self) -> Command:
        return WHO


class Cluster:
    """`await cluster.call(("GET", key), until)`. `members` are the servers that the URL names, and how to reach all others."""

    def __init__(self, members: Members, breaker: Breaker, deadline: float, probe_key: str) -> None:
        self.members = members
        self.deadline = deadline
        self._probe_key = probe_key
        self._nodes: dict[Place, Node] = {}
        self._owners: list[Node | None] = []
        """Slot -> its master; empty until that was told."""
        self._finder = Finder(self, breaker)
        self._learning: Task[None] | None = None
        self._learnt = -LEARN_EVERY
        self._leaving: set[Task[None]] = set()
        self.on_learnt: Callable[[], None] | None = None
        """Called whenever it was told who has what."""

    async def call(self, command: Command, until: float) -> Any:
        """The reply of the slot's master, or of whom it names. Raises RedisUnavailable, UnknownScript, or what refuses this very command."""
        slot = slot_of(key_of(command))
        node = await self._owner(slot, until)
        sent = command
        for _ in range(HOPS):
            try:
                return await node.send(sent, until)
            except RedisUnavailable:
                raise
            except Exception as exc:
                told = redirection_of(exc)
                if told is not None:
                    node, sent = self._follow(told, node, command)
                elif is_on_its_way(exc):
                    await asyncio.sleep(PAUSE)
                else:
                    raise
        raise RedisUnavailable(f"the servers of the cluster do not agree who has slot {slot}")

    async def find(self, key: bytes, until: float) -> Place:
        """Where the master of a key's slot is. Raises RedisUnavailable where nobody says, or there is none."""
        return (await self._owner(slot_of(key), until)).place

    def place_of(self, slot: int) -> Place | None:
        """The same of a slot, as far as it was told, without asking."""
        node = self._owners[slot] if self._owners else None
        return None if node is None else node.place

    async def _owner(self, slot: int, until: float) -> Node:
        if not self._owners:
            await self._finder.send(WHO, until)
        node = self._owners[slot]
        if node is None:
            self.learn_soon()
            raise RedisUnavailable(f"no server of the cluster has slot {slot}")
        return node

    def _follow(self, told: Redirection, node: Node, command: Command) -> tuple[Node, Command]:
        """Where a redirection points, and what to send there."""
        place = told.place if told.place.host else Place(node.place.host, told.place.port)
        there = self._node(place)
        if told.asking:
            return there, (ASKING, *command)
        self._owners[told.slot] = there
        self.learn_soon()
        return there, command

    async def ping(self) -> None:
        """Of every master; raises what is wrong with the first that does not answer, or is left alone."""
        await self.learn()
        masters = {node for node in self._owners if node is not None}
        for node in masters:
            if node.breaker.reason:
                raise RedisUnavailable(f"{node.place}: {node.breaker.reason}")
        await asyncio.gather(*(node.client.execute_command("PING") for node in masters))

    async def close(self) -> None:
        """Close the connections to all servers."""
        self._finder.rest()
        tasks = [*self._leaving, *filter(None, [self._learning])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for node in self._nodes.values():
            node.rest()
            await node.client.aclose()
        self._nodes.clear()
        self._owners = []

    def key_on(self, node: Node) -> str | None:
        """A key that this server is master of; None where it is not, or no longer."""
        slots = {slot for slot, owner in enumerate(self._owners) if owner is node}
        return key_in(slots, self._probe_key) if slots else None

    # -- who has what ----------------------------------------------------------------------------------------------

    async def learn(self) -> None:
        """Ask who has what. Whoever asks while that is under way waits for the same answer."""
        learning = self._begin_learning()
        await asyncio.wait((learning,))
        if learning.cancelled():
            raise RedisUnavailable("the connections were closed meanwhile")
        learning.result()

    def learn_soon(self) -> None:
        """The same behind whoever goes on."""
        if get_running_loop().time() - self._learnt >= LEARN_EVERY:
            self._begin_learning()

    def _begin_learning(self) -> Task[None]:
        if self._learning is None or self._learning.done():
            self._learning = get_running_loop().create_task(self._learn(), name="velocipy.redis slots")
            self._learning.add_done_callback(_heard)
        return self._learning

    async def _learn(self) -> None:
        try:
            async with asyncio.timeout(self.deadline):
                self._take(await self._ask_around())
        finally:
            self._learnt = get_running_loop().time()

    def _take(self, ranges: Iterable[Range]) -> None:
        owners: list[Node | None] = [None] * SLOTS
        masters: set[Place] = set()
        for first, last, place in ranges:
            masters.add(place)
            owners[first : last + 1] = [self._node(place)] * (last + 1 - first)
        self._owners = owners
        for place in set(self._nodes) - masters:
            self._dismiss(self._nodes.pop(place))
        if self.on_learnt is not None:
            self.on_learnt()

    async def _ask_around(self) -> list[Range]:
        """The first answer of a few servers at a time, those that work first, in another order each time."""
        well = [place for place, node in self._nodes.items() if not node.breaker.open]
        others = [place for place in {*self._nodes, *self.members.seeds} if place not in well]
        random.shuffle(well)
        random.shuffle(others)
        places = well + others
        for begin in range(0, len(places), AT_ONCE):
            some = places[begin : begin + AT_ONCE]
            try:
                return await _first(map(self._ranges_from, some))
            except Exception as exc:
                failure = exc
        raise failure  # pyright: ignore[reportPossiblyUnboundVariable, reportGeneralTypeIssues]  # there is always one to ask

    async def _ranges_from(self, place: Place) -> list[Range]:
        found = ranges_of(await self._node(place).client.execute_command(*WHO), place)
        if not found:
            raise ValueError(f"{place} knows of no slots: the cluster is not set up yet")
        return found

    def _node(self, place: Place) -> Node:
        node = self._nodes.get(place)
        if node is None:
            node = self._nodes[place] = Node(place, self)
        return node

    def _dismiss(self, node: Node) -> None:
        """Let go of a server that is no master any more, as soon as the last command that is on its way there must have ended."""
        node.rest()
        node.breaker.dismissed()
        task = get_running_loop().create_task(self._leave(node), name="velocipy.redis leaving")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _leave(self, node: Node) -> None:
        try:
            await asyncio.sleep(self.deadline)
        finally:
            await node.client.aclose()


async def _first(asked: Iterable[Coroutine[Any, Any, list[Range]]]) -> list[Range]:
    """The first result; the others are given up. Raises the last failure where all fail."""
    tasks = [get_running_loop().create_task(one) for one in asked]
    try:
        for done in asyncio.as_completed(tasks):
            try:
                return await done
            except Exception as exc:
                failure = exc
        raise failure  # pyright: ignore[reportPossiblyUnboundVariable, reportGeneralTypeIssues]  # there is always one to ask
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _heard(task: Task[None]) -> None:
    """A failure that nobody waits for any more is no news for the log: the breakers know."""
    if not task.cancelled():
        task.exception()
