"""Every case of the kit over sockets, on each server that we support. Knows what each of them cannot do, and lists it.

One server a kind serves all cases; only the case that stops its server has one of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from servers import RunningServer, serve

from velocipy.testing.conformance import (
    ABORT,
    CASES,
    CLOSE_CODES,
    DENIAL_STATUS,
    METHOD_CASE,
    PEER_CODES,
    STOP,
    SUBPROTOCOLS,
    SocketTarget,
    run_case,
)
from velocipy.testing.conformance.served import JOURNAL

APP = "velocipy.testing.conformance.served:app"
ASGI = frozenset({ABORT, CLOSE_CODES, PEER_CODES, DENIAL_STATUS, SUBPROTOCOLS, METHOD_CASE})

SERVERS = {
    "granian-rsgi": frozenset({DENIAL_STATUS, METHOD_CASE}),
    "granian-asgi": ASGI,
    "uvicorn-h11": ASGI,
    "uvicorn-httptools": ASGI,
    "hypercorn": ASGI - {METHOD_CASE, PEER_CODES},
}

UVLOOP = ("granian-rsgi", "granian-asgi", "uvicorn-httptools")
"""Who takes uvloop, as each does by itself where it is installed; all other tests have them on asyncio's loop."""

SHARED = [name for name, case in CASES.items() if STOP not in case.needs]

pytestmark = [pytest.mark.servers, pytest.mark.wire]


RUNS = [(kind, name) for kind, able in SERVERS.items() for name in SHARED if CASES[name].needs <= able]


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], SocketTarget]]:
    """A function from a kind to its server, which is started at its first use and must outlive every case."""
    running: dict[str, RunningServer] = {}
    with ExitStack() as stack:

        def find(kind: str) -> SocketTarget:
            if kind not in running:
                loop = ("--loop", "uvloop") if kind in UVLOOP else ()
                server = serve(kind, APP, cwd=tmp_path_factory.mktemp(kind), options=loop)
                running[kind] = stack.enter_context(server)
            return SocketTarget("127.0.0.1", running[kind].port, SERVERS[kind])

        yield find
        for server in running.values():
            assert server.alive(), f"{server.kind} ended while cases ran:\n{server.tail()}"


@pytest.mark.parametrize(("kind", "name"), RUNS)
def test_the_server_shows_the_behaviour(kind: str, name: str, served: Callable[[str], SocketTarget]) -> None:
    """The case holds over a real connection; what it proves is its docstring."""
    asyncio.run(run_case(CASES[name], served(kind)))


@pytest.mark.parametrize("kind", SERVERS)
def test_the_server_runs_the_lifespan_once(kind: str, tmp_path: Path) -> None:
    """Start and stop of the server are start and stop of the app, once each."""
    journal = tmp_path / "journal"
    with serve(kind, APP, cwd=tmp_path, env={JOURNAL: str(journal)}) as server:
        target = SocketTarget(
            "127.0.0.1", server.port, frozenset({STOP}), stop=lambda: stopped(server, journal)
        )
        asyncio.run(run_case(CASES["the_lifespan_stops_once"], target))


async def stopped(server: RunningServer, journal: Path) -> list[str]:
    """Stop the server -> the lines of its app's journal."""
    await asyncio.to_thread(server.stop)
    return journal.read_text().splitlines()
