"""What velocipy-limiter is as a dist: its version, its public names, and what importing it brings along."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import velocipy.limiter
import velocipy.limiter.storage
from velocipy.exceptions import MissingAdapterError
from velocipy.limiter.__about__ import __version__


def test_the_version_of_the_package_is_that_of_its_metadata() -> None:
    assert __version__ == version("velocipy-limiter")


def test_every_public_name_can_be_imported() -> None:
    assert sorted(velocipy.limiter.__all__) == velocipy.limiter.__all__
    for name in velocipy.limiter.__all__:
        assert getattr(velocipy.limiter, name).__module__.startswith("velocipy.limiter.")
    with pytest.raises(AttributeError):
        velocipy.limiter.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_importing_the_package_imports_no_protocol_and_no_test_client() -> None:
    seen = "import sys; from velocipy.limiter import Limiter, rate_limit, RateLimitMiddleware; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", seen], check=True, capture_output=True, text=True, timeout=30)
    loaded = set(out.stdout.split())
    assert "velocipy.limiter.gate" in loaded
    assert not loaded & {
        "velocipy.asgi",
        "velocipy.rsgi",
        "velocipy.redis",
        "velocipy.testing",
        "redis",
        "httpx2",
    }


def test_redis_storage_is_that_of_velocipy_redis() -> None:
    import velocipy.redis

    assert velocipy.limiter.storage.RedisStorage is velocipy.redis.RedisStorage
    with pytest.raises(AttributeError):
        velocipy.limiter.storage.OtherStorage  # noqa: B018


def test_without_velocipy_redis_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "velocipy.redis", None)
    with pytest.raises(MissingAdapterError, match="pip install velocipy-redis"):
        velocipy.limiter.storage.RedisStorage  # noqa: B018


def test_a_velocipy_redis_that_lacks_a_part_is_not_told_as_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "velocipy" / "redis").mkdir(parents=True)
    (tmp_path / "velocipy" / "redis" / "__init__.py").write_text("import a_module_that_there_is_not")
    monkeypatch.delitem(sys.modules, "velocipy.redis", raising=False)
    monkeypatch.setattr(velocipy, "__path__", [str(tmp_path / "velocipy")])
    with pytest.raises(ModuleNotFoundError, match="a_module_that_there_is_not"):
        velocipy.limiter.storage.RedisStorage  # noqa: B018
