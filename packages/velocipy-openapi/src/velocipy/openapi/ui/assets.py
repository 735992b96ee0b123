"""The files of the page: what is served under which name and media type. Knows files of this folder; knows no requests."""

from __future__ import annotations

import functools
import gzip
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_SCRIPT: Final = "text/javascript; charset=utf-8"  # the bundle holds other text than ASCII
_STYLE: Final = "text/css; charset=utf-8"

_FILES: Final = {
    "swagger-ui-bundle.js": (_HERE / "assets" / "swagger-ui-bundle.js.gz", _SCRIPT),
    "swagger-ui.css": (_HERE / "assets" / "swagger-ui.css.gz", _STYLE),
    "oauth2-redirect.js": (_HERE / "assets" / "oauth2-redirect.js.gz", _SCRIPT),
    "docs.js": (_HERE / "docs.js", _SCRIPT),
    "docs.css": (_HERE / "docs.css", _STYLE),
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file under a name that holds its hash, so that it may be kept for ever."""

    name: str
    media_type: str
    compressed: bytes

    def content(self) -> bytes:
        """The file as it is, for the rare client that does not take gzip."""
        return gzip.decompress(self.compressed)


@functools.cache
def assets() -> dict[str, Asset]:
    """What the page calls a file -> the file."""
    return {name: _read(name, *where) for name, where in _FILES.items()}


@functools.cache
def by_name() -> dict[str, Asset]:
    """The name in a URL -> the file."""
    return {asset.name: asset for asset in assets().values()}


def _read(name: str, path: Path, media_type: str) -> Asset:
    content = path.read_bytes()
    compressed = content if path.suffix == ".gz" else gzip.compress(content, 9, mtime=0)
    stem, _, suffix = name.rpartition(".")
    return Asset(f"{stem}.{sha256(compressed).hexdigest()[:12]}.{suffix}", media_type, compressed)


@functools.cache
def template(name: str) -> str:
    """The text of an HTML file."""
    return (_HERE / name).read_text("utf-8")
