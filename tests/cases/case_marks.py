"""The mark of a case: its number, and where it runs instead of where the list says. Knows the list.

@pytest.mark.case(17)                                             where the list says
@pytest.mark.case(144, on=("uvicorn-h11",), why="...")            elsewhere, and why
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from case_list import CASES, PLACES


def mark_of(function: Callable[..., Any]) -> Any:
    """The one `case` mark of a test. Raises ValueError where there is not exactly one, with one number of the list."""
    marks = [mark for mark in getattr(function, "pytestmark", ()) if mark.name == "case"]
    if len(marks) != 1 or len(marks[0].args) != 1 or marks[0].args[0] not in CASES:
        raise ValueError(f"{function.__name__}: a test here holds one case of the list")
    return marks[0]


def places_of(function: Callable[..., Any]) -> tuple[str, ...]:
    """Where a test runs. Raises ValueError where it runs elsewhere than listed and does not say why."""
    mark = mark_of(function)
    case = CASES[mark.args[0]]
    places = tuple(mark.kwargs.get("on", case.places))
    if not places or not set(places) <= set(PLACES):
        raise ValueError(f"{function.__name__}: {places} are no places of cases")
    if "on" in mark.kwargs and not mark.kwargs.get("why"):
        raise ValueError(f"{function.__name__}: say `why` it does not run on {case.places}")
    return places
