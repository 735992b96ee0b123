"""Headers that make browsers careful with every answer. Constants only, so they cost nothing but their bytes."""

from __future__ import annotations

from collections.abc import Mapping

from velocipy.exceptions import ConfigurationError
from velocipy.middleware.base import Middleware

DEFAULTS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "strict-origin-when-cross-origin",
    "content-security-policy": "default-src 'self'",
}
"""What is sent unless told otherwise; a response's own header of that name wins."""

YEAR = 31_536_000
"""Seconds of a year, the age that HSTS preload lists ask for."""


class SecurityHeadersMiddleware(Middleware):
    """nosniff, frame, referrer and content policies, and HSTS on request: `hsts=True` is a year, an int is seconds.

    `headers` changes or adds; None for a name leaves it out.
    """

    def __init__(self, headers: Mapping[str, str | None] | None = None, *, hsts: bool | int = False) -> None:
        if not isinstance(hsts, int) or hsts < 0:
            raise ConfigurationError(f"hsts is True, False or seconds, not {hsts!r}")
        chosen: dict[str, str | None] = {
            **DEFAULTS,
            **{name.lower(): value for name, value in (headers or {}).items()},
        }
        if hsts:
            chosen["strict-transport-security"] = (
                f"max-age={YEAR if hsts is True else hsts}; includeSubDomains"
            )
        self.response_headers = tuple((name, value) for name, value in chosen.items() if value is not None)
