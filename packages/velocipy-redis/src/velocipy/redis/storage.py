"""RedisStorage: keys with a time to live and atomic update, and a limiter's counts, over one pool. Knows keys; sends nothing itself."""

from __future__ import annotations

import asyncio
import math
import random
from asyncio import Lock, get_running_loop
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from velocipy.exceptions import ConfigurationError
from velocipy.redis.exceptions import RedisUnavailable
from velocipy.redis.link import Health, Link
from velocipy.redis.scripts import script
from velocipy.storage import Storage, Update, check_ttl

if TYPE_CHECKING:
    from velocipy.limiter.rule import RateLimitRule
    from velocipy.limiter.verdict import Verdict
    from velocipy.redis.in_flight import Slots
    from velocipy.redis.limits import Limits

TRIES: Final = 32
"""Of an update that other processes keep coming between; those of this process wait in line."""

MOST_MS: Final = 10**15
"""31,000 years; Redis refuses what overflows its clock."""


class RedisStorage(Storage):
    """`RedisStorage("redis://localhost:6379/0")`, for sessions, for a Limiter, and for keys of your own.

    Nothing is connected until it is first used, so that an app starts without Redis. Every command is answered, or fails as
    RedisUnavailable, within `deadline` seconds; after three failures in a row Redis is left alone and tried every second. Keys
    begin with `prefix`. `redis+cluster://host:6379,another:6379` is a Redis Cluster, known by some of its servers. A `client` of
    one's own is used as it is, and is not closed. Raises ConfigurationError for a URL or a client that cannot be used.
    """

    def __init__(
        self,
        url: str = "redis://localhost:6379",
        *,
        client: Any = None,
        prefix: str = "velocipy:",
        max_connections: int = 32,
        deadline: float = 0.25,
    ) -> None:
        self._prefix = check_prefix(prefix, "a RedisStorage")
        self._link = Link(
            url, client, max_connections=max_connections, deadline=deadline, probe_key=f"{prefix}probe"
        )
        self._lines: WeakValueDictionary[tuple[int, str], Lock] = WeakValueDictionary()
        self._limits: Limits | None = None
        self._slots: Slots | None = None

    def __repr__(self) -> str:
        return f"<RedisStorage {self._link.where}>"

    async def get(self, key: str) -> bytes | None:
        """The value under a key; None where there is none."""
        found: bytes | None = await self._link.call("GET", self._key(key))
        return found

    async def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Put a value under a key."""
        check_ttl(ttl)
        name = self._key(key)
        _check_value(value)
        lives = () if ttl is None else ("PX", _milliseconds(ttl))
        await self._link.call("SET", name, value, *lives)

    async def delete(self, key: str) -> None:
        """Drop a key, if it is there."""
        await self._link.call("DEL", self._key(key))

    async def atomic_update(self, key: str, function: Update, ttl: float | None = None) -> bytes | None:
        """Replace a value by what the function makes of it: read it, and write if nobody else did in between, else again.

        Raises RedisUnavailable after 32 tries in vain.
        """
        check_ttl(ttl)
        name = self._key(key)
        line = self._line(key)
        async with line:
            for number in range(TRIES):
                if number:
                    await asyncio.sleep(random.uniform(0, 0.001 * min(number, 10)))
                old: bytes | None = await self._link.call("GET", name)
                new = function(old)
                if await self._swap(name, old, new, ttl):
                    return new
        raise RedisUnavailable(f"{TRIES} tries to update a key in vain: others keep writing it")

    async def _swap(self, name: bytes, old: bytes | None, new: bytes | None, ttl: float | None) -> bool:
        if new is not None:
            _check_value(new)
        seen = ("0", b"") if old is None else ("1", old)
        put = ("0", b"") if new is None else ("1", new)
        lives = "" if ttl is None else _milliseconds(ttl)
        return bool(await self._link.run(script("swap"), 1, name, *seen, *put, lives))

    async def close(self) -> None:
        """Close the connections; a later use opens new ones."""
        await self._link.close()

    async def health(self) -> Health:
        """Whether Redis answers, and is in use; for a probe of the machine that runs the app. Never raises."""
        return await self._link.health()

    # -- a limiter's storage ---------------------------------------------------------------------------------------

    async def decide(
        self, rules: tuple[RateLimitRule, ...], identity: str, cost: int | None = None
    ) -> Verdict:
        """Take the cost from every rule, or from none: one call of one script, whatever the number of rules."""
        return await self.limits.decide(rules, identity, cost)

    async def refund(self, rules: tuple[RateLimitRule, ...], identity: str, cost: int | None = None) -> None:
        """Give back what a decision took, as far as it still counts."""
        await self.limits.refund(rules, identity, cost)

    async def reset(self, rules: tuple[RateLimitRule, ...], identity: str) -> None:
        """Forget an identity."""
        await self.limits.reset(rules, identity)

    @property
    def limits(self) -> Limits:
        """The part that counts, which needs velocipy-limiter: loaded where it is asked for."""
        if self._limits is None:
            from velocipy.redis.limits import Limits

            self._limits = Limits(self._link, self._prefix)
        return self._limits

    @property
    def slots(self) -> Slots:
        """The part that keeps slots of requests at once, loaded alike."""
        if self._slots is None:
            from velocipy.redis.in_flight import Slots

            self._slots = Slots(self._link, self._prefix)
        return self._slots

    # -- keys ------------------------------------------------------------------------------------------------------

    def _key(self, key: str) -> bytes:
        if not isinstance(key, str):
            raise TypeError(f"a storage keeps bytes under str, not under {type(key).__name__}")
        return (self._prefix + key).encode("utf-8", "surrogatepass")

    def _line(self, key: str) -> Lock:
        """Where updates of one key wait for each other; it is forgotten when nobody does."""
        place = id(get_running_loop()), key
        line = self._lines.get(place)
        if line is None:
            line = self._lines[place] = Lock()
        return line


def check_prefix(prefix: object, what: str) -> str:
    """What keys may begin with. Raises ConfigurationError."""
    if not isinstance(prefix, str) or "{" in prefix or "}" in prefix or not prefix.isascii():
        raise ConfigurationError(
            f"prefix of {what} is ASCII text without braces, which are for hash tags, not {prefix!r}"
        )
    return prefix


def _check_value(value: object) -> None:
    if not isinstance(value, bytes):
        raise TypeError(f"a storage keeps bytes, not {type(value).__name__}")


def _milliseconds(ttl: float) -> int:
    return min(math.ceil(ttl * 1000), MOST_MS)
