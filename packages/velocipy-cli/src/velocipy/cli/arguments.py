"""Arguments that several commands have in common. Knows argparse; knows no command."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from velocipy import VelociPy
from velocipy.cli.finding import Target, find_target
from velocipy.cli.loading import load_app


def add_app(parser: ArgumentParser) -> None:
    """Which app, and from which folder."""
    parser.add_argument(
        "app",
        nargs="?",
        help="main:app, main, or path/to/main.py:app; by default what pyproject.toml says, or main.py, app.py, api.py",
    )
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="import from here (default: the current folder)",
    )


def add_address(parser: ArgumentParser, port: int) -> None:
    """Where to listen."""
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    parser.add_argument("--port", type=_port, default=None, help=f"the port to listen on (default: {port})")


def _port(text: str) -> int:
    port = int(text)
    if not 0 < port < 65536:
        raise ValueError("a port is a number from 1 to 65535")
    return port


def target_of(options: Namespace) -> Target:
    """The app that is meant, not loaded yet. Raises CommandError."""
    return find_target(options.app, options.folder.resolve())


def app_of(options: Namespace) -> VelociPy:
    """The app that is meant, with what its plugins add. Raises CommandError."""
    app = load_app(target_of(options))
    app.set_up_plugins()
    return app
