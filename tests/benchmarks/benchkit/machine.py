"""The machine that a figure belongs to: cores, CPU clocks, names and versions. Knows Linux; does not know servers or loads.

Elsewhere than on Linux nothing is pinned and no CPU time is told, and the report says so.
"""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

PROC = Path("/proc")


def cores() -> tuple[int | None, int | None]:
    """The core of the servers and the core of the load generator; None where processes cannot be kept apart."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[0], allowed[1]) if len(allowed) > 1 else (None, None)


def pin(core: int | None) -> Callable[[], None] | None:
    """A `preexec_fn` for subprocess that keeps the child, and all that it starts, on one core."""
    if core is None or sys.platform != "linux":
        return None
    return lambda: os.sched_setaffinity(0, {core})


def descendants(pid: int) -> list[int]:
    """`pid` and every living process below it, parents first."""
    children: dict[int, list[int]] = {}
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except OSError:  # it ended while we looked
            continue
        parent = int(text.rpartition(")")[2].split()[1])
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for known in found:
        found.extend(children.get(known, ()))
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """CPU time, user and system, that the processes have used so far; one that ended counts as 0."""
    return sum(_cpu_clock(pid) for pid in pids)


def _cpu_clock(pid: int) -> float:
    """clock_getcpuclockid(3): nanoseconds, where utime and stime of /proc count hundredths of a second."""
    if sys.platform != "linux":
        return 0.0
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:
        return 0.0


def resident(pids: Iterable[int]) -> int:
    """Bytes of memory that the processes hold; what they share counts for each."""
    return sum(int((PROC / str(pid) / "statm").read_text().split()[1]) for pid in pids) * os.sysconf(
        "SC_PAGE_SIZE"
    )


def core_busy_seconds(core: int | None) -> float:
    """Time that a core has spent on anybody's work since boot, in steps of 10 ms; 0.0 where it is not told."""
    if core is None:
        return 0.0
    for line in (PROC / "stat").read_text().splitlines():
        name, *ticks = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, ticks[:8])
            return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
    return 0.0


def cpu_model() -> str:
    try:
        lines = (PROC / "cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def describe() -> dict[str, str]:
    """What a reader needs to judge the figures."""
    server, client = cores()
    return {
        "cpu": f"{cpu_model()}, {os.cpu_count()} cores",
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "pinning": "none" if server is None else f"servers on core {server}, load generator on core {client}",
        "load before": f"{os.getloadavg()[0]:.2f}",
    }
