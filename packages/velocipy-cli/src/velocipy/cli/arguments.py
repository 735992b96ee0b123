"""Arguments that several commands have in common. Knows argparse; knows no command."""

from __future__ import annotations

import contextlib
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from velocipy import VelociPy
from velocipy.cli.addresses import PORT
from velocipy.cli.errors import MISUSED, CommandError
from velocipy.cli.finding import Target, find_target
from velocipy.cli.loading import load_app


def add_app(parser: ArgumentParser) -> None:
    """Which app, and from which folder."""
    parser.add_argument(
        "app",
        nargs="?",
        help="main:app, main, or path/to/main.py:app; by default what pyproject.toml says, or main.py, app.py, api.py",
    )
    add_folder(parser)


def add_folder(parser: ArgumentParser) -> None:
    """From which folder apps are imported."""
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="import from here (default: the current folder)",
    )


def add_address(parser: ArgumentParser, otherwise: str = "") -> None:
    """Where to listen; `otherwise` is what happens when the default port is taken."""
    parser.add_argument(
        "--host", type=_host, default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)"
    )
    parser.add_argument(
        "--port", type=_port, metavar="N", help=f"the port to listen on (default: {PORT}{otherwise})"
    )


def _host(text: str) -> str:
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text[:6]) < 65536):
        raise ArgumentTypeError(f"a port is a number from 1 to 65535, not {text!r}")
    return int(text)


def target_of(options: Namespace) -> Target:
    """The app that is meant, not loaded yet. Raises CommandError."""
    folder: Path = options.folder.resolve()
    if not folder.is_dir():
        raise CommandError(f"there is no folder {options.folder}", MISUSED)
    return find_target(options.app, folder)


def app_of(options: Namespace) -> VelociPy:
    """The app that is meant, with what its plugins add. Raises CommandError.

    What its module prints goes to stderr: stdout is the command's, and may be read by a program.
    """
    target = target_of(options)
    with contextlib.redirect_stdout(sys.stderr):
        app = load_app(target)
        app.set_up_plugins()
    return app
