"""Gives every request an id: the client's, if it is harmless, or a new one. Knows nothing of logging."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated
from uuid import uuid4

from velocipy.exceptions import ConfigurationError
from velocipy.handlers.markers import Header
from velocipy.middleware.base import Middleware

_HARMLESS = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


class RequestIDMiddleware(Middleware):
    """Echoes `x-request-id`, or makes one; handlers find it in `request.state.request_id`.

    An id of the client's counts if it has 1 to 128 letters, digits and `._:/+=@-`; anything else is replaced, so that nothing
    of a client's reaches logs and headers unseen.
    """

    state_key = "request_id"

    def __init__(self, header_name: str = "x-request-id") -> None:
        if not re.fullmatch(r"[A-Za-z0-9-]+", header_name):
            raise ConfigurationError(f"{header_name!r} is not a name for a request id header")
        self.header_name = header_name.lower()
        self.before = self._make_before()

    def _make_before(self) -> Callable[[str | None], str]:
        """A function of its own for each instance, since its annotation depends on the header's name."""
        matches = _HARMLESS.fullmatch

        def before(sent: str | None = None) -> str:
            return sent if sent is not None and matches(sent) is not None else uuid4().hex

        before.__annotations__ = {
            "sent": Annotated[str | None, Header(alias=self.header_name)],
            "return": str,
        }
        return before

    def header(self, token: str) -> str:
        """The id itself."""
        return token
