"""What the fuzz targets share: texts of a grammar with mistakes in them, and work that is counted. Knows no parser."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st

Text = TypeVar("Text", str, bytes)

unhurried = settings(deadline=None)
"""As many examples as the profile says, on a machine that others use too."""

OURS = "/velocipy/"
"""What stands in the path of every file whose lines are counted."""


def mutated(texts: st.SearchStrategy[Text], pieces: list[Text]) -> st.SearchStrategy[Text]:
    """Texts of a grammar; in one of two up to four places are cut out, said twice, or written over with one of `pieces`."""
    edits = st.tuples(
        st.integers(0, 2**16), st.integers(0, 6), st.sampled_from([None, None, *pieces]), st.booleans()
    )
    return st.builds(_edited, texts, st.just([]) | st.lists(edits, min_size=1, max_size=4))


def _edited(text: Text, edits: list[tuple[int, int, Text | None, bool]]) -> Text:
    for place, length, piece, over in edits:
        at = place % (len(text) + 1)
        cut = text[at : at + length]
        text = (
            text[:at]
            + (cut + cut if piece is None and over else piece or cut[:0])
            + text[at + length * over :]
        )
    return text


def cuts(body: bytes, borders: list[int]) -> list[bytes]:
    """The body in pieces that end at these places, modulo its length."""
    places = [0, *sorted(border % (len(body) + 1) for border in borders), len(body)]
    return [body[start:stop] for start, stop in zip(places, places[1:], strict=False)]


def work(call: Callable[..., Any], *arguments: Any) -> int:
    """How many lines of VelociPy a call executes, whatever it raises.

    No clock, so no other process has a say. What the interpreter does within one line (a regular expression, a copy) is not in
    it: tests that compare times of long inputs hold that.
    """
    lines = 0

    def step(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal lines
        if event == "line":
            lines += 1
        return step

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        return step if OURS in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        call(*arguments)
    except Exception:
        pass
    finally:
        sys.settrace(before)
    return lines
