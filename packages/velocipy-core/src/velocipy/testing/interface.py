"""Which protocol a client speaks to an app. Knows the dists' names; does not import them."""

from __future__ import annotations

from importlib.util import find_spec
from inspect import getattr_static
from typing import TYPE_CHECKING, Literal, cast

from velocipy.exceptions import MissingAdapterError
from velocipy.testing.asgi import ASGIServer
from velocipy.testing.rsgi import RSGIServer

if TYPE_CHECKING:
    from velocipy.testing.asgi import ASGIApp
    from velocipy.testing.rsgi import RSGIApp, RSGICall
    from velocipy.testing.server import Server

    App = ASGIApp | RSGIApp | RSGICall

Interface = Literal["asgi", "rsgi"]


def make_server(
    app: App, interface: str | None, *, propagate: bool, app_timeout: float, root_path: str
) -> Server:
    """The in-process server for an app; over ASGI for one below a root path, of which RSGI servers tell nothing.

    Raises MissingAdapterError when there is nothing to choose from.
    """
    chosen = interface or ("asgi" if root_path else choose(app))
    if chosen == "rsgi":
        return RSGIServer(cast("RSGIApp", app), propagate=propagate, app_timeout=app_timeout)
    if chosen == "asgi":
        return ASGIServer(
            cast("ASGIApp", app), propagate=propagate, app_timeout=app_timeout, root_path=root_path
        )
    raise ValueError(f"interface must be 'asgi' or 'rsgi', not {interface!r}")


def choose(app: App) -> Interface:
    """What the app speaks; for one that speaks both, what is installed, rsgi first."""
    # Without evaluating it: an app whose adapter is missing raises when it is asked.
    if getattr_static(app, "__rsgi__", None) is None:
        return "asgi"
    if not callable(app):
        return "rsgi"
    if installed("rsgi"):
        return "rsgi"
    if installed("asgi"):
        return "asgi"
    raise MissingAdapterError(
        "no protocol adapter is installed, so this app cannot be called: pip install velocipy-rsgi "
        "(for Granian) or pip install velocipy-asgi (for Uvicorn, Hypercorn and Granian)"
    )


def installed(interface: Interface) -> bool:
    """Whether the dist of a protocol is there, without importing it."""
    return find_spec(f"velocipy.{interface}") is not None
