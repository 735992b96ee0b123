"""Rate limiting: rules, four exact algorithms, a dependency, a middleware, and the fields that tell clients. Names what is public.

limiter = Limiter()

@app.get("/items", dependencies=[Depends(rate_limit(limiter, rules=[limit("60/minute")]))])
"""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.limiter.dependency import rate_limit
    from velocipy.limiter.exceptions import LimiterUnavailable, RateLimitExceeded
    from velocipy.limiter.gate import content_length, refund
    from velocipy.limiter.identity import (
        by_api_key,
        by_header,
        by_path,
        by_session,
        client_address,
        for_methods,
        for_networks,
        for_paths,
        together,
    )
    from velocipy.limiter.limiter import Limiter
    from velocipy.limiter.middleware import RateLimitMiddleware
    from velocipy.limiter.rule import RateLimitAlgorithm, RateLimitRule, limit
    from velocipy.limiter.sockets import limited_messages
    from velocipy.limiter.verdict import Standing, Verdict

__all__ = [
    "Limiter",
    "LimiterUnavailable",
    "RateLimitAlgorithm",
    "RateLimitExceeded",
    "RateLimitMiddleware",
    "RateLimitRule",
    "Standing",
    "Verdict",
    "by_api_key",
    "by_header",
    "by_path",
    "by_session",
    "client_address",
    "content_length",
    "for_methods",
    "for_networks",
    "for_paths",
    "limit",
    "limited_messages",
    "rate_limit",
    "refund",
    "together",
]

_HOMES = {
    "dependency": ("rate_limit",),
    "exceptions": ("LimiterUnavailable", "RateLimitExceeded"),
    "gate": ("content_length", "refund"),
    "identity": (
        *("by_api_key", "by_header", "by_path", "by_session", "client_address"),
        *("for_methods", "for_networks", "for_paths", "together"),
    ),
    "limiter": ("Limiter",),
    "middleware": ("RateLimitMiddleware",),
    "rule": ("RateLimitAlgorithm", "RateLimitRule", "limit"),
    "sockets": ("limited_messages",),
    "verdict": ("Standing", "Verdict"),
}
"""Sub-module -> the public names that it defines."""

__getattr__, __dir__ = lazy(__name__, _HOMES)
