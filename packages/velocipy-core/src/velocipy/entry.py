"""The function that a server calls for every exchange, generated from a dialect. Finds handlers; compiles none.

It does the usual case alone: the leaf that the tree gives has a compiled handler for the method. Everything else goes through the
`find` that it is given, which is called with (method, path, what the tree gave) and gives a handler and its values.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from velocipy.handlers.source import Source
from velocipy.http.leaving import SHARED_TASK
from velocipy.protocols import Dialect
from velocipy.routing.route import WEBSOCKET
from velocipy.routing.tree import RouteTree

logger: logging.Logger = logging.getLogger("velocipy")

Handler = Callable[..., Any]
Found = tuple[Handler, Sequence[object]]
Find = Callable[[str, str, Any], Found]


class Entry:
    """`call(*dialect.args)` serves one exchange of one protocol."""

    def __init__(self, dialect: Dialect, app: Any, serial: int, tree: RouteTree[Any], find: Find) -> None:
        source = Source(
            f"<velocipy entry {dialect.name} #{serial}>", {**dialect.env, "app": app}, frozenset()
        )
        self._usual: tuple[Any, ...] = ({}, self._first(tree, find), find)
        self._names = [
            source.bind(name, asked)
            for name, asked in zip(("static", "match", "find"), self._usual, strict=True)
        ]
        self._globals = source.env
        _write(source, dialect, *self._names)
        self.call: Handler = source.compile("enter")

    def _ask(self, *asked: Any) -> None:
        """Have the generated source ask these for a match without holes, for one with holes, and for every other case."""
        self._globals.update(zip(self._names, asked, strict=True))

    def _first(self, tree: RouteTree[Any], find: Find) -> Callable[[str], Any]:
        """A match that looks at the task of the first exchange, and is never asked again."""

        def first(path: str) -> Any:
            self._ask(tree.static, tree.match_holes, find)
            warn_of_shared_task()
            return tree.match(path)

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

        def of_no_path(path: str) -> None:
            return None

        def find(*asked: object) -> tuple[Callable[..., Awaitable[None]], tuple[()]]:
            return wait, ()

        self._ask({}, of_no_path, find)
        started.add_done_callback(self._let_in)

    def _let_in(self, started: asyncio.Task[None]) -> None:
        if not started.cancelled() and started.exception() is None:
            self._ask(*self._usual)


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


def _write(source: Source, dialect: Dialect, static: str, match: str, find: str) -> None:
    define, give = dialect.enter
    args = ", ".join(dialect.args)
    with source.block(f"{define}({args}):"):
        for line in dialect.prelude:
            source.line(line)
        source.line(f"path = {dialect.path}")
        source.line(f"method = {WEBSOCKET!r} if {dialect.is_socket} else {dialect.method}")
        source.line(f"found = {static}.get(path) or {match}(path)")
        with source.block("if found is not None:"):
            source.line("leaf, values = found")
            source.line(f"handle = leaf.handlers[{dialect.name!r}].get(method)")
            with source.block("if handle is not None:"):
                source.line(f"return {give}handle({args}, values)")
        source.line(f"handle, values = {find}(method, path, found)")
        source.line(f"return {give}handle({args}, values)")
