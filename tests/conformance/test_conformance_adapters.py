"""The adapters' folders side by side: same files, and no import of what an adapter must not know. Reads source, runs nothing."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

ADAPTERS = ("asgi", "rsgi")
OWN = {"rsgi": {"pipe.py"}}
"""Files that one adapter has alone: RSGI's streams know no back-pressure, so that some go through a pipe."""

ALLOWED = ("velocipy.protocols", "velocipy.http", "velocipy.exceptions", "velocipy.threads")
"""What of core an adapter may import when it runs, besides itself."""


def folder(adapter: str) -> Path:
    """Where an adapter's modules are."""
    spec = find_spec(f"velocipy.{adapter}")
    assert spec is not None and spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations)))


def imports(path: Path, *, types: bool) -> set[str]:
    """The modules that a file imports; those under `if TYPE_CHECKING` only when `types` are asked for."""
    tree = ast.parse(path.read_text())
    guarded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    nodes = [node for node in ast.walk(tree) if types or id(node) not in guarded]
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return named | {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}


def test_adapters_have_the_same_files() -> None:
    """Who knows one adapter finds everything in the other."""
    names = {
        adapter: {path.name for path in folder(adapter).iterdir() if path.is_file()} - OWN.get(adapter, set())
        for adapter in ADAPTERS
    }
    assert names["asgi"] == names["rsgi"]
    assert {"dialect.py", "connection.py", "websocket.py", "lifespan.py", "py.typed"} <= names["asgi"]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_adapter_knows_neither_the_app_nor_another_adapter(adapter: str) -> None:
    """Not even for types: what is true of HTTP whatever the server stands in core."""
    others = tuple(f"velocipy.{other}" for other in ADAPTERS if other != adapter)
    for path in folder(adapter).glob("*.py"):
        for name in imports(path, types=True):
            assert not name.startswith(("velocipy.app", "velocipy.routing", "velocipy.dispatch", *others)), (
                f"{path.name}: {name}"
            )


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_adapter_imports_the_seam_alone(adapter: str) -> None:
    """At run time an adapter needs protocols, http and exceptions, and threads for blocking files."""
    for path in folder(adapter).glob("*.py"):
        ours = {name for name in imports(path, types=False) if name.partition(".")[0] == "velocipy"}
        strange = {name for name in ours if not name.startswith((f"velocipy.{adapter}", *ALLOWED))}
        assert not strange, f"{path.name} imports {strange}"


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_the_search_for_imports_sees_them(adapter: str) -> None:
    """The tests above would pass on a search that finds nothing."""
    assert f"velocipy.{adapter}.connection" in imports(folder(adapter) / "dialect.py", types=False)
    assert "velocipy.lifespan" in imports(folder(adapter) / "lifespan.py", types=True)
    assert "velocipy.lifespan" not in imports(folder(adapter) / "lifespan.py", types=False)
