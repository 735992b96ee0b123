"""What surrounds endpoints: the mechanism's base class, and the built-in middlewares, one a file."""

from velocipy.middleware.base import CallNext, Middleware
from velocipy.middleware.request_id import RequestIDMiddleware
from velocipy.middleware.security_headers import SecurityHeadersMiddleware
from velocipy.middleware.timing import TimingMiddleware

__all__ = ["CallNext", "Middleware", "RequestIDMiddleware", "SecurityHeadersMiddleware", "TimingMiddleware"]
