"""Where in whose code something runs: tells the user's files from those of VelociPy, of libraries and of Python. Reads no source."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from types import FrameType

_PYTHON = os.path.dirname(os.__file__) + os.sep
_SCRIPTS = os.path.dirname(sys.executable or os.__file__) + os.sep  # embedded, Python has no executable
_LIBRARIES = ("site-packages", "dist-packages")
_GENERATED = ("<frozen ", "<velocipy ")


def is_own(frame: FrameType) -> bool:
    """Whether a frame runs what the user wrote: no module of ours, no installed library, nothing of Python's own.

    A console script, such as `bin/uvicorn`, is nobody's code either: it stands beside the interpreter, or has no suffix.
    """
    if _is_ours(frame):
        return False
    name = frame.f_code.co_filename
    if name.startswith("<"):
        return not name.startswith(_GENERATED)
    return (
        os.path.splitext(name)[1] != ""
        and not name.startswith((_PYTHON, _SCRIPTS))
        and not any(f"{os.sep}{folder}{os.sep}" in name for folder in _LIBRARIES)
    )


def own_location() -> str | None:
    """file:line of the nearest caller that the user wrote, None where nothing of the user's is running."""
    return next((_written(frame) for frame in _callers() if is_own(frame)), None)


def caller_location() -> str:
    """The same, or where no such caller is, that of the nearest one outside of VelociPy."""
    others = [frame for frame in _callers() if not _is_ours(frame)]
    own = [frame for frame in others if is_own(frame)]
    return _written((own or others or [sys._getframe(1)])[0])  # pyright: ignore[reportPrivateUsage]  # documented, whatever its name says


def names_a_place(message: str) -> bool:
    """Whether a text says where something of the user's is, as "main.py:12" or "<stdin>:1" does."""
    found = re.findall(r"([^\s(]+\.pyw?|<\w+>):\d", message)
    ours = tuple(sys.modules["velocipy"].__path__)
    return any(not place.startswith(ours) for place in found)


def _is_ours(frame: FrameType) -> bool:
    names = (frame.f_globals.get("__name__"), frame.f_globals.get("__package__"))
    return any(isinstance(name, str) and name.partition(".")[0] == "velocipy" for name in names)


def _callers() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)  # pyright: ignore[reportPrivateUsage]
    while frame is not None:
        yield frame
        frame = frame.f_back


def _written(frame: FrameType) -> str:
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
