"""Where each case runs, the app on every server, and what holds after each case. Knows targets; knows no case.

place        "asgi", "rsgi", or the name of a server: every case runs once for each that the list names
target       the app of the cases there, see case_targets
remark       a function: what a server does otherwise than the list says, for the table
client_of    (asgi and rsgi alone) a function from an app of the case's own to a client of it, as in tests/hostile
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from case_app import app
from case_clients import client_for as client_for
from case_clients import world_of as world_of
from case_list import IN_PROCESS, SERVERS
from case_marks import places_of
from case_models import KINDS
from case_redis import said as said
from case_redis import valkey as valkey
from case_table import TableWriter
from case_targets import PATIENCE, ProcessTarget, Target, WireTarget, soon
from descriptors import spool as spool
from hostile_client import HostileClient
from hostile_client import client_of as client_of
from hostile_client import linear as linear
from hostile_client import records as records
from hostile_client import within as within
from servers import RunningServer, serve

from velocipy import VelociPy
from velocipy.testing import TestClient


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--write-table` writes the page of the cases from this run, which must be one of all cases."""
    parser.addoption("--write-table", action="store_true", help="write docs/hostile-cases.md from this run")


def pytest_configure(config: pytest.Config) -> None:
    """Have the table written by whoever hears of all tests: this process, or the one above the workers."""
    if config.getoption("--write-table", False) and not hasattr(config, "workerinput"):
        config.pluginmanager.register(TableWriter())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each case runs at each of its places; those that are servers are marked so."""
    if "place" in metafunc.fixturenames:
        places = places_of(metafunc.function)
        marked = [
            pytest.param(place, marks=pytest.mark.servers if place in SERVERS else ()) for place in places
        ]
        metafunc.parametrize("place", marked)


@pytest.fixture(autouse=True)
def told(request: pytest.FixtureRequest) -> None:
    """What a report says for the table."""
    mark = request.node.get_closest_marker("case")
    if mark is not None:
        place = request.node.callspec.params["place"]
        request.node.user_properties.append(("case", (mark.args[0], place)))


@pytest.fixture(autouse=True)
def nothing_stays_open(request: pytest.FixtureRequest) -> Iterator[None]:
    """A case with apps of its own leaves no file open in this process; `target` looks after its own."""
    looks = "interface" in request.fixturenames
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert not looks or soon(lambda: len(os.listdir("/proc/self/fd")) <= before)


@pytest.fixture
def remark(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """A function that tells the table what this place does otherwise than the list says."""

    def tell(text: str) -> None:
        if ("remark", text) not in request.node.user_properties:
            request.node.user_properties.append(("remark", text))

    return tell


@pytest.fixture
def interface(place: str) -> str:
    """The protocol of an app of the case's own."""
    assert place in IN_PROCESS, "an app of the case's own is served in this process"
    return place


@pytest.fixture
def models_of(client_of: Callable[..., HostileClient]) -> Callable[..., list[tuple[HostileClient, str]]]:
    """A function from a maker of endpoints to (client, path) of one for each kind of model under each encoder."""

    def make(endpoint_of: Callable[[Any], Any]) -> list[tuple[HostileClient, str]]:
        found = []
        for encoder in ("stdlib", "orjson", "msgspec"):
            app = VelociPy(plugins=False, json_encoder=encoder)
            for kind in KINDS:
                app.add_route(f"/{kind.__name__}", endpoint_of(kind), ["POST"])
            client = client_of(app)
            found += [(client, f"/{kind.__name__}") for kind in KINDS]
        return found

    return make


@pytest.fixture(scope="session")
def find_target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Target]]:
    """A function from a place to the app there, which is started at its first use and must outlive every case."""
    found: dict[str, Target] = {}
    running: list[RunningServer] = []
    with ExitStack() as stack:

        def find(place: str) -> Target:
            if place not in found:
                found[place] = begin(place)
            return found[place]

        def begin(place: str) -> Target:
            if place in IN_PROCESS:
                client = TestClient(app, interface=place, raise_server_exceptions=False)
                stack.callback(client.close)
                return ProcessTarget(place, stack.enter_context(client))
            running.append(stack.enter_context(serve(place, "case_app:app", cwd=Path(__file__).parent)))
            return WireTarget(place, running[-1])

        yield find
        for server in running:
            assert server.alive(), f"{server.kind} ended while cases ran:\n{server.tail()}"


@pytest.fixture
def target(place: str, find_target: Callable[[str], Target]) -> Iterator[Target]:
    """The app of the cases at that place.

    After the case a plain request is answered within a second, by the same process, which has no more files open and no
    more tasks than before; and not more was logged than one record a request, or two tracebacks of which one is the other's cause.
    """
    target = find_target(place)
    before = target.state()
    target.asked = 0
    handler = target.listen()
    with ExitStack() as stack:
        if handler is not None:
            logging.getLogger().addHandler(handler)
            stack.callback(logging.getLogger().removeHandler, handler)
        yield target
    started = time.monotonic()
    answer = target.told("GET", "/plain")
    assert (answer.status, answer.body) == (200, b"plain")
    assert time.monotonic() - started < 1.0 * PATIENCE
    assert target.log().count("Traceback (most recent call last)") <= 2 * target.asked
    assert handler is None or len(handler.lines) <= target.asked
    assert target.state().pid == before.pid
    assert soon(lambda: target.state().files <= before.files), (before, target.state())
    assert soon(lambda: target.state().tasks <= before.tasks), (before, target.state())
