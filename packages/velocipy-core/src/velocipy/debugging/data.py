"""A report as data, for a program that asks for JSON. Knows nothing of how it is encoded."""

from __future__ import annotations

from typing import Any

from velocipy.debugging.frames import Frame, Raised
from velocipy.debugging.report import Report


def as_data(report: Report) -> dict[str, Any]:
    """`{"exceptions": [{"type", "message", "frames": [...]}], "request": {...}, ...}`, what there is of it."""
    data: dict[str, Any] = {}
    if report.hint:
        data["hint"] = report.hint
    if report.raised:
        data["exceptions"] = [_of_raised(raised) for raised in report.raised]
    for section in report.sections:
        data[section.title.lower().replace(" ", "_")] = [list(row) for row in section.rows]
    if report.traceback:
        data["traceback"] = report.traceback
    return data


def _of_raised(raised: Raised) -> dict[str, Any]:
    frames = [_of_frame(frame) for frame in raised.own]
    how = {"how": raised.how} if raised.how else {}
    return {"type": raised.kind, "message": raised.message, **how, "frames": frames}


def _of_frame(frame: Frame) -> dict[str, Any]:
    return {
        "file": frame.file,
        "line": frame.line,
        "function": frame.function,
        "code": frame.code,
        "locals": dict(frame.values),
    }
