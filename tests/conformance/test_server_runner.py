"""The runner of real servers: all kinds start and stop, a broken app is told about, nothing is left behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from servers import COMMANDS, ServerFailed, serve
from wire import exchange, request

pytestmark = pytest.mark.servers

ASGI_APP = """
import os

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": os.environ["SAYS"].encode()})

async def __rsgi__(scope, protocol):
    protocol.response_str(200, [], os.environ["SAYS"])

app.__rsgi__ = __rsgi__
"""


def processes_of_group(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if os.getpgid(int(entry.name)) == group:
                    found.append(int(entry.name))
            except ProcessLookupError:
                continue
    return found


@pytest.mark.parametrize("kind", COMMANDS)
def test_every_kind_serves_and_leaves_no_process(kind: str, tmp_path: Path) -> None:
    Path(tmp_path, "says.py").write_text(ASGI_APP)
    with serve(kind, "says:app", cwd=tmp_path, env={"SAYS": "hi"}) as server:
        talk = exchange(server.port, request("GET", "/"), request("HEAD", "/"))
        assert [response.status for response in talk.responses] == [200, 200]
        assert talk.responses[0].body == b"hi"
        assert talk.in_step
        assert server.alive()
    assert not server.alive()
    assert processes_of_group(server.pid) == []


@pytest.mark.parametrize("kind", COMMANDS)
def test_an_app_that_cannot_be_imported_is_an_error_with_the_log(kind: str, tmp_path: Path) -> None:
    with pytest.raises(ServerFailed, match="nowhere"), serve(kind, "nowhere:app", cwd=tmp_path):
        pytest.fail("a server without an app got ready")


def test_a_start_that_takes_too_long_is_an_error_and_is_stopped(tmp_path: Path) -> None:
    Path(tmp_path, "sleepy.py").write_text("import time; time.sleep(60)")
    began = time.monotonic()
    with (
        pytest.raises(ServerFailed, match="did not answer within 1.0 s"),
        serve("granian-rsgi", "sleepy:app", cwd=tmp_path, start_timeout=1.0),
    ):
        pytest.fail("a server that sleeps got ready")
    assert time.monotonic() - began < 20


def test_a_server_that_was_killed_is_reaped_with_its_workers(tmp_path: Path) -> None:
    Path(tmp_path, "says.py").write_text(ASGI_APP)
    with serve("granian-rsgi", "says:app", cwd=tmp_path, env={"SAYS": "hi"}) as server:
        server.kill()
    assert not server.alive()
    assert processes_of_group(server.pid) == []
