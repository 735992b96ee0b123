"""What velocipy-redis promises as a dist: its version, its names, its scripts, and what importing it brings."""

import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import velocipy.redis
from velocipy.redis.__about__ import __version__
from velocipy.redis.breaker import FAILURES, Breaker
from velocipy.redis.scripts import script


def test_the_version_of_the_package_is_that_of_its_metadata() -> None:
    assert __version__ == version("velocipy-redis")


def test_every_public_name_is_there() -> None:
    assert all(hasattr(velocipy.redis, name) for name in velocipy.redis.__all__)


def test_the_storage_is_the_one_that_the_limiter_names() -> None:
    import velocipy.storage
    from velocipy.limiter.storage import RedisStorage

    assert RedisStorage is velocipy.redis.RedisStorage is velocipy.storage.RedisStorage
    assert not hasattr(velocipy.storage, "NoStorage")


def test_it_is_registered_by_name() -> None:
    """By its pyproject: metadata of an environment that exists is not refreshed."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["velocipy.storages"] == {"redis": "velocipy.redis.storage:RedisStorage"}


@pytest.mark.parametrize("statement", ["import velocipy.redis", "from velocipy.redis import RedisStorage"])
def test_importing_it_imports_neither_the_client_nor_the_limiter(statement: str) -> None:
    seen = f"import sys; {statement}; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", seen], check=True, capture_output=True, text=True, timeout=30)
    loaded = set(out.stdout.split())
    assert (
        loaded & {"redis", "velocipy.limiter", "velocipy.asgi", "velocipy.rsgi", "velocipy.testing"} == set()
    )


def test_one_module_imports_the_client() -> None:
    folder = Path(velocipy.redis.__file__).parent
    texts = {path.name: path.read_text() for path in folder.glob("*.py")}
    found = [name for name, text in texts.items() if "\nfrom redis" in text or "import redis" in text]
    assert found == ["client.py"]


def test_every_script_is_beside_the_module_that_loads_it() -> None:
    folder = Path(velocipy.redis.__file__).parent
    names = sorted(path.stem for path in folder.glob("*.lua"))
    assert names == ["in_flight", "limits", "publish", "recent", "swap"]
    assert all(len(script(name).sha) == 40 for name in names)


def test_a_breaker_opens_after_failures_in_a_row_and_says_each_change_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    breaker = Breaker("redis://localhost")
    for _ in range(FAILURES - 1):
        breaker.failed("down")
    breaker.succeeded()
    for _ in range(FAILURES - 1):
        breaker.failed("down")
    assert not breaker.open
    for _ in range(5):
        breaker.failed("down")
    assert breaker.open
    breaker.succeeded()
    assert not breaker.open
    assert ["out of order" in caplog.messages[0], "back" in caplog.messages[1], len(caplog.messages)] == [
        True,
        True,
        2,
    ]


def test_what_is_final_stays_open(caplog: pytest.LogCaptureFixture) -> None:
    breaker = Breaker("redis://localhost")
    breaker.failed("a cluster", final=True)
    breaker.succeeded()
    assert breaker.open
