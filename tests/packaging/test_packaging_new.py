"""`velocipy new`, and then word for word what it prints, from an environment with nothing else in it. Knows pip and wheels."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from environments import INSTALL_TIMEOUT, START_TIMEOUT, Environment, Server, checked, clean_env, serving

pytestmark = [pytest.mark.dists, pytest.mark.servers]


def url_in(server: Server) -> str:
    """What `velocipy dev` says where it serves, since it takes another port where its first is taken."""
    until = time.monotonic() + START_TIMEOUT
    while time.monotonic() < until and server.process.poll() is None:
        found = re.search(r"URL +(http://\S+)", server.log.read_text())
        if found:
            return found[1]
        time.sleep(0.1)
    raise AssertionError(server.log.read_text())


def test_the_lines_that_new_prints_install_and_serve_the_project(
    new_environment: Callable[..., Environment],
    wheels: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the wheels of the tree for an index, as long as none of them is published; `python3` is what runs this."""
    environment = new_environment("velocipy-cli")
    out = checked(environment.program("velocipy"), "new", "my-service", cwd=tmp_path).stdout
    enter, install, dev = [line.removeprefix("  ") for line in out.splitlines() if line.startswith("  ")]

    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PIP_FIND_LINKS", f"{wheels} {os.environ.get('PIP_FIND_LINKS', '')}".strip())
    installed = subprocess.run(
        ["sh", "-ec", f"{enter}\n{install}"],
        cwd=tmp_path,
        env=clean_env(),
        capture_output=True,
        text=True,
        timeout=INSTALL_TIMEOUT,
        check=False,
    )
    assert installed.returncode == 0, installed.stdout + installed.stderr

    project = tmp_path / "my-service"
    assert (project / ".venv/bin/pytest").exists()  # that its tests pass is seen where it costs no install
    with serving(dev.split(), project, port=0) as server:
        seen = server._replace(url=url_in(server))
        seen.wait_for(b'{"message":"Hello from my-service"}')
