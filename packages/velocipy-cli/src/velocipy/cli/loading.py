"""Imports the app that a command is about. Runs the user's module; says what went wrong in it without our own frames."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

from velocipy import VelociPy
from velocipy.cli.errors import CommandError
from velocipy.cli.finding import Target


def load_app(target: Target) -> VelociPy:
    """The app itself; a function without parameters that returns one is called. Raises CommandError."""
    found = _attribute(_module(target), target)
    if not isinstance(found, VelociPy) and callable(found) and not isinstance(found, type):
        found = _called(found, target)
    if not isinstance(found, VelociPy):
        raise CommandError(f"{target} is {type(found).__qualname__}, and no VelociPy app")
    return found


def _module(target: Target) -> ModuleType:
    folder = str(target.folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        return importlib.import_module(target.module)
    except ModuleNotFoundError as exc:
        if exc.name is not None and f"{target.module}.".startswith(f"{exc.name}."):
            raise CommandError(
                f"there is no module {target.module} in {target.folder}{_near_module(target)}"
            ) from None
        raise CommandError(failure(exc, target)) from None
    except (Exception, SystemExit) as exc:
        raise CommandError(failure(exc, target)) from None


def _near_module(target: Target) -> str:
    names = [path.stem for path in target.folder.glob("*.py")]
    near = get_close_matches(target.module, names, 1)
    return f"; did you mean {near[0]}:{target.attribute}?" if near else ""


def _attribute(module: ModuleType, target: Target) -> Any:
    found: Any = module
    for part in target.attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError:
            apps = [name for name, value in vars(module).items() if isinstance(value, VelociPy)]
            near = get_close_matches(part, list(vars(module)), 1)
            hint = f"; it has the app {', '.join(apps)}: write {target.module}:{apps[0]}" if apps else ""
            hint = hint or (f"; did you mean {near[0]!r}?" if near else "; it has no VelociPy app either")
            raise CommandError(f"module {target.module} has no {part!r}{hint}") from None
    return found


def _called(factory: Callable[..., Any], target: Target) -> Any:
    try:
        return factory()
    except (Exception, SystemExit) as exc:
        raise CommandError(failure(exc, target)) from None


def failure(exc: BaseException, target: Target) -> str:
    """What went wrong in the user's code: the frames below the target's folder, or all if none is, and the exception."""
    # A SyntaxError says itself where it is, and nothing of the module has run.
    frames = [] if isinstance(exc, SyntaxError) else users_frames(exc.__traceback__, target.folder)
    text = "".join(traceback.format_list(frames)) if frames else ""
    what = "".join(traceback.format_exception_only(exc)).rstrip()
    return f"{target} cannot be loaded:\n{text}{what}"


def users_frames(tb: TracebackType | None, folder: Path) -> list[traceback.FrameSummary]:
    """The frames in files below the folder that are no installed package's; all frames where there are none."""
    frames = list(traceback.extract_tb(tb))
    own = [frame for frame in frames if _is_own(Path(frame.filename), folder)]
    return own or frames


def _is_own(path: Path, folder: Path) -> bool:
    return path.is_relative_to(folder.resolve()) and "site-packages" not in path.parts
