"""Imports go one way. Knows source files and the order of the house; runs nothing.

What stands under `if TYPE_CHECKING` is exempt: it names types and costs nothing at run time. An import inside a function counts,
since it is a way to go right all the same.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "packages" / "velocipy-core" / "src"

# Left to right: a part may import parts of its own group and of those before it, never of those after it.
ORDER = (
    # `state` and `background` know nothing of their neighbours in DESIGN, so that a request in `http` may hold one.
    (
        *("__about__", "clock", "exports", "status", "exceptions", "plugins", "scalars", "threads", "state"),
        *(
            "annotations",
            "background",
            "constraints",
            "formats",
            "messages",
            "places",
            "stopping",
            "untyped",
            "validation",
        ),
    ),
    ("codings", "http", "json", "models", "signing", "storage"),
    ("protocols", "bridge", "encoded"),
    (
        "websocket",
        "socket_headers",
        "socket_models",
        "socket_options",
        "channels",
        "channel_backends",
        "origins",
        "sessions",
        "subscriptions",
    ),
    ("routing",),
    ("handlers",),
    ("config",),
    ("middleware",),
    ("debugging", "dispatch", "entry", "lifespan", "error_handlers", "overrides", "versioned"),
    ("static", "templating", "mounts", "asgi_middleware", "app_settings"),
    ("app",),
    ("testing",),
    ("__main__",),
)
PLACE = {part: place for place, group in enumerate(ORDER) for part in group}

# Parts of the core that a protocol may know: the seam, HTTP itself, and what stands left of both.
SEAM = {"protocols", "http", *ORDER[0]}

OPTIONAL = {
    "backports": {"velocipy/codings/zstd.py"},
    "brotli": {"velocipy/codings/brotli.py"},
    "compression": {"velocipy/codings/zstd.py"},
    "msgspec": {"velocipy/json/msgpack.py", "velocipy/json/msgspec.py", "velocipy/models/msgspec.py"},
    "orjson": {"velocipy/json/orjson.py"},
    "pydantic": {"velocipy/models/pydantic.py"},
    "pydantic_core": {"velocipy/models/pydantic.py"},
    "jinja2": {"velocipy/templating/jinja2.py"},
    "python_multipart": {"velocipy/http/multipart.py"},
    "granian": {"velocipy/testing/rsgi_errors.py"},
    "pytest": {"velocipy/testing/pytest_plugin.py"},
}


def imports(node: ast.AST) -> Iterator[str]:
    """Modules that a file imports when it runs, at its top or inside functions; of `from a import b` both a and a.b."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for other in child.orelse:
                yield from imports(other)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: imports are absolute here"
            yield child.module or ""
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        else:
            yield from imports(child)


def files_of(source: Path) -> list[Path]:
    return sorted(source.rglob("*.py"))


def imported_by(path: Path) -> set[str]:
    return set(imports(ast.parse(path.read_text())))


def part_of(module: str) -> str | None:
    """ "velocipy.http.headers" -> "http"; None for what is not below velocipy, or is velocipy itself."""
    names = module.split(".")
    return names[1] if names[0] == "velocipy" and len(names) > 1 else None


def core_files() -> list[Path]:
    return [path for path in files_of(CORE) if path != CORE / "velocipy" / "__init__.py"]


def own_part(path: Path) -> str:
    first = path.relative_to(CORE / "velocipy").parts[0]
    return first.removesuffix(".py")


def test_every_part_of_the_core_has_its_place_in_the_order() -> None:
    assert {own_part(path) for path in core_files()} - set(PLACE) == set()


@pytest.mark.parametrize("path", core_files(), ids=lambda path: str(path.relative_to(CORE)))
def test_a_part_of_the_core_imports_nothing_that_stands_right_of_it(path: Path) -> None:
    place = PLACE[own_part(path)]
    parts = {part for module in imported_by(path) if (part := part_of(module)) in PLACE}
    assert [part for part in sorted(parts) if PLACE[part] > place] == []


@pytest.mark.parametrize(
    "dist", ["core", "asgi", "rsgi", "limiter", "openapi", "security", "openapi_ui", "cli"]
)
def test_a_dist_imports_only_the_siblings_that_it_may(dist: str) -> None:
    """The core imports none; asgi and rsgi know the seam and not each other, nor the app."""
    source = ROOT / "packages" / f"velocipy-{dist.replace('_', '-')}" / "src"
    siblings = {"asgi", "rsgi", "limiter", "redis", "openapi", "security", "openapi_ui", "cli"} - {dist}
    may = {"openapi_ui": {"openapi"}}.get(dist, set())
    for path in files_of(source):
        parts = {part_of(module) for module in imported_by(path)}
        assert parts & (siblings - may) == set(), path
        if dist in {"asgi", "rsgi"}:
            assert parts - SEAM - {None, dist} == set(), path


def test_an_optional_library_is_imported_by_its_own_adapter_alone() -> None:
    homes: dict[str, set[str]] = {}
    for path in files_of(CORE):
        for module in imported_by(path):
            library = module.split(".")[0]
            if library in OPTIONAL:
                homes.setdefault(library, set()).add(str(path.relative_to(CORE)))
    for library, found in homes.items():
        assert found <= OPTIONAL[library], library


@pytest.mark.parametrize("path", files_of(CORE), ids=lambda path: str(path.relative_to(CORE)))
def test_a_file_of_the_core_imports_the_standard_library_or_what_it_says(path: Path) -> None:
    """httpx2, the one requirement, is imported by the test client alone."""
    foreign = {module.split(".")[0] for module in imported_by(path)} - {"velocipy", *sys.stdlib_module_names}
    foreign -= {name for name, homes in OPTIONAL.items() if str(path.relative_to(CORE)) in homes}
    assert foreign <= ({"httpx2"} if own_part(path) == "testing" else set())


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import velocipy.app", {"velocipy.app"}),
        ("def f():\n    from velocipy import app", {"velocipy", "velocipy.app"}),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import velocipy.app",
            {"typing", "typing.TYPE_CHECKING"},
        ),
        ("try:\n    import a\nexcept ImportError:\n    import b", {"a", "b"}),
    ],
)
def test_the_reading_of_imports_is_right(source: str, found: set[str]) -> None:
    assert set(imports(ast.parse(source))) == found
