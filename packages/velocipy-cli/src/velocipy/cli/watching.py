"""Which files' changes reload an app under `velocipy dev`. Knows watchfiles, which Granian reloads by; watches nothing itself."""

from __future__ import annotations

from fnmatch import fnmatch
from pathlib import Path

from watchfiles import Change, DefaultFilter

from velocipy.cli.running import RELOADED


class SourceFilter(DefaultFilter):
    """Of what watchfiles looks at, the files that an app is made of.

    Everything else is not: an app that writes a log or a database into its folder would reload itself for ever.
    """

    def __call__(self, change: Change, path: str) -> bool:
        name = Path(path).name
        return any(fnmatch(name, pattern) for pattern in RELOADED) and super().__call__(change, path)
