"""Channels: who gets what, in which order, and what becomes of those who are slow. Backends of other processes are played."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from velocipy.channels import (
    DEFAULT_MAX_QUEUE,
    MAX_HISTORIES,
    Channels,
    Deliver,
    MemoryBackend,
    Message,
    Published,
    Stored,
    Subscription,
)
from velocipy.exceptions import ConfigurationError

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


def run(test: Callable[[Channels], Awaitable[None]], channels: Channels | None = None) -> None:
    """Runs a test with channels, and looks whether a task or a subscriber is left."""
    hub = channels or Channels()

    async def within() -> None:
        others = asyncio.all_tasks()
        await test(hub)
        await asyncio.sleep(0)
        assert hub.count() == 0
        assert hub._subscribers == {}
        assert asyncio.all_tasks() == others

    asyncio.run(asyncio.wait_for(within(), 100))


async def take(subscription: Subscription, number: int) -> list[Message]:
    """The next messages; those that are missing end the test."""
    return [await asyncio.wait_for(anext(subscription), 30) for _ in range(number)]


# -- who gets what -----------------------------------------------------------------------------------------------------------


def test_a_message_goes_to_everybody_of_its_name_in_order() -> None:
    async def test(channels: Channels) -> None:
        async with channels.subscribe("a") as one, channels.subscribe("a", "b") as two:
            assert (channels.count("a"), channels.count("b"), channels.count()) == (2, 1, 2)
            await channels.publish("a", "1")
            await channels.publish("b", b"2")
            await channels.publish("c", "nobody's")
            await channels.publish("a", "3")
            assert await take(one, 2) == ["1", "3"]
            assert await take(two, 3) == ["1", b"2", "3"]
            assert two.names == ("a", "b")

    run(test)


def test_a_broadcast_goes_to_every_subscriber_once() -> None:
    async def test(channels: Channels) -> None:
        async with channels.subscribe("a", "b") as one, channels.subscribe() as two:
            await channels.broadcast("all")
            await channels.publish("a", "a")
            assert await take(one, 2) == ["all", "a"]
            assert await take(two, 1) == ["all"]

    run(test)


def test_a_value_is_written_as_json_once() -> None:
    async def test(channels: Channels) -> None:
        async with channels.subscribe("a") as one, channels.subscribe("a") as two:
            await channels.publish_json("a", {"ü": [1, None]})
            (first,), (second,) = await take(one, 1), await take(two, 1)
            assert first == '{"ü":[1,null]}'
            assert first is second

    run(test)


def test_names_are_joined_and_left_while_it_lasts() -> None:
    async def test(channels: Channels) -> None:
        async with channels.subscribe("a") as subscription:
            await subscription.join("b")
            await subscription.join("b")
            await subscription.leave("a")
            await subscription.leave("never joined")
            for name in "ab":
                await channels.publish(name, name)
            assert await take(subscription, 1) == ["b"]
            assert subscription.names == ("b",)
        await subscription.join("c")  # too late, and no mistake: it may have ended by itself
        assert channels.count("c") == 0

    run(test)


def test_messages_come_with_their_names_where_these_are_wanted() -> None:
    async def test(channels: Channels) -> None:
        async with channels.subscribe("a", "b") as subscription:
            await channels.publish("b", "1")
            await channels.broadcast("2")
            subscription.end()
            assert [found async for found in subscription.named()] == [
                Published("b", "1"),
                Published("*", "2"),
            ]

    run(test)


def test_the_end_of_the_hub_ends_iterations_after_what_is_queued() -> None:
    async def test(channels: Channels) -> None:
        async def read() -> list[Message]:
            async with channels.subscribe("a") as subscription:
                return [message async for message in subscription]

        reading = [asyncio.create_task(read()) for _ in range(3)]
        await asyncio.sleep(0)
        await channels.publish("a", "last")
        await channels.close()
        await channels.close()
        assert await asyncio.gather(*reading) == [["last"]] * 3

    run(test)


def test_a_wait_that_is_cancelled_loses_no_message() -> None:
    async def test(channels: Channels) -> None:
        async with channels.subscribe("a") as subscription:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(anext(subscription), 0.01)
            waiting = asyncio.ensure_future(anext(subscription))
            await asyncio.sleep(0)
            await channels.publish("a", "kept")
            waiting.cancel()
            await asyncio.sleep(0)
            assert await take(subscription, 1) == ["kept"]

    run(test)


# -- what is refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"max_queue": 0}, {"max_queue": "1"}, {"max_queue": True}, {"history": -1}, {"overflow": "explode"}])  # fmt: skip
def test_an_option_that_cannot_be_is_refused(options: Any) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        Channels(**options)
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        Channels().subscribe("a", **options)


def test_history_is_the_backend_s_own_where_one_is_passed() -> None:
    with pytest.raises(ConfigurationError, match="history"):
        Channels(MemoryBackend(), history=3)


@pytest.mark.parametrize("name", ["", None, 3, b"a"])
def test_a_name_is_text(name: Any) -> None:
    async def test(channels: Channels) -> None:
        with pytest.raises(ValueError, match="name"):
            channels.subscribe(name)
        with pytest.raises(ValueError, match="name"):
            await channels.publish(name, "x")

    run(test)


@pytest.mark.parametrize(("message", "error"), [({}, TypeError), (None, TypeError), (3, TypeError), ("\ud800", UnicodeEncodeError)])  # fmt: skip
def test_what_cannot_be_sent_is_the_publisher_s_mistake(message: Any, error: type[Exception]) -> None:
    async def test(channels: Channels) -> None:
        async with channels.subscribe("a") as subscription:
            with pytest.raises(error):
                await channels.publish("a", message)
            await channels.publish("a", "fine")
            assert await take(subscription, 1) == ["fine"]

    run(test)


def test_a_subscription_is_entered_once_and_read_by_one_task() -> None:
    async def test(channels: Channels) -> None:
        subscription = channels.subscribe("a")
        with pytest.raises(RuntimeError, match="async with"):
            await anext(subscription)
        async with subscription:
            waiting = asyncio.ensure_future(anext(subscription))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError, match="two tasks"):
                await anext(subscription)
            waiting.cancel()
        with pytest.raises(RuntimeError, match="once"):
            await subscription.__aenter__()

    run(test)


def test_channels_belong_to_a_loop_and_may_move_once_nobody_subscribes() -> None:
    channels = Channels(history=5)

    async def test(hub: Channels) -> None:
        async with hub.subscribe("a", history=5) as subscription:
            await hub.publish("a", "x")
            await take(subscription, 1)

            def elsewhere() -> None:
                with pytest.raises(RuntimeError, match="another event loop"):
                    asyncio.run(hub.publish("a", "y"))

            await asyncio.to_thread(elsewhere)

    run(test, channels)
    run(test, channels)


def test_channels_are_free_again_when_their_loop_was_closed_over_them() -> None:
    channels = Channels()
    loop = asyncio.new_event_loop()
    subscription = channels.subscribe("a")
    loop.run_until_complete(subscription.__aenter__())
    loop.close()

    async def test(hub: Channels) -> None:
        async with hub.subscribe("a") as mine:
            await hub.publish("a", "x")
            assert await take(mine, 1) == ["x"]

    run(test, channels)


# -- those who are slow ------------------------------------------------------------------------------------------------------


@pytest.mark.case(107)
@pytest.mark.parametrize(
    ("overflow", "kept"), [("drop_oldest", ["7", "8", "9"]), ("drop_newest", ["0", "1", "2"]), ("close", [])]
)
def test_a_slow_subscriber_loses_by_its_policy_and_the_others_nothing(overflow: Any, kept: list[str]) -> None:
    async def test(channels: Channels) -> None:
        slow = channels.subscribe("a", max_queue=3, overflow=overflow)
        async with slow, channels.subscribe("a") as fast:
            for number in range(10):
                await channels.publish("a", str(number))
            assert await take(fast, 10) == [str(number) for number in range(10)]
            assert (fast.dropped, fast.too_slow) == (0, False)
            assert slow.too_slow is (overflow == "close")
            assert slow.dropped == (1 if overflow == "close" else 7)
            slow.end()
            assert [message async for message in slow] == kept

    run(test)


def test_a_publisher_that_never_gives_way_does_not_outrun_who_is_fast() -> None:
    async def test(channels: Channels) -> None:
        got: list[Message] = []

        async def read() -> None:
            async with channels.subscribe("a", max_queue=4) as subscription:
                async for message in subscription:
                    got.append(message)
                    if message == "end":
                        break
                assert subscription.dropped == 0

        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        for number in range(1_000):
            await channels.publish("a", str(number))
        await channels.publish("a", "end")
        await reading
        assert len(got) == 1_001

    run(test)


# -- history -----------------------------------------------------------------------------------------------------------------


def test_history_comes_before_what_is_published_then() -> None:
    async def test(channels: Channels) -> None:
        for number in range(8):
            await channels.publish("a", str(number))
        async with channels.subscribe("a", "b", history=3) as late, channels.subscribe("a") as without:
            await channels.publish("a", "new")
            assert await take(late, 4) == ["5", "6", "7", "new"]
            assert await take(without, 1) == ["new"]
        async with channels.subscribe("a", history=100, max_queue=2) as small:
            assert await take(small, 2) == ["7", "new"]
            await small.join("b", history=2)

    run(test, Channels(history=5))


def test_history_is_bounded_by_messages_and_by_names() -> None:
    backend = MemoryBackend(history=2)

    async def test(channels: Channels) -> None:
        for number in range(MAX_HISTORIES + 10):
            await channels.publish(f"room {number}", "x")
            await channels.publish("used", "y")
        assert len(backend._histories) == MAX_HISTORIES
        assert await backend.recent("room 0", 5) == []
        assert [stored.message for stored in await backend.recent("used", 5)] == ["y", "y"]
        await channels.close()
        assert await backend.recent("used", 5) == []

    run(test, Channels(backend))


def test_who_knows_the_last_id_gets_what_came_after_it() -> None:
    async def test(channels: Channels) -> None:
        for number in range(8):
            await channels.publish("a", str(number))
        async with channels.subscribe("a", history=3) as subscription:
            assert await take(subscription, 2) == ["5", "6"]
            seen = subscription.last_id
            assert await take(subscription, 1) == ["7"]
        await channels.publish("a", "8")
        async with channels.subscribe("a", after=seen, history=1) as subscription:
            await channels.publish("a", "new")
            assert await take(subscription, 3) == ["7", "8", "new"]
            last = subscription.last_id
        async with channels.subscribe("b") as subscription:
            await subscription.join("a", after=last)
            await channels.publish("b", "only")
            assert await take(subscription, 1) == ["only"]
        for unknown in ("0-0", "x", "é"):  # made up, or of the process before this one: all that is kept
            async with channels.subscribe("a", after=unknown) as subscription:
                assert await take(subscription, 5) == ["5", "6", "7", "8", "new"]
        async with channels.subscribe("a", after="0-0", max_queue=2) as subscription:
            assert await take(subscription, 2) == ["8", "new"]
        async with channels.subscribe("a", after="") as subscription:
            await channels.publish("a", "alone")
            assert await take(subscription, 1) == ["alone"]

    run(test, Channels(history=5))


def test_an_id_is_of_one_name() -> None:
    with pytest.raises(ValueError, match="one name"):
        Channels(history=5).subscribe("a", "b", after="1")


# -- backends ----------------------------------------------------------------------------------------------------------------


class Wire:
    """A backend between two hubs, each of whose calls takes a turn of the loop."""

    def __init__(self, others: list["Wire"]) -> None:
        self.others = others
        others.append(self)
        self.deliver: Deliver | None = None
        self.names: set[str] = set()
        self.calls: list[str] = []
        self.fails = False

    async def start(self, deliver: Deliver) -> None:
        await asyncio.sleep(0)
        assert self.deliver is None
        self.deliver = deliver
        self.calls.append("start")

    async def stop(self) -> None:
        self.calls.append("stop")

    async def publish(self, name: str, message: Message) -> None:
        await asyncio.sleep(0)
        for other in self.others:
            if name in other.names and other.deliver is not None:
                other.deliver(name, message)

    async def subscribe(self, name: str) -> None:
        await asyncio.sleep(0)
        if self.fails:
            raise ConnectionError("the backend is down")
        assert name not in self.names
        self.names.add(name)

    async def unsubscribe(self, name: str) -> None:
        await asyncio.sleep(0)
        self.names.remove(name)

    async def recent(self, name: str, limit: int, after: str | None = None) -> Sequence[Stored]:
        await self.publish(name, "meanwhile")
        return [Stored("old")]


def test_a_backend_carries_messages_and_is_asked_once_for_a_name() -> None:
    wires: list[Wire] = []
    here, there = Channels(Wire(wires)), Channels(Wire(wires))

    async def test(_: Channels) -> None:
        async def member() -> list[Message]:
            async with there.subscribe("a") as subscription:
                return await take(subscription, 2)

        members = [asyncio.create_task(member()) for _ in range(5)]
        await asyncio.sleep(0.01)
        await here.publish("a", "1")
        await here.broadcast("2")
        assert await asyncio.gather(*members) == [["1", "2"]] * 5
        assert wires[1].names == set()
        async with there.subscribe("a", history=1) as subscription:
            assert await take(subscription, 2) == ["old", "meanwhile"]
        await there.close()
        await here.close()
        assert [wire.calls for wire in wires] == [["start", "stop"]] * 2

    run(test, here)


def test_what_comes_while_a_history_is_read_comes_once_and_in_order() -> None:
    class Kept(Wire):
        async def recent(self, name: str, limit: int, after: str | None = None) -> Sequence[Stored]:
            assert self.deliver is not None
            for number in (3, 4, 5):
                self.deliver(name, str(number), f"id {number}")
            self.deliver("b", "between", "id 6")
            return [Stored(str(number), f"id {number}") for number in (1, 2, 3, 4)]

    async def test(channels: Channels) -> None:
        async with channels.subscribe("b") as subscription:
            await subscription.join("a", history=9)
            assert await take(subscription, 6) == ["between", "1", "2", "3", "4", "5"]
            assert subscription.last_id == "id 5"
        async with channels.subscribe("a", history=2, max_queue=3) as subscription:
            assert await take(subscription, 3) == ["3", "4", "5"]

    run(test, Channels(Kept([])))


def test_a_backend_that_is_down_is_told_to_the_subscriber_and_leaves_nothing() -> None:
    wire = Wire([])

    async def test(channels: Channels) -> None:
        wire.fails = True
        with pytest.raises(ConnectionError):
            async with channels.subscribe("a"):
                pass
        assert channels.count() == 0
        wire.fails = False
        async with channels.subscribe("a") as subscription:
            await channels.publish("a", "x")
            assert await take(subscription, 1) == ["x"]
        assert wire.names == set()

    run(test, Channels(wire))


def test_joining_and_leaving_at_once_end_as_the_last_wanted() -> None:
    wire = Wire([])

    async def test(channels: Channels) -> None:
        async def come_and_go(turns: int) -> None:
            for _ in range(10):
                async with channels.subscribe("a"):
                    for _ in range(turns):
                        await asyncio.sleep(0)

        await asyncio.gather(*(come_and_go(turns) for turns in range(5)))
        assert wire.names == set()

    run(test, Channels(wire))


def test_a_hub_that_is_closed_while_somebody_subscribes_stays_closed_until_it_is_used_again() -> None:
    asked, goes_on = asyncio.Event(), asyncio.Event()

    class Slow(Wire):
        async def start(self, deliver: Deliver) -> None:
            self.names.clear()
            await super().start(deliver)

        async def stop(self) -> None:
            self.deliver = None
            await super().stop()

        async def subscribe(self, name: str) -> None:
            assert self.deliver is not None
            asked.set()
            await goes_on.wait()
            await super().subscribe(name)

    wire = Slow([])

    async def test(channels: Channels) -> None:
        async def come() -> list[Message]:
            async with channels.subscribe("a") as subscription:
                return [message async for message in subscription]

        members = [asyncio.create_task(come()) for _ in range(3)]
        await asyncio.wait_for(asked.wait(), 30)
        await channels.close()
        goes_on.set()
        assert await asyncio.gather(*members) == [[]] * 3
        assert wire.calls == ["start", "stop"]
        async with channels.subscribe("a") as subscription:
            await channels.publish("a", "again")
            assert await take(subscription, 1) == ["again"]
        await channels.close()

    run(test, Channels(wire))


def test_the_default_queue_is_what_the_documentation_says() -> None:
    assert DEFAULT_MAX_QUEUE == 100


def test_channels_may_be_entered_and_are_closed_then() -> None:
    async def go() -> list[Any]:
        channels = Channels()
        got: list[Any] = []
        async with channels as entered:
            assert entered is channels
            async with channels.subscribe("news") as subscription:
                await channels.publish("news", "first")
                got.append(await anext(aiter(subscription)))
        return got

    assert [getattr(each, "message", each) for each in asyncio.run(go())] == ["first"]
