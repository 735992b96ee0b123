"""`velocipy dev`: serves an app while it is written. Says where to look and what to watch; serves nothing itself."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from velocipy.cli.addresses import TRIES, checked_port, free_port, url_of
from velocipy.cli.arguments import add_address, add_app, target_of
from velocipy.cli.describing import Description, describe
from velocipy.cli.errors import CommandError
from velocipy.cli.finding import Target
from velocipy.cli.running import PROTOCOLS, SERVERS, Serving
from velocipy.cli.served import load_or_tell, name_target
from velocipy.cli.terminal import styled

HELP = "serve the app for development: reloads on changes, answers with the error while the code is broken"

GRACE = 2
"""Seconds from a change until a worker with open streams is killed: who writes code waits for it."""


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `velocipy dev`."""
    add_app(parser)
    add_address(parser, f", or the first free one of the {TRIES} from there on")
    parser.add_argument("--server", choices=sorted(SERVERS), default="granian", help="(default: granian)")
    parser.add_argument("--no-reload", action="store_true", help="do not watch files")


def run(options: Namespace) -> int:
    """Serve until a signal -> 0. An app that cannot be loaded is served as the page that says why."""
    target = target_of(options)
    host = options.host
    port = checked_port(host, options.port) if options.port else free_port(host)
    try:
        app: Description | None = describe(target)
        problem = ""
    except CommandError as exc:
        app, problem = None, str(exc)
    name_target(target)
    print(banner(target, app, url_of(host, port), options.server), flush=True)
    if problem:
        print(f"{styled('velocipy:', 'red')} {problem}\n", flush=True)
    SERVERS[options.server](
        Serving(
            load_or_tell,
            host,
            port,
            grace=GRACE,
            access_log=True,
            reload=() if options.no_reload else (target.folder,),
        )
    )
    return 0


def banner(target: Target, app: Description | None, url: str, server: str) -> str:
    """What to know at one sight: where the app is, and what serves it."""
    lines = [
        ("App", str(target)),
        ("URL", styled(url, "cyan")),
        ("Server", f"{server}, {PROTOCOLS[server]}"),
    ]
    if app is not None:
        if app.docs is not None:
            lines.insert(2, ("Docs", styled(url + app.docs, "cyan")))
        lines.append(("Routes", f"{app.routes}, which `velocipy routes` lists"))
        lines.append(("Try", f"curl {url}{app.first}"))
    width = max(len(name) for name, _ in lines)
    return "\n" + "\n".join(f"  {styled(name.ljust(width), 'bold')}  {value}" for name, value in lines) + "\n"
