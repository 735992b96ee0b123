"""What one size costs in memory, in a process of its own. Knows how to ask Linux and tracemalloc; the apps are those of `probes.py`.

python tests/benchmarks/growth_memory.py KIND SERIES SIZE     prints bytes

`bodies`: by how much the peak of the process rises while a body comes in and is answered. `keys` and `routes`: what Python has given
out for each of so many; that is exact.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from probes import BODY_PATHS, body_app, body_call, register_all

from velocipy import VelociPy

sys.path.append(str(Path(__file__).resolve().parents[1] / "limits"))

from limit_costs import bytes_a_key


def status(name: str) -> int:
    """A figure of /proc/self/status, in bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(name)


def bodies(series: str, size: int) -> float:
    app = body_app()
    path = next(path for path, name in BODY_PATHS.items() if name == series)
    asyncio.run(body_call(app, path, 1_000)())  # what is loaded at first use is loaded then
    call = body_call(app, path, size)
    gc.collect()
    Path("/proc/self/clear_refs").write_text(
        "5"
    )  # the peak is now what is held now: the body that is sent, too
    before = status("VmRSS")
    asyncio.run(call())
    return status("VmHWM") - before


def keys(series: str, size: int) -> float:
    return bytes_a_key(size)


def routes(series: str, size: int) -> float:
    register_all(VelociPy(plugins=False), 10)
    app = VelociPy(plugins=False)
    gc.collect()
    tracemalloc.start()
    register_all(app, size)
    gc.collect()
    return tracemalloc.get_traced_memory()[0] / size


KINDS: Final = {"bodies": bodies, "keys": keys, "routes": routes}


def main(arguments: Sequence[str]) -> int:
    kind, series, size = arguments
    print(KINDS[kind](series, int(size)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
