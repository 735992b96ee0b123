"""Time in the hands of a test. Knows `velocipy.clock`; moves no timer of an event loop and no clock of another process."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from velocipy import clock

if TYPE_CHECKING:
    from types import TracebackType


class Clock:
    """`with Clock() as clock:` time stands still for all that VelociPy lets expire; `clock.move(60)` moves it by a minute.

    Sessions, signatures, stored keys, cookies of the test clients and the limiter's windows all follow it, in the whole process.
    `asyncio.sleep`, timeouts and `time.time()` go on as they did, as does the clock of a Redis. One at a time: RuntimeError else.
    """

    def __init__(self) -> None:
        self._wall = 0
        self._steady = 0

    def __enter__(self) -> Self:
        """Stop time where it is."""
        self._wall, self._steady = clock.wall_ns(), clock.steady_ns()
        clock.put(lambda: self._wall, lambda: self._steady)
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Back to the real time."""
        clock.restore()

    @property
    def now(self) -> datetime:
        """The time of day, in UTC."""
        return datetime.fromtimestamp(self._wall / 1e9, UTC)

    def move(self, by: float | timedelta) -> None:
        """Let so much time pass, in seconds. Raises ValueError for a time that is not ahead."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        passed = round(seconds * 1e9)
        if passed < 0:
            raise ValueError(f"time moves forward, not by {seconds} s")
        self._wall += passed
        self._steady += passed

    def move_to(self, when: datetime) -> None:
        """Let time pass until then, which needs a time zone. Raises ValueError for a time that is not ahead."""
        if when.utcoffset() is None:
            raise ValueError(f"{when!r} has no time zone: write datetime(..., tzinfo=UTC)")
        self.move(when - self.now)
