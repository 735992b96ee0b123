"""What of a generator goes out together, and when: while it waits, at 64 KiB, before an error, and as the end."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocipy.exceptions import ClientDisconnected
from velocipy.http.gathering import A_CHUNK, BATCH, gather
from velocipy.http.response import as_bytes

Chunks = AsyncGenerator[Any, None]


class Sink:
    """Where chunks are written to: keeps them, makes who writes wait, or fails."""

    def __init__(self, turns: int = 0, error: BaseException | None = None) -> None:
        self.begun: list[bytes] = []
        self.written: list[bytes] = []
        self._turns = turns
        self._error = error

    async def write(self, chunk: bytes) -> None:
        self.begun.append(chunk)
        for _ in range(self._turns):
            await asyncio.sleep(0)
        if self._error is not None:
            raise self._error
        self.written.append(chunk)


async def gathered(items: Chunks, sink: Sink) -> bytes:
    return await gather(items, as_bytes, sink.write)


async def pause() -> None:
    await asyncio.sleep(0)


async def wait_for_nothing() -> None:
    """An `await` that does not wait."""


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 10))


def test_what_comes_without_a_wait_is_one_rest() -> None:
    async def items() -> Chunks:
        yield b"a"
        await wait_for_nothing()
        yield "ä"
        yield b""
        yield bytearray(b"b")

    sink = Sink()
    assert run(gathered(items(), sink)) == "aäb".encode()
    assert sink.written == []


def test_nothing_is_nothing() -> None:
    async def items() -> Chunks:
        await pause()
        yield b""

    sink = Sink()
    assert run(gathered(items(), sink)) == b""
    assert sink.written == []


@pytest.mark.parametrize("turns", [0, 1, 5])
def test_writing_what_came_begins_before_the_generator_goes_on(turns: int) -> None:
    sink = Sink(turns)
    seen = []

    async def items() -> Chunks:
        yield b"a"
        yield b"b"
        seen.append(list(sink.begun))  # nothing has waited yet
        await pause()
        seen.append(list(sink.begun))
        yield b"c"
        while len(sink.written) < 2:
            await pause()
        yield b"d"

    assert run(gathered(items(), sink)) == b"d"
    assert seen == [[], [b"ab"]]
    assert sink.written == [b"ab", b"c"]


def test_what_the_generator_waits_for_may_come_while_it_is_written() -> None:
    async def main() -> None:
        coming = asyncio.get_running_loop().create_future()

        async def items() -> Chunks:
            yield b"a"
            yield await coming

        asyncio.get_running_loop().call_soon(coming.set_result, b"b")
        sink = Sink(turns=3)
        rest = await gathered(items(), sink)
        assert (sink.written[0], b"".join([*sink.written, rest])) == (b"a", b"ab")

    run(main())


@pytest.mark.parametrize("size", [0, 1, 1000, BATCH, 3 * BATCH])
def test_much_is_written_before_the_generator_ends_and_lets_the_loop_do_other_work(size: int) -> None:
    chunk, count = b"x" * size, 8 * BATCH // (size + A_CHUNK) + 2
    turns = 0

    async def main() -> bytes:
        nonlocal turns

        async def tick() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        async def items() -> Chunks:
            for _ in range(count):
                yield chunk

        ticking = asyncio.ensure_future(tick())
        rest: bytes = await gathered(items(), sink)
        ticking.cancel()
        return rest

    sink = Sink()
    rest = run(main())
    assert b"".join([*sink.written, rest]) == chunk * count
    assert all(len(written) < BATCH + max(size, 1) for written in sink.written)
    if size:
        assert len(sink.written) >= min(count, 7)
        assert turns >= min(count, 7)


def test_what_came_before_an_error_is_written() -> None:
    async def items() -> Chunks:
        yield b"a"
        yield b"b"
        raise LookupError("of the generator")

    sink = Sink(turns=1)
    with pytest.raises(LookupError, match="of the generator"):
        run(gathered(items(), sink))
    assert sink.written == [b"ab"]


def test_what_came_before_an_item_that_is_no_chunk_is_written() -> None:
    async def items() -> Chunks:
        yield b"a"
        yield 3

    sink = Sink()
    with pytest.raises(ValueError, match="int"):
        run(gathered(items(), sink))
    assert sink.written == [b"a"]


def test_the_generators_error_is_told_though_the_client_has_left() -> None:
    async def items() -> Chunks:
        yield b"a"
        raise LookupError("of the generator")

    with pytest.raises(LookupError):
        run(gathered(items(), Sink(error=ClientDisconnected("left"))))


def test_an_error_of_writing_much_is_told_once() -> None:
    calls = 0

    class Broken(Sink):
        async def write(self, chunk: bytes) -> None:
            nonlocal calls
            calls += 1
            raise OSError("cannot write")

    async def items() -> Chunks:
        while True:
            yield b"x" * BATCH

    with pytest.raises(OSError, match="cannot write"):
        run(gathered(items(), Broken()))
    assert calls == 1


@pytest.mark.parametrize(
    "error", [ClientDisconnected("left"), OSError("cannot write"), asyncio.CancelledError()]
)
@pytest.mark.parametrize("way", ["raises", "returns", "yields", "waits"])
def test_a_generator_that_waits_while_nothing_can_be_written_is_cancelled(
    error: BaseException, way: str
) -> None:
    ended = []

    async def items() -> Chunks:
        yield b"a"
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            await pause()
            if way == "raises":
                raise
            if way == "yields":
                yield b"b"
            if way == "waits":
                await asyncio.sleep(0.001)
        finally:
            await pause()
            ended.append("over")

    sink = Sink(turns=1, error=error)

    async def main() -> None:
        made = items()
        with pytest.raises(type(error)):
            await gathered(made, sink)
        await made.aclose()  # as the caller does, and it is not running any more

    run(main())
    assert ended == ["cancelled", "over"]
    assert sink.written == []


def test_one_that_waits_for_nothing_but_turns_is_cancelled_too() -> None:
    ended = []

    async def items() -> Chunks:
        try:
            yield b"a"
            while True:
                await pause()
        except asyncio.CancelledError:
            await pause()
            ended.append("once")
            raise

    with pytest.raises(OSError, match="cannot write"):
        run(gathered(items(), Sink(turns=2, error=OSError("cannot write"))))
    assert ended == ["once"]


def test_in_a_task_that_cannot_be_cancelled_it_is_when_it_goes_on() -> None:
    seen = []

    class _CBSchedulerTask(asyncio.Task[Any]):
        """Named as Granian's."""

    async def items() -> Chunks:
        yield b"a"
        try:
            await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            await pause()
            seen.append("cancelled")
            raise

    async def main() -> None:
        coming = gathered(items(), Sink(error=ClientDisconnected("left")))
        with pytest.raises(ClientDisconnected):
            await _CBSchedulerTask(coming, loop=asyncio.get_running_loop())

    run(main())
    assert seen == ["cancelled"]


def test_one_that_goes_on_after_that_is_cancelled_wherever_it_waits() -> None:
    passed = []

    async def items() -> Chunks:
        for number in range(1000):
            passed.append(number)
            yield b"a"
            try:
                await asyncio.sleep(60 if number != 1 else 0.001)
            except asyncio.CancelledError:
                continue

    async def main() -> None:
        made = items()
        with pytest.raises(ClientDisconnected):
            await gathered(made, Sink(turns=1, error=ClientDisconnected("left")))
        await made.aclose()

    run(main())
    assert len(passed) == BATCH // A_CHUNK


def test_a_write_that_raises_at_its_call_ends_the_generator_as_well() -> None:
    def write(chunk: bytes) -> Any:
        raise ClientDisconnected("left")

    async def items() -> Chunks:
        yield b"a"
        await asyncio.sleep(60)

    async def main() -> None:
        made = items()
        with pytest.raises(ClientDisconnected):
            await gather(made, as_bytes, write)
        await made.aclose()

    run(main())


def test_a_generators_own_timeouts_break_nothing_off_that_is_written_for_a_slow_client() -> None:
    async def main() -> None:
        class Slow(Sink):
            async def write(self, chunk: bytes) -> None:
                await room.wait()
                await super().write(chunk)

        async def items() -> Chunks:
            yield b"a"
            for _ in range(3):
                try:
                    async with asyncio.timeout(0.001):
                        await asyncio.sleep(60)
                except TimeoutError:
                    yield b"."
            room.set()
            yield b"b"

        room, sink = asyncio.Event(), Slow()
        rest = await gathered(items(), sink)
        assert b"".join([*sink.written, rest]) == b"a...b"

    run(main())


def test_others_can_wait_for_the_same_future_while_it_is_written_for_a_slow_client() -> None:
    async def main() -> None:
        coming = asyncio.get_running_loop().create_future()

        async def items() -> Chunks:
            yield b"a"
            yield await coming

        async def other() -> Any:
            return await coming

        slow = asyncio.ensure_future(gathered(items(), Sink(turns=10)))
        await pause()
        waiting = asyncio.ensure_future(other())
        for _ in range(20):
            await pause()
        coming.set_result(b"b")
        assert await waiting == b"b"
        assert await slow == b"b"

    run(main())


@pytest.mark.parametrize("turns", [0, 1_000_000])
@pytest.mark.parametrize("error", [None, ClientDisconnected("left")])
def test_what_the_generator_waits_for_is_cancelled_with_it(turns: int, error: BaseException | None) -> None:
    ended = []

    async def child() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("child")

    async def items() -> Chunks:
        yield b"a"
        await asyncio.gather(child(), child())

    async def main() -> None:
        task = asyncio.ensure_future(gathered(items(), Sink(min(turns, 5) if error else turns, error)))
        for _ in range(10):
            await pause()
        if error is None:
            task.cancel()
        with pytest.raises(type(error) if error else asyncio.CancelledError):
            await task
        assert ended == ["child", "child"]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    # Not by `run`, whose timeout is a task more.
    asyncio.run(main())


def test_the_end_waits_for_what_is_written() -> None:
    async def items() -> Chunks:
        yield b"a"
        await pause()

    sink = Sink(turns=20)
    assert run(gathered(items(), sink)) == b""
    assert sink.written == [b"a"]


def test_much_that_comes_while_a_slow_client_is_written_to_waits_for_it() -> None:
    kept = 0

    async def items() -> Chunks:
        nonlocal kept
        yield b"a"
        await pause()
        for _ in range(100):
            yield b"x" * 10_000
            kept = max(kept, 10_000 * (_ + 1) + 1 - len(b"".join(sink.begun)))
            await pause()

    sink = Sink(turns=50)
    rest = run(gathered(items(), sink))
    assert b"".join([*sink.written, rest]) == b"a" + b"x" * 1_000_000
    assert kept <= BATCH + 10_000


def test_what_fails_while_much_waits_for_it_is_told_once() -> None:
    async def items() -> Chunks:
        yield b"a"
        await pause()
        while True:
            yield b"x" * BATCH

    sink = Sink(turns=3, error=OSError("cannot write"))
    with pytest.raises(OSError, match="cannot write"):
        run(gathered(items(), sink))
    assert sink.begun == [b"a"]


def test_a_generators_own_error_after_that_is_not_lost() -> None:
    async def items() -> Chunks:
        yield b"a"
        try:
            await asyncio.sleep(60)
        finally:
            raise LookupError("of its clean-up")

    with pytest.raises(LookupError, match="clean-up") as caught:
        run(gathered(items(), Sink(error=ClientDisconnected("left"))))
    assert any(isinstance(error, ClientDisconnected) for error in _chain(caught.value))


def _chain(error: BaseException | None) -> list[BaseException]:
    found = []
    while error is not None:
        found.append(error)
        error = error.__cause__ or error.__context__
    return found


@pytest.mark.parametrize("turns", [0, 1_000_000])
def test_cancelling_reaches_the_generator_where_it_waits(turns: int) -> None:
    """Whether it is still being written what came before, or not any more."""
    seen = []

    async def items() -> Chunks:
        yield b"a"
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async def main() -> None:
        task = asyncio.ensure_future(gathered(items(), Sink(turns)))
        await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
    assert seen == ["cancelled"]


def test_a_generator_that_is_not_stopped_by_an_error_goes_on() -> None:
    """What is thrown in while it waits is its own to handle, as with `async for`."""

    async def items() -> Chunks:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            yield b"still here"
        await pause()
        yield b"b"

    async def main() -> None:
        task = asyncio.ensure_future(gathered(items(), sink))
        await pause()
        task.cancel()
        assert await task == b"b"

    sink = Sink()
    run(main())
    assert sink.written == [b"still here"]


@pytest.mark.parametrize("way", ["raises", "returns"])
def test_one_that_is_dropped_while_it_waits_is_ended(way: str) -> None:
    closed = []

    async def items() -> Chunks:
        try:
            yield b"a"
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            if way == "raises":
                raise
        finally:
            closed.append(True)

    async def main() -> None:
        made = items()
        work = gathered(made, Sink())
        assert work.send(None) is not None
        work.close()
        assert closed == [True]
        await made.aclose()

    run(main())


@pytest.mark.parametrize("is_closed", [False, True])
def test_one_that_is_dropped_while_it_is_written_ends_that(is_closed: bool) -> None:
    async def items() -> Chunks:
        yield b"a"
        await asyncio.sleep(60)

    async def main() -> Coroutine[Any, Any, Any]:
        work = gathered(items(), sink)
        assert work.send(None) is not None
        await pause()
        if not is_closed:
            work.close()
            await pause()
            await pause()
            assert asyncio.all_tasks() == {asyncio.current_task()}
        return work

    sink = Sink(turns=10)
    asyncio.run(main()).close()
    assert (sink.begun, sink.written) == ([b"a"], [])


def test_one_that_is_dropped_and_waits_again_is_given_up() -> None:
    async def items() -> Chunks:
        try:
            yield b"a"
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(60)

    async def main() -> None:
        work = gathered(items(), Sink())
        assert work.send(None) is not None
        work.close()
        with pytest.raises(RuntimeError, match="closed|already"):
            work.send(None)

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)  # what asyncio says of the generator is its own
    loop.run_until_complete(main())
    loop.close()


Step = bytes | None
"""A chunk, or a wait."""


@given(st.lists(st.none() | st.binary(max_size=3) | st.integers(1, 2 * BATCH).map(bytes)), st.integers(0, 2))
def test_every_byte_is_written_once_and_in_order_and_where_writing_does_not_wait_before_each_wait(
    steps: list[Step], turns: int
) -> None:
    sink = Sink(turns)

    async def items() -> Chunks:
        came = b""
        for step in steps:
            if step is None:
                await pause()
                assert came.startswith(b"".join(sink.begun))
                assert turns or b"".join(sink.written) == came
            else:
                came += step
                yield step

    rest = run(gathered(items(), sink))
    assert b"".join([*sink.written, rest]) == b"".join(step for step in steps if step is not None)
    assert b"" not in sink.written


def test_who_waits_for_a_write_that_fails_hears_of_it_once() -> None:
    """The generator has come to the end of a batch while what stood before its wait is still being written."""

    async def items() -> Chunks:
        yield b"a"
        await pause()
        while True:
            yield b"x" * BATCH

    with pytest.raises(OSError, match="cannot write"):
        run(gathered(items(), Sink(turns=5, error=OSError("cannot write"))))


def test_one_that_is_cancelled_before_its_first_chunk_writes_nothing() -> None:
    async def items() -> Chunks:
        await asyncio.sleep(60)
        yield b"a"

    async def main() -> None:
        task = asyncio.ensure_future(gathered(items(), sink))
        await pause()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    sink = Sink()
    run(main())
    assert sink.begun == []
