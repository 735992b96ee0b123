"""Where counts are kept: the protocol of a limiter's storage, and the one in this process's memory. Knows no requests.

A storage decides about all rules of a request at once and all or nothing. `RedisStorage` is loaded from velocipy-redis when it is
asked for; what has `atomic_update`, as every `velocipy.storage.Storage`, is wrapped in `KeyValueLimiterStorage`.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, runtime_checkable

from velocipy.clock import STEADY, Source, steady_ns
from velocipy.exceptions import ConfigurationError, MissingAdapterError
from velocipy.limiter.algorithms import Algorithm, State, TokenBucket, algorithm_of
from velocipy.limiter.at_once import MemorySlots, SlotStorage
from velocipy.limiter.deciding import decide_settled
from velocipy.limiter.key_value import KeyValueLimiterStorage
from velocipy.limiter.rule import RateLimitRule
from velocipy.limiter.tables import Key, Table, key_of
from velocipy.limiter.verdict import Standing, Verdict

if TYPE_CHECKING:
    RedisStorage: Any

__all__ = ["KeyValueLimiterStorage", "LimiterStorage", "MemoryStorage", "RedisStorage", "SlotStorage"]

logger: logging.Logger = logging.getLogger("velocipy.limiter")

DEFAULT_MAX_KEYS: Final = 100_000
"""Identities that are remembered for each rule: at most 25 MB."""

MAX_TABLES: Final = 1024
"""Names of rules in one storage; more come from an app that makes names of what clients send."""

Clock = Callable[[], int]
"""Nanoseconds, as `velocipy.clock.steady_ns` gives them."""


@runtime_checkable
class LimiterStorage(Protocol):
    """What a Limiter asks. An exception of any of these means that the storage is out of order, and `on_error` applies.

    `rules` is a tuple that stays the same object from one request to the next; `cost` None means each rule's own. What has `slots`
    as well, a SlotStorage, can limit requests at once.
    """

    async def decide(
        self, rules: tuple[RateLimitRule, ...], identity: str, cost: int | None = None
    ) -> Verdict:
        """Take the cost from every rule, or from none where one refuses; one step, whoever else decides at the same time."""
        ...

    async def refund(self, rules: tuple[RateLimitRule, ...], identity: str, cost: int | None = None) -> None:
        """Give back what a decision took, as far as it still counts."""
        ...

    async def reset(self, rules: tuple[RateLimitRule, ...], identity: str) -> None:
        """Forget an identity."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class _Fact(NamedTuple):
    allowed: bool
    algorithm: Algorithm
    state: State | None
    now: int
    units: int


class _Lazy(_Fact, Verdict):
    """The verdict of one rule: how it stands is worked out for who asks, which is half the price of a decision."""

    __slots__ = ()

    @property
    def standings(self) -> tuple[Standing, ...]:
        return (self.algorithm.look(self.state, self.now, self.units),)


class _Admitted(Verdict):
    """The verdict of a token bucket that admits, with as little in it as can be: made in a third less time than a tuple's subclass."""

    __slots__ = ("algorithm", "now", "state")

    allowed = True

    algorithm: Algorithm
    state: int
    now: int

    @property
    def standings(self) -> tuple[Standing, ...]:
        return (self.algorithm.look(self.state, self.now, 0),)


_Single = tuple[Algorithm, Callable[[State | None, int, int], State | None], dict[Key, State], int]
_Bucket = tuple[Algorithm, dict[Key, int], int, int]
"""A token bucket, its states, the microseconds that its own cost is worth, and those of a full bucket."""


class _Plan:
    """The rules of a decision with their arithmetic and their tables, found once."""

    __slots__ = ("bucket", "pairs", "rules", "single")

    def __init__(self, rules: tuple[RateLimitRule, ...], tables: Sequence[Table]) -> None:
        self.rules = rules
        self.pairs = tuple(zip(map(algorithm_of, rules), tables, strict=True))
        self.single: _Single | None = None
        self.bucket: _Bucket | None = None
        if len(rules) == 1:
            algorithm, table = self.pairs[0]
            self.single = algorithm, algorithm.attempt, table.states, algorithm.cost
            if isinstance(algorithm, TokenBucket):
                self.bucket = algorithm, table.states, algorithm.cost * algorithm.interval, algorithm.depth


class MemoryStorage:
    """Counts in this process, on a clock that cannot be set, exact for threads and tasks alike.

    Every worker process has counts of its own: with N workers a limit of L admits up to N * L. At most `max_keys` identities of
    each rule are remembered, at up to 250 bytes each (and 8 a unit in a log); where a table is full, an idle one is forgotten,
    else one that has more left than others.
    """

    def __init__(self, *, max_keys: int = DEFAULT_MAX_KEYS, clock: Clock = steady_ns) -> None:
        if type(max_keys) is not int or max_keys < 1:
            raise ConfigurationError(
                f"max_keys of MemoryStorage is a number of identities, 1 or more, not {max_keys!r}"
            )
        self._max_keys = max_keys
        self._clock = STEADY if clock is steady_ns else Source(clock)
        self._lock = Lock()
        # What `with` calls, found once: of a decision's time `with` takes a quarter, these two a tenth.
        self._acquire, self._release = self._lock.acquire, self._lock.release
        self._plans: dict[int, _Plan] = {}
        self._last = _Plan((), ())
        """What was asked for last, which most often is asked for next."""
        self._tables: dict[tuple[str, str], Table] = {}
        self.slots: SlotStorage = MemorySlots()
        """Of requests at once."""

    async def decide(
        self, rules: tuple[RateLimitRule, ...], identity: str, cost: int | None = None
    ) -> Verdict:
        """Take the cost from every rule, or from none. Raises ConfigurationError for more than 1024 names of rules."""
        plan = self._last
        if plan.rules is not rules:
            plan = self._last = self._plan(rules)
        if plan.bucket is None or cost is not None:
            return self._decide_slowly(plan, identity, cost)
        # What nearly every decision is, with the arithmetic of TokenBucket.attempt in place of a call.
        algorithm, states, step, depth = plan.bucket
        self._acquire()
        try:
            # Inside: a time that another thread has passed would turn the clock back.
            now = self._clock.ns() // 1000
            state = states.get(identity)
            if state is None:
                return self._decide_other(plan, identity, now)
            if state < now:
                state = now
            state += step
            if state - now > depth:
                return _refuse(plan, identity, now)
            states[identity] = state
        finally:
            self._release()
        verdict = _Admitted()
        verdict.algorithm = algorithm
        verdict.state = state
        verdict.now = now
        return verdict

    def _decide_slowly(self, plan: _Plan, identity: str, cost: int | None) -> Verdict:
        """Any other algorithm, several rules, and a cost of its own."""
        if plan.single is None or cost is not None:
            return self._decide_all(plan, identity, cost)
        algorithm, attempt, states, units = plan.single
        with self._lock:
            now = self._clock.ns() // 1000
            state = states.get(identity)
            if state is None:
                return self._decide_other(plan, identity, now)
            after = attempt(state, now, units)
            if after is None:
                return _refuse(plan, identity, now)
            states[identity] = after
        return _Lazy(True, algorithm, after, now, 0)

    def _decide_other(self, plan: _Plan, identity: str, now: int) -> Verdict:
        """An identity that is new, or whose key is not its own text."""
        algorithm, table = plan.pairs[0]
        key = key_of(identity)
        after = algorithm.attempt(table.states.get(key), now, algorithm.cost)
        if after is None:
            return _refuse(plan, key, now)
        table.put(key, after, algorithm, now)
        return _Lazy(True, algorithm, after, now, 0)

    def _decide_all(self, plan: _Plan, identity: str, cost: int | None) -> Verdict:
        key = key_of(identity)
        with self._lock:
            now = self._clock.ns() // 1000
            settled = [_settled(algorithm, table, key, now) for algorithm, table in plan.pairs]
            verdict = decide_settled([algorithm for algorithm, _ in plan.pairs], settled, now, cost)
            for (algorithm, table), state in zip(plan.pairs, settled, strict=True):
                table.put(key, state, algorithm, now)
        return verdict

    async def refund(self, rules: tuple[RateLimitRule, ...], identity: str, cost: int | None = None) -> None:
        """Give back what a decision took, as far as it still counts."""
        plan, key = self._plan(rules), key_of(identity)
        with self._lock:
            now = self._clock.ns() // 1000
            for algorithm, table in plan.pairs:
                state = _settled(algorithm, table, key, now)
                units = algorithm.rule.cost if cost is None else cost
                table.put(key, algorithm.give_back(state, now, units), algorithm, now)

    async def reset(self, rules: tuple[RateLimitRule, ...], identity: str) -> None:
        """Forget an identity."""
        plan, key = self._plan(rules), key_of(identity)
        with self._lock:
            for _, table in plan.pairs:
                table.states.pop(key, None)

    async def close(self) -> None:
        """Nothing: the counts go with the object."""

    def __len__(self) -> int:
        """How many states are kept."""
        return sum(len(table.states) for table in self._tables.values())

    def _plan(self, rules: tuple[RateLimitRule, ...]) -> _Plan:
        known = self._plans.get(id(rules))
        if known is not None and known.rules is rules:
            return known
        _say_once()
        with self._lock:
            plan = _Plan(rules, [self._table(rule) for rule in rules])
            if len(self._plans) >= MAX_TABLES:
                self._plans.clear()
            self._plans[id(rules)] = plan  # which holds the tuple, so that the id stays its own
        return plan

    def _table(self, rule: RateLimitRule) -> Table:
        key = rule.name, str(rule.algorithm)
        if key not in self._tables:
            if len(self._tables) >= MAX_TABLES:
                raise ConfigurationError(
                    f"a MemoryStorage has counted for {MAX_TABLES} names of rules, and now comes {rule.name!r}: name a rule after "
                    f"what it limits, and tell clients apart by the identity"
                )
            self._tables[key] = Table(self._max_keys)
        return self._tables[key]


def _refuse(plan: _Plan, key: Key, now: int) -> Verdict:
    algorithm, table = plan.pairs[0]
    state = _settled(algorithm, table, key, now)
    table.put(key, state, algorithm, now)
    return _Lazy(False, algorithm, state, now, algorithm.cost)


def _settled(algorithm: Algorithm, table: Table, key: Key, now: int) -> Any:
    state = table.states.get(key)
    return None if state is None else algorithm.settle(state, now)


_said: list[None] = []


def _say_once() -> None:
    if not _said:
        _said.append(None)
        logger.info(
            "rate limits are counted in the memory of this process: N workers admit N times as much; "
            "give the Limiter a RedisStorage for one count over all of them"
        )


def __getattr__(name: str) -> Any:
    if name != "RedisStorage":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "velocipy.redis"
    try:
        return importlib.import_module(module).RedisStorage
    except ModuleNotFoundError as exc:
        if exc.name is None or not f"{module}.".startswith(f"{exc.name}."):
            raise
        raise MissingAdapterError(
            "RedisStorage lives in velocipy-redis: pip install velocipy-redis"
        ) from None
