"""The states of one rule by identity, of which there are only so many. Knows how to make room; knows no rules by name and no lock."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import islice
from typing import Final

from velocipy.limiter.algorithms import Algorithm, State

EVERY: Final = 32
"""In a table that is half full, after so many new keys SWEPT others are looked at, and those that are idle go."""

SWEPT: Final = 128
"""So that a table is swept twice while its other half fills; 20 us at once."""

SAMPLE: Final = 16
"""Keys among which the one with the most left is given up, where a table is full."""

EARNED: Final = 8
"""In a full table each new key earns so many looks at others, and up to MAX_EARNED are spent at once to find an idle one."""

MAX_EARNED: Final = 4096
"""0.5 ms."""

MAX_SAMPLE: Final = 512
"""As many while all of them are used up."""

MAX_KEY: Final = 40


Key = str | bytes
"""An identity that is short and ASCII, or the hash of another one."""


def key_of(identity: str) -> Key:
    """A key of bounded size, another for each identity; who has one in a table already has found its state under it."""
    if len(identity) <= MAX_KEY and identity.isascii():
        return identity
    # 128 bits: to find two that are alike costs 2**64 tries, and gains a shared limit.
    return blake2b(identity.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Table:
    """`states[key]`, with a bound: `put` makes room where a key is new."""

    __slots__ = ("_added", "_earned", "_hand", "max_keys", "states")

    def __init__(self, max_keys: int) -> None:
        self.states: dict[Key, State] = {}
        self.max_keys: int = max_keys
        self._hand: Iterator[Key] = iter(())
        self._added = 0
        self._earned = MAX_EARNED

    def put(self, key: Key, state: State | None, algorithm: Algorithm, now: int) -> None:
        """Store a state, or drop the key where it means nothing any more."""
        states = self.states
        if state is None:
            states.pop(key, None)
        elif key in states:
            states[key] = state
        else:
            self._added += 1
            if self._added >= EVERY and len(states) * 2 > self.max_keys:
                self._sweep(algorithm, now)
            if len(states) >= self.max_keys and not self._found_idle(algorithm, now):
                self._give_up_one(algorithm, now)
            states[key] = state

    def _sweep(self, algorithm: Algorithm, now: int) -> None:
        self._added = 0
        for key in self._next(SWEPT):
            if algorithm.settle(self.states[key], now) is None:
                del self.states[key]

    def _next(self, count: int) -> list[Key]:
        """The keys that come next on the way around the table; less than asked for at its end, none twice in one way around."""
        found = [key for key in islice(self._hand, count) if key in self.states]
        if not found and self.states:
            self._hand = iter(list(self.states))  # 8 bytes a key, while the way around lasts
            found = list(islice(self._hand, count))
        return found

    def _found_idle(self, algorithm: Algorithm, now: int) -> bool:
        """Whether an idle key was found, and dropped, with the looks that were earned; all the way around once at most."""
        self._earned = min(self._earned + EARNED, MAX_EARNED)
        left = min(self._earned, len(self.states) + SAMPLE)
        while left > 0:
            left -= SAMPLE
            self._earned -= SAMPLE
            for key in self._next(SAMPLE):
                if algorithm.settle(self.states[key], now) is None:
                    del self.states[key]
                    return True
        return False

    def _give_up_one(self, algorithm: Algorithm, now: int) -> None:
        """Drop, of some keys, the one with the most left; of those with nothing left, the one that is free soonest."""
        best: tuple[int, int] | None = None
        chosen: Key = ""
        looked = 0
        while looked < MAX_SAMPLE and (best is None or looked < SAMPLE or best[0] <= 0):
            looked += SAMPLE
            for key in self._next(SAMPLE):
                state = algorithm.settle(self.states[key], now)
                left = algorithm.capacity - algorithm.used(state, now), -algorithm.reset(state, now)
                if best is None or left > best:
                    best, chosen = left, key
        del self.states[chosen]
