"""A server whose clock is set while it runs, as by NTP or by a failover to another machine: what its own TIME says decides. Case 120."""

from __future__ import annotations

import asyncio
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis_cluster import until
from redis_server import Server, binaries

from velocipy.limiter import RateLimitAlgorithm, RateLimitRule
from velocipy.redis import RedisStorage

pytestmark = pytest.mark.servers

SOURCE = Path(__file__).with_name("shifted_clock.c")
COMPILER = shutil.which("cc")
WINDOW = 60
RULES = {kind: (RateLimitRule("r", 10, WINDOW, algorithm=kind),) for kind in RateLimitAlgorithm}

Set = Callable[[float], None]


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Set]]:
    """A Valkey, and what sets its clock so many seconds ahead of the machine's."""
    if COMPILER is None:
        pytest.skip("a clock is set by a library that needs a C compiler")
    folder = tmp_path_factory.mktemp("clock")
    library, shift = folder / "clock.so", folder / "shift"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", library, SOURCE], check=True, timeout=60)

    def set_clock(seconds: float) -> None:
        """Returns when the server has seen it, which looks at its clock now and then."""
        with shift.open("r+b") as file:
            file.write(struct.pack("q", round(seconds * 1_000_000)))
        until(lambda: abs(ahead(server) - seconds) < 10)

    shift.write_bytes(bytes(8))
    environment = {**os.environ, "LD_PRELOAD": str(library), "SHIFTED_CLOCK": str(shift)}
    server = Server(folder, "--save", "", binary=binaries()[0], environment=environment)
    with server:
        yield server, set_clock


def ahead(server: Server) -> float:
    """Seconds, of its clock to this process's."""
    return float(server.reply("TIME").split(b"\r\n")[2]) - time.time()


@pytest.mark.case(120)
@pytest.mark.parametrize("jump", [-3600, -WINDOW, WINDOW / 2, 3600])
def test_a_server_s_clock_that_is_set_costs_at_most_one_limit_and_locks_nobody_out(
    shifted: tuple[Server, Set], jump: float
) -> None:
    server, set_clock = shifted

    async def main() -> None:
        async with RedisStorage(server.url, prefix=f"{jump}:", deadline=5) as storage:

            async def admitted(kind: RateLimitAlgorithm, tries: int) -> int:
                return sum([(await storage.decide(RULES[kind], "a")).allowed for _ in range(tries)])

            set_clock(0)
            assert [await admitted(kind, 15) for kind in RULES] == [10] * 4
            set_clock(jump)
            more = {kind: await admitted(kind, 25) for kind in RULES}
            assert all(units <= 10 for units in more.values()), more
            if jump == WINDOW / 2:  # half a window later there is half a bucket, and all else is as it was
                assert more[RateLimitAlgorithm.TOKEN_BUCKET] == 5
                assert more[RateLimitAlgorithm.SLIDING_WINDOW] == more[RateLimitAlgorithm.FIXED_WINDOW] == 0
            set_clock(jump + 2 * WINDOW)
            assert [await admitted(kind, 15) for kind in RULES] == [10] * 4

    asyncio.run(main())
