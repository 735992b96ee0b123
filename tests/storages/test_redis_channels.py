"""Channels over a real Valkey: two hubs hear each other, histories, replay from an id, and a server that is killed and comes back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio
from redis_chaos import Proxy
from redis_server import Server

from velocipy.channels import Channels, Message, Subscription
from velocipy.exceptions import ConfigurationError
from velocipy.redis import RedisChannels, RedisUnavailable

pytestmark = pytest.mark.servers

_numbers = count()
BACK_WITHIN = 20.0
"""Seconds; 2 are the longest delay between two tries, and a machine may have other things to do."""


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 120))


async def take(subscription: Subscription, number: int) -> list[Message]:
    async with asyncio.timeout(BACK_WITHIN):
        return [await anext(subscription) for _ in range(number)]


@asynccontextmanager
async def hubs(url: str, many: int = 2, **options: Any) -> AsyncIterator[tuple[Any, ...]]:
    """As many hubs as there were workers, on names that nobody else has."""
    options = {"prefix": f"c{next(_numbers)}:", "deadline": 5, **options}
    made = [Channels(RedisChannels(url, **options)) for _ in range(many)]
    try:
        yield tuple(made)
    finally:
        for hub in made:
            await hub.close()


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "channels hear" in record.getMessage()]


# -- two workers -----------------------------------------------------------------------------------------------------


def test_what_one_publishes_all_hear_in_order_text_and_bytes_and_broadcasts(server: Server) -> None:
    async def test() -> None:
        async with hubs(server.url) as (here, there):
            async with here.subscribe("a") as mine, there.subscribe("a", "b") as theirs:
                sent = ["1", b"\x00\xff\n", "é\n2", "", b""]
                for message in sent:
                    await here.publish("a", message)
                await there.broadcast("all")
                assert await take(mine, 6) == [*sent, "all"]
                assert await take(theirs, 6) == [*sent, "all"]
                await here.publish_json("b", {"a": 1})
                assert await take(theirs, 1) == ['{"a":1}']
            async with there.subscribe("a") as again:
                await here.publish("a", "again")
                assert await take(again, 1) == ["again"]

    run(test())


def test_names_are_kept_apart_whatever_they_are(server: Server) -> None:
    names = ["a", "A", "a:b", "{a}", "}", "*", "%2A", "#", "é", "a b", "\r\n", "\x00", "\ud800", "x" * 5_000]

    async def test() -> None:
        async with hubs(server.url, history=5) as (here, there):
            async with there.subscribe(*[name for name in names if name != "*"]) as subscription:
                for name in names:
                    await here.publish(name, f"to {names.index(name)}")
                heard = [(await anext(subscription.named())) for _ in names]
            assert [(name, message) for name, message in heard] == [
                (name, f"to {names.index(name)}") for name in names
            ]
            found = server.reply("KEYS", "c*:stream:*").split(b"\r\n")
            assert max(map(len, found)) < 300

    run(test())


def test_a_server_without_sharded_channels_is_used_by_plain_ones(server: Server) -> None:
    """As far as a new server can play an old one: by a user who may not use them."""

    async def test(url: str, found_by: str) -> None:
        async with hubs(url) as (here, there), there.subscribe("a") as subscription:
            await here.publish("a", "1")
            assert await take(subscription, 1) == ["1"]
            for command in ("CHANNELS", "SHARDCHANNELS"):
                assert (b"channel:{a}" in server.reply("PUBSUB", command, "c*")) is (command == found_by)

    forbidden = ("-ssubscribe", "-spublish")
    assert server.ask("ACL", "SETUSER", "old", "on", ">x", "~*", "&*", "+@all", *forbidden) == b"+OK"
    run(test(server.url, "SHARDCHANNELS"))
    run(test(server.url.replace("redis://", "redis://old:x@"), "CHANNELS"))


def test_a_client_of_ones_own_carries_them_too(server: Server) -> None:
    async def test() -> None:
        for protocol in (2, 3):
            client = redis.asyncio.Redis(port=server.port, protocol=protocol)
            async with hubs("", many=1, client=client, history=3) as (hub,):
                await hub.publish("a", "0")
                async with hub.subscribe("a", history=1) as subscription:
                    await hub.publish("a", "1")
                    assert await take(subscription, 2) == ["0", "1"]
            await client.aclose()

    run(test())


def test_a_fast_subscriber_loses_nothing_of_a_burst(server: Server) -> None:
    async def test() -> None:
        async with hubs(server.url) as (here, there), there.subscribe("a", max_queue=50) as subscription:
            taking = asyncio.create_task(take(subscription, 1_000))
            for start in range(0, 1_000, 100):
                await asyncio.gather(*(here.publish("a", str(start + one)) for one in range(100)))
            assert sorted(map(int, map(str, await taking))) == list(range(1_000))
            assert subscription.dropped == 0

    run(test())


# -- what is kept ----------------------------------------------------------------------------------------------------


def test_histories_are_kept_for_all_and_read_from_an_id(server: Server) -> None:
    async def test() -> None:
        async with hubs(server.url, prefix="kept:", history=5, keep=60) as (here, there):
            for number in range(8):
                await here.publish("a", str(number))
            async with there.subscribe("a", history=3) as subscription:
                assert await take(subscription, 2) == ["5", "6"]
                seen = subscription.last_id
                assert await take(subscription, 1) == ["7"]
            await here.publish("a", b"8")
            async with here.subscribe("a", after=seen) as subscription:
                await there.publish("a", "new")
                assert await take(subscription, 3) == ["7", b"8", "new"]
            for unknown in ("0-0", "x", "(1-1", "99999999999999999999999-1", "1-1-1", "\u0661-1"):
                async with there.subscribe("a", after=unknown) as subscription:
                    assert await take(subscription, 5) == ["5", "6", "7", b"8", "new"]
            (key,) = [k for k in server.reply("KEYS", "kept:stream:*").decode().split("\r\n") if "kept" in k]
            assert server.ask("XLEN", key) == b":5"
            assert 50_000 < int(server.ask("PTTL", key)[1:]) <= 60_000
            server.ask("SET", key, "of somebody else")
            async with there.subscribe("a", history=3) as subscription:
                await there.publish("a", "healed")
                assert await take(subscription, 1) == ["healed"]

    run(test())


def test_what_somebody_else_publishes_is_left_out_and_said_once(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with hubs(server.url, prefix="foreign:", many=1, history=2) as (hub,):
            async with hub.subscribe("a") as subscription:
                for text in ("", "hello", "t1-1", "x\nhello", "tfoo\nhello", "t9-9-9\n"):
                    server.ask("SPUBLISH", "foreign:channel:{a}", text)
                await hub.publish("a", "ours")
                assert await take(subscription, 1) == ["ours"]

    caplog.set_level(logging.WARNING, "velocipy.redis")
    run(test())
    assert len([message for message in caplog.messages if "somebody else" in message]) == 1


# -- a server that fails ---------------------------------------------------------------------------------------------


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(BACK_WITHIN):
        while not true():
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("kept", [True, False])
def test_a_server_that_is_killed_and_comes_back_is_heard_again(
    tmp_path: Path, kept: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """With its data, as a restart has it, and without, as a new machine; a line when it is lost, and one when it is back."""
    caplog.set_level(logging.INFO)
    options = ("--appendonly", "yes", "--appendfsync", "always") if kept else ("--save", "")

    async def test() -> None:
        with Server(tmp_path, *options) as server:
            async with hubs(server.url, history=50) as (here, there):
                async with there.subscribe("a") as subscription:
                    await here.publish("a", "before")
                    assert await take(subscription, 1) == ["before"]
                    before = subscription.last_id
                    await asyncio.to_thread(server.stop)
                    await until(lambda: len(said(caplog)) == 1)
                    with pytest.raises(RedisUnavailable):
                        await here.publish("a", "nowhere")
                    # Somebody who comes meanwhile waits for nothing, and hears it later.
                    async with there.subscribe("b") as late:
                        await asyncio.to_thread(server.start)
                        async with asyncio.timeout(BACK_WITHIN):
                            while True:
                                try:
                                    await here.publish("a", "after")
                                    break
                                except RedisUnavailable:
                                    await asyncio.sleep(0.05)
                        await until(lambda: len(said(caplog)) == 2)
                        assert await take(subscription, 1) == ["after"]
                        await here.publish("b", "late")
                        assert await take(late, 1) == ["late"]
                    async with there.subscribe("a", after=before) as subscription:
                        assert await take(subscription, 1) == ["after"]

    run(test())
    told = said(caplog)
    assert len(told) == 2
    assert all("hear nothing" in line for line in told[:1]) and all("again" in line for line in told[1:])


def test_what_was_published_while_a_connection_was_lost_comes_once_it_is_back(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Only this worker's way to Redis is broken; others go on publishing."""
    caplog.set_level(logging.INFO)

    async def test() -> None:
        async with Proxy(server.port) as proxy:
            prefix = "lost:"
            async with (
                hubs(proxy.url, many=1, history=100, prefix=prefix, heartbeat=0.3) as (far,),
                hubs(server.url, many=1, history=100, prefix=prefix) as (near,),
                far.subscribe("a") as subscription,
            ):
                expected: list[str] = []
                for fault in ("refuse", "black hole", "reset"):
                    for _ in range(3):
                        expected.append(str(len(expected)))
                        await near.publish("a", expected[-1])
                    assert await take(subscription, 3) == expected[-3:]
                    seen = len(said(caplog))
                    await proxy.break_(fault)
                    await until(lambda seen=seen: len(said(caplog)) > seen)  # type: ignore[misc]
                    for _ in range(3):
                        expected.append(str(len(expected)))
                        await near.publish("a", expected[-1])
                    await proxy.mend()
                    assert await take(subscription, 3) == expected[-3:]
                    # An even number: two lines may be of a heartbeat that a busy machine missed.
                    await until(lambda seen=seen: len(said(caplog)) > seen + 1 and len(said(caplog)) % 2 == 0)  # type: ignore[misc]

    run(test())
    told = ["hear nothing" in line for line in said(caplog)]
    assert len(told) >= 6 and told == [True, False] * (len(told) // 2)


def test_a_redis_that_is_not_there_keeps_nobody_waiting_and_may_be_done_without() -> None:
    async def test() -> None:
        async with hubs("redis://127.0.0.1:1", many=1, on_error="local", history=5) as (hub,):
            async with hub.subscribe("a", history=5) as subscription, hub.subscribe("b"):
                for number in range(20):
                    await hub.publish("a", str(number))
                assert await take(subscription, 20) == [str(number) for number in range(20)]
                assert not (await hub._backend.health()).usable
        async with hubs("redis://127.0.0.1:1", many=1, history=5) as (hub,):
            with pytest.raises(RedisUnavailable):
                await hub.publish("a", "1")
            with pytest.raises(RedisUnavailable):
                async with hub.subscribe("a", history=1):
                    pass
            assert hub.count() == 0

    run(test())


def test_an_idle_connection_is_looked_after(server: Server) -> None:
    async def test() -> None:
        async with hubs(server.url, many=1, heartbeat=0.4) as (hub,), hub.subscribe("a") as subscription:
            await asyncio.sleep(1)
            backend: Any = hub._backend
            assert (await backend.health()).usable
            await until(lambda: not backend._listener.failing)  # a busy machine may miss a heartbeat
            await hub.publish("a", "still there")
            assert await take(subscription, 1) == ["still there"]

    run(test())


# -- what makes no sense ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"history": -1},
        {"history": 10**6},
        {"history": True},
        {"history": 1.5},
        {"keep": 0},
        {"keep": float("nan")},
        {"max_message_size": 0},
        {"heartbeat": 0},
        {"on_error": "memory"},
        {"prefix": "{a}"},
        {"url": "amqp://localhost"},
    ],
)
def test_what_cannot_be_used_is_refused_where_it_is_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        RedisChannels(**wrong)


def test_a_client_without_connections_cannot_listen() -> None:
    class Commands:
        async def execute_command(self, *command: Any) -> Any: ...

        async def aclose(self) -> None: ...

    with pytest.raises(ConfigurationError, match="cannot listen"):
        RedisChannels(client=Commands())


def test_a_message_that_is_too_large_is_the_publishers_mistake(server: Server) -> None:
    async def test() -> None:
        async with hubs(server.url, many=1, max_message_size=10) as (hub,):
            await hub.publish("a", "é" * 5)
            with pytest.raises(ValueError, match="12 bytes"):
                await hub.publish("a", "é" * 6)

    run(test())
