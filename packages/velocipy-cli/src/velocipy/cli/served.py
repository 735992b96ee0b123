"""The app in a server's worker: the user's, or under `velocipy dev`, while that cannot be loaded, one that says why. Knows no server."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from velocipy import Request, Response, VelociPy
from velocipy.cli.errors import CommandError
from velocipy.cli.finding import Target
from velocipy.cli.loading import load_app
from velocipy.debugging.pages import loading_failed
from velocipy.exceptions import ConfigurationError, MissingAdapterError

MODULE, ATTRIBUTE, FOLDER = "VELOCIPY_CLI_MODULE", "VELOCIPY_CLI_ATTRIBUTE", "VELOCIPY_CLI_FOLDER"
"""Environment variables that tell a worker what to load: workers are forked or spawned, as server and platform have it."""

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def broken_app(problem: str, exc: BaseException | None = None) -> VelociPy:
    """An app that answers every request with the page of an app in debug: what was said, and the exception behind it."""
    app = VelociPy(title="broken", plugins=False)
    bare = Response(b'{"detail":"The app cannot be loaded"}', 500, media_type="application/json")

    async def tell(request: Request) -> Response:
        return loading_failed(request, problem, exc, bare)

    app.add_route("/{rest*}", tell, methods=METHODS)
    return app


def name_target(target: Target) -> None:
    """Have the workers that are started from here load this app."""
    os.environ[MODULE], os.environ[ATTRIBUTE], os.environ[FOLDER] = (
        target.module,
        target.attribute,
        str(target.folder),
    )


def load() -> VelociPy:
    """The app that the environment names, out of debug whatever it says itself. Raises CommandError."""
    return _loaded(debug=False)


def load_or_tell() -> VelociPy:
    """The app that the environment names, in debug, or one that says why there is none."""
    try:
        app = _loaded(debug=True)
        app.set_up_plugins()
    except (CommandError, ConfigurationError, MissingAdapterError) as exc:
        print(f"velocipy: {exc}", file=sys.stderr, flush=True)
        return broken_app(str(exc), exc.__cause__ if isinstance(exc, CommandError) else exc)
    return app


def _loaded(debug: bool) -> VelociPy:
    environ = os.environ
    app = load_app(Target(environ[MODULE], environ[ATTRIBUTE], Path(environ[FOLDER])))
    app.debug = debug
    return app
