"""`velocipy run`: serves an app for production. Knows the servers' settings that matter to VelociPy; serves nothing itself."""

from __future__ import annotations

import math
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from velocipy import VelociPy
from velocipy.cli.addresses import PORT, checked_port
from velocipy.cli.arguments import add_address, add_app, target_of
from velocipy.cli.describing import Description, describe
from velocipy.cli.errors import MISUSED, CommandError
from velocipy.cli.served import load, name_target

HELP = "serve the app: Granian with RSGI, or Uvicorn with --server uvicorn"

KILL_MARGIN = 5
"""Seconds that a worker has to end beyond the app's `shutdown_grace`, before its server kills it."""

LEVELS = ("critical", "error", "warning", "info", "debug")

RELOADED = ("*.py", "*.toml", ".env", ".env.*", "*.html", "*.jinja", "*.jinja2", "*.j2")
"""Patterns of the names of files that an app is made of: a change of one reloads it, where that is wanted."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What a server is told. `load` makes the app in a worker, and is a function of a module, since it is named to servers.

    `grace` is in seconds; `reload` are the folders to watch, if any.
    """

    load: Callable[[], VelociPy]
    host: str
    port: int
    workers: int = 1
    grace: int = 15
    access_log: bool = False
    log_level: str = "info"
    reload: tuple[Path, ...] = ()


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `velocipy run`."""
    add_app(parser)
    add_address(parser)
    parser.add_argument("--server", choices=sorted(SERVERS), default="granian", help="(default: granian)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default: 1)")
    parser.add_argument("--access-log", action="store_true", help="a line for every request")
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="(default: info)")


def run(options: Namespace) -> int:
    """Serve until a signal -> 0. Raises CommandError for an app that cannot be loaded, before any worker is started."""
    if options.workers < 1:
        raise CommandError(f"--workers is at least 1, not {options.workers}", MISUSED)
    target = target_of(options)
    port = checked_port(options.host, options.port or PORT)
    app = describe(target)
    if app.debug:
        print(
            f"velocipy: {target} has debug=True, which is left out here: velocipy dev has it", file=sys.stderr
        )
    name_target(target)
    SERVERS[options.server](
        Serving(
            load,
            options.host,
            port,
            options.workers,
            grace_of(app),
            options.access_log,
            options.log_level,
        )
    )
    return 0


def grace_of(app: Description) -> int:
    """Seconds from the signal to stop until a worker is killed: the app's own time to end streams and tasks, and a margin."""
    return math.ceil(app.grace) + KILL_MARGIN


def serve_granian(serving: Serving) -> None:
    """Granian with RSGI. Without a kill timeout one open stream would keep a worker from ending for as long as it likes."""
    try:
        from granian import Granian
        from granian.constants import Interfaces
        from granian.log import LogLevels
    except ImportError:
        raise CommandError(
            "granian is not installed: pip install 'velocipy-rsgi[granian]', or give --server uvicorn"
        ) from None
    Granian(
        named(serving.load),
        address=serving.host,
        port=serving.port,
        interface=Interfaces.RSGI,
        workers=serving.workers,
        workers_kill_timeout=serving.grace,
        respawn_failed_workers=not serving.reload,
        log_access=serving.access_log,
        log_level=LogLevels(serving.log_level),
        reload=bool(serving.reload),
        reload_paths=list(serving.reload) or None,
        reload_filter=_source_filter() if serving.reload else None,
        reload_ignore_worker_failure=bool(serving.reload),
    ).serve(target_loader=serving.load, wrap_loader=False)  # its own looks into the current folder first


def _source_filter() -> Any:
    try:
        from velocipy.cli.watching import SourceFilter
    except ImportError:
        raise CommandError(
            "reloading needs watchfiles: pip install 'velocipy-rsgi[granian]', or give --no-reload"
        ) from None
    return SourceFilter


def serve_uvicorn(serving: Serving) -> None:
    """Uvicorn with ASGI. Proxy headers are the app's (`proxy_headers=`), so that one place says whom to believe."""
    try:
        import uvicorn
    except ImportError:
        raise CommandError("uvicorn is not installed: pip install 'velocipy-asgi[uvicorn]'") from None
    uvicorn.run(
        named(serving.load),
        host=serving.host,
        port=serving.port,
        workers=None if serving.reload else serving.workers,
        timeout_graceful_shutdown=serving.grace,
        access_log=serving.access_log,
        log_level=serving.log_level,
        factory=True,
        proxy_headers=False,
        reload=bool(serving.reload),
        reload_dirs=[str(folder) for folder in serving.reload] or None,
        reload_includes=list(RELOADED) if serving.reload else None,
    )


def named(function: Callable[[], VelociPy]) -> str:
    """module:function, as servers want it."""
    return f"{function.__module__}:{function.__qualname__}"  # ty: ignore[missing-attribute]


SERVERS: dict[str, Callable[[Serving], None]] = {"granian": serve_granian, "uvicorn": serve_uvicorn}
PROTOCOLS = {"granian": "RSGI", "uvicorn": "ASGI"}
"""What each server speaks with the app here."""
