"""Other frameworks and their environments. Knows what each needs and how it is served best; does not know workloads.

Each peer has an environment of its own: some of them pin versions of the same server or loop against each other, and two
generations of one package cannot live together. Nothing here is installed before somebody asks for `--peers`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "peers.txt"


@dataclass(frozen=True, slots=True)
class Peer:
    """One framework: its file in `peer_apps/`, its section in `peers.txt`, and the groups it is timed in -> how it is served."""

    name: str
    module: str
    serve: tuple[tuple[str, str], ...]


_ASGI = (("uvicorn", "uvicorn"), ("granian-asgi", "granian-asgi"))

PEERS = {
    peer.name: peer
    for peer in (
        Peer("fastapi", "fastapi_app", _ASGI),
        Peer("starlette", "starlette_app", _ASGI),
        Peer("litestar", "litestar_app", _ASGI),
        Peer("blacksheep", "blacksheep_app", _ASGI),
        Peer("falcon", "falcon_app", _ASGI),
        Peer("emmett55", "emmett55_app", (("granian-rsgi", "granian-rsgi"),)),
        Peer("robyn", "robyn_app", (("granian-rsgi", "own"),)),
        Peer("sanic", "sanic_app", (("uvicorn", "own"),)),
        Peer("velocipy-0.3.0", "velocipy030_app", (("granian-rsgi", "granian-rsgi"), *_ASGI)),
    )
}


class PeerUnavailable(Exception):
    """A peer that cannot be installed here; the text is the reason that the report shows."""


def requirements(name: str, text: str | None = None) -> list[str]:
    """The lines below `# name` in peers.txt, up to the next heading."""
    wanted, found = False, []
    for line in (REQUIREMENTS.read_text() if text is None else text).splitlines():
        if line.startswith("# "):
            wanted = line[2:].strip() == name
        elif wanted and line.strip():
            found.append(line.strip())
    return found


def default_home() -> Path:
    """Where the environments live: a cache, so it may be deleted at any time."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "velocipy-bench"


def environment(peer: Peer, home: Path) -> str:
    """The Python of the peer's environment, made when it is missing or its requirements changed. Raises PeerUnavailable."""
    folder, wanted = (
        home / f"{peer.name}-{sys.version_info[0]}.{sys.version_info[1]}",
        "\n".join(requirements(peer.name)),
    )
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    if not (stamp.exists() and stamp.read_text() == wanted):
        shutil.rmtree(folder, ignore_errors=True)
        for command in _commands(folder, python, wanted.split("\n")):
            _run(command)
        stamp.write_text(wanted)
    return str(python)


def _commands(folder: Path, python: Path, wanted: list[str]) -> list[list[str]]:
    uv = _uv()
    if uv:
        return [
            [uv, "venv", "-q", "-p", sys.executable, str(folder)],
            [uv, "pip", "install", "-q", "-p", str(python), *wanted],
        ]
    return [[sys.executable, "-m", "venv", str(folder)], [str(python), "-m", "pip", "install", "-q", *wanted]]


def _uv() -> str | None:
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else shutil.which("uv")


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise PeerUnavailable(f"cannot be installed: {last}")
