"""What ends, and when, once the server is told to stop: on a loop of its own, and by signals."""

import asyncio
import signal
from typing import Any

import httpx2
import pytest

from velocipy import StreamingResponse, VelociPy, WebSocket
from velocipy.exceptions import WebSocketDisconnect
from velocipy.stopping import Stopping, listen, of_loop
from velocipy.testing import AsyncTestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


@both
@pytest.mark.case(137)
def test_a_websocket_is_closed_at_once_and_its_endpoint_hears_of_it(interface: Any) -> None:
    ended: list[str] = []
    app = VelociPy(plugins=False)

    @app.websocket("/ws")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await websocket.receive()
        except WebSocketDisconnect:
            ended.append("disconnected")
            raise

    async def go() -> None:
        async with AsyncTestClient(app, interface=interface) as client:
            async with client.websocket_connect("/ws") as websocket:
                of_loop().begin(60)
                with pytest.raises(WebSocketDisconnect) as caught:
                    await asyncio.wait_for(websocket.receive(), 5)
                assert caught.value.code == (1001 if interface == "asgi" else 1005)
            assert ended == ["disconnected"]

    asyncio.run(go())


@both
@pytest.mark.case(137)
def test_a_stream_has_its_grace_and_is_then_broken_off(
    interface: Any, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[str] = []

    async def ticks(count: int) -> Any:
        try:
            for number in range(count):
                yield f"{number};"
                await asyncio.sleep(0.02)
            events.append("whole")
        except BaseException as exc:
            events.append(type(exc).__name__)
            raise

    app = VelociPy(plugins=False)

    @app.get("/{count}")
    async def endpoint(count: int) -> StreamingResponse:
        return StreamingResponse(ticks(count))

    async def go() -> None:
        async with AsyncTestClient(app, interface=interface) as client:
            asking = [asyncio.ensure_future(client.get(f"/{count}")) for count in (3, 10_000)]
            await asyncio.sleep(0.03)
            of_loop().begin(1.0)
            assert (await asking[0]).text == "0;1;2;"
            if interface == "asgi":
                with pytest.raises(httpx2.RemoteProtocolError):
                    await asyncio.wait_for(asking[1], 60)
            else:  # RSGI has no way to show that there was more
                assert (await asyncio.wait_for(asking[1], 60)).text.startswith("0;1;2;")

    asyncio.run(go())
    assert events[0] == "whole"
    assert events[1] in ("CancelledError", "GeneratorExit")
    assert "a stream was still open 1.0 s after the server was told to stop" in caplog.text


def test_signals_are_heard_before_the_server_s_own_handler_and_given_back() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    ours = signal.getsignal(signal.SIGTERM)

    async def go() -> None:
        end = listen(1.0)
        assert signal.getsignal(signal.SIGTERM) is not ours
        signal.raise_signal(signal.SIGTERM)
        await asyncio.wait_for(of_loop().event.wait(), 60)
        end()
        assert signal.getsignal(signal.SIGTERM) is ours
        end()

    try:
        asyncio.run(go())
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]


def test_a_signal_that_nobody_handles_is_left_alone() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)

    async def go() -> None:
        listen(1.0)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

    try:
        asyncio.run(go())
    finally:
        signal.signal(signal.SIGTERM, before)


def test_another_thread_than_the_main_one_hears_nothing() -> None:
    async def go() -> None:
        await asyncio.to_thread(lambda: asyncio.run(inside()))

    async def inside() -> None:
        listen(1.0)()

    before = signal.getsignal(signal.SIGTERM)
    asyncio.run(go())
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_streams_in_no_task_is_let_be_and_a_second_stop_changes_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    closed: list[str] = []

    class Stuck:
        async def close(self, code: int = 1000, reason: str = "") -> None:
            closed.append(reason)
            raise OSError("the socket is gone")

    def stream(stopping: Stopping) -> None:
        with stopping.stream():
            closed.append("streams on")

    async def go() -> None:
        stopping = of_loop()
        with stopping.socket(Stuck()):
            stopping.begin(0.0)
            stopping.begin(0.0)
            asyncio.get_running_loop().call_soon(stream, stopping)
            await asyncio.sleep(0.02)

    asyncio.run(go())
    assert sorted(closed) == ["streams on", "the server stops"]
    assert "a WebSocket could not be closed" in caplog.text and "the socket is gone" in caplog.text


def test_a_stream_that_somebody_else_cancels_is_cancelled_and_not_left_by_its_client() -> None:
    async def streaming() -> None:
        with of_loop().stream():
            await asyncio.Event().wait()

    async def go() -> None:
        task = asyncio.create_task(streaming())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    asyncio.run(go())


def test_a_signal_after_the_end_of_the_loop_is_the_server_s_alone() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))

    async def go() -> None:
        listen(1.0)

    try:
        asyncio.run(go())
        signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert heard == [signal.SIGTERM]
