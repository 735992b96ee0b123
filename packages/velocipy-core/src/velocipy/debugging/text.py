"""A report as plain text: for a terminal, and to be copied. Knows no HTML."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from velocipy.debugging.frames import Frame, Raised
from velocipy.debugging.report import Report, Section


def as_text(report: Report) -> str:
    """The exception and the user's frames first, the request, then the whole traceback."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"{report.status} {report.title}"
    if report.hint:
        yield f"\n{report.hint}"
    for raised in report.raised:
        yield from _of_raised(raised)
    for section in report.sections:
        yield from _of_section(section)
    if report.traceback:
        yield f"\n{report.traceback.rstrip()}"


def _of_raised(raised: Raised) -> Iterator[str]:
    how = f"{raised.how}: " if raised.how else ""
    yield f"\n{how}{raised.kind}: {raised.message}"
    own = raised.own
    for frame in own:
        yield from _of_frame(frame)
    folded = len(raised.frames) - len(own)
    if folded:
        yield f"  ({folded} more frame{'s' if folded > 1 else ''}, of libraries and of VelociPy)"


def _of_frame(frame: Frame) -> Iterator[str]:
    yield f"  {frame.place} in {frame.function}"
    if frame.code:
        yield f"    > {frame.code}"
    for name, value in frame.values:
        yield f"      {name} = {value}"


def _of_section(section: Section) -> Iterator[str]:
    yield f"\n{section.title}"
    width = min(max(len(name) for name, _ in section.rows), 32)
    for name, value in section.rows:
        first, *others = value.splitlines() or [""]
        for label, line in zip_longest([name], [first, *others], fillvalue=""):
            yield f"  {label.ljust(width)}  {line}".rstrip()
