"""What a template engine does. Imports no engine's library; knows nothing of requests and responses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

Context = dict[str, Any]
"""The names that a template finds, those of the request among them."""


class Engine(ABC):
    """Names of templates and a context -> text. An engine of your own needs `render`; what it cannot do, it says.

    Every method may be called from several threads at once, and raises what the library raises. An engine escapes every value
    for HTML, whatever the template is called, except those with `__html__`.
    """

    @abstractmethod
    def render(self, name: str, context: Context) -> str:
        """The whole template."""

    def check(self) -> None:
        """Look at every template now. Raises ConfigurationError with every fault of syntax; an engine that cannot does nothing."""
        return None

    def render_block(self, name: str, block: str, context: Context) -> str:
        """One block of it. Raises LookupError for one that it does not have."""
        raise NotImplementedError(f"{type(self).__name__} cannot render one block of a template")

    def stream(self, name: str, context: Context) -> Iterator[str]:
        """The template piece by piece, as it is rendered; what is wrong with its name or syntax is raised before the first.

        Without this method of its own, an engine gives all in one piece.
        """
        return iter((self.render(name, context),))
