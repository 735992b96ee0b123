"""What a hook may ask for of a request without a Request: method, scheme, path, query and hosts; on both protocols."""

from typing import Any

import pytest

from velocipy import VelociPy, WebSocket
from velocipy.protocols import RequestHosts, RequestMethod, RequestPath, RequestQuery, RequestScheme
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


class Asking:
    """Notes everything that it is told."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def before(
        self,
        method: RequestMethod,
        scheme: RequestScheme,
        path: RequestPath,
        query: RequestQuery,
        hosts: RequestHosts,
    ) -> None:
        named = [host.decode() if isinstance(host, bytes) else host for host in hosts]
        self.seen.append((method, scheme, path, query, named))


def serve(asking: Asking, **settings: Any) -> VelociPy:
    app = VelociPy(middleware=[asking], **settings)

    @app.get("/a b")
    async def read(query: str = "") -> str:
        return query

    @app.websocket("/ws")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()

    return app


@both
def test_a_hook_is_told_as_the_server_sees_it(interface: str) -> None:
    asking = Asking()
    app = serve(asking)
    with TestClient(app, interface=interface) as client:
        assert client.get("/a%20b?query=%41&x").text == "A"
        client.put("/nowhere", headers={"host": "b.example:1"})
        with client.websocket_connect("/ws?c=1"):
            """Nothing is said."""
    with TestClient(app, base_url="https://c.example", interface=interface) as client:
        client.get("/a%20b")
    assert asking.seen == [
        ("GET", "http", "/a b", "query=%41&x", ["testserver"]),
        ("PUT", "http", "/nowhere", "", ["b.example:1"]),
        ("GET", "ws", "/ws", "c=1", ["testserver"]),
        ("GET", "https", "/a b", "", ["c.example"]),
    ]
    assert "Request(" not in app.routes[0].explain(interface).partition("except")[0]


@both
def test_scheme_and_hosts_are_what_a_trusted_proxy_says(interface: str) -> None:
    asking = Asking()
    headers = {"x-forwarded-proto": "https", "x-forwarded-host": "public.example"}
    with TestClient(serve(asking, proxy_headers=["*"]), interface=interface, headers=headers) as client:
        client.get("/a%20b")
        with client.websocket_connect("/ws"):
            """Nothing is said."""
    with TestClient(
        serve(asking, proxy_headers=["192.0.2.1"]), interface=interface, headers=headers
    ) as client:
        client.get("/a%20b")
    assert [(scheme, hosts) for _, scheme, _, _, hosts in asking.seen] == [
        ("https", ["public.example"]),
        ("wss", ["public.example"]),
        ("http", ["testserver"]),
    ]
