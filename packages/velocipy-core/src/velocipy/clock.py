"""What time it is for whatever expires: sessions, signatures, limits, stored keys. Knows both clocks of the process; sets no timer.

`wall` is the time of day, `steady` only grows. Read them when the time is needed: a test that moves time (`velocipy.testing.Clock`)
puts other clocks here, under all that expires at once. Timers of event loops stay with the real time.
"""

from __future__ import annotations

from time import monotonic_ns, time_ns
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    ClockNs = Callable[[], int]


class Source:
    """A clock that can be put in another's place: whoever holds it calls `ns()`, and pays no call for that (20 ns of a decision's 800)."""

    __slots__ = ("ns",)

    def __init__(self, ns: ClockNs) -> None:
        self.ns: ClockNs = ns


WALL: Final = Source(time_ns)
STEADY: Final = Source(monotonic_ns)


def wall() -> float:
    """Seconds since 1970."""
    return WALL.ns() / 1e9


def wall_ns() -> int:
    """Nanoseconds since 1970."""
    return WALL.ns()


def steady() -> float:
    """Seconds on a clock that nobody can set."""
    return STEADY.ns() / 1e9


def steady_ns() -> int:
    """Nanoseconds on a clock that nobody can set."""
    return STEADY.ns()


def put(wall_ns: ClockNs, steady_ns: ClockNs) -> None:
    """Have others tell the time. Raises RuntimeError while others do already: time moves for the whole process."""
    if WALL.ns is not time_ns:
        raise RuntimeError("time is moved already: leave the one Clock before the next is entered")
    WALL.ns, STEADY.ns = wall_ns, steady_ns


def restore() -> None:
    """Have the process's own clocks tell the time again."""
    WALL.ns, STEADY.ns = time_ns, monotonic_ns
