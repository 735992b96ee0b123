"""What is wrong with settings: which variable, where it came from, and why; never its value. Reads nothing itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from velocipy.exceptions import ConfigurationError


class Problem(NamedTuple):
    """One setting that is wrong."""

    name: str
    """The variable, `APP_PORT`; or the keyword, where it was given as one."""
    source: str | None
    """`the environment`, `.env:3`, `/run/secrets/app_port`, `keyword`, `default`; None where it is missing."""
    reason: str

    def __str__(self) -> str:
        return f"{self.name}{f' ({self.source})' if self.source else ''}: {self.reason}"


def problem_of(message: str, variable: str | None = None) -> Problem:
    """`".env:3: not NAME=value"` -> a problem of that place, or of a variable that comes from it."""
    place, _, reason = message.partition(": ")
    return Problem(place, None, reason) if variable is None else Problem(variable, place, reason)


class ConfigError(ConfigurationError, TypeError):
    """Settings are wrong: `problems` has every one of them, of every class that was loaded, and the message a line each."""

    def __init__(self, title: str, problems: Sequence[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(problems)
        number = len(self.problems)
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(f"{title}: {number} setting{' is' if number == 1 else 's are'} wrong{lines}")
