"""Tells the client how long its answer took to make. Knows the clock; does not know what was done."""

from __future__ import annotations

from time import perf_counter

from velocipy.middleware.base import Middleware


class TimingMiddleware(Middleware):
    """`server-timing: total;dur=1.234`, milliseconds from matching to sending (W3C Server Timing section 2)."""

    header_name = "server-timing"

    def before(self) -> float:
        """When the request came in, on the monotonic clock."""
        return perf_counter()

    def header(self, token: float) -> str:
        """The time since then."""
        return f"total;dur={(perf_counter() - token) * 1000:.3f}"
