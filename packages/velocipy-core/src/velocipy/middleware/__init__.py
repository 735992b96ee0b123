"""What surrounds endpoints: the mechanism's base class, and the built-in middlewares, one a file."""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.middleware.base import CallNext, Middleware, the_token
    from velocipy.middleware.compression import CompressionMiddleware, GZipMiddleware
    from velocipy.middleware.cors import CORSMiddleware
    from velocipy.middleware.https_redirect import HTTPSRedirectMiddleware
    from velocipy.middleware.metrics import MetricsMiddleware
    from velocipy.middleware.proxy_headers import ProxyHeadersMiddleware
    from velocipy.middleware.request_id import (
        RequestIDFilter,
        RequestIDMiddleware,
        current_request_id,
        trace_id_of,
    )
    from velocipy.middleware.security_headers import HSTS, SecurityHeadersMiddleware
    from velocipy.middleware.session import OldCookie, SessionMiddleware
    from velocipy.middleware.timing import Timing, TimingMiddleware, span
    from velocipy.middleware.trusted_host import TrustedHostMiddleware

__all__ = [
    "CORSMiddleware",
    "CallNext",
    "CompressionMiddleware",
    "GZipMiddleware",
    "HSTS",
    "HTTPSRedirectMiddleware",
    "MetricsMiddleware",
    "Middleware",
    "OldCookie",
    "ProxyHeadersMiddleware",
    "RequestIDFilter",
    "RequestIDMiddleware",
    "SecurityHeadersMiddleware",
    "SessionMiddleware",
    "Timing",
    "TimingMiddleware",
    "TrustedHostMiddleware",
    "current_request_id",
    "span",
    "the_token",
    "trace_id_of",
]

_HOMES = {
    "base": (
        "CallNext",
        "Middleware",
        "the_token",
    ),
    "compression": (
        "CompressionMiddleware",
        "GZipMiddleware",
    ),
    "cors": ("CORSMiddleware",),
    "https_redirect": ("HTTPSRedirectMiddleware",),
    "metrics": ("MetricsMiddleware",),
    "proxy_headers": ("ProxyHeadersMiddleware",),
    "request_id": (
        "RequestIDFilter",
        "RequestIDMiddleware",
        "current_request_id",
        "trace_id_of",
    ),
    "security_headers": (
        "HSTS",
        "SecurityHeadersMiddleware",
    ),
    "session": ("OldCookie", "SessionMiddleware"),
    "timing": (
        "Timing",
        "TimingMiddleware",
        "span",
    ),
    "trusted_host": ("TrustedHostMiddleware",),
}

if not TYPE_CHECKING:  # with it, a type checker would take any name for one of ours
    __getattr__, __dir__ = lazy(__name__, _HOMES)
