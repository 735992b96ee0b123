"""Any storage of keys and bytes as a limiter's, through `atomic_update`. Knows that one method of it; knows no library.

All that is known of one identity stands under one key, since several rules are decided all or nothing: a JSON object, name and
algorithm of a rule -> its state. Times are of the clock of the day, which several processes and machines share as well as they are set.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, Generic, Protocol, TypeVar

from velocipy.clock import wall_ns
from velocipy.limiter.algorithms import Algorithm, algorithm_of
from velocipy.limiter.at_once import ConcurrencyRule
from velocipy.limiter.deciding import decide_settled
from velocipy.limiter.rule import RateLimitRule
from velocipy.limiter.verdict import Verdict
from velocipy.untyped import DICT, LIST

R = TypeVar("R")
Change = Callable[[list[Algorithm], list[Any], int], R]


class AtomicStorage(Protocol):
    """The part of `velocipy.storage.Storage` that counts need."""

    def atomic_update(
        self, key: str, function: Callable[[bytes | None], bytes | None], ttl: float | None = None
    ) -> Awaitable[bytes | None]:
        """Replace a value by what the function makes of it (None: delete it); it may be called more than once, and the last counts."""
        ...


def time_us() -> int:
    """Microseconds since 1970."""
    return wall_ns() // 1000


class KeyValueLimiterStorage:
    """`Limiter(storage)` makes one of every storage that has `atomic_update` and no `decide`."""

    def __init__(
        self, storage: AtomicStorage, *, prefix: str = "limit:", clock: Callable[[], int] = time_us
    ) -> None:
        self._storage = storage
        self._prefix = prefix
        self._clock = clock
        self._longest = 0
        self.slots: KeyValueSlots = KeyValueSlots(storage, prefix=prefix, clock=clock)
        """Of requests at once."""

    async def decide(
        self, rules: tuple[RateLimitRule, ...], identity: str, cost: int | None = None
    ) -> Verdict:
        """One update of one key, whatever the number of rules."""

        def take(algorithms: list[Algorithm], states: list[Any], now: int) -> Verdict:
            return decide_settled(algorithms, states, now, cost)

        return await self._update(rules, identity, take)

    async def refund(self, rules: tuple[RateLimitRule, ...], identity: str, cost: int | None = None) -> None:
        """Give back what a decision took, as far as it still counts."""

        def give_back(algorithms: list[Algorithm], states: list[Any], now: int) -> None:
            for index, algorithm in enumerate(algorithms):
                units = algorithm.rule.cost if cost is None else cost
                states[index] = algorithm.give_back(states[index], now, units)

        await self._update(rules, identity, give_back)

    async def reset(self, rules: tuple[RateLimitRule, ...], identity: str) -> None:
        """Forget an identity, as far as these rules go."""

        def forget(algorithms: list[Algorithm], states: list[Any], now: int) -> None:
            states[:] = [None] * len(states)

        await self._update(rules, identity, forget)

    async def close(self) -> None:
        """Nothing: the storage belongs to whoever made it."""

    def _key(self, identity: str) -> str:
        return self._prefix + sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()

    async def _update(self, rules: tuple[RateLimitRule, ...], identity: str, change: Change[R]) -> R:
        update = _Update([algorithm_of(rule) for rule in rules], change, self._clock)
        key = self._key(identity)
        # Whoever comes with a short rule must not shorten the life of what a long one has left under the same key.
        self._longest = max(self._longest, *(algorithm.longest for algorithm in update.algorithms))
        ttl = self._longest
        await self._storage.atomic_update(key, update, _seconds(ttl))
        if update.needed > ttl:
            self._longest = update.needed
            await self._storage.atomic_update(key, _same, _seconds(update.needed))
        return update.result


class _Update(Generic[R]):
    """What is done to the value of one key, as a function from bytes to bytes that keeps what else it finds."""

    def __init__(self, algorithms: list[Algorithm], change: Change[R], clock: Callable[[], int]) -> None:
        self.algorithms = algorithms
        self.needed = 0
        """Microseconds for which something in the value means something."""
        self.result: R
        self._change = change
        self._clock = clock

    def __call__(self, content: bytes | None) -> bytes | None:
        now = self._clock()
        kept = _read(content)
        states = [_state(algorithm, kept, now) for algorithm in self.algorithms]
        self.result = self._change(self.algorithms, states, now)
        for algorithm, state in zip(self.algorithms, states, strict=True):
            until = now if state is None else now + algorithm.reset(state, now)
            kept[_name(algorithm)] = [until, None if state is None else algorithm.dump(state)]
        kept = {name: item for name, item in kept.items() if now < item[0]}
        self.needed = max((item[0] - now for item in kept.values()), default=0)
        return json.dumps(kept, separators=(",", ":")).encode() if kept else None


def _same(content: bytes | None) -> bytes | None:
    return content


def _seconds(micros: int) -> float:
    return micros / 1_000_000 + 1


def _name(algorithm: Algorithm) -> str:
    """No algorithm reads a state of another one's."""
    return f"{algorithm.rule.algorithm}:{algorithm.rule.name}"


def _read(content: bytes | None) -> dict[str, Any]:
    """What stands there, as far as it is ours: a value of anybody else's is as none."""
    try:
        kept: Any = json.loads(content) if content else None
    except ValueError:
        return {}
    items = kept.items() if isinstance(kept, DICT) else ()
    return {
        name: item
        for name, item in items
        if isinstance(item, LIST) and len(item) == 2 and type(item[0]) is int
    }


def _state(algorithm: Algorithm, kept: dict[str, Any], now: int) -> Any:
    item = kept.get(_name(algorithm))
    state = None if item is None else algorithm.load(item[1])
    return None if state is None else algorithm.settle(state, now)


# -- requests at once ----------------------------------------------------------------------------------------------


Ends = dict[str, int]
"""Slot -> when its lease is over, in microseconds since 1970."""


class KeyValueSlots:
    """Slots in any storage with `atomic_update`: a JSON object under a key for each rule and identity, on the clock of the day."""

    is_local = False

    def __init__(self, storage: AtomicStorage, *, prefix: str, clock: Callable[[], int] = time_us) -> None:
        self._storage = storage
        self._prefix = prefix + "slots:"
        self._clock = clock

    async def take(self, rule: ConcurrencyRule, identity: str, slot: str) -> int | None:
        """One update of one key."""
        left: int | None = None

        def change(ends: Ends, now: int) -> None:
            nonlocal left
            left = None
            if len(ends) < rule.limit:
                ends[slot] = now + rule.lease_us
                left = rule.limit - len(ends)

        await self._update(rule, identity, change)
        return left

    async def renew(self, rule: ConcurrencyRule, identity: str, slot: str) -> None:
        """One update of one key."""

        def change(ends: Ends, now: int) -> None:
            ends[slot] = now + rule.lease_us

        await self._update(rule, identity, change)

    async def give_up(self, rule: ConcurrencyRule, identity: str, slot: str) -> None:
        """One update of one key."""

        def change(ends: Ends, now: int) -> None:
            ends.pop(slot, None)

        await self._update(rule, identity, change)

    def _update(
        self, rule: ConcurrencyRule, identity: str, change: Callable[[Ends, int], None]
    ) -> Awaitable[bytes | None]:
        digest = sha256(f"{len(rule.name)}:{rule.name}{identity}".encode("utf-8", "surrogatepass"))

        def function(content: bytes | None) -> bytes | None:
            now = self._clock()
            # A lease that ends later than one that begins now is of a clock that was set back since.
            ends = {
                slot: end for slot, end in _read_ends(content).items() if now < end <= now + rule.lease_us
            }
            change(ends, now)
            return json.dumps(ends, separators=(",", ":")).encode() if ends else None

        return self._storage.atomic_update(self._prefix + digest.hexdigest(), function, rule.lease + 1)


def _read_ends(content: bytes | None) -> Ends:
    """What stands there, as far as it is ours."""
    try:
        ends: Any = json.loads(content) if content else None
    except ValueError:
        return {}
    items = ends.items() if isinstance(ends, DICT) else ()
    return {slot: end for slot, end in items if type(end) is int}
