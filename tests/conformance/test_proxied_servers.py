"""Behind a proxy, over sockets: whom it speaks for, and the prefix at which it serves the app, on each server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
import websockets
from servers import COMMANDS, RunningServer, serve

HERE = Path(__file__).parent

pytestmark = pytest.mark.servers

OWN = {"uvicorn-h11": ("--no-proxy-headers",), "uvicorn-httptools": ("--no-proxy-headers",)}
"""Uvicorn believes 127.0.0.1 by itself, unless it is told not to."""

ROOTS = {
    "uvicorn-h11": ("--root-path", "/api"),
    "uvicorn-httptools": ("--root-path", "/api"),
    "hypercorn": ("--root-path", "/api"),
    "granian-asgi": ("--url-path-prefix", "/api"),
}
"""How servers are told of a prefix. RSGI has none."""

SAID = {
    "X-Forwarded-For": "203.0.113.9, 198.51.100.7, 127.0.0.2",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example",
}
FORWARDED = {"Forwarded": 'for=198.51.100.7;proto=https;host=shop.example, for="127.0.0.3:4711"'}
SEEN = {"client": "198.51.100.7", "host": "shop.example"}


@pytest.fixture(scope="module")
def started() -> Iterator[Callable[..., RunningServer]]:
    """A function from a kind and options to its server, which is started at its first use."""
    running: dict[Any, RunningServer] = {}
    with ExitStack() as stack:

        def find(kind: str, *options: str) -> RunningServer:
            if (kind, options) not in running:
                own = (*OWN.get(kind, ()), *options)
                running[kind, options] = stack.enter_context(
                    serve(kind, "proxied_app:app", cwd=HERE, options=own)
                )
            return running[kind, options]

        yield find
        for server in running.values():
            assert server.alive(), server.tail()


def over_socket(server: RunningServer, path: str, headers: dict[str, str]) -> str:
    async def talk() -> str:
        url = f"ws://127.0.0.1:{server.port}{path}"
        async with websockets.connect(url, additional_headers=headers, proxy=None) as socket:
            return str(await socket.recv())

    return asyncio.run(asyncio.wait_for(talk(), 10))


def get(server: RunningServer, path: str, headers: dict[str, str]) -> httpx2.Response:
    return httpx2.get(server.url + path, headers=headers, timeout=10)


@pytest.mark.parametrize("kind", list(COMMANDS))
@pytest.mark.parametrize("said", [SAID, FORWARDED], ids=["x-forwarded", "forwarded"])
@pytest.mark.parametrize("prefix", ["", "/in"])
def test_requests_and_websockets_show_whom_a_proxy_speaks_for(
    started: Any, kind: str, said: dict[str, str], prefix: str
) -> None:
    server = started(kind)
    seen = get(server, f"{prefix}/show", said).json()
    assert seen.items() >= {**SEEN, "scheme": "https", "url": f"https://shop.example{prefix}/show"}.items()
    assert seen["link"] == f"{prefix}/show"
    heard = json.loads(over_socket(server, f"{prefix}/ws", said))
    assert heard.items() >= {**SEEN, "scheme": "wss", "url": f"wss://shop.example{prefix}/ws"}.items()
    assert heard["link"] == f"{prefix}/show"
    own = get(server, f"{prefix}/show", {}).json()
    assert (own["client"], own["scheme"], own["host"]) == ("127.0.0.1", "http", "127.0.0.1")


@pytest.mark.parametrize("kind", list(COMMANDS))
def test_a_mounted_asgi_app_has_it_in_its_scope(started: Any, kind: str) -> None:
    server = started(kind)
    answer = get(server, "/foreign/x", SAID).text
    assert answer == "198.51.100.7 shop.example https /foreign /foreign/x"
    assert over_socket(server, "/foreign/x", SAID) == "198.51.100.7 shop.example wss /foreign /foreign/x"


@pytest.mark.case(101)
@pytest.mark.parametrize("kind", list(COMMANDS))
def test_the_same_origin_of_a_websocket_is_that_of_the_host_that_the_client_named(
    started: Any, kind: str
) -> None:
    server = started(kind)
    page = {**SAID, "Cookie": "a=b", "Origin": "https://shop.example"}
    assert over_socket(server, "/same", page) == "accepted"
    with pytest.raises(websockets.InvalidStatus) as refused:
        over_socket(server, "/same", {**page, "Origin": f"http://127.0.0.1:{server.port}"})
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("kind", list(COMMANDS))
@pytest.mark.parametrize("host", ["a b", "x/../y", "[", "a@b"])
def test_a_forwarded_host_that_is_none_is_400_and_refuses_a_handshake(
    started: Any, kind: str, host: str
) -> None:
    server, said = started(kind), {**SAID, "X-Forwarded-Host": host}
    assert get(server, "/show", said).status_code == 400
    assert get(server, "/foreign/x", said).status_code == 400
    with pytest.raises(websockets.InvalidStatus):
        over_socket(server, "/foreign/x", said)


@pytest.mark.parametrize("kind", list(ROOTS))
@pytest.mark.parametrize("sent", ["", "/api"], ids=["taken off", "left on"])
def test_links_lead_below_the_prefix_whether_or_not_the_proxy_takes_it_off(
    started: Any, kind: str, sent: str
) -> None:
    """Uvicorn puts it before every path, so that with it the proxy has to take it off."""
    if sent and kind.startswith("uvicorn"):
        pytest.skip("Uvicorn adds the prefix a second time")
    server = started(kind, *ROOTS[kind])
    for prefix in ("", "/in"):
        seen = get(server, f"{sent}{prefix}/show", SAID).json()
        assert seen["url"] == f"https://shop.example/api{prefix}/show"
        assert (seen["root"], seen["link"]) == ("/api", f"/api{prefix}/show")
        heard = json.loads(over_socket(server, f"{sent}{prefix}/ws", SAID))
        assert (heard["url"], heard["link"]) == (f"wss://shop.example/api{prefix}/ws", f"/api{prefix}/show")
    foreign = get(server, f"{sent}/foreign/x", SAID).text
    assert foreign == "198.51.100.7 shop.example https /api/foreign /api/foreign/x"
