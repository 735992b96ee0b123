"""The kit's app for servers that take "module:attribute": `granian --interface rsgi velocipy.testing.conformance.served:app`.

Its lifespan's journal is the file that the environment names with VELOCIPY_CONFORMANCE_JOURNAL, a line an entry.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from velocipy.testing.conformance.app import make_app

if TYPE_CHECKING:
    from velocipy.app import VelociPy

JOURNAL = "VELOCIPY_CONFORMANCE_JOURNAL"


def write(line: str) -> None:
    """Add a line to the journal, if there is one."""
    path = os.environ.get(JOURNAL)
    if path:
        with open(path, "a", encoding="utf-8") as journal:
            journal.write(f"{line}\n")


app: VelociPy = make_app(write)
