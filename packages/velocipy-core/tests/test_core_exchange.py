"""Dependencies and hooks that serve HTTP and WebSocket routes alike: what they are given, and what they are not taken for."""

from __future__ import annotations

from typing import Any

import pytest

from velocipy import Depends, Request, Response, VelociPy, WebSocket
from velocipy.exceptions import BindingError
from velocipy.http.request import Exchange
from velocipy.testing import TestClient

both = pytest.mark.parametrize("interface", ["asgi", "rsgi"])


@both
def test_an_exchange_is_the_request_or_the_websocket_and_a_response_there_or_not(interface: Any) -> None:
    seen: list[tuple[type, bool]] = []

    async def look(exchange: Exchange, response: Response | None) -> None:
        seen.append((type(exchange), response is not None))
        if response is not None:
            response.headers["x-seen"] = exchange.path

    class Hook:
        async def before(self, exchange: Exchange) -> None:
            seen.append((type(exchange), False))

    app = VelociPy(plugins=False, dependencies=[Depends(look)])
    app.add_middleware(Hook())

    @app.get("/")
    async def home() -> int:
        return 1

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()

    client = TestClient(app, interface=interface)
    assert client.get("/").headers["x-seen"] == "/"
    assert client.get("/nowhere").headers["x-seen"] == "/nowhere"
    with client.websocket_connect("/socket"):
        pass
    http, socket_ = [(Request, False), (Request, True)], [(WebSocket, False), (WebSocket, False)]
    assert seen == [*http, *http, *socket_]


@both
def test_it_is_the_same_object_as_the_endpoint_gets(interface: Any) -> None:
    async def leave(exchange: Exchange) -> None:
        exchange.state["left"] = 1

    app = VelociPy(plugins=False, dependencies=[Depends(leave)])

    @app.get("/")
    async def home(request: Request) -> Any:
        return dict(request.state)

    assert TestClient(app, interface=interface).get("/").json() == {"left": 1}


def test_who_asks_for_an_exchange_does_not_read_the_holes_of_the_path() -> None:
    """A dependency for everything is listed everywhere: it would hide every hole that no parameter takes."""

    async def look(exchange: Exchange) -> None:
        """Looks at nothing."""

    app = VelociPy(plugins=False)
    with pytest.raises(BindingError, match="takes {id}"):

        @app.get("/{id}")
        async def item(_: None = Depends(look)) -> int:
            return 1
