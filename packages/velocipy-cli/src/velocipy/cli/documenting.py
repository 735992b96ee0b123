"""`velocipy openapi`: an app's OpenAPI or AsyncAPI document as a file. Knows where it goes; velocipy-openapi makes it."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from velocipy.cli.arguments import add_app, app_of
from velocipy.cli.errors import MISUSED, CommandError

HELP = "print the OpenAPI document, or write it to a file"


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `velocipy openapi`."""
    add_app(parser)
    parser.add_argument(
        "--output", "-o", type=Path, metavar="FILE", help="write to this file, not to the terminal"
    )
    parser.add_argument(
        "--messages",
        action="store_true",
        help="the AsyncAPI document of WebSockets and event streams instead",
    )
    parser.add_argument(
        "--api-version",
        metavar="VERSION",
        help="the document of one version of the API, where it has several",
    )
    parser.add_argument(
        "--check", action="store_true", help="with --output: change nothing, and fail if it would change"
    )


def run(options: Namespace) -> int:
    """Write the document -> 0. Raises CommandError, with --check where the file differs, MissingAdapterError without velocipy-openapi."""
    if options.check and options.output is None:
        raise CommandError("--check compares with a file: name it with --output", MISUSED)
    if options.messages and options.api_version is not None:
        raise CommandError("the AsyncAPI document has no versions: leave out --api-version", MISUSED)
    app = app_of(options)
    document = app.asyncapi() if options.messages else app.openapi(options.api_version)
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if options.output is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())  # JSON is UTF-8, whatever the terminal is
    elif options.check:
        return _compared(options.output, text)
    else:
        _write(options.output, text)
        kind = "channels" if options.messages else "paths"
        print(f"{options.output}: {len(document.get(kind, ()))} {kind}")
    return 0


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8", newline="\n")
    except OSError as exc:
        raise CommandError(f"{path} cannot be written: {exc.strerror}") from None


def _compared(path: Path, text: str) -> int:
    if path.is_file() and path.read_text("utf-8", "replace") == text:
        return 0
    raise CommandError(f"{path} is not the document of today: write it with velocipy openapi --output {path}")
