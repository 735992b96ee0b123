"""`velocipy explain PATH`: what a request for a path runs, as a plan and as source. Knows routes; sends no request."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from difflib import get_close_matches

from velocipy import VelociPy
from velocipy.cli.adapters import PROTOCOLS, installed_protocols
from velocipy.cli.arguments import add_app, app_of
from velocipy.cli.errors import CommandError
from velocipy.cli.listing import shortened
from velocipy.cli.terminal import styled
from velocipy.routing.route import Route

HELP = "show what runs for a path: the plan of its handler, and the source that was compiled from it"


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `velocipy explain`."""
    parser.add_argument(
        "path", help="a path that is asked for, such as /items/7, or a template, such as /items/{id}"
    )
    add_app(parser)
    parser.add_argument("--method", "-X", type=str.upper, help="of several methods, this one")
    parser.add_argument(
        "--protocol", choices=PROTOCOLS, help="compile for this one (default: the first that is installed)"
    )
    parser.add_argument("--plan", action="store_true", help="only the plan, without the source")


def run(options: Namespace) -> int:
    """Print plan and source of every route that the path leads to -> 0. Raises CommandError where it leads nowhere."""
    app = app_of(options)
    path = options.path.partition("?")[0]  # which is no part of a path, but of what is copied from a browser
    protocol = options.protocol or next(iter(installed_protocols()), PROTOCOLS[0])
    routes = [route for route in routes_at(app, path) if _is_wanted(route, options.method)]
    if not routes:
        raise CommandError(_nothing_there(app, path, options.method))
    for number, route in enumerate(routes):
        print(
            "\n" * (number > 0) + styled(f"{route.title}  {route.name}  {shortened(route.location)}", "bold")
        )
        print("\n" + app.plan(route).explain())
        if not options.plan:
            print("\n" + route.explain(protocol).rstrip())
    return 0


def routes_at(app: VelociPy, path: str) -> list[Route]:
    """The routes whose template is written like this, or those that a request for this path can reach."""
    written = [route for route in app.routes if route.path == path]
    return written or app.routes_at(path)


def _is_wanted(route: Route, method: str | None) -> bool:
    return method is None or method in route.methods or (route.is_socket and method == "WEBSOCKET")


def _nothing_there(app: VelociPy, path: str, method: str | None) -> str:
    if not path.startswith("/"):
        return f"{path!r} is no path: it begins with /, and the app comes after it"
    near = get_close_matches(path, {route.path for route in app.routes}, 3, 0.4)
    hint = f"; near it are {', '.join(near)}" if near else "; `velocipy routes` lists what is there"
    return f"nothing is served at {path}{f' for {method}' if method else ''}{hint}"
