"""What is wrong with a value, while it is walked. Knows places and the limit of a 422; knows no types.

A walk goes through every value of a body, and almost all are right: so a place is a chain of links, made in constant time, and
becomes a `loc` only for what is wrong.
"""

from __future__ import annotations

from typing import Any, Final

from velocipy.exceptions import ErrorItem
from velocipy.validation import MAX_ERRORS, Place, invalid, missing, mistyped, unknown

At = tuple[Any, "str | int"] | None
"""A value's place: (the place of what holds it, its key or index); None is the whole."""


class _Failed:
    """The one value of FAILED."""


FAILED: Final = _Failed()
"""What a check returns for a value that is wrong, and has noted why."""


class EnoughFoundError(Exception):
    """There are MAX_ERRORS entries: whoever started the walk ends it."""


class Findings:
    """The errors of one walk below a place. Each method notes one and returns FAILED."""

    __slots__ = ("errors", "place")

    def __init__(self, errors: list[ErrorItem], place: Place) -> None:
        self.errors: list[ErrorItem] = errors
        self.place: Place = place

    def missing(self, at: At) -> Any:
        """A required value is not there."""
        return self._note(missing(self._full(at)))

    def unknown(self, at: At) -> Any:
        """A key is there that the model forbids."""
        return self._note(unknown(self._full(at)))

    def invalid(self, at: At, reason: str, kind: str) -> Any:
        """A value breaks a rule."""
        return self._note(invalid(self._full(at), reason, kind))

    def mistyped(self, at: At, wanted: str, value: Any) -> Any:
        """A value is of another JSON type."""
        return self._note(mistyped(self._full(at), wanted, value))

    def _note(self, error: ErrorItem) -> Any:
        if len(self.errors) >= MAX_ERRORS:
            raise EnoughFoundError
        self.errors.append(error)
        return FAILED

    def _full(self, at: At) -> Place:
        """((None, "items"), 3) -> ("body", "items", 3)."""
        steps: list[str | int] = []
        while at is not None:
            at, step = at
            steps.append(step if isinstance(step, (str, int)) else str(step))
        return (*self.place, *reversed(steps))
