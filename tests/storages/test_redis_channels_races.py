"""Channels over a real Valkey at the wrong moment: who is cancelled, leaves or closes while Redis has the word, and connections that end then."""

from __future__ import annotations

import asyncio
import logging
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Connection, ConnectionPool, Redis
from redis_chaos import Proxy
from redis_server import Server

from velocipy.channels import Channels, Message, Subscription
from velocipy.redis import RedisChannels
from velocipy.redis import channels as redis_channels

pytestmark = pytest.mark.servers

_numbers = count()
BACK_WITHIN = 20.0
"""Seconds that a busy machine may take."""


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 120))


@asynccontextmanager
async def hub(url: str, **options: Any) -> AsyncIterator[tuple[Channels, Any]]:
    """A hub and its backend, on names that nobody else has."""
    backend = RedisChannels(url, **{"prefix": f"r{next(_numbers)}:", "deadline": 5, **options})
    async with Channels(backend) as made:
        yield made, backend


async def take(subscription: Subscription, number: int) -> list[Message]:
    async with asyncio.timeout(BACK_WITHIN):
        return [await anext(subscription) for _ in range(number)]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(BACK_WITHIN):
        while not true():
            await asyncio.sleep(0.01)


async def subscribing(backend: Any, name: str) -> asyncio.Task[None]:
    """A subscription that has been sent, and whose confirmation has not been read."""
    task = asyncio.create_task(backend.subscribe(name))
    await asyncio.sleep(0)
    return task


def listeners(server: Server, backend: Any, name: str) -> int:
    """Connections that listen to a name, as the server counts them."""
    reply = server.reply("PUBSUB", "SHARDNUMSUB", backend._channel(name).decode())
    return int(reply.split(b"\r\n")[-2][1:])


def hang_up(server: Server) -> None:
    """It closes all connections that listen, which those will not have seen before the loop's next turn."""
    assert server.ask("CLIENT", "KILL", "TYPE", "pubsub") != b":0"


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if "channels hear" in line]


# -- who goes --------------------------------------------------------------------------------------------------------


def test_who_is_cancelled_while_subscribing_is_not_sent_anything_any_more(server: Server) -> None:
    async def test() -> None:
        async with hub(server.url) as (channels, backend), channels.subscribe("a") as subscription:
            task = await subscribing(backend, "b")
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert task.cancelled()
            await until(lambda: listeners(server, backend, "b") == 0)
            assert listeners(server, backend, "a") == 1
            async with channels.subscribe("b") as again:
                await channels.publish("b", "1")
                await channels.publish("a", "2")
                assert await take(again, 1) == ["1"] and await take(subscription, 1) == ["2"]

    run(test())


def test_what_is_on_its_way_to_who_leaves_is_left_out(server: Server) -> None:
    async def test() -> None:
        async with hub(server.url) as (channels, backend), channels.subscribe("a") as subscription:
            async with channels.subscribe("b"):
                channel = backend._channel("b").decode()
                assert server.ask("SPUBLISH", channel, "t\nlate") == b":1"  # and not read before it is left
            await channels.publish("a", "1")
            assert await take(subscription, 1) == ["1"]

    run(test())


def test_who_comes_and_goes_while_the_server_says_nothing_is_heard_once_it_does(tmp_path: Path) -> None:
    """It confirms two subscriptions and two departures then, of which the last subscription is none."""

    async def test() -> None:
        with Server(tmp_path, "--save", "") as server:
            async with hub(server.url, deadline=0.1) as (channels, backend), channels.subscribe("b"):
                server.freeze()
                try:
                    for _ in range(2):
                        async with channels.subscribe("a"):
                            pass
                    subscription = await channels.subscribe("a").__aenter__()
                finally:
                    server.thaw()
                await until(lambda: not backend._listener._dropped)
                assert listeners(server, backend, "a") == 1
                assert server.ask("SPUBLISH", backend._channel("a").decode(), "t\nheard") == b":1"
                assert await take(subscription, 1) == ["heard"]
                await subscription.__aexit__(None, None, None)
                await until(lambda: listeners(server, backend, "a") == 0)

    run(test())


def test_a_hub_that_is_closed_while_somebody_subscribes_leaves_no_connection(tmp_path: Path) -> None:
    async def come(channels: Channels, name: str) -> list[Message]:
        async with channels.subscribe(name) as subscription:
            return [message async for message in subscription]

    async def test() -> None:
        with Server(tmp_path, "--save", "") as server:
            async with hub(server.url, deadline=0.2) as (channels, backend):
                async with channels.subscribe("a"):
                    server.freeze()
                try:
                    coming = [asyncio.create_task(come(channels, name)) for name in "abc"]
                    await asyncio.sleep(0)
                    await channels.close()
                    assert await asyncio.gather(*coming) == [[]] * 3
                    assert backend._listener is None
                finally:
                    server.thaw()
                await until(lambda: server.reply("CLIENT", "LIST").count(b"id=") == 1)
                async with channels.subscribe("a") as subscription:
                    assert server.ask("SPUBLISH", backend._channel("a").decode(), "t\nagain") == b":1"
                    assert await take(subscription, 1) == ["again"]

    run(test())


def test_a_backend_that_is_stopped_listens_to_nothing(server: Server) -> None:
    async def test() -> None:
        backend = RedisChannels(server.url, prefix="stopped:", deadline=5)
        heard: list[Message] = []
        await backend.stop()
        await backend.start(lambda name, message, id=None: heard.append(message))
        await backend.subscribe("a")
        await backend.stop()
        await backend.subscribe("a")
        await backend.publish("a", "1")
        await backend.unsubscribe("a")
        assert (heard, listeners(server, backend, "a")) == ([], 0)
        await backend.stop()

    run(test())


# -- connections that end --------------------------------------------------------------------------------------------


def test_who_comes_and_goes_over_a_connection_that_has_just_ended_finds_the_next_one(server: Server) -> None:
    """Bytes that are sent first are answered by a reset; those that are sent then cannot be."""

    async def test() -> None:
        async with hub(server.url) as (channels, backend), channels.subscribe("a") as subscription:
            for name in "bcd":
                await backend.subscribe(name)
            hang_up(server)
            for name in "bcd":
                await backend.unsubscribe(name)
            async with channels.subscribe("e") as late:
                await until(lambda: listeners(server, backend, "e") == 1)
                assert [listeners(server, backend, name) for name in "abcd"] == [1, 0, 0, 0]
                for name in "ae":
                    await channels.publish(name, name)
                assert await take(subscription, 1) == ["a"] and await take(late, 1) == ["e"]

    run(test())


def test_a_server_that_hangs_up_when_it_is_asked_for_sharded_channels_is_asked_again(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Which is no word against sharded channels, such as an error would be."""

    class Picky(Proxy):
        hang_ups = 2

        async def _forth(self, reader: StreamReader, to_them: StreamWriter, writer: StreamWriter) -> None:
            while data := await reader.read(65_536):
                if b"SSUBSCRIBE" in data and self.hang_ups:
                    self.hang_ups -= 1
                    break
                to_them.write(data)
                await to_them.drain()
            raise ConnectionResetError

    async def test() -> None:
        async with Picky(server.port) as proxy, hub(proxy.url) as (channels, backend):
            async with channels.subscribe("a") as subscription:
                await until(lambda: listeners(server, backend, "a") == 1)
                await channels.publish("a", "1")
                assert await take(subscription, 1) == ["1"]

    run(test())
    assert ["hear nothing" in line for line in said(caplog)] == [True, False]


def test_a_connection_on_which_nothing_comes_is_asked_once_and_made_anew(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """As behind a firewall that has forgotten it: by a client of one's own, whose connections hear nothing at first."""
    sent: list[Any] = []

    class Deaf(Connection):
        deaf = True

        async def read_response(
            self, disable_decoding: bool = False, timeout: float | None = None, **options: Any
        ) -> Any:
            if timeout is None or not Deaf.deaf:
                return await super().read_response(disable_decoding, timeout, **options)
            await asyncio.sleep(0)
            return None

        async def send_command(self, *args: Any, **options: Any) -> None:
            sent.append(args[0])
            await super().send_command(*args, **options)

    async def test() -> None:
        client = Redis.from_pool(ConnectionPool(Deaf, port=server.port))
        backend = RedisChannels(client=client, prefix=f"r{next(_numbers)}:", deadline=5)
        async with Channels(backend) as channels:
            async with channels.subscribe("a") as subscription:
                await until(lambda: sent.count("PING") == 2)
                assert len(said(caplog)) == 1 and "no answer to a PING" in said(caplog)[0]
                assert not (await backend.health()).usable
                Deaf.deaf = False
                await until(lambda: len(said(caplog)) == 2)
                await channels.publish("a", "1")
                assert await take(subscription, 1) == ["1"]
        await client.aclose()

    run(test())


def test_who_may_not_subscribe_hears_nothing_and_health_says_so(server: Server) -> None:
    forbidden = ("-ssubscribe", "-subscribe")
    assert server.ask("ACL", "SETUSER", "deaf", "on", ">x", "~*", "&*", "+@all", *forbidden) == b"+OK"

    async def test() -> None:
        async with hub(server.url.replace("redis://", "redis://deaf:x@")) as (channels, backend):
            assert (await backend.health()).usable
            async with channels.subscribe("a"):
                health = await backend.health()
                assert (health.usable, health.error) == (False, "nothing is heard")
                await channels.publish("a", "nobody hears it")

    run(test())


# -- catching up -----------------------------------------------------------------------------------------------------


def test_what_is_read_from_the_stream_and_comes_over_the_new_connection_too_is_given_once(
    server: Server,
) -> None:
    async def test() -> None:
        async with (
            hub(server.url, history=10) as (channels, backend),
            channels.subscribe("a") as subscription,
        ):
            await channels.publish("a", "1")
            assert await take(subscription, 1) == ["1"]
            listener = backend._listener
            catch_up = listener._catch_up

            async def while_it_is_heard_again(channel: bytes) -> None:
                if channel == backend._channel("a"):
                    await channels.publish("a", "2")
                await catch_up(channel)

            listener._catch_up = while_it_is_heard_again
            hang_up(server)
            assert await take(subscription, 1) == ["2"]
            await channels.publish("a", "3")
            assert await take(subscription, 1) == ["3"]

    run(test())


def test_a_stream_that_cannot_be_read_yet_is_waited_for_and_then_the_connection_is_made_anew(
    server: Server, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Commands are left alone for a second after three failures: longer than it has patience here."""
    monkeypatch.setattr(redis_channels, "PATIENCE", 0.1)
    caplog.set_level(logging.INFO)

    async def test() -> None:
        prefix = f"r{next(_numbers)}:"
        async with (
            hub(server.url, prefix=prefix, history=10) as (channels, backend),
            hub(server.url, prefix=prefix, history=10) as (others, _),
            channels.subscribe("a") as subscription,
        ):
            listener, connected = backend._listener, []
            connect = listener._connect
            listener._connect = lambda: connected.append(connect()) or connected[-1]  # type: ignore[func-returns-value]
            for _ in range(3):
                backend._link.breaker.failed("three commands that were not answered")
            hang_up(server)
            await others.publish("a", "meanwhile")
            await until(lambda: len(connected) > 1)
            assert await take(subscription, 1) == ["meanwhile"]
            await others.publish("a", "then")
            assert await take(subscription, 1) == ["then"]

    run(test())


# -- without Redis ---------------------------------------------------------------------------------------------------


def test_without_a_history_there_is_none_to_be_had(server: Server) -> None:
    async def test() -> None:
        async with hub(server.url) as (channels, _):
            await channels.publish("a", "1")
            async with channels.subscribe("a", history=5) as subscription:
                await channels.publish("a", "2")
                assert await take(subscription, 1) == ["2"]

    run(test())


def test_no_secret_is_shown() -> None:
    assert (
        repr(RedisChannels("redis://me:secret@localhost:6379/1"))
        == "<RedisChannels redis://localhost:6379/1>"
    )
