"""`velocipy routes`: what an app serves, as a table or as JSON. Knows routes and layers; prints, and changes nothing."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from velocipy.cli.arguments import add_app, app_of
from velocipy.cli.terminal import columns, printable, styled
from velocipy.routing.route import Route, callable_name

HELP = "list what the app serves: method, path, name, handler, dependencies, middleware"


@dataclass(frozen=True, slots=True)
class Row:
    """A route as it is listed; `dependencies` and `middleware` are those of app, routers and route, the outermost first."""

    methods: tuple[str, ...]
    path: str
    name: str
    handler: str
    location: str
    dependencies: tuple[str, ...]
    middleware: tuple[str, ...]


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `velocipy routes`."""
    add_app(parser)
    parser.add_argument("--json", action="store_true", help="a JSON array of objects, for programs")
    parser.add_argument(
        "--all", action="store_true", help="also routes that are left out of the documentation"
    )


def run(options: Namespace) -> int:
    """Print the table -> 0."""
    app = app_of(options)
    rows = [row_of(route) for route in app.routes if options.all or route.options.include_in_schema]
    print(json.dumps([asdict(row) for row in rows], indent=2) if options.json else _table(rows))
    return 0


def row_of(route: Route) -> Row:
    """What is listed of one route."""
    methods = ("WEBSOCKET",) if route.is_socket else tuple(m.strip("()").upper() for m in route.methods)
    return Row(
        methods,
        route.path,
        route.name,
        callable_name(route.endpoint),
        shortened(route.location),
        tuple(callable_name(each.call) for layer in route.layers for each in layer.dependencies),
        tuple(middleware_name(item) for layer in route.layers for item in layer.middleware),
    )


def middleware_name(item: Any) -> str:
    """A function's name, or the class of anything else."""
    return callable_name(item) if hasattr(item, "__name__") else type(item).__name__


def shortened(location: str) -> str:
    """file:line with the file relative to the current folder, where it lies below it."""
    path, _, line = location.rpartition(":")
    try:
        return f"{Path(path).resolve().relative_to(Path.cwd())}:{line}"
    except ValueError:
        return location


def _table(rows: list[Row]) -> str:
    if not rows:
        return "The app has no routes."
    lines = columns(
        [
            ("METHODS", "PATH", "NAME", "HANDLER", "DEPENDENCIES", "MIDDLEWARE"),
            *(
                (
                    ",".join(
                        method for method in row.methods if method != "HEAD" or "GET" not in row.methods
                    ),
                    printable(row.path),
                    printable(row.name),
                    row.location,
                    ", ".join(row.dependencies) or "-",
                    ", ".join(row.middleware) or "-",
                )
                for row in rows
            ),
        ]
    )
    return "\n".join([styled(lines[0], "bold"), *lines[1:]])
