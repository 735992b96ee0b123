"""Whether Redis is asked at all. Counts failures and says each change once; knows no connections and no time."""

from __future__ import annotations

import logging
from typing import Final

logger: logging.Logger = logging.getLogger("velocipy.redis")

FAILURES: Final = 3
"""Failures in a row that open the breaker; one alone may be a connection that was idle for too long."""


class Breaker:
    """Closed: commands are sent. Open: they are refused at once, and `Link` tries every second whether it can be closed again."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._failures = 0
        self.reason: str = ""
        """Why it is open; empty while it is closed."""
        self.final: bool = False
        """Whether nothing but another configuration can help."""

    @property
    def open(self) -> bool:
        """Whether commands are refused."""
        return self.reason != ""

    def succeeded(self) -> None:
        """A command was answered."""
        self._failures = 0
        if self.reason and not self.final:
            self.reason = ""
            logger.warning("Redis at %s is back in use", self._where)

    def failed(self, reason: str, *, final: bool = False) -> None:
        """A command was not answered, or by one of the errors that say that Redis cannot work now."""
        self._failures += 1
        if not self.reason and (final or self._failures >= FAILURES):
            self.reason, self.final = reason, final
            how_long = "until the app is configured anew" if final else "and tried every second"
            logger.warning("Redis at %s is out of order, left alone %s: %s", self._where, how_long, reason)

    def dismissed(self) -> None:
        """It is no longer asked, whether it works or not."""
        if self.reason:
            logger.warning("Redis at %s is no longer asked: its keys are elsewhere", self._where)
