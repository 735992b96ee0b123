"""Parts that messages about mistakes have in common: what was probably meant, and where it is written. Raises nothing itself."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterable
from difflib import get_close_matches

from velocipy.exceptions import ConfigurationError


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ "; did you mean 'page'?" where something known is spelled much like it, else ""."""
    near = get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def if_asgi_middleware(item: object) -> str:
    """ "; ASGI middleware goes to app.add_asgi_middleware(...)" for what takes an ASGI app or is one, else ""."""
    import inspect

    what = item if isinstance(item, type) else getattr(item, "__call__", None)  # noqa: B004  # its signature is asked for
    try:
        names = list(inspect.signature(what).parameters) if callable(what) else []
    except (ValueError, TypeError):
        return ""
    if names[:1] != ["app"] and names != ["scope", "receive", "send"]:
        return ""
    return f"; ASGI middleware goes to app.add_asgi_middleware({getattr(item, '__name__', type(item).__name__)}, ...)"


def caller_location() -> str:
    """file:line of the nearest caller outside of VelociPy: of the line that the user wrote."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "velocipy":
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def about_request(method: str, template: str, path: str, request_id: object = None) -> str:
    """ "GET /items/{id} ('/items/7'), request id r-42": which request a record of the log is about; the path is escaped."""
    return f"{method} {template} ({path!r}){f', request id {request_id}' if request_id else ''}"


def check_keywords(
    what: str, given: Collection[str], known: Collection[str], where: str | None = None
) -> None:
    """Raise ConfigurationError for a keyword that nothing takes: without this, a typing error would be a setting that is ignored."""
    for name in given:
        if name not in known:
            raise ConfigurationError(
                f"{what} ({where or caller_location()}) takes no {name!r}{did_you_mean(name, known)} "
                f"It takes {', '.join(sorted(known))}"
            )
