"""What importing drags in. In which direction modules import each other is the matter of tests/packaging, for all dists at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

OPTIONAL = [
    "httpx2",
    "msgspec",
    "orjson",
    "pydantic",
    "brotli",
    "backports.zstd",
    "compression.zstd",
    "jinja2",
    "granian",
    "python_multipart",
    "importlib.metadata",
    "velocipy.testing",
]


def loaded_by(script: str) -> set[str]:
    """Every module of a process that has run this."""
    script += "\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "script",
    ["import velocipy", "from velocipy import VelociPy", "from velocipy import VelociPy; VelociPy()"],
)
def test_the_import_of_an_app_brings_nothing_optional(script: str) -> None:
    before = loaded_by("pass")
    assert sorted((loaded_by(script) - before).intersection(OPTIONAL)) == []


def test_an_app_with_routes_brings_no_library_that_it_does_not_use() -> None:
    script = "from velocipy import VelociPy\napp = VelociPy()\n@app.get('/{id}')\nasync def x(id: int) -> int: return id"
    before = loaded_by("pass")
    assert sorted((loaded_by(script) - before).intersection(OPTIONAL)) == []


OURS = "from velocipy import VelociPy"
THEIRS = "import starlette.applications"
BUDGET = 0.6
ROUNDS = 12


def cost_of(script: str, env: dict[str, str]) -> tuple[int, int]:
    """(ns of CPU, modules) that a script costs over asyncio, in a process of its own."""
    measured = (
        f"import asyncio, sys, time\nmodules = len(sys.modules)\nbegun = time.process_time_ns()\n{script}\n"
        "print(time.process_time_ns() - begun, len(sys.modules) - modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", measured], capture_output=True, text=True, timeout=60, check=True, env=env
    )
    nanoseconds, modules = map(int, done.stdout.split())
    return nanoseconds, modules


@pytest.mark.once
@pytest.mark.skipif(sys.gettrace() is not None, reason="coverage slows our code down, not Starlette")
def test_the_import_of_an_app_costs_no_more_than_its_share_of_starlettes(tmp_path: Path) -> None:
    """CPU of the best round, 0.46 of Starlette's (measured) where 0.6 is allowed; neighbours can make a round slower, never faster.

    So rounds are added until one is good enough. Both find their bytecode compiled, wherever the run around this keeps it.
    """
    pytest.importorskip("starlette")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPYCACHEPREFIX"] = str(tmp_path)
    ours, modules = cost_of(OURS, env)
    theirs, their_modules = cost_of(THEIRS, env)
    assert modules <= their_modules / 2  # 32 of 91
    for _ in range(ROUNDS):
        ours = min(ours, cost_of(OURS, env)[0])
        theirs = min(theirs, cost_of(THEIRS, env)[0])
        if ours <= BUDGET * theirs:
            return
    raise AssertionError(f"{OURS} costs {ours / theirs:.2f} of {THEIRS}: {ours / 1e6:.1f} ms of CPU")
