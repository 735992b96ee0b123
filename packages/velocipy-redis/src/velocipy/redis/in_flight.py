"""A limiter's slots of requests at once in Redis: a rule to arguments of in_flight.lua. Knows no connections and no time."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from velocipy.limiter.at_once import ConcurrencyRule
from velocipy.redis.link import Link
from velocipy.redis.scripts import script


class Slots:
    """What RedisStorage does for limits on requests at once. Keys are `<prefix>slots:{hash of the identity}:<rule>`."""

    is_local = False

    def __init__(self, link: Link, prefix: str) -> None:
        self._link = link
        self._prefix = prefix + "slots:{"
        self._time: Callable[[], str] | None = None
        """A clock of tests: microseconds as text. Redis has its own."""

    async def take(self, rule: ConcurrencyRule, identity: str, slot: str) -> int | None:
        """One call of the script."""
        left = await self._run("take", rule, identity, slot)
        return None if left < 0 else left

    async def renew(self, rule: ConcurrencyRule, identity: str, slot: str) -> None:
        """One call of the script."""
        await self._run("renew", rule, identity, slot)

    async def give_up(self, rule: ConcurrencyRule, identity: str, slot: str) -> None:
        """One call of the script."""
        await self._run("give up", rule, identity, slot)

    async def _run(self, what: str, rule: ConcurrencyRule, identity: str, slot: str) -> int:
        # 128 bits, as a rate limit's: to find two identities that are alike costs 2**64 tries, and gains a shared limit.
        digest = blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
        key = f"{self._prefix}{digest}}}:{rule.name}"
        time = () if self._time is None else (self._time(),)
        left = await self._link.run(script("in_flight"), 1, key, what, slot, rule.limit, rule.lease_us, *time)
        return int(left)
