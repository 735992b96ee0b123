"""Cases 137 to 139, 142 and 144: servers that are told to stop, that cannot start, and that are several processes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import types
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import websockets
from case_list import SERVERS
from servers import RunningServer, ServerFailed, serve

from velocipy import AsyncTestClient, Request, VelociPy
from velocipy.testing import TestClient

Remark = Callable[[str], None]
HERE = Path(__file__).parent
JOURNAL = "STOPPING_JOURNAL"
A_SIGNAL: dict[str, Any] = {
    "on": SERVERS,
    "why": "a signal tells a server, and there is none in this process",
}


def served(kind: str, journal: Path, target: str = "case_stopping:app", **options: Any) -> Any:
    """That app on a server of its own."""
    env = {
        JOURNAL: str(journal),
        "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path]),
        **options.pop("env", {}),
    }
    return serve(kind, target, cwd=HERE, env=env, **options)


@dataclass(frozen=True)
class Stopped:
    """What became of a server that was told to stop with everything open."""

    got: dict[str, object]
    seconds: float
    late: list[object]
    code: int
    log: str
    lines: list[str]


async def stop_with_everything_open(
    server: RunningServer, journal: Path
) -> tuple[dict[str, object], float, list[object]]:
    """(what each client got, the seconds until the server had ended, what came of requests after the signal)."""
    got: dict[str, object] = {}
    late: list[object] = []
    async with httpx2.AsyncClient(base_url=server.url, timeout=30) as client:
        assert (await client.get("/background")).text == "begun"

        async def fetch(path: str) -> None:
            try:
                got[path] = (await client.get(path)).text.splitlines()[-1]
            except httpx2.HTTPError as exc:
                got[path] = type(exc).__name__

        async with websockets.connect(f"ws://127.0.0.1:{server.port}/ws", proxy=None) as talk:
            asking = [asyncio.ensure_future(fetch(path)) for path in ("/slow", "/stream/0.6", "/stream/60")]
            async with asyncio.timeout(30):
                while journal.read_text().count("begins") < len(asking):
                    await asyncio.sleep(0.02)
            started = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            asking.append(asyncio.ensure_future(late_requests(server, late)))
            try:
                await asyncio.wait_for(talk.recv(), 30)
            except websockets.ConnectionClosed:
                got["ws"] = time.monotonic() - started
            await asyncio.gather(*asking)
    await asyncio.to_thread(server.process.wait, 30)
    return got, time.monotonic() - started, late


async def late_requests(server: RunningServer, late: list[object]) -> None:
    """Ask on new connections until the server is gone."""
    async with httpx2.AsyncClient(base_url=server.url, timeout=5, headers={"connection": "close"}) as client:
        while server.alive() and len(late) < 200:
            try:
                answer = await client.get("/up")
                late.append(answer.json()[0] if answer.status_code == 200 else answer.status_code)
            except httpx2.HTTPError as exc:
                late.append(type(exc).__name__)
            await asyncio.sleep(0.05)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Stopped]:
    """A function that stops a server, or says what came of the one that another case has stopped."""
    runs: dict[str, Stopped] = {}

    def find(kind: str, again: bool = False) -> Stopped:
        if again and kind in runs:
            return runs.pop(kind)
        journal = tmp_path_factory.mktemp("stopping") / "journal"
        with served(kind, journal) as server:
            got, seconds, late = asyncio.run(stop_with_everything_open(server, journal))
            code, log = server.process.returncode, server.log()
        runs[kind] = Stopped(got, seconds, late, code, log, journal.read_text().splitlines())
        return runs[kind]

    return find


@pytest.mark.case(137, **A_SIGNAL)
def test_what_is_open_at_a_sigterm_ends_as_it_should_and_the_server_with_it(
    place: str, stopped: Callable[..., Stopped], remark: Remark
) -> None:
    end = stopped(place)
    assert end.got["/slow"] == "slow but whole"
    assert end.got["/stream/0.6"] == "end"
    assert end.got["/stream/60"] in ("part", "RemoteProtocolError", "ReadError")
    if place == "hypercorn":
        remark(
            "installs its handler after start-up, so that ours is lost: WebSockets and streams have its own 3 s, or what is set."
        )
    else:
        # At once, and not when the grace of 2.5 s ends; and nobody waits for the stream of 60.
        assert isinstance(end.got["ws"], float) and end.got["ws"] < 2.0
        assert end.seconds < 20
        assert "websocket is disconnected" in end.lines
    assert end.lines.count("stream of 60.0 is closed") == 1
    assert "background task is done" in end.lines
    assert (end.lines[0], end.lines[-1]) == ("lifespan starts", "lifespan stops"), end.log[-3000:]
    assert end.lines.count("lifespan stops") == 1
    if place.startswith("uvicorn") and end.code == -signal.SIGTERM:
        remark("raises the signal once more when all is done, so that its parent sees what ended it.")
    else:
        assert end.code == 0, end.log[-3000:]


@pytest.mark.case(138, **A_SIGNAL)
def test_who_tells_a_server_twice_to_stop_does_not_wait_for_ever(place: str, tmp_path: Path) -> None:
    """A client that reads nothing of a stream without end holds up nobody beyond the grace of 2.5 s and the server's own 5."""
    with served(place, tmp_path / "journal") as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as client:
            client.sendall(b"GET /stream/60 HTTP/1.1\r\nhost: a\r\n\r\n")
            client.recv(1)
            started = time.monotonic()
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(45)
        assert time.monotonic() - started < 40  # of the stream's 60
        assert "Traceback" not in server.log() or place == "hypercorn", server.tail()


@pytest.mark.case(
    139,
    on=("asgi", "rsgi", "granian-rsgi", "uvicorn-h11", "hypercorn"),
    why="processes end on servers alone, of which each starts an app in one way, whatever its protocol or parser",
)
def test_a_start_up_that_fails_ends_the_process_with_its_message(
    place: Any, tmp_path: Path, remark: Remark
) -> None:
    journal = tmp_path / "journal"
    if place in SERVERS:
        with (
            pytest.raises(ServerFailed, match="the database is not there") as failed,
            served(place, journal, env={"STOPPING_FAILS": "1"}),
        ):
            """Never gets here."""
        if place == "hypercorn":
            remark("says what was wrong, and ends with 0 all the same.")
        else:
            assert "ended with code 0" not in str(failed.value)
        assert journal.read_text().splitlines() == ["lifespan starts"]
        return
    order: list[str] = []

    @asynccontextmanager
    async def lifespan(app: VelociPy) -> AsyncIterator[None]:
        order.append("opened")
        try:
            if app.title:
                raise RuntimeError("the database is not there")
            yield
        finally:
            order.append("closed again")

    app = VelociPy(lifespan=lifespan, plugins=False)
    with pytest.raises(RuntimeError, match="the database is not there"), TestClient(app, interface=place):
        raise AssertionError("the app must not start")
    assert order == ["opened", "closed again"]


@pytest.mark.case(
    142,
    on=("rsgi", *SERVERS),
    why="an ASGI server asks nothing before its lifespan has started; Granian inside a program does over RSGI",
)
def test_no_request_sees_an_app_that_is_half_started_or_half_stopped(
    place: Any, request: pytest.FixtureRequest
) -> None:
    if place in SERVERS:
        late = request.getfixturevalue("stopped")(place, again=True).late
        answers = [found for found in late if not isinstance(found, str)]
        assert set(answers) <= {True, 503}, late
        assert isinstance(late[-1], str), late  # and in the end there is nobody
        return

    async def run() -> None:
        order: list[str] = []
        go_on = asyncio.Event()

        @asynccontextmanager
        async def lifespan(app: VelociPy) -> AsyncIterator[dict[str, bool]]:
            await go_on.wait()
            order.append("started")
            yield {"up": True}
            order.append("stopped")

        app = VelociPy(lifespan=lifespan, plugins=False)

        @app.get("/")
        async def home(request: Request) -> bool:
            order.append("request")
            return bool(request.app.state["up"])

        loop = asyncio.get_running_loop()
        client = AsyncTestClient(app, interface=place)  # takes the entry before start-up, as Granian does
        starting = app.__rsgi_init__(loop)
        assert starting is not None
        early = [asyncio.ensure_future(client.get(path)) for path in ("/", "/nowhere")]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in early)
        go_on.set()
        assert [(await task).status_code for task in early] == [200, 404]
        stopping = app.__rsgi_del__(loop)
        assert stopping is not None
        await stopping
        await client.aclose()
        assert order == ["started", "request", "stopped"]

    asyncio.run(run())


FORKED = """
import os, signal, sys, warnings
from velocipy import Request, VelociPy
from velocipy.middleware import RequestIDMiddleware
from velocipy.testing import TestClient

app = VelociPy(plugins=False, middleware=[RequestIDMiddleware()])

@app.get("/")
def blocking(request: Request) -> str:
    return "in a thread"

def ask(client):
    answer = client.get("/")
    assert answer.text == "in a thread"
    return answer.headers["x-request-id"]

read, write = os.pipe()
warnings.simplefilter("ignore")     # of a fork while there are threads, which is the point
with TestClient(app, interface=sys.argv[1]) as client:
    before = ask(client)
    child = os.fork()
    if child == 0:
        signal.alarm(30)            # nobody else ends it
        with TestClient(app, interface=sys.argv[1]) as client:
            os.write(write, ask(client).encode())
        os._exit(0)
    own = ask(client)
os.close(write)
theirs = b"".join(iter(lambda: os.read(read, 100), b"")).decode()
assert os.waitpid(child, 0)[1] == 0
assert len({before, own, theirs}) == 3 and theirs
"""

TWICE = """
from velocipy import VelociPy

app = VelociPy(plugins=False)


@app.get("/")
async def home() -> str:
    return __name__
"""


@pytest.mark.case(
    144,
    on=("asgi", "rsgi", "granian-rsgi", "uvicorn-h11"),
    why="workers are processes of servers: of one that forks, and of one that spawns; reloading is a test of velocipy dev",
)
def test_processes_share_no_threads_and_no_random_numbers_and_each_import_makes_an_app(
    place: Any, tmp_path: Path
) -> None:
    if place in SERVERS:
        two_workers(place, tmp_path)
        return
    done = subprocess.run(
        [sys.executable, "-c", FORKED, place], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    clients = []
    for name in ("main", "__mp_main__"):
        module = types.ModuleType(name)
        exec(TWICE, vars(module))
        clients.append(TestClient(module.app, interface=place))
    assert [client.get("/").text for client in (*clients, *clients)] == ["main", "__mp_main__"] * 2


def two_workers(kind: str, tmp_path: Path) -> None:
    """Both answer, from processes of their own, with request ids of their own, each made by the factory."""
    journal = tmp_path / "journal"
    with served(kind, journal, "case_stopping:make", options=["--workers", "2", "--factory"]) as server:
        pids, ids, deadline = set[int](), list[str](), time.monotonic() + 60
        while len(pids) < 2 and time.monotonic() < deadline:
            answer = httpx2.get(f"{server.url}/up", headers={"connection": "close"}, timeout=30)
            assert answer.json()[0] is True
            pids.add(answer.json()[1])
            ids.append(answer.headers["x-request-id"])
        assert len(pids) == 2
        assert len(set(ids)) == len(ids)
        made = {int(line.split()[-1]) for line in journal.read_text().splitlines() if line.startswith("made")}
        assert pids <= made
