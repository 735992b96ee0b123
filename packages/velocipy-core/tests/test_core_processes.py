"""Interpreters that are run otherwise than usual, and processes that are forked after an app is there. Cases 144 and 145."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from typing import Any

import pytest

from velocipy.testing import TestClient

WHOLE = """
import asyncio, sys
from typing import Annotated, Any
from velocipy import BackgroundTasks, Depends, StreamingResponse, VelociPy, WebSocket
from velocipy.testing import AsyncTestClient

app = VelociPy(plugins=False)
done = []

def session():
    yield "session"
    done.append("left")

@app.get("/items/{id:int}")
def item(id: int, session: Annotated[str, Depends(session)], background: BackgroundTasks) -> dict[str, Any]:
    background.add_task(done.append, "background")
    return {"id": id, "session": session}

@app.post("/body")
async def body(body: dict[str, Any]) -> Any:
    return body

@app.get("/stream")
async def stream(session: Annotated[str, Depends(session)]):
    yield session

@app.get("/fail")
async def fail() -> None:
    raise LookupError

@app.websocket("/ws")
async def ws(websocket: WebSocket) -> None:
    await websocket.accept()
    async for message in websocket:
        await websocket.send(message)

async def ask(interface):
    async with AsyncTestClient(app, interface=interface, raise_server_exceptions=False) as client:
        assert (await client.get("/items/3")).json() == {"id": 3, "session": "session"}
        assert (await client.get("/items/x")).status_code == 404
        assert (await client.post("/body", json={"a": 1})).json() == {"a": 1}
        assert (await client.get("/stream")).text == "session"
        assert (await client.get("/fail")).status_code == 500
        async with client.websocket_connect("/ws") as websocket:
            await websocket.send_text("x")
            assert await websocket.receive_text() == "x"

async def main():
    if "eager" in sys.argv:
        asyncio.get_running_loop().set_task_factory(asyncio.eager_task_factory)
    for interface in ("asgi", "rsgi"):
        await ask(interface)
    assert sorted(done) == ["background", "background", "left", "left", "left", "left"], done

loop_factory = None
if "uvloop" in sys.argv:
    import uvloop
    loop_factory = uvloop.new_event_loop
with asyncio.Runner(loop_factory=loop_factory) as runner:
    runner.run(main())
print("whole")
"""


def run(script: str, *options: str, argument: str = "") -> str:
    """What a script prints in an interpreter with these options."""
    command = [sys.executable, *options, "-c", script, *filter(None, [argument])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


WAYS = [("-OO", "uvloop"), ("-Xdev", "asyncio"), ("-O", "eager")]


@pytest.mark.case(145)
@pytest.mark.parametrize(("option", "loop"), WAYS)
def test_an_app_is_whole_however_the_interpreter_and_its_loop_are_started(option: str, loop: str) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    elif loop == "eager" and sys.version_info < (3, 12):
        pytest.skip("eager tasks came with Python 3.12")
    assert run(WHOLE, option, "-W", "error", argument=loop) == "whole\n"


FORKED = """
import os, signal, sys, warnings
from velocipy import Request, VelociPy
from velocipy.middleware import RequestIDMiddleware, SecurityHeadersMiddleware
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
with TestClient(app) as client:
    before = ask(client)
    child = os.fork()
    if child == 0:
        signal.alarm(30)            # nobody else ends it
        with TestClient(app) as client:
            os.write(write, ask(client).encode())
        os._exit(0)
    own = ask(client)
os.close(write)
theirs = b"".join(iter(lambda: os.read(read, 100), b"")).decode()
assert os.waitpid(child, 0)[1] == 0
assert len({before, own, theirs}) == 3 and theirs
print("whole")
"""


@pytest.mark.case(144)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_process_that_was_forked_has_threads_and_numbers_of_its_own() -> None:
    assert run(FORKED) == "whole\n"


TWICE = """
from velocipy import VelociPy

app = VelociPy(plugins=False)


@app.get("/")
async def home() -> str:
    return __name__
"""


@pytest.mark.case(144)
@pytest.mark.parametrize("interface", ["asgi", "rsgi"])
def test_a_module_that_is_imported_twice_makes_two_apps(interface: Any) -> None:
    """As the main module of a program, and by its name in what the program starts."""
    clients = []
    for name in ("main", "__mp_main__"):
        module = types.ModuleType(name)
        exec(TWICE, vars(module))
        clients.append(TestClient(module.app, interface=interface))
    assert [client.get("/").text for client in (*clients, *clients)] == ["main", "__mp_main__"] * 2
