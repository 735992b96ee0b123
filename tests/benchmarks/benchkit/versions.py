"""Versions of what was measured. Knows package names; does not know where they run."""

from __future__ import annotations

import re
import subprocess
from importlib.metadata import PackageNotFoundError, version

from benchkit.peers import requirements

SERVERS = ("granian", "uvicorn", "uvloop", "httptools", "msgspec", "orjson")

_ASK = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"


def ours() -> dict[str, str]:
    """VelociPy and what it is served with, as they are in this environment; what is missing is left out."""
    found = {"velocipy": _velocipy()}
    for name in SERVERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _velocipy() -> str:
    """From the module and not from metadata: a source tree on the path has none."""
    from velocipy.__about__ import __version__

    return __version__


def of_peer(name: str, python: str) -> dict[str, str]:
    """{peer: version} from its environment; empty when that cannot tell."""
    package = re.split(r"[\[=<>]", requirements(name)[0])[0]
    done = subprocess.run([python, "-c", _ASK, package], capture_output=True, text=True, timeout=30)
    return {name: done.stdout.strip()} if done.returncode == 0 else {}
