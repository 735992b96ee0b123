"""Parts that messages about mistakes have in common: what was probably meant, and of what request they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches

from velocipy.exceptions import ConfigurationError
from velocipy.places import caller_location


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ "; did you mean 'page'?" where something known is spelled much like it, else ""."""
    near = get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def missing_attribute(owner: object, name: str) -> object:
    """For `__getattr__`: raises AttributeError with the name that was probably meant.

    A property whose code raised AttributeError ends here too. It is asked again, so that its own error is the one that is seen.
    """
    kind = type(owner)
    if hasattr(kind, name):
        return object.__getattribute__(owner, name)
    public = [known for known in dir(kind) if not known.startswith("_")]
    meant = "" if name.startswith("_") else did_you_mean(name, public)
    raise AttributeError(f"{kind.__name__!r} object has no attribute {name!r}{meant}")


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
                f"{what} ({where or caller_location()}) takes no {name!r}{did_you_mean(name, known) or '.'} "
                f"It takes {', '.join(sorted(known))}"
            )
