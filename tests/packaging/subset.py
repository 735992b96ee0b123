"""Runs alone in a clean environment: `python -I subset.py SIBLING...`. Knows no test runner, only what is installed.

Fails unless exactly the named siblings are there beside the core, with matching versions, and unless a protocol that is not
installed is refused with the command that installs it. The script `velocipy` is there with velocipy-cli alone.
"""

import importlib
import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

MODULES = {
    "velocipy-asgi": "velocipy.asgi",
    "velocipy-rsgi": "velocipy.rsgi",
    "velocipy-limiter": "velocipy.limiter",
    "velocipy-redis": "velocipy.redis",
    "velocipy-openapi": "velocipy.openapi",
    "velocipy-security": "velocipy.security",
    "velocipy-openapi-ui": "velocipy.openapi_ui",
    "velocipy-cli": "velocipy.cli",
}


def is_there(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as exc:
        if exc.name != module:
            raise
        return False
    return True


def check_siblings(wanted: set[str]) -> None:
    there = {dist for dist, module in MODULES.items() if is_there(module)}
    if there != wanted:
        sys.exit(f"wanted {sorted(wanted)} beside the core, found {sorted(there)}")
    for dist, module in {"velocipy-core": "velocipy", **{dist: MODULES[dist] for dist in there}}.items():
        version = importlib.import_module(f"{module}.__about__").__version__
        if version != importlib.metadata.version(dist):
            sys.exit(f"{dist} says {version}, its metadata {importlib.metadata.version(dist)}")


def check_protocols(there: set[str]) -> None:
    from velocipy.exceptions import MissingAdapterError
    from velocipy.protocols import find_dialect

    for name in ("asgi", "rsgi"):
        dist = f"velocipy-{name}"
        try:
            find_dialect(name)
            said = "found"
        except MissingAdapterError as exc:
            said = str(exc)
        if said != ("found" if dist in there else f"{dist} is not installed: pip install {dist}"):
            sys.exit(f"the protocol {name}: {said}")


def check_app(there: set[str]) -> None:
    if not there & {"velocipy-asgi", "velocipy-rsgi"}:
        return
    from velocipy import VelociPy
    from velocipy.testing import TestClient

    app = VelociPy()

    @app.post("/items/{number}")
    async def item(number: int, body: dict[str, Any]) -> dict[str, Any]:
        return {"number": number, **body}

    with TestClient(app) as client:
        answer = client.post("/items/7", json={"sent": 1})
    if (answer.status_code, answer.json()) != (200, {"number": 7, "sent": 1}):
        sys.exit(f"the app answered {answer.status_code} {answer.text}")


def check_pages(there: set[str]) -> None:
    if "velocipy-openapi-ui" not in there or not there & {"velocipy-asgi", "velocipy-rsgi"}:
        return
    from velocipy import VelociPy
    from velocipy.openapi import OpenAPI
    from velocipy.openapi_ui import ReDoc, Scalar
    from velocipy.testing import TestClient

    app = VelociPy(openapi=OpenAPI(pages={"/scalar": Scalar(), "/redoc": ReDoc()}))
    with TestClient(app) as client:
        for path in ("/docs", "/scalar", "/redoc"):
            for script in re.findall(r'src="([^"]+)"', client.get(path).text):
                if client.get(f"/{script}").status_code != 200:
                    sys.exit(f"the page {path} has no {script}")


def check_script(there: set[str]) -> None:
    script = Path(sys.executable).with_name("velocipy.exe" if sys.platform == "win32" else "velocipy")
    if script.exists() != ("velocipy-cli" in there):
        sys.exit(f"{script} is {'there' if script.exists() else 'not there'}")
    if script.exists():
        said = subprocess.run(
            [script, "--version"], capture_output=True, text=True, timeout=60, check=True
        ).stdout
        if said != f"velocipy-cli {importlib.metadata.version('velocipy-cli')}\n":
            sys.exit(f"velocipy --version says {said}")


if __name__ == "__main__":
    asked = set(sys.argv[1:])
    check_siblings(asked)
    check_protocols(asked)
    check_app(asked)
    check_pages(asked)
    check_script(asked)
    print("works:", *sorted({"velocipy-core"} | asked))
