"""What a limit on requests at once is, and where its slots are kept: a protocol, and slots in this process. Knows no request.

A rate counts what came; this counts what is there. A slot is taken, and given up when its request ends. One that another process
may hold ends by its lease as well, so that the slots of a worker that was killed come back.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, Protocol

from velocipy.exceptions import ConfigurationError
from velocipy.limiter.rule import OnError, check_count, check_name, check_word
from velocipy.limiter.tables import Key, key_of
from velocipy.places import caller_location

MAX_AT_ONCE: Final = 100_000
"""The largest limit: no more than so many slots of one identity are kept."""

MIN_LEASE: Final = 1.0
MAX_LEASE: Final = 3600.0
"""Seconds. A lease is renewed when a third of it is over."""


@dataclass(frozen=True, slots=True)
class ConcurrencyRule:
    """At most `limit` requests of one identity at once: `ConcurrencyRule(name="reports", limit=4)`.

    The name is what counts, as that of a RateLimitRule, and the two share nothing. A refusal has the `status` 429 or 503 and
    `Retry-After: retry_after`, a guess, since nobody knows when a request will end. In a storage that processes share, a slot of
    a worker that was killed is free after `lease` seconds; one that is held is renewed. `on_error` says what counts while the
    storage is out of order. Raises ConfigurationError.
    """

    name: str
    limit: int
    status: int = 429
    retry_after: int = 1
    lease: float = 30.0
    on_error: OnError = "memory"

    def __post_init__(self) -> None:
        where = f"ConcurrencyRule {self.name!r} ({caller_location()})"
        check_name(self.name, where)
        check_count("limit", self.limit, MAX_AT_ONCE, where)
        check_count("retry_after", self.retry_after, 86_400, where)
        check_word("on_error", self.on_error, ("memory", "allow", "deny"), where)
        if self.status not in (429, 503):
            raise ConfigurationError(
                f"{where}: status is 429, which blames the client, or 503, which does not; not {self.status!r}"
            )
        lease: Any = self.lease
        if (
            isinstance(lease, bool)
            or not isinstance(lease, (int, float))
            or not MIN_LEASE <= lease <= MAX_LEASE
        ):
            raise ConfigurationError(
                f"{where}: lease is a number of seconds from {MIN_LEASE:g} to {MAX_LEASE:g}, not {lease!r}"
            )

    @property
    def lease_us(self) -> int:
        """The lease in microseconds."""
        return round(self.lease * 1_000_000)


class SlotStorage(Protocol):
    """Where slots are kept: the `slots` of a limiter's storage. What it raises means that it is out of order.

    `slot` is a text that nobody else uses. `is_local` says that slots end with this process, and that no method ever waits.
    """

    is_local: bool

    async def take(self, rule: ConcurrencyRule, identity: str, slot: str) -> int | None:
        """Take a slot -> how many are left then; None where none was free."""
        ...

    async def renew(self, rule: ConcurrencyRule, identity: str, slot: str) -> None:
        """Begin its lease anew; one whose lease was over is taken again, since its request is still there."""
        ...

    async def give_up(self, rule: ConcurrencyRule, identity: str, slot: str) -> None:
        """Free it; nothing happens where it is free."""
        ...


class MemorySlots:
    """Slots in this process, exact for threads and tasks alike; as many entries as there are requests in flight, at most."""

    is_local = True

    def __init__(self) -> None:
        self._taken: dict[tuple[str, Key], int] = {}
        self._lock = Lock()

    async def take(self, rule: ConcurrencyRule, identity: str, slot: str) -> int | None:
        """One more, if there is room."""
        key = rule.name, key_of(identity)
        with self._lock:
            taken = self._taken.get(key, 0)
            if taken >= rule.limit:
                return None
            self._taken[key] = taken + 1
        return rule.limit - taken - 1

    async def renew(self, rule: ConcurrencyRule, identity: str, slot: str) -> None:
        """Nothing: what ends with the process needs no lease."""

    async def give_up(self, rule: ConcurrencyRule, identity: str, slot: str) -> None:
        """One less; who takes a slot gives it up once."""
        key = rule.name, key_of(identity)
        with self._lock:
            taken = self._taken.get(key, 0) - 1
            if taken > 0:
                self._taken[key] = taken
            else:
                self._taken.pop(key, None)

    def __len__(self) -> int:
        """How many slots are taken."""
        return sum(self._taken.values())
