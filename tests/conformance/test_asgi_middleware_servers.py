"""OpenTelemetry's, asgi-correlation-id's and Starlette's middleware around an app, as each server serves it."""

from __future__ import annotations

import asyncio
import gzip
import os
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import websockets
from servers import COMMANDS, RunningServer, serve

CORE = Path(__file__).parents[2] / "packages" / "velocipy-core" / "tests"
PLAIN = {"accept-encoding": "identity"}
WHOLE = "".join(f"row {number}\n" for number in range(1_000))

pytestmark = pytest.mark.servers


@pytest.fixture(params=list(COMMANDS), scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    with serve(request.param, "asgi_middleware_app:app", cwd=CORE, env={"PYTHONPATH": _path()}) as running:
        yield running
        assert running.alive(), running.tail()


def _path() -> str:
    return os.pathsep.join([str(CORE), os.environ.get("PYTHONPATH", "")])


def test_all_of_them_do_their_work(server: RunningServer) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    sent = {
        "traceparent": f"00-{trace_id}-b7ad6b7169203331-01",
        "x-correlation-id": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    }
    with httpx2.Client(base_url=server.url) as client:
        answer = client.get("/items/7", headers=sent)
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["x-base"] == "/items/7"
        assert answer.headers["x-correlation-id"] == sent["x-correlation-id"]
        content = answer.json()
        assert (content["trace"], content["correlation"]) == (trace_id, sent["x-correlation-id"])
        assert (content["id"], content["opened"], content["client"]) == (7, "at start", True)
        assert content["url"] == f"{server.url}/items/7"


def test_errors_bodies_and_limits_pass_through(server: RunningServer) -> None:
    with httpx2.Client(base_url=server.url) as client:
        for path, status, detail in (
            ("/fails", 500, "Internal Server Error"),
            ("/refuses", 409, "taken"),
            ("/nowhere", 404, "Not Found"),
        ):
            answer = client.get(path)
            assert (answer.status_code, answer.json()) == (status, {"detail": detail})
            assert (answer.headers["x-content-type-options"], answer.headers["x-base"]) == ("nosniff", path)
        assert client.post("/upload", content=b"x" * 99_999).json() == 99_999
        assert client.post("/upload", content=iter([b"x" * 1_000] * 90)).json() == 90_000
        assert client.head("/items/1").content == b""


def test_streams_and_files_pass_through(server: RunningServer) -> None:
    with httpx2.Client(base_url=server.url) as client:
        with client.stream("GET", "/stream", headers={"accept-encoding": "gzip"}) as packed:
            assert gzip.decompress(b"".join(packed.iter_raw())).decode() == WHOLE
        assert client.get("/stream", headers=PLAIN).text == WHOLE
        file = client.get("/file", headers=PLAIN)
        assert file.content == bytes(range(256)) * 8_192
        assert file.headers["content-length"] == str(2 * 1024 * 1024)
        part = client.get("/file", headers={**PLAIN, "range": "bytes=3-9"})
        assert (part.status_code, part.content) == (206, bytes(range(3, 10)))


def test_a_stream_that_breaks_off_does_not_look_whole(server: RunningServer) -> None:
    with httpx2.Client(base_url=server.url) as client, pytest.raises(httpx2.RemoteProtocolError):
        client.get("/breaks", headers=PLAIN)


def test_an_event_stream_begins_before_its_first_event(server: RunningServer) -> None:
    """GZipMiddleware alone holds it back until then, and leaves event streams alone."""
    with httpx2.Client(base_url=server.url, timeout=30) as client:
        with client.stream("GET", "/late", headers=PLAIN) as late:
            assert late.headers["content-type"].startswith("text/event-stream")
        wait_for(client, "late")


def test_a_client_that_leaves_is_noticed_inside(server: RunningServer) -> None:
    with httpx2.Client(base_url=server.url) as client:
        with pytest.raises(httpx2.ReadTimeout):
            client.get("/waits", timeout=0.5)
        wait_for(client, "waits")


def wait_for(client: httpx2.Client, name: str) -> None:
    deadline = time.monotonic() + 30
    while name not in client.get("/left").json():
        assert time.monotonic() < deadline, f"{name} was not left"
        time.sleep(0.05)


def test_websockets_pass_through(server: RunningServer) -> None:
    async def talk() -> list[str | bytes]:
        async with websockets.connect(f"ws://127.0.0.1:{server.port}/echo") as socket:
            said = []
            for message in ("one", b"two", "x" * 70_000):
                await socket.send(message)
                said.append(await socket.recv())
            return said

    async def refusal(path: str) -> int:
        with pytest.raises(websockets.InvalidStatus) as caught:
            async with websockets.connect(f"ws://127.0.0.1:{server.port}{path}"):
                pass
        return caught.value.response.status_code

    assert asyncio.run(asyncio.wait_for(talk(), 60)) == ["one", b"two", "x" * 70_000]
    assert asyncio.run(asyncio.wait_for(refusal("/refused"), 60)) in (401, 403)
    if server.kind == "granian-rsgi":
        assert asyncio.run(asyncio.wait_for(refusal("/refused"), 60)) == 401
        assert asyncio.run(asyncio.wait_for(refusal("/raises"), 60)) == 500
