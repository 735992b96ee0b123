"""Asks a storage, and knows what to do while there is none to ask. Knows rules and identities; knows no requests."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from time import monotonic
from typing import Any, Final, cast

from velocipy.exceptions import ConfigurationError
from velocipy.limiter.at_once import ConcurrencyRule, MemorySlots, SlotStorage
from velocipy.limiter.exceptions import LimiterUnavailable
from velocipy.limiter.key_value import KeyValueLimiterStorage
from velocipy.limiter.rule import CheckedRules, RateLimitRule, check_cost, check_rules
from velocipy.limiter.slots import Slot
from velocipy.limiter.storage import LimiterStorage, MemoryStorage
from velocipy.limiter.verdict import Standing, Told, Verdict

logger: logging.Logger = logging.getLogger("velocipy.limiter")

TELL_EVERY: Final = 10.0
"""Seconds between two lines that say that a storage is out of order: one that is partly so, as a cluster may be, changes with every identity."""

Rules = Iterable[RateLimitRule | str]


class Limiter:
    """`Limiter()` counts in memory, `Limiter(storage=RedisStorage(...))` in Redis.

    The storage is a LimiterStorage, or a `velocipy.storage.Storage`, which is used through its `atomic_update`. With
    `legacy_headers` answers have X-RateLimit-Limit, -Remaining and -Reset as well. Raises ConfigurationError for what is no storage.
    """

    def __init__(self, storage: Any = None, *, legacy_headers: bool = False) -> None:
        self.storage: LimiterStorage = _as_limiter_storage(MemoryStorage() if storage is None else storage)
        self.legacy_headers = legacy_headers
        self._spare: MemoryStorage | None = None
        self._spare_rules: dict[tuple[RateLimitRule, ...], tuple[RateLimitRule, ...]] = {}
        self._spare_slots = MemorySlots()
        self._failing = False
        self._told = False
        """Whether the log's last line says that the storage is out of order."""
        self._tell_from = 0.0

    @property
    def failing(self) -> bool:
        """Whether the storage was out of order when it was last asked."""
        return self._failing

    async def check(self, identity: str, rules: Rules, cost: int | None = None) -> Verdict:
        """Take the cost (each rule's own where none is given) from every rule, or from none where one refuses.

        A cost of 0 takes nothing and is never refused: it asks how an identity stands. Raises ValueError for any other cost that
        is no whole number above 0, and LimiterUnavailable (503) where the storage is out of order and a rule denies then.
        """
        if cost is not None:
            check_cost(cost)
        checked = _checked(rules)
        try:
            verdict = await self.storage.decide(checked, identity, cost)
        except ConfigurationError:
            raise
        except Exception as exc:
            self.note_failure(exc)
            return await self._without_storage(checked, identity, cost)
        if self._failing:
            self.note_success()
        return verdict

    def slot(self, identity: str, rule: ConcurrencyRule) -> Slot:
        """One of the rule's slots while an `async with` holds it; raises ConcurrencyExceeded where none is free.

        For what no dependency and no middleware surrounds, such as a message of a WebSocket or a background task. Raises
        ConfigurationError where the storage keeps no slots.
        """
        return Slot(self, self.slots, self._spare_slots, rule, identity)

    @property
    def slots(self) -> SlotStorage:
        """Where the storage keeps slots."""
        slots: SlotStorage | None = getattr(self.storage, "slots", None)
        if slots is None:
            raise ConfigurationError(
                f"{self.storage!r} keeps no slots of requests at once: give it `slots`, a velocipy.limiter.storage.SlotStorage, "
                f"or give the Limiter another storage"
            )
        return slots

    async def refund(self, identity: str, rules: Rules, cost: int | None = None) -> None:
        """Give back what a check took, as far as it still counts; nobody is told where the storage is out of order."""
        if cost is not None:
            check_cost(cost)
        await self._try(self.storage.refund(_checked(rules), identity, cost))

    async def reset(self, identity: str, rules: Rules) -> None:
        """Forget what an identity has used of these rules."""
        await self._try(self.storage.reset(_checked(rules), identity))

    async def close(self) -> None:
        """Let go of the storage's connections."""
        await self.storage.close()

    async def _try(self, asked: Any) -> None:
        try:
            await asked
        except Exception as exc:
            self.note_failure(exc)

    def note_failure(self, exc: Exception) -> None:
        """The storage did not answer: one line of the log for each change, however many requests meet it."""
        self._failing = True
        if not self._told and monotonic() >= self._tell_from:
            self._told, self._tell_from = True, monotonic() + TELL_EVERY
            logger.warning(
                "the limiter's storage is out of order (%s: %s): each rule's on_error decides until it is back",
                type(exc).__name__,
                exc,
            )

    def note_success(self) -> None:
        """The storage answered."""
        self._failing = False
        if self._told:
            self._told = False
            logger.warning("the limiter's storage is back: it counts again")

    async def _without_storage(
        self, rules: tuple[RateLimitRule, ...], identity: str, cost: int | None
    ) -> Verdict:
        if any(rule.on_error == "deny" for rule in rules):
            raise LimiterUnavailable()
        counted = self._counted_here(rules)
        if self._spare is None:
            self._spare = MemoryStorage()
        known = {}
        if counted:
            verdict = await self._spare.decide(counted, identity, cost)
            known = {standing.rule.name: standing for standing in verdict.standings}
        standings = tuple(known.get(rule.name) or _untouched(rule) for rule in rules)
        allowed = all(standing.allowed for standing in standings)
        return Told(allowed, standings)  # ty: ignore[abstract-class-instantiation]

    def _counted_here(self, rules: tuple[RateLimitRule, ...]) -> tuple[RateLimitRule, ...]:
        """The rules that memory counts meanwhile, the same object each time."""
        if rules not in self._spare_rules:
            if len(self._spare_rules) >= 1024:
                self._spare_rules.clear()
            self._spare_rules[rules] = tuple(rule for rule in rules if rule.on_error == "memory")
        return self._spare_rules[rules]


def _untouched(rule: RateLimitRule) -> Standing:
    return Standing(rule, True, rule.capacity, 0, 0, 0)


def _checked(rules: Rules) -> CheckedRules:
    return check_rules(rules, "the rules of a check")


def _as_limiter_storage(storage: Any) -> LimiterStorage:
    if isinstance(storage, type):
        raise ConfigurationError(
            f"{storage.__name__} is a class: write Limiter(storage={storage.__name__}())"
        )
    if callable(getattr(storage, "decide", None)):
        return cast("LimiterStorage", storage)
    if callable(getattr(storage, "atomic_update", None)):
        return KeyValueLimiterStorage(storage)
    raise ConfigurationError(
        f"{storage!r} is no storage of a Limiter: it needs decide(rules, identity, cost), or atomic_update as a velocipy.storage.Storage has"
    )
