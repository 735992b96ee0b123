"""One slot: held around anything, given up once, leased where processes share it. The storages are in memory, or played."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from velocipy.limiter import (
    CapacityExceeded,
    ConcurrencyExceeded,
    ConcurrencyRule,
    Limiter,
    LimiterUnavailable,
)
from velocipy.limiter.key_value import KeyValueLimiterStorage
from velocipy.storage import MemoryStorage as KeptInMemory


def test_a_slot_can_be_held_around_anything_and_is_given_up_once() -> None:
    limiter = Limiter()
    rule = ConcurrencyRule("messages", 1)
    slots: Any = limiter.slots

    async def main() -> None:
        async with limiter.slot("user:1", rule) as slot:
            assert slot.remaining == 0
            for status, kind in ((429, ConcurrencyExceeded), (503, CapacityExceeded)):
                with pytest.raises(kind):
                    async with limiter.slot("user:1", ConcurrencyRule("messages", 1, status)):
                        raise AssertionError("there is none")
            async with limiter.slot("user:2", rule):
                assert len(slots) == 2
            await slot.give_up()
            async with limiter.slot("user:1", rule):
                await slot.give_up()
                assert len(slots) == 1
        assert len(slots) == 0

    asyncio.run(main())


def test_threads_take_exactly_as_many_as_there_are() -> None:
    limiter = Limiter()
    rule = ConcurrencyRule("threads", 10)

    async def take() -> bool:
        return await limiter.slot("all", rule).take()

    async def main() -> list[bool]:
        return await asyncio.gather(*(asyncio.to_thread(asyncio.run, take()) for _ in range(60)))

    assert sum(asyncio.run(main())) == 10


# -- storages that are shared ---------------------------------------------------------------------------------------


class Clock:
    now = 1_790_000_000_000_000

    def __call__(self) -> int:
        return self.now


def test_any_storage_of_the_core_keeps_slots_and_a_lease_ends() -> None:
    clock, rule = Clock(), ConcurrencyRule("r", 2, lease=10)
    slots = KeyValueLimiterStorage(KeptInMemory(), clock=clock).slots

    async def main() -> None:
        assert [await slots.take(rule, "a", name) for name in "123"] == [1, 0, None]
        assert await slots.take(rule, "b", "1") == 1
        await slots.give_up(rule, "a", "1")
        await slots.give_up(rule, "a", "1")
        assert [await slots.take(rule, "a", name) for name in "45"] == [0, None]
        clock.now += 9_000_000
        await slots.renew(rule, "a", "4")
        clock.now += 1_000_000
        assert [await slots.take(rule, "a", name) for name in "67"] == [0, None]
        clock.now -= 3_600_000_000
        assert [await slots.take(rule, "a", name) for name in "890"] == [1, 0, None]

    asyncio.run(main())


class Sick:
    """Slots of a storage that fails, hangs or works, as it is told."""

    is_local = False

    def __init__(self) -> None:
        self.fails = False
        self.hangs = False
        self.calls: list[str] = []
        self.held: set[str] = set()

    async def _call(self, what: str) -> None:
        self.calls.append(what)
        if self.fails:
            raise ConnectionError("refused")
        await asyncio.sleep(0)

    async def take(self, rule: ConcurrencyRule, identity: str, slot: str) -> int | None:
        await self._call("take")
        self.held.add(slot)
        if self.hangs:
            await asyncio.sleep(30)
        return rule.limit - len(self.held)

    async def renew(self, rule: ConcurrencyRule, identity: str, slot: str) -> None:
        await self._call("renew")
        self.held.add(slot)

    async def give_up(self, rule: ConcurrencyRule, identity: str, slot: str) -> None:
        await self._call("give up")
        self.held.discard(slot)


def sick_limiter() -> tuple[Limiter, Sick]:
    limiter, slots = Limiter(), Sick()
    limiter.storage.slots = slots  # type: ignore[attr-defined]
    return limiter, slots


def test_the_rule_says_what_counts_while_the_storage_is_out_of_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, "velocipy.limiter")
    limiter, slots = sick_limiter()
    slots.fails = True

    async def at_once(rule: ConcurrencyRule, count: int = 3) -> list[bool]:
        taken = [limiter.slot("a", rule) for _ in range(count)]
        told = [await slot.take() for slot in taken]
        for slot in taken:
            await slot.give_up()
        return told

    async def main() -> None:
        assert await at_once(ConcurrencyRule("m", 2)) == [True, True, False]
        assert await at_once(ConcurrencyRule("m", 2)) == [True, True, False]
        assert await at_once(ConcurrencyRule("a", 1, on_error="allow")) == [True, True, True]
        with pytest.raises(LimiterUnavailable):
            await at_once(ConcurrencyRule("d", 1, on_error="deny"))
        assert limiter.failing
        slots.fails = False
        assert await at_once(ConcurrencyRule("m", 2)) == [True, True, True]
        assert not limiter.failing

    asyncio.run(main())
    assert ["ConnectionError: refused" in caplog.messages[0], "is back" in caplog.messages[1]] == [True, True]
    assert len(caplog.messages) == 2


def test_who_is_cancelled_while_a_storage_is_asked_holds_nothing() -> None:
    limiter, slots = sick_limiter()
    slots.hangs = True

    async def main() -> None:
        async def hold() -> None:
            async with limiter.slot("a", ConcurrencyRule("r", 5)):
                raise AssertionError("it was cancelled")

        task = asyncio.create_task(hold())
        while not slots.held:
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        while slots.held:
            await asyncio.sleep(0)

    asyncio.run(asyncio.wait_for(main(), 60))
    assert slots.calls == ["take", "give up"]


def test_a_slot_is_renewed_while_it_is_held_and_not_after() -> None:
    limiter, slots = sick_limiter()

    async def main() -> None:
        async with limiter.slot("a", ConcurrencyRule("r", 5, lease=1)):
            while slots.calls.count("renew") < 2:
                await asyncio.sleep(0.01)
        assert slots.held == set()
        seen = len(slots.calls)
        await asyncio.sleep(0.4)
        assert len(slots.calls) == seen and slots.held == set()

    asyncio.run(asyncio.wait_for(main(), 60))


def test_a_renewal_that_comes_after_the_end_is_taken_back() -> None:
    limiter, slots = sick_limiter()

    async def main() -> None:
        slot = limiter.slot("a", ConcurrencyRule("r", 5))
        assert await slot.take()
        renewal = asyncio.create_task(slot._renewed(slot._rule, "a", slot._name))
        await asyncio.sleep(0)
        await slot.give_up()
        await renewal
        assert slots.held == set()

    asyncio.run(main())


class Cells:
    """A storage of keys and bytes that anybody may write to."""

    def __init__(self, content: bytes) -> None:
        self.content: bytes | None = content

    async def atomic_update(self, key: str, function: Any, ttl: float | None = None) -> bytes | None:
        self.content = function(self.content)
        return self.content


@pytest.mark.parametrize("content", [b"\xff", b"{", b"[1]", b"7", b'{"a": "b"}', b'{"a": 9007199254740993}'])
def test_what_others_wrote_under_its_key_is_as_none(content: bytes) -> None:
    limiter, rule = Limiter(Cells(content)), ConcurrencyRule("a", 2)

    async def main() -> list[bool]:
        return [await limiter.slot("x", rule).take() for _ in range(3)]

    assert asyncio.run(main()) == [True, True, False]


def test_a_renewal_after_the_end_asks_nothing_and_one_that_fails_is_told() -> None:
    limiter, slots = sick_limiter()

    async def main() -> None:
        slot = limiter.slot("a", ConcurrencyRule("r", 5))
        assert await slot.take()
        assert (slot.policy, repr(slot)) == ('"r";q=5;qu="concurrent-requests"', "<Slot of 'r', held>")
        slots.fails = True
        await slot.give_up()
        assert limiter.failing and repr(slot) == "<Slot of 'r', not held>"
        await slot._renewed(slot._rule, "a", slot._name)
        assert "renew" not in slots.calls

    asyncio.run(main())
