"""The .lua files beside this module, and the names by which Redis knows them. Knows nothing of what they do."""

from __future__ import annotations

from functools import cache
from hashlib import sha1
from pathlib import Path
from typing import NamedTuple


class Script(NamedTuple):
    """A script's source, and the digest of it that EVALSHA takes."""

    source: str
    sha: str


@cache  # one entry a file
def script(name: str) -> Script:
    """`"limits"` -> limits.lua."""
    source = Path(__file__).with_name(f"{name}.lua").read_text(encoding="utf-8")
    return Script(source, sha1(source.encode(), usedforsecurity=False).hexdigest())
