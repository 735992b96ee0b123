"""`velocipy openapi diff`: what breaks between two documents. Knows where documents come from; velocipy-openapi compares them."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol

from velocipy.app import PLUGINS
from velocipy.cli.arguments import add_folder, app_of
from velocipy.cli.errors import FAILED, MISUSED, CommandError
from velocipy.cli.terminal import printable, styled
from velocipy.plugins import load
from velocipy.untyped import DICT

HELP = "compare two OpenAPI documents, and fail where a client may break"


def add_arguments(parser: ArgumentParser) -> None:
    """The arguments of `velocipy openapi diff`."""
    kinds = "a file of JSON, - for stdin, or an app such as main:app"
    parser.add_argument("old", metavar="OLD", help=f"what clients were written for: {kinds}")
    parser.add_argument(
        "new", metavar="NEW", nargs="?", help=f"what it has become: {kinds} (default: the app of the folder)"
    )
    add_folder(parser)
    parser.add_argument(
        "--json", action="store_true", help="an object with `breaking` and `changes`, for programs"
    )
    parser.add_argument(
        "--breaking", action="store_true", help="leave out what breaks nobody; the exit status is the same"
    )


def run(options: Namespace) -> int:
    """Print the changes -> 0, or 1 where one is breaking.

    Raises CommandError for what is no document, MissingAdapterError without velocipy-openapi.
    """
    if options.old == options.new == _STDIN:
        raise CommandError("only one of the two can be read from stdin", MISUSED)
    plugin: Any = load(PLUGINS, "openapi")
    old, new = _document(options.old, options), _document(options.new, options)
    changes: list[Change] = plugin.diff(old, new)
    breaking = sum(change.breaking for change in changes)
    shown = [change for change in changes if change.breaking or not options.breaking]
    if options.json:
        print(json.dumps({"breaking": breaking, "changes": [asdict(one) for one in shown]}, indent=2))
    else:
        print(*_lines(shown), f"changes: {len(changes)}, breaking: {breaking}", sep="\n")
    return FAILED if breaking else 0


class Change(Protocol):
    """A change as velocipy-openapi tells it: a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]
    place: str
    text: str
    breaking: bool


def _lines(changes: Sequence[Change]) -> list[str]:
    marks = {True: styled("breaking", "red"), False: styled("fine", "dim")}
    return [f"{marks[one.breaking]}: {printable(f'{one.place}: {one.text}')}" for one in changes]


_STDIN = "-"


def _document(name: str | None, options: Namespace) -> Any:
    """The document of a file, of stdin, or of an app."""
    if name == _STDIN:
        return _read(sys.stdin.buffer.read(), "stdin")
    path = None if name is None else Path(name)
    if path is not None and (path.suffix == ".json" or path.is_file() and path.suffix != ".py"):
        try:
            return _read(path.read_bytes(), name)
        except OSError as exc:
            raise CommandError(f"{name} cannot be read: {exc.strerror}", MISUSED) from None
    return app_of(Namespace(app=name, folder=options.folder)).openapi()


def _read(content: bytes, name: str | None) -> Any:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as exc:
        raise CommandError(f"{name} is no JSON: {exc}", MISUSED) from None
    if not isinstance(document, DICT) or not str(document.get("openapi", "")).startswith("3."):
        raise CommandError(f"{name} is no OpenAPI 3 document: it says no `openapi: 3.x`", MISUSED)
    return document
