"""examples/websocket.py does what its header says, on both protocols; and its page asks for what the app serves.

On Granian over RSGI and on Uvicorn too, from the `websockets` client and from pages in Chromium; the pages are left out where there is
no Chromium, or no playwright to drive it.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets
from servers import RunningServer, serve

from velocipy.exceptions import WebSocketDisconnect
from velocipy.testing import TestClient, WebSocketDenied

EXAMPLE = Path(__file__).parents[2] / "examples" / "websocket.py"


def load() -> Any:
    """A fresh copy of the example, under a name that is no library's."""
    spec = importlib.util.spec_from_file_location("example_websocket", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["rsgi", "asgi"])
def client(request: pytest.FixtureRequest) -> Iterator[TestClient]:
    with TestClient(load().app, interface=request.param) as found:
        yield found


def line(name: str, text: str) -> dict[str, str]:
    return {"text": text, "name": name}


def test_the_echo_keeps_the_kind(client: TestClient) -> None:
    with client.websocket_connect("/echo") as ws:
        for message in ("text", b"bytes"):
            ws.send_text(message) if isinstance(message, str) else ws.send_bytes(message)
            assert ws.receive() == message


def test_the_countdown_checks_its_parameters_before_the_handshake(client: TestClient) -> None:
    with client.websocket_connect("/countdown/5?step=2") as ws:
        assert [ws.receive_json() for _ in range(3)] == [{"left": 5}, {"left": 3}, {"left": 1}]
        with pytest.raises(WebSocketDisconnect):
            ws.receive()
    for path, status in (("/countdown/x", 403), ("/countdown/5?step=0", 422), ("/rooms/lobby", 422)):
        with pytest.raises(WebSocketDenied) as caught, client.websocket_connect(path):
            pass
        assert caught.value.status_code == status


def test_a_room_hears_who_comes_speaks_and_leaves(client: TestClient) -> None:
    with client.websocket_connect("/rooms/lobby?name=ada") as ada:
        assert ada.receive_json() == line("ada", "has come")
        with client.websocket_connect("/rooms/lobby?name=grace") as grace:
            assert [grace.receive_json() for _ in range(2)] == [
                line("ada", "has come"),
                line("grace", "has come"),
            ]
            assert ada.receive_json() == line("grace", "has come")
            grace.send_json({"text": "<b>hello</b>", "name": "not ada"})
            assert ada.receive_json() == grace.receive_json() == line("grace", "<b>hello</b>")
            grace.send_json({"words": 3})
            assert [error["loc"] for error in grace.receive_json()["errors"]] == [["message", "text"]]
        assert ada.receive_json() == line("grace", "has left")
    with client.websocket_connect("/rooms/other?name=ada") as other:
        assert other.receive_json() == line("ada", "has come")


def test_a_room_is_a_stream_of_lines_too(client: TestClient) -> None:
    with client.websocket_connect("/rooms/lobby?name=ada") as ada:
        ada.receive_json()
        with client.stream("GET", "/rooms/lobby/log") as answer:
            assert json.loads(next(answer.iter_lines())) == line("ada", "has come")


def test_the_page_connects_to_a_room_of_this_app(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.headers["content-type"].startswith("text/html")
    path = re.search(r"location\.host\}(/[^$`]*)", answer.text)
    assert path is not None
    with client.websocket_connect(path[1] + "guest-1") as ws:
        assert ws.receive_json() == line("guest-1", "has come")


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module", params=["granian-rsgi", "uvicorn-httptools"])
def server(request: pytest.FixtureRequest) -> Iterator[RunningServer]:
    with serve(request.param, "websocket:app", cwd=EXAMPLE.parent) as running:
        yield running


@pytest.mark.servers
def test_the_echo_answers_the_websockets_client(server: RunningServer) -> None:
    async def talk() -> list[str | bytes]:
        async with websockets.connect(f"ws://127.0.0.1:{server.port}/echo") as socket:
            heard: list[str | bytes] = []
            for message in ("text", b"bytes"):
                await socket.send(message)
                heard.append(await socket.recv())
            return heard

    assert asyncio.run(asyncio.wait_for(talk(), 20)) == ["text", b"bytes"]


ECHO = """
() => new Promise((resolve, reject) => {
  const socket = new WebSocket(`ws://${location.host}/echo`);
  const heard = [];
  socket.binaryType = "arraybuffer";
  socket.onerror = () => reject(new Error("the socket failed"));
  socket.onopen = () => { socket.send("text"); socket.send(new Uint8Array([1, 2, 3])); };
  socket.onmessage = (event) => {
    heard.push(typeof event.data === "string" ? event.data : [...new Uint8Array(event.data)]);
    if (heard.length === 2) { socket.onclose = (event) => resolve([heard, event.wasClean]); socket.close(1000); }
  };
})
"""


@pytest.mark.servers
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
def test_the_echo_and_the_chat_work_from_pages_in_chromium(server: RunningServer) -> None:
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        ada, grace = browser.new_page(), browser.new_page()
        ada.goto(server.url)
        assert ada.evaluate(ECHO) == [["text", [1, 2, 3]], True]
        ada.locator("li", has_text="has come").first.wait_for()
        grace.goto(server.url)
        grace.fill("#text", "<b>hello</b>")
        grace.press("#text", "Enter")
        for page in (ada, grace):
            page.locator("li", has_text=": <b>hello</b>").wait_for()
        browser.close()
