"""ReDoc: which files of this folder it is, and what it may do. Knows names of files; what they do is theirs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from velocipy.openapi.ui.base import UI

_HERE: Final = Path(__file__).parent

# ReDoc makes a <style> that is empty, and adds its rules to it one by one, which needs no permission. This is the hash of nothing.
_EMPTY_STYLE: Final = "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"


@dataclass(frozen=True, slots=True)
class ReDoc(UI):
    """ReDoc, a page for reading, with its settings: `ReDoc({"layout": "stacked"})`."""

    title: ClassVar[str] = "ReDoc"
    files: ClassVar[Mapping[str, Path]] = {
        "redoc.standalone.js": _HERE / "assets" / "redoc.standalone.js.gz",
        "start-redoc.js": _HERE / "start-redoc.js",
    }
    scripts: ClassVar[tuple[str, ...]] = ("start-redoc.js",)  # which imports the other, an ES module
    policy: ClassVar[Mapping[str, tuple[str, ...]]] = {"style-src": (_EMPTY_STYLE,), "font-src": ("data:",)}
