"""What is raised while Redis is out of order: an answer with a status. Decides nothing."""

from __future__ import annotations

from velocipy.exceptions import HTTPException


class RedisUnavailable(HTTPException):
    """503 with `Retry-After: 1`: Redis refused, did not answer in time, or is left alone because it did so before.

    A Limiter catches it and goes by its rules' `on_error`; elsewhere it is the answer. `reason` is for the log:
    clients are not told.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(503, headers=[("retry-after", "1")])
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class UnknownScript(Exception):
    """Of this dist alone: the server wants the script's source."""


def text_of(exc: BaseException) -> str:
    """A failure in words for the log."""
    if isinstance(exc, RedisUnavailable):
        return exc.reason
    if isinstance(exc, TimeoutError):
        return "no answer in time"
    return f"{type(exc).__name__}: {str(exc) or 'no reason given'}"[:300]
