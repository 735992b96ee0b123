"""An awaitable that is no coroutine. Knows what it will run; runs nothing before it is awaited."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from typing import Any

T = TypeVar("T")


class Later(Generic[T]):
    """What RSGI's methods return: `await` and `asyncio.ensure_future` take it, `create_task` does not (measured)."""

    __slots__ = ("_work",)

    def __init__(self, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._work = work

    def __await__(self) -> Generator[Any, Any, T]:
        return self._work().__await__()
