"""What is known of an app once it is loaded, learned in a process of its own: servers fork, and would take along what is imported."""

from __future__ import annotations

import contextlib
import importlib
import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from velocipy import VelociPy
from velocipy.cli.errors import CommandError
from velocipy.cli.finding import Target
from velocipy.cli.loading import load_app

TIMEOUT = 60
"""Seconds that an app has to be imported."""


@dataclass(frozen=True, slots=True)
class Description:
    """An app from outside. `grace` is its `shutdown_grace` in seconds, `first` a path to try, `docs` where its page is."""

    routes: int
    first: str
    docs: str | None
    grace: float
    is_factory: bool


def describe(target: Target) -> Description:
    """Load the app in a process of its own. Raises CommandError, with what the user's module said, where that fails."""
    command = [
        sys.executable,
        "-m",
        "velocipy.cli.describing",
        target.module,
        target.attribute,
        str(target.folder),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise CommandError(
            f"{target} was not imported within {TIMEOUT} s: does the module start something?"
        ) from None
    lines = done.stdout.splitlines()
    if done.returncode or not lines:
        raise CommandError(done.stderr.strip() or f"{target} ended the interpreter with {done.returncode}")
    return Description(**json.loads(lines[-1]))


def description_of(app: VelociPy, target: Target) -> Description:
    """What there is to say of an app that is loaded."""
    paths = [route.path for route in app.routes if "GET" in route.methods and route.template.is_static]
    found: object = importlib.import_module(target.module)
    for part in target.attribute.split("."):
        found = getattr(found, part)
    return Description(
        routes=sum(not route.is_ours for route in app.routes),
        first="/" if "/" in paths or not paths else paths[0],
        docs=getattr(app, "docs_url", None)
        if any(r.path == getattr(app, "docs_url", None) for r in app.routes)
        else None,
        grace=app.shutdown_grace,
        is_factory=not isinstance(found, VelociPy),
    )


def _main() -> int:
    module, attribute, folder = sys.argv[1:]
    target = Target(module, attribute, Path(folder))
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what the module prints is not the description
            app = load_app(target)
            app.set_up_plugins()
            description = description_of(app, target)
    except CommandError as exc:
        print(exc, file=sys.stderr)
        return exc.status
    print(json.dumps(asdict(description)))
    return 0


if __name__ == "__main__":
    sys.exit(_main())
