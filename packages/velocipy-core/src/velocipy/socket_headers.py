"""The headers that middleware puts on the answer to a handshake. Knows constants and what hooks make; knows no connection.

Only some servers send them: `Capabilities.accept_headers` and `denial_body` say so, and where they are False they are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from velocipy.http.headers import ResponseHeaders

Pairs = Sequence[tuple[str, str]]

OF_A_BODY: Final = ("content-length", "content-type")
"""Headers that say what a body is, which an accepted handshake has not, and of a refusal is ours."""


class SocketHeaders:
    """Defaults of one handshake's answer, gathered while its hooks are passed: a header of its own of that name wins."""

    __slots__ = ("_constants", "_made")

    def __init__(self, constants: Pairs = ()) -> None:
        self._constants = constants
        self._made: list[tuple[Callable[..., Pairs], tuple[Any, ...]]] = []

    def add(self, make: Callable[..., Pairs], *token: Any) -> None:
        """A hook was passed, whose headers `make(*token)` makes once there is an answer."""
        self._made.append((make, token))

    def with_own(self, own: Pairs) -> list[tuple[str, str]]:
        """The lines of an answer that has some of its own."""
        headers = ResponseHeaders(own)
        defaults = [pair for pair in self._constants if pair[0] not in OF_A_BODY]
        for make, token in self._made:
            defaults += make(*token)
        headers.add_defaults(defaults)
        return list(headers.raw)
