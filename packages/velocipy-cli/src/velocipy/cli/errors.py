"""What ends a command: one line for the user, and an exit status. Knows no command."""

from __future__ import annotations

FAILED = 1
"""What was asked about is not as it should be: a check that failed, an app that cannot be loaded."""

MISUSED = 2
"""The command itself was used wrongly, as argparse has it."""


class CommandError(Exception):
    """A command cannot go on; the message says what, where and what to do, and is printed without a traceback."""

    def __init__(self, message: str, status: int = FAILED) -> None:
        super().__init__(message)
        self.status = status
