"""How many bytecode instructions and calls a request executes. Knows frames and their files; does not know apps or figures of before.

    await counted(call) -> Count(opcodes=412, calls=31)

The same on every machine and at every load: what is counted is what the interpreter is told to do, not how long it takes. What C
code does in one call is not seen, so a call into C counts as one call, however long.

Left out are the harness, the event loop, and third-party packages: their versions are not ours to choose.
"""

from __future__ import annotations

import asyncio
import sys
import sysconfig
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

Call = Callable[[], Awaitable[object]]

HARNESS: Final = str(Path(__file__).resolve().parent) + "/"
LOOP: Final = str(Path(asyncio.__file__).parent) + "/"
INSTALLED: Final = tuple(f"{sysconfig.get_path(name)}/" for name in ("purelib", "platlib"))
WARM: Final = 30
"""Calls before the counted ones: caches are full then, and what is made at first use is made."""


@dataclass(frozen=True, slots=True)
class Count:
    """Of one call: bytecode instructions, and calls of functions in Python and C."""

    opcodes: int
    calls: int


@cache
def counts(code: CodeType) -> bool:
    """Whether instructions of that code count. Code that a compiler of ours wrote has no file, and counts."""
    file = code.co_filename
    if file.startswith((HARNESS, LOOP, "<frozen importlib")):
        return False
    return not file.startswith(INSTALLED) or "/velocipy/" in file


async def counted(call: Call, times: int = 5) -> Count:
    """The least of so many calls, after as many as warm up. The tracer of the thread, such as coverage's, is put back."""
    for _ in range(WARM):
        await call()
    opcodes = [await _opcodes(call) for _ in range(times)]
    calls = [await _calls(call) for _ in range(times)]
    return Count(min(opcodes), min(calls))


async def _opcodes(call: Call) -> int:
    seen = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal seen
        if not counts(frame.f_code):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        seen += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        await call()
    finally:
        sys.settrace(before)
    return seen


async def _calls(call: Call) -> int:
    """A call counts where its caller's code does; a function of ours that foreign code calls counts too."""
    seen = 0

    def profile(frame: FrameType, event: str, arg: object) -> None:
        nonlocal seen
        if event in ("call", "c_call"):
            seen += counts(frame.f_code)

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        await call()
    finally:
        sys.setprofile(before)
    return seen
