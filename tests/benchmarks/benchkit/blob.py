"""The file that apps send: 1 MiB, the same bytes and the same time of change in every run. Knows no app and no server."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

SIZE: Final = 1024 * 1024
CHANGED: Final = 1_767_225_600
"""2026-01-01: of it and the size ETag and Last-Modified are made."""


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Removed when this process ends."""
    return tempfile.TemporaryDirectory(prefix="velocipy-bench-")


@cache
def mebibyte() -> str:
    """Where the file is; it is made when it is first asked for."""
    path = Path(_folder().name) / "mebibyte.bin"
    path.write_bytes(bytes(number * 7 % 251 for number in range(4096)) * (SIZE // 4096))
    os.utime(path, (CHANGED, CHANGED))
    return str(path)
