"""The app that `velocipy dev` serves: the user's, or while that cannot be loaded, one that says why. Knows no server."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path
from typing import Any

from velocipy import Request, Response, VelociPy
from velocipy.cli.errors import CommandError
from velocipy.cli.finding import find_target
from velocipy.cli.loading import load_app
from velocipy.http.negotiation import preferred

APP = "VELOCIPY_DEV_APP"
FOLDER = "VELOCIPY_DEV_FOLDER"
"""Environment variables that tell a worker what to load."""

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


def load() -> VelociPy:
    """The app that the environment names, or one that says why there is none."""
    try:
        return load_app(find_target(os.environ.get(APP), Path(os.environ.get(FOLDER, "."))))
    except CommandError as exc:
        print(f"velocipy: {exc}", flush=True)
        return broken_app(str(exc))


def __getattr__(name: str) -> Any:
    """`app` is made when a server asks for it, and not when this module is read for its constants."""
    if name == "app":
        globals()["app"] = app = load()
        return app
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
