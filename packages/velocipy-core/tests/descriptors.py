"""Which files this process holds open in a folder, such as that of temporary ones. Knows nothing of what else it holds: what
tests before left may be closed at any time.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest


def open_in(folder: Path) -> list[str]:
    """Paths of files open below a folder, or of one file, those without a name too; none where there is no /proc."""
    paths = []
    for number in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            paths.append(os.readlink(f"/proc/self/fd/{number}"))
        except FileNotFoundError:  # closed since, as the listing itself is
            continue
    return [path for path in paths if path.startswith(str(folder.resolve()))]


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, to which nobody else writes."""
    folder = tmp_path / "spool"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder
