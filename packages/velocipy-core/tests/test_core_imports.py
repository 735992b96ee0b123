"""What importing drags in. In which direction modules import each other is the matter of tests/packaging, for all dists at once."""

import subprocess
import sys

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
