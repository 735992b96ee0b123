"""An exception as records: its causes, and their frames with source and values. Knows tracebacks; knows no request and no page."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import BuiltinFunctionType, FrameType, FunctionType, ModuleType, TracebackType
from typing import Any, Final

from velocipy.config.secret import Secret
from velocipy.debugging.masking import Masker, gives_away
from velocipy.places import is_own

MAX_FRAMES: Final = 40
"""Frames of one exception: those at both ends, where there are more."""

MAX_CAUSES: Final = 6
MAX_LOCALS: Final = 40
MAX_TRACEBACK: Final = 30_000
"""Characters of the whole traceback as text."""

BEFORE: Final = 5
AFTER: Final = 3
"""Lines of source around the one that was running."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One call. `source` is (number, line) around `line`; `values` is (name, shown) of the local variables."""

    file: str
    line: int
    function: str
    source: tuple[tuple[int, str], ...]
    values: tuple[tuple[str, str], ...]
    is_own: bool

    @property
    def place(self) -> str:
        """file:line."""
        return f"{self.file}:{self.line}"

    @property
    def code(self) -> str:
        """The line that was running."""
        return next((text.strip() for number, text in self.source if number == self.line), "")


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception of a chain. `how` says what it has to do with the one before, "" for the first; frames as they were called."""

    kind: str
    message: str
    how: str
    frames: tuple[Frame, ...]

    @property
    def own(self) -> tuple[Frame, ...]:
        """The user's frames, the innermost first; all of them where none is the user's."""
        return tuple(reversed([frame for frame in self.frames if frame.is_own] or self.frames))


def secrets_in(exc: BaseException) -> Iterator[str]:
    """Texts in variables of the user's whose names are those of secrets: a message may repeat them."""
    for each, _ in _causes(exc):
        for frame, _ in _bounded(each.__traceback__):
            if not is_own(frame):
                continue
            for name, value in frame.f_locals.items():
                if isinstance(value, Secret):
                    yield value.reveal()
                elif type(value) is str and gives_away(name):
                    yield value


def chain_of(exc: BaseException, masker: Masker) -> tuple[Raised, ...]:
    """The exception, then what it came from, each with its frames."""
    return tuple(_raised(each, how, masker) for each, how in _causes(exc))


def whole_traceback(exc: BaseException, masker: Masker) -> str:
    """The traceback as Python prints it."""
    lines = [masker.source(line) for line in traceback.format_exception(exc, limit=-MAX_FRAMES)]
    return "".join(lines)[-MAX_TRACEBACK:]


def _parts(group: Any) -> Sequence[BaseException]:
    """Any: of a bare BaseExceptionGroup pyright knows no more than that something is in it."""
    parts: Sequence[BaseException] = group.exceptions
    return parts


def _causes(exc: BaseException) -> Iterator[tuple[BaseException, str]]:
    """(exception, how it belongs to the one before); each once, and no more than MAX_CAUSES."""
    waiting: list[tuple[BaseException, str]] = [(exc, "")]
    seen: set[int] = set()
    while waiting and len(seen) < MAX_CAUSES:
        each, how = waiting.pop(0)
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each, how
        if isinstance(each, BaseExceptionGroup):
            waiting += [(part, "one of its exceptions") for part in _parts(each)]
        if each.__cause__ is not None:
            waiting.append((each.__cause__, "caused by"))
        elif each.__context__ is not None and not each.__suppress_context__:
            waiting.append((each.__context__, "raised while this was handled"))


def _raised(exc: BaseException, how: str, masker: Masker) -> Raised:
    frames = [_frame(frame, line, masker) for frame, line in _bounded(exc.__traceback__)]
    if isinstance(exc, SyntaxError) and exc.filename and exc.lineno:
        frames.append(_written(exc.filename, exc.lineno, masker))
    kind = type(exc)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return Raised(name, masker.text(message_of(exc)), how, tuple(frames))


def message_of(exc: BaseException) -> str:
    """What an exception says of itself, with its notes."""
    try:
        message = str(exc)
    except Exception as second:
        message = f"<its message cannot be made: {type(second).__name__}>"
    return "\n".join([message, *(str(note) for note in getattr(exc, "__notes__", ()))])


def _bounded(tb: TracebackType | None) -> list[tuple[FrameType, int]]:
    frames = list(traceback.walk_tb(tb))
    if len(frames) <= MAX_FRAMES:
        return frames
    return frames[: MAX_FRAMES // 2] + frames[-MAX_FRAMES // 2 :]


def _frame(frame: FrameType, line: int, masker: Masker) -> Frame:
    code, own = frame.f_code, is_own(frame)
    source = _source(code.co_filename, line, masker)
    # Of what is not the user's, nobody asked to see values; and there are those of the whole server.
    values = [
        (name, masker.named(name, value))
        for name, value in list(frame.f_locals.items())
        if own and not _is_noise(code.co_name, name, value)
    ][:MAX_LOCALS]
    return Frame(code.co_filename, line, code.co_qualname, source, tuple(values), own)


def _is_noise(function: str, name: str, value: object) -> bool:
    """What Python keeps for itself, and what a module imports and defines."""
    return name.startswith(("__", ".")) or (
        function == "<module>" and isinstance(value, (ModuleType, FunctionType, BuiltinFunctionType, type))
    )


def _written(file: str, line: int, masker: Masker) -> Frame:
    """Where a SyntaxError is, which no frame has come to."""
    return Frame(file, line, "<module>", _source(file, line, masker), (), is_own=True)


def _source(file: str, line: int, masker: Masker) -> tuple[tuple[int, str], ...]:
    linecache.checkcache(file)
    lines = [
        (number, masker.source(linecache.getline(file, number).rstrip("\n")))
        for number in range(max(1, line - BEFORE), line + AFTER + 1)
    ]
    while lines and not lines[-1][1].strip():
        lines.pop()
    return tuple(lines)
