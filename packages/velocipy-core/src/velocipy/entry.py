"""The function that a server calls for every exchange, generated from a dialect. Finds handlers; compiles none.

It does the usual case alone: the first leaf that matches has a compiled handler for the method. Everything else goes through the
`find` that it is given, which is called with (method, path, whether no leaf matches) and gives a handler and its values.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from velocipy.handlers.source import Source
from velocipy.protocols import Dialect
from velocipy.routing.route import WEBSOCKET

logger = logging.getLogger("velocipy")

SHARED_TASK = "_CBSchedulerTask"
"""The class of the one task as which Granian's `--task-impl rust` runs every exchange (before Python 3.12)."""

Handler = Callable[..., Any]
Found = tuple[Handler, Sequence[object]]
Match = Callable[[str], tuple[Any, Sequence[object]] | None]
Find = Callable[[str, str, bool], Found]


class Entry:
    """`call(*dialect.args)` serves one exchange of one protocol."""

    def __init__(self, dialect: Dialect, app: Any, serial: int, match: Match, find: Find) -> None:
        source = Source(
            f"<velocipy entry {dialect.name} #{serial}>", {**dialect.env, "app": app}, frozenset()
        )
        names = source.bind("match", match), source.bind("find", find)
        _write(source, dialect, *names)
        self.call: Handler = source.compile("enter")
        self._globals = source.env
        self._usual: dict[str, object] = {names[0]: self._look_once(names[0], match), names[1]: find}
        self._globals.update(self._usual)

    def _look_once(self, name: str, match: Match) -> Match:
        """A `match` that looks at the task of the first exchange, and is never asked again."""

        def first(path: str) -> tuple[Any, Sequence[object]] | None:
            self._globals[name] = match
            warn_of_shared_task()
            return match(path)

        return first

    def hold(self, started: asyncio.Task[None]) -> None:
        """Have every exchange wait until `started` is done, and refuse it if that failed.

        What the generated source calls is exchanged for the time being, so that nobody pays for this afterwards.
        """

        async def wait(*args: Any) -> None:
            await asyncio.wait([started])
            exc = None if started.cancelled() else started.exception()
            if started.cancelled() or exc is not None:
                raise RuntimeError("the app did not start, so it answers nothing") from exc
            await self.call(*args[:-1])

        match, find = self._usual
        self._globals[match] = lambda path: None
        self._globals[find] = lambda method, path, nowhere: (wait, ())
        started.add_done_callback(self._let_in)

    def _let_in(self, started: asyncio.Task[None]) -> None:
        if not started.cancelled() and started.exception() is None:
            self._globals.update(self._usual)


def warn_of_shared_task() -> None:
    """Say in the log that nothing can be cancelled, where the server runs all exchanges as one task."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop: somebody measures
        return
    if type(task).__name__ == SHARED_TASK:
        logger.warning(
            "this server runs every request in one task that cannot be cancelled (granian --task-impl rust): asyncio.timeout() "
            "in a handler never ends what it holds, and on_disconnect='cancel' nothing; start it with --task-impl asyncio"
        )


def _write(source: Source, dialect: Dialect, match: str, find: str) -> None:
    define, give = dialect.enter
    args = ", ".join(dialect.args)
    with source.block(f"{define}({args}):"):
        for line in dialect.prelude:
            source.line(line)
        source.line(f"path = {dialect.path}")
        source.line(f"method = {WEBSOCKET!r} if {dialect.is_socket} else {dialect.method}")
        source.line(f"found = {match}(path)")
        with source.block("if found is not None:"):
            source.line("leaf, values = found")
            source.line(f"handle = leaf.handlers[{dialect.name!r}].get(method)")
            with source.block("if handle is not None:"):
                source.line(f"return {give}handle({args}, values)")
        source.line(f"handle, values = {find}(method, path, found is None)")
        source.line(f"return {give}handle({args}, values)")
