"""The `velocipy` command: a table of commands, and what is printed when one cannot go on. Knows no command from within."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module

from velocipy.cli.__about__ import __version__
from velocipy.cli.errors import CommandError
from velocipy.cli.terminal import styled

COMMANDS = {
    "dev": "velocipy.cli.developing",
    "run": "velocipy.cli.running",
    "routes": "velocipy.cli.listing",
    "explain": "velocipy.cli.explaining",
    "check": "velocipy.cli.checking",
    "openapi": "velocipy.cli.documenting",
    "new": "velocipy.cli.creating",
}
"""Command -> the module that has its HELP, `add_arguments(parser)` and `run(options) -> exit status`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command -> its exit status: 0, 1 for what failed, 2 for a command that was used wrongly."""
    options = make_parser().parse_args(arguments)
    try:
        status: int = options.run(options)
    except CommandError as exc:
        print(f"{styled('velocipy:', 'red', sys.stderr)} {exc}", file=sys.stderr)
        return exc.status
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as shells have it
    except BrokenPipeError:  # `velocipy routes | head`
        sys.stderr.close()
        return 0
    return status


def make_parser() -> ArgumentParser:
    """The parser of the whole command line."""
    parser = ArgumentParser(
        "velocipy",
        description="Serve, inspect and check VelociPy apps.",
        epilog="velocipy dev            serve the app of this folder, and reload it when a file changes\n"
        "velocipy explain /      show what runs for a path",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"velocipy-cli {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, module in COMMANDS.items():
        command = import_module(module)
        own = commands.add_parser(
            name, help=command.HELP, description=command.HELP[:1].upper() + command.HELP[1:] + "."
        )
        command.add_arguments(own)
        own.set_defaults(run=command.run)
    return parser
