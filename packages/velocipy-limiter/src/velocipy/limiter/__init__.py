"""Limits on rates and on requests at once: rules, algorithms, dependencies, middleware, fields that tell clients. Names what is public.

limiter = Limiter()

@app.get("/items", dependencies=[Depends(rate_limit(limiter, rules=[limit("60/minute")]))])
"""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.limiter.at_once import ConcurrencyRule
    from velocipy.limiter.dependency import concurrency, rate_limit
    from velocipy.limiter.exceptions import (
        CapacityExceeded,
        ConcurrencyExceeded,
        LimiterUnavailable,
        RateLimitExceeded,
    )
    from velocipy.limiter.gate import content_length
    from velocipy.limiter.identity import (
        by_api_key,
        by_header,
        by_path,
        by_session,
        client_address,
        everybody,
        for_methods,
        for_networks,
        for_paths,
        together,
    )
    from velocipy.limiter.limiter import Limiter
    from velocipy.limiter.marks import refund
    from velocipy.limiter.middleware import ConcurrencyMiddleware, RateLimitMiddleware
    from velocipy.limiter.rule import RateLimitAlgorithm, RateLimitRule, limit
    from velocipy.limiter.slots import Slot
    from velocipy.limiter.sockets import limited_messages, message_bytes
    from velocipy.limiter.verdict import Standing, Verdict

__all__ = [
    "CapacityExceeded",
    "ConcurrencyExceeded",
    "ConcurrencyMiddleware",
    "ConcurrencyRule",
    "Limiter",
    "LimiterUnavailable",
    "RateLimitAlgorithm",
    "RateLimitExceeded",
    "RateLimitMiddleware",
    "RateLimitRule",
    "Slot",
    "Standing",
    "Verdict",
    "by_api_key",
    "by_header",
    "by_path",
    "by_session",
    "client_address",
    "concurrency",
    "content_length",
    "everybody",
    "for_methods",
    "for_networks",
    "for_paths",
    "limit",
    "limited_messages",
    "message_bytes",
    "rate_limit",
    "refund",
    "together",
]

_HOMES = {
    "at_once": ("ConcurrencyRule",),
    "dependency": ("concurrency", "rate_limit"),
    "exceptions": ("CapacityExceeded", "ConcurrencyExceeded", "LimiterUnavailable", "RateLimitExceeded"),
    "gate": ("content_length",),
    "identity": (
        *("by_api_key", "by_header", "by_path", "by_session", "client_address", "everybody"),
        *("for_methods", "for_networks", "for_paths", "together"),
    ),
    "limiter": ("Limiter",),
    "marks": ("refund",),
    "middleware": ("ConcurrencyMiddleware", "RateLimitMiddleware"),
    "rule": ("RateLimitAlgorithm", "RateLimitRule", "limit"),
    "slots": ("Slot",),
    "sockets": ("limited_messages", "message_bytes"),
    "verdict": ("Standing", "Verdict"),
}
"""Sub-module -> the public names that it defines."""

if not TYPE_CHECKING:  # with it, a type checker would take any name for one of ours
    __getattr__, __dir__ = lazy(__name__, _HOMES)
