"""Channels of a Redis Cluster: one listener to each master that has some, which move with their slots. Knows who has what; no messages."""

from __future__ import annotations

import asyncio
import logging
import random
from asyncio import Event, Task, get_running_loop
from dataclasses import dataclass
from typing import Final

from velocipy.redis.client import connection_of, redirection_of
from velocipy.redis.cluster import Cluster
from velocipy.redis.exceptions import RedisUnavailable, text_of
from velocipy.redis.hash_slots import Place, slot_of
from velocipy.redis.listener import FIRST_DELAY, MAX_DELAY, Hear, Listener, Step

logger: logging.Logger = logging.getLogger("velocipy.redis")

ONE_SLOT: Final = 1
"""Channels of one command: those of different slots cannot stand in one."""

TURN: Final = 1_000
"""Channels that are looked at before others get a turn of the loop; the slot of one takes 0.4 us."""


@dataclass(frozen=True, slots=True)
class Manners:
    """What all listeners of a cluster have in common; seconds, and the steps of `Listener`."""

    hear: Hear
    prepare: Step
    catch_up: Step
    deadline: float
    heartbeat: float
    keeps: bool


class Ear(Listener):
    """The listener to one master."""

    batch = ONE_SLOT

    def __init__(self, place: Place, ears: ClusterListener) -> None:
        self.place = place
        self._ears = ears
        self._refusals: set[int] = set()
        client, manners = ears.cluster.members.connect(place), ears.manners
        super().__init__(
            f"{place} in the cluster",
            lambda: connection_of(client),
            self._hear_here,
            prepare=manners.prepare,
            catch_up=manners.catch_up,
            deadline=manners.deadline,
            heartbeat=manners.heartbeat,
            probe=None,
            keeps=manners.keeps,
            waiting=ears.waiting,
        )

    @property
    def idle(self) -> bool:
        """Whether there is nothing to listen to."""
        return not self._wanted

    async def take(self, channel: bytes) -> None:
        """Listen to a channel that was listened to elsewhere, and catch up then. Waits for no word of the server."""
        self._wanted[channel] = None
        self._missed.add(channel)
        self._needed.set()
        connection = self._connection
        if connection is not None:
            await self._ask_for(connection, channel)

    def take_refusals(self) -> set[int]:
        """Slots of which the server said that they are elsewhere, since this was last asked."""
        refusals, self._refusals = self._refusals, set()
        return refusals

    def dismiss(self) -> None:
        """Say that nothing more will be said of this master."""
        if self.failing:
            logger.warning(
                "channels hear Redis at %s no more: what they listen to is elsewhere%s",
                self._where,
                self._lost,
            )

    def _hear_here(self, channel: bytes, data: bytes) -> None:
        # What a former master had on its way has been read from the stream by now.
        if channel in self._wanted:
            self._ears.manners.hear(channel, data)

    def _gone(self, channel: bytes) -> None:
        self._ears.uproot(self, channel)

    def _refused(self, exc: Exception) -> bool:
        told = redirection_of(exc)
        if told is None:
            return False
        self._refusals.add(told.slot)
        for channel in [one for one in self._dropped if slot_of(one) == told.slot]:
            del self._dropped[channel]  # of which it does not say either that they are left out
        self._ears.ask_anew()
        return True

    def _ended(self) -> None:
        self._ears.ask_anew()


class ClusterListener:
    """As a `Listener`, over as many masters as there are channels on.

    Channels move when a server says that they are elsewhere, when a connection is lost and another master is named then, and
    whenever the cluster has learnt who has what; it is asked anew after `heartbeat` seconds in any case, since a master that
    was cut off from the others does not know that it is none.
    """

    def __init__(self, where: str, cluster: Cluster, manners: Manners) -> None:
        self.cluster = cluster
        self.manners = manners
        self.waiting: dict[bytes, Event] = {}
        self._where = where
        self._homes: dict[bytes, Ear | None] = {}
        """Channel -> who listens to it; None while nobody does."""
        self._ears: dict[Place, Ear] = {}
        self._woken = Event()
        self._asks = False
        self._delay = FIRST_DELAY
        self._failing = False
        self._task: Task[None]
        """From when it is started."""

    @property
    def failing(self) -> bool:
        """Whether some channels are not heard just now."""
        return self._failing or any(ear.failing for ear in self._ears.values())

    def start(self) -> None:
        """Connects to nobody as long as there is nothing to listen to."""
        self.cluster.on_learnt = self._woken.set
        self._task = get_running_loop().create_task(self._run(), name="velocipy.redis channels of a cluster")

    async def stop(self) -> None:
        """Listen to nothing any more."""
        self.cluster.on_learnt = None
        self._homes.clear()
        self._task.cancel()
        await asyncio.wait((self._task, *(ear.cease() for ear in self._ears.values())))
        self._ears.clear()

    async def add(self, channel: bytes) -> None:
        """Listen to a channel from when this returns; where its master cannot be reached, as soon as it can."""
        self._homes[channel] = None
        try:
            place = await self.cluster.find(channel, get_running_loop().time() + self.manners.deadline)
        except RedisUnavailable:
            self.ask_anew()
            return
        if channel in self._homes:
            ear = self._homes[channel] = self._homes[channel] or self._ear(place)
            await ear.add(channel)

    def forget(self, channel: bytes) -> None:
        """Do not ask for it again."""
        ear = self._homes.pop(channel, None)
        if ear is not None:
            ear.forget(channel)

    async def drop(self, channel: bytes) -> None:
        """Listen to it no longer; the connection to its master is kept until who has what is asked again."""
        ear = self._homes.pop(channel, None)
        if ear is not None:
            await ear.drop(channel)

    # -- what an Ear says ------------------------------------------------------------------------------------------

    def uproot(self, ear: Ear, channel: bytes) -> None:
        """It is not there any more."""
        ear.forget(channel)
        self._homes[channel] = None
        self.ask_anew()

    def ask_anew(self) -> None:
        """Find out who has what."""
        self._asks = True
        self._woken.set()

    # -- moving ----------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while True:
            await self._wait()
            reason = ""
            if self._asks:
                self._asks = False
                reason = await self._learn()
            await self._settle()
            self._say(reason)

    async def _wait(self) -> None:
        """Until there is something to do. Between two questions there is a pause, longer each time until all is quiet."""
        try:
            async with asyncio.timeout(self.manners.heartbeat):
                await self._woken.wait()
        except TimeoutError:
            self._delay = FIRST_DELAY
            self._asks = bool(self._homes)
        else:
            if self._asks:
                await asyncio.sleep(self._delay * random.uniform(0.5, 1))
                self._delay = min(self._delay * 2, MAX_DELAY)
        self._woken.clear()

    async def _learn(self) -> str:
        """Why it could not be learnt."""
        try:
            await self.cluster.learn()
        except Exception as exc:
            return text_of(exc)
        return ""

    async def _settle(self) -> None:
        """Have every channel listened to at the master of its slot; one whose slot has none stays where it is."""
        refusals = {ear: ear.take_refusals() for ear in self._ears.values()}
        for number, (channel, home) in enumerate(list(self._homes.items()), 1):
            if number % TURN == 0:
                await asyncio.sleep(0)
            slot = slot_of(channel)
            place = self.cluster.place_of(slot)
            if home is not None and place in (home.place, None) and slot not in refusals.get(home, ()):
                continue
            if channel in self._homes and self._homes[channel] is home:  # nobody was quicker meanwhile
                await self._move(channel, home, place)
        idle = [ear for ear in self._ears.values() if ear.idle]
        for ear in idle:
            del self._ears[ear.place]
            ear.dismiss()
        for ending in [ear.cease() for ear in idle]:
            await asyncio.wait((ending,))

    async def _move(self, channel: bytes, home: Ear | None, place: Place | None) -> None:
        ear = self._homes[channel] = None if place is None else self._ear(place)
        if home is not None and home is not ear:
            # Without a word to a server that may take none: by itself it lets go of what it has lost.
            home.forget(channel)
        if ear is not None:
            await ear.take(channel)

    def _ear(self, place: Place) -> Ear:
        ear = self._ears.get(place)
        if ear is None:
            ear = self._ears[place] = Ear(place, self)
            ear.start()
        return ear

    def _say(self, reason: str) -> None:
        """Once when there are channels that no server can be asked for, and once when there are none."""
        homeless = any(home is None for home in self._homes.values())
        if homeless:
            self.ask_anew()
        if homeless and not self._failing and not self._moves():
            self._failing = True
            why = reason or "nobody has some of the slots"
            logger.warning(
                "channels hear nothing from Redis at %s, which is tried again: %s", self._where, why
            )
        elif self._failing and not homeless:
            self._failing = False
            lost = "" if self.manners.keeps else "; what was published meanwhile is lost"
            logger.warning("channels hear Redis at %s again%s", self._where, lost)

    def _moves(self) -> bool:
        """Whether all that nobody listens to has a master, and was given up by it after it was last looked for."""
        return all(
            self.cluster.place_of(slot_of(one)) is not None
            for one, home in self._homes.items()
            if home is None
        )
