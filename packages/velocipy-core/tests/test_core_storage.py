"""Storages: the contract held against memory, its bounds, its sweep, and how a storage is found. Time is a number here."""

import asyncio
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy.exceptions import ConfigurationError, MissingAdapterError
from velocipy.storage import MemoryStorage, Storage, find_storage
from velocipy.testing.conformance.case import Nonconforming
from velocipy.testing.storages import StorageContract


class TestMemoryStorage(StorageContract):
    def make(self) -> Storage:
        return MemoryStorage()


class Clock:
    """Seconds that go on when they are told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def ask(storage: Storage, *keys: str) -> list[bytes | None]:
    async def get() -> list[bytes | None]:
        return [await storage.get(key) for key in keys]

    return asyncio.run(get())


def put(storage: Storage, *keys: str, value: bytes = b"1", ttl: float | None = None) -> None:
    async def set() -> None:
        for key in keys:
            await storage.set(key, value, ttl)

    asyncio.run(set())


def test_a_value_is_there_until_its_last_moment_and_not_in_it() -> None:
    clock = Clock()
    storage = MemoryStorage(clock=clock)
    put(storage, "a", ttl=10)
    clock.now += 9.999
    assert ask(storage, "a") == [b"1"]
    clock.now += 0.001
    assert ask(storage, "a") == [None]
    assert len(storage) == 0


def test_a_write_drops_what_has_expired() -> None:
    clock = Clock()
    storage = MemoryStorage(clock=clock)
    put(storage, "a", "b", ttl=10)
    put(storage, "c", ttl=30)
    put(storage, "for ever")
    clock.now += 20
    put(storage, "d", ttl=10)
    assert len(storage) == 3
    clock.now += 15
    assert storage.sweep() == 2
    assert len(storage) == 1


def test_a_key_that_was_set_again_outlives_its_first_time_to_live() -> None:
    clock = Clock()
    storage = MemoryStorage(clock=clock)
    put(storage, "a", ttl=10)
    put(storage, "a", ttl=100)
    put(storage, "b", ttl=10)
    put(storage, "b")
    clock.now += 50
    assert storage.sweep() == 0
    assert ask(storage, "a", "b") == [b"1", b"1"]


def test_where_there_is_no_room_the_keys_go_that_were_longest_not_used() -> None:
    storage = MemoryStorage(max_entries=3)
    put(storage, "a", "b", "c")
    ask(storage, "a")
    put(storage, "d")
    assert ask(storage, "a", "b", "c", "d") == [b"1", None, b"1", b"1"]


def test_what_has_expired_goes_before_what_is_alive() -> None:
    clock = Clock()
    storage = MemoryStorage(max_entries=2, clock=clock)
    put(storage, "alive")
    put(storage, "over", ttl=1)
    clock.now += 2
    put(storage, "new")
    assert ask(storage, "alive", "over", "new") == [b"1", None, b"1"]


def test_keys_and_values_are_counted_in_bytes() -> None:
    storage = MemoryStorage(max_bytes=100)
    put(storage, "a" * 10, value=b"x" * 40)
    put(storage, "b" * 10, value=b"x" * 40)
    put(storage, "b" * 10, value=b"x" * 30)
    assert len(storage) == 2
    put(storage, "c" * 10, value=b"x" * 20)
    assert ask(storage, "a" * 10, "b" * 10, "c" * 10) == [None, b"x" * 30, b"x" * 20]


def test_a_value_that_never_fits_is_refused_and_nothing_is_lost() -> None:
    storage = MemoryStorage(max_bytes=100)
    put(storage, "a")
    with pytest.raises(ValueError, match="104 bytes, more than the storage's max_bytes=100"):
        put(storage, "a", value=b"x" * 103)
    with pytest.raises(ValueError, match="max_bytes"):
        asyncio.run(storage.atomic_update("a", lambda old: b"x" * 103))
    assert ask(storage, "a") == [b"1"]


@pytest.mark.case(147)
def test_a_million_keys_of_strangers_take_bounded_room() -> None:
    clock = Clock()
    storage = MemoryStorage(max_entries=100, clock=clock)

    async def flood() -> None:
        for number in range(50_000):
            clock.now += 0.001
            await storage.set(f"key {number % 5000}", b"1", 60 - number % 50)
            await storage.set("one key, again and again", b"1", 60)

    asyncio.run(flood())
    assert len(storage) == 100
    assert len(storage._ends) <= 2 * 100 + 64


def test_threads_with_loops_of_their_own_lose_no_update() -> None:
    storage = MemoryStorage()

    def add(old: bytes | None) -> bytes:
        return b"%d" % (int(old or b"0") + 1)

    async def work() -> None:
        for _ in range(500):
            await storage.atomic_update("n", add, 60)

    threads = [threading.Thread(target=asyncio.run, args=(work(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ask(storage, "n") == [b"2000"]


steps = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["set", "delete", "update", "sweep"]),
        st.sampled_from([None, 1, 2, 5]),
        st.sampled_from([0, 1, 3]),
    ),
    max_size=40,
)


@given(steps)
def test_memory_does_what_a_dict_of_endings_does(steps: list[tuple[str, str, int | None, int]]) -> None:
    clock = Clock()
    storage = MemoryStorage(clock=clock)
    oracle: dict[str, tuple[bytes, float]] = {}

    async def walk() -> None:
        for number, (key, what, ttl, later) in enumerate(steps):
            value, ends = b"%d" % number, clock.now + (ttl or 1e9)
            if what == "set":
                await storage.set(key, value, ttl)
                oracle[key] = value, ends
            elif what == "update":
                old = oracle[key][0] if key in oracle and oracle[key][1] > clock.now else b""
                assert await storage.atomic_update(key, lambda was: (was or b"") + b".", ttl) == old + b"."
                oracle[key] = old + b".", ends
            elif what == "delete":
                await storage.delete(key)
                oracle.pop(key, None)
            else:
                storage.sweep()
            clock.now += later
            for name in "abc":
                kept, end = oracle.get(name, (None, 0))
                assert await storage.get(name) == (kept if end > clock.now else None)

    asyncio.run(walk())
    assert storage._bytes == sum(len(key) + len(entry.value) for key, entry in storage._entries.items())


@pytest.mark.parametrize(
    "choice", ["memory", MemoryStorage, MemoryStorage()], ids=["name", "class", "instance"]
)
def test_a_storage_is_found_by_name_class_or_as_it_is(choice: Any) -> None:
    assert isinstance(find_storage(choice), MemoryStorage)


def test_what_is_no_storage_is_refused_where_it_is_given() -> None:
    with pytest.raises(ConfigurationError, match="no method 'get'"):
        find_storage(object())  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match="no method 'atomic_update'"):
        find_storage(type("Half", (), dict.fromkeys(("get", "set", "delete"), print)))
    with pytest.raises(MissingAdapterError, match="did you mean 'memory'"):
        find_storage("memroy")


@pytest.mark.parametrize(
    "limits", [{"max_entries": 0}, {"max_bytes": -1}, {"max_entries": True}, {"max_bytes": 1.5}]
)
def test_limits_that_are_none_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=f"{next(iter(limits))} of a MemoryStorage"):
        MemoryStorage(**limits)


class Sloppy(MemoryStorage):
    """Keeps to nothing that the contract says of what is refused."""

    async def set(self, key: str, value: Any, ttl: float | None = None) -> None:
        await super().set(key, value if isinstance(value, bytes) else b"anything", None)

    async def atomic_update(self, key: str, function: Any, ttl: float | None = None) -> bytes | None:
        try:
            return await super().atomic_update(key, function, ttl)
        except LookupError:
            return None


class SloppyContract(StorageContract):
    def make(self) -> Storage:
        return Sloppy()


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (SloppyContract.test_what_is_no_bytes_is_refused, "'text' was taken"),
        (SloppyContract.test_a_time_to_live_that_is_none_is_refused, "ttl=0 was taken"),
        (
            SloppyContract.test_an_update_that_raises_leaves_everything_as_it_was,
            "what the function raised did not come out",
        ),
    ],
)
def test_the_contract_finds_a_storage_that_refuses_nothing(check: Any, message: str) -> None:
    with pytest.raises(Nonconforming, match=message):
        check(SloppyContract())
