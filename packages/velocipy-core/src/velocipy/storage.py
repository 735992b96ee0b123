"""Keys with values of bytes, a time to live, and atomic update. Knows the protocol and keeps it in memory; knows no network.

`Storage` is what sessions and caches are kept in. `MemoryStorage` is one process's own; adapters for others register in the
entry-point group `velocipy.storages`, and `velocipy.testing.storages.StorageContract` tests them.
"""

from __future__ import annotations

import heapq
from abc import ABC, abstractmethod
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from velocipy import plugins
from velocipy.clock import steady
from velocipy.exceptions import ConfigurationError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    RedisStorage: Any

GROUP: Final = "velocipy.storages"

Update = Callable[[bytes | None], bytes | None]
"""The value under a key, or None, -> the value to keep, or None to keep none."""


class Storage(ABC):
    """Bytes under text. Every `ttl` is in seconds, fractions allowed: after it the key is as if it had never been set."""

    @abstractmethod
    async def get(self, key: str) -> bytes | None:
        """The value under a key; None where there is none, or none any more."""

    @abstractmethod
    async def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Put a value under a key, in place of what was there and of its ttl; None is for ever.

        Raises ValueError for a ttl that is not above 0, TypeError for a value that is not bytes.
        """

    @abstractmethod
    async def delete(self, key: str) -> None:
        """Drop a key, if it is there."""

    @abstractmethod
    async def atomic_update(self, key: str, function: Update, ttl: float | None = None) -> bytes | None:
        """Replace the value by `function(value or None)` with nobody in between, and return what is kept now.

        The function must be quick and without effects, since a storage on a network may call it more than once; it must not
        use the storage. None from it drops the key. What it raises comes out, and leaves everything as it was. Raises as `set`.
        """

    async def close(self) -> None:
        """Let go of connections; safe to call twice."""
        return None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class _Entry(NamedTuple):
    value: bytes
    ends: float | None


class MemoryStorage(Storage):
    """One process's own memory: every worker has another, and a restart forgets it.

    Holds at most `max_entries` keys and `max_bytes` of keys and values. Every write drops what has expired; where that is not
    room enough, the keys that were longest not read or written go. A value of more than `max_bytes` raises ValueError. Safe to
    use from several threads and event loops. `clock` gives seconds that only grow.
    """

    def __init__(
        self,
        *,
        max_entries: int = 100_000,
        max_bytes: int = 64 * 1024 * 1024,
        clock: Callable[[], float] = steady,
    ) -> None:
        for name, limit in (("max_entries", max_entries), ("max_bytes", max_bytes)):
            if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
                raise ConfigurationError(f"{name} of a MemoryStorage is a number above 0, not {limit!r}")
        self.max_entries = max_entries
        self.max_bytes = max_bytes
        self._clock = clock
        self._entries: dict[str, _Entry] = {}
        """The one that was longest not used is the first."""
        self._ends: list[tuple[float, str]] = []
        """A heap of when keys end; what was set again since stands there twice, until `_push` makes it anew."""
        self._bytes = 0
        self._lock = Lock()

    async def get(self, key: str) -> bytes | None:
        """The value under a key; reading it keeps it from being dropped for want of room."""
        with self._lock:
            entry = self._living(key)
            if entry is None:
                return None
            self._entries[key] = self._entries.pop(key)
            return entry.value

    async def set(self, key: str, value: bytes, ttl: float | None = None) -> None:
        """Put a value under a key."""
        check_ttl(ttl)
        with self._lock:
            self._put(key, value, ttl)

    async def delete(self, key: str) -> None:
        """Drop a key, if it is there."""
        with self._lock:
            self._drop(key)

    async def atomic_update(self, key: str, function: Update, ttl: float | None = None) -> bytes | None:
        """Replace a value by what the function makes of it."""
        check_ttl(ttl)
        with self._lock:
            entry = self._living(key)
            value = function(None if entry is None else entry.value)
            if value is None:
                self._drop(key)
            else:
                self._put(key, value, ttl)
            return value

    def sweep(self) -> int:
        """Drop all that has expired -> how many keys. Writes do it by themselves; call it where there are none for long."""
        with self._lock:
            return self._sweep(self._clock())

    def __len__(self) -> int:
        return len(self._entries)

    def _living(self, key: str) -> _Entry | None:
        entry = self._entries.get(key)
        if entry is None or entry.ends is None or entry.ends > self._clock():
            return entry
        self._drop(key)
        return None

    def _put(self, key: str, value: bytes, ttl: float | None) -> None:
        if not isinstance(key, str) or not isinstance(value, bytes):
            raise TypeError(
                f"a storage keeps bytes under str, not {type(value).__name__} under {type(key).__name__}"
            )
        size = _size(key, value)
        if size > self.max_bytes:
            raise ValueError(
                f"key and value take {size} bytes, more than the storage's max_bytes={self.max_bytes}"
            )
        now = self._clock()
        self._drop(key)
        self._sweep(now)
        while len(self._entries) >= self.max_entries or self._bytes + size > self.max_bytes:
            self._drop(next(iter(self._entries)))
        ends = None if ttl is None else now + ttl
        self._entries[key] = _Entry(value, ends)
        self._bytes += size
        if ends is not None:
            self._push(ends, key)

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= _size(key, entry.value)

    def _push(self, ends: float, key: str) -> None:
        heapq.heappush(self._ends, (ends, key))
        if len(self._ends) > 2 * len(self._entries) + 64:
            self._ends = [(entry.ends, key) for key, entry in self._entries.items() if entry.ends is not None]
            heapq.heapify(self._ends)

    def _sweep(self, now: float) -> int:
        dropped = 0
        while self._ends and self._ends[0][0] <= now:
            _, key = heapq.heappop(self._ends)
            entry = self._entries.get(key)
            if entry is not None and entry.ends is not None and entry.ends <= now:
                self._drop(key)
                dropped += 1
        return dropped


def check_ttl(ttl: float | None) -> None:
    """Raise ValueError for a time to live that is no number of seconds above 0."""
    if ttl is not None and not (isinstance(ttl, (int, float)) and 0 < ttl < float("inf")):
        raise ValueError(f"a ttl is a number of seconds above 0, or None for ever, not {ttl!r}")


def find_storage(choice: str | Storage | type[Storage]) -> Storage:
    """The storage that is meant: `"memory"` -> a MemoryStorage.

    Raises MissingAdapterError for a name that nothing provides, ConfigurationError for an object that is no storage.
    """
    found = plugins.load(GROUP, choice) if isinstance(choice, str) else choice
    storage = found() if isinstance(found, type) else found
    for method in ("get", "set", "delete", "atomic_update"):
        if not callable(getattr(storage, method, None)):
            raise ConfigurationError(
                f"{storage!r} is no storage, it has no method {method!r}: pass 'memory', or a velocipy.storage.Storage"
            )
    return cast("Storage", storage)


def _size(key: str, value: bytes) -> int:
    """Bytes that count against `max_bytes`; a key counts by its characters."""
    return len(key) + len(value)


def __getattr__(name: str) -> Any:
    """`RedisStorage`, which velocipy-redis has. Raises MissingAdapterError where that is not installed."""
    if name == "RedisStorage":
        return plugins.load(GROUP, "redis")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
