"""Teardown by itself: what is entered is left once, last in first out, whatever happened."""

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from velocipy import Response, StreamingResponse
from velocipy.handlers.markers import Scope
from velocipy.handlers.scope import Teardown

BUFFERED = Response(b"x")
STREAM = StreamingResponse(iter([b"x"]))


def noting(events: list[str], name: str, leave_with: BaseException | None = None) -> Any:
    @asynccontextmanager
    async def manager() -> AsyncIterator[str]:
        try:
            yield name
        except BaseException as exc:
            events.append(f"{name} threw {type(exc).__name__}")
            raise
        else:
            events.append(name)
        finally:
            if leave_with is not None:
                raise leave_with

    return manager()


def swallowing(events: list[str], name: str) -> Any:
    @asynccontextmanager
    async def manager() -> AsyncIterator[None]:
        try:
            yield
        except Exception:
            events.append(name)

    return manager()


async def entered(events: list[str], scopes: dict[str, Scope | None]) -> Teardown:
    teardown = Teardown()
    for name, scope in scopes.items():
        assert await teardown.enter(noting(events, name), scope) == name
    return teardown


def test_everything_is_left_last_in_first_out_and_once() -> None:
    events: list[str] = []

    async def scenario() -> None:
        teardown = await entered(events, {"a": None, "b": None, "c": None})
        await teardown.before_send(BUFFERED)
        await teardown.before_send(BUFFERED)
        await teardown.after_send()
        await teardown.abandon(RuntimeError())

    asyncio.run(scenario())
    assert events == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("response", "before", "after"),
    [
        (BUFFERED, ["function", "default"], ["request"]),
        (None, ["function", "default"], ["request"]),
        (STREAM, ["function"], ["request", "default"]),
    ],
)
def test_scopes_and_the_kind_of_answer_say_when(
    response: Response | None, before: list[str], after: list[str]
) -> None:
    events: list[str] = []

    async def scenario() -> None:
        teardown = await entered(events, {"default": None, "request": "request", "function": "function"})
        await teardown.before_send(response)
        assert events == before
        await teardown.after_send()

    asyncio.run(scenario())
    assert events == before + after


def test_an_exception_reaches_everything_and_comes_out_as_it_was() -> None:
    events: list[str] = []
    thrown = LookupError()

    async def scenario() -> Exception:
        teardown = await entered(events, {"a": "request", "b": None, "c": "function"})
        return await teardown.throw(thrown)

    assert asyncio.run(scenario()) is thrown
    assert events == [f"{name} threw LookupError" for name in "cba"]


def test_an_exception_may_be_replaced_on_the_way_out() -> None:
    events: list[str] = []

    async def scenario() -> Exception:
        teardown = Teardown()
        await teardown.enter(noting(events, "outer"), None)
        await teardown.enter(noting(events, "inner", leave_with=KeyError("new")), None)
        return await teardown.throw(LookupError())

    assert repr(asyncio.run(scenario())) == "KeyError('new')"
    assert events == ["inner threw LookupError", "outer threw KeyError"]


def test_an_exception_cannot_be_swallowed() -> None:
    events: list[str] = []
    thrown = LookupError()

    async def scenario() -> Exception:
        teardown = Teardown()
        await teardown.enter(noting(events, "outer"), None)
        await teardown.enter(swallowing(events, "silent"), None)
        return await teardown.throw(thrown)

    assert asyncio.run(scenario()) is thrown
    assert events == ["silent", "outer threw LookupError"]


class Falsy(Exception):
    """An exception that is false, as one with __len__ may be."""

    def __bool__(self) -> bool:
        return False


def test_an_exception_that_is_false_is_still_one() -> None:
    events: list[str] = []

    async def scenario() -> Exception:
        teardown = await entered(events, {"a": None})
        return await teardown.throw(Falsy())

    assert isinstance(asyncio.run(scenario()), Falsy)
    assert events == ["a threw Falsy"]


def test_what_teardown_raises_before_sending_is_raised_and_the_rest_hears_of_it() -> None:
    events: list[str] = []

    async def scenario() -> None:
        teardown = Teardown()
        await teardown.enter(noting(events, "outer"), None)
        await teardown.enter(noting(events, "inner", leave_with=OSError("commit")), None)
        await teardown.before_send(BUFFERED)

    with pytest.raises(OSError, match="commit"):
        asyncio.run(scenario())
    assert events == ["inner", "outer threw OSError"]


def test_what_teardown_raises_after_sending_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        teardown = Teardown()
        await teardown.enter(noting([], "a", leave_with=OSError("late")), "request")
        await teardown.after_send()

    with caplog.at_level(logging.ERROR, "velocipy"):
        asyncio.run(scenario())
    assert [record.message for record in caplog.records] == [
        "teardown failed after the answer to a request was sent"
    ]


def test_what_broke_the_answer_off_is_thrown_in_and_not_logged_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events: list[str] = []

    async def scenario() -> None:
        teardown = await entered(events, {"a": None})
        await teardown.after_send(ValueError("row 3"))

    with caplog.at_level(logging.ERROR, "velocipy"):
        asyncio.run(scenario())
    assert events == ["a threw ValueError"]
    assert caplog.records == []


def test_teardown_that_fails_while_the_request_is_given_up_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    events: list[str] = []

    async def scenario() -> None:
        teardown = Teardown()
        await teardown.enter(noting(events, "outer"), None)
        await teardown.enter(noting(events, "inner", leave_with=OSError("rollback")), None)
        await teardown.abandon(asyncio.CancelledError())

    with caplog.at_level(logging.ERROR, "velocipy"):
        asyncio.run(scenario())
    assert events == ["inner threw CancelledError", "outer threw OSError"]
    assert [record.message for record in caplog.records] == ["teardown failed after the request was given up"]


def test_a_cancellation_during_teardown_is_not_lost_and_the_rest_is_left() -> None:
    events: list[str] = []

    async def scenario() -> None:
        teardown = Teardown()
        await teardown.enter(noting(events, "outer"), "request")
        await teardown.enter(noting(events, "inner", leave_with=asyncio.CancelledError()), "request")
        await teardown.after_send()

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(scenario())
    assert events == ["inner", "outer threw CancelledError"]


def test_one_manager_entered_twice_is_left_twice() -> None:
    class Counting:
        depth = 0

        async def __aenter__(self) -> None:
            self.depth += 1

        async def __aexit__(self, *exc_info: object) -> None:
            self.depth -= 1

    manager = Counting()
    events: list[str] = []

    async def scenario() -> None:
        teardown = Teardown()
        await teardown.enter(manager, None)
        await teardown.enter(noting(events, "between"), None)
        await teardown.enter(manager, None)
        assert manager.depth == 2
        await teardown.before_send(BUFFERED)

    asyncio.run(scenario())
    assert manager.depth == 0 and events == ["between"]


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def test_a_blocking_manager_runs_in_threads_and_in_one_context() -> None:
    seen: list[str] = []

    @contextmanager
    def manager() -> Iterator[str]:
        assert threading.current_thread() is not threading.main_thread()
        seen.append(variable.get())
        token = variable.set("inside")
        yield "value"
        seen.append(variable.get())
        variable.reset(token)

    async def scenario() -> None:
        variable.set("of the request")
        teardown = Teardown()
        assert await teardown.enter_in_thread(manager(), None) == "value"
        assert variable.get() == "of the request"
        await teardown.before_send(BUFFERED)

    asyncio.run(scenario())
    assert seen == ["of the request", "inside"]


def test_a_blocking_manager_that_fails_to_enter_is_not_left() -> None:
    left: list[str] = []

    class Failing:
        def __enter__(self) -> None:
            raise OSError("no connection")

        def __exit__(self, *exc_info: object) -> None:
            left.append("left")

    async def scenario() -> None:
        teardown = Teardown()
        with pytest.raises(OSError, match="no connection"):
            await teardown.enter_in_thread(Failing(), None)
        await teardown.after_send()

    asyncio.run(scenario())
    assert left == []


def test_leaving_a_blocking_manager_is_waited_for_even_when_cancelled() -> None:
    """Else what was entered before it would be left while its thread still uses that."""
    events: list[str] = []
    leaving = threading.Event()

    @contextmanager
    def slow() -> Iterator[None]:
        yield
        leaving.set()
        time.sleep(0.05)
        events.append("slow left")

    async def scenario() -> None:
        teardown = Teardown()
        await teardown.enter(noting(events, "outer"), None)
        await teardown.enter_in_thread(slow(), None)
        task = asyncio.ensure_future(teardown.before_send(BUFFERED))
        await asyncio.to_thread(leaving.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
    assert events == ["slow left", "outer threw CancelledError"]


def test_a_thread_that_fails_after_its_request_was_cancelled_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    entering = threading.Event()

    @contextmanager
    def slow() -> Iterator[None]:
        entering.set()
        time.sleep(0.05)
        raise OSError("too late")
        yield

    async def scenario() -> None:
        teardown = Teardown()
        task = asyncio.ensure_future(teardown.enter_in_thread(slow(), None))
        await asyncio.to_thread(entering.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with caplog.at_level(logging.ERROR, "velocipy"):
        asyncio.run(scenario())
    assert [record.message for record in caplog.records] == [
        "a dependency failed in its thread after its request was cancelled"
    ]
