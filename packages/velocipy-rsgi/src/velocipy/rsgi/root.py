"""What stands before a path, which RSGI has no word for: an app that is told of it. Knows scopes; knows no server and no routes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Entry = Callable[..., Any]


class Moved:
    """A scope of a request for another path."""

    def __init__(self, scope: Any, path: str) -> None:
        self._scope = scope
        self.path: str = path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._scope, name)


class Rooted(Moved):
    """A scope below a root: its `path` is what is routed, whether the proxy takes the root off or leaves it on."""

    def __init__(self, scope: Any, root: str) -> None:
        self.root_path = root
        path = str(scope.path)
        rest = path[len(root) :] if path.startswith(root) else path
        super().__init__(scope, path if rest and rest[0] != "/" else rest or "/")


def below(enter: Entry, root: str) -> Entry:
    """The same entry for an app that clients find below `root`, "/api" say."""

    def enter_below(scope: Any, proto: Any) -> Any:
        return enter(Rooted(scope, root), proto)

    return enter_below


def at_path(scope: Any, path: str) -> Any:
    """The scope of a request for another path, below the same root."""
    moved, root = Moved(scope, path), root_path(scope)
    return Rooted(moved, root) if root else moved


def root_path(scope: Any) -> str:
    """The root of a scope, "" for one of a server's."""
    return getattr(scope, "root_path", "")
