"""What fixtures of the pytest plugin give, as types for the tests that take them. Knows no pytest; does nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol


class Override(Protocol):
    """The fixture `override`."""

    def __call__(self, dependency: Callable[..., Any], replacement: Callable[..., Any], /) -> None:
        """Have `replacement` called in place of `dependency` until the test is over."""
        ...
