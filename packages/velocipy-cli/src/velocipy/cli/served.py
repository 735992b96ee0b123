"""The app in a server's worker: the user's, or under `velocipy dev`, while that cannot be loaded, one that says why. Knows no server."""

from __future__ import annotations

import os
import sys
from html import escape
from pathlib import Path
from typing import Any

from velocipy import Request, Response, VelociPy
from velocipy.cli.errors import CommandError
from velocipy.cli.finding import Target
from velocipy.cli.loading import load_app
from velocipy.exceptions import ConfigurationError
from velocipy.http.negotiation import preferred

MODULE, ATTRIBUTE, FOLDER = "VELOCIPY_CLI_MODULE", "VELOCIPY_CLI_ATTRIBUTE", "VELOCIPY_CLI_FOLDER"
"""Environment variables that tell a worker what to load: workers are forked or spawned, as server and platform have it."""

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
OFFERS = (("text/plain",), ("text/html",), ("application/json",))

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="1"><title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 3rem auto; padding: 0 1rem }}
h1 {{ font-size: 1.3rem }}
pre {{ padding: 1rem; overflow-x: auto; border-left: 4px solid #c33; background: color-mix(in srgb, currentColor 7%, transparent) }}
</style></head>
<body><h1>{title}</h1><pre>{problem}</pre><p>This page asks again every second, and shows the app once it can be loaded.</p></body></html>
"""


def broken_app(problem: str) -> VelociPy:
    """An app that answers every request with a 500 that says what is wrong, as HTML, JSON or text by Accept."""
    app = VelociPy(title="broken", plugins=False)
    title = "The app cannot be loaded"

    async def tell(request: Request) -> Response:
        offer = preferred(request.headers.get("accept") or "", OFFERS)
        kind = OFFERS[offer][0]
        content: dict[str, Any] = {
            "text/plain": f"{title}\n\n{problem}\n",
            "text/html": _PAGE.format(title=escape(title), problem=escape(problem)),
            "application/json": app.json_encoder.encode({"detail": title, "problem": problem}),
        }
        types = {"text/plain": "text/plain; charset=utf-8", "text/html": "text/html; charset=utf-8"}
        return Response(content[kind], 500, {"cache-control": "no-store"}, types.get(kind, kind))

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
    """The app that the environment names. Raises CommandError."""
    environ = os.environ
    return load_app(Target(environ[MODULE], environ[ATTRIBUTE], Path(environ[FOLDER])))


def load_or_tell() -> VelociPy:
    """The app that the environment names, or one that says why there is none."""
    try:
        app = load()
        app.set_up_plugins()
    except (CommandError, ConfigurationError) as exc:
        print(f"velocipy: {exc}", file=sys.stderr, flush=True)
        return broken_app(str(exc))
    return app
