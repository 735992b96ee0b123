"""Channels over a real Redis Cluster of three masters and their replicas: slots that move, a master that is lost. Case 136."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Connection
from redis_cluster import Cluster, is_master
from redis_server import Server, free_port

from velocipy.channels import Channels
from velocipy.redis import RedisChannels, RedisUnavailable, cluster_listener
from velocipy.redis.hash_slots import slot_of

pytestmark = [pytest.mark.servers, pytest.mark.case(136)]

_numbers = count()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@asynccontextmanager
async def hubs(cluster: Cluster, **options: Any) -> AsyncIterator[tuple[Any, Any]]:
    """Two, as two workers have them, on names that nobody else has."""
    options = {"prefix": f"c{next(_numbers)}:", "deadline": 5, **options}
    async with Channels(RedisChannels(cluster.url, **options)) as here:
        async with Channels(RedisChannels(cluster.url, **options)) as there:
            yield here, there


async def take(subscription: Any, number: int) -> list[tuple[str, Any]]:
    async with asyncio.timeout(20):
        return [await anext(subscription.named()) for _ in range(number)]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.02)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if "channels hear" in line]


async def publish(hub: Any, name: str) -> str:
    """What was taken, of as many messages as it needs: one that failed may be heard all the same, once a frozen server thaws."""
    async with asyncio.timeout(20):
        while True:
            text = str(next(_numbers))
            try:
                await hub.publish(name, text)
            except RedisUnavailable:
                await asyncio.sleep(0.05)
            else:
                return text


def stream_of(hub: Any, name: str) -> str:
    key: str = hub._backend._stream(name).decode()
    return key


def masters_of(hub: Any) -> set[int]:
    return {place.port for place in hub._backend._listener._ears}


@pytest.mark.parametrize("history", [0, 10])
def test_channels_of_all_masters_are_heard_over_one_connection_to_each(
    cluster: Cluster, history: int
) -> None:
    names = [f"room {number}" for number in range(30)]

    async def main() -> None:
        async with hubs(cluster, history=history) as (here, there):
            async with here.subscribe(*names[:15]) as mine, there.subscribe(*names) as theirs:
                for name in names:
                    await here.publish(name, "1")
                    await there.publish(name, b"2")
                for subscription, known in ((mine, names[:15]), (theirs, names)):
                    heard = await take(subscription, 2 * len(known))
                    for name in known:
                        assert [message for one, message in heard if one == name] == ["1", b"2"]
                ports = {server.port for server in cluster.servers if is_master(server)}
                assert masters_of(there) == ports and len(ports) == 3
                assert (await there._backend.health()).usable
            if history:
                async with here.subscribe(names[0], history=5) as mine:
                    assert [message for _, message in await take(mine, 2)] == ["1", b"2"]

    asyncio.run(main())


def test_channels_follow_a_slot_that_moves_to_another_master(
    cluster: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    """What is published on the way comes as soon as the slot has moved, once and in order."""

    async def main() -> None:
        async with hubs(cluster, history=50) as (here, there), there.subscribe("moving", "b") as subscription:
            stream = stream_of(there, "moving")
            old = cluster.master_of(stream)
            new = next(server for server in cluster.servers if is_master(server) and server is not old)
            slot = str(slot_of(stream))
            sent: list[tuple[str, str]] = []

            async def say() -> None:
                for _ in range(3):
                    sent.append(("moving", str(len(sent))))
                    await here.publish(*sent[-1])

            await say()
            assert new.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", old.name()) == b"+OK"
            assert old.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", new.name()) == b"+OK"
            await say()  # the stream is here still
            assert await take(subscription, 6) == sent
            assert old.ask("MIGRATE", "127.0.0.1", str(new.port), stream, "0", "5000") == b"+OK"
            await say()  # ASK
            for server in (new, old):
                assert server.ask("CLUSTER", "SETSLOT", slot, "NODE", new.name()) == b"+OK"
            await say()  # MOVED
            assert await take(subscription, 6) == sent[6:]
            assert new.port in masters_of(there)
            await say()
            assert await take(subscription, 3) == sent[12:]

    asyncio.run(main())
    assert said(caplog) == []


def test_who_asks_the_wrong_master_is_sent_to_the_right_one(cluster: Cluster) -> None:
    """MOVED to a subscription: of a worker that has not heard yet that a slot has moved."""

    async def main() -> None:
        async with hubs(cluster, history=10) as (here, there), there.subscribe("a") as first:
            asked = there._backend._link.cluster()
            slot = slot_of(stream_of(there, "b"))
            right = asked._owners[slot]
            asked._owners[slot] = next(node for node in set(asked._owners) if node is not right)
            async with there.subscribe("b") as second:
                for name, subscription in (("a", first), ("b", second)):
                    await here.publish(name, "1")
                    assert await take(subscription, 1) == [(name, "1")]
                assert there._backend._listener._homes[there._backend._channel("b")].place == right.place

    asyncio.run(main())


@pytest.mark.parametrize("how", ["killed", "frozen"])
def test_channels_are_heard_at_the_next_master_and_catch_up_once_and_in_order(
    cluster: Cluster, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"room {number}" for number in range(12)]

    async def main() -> Server:
        async with (
            hubs(cluster, history=100, deadline=1, heartbeat=2) as (here, there),
            there.subscribe(*names) as subscription,
        ):
            sent: dict[str, list[str]] = {name: [] for name in names}
            heard: dict[str, list[str]] = {name: [] for name in names}

            async def say(rounds: int) -> None:
                for _ in range(rounds):
                    for name in names:
                        sent[name].append(await publish(here, name))

            async def hear() -> None:
                while any(sent[name][-1] not in heard[name] for name in names):
                    ((name, message),) = await take(subscription, 1)
                    heard[name].append(message)
                for name in names:
                    assert [one for one in heard[name] if one in sent[name]] == sent[name]
                    assert len(heard[name]) == len(set(heard[name]))

            await say(3)
            await hear()
            stream = stream_of(there, names[0])
            lost = cluster.master_of(stream)
            late = next(
                name for name in map(str, count()) if cluster.master_of(stream_of(there, name)) is lost
            )
            assert lost.ask("WAIT", "1", "5000") == b":1"
            lost.stop() if how == "killed" else lost.freeze()
            try:
                async with there.subscribe(late) as later:
                    await asyncio.to_thread(cluster.until_replaced, lost, stream)
                    await say(3)
                    await hear()
                    text = await publish(here, late)
                    while await take(later, 1) != [(late, text)]:
                        continue
                await until(lambda: lost.port not in masters_of(there))
            finally:
                await asyncio.to_thread(lost.start if how == "killed" else lost.thaw)
                await asyncio.to_thread(cluster.until_well)
            await say(1)
            await hear()
            return lost

    lost = asyncio.run(main())
    of_the_lost = [line for line in said(caplog) if f":{lost.port} in the cluster" in line]
    assert (
        len(of_the_lost) <= 4
    )  # of a frozen server there may be none: others say first that it is master no longer
    for line, word in zip(of_the_lost, ("hear nothing", "no more") * 2, strict=False):
        assert word in line


def of_one_master(hub: Any, number: int) -> tuple[list[str], Any, str]:
    """So many names whose channels are at one master, another one, and a name that is there."""
    asked = hub._backend._link.cluster()
    nodes: dict[Any, list[str]] = {}
    for name in map(str, count()):
        node = asked._owners[slot_of(hub._backend._channel(name))]
        nodes.setdefault(node, []).append(name)
        if len(nodes) > 1 and len(nodes[node]) == number:
            other = next(one for one in nodes if one is not node)
            return nodes[node], other, nodes[other][0]
    raise AssertionError("there is no end of numbers")


def tell_wrong(hub: Any, names: list[str], other: Any) -> None:
    """Have a worker believe that their slots are elsewhere."""
    asked = hub._backend._link.cluster()
    for name in names:
        asked._owners[slot_of(hub._backend._channel(name))] = other


async def heard(here: Any, there: Any, name: str, subscription: Any) -> None:
    """It is, once, as soon as all are settled."""
    text = str(next(_numbers))
    listener = there._backend._listener
    await until(lambda: None not in listener._homes.values() and not listener.failing)
    await until(lambda: all(not ear._missed for ear in listener._ears.values()))
    await here.publish(name, text)
    assert await take(subscription, 1) == [(name, text)]


def test_who_goes_while_a_cluster_is_asked_leaves_nothing_behind(cluster: Cluster) -> None:
    async def main() -> None:
        async with hubs(cluster) as (here, there):
            backend = there._backend
            for one, goes in ((backend, backend.unsubscribe), (here._backend, None)):
                going = asyncio.create_task(one.subscribe("a"))
                await asyncio.sleep(0)  # who has what is asked for the first time
                if goes is None:
                    going.cancel()
                else:
                    await goes("a")
                await asyncio.gather(going, return_exceptions=True)
                assert one._listener._homes == one._listener._ears == {}
            async with there.subscribe("c") as subscription:
                going = asyncio.create_task(backend.subscribe("c2"))
                await asyncio.sleep(0)
                going.cancel()
                await asyncio.gather(going, return_exceptions=True)
                await heard(here, there, "c", subscription)
                channel = backend._channel("c2").decode()
                master = cluster.master_of(channel)
                await until(lambda: master.reply("PUBSUB", "SHARDNUMSUB", channel).endswith(b":0\r\n"))

    asyncio.run(main())


def test_what_is_on_its_way_from_a_master_to_who_leaves_is_left_out(cluster: Cluster) -> None:
    async def main() -> None:
        async with hubs(cluster) as (here, there), there.subscribe("a") as subscription:
            async with there.subscribe("b"):
                channel = there._backend._channel("b").decode()
                assert cluster.master_of(channel).ask("SPUBLISH", channel, "t\nlate") == b":1"
            await heard(here, there, "a", subscription)

    asyncio.run(main())


def test_who_leaves_before_a_wrong_master_has_said_that_it_is_one_is_forgotten_there(
    cluster: Cluster,
) -> None:
    """It says so to the subscription, and to the departure; neither is confirmed."""

    async def main() -> None:
        async with hubs(cluster, deadline=0.5) as (here, there), there.subscribe("start"):
            (name,), other, kept = of_one_master(there, 1)
            backend = there._backend
            async with there.subscribe(kept) as subscription:
                tell_wrong(there, [name], other)
                going = asyncio.create_task(backend.subscribe(name))
                await asyncio.sleep(0)
                await backend.unsubscribe(name)
                ear = backend._listener._ears[other.place]
                assert ear._dropped[backend._channel(name)] == 1
                await going
                await heard(here, there, kept, subscription)
                assert backend._channel(name) not in backend._listener._homes
                assert not ear._dropped

    asyncio.run(main())


def test_who_leaves_while_channels_move_is_not_moved(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A turn of the loop comes between any two channels here."""
    monkeypatch.setattr(cluster_listener, "TURN", 1)

    async def main() -> None:
        async with hubs(cluster, history=10) as (here, there), there.subscribe("start"):
            names, other, _ = of_one_master(there, 3)
            listener, asked = there._backend._listener, there._backend._link.cluster()
            leaving: list[asyncio.Task[None]] = []
            async with there.subscribe(names[0]) as first, there.subscribe(names[2]) as last:
                async with there.subscribe(names[1]) as middle:
                    place_of = asked.place_of

                    def and_leave(slot: int) -> Any:
                        if not leaving:
                            leaving.append(asyncio.create_task(middle.leave(names[1])))
                        return place_of(slot)

                    asked.place_of = and_leave
                    tell_wrong(there, names, other)
                    listener._woken.set()
                    await until(lambda: bool(leaving) and leaving[0].done())
                    for name, subscription in ((names[0], first), (names[2], last)):
                        await heard(here, there, name, subscription)
                    assert there._backend._channel(names[1]) not in listener._homes

    asyncio.run(main())


def test_a_master_that_takes_no_bytes_is_given_up_at_the_deadline(cluster: Cluster) -> None:
    """By one to which channels move over the connection that is there, and by the next connection."""
    stuck: list[Any] = []

    class Stuck(Connection):
        async def send_command(self, *args: Any, **options: Any) -> None:
            if stuck and args[0] == "SSUBSCRIBE" and stuck.pop():
                await asyncio.sleep(60)
            await super().send_command(*args, **options)

    async def main() -> None:
        async with hubs(cluster, history=10, deadline=0.5) as (here, there), there.subscribe("start"):
            members = there._backend._link.cluster().members
            members._pool.connection_class = Stuck
            (name,), other, kept = of_one_master(there, 1)
            async with there.subscribe(kept) as another, there.subscribe(name) as subscription:
                tell_wrong(there, [name], other)
                stuck.extend((True, True))
                there._backend._listener._woken.set()
                await until(lambda: not stuck)
                for one, waits in ((name, subscription), (kept, another)):
                    await heard(here, there, one, waits)

    asyncio.run(main())


def test_channels_of_a_cluster_that_is_set_up_later_are_heard_as_soon_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()), "--save", "")

    async def main() -> None:
        with Server(tmp_path, *options) as server:
            backend: Any = RedisChannels(f"redis+cluster://127.0.0.1:{server.port}", deadline=5)
            async with Channels(backend) as hub, hub.subscribe("a") as subscription:
                await until(lambda: len(said(caplog)) == 1)
                assert not (await backend.health()).usable
                assert server.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383") == b"+OK"
                await until(lambda: len(said(caplog)) == 2)
                await until(lambda: all(not ear._missed for ear in backend._listener._ears.values()))
                text = await publish(hub, "a")
                assert await take(subscription, 1) == [("a", text)]

    asyncio.run(main())
    lost, back = said(caplog)
    assert "not set up yet" in lost and "again; what was published meanwhile is lost" in back


def test_a_cluster_that_is_not_there_keeps_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        backend = RedisChannels("redis+cluster://127.0.0.1:1", on_error="local", history=5)
        async with Channels(backend) as hub, hub.subscribe("a", "b") as subscription:
            for number in range(10):
                await hub.publish("a", str(number))
            assert await take(subscription, 10) == [("a", str(number)) for number in range(10)]
            await until(lambda: len(said(caplog)) == 1)
            assert not (await backend.health()).usable

    asyncio.run(main())
    (line,) = said(caplog)
    assert "hear nothing from Redis at redis+cluster://127.0.0.1:1" in line


def test_two_who_catch_up_at_once_give_a_message_once() -> None:
    """The former master's listener may still read the stream when the next one's has begun to."""

    class Stream:
        async def run(self, *_: Any) -> list[Any]:
            await asyncio.sleep(0)
            return [[b"7-0", [b"t", b"second"]], [b"6-0", [b"b", b"first"]]]

    async def main() -> None:
        given: list[Any] = []
        backend: Any = RedisChannels(history=10)
        await backend.start(lambda name, message, id=None: given.append((name, message, id)))
        channel = backend._channel("a")
        backend._names[channel], backend._last["a"] = "a", "5-0"
        link, backend._link = backend._link, Stream()
        await asyncio.gather(backend._catch_up(channel), backend._catch_up(channel))
        backend._link = link
        await backend.stop()
        assert given == [("a", b"first", "6-0"), ("a", "second", "7-0")]

    asyncio.run(main())
