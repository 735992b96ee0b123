"""Imports the app that a command is about. Runs the user's module; says what went wrong in it without our own frames."""

from __future__ import annotations

import functools
import importlib
import inspect
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
from velocipy.places import is_own

FACTORIES = ("create_app", "make_app", "build_app", "get_app")
"""Names under which a function that makes an app is looked for, to name it in a message."""


def load_app(target: Target) -> VelociPy:
    """The app itself; a function without parameters that returns one is called. Raises CommandError."""
    found = _attribute(_module(target), target)
    made = is_factory(found)
    app = _called(found, target) if made else found
    if not isinstance(app, VelociPy):
        kind = app.__qualname__ if isinstance(app, type) else type(app).__qualname__
        said = "returns" if made else "is"
        raise CommandError(f"{target} {said} {_article(kind)} {kind}, and no VelociPy app")
    return app


def is_factory(found: object) -> bool:
    """Whether it is called for an app: functions are, and objects of whatever class that can be called are not."""
    return inspect.isroutine(found) or isinstance(found, functools.partial)


def _article(noun: str) -> str:
    return "an" if noun[:1].lower() in "aeiou" else "a"


def _module(target: Target) -> ModuleType:
    folder = str(target.folder)
    if sys.path[:1] != [folder]:  # further behind, another folder's module of the name would be found
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(target.module)
    except ModuleNotFoundError as exc:
        if exc.name is not None and f"{target.module}.".startswith(f"{exc.name}."):
            raise CommandError(
                f"there is no module {target.module} in {target.folder}{_near_module(target)}"
            ) from None
        raise CommandError(failure(exc, target)) from exc
    except (Exception, SystemExit) as exc:
        raise CommandError(failure(exc, target)) from exc
    _check_place(module, target)
    return module


def _check_place(module: ModuleType, target: Target) -> None:
    """A file that is named like a module which is imported already, such as types.py, is never reached."""
    name = target.module.partition(".")[0]
    place = getattr(module, "__file__", None)
    for meant in (target.folder / f"{name}.py", target.folder / name / "__init__.py"):
        if meant.is_file() and (place is None or not Path(place).is_relative_to(target.folder)):
            raise CommandError(
                f"`import {target.module}` gives {place or 'a built-in module'}, not {meant}: rename the file"
            )


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
            raise CommandError(
                f"module {target.module} has no {target.attribute!r}{_near_app(module, target, part)}"
            ) from None
    return found


def _near_app(module: ModuleType, target: Target, part: str) -> str:
    names = vars(module)
    apps = [name for name, value in names.items() if isinstance(value, VelociPy)]
    makers = [name for name in FACTORIES if is_factory(names.get(name))]
    if apps:
        return f"; it has the app {', '.join(apps)}: write {target.module}:{apps[0]}"
    if makers:
        return f"; {makers[0]} may make one: write {target.module}:{makers[0]}"
    near = get_close_matches(part, list(names), 1)
    return f"; did you mean {near[0]!r}?" if near else "; it has no VelociPy app either"


def _called(factory: Callable[..., Any], target: Target) -> Any:
    if inspect.iscoroutinefunction(factory):
        raise CommandError(
            f"{target} is async: a function that makes an app is called before there is a loop"
        )
    try:
        inspect.signature(factory).bind()
    except TypeError as exc:
        raise CommandError(
            f"{target} is a function that cannot be called without arguments ({exc}), and no VelociPy app"
        ) from None
    except ValueError:  # of C, without a signature
        pass
    try:
        return factory()
    except (Exception, SystemExit) as exc:
        raise CommandError(failure(exc, target)) from exc


def failure(exc: BaseException, target: Target) -> str:
    """What went wrong in the user's code: its frames, or all if none is the user's, and the exception."""
    # A SyntaxError says itself where it is, and nothing of the module has run.
    frames = [] if isinstance(exc, SyntaxError) else users_frames(exc.__traceback__)
    text = "".join(traceback.format_list(frames)) if frames else ""
    what = "".join(traceback.format_exception_only(exc)).rstrip()
    return f"{target} cannot be loaded:\n{text}{what}"


def users_frames(tb: TracebackType | None) -> list[traceback.FrameSummary]:
    """The frames of what the user wrote; all frames where there are none."""
    frames = list(traceback.walk_tb(tb))
    own = [(frame, line) for frame, line in frames if is_own(frame)]
    return list(traceback.StackSummary.extract(iter(own or frames)))
