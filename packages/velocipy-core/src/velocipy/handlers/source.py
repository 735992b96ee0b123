"""Lines of generated source and what they name. Knows indentation, globals and linecache; does not know what is generated."""

from __future__ import annotations

import linecache
import weakref
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from types import FunctionType
from typing import Any, cast

from velocipy.handlers.names import Names


class Source:
    """A module in the making: lines, and the objects that its global names stand for."""

    def __init__(self, title: str, env: Mapping[str, object], reserved: frozenset[str]) -> None:
        self.title = title
        self.env: dict[str, object] = dict(env)
        self._names = Names(reserved | env.keys())
        self._bound: dict[int, str] = {}
        self._lines: list[str] = []
        self._depth = 0

    def line(self, text: str) -> None:
        """One line at the present depth."""
        self._lines.append("    " * self._depth + text)

    @contextmanager
    def block(self, head: str) -> Generator[None, None, None]:
        """A line that ends in a colon, and what is written inside the `with` below it."""
        self.line(head)
        self._depth += 1
        yield
        self._depth -= 1

    def bind(self, wanted: str, value: object) -> str:
        """The global name of an object, much like `wanted`; an object has one name however often it is bound."""
        known = self._bound.get(id(value))
        if known is None:
            known = self._bound[id(value)] = self._names.take(wanted)
            self.env[known] = value
        return known

    @property
    def text(self) -> str:
        """Everything written so far."""
        return "\n".join(self._lines) + "\n"

    def compile(self, name: str) -> Callable[..., Any]:
        """The function `name`; its source is in linecache, so that tracebacks and debuggers show it."""
        text = self.text
        exec(compile(text, self.title, "exec"), self.env)
        function = cast(FunctionType, self.env[name])
        entry = linecache.cache[self.title] = (len(text), None, text.splitlines(keepends=True), self.title)
        # linecache never forgets such an entry by itself, and overrides and middleware compile again and again.
        weakref.finalize(function, _forget, self.title, entry).atexit = False
        return function


def _forget(title: str, entry: tuple[object, ...]) -> None:
    if linecache.cache.get(title) is entry:
        del linecache.cache[title]
