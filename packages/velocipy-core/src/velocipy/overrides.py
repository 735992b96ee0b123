"""What is called in place of dependencies: a dict that tells of its changes. Knows no routes and no handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self


class Overrides(dict[Callable[..., Any], Callable[..., Any]]):
    """`app.dependency_overrides`: dependency -> what is called in its place. Every change counts from the next request on."""

    def __init__(self, changed: Callable[[], None]) -> None:
        super().__init__()
        self._changed = changed

    def __setitem__(self, dependency: Callable[..., Any], replacement: Callable[..., Any]) -> None:
        super().__setitem__(dependency, replacement)
        self._changed()

    def __delitem__(self, dependency: Callable[..., Any]) -> None:
        super().__delitem__(dependency)
        self._changed()

    def clear(self) -> None:
        """Take every override away."""
        super().clear()
        self._changed()

    def pop(self, dependency: Callable[..., Any], *default: Any) -> Any:  # ty: ignore[incompatible-method-override]
        """Take one override away."""
        value = super().pop(dependency, *default)
        self._changed()
        return value

    def popitem(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Take the last override away."""
        item = super().popitem()
        self._changed()
        return item

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Set several."""
        super().update(*args, **kwargs)
        self._changed()

    def __ior__(self, other: Any) -> Self:  # type: ignore[override,misc]  # dict has overloads for pairs
        self.update(other)
        return self

    def setdefault(self, dependency: Callable[..., Any], replacement: Any = None) -> Any:
        """Set one unless it is set."""
        value = super().setdefault(dependency, replacement)
        self._changed()
        return value
