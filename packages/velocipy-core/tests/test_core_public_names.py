"""The public door of velocipy-core: its names, where the others live, and `python -m velocipy`."""

import runpy
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

import velocipy
from velocipy import __main__ as entry

PACKAGES = [
    "velocipy",
    "velocipy.config",
    "velocipy.http",
    "velocipy.json",
    "velocipy.middleware",
    "velocipy.models",
    "velocipy.routing",
    "velocipy.templating",
]


@pytest.mark.parametrize("package", PACKAGES)
def test_all_is_sorted_complete_and_what_is_visible(package: str) -> None:
    module = import_module(package)
    names = module.__all__
    assert names == sorted(names)
    assert len(names) == len(set(names))
    assert {name for name in dir(module) if not name.startswith("_")} == set(names) - {"__version__"}
    for name in names:
        assert getattr(module, name) is not None


ALONE = """
import sys, traceback

for name in sys.argv[1:]:
    for module in [module for module in sys.modules if module.split(".")[0] == "velocipy"]:
        del sys.modules[module]
    try:
        exec(f"from velocipy import {name}")
    except Exception:
        print(name, traceback.format_exc())
"""


def test_a_public_name_can_be_imported_alone() -> None:
    """One process for them all, in which no module of velocipy is loaded before a name is asked for."""
    command = [sys.executable, "-c", ALONE, *velocipy.__all__]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize(
    ("name", "module", "dist"),
    [
        ("Limiter", "velocipy.limiter", "velocipy-limiter"),
        ("RateLimitRule", "velocipy.limiter", "velocipy-limiter"),
        ("RateLimitAlgorithm", "velocipy.limiter", "velocipy-limiter"),
        ("rate_limit", "velocipy.limiter", "velocipy-limiter"),
        ("APIKeyHeader", "velocipy.security", "velocipy-security"),
        ("OAuth2PasswordBearer", "velocipy.security", "velocipy-security"),
        ("OpenAPI", "velocipy.openapi", "velocipy-openapi"),
        ("Scalar", "velocipy.openapi_ui", "velocipy-openapi-ui"),
        ("RedisStorage", "velocipy.redis", "velocipy-redis"),
    ],
)
def test_a_name_of_a_sibling_says_where_it_lives(name: str, module: str, dist: str) -> None:
    with pytest.raises(ImportError) as caught:
        exec(f"from velocipy import {name}", {})
    assert str(caught.value) == f"{name} lives in {module}: from {module} import {name} (pip install {dist})"
    with pytest.raises(ImportError, match=dist):
        getattr(velocipy, name)


def test_a_name_of_nobody_is_a_plain_error() -> None:
    with pytest.raises(ImportError, match="cannot import name 'Nobody'"):
        exec("from velocipy import Nobody", {})
    with pytest.raises(AttributeError, match="Nobody"):
        _ = velocipy.Nobody  # type: ignore[attr-defined]


def test_the_test_clients_are_loaded_when_they_are_asked_for() -> None:
    from velocipy import AsyncTestClient, TestClient, testing

    assert TestClient is testing.TestClient
    assert AsyncTestClient is testing.AsyncTestClient


def test_without_the_command_line_the_module_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entry, "find_spec", lambda name: None)
    said = "velocipy-cli is not installed: pip install velocipy-cli"
    assert entry.main() == said  # which sys.exit prints to stderr, with status 1


def test_the_module_hands_over_to_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[Any] = []
    monkeypatch.setattr(entry, "find_spec", lambda name: object())
    monkeypatch.setattr(runpy, "run_module", lambda *args, **options: called.append((args, options)))
    assert entry.main() is None
    assert called == [(("velocipy.cli",), {"run_name": "__main__", "alter_sys": True})]
