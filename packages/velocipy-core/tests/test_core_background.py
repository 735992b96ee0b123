"""Work after the answer, and beside all requests: when it runs, in which order, and what becomes of it when the app stops."""

import asyncio
import logging
import threading
import time
from typing import Annotated, Any

import pytest

from velocipy import (
    BackgroundTask,
    BackgroundTasks,
    Depends,
    HTTPException,
    Request,
    Response,
    VelociPy,
    WebSocket,
)
from velocipy.exceptions import BindingError, ConfigurationError
from velocipy.testing import AsyncTestClient, TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


@both
def test_tasks_run_in_order_after_the_answer_wherever_they_were_added(interface: Any) -> None:
    events: list[str] = []
    app = VelociPy(plugins=False)

    async def later(text: str, *, mark: str = "") -> None:
        await asyncio.sleep(0)
        events.append(text + mark)

    def blocking(text: str) -> None:
        events.append(f"{text} in a thread: {threading.current_thread() is not threading.main_thread()}")

    async def dependency(tasks: BackgroundTasks) -> Any:
        tasks.add_task(later, "dependency")
        try:
            yield
        finally:
            events.append("teardown")

    @app.post("/")
    async def endpoint(
        tasks: BackgroundTasks, request: Request, _: Annotated[None, Depends(dependency)]
    ) -> str:
        tasks.add_task(later, "endpoint", mark="!")
        request.background.add_task(blocking, "request")
        events.append("answered")
        return "done"

    assert TestClient(app, interface=interface).post("/").text == "done"
    assert events == ["answered", "teardown", "dependency", "endpoint!", "request in a thread: True"]


@both
def test_a_task_that_fails_is_logged_and_the_others_run(
    interface: Any, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[int] = []
    app = VelociPy(plugins=False)

    async def broken() -> None:
        raise ValueError("boom")

    @app.get("/")
    async def endpoint(tasks: BackgroundTasks) -> str:
        tasks.add_task(broken)
        tasks.add_task(done.append, 1)
        return "fine"

    assert TestClient(app, interface=interface).get("/").text == "fine"
    assert done == [1]
    assert "<BackgroundTask" in caplog.text and "broken" in caplog.text and "boom" in caplog.text


@both
@pytest.mark.case(40)
@pytest.mark.parametrize("trouble", ["http", "exception", "unsayable", "422"])
def test_after_an_error_no_task_runs(trouble: str, interface: Any) -> None:
    done: list[int] = []
    app = VelociPy(plugins=False)

    async def added(tasks: BackgroundTasks) -> None:
        tasks.add_task(done.append, 1)

    @app.get("/", dependencies=[Depends(added)])
    async def endpoint(number: int, tasks: BackgroundTasks) -> Any:
        tasks.add_task(done.append, 2)
        if trouble == "http":
            raise HTTPException(418)
        if trouble == "exception":
            raise ValueError
        return object()

    number = "x" if trouble == "422" else "1"
    client = TestClient(app, interface=interface, raise_server_exceptions=False)
    assert client.get(f"/?number={number}").status_code >= 400
    assert done == []


@both
def test_a_response_brings_its_own_task(interface: Any) -> None:
    done: list[str] = []
    app = VelociPy(plugins=False)

    @app.get("/")
    async def endpoint() -> Response:
        response = Response(b"x")
        response.background = BackgroundTask(done.append, "after")
        return response

    async def passing(request: Request, call_next: Any) -> Any:
        return await call_next(request)

    client = TestClient(app, interface=interface)
    client.get("/")
    app.add_middleware(passing)
    client.get("/")
    assert done == ["after", "after"]


def test_a_task_is_a_function_and_there_are_not_too_many() -> None:
    with pytest.raises(TypeError, match="a function and its arguments"):
        BackgroundTask("send")  # type: ignore[arg-type]
    tasks = BackgroundTasks()
    for _ in range(1_000):
        tasks.add_task(print)
    with pytest.raises(RuntimeError, match="at most 1000 background tasks"):
        tasks.add_task(print)


def test_a_websocket_has_no_answer_to_run_after() -> None:
    async def endpoint(websocket: WebSocket, tasks: BackgroundTasks) -> None: ...

    with pytest.raises(BindingError, match="has no answer to run after"):
        VelociPy().websocket("/ws")(endpoint)


@pytest.mark.case(141)
def test_the_stop_of_an_app_waits_for_tasks_up_to_its_grace(caplog: pytest.LogCaptureFixture) -> None:
    """Called as a server calls it: the test client gives its requests up before it stops the app."""
    events: list[str] = []

    async def work(seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
            events.append("finished")
        except asyncio.CancelledError:
            events.append("cancelled")
            raise

    async def go() -> None:
        app = VelociPy(plugins=False, shutdown_grace=1.0)
        await app.lifespan.start()
        running = [
            asyncio.ensure_future(app.jobs.run(BackgroundTasks(BackgroundTask(work, seconds))))
            for seconds in (0.05, 60)
        ]
        await asyncio.sleep(0)
        await app.lifespan.stop()
        await asyncio.gather(*running, return_exceptions=True)

    started = time.perf_counter()
    asyncio.run(go())
    assert time.perf_counter() - started < 30  # of the 60 that one would take
    assert events == ["finished", "cancelled"]
    assert "was still running 1.0 s after the app was told to stop" in caplog.text


@both
def test_lasting_tasks_run_as_long_as_the_app(interface: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    events: list[str] = []
    app = VelociPy(plugins=False)

    async def poll() -> None:
        events.append("begins")
        try:
            await asyncio.Event().wait()
        finally:
            events.append("ends")

    async def broken() -> None:
        raise ValueError("poll failed")

    app.add_task(poll)
    app.add_task(broken, name="broken poll")

    @app.get("/")
    async def endpoint() -> list[str]:
        return events

    for _ in range(2):
        events.clear()
        with TestClient(app, interface=interface) as client:
            assert client.get("/").json() == ["begins"]
        assert events == ["begins", "ends"]
    assert caplog.text.count("the task 'broken poll' of the app failed") == 2


def test_a_lasting_task_that_shall_restart_does() -> None:
    runs: list[int] = []
    app = VelociPy(plugins=False)

    async def flaky() -> None:
        runs.append(1)
        if len(runs) == 1:
            raise ValueError("once")
        await asyncio.Event().wait()

    app.add_task(flaky, restart=True)

    async def go() -> None:
        async with AsyncTestClient(app):
            until = time.monotonic() + 5
            while len(runs) < 2 and time.monotonic() < until:
                await asyncio.sleep(0.05)

    asyncio.run(go())
    assert runs == [1, 1]


@both
def test_a_task_that_is_added_to_a_running_app_begins_at_once(interface: Any) -> None:
    events: list[str] = []
    app = VelociPy(plugins=False)

    async def poll() -> None:
        events.append("begins")
        try:
            await asyncio.Event().wait()
        finally:
            events.append("ends")

    @app.post("/")
    async def add() -> None:
        app.add_task(poll)

    @app.get("/")
    async def seen() -> list[str]:
        return events

    with TestClient(app, interface=interface) as client:
        client.post("/")
        assert client.get("/").json() == ["begins"]
    assert events == ["begins", "ends"]


def test_a_task_that_ends_by_itself_is_not_begun_again_and_one_that_comes_too_late_never() -> None:
    runs: list[str] = []
    app = VelociPy(plugins=False)

    async def once() -> None:
        runs.append("once")

    async def late() -> None:
        runs.append("late")

    app.add_task(once, restart=True)

    async def go() -> None:
        await app.lifespan.start()
        await asyncio.sleep(0.01)
        app.add_task(late)
        await app.jobs.stop(1.0)
        await asyncio.sleep(0.01)
        await app.lifespan.stop()

    asyncio.run(go())
    assert runs == ["once"]


@pytest.mark.parametrize("grace", [-1, "x", True, float("nan"), float("inf")])
def test_the_grace_is_a_number_of_seconds(grace: Any) -> None:
    with pytest.raises(ConfigurationError, match="shutdown_grace is a number of seconds"):
        VelociPy(shutdown_grace=grace)
