"""Cases 140, 141, 143, 145 and 146: state, background tasks, teardown, interpreters and threads, in this process."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest

from velocipy import (
    AsyncTestClient,
    BackgroundTasks,
    Depends,
    FileResponse,
    Request,
    StreamingResponse,
    VelociPy,
    WebSocket,
    threads,
)
from velocipy.testing import TestClient


@pytest.mark.case(140)
def test_what_a_lifespan_yields_is_there_for_every_request_and_both_ends_run_once(interface: Any) -> None:
    order: list[str] = []

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[dict[str, int]]:
        order.append("start")
        app.state.by_hand = 1
        yield {"yielded": 2}
        order.append("stop")

    app = VelociPy(lifespan=lifespan, plugins=False)

    @app.get("/")
    async def read(request: Request) -> list[int]:
        return [request.app.state.by_hand, request.app.state["yielded"]]

    @app.websocket("/ws")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_json(websocket.app.state["yielded"])

    for _ in range(2):
        with TestClient(app, interface=interface) as client:
            assert client.get("/").json() == client.get("/").json() == [1, 2]
            with client.websocket_connect("/ws") as ws:
                assert ws.receive_json() == 2
    assert order == ["start", "stop"] * 2
    if interface == "rsgi":  # the pair that Granian calls, on a loop that stands still
        loop = asyncio.new_event_loop()
        assert app.__rsgi_init__(loop) is app.__rsgi_del__(loop) is None
        loop.close()
        assert order == ["start", "stop"] * 3


@pytest.mark.case(141)
def test_a_background_task_changes_no_answer_is_logged_and_has_the_grace_of_a_stop(
    interface: Any, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[str] = []
    app = VelociPy(plugins=False, shutdown_grace=1.0)

    async def work(seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
            events.append("finished")
        except asyncio.CancelledError:
            events.append("cancelled")
            raise

    def broken() -> None:
        raise LookupError("in the background")

    @app.get("/broken")
    async def raise_later(tasks: BackgroundTasks) -> str:
        tasks.add_task(broken)
        tasks.add_task(events.append, "the next one")
        return "answered"

    @app.get("/slow/{seconds:float}")
    async def work_later(tasks: BackgroundTasks, seconds: float) -> str:
        tasks.add_task(work, seconds)
        return "answered"

    async def run() -> None:
        client = AsyncTestClient(app, interface=interface)
        await app.lifespan.start()
        tasks: list[asyncio.Task[None]] = []
        for path in ("/broken", "/slow/0.05", "/slow/60"):
            exchange = client.exchange("GET", path)
            head = await asyncio.wait_for(exchange.head(), 30)
            assert (head.status, await exchange.chunk()) == (200, b"answered")
            assert exchange.task is not None
            tasks.append(exchange.task)
        await app.lifespan.stop()  # as a server calls it, before it ends what is left
        assert (await asyncio.wait(tasks, timeout=30))[1] == set()
        await client.aclose()

    asyncio.run(run())
    assert events == ["the next one", "finished", "cancelled"]
    said = [record.getMessage() for record in caplog.records if record.name.startswith("velocipy")]
    assert len(said) == 2
    assert "in the background" in str(caplog.records[0].exc_info)
    assert "was still running 1.0 s after the app was told to stop" in said[1]


@pytest.mark.case(143)
def test_dependencies_are_left_once_in_reverse_with_what_ended_the_request(interface: Any) -> None:
    for ending, seen in {
        "success": None,
        "exception": "LookupError",
        "cancel": "CancelledError",
        "disconnect": "ClientDisconnected",
        "timeout": "TimeoutError",
    }.items():
        events: list[str] = []
        asyncio.run(end_request(interface, ending, events))
        told = [] if seen is None else [f"inner saw {seen}"]
        passed = [] if seen is None else [f"outer saw {seen}"]
        assert events == [*told, "inner left", *passed, "outer left"], ending


async def end_request(interface: Any, ending: str, events: list[str]) -> None:
    """One request that enters two dependencies and ends in that way."""
    reached = asyncio.Event()

    async def outer() -> AsyncIterator[None]:
        try:
            yield
        except BaseException as exc:
            events.append(f"outer saw {type(exc).__name__}")
            raise
        finally:
            events.append("outer left")

    def inner(_: Annotated[None, Depends(outer)]) -> Iterator[None]:
        try:
            yield
        except BaseException as exc:
            events.append(f"inner saw {type(exc).__name__}")
            raise
        finally:
            events.append("inner left")

    app = VelociPy(plugins=False, dependencies=[Depends(inner)])

    @app.get("/{ending}")
    async def endpoint(ending: str) -> Any:
        reached.set()
        if ending == "exception":
            raise LookupError
        if ending == "disconnect":
            return StreamingResponse(ticks())
        if ending != "success":
            async with asyncio.timeout(0.02 if ending == "timeout" else 60):
                await asyncio.sleep(60)
        return "done"

    async def ticks() -> AsyncIterator[bytes]:
        while True:
            yield b"tick"
            await asyncio.sleep(0.001)

    async with AsyncTestClient(app, interface=interface, raise_server_exceptions=False) as client:
        exchange = client.exchange("GET", f"/{ending}")
        await asyncio.wait_for(reached.wait(), 30)
        assert exchange.task is not None
        if ending == "cancel":
            exchange.task.cancel()
        elif ending == "disconnect":
            await exchange.chunk()
            exchange.leave()
        await asyncio.wait([exchange.task], timeout=30)
        assert exchange.task.done()


WHOLE = """
import asyncio, sys
from typing import Annotated, Any
from velocipy import BackgroundTasks, Depends, StreamingResponse, VelociPy, WebSocket
from velocipy.testing import AsyncTestClient

app = VelociPy(plugins=False)
done = []

def session():
    yield "session"
    done.append("left")

@app.get("/items/{id:int}")
def item(id: int, session: Annotated[str, Depends(session)], background: BackgroundTasks) -> dict[str, Any]:
    background.add_task(done.append, "background")
    return {"id": id, "session": session}

@app.post("/body")
async def body(body: dict[str, Any]) -> Any:
    return body

@app.get("/stream")
async def stream(session: Annotated[str, Depends(session)]):
    yield session

@app.get("/fail")
async def fail() -> None:
    raise LookupError

@app.websocket("/ws")
async def ws(websocket: WebSocket) -> None:
    await websocket.accept()
    async for message in websocket:
        await websocket.send(message)

def check(found, expected):         # no assert: this runs under -O
    if found != expected:
        raise SystemExit(f"{found!r} is not {expected!r}")

async def main():
    if "eager" in sys.argv:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    async with AsyncTestClient(app, interface=sys.argv[1], raise_server_exceptions=False) as client:
        check((await client.get("/items/3")).json(), {"id": 3, "session": "session"})
        check((await client.get("/items/x")).status_code, 404)
        check((await client.post("/body", json={"a": 1})).json(), {"a": 1})
        check((await client.get("/stream")).text, "session")
        check((await client.get("/fail")).status_code, 500)
        async with client.websocket_connect("/ws") as websocket:
            await websocket.send_text("x")
            check(await websocket.receive_text(), "x")
    check(sorted(done), ["background", "left", "left"])

loop_factory = None
if "uvloop" in sys.argv:
    import uvloop
    loop_factory = uvloop.new_event_loop
with asyncio.Runner(loop_factory=loop_factory) as runner:
    runner.run(main())
print("whole")
"""


@pytest.mark.case(145)
def test_an_app_is_whole_however_the_interpreter_and_its_loop_are_started(interface: str) -> None:
    """Granian's loops are those of tests/conformance; the whole suite runs on every Python that there is."""
    ways = [("-OO", "uvloop"), ("-Xdev", "asyncio")]
    if sys.version_info >= (3, 12):  # eager tasks came then
        ways.append(("-O", "eager"))
    for option, loop in ways:
        command = [sys.executable, option, "-W", "error", "-c", WHOLE, interface, loop]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout) == (0, "whole\n"), done.stderr


@pytest.mark.case(146)
def test_calls_that_block_run_in_threads_wait_for_one_and_never_block_the_loop(
    interface: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"x" * 1_000_000)
    app = VelociPy(plugins=False)
    most: list[int] = []
    busy = 0
    lock, gate = threading.Lock(), threading.Event()

    def inside(_: Request) -> Iterator[None]:
        nonlocal busy
        with lock:
            busy += 1
            most.append(busy)
        yield
        with lock:
            busy -= 1

    @app.get("/blocking", dependencies=[Depends(inside)])
    def blocking() -> str:
        assert threading.current_thread() is not threading.main_thread()
        assert gate.wait(60)
        return "done"

    @app.get("/free")
    async def free() -> str:
        return "free"

    @app.get("/file")
    async def file() -> FileResponse:
        return FileResponse(tmp_path / "file")

    async def run() -> None:
        number = 2 * threads.MAX_THREADS
        async with AsyncTestClient(app, interface=interface) as client:
            waiting = [asyncio.ensure_future(client.get("/blocking")) for _ in range(number)]
            while busy < threads.MAX_THREADS:
                await asyncio.sleep(0.01)
            assert (await client.get("/free")).text == "free"
            assert not any(task.done() for task in waiting)
            gate.set()
            assert [(await task).text for task in waiting] == ["done"] * number
            assert len((await client.get("/file")).content) == 1_000_000

    asyncio.run(run())
    assert len(most) == 2 * threads.MAX_THREADS
