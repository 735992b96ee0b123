"""What is known of an app once it is loaded, learned in a process of its own: servers fork, and would take along what is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryFile

from velocipy import VelociPy
from velocipy.cli.errors import CommandError
from velocipy.cli.finding import Target
from velocipy.cli.loading import load_app
from velocipy.exceptions import ConfigurationError, MissingAdapterError

TIMEOUT = 30.0
"""Seconds that an app has to be imported."""


@dataclass(frozen=True, slots=True)
class Description:
    """An app from outside. `grace` is its `shutdown_grace` in seconds, `first` a path to try, `docs` where its page is."""

    routes: int
    first: str
    docs: str | None
    grace: float
    debug: bool = False


def describe(target: Target) -> Description:
    """Load the app in a process of its own. Raises CommandError, with what the user's module said, where that fails."""
    names = [target.module, target.attribute, str(target.folder)]
    # -P: the current folder has no part in what is imported. Files, since what the module starts may hold a pipe open.
    command = [sys.executable, "-P", "-m", "velocipy.cli.describing", *names]
    with TemporaryFile() as out, TemporaryFile() as err:
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, timeout=TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            raise CommandError(
                f"{target} was not imported within {TIMEOUT:g} s: does the module start something?"
            ) from None
        out.seek(0)
        err.seek(0)
        lines = out.read().decode().splitlines()
        said = err.read().decode(errors="replace").strip()
    if not lines:
        raise CommandError(f"{target} ended the interpreter with {done.returncode}" + f"\n{said}".rstrip())
    result = json.loads(lines[-1])
    if done.returncode:
        raise CommandError(result, done.returncode)
    return Description(**result)


def description_of(app: VelociPy) -> Description:
    """What there is to say of an app that is loaded."""
    docs = getattr(app, "docs_url", None)
    declared = [route for route in app.routes if not route.is_ours]
    paths = [
        route.path
        for route in declared
        if "GET" in route.methods and route.template.is_static and route.options.include_in_schema
    ]
    return Description(
        routes=sum(route.options.include_in_schema for route in declared),
        first="/" if "/" in paths or not paths else paths[0],
        docs=docs if docs in {route.path for route in declared} else None,
        grace=app.shutdown_grace,
        debug=app.debug,
    )


def _main() -> int:
    module, attribute, folder = sys.argv[1:]
    out = os.dup(1)
    os.dup2(2, 1)  # what the module prints is not the description
    try:
        app = load_app(Target(module, attribute, Path(folder)))
        app.set_up_plugins()
        status, result = 0, json.dumps(asdict(description_of(app)))
    except CommandError as exc:
        status, result = exc.status, json.dumps(str(exc))
    except (ConfigurationError, MissingAdapterError) as exc:
        status, result = 1, json.dumps(str(exc))
    os.write(out, f"{result}\n".encode())
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.stderr.flush()
        os._exit(status)  # the interpreter would wait for that thread
    return status


if __name__ == "__main__":
    sys.exit(_main())
