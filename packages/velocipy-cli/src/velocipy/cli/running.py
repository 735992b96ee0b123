"""`velocipy run`: serves an app for production. Knows the servers' settings that matter to VelociPy; serves nothing itself."""

from __future__ import annotations

import math
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from velocipy.cli.arguments import add_address, add_app, target_of
from velocipy.cli.describing import Description, describe
from velocipy.cli.errors import CommandError

HELP = "serve the app: Granian with RSGI, or Uvicorn with --server uvicorn"

PORT = 8000

KILL_MARGIN = 5
"""Seconds that a worker has to end beyond the app's `shutdown_grace`, before its server kills it."""

LEVELS = ("critical", "error", "warning", "info", "debug")


@dataclass(frozen=True, slots=True)
class Serving:
    """What a server is told. `grace` is in seconds; `reload` are the folders to watch, if any."""

    target: str
    folder: Path
    host: str
    port: int
    workers: int = 1
    grace: int = 15
    access_log: bool = False
    log_level: str = "info"
    factory: bool = False
    reload: tuple[Path, ...] = ()


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `velocipy run`."""
    add_app(parser)
    add_address(parser, PORT)
    parser.add_argument("--server", choices=sorted(SERVERS), default="granian", help="(default: granian)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes (default: 1)")
    parser.add_argument("--access-log", action="store_true", help="a line for every request")
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="(default: info)")


def run(options: Namespace) -> int:
    """Serve until a signal -> 0. Raises CommandError for an app that cannot be loaded, before any worker is started."""
    if options.workers < 1:
        raise CommandError(f"--workers is at least 1, not {options.workers}")
    target = target_of(options)
    app = describe(target)
    SERVERS[options.server](
        Serving(
            str(target),
            target.folder,
            options.host,
            options.port or PORT,
            options.workers,
            grace_of(app),
            options.access_log,
            options.log_level,
            app.is_factory,
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
            "granian is not installed: pip install 'velocipy[granian]', or --server uvicorn"
        ) from None
    Granian(
        serving.target,
        address=serving.host,
        port=serving.port,
        interface=Interfaces.RSGI,
        workers=serving.workers,
        workers_kill_timeout=serving.grace,
        respawn_failed_workers=not serving.reload,
        log_access=serving.access_log,
        log_level=LogLevels(serving.log_level),
        factory=serving.factory,
        working_dir=serving.folder,
        reload=bool(serving.reload),
        reload_paths=list(serving.reload) or None,
        reload_ignore_worker_failure=bool(serving.reload),
    ).serve()


def serve_uvicorn(serving: Serving) -> None:
    """Uvicorn with ASGI. Proxy headers are the app's (`proxy_headers=`), so that one place says whom to believe."""
    try:
        import uvicorn
    except ImportError:
        raise CommandError("uvicorn is not installed: pip install 'velocipy[uvicorn]'") from None
    uvicorn.run(
        serving.target,
        host=serving.host,
        port=serving.port,
        workers=None if serving.reload else serving.workers,
        timeout_graceful_shutdown=serving.grace,
        access_log=serving.access_log,
        log_level=serving.log_level,
        factory=serving.factory,
        app_dir=str(serving.folder),
        proxy_headers=False,
        reload=bool(serving.reload),
        reload_dirs=[str(folder) for folder in serving.reload] or None,
    )


SERVERS: dict[str, Callable[[Serving], None]] = {"granian": serve_granian, "uvicorn": serve_uvicorn}
PROTOCOLS = {"granian": "RSGI", "uvicorn": "ASGI"}
"""What each server speaks with the app here."""
