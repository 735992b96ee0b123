"""A place for what belongs to an app or a request and to no parameter. Knows names and values only."""

from __future__ import annotations

from typing import Any


class State(dict[str, Any]):
    """A dict whose keys are attributes too: `state.db = pool` and `state["db"]` are one thing."""

    __slots__ = ()

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"this state has no {name!r}; it has {', '.join(map(repr, self)) or 'nothing'}"
            ) from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self[name]
        except KeyError:
            raise AttributeError(name) from None
