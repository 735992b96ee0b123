"""Scalar: which files of this folder it is, and what it may do. Knows names of files; what they do is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from velocipy.openapi.ui.base import UI

_HERE: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Scalar(UI):
    """Scalar, a page for reading and for trying out, with its settings: `Scalar({"theme": "moon"})`."""

    title: ClassVar[str] = "Scalar"
    files: ClassVar[Mapping[str, Path]] = {
        "scalar.standalone.js": _HERE / "assets" / "scalar.standalone.js.gz",
        "start-scalar.js": _HERE / "start-scalar.js",
    }
    scripts: ClassVar[tuple[str, ...]] = ("scalar.standalone.js", "start-scalar.js")
    # Its styles are in its script, and those of a theme and of the editor are made as it runs: no hash is known of them.
    policy: ClassVar[Mapping[str, tuple[str, ...]]] = {"style-src": ("'unsafe-inline'",)}
