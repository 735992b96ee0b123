"""A storage held against oracles while hypothesis asks it whatever it likes. Knows the protocol of storages and the clock it is given.

Invariants 1 to 9, 11, 12 and 17 of the reference are asserted at every step. A storage joins by a subclass with `make_storage`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from limit_oracle import Oracle, oracle_of

from velocipy.limiter.key_value import KeyValueLimiterStorage
from velocipy.limiter.rule import RateLimitAlgorithm, RateLimitRule
from velocipy.limiter.storage import MemoryStorage
from velocipy.limiter.verdict import Standing, Verdict

T = TypeVar("T")
IDENTITIES = ["ip:192.0.2.7", "ip:192.0.2.8", "user:" + "é" * 60, "#", ""]


class Clock:
    """A clock that is set by hand, in microseconds; called, it gives nanoseconds."""

    def __init__(self, now: int = 1_790_000_000_000_001) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now * 1000


class Cells:
    """The least that has `atomic_update`; it calls the function twice, as a storage on a network may."""

    def __init__(self, clock: Clock) -> None:
        self.values: dict[str, tuple[bytes, float]] = {}
        self._clock = clock

    async def atomic_update(
        self, key: str, function: Callable[[bytes | None], bytes | None], ttl: float | None = None
    ) -> bytes | None:
        assert ttl is not None and ttl > 0
        value, ends = self.values.get(key, (None, 0.0))
        value = value if ends > self._clock.now else None
        function(value)
        new = function(value)
        if new is None:
            self.values.pop(key, None)
        else:
            self.values[key] = new, self._clock.now + ttl * 1_000_000
        return new


def in_memory(clock: Clock) -> Any:
    return MemoryStorage(clock=clock)


def in_cells(clock: Clock) -> Any:
    return KeyValueLimiterStorage(Cells(clock), clock=lambda: clock.now)


@st.composite
def rules_of(draw: st.DrawFn, algorithm: RateLimitAlgorithm, name: str = "a") -> RateLimitRule:
    """Small limits, windows that they do and do not divide, costs of one and more, bursts below and above the limit."""
    limit = draw(st.integers(1, 7))
    window = draw(st.sampled_from([0.00001, 0.001, 1, 1.5, 60, 86_400]))
    burst = draw(st.none() | st.integers(1, 12)) if algorithm is RateLimitAlgorithm.TOKEN_BUCKET else None
    cost = draw(st.integers(1, min(burst or limit, 3)))
    return RateLimitRule(name, limit, window, cost, burst, algorithm)


class LimitMachine(RuleBasedStateMachine):
    """Decisions about a few identities at times of hypothesis' choice."""

    algorithms: ClassVar[tuple[RateLimitAlgorithm, ...]]

    def make_storage(self, clock: Clock) -> Any:
        raise NotImplementedError

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        """Storages that need a loop override this."""
        return without_loop(asked)

    @initialize(data=st.data())
    def start(self, data: st.DataObject) -> None:
        self.clock = Clock()
        self.limits = tuple(
            data.draw(rules_of(algorithm, f"rule {number}"))
            for number, algorithm in enumerate(self.algorithms)
        )
        self.storage = self.make_storage(self.clock)
        self.oracles: dict[str, list[Oracle]] = {
            identity: [oracle_of(one) for one in self.limits] for identity in IDENTITIES
        }
        self.windows = [one.window_us for one in self.limits]

    def decide(self, identity: str, cost: int | None) -> Verdict:
        verdict: Verdict = self.run(self.storage.decide(self.limits, identity, cost))
        return verdict

    @rule(identity=st.sampled_from(IDENTITIES), cost=st.none() | st.integers(0, 8))
    def ask(self, identity: str, cost: int | None) -> None:
        now, oracles = self.clock.now, self.oracles[identity]
        costs = [one.cost if cost is None else cost for one in self.limits]
        each = [oracle.admits(now, units) for oracle, units in zip(oracles, costs, strict=True)]
        verdict = self.decide(identity, cost)
        assert verdict.allowed == all(each)
        assert [standing.rule for standing in verdict.standings] == list(self.limits)
        if verdict.allowed:
            for oracle, units in zip(oracles, costs, strict=True):
                oracle.admit(now, units)
        else:
            assert [standing.allowed for standing in verdict.standings] == each
            assert self.decide(identity, cost).standings == verdict.standings  # a refusal changes nothing
        for standing, oracle, units in zip(verdict.standings, oracles, costs, strict=True):
            self.check(standing, oracle, 0 if verdict.allowed else units)

    def check(self, standing: Standing, oracle: Oracle, units: int) -> None:
        """What a standing says, tried on the oracle."""
        now = self.clock.now
        assert 0 <= standing.remaining == oracle.remaining(now) <= standing.rule.capacity
        if units > oracle.capacity:
            assert standing.retry_after is None
        else:
            assert standing.retry_after is not None
            self.check_wait(oracle, units, standing.retry_after)
        if standing.remaining == oracle.capacity:
            assert standing.more_after == 0
        else:
            self.check_wait(oracle, standing.remaining + 1, standing.more_after)
        later = now + standing.reset_after
        assert oracle.remaining(later) == oracle.capacity
        assert standing.reset_after <= max(
            2 * oracle.window, oracle.capacity * (oracle.window // oracle.limit)
        )

    def check_wait(self, oracle: Oracle, units: int, wait: int) -> None:
        """To the microsecond: then they pass, and a microsecond earlier they do not."""
        now = self.clock.now
        assert oracle.admits(now + wait, units)
        assert wait == 0 or not oracle.admits(now + wait - 1, units)

    @rule(data=st.data())
    def wait_a_part_of_a_window(self, data: st.DataObject) -> None:
        window = data.draw(st.sampled_from(self.windows))
        self.clock.now += data.draw(
            st.integers(0, window + 1) | st.sampled_from([1, window - 1, window, window + 1])
        )

    @rule(identity=st.sampled_from(IDENTITIES), cost=st.none() | st.integers(1, 8), early=st.booleans())
    def wait_as_told(self, identity: str, cost: int | None, early: bool) -> None:
        """To the very instant of which a refusal spoke, or to the one before."""
        verdict = self.decide(identity, 0)
        wait = verdict.standings[0].more_after
        self.clock.now += max(wait - early, 0)
        self.ask(identity, cost)

    @rule(identity=st.sampled_from(IDENTITIES))
    def idle_until_all_is_forgotten(self, identity: str) -> None:
        verdict = self.decide(identity, 0)
        self.clock.now += max(standing.reset_after for standing in verdict.standings)
        fresh = self.decide(identity, 0)
        assert [standing.remaining for standing in fresh.standings] == [one.capacity for one in self.limits]
        assert [standing.reset_after for standing in fresh.standings] == [0] * len(self.limits)

    @rule(identity=st.sampled_from(IDENTITIES))
    def forget(self, identity: str) -> None:
        self.run(self.storage.reset(self.limits, identity))
        self.oracles[identity] = [oracle_of(one) for one in self.limits]

    @invariant()
    def no_stretch_sees_more_than_was_promised(self) -> None:
        for oracles in getattr(self, "oracles", {}).values():
            for one, oracle in zip(self.limits, oracles, strict=True):
                check_bound(one, oracle)

    def teardown(self) -> None:
        if hasattr(self, "storage"):
            self.run(self.storage.close())


def check_bound(rule_: RateLimitRule, oracle: Oracle) -> None:
    """The bounds of the reference's section 4.1, for stretches of a part of a window, one, and several."""
    window = oracle.window
    if rule_.algorithm is RateLimitAlgorithm.TOKEN_BUCKET:
        interval = window // oracle.limit
        for length in {max(window // 3, 1), window, 2 * window}:
            # A half-open stretch of x microseconds spans at most x - 1 of them between its first unit and its last.
            assert oracle.most_in(length) <= oracle.capacity + length // interval
    elif rule_.algorithm is RateLimitAlgorithm.SLIDING_WINDOW:
        assert oracle.most_in(window) <= oracle.limit
    else:
        assert oracle.most_in(window) <= 2 * oracle.limit


def without_loop(asked: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits."""
    try:
        asked.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("the storage waited")
