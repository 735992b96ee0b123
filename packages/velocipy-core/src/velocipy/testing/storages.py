"""What every storage must do, as tests. Knows `velocipy.storage.Storage`; knows no storage and no test runner.

    class TestMemoryStorage(StorageContract):
        def make(self) -> Storage:
            return MemoryStorage()

pytest and unittest collect the methods `test_...` of the subclass. Each makes a storage in a loop of its own and closes it, and
raises `Nonconforming`, an AssertionError, under `python -O` as well.
"""

from __future__ import annotations

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Final

from velocipy.storage import Storage
from velocipy.testing.conformance.case import Nonconforming, same

SHORT: Final = 0.25
"""Seconds of a time to live that tests wait for."""

LONG: Final = 60.0

Check = Callable[[Storage, str], Awaitable[None]]


class StorageContract(ABC):
    """Subclass it and say how a storage is made; keys are random, so that what others keep in it does not matter."""

    @abstractmethod
    def make(self) -> Storage:
        """A storage to test; called in a running loop."""

    def run(self, check: Check) -> None:
        """`await check(storage, key)` in a loop of its own, at most for a minute."""

        async def checked() -> None:
            async with asyncio.timeout(60), self.make() as storage:
                await check(storage, f"contract:{secrets.token_hex(8)}")

        asyncio.run(checked())

    # -- values ------------------------------------------------------------------------------------------------

    def test_a_key_that_was_never_set_has_no_value(self) -> None:
        async def check(storage: Storage, key: str) -> None:
            same("a key that was never set", await storage.get(key), None)

        self.run(check)

    def test_what_is_set_is_got_byte_for_byte(self) -> None:
        async def check(storage: Storage, key: str) -> None:
            for value in (b"", b"a", bytes(range(256)), b"\r\n\0", b"x" * 100_000):
                await storage.set(key, value)
                same(f"{len(value)} bytes", await storage.get(key), value)

        self.run(check)

    def test_a_second_value_takes_the_place_of_the_first(self) -> None:
        async def check(storage: Storage, key: str) -> None:
            await storage.set(key, b"first", LONG)
            await storage.set(key, b"second", LONG)
            same("after a second set", await storage.get(key), b"second")

        self.run(check)

    def test_keys_that_look_alike_are_different_keys(self) -> None:
        async def check(storage: Storage, key: str) -> None:
            keys = [
                key + end for end in ("", ":", " ", ":a", ":A", ":ä", ":a\u0308", "{a}", "*", "\r\n", "\0")
            ]
            for number, other in enumerate(keys):
                await storage.set(other, b"%d" % number, LONG)
            for number, other in enumerate(keys):
                same(f"key {other!r}", await storage.get(other), b"%d" % number)

        self.run(check)

    def test_a_key_that_is_deleted_is_gone_and_others_stay(self) -> None:
        async def check(storage: Storage, key: str) -> None:
            await storage.set(key, b"1")
            await storage.set(f"{key}:other", b"2", LONG)
            await storage.delete(key)
            await storage.delete(key)
            same("the key that was deleted", await storage.get(key), None)
            same("the other key", await storage.get(f"{key}:other"), b"2")

        self.run(check)

    def test_what_is_no_bytes_is_refused(self) -> None:
        async def check(storage: Storage, key: str) -> None:
            for value in ("text", None, 7):
                try:
                    await storage.set(key, value)  # type: ignore[arg-type]  # ty: ignore[invalid-argument-type]
                except TypeError:
                    continue
                raise Nonconforming(f"{value!r} was taken")
            same("the key", await storage.get(key), None)

        self.run(check)

    # -- time --------------------------------------------------------------------------------------------------

    def test_a_value_ends_with_its_time_to_live(self) -> None:
        async def check(storage: Storage, key: str) -> None:
            await storage.set(key, b"1", SHORT)
            same("within its time", await storage.get(key), b"1")
            await asyncio.sleep(2 * SHORT)
            same("after its time", await storage.get(key), None)

        self.run(check)

    def test_another_set_gives_another_time_to_live(self) -> None:
        async def check(storage: Storage, key: str) -> None:
            await storage.set(key, b"1", SHORT)
            await storage.set(key, b"2")
            await storage.set(f"{key}:b", b"1")
            await storage.set(f"{key}:b", b"2", SHORT)
            await asyncio.sleep(2 * SHORT)
            same("set again without a time", await storage.get(key), b"2")
            same("set again with a time", await storage.get(f"{key}:b"), None)
            await storage.delete(key)

        self.run(check)

    def test_a_time_to_live_that_is_none_is_refused(self) -> None:
        async def check(storage: Storage, key: str) -> None:
            for ttl in (0, -1, float("nan"), float("inf")):
                try:
                    await storage.set(key, b"1", ttl)
                except ValueError:
                    continue
                raise Nonconforming(f"ttl={ttl} was taken")
            same("the key", await storage.get(key), None)

        self.run(check)

    # -- updates -----------------------------------------------------------------------------------------------

    def test_an_update_sees_what_is_there_and_returns_what_is_kept(self) -> None:
        async def check(storage: Storage, key: str) -> None:
            first = await storage.atomic_update(key, lambda old: (old or b"") + b"a", LONG)
            second = await storage.atomic_update(key, lambda old: (old or b"") + b"b", LONG)
            same("what two updates return", (first, second), (b"a", b"ab"))
            same("what is kept", await storage.get(key), b"ab")

        self.run(check)

    def test_an_update_to_none_drops_the_key_and_makes_none(self) -> None:
        async def check(storage: Storage, key: str) -> None:
            same("no key made none", await storage.atomic_update(key, lambda old: None), None)
            same("the key that was not made", await storage.get(key), None)
            await storage.set(key, b"1", LONG)
            same("a key made none", await storage.atomic_update(key, lambda old: None), None)
            same("the key that was dropped", await storage.get(key), None)

        self.run(check)

    def test_an_update_that_raises_leaves_everything_as_it_was(self) -> None:
        async def check(storage: Storage, key: str) -> None:
            def fail(old: bytes | None) -> bytes:
                raise LookupError(old)

            await storage.set(key, b"1", LONG)
            try:
                await storage.atomic_update(key, fail)
            except LookupError:
                same("after an update that raised", await storage.get(key), b"1")
                same("the next update", await storage.atomic_update(key, lambda old: b"2", LONG), b"2")
            else:
                raise Nonconforming("what the function raised did not come out")

        self.run(check)

    def test_an_update_sets_the_time_to_live(self) -> None:
        async def check(storage: Storage, key: str) -> None:
            await storage.atomic_update(key, lambda old: b"1", SHORT)
            await asyncio.sleep(2 * SHORT)
            same(
                "after its time", await storage.atomic_update(key, lambda old: old or b"anew", LONG), b"anew"
            )

        self.run(check)

    def test_of_many_updates_at_once_none_is_lost(self) -> None:
        async def check(storage: Storage, key: str) -> None:
            def add(old: bytes | None) -> bytes:
                return b"%d" % (int(old or b"0") + 1)

            await asyncio.gather(*(storage.atomic_update(key, add, LONG) for _ in range(50)))
            same("50 updates that add one", await storage.get(key), b"50")

        self.run(check)

    # -- the end -----------------------------------------------------------------------------------------------

    def test_a_storage_may_be_closed_twice(self) -> None:
        async def check(storage: Storage, key: str) -> None:
            await storage.close()
            await storage.close()

        self.run(check)
