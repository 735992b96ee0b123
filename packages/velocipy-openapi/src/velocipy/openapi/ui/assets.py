"""The files of the pages: what is served under which name and media type. Knows files; knows no requests."""

from __future__ import annotations

import functools
import gzip
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from velocipy.openapi.ui.base import UI

_HERE: Final = Path(__file__).parent
_TYPES: Final = {  # bundles hold other text than ASCII
    "js": "text/javascript; charset=utf-8",
    "css": "text/css; charset=utf-8",
}

SHARED: Final = {"docs.js": _HERE / "docs.js", "docs.css": _HERE / "docs.css"}
"""What the pages of every kind have."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A file under a name that holds its hash, so that it may be kept for ever."""

    name: str
    media_type: str
    compressed: bytes

    def content(self) -> bytes:
        """The file as it is, for the rare client that does not take gzip."""
        return gzip.decompress(self.compressed)


def assets_of(kind: type[UI]) -> dict[str, Asset]:
    """What a page of this kind calls a file -> the file."""
    return _assets(tuple(kind.files.items()))


def find_asset(kinds: Iterable[type[UI]], name: str) -> Asset | None:
    """The file of one of these kinds that has this name in a URL."""
    return next((found for kind in kinds for found in assets_of(kind).values() if found.name == name), None)


@functools.lru_cache(maxsize=16)
def _assets(files: tuple[tuple[str, Path], ...]) -> dict[str, Asset]:
    return {name: _read(name, path) for name, path in {**dict(files), **SHARED}.items()}


def _read(name: str, path: Path) -> Asset:
    content = path.read_bytes()
    compressed = content if path.suffix == ".gz" else gzip.compress(content, 9, mtime=0)
    stem, _, suffix = name.rpartition(".")
    return Asset(f"{stem}.{sha256(compressed).hexdigest()[:12]}.{suffix}", _TYPES[suffix], compressed)


@functools.cache
def template(name: str) -> str:
    """The text of an HTML file of this folder."""
    return (_HERE / name).read_text("utf-8")
