"""What importing costs and drags in, and in which direction modules of core import each other."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import velocipy.app

CORE = Path(velocipy.app.__file__).parent

OPTIONAL = [
    "httpx2",
    "msgspec",
    "orjson",
    "pydantic",
    "jinja2",
    "multipart",
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


# Left never imports right (DESIGN section 2); modules of one row may import each other.
ROWS = [
    {
        *("__about__", "exports", "status", "exceptions", "plugins", "scalars", "threads"),
        *("annotations", "constraints", "formats", "messages", "places", "stopping", "validation"),
    },
    {"codings", "http", "json", "models", "signing", "storage"},
    {"protocols", "bridge", "encoded"},
    {
        *("websocket", "socket_models", "channels", "channel_backends", "origins", "subscriptions"),
        *("background", "sessions", "state"),
    },
    {"routing"},
    {"handlers"},
    {"config"},
    {"middleware"},
    {"entry", "debugging", "dispatch", "lifespan", "error_handlers", "overrides"},
    {"static", "templating", "mounts", "asgi_middleware"},
    {"app"},
    {"testing"},
    {"__init__", "__main__"},
]
RANK = {name: rank for rank, row in enumerate(ROWS) for name in row}

# `state` and `background` know nothing of their neighbours, so a request in `http` may hold one.
EXEMPT = {("http", "state"), ("http", "background")}


def part_of(module: str) -> str:
    return module.split(".")[1] if "." in module else "__init__"


def imports_of(path: Path) -> Iterator[str]:
    """The modules of velocipy that a file imports when it runs, at its top or in a function; not for types alone."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "velocipy")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "velocipy":
            if node.module == "velocipy":
                yield from (f"velocipy.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


SOURCES = sorted(CORE.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CORE)))
def test_no_module_imports_what_stands_to_its_right(path: Path) -> None:
    own = path.relative_to(CORE).parts[0].removesuffix(".py")
    assert own in RANK, f"{own} has no place in the order: give it one here and in DESIGN"
    for module in imports_of(path):
        other = part_of(module)
        if (own, other) in EXEMPT or own == "__init__":
            continue
        assert RANK[other] <= RANK[own], f"{path.name} ({own}) imports {module}"


SIBLINGS = {"asgi", "rsgi", "limiter", "redis", "openapi", "openapi_ui", "security", "cli"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(CORE)))
def test_core_imports_no_sibling(path: Path) -> None:
    assert {part_of(module) for module in imports_of(path)} & SIBLINGS == set()


@pytest.mark.parametrize(
    ("library", "home"),
    [
        ("msgspec", {"json/msgpack.py", "json/msgspec.py", "models/msgspec.py"}),
        ("orjson", {"json/orjson.py"}),
        ("pydantic", {"models/pydantic.py"}),
        ("python_multipart", {"http/multipart.py"}),
        ("jinja2", {"templating/jinja2.py"}),
        ("httpx2", {"testing"}),
    ],
)
def test_a_third_party_library_is_imported_in_its_own_module_alone(library: str, home: set[str]) -> None:
    importing = set()
    for path in SOURCES:
        names = {
            alias.name.split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Import)
            for alias in node.names
        } | {
            (node.module or "").split(".")[0]
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.ImportFrom)
        }
        if library in names:
            place = path.relative_to(CORE)
            importing.add(place.parts[0] if place.parts[0] == "testing" else place.as_posix())
    assert importing <= home
