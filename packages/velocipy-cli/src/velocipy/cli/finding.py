"""Which app a command is about: `main:app`, a path, pyproject.toml, or the usual file names. Knows files; imports nothing of the user's."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from velocipy.cli.errors import MISUSED, CommandError
from velocipy.untyped import DICT

DEFAULT = "app"
"""The attribute that is taken where none is named."""

USUAL = ("main.py", "app.py", "api.py", "server.py", "app/main.py", "app/app.py", "app/api.py", "src/main.py")
"""The files that are looked for, in this order, where nothing is named."""


@dataclass(frozen=True, slots=True)
class Target:
    """A module, the attribute in it, and the folder from which it is imported."""

    module: str
    attribute: str
    folder: Path

    def __str__(self) -> str:
        return f"{self.module}:{self.attribute}"


def find_target(text: str | None, folder: Path) -> Target:
    """`main:app`, `main`, `path/to/main.py`, `path/to/main.py:app`, or None for what pyproject.toml or the usual files say.

    Raises CommandError, which says where was looked.
    """
    if text is not None:
        return _parsed(text, folder)
    configured = _configured(folder)
    if configured is None:
        return _parsed(_usual(folder), folder)
    try:
        return _parsed(configured, folder)
    except CommandError as exc:
        raise CommandError(f"{folder / 'pyproject.toml'}, [tool.velocipy] app: {exc}", exc.status) from None


def _parsed(text: str, folder: Path) -> Target:
    place, colon, attribute = text.rpartition(":")
    if not colon or _is_path(attribute):  # C:\main.py has a colon too
        place, attribute = text, DEFAULT
    if not all(part.isidentifier() for part in attribute.split(".")):
        raise CommandError(f"{text!r} names no attribute of a module: write main:app", MISUSED)
    if _is_path(place):
        return _of_file(folder, place, attribute)
    if not all(part.isidentifier() for part in place.split(".")):
        raise CommandError(f"{text!r} names no module: write main:app, or path/to/main.py:app", MISUSED)
    return Target(place, attribute, folder)


def _is_path(text: str) -> bool:
    return text.endswith(".py") or "/" in text or "\\" in text


def _of_file(folder: Path, place: str, attribute: str) -> Target:
    path = (folder / place).resolve()
    if (path / "__init__.py").is_file():
        path = path / "__init__.py"
    if not path.is_file():
        near = get_close_matches(path.name, [other.name for other in path.parent.glob("*.py")], 1)
        raise CommandError(f"there is no file {place}" + (f"; did you mean {near[0]}?" if near else ""))
    if path.suffix != ".py" or "." in path.stem:
        raise CommandError(f"{place} cannot be imported: a module is a file such as main.py", MISUSED)
    names = [path.stem] if path.stem != "__init__" else []
    root = path.parent
    while (root / "__init__.py").is_file() and root.name:  # a module of a package is imported through it
        names.insert(0, root.name)
        root = root.parent
    return Target(".".join(names), attribute, root)


def configured(folder: Path, key: str) -> Any:
    """What `[tool.velocipy]` of the pyproject.toml in a folder says under a key; None where it says nothing."""
    path = folder / "pyproject.toml"
    if not path.is_file():
        return None
    try:
        found: Any = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as exc:
        raise CommandError(f"{path} cannot be read: {exc}") from None
    for part in ("tool", "velocipy", key):
        found = found.get(part) if isinstance(found, DICT) else None
    return found


def _configured(folder: Path) -> str | None:
    """`[tool.velocipy] app = "main:app"` of the pyproject.toml in the folder."""
    found = configured(folder, "app")
    if found is not None and (not isinstance(found, str) or "\0" in found):
        raise CommandError(
            f'{folder / "pyproject.toml"}: [tool.velocipy] app is a text such as "main:app", not {found!r}'
        )
    return found


def _usual(folder: Path) -> str:
    for name in USUAL:
        if (folder / name).is_file():
            return name
    near = [path.name for path in sorted(folder.glob("*.py")) if _makes_an_app(path)]
    hint = f" {near[0]} makes an app: name it, {near[0]}:app." if near else ""
    begin = "" if near else "; `velocipy new my-service` begins a project"
    raise CommandError(
        f"no app was named, and {folder} has none of {', '.join(USUAL)}.{hint} Name one (velocipy ... main:app), or write "
        f'[tool.velocipy] app = "main:app" in pyproject.toml{begin}',
        MISUSED,
    )


def _makes_an_app(path: Path) -> bool:
    try:
        return "VelociPy(" in path.read_text("utf-8", "replace")
    except OSError:  # a folder, a broken link, another user's file
        return False
