"""A storage behind a real Sentinel, whose master is killed. Case 136."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from durations import loop_seconds
from redis.asyncio.sentinel import Sentinel
from redis_cluster import until
from redis_server import Server

from velocipy.limiter import RateLimitAlgorithm, RateLimitRule
from velocipy.redis import RedisStorage, RedisUnavailable

pytestmark = pytest.mark.servers

IN_TIME = 0.8
"""Seconds that the loop had: 0.25 are the deadline, and who waited for the replica would wait longer than a second."""
BACK_WITHIN = 20.0
RULES = tuple(RateLimitRule(kind, 10, 3600, algorithm=kind) for kind in RateLimitAlgorithm)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Server, Server, Server]]:
    """A master, its replica, and who watches them: 300 ms of silence are enough for it."""
    with ExitStack() as stack:
        master = stack.enter_context(
            Server(tmp_path / "master", "--save", "", "--repl-diskless-sync-delay", "0")
        )
        replica = stack.enter_context(
            Server(tmp_path / "replica", "--save", "", "--replicaof", "127.0.0.1", str(master.port))
        )
        until(lambda: b"master_link_status:up" in replica.reply("INFO", "replication"))
        settings = tmp_path / "sentinel.conf"
        settings.write_text(
            f"sentinel monitor main 127.0.0.1 {master.port} 1\n"
            "sentinel down-after-milliseconds main 300\n"
            "sentinel failover-timeout main 2000\n"
        )
        watcher = stack.enter_context(Server(tmp_path / "watcher", settings=settings))
        until(lambda: b"num-slaves\r\n$1\r\n1" in watcher.reply("SENTINEL", "MASTER", "main"))
        yield master, replica, watcher


@pytest.mark.case(136)
def test_counts_go_on_with_the_master_that_a_sentinel_chose(watched: tuple[Server, Server, Server]) -> None:
    master, replica, watcher = watched

    async def main() -> None:
        sentinel = Sentinel([("127.0.0.1", watcher.port)], socket_timeout=0.1)
        client = sentinel.master_for("main")
        async with RedisStorage(client=client) as storage:
            unhurried = RedisStorage(client=client, deadline=10)
            ends = time.monotonic() + BACK_WITHIN
            while not (await unhurried.health()).usable:  # the watcher has 100 ms to say who is master
                assert time.monotonic() < ends
            for left in (9, 8, 7):
                assert (await unhurried.decide(RULES, "a")).remaining == left
            assert master.ask("WAIT", "1", "5000") == b":1"
            master.stop()
            chosen = asyncio.create_task(
                asyncio.to_thread(until, lambda: b"role:master" in replica.reply("INFO", "replication"))
            )
            since, unanswered = None, 0
            while True:
                async with loop_seconds() as took:
                    try:
                        verdict = await storage.decide(RULES, "a")
                        break
                    except RedisUnavailable:
                        unanswered += 1
                        assert took() < IN_TIME, f"{took():.2f} s"
                if chosen.done():
                    since = since or time.monotonic()
                    assert time.monotonic() - since < BACK_WITHIN
                await asyncio.sleep(0.02)
            assert 6 - unanswered <= verdict.remaining <= 6  # one that came too late may have been counted
            await chosen
            assert (await unhurried.health()).usable
        await client.aclose()
        for one in sentinel.sentinels:
            await one.aclose()

    asyncio.run(main())
