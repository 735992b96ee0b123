"""What stands before a path: ASGI's `root_path`, and what is routed below it. Knows scopes; knows no server and no routes.

An app stands below a `root_path` when a proxy serves it there, or when a foreign app has mounted it. A `path` is to begin with it, and
does under Uvicorn and in what Starlette mounts; Hypercorn and Granian tell it, and pass on the path as the proxy has sent it. Both are
understood, as Starlette does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Entry = Callable[..., Any]


def routed_path(scope: Mapping[str, Any]) -> str:
    """The path below the root: ("/api/x", "/api") -> "/x"; the whole of it where it is not below, as "/apix" and "/x" are not."""
    path, root = str(scope["path"]), scope.get("root_path") or ""
    # As it is given first: before "/api/" Uvicorn puts it in front of "/x" and makes "/api//x".
    for prefix in (root, root.rstrip("/")):
        if prefix and path.startswith(prefix):
            rest = path[len(prefix) :]
            if not rest or rest[0] == "/":
                return rest or "/"
    return path


def root_path(scope: Mapping[str, Any]) -> str:
    """The root, percent-decoded, as "/api" or "": one slash before it and none behind, so that no link leads to another host."""
    root = (scope.get("root_path") or "").strip("/")
    return f"/{root}" if root else ""


def below(enter: Entry, root: str) -> Entry:
    """The same entry for an app that clients find below `root`, "/api" say, unless the server or who has mounted the app tells it."""

    def enter_below(scope: Any, receive: Any, send: Any) -> Any:
        if scope["type"] != "lifespan" and not scope.get("root_path"):
            scope = {**scope, "root_path": root}
        return enter(scope, receive, send)

    return enter_below


def at_path(scope: Mapping[str, Any], path: str) -> dict[str, Any]:
    """The scope of a request for another path; its `raw_path` was another's."""
    return {**{key: value for key, value in scope.items() if key != "raw_path"}, "path": path}
