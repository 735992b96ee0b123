"""Versions of what was measured. Knows package names; does not know where they run."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

SERVERS = ("granian", "uvicorn", "uvloop", "httptools", "msgspec", "orjson")

_ASK = "import importlib.metadata as m, json, sys; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"


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


def foreign(python: str, names: Sequence[str]) -> dict[str, str]:
    """Versions in another environment; empty when it cannot tell."""
    done = subprocess.run([python, "-c", _ASK, *names], capture_output=True, text=True, timeout=30)
    found: dict[str, str] = json.loads(done.stdout) if done.returncode == 0 else {}
    return found
