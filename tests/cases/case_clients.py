"""Clients of apps of a case's own, which may refuse every stranger: what holds of them when the case is over. Knows no case.

client = client_for(app)        over the protocol of the place; options go to the client
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from case_targets import PATIENCE
from session_world import SessionWorld

from velocipy import VelociPy
from velocipy.testing import TestClient

Clients = Callable[..., TestClient]
Worlds = Callable[..., SessionWorld]


@pytest.fixture
def client_for(interface: Any) -> Iterator[Clients]:
    """A function from an app to a client of it.

    At the end each app answers a stranger within a second, be it that he is refused; `broken` ones are made to fail whatever comes.
    """
    clients: dict[TestClient, bool] = {}

    def make(app: VelociPy, *, broken: bool = False, **options: Any) -> TestClient:
        client = TestClient(app, interface=interface, **{"raise_server_exceptions": False, **options})
        clients[client] = broken
        return client

    yield make
    check_clients(clients)


@pytest.fixture
def world_of(interface: Any) -> Iterator[Worlds]:
    """The same for apps with a session: a function from settings to a world of them."""
    worlds: list[SessionWorld] = []

    def make(*secret: Any, **options: Any) -> SessionWorld:
        worlds.append(SessionWorld(interface, *secret, **options))
        return worlds[-1]

    yield make
    check_clients(dict.fromkeys((world.client for world in worlds), False))


def check_clients(clients: dict[TestClient, bool]) -> None:
    """Each app answers, and its client is closed."""
    for client, broken in clients.items():
        with client:
            started = time.monotonic()
            assert (client.get("/a/stranger/asks").status_code >= 500) is broken
            assert time.monotonic() - started < 1.0 * PATIENCE
        client.close()
