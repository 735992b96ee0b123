"""What surrounds endpoints: the mechanism's base class, and the built-in middlewares, one a file."""

from typing import TYPE_CHECKING

from velocipy.exports import lazy

if TYPE_CHECKING:
    from velocipy.middleware.base import CallNext, Middleware
    from velocipy.middleware.compression import CompressionMiddleware, GZipMiddleware
    from velocipy.middleware.cors import CORSMiddleware
    from velocipy.middleware.https_redirect import HTTPSRedirectMiddleware
    from velocipy.middleware.request_id import RequestIDMiddleware
    from velocipy.middleware.security_headers import HSTS, SecurityHeadersMiddleware
    from velocipy.middleware.session import OldCookie, SessionMiddleware
    from velocipy.middleware.timing import TimingMiddleware
    from velocipy.middleware.trusted_host import TrustedHostMiddleware

__all__ = [
    "CORSMiddleware",
    "CallNext",
    "CompressionMiddleware",
    "GZipMiddleware",
    "HSTS",
    "HTTPSRedirectMiddleware",
    "Middleware",
    "OldCookie",
    "RequestIDMiddleware",
    "SecurityHeadersMiddleware",
    "SessionMiddleware",
    "TimingMiddleware",
    "TrustedHostMiddleware",
]

_HOMES = {
    "base": (
        "CallNext",
        "Middleware",
    ),
    "compression": (
        "CompressionMiddleware",
        "GZipMiddleware",
    ),
    "cors": ("CORSMiddleware",),
    "https_redirect": ("HTTPSRedirectMiddleware",),
    "request_id": ("RequestIDMiddleware",),
    "security_headers": (
        "HSTS",
        "SecurityHeadersMiddleware",
    ),
    "session": ("OldCookie", "SessionMiddleware"),
    "timing": ("TimingMiddleware",),
    "trusted_host": ("TrustedHostMiddleware",),
}

__getattr__, __dir__ = lazy(__name__, _HOMES)
