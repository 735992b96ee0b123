"""Which routes are near a path that none of them takes, and why they do not take it. Knows templates; matches nothing for requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from velocipy.routing.path import PathTemplate
    from velocipy.routing.route import Route

MAX_CLOSEST: Final = 5
MAX_COMPARED: Final = 2_000
"""Routes that are looked at; comparing one takes about 20 us."""

MAX_PATH: Final = 200
LEAST: Final = 0.6
"""How much of a path is the same (a ratio of difflib's) in one that may be meant."""


def closest(path: str, routes: Iterable[Route]) -> list[Route]:
    """The routes whose paths are spelled much like this one, the nearest first."""
    wanted = path[:MAX_PATH].lower()
    scored = [(_likeness(wanted, route), -number, route) for number, route in enumerate(_some(routes))]
    near = sorted((each for each in scored if each[0] >= LEAST), key=lambda each: each[:2], reverse=True)
    return [route for _, _, route in near[:MAX_CLOSEST]]


def reasons(path: str, routes: Sequence[Route]) -> Iterator[str]:
    """What keeps the nearest routes from taking the path, one sentence each."""
    for route in routes:
        text = route.path
        if path != text and path.rstrip("/") == text.rstrip("/"):
            yield f"{text!r} {'has no' if path.endswith('/') else 'has a'} slash at its end, and trailing_slash is 'strict'."
        elif path != text and path.lower() == text.lower():
            yield f"{text!r} is spelled with other capitals."
        elif (misfit := _misfit(path, route.template)) is not None:
            value, segment = misfit
            yield f"{value!r} does not fit {segment} of {text!r}."


def _some(routes: Iterable[Route]) -> list[Route]:
    return [route for route, _ in zip(routes, range(MAX_COMPARED), strict=False)]


def _likeness(path: str, route: Route) -> float:
    """Of a segment with holes, whatever stands there counts as the same."""
    given = path.split("/")
    text = [
        given[place] if "{" in segment and place < len(given) else segment
        for place, segment in enumerate(route.path.lower().split("/"))
    ]
    return SequenceMatcher(None, "/".join(text), path, autojunk=False).ratio()


def _misfit(path: str, template: PathTemplate) -> tuple[str, str] | None:
    """(segment, segment of the template) where a path has the template's form but for a value that a converter refuses."""
    given, wanted = path.split("/")[1:], template.text.split("/")[1:]
    if len(given) != len(wanted):
        return None
    for value, text, segment in zip(given, wanted, template.segments, strict=True):
        if segment.holes:
            try:
                segment.parse(value)
            except ValueError:
                return value, text
        elif value != text:
            return None
    return None  # a path that no template matches: see velocipy.routing.path
