"""Real foreign apps, mounted and served by each server: Starlette with all that it does, and a GraphQL schema of strawberry."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
import websockets
from servers import COMMANDS, RunningServer, serve

HERE = Path(__file__).parent

pytestmark = pytest.mark.servers


@pytest.fixture(params=list(COMMANDS), scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    with serve(request.param, "mounted_app:app", cwd=HERE, env={"PYTHONPATH": str(HERE)}) as running:
        yield running
        assert running.alive(), running.tail()


def test_a_starlette_app_is_mounted(server: RunningServer) -> None:
    with httpx2.Client(base_url=server.url) as client:
        state = client.get("/star/state")
        assert state.json() == {"opened": "at start", "url": f"{server.url}/star/state", "root": "/star"}
        assert "x-request-id" in state.headers
        posted = client.post("/star/post", data={"name": "ada"}, files={"file": ("big", b"x" * 200_000)})
        assert posted.json() == {"name": "ada", "file": 200_000}
        whole = "".join(f"row {number}\n" for number in range(1_000))
        assert client.get("/star/stream", headers={"accept-encoding": "identity"}).text == whole
        with client.stream("GET", "/star/stream", headers={"accept-encoding": "gzip"}) as packed:
            assert packed.headers["content-encoding"] == "gzip"
            assert gzip.decompress(b"".join(packed.iter_raw())).decode() == whole
        content = (HERE / "mounted_app.py").read_bytes()
        plain = {"accept-encoding": "identity"}
        assert client.get("/star/file", headers=plain).content == content
        part = client.get("/star/file", headers={**plain, "range": "bytes=3-9"})
        assert (part.status_code, part.content) == (206, content[3:10])
        head = client.head("/star/file", headers=plain)
        assert (head.content, head.headers["content-length"]) == (b"", str(len(content)))
        assert client.get("/star/nothing").text == "Not Found"
        assert client.get("/").text == "home"


def test_a_starlette_websocket_is_mounted(server: RunningServer) -> None:
    async def talk() -> list[str]:
        async with websockets.connect(f"ws://127.0.0.1:{server.port}/star/echo") as socket:
            said = []
            for text in ("one", "two"):
                await socket.send(text)
                said.append(str(await socket.recv()))
            return said

    assert asyncio.run(asyncio.wait_for(talk(), 10)) == ["/star one", "/star two"]


def test_a_graphql_schema_is_mounted(server: RunningServer) -> None:
    with httpx2.Client(base_url=server.url) as client:
        answer = client.post("/graphql", json={"query": '{ hello(name: "raptor") }'})
        assert answer.json()["data"] == {"hello": "hello raptor"}
        page = client.get("/graphql", headers={"accept": "text/html"})
        assert page.status_code == 200 and "graphiql" in page.text.lower()
