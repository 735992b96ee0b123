"""`velocipy dev`: serves an app while it is written. Finds a free port, watches the folder, says where to look; serves nothing itself."""

from __future__ import annotations

import os
import socket
from argparse import ArgumentParser, Namespace
from importlib.util import find_spec

from velocipy.cli.arguments import add_address, add_app, target_of
from velocipy.cli.describing import Description, describe
from velocipy.cli.errors import CommandError
from velocipy.cli.finding import Target
from velocipy.cli.running import PORT, PROTOCOLS, SERVERS, Serving
from velocipy.cli.served import APP, FOLDER
from velocipy.cli.terminal import styled

HELP = "serve the app for development: reloads on changes, answers with the error while the code is broken"

TRIES = 20
"""Ports that are tried from the first one on, where none was named."""

GRACE = 2
"""Seconds from a change until a worker with open streams is killed: who writes code waits for it."""


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `velocipy dev`."""
    add_app(parser)
    add_address(parser, PORT)
    parser.add_argument("--server", choices=sorted(SERVERS), default="granian", help="(default: granian)")
    parser.add_argument("--no-reload", action="store_true", help="do not watch files")


def run(options: Namespace) -> int:
    """Serve until a signal -> 0. An app that cannot be loaded is served as the page that says why."""
    target = target_of(options)
    if options.server == "granian" and not options.no_reload and find_spec("watchfiles") is None:
        raise CommandError("reloading needs watchfiles: pip install 'velocipy[granian]', or give --no-reload")
    port = options.port or free_port(options.host)
    try:
        app: Description | None = describe(target)
        problem = ""
    except CommandError as exc:
        app, problem = None, str(exc)
    os.environ[APP], os.environ[FOLDER] = str(target), str(target.folder)
    print(banner(target, app, options.host, port, options.server), flush=True)
    if problem:
        print(f"{styled('velocipy:', 'red')} {problem}\n", flush=True)
    SERVERS[options.server](
        Serving(
            "velocipy.cli.served:app",
            target.folder,
            options.host,
            port,
            grace=GRACE,
            access_log=True,
            reload=() if options.no_reload else (target.folder,),
        )
    )
    return 0


def free_port(host: str) -> int:
    """The first port from PORT on that nobody listens on."""
    for port in range(PORT, PORT + TRIES):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise CommandError(f"no port from {PORT} to {PORT + TRIES - 1} is free on {host}: name one with --port")


def banner(target: Target, app: Description | None, host: str, port: int, server: str) -> str:
    """What to know at one sight: where the app is, and what serves it."""
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
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
