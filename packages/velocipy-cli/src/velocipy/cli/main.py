"""The `velocipy` command: a table of commands, and what is printed when one cannot go on. Knows no command from within."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Any

from velocipy.cli.__about__ import __version__
from velocipy.cli.errors import FAILED, MISUSED, CommandError
from velocipy.cli.terminal import styled
from velocipy.exceptions import ConfigurationError, MissingAdapterError
from velocipy.messages import did_you_mean

COMMANDS = {
    "dev": "velocipy.cli.developing",
    "run": "velocipy.cli.running",
    "routes": "velocipy.cli.listing",
    "explain": "velocipy.cli.explaining",
    "check": "velocipy.cli.checking",
    "openapi": "velocipy.cli.documenting",
    "openapi diff": "velocipy.cli.comparing",
    "new": "velocipy.cli.creating",
}
"""Command, of one word or two -> the module that has its HELP, `add_arguments(parser)` and `run(options) -> exit status`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command -> its exit status: 0, 1 for what failed, 2 for a command that was used wrongly."""
    given = _joined(sys.argv[1:] if arguments is None else arguments)
    unknown = _unknown(given)
    if unknown:
        return _failed(unknown, MISUSED)
    options = make_parser().parse_args(given)
    _write_anything(sys.stdout)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except CommandError as exc:
        return _failed(str(exc), exc.status)
    except (ConfigurationError, MissingAdapterError) as exc:
        return _failed(str(exc), FAILED)
    except KeyboardInterrupt:
        return 130  # 128 + SIGINT, as shells have it
    except BrokenPipeError:  # `velocipy routes | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more
        return 141  # 128 + SIGPIPE
    return status


def _joined(arguments: Sequence[str]) -> list[str]:
    """Two words that are one command, as the parser has it."""
    words = " ".join(arguments[:2])
    return [words, *arguments[2:]] if len(arguments) > 1 and words in COMMANDS else list(arguments)


def _write_anything(out: Any) -> None:
    if isinstance(out, TextIOWrapper):
        out.reconfigure(errors="backslashreplace")  # a terminal may lack the letters of somebody's path


def _unknown(arguments: Sequence[str]) -> str:
    """What is wrong with the name of the command, "" where nothing is."""
    name = arguments[0] if arguments else "--help"
    if name in COMMANDS or name.startswith("-"):
        return ""
    others = did_you_mean(name, COMMANDS) or f": there are {', '.join(COMMANDS)}"
    return f"there is no command {name!r}{others}"


def _failed(message: str, status: int) -> int:
    print(f"{styled('velocipy:', 'red', sys.stderr)} {message}", file=sys.stderr)
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
