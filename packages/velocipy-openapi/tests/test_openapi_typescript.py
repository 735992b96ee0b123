"""Types that openapi-typescript makes of the kitchen sink's document: a client compiles against them, strictly, and calls a real server.

Packages come from npm at pinned versions; where there is none, this is left out. `use_sink.mts` is the client.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from servers import RunningServer

pytestmark = [
    pytest.mark.servers,
    pytest.mark.dists,
    pytest.mark.skipif(shutil.which("npm") is None, reason="the generator comes from npm"),
]

PACKAGES = ("openapi-typescript@7.13.0", "openapi-fetch@0.15.2", "typescript@5.9.3")
CLIENT = Path(__file__).with_name("use_sink.mts")


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout


def document() -> Any:
    """The document of kitchen_sink.py."""
    spec = importlib.util.spec_from_file_location(
        "kitchen_sink_of_typescript", CLIENT.with_name("kitchen_sink.py")
    )
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.app.openapi()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled client; made once for both servers, of the document that either would send."""
    folder = tmp_path_factory.mktemp("typescript")
    (folder / "package.json").write_text('{"private": true}')
    (folder / "openapi.json").write_text(json.dumps(document()))
    shutil.copy(CLIENT, folder)
    run(folder, "npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES)
    programs = folder / "node_modules" / ".bin"
    run(
        folder, str(programs / "openapi-typescript"), "openapi.json", "--default-non-nullable", "false", "-o", "api.d.ts"
    )  # fmt: skip
    strictly = ("--strict", "--target", "es2022", "--module", "nodenext", "--moduleResolution", "nodenext")
    run(folder, str(programs / "tsc"), *strictly, CLIENT.name)
    return folder


def test_a_typed_client_compiles_and_talks_to_the_server(sink: RunningServer, client: Path) -> None:
    node = shutil.which("node")
    assert node is not None
    assert run(client, node, "use_sink.mjs", sink.url) == "understood\n"
