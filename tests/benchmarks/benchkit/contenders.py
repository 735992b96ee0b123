"""Who is timed in which group. Knows the apps and their folders; does not start or time anything."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchkit.compare import Rule, exact, loose, worded
from benchkit.peers import Peer
from benchkit.servers import HOWS, RAW, How
from benchkit.workloads import Workload

HERE: Final = Path(__file__).resolve().parent.parent
APPS: Final = HERE / "apps"
PEER_APPS: Final = HERE / "peer_apps"

BASE: Final = "raw"
CONTROL: Final = "raw again"
OURS: Final = "velocipy"


@dataclass(frozen=True, slots=True)
class Contender:
    """One app on one server. `required`: a difference from raw ends the run; otherwise it is reported and not timed."""

    name: str
    how: How
    python: str
    folder: Path
    app: str
    required: bool = True

    def rule(self, workload: Workload) -> Rule:
        if not self.required:
            return loose
        return exact if self.name in (BASE, CONTROL) else worded


def raw_and_control(group: str) -> list[Contender]:
    """The same app served twice: how far the two differ is the noise under every other figure of the group."""
    return [Contender(name, HOWS[group], sys.executable, APPS, RAW[group]) for name in (BASE, CONTROL)]


def app_under_test(group: str, text: str) -> Contender:
    """`path/to/file.py:attribute` -> the contender that must answer as raw does. Raises ValueError for another shape.

    `ours.py` is called velocipy in the report, every other file by its own name.
    """
    file, _, attribute = text.rpartition(":")
    path = Path(file).resolve()
    if not attribute or path.suffix != ".py" or not path.is_file():
        raise ValueError(f"--app {text!r}: give an existing file and an attribute, such as apps/ours.py:app")
    name = OURS if path.stem == "ours" else path.stem
    return Contender(name, HOWS[group], sys.executable, path.parent, f"{path.stem}:{attribute}")


def peers_of(group: str, pythons: Sequence[tuple[Peer, str]]) -> list[Contender]:
    """Those peers that are timed in this group, each with the Python of its environment."""
    return [
        Contender(peer.name, HOWS[how], python, PEER_APPS, f"{peer.module}:app", required=False)
        for peer, python in pythons
        for name, how in peer.serve
        if name == group
    ]
