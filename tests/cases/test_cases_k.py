"""Cases 123 to 136: a Redis that is down, slow, silent, cut off, wrong, empty or full, for real, behind an app with limits.

Every answer comes in time, says what the rule's `on_error` does, and Redis is used again without a restart.
"""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path
from typing import Any

import pytest
from case_limits import ALGORITHMS, in_redis, limited, rule_of
from case_redis import BACK_WITHIN, UNHURRIED, Asking, Said, asking
from durations import loop_seconds
from redis_chaos import Proxy, Scripted
from redis_server import Server

from velocipy.exceptions import ConfigurationError
from velocipy.redis import RedisStorage
from velocipy.testing import TestClient

pytestmark = pytest.mark.servers


async def check_fault(interface: Any, valkey: Server, fault: str) -> None:
    """While it lasts every policy does its part in time; afterwards the counts go on, with no connection more."""
    async with Proxy(valkey.port) as proxy, asking(interface, proxy.url, max_connections=4) as redis:
        await redis.spend()
        await proxy.break_(fault)
        await redis.decide()
        async with loop_seconds() as took:
            for _ in range(50):
                assert await redis.answer("/allow") == (200, "in")
            assert took() < 5  # it is left alone: nobody waits, which would be 12 s
        await proxy.mend()
        await redis.back()
        await redis.spent()
        await asyncio.gather(*(redis.storage.get("k") for _ in range(50)), return_exceptions=True)
        await proxy.narrowed(4)
        await redis.back()


def check_said(said: Said, servers: int = 1) -> None:
    """Of each, one line when it went, one when it came back; and two more at most where the machine was too busy for the deadline."""
    for name in ("velocipy.redis", "velocipy.limiter"):
        lines = said.lines(name)
        gone = sum("out of order" in line for line in lines)
        assert servers <= gone <= 2 * servers and len(lines) == 2 * gone, lines


@pytest.mark.case(123)
def test_an_app_starts_without_redis_and_uses_it_when_it_comes_up(
    interface: Any, tmp_path: Path, said: Said
) -> None:
    server = Server(tmp_path, "--save", "")

    async def main() -> None:
        async with asking(interface, server.url) as redis:
            for _ in range(2):
                await redis.decide()
            await asyncio.to_thread(server.start)
            await redis.back()
            assert server.ask("DBSIZE") != b":0"

    try:
        asyncio.run(main())
    finally:
        server.stop()
    check_said(said)
    assert "out of order" in said.lines()[0] and "back" in said.lines()[1]


@pytest.mark.case(124)
def test_a_server_that_refuses_is_left_alone_and_used_again(
    interface: Any, valkey: Server, said: Said
) -> None:
    """Nobody listens any more, or the connection is reset as soon as a command comes."""

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            for fault in ("refuse", "reset"):
                tasks.create_task(check_fault(interface, valkey, fault))

    asyncio.run(main())
    check_said(said, servers=2)


@pytest.mark.case(125)
def test_a_server_that_answers_nothing_is_waited_for_no_longer_than_the_deadline(
    interface: Any, valkey: Server, said: Said
) -> None:
    asyncio.run(check_fault(interface, valkey, "black hole"))
    check_said(said)


@pytest.mark.case(126)
def test_a_server_that_takes_a_second_is_waited_for_no_longer_than_the_deadline(
    interface: Any, valkey: Server, said: Said
) -> None:
    asyncio.run(check_fault(interface, valkey, "latency"))
    check_said(said)


@pytest.mark.case(127)
def test_half_a_reply_is_none(interface: Any, valkey: Server, said: Said) -> None:
    asyncio.run(check_fault(interface, valkey, "cut"))
    check_said(said)


@pytest.mark.case(128)
def test_a_reply_that_comes_byte_by_byte_is_one(interface: Any, valkey: Server, said: Said) -> None:
    async def main() -> None:
        async with Proxy(valkey.port) as proxy, asking(interface, proxy.url, deadline=UNHURRIED) as redis:
            proxy.fault = "slices"
            told = [await redis.answer("/two") for _ in range(3)]
            assert told == [(200, "in"), (200, "in"), (429, {"detail": "Too Many Requests"})]
            assert not redis.limiter.failing

    asyncio.run(main())
    assert said.lines() == []


@pytest.mark.case(129)
def test_what_is_no_redis_is_left_alone(interface: Any, valkey: Server, said: Said) -> None:
    asyncio.run(check_fault(interface, valkey, "garbage"))
    check_said(said)


@pytest.mark.case(130)
def test_scripts_that_a_server_has_forgotten_are_told_again_also_after_a_restart(
    interface: Any, tmp_path: Path
) -> None:
    async def main() -> None:
        with Server(tmp_path, "--appendonly", "yes", "--appendfsync", "always") as server:
            async with asking(interface, server.url, deadline=UNHURRIED) as redis:
                assert await redis.answer("/two") == (200, "in")
                server.ask("SCRIPT", "FLUSH")
                assert await redis.answer("/two") == (200, "in")
                assert (await redis.answer("/two"))[0] == 429
                await asyncio.to_thread(server.stop)
                await asyncio.to_thread(server.start)
                await redis.back()
                assert (await redis.answer("/two"))[0] == 429

    asyncio.run(main())


@pytest.mark.case(131)
def test_when_all_keys_are_gone_limits_begin_anew_without_an_error(
    interface: Any, tmp_path: Path, said: Said
) -> None:
    async def main() -> None:
        with Server(tmp_path, "--save", "") as server:  # of its own, since all keys go
            async with asking(interface, server.url, deadline=UNHURRIED) as redis:
                for _ in range(2):
                    assert [(await redis.answer("/two"))[0] for _ in range(3)] == [200, 200, 429]
                    server.ask("FLUSHALL")

    asyncio.run(main())
    assert said.lines() == said.lines("velocipy.limiter") == []


REFUSALS = (
    b"-READONLY You can't write against a read only replica.\r\n",
    b"-LOADING Redis is loading the dataset in memory\r\n",
    b"-BUSY Redis is busy running a script.\r\n",
    b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    b"-NOAUTH Authentication required.\r\n",
    b"-NOPERM this user has no permissions\r\n",
    b"-MISCONF Errors writing to the AOF file\r\n",
    b"-MASTERDOWN Link with MASTER is down\r\n",
    b"-CLUSTERDOWN The cluster is down\r\n",
    b"-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
)
OF_A_CLUSTER = (
    b"-MOVED 866 10.0.0.1:6379\r\n",
    b"-ASK 866 10.0.0.1:6379\r\n",
    b"-CROSSSLOT Keys in request don't hash to the same slot\r\n",
)


@pytest.mark.case(132)
def test_a_refusal_in_redis_words_is_its_fault_and_never_a_500(
    interface: Any, valkey: Server, said: Said
) -> None:
    """All at the same time, since most of it is waiting; and a key of ours that holds something else is made anew."""

    async def refused(reply: bytes) -> None:
        async with Scripted(reply) as fake, asking(interface, fake.url, deadline=UNHURRIED) as redis:
            await redis.decide()
            asked = len(fake.asked)
            assert asked <= 4
            if reply in OF_A_CLUSTER:
                await asyncio.sleep(1.2)
            async with asyncio.timeout(BACK_WITHIN):
                while reply in REFUSALS and len(fake.asked) == asked:
                    await asyncio.sleep(0.02)
            probes = fake.asked[asked:]
            # A node of a cluster will not be another server by itself: it is not asked again.
            assert set(probes) == (set() if reply in OF_A_CLUSTER else {b"SET"})
            assert await redis.answer("/deny") == (503, {"detail": "Service Unavailable"})
            if reply in REFUSALS:
                fake.reply = b"+OK\r\n"
                began = time.monotonic()
                while redis.storage._link.breaker.open:
                    assert time.monotonic() - began < BACK_WITHIN
                    await asyncio.sleep(0.05)

    async def wrong_type() -> None:
        async with asking(interface, valkey.url, deadline=5) as redis:
            assert await redis.answer("/two") == (200, "in")
            name = key_of(valkey, redis)
            valkey.ask("DEL", name)
            valkey.ask("SADD", name, "x")
            assert [(await redis.answer("/two"))[0] for _ in range(3)] == [200, 200, 429]

    async def main() -> None:
        async with asyncio.TaskGroup() as tasks:
            for reply in REFUSALS + OF_A_CLUSTER:
                tasks.create_task(refused(reply))
        await wrong_type()

    asyncio.run(main())
    lines = said.lines()
    assert len(lines) == 2 * len(REFUSALS) + len(OF_A_CLUSTER) + 1, lines
    assert sum("write redis+cluster://" in line for line in lines) == len(OF_A_CLUSTER)


def key_of(valkey: Server, redis: Asking) -> str:
    """The one key of a limit."""
    (key,) = valkey.reply("KEYS", f"{redis.storage._prefix}limit:*").split(b"\r\n")[2::2]
    return key.decode()


@pytest.mark.case(133)
def test_200_callers_of_5_slow_connections_wait_within_bounds(interface: Any, valkey: Server) -> None:
    async def main() -> None:
        async with Proxy(valkey.port) as proxy, asking(interface, proxy.url, max_connections=5) as redis:
            await redis.back()
            proxy.fault = "latency"
            async with loop_seconds() as took:
                answers = await asyncio.gather(*(redis.client.get("/memory") for _ in range(200)))
                assert took() < 4  # one after another by five connections they would take 10
            assert {answer.status_code for answer in answers} == {200}
            # A few generations of five: who gave up may be seen only later by a proxy that sleeps.
            assert proxy.connections <= 40
            await proxy.mend()
            await redis.back()
            assert {
                answer.status_code
                for answer in await asyncio.gather(*(redis.client.get("/memory") for _ in range(50)))
            } == {200}
            await redis.back()

    asyncio.run(main())


@pytest.mark.case(134)
def test_requests_that_are_given_up_leave_no_reply_behind_and_count_once_at_most(
    interface: Any, valkey: Server
) -> None:
    async def main() -> None:
        chance = random.Random(134)
        async with asking(interface, valkey.url, deadline=5) as redis:
            rules = (rule_of(limit=10**6),)
            await redis.storage.set("known", b"known", 60)
            done = 0
            for _ in range(1_000):
                task = asyncio.ensure_future(redis.limiter.check("a", rules))
                await asyncio.sleep(chance.choice([0, 0, chance.random() * 0.001]))
                task.cancel()
                try:
                    done += (await task).allowed
                except asyncio.CancelledError:
                    pass
                assert await redis.storage.get("known") == b"known"
            used = 10**6 - (await redis.limiter.check("a", rules, 0)).remaining
            assert done <= used <= 1_000
            assert await redis.answer("/two") == (200, "in")
            assert not redis.limiter.failing

    asyncio.run(main())


@pytest.mark.case(135)
def test_a_key_that_would_never_expire_gets_a_time_to_live_even_by_a_refusal(
    interface: Any, valkey: Server
) -> None:
    for kind in ALGORITHMS:
        storage = in_redis(valkey.url)
        with TestClient(limited(storage, rule_of(kind, 1)), interface=interface) as client:
            assert client.get("/").status_code == 200
            name = valkey.reply("KEYS", f"{storage._prefix}limit:*").split(b"\r\n")[2].decode()
            assert valkey.ask("PERSIST", name) == b":1"
            assert client.get("/").status_code == 429
            assert 0 < int(valkey.ask("PTTL", name)[1:]) <= 121_000


@pytest.mark.case(136)
def test_a_cluster_is_used_by_its_url_and_a_sentinel_or_what_is_no_cluster_is_named(
    interface: Any, valkey: Server, said: Said
) -> None:
    async def main() -> None:
        async with Proxy(valkey.port) as proxy:  # by that URL, a cluster of one
            async with asking(interface, proxy.cluster_url, deadline=5) as redis:
                assert [(await redis.answer("/two"))[0] for _ in range(3)] == [200, 200, 429]
            assert said.lines() == []
            for fault in ("refuse", "black hole"):
                async with asking(interface, proxy.cluster_url, max_connections=4) as redis:
                    await redis.back()
                    await proxy.break_(fault)
                    await redis.decide()
                    await proxy.mend()
                    await redis.back()
        async with asking(interface, f"redis+cluster://127.0.0.1:{valkey.port}", deadline=UNHURRIED) as redis:
            await redis.decide()

    asyncio.run(main())
    assert "write redis://" in said.lines()[-1]
    with pytest.raises(ConfigurationError, match=r"client=sentinel\.master_for"):
        RedisStorage("redis+sentinel://127.0.0.1:26379/main")
