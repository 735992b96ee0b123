"""The name under which others look for what `VelociPy(proxy_headers=...)` does. Says so, and does nothing."""

from __future__ import annotations

from typing import Any, NoReturn

from velocipy.exceptions import ConfigurationError
from velocipy.untyped import ARRAY


class ProxyHeadersMiddleware:
    """Not a middleware: who the client is must be known before the first one runs, host checks and log lines included.

    Constructing it raises ConfigurationError with the setting that does the work.
    """

    def __new__(cls, *trusted: Any, **options: Any) -> NoReturn:
        """Raises ConfigurationError."""
        given = [*trusted, *options.values()]
        entries: Any = given[0] if len(given) == 1 and isinstance(given[0], (*ARRAY, str)) else []
        wanted = [entries] if isinstance(entries, str) else list(entries) or ["10.0.0.0/8"]
        raise ConfigurationError(
            f"there is no ProxyHeadersMiddleware to add: write VelociPy(proxy_headers={wanted!r}), which counts before any "
            f"middleware and for WebSockets and mounts too; see docs/deployment-proxies.md"
        )
